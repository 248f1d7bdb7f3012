// Package undo takes back what rows of an application's log have done.
//
// Design. It decides which rows can be taken back, and by which inverse rows, and has the Engine of package provision open a cycle that carries these
// out like any other. It stands beside the engine as package drift does (docs/adr/0032): no turn takes anything back, people ask for it.
//
// Invariants. What is done is what was shown, or nothing. Only what was done last about an object is taken back. No more harm is done at once than the
// guard lets through, unless somebody says so. What the job would do again counts as rejected from the commit that opens the cycle.
package undo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// Undoer takes back what was done. Engine must be set; its methods may be called at the same time.
type Undoer struct {
	Engine *provision.Engine
}

// TakeBack is what somebody wants undone.
type TakeBack struct {
	Rows  []plan.Action // lines of the log
	Look  bool          // nothing is done; the answer says what would be
	Shown string        // Undone.Digest of the look whose result is to be done; "" is whatever it comes to
	Sure  bool          // although it is more harm at once than the guard lets through
}

// Undone is what was made of rows that somebody wants undone.
type Undone struct {
	Cycle  lockstep.CycleID // carries out the inverse rows; "" when there are none, and of a look
	Rows   []plan.Action    // the inverse rows
	Refuse []Refused        // rows that cannot be undone
	Digest string           // of Rows and Refuse
	Harms  []rule.Harm      // of which Rows do more at once than the guard lets through
}

// Refused is a row that cannot be undone, and why.
type Refused struct {
	Row  plan.Action
	Code lockstep.Code
	Why  string
}

// MostUndone is how many rows are undone at once.
const MostUndone = 10_000

// Undo takes back what rows of an application's log have done: it begins a cycle that writes the values from before, takes back who was
// created as it would from whoever leaves, enables who was disabled, and writes or takes away the references again. What the job would
// do about these objects now counts as rejected by whoever undoes, so it is not done again before something else is to be done about
// them, or the rules change. Only what was done last about an object can be undone; a deletion cannot, since the account would be
// another one. A row that Undo has made is undone likewise, and what was rejected for its sake is not any more.
func (u *Undoer) Undo(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, what TakeBack) (Undone, error) {
	job, err := u.Engine.Store.Job(ctx, t, id)
	if err != nil {
		return Undone{}, err
	}
	switch {
	case job.Direction == provision.Inbound:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "What a source has written into the directory is undone at the source."}
	case job.State == provision.Paused:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: job.Name + " is paused; resume it first."}
	case len(what.Rows) > MostUndone:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("%d rows at once are too many; undo at most %d.", len(what.Rows), MostUndone)}
	case job.Cycle != nil:
		return Undone{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A cycle of " + job.Name + " is under way or waits for review; undo when it has ended."}
	}
	if what.Look {
		b := u.begin(job, by)
		err := b.all(ctx, what.Rows)
		return b.out, err
	}
	var out Undone
	err = u.Engine.Amend(ctx, t, id, func(job provision.Job, write provision.Write) error { // a turn that has planned nothing yet begins anew
		b := u.begin(job, by)
		if err := b.all(ctx, what.Rows); err != nil {
			return err
		}
		out = b.out
		switch {
		case what.Shown != "" && what.Shown != out.Digest:
			return &lockstep.Error{Code: lockstep.CodePlanStale, Detail: "What there is to take back is not what was shown; look at it again."}
		case len(out.Harms) > 0 && !what.Sure:
			return &lockstep.Error{Code: lockstep.CodeGuardHeld, Detail: fmt.Sprintf("To take this back are more %ss at once than the guard lets through; say that you are sure.", out.Harms[0])}
		case len(out.Rows) == 0:
			return nil
		}
		out.Cycle, b.cycle.Counts.Planned = b.cycle.ID, len(out.Rows)
		return write(ctx, provision.Batch{Cycle: b.cycle, Actions: slices.Concat(out.Rows, b.rejected), Release: true})
	})
	if err != nil {
		return Undone{}, err
	}
	return out, nil
}

// Trigger is that of a cycle that takes back what was done.
const Trigger = "undo"

// undo is one call of Undo.
type undo struct {
	engine   *provision.Engine
	job      provision.Job
	cycle    *provision.Cycle
	app      *provision.Visit // nil until it is needed
	by       plan.Decision
	out      Undone
	rejected []plan.Action // what the job would do again

	// Of the rows that are looked at, asked for together:
	links  map[connection.Ref]plan.Link
	newest map[bool]map[connection.Ref]lockstep.ActionID // by whether they are of references
	found  map[connection.Ref]connection.Object          // those of the source whom rows have created
}

func (u *Undoer) begin(job provision.Job, by audit.Actor) *undo {
	now := time.Now()
	if u.Engine.Now != nil {
		now = u.Engine.Now()
	}
	return &undo{engine: u.Engine, job: job, by: plan.Decision{By: by, At: now}, cycle: &provision.Cycle{
		ID: lockstep.NewID[lockstep.CycleID](), Job: job.ID, Kind: provision.Incremental, Trigger: Trigger, Phase: provision.Applying, Page: job.Cursor, Config: job.Config, Began: now,
	}}
}

// all finds out what there is to do about the rows.
func (u *undo) all(ctx context.Context, rows []plan.Action) error {
	if u.job.Applied != u.job.Config {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The rules of " + u.job.Name + " have changed and nobody was looked at by them yet; run it first."}
	}
	for chunk := range slices.Chunk(rows, undoneAtOnce) {
		if err := u.look(ctx, chunk); err != nil {
			return err
		}
		for i := range chunk {
			if err := u.row(ctx, chunk[i]); err != nil {
				return err
			}
		}
	}
	return u.weigh(ctx)
}

// undoneAtOnce is of how many rows is asked at once what has become of them.
const undoneAtOnce = 500

// look asks what has become of what rows were about. Of a cycle with thousands of rows everything else takes less time than to ask one by one.
func (u *undo) look(ctx context.Context, rows []plan.Action) (err error) {
	u.links, u.newest, u.found = map[connection.Ref]plan.Link{}, map[bool]map[connection.Ref]lockstep.ActionID{}, map[connection.Ref]connection.Object{}
	whole, bare := map[string][]string{}, map[string][]string{}
	refs := map[bool][]connection.Ref{}
	for i := range rows {
		of := rows[i].Source.Ref
		refs[rows[i].Kind == rule.Refer] = append(refs[rows[i].Kind == rule.Refer], of)
		if rows[i].Kind == rule.Create {
			whole[of.Type] = append(whole[of.Type], of.ID)
		} else {
			bare[of.Type] = append(bare[of.Type], of.ID)
		}
	}
	for _, part := range []struct {
		ids  map[string][]string
		bare bool
	}{{bare, true}, {whole, false}} {
		for typ, ids := range part.ids {
			links, err := u.engine.Store.Links(ctx, u.job.Tenant, u.job.ID, plan.LinkQuery{Type: typ, Sources: slices.Compact(slices.Sorted(slices.Values(ids))), Bare: part.bare})
			if err != nil {
				return err
			}
			for _, l := range links {
				u.links[l.Source] = l
			}
		}
	}
	for refer, of := range refs {
		kinds := []rule.Kind{rule.Refer}
		if !refer {
			kinds = []rule.Kind{rule.Create, rule.Link, rule.Update, rule.Disable, rule.Delete, rule.Release}
		}
		if u.newest[refer], err = u.engine.Store.NewestOf(ctx, u.job.Tenant, u.job.ID, kinds, of); err != nil {
			return err
		}
	}
	var made []connection.Ref
	for i := range rows {
		a := &rows[i]
		if a.Kind == rule.Create && a.State == plan.Done && (u.newest[false][a.Source.Ref] == a.ID || a.Undoes != "") && u.links[a.Source.Ref].Target == a.Target.ID {
			made = append(made, a.Source.Ref)
		}
	}
	if len(made) == 0 {
		return nil
	}
	if u.app == nil {
		if u.app, err = u.engine.Visit(ctx, u.job.Tenant, u.job.ID); err != nil {
			return err
		}
	}
	found, err := u.app.Whom(ctx, made...)
	if err != nil {
		return fmt.Errorf("read who was created again: %w", err)
	}
	for _, o := range found {
		u.found[o.Ref] = o
	}
	return nil
}

// row adds the inverse of a row, or why there is none.
func (u *undo) row(ctx context.Context, a plan.Action) error {
	l, last := u.links[a.Source.Ref], u.newest[a.Kind == rule.Refer][a.Source.Ref]
	again, undone := last == a.ID, false // the job would do it once more; what an undo has done it would not
	if !again && last != "" && a.Undoes != "" {
		rows, err := u.engine.Store.Actions(ctx, u.job.Tenant, u.job.ID, plan.ActionQuery{IDs: []lockstep.ActionID{last}, Limit: 1})
		if err != nil {
			return err
		}
		undone = len(rows) > 0 && rows[0].State == plan.Rejected && rows[0].Cycle == a.Cycle
	}
	switch {
	case a.State != plan.Done:
		return u.refuse(a, lockstep.CodeUndoNotDone, "it was not done")
	case a.Kind == rule.Delete:
		return u.refuse(a, lockstep.CodeUndoFinal, "the application keeps nothing of an account that is deleted, and one that is created again is another account")
	case a.Kind == rule.Skip, a.Kind == rule.Release, a.Kind == rule.Link && scim.Equal(a.Before, a.After):
		return u.refuse(a, lockstep.CodeUndoNothing, "it has changed nothing at the application")
	case !again && !undone:
		return u.refuse(a, lockstep.CodeUndoSince, "something else was done, or decided, about it since")
	case l.Target == "" || l.Target != a.Target.ID:
		return u.refuse(a, lockstep.CodeUndoOther, "the account is another one now")
	case a.Kind == rule.Create:
		return u.created(ctx, a, l)
	}
	u.out.Rows = append(u.out.Rows, u.inverse(a))
	if again {
		u.rejected = append(u.rejected, u.again(a))
	}
	return nil
}

func (u *undo) refuse(a plan.Action, code lockstep.Code, why string) error {
	u.out.Refuse = append(u.out.Refuse, Refused{Row: a, Code: code, Why: why})
	return nil
}

// created adds what takes back an account that was created: what the job does about whoever leaves.
func (u *undo) created(ctx context.Context, a plan.Action, l plan.Link) error {
	if u.app.Programs[a.Source.Type] == nil {
		return u.refuse(a, lockstep.CodeUndoPolicy, "no rule brings such objects any more")
	}
	who, there := u.found[a.Source.Ref]
	if !there {
		return u.refuse(a, lockstep.CodeUndoSince, "they are not in the directory any more; the next run decides about the account")
	}
	back := u.inverse(a)
	switch how := u.app.TakeBack(ctx, who, l); how.Kind {
	case rule.Delete:
		back.Kind, back.Lane, back.After = rule.Delete, plan.LaneDelete, nil
		u.rejected = append(u.rejected, u.again(a))
	case rule.Disable:
		back.Kind, back.Lane, back.Before, back.After = rule.Disable, plan.LaneDisable, u.app.Programs[a.Source.Type].Known(l.Image), how.After
		enable := a
		enable.Kind, enable.Lane, enable.Before, enable.After, enable.References, enable.Refers = rule.Update, plan.LaneUpdate, u.app.Programs[a.Source.Type].Known(how.After), how.Again, nil, ""
		u.rejected = append(u.rejected, u.again(enable))
	default:
		return u.refuse(a, lockstep.CodeUndoPolicy, "the application keeps the accounts of people who leave: its policy, or what its mapping may do, says so")
	}
	u.out.Rows = append(u.out.Rows, back)
	return nil
}

// inverse is the row that takes another one back.
func (u *undo) inverse(a plan.Action) plan.Action {
	back := plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: a.Job, Cycle: u.cycle.ID, Kind: rule.Update, Lane: plan.LaneUpdate, Source: a.Source, Target: a.Target,
		Before: a.After, After: a.Before, Reason: rule.Reason{Rule: "undone by " + u.by.By.Name}, Seen: plan.Seen{Config: u.job.Config},
		State: plan.Planned, Decided: u.by, Undoes: a.ID, Epoch: u.job.Epoch, Planned: u.by.At,
	}
	switch {
	case a.Kind == rule.Refer:
		back.Kind, back.Lane, back.Before, back.After = rule.Refer, plan.LaneRefer, nil, nil
		for _, r := range a.References {
			r.Gone = !r.Gone
			back.References = append(back.References, r)
		}
	case a.Kind == rule.Update && scim.Equal(a.Before.Get("active"), false) && !scim.Equal(a.After.Get("active"), false):
		back.Kind, back.Lane = rule.Disable, plan.LaneDisable
	}
	return back
}

// clears reports whether an update takes a value away.
func clears(a *plan.Action) bool {
	return a.Kind == rule.Update && slices.ContainsFunc(a.Before, func(v scim.Attr) bool { return !a.After.Has(v.Name) })
}

// again is the row as the job would plan it once more, rejected.
func (u *undo) again(a plan.Action) plan.Action {
	now := u.by.At
	a.ID, a.Cycle, a.State, a.Epoch, a.Attempt, a.Rank = lockstep.NewID[lockstep.ActionID](), u.cycle.ID, plan.Rejected, u.job.Epoch, 0, 0
	a.Seen, a.Decided, a.Planned, a.Ended, a.Undoes = plan.Seen{Config: u.job.Config}, u.by, now, now, ""
	a.Code, a.Detail = "", "undone, so not done again: "+strings.TrimSuffix(a.Reason.Sentence(), ".")
	switch a.Kind {
	case rule.Create:
		a.Target.Ref = connection.Ref{Type: a.Target.Type}
		// What a group's create takes along is not planned by what is decided about the group.
		a.References = slices.DeleteFunc(slices.Clone(a.References), func(r plan.RowReference) bool { return r.Attribute != connection.Manager })
	case rule.Link: // it is linked by now, and what differs is an update
		a.Kind, a.Lane = rule.Update, plan.LaneUpdate
	}
	return a
}

// mayHarm reports whether rows are more harm than the guard lets through, of however few people and groups there are. Else nobody has to count
// them: the guard holds what is much of all there are, and the last two of anything.
func mayHarm(guard rule.GuardLimit, rows []plan.Action) bool {
	for _, least := range []map[string]int{nil, {connection.UserType: 2}, {connection.GroupType: 2}} {
		if len(plan.Harms(guard, rows, least, 2)) > 0 {
			return true
		}
	}
	return len(plan.Harms(guard, rows, nil, 0)) > 0
}

// weigh compares the rows with what the guard lets through, and sums them up.
func (u *undo) weigh(ctx context.Context) error {
	rows := slices.Clone(u.out.Rows)
	for i := range rows {
		if clears(&rows[i]) {
			rows[i].Code = lockstep.CodeClears // as the guard knows it
		}
	}
	if mayHarm(u.job.Policy.Guard, rows) {
		tally, err := u.engine.Store.Tally(ctx, u.job.Tenant, u.job.ID, u.cycle.ID)
		if err != nil {
			return err
		}
		members, err := u.engine.Store.CountReferences(ctx, u.job.Tenant, u.job.ID, connection.Members)
		if err != nil {
			return err
		}
		u.out.Harms = plan.Harms(u.job.Policy.Guard, rows, tally.Linked, members)
	}
	h := sha256.New()
	line := json.NewEncoder(h)
	for i := range u.out.Rows {
		r := &u.out.Rows[i]
		ends := make([]string, len(r.References))
		for n, to := range r.References {
			ends[n] = fmt.Sprintf("%s %s %s %t", to.Attribute, to.To.Ref.Type, to.To.Ref.ID, to.Gone)
		}
		if err := line.Encode(map[string]any{"undoes": r.Undoes, "kind": r.Kind, "target": r.Target.ID, "before": r.Before, "after": r.After, "references": ends}); err != nil {
			return err
		}
	}
	for _, r := range u.out.Refuse {
		if err := line.Encode(map[string]any{"refused": r.Row.ID, "code": r.Code}); err != nil {
			return err
		}
	}
	u.out.Digest = hex.EncodeToString(h.Sum(nil)[:12])
	return nil
}
