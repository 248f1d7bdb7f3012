package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// Undone is what was made of rows that somebody wants undone.
type Undone struct {
	Cycle  lockstep.CycleID // carries out the inverse rows; "" when there are none
	Rows   []plan.Action    // the inverse rows
	Refuse []Refused        // rows that cannot be undone
}

// Refused is a row that cannot be undone, and why.
type Refused struct {
	Row plan.Action
	Why string
}

// MostUndone is how many rows are undone at once.
const MostUndone = 10_000

// Undo takes back what rows of an application's log have done: it begins a cycle that writes the values from before, removes who was
// created, enables who was disabled, and writes or takes away the references again. What the job would do about these objects
// now counts as rejected by whoever undoes, so it is not done again before something else is to be done about them, or the rules
// change. Only what was done last about an object can be undone; a deletion cannot, since the account would be another one.
func (e *Engine) Undo(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, rows []plan.Action) (Undone, error) {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return Undone{}, err
	}
	switch {
	case job.Direction == Inbound:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "What a source has written into the directory is undone at the source."}
	case job.State == Paused:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: job.Name + " is paused; resume it first."}
	case len(rows) > MostUndone:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("%d rows at once are too many; undo at most %d.", len(rows), MostUndone)}
	}
	if job, err = e.Store.Claim(ctx, t, id, e.now()); err != nil { // a turn that is running begins anew
		return Undone{}, err
	}
	switch {
	case job.Cycle != nil:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A cycle of " + job.Name + " is under way or waits for review; undo when it has ended."}
	case job.Applied != job.Config:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The rules of " + job.Name + " have changed and nobody was looked at by them yet; run it first."}
	}
	u := &undo{
		run: &run{Engine: e, job: job, until: e.now().Add(patience), cycle: &Cycle{
			ID: lockstep.NewID[lockstep.CycleID](), Job: id, Kind: Incremental, Trigger: Undoing, Phase: Applying, Page: job.Cursor, Config: job.Config, Began: e.now(),
		}},
		by: plan.Decision{By: by, At: e.now()},
	}
	for i := range rows {
		if err := u.row(ctx, rows[i]); err != nil {
			return Undone{}, err
		}
	}
	if len(u.out.Rows) == 0 {
		return u.out, nil
	}
	u.out.Cycle, u.cycle.Counts.Planned = u.cycle.ID, len(u.out.Rows)
	return u.out, u.commit(ctx, Batch{Cycle: u.cycle, Actions: slices.Concat(u.out.Rows, u.rejected)})
}

// Undoing is the trigger of a cycle that takes back what was done.
const Undoing = "undo"

// undo is one call of Undo.
type undo struct {
	*run
	by       plan.Decision
	out      Undone
	rejected []plan.Action // what the job would do again
}

// row adds the inverse of a row, or why there is none.
func (u *undo) row(ctx context.Context, a plan.Action) error {
	links, err := u.Store.Links(ctx, u.job.Tenant, u.job.ID, plan.LinkQuery{Type: a.Source.Type, Sources: []string{a.Source.ID}, Limit: 1})
	if err != nil {
		return err
	}
	var l plan.Link
	if len(links) == 1 {
		l = links[0]
	}
	last, err := u.last(ctx, &a)
	if err != nil {
		return err
	}
	why := ""
	switch {
	case a.State != plan.Done:
		why = "it was not done"
	case !undoable(a.Kind):
		why = "a " + string(a.Kind) + " cannot be taken back"
	case last != a.ID:
		why = "something else was done, or decided, about it since"
	case l.Target == "" || l.Target != a.Target.ID:
		why = "the account is another one now"
	}
	if why != "" {
		u.out.Refuse = append(u.out.Refuse, Refused{Row: a, Why: why})
		return nil
	}
	u.out.Rows = append(u.out.Rows, u.inverse(a))
	u.rejected = append(u.rejected, u.again(a))
	return nil
}

func undoable(k rule.Kind) bool {
	return k == rule.Create || k == rule.Update || k == rule.Disable || k == rule.Refer
}

// last returns the newest row about the object, of references or of all else.
func (u *undo) last(ctx context.Context, a *plan.Action) (lockstep.ActionID, error) {
	kinds := []rule.Kind{rule.Refer}
	if a.Kind != rule.Refer {
		kinds = []rule.Kind{rule.Create, rule.Link, rule.Update, rule.Disable, rule.Delete, rule.Release}
	}
	rows, err := u.Store.Actions(ctx, u.job.Tenant, u.job.ID, plan.ActionQuery{Source: a.Source.Ref, Kinds: kinds, Newest: true, Limit: 1})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].ID, nil
}

// inverse is the row that takes another one back.
func (u *undo) inverse(a plan.Action) plan.Action {
	now := u.now()
	back := plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: a.Job, Cycle: u.cycle.ID, Kind: rule.Update, Lane: plan.LaneUpdate, Source: a.Source, Target: a.Target,
		Before: a.After, After: a.Before, Reason: rule.Reason{Rule: "undone by " + u.by.By.Name}, Seen: plan.Seen{Config: u.job.Config},
		State: plan.Planned, Decided: u.by, Undoes: a.ID, Epoch: u.job.Epoch, Planned: now,
	}
	switch a.Kind {
	case rule.Create:
		back.Kind, back.Lane, back.After = rule.Delete, plan.LaneDelete, nil
	case rule.Refer:
		back.Kind, back.Lane, back.Before, back.After = rule.Refer, plan.LaneRefer, nil, nil
		for _, r := range a.References {
			r.Gone = !r.Gone
			back.References = append(back.References, r)
		}
	case rule.Update, rule.Disable, rule.Link, rule.Delete, rule.Release, rule.Skip:
	}
	return back
}

// again is the row as the job would plan it once more, rejected.
func (u *undo) again(a plan.Action) plan.Action {
	now := u.now()
	a.ID, a.Cycle, a.State, a.Epoch, a.Attempt, a.Rank = lockstep.NewID[lockstep.ActionID](), u.cycle.ID, plan.Rejected, u.job.Epoch, 0, 0
	a.Seen, a.Decided, a.Planned, a.Ended = plan.Seen{Config: u.job.Config}, u.by, now, now
	a.Code, a.Detail = "", "undone, so not done again: "+strings.TrimSuffix(a.Reason.Sentence(), ".")
	if a.Kind == rule.Create {
		a.Target.Ref = connection.Ref{Type: a.Target.Type}
	}
	return a
}
