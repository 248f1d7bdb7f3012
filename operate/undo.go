package operate

import (
	"context"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// Undos is what an Operator asks of provision.Engine about taking changes back.
type Undos interface {
	Undo(ctx context.Context, by audit.Actor, t lockstep.TenantID, job lockstep.JobID, rows []plan.Action) (provision.Undone, error)
}

// Undo takes back what an application's log says was done: the given rows or, with a cycle instead, all that it has done. Rows that
// cannot be taken back are named in the result; when that is all of them, nothing happens.
func (o *Operator) Undo(ctx context.Context, p Principal, name string, rows []lockstep.ActionID, cycle lockstep.CycleID) (provision.Undone, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Undone{}, err
	}
	if (len(rows) > 0) == (cycle != "") {
		return provision.Undone{}, invalid("Name rows of the log, or a cycle.")
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return provision.Undone{}, err
	}
	q := plan.ActionQuery{IDs: rows, Cycle: cycle, Limit: provision.MostUndone + 1}
	if cycle != "" {
		q.States = []plan.ActionState{plan.Done}
	}
	found, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
	if err != nil {
		return provision.Undone{}, err
	}
	if len(found) == 0 || len(found) < len(rows) {
		return provision.Undone{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The log of " + j.Name + " has no such lines."}
	}
	out, err := o.Engine.Undo(ctx, p.Actor, p.Tenant, j.ID, found)
	if err != nil || out.Cycle == "" {
		return out, err
	}
	o.wake()
	return out, o.Notes.Note(ctx, p.Tenant, audit.Event{
		Actor: p.Actor, Verb: "undid", Object: "job", ID: string(j.ID), Name: j.Slug, Detail: words.Many(len(out.Rows), "change", "changes") + " in cycle " + string(out.Cycle),
	})
}
