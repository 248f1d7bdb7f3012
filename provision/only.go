package provision

import (
	"cmp"
	"context"
	"slices"

	"lockstep/plan"
)

// Of a plan that waits for review the rows of one object can be carried out before the others, to see whether the application takes them.
// The cycle goes on with Of set, and waits for review again when nothing of the object is planned or open any more.

// rowsOfOne is how many of an object's newest rows are looked at: those of the open cycle are among the first.
const rowsOfOne = 200

// planned returns the next rows to be carried out, in order.
func (a *applier) planned(ctx context.Context, limit int) ([]plan.Action, error) {
	q := plan.ActionQuery{Cycle: a.cycle.ID, States: []plan.ActionState{plan.Planned}, Most: loadReferences, Limit: limit}
	if !a.cycle.Only() {
		return a.Store.Actions(ctx, a.job.Tenant, a.job.ID, q)
	}
	rows, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, plan.ActionQuery{Source: a.cycle.Of, Newest: true, Limit: rowsOfOne})
	rows = slices.DeleteFunc(rows, func(row plan.Action) bool { return row.Cycle != a.cycle.ID || row.State != plan.Planned })
	slices.SortFunc(rows, func(x, y plan.Action) int {
		return cmp.Or(cmp.Compare(x.Lane, y.Lane), cmp.Compare(x.Rank, y.Rank), cmp.Compare(x.ID, y.ID))
	})
	return rows[:min(len(rows), limit)], err
}

// reviewAgain has the plan wait for review again after the rows of one object.
func (r *run) reviewAgain(ctx context.Context) error {
	r.cycle.Phase, r.cycle.Of.Type, r.cycle.Of.ID = Review, "", ""
	r.job.Code, r.job.Detail = "", "" // what stopped a turn is over
	return r.endTurn(ctx, Batch{Cycle: r.cycle, Job: &r.job})
}

// onlyFailed has the plan wait again when what it was to do for one object could not be tried, unless something may have been sent.
func (r *run) onlyFailed(ctx context.Context) error {
	if r.cycle == nil || !r.cycle.Only() {
		return nil
	}
	open, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, States: []plan.ActionState{plan.Open}, Limit: 1})
	if err == nil && len(open) == 0 {
		r.cycle.Phase, r.cycle.Of.Type, r.cycle.Of.ID = Review, "", ""
	}
	return err
}
