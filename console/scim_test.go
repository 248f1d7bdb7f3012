package console_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/scim/conform"
	"lockstep/store"
	"lockstep/token"
	"lockstep/web"
)

// inbound is a SCIM endpoint that has met two clients.
type inbound struct{ w *world }

func (i inbound) Endpoint(context.Context, lockstep.TenantID) (string, error) {
	return "/scim/acme/v2", nil
}

func (i inbound) Exchanges(t lockstep.TenantID) []web.Exchange {
	if t != i.w.tenant {
		return nil
	}
	one := func(id, client, method, url string, status int) web.Exchange {
		x := web.Exchange{
			ID: id, RequestID: "request-" + id, At: i.w.now(), Took: 1400 * time.Microsecond, Client: client, Method: method, URL: url, Status: status,
			Request:  web.Message{Header: http.Header{"Authorization": {"Bearer •••"}}, Body: `{"userName":"<ada>","password":"•••"}`},
			Response: web.Message{Omitted: "70000 bytes, too large to show"},
		}
		if status == 500 {
			x.Request.Body, x.Request.Omitted = "", "a body that was not read"
		}
		return x
	}
	return []web.Exchange{one("3", "entra", "PATCH", "/Users/1", 404), one("2", "okta", "GET", "/Users?filter=userName+eq+%22ada%22", 200), one("1", "entra", "POST", "/Users", 500)}
}

func (i inbound) Examine(_ context.Context, _ lockstep.TenantID, e web.Exchange) ([]conform.Deviation, error) {
	if e.Client != "entra" || e.Request.Body == "" {
		return nil, nil
	}
	return []conform.Deviation{{Rule: conform.Describe(conform.PatchOpCase), Path: "Operations[0].op", Seen: "Add", Times: 2}}, nil
}

func (i inbound) Report(ctx context.Context, t lockstep.TenantID) (map[lockstep.TokenID][]conform.Tally, error) {
	return i.w.db.Tallies(ctx, t)
}

func (i inbound) Calls(context.Context, lockstep.TenantID) (operate.SCIMCalls, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	return i.w.calls, nil
}

func (inbound) ClearReport(context.Context, audit.Actor, lockstep.TenantID, lockstep.TokenID) error {
	return nil
}

// scimToken makes a token of the world's tenant.
func (w *world) scimToken(name string, expires time.Time) (store.Token, string) {
	w.Helper()
	made, text, err := token.New(token.KindSCIM)
	w.must(err)
	made.Scopes, made.Expires = token.Scopes{"scim:write"}, expires
	k := store.Token{Token: made, Tenant: w.tenant, Name: name}
	w.must(w.db.PutToken(w.Context(), nobody, k))
	return k, text
}

// TestSCIMPage: the endpoint, its clients and its exchanges, each of which opens with what it departs in.
func TestSCIMPage(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	a := b.get("/inbound").is(http.StatusOK)
	checkPage(t, a)
	a.has("p", "There is no client yet.")
	a.has("code", w.server.URL+"/scim/acme/v2")
	k, _ := w.scimToken("entra", w.now().Add(5*24*time.Hour))
	okta, _ := w.scimToken("okta", time.Time{})
	at := "/inbound/clients/" + string(okta.ID)
	b.get(at+"/requests").has("p", "Its requests are not examined.")
	b.post(at+"/settings", "product", "okta", "profile", "strict", "rate", "").to(at + "/settings?said=saved")
	b.get(at+"/requests").has("p", "It has not called yet.")
	w.must(w.db.TouchToken(t.Context(), okta, token.Current))
	b.get(at+"/requests").has("span", "Nothing that it sent departs.")
	at = "/inbound/clients/" + string(k.ID)
	b.post(at+"/settings", "product", "entra", "profile", "strict", "rate", "").to(at + "/settings?said=saved")
	w.must(w.db.AddTallies(t.Context(), w.tenant, k.ID, []conform.Tally{{Code: conform.BooleanText, Times: 1234, First: w.now(), Last: w.now(), Path: "active", Seen: `"True"`}}))
	a = b.get("/inbound").is(http.StatusOK)
	checkPage(t, a)
	a.has("td", "soon")
	a.has("a", "departs from the RFCs in 1 way")
	a = b.get(at + "/requests").is(http.StatusOK)
	checkPage(t, a)
	a.has("li", "It sends a boolean as text")
	a.has("button", "Begin the count anew")
	b.post(at + "/clear").to(at + "/requests?said=report-cleared")
	a = b.get("/inbound")
	if got := len(a.find("a", " ms")); got != 3 {
		t.Errorf("%d exchanges", got)
	}
	a.has("a", `GET /Users?filter=userName eq "ada"`)
	for path, want := range map[string]int{"/inbound?status=4": 1, "/inbound?client=entra": 2, "/inbound?client=entra&status=2": 0, at + "/requests": 0} {
		a := b.get(path).is(http.StatusOK)
		checkPage(t, a)
		if got := len(a.find("a", " ms")); got != want {
			t.Errorf("%s shows %d exchanges, want %d", path, got, want)
		}
	}
	a = b.get("/inbound?row=3").is(http.StatusOK)
	checkPage(t, a)
	a.has("pre", `"userName": "<ada>"`)
	a.has("dd", "Bearer •••")
	a.has("p", "70000 bytes, too large to show.")
	a.has("li", "It writes op in another case")
	b.get("/inbound?row=1").is(http.StatusOK).has("p", "Its body is not here to examine.")
	b.get("/inbound?row=2").is(http.StatusOK).has("span", "Nothing in the request departs")
	b.get("/inbound?status=200").is(http.StatusBadRequest)
}

// TestSCIMRotate: a token gets a new secret that is shown once, and other tenants' tokens are out of reach.
func TestSCIMRotate(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	k, old := w.scimToken("entra", w.now().Add(time.Hour*1000))
	at := "/inbound/clients/" + string(k.ID)
	path := at + "/rotate"
	a := b.post(path, "of", secretOf(w, k.ID), "overlap", "24", "days", "365").is(http.StatusOK)
	checkPage(t, a)
	text := a.has("code", "lkp_").text
	got, err := w.db.Token(t.Context(), k.ID)
	w.must(err)
	if half, err := got.Match(text, w.now()); half != token.Current || err != nil {
		t.Errorf("the secret that is shown: %v, %v", half, err)
	}
	if half, err := got.Match(old, w.now()); half != token.Old || err != nil {
		t.Errorf("the old secret: %v, %v", half, err)
	}
	for _, path := range []string{"/inbound", at, at + "/settings"} {
		if a := b.get(path).is(http.StatusOK); strings.Contains(a.body, text) || path != at && len(a.find("span", "not used since")) == 0 {
			t.Errorf("%s shows the secret again, or not that the old one still works", path)
		}
	}
	b.post(path, "of", secretOf(w, k.ID), "overlap", "0", "days", "0").is(http.StatusOK)
	got, err = w.db.Token(t.Context(), k.ID)
	w.must(err)
	if got.Check(text, w.now()) == nil {
		t.Error("without an overlap the old secret still works")
	}
	of := secretOf(w, k.ID)
	b.post(path, "of", of, "overlap", "-1").is(http.StatusBadRequest)
	b.post(path, "of", of, "overlap", "5124096").is(http.StatusBadRequest) // more hours than a Duration holds
	b.post(path, "of", of, "overlap", "a day").is(http.StatusBadRequest)
	b.post(path, "of", of, "overlap", fmt.Sprint(24*365)).is(http.StatusBadRequest)
	b.post("/inbound/clients/"+string(lockstep.NewID[lockstep.TokenID]())+"/rotate", "overlap", "0").is(http.StatusNotFound)
	w.later(400 * 24 * time.Hour)
	b = w.signedIn(w.tenant)
	b.post(path, "of", of, "overlap", "0", "days", "0").is(http.StatusConflict)
	b.get("/inbound").has("td", "expired")
	b.get(at).has("h2", "Its token has expired")
}

// secretOf is what the form of a token sends of the secret that it had when the page was made.
func secretOf(w *world, id lockstep.TokenID) string {
	w.Helper()
	k, err := w.db.Token(w.Context(), id)
	w.must(err)
	return fmt.Sprintf("%x", k.Hash[:4])
}

// TestSCIMRotateTwice: whoever reloads the page with the new secret does not rotate again, which would end the secret that the
// client still has; and whoever means to rotate again is told so.
func TestSCIMRotateTwice(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	k, old := w.scimToken("entra", time.Time{})
	page := b.get("/inbound/clients/" + string(k.ID))
	of := secretOf(w, k.ID)
	if !strings.Contains(page.body, `name="of" value="`+of+`"`) || strings.Contains(page.body, "ends at once") {
		t.Error("the form does not say which secret it is about, or warns without reason")
	}
	form := []string{"of", of, "overlap", "24", "days", "0"}
	path := "/inbound/clients/" + string(k.ID) + "/rotate"
	b.post(path, form...).is(http.StatusOK)
	b.post(path, form...).is(http.StatusConflict)
	b.post(path, "overlap", "24", "days", "0").is(http.StatusConflict)
	got, err := w.db.Token(t.Context(), k.ID)
	w.must(err)
	if half, err := got.Match(old, w.now()); half != token.Old || err != nil {
		t.Errorf("the old secret: %v, %v", half, err)
	}
	b.get("/inbound/clients/"+string(k.ID)).has("p", "ends at once")
}
