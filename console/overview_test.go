package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/scim"
)

func TestPlan(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	a := b.get("/apps/webex")
	a.has("h2", "A plan waits for you")
	a.has("button", "Apply 6 changes")
	a.hasNot("button", "Make a plan")
	a.has("summary", "ada@acme.example")

	b.post("/apps/webex/plan", "do", "apply", "cycle", string(lockstep.NewID[lockstep.CycleID]())).is(http.StatusConflict).has("a", string(lockstep.CodePlanStale))
	b.post("/apps/webex/plan", "do", "maybe", "cycle", string(w.state(w.out).Cycle.ID)).is(http.StatusBadRequest)
	w.applied(b)
	if n := len(w.linked()); n != 5 {
		t.Errorf("%d people are linked", n)
	}
	a = b.get("/apps/webex")
	a.hasNot("h2", "A plan waits for you")
	a.has("a", "5 created") // the group and Bob are the others
	b.post("/apps/webex/plan", "do", "apply", "cycle", string(lockstep.NewID[lockstep.CycleID]())).is(http.StatusConflict)
}

func (w *world) linked() (names []string) {
	w.Helper()
	links, err := w.db.Links(w.Context(), w.tenant, w.out, plan.LinkQuery{Type: "User"})
	w.must(err)
	for _, l := range links {
		if l.Target != "" {
			names = append(names, l.Name)
		}
	}
	return names
}

func TestDiscard(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	b.post("/apps/webex/plan", "do", "discard", "cycle", string(w.state(w.out).Cycle.ID)).to("/apps/webex")
	if c := w.state(w.out).Cycle; c != nil {
		t.Errorf("the plan is still there: %+v", c)
	}
	b.get("/apps/webex").has("summary", "left out")
}

// TestHeld: what is ticked is decided on, and nothing else.
func TestHeld(t *testing.T) {
	w := newWorld(t, 12).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	b.post("/apps/webex/state", "state", "active").to("/apps/webex")
	j := w.state(w.out)
	j.Manual = false
	w.must(w.db.PutJob(t.Context(), nobody, j))
	w.disable(8)
	w.run(w.out)

	a := b.get("/apps/webex")
	a.has("h2", "Held: disable 8 people")
	a.has("span", "Holds changes for you")
	var ids []string
	for _, e := range a.find("input", "") {
		if e.attr["name"] == "id" {
			ids = append(ids, e.attr["value"])
		}
	}
	if len(ids) != 8 {
		t.Fatalf("%d changes can be decided on", len(ids))
	}
	b.post("/apps/webex/held", "do", "approve").is(http.StatusUnprocessableEntity).has("p", "Tick at least one")
	b.post("/apps/webex/held", "do", "approve", "id", "x").is(http.StatusBadRequest)
	b.post("/apps/webex/held", "do", "reject", "id", ids[0]).to("/apps/webex")
	b.post("/apps/webex/held", "do", "approve", "id", ids[1], "id", ids[2]).to("/apps/webex")
	b.post("/apps/webex/held", "do", "approve", "id", ids[1]).is(http.StatusConflict)
	w.run(w.out)
	if rows, err := w.db.Provision().Actions(t.Context(), w.tenant, w.out, plan.ActionQuery{IDs: []lockstep.ActionID{
		lockstep.ActionID(ids[0]), lockstep.ActionID(ids[1]), lockstep.ActionID(ids[2]), lockstep.ActionID(ids[3]),
	}}); err != nil || states(rows) != "rejected done done held" {
		t.Errorf("got %s, %v", states(rows), err)
	} else if rows[1].Decided.By.ID != "machine" || !strings.Contains(rows[1].Decided.By.Name, "(mia)") {
		t.Errorf("decided by %+v", rows[1].Decided)
	}
}

// TestHeldMany: nothing is ticked before somebody ticks it, the numbers and the limit are told, and more than twenty are approved
// only by typing the name; what was ticked is still ticked when it was not.
func TestHeldMany(t *testing.T) {
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	j := w.state(w.out)
	j.Manual = false
	w.must(w.db.PutJob(t.Context(), nobody, j))
	w.disable(25)
	w.run(w.out)
	a := b.get("/apps/webex")
	a.has("p", "25 people of 32 linked would lose their access. The guard lets 5 through")
	a.has("h3", "Disable, disabled at source: 25")
	fields := []string{"do", "approve"}
	ids := 0
	for _, e := range a.find("input", "") {
		if e.attr["name"] != "id" {
			continue
		}
		if _, ticked := e.attr["checked"]; ticked {
			t.Error("a change is ticked from the start")
		}
		if ids++; ids <= 21 {
			fields = append(fields, "id", e.attr["value"])
		}
	}
	refused := b.post("/apps/webex/held", fields...).is(http.StatusUnprocessableEntity)
	refused.has("p", "type webex")
	still := 0
	for _, e := range refused.find("input", "") {
		if _, ticked := e.attr["checked"]; ticked && e.attr["name"] == "id" {
			still++
		}
	}
	if ids != 25 || still != 21 {
		t.Errorf("%d changes, %d still ticked", ids, still)
	}
	checkPage(t, refused)
	b.post("/apps/webex/held", append(fields, "sure", "webex")...).to("/apps/webex")
	if left := b.get("/apps/webex"); len(left.find("h2", "Held: disable 4 people")) != 1 {
		t.Errorf("left: %s", left.says())
	}
}

// TestPlanSaysValues: a plan's rows are grouped by what they do and why, and say the values.
func TestPlanSaysValues(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	w.company(3, "Director")
	w.run(w.hr)
	w.run(w.out)
	a := b.get("/apps/webex")
	a.has("h3", "Update: title")
	if row := a.has("summary", "m0@acme.example"); !strings.Contains(row.text, "Engineer") || !strings.Contains(row.text, "Director") {
		t.Errorf("the row says %q", row.text)
	}
	a.has("a", "A plan of 3 changes waits for your decision")
}

// TestReplacedPlan: a plan that was dropped is no cycle that had nothing to change.
func TestReplacedPlan(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	b.post("/apps/webex/plan", "do", "discard", "cycle", string(w.state(w.out).Cycle.ID)).to("/apps/webex")
	a := b.get("/apps/webex")
	a.has("span", "plan of 6 discarded by")
	a.hasNot("td", "nothing to change")
}

// states prints the states in the order of ids.
func states(rows []plan.Action) string {
	var words []string
	for _, a := range rows {
		words = append(words, string(a.State))
	}
	return strings.Join(words, " ")
}

// disable takes the right to sign in from the first n of the many.
func (w *world) disable(n int) {
	w.Helper()
	users, err := w.db.Users(w.Context(), w.tenant, directory.UserQuery{})
	w.must(err)
	var changes []directory.Change
	for _, u := range users {
		if len(changes) < n && strings.HasPrefix(u.Attributes.Text("userName"), "m") {
			u.Attributes = u.Attributes.Clone()
			u.Attributes.Set("active", false)
			changes = append(changes, directory.PutUser{User: u})
		}
	}
	_, err = w.db.Commit(w.Context(), w.tenant, nobody, "", changes...)
	w.must(err)
}

func TestRunAndPause(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	woken := 0
	w.operator.Wake = func() { woken++ }
	b.post("/sources/hr/run").to("/sources/hr")
	if j := w.state(w.hr); j.NextRun.IsZero() || woken != 1 {
		t.Errorf("next run %v, woken %d times", j.NextRun, woken)
	}
	b.get("/sources/hr").has("span", "Starting")
	b.post("/sources/hr/state", "state", "paused").to("/sources/hr")
	a := b.get("/sources/hr")
	a.has("button", "Resume job")
	a.hasNot("button", "Run now")
	b.post("/sources/hr/run").is(http.StatusConflict).has("p", "resume it first")
	b.post("/sources/hr/state", "state", "asleep").is(http.StatusBadRequest)
	b.post("/sources/hr/state", "state", "active").to("/sources/hr")
	b.post("/apps/nothing/run").is(http.StatusNotFound)
}

func TestLog(t *testing.T) {
	w := newWorld(t, 60).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	a := b.get("/apps/webex")
	if n := len(a.find("summary", "")); n != 25 {
		t.Errorf("the first page has %d lines", n)
	}
	older := a.has("a", "Older lines")
	b.get(strings.TrimSuffix(older.attr["href"], "#log")).is(http.StatusOK).has("a", "Newest")

	failed := b.get("/apps/webex?show=failed")
	lines := failed.find("summary", "")
	if len(lines) != 1 || !strings.Contains(lines[0].text, "bob@old.example") {
		t.Fatalf("failed: %d lines", len(lines))
	}
	failed.has("span", string(lockstep.CodeTargetDomain))
	if n := len(b.get("/apps/webex?q=ADA%40").find("summary", "")); n != 1 {
		t.Errorf("ada is in %d lines", n)
	}
	none := b.get("/apps/webex?q=nobody&show=held")
	none.has("strong", "No line matches.")
	none.has("a", "Clear the filters")
	for _, bad := range []string{"show=all", "cycle=1", "after=x", "row=y", "q=" + strings.Repeat("a", 201)} {
		b.get("/apps/webex?" + bad).is(http.StatusBadRequest)
	}
	row := failed.find("li", "bob@old.example")
	id := strings.TrimPrefix(row[len(row)-1].attr["id"], "row-")
	open := b.get("/apps/webex?row=" + id)
	for _, e := range open.find("details", "bob@old.example") {
		if _, is := e.attr["open"]; !is {
			t.Error("the line that the address names is shut")
		}
	}
}

// TestNeedsYou: problems are grouped by cause and go when they are solved.
func TestNeedsYou(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	a := b.get("/apps/webex")
	a.has("strong", "domain is not verified")
	a.has("a", "1 person")
	id := w.user("bob@old.example")
	users, err := w.db.Users(t.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}})
	w.must(err)
	u := users[0]
	u.Attributes = u.Attributes.Clone()
	u.Attributes.Set("userName", "bob@acme.example")
	u.Attributes.Set("emails", scim.List{})
	_, err = w.db.Commit(t.Context(), w.tenant, nobody, "", directory.PutUser{User: u})
	w.must(err)
	b.post("/apps/webex/run").to("/apps/webex")
	w.run(w.out)
	w.applied(b)
	b.get("/apps/webex").has("p", "Nothing waits for you here.")
}

// TestStoppedSaysWhyOnce: an app that is stopped says why at one place, and that it needs somebody.
func TestStoppedSaysWhyOnce(t *testing.T) {
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	w.must(w.org.ExpireTokens())
	j := w.state(w.out)
	j.Manual = false
	w.must(w.db.PutJob(t.Context(), nobody, j))
	w.disable(1)
	w.run(w.out)
	a := b.get("/apps/webex")
	a.has("a", "It is stopped until somebody helps")
	if n := strings.Count(a.body, "/docs/errors#"+string(w.state(w.out).Code)+`"`); n != 1 {
		t.Errorf("it says why %d times: %s", n, w.state(w.out).Code)
	}
	a.hasNot("p", "Nothing waits for you here.")
}

// TestWords that people chose cannot become markup.
func TestNamesAreText(t *testing.T) {
	w := newWorld(t, 0).filled()
	a := w.signedIn(w.tenant).get("/people")
	if !strings.Contains(a.body, "Grace &lt;Okafor&gt;") || strings.Contains(a.body, "<Okafor>") {
		t.Error("a name became an element")
	}
}

// TestUnreadRows: rows of a source that could not be read are counted one by one, also those that are nobody's, by cause and file, and can be had as a file.
func TestUnreadRows(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	text := people[:strings.Index(people, ",groups")] + "\n" + "p1,ada@acme.example,Ada Lindqvist,Engineer\np2,grace@acme.example,Grace <Okafor>,Chief\np3,bob@old.example,Bob Quinn,Agent\np4,eve@acme.example,Eve Outside,Guest\n"
	for i := range 7 {
		text += fmt.Sprintf(",nobody%d@acme.example,Nobody %d,None\n", i, i)
	}
	w.put("people.csv", []byte(text))
	w.put("groups.csv", []byte("id,displayName,members\ng1,Everybody,p1;p2;p3\n,Nameless,p1\n,Nameless too,p1\n"))
	w.run(w.hr)
	page := b.get("/sources/hr")
	checkPage(t, page)
	page.has("a", "7 rows")
	page.has("a", "2 rows")
	page.has("bdi", "people.csv")
	page.has("bdi", "groups.csv")
	page.has("a", "and 2 more")
	file := b.get(page.has("a", "Download these rows as CSV").attr["href"]).is(http.StatusOK)
	if n := strings.Count(file.body, "people.csv, line"); n < 7 || strings.Contains(file.body, "groups.csv") {
		t.Errorf("the file names %d rows:\n%s", n, file.body)
	}
	if _, err := w.db.WriterDB().ExecContext(w.Context(), "DELETE FROM action WHERE code LIKE 'source.%' AND source_name LIKE 'people.csv%'"); err != nil { // as if they were older than the log
		t.Fatal(err)
	}
	page = b.get("/sources/hr")
	page.has("a", "7 rows")
	page.hasNot("a", "9 rows") // none is counted for a cause that is not known
	w.put("people.csv", []byte(text[:strings.Index(text, ",nobody0")]))
	w.put("groups.csv", []byte("id,displayName,members\ng1,Everybody,p1;p2;p3\n"))
	w.run(w.hr)
	b.get("/sources/hr").hasNot("a", "Download these rows as CSV")
}

// TestWhoDiscarded: the line of a cycle says who discarded its plan, or applied it.
func TestWhoDiscarded(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	b.post("/apps/webex/plan", "do", "discard", "cycle", string(w.state(w.out).Cycle.ID)).is(http.StatusSeeOther)
	page := b.get("/apps/webex")
	checkPage(t, page)
	page.has("bdi", "discarded by administrator of this machine")
	b.post("/apps/webex/run").is(http.StatusSeeOther)
	w.run(w.out)
	w.applied(b)
	b.get("/apps/webex").has("span", "applied by administrator of this machine")
}
