package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRefusalsMarkTheirField: what a form is refused for stands beside the field that it is about, and beside no other. Which one that is
// does not depend on the words of the refusal.
func TestRefusalsMarkTheirField(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	const (
		openID  = "/signin/addapp"
		saml    = "/signin/addapp?kind=saml"
		proxy   = "/signin/addapp?kind=proxy"
		notices = "/settings/notifications"
		scope   = "/apps/webex/scope"
		admins  = "/settings/administrators"
	)
	mapping := "/apps/webex/mappings/edit?type=User&target=title"
	version := b.get(mapping).value("version")
	active := "/apps/webex/mappings/edit?type=User&target=active"
	usual := map[string][]string{
		active:                          {"type", "User", "version", version, "target", "active", "kind", "expression", "expression", "[active]", "empty", "keep", "when", "always", "do", "save"},
		openID:                          {"name", "Recorder", "redirects", "https://a.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on", "assertion", "RS256"},
		saml:                            {"name", "Wiki", "entity", "https://wiki.example", "acs", "https://wiki.example/acs"},
		proxy:                           {"name", "Wiki", "hosts", "wiki.example", "headers", "Remote-User=sub"},
		notices:                         {"host", "mail.example", "security", "tls", "from", "it@acme.example"},
		mapping:                         {"type", "User", "version", version, "target", "title", "kind", "expression", "expression", "[title]", "empty", "keep", "when", "always", "do", "save"},
		scope:                           {"version", "draft-0", "g0-name", "", "g1-name", "Engineers: all", "g0-c0-attribute", "title", "g0-c0-operator", "EQUALS", "g0-c0-value", "x", "g1-c0-attribute", "", "g1-c1-attribute", "title", "g1-c1-operator", "EQUALS", "g1-c1-value", "y", "do", "save"},
		admins:                          {"kind", "user", "who", "ada@acme.example", "role", "app-operator", "apps", "webex"},
		"/inbound/add/other":            {"name", "payroll", "days", "90", "scope", "scim:write", "profile", "generic"},
		"/inbound/add/other?by=issuer":  {"name", "payroll", "days", "90", "scope", "scim:write", "profile", "generic", "issuer", "https://i.example", "audience", "https://a.example", "subject", "s"},
		"/inbound/add/other?by=key":     {"name", "payroll", "days", "90", "scope", "scim:write", "profile", "generic", "assertion", "ES256", "keysuri", "https://p.example/jwks"},
		"/inbound/add/other?by=consent": {"name", "payroll", "days", "90", "scope", "scim:write", "profile", "generic", "auth", "client_secret_post", "redirect", "https://p.example/cb"},
		"/people/add":                   {"user-name", "new@acme.example"},
		"/groups/add":                   {"name", "Painters"},
		"/apps/webex/connection":        {"set-region", "commercial", "do", "save"},
		"/apps/webex/settings":          {"name", "Webex", "mode", "manual"},
	}
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ path, name, value, field string }{
		{openID, "name", "", "f-name"},
		{openID, "redirects", "https://a.example/cb\nhttp://b.example/", "f-redirects"},
		{openID, "redirects", "", "f-redirects"},
		{openID, "redirects", "https://a.example/" + long, "f-redirects"},
		{openID, "after", "https://a.example/#x", "f-after"},
		{openID, "logout", "ftp://a.example/", "f-logout"},
		{openID, "revocation", "ftp://a.example/", "f-revocation"},
		{openID, "id", "a b\x7f", "f-id"},
		{openID, "auth", "private_key_jwt", "f-keys"},
		{saml, "entity", "wiki", "f-entity"},
		{saml, "acs", "", "f-acs"},
		{saml, "acs", "http://wiki.example/acs", "f-acs"},
		{saml, "slo", "ftp://wiki.example", "f-slo"},
		{saml, "sloreturn", "ftp://wiki.example", "f-sloreturn"},
		{saml, "slosoap", "ftp://wiki.example", "f-slosoap"},
		{saml, "certificates", "x", "f-certificates"},
		{saml, "context", "x y", "f-context"},
		{saml, "nameid", "unspecified", "f-nameidfrom"},
		{saml, "nameid", "x", "f-nameid"},
		{saml, "relay", long, "f-relay"},
		{saml, "attributes", "x=password", "f-attributes"},
		{proxy, "hosts", "wiki.example/path", "f-hosts"},
		{proxy, "headers", "Cookie=sub", "f-headers"},
		{proxy, "headers", "X-User=password", "f-headers"},
		{proxy, "after", "ftp://wiki.example", "f-after"},
		{notices, "to", "nobody", "f-to"},
		{notices, "host", "mail.example:25", "f-host"},
		{notices, "security", "x", "f-security"},
		{notices, "user", strings.Repeat("u", 300), "f-user"},
		{notices, "user", "lockstep", "f-password"},
		{notices, "from", "nobody", "f-from"},
		{notices, "ca", "x", "f-ca"},
		{notices, "hook", "ftp://x", "f-hook"},
		{mapping, "expression", "ToUpper([titel])", "f-expression"},
		{mapping, "expression", "ToUpper([title]", "f-expression"},
		{mapping, "target", "titel", "f-target"},
		{active, "default", "x", "f-default"},
		{scope, "g1-c1-attribute", "titel", "g1-c1"},
		{scope, "g0-c0-operator", "x", "g0-c0"},
		{admins, "who", "", "f-who"},
		{admins, "who", "nobody@acme.example", "f-who"},
		{admins, "apps", "webx", "f-apps"},
		{admins, "apps", "", "f-apps"},
		{admins, "role", "", "f-role"},
		{"/inbound/add/other", "rate", "0.01", "f-rate"},
		{"/inbound/add/other", "profile", "ipsie", "f-profile"},
		{"/inbound/add/other", "profile", "x", "f-profile"},
		{"/inbound/add/other?by=issuer", "issuer", "ftp://x", "f-issuer"},
		{"/inbound/add/other?by=issuer", "audience", "", "f-audience"},
		{"/inbound/add/other?by=issuer", "audience", "a b", "f-audience"},
		{"/inbound/add/other?by=issuer", "asks", "a b", "f-asks"},
		{"/inbound/add/other?by=issuer", "alg", "none", "f-alg"},
		{"/inbound/add/other?by=key", "keysuri", "x", "f-keysuri"},
		{"/inbound/add/other?by=key", "keys", "{}", "f-keys"},
		{"/inbound/add/other?by=key", "assertion", "x", "f-assertion"},
		{"/inbound/add/other?by=consent", "redirect", "http://p.example/cb", "f-redirect"},
		{"/inbound/add/other?by=consent", "redirect", "com.example:/cb#x", "f-redirect"},
		{"/people/add", "user-name", "", "f-user-name"},
		{"/people/add", "user-name", long, "f-user-name"},
		{"/people/add", "user-name", "ada@acme.example", "f-user-name"},
		{"/groups/add", "name", "", "f-name"},
		{"/apps/webex/connection", "set-organization", long, "f-set-organization"},
		{"/apps/webex/connection", "secret-token", long + long + long + long, "f-secret-token"},
		{"/apps/webex/settings", "count", "-1", "f-count"},
	} {
		sent := append(slices.Clone(usual[c.path]), c.name, c.value)
		for i := 0; i < len(sent)-2; i += 2 {
			if sent[i] == c.name {
				sent[i+1] = c.value
			}
		}
		a := b.post(c.path, sent...)
		if a.resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s with %s %.30q is answered by %d", c.path, c.name, c.value, a.resp.StatusCode)
			continue
		}
		var marked []string
		for _, e := range a.elements() {
			if name, is := strings.CutSuffix(e.attr["id"], "-error"); is {
				marked = append(marked, name)
			}
		}
		if !slices.Equal(marked, []string{c.field}) {
			t.Errorf("%s with %s %.30q marks %q, want %s: %s", c.path, c.name, c.value, marked, c.field, a.find("main", "")[0].text)
		}
	}
}
