package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/token"
	"lockstep/web"
)

// seen is what is kept of a tenant's exchanges, the newest first.
func (b *scimBench) seen(slug string) []web.Exchange {
	return b.server.seen.Exchanges(string(b.ids[slug]))
}

// TestSCIMExchanges: the last exchanges of a tenant are kept for it alone, those of a token that has ended as well; what nobody
// has a token for is not.
func TestSCIMExchanges(t *testing.T) {
	b := newSCIMBench(t, SCIM{Rate: 2})
	id, bearer := b.token(token.KindSCIM, "acme", "scim:write", b.now.Add(time.Hour))
	_, theirs := b.token(token.KindSCIM, "other", "scim:read", time.Time{})
	b.status(201, bearer, "acme", "POST", "/Users", `{"userName": "ada"}`)
	b.status(200, theirs, "other", "GET", "/Users?filter=userName%20eq%20%22ada%22", "")
	b.status(401, "guess", "acme", "GET", "/Users", "")
	b.status(401, bearer, "other", "GET", "/Users", "")
	all := b.seen("acme")
	if len(all) != 1 || all[0].Method != "POST" || all[0].URL != "/Users" || all[0].Status != 201 || all[0].Client != "acme" || all[0].ClientID != string(id) ||
		all[0].Request.Body != `{"userName": "ada"}` || !strings.Contains(all[0].Response.Body, `"userName":"ada"`) || all[0].Response.Header.Get("Location") == "" {
		t.Errorf("kept %+v", all)
	}
	if got := b.seen("other"); len(got) != 1 || got[0].URL != "/Users?filter=userName+eq+%22ada%22" {
		t.Errorf("kept of the other tenant %+v", got)
	}
	for range 4 {
		b.call(bearer, "acme", "GET", "/Users", "")
	}
	if all = b.seen("acme"); all[0].Status != 429 || all[0].Response.Header.Get("Retry-After") == "" {
		t.Errorf("a throttled request is %+v", all[0])
	}
	b.now = b.now.Add(2 * time.Hour)
	b.status(401, bearer, "acme", "DELETE", "/Users/1", "")
	if all = b.seen("acme"); all[0].Status != 401 || all[0].Method != "DELETE" {
		t.Errorf("with an expired token: %+v", all[0])
	}
	if err := b.server.db.RevokeToken(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	n := len(all)
	b.status(401, bearer, "acme", "GET", "/Users", "")
	b.status(401, bearer, "other", "GET", "/Users", "")
	if got := len(b.seen("acme")); got != n+1 {
		t.Errorf("with a revoked token %d exchanges, want %d", got, n+1)
	}
}

// TestSCIMExchangesSecrets: no password that was sent can be found in what is kept, whatever the way it was sent.
func TestSCIMExchangesSecrets(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	_, bearer := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	const canary = "Canary-7"
	user, _ := b.status(201, bearer, "acme", "POST", "/Users", `{"userName": "ada", "password": "Canary-7"}`)["id"].(string)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"userName": "bob", "PASSWORD": "Canary-7", "password": "Canary-7"}`},
		{"PUT", "/Users/" + user, `{"userName": "ada", "pass\u0077ord": "Canary-7"}`},
		{"PATCH", "/Users/" + user, `{"Operations": [{"op": "replace", "path": "password", "value": "Canary-7"}]}`},
		{"PATCH", "/Users/" + user, `{"Operations": [{"value": "Canary-7", "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password"}]}`},
		{"PATCH", "/Users/" + user, `{"Operations": [{"op": "replace", "value": "{\"password\": \"Canary-7\"}"}]}`},
		{"PATCH", "/Users/" + user, `{"Operations": [{"op": "replace", "path": "password[value eq \"Canary-7\"].x", "value": "Canary-7"}]}`},
		{"PATCH", "/Users/" + user, `{"Operations": [{"op": "replace", "value": {"password": ["Canary-7"]}}]}`},
		{"GET", `/Users?filter=` + url.QueryEscape(`password eq "Canary-7"`), ""},
		{"GET", `/Users?filter=` + url.QueryEscape(`userName eq "x" and password eq Canary-7`), ""},
		{"GET", `/Users?attributes=password&access_token=Canary-7`, ""},
		{"POST", "/.search", `{"filter": "password eq Canary-7"}`},
		{"POST", "/Bulk", `{"Operations": [{"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "eve", "password": "Canary-7"}}]}`},
		{"POST", "/Users", `{"userName": "bob", "password": "Canary-7"`},
		{"POST", "/Users", `{"userName": 1, "password": {"x": "Canary-7"}}`},
	} {
		before := len(b.seen("acme"))
		res, value := b.call(bearer, "acme", c.method, c.path, c.body)
		kept := b.seen("acme")
		if len(kept) != before+1 {
			t.Fatalf("%s %s is not kept", c.method, c.path)
		}
		if all := fmt.Sprintf("%+v", kept[0]); strings.Contains(all, canary) || strings.Contains(all, bearer) {
			t.Errorf("%s %s %s (%d %v) is kept as %s", c.method, c.path, c.body, res.StatusCode, value, all)
		}
	}
	if !strings.Contains(b.seen("acme")[5].Request.Header.Get("Authorization"), web.Masked) {
		t.Error("the token's place is not shown")
	}
}

// TestSCIMPageIsReached: the console's page about SCIM clients is not taken for an endpoint.
func TestSCIMPageIsReached(t *testing.T) {
	n, _ := open(t)
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://localhost/inbound", nil)
	r.RemoteAddr = "127.0.0.1:1"
	n.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "<html") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
