package console_test

import (
	"net/http"
	"strings"
	"testing"

	"lockstep"
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
