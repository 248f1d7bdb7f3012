package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lockstep"
	"lockstep/plan"
	"lockstep/rule"
)

// TestUndoPage: what undoing would do is a page; what it shows is what is done, more harm than the guard lets through takes the name of the
// application, and what cannot be taken back is named with its code.
func TestUndoPage(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	rows, err := w.db.Provision().Actions(t.Context(), w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Kinds: []rule.Kind{rule.Create}, Limit: 100})
	w.must(err)
	if len(rows) == 0 {
		t.Fatal("nobody was created")
	}
	cycle := string(rows[0].Cycle)
	var one plan.Action
	for _, r := range rows {
		if r.Source.Name == "ada@acme.example" {
			one = r
		}
	}
	opened := b.get("/apps/webex?row=" + string(one.ID)).is(http.StatusOK)
	opened.has("a", "Undo…")
	all := b.get("/apps/webex?cycle=" + cycle).is(http.StatusOK)
	all.has("a", "Undo this cycle…")

	page := b.get("/apps/webex/undo?cycle=" + cycle).is(http.StatusOK)
	checkPage(t, page)
	if text := page.says(); !strings.Contains(text, "at once than the guard lets through") {
		t.Errorf("it says %s", text)
	}
	shown := page.value("shown")
	if shown == "" {
		t.Fatal("the form does not say what was shown")
	}
	b.post("/apps/webex/undo", "cycle", cycle, "line", "", "shown", shown, "sure", "webx").is(http.StatusUnprocessableEntity)
	stale := b.post("/apps/webex/undo", "cycle", cycle, "line", "", "shown", "0123", "sure", "webex").is(http.StatusConflict)
	checkPage(t, stale)

	if *everyPage {
		b.look(looked{Name: "undo-cycle", Path: "/apps/webex/undo?cycle=" + cycle}, looked{Name: "undo-line", Path: "/apps/webex/undo?line=" + string(one.ID)})
	}
	page = b.get("/apps/webex/undo?line=" + string(one.ID)).is(http.StatusOK)
	checkPage(t, page)
	if text := page.says(); !strings.Contains(text, "Take back 1 change?") || strings.Contains(text, "guard") {
		t.Errorf("it says %s", text)
	}
	to := b.post("/apps/webex/undo", "line", string(one.ID), "cycle", "", "shown", page.value("shown")).is(http.StatusSeeOther).resp.Header.Get("Location")
	if u, err := url.Parse(to); err != nil || u.Query().Get("said") != "undone" {
		t.Errorf("it leads to %s", to)
	}
	b.get(to).is(http.StatusOK)
	for range 20 {
		if j := w.state(w.out); j.Cycle == nil {
			break
		}
		w.run(w.out)
	}
	there, err := w.target.Find(t.Context(), "User", "userName", "ada@acme.example")
	w.must(err)
	if len(there) != 1 || there[0].Enabled {
		t.Errorf("ada is %+v", there)
	}
	again := b.get("/apps/webex/undo?line=" + string(one.ID)).is(http.StatusOK)
	checkPage(t, again)
	again.has("code", string(lockstep.CodeUndoSince))
	b.post("/apps/webex/undo", "line", string(one.ID), "cycle", "", "shown", again.value("shown")).is(http.StatusConflict)
	b.get("/sources/hr/undo?line=" + string(one.ID)).is(http.StatusNotFound)
	b.get("/apps/webex/undo?line=nobody").is(http.StatusBadRequest)
}
