package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"lockstep/e2e/optest"
	"lockstep/e2e/parts"
)

var update = flag.Bool("update", false, "write the table of docs/oidc-conformance.md")

// modulesAlso are the tests that try the same as a module, and more, from within.
var modulesAlso = map[string]string{
	"oidcc-server":                                                      "TestSignIn",
	"oidcc-server-client-secret-post":                                   "TestClientAuthentication",
	"oidcc-idtoken-signature":                                           "TestSignIn TestModAuthOpenIDC",
	"oidcc-userinfo-get":                                                "TestSignIn",
	"oidcc-userinfo-post-body":                                          "TestAccessTokens",
	"oidcc-display-popup":                                               "TestSecondApplication",
	"oidcc-prompt-login":                                                "TestSecondApplication",
	"oidcc-prompt-none-not-logged-in":                                   "TestSecondApplication",
	"oidcc-prompt-none-logged-in":                                       "TestSecondApplication",
	"oidcc-max-age-1":                                                   "TestSecondApplication",
	"oidcc-max-age-10000":                                               "TestSecondApplication",
	"oidcc-ensure-request-with-unknown-parameter-succeeds":              "TestSecondApplication",
	"oidcc-id-token-hint":                                               "TestSecondApplication",
	"oidcc-ui-locales":                                                  "TestSecondApplication TestLoginPage",
	"oidcc-claims-locales":                                              "TestSecondApplication",
	"oidcc-ensure-request-with-acr-values-succeeds":                     "TestSecondApplication TestACR",
	"oidcc-codereuse":                                                   "TestCodes TestOneWinner",
	"oidcc-codereuse-30seconds":                                         "TestCodes",
	"oidcc-ensure-registered-redirect-uri":                              "TestRedirects",
	"oidcc-claims-essential":                                            "TestClaimsParameter",
	"oidcc-refresh-token":                                               "TestRefreshTokens",
	"oidcc-ensure-request-with-valid-pkce-succeeds":                     "TestPKCE",
	"oidcc-discovery-endpoint-verification":                             "TestDiscovery",
	"oidcc-rp-initiated-logout-discovery-endpoint-verification":         "TestDiscovery",
	"oidcc-rp-initiated-logout":                                         "TestSignOut",
	"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri":            "TestSignOut",
	"oidcc-rp-initiated-logout-modified-id-token-hint":                  "TestSignOut",
	"oidcc-rp-initiated-logout-bad-id-token-hint":                       "TestSignOut",
	"oidcc-rp-initiated-logout-no-id-token-hint":                        "TestSignOut",
	"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": "TestSignOut",
	"oidcc-backchannel-logout-discovery-endpoint-verification":          "TestDiscovery",
	"oidcc-backchannel-rp-initiated-logout":                             "TestLeaver TestModAuthOpenIDC",
	"oidcc-response-type-missing":                                       "TestSuite/oidcc-response-type-missing",
	"oidcc-alternate-happy-flow":                                        "TestSuite/oidcc-alternate-happy-flow",
	"oidcc-ensure-post-request-succeeds":                                "TestSuite/oidcc-ensure-post-request-succeeds",
	"oidcc-ensure-request-without-nonce-succeeds-for-code-flow":         "TestSuite/oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
	"oidcc-userinfo-post-header":                                        "TestSuite/oidcc-userinfo-post-header",
	"oidcc-scope-profile":                                               "TestSuite/oidcc-scope-profile",
	"oidcc-scope-email":                                                 "TestSuite/oidcc-scope-email",
	"oidcc-scope-address":                                               "TestSuite/oidcc-scope-address",
	"oidcc-scope-phone":                                                 "TestSuite/oidcc-scope-phone",
	"oidcc-scope-all":                                                   "TestSuite/oidcc-scope-all",
	"oidcc-display-page":                                                "TestSuite/oidcc-display-page",
	"oidcc-login-hint":                                                  "TestSuite/oidcc-login-hint",
	"oidcc-idtoken-unsigned":                                            "TestSuite/oidcc-idtoken-unsigned",
	"oidcc-ensure-request-object-with-redirect-uri":                     "TestSuite/oidcc-ensure-request-object-with-redirect-uri",
	"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": "TestSuite/oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
	"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported":    "TestSuite/oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
	"oidcc-rp-initiated-logout-no-state":                                           "TestSuite/oidcc-rp-initiated-logout-no-state",
	"oidcc-rp-initiated-logout-no-params":                                          "TestSuite/oidcc-rp-initiated-logout-no-params",
	"oidcc-rp-initiated-logout-only-state":                                         "TestSuite/oidcc-rp-initiated-logout-only-state",
	"oidcc-rp-initiated-logout-no-post-logout-redirect-uri":                        "TestSuite/oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
}

// The marks around the table in the page.
const (
	modulesBegin = "<!-- The modules: written by `make docs` from what TestOpenIDModules found. Do not edit. -->\n"
	modulesEnd   = "<!-- The end of the modules. -->\n"
)

// TestOpenIDModules: what docs/oidc-conformance.md says of each module of the OpenID Foundation's plans is what the driver of them finds at the program and, as
// a control, at npm's oidc-provider, which is certified: nothing fails at either.
func TestOpenIDModules(t *testing.T) {
	t.Parallel()
	inbox, theirs := optest.Listen(), optest.Listen()
	t.Cleanup(inbox.Close)
	t.Cleanup(theirs.Close)
	targets := []optest.Target{lockstepTarget(t, inbox), controlTarget(t, theirs)}
	results, errs := make([][]optest.Result, len(targets)), make([]error, len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		target.Limit = 3
		group.Go(func() { results[i], errs[i] = optest.Run(t.Context(), target) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i := range targets {
		for _, r := range results[i] {
			if r.Outcome == optest.Failed {
				t.Errorf("%s at %s: %s", r.Module.Name, targets[i].Issuer, r)
			}
		}
	}
	var table strings.Builder
	table.WriteString(modulesBegin + "\n| plan | module | Lockstep | oidc-provider | also |\n| --- | --- | --- | --- | --- |\n")
	plan := ""
	for i, m := range optest.Modules() {
		first := ""
		if m.Plan != plan {
			plan, first = m.Plan, m.Plan
		}
		also := ""
		if names := strings.Fields(modulesAlso[m.Name]); len(names) > 0 {
			also = "`" + strings.Join(names, "`, `") + "`"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", first, m.Name, results[0][i], results[1][i], also)
	}
	table.WriteString("\n")
	written(t, modulesBegin, table.String(), modulesEnd)
}

// moduleClients are the clients that the driver wants.
func moduleClients() (first, second, post optest.Client) {
	make := func(id string) optest.Client {
		return optest.Client{ID: id, Secret: "a secret of " + id + ": 100 % long, that is", Redirect: "https://" + id + ".example/cb", AfterLogout: "https://" + id + ".example/bye"}
	}
	return make("first"), make("second"), make("post")
}

func lockstepTarget(t *testing.T, inbox *optest.Inbox, variables ...string) optest.Target {
	t.Helper()
	h := newHome(t, variables...)
	_, e := h.scimServer()
	e.want(http.StatusCreated, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@acme.example","displayName":"Ada Lovelace","emails":[{"value":"ada@acme.example"}],"password":"sesame and more","active":true}`)
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	target := optest.Target{Issuer: strings.TrimSuffix(e.base, "/scim/default/v2") + "/sso/default", Login: "ada@acme.example", Password: "sesame and more", Inbox: inbox}
	target.First, target.Second, target.Post = moduleClients()
	for _, c := range []*optest.Client{&target.First, &target.Second, &target.Post} {
		args := []string{"client", "add", c.ID, "--id", c.ID, "--redirect", c.Redirect, "--after-logout", c.AfterLogout, "--without-pkce"}
		switch c {
		case &target.First:
			args = append(args, "--logout-uri", inbox.LogoutURI())
		case &target.Post:
			args = append(args, "--auth", "client_secret_post")
		}
		var added struct {
			Secret string `json:"client_secret"`
		}
		h.read(&added, args...)
		c.Secret = added.Secret
	}
	return target
}

func controlTarget(t *testing.T, inbox *optest.Inbox) optest.Target {
	t.Helper()
	target := optest.Target{Login: "ada@acme.example", Password: "sesame and more", Inbox: inbox}
	target.First, target.Second, target.Post = moduleClients()
	var clients []map[string]any
	for _, c := range []optest.Client{target.First, target.Second, target.Post} {
		one := map[string]any{
			"client_id": c.ID, "client_secret": c.Secret, "redirect_uris": []string{c.Redirect}, "post_logout_redirect_uris": []string{c.AfterLogout},
			"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		}
		switch c {
		case target.First:
			one["backchannel_logout_uri"], one["backchannel_logout_session_required"] = inbox.LogoutURI(), true
		case target.Post:
			one["token_endpoint_auth_method"] = "client_secret_post"
		}
		clients = append(clients, one)
	}
	text, err := json.Marshal(clients)
	if err != nil {
		t.Fatal(err)
	}
	target.Issuer = parts.IDP(t, "control.js", "CLIENTS="+string(text))
	return target
}

// TestModulesNotice: at a program that breaks a rule on the way to the browser, the module that is about the rule fails, and not before.
func TestModulesNotice(t *testing.T) {
	t.Parallel()
	inbox := optest.Listen()
	t.Cleanup(inbox.Close)
	var behind atomic.Pointer[httputil.ReverseProxy]
	var breaks atomic.Pointer[func(*http.Request, *httptest.ResponseRecorder)]
	front := httptest.NewServer(parts.Changed(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { behind.Load().ServeHTTP(w, r) }),
		func(r *http.Request, a *httptest.ResponseRecorder) { (*breaks.Load())(r, a) },
	))
	t.Cleanup(front.Close)
	whole := func(*http.Request, *httptest.ResponseRecorder) {}
	breaks.Store(&whole)
	target := lockstepTarget(t, inbox, "LOCKSTEP_PUBLIC_URL="+front.URL)
	own, err := url.Parse(target.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	behind.Store(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: own.Scheme, Host: own.Host}))
	target.Issuer = front.URL + own.Path
	at := func(end string, change func(*http.Request, *httptest.ResponseRecorder)) func(*http.Request, *httptest.ResponseRecorder) {
		return func(r *http.Request, a *httptest.ResponseRecorder) {
			if strings.HasSuffix(r.URL.Path, end) {
				change(r, a)
			}
		}
	}
	text := func(end, old, with string) func(*http.Request, *httptest.ResponseRecorder) {
		return at(end, func(_ *http.Request, a *httptest.ResponseRecorder) {
			a.Body = bytes.NewBufferString(strings.ReplaceAll(a.Body.String(), old, with))
		})
	}
	location := func(change func(url.Values)) func(*http.Request, *httptest.ResponseRecorder) {
		return func(_ *http.Request, a *httptest.ResponseRecorder) {
			to, err := url.Parse(a.Header().Get("Location"))
			if err != nil || to.Host == "" || to.Host == own.Host {
				return
			}
			v := to.Query()
			change(v)
			to.RawQuery = v.Encode()
			a.Header().Set("Location", to.String())
		}
	}
	sentOn := at("/logout", func(r *http.Request, a *httptest.ResponseRecorder) { // an open redirector
		a.Header().Set("Location", r.URL.Query().Get("post_logout_redirect_uri"))
		a.Code = http.StatusSeeOther
	})
	for _, c := range []struct {
		rule, module string
		change       func(*http.Request, *httptest.ResponseRecorder)
	}{
		{"state comes back", "oidcc-server", location(func(v url.Values) { v.Set("state", "another") })},
		{"iss comes back", "oidcc-server", location(func(v url.Values) { v.Set("iss", "https://evil.example") })},
		{"tokens are not cached", "oidcc-server", at("/token", func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Set("Cache-Control", "max-age=60") })},
		{"the key is published", "oidcc-idtoken-signature", text("/jwks", `"n":"`, `"n":"QUJD`)},
		{"user-info is of who signed in", "oidcc-userinfo-get", text("/userinfo", `"sub":"`, `"sub":"0`)},
		{"a scope gives its claims", "oidcc-scope-email", text("/userinfo", `"email"`, `"mail"`)},
		{"an essential claim is there", "oidcc-claims-essential", text("/userinfo", `"name"`, `"names"`)},
		{"prompt=none says what is missing", "oidcc-prompt-none-not-logged-in", location(func(v url.Values) { v.Set("error", "server_error") })},
		{"a code is good once", "oidcc-codereuse", text("/token", `"invalid_grant"`, `"server_error"`)},
		{"no redirect URI but those registered", "oidcc-ensure-registered-redirect-uri", at("/authorize", func(r *http.Request, a *httptest.ResponseRecorder) {
			a.Header().Set("Location", r.URL.Query().Get("redirect_uri"))
			a.Code = http.StatusSeeOther
		})},
		{"keys have names", "oidcc-discovery-endpoint-verification", text("/jwks", `"kid"`, `"kidd"`)},
		{"no private keys", "oidcc-discovery-endpoint-verification", text("/jwks", `"kid"`, `"d":"x","kid"`)},
		{"signed out", "oidcc-rp-initiated-logout-no-params", at("/logout", func(_ *http.Request, a *httptest.ResponseRecorder) {
			a.Header().Del("Set-Cookie")
			a.Code = http.StatusForbidden
		})},
		{"state comes back after signing out", "oidcc-rp-initiated-logout", location(func(v url.Values) {
			if v.Get("code") == "" {
				v.Del("state")
			}
		})},
		{"not sent to an address that is not registered", "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", sentOn},
		{"a modified hint is none", "oidcc-rp-initiated-logout-modified-id-token-hint", sentOn},
		{"a hint signed with the secret is none", "oidcc-rp-initiated-logout-bad-id-token-hint", sentOn},
	} {
		breaks.Store(&whole)
		target.Only = c.module
		results, err := optest.Run(t.Context(), target)
		if err != nil || len(results) != 1 || results[0].Outcome != optest.Passed {
			t.Fatalf("%s, unbroken: %v %v", c.module, results, err)
		}
		breaks.Store(&c.change)
		if results, err = optest.Run(t.Context(), target); err != nil || results[0].Outcome != optest.Failed {
			t.Errorf("%s: %s does not notice: %v %v", c.rule, c.module, results, err)
		}
	}
}
