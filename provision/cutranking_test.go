package provision_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// cut is a store that takes the job away at the first commit of rows that write references: the ranks are stored by then.
type cut struct {
	provision.Store
	done bool
}

func (c *cut) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	if !c.done && slices.ContainsFunc(b.Actions, func(a plan.Action) bool { return a.Kind == rule.Refer }) {
		c.done = true
		return lockstep.ErrEpoch
	}
	return c.Store.Commit(ctx, t, job, epoch, b)
}

// TestCutOffWhileRanking is for a turn that went on with the references of a plan without what waits for a decision: it ended in a
// panic as soon as one of their rows was held.
func TestCutOffWhileRanking(t *testing.T) {
	w := newWorld(t)
	w.run(w.out)
	w.linked(12, 1000, 11)
	w.person("ada")
	store := &cut{Store: w.engine.Store}
	w.engine.Store = store
	if _, err := w.engine.Slice(w.ctx, w.tenant, w.out); !errors.Is(err, lockstep.ErrEpoch) {
		t.Fatalf("the turn was not cut off: %v", err)
	}
	c := w.run(w.out)
	if !store.done || c.Counts.Held != 11 {
		t.Errorf("cut off: %v; %d rows are held", store.done, c.Counts.Held)
	}
}
