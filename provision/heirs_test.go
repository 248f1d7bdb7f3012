package provision_test

import (
	"testing"

	"lockstep/directory"
	"lockstep/rule"
)

// TestHeirsOfAMatchingValue is for people who were refused because another had their matching value, and who were not looked
// at again when he gave it up.
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
}
