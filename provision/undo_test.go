package provision_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/undo"
)

// undo undoes the newest rows of the app's log of some kinds, and runs what comes of it.
func (w *world) undo(kinds ...rule.Kind) undo.Undone {
	w.Helper()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Kinds: kinds, Newest: true, Limit: 1})
	w.must(err)
	return w.undoRows(rows)
}

func (w *world) undoRows(rows []plan.Action) undo.Undone {
	w.Helper()
	look := w.takeBack(undo.TakeBack{Rows: rows, Look: true})
	got := w.takeBack(undo.TakeBack{Rows: rows, Shown: look.Digest, Sure: true})
	if got.Digest != look.Digest || len(got.Rows) != len(look.Rows) || look.Cycle != "" {
		w.Errorf("shown was %+v, done is %+v", look, got)
	}
	w.run(w.out)
	return got
}

func (w *world) undoer() *undo.Undoer { return &undo.Undoer{Engine: w.engine} }

func (w *world) takeBack(what undo.TakeBack) undo.Undone {
	w.Helper()
	got, err := w.undoer().Undo(w.ctx, audit.Actor{Kind: audit.Admin, Name: "Ada"}, w.tenant, w.out, what)
	w.must(err)
	return got
}

// done returns the newest rows of the app's log of one kind that were done.
func (w *world) done(kind rule.Kind, limit int) []plan.Action {
	w.Helper()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Kinds: []rule.Kind{kind}, Newest: true, Limit: limit})
	w.must(err)
	return rows
}

// policy changes the app's policy, and has everybody looked at by it.
func (w *world) policy(change func(*provision.Policy)) {
	w.Helper()
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	change(&j.Policy)
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	w.run(w.out)
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
	off := strings.Replace(first, "group Staff", "user di@acme.example inactive title=Clerk manager=ada@acme.example\ngroup Staff", 1)
	off = sortedLines(off)
	stays("a create was undone, where leavers are disabled", off)
	w.undo(rule.Disable)
	if got, want := w.target(), strings.Replace(off, " inactive", "", 1); got != want {
		w.Errorf("the undo was undone: the organisation has\n%s\nwant\n%s", got, want)
	}
	w.undo(rule.Update)
	stays("the undo of the undo was undone", off)
	change(undoPeople + "4,di@acme.example,Di,Boss,true,1\n")
	if got := w.target(); !strings.Contains(got, "user di@acme.example title=Boss") {
		w.Errorf("who has changed is not enabled:\n%s", got)
	}

	w.policy(func(p *provision.Policy) { p.OnLeave = rule.LeaveDelete })
	change(undoPeople)
	first = strings.Replace(off, "di@acme.example inactive title=Clerk", "di@acme.example inactive title=Boss", 1)
	stays("an undo of before does not keep anybody who leaves", first)
	change(undoPeople + "5,ed@acme.example,Ed,Clerk,true,1\n")
	if got := w.target(); !strings.Contains(got, "ed@acme.example") {
		w.Fatal("nobody was created")
	}
	w.undo(rule.Create)
	stays("a create was undone, where leavers are deleted", first)
	change(undoPeople)
	stays("who was taken back has left", first)

	w.file("groups.csv", "id,displayName,members\ng1,Staff,1;2;3\n")
	change(undoPeople)
	if got := w.target(); !strings.Contains(got, "group Staff: ada@acme.example bo@acme.example cy@acme.example") {
		w.Fatalf("nobody was added:\n%s", got)
	}
	w.undo(rule.Refer)
	stays("a membership was undone", first)

	w.file("groups.csv", "id,displayName,members\ng1,Staff,1;2;3\ng2,Board,1;2\n")
	change(undoPeople)
	if got := w.target(); !strings.Contains(got, "group Board: ada@acme.example bo@acme.example") {
		w.Fatalf("no group was created:\n%s", got)
	}
	w.undo(rule.Create)
	stays("the create of a group was undone", first)
}

func sortedLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// TestUndoLink: what an account had before it was taken over is written again.
func TestUndoLink(t *testing.T) {
	w := newWorld(t)
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	var there scim.Object
	there.Set("userName", "ada@acme.example")
	there.Set("title", "Founder")
	there.Set("active", true)
	w.must(target.Apply(w.ctx, []connection.Operation{{Kind: rule.Create, Ref: connection.Ref{Type: "User"}, After: there}})[0].Err)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	w.run(w.out)
	if got := w.target(); !strings.Contains(got, "user ada@acme.example title=Analyst") {
		t.Fatalf("the organisation has\n%s", got)
	}
	got := w.undoRows(w.done(rule.Link, 1))
	if len(got.Rows) != 1 || got.Rows[0].Kind != rule.Update {
		t.Fatalf("undone: %+v", got)
	}
	for range 2 {
		if got := w.target(); !strings.Contains(got, "user ada@acme.example title=Founder") {
			t.Errorf("the organisation has\n%s", got)
		}
		w.everybody()
	}
}

// TestUndoIsGuarded: to take back more accounts than the guard lets go needs somebody who is sure, and what is not as it was shown is not
// done.
func TestUndoIsGuarded(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	w.run(w.out)
	before := w.target()
	rows := w.done(rule.Create, 100)
	look := w.takeBack(undo.TakeBack{Rows: rows, Look: true})
	if len(look.Rows) != 3 || !slices.Equal(look.Harms, []rule.Harm{rule.UserDisable}) {
		t.Errorf("the look: %+v", look)
	}
	for _, c := range []struct {
		what undo.TakeBack
		want lockstep.Code
	}{
		{undo.TakeBack{Rows: rows, Shown: look.Digest}, lockstep.CodeGuardHeld},
		{undo.TakeBack{Rows: rows[:1], Shown: look.Digest, Sure: true}, lockstep.CodePlanStale},
	} {
		_, err := w.undoer().Undo(w.ctx, audit.Actor{}, w.tenant, w.out, c.what)
		if lockstep.CodeOf(err) != c.want {
			t.Errorf("%+v: %v, want %s", c.what, err, c.want)
		}
	}
	w.run(w.out)
	if got := w.target(); got != before {
		t.Errorf("the organisation has\n%s\nwant\n%s", got, before)
	}
	w.undoRows(rows)
	if got := w.target(); strings.Count(got, " inactive") != 3 {
		t.Errorf("the organisation has\n%s", got)
	}
}

// everybody has the app's job look at everybody again, by the same rules.
func (w *world) everybody() {
	w.Helper()
	jobs := w.db.Provision()
	j, err := jobs.Claim(w.ctx, w.tenant, w.out, 0)
	w.must(err)
	j.Cursor = ""
	w.must(jobs.Commit(w.ctx, w.tenant, w.out, j.Epoch, provision.Batch{Job: &j}))
	w.due(w.out)
	if c := w.run(w.out); c.Kind != provision.Initial {
		w.Fatalf("the cycle was %s", c.Kind)
	}
}

// TestUndoRefuses: what something else was done about since, what was not done, and what cannot be taken back stays as it is, and is
// named with a code.
func TestUndoRefuses(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	w.run(w.out)
	w.file("people.csv", strings.Replace(undoPeople, "Analyst", "Queen", 1))
	w.run(w.in)
	w.run(w.out)
	before := w.target()
	refused := func(what string, rows []plan.Action, want ...lockstep.Code) {
		t.Helper()
		got := w.undoRows(rows)
		var codes []lockstep.Code
		for _, r := range got.Refuse {
			codes = append(codes, r.Code)
		}
		if !slices.Equal(codes, want) || len(got.Rows) != 0 || got.Cycle != "" {
			t.Errorf("%s: %v, want %v: %+v", what, codes, want, got)
		}
		if after := w.target(); after != before {
			t.Errorf("%s: the organisation has\n%s\nwant\n%s", what, after, before)
		}
	}
	for _, r := range w.done(rule.Create, 100) {
		if r.Source.Name == "ada@acme.example" {
			refused("updated since", []plan.Action{r}, lockstep.CodeUndoSince)
			continue
		}
		r.State = plan.Failed
		refused("not done", []plan.Action{r}, lockstep.CodeUndoNotDone)
	}
	update := w.done(rule.Update, 1)
	update[0].Target.ID = "another"
	refused("another account", update, lockstep.CodeUndoOther)

	w.policy(func(p *provision.Policy) { p.OnLeave = rule.LeaveKeep })
	var bo []plan.Action
	for _, r := range w.done(rule.Create, 100) {
		if r.Source.Name == "bo@acme.example" {
			bo = append(bo, r)
		}
	}
	refused("leavers are kept", bo, lockstep.CodeUndoPolicy)

	w.policy(func(p *provision.Policy) { p.OnLeave, p.Guard.Off = rule.LeaveDelete, true })
	w.policy(func(p *provision.Policy) { p.Everyone = false })
	before = w.target()
	refused("a delete", w.done(rule.Delete, 1), lockstep.CodeUndoFinal)
	if _, err := w.undoer().Undo(w.ctx, audit.Actor{}, w.tenant, w.in, undo.TakeBack{}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("of a source: %v", err)
	}
}

// TestUndoClears: to take back what brought everybody a value takes it from everybody, which the guard counts, too.
func TestUndoClears(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", strings.NewReplacer("Analyst", "", "Clerk", "").Replace(undoPeople))
	w.run(w.in)
	w.run(w.out)
	first := w.target()
	w.file("people.csv", undoPeople)
	w.run(w.in)
	w.run(w.out)
	rows := w.done(rule.Update, 100)
	if look := w.takeBack(undo.TakeBack{Rows: rows, Look: true}); len(look.Rows) != 3 || !slices.Equal(look.Harms, []rule.Harm{rule.Clear}) {
		t.Errorf("the look: %+v", look)
	}
	w.undoRows(rows)
	if got := w.target(); got != first {
		t.Errorf("the organisation has\n%s\nwant\n%s", got, first)
	}
}

// counted is a store that counts how often it is asked.
type counted struct {
	provision.Store
	links, rows, newest int
}

func (c *counted) Links(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.LinkQuery) ([]plan.Link, error) {
	c.links++
	return c.Store.Links(ctx, t, job, q)
}

func (c *counted) Actions(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.ActionQuery) ([]plan.Action, error) {
	c.rows++
	return c.Store.Actions(ctx, t, job, q)
}

func (c *counted) NewestOf(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, kinds []rule.Kind, of []connection.Ref) (map[connection.Ref]lockstep.ActionID, error) {
	c.newest++
	return c.Store.NewestOf(ctx, t, job, kinds, of)
}

// TestUndoAsksTogether: of the rows of a large cycle it is asked together what has become of what they were about, and each has the answer of its own.
func TestUndoAsksTogether(t *testing.T) {
	w := newWorld(t)
	var people strings.Builder
	people.WriteString("id,userName,displayName,title\n")
	for i := range 120 {
		fmt.Fprintf(&people, "%d,u%d@acme.example,U,Clerk\n", i, i)
	}
	w.file("people.csv", people.String())
	w.run(w.in)
	w.run(w.out)
	rows := w.done(rule.Create, 1000)
	w.file("people.csv", strings.Replace(people.String(), "7,u7@acme.example,U,Clerk", "7,u7@acme.example,U,Boss", 1))
	w.run(w.in)
	w.run(w.out)
	c := &counted{Store: w.engine.Store}
	w.engine.Store = c
	got := w.takeBack(undo.TakeBack{Rows: rows, Look: true})
	if len(rows) != 120 || len(got.Rows) != 119 || len(got.Refuse) != 1 || got.Refuse[0].Row.Source.Name != "u7@acme.example" || got.Refuse[0].Code != lockstep.CodeUndoSince {
		t.Errorf("of %d rows %d are taken back, and not %+v", len(rows), len(got.Rows), got.Refuse)
	}
	if c.links+c.rows+c.newest > 6 {
		t.Errorf("asked %d times for links, %d for rows, %d for the newest", c.links, c.rows, c.newest)
	}
	for _, r := range got.Rows {
		if r.Kind != rule.Disable || r.Source.Ref != rows[slices.IndexFunc(rows, func(a plan.Action) bool { return a.ID == r.Undoes })].Source.Ref {
			t.Errorf("%+v", r)
		}
	}
}
