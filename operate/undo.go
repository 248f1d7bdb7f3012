package operate

import (
	"context"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/undo"
	"lockstep/words"
)

// Undos is what an Operator asks of undo.Undoer.
type Undos interface {
	Undo(ctx context.Context, by audit.Actor, t lockstep.TenantID, job lockstep.JobID, what undo.TakeBack) (undo.Undone, error)
}

// TakeBack is what somebody wants undone.
type TakeBack struct {
	Rows  []lockstep.ActionID // lines of the log
	Cycle lockstep.CycleID    // or, instead, all that a cycle has done
	Look  bool                // nothing is done; the answer says what would be
	Shown string              // undo.Undone.Digest of such an answer: this is done, or nothing; "" is whatever it comes to
	Sure  bool                // although it is more harm at once than the guard lets through
}

// Undo takes back what an application's log says was done. Lines that cannot be taken back are named in the result; when that is all of
// them, nothing happens.
func (o *Operator) Undo(ctx context.Context, p Principal, name string, what TakeBack) (undo.Undone, error) {
	if err := p.some(AppsWrite); err != nil {
		return undo.Undone{}, err
	}
	if (len(what.Rows) > 0) == (what.Cycle != "") {
		return undo.Undone{}, invalid("Name rows of the log, or a cycle.")
	}
	if what.Sure && !what.Look {
		if err := o.proved(p); err != nil {
			return undo.Undone{}, err
		}
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return undo.Undone{}, err
	}
	rows, cycle := what.Rows, what.Cycle
	q := plan.ActionQuery{IDs: rows, Cycle: cycle, Limit: undo.MostUndone + 1}
	if cycle != "" {
		q.States = []plan.ActionState{plan.Done}
	}
	found, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
	if err != nil {
		return undo.Undone{}, err
	}
	if len(found) == 0 || len(found) < len(rows) {
		return undo.Undone{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The log of " + j.Name + " has no such lines."}
	}
	out, err := o.Undos.Undo(ctx, p.Actor, p.Tenant, j.ID, undo.TakeBack{Rows: found, Look: what.Look, Shown: what.Shown, Sure: what.Sure})
	if err != nil || out.Cycle == "" {
		return out, err
	}
	o.wake()
	return out, o.Notes.Note(ctx, p.Tenant, audit.Event{
		Actor: p.Actor, Verb: "undid", Object: "job", ID: string(j.ID), Name: nameOf(j), Detail: words.Many(len(out.Rows), "change", "changes") + " in cycle " + string(out.Cycle),
	})
}
