package provision_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/undo"
)

// TestNewcomerIsNamedAtOnce: whoever names somebody who is created is written in the same cycle, however long the create takes.
func TestNewcomerIsNamedAtOnce(t *testing.T) {
	w := newWorld(t)
	cleo := w.person("cleo")
	w.run(w.out)
	boss := w.person("boss")
	w.manager(cleo, boss)
	s := script(w)
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind == rule.Create {
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	}
	w.run(w.out)
	w.wantTarget("user boss@acme.example\nuser cleo@acme.example manager=boss@acme.example\n")
}

// TestNobodyIsNamed: a reference whose other end the target refuses waits, nothing is sent for it, and the row says so.
func TestNobodyIsNamed(t *testing.T) {
	w := newWorld(t)
	cleo := w.person("cleo")
	w.run(w.out)
	boss := w.person("boss")
	w.manager(cleo, boss)
	w.group("Team", string(cleo), string(boss))
	s := script(w)
	refuse := true
	s.apply = func(op connection.Operation) *connection.Result {
		if !refuse || op.Name != "boss@acme.example" {
			return nil
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: "no"}, Requests: 1}
	}
	w.run(w.out)
	w.wantTarget("group Team: cleo@acme.example\nuser cleo@acme.example\n")
	for _, op := range s.calls {
		if op.Kind == rule.Refer && len(op.Add)+len(op.Remove) == 0 {
			t.Errorf("sent with nothing in it: %+v", op)
		}
	}
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Kinds: []rule.Kind{rule.Refer, rule.Create}})
	w.must(err)
	said := map[string]string{}
	for _, r := range rows {
		said[string(r.Kind)+" "+r.Source.Name] = string(r.State) + " " + r.Detail
	}
	if got := said["refer cleo@acme.example"]; got != "" && got != "skipped nothing was left to do: no other end of the references is at the target" {
		t.Errorf("cleo: %q", got)
	}
	if got := said["create Team"]; !strings.Contains(got, "1 of 2 references wait") {
		t.Errorf("the team: %q in %v", got, said)
	}
	refuse = false
	c, _ := w.demand(userRef(boss)) // whoever is provisioned at once is named by the next cycle of everybody
	if c.Counts.Created != 1 {
		t.Errorf("%+v", c.Counts)
	}
	w.run(w.out)
	w.wantTarget("group Team: boss@acme.example cleo@acme.example\nuser boss@acme.example\nuser cleo@acme.example manager=boss@acme.example\n")
}

// TestDemandAsksNow: one who is provisioned at once is looked for at the target as it is, and never waits for a read of it. Somebody who is gone
// leaves at once, and an answer that is lost is looked for before the demand ends.
func TestDemandAsksNow(t *testing.T) {
	t.Run("it cannot be searched", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		s := script(w)
		s.find = func([]string) error {
			return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "it takes no filter"}
		}
		c, _ := w.demand(userRef(ada))
		if j := w.job(); j.Request != 0 || s.creates() != 0 || c.Counts.Failed != 1 {
			t.Errorf("read %d was asked for, sent %q, %+v", j.Request, s.sent, c.Counts)
		}
	})
	t.Run("gone", func(t *testing.T) {
		w := newWorld(t)
		w.edit(func(j *provision.Job) { j.Policy.Guard.Off = true })
		ada := w.person("ada")
		w.person("ben")
		w.run(w.out)
		w.change(directory.DeleteUser{ID: ada, Purge: true})
		w.demand(userRef(ada))
		w.wantTarget("user ben@acme.example\n")
	})
	t.Run("an answer is lost, and then it is away", func(t *testing.T) {
		w, s, ada := losing(t, true)
		away := 3
		s.find = func([]string) error {
			if s.creates() > 0 && away > 0 {
				away--
				return &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Detail: "it cannot be reached"}
			}
			return nil
		}
		_, rows := w.demand(userRef(ada))
		if len(rows) != 1 || rows[0].State != plan.Done || s.creates() != 1 {
			t.Errorf("sent %q, %+v", s.sent, rows)
		}
		w.wantTarget("user ada@acme.example\n")
	})
	t.Run("linked by hand to what it is linked to", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		w.run(w.out)
		had := w.linkOf(ada).Target
		_, rows := w.meet(provision.Demand{Cycle: lockstep.NewID[lockstep.CycleID](), Of: userRef(ada), To: had, By: audit.Actor{Kind: audit.Admin, Name: "test"}, At: w.engine.Now()})
		if slices.ContainsFunc(rows, func(a plan.Action) bool { return a.Reason.Rule == provision.Unlinked }) || w.linkOf(ada).Target != had {
			t.Errorf("%+v, linked to %q", rows, w.linkOf(ada).Target)
		}
	})
}

// TestWhatIsGoneIsDeleted: a leaver whose account somebody else has deleted needs no call again, and is no failure. Whoever is still in the source
// keeps a link that says so, and comes back as somebody new.
func TestWhatIsGoneIsDeleted(t *testing.T) {
	w := newWorld(t)
	w.assigned(unguarded())
	w.edit(func(j *provision.Job) { j.Policy.OnLeave = rule.LeaveDelete })
	ada := w.person("ada")
	given := w.assign(directory.UserKind, string(ada))
	w.run(w.out)
	w.deleteAtTarget(w.targetID("ada@acme.example"))
	w.change(directory.DeleteAssignment{ID: given})
	c := w.run(w.out)
	rows := w.rows(ada)
	if row := rows[len(rows)-1]; row.Kind != rule.Delete || row.State != plan.Skipped || row.Code != "" || c.Counts.Failed != 0 || c.Counts.Deleted != 0 || c.Counts.Skipped != 1 {
		t.Errorf("%+v in %+v", row, c.Counts)
	}
	links, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User"})
	w.must(err)
	if len(links) != 1 || links[0].Target != "" || links[0].Verdict.In {
		t.Errorf("%+v", links)
	}
	w.assign(directory.UserKind, string(ada))
	w.run(w.out)
	w.wantTarget("user ada@acme.example\n")
}

// TestRenameThatIsRefused: whoever keeps the old name since the new one is refused still has it, for whoever else wants it.
func TestRenameThatIsRefused(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	w.run(w.out)
	before := w.linkOf(ada)
	s := script(w)
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind != rule.Update {
			return nil
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: "no"}, Requests: 1}
	}
	w.called(string(ada), "queen")
	w.run(w.out)
	if l := w.linkOf(ada); l.Key != before.Key || l.Target != before.Target || l.Code != lockstep.CodeTargetRefused {
		t.Errorf("%+v, and had the key %q", l, before.Key)
	}
}

// TestPlanOfSomebodyWhoIsGone: a plan that creates somebody who was purged since creates nobody.
func TestPlanOfSomebodyWhoIsGone(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	w.person("ben")
	c, rows := w.review()
	if len(rows) != 2 {
		t.Fatalf("%+v", rows)
	}
	w.change(directory.DeleteUser{ID: ada, Purge: true})
	w.apply(c)
	w.wantTarget("user ben@acme.example\n")
	left := w.rows(ada)
	if row := left[len(left)-1]; row.State != plan.LeftOut || row.Code != lockstep.CodePlanStale {
		t.Errorf("%+v", row)
	}
}

// TestTurnEndsWhenItsTimeIsUp: a turn whose time is up hands out no more rows, and the next one does.
func TestTurnEndsWhenItsTimeIsUp(t *testing.T) {
	w := newWorld(t)
	const people = 150
	for i := range people {
		w.person(fmt.Sprintf("p%03d", i))
	}
	w.edit(func(j *provision.Job) { j.Policy.Connections = 1 })
	s := script(w)
	w.engine.SliceFor = 1
	for s.creates() == 0 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
		}
	}
	if n := s.creates(); n == people {
		t.Errorf("one turn has sent %d", n)
	}
	w.untilDone(w.out)
	if n := s.creates(); n != people {
		t.Errorf("sent %d", n)
	}
}

// TestRulesThatChangeAmidAPlan: of a plan that was applied the rest is left out when the rules change before it was carried out.
func TestRulesThatChangeAmidAPlan(t *testing.T) {
	w := newWorld(t)
	const people = 60
	for i := range people {
		w.person(fmt.Sprintf("p%02d", i))
	}
	w.edit(func(j *provision.Job) { j.Policy.Connections = 1 })
	c, _ := w.review()
	s := script(w)
	w.engine.SliceFor = 1
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Apply: true}))
	for s.creates() == 0 {
		_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
	}
	before := s.creates()
	w.edit(func(j *provision.Job) { j.Rules.Objects[0].Attributes[4].Source.Expression = `"Everyman"` })
	w.untilDone(w.out)
	left, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Cycle: c.ID, States: []plan.ActionState{plan.LeftOut}, Limit: people})
	w.must(err)
	if s.creates() != before || len(left) != people-before || left[0].Code != lockstep.CodePlanStale {
		t.Errorf("%d were created before the rules changed and %d after, %d rows are left out", before, s.creates()-before, len(left))
	}
}

// TestUndoWaits: nothing is undone while something else is under way, or by rules by which nobody was looked at.
func TestUndoWaits(t *testing.T) {
	for name, of := range map[string]struct {
		do   func(*world)
		code lockstep.Code
	}{
		"paused": {func(w *world) { w.edit(func(j *provision.Job) { j.State = provision.Paused }) }, lockstep.CodeConflict},
		"a plan waits": {func(w *world) {
			w.person("ben")
			w.review()
		}, lockstep.CodeConflict},
		"other rules": {func(w *world) { w.edit(func(j *provision.Job) { j.Policy.OnLeave = rule.LeaveKeep }) }, lockstep.CodeConflict},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person("ada")
			w.run(w.out)
			rows := w.done(rule.Create, 1)
			of.do(w)
			if _, err := w.undoer().Undo(w.ctx, audit.Actor{}, w.tenant, w.out, undo.TakeBack{Rows: rows, Sure: true}); lockstep.CodeOf(err) != of.code {
				t.Errorf("%v", err)
			}
		})
	}
	w := newWorld(t)
	if _, err := w.undoer().Undo(w.ctx, audit.Actor{}, w.tenant, w.out, undo.TakeBack{Rows: make([]plan.Action, undo.MostUndone+1)}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("too many: %v", err)
	}
}

// opens is a store that counts the rows that are opened.
type opens struct {
	provision.Store
	opened int
}

func (o *opens) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	o.opened += len(b.Opened)
	return o.Store.Commit(ctx, t, job, epoch, b)
}

// TestNeverOpenHere: who is created in our own directory goes from planned to done, in one commit with the person.
func TestNeverOpenHere(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", crowdOf(40))
	w.file("groups.csv", crowdGroups(40, 5))
	o := &opens{Store: w.db.Provision()}
	w.restart(o)
	w.run(w.in)
	w.wantCrowd(40)
	w.wantGroups(40, 5)
	if o.opened > 0 {
		t.Errorf("%d rows were opened", o.opened)
	}
}

// TestGroupRefusedHere: one group whom the directory refuses keeps no other out, nobody is counted twice, and what refers to it waits.
func TestGroupRefusedHere(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", crowdOf(40))
	w.file("groups.csv", crowdGroups(40, 5))
	w.engine.Directory = &hub.Connector{Store: &doors{Store: w.db, left: 2, before: func() error {
		w.change(directory.DeleteUser{ID: w.userID("p8"), Purge: true}) // a member of Group 3
		return nil
	}}}
	c := w.run(w.in)
	if c.Counts.Created != 44 || c.Counts.Failed != 1 {
		t.Errorf("%+v", c.Counts)
	}
	groups, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{})
	w.must(err)
	got := map[string]int{}
	for _, g := range groups {
		members, err := w.db.Members(w.ctx, w.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}})
		w.must(err)
		got[g.Attributes.Text("displayName")] = len(members)
	}
	if want := map[string]int{"Group 0": 8, "Group 1": 9, "Group 2": 9, "Group 4": 8}; !maps.Equal(got, want) {
		t.Errorf("members: %v, want %v", got, want)
	}
}

// TestCommitOfWhichNobodyKnows: when it is not known whether a commit of people was done, nobody is created again before that is.
func TestCommitOfWhichNobodyKnows(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", crowdOf(40))
	w.engine.Directory = &hub.Connector{Store: &doors{Store: w.db, left: 1, after: func() error {
		return &lockstep.Error{Code: lockstep.CodeInternal, Detail: "no answer"}
	}}}
	w.due(w.in)
	var turn provision.Turn
	for turn.Cycle.Code == "" {
		var err error
		turn, err = w.engine.Slice(w.ctx, w.tenant, w.in)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.in)
		} else if !turn.More && turn.Cycle.Code == "" {
			t.Fatalf("it went on as if nothing had been: %+v", turn.Cycle)
		}
	}
	if turn.Cycle.Code != lockstep.CodeInternal || !strings.Contains(turn.Cycle.Detail, "no answer") {
		t.Errorf("the turn came to %q %q", turn.Cycle.Code, turn.Cycle.Detail)
	}
	w.ahead += time.Minute
	w.untilDone(w.in)
	w.wantCrowd(40)
}

// TestNamesAreExchangedHere: two pairs whose user names were exchanged at the source are exchanged in the directory, in one cycle.
func TestNamesAreExchangedHere(t *testing.T) {
	w := newWorld(t)
	file := func(names ...string) {
		text := "id,userName,displayName\n"
		for i, n := range names {
			text += fmt.Sprintf("%d,%s@acme.example,%s\n", i, n, n)
		}
		w.file("people.csv", text)
	}
	file("a", "b", "c", "d", "e")
	w.run(w.in)
	ids := map[string]lockstep.UserID{}
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		ids[n] = w.userID(n)
	}
	file("b", "a", "d", "c", "e")
	c := w.run(w.in)
	if c.Counts.Failed+c.Counts.Held != 0 {
		t.Errorf("%+v", c.Counts)
	}
	for was, is := range map[string]string{"a": "b", "b": "a", "c": "d", "d": "c", "e": "e"} {
		if w.userID(is) != ids[was] {
			t.Errorf("%s is not called %s", was, is)
		}
	}
}

// TestRestoreWaits: drift is not taken back while a cycle is under way.
func TestRestoreWaits(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	w.run(w.out)
	w.deleteAtTarget(w.targetID("ada@acme.example"))
	w.ahead += time.Minute
	w.reread()
	w.person("ben")
	w.review()
	if _, err := w.finder().Restore(w.ctx, w.tenant, w.out, []connection.Ref{userRef(ada)}); lockstep.CodeOf(err) != lockstep.CodeConflict {
		t.Errorf("%v", err)
	}
}
