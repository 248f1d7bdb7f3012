package provision_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/plan"
)

// clearing makes an empty source take values away, as the templates of sources do.
func clearing(w *world) {
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
	w.must(err)
	for i := range j.Rules.Objects[0].Attributes {
		a := &j.Rules.Objects[0].Attributes[i]
		a.Clear = a.Target == "title"
	}
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
}

// TestClearedValueGoes: a value that a source no longer has is taken away where the mapping says so; when many people lose one at
// once, as when a column is missing, those changes wait for a decision.
func TestClearedValueGoes(t *testing.T) {
	w := newWorld(t)
	clearing(w)
	people := func(title func(i int) string) {
		text := "id,userName,displayName,title\n"
		for i := range 40 {
			text += fmt.Sprintf("%d,p%d@acme.example,P%d,%s\n", i, i, i, title(i))
		}
		w.file("people.csv", text)
		w.run(w.in)
	}
	titles := func() (n int) {
		users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Limit: 100})
		w.must(err)
		for _, u := range users {
			if u.Attributes.Text("title") != "" {
				n++
			}
		}
		return n
	}
	people(func(int) string { return "Chief" })
	people(func(i int) string { return strings.Repeat("Chief", min(i, 1)) }) // one cell is blank
	if n := titles(); n != 39 {
		t.Errorf("%d people have a title", n)
	}
	people(func(int) string { return "" })
	if n := titles(); n != 39 {
		t.Errorf("after a column was emptied %d people have a title", n)
	}
	held, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	w.must(err)
	if len(held) != 39 || held[0].Code != lockstep.CodeGuardHeld {
		t.Errorf("%d rows are held", len(held))
	}
}
