package console_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestMatchesPage: the page says what of the directory a provider cannot tell apart, and whom a list would be; nothing is kept.
func TestMatchesPage(t *testing.T) {
	w := newWorld(t, 3)
	b := w.signedIn(w.tenant)
	b.post("/signin/add/webexcc", "name", "", "alias", "webex").is(http.StatusSeeOther)
	b.post("/signin/add/local", "name", "", "alias", "local").is(http.StatusSeeOther)
	const at = "/signin/providers/webex/people"
	page := b.get(at)
	page.has("p", "Exactly one person of the directory")
	page.has("dt", "Without an address")
	checkPage(t, page)
	found := b.post(at, "list", "zoe@elsewhere.example\n<script>alert(1)</script>").is(http.StatusOK)
	found.has("bdi", "zoe@elsewhere.example")
	found.has("bdi", "<script>alert(1)</script>")
	found.has("span", "nobody has that name")
	if strings.Contains(found.body, "<script>alert(1)") {
		t.Error("the list is not escaped")
	}
	checkPage(t, found)
	b.post(at, "list", strings.Repeat("x", 1<<17)).is(http.StatusUnprocessableEntity).has("p", "longer than 64 KiB")
	b.get("/signin/providers/local/people").is(http.StatusNotFound)
}
