package console_test

import (
	"net/http"
	"testing"
)

// TestConsoleSessions: who is in the console can be seen and shut out; whoever looks sees which session is theirs.
func TestConsoleSessions(t *testing.T) {
	w := newWorld(t, 0)
	first, second := w.signedIn(w.tenant), w.signedIn(w.tenant)
	other := w.signedIn(lockstepTenant(w))
	first.get("/settings").has("a", "Who is in the console…")
	p := first.get("/settings/sessions").is(http.StatusOK)
	checkPage(t, p)
	p.has("td", "this is you")
	if n := len(p.find("button", "End it")); n != 1 {
		t.Fatalf("%d others can be ended", n)
	}
	var id string
	for _, e := range p.find("input", "") {
		if e.attr["name"] == "session" {
			id = e.attr["value"]
		}
	}
	other.post("/settings/sessions/end", "session", id).to("/settings/sessions?said=console-ended") // of another tenant: as if it had ended
	second.get("/").is(http.StatusOK)
	first.post("/settings/sessions/end", "session", id).to("/settings/sessions?said=console-ended")
	second.get("/").is(http.StatusUnauthorized)
	second = w.signedIn(w.tenant)
	first.post("/settings/sessions/end").is(http.StatusBadRequest)
	first.post("/settings/sessions/end", "all", "yes").to("/settings/sessions?said=console-all-ended")
	second.get("/").is(http.StatusUnauthorized)
	other.get("/").is(http.StatusOK)
	first.get("/settings/sessions?said=console-all-ended").is(http.StatusOK).has("p", "All other sessions are ended.")
}
