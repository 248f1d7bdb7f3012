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

// hereChunk is how many people one commit creates, with what becomes of their rows.
const hereChunk = 256

// createHere creates the people who are next in our own directory, where what becomes of their rows is kept in the commit that creates
// them: they go from planned to done, and are never open. It reports false when the target or the next row is another, or when the
// directory refuses one of them: then nothing was done about these, and the ordinary way finds out who it is.
func (a *applier) createHere(ctx context.Context, next *plan.Action) (bool, error) {
	target, is := a.target.(connection.Committer)
	if !is || !createdHere(next) {
		return false, nil
	}
	a.drain(ctx, 0) // nobody else counts in the cycle meanwhile
	for done := false; !a.halted(ctx) && !(done && a.timeUp()); done = true {
		q := plan.ActionQuery{Cycle: a.cycle.ID, States: []plan.ActionState{plan.Planned}, Limit: hereChunk}
		rows, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, q)
		if err != nil {
			return false, err
		}
		rows = sameStage(rows)
		for i := range rows {
			if !createdHere(&rows[i]) {
				rows = rows[:i]
				break
			}
		}
		if len(rows) == 0 {
			return true, nil
		}
		if rows, err = a.upToDate(ctx, rows); err != nil {
			return false, err
		}
		if ok, err := a.commitHere(ctx, target, rows); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func createdHere(row *plan.Action) bool {
	return row.Kind == rule.Create && row.Source.Type == connection.UserType
}

// commitHere creates the people of some rows in one commit. It reports whether that was done; who is refused undoes all.
func (a *applier) commitHere(ctx context.Context, target connection.Committer, rows []plan.Action) (bool, error) {
	if len(rows) == 0 {
		return true, nil
	}
	items, err := a.operations(ctx, rows, true)
	if err != nil {
		return false, err
	}
	before := a.cycle.Counts
	ops, b := make([]connection.Operation, len(items)), Batch{Cycle: a.cycle}
	for i, it := range items {
		it.op.Ref.ID, it.result.ID = it.made.id, it.made.id
		ops[i] = it.op
		a.outcome(it, &b)
	}
	for i := range b.Moved {
		b.Moved[i].From, b.Moved[i].Attempt = plan.Planned, 0
	}
	err = target.Create(ctx, ops, a.Store.Beside(a.job.Tenant, a.job.ID, a.job.Epoch, b))
	if err == nil {
		a.Engine.note(a.cycle)
		return true, nil
	}
	a.cycle.Counts = before
	for _, it := range items {
		delete(a.items, it.Source.ID)
	}
	if e, judged := errors.AsType[*lockstep.Error](err); judged && e.Code != lockstep.CodeInternal && !errors.Is(err, lockstep.ErrEpoch) {
		return false, nil
	}
	return false, fmt.Errorf("create %d people: %w", len(rows), err)
}
