package provision_test

import (
	"strings"
	"testing"

	"lockstep/plan"
	"lockstep/provision"
)

// TestAllHeld: when the guard holds everything that a cycle has planned, the rows wait for a decision all the same.
func TestAllHeld(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.run(w.in)
	w.file("people.csv", smallPeople[:strings.Index(smallPeople, "1,ada")]+"9,,Nobody,,,,\n") // one whom nothing can match
	if c := w.run(w.in); c.Counts.Held != 3 || c.Phase != provision.Ended {
		t.Fatalf("%+v", c)
	}
	held, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	w.must(err)
	if len(held) != 3 {
		t.Errorf("%d rows wait", len(held))
	}
}
