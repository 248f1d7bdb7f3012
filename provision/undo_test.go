package provision_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/store"
	"lockstep/store/storetest"
)

// undo undoes the newest rows of the app's log of some kinds, and runs what comes of it.
func (w *world) undo(kinds ...rule.Kind) provision.Undone {
	w.Helper()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Kinds: kinds, Newest: true, Limit: 1})
	w.must(err)
	return w.undoRows(rows)
}

func (w *world) undoRows(rows []plan.Action) provision.Undone {
	w.Helper()
	got, err := w.engine.Undo(w.ctx, audit.Actor{Kind: audit.Admin, Name: "Ada"}, w.tenant, w.out, rows)
	w.must(err)
	w.run(w.out)
	return got
}

const undoPeople = `id,userName,displayName,title,active,manager
1,ada@acme.example,Ada,Analyst,true,
2,bo@acme.example,Bo,Clerk,true,1
3,cy@acme.example,Cy,Clerk,true,1
`

// TestUndo: what a row has done is taken back and stays so, whatever is read and planned meanwhile, until something else is to be done
// about the object.
func TestUndo(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { undoes(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { undoes(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func undoes(w *world) {
	w.Helper()
	change := func(text string) {
		w.Helper()
		w.file("people.csv", text)
		w.run(w.in)
		w.run(w.out)
	}
	stays := func(what, want string) {
		w.Helper()
		if got := w.target(); got != want {
			w.Errorf("%s: the organisation has\n%s\nwant\n%s", what, got, want)
		}
		w.everybody()
		if got := w.target(); got != want {
			w.Errorf("%s, and everybody was looked at again: the organisation has\n%s\nwant\n%s", what, got, want)
		}
	}
	w.file("groups.csv", "id,displayName,members\ng1,Staff,1;2\n")
	change(undoPeople)
	first := w.target()

	change(strings.Replace(undoPeople, "Analyst", "Queen", 1))
	if got := w.undo(rule.Update); len(got.Rows) != 1 || len(got.Refuse) != 0 {
		w.Fatalf("undone: %+v", got)
	}
	stays("an update was undone", first)
	change(strings.Replace(undoPeople, "Analyst", "King", 1))
	if got := w.target(); !strings.Contains(got, "title=King") {
		w.Errorf("a new title is not written:\n%s", got)
	}
	change(undoPeople)
	stays("all is as it was", first)

	change(strings.Replace(undoPeople, "Cy,Clerk,true", "Cy,Clerk,false", 1))
	if got := w.target(); got == first {
		w.Fatal("nobody was disabled")
	}
	w.undo(rule.Disable)
	stays("a disable was undone", first)
	change(undoPeople)
	stays("they are back", first)

	change(undoPeople + "4,di@acme.example,Di,Clerk,true,1\n")
	if got := w.target(); !strings.Contains(got, "di@acme.example") {
		w.Fatal("nobody was created")
	}
	w.undo(rule.Create)
	stays("a create was undone", first)
	change(undoPeople)

	w.file("groups.csv", "id,displayName,members\ng1,Staff,1;2;3\n")
	change(undoPeople)
	if got := w.target(); !strings.Contains(got, "group Staff: ada@acme.example bo@acme.example cy@acme.example") {
		w.Fatalf("nobody was added:\n%s", got)
	}
	w.undo(rule.Refer)
	stays("a membership was undone", first)
}

// everybody has the app's job look at everybody again, by the same rules.
func (w *world) everybody() {
	w.Helper()
	jobs := w.db.Provision()
	j, err := jobs.Claim(w.ctx, w.tenant, w.out, w.engine.Now())
	w.must(err)
	j.Cursor = ""
	w.must(jobs.Commit(w.ctx, w.tenant, w.out, j.Epoch, provision.Batch{Job: &j}))
	w.due(w.out)
	if c := w.run(w.out); c.Kind != provision.Initial {
		w.Fatalf("the cycle was %s", c.Kind)
	}
}

// TestUndoRefuses: what something else was done about since, what was not done, and what cannot be taken back stays as it is.
func TestUndoRefuses(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	w.run(w.out)
	w.file("people.csv", strings.Replace(undoPeople, "Analyst", "Queen", 1))
	w.run(w.in)
	w.run(w.out)
	before := w.target()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Kinds: []rule.Kind{rule.Create}, Limit: 100})
	w.must(err)
	for i := range rows {
		if rows[i].Source.Name != "ada@acme.example" {
			rows[i].State = plan.Failed
		}
	}
	got := w.undoRows(rows)
	if len(got.Rows) != 0 || len(got.Refuse) != 3 || got.Cycle != "" {
		t.Errorf("undone: %+v", got)
	}
	if after := w.target(); after != before {
		t.Errorf("the organisation has\n%s\nwant\n%s", after, before)
	}
	if _, err := w.engine.Undo(w.ctx, audit.Actor{}, w.tenant, w.in, nil); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("of a source: %v", err)
	}
}
