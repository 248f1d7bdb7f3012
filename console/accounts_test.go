package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lockstep/mirror"
	"lockstep/mirror/mirrortest"
	"lockstep/scim"
)

// stranger is an account at the application that nobody of the directory has.
func (w *world) stranger(name string) string {
	w.Helper()
	id, err := w.org.Add(w.Context(), "User", scim.Object{{Name: "userName", Value: name}, {Name: "displayName", Value: "Stranger " + name}})
	w.must(err)
	return id
}

// strangers are accounts that nobody has, as they were read.
func (w *world) strangers(b *browser) {
	w.Helper()
	w.stranger("svc@acme.example")
	w.stranger("a.very.long.name.of.a.room.on.the.second.floor@acme.example")
	w.stranger("eve@acme.example")
	b.post("/apps/webex/accounts/read").is(http.StatusSeeOther)
	id := mirror.ID{Tenant: w.tenant, Connection: w.out}
	head, err := w.db.Mirrors().Head(w.Context(), id)
	w.must(err)
	mirrortest.Await(w, w.db.Mirrors(), id, head.Requests)
}

// TestAccountsPage: the page lists the accounts that nobody has, finds them by a part, leads to whom they may belong, and is a file.
func TestAccountsPage(t *testing.T) {
	w := newWorld(t, 120).filled()
	b := w.signedIn(w.tenant)
	first := w.stranger("svc@acme.example")
	for _, name := range []string{"o'neil@acme.example", "eve@acme.example"} { // she is in the directory, and left out
		w.stranger(name)
	}
	w.applied(b)
	b.post("/apps/webex/accounts/read").is(http.StatusSeeOther)
	id := mirror.ID{Tenant: w.tenant, Connection: w.out}
	head, err := w.db.Mirrors().Head(t.Context(), id)
	w.must(err)
	mirrortest.Await(t, w.db.Mirrors(), id, head.Requests)
	a := b.get("/apps/webex/accounts").is(http.StatusOK)
	checkPage(t, a)
	for _, text := range []string{"svc@acme.example", "o'neil@acme.example", "Nobody in the directory has its user name", "is like it, and is left out"} {
		a.has("td", text)
	}
	if n := len(a.find("tr", "")); n != 4 {
		t.Errorf("%d rows, not those of three accounts and the head", n)
	}
	b.get("/apps/webex/accounts?q=SVC").has("td", "svc@acme.example")
	b.get("/apps/webex/accounts?q=none").has("strong", "No account has that")
	next := b.get("/apps/webex/accounts?show=all").has("a", "Next page")
	b.get(next.attr["href"]).is(http.StatusOK).has("a", "First page")
	b.get("/apps/webex/accounts?show=strange").is(http.StatusBadRequest)
	b.get("/apps/webex/accounts?after=x").is(http.StatusBadRequest)
	b.get("/sources/hr/accounts").is(http.StatusNotFound)
	file := b.get("/apps/webex/accounts.csv").is(http.StatusOK)
	if lines := strings.Count(strings.TrimSpace(file.body), "\n"); lines != 3 || !strings.Contains(file.body, first) {
		t.Errorf("the file: %s", file.body)
	}
	// From an account to whom it belongs, and on to the link.
	to := b.get("/apps/webex/accounts/link?id=" + first + "&q=eve").is(http.StatusOK)
	checkPage(t, to)
	found := to.find("a", "eve@acme.example")
	if len(found) != 1 || !strings.Contains(found[0].attr["href"], "/apps/webex/link?q="+url.QueryEscape(first)+"&who=user%3A") {
		t.Fatalf("leads to %+v", found)
	}
	b.get(found[0].attr["href"]).has("small", first)
	b.get("/apps/webex/accounts/link").is(http.StatusNotFound)
}
