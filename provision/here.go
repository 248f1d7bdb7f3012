package provision

import (
	"context"
	"errors"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// What one commit creates in our own directory, with what becomes of its rows.
const (
	hereChunk      = 256
	hereReferences = 2000 // that they carry, but for those of the last row
)

// createHere creates those who are next in our own directory, where what becomes of their rows is kept in the commit that creates them:
// they go from planned to done, and are never open. While one commit is on its way, the next one is made ready. It reports false when the
// target or the next row is another, or when the directory refuses one of them: then nothing was done about these, and the
// ordinary way finds out who it is.
func (a *applier) createHere(ctx context.Context, next *plan.Action) (bool, error) {
	target, is := a.target.(connection.Committer)
	if !is || next.Kind != rule.Create {
		return false, nil
	}
	a.drain(ctx, 0) // nobody else counts in the cycle meanwhile
	cur, err := a.readyHere(ctx, nil)
	for err == nil && cur.last != nil {
		if a.halted(ctx) {
			break
		}
		committed := make(chan error, 1)
		before := a.cycle.Counts
		ops, beside := a.outcomeHere(cur.items)
		go func() { committed <- a.commitHere(ctx, target, ops, beside) }()
		var following here
		if !a.timeUp() {
			following, err = a.readyHere(ctx, cur.last)
		}
		wrong := <-committed
		if wrong != nil {
			a.cycle.Counts = before
			a.forgetHere(cur.items)
			a.forgetHere(following.items)
			if refusedHere(wrong) {
				return false, nil
			}
			return false, fmt.Errorf("create %d objects: %w", len(ops), wrong)
		}
		a.Engine.note(a.cycle)
		cur = following
	}
	return true, err
}

// here is some rows, ready to be carried out.
type here struct {
	items []*item
	last  *plan.Action // of those that were looked at; nil when there are none
}

// readyHere makes the creates that come after a row ready, as far as they are of one stage and fit into one commit.
func (a *applier) readyHere(ctx context.Context, after *plan.Action) (h here, err error) {
	q := plan.ActionQuery{Cycle: a.cycle.ID, States: []plan.ActionState{plan.Planned}, Past: after, Most: hereReferences, Limit: hereChunk}
	rows, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, q)
	if err != nil {
		return h, err
	}
	n := 0
	for n < len(rows) && rows[n].Kind == rule.Create && (after == nil || plan.StageOf(after) == plan.StageOf(&rows[n])) {
		after = &rows[n]
		n++
	}
	if n == 0 {
		return h, nil
	}
	h.last = &rows[n-1]
	if rows, err = a.upToDate(ctx, rows[:n]); err != nil || len(rows) == 0 {
		return h, err
	}
	h.items, err = a.operations(ctx, rows, true)
	return h, err
}

// outcomeHere returns the calls of the items, and what becomes of their rows when these do what they should.
func (a *applier) outcomeHere(items []*item) ([]connection.Operation, Batch) {
	ops, b := make([]connection.Operation, len(items)), Batch{Cycle: a.cycle}
	for i, it := range items {
		it.op.Ref.ID, it.result.ID = it.made.id, it.made.id
		ops[i] = it.op
		a.outcome(it, &b)
	}
	for i := range b.Moved {
		b.Moved[i].From, b.Moved[i].Attempt = plan.Planned, 0
	}
	return ops, b
}

func (a *applier) commitHere(ctx context.Context, target connection.Committer, ops []connection.Operation, b Batch) error {
	if len(ops) == 0 {
		return nil
	}
	return target.Create(ctx, ops, a.Store.Beside(a.job.Tenant, a.job.ID, a.job.Epoch, b))
}

// forgetHere takes back that items were to be created.
func (a *applier) forgetHere(items []*item) {
	for _, it := range items {
		delete(a.items, it.Source.Ref)
	}
}

// refusedHere reports whether the directory, or the store for the rows, has judged what was asked for: then nothing of it is done.
func refusedHere(err error) bool {
	e, judged := errors.AsType[*lockstep.Error](err)
	return judged && e.Code != lockstep.CodeInternal && !errors.Is(err, lockstep.ErrEpoch)
}
