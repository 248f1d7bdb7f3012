package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// ticked are the ids that the page lets one tick.
func (a *answer) ticks() (ids []string) {
	for _, e := range a.find("input", "") {
		if e.attr["name"] == "id" {
			ids = append(ids, e.attr["value"])
		}
	}
	return ids
}

// TestPlanPage: every row of a plan can be found, left out and put back; the note is in the audit log, and what was left out is not sent.
func TestPlanPage(t *testing.T) {
	w := newWorld(t, 130).filled()
	b := w.signedIn(w.tenant)
	cycle := string(w.state(w.out).Cycle.ID)
	first := b.get("/apps/webex/plan").is(http.StatusOK)
	checkPage(t, first)
	first.has("h2", "A plan of 133 changes waits for you")
	first.has("h3", "Create: in scope, not at the target 100 of 133")
	seen := map[string]bool{}
	pages := 0
	for a, next := first, ""; ; a = b.get(next).is(http.StatusOK) {
		for _, id := range a.ticks() {
			if seen[id] {
				t.Fatalf("%s is on two pages", id)
			}
			seen[id] = true
		}
		pages++
		links := a.find("a", "Next page")
		if len(links) == 0 {
			break
		}
		next = links[0].attr["href"]
	}
	if pages != 2 || len(seen) != 133 {
		t.Errorf("%d rows on %d pages", len(seen), pages)
	}

	found := b.get("/apps/webex/plan?q=m12%40").is(http.StatusOK)
	if ids := found.ticks(); len(ids) != 1 {
		t.Fatalf("%d rows of m12", len(ids))
	}
	b.get("/apps/webex/plan?kind=update").has("strong", "No change matches.")
	b.get("/apps/webex/plan?kind=nothing").is(http.StatusBadRequest)
	b.get("/apps/webex/plan?after=xyz").is(http.StatusBadRequest)

	post := func(do string, more ...string) *answer {
		return b.post("/apps/webex/plan/rows", append([]string{"do", do, "cycle", cycle}, more...)...)
	}
	post("leave").is(http.StatusUnprocessableEntity).has("p", "Tick at least one change.")
	m12 := found.ticks()[0]
	post("leave", "id", m12, "note", "on parental leave").to("/apps/webex/plan?said=left-out")
	left := b.get("/apps/webex/plan?show=left").is(http.StatusOK)
	checkPage(t, left)
	if ids := left.ticks(); !slices.Equal(ids, []string{m12}) {
		t.Errorf("left out: %v", ids)
	}
	left.has("h2", "A plan of 132 changes waits for you")
	b.get("/activity/audit?q=rejected").has("td", "on parental leave")
	post("back", "id", m12).to("/apps/webex/plan?said=put-back")
	post("back", "id", m12).is(http.StatusConflict)
	post("leave", "id", m12, "id", "x").is(http.StatusBadRequest)
	post("leave", "id", m12).to("/apps/webex/plan?said=left-out")

	// All of a cause, by typing the name, and only as many as were shown.
	all := "/apps/webex/plan/rows?kind=create"
	b.post(all, "do", "leave-all", "cycle", cycle, "n", "5").is(http.StatusUnprocessableEntity).has("p", "There are 132 by now")
	b.post(all, "do", "leave-all", "cycle", cycle, "n", "132").is(http.StatusUnprocessableEntity).has("p", "type webex in the dialog")
	b.get("/apps/webex").has("button", "Apply 132 changes")

	for ending, lines := range map[string]int{"csv": 133, "jsonl": 132} {
		file := b.get("/apps/webex/plan." + ending).is(http.StatusOK)
		if n := strings.Count(strings.TrimSpace(file.body), "\n") + 1; n != lines || strings.Contains(file.body, "m12@") {
			t.Errorf("%s has %d lines, want %d", ending, n, lines)
		}
	}
	w.applied(b)
	if names := w.linked(); len(names) != 131 || slices.Contains(names, "m12@acme.example") {
		t.Errorf("%d are linked", len(names))
	}
	b.get("/apps/webex/plan").is(http.StatusOK).has("strong", "No plan waits.")
}

// TestPlanGroups: updates are grouped by the attributes that they change, and found by one of them.
func TestPlanGroups(t *testing.T) {
	w := newWorld(t, 4).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	change := func(name, attribute, value string) {
		_, err := w.operator.ChangeUser(t.Context(), operate.Machine(w.tenant), name, 0, func(o scim.Object) scim.Object {
			o.Set(attribute, value)
			return o
		})
		w.must(err)
	}
	for i := range 3 {
		change(fmt.Sprintf("m%d@acme.example", i), "title", "Boss")
	}
	change("m2@acme.example", "displayName", "Member Two")
	w.run(w.out)
	a := b.get("/apps/webex/plan").is(http.StatusOK)
	checkPage(t, a)
	a.has("a", "Update: title")
	a.has("h3", "Update: title 2")
	a.has("option", "title · 3")
	if ids := b.get("/apps/webex/plan?attribute=title").ticks(); len(ids) != 3 {
		t.Errorf("%d rows change the title", len(ids))
	}
	for _, e := range a.find("a", "Update: title") {
		if ids := b.get(e.attr["href"]).is(http.StatusOK).ticks(); len(ids) != 2 && e.text == "Update: title" {
			t.Errorf("%s has %d rows", e.attr["href"], len(ids))
		}
	}
}

// carriesOut has the app's job carry out what is decided on, as the queue does, until the function that it returns has been called.
func (w *world) carriesOut() (end func()) {
	var one sync.Mutex
	var running sync.WaitGroup
	w.operator.Wake = func() {
		running.Go(func() {
			one.Lock()
			defer one.Unlock()
			if j := w.state(w.out); j.Cycle != nil && j.Cycle.Phase == provision.Applying {
				w.run(w.out)
			}
		})
	}
	return func() {
		running.Wait()
		w.operator.Wake = nil
	}
}

// TestApplyToOne: a plan is applied to one person alone, exactly what it has for them is sent, and the rest waits as it was shown.
func TestApplyToOne(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	end := w.carriesOut()
	cycle := string(w.state(w.out).Cycle.ID)
	one := func(fields ...string) *answer {
		return b.post("/apps/webex/plan/one", append([]string{"cycle", cycle}, fields...)...)
	}
	one("object", " ").is(http.StatusUnprocessableEntity).has("p", "Say to whom")
	one("object", "eve@acme.example").is(http.StatusUnprocessableEntity).has("p", "The plan has nothing to do for eve@acme.example.")
	one("object", "nobody@acme.example").is(http.StatusUnprocessableEntity)
	b.post("/apps/webex/plan/one", "cycle", string(lockstep.NewID[lockstep.CycleID]()), "object", "ada@acme.example").is(http.StatusConflict)
	if n := len(w.linked()); n != 0 {
		t.Fatalf("%d are linked", n)
	}

	to := one("object", "ada@acme.example", "note", "she knows").is(http.StatusSeeOther).resp.Header.Get("Location")
	if names := w.linked(); !slices.Equal(names, []string{"ada@acme.example"}) {
		t.Errorf("linked: %v", names)
	}
	a := b.get(to).is(http.StatusOK)
	checkPage(t, a)
	a.has("h2", "Applied to ada@acme.example alone")
	a.has("summary", "created")
	a.has("button", "Apply the rest: 5 changes")
	if j := w.state(w.out); j.Cycle == nil || string(j.Cycle.ID) != cycle || j.Cycle.Phase != provision.Review || j.Cycle.Only() {
		t.Fatalf("the plan is %+v", j.Cycle)
	}
	b.get("/activity/audit").has("td", "ada@acme.example: she knows")

	// By a row, of somebody whom the application refuses.
	one("who", "User:"+string(w.user("bob@old.example"))).is(http.StatusSeeOther)
	if a = b.get("/apps/webex/plan?tried=User:" + string(w.user("bob@old.example")) + "&cycle=" + cycle); !strings.Contains(a.says(), "Not done") {
		t.Errorf("the page says %s", a.says())
	}
	one("object", "ada@acme.example").is(http.StatusUnprocessableEntity).has("p", "nothing to do for ada")
	end()
	w.applied(b)
	if names := w.linked(); len(names) != 5 {
		t.Errorf("linked: %v", names)
	}
}

// TestApplyToOneFails: when the application cannot be reached, the plan waits again, whole, with the reason on its page.
func TestApplyToOneFails(t *testing.T) {
	w := newWorld(t, 2).filled()
	b := w.signedIn(w.tenant)
	end := w.carriesOut()
	w.engine.Connect = shut{w}
	cycle := string(w.state(w.out).Cycle.ID)
	to := b.post("/apps/webex/plan/one", "cycle", cycle, "object", "ada@acme.example").is(http.StatusSeeOther).resp.Header.Get("Location")
	b.get(to).is(http.StatusOK).has("p", "Nothing is known to be done")
	end()
	w.engine.Connect = w
	if j := w.state(w.out); j.Cycle == nil || j.Cycle.Phase != provision.Review {
		t.Fatalf("the plan is %+v", j.Cycle)
	}
	b.get("/apps/webex/plan").has("h2", "A plan of 5 changes waits for you")
	w.applied(b)
	if names := w.linked(); len(names) != 4 {
		t.Errorf("linked: %v", names)
	}
}

// shut is an application whose token has ended.
type shut struct{ *world }

func (s shut) Target(context.Context, provision.Job) (connection.Target, error) {
	return nil, &lockstep.Error{Code: lockstep.CodeAuthToken, Detail: "The token has ended."}
}

// TestHeldPage: what is held is searched, and all of a kind is decided on at once, with the reason in the audit log.
func TestHeldPage(t *testing.T) {
	w := newWorld(t, 130).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	j := w.state(w.out)
	j.Manual = false
	w.must(w.db.PutJob(t.Context(), nobody, j))
	w.disable(120)
	w.run(w.out)
	a := b.get("/apps/webex/held").is(http.StatusOK)
	checkPage(t, a)
	a.has("h2", "120 changes are held for you")
	none := b.get("/apps/webex/held?kind=create")
	none.has("h2", "120 changes are held for you") // whatever is shown of them
	none.has("strong", "No change matches.")
	if n := len(a.ticks()); n != 100 {
		t.Errorf("%d can be ticked", n)
	}
	b.get("/apps/webex").has("a", "120 held changes wait")
	m7 := b.get("/apps/webex/held?q=m7%40").ticks()
	if len(m7) != 1 {
		t.Fatalf("found %v", m7)
	}
	b.post("/apps/webex/held", "do", "reject", "n", "120", "id", m7[0], "note", "still here").to("/apps/webex/held?said=decided")
	all := "/apps/webex/held?kind=disable"
	b.post(all, "do", "approve-all", "n", "120", "sure", "webex").is(http.StatusUnprocessableEntity).has("p", "There are 119 by now")
	b.post(all, "do", "approve-all", "n", "119").is(http.StatusUnprocessableEntity).has("p", "type webex")
	b.post(all, "do", "approve-all", "n", "119", "sure", "", "sure", "webex", "note", "the site has closed").to("/apps/webex/held?said=decided")
	w.run(w.out)
	done, err := w.db.Provision().Actions(t.Context(), w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Kinds: []rule.Kind{rule.Disable}, Newest: true})
	w.must(err)
	if len(done) != 119 || done[0].Decided.Note != "the site has closed" {
		t.Errorf("%d were disabled", len(done))
	}
	log, err := w.db.Audit(t.Context(), w.tenant, audit.Query{Text: "changes of"})
	w.must(err)
	if len(log) != 2 || log[0].Detail != "119: the site has closed" || log[1].Detail != "1: still here" {
		text, _ := json.Marshal(log)
		t.Errorf("the log says %s", text)
	}
	b.get("/apps/webex/held").has("h2", "Nothing is held")
}
