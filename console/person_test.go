package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/operate"
)

func TestPerson(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	for _, c := range []struct{ name, verdict, why string }{
		{"ada@acme.example", "In scope", "Why in In scope: assigned through group Everybody"},
		{"eve@acme.example", "Not in scope", "Why out Left out: not assigned"},
	} {
		a := b.get("/people/" + string(w.user(c.name))).is(http.StatusOK)
		panel := a.has("section", "Cisco Webex")
		if !strings.Contains(panel.text, c.verdict) || !strings.Contains(panel.text, c.why) {
			t.Errorf("%s: %q", c.name, panel.text)
		}
		for _, step := range []string{"Import", "Scope", "Match", "Map", "Action"} {
			a.has("strong", step)
		}
		a.has("dd", "People as p") // the source that the person comes from
	}
	b.get("/people/"+string(w.user("ada@acme.example"))).has("summary", "created")
	b.get("/people/" + string(lockstep.NewID[lockstep.UserID]())).is(http.StatusNotFound)
	b.get("/people/x").is(http.StatusNotFound)
}

func TestFindPerson(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	b.get("/people?q=ADA@acme.example").to("/people/" + string(w.user("ada@acme.example")))
	b.get("/people?q="+strings.Repeat("a", 400)).is(http.StatusOK).has("strong", "Nobody is called that")
	b.get("/people?after=x").is(http.StatusBadRequest)
}

// Who is disabled or deleted is found by the state, with a search and without, and leads to the page on which a deletion is taken back.
func TestPeopleByState(t *testing.T) {
	w := newWorld(t, 130).filled()
	b := w.signedIn(w.tenant)
	ada, eve := w.user("ada@acme.example"), w.user("eve@acme.example")
	if err := w.operator.SetActive(t.Context(), operate.Machine(w.tenant), "ada@acme.example", false); err != nil {
		t.Fatal(err)
	}
	if err := w.operator.DeleteUser(t.Context(), operate.Machine(w.tenant), "eve@acme.example", false); err != nil {
		t.Fatal(err)
	}
	listed := func(path string) (ids []string) {
		for path != "" {
			a := b.get(path).is(http.StatusOK)
			for _, e := range a.find("a", "") {
				if id, ok := strings.CutPrefix(e.attr["href"], "/people/"); ok && e.inside("td") {
					ids = append(ids, id)
				}
			}
			path = ""
			if next := a.find("a", "Next page"); len(next) > 0 {
				path = next[0].attr["href"]
			}
		}
		return ids
	}
	for path, want := range map[string]lockstep.UserID{
		"/people?state=disabled": ada, "/people?state=deleted": eve, "/people?state=disabled&q=ad": ada, "/people?state=deleted&q=outside": eve,
	} {
		if got := listed(path); len(got) != 1 || got[0] != string(want) {
			t.Errorf("%s lists %v, not %s", path, got, want)
		}
	}
	everybody, active := listed("/people"), listed("/people?state=active")
	if len(active) != len(everybody)-1 || len(active) < 130 || slices.Contains(active, string(ada)) || slices.Contains(everybody, string(eve)) {
		t.Errorf("%d are active of %d", len(active), len(everybody))
	}
	page := b.get("/people?state=deleted")
	page.link("/people?state=disabled")
	page.has("span", "deleted")
	b.get("/people/"+string(eve)).has("button", "Restore")
	b.get("/people?state=disabled&q=outside").has("strong", "Nobody is called that")
	b.get("/people?state=strange").is(http.StatusBadRequest)
}

func TestJobPeople(t *testing.T) {
	w := newWorld(t, 120).filled()
	b := w.signedIn(w.tenant)
	out := b.get("/apps/webex/people?show=out")
	if rows := out.find("tr", "@"); len(rows) != 1 || !strings.Contains(rows[0].text, "eve@acme.example") || !strings.Contains(rows[0].text, "Left out: not assigned.") {
		t.Errorf("left out: %d rows: %s", len(rows), out.says())
	}
	seen := map[string]bool{}
	path := "/apps/webex/people"
	for path != "" {
		a := b.get(path).is(http.StatusOK)
		for _, e := range a.find("tr", "@") {
			seen[e.text] = true
		}
		path = ""
		if next := a.find("a", "Next page"); len(next) > 0 {
			path = next[0].attr["href"]
		}
	}
	if len(seen) != 124 {
		t.Errorf("the pages have %d people", len(seen))
	}
	b.get("/apps/webex/people?show=odd").is(http.StatusBadRequest)
}
