package provision_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// called gives people of the directory other user names, all in one change.
func (w *world) called(names ...string) {
	w.Helper()
	var changes []directory.Change
	for i := 0; i < len(names); i += 2 {
		users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{IDs: []lockstep.UserID{lockstep.UserID(names[i])}})
		w.must(err)
		u := users[0]
		u.Attributes = u.Attributes.Clone()
		u.Attributes.Set("userName", names[i+1]+"@acme.example")
		changes = append(changes, directory.PutUser{User: u})
	}
	w.change(changes...)
}

// uniqueNames makes the target refuse a user name that somebody has, as nearly all do.
func (s *scripted) uniqueNames() {
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind != rule.Update && op.Kind != rule.Create || op.Ref.Type != "User" {
			return nil
		}
		found, err := s.Target.Find(s.ctx, "User", "userName", op.After.Text("userName"))
		s.must(err)
		for _, o := range found {
			if o.ID != op.Ref.ID {
				return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: "taken"}, Requests: 1}
			}
		}
		return nil
	}
}

// TestNameIsHandedOn: whoever gives up a name is written before whoever takes it, in one cycle and without an error, however long
// the chain is, and a newcomer gets a name that is given up in the next.
func TestNameIsHandedOn(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.person("a"), w.person("b"), w.person("c")
	w.run(w.out)
	s := script(w)
	s.uniqueNames()
	w.called(string(c), "x")
	w.called(string(b), "c")
	w.called(string(a), "b")
	w.person("a")
	w.untilDone(w.out)
	w.wantTarget("user a@acme.example\nuser b@acme.example\nuser c@acme.example\nuser x@acme.example\n")
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Failed}})
	w.must(err)
	if len(rows) != 0 {
		t.Errorf("failed: %+v", rows)
	}
	if n := strings.Count(strings.Join(s.sent, " "), "update"); n != 3 {
		t.Errorf("sent %q", s.sent)
	}
}

// TestCircleIsHeld: people who exchange names cannot be written one after the other: they are held, together, and the plan says why.
func TestCircleIsHeld(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.person("a"), w.person("b"), w.person("c")
	w.run(w.out)
	s := script(w)
	s.uniqueNames()
	w.called(string(a), "tmp")
	w.called(string(b), "a")
	w.called(string(a), "b")
	w.called(string(c), "d")
	w.run(w.out)
	w.wantTarget("user a@acme.example\nuser b@acme.example\nuser d@acme.example\n")
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	w.must(err)
	if len(rows) != 2 || rows[0].Code != lockstep.CodeUniqueCircle || !strings.Contains(rows[0].Detail, "exchange") {
		t.Errorf("held: %+v", rows)
	}
}

// TestDisableWaitsForNoName is for leavers who stayed enabled because they had been renamed at the same time, to a name that was in use
// at the target: they are disabled at once, and get the name when it is free.
func TestDisableWaitsForNoName(t *testing.T) {
	w := newWorld(t)
	a, b := w.person("a"), w.person("b")
	w.person("c")
	w.run(w.out)
	s := script(w)
	s.uniqueNames()
	w.called(string(a), "tmp")
	w.called(string(b), "a")
	w.called(string(a), "b")
	w.set(a, "active", false)
	w.run(w.out)
	for _, r := range w.waiting(plan.Failed) {
		if r.Kind == rule.Disable {
			t.Errorf("%s is not disabled: %s", r.Source.Name, r.Detail)
		}
	}
	w.wantTarget("user a@acme.example inactive\nuser b@acme.example\nuser c@acme.example\n")
}

// TestWhoWasDisabledGivesUpTheName is for people who could not come to the target since the account of somebody who had left had a name
// there that they had given up.
func TestWhoWasDisabledGivesUpTheName(t *testing.T) {
	w := newWorld(t)
	w.assigned(unguarded())
	a, b := w.person("a"), w.person("b")
	w.assign(directory.UserKind, string(b))
	given := w.assign(directory.UserKind, string(a))
	w.set(a, "title", "Chief")
	w.run(w.out)
	s := script(w)
	s.uniqueNames()
	w.change(directory.DeleteAssignment{ID: given})
	w.set(a, "title", "Secret")
	w.called(string(a), "z")
	w.called(string(b), "a")
	w.untilDone(w.out)
	w.assign(directory.UserKind, string(w.person("b")))
	w.untilDone(w.out)
	w.wantTarget("user a@acme.example\nuser b@acme.example\nuser z@acme.example inactive title=Secret\n")
	w.set(a, "title", "More Secret")
	w.called(string(a), "y")
	w.untilDone(w.out)
	w.wantTarget("user a@acme.example\nuser b@acme.example\nuser y@acme.example inactive title=Secret\n")
}

// TestDeletedGivesUpTheName: the same for somebody who was renamed and deleted at once; their name may be somebody else's by then.
func TestDeletedGivesUpTheName(t *testing.T) {
	w := newWorld(t)
	w.edit(func(j *provision.Job) { j.Policy.Guard = unguarded().Guard })
	a, b := w.person("a"), w.person("b")
	w.run(w.out)
	s := script(w)
	s.uniqueNames()
	w.called(string(a), "z")
	w.change(directory.DeleteUser{ID: a})
	w.called(string(b), "a")
	w.untilDone(w.out)
	w.wantTarget("user a@acme.example\nuser z@acme.example inactive\n")
	w.called(string(b), "y")
	w.change(directory.DeleteUser{ID: b})
	w.person("y")
	w.untilDone(w.out) // b keeps the old name: the new one is another's
	w.wantTarget("user a@acme.example inactive\nuser y@acme.example\nuser z@acme.example inactive\n")
	for _, r := range w.waiting(plan.Failed) {
		if r.Kind == rule.Update && r.Source.ID == string(b) && r.Reason.Rule == "renamed, and still disabled" {
			t.Errorf("%s takes a name that is another's: %s", r.Source.Name, r.Detail)
		}
	}
	w.change(directory.DeleteUser{ID: w.user("y"), Purge: true})
	w.untilDone(w.out)
	w.wantTarget("user y@acme.example inactive\nuser z@acme.example inactive\n")
	w.consistent()
}

// TestCreateNamesNoLeaver is for people who were refused since they came with a reference to a manager whom the same plan deleted.
func TestCreateNamesNoLeaver(t *testing.T) {
	w := newWorld(t)
	policy := unguarded()
	policy.OnLeave = rule.LeaveDelete
	w.assigned(policy)
	boss := w.person("boss")
	given := w.assign(directory.UserKind, string(boss))
	w.run(w.out)
	ada := w.person("ada")
	w.manager(ada, boss)
	w.change(directory.DeleteAssignment{ID: given})
	w.assign(directory.UserKind, string(ada))
	s := script(w)
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example\n")
	for _, op := range s.calls {
		if op.Kind == rule.Create && len(op.Add) > 0 {
			t.Errorf("the create refers to %v", op.Add)
		}
	}
}
