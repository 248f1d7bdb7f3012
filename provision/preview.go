package provision

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// Preview plans a job in memory and writes nothing: what the next full cycle would do, row by row, in the order in which it
// would be done. It asks the target only to list and find. Rows that the guard would hold come with state Held.
func (e *Engine) Preview(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, f func(plan.Action) error) (Counts, error) {
	r, err := e.ask(ctx, t, id)
	if err != nil {
		return Counts{}, err
	}
	if moved, err := r.moved(ctx, r.job.Cursor); err != nil {
		return Counts{}, err
	} else if moved {
		r.cycle.Trigger = elsewhere
	}
	if err := r.open(ctx); err != nil {
		return Counts{}, err
	}
	memory := plan.NewMemory(r.stored(), r.stored(), r.cycle.ID)
	r.decide = r.planner(memory, memory, memory)
	if err := r.prepare(ctx); err != nil {
		return Counts{}, err
	}
	if err := r.previewLookup(ctx); err != nil {
		return Counts{}, err
	}
	if err := r.preview(ctx, memory); err != nil {
		return Counts{}, err
	}
	counts := Counts{Read: r.cycle.Counts.Read, TargetRequests: int(r.requests.Load())}
	counts.add(memory.Sum)
	for _, a := range memory.Plan() {
		if err := f(a); err != nil {
			return counts, err
		}
	}
	return counts, nil
}

// previewLookup decides how a plan in memory finds the target's objects: as the target was last read, and if it never was, by
// asking it. An inbound job's source must have been read.
func (r *run) previewLookup(ctx context.Context) error {
	_, err := r.unread(ctx)
	if r.job.Direction == Inbound {
		r.lookup = r.find
		return err
	}
	r.lookup = r.fromMirrorOrAsked
	if lockstep.CodeOf(err) == lockstep.CodeUnread {
		r.lookup, err = r.find, nil
	}
	return err
}

// preview plans all that a full cycle would plan.
func (r *run) preview(ctx context.Context, memory *plan.Memory) error {
	whole := false
	err := r.source.Read(ctx, "", func(page connection.Page) error {
		whole = page.Last && page.Whole
		r.cycle.Counts.Read += len(page.Objects)
		for _, o := range page.Objects {
			memory.Saw(o.Ref)
		}
		for _, b := range page.Bad {
			memory.Saw(b.Ref)
		}
		p, err := r.decide.Page(ctx, page, false)
		if err != nil {
			return err
		}
		return memory.Take(ctx, p)
	})
	if err != nil {
		return err
	}
	if whole {
		if err := r.decide.Unseen(ctx); err != nil {
			return err
		}
	}
	if err := r.decide.Again(ctx); err != nil {
		return err
	}
	return r.decide.Finish(ctx, memory.Sum.Planned > 0)
}

// Explanation says why an object is or is not at the target, step by step.
type (
	Explanation = plan.Explanation
	Step        = plan.Step
)

// Explain looks one object up in the source and at the target and says what the engine makes of it. It writes nothing.
func (e *Engine) Explain(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, ref connection.Ref) (Explanation, error) {
	r, err := e.ask(ctx, t, id)
	if err == nil {
		err = r.open(ctx)
	}
	if err != nil {
		return Explanation{}, err
	}
	if err := r.loadWaitsOf(ctx, ref); err != nil {
		return Explanation{}, err
	}
	r.lookup = r.find
	transcript := &connection.Transcript{Secrets: r.secretNames()}
	ctx = connection.WithTranscript(ctx, transcript)
	objects, err := r.source.Get(ctx, ref)
	if err != nil {
		return Explanation{}, err
	}
	if len(objects) == 0 {
		return Explanation{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("no %s %s in %s", ref.Type, ref.ID, r.from.Name)}
	}
	x, err := r.decide.Explain(ctx, objects[0])
	if err != nil {
		return x, err
	}
	x.Requests, _ = transcript.Exchanges()
	if x.Action != nil {
		sends, err := r.rehearse(ctx, *x.Action)
		if err != nil {
			return x, err
		}
		x.Requests = append(x.Requests, sends...)
	}
	return x, nil
}
