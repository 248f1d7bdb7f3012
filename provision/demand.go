package provision

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// demanded reports whether the job has somebody to provision at once, and no other cycle in the way.
func (j Job) demanded() bool {
	return j.Demand != nil && (j.Cycle == nil || j.Cycle.ID == j.Demand.Cycle)
}

// demand provisions the one object of the job's demand, in a cycle of its own: it is planned like everybody, with what waits for a
// decision, the guard and the references, and carried out at once. Cursor, state and failures of the job stay as they are, since this
// says nothing about anybody else. What is said to the target is kept with the cycle.
func (r *run) demand(ctx context.Context, now time.Time) (Turn, error) {
	d := r.job.Demand
	r.cycle = &Cycle{ID: d.Cycle, Job: r.job.ID, Kind: OnDemand, Of: d.Of, Trigger: "person", Phase: Reading, Page: r.job.Cursor, Config: r.job.Config, Began: now}
	if r.job.Cycle != nil {
		c := *r.job.Cycle
		r.cycle = &c
	}
	defer r.forget(r.job.ID)
	r.note(r.cycle)
	r.transcript = &connection.Transcript{}
	err := r.carryOutDemand(ctx)
	switch {
	case err == nil:
	case errors.Is(err, lockstep.ErrEpoch), ctx.Err() != nil:
		return Turn{}, err
	case errors.Is(err, errYield): // the wake-up is stored
		err = r.endTurn(ctx, Batch{Cycle: r.cycle, Said: r.allSaid(ctx)})
		return Turn{Cycle: *r.cycle, Reading: r.waiting, More: err == nil && r.wake.IsZero() && !r.waiting}, err
	default:
		err = r.endDemand(ctx, err)
	}
	return Turn{Cycle: *r.cycle}, err // whether there is more, the store knows
}

func (r *run) carryOutDemand(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	r.decide.Job.Only, r.decide.Job.Chosen = r.job.Demand.Of, r.job.Demand.To
	r.transcript.Secrets = r.secretNames()
	ctx = connection.WithTranscript(ctx, r.transcript) // from here on: what the target is like was asked for before
	if r.cycle.Phase == Reading {
		if err := r.planDemand(ctx); err != nil {
			return err
		}
	} else if err := r.loadWaitsOf(ctx, r.job.Demand.Of); err != nil { // not those of the others, which this cycle does not look at
		return err
	}
	return r.apply(ctx)
}

func (r *run) planDemand(ctx context.Context) error {
	of := r.job.Demand.Of
	if err := r.loadWaitsOf(ctx, of); err != nil {
		return err
	}
	if err := r.measure(ctx); err != nil {
		return err
	}
	r.lookup = r.find // as it is now, not as it was last read
	if r.job.Demand.Loose || r.job.Demand.To != "" {
		if done, err := r.letGo(ctx); done || err != nil {
			return err
		}
	}
	objects, err := r.source.Get(ctx, of)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.from.Name, err)
	}
	page := connection.Page{Objects: objects}
	if len(objects) == 0 {
		page.Gone = []connection.Ref{of}
	}
	p, err := r.decide.Page(ctx, page, false)
	if err != nil {
		return err
	}
	if err := r.Take(ctx, p); err != nil {
		return err
	}
	if err := r.decide.Finish(ctx, r.cycle.Counts.Planned > 0); err != nil {
		return err
	}
	r.cycle.Phase = Applying
	return r.commit(ctx, Batch{Cycle: r.cycle})
}

// Unlinked is the rule of a row that says that somebody has taken a link away.
const Unlinked = "unlinked by hand"

// letGo takes the link of the demand's object away, unless it leads where it is to lead. The target is not touched. It reports whether
// that was all.
func (r *run) letGo(ctx context.Context) (bool, error) {
	d := r.job.Demand
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: d.Of.Type, Sources: []string{d.Of.ID}, Limit: 1})
	if err != nil {
		return false, err
	}
	b := Batch{Cycle: r.cycle}
	if len(links) > 0 && links[0].Target != "" && links[0].Target != d.To {
		l, now := links[0], r.now()
		b.Unlink, b.Unwrite = []connection.Ref{d.Of}, []connection.Ref{d.Of}
		b.Actions = []plan.Action{{
			ID: lockstep.NewID[lockstep.ActionID](), Job: r.job.ID, Cycle: r.cycle.ID, Kind: rule.Skip, Lane: plan.LaneCreate,
			Source: plan.End{Ref: d.Of, Name: l.Name}, Target: plan.End{Ref: connection.Ref{Type: d.Of.Type, ID: l.Target}, Name: l.Name},
			Reason: rule.Reason{Rule: Unlinked, Clause: "it was linked to " + l.Target}, State: plan.Skipped, Epoch: r.job.Epoch, Planned: now, Ended: now,
		}}
		r.cycle.Counts.Skipped++
	}
	if d.Loose {
		r.cycle.Phase = Applying // there is nothing to carry out
	}
	return d.Loose, r.commit(ctx, b)
}

// byHand reports whether somebody has chosen whom the candidate is linked to.
func (r *run) byHand(of connection.Ref) bool {
	return r.cycle.Kind == OnDemand && r.job.Demand != nil && r.job.Demand.To != "" && r.job.Demand.Of == of
}

// endDemand closes the cycle. What was not carried out is left out, and due again; what may have been sent keeps the cycle open until
// it is known what became of it.
func (r *run) endDemand(ctx context.Context, cause error) error {
	now := r.now()
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, States: []plan.ActionState{plan.Planned, plan.Open}})
	if err != nil {
		return err
	}
	b := Batch{Cycle: r.cycle, Said: r.allSaid(ctx)}
	r.cycle.Code, r.cycle.Detail = "", ""
	if cause != nil {
		r.cycle.Code, r.cycle.Detail = lockstep.CodeOf(cause), text(cause)
		if p, ok := errors.AsType[*connection.Pause](cause); ok {
			r.cycle.Code, r.cycle.Detail = lockstep.CodeTargetRateLimited, fmt.Sprintf("%s asked to wait until %s", r.to.Name, p.Until.UTC().Format(time.RFC3339))
		}
	}
	for _, row := range rows {
		if row.State == plan.Open {
			r.job.NotBefore = now.Add(2 * time.Second)
			return r.endTurn(ctx, Batch{Cycle: r.cycle, Job: &r.job, Said: b.Said})
		}
		b.Moved = append(b.Moved, plan.Transition{ID: row.ID, From: plan.Planned, To: plan.LeftOut, Code: r.cycle.Code, Detail: r.cycle.Detail, At: now})
	}
	if n := &r.cycle.Counts; len(rows) > 0 || n.Created+n.Linked+n.Updated+n.Disabled+n.Deleted+n.Referred > 0 {
		b.Due = []connection.Ref{r.job.Demand.Of} // who refers to it is written by a cycle of everybody
	}
	r.cycle.Phase, r.cycle.EndedAt = Ended, now
	return r.endTurn(ctx, b)
}

// allSaid is what has been said in this cycle, in earlier slices as well.
func (r *run) allSaid(ctx context.Context) []connection.Exchange {
	said, _ := r.transcript.Exchanges()
	if r.job.Cycle == nil { // it began in this slice
		return said
	}
	before, err := r.Store.Said(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil {
		return said // the record of this slice is better than none
	}
	all := append(before, said...)
	return all[:min(len(all), connection.MostExchanges)]
}

// secretNames are the last names, in lower case, of the target attributes whose values must not be shown.
func (r *run) secretNames() map[string]bool {
	names := map[string]bool{}
	for _, p := range r.programs {
		for _, at := range p.Redacted() {
			name := at[strings.LastIndexByte(at, ':')+1:]
			names[strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))] = true
			names[strings.ToLower(name)] = true
		}
	}
	delete(names, "")
	return names
}
