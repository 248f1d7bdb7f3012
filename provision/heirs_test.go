package provision_test

import (
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/webexorg"
)

// TestHeirsOfAMatchingValue is for people who were refused because another had their matching value, and who were not looked
// at again when they gave it up.
func TestHeirsOfAMatchingValue(t *testing.T) {
	t.Run("purged and made anew", func(t *testing.T) {
		w := newWorld(t)
		policy := unguarded()
		policy.Everyone = true
		w.assigned(policy)
		old := w.person("ada")
		w.run(w.out)
		w.change(directory.DeleteUser{ID: old, Purge: true})
		w.person("ada")
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		w.consistent()
	})
	t.Run("deleted, then made anew", func(t *testing.T) {
		w := newWorld(t)
		policy := unguarded()
		policy.Everyone, policy.OnLeave = true, rule.LeaveDelete
		w.assigned(policy)
		old := w.group("Team")
		w.run(w.out)
		w.group("team")
		w.run(w.out)
		w.wantTarget("group Team: \n")
		w.change(directory.DeleteGroup{ID: old})
		w.untilDone(w.out)
		w.wantTarget("group team: \n")
		w.consistent()
	})
	t.Run("of somebody who never came", func(t *testing.T) { // a plan with them was discarded, and a whole read does not list them
		w := newWorld(t)
		policy := unguarded()
		policy.Everyone = true
		w.assigned(policy)
		old := w.person("ada")
		w.discardPlan()
		w.change(directory.DeleteUser{ID: old, Purge: true})
		w.person("ada")
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		w.consistent()
		links, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User"})
		w.must(err)
		if len(links) != 1 {
			t.Errorf("%d people are remembered", len(links))
		}
	})
	t.Run("of a name that the target still has", func(t *testing.T) { // whoever has left is not renamed there
		w := newWorld(t)
		policy := unguarded()
		policy.Everyone = true
		w.assigned(policy)
		old := w.person("ada")
		w.run(w.out)
		w.change(directory.DeleteUser{ID: old})
		w.run(w.out)
		w.change(directory.RestoreUser{ID: old})
		w.set(old, "active", false)
		w.called(string(old), "ada.old")
		w.edit(func(j *provision.Job) { // what is known of who is disabled goes on being written: not now
			j.Rules.Objects[0].Flow = "Add,Delete"
		})
		w.untilDone(w.out)
		w.person("ada")
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example inactive\n")
		w.change(directory.DeleteUser{ID: old, Purge: true})
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
	})
	t.Run("of somebody who was renamed and left at once", func(t *testing.T) { // they are deleted with the name that they had
		w := newWorld(t)
		policy := unguarded()
		policy.OnLeave = rule.LeaveDelete
		w.assigned(policy)
		old := w.person("ada")
		given := w.assign(directory.UserKind, string(old))
		w.run(w.out)
		w.change(directory.DeleteAssignment{ID: given})
		w.called(string(old), "ada.old")
		w.assign(directory.UserKind, string(w.person("ada")))
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
	})
	t.Run("after a plan was discarded", func(t *testing.T) { // the target has what was written, not what was planned
		w := newWorld(t)
		policy := unguarded()
		policy.Everyone = true
		w.assigned(policy)
		old := w.person("ada")
		w.run(w.out)
		w.called(string(old), "ada.old")
		w.discardPlan()
		w.person("ada")
		w.untilDone(w.out)
		w.wantTarget("user ada.old@acme.example\nuser ada@acme.example\n")
	})
	late := func(w *world) *scripted { // nobody sees in time who has a name, and whatever does not wait for a deletion comes first
		w.must(w.org.SetKnobs(webexorg.Knobs{LateListing: time.Hour}))
		s := script(w)
		s.apply = func(op connection.Operation) *connection.Result {
			if op.Kind == rule.Delete {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		}
		return s
	}
	failed := func(w *world) {
		w.Helper()
		for _, r := range w.waiting(plan.Failed) {
			w.Errorf("%s %s failed: %s", r.Kind, r.Source.Name, r.Detail)
		}
	}
	// Who leaves is deleted before anybody gets their name, so that nothing fails.
	t.Run("created in one plan", func(t *testing.T) {
		w := newWorld(t)
		policy := unguarded()
		policy.OnLeave = rule.LeaveDelete
		w.assigned(policy)
		late(w)
		old := w.person("ada")
		given := w.assign(directory.UserKind, string(old))
		w.run(w.out)
		w.change(directory.DeleteAssignment{ID: given})
		w.called(string(old), "ada.old")
		w.assign(directory.UserKind, string(w.person("ada")))
		w.run(w.out)
		w.wantTarget("user ada@acme.example\n")
		failed(w)
	})
	t.Run("renamed in one plan", func(t *testing.T) {
		w := newWorld(t)
		w.edit(func(j *provision.Job) { j.Policy.Guard = unguarded().Guard })
		late(w)
		old, other := w.person("ada"), w.person("ben")
		w.run(w.out)
		w.change(directory.DeleteUser{ID: old, Purge: true})
		w.called(string(other), "ada")
		w.person("ben")
		w.run(w.out)
		w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
		failed(w)
	})
}

// discardPlan has a plan made by hand and discards it.
func (w *world) discardPlan() {
	w.Helper()
	w.edit(func(j *provision.Job) { j.Manual, j.NextRun = true, w.engine.Now() })
	c := w.run(w.out)
	if c.Phase != provision.Review {
		w.Fatalf("the plan is in phase %s", c.Phase)
	}
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Discard: true}))
	w.edit(func(j *provision.Job) { j.Manual = false })
}
