package webexorg

import (
	"strings"
	"testing"
	"time"

	"lockstep/scim"
)

// TestDecisions holds what Webex answers, as far as it documents it, and what we decided where it does not. Each line names the
// user ${ada}, who exists, the group ${group}, the user ${eve} of another organisation, and an id that nobody has.
func TestDecisions(t *testing.T) {
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	const unknown = "00000000-0000-7000-8000-000000000000"
	long := func(n int) string { return strings.Repeat("x", n) }
	members := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"value":"${ada}"},`, n), ",") }
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		scimType                 string
		detail                   string // a part of it
		header                   []string
	}{
		{name: "no token", method: "GET", path: "/Users", status: 401, header: []string{"Authorization", ""}},
		{name: "unknown token", method: "GET", path: "/Users", status: 401, header: []string{"Authorization", "Bearer x"}},
		{name: "another scheme", method: "GET", path: "/Users", status: 401, header: []string{"Authorization", "Basic eDp5"}},
		{name: "scheme in lower case", method: "GET", path: "/Users", status: 200, header: []string{"Authorization", "bearer ${token}"}},
		{name: "token of another organisation", method: "GET", path: "/Users", status: 403, header: []string{"Authorization", "Bearer ${other}"}},
		{name: "read-only token reads", method: "GET", path: "/Users", status: 200, header: []string{"Authorization", "Bearer ${reader}"}},
		{name: "read-only token creates", method: "POST", path: "/Users", body: `{"userName":"bob@example.com"}`, status: 403, header: []string{"Authorization", "Bearer ${reader}"}},
		{name: "read-only token patches", method: "PATCH", path: "/Users/${ada}", body: patch + `]}`, status: 403, header: []string{"Authorization", "Bearer ${reader}"}},
		{name: "read-only token deletes", method: "DELETE", path: "/Users/${ada}", status: 403, header: []string{"Authorization", "Bearer ${reader}"}},
		{name: "unknown user", method: "GET", path: "/Users/" + unknown, status: 404},
		{name: "user of another organisation", method: "GET", path: "/Users/${eve}", status: 404},
		{name: "unknown group", method: "GET", path: "/Groups/" + unknown, status: 404},
		{name: "a group is no user", method: "GET", path: "/Users/${group}", status: 404},
		{name: "patch of an unknown user", method: "PATCH", path: "/Users/" + unknown, body: patch + `{"op":"replace","path":"active","value":false}]}`, status: 404},
		{name: "replace of an unknown user", method: "PUT", path: "/Users/" + unknown, body: `{"userName":"new@example.com"}`, status: 404},
		{name: "duplicate userName", method: "POST", path: "/Users", body: `{"userName":"Ada@Example.com"}`, status: 409, scimType: "uniqueness"},
		{name: "duplicate userName elsewhere", method: "POST", path: "/Users", body: `{"userName":"eve@example.com"}`, status: 409, scimType: "uniqueness"},
		{name: "duplicate userName by patch", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"userName","value":"bea@example.com"}]}`, status: 409, scimType: "uniqueness"},
		{name: "duplicate displayName of a group", method: "POST", path: "/Groups", body: `{"displayName":"ENGINEERING"}`, status: 409, scimType: "uniqueness"},
		{name: "userName is missing", method: "POST", path: "/Users", body: `{"displayName":"x"}`, status: 400, scimType: "invalidValue", detail: "userName"},
		{name: "userName is no address", method: "POST", path: "/Users", body: `{"userName":"bob"}`, status: 400, scimType: "invalidValue", detail: "userName"},
		{name: "userName is too long", method: "POST", path: "/Users", body: `{"userName":"` + long(243) + `@example.com"}`, status: 400, scimType: "invalidValue", detail: "254"},
		{name: "displayName is too long", method: "POST", path: "/Users", body: `{"userName":"b@example.com","displayName":"` + long(513) + `"}`, status: 400, scimType: "invalidValue", detail: "displayName"},
		{name: "postal code is too long", method: "POST", path: "/Users", body: `{"userName":"b@example.com","addresses":[{"type":"work","postalCode":"` + long(65) + `"}]}`, status: 400, scimType: "invalidValue", detail: "postalCode"},
		{name: "too many addresses", method: "POST", path: "/Users", body: `{"userName":"b@example.com","addresses":[` + strings.TrimSuffix(strings.Repeat(`{"locality":"x"},`, 11), ",") + `]}`, status: 400, scimType: "invalidValue", detail: "addresses"},
		{name: "bad language", method: "POST", path: "/Users", body: `{"userName":"b@example.com","preferredLanguage":"en-GB"}`, status: 400, scimType: "invalidValue", detail: "preferredLanguage"},
		{name: "bad locale", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"locale","value":"english"}]}`, status: 400, scimType: "invalidValue", detail: "locale"},
		{name: "bad time zone", method: "POST", path: "/Users", body: `{"userName":"b@example.com","timezone":"Europe/Atlantis"}`, status: 400, scimType: "invalidValue", detail: "timezone"},
		{name: "unknown kind of user", method: "POST", path: "/Users", body: `{"userName":"b@example.com","userType":"robot"}`, status: 400, scimType: "invalidValue", detail: "userType"},
		{name: "unknown kind of phone", method: "POST", path: "/Users", body: `{"userName":"b@example.com","phoneNumbers":[{"type":"carrier pigeon","value":"1"}]}`, status: 400, scimType: "invalidValue", detail: "phoneNumbers.type"},
		{name: "unverified domain", method: "POST", path: "/Users", body: `{"userName":"bob@example.net"}`, status: 400, scimType: "invalidValue", detail: "example.net"},
		{name: "unverified domain by patch", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"userName","value":"ada@example.net"}]}`, status: 400, scimType: "invalidValue", detail: "example.net"},
		{name: "verified domain in capitals", method: "POST", path: "/Users", body: `{"userName":"bob@EXAMPLE.COM"}`, status: 201},
		{name: "primary work address is another", method: "POST", path: "/Users", body: `{"userName":"c@example.com","emails":[{"value":"d@example.com","type":"work","primary":true}]}`, status: 400, scimType: "invalidValue", detail: "emails"},
		{name: "other addresses are free", method: "POST", path: "/Users", body: `{"userName":"c@example.com","emails":[{"value":"d@example.org","type":"home"}]}`, status: 201},
		{name: "attribute of an unknown schema", method: "POST", path: "/Users", body: `{"userName":"d@example.com","urn:example:2.0:User":{"x":1},"schemas":["urn:example:2.0:User"]}`, status: 201},
		{name: "manager of another organisation", method: "POST", path: "/Users", body: `{"userName":"e@example.com","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"${eve}"}}}`, status: 400, scimType: "invalidValue", detail: "manager"},
		{name: "manager is a group", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"add","path":"manager","value":"${group}"}]}`, status: 400, scimType: "invalidValue", detail: "manager"},
		{name: "read-only attributes are ignored", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"id","value":"x"},{"op":"replace","path":"meta.created","value":"2000-01-01T00:00:00Z"},{"op":"add","path":"groups","value":[{"value":"x"}]}]}`, status: 200},
		{name: "unknown path", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"shoeSize","value":"9"}]}`, status: 400, scimType: "invalidPath"},
		{name: "replace that nothing matches", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"addresses[type eq \"work\"].country","value":"GB"}]}`, status: 400, scimType: "noTarget", detail: "operation 1"},
		{name: "replace of what an earlier operation adds", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"add","path":"addresses","value":[{"type":"home","country":"GB"}]},{"op":"replace","path":"addresses[type eq \"home\"].country","value":"FR"}]}`, status: 200},
		{name: "remove without a path", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"remove"}]}`, status: 400, scimType: "noTarget"},
		{name: "remove of a required attribute", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"remove","path":"userName"}]}`, status: 400, scimType: "mutability"},
		{name: "unknown operation", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"move","path":"title","value":"x"}]}`, status: 400, scimType: "invalidSyntax"},
		{name: "group with an unknown member", method: "POST", path: "/Groups", body: `{"displayName":"g1","members":[{"value":"` + unknown + `"}]}`, status: 400, scimType: "invalidValue", detail: unknown},
		{name: "group with a member of another organisation", method: "PATCH", path: "/Groups/${group}", body: patch + `{"op":"add","path":"members","value":[{"value":"${eve}"}]}]}`, status: 400, scimType: "invalidValue"},
		{name: "group in itself", method: "PATCH", path: "/Groups/${group}", body: patch + `{"op":"add","path":"members","value":[{"value":"${group}"}]}]}`, status: 400, scimType: "invalidValue"},
		{name: "absent members are removed in vain", method: "PATCH", path: "/Groups/${group}", body: patch + `{"op":"remove","path":"members[value eq \"` + unknown + `\"]"}]}`, status: 200},
		{name: "500 members at once", method: "PATCH", path: "/Groups/${group}", body: patch + `{"op":"add","path":"members","value":[` + members(500) + `]}]}`, status: 200},
		{name: "501 members at once", method: "PUT", path: "/Groups/${group}", body: `{"displayName":"Engineering","members":[${many}]}`, status: 400, scimType: "invalidValue", detail: "500"},
		{name: "media type", method: "POST", path: "/Users", body: `<user/>`, status: 415, header: []string{"Content-Type", "application/xml"}},
		{name: "plain JSON", method: "POST", path: "/Users", body: `{"userName":"f@example.com"}`, status: 201, header: []string{"Content-Type", "application/json; charset=UTF-8"}},
		{name: "no JSON", method: "POST", path: "/Users", body: `{"userName":`, status: 400, scimType: "invalidSyntax"},
		{name: "method", method: "POST", path: "/Users/${ada}", body: `{}`, status: 405},
		{name: "endpoint", method: "GET", path: "/Devices", status: 404},
		{name: "me", method: "GET", path: "/Me", status: 501},
		{name: "101 operations", method: "POST", path: "/Bulk", body: `{"Operations":[` + strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, 101), ",") + `]}`, status: 400},
		{name: "stale version", method: "PATCH", path: "/Users/${ada}", body: patch + `{"op":"replace","path":"title","value":"x"}]}`, status: 412, header: []string{"If-Match", `W/"99"`}},
		{name: "not modified", method: "GET", path: "/Users/${bea}", status: 304, header: []string{"If-None-Match", `W/"1"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer(t, Config{}, OrgConfig{Domains: []string{"Example.com"}, Enforce: true})
			vars := decisionVars(t, p)
			for i := range c.header {
				c.header[i] = substitute(c.header[i], vars)
			}
			got, err := p.send(c.method, substitute(c.path, vars), substitute(c.body, vars), c.header...)
			if err != nil {
				t.Fatal(err)
			}
			if got.StatusCode != c.status || got.body.Text("scimType") != c.scimType || !strings.Contains(got.body.Text("detail"), c.detail) {
				t.Fatalf("got %d %s, want %d %s with %q", got.StatusCode, got.text, c.status, c.scimType, c.detail)
			}
			if c.status >= 400 {
				checkError(t, got)
			}
		})
	}
}

// decisionVars sets up who the lines of TestDecisions name.
func decisionVars(t *testing.T, p *peer) map[string]string {
	t.Helper()
	other, err := p.u.AddOrg(OrgConfig{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	q := p.in(other)
	reader, err := p.org.IssueToken(ReadOnly, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var many []string
	for range 501 {
		many = append(many, `{"value":"`+scimID()+`"}`)
	}
	return map[string]string{
		"ada": p.user("ada@example.com"), "bea": p.user("bea@example.com"), "group": p.group("Engineering"),
		"eve": q.user("eve@example.com"), "token": p.token, "other": q.token, "reader": reader, "many": strings.Join(many, ","),
	}
}

// checkError checks the form of an error: that of RFC 7644 §3.12 with Webex's extension.
func checkError(t *testing.T, got reply) {
	t.Helper()
	ext, _ := got.body.Get("urn:scim:schemas:extension:cisco:webexidentity:api:messages:2.0:Error").(scim.Object)
	id := got.Header.Get("TrackingID")
	if id == "" || ext.Text("trackingId") != id || ext.Text("errorCode") == "" {
		t.Errorf("trackingId %q, header %q\n%s", ext.Text("trackingId"), id, got.text)
	}
	if got.body.Text("status") != got.Status[:3] {
		t.Errorf("status %v in the body of a %s", got.body.Get("status"), got.Status)
	}
	if !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("content type %q", got.Header.Get("Content-Type"))
	}
}
