package provision_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// set changes attributes of people: id, attribute, value and so on.
func (w *world) set(id lockstep.UserID, pairs ...any) {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}})
	w.must(err)
	u := users[0]
	u.Attributes = u.Attributes.Clone()
	for i := 0; i < len(pairs); i += 2 {
		u.Attributes.Set(pairs[i].(string), pairs[i+1])
	}
	w.change(directory.PutUser{User: u})
}

// waiting returns the rows of the outbound job in the state, by the names of their sources.
func (w *world) waiting(state plan.ActionState) map[string]plan.Action {
	w.Helper()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{state}})
	w.must(err)
	all := map[string]plan.Action{}
	for _, r := range rows {
		if _, two := all[r.Source.Name]; two {
			w.Errorf("two rows of %s are %s", r.Source.Name, state)
		}
		all[r.Source.Name] = r
	}
	return all
}

func (w *world) wantWaiting(names ...string) map[string]plan.Action {
	w.Helper()
	held := w.waiting(plan.Held)
	for _, n := range names {
		if _, ok := held[n]; !ok {
			w.Errorf("%s is not held", n)
		}
	}
	if len(held) != len(names) {
		w.Fatalf("%d rows are held, want %d: %v", len(held), len(names), held)
	}
	return held
}

func (w *world) decide(v provision.Verdict) {
	w.Helper()
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{Kind: audit.Admin, Name: "test"}, w.tenant, w.out, v))
}

// blocked is a world with three people of whom the guard holds two who may not sign in any more.
func blocked(t *testing.T) (w *world, ada, ben lockstep.UserID) {
	w = newWorld(t)
	w.edit(func(j *provision.Job) { j.Policy.Guard = rule.GuardLimit{Count: 1, Percent: 1} })
	ada, ben = w.person("ada"), w.person("ben")
	w.person("cleo")
	w.run(w.out)
	w.set(ada, "active", false)
	w.set(ben, "active", false)
	w.run(w.out)
	return w, ada, ben
}

// TestHeldRowIsWhatIsToBeDone is for rows that waited for a decision with values of the day on which they were held. Whatever would be
// sent is what the row shows, and a row that shows something else than before needs a decision of its own.
func TestHeldRowIsWhatIsToBeDone(t *testing.T) {
	t.Run("another value", func(t *testing.T) {
		w, ada, _ := blocked(t)
		before := w.wantWaiting("ada@acme.example", "ben@acme.example")
		w.set(ada, "displayName", "Ada L.")
		w.untilDone(w.out)
		held := w.waiting(plan.Held)
		if a := held["ada@acme.example"]; a.After.Text("displayName") != "Ada L." || a.ID == before["ada@acme.example"].ID || a.Code != lockstep.CodeGuardHeld {
			t.Errorf("the row is %+v", a)
		}
		if held["ben@acme.example"].ID != before["ben@acme.example"].ID || len(held) != 2 {
			t.Errorf("held: %v", held)
		}
		w.decide(provision.Verdict{Approve: []lockstep.ActionID{held["ada@acme.example"].ID}})
		w.untilDone(w.out)
		w.wantWaiting("ben@acme.example")
		w.wantTarget("user ada@acme.example inactive\nuser ben@acme.example\nuser cleo@acme.example\n")
	})
	t.Run("approved, then another value", func(t *testing.T) {
		w, ada, _ := blocked(t)
		w.decide(provision.Verdict{Approve: []lockstep.ActionID{w.waiting(plan.Held)["ada@acme.example"].ID}})
		w.set(ada, "displayName", "Ada L.")
		w.untilDone(w.out)
		held := w.wantWaiting("ada@acme.example", "ben@acme.example")
		if !held["ada@acme.example"].Decided.At.IsZero() {
			t.Errorf("the approval of another row counts: %+v", held["ada@acme.example"])
		}
		w.wantTarget("user ada@acme.example\nuser ben@acme.example\nuser cleo@acme.example\n")
	})
	t.Run("another value that changes nothing", func(t *testing.T) {
		w, ada, _ := blocked(t)
		before := w.wantWaiting("ada@acme.example", "ben@acme.example")
		w.set(ada, "nickName", "A") // no mapping reads it
		w.untilDone(w.out)
		if held := w.wantWaiting("ada@acme.example", "ben@acme.example"); held["ada@acme.example"].ID != before["ada@acme.example"].ID {
			t.Error("the row is another one")
		}
	})
	t.Run("nothing is to be done", func(t *testing.T) {
		w, ada, ben := blocked(t)
		w.set(ada, "active", true)
		w.set(ben, "active", true)
		w.untilDone(w.out)
		w.wantWaiting()
	})
	t.Run("approved, then rejected", func(t *testing.T) {
		w, _, _ := blocked(t)
		id := w.waiting(plan.Held)["ada@acme.example"].ID
		w.decide(provision.Verdict{Approve: []lockstep.ActionID{id}})
		w.decide(provision.Verdict{Reject: []lockstep.ActionID{id}})
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\nuser ben@acme.example\nuser cleo@acme.example\n")
	})
}

// TestApprovedAmidACycle: a row that is approved while its cycle still applies is not sent when its object has changed since.
func TestApprovedAmidACycle(t *testing.T) {
	w := newWorld(t)
	w.edit(func(j *provision.Job) { j.Policy.Guard = rule.GuardLimit{Count: 1, Percent: 1} })
	ada, ben, cleo := w.person("ada"), w.person("ben"), w.person("cleo")
	w.run(w.out)
	s := script(w)
	w.set(ada, "active", false)
	w.set(ben, "active", false)
	w.set(cleo, "displayName", "Cleo R.")
	s.apply = func(op connection.Operation) *connection.Result { // the cycle stands still for a while
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeBlocked, Detail: "not now"}}
	}
	turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
	w.must(err)
	if turn.Cycle.Phase != provision.Applying {
		t.Fatalf("the cycle is in phase %s", turn.Cycle.Phase)
	}
	s.apply = nil
	held := w.wantWaiting("ada@acme.example", "ben@acme.example")
	w.set(ada, "displayName", "Ada L.")
	w.decide(provision.Verdict{Approve: []lockstep.ActionID{held["ada@acme.example"].ID, held["ben@acme.example"].ID}})
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example\nuser ben@acme.example inactive\nuser cleo@acme.example\n")
	w.wantWaiting("ada@acme.example")
}

// TestHeldRemovals: the same for members that are to be taken out of a group.
func TestHeldRemovals(t *testing.T) {
	start := func(t *testing.T) (w *world, team lockstep.GroupID, people []string) {
		w = newWorld(t)
		w.edit(func(j *provision.Job) { j.Policy.Guard = rule.GuardLimit{Count: 1, Percent: 1} })
		for _, n := range []string{"ada", "ben", "cleo", "dan"} {
			people = append(people, string(w.person(n)))
		}
		team = w.group("Team", people...)
		w.run(w.out)
		w.leave(team, people[:2]...)
		w.run(w.out)
		w.wantWaiting("Team")
		return w, team, people
	}
	const all, two = "ada@acme.example ben@acme.example cleo@acme.example dan@acme.example", "cleo@acme.example dan@acme.example"
	members := func(w *world, want string) {
		w.Helper()
		if got := w.target(); !strings.HasPrefix(got, "group Team: "+want+"\n") {
			w.Errorf("the organisation has\n%s\nwant %s in the team", got, want)
		}
	}
	t.Run("approved", func(t *testing.T) {
		w, _, _ := start(t)
		w.decide(provision.Verdict{Approve: []lockstep.ActionID{w.waiting(plan.Held)["Team"].ID}})
		w.untilDone(w.out)
		w.wantWaiting()
		members(w, two)
	})
	t.Run("needless", func(t *testing.T) {
		w, team, people := start(t)
		w.join(team, directory.UserKind, people[:2]...)
		w.untilDone(w.out)
		w.wantWaiting()
		members(w, all)
	})
	t.Run("fewer", func(t *testing.T) {
		w, team, people := start(t)
		w.join(team, directory.UserKind, people[0])
		w.untilDone(w.out)
		row := w.wantWaiting("Team")["Team"]
		if len(row.References) != 1 || row.References[0].To.ID != people[1] {
			t.Errorf("held: %v", row.References)
		}
		members(w, all)
		w.decide(provision.Verdict{Approve: []lockstep.ActionID{row.ID}})
		w.untilDone(w.out)
		members(w, "ada@acme.example "+two)
	})
	t.Run("the group has gone", func(t *testing.T) {
		w, team, _ := start(t)
		w.change(directory.DeleteGroup{ID: team})
		w.untilDone(w.out)
		w.wantWaiting()
	})
	t.Run("groups are not brought any more", func(t *testing.T) {
		w, _, _ := start(t)
		w.edit(func(j *provision.Job) { j.Policy.Groups = false })
		w.untilDone(w.out)
		w.wantWaiting()
	})
}

// leave takes people out of a group of the directory.
func (w *world) leave(team lockstep.GroupID, people ...string) {
	w.Helper()
	for _, p := range people {
		w.change(directory.RemoveMembers{Group: team, Members: []directory.Member{{Kind: directory.UserKind, ID: p}}})
	}
}

// exchanging is a world with two people who have exchanged their names and are held.
func exchanging(t *testing.T, unique bool) (w *world, s *scripted, a, b lockstep.UserID) {
	w = newWorld(t)
	a, b = w.person("a"), w.person("b")
	w.person("c")
	w.run(w.out)
	s = script(w)
	if unique {
		s.uniqueNames()
	}
	w.called(string(a), "tmp")
	w.called(string(b), "a")
	w.called(string(a), "b")
	w.untilDone(w.out)
	w.wantWaiting("a@acme.example", "b@acme.example")
	return w, s, a, b
}

// TestCircleThatEnds is for people who were held because they exchanged names, and stayed so for ever when one of them got another
// name, left, or was decided on.
func TestCircleThatEnds(t *testing.T) {
	none := func(w *world, state plan.ActionState) {
		w.Helper()
		if rows := w.waiting(state); len(rows) > 0 {
			w.Errorf("%s: %v", state, rows)
		}
	}
	t.Run("another name", func(t *testing.T) {
		w, s, a, _ := exchanging(t, true)
		w.called(string(a), "x")
		w.untilDone(w.out)
		w.wantWaiting()
		w.wantTarget("user a@acme.example\nuser c@acme.example\nuser x@acme.example\n")
		if none(w, plan.Failed); len(s.sent) != 2 {
			t.Errorf("sent: %q", s.sent)
		}
	})
	t.Run("the old name", func(t *testing.T) {
		w, _, a, b := exchanging(t, true)
		w.called(string(b), "y")
		w.called(string(a), "a")
		w.called(string(b), "b")
		w.untilDone(w.out)
		w.wantWaiting()
		w.wantTarget("user a@acme.example\nuser b@acme.example\nuser c@acme.example\n")
	})
	t.Run("one leaves for good", func(t *testing.T) {
		w, _, a, _ := exchanging(t, true)
		w.change(directory.DeleteUser{ID: a, Purge: true})
		w.untilDone(w.out)
		w.wantWaiting()
		none(w, plan.Failed)
		w.wantTarget("user a@acme.example\nuser c@acme.example\n")
	})
	t.Run("a third joins", func(t *testing.T) {
		w, _, a, _ := exchanging(t, true)
		c := w.user("c")
		w.called(string(a), "z")
		w.called(string(c), "b")
		w.called(string(a), "c")
		w.untilDone(w.out)
		held := w.wantWaiting("a@acme.example", "b@acme.example", "c@acme.example")
		for _, r := range held {
			if !strings.HasPrefix(r.Detail, "3 of") {
				t.Errorf("%s: %s", r.Source.Name, r.Detail)
			}
		}
		w.called(string(c), "d")
		w.untilDone(w.out)
		w.wantWaiting()
		w.wantTarget("user a@acme.example\nuser c@acme.example\nuser d@acme.example\n")
	})
	t.Run("approved where names are not unique", func(t *testing.T) {
		w, s, _, _ := exchanging(t, false)
		s.apply = func(op connection.Operation) *connection.Result { // it takes whatever it is told
			s.taken(op)
			return &connection.Result{ID: op.Ref.ID, Requests: 1}
		}
		held := w.waiting(plan.Held)
		w.decide(provision.Verdict{Approve: []lockstep.ActionID{held["a@acme.example"].ID}})
		w.untilDone(w.out)
		w.wantWaiting()
		if want := []string{"a@acme.example", "b@acme.example"}; !slices.Equal(s.names(), want) {
			t.Errorf("written: %q", s.names())
		}
	})
	t.Run("rejected", func(t *testing.T) {
		w, _, _, _ := exchanging(t, true)
		held := w.waiting(plan.Held)
		w.decide(provision.Verdict{Reject: []lockstep.ActionID{held["a@acme.example"].ID}})
		w.run(w.out)
		w.wantWaiting() // whoever wanted the name is told that it is taken
		if failed := w.waiting(plan.Failed); failed["b@acme.example"].Code != lockstep.CodeTargetConflict {
			t.Errorf("failed: %v", failed)
		}
	})
}

// taken notes the user name that a call writes.
func (s *scripted) taken(op connection.Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = append(s.found, op.After.Text("userName"))
}

func (s *scripted) names() []string {
	names := slices.DeleteFunc(slices.Clone(s.found), func(n string) bool { return strings.HasPrefix(n, "[") })
	slices.Sort(names)
	return names
}

// user returns the id of who has a user name.
func (w *world) user(name string) lockstep.UserID {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name + "@acme.example"}})
	w.must(err)
	return users[0].ID
}

// TestPlanByHandWhoseRulesHaveChanged is for a cycle that planned references and left them out, for ever, since the rules had changed.
func TestPlanByHandWhoseRulesHaveChanged(t *testing.T) {
	w := newWorld(t)
	ada, boss := w.person("ada"), w.person("boss")
	w.run(w.out)
	s := script(w)
	w.engine.SliceFor = 200 * time.Millisecond
	w.manager(ada, boss)
	s.apply = func(connection.Operation) *connection.Result {
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeBlocked, Detail: "not now"}}
	}
	turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
	w.must(err)
	if turn.Cycle.Phase != provision.Applying {
		t.Fatalf("the cycle is in phase %s", turn.Cycle.Phase)
	}
	s.apply = nil
	w.edit(func(j *provision.Job) { j.Manual, j.Policy.Nested = true, true })
	if turn, err = w.engine.Slice(w.ctx, w.tenant, w.out); err != nil || turn.Cycle.Phase != provision.Ended {
		t.Errorf("the cycle is in phase %s, %v", turn.Cycle.Phase, err)
	}
	w.edit(func(j *provision.Job) { j.Manual = false })
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example manager=boss@acme.example\nuser boss@acme.example\n")
}

// TestRejected is for changes that were carried out although somebody had rejected them: by the next plan of everybody, with the next change
// of the object, or, of members, by the very next cycle. What is the same stays rejected; something else needs a decision.
func TestRejected(t *testing.T) {
	rejected := func(t *testing.T) (*world, lockstep.UserID) {
		w, ada, _ := blocked(t)
		held := w.waiting(plan.Held)
		w.decide(provision.Verdict{Reject: []lockstep.ActionID{held["ada@acme.example"].ID}, Approve: []lockstep.ActionID{held["ben@acme.example"].ID}})
		w.untilDone(w.out)
		w.wantWaiting()
		return w, ada
	}
	const want = "user ada@acme.example\nuser ben@acme.example inactive\nuser cleo@acme.example\n"
	t.Run("the same", func(t *testing.T) {
		w, ada := rejected(t)
		w.set(ada, "nickName", "A")
		w.untilDone(w.out)
		w.wantWaiting()
		w.wantTarget(want)
	})
	t.Run("another value", func(t *testing.T) {
		w, ada := rejected(t)
		w.set(ada, "displayName", "Ada L.")
		w.untilDone(w.out)
		w.wantWaiting("ada@acme.example")
		w.wantTarget(want)
	})
	t.Run("other rules", func(t *testing.T) {
		w, _ := rejected(t)
		w.edit(func(j *provision.Job) { j.Policy.Nested = true })
		w.untilDone(w.out)
		w.wantWaiting("ada@acme.example")
		w.wantTarget(want)
	})
	t.Run("members", func(t *testing.T) {
		w := newWorld(t)
		w.edit(func(j *provision.Job) { j.Policy.Guard = rule.GuardLimit{Count: 1, Percent: 1} })
		people := []string{string(w.person("ada")), string(w.person("ben")), string(w.person("cleo"))}
		team := w.group("Team", people...)
		w.run(w.out)
		w.leave(team, people[:2]...)
		w.run(w.out)
		w.decide(provision.Verdict{Reject: []lockstep.ActionID{w.wantWaiting("Team")["Team"].ID}})
		w.untilDone(w.out)
		w.wantWaiting()
		w.person("dan")
		w.untilDone(w.out)
		w.wantWaiting()
		w.join(team, directory.UserKind, people[0]) // now one is to be removed
		w.untilDone(w.out)
		if row := w.wantWaiting("Team")["Team"]; len(row.References) != 1 || row.References[0].To.ID != people[1] {
			t.Errorf("held: %v", row.References)
		}
		if got := w.target(); !strings.HasPrefix(got, "group Team: ada@acme.example ben@acme.example cleo@acme.example\n") {
			t.Errorf("the organisation has\n%s", got)
		}
	})
}
