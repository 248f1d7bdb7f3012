package provision

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// Outside says what the outside system of a job is like, and which attributes rules may name there. The error is why it cannot be
// asked.
func (e *Engine) Outside(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (connection.System, error) {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil || e.Connect == nil {
		return connection.System{}, err
	}
	if job.Direction == Inbound {
		s, err := e.Connect.Source(ctx, job)
		if err != nil {
			return connection.System{}, err
		}
		return s.Describe(ctx)
	}
	s, err := e.Connect.Target(ctx, job)
	if err != nil {
		return connection.System{}, err
	}
	return s.Describe(ctx)
}

// ends opens both ends as far as they can be.
func (r *run) ends(ctx context.Context) (from, to connection.System, outside, err error) {
	if r.job.Direction == Inbound {
		if r.source, outside = r.Connect.Source(ctx, r.job); outside == nil {
			from, outside = r.source.Describe(ctx)
		}
		r.target = r.Directory.Target(r.job.Tenant, r.actor())
		to, err = r.target.Describe(ctx)
		return from, to, outside, err
	}
	if r.target, outside = r.Connect.Target(ctx, r.job); outside == nil {
		to, outside = r.target.Describe(ctx)
	}
	r.source = r.Directory.Source(r.job.Tenant, r.job.App, r.job.Policy.Nested, !to.Nesting)
	from, err = r.source.Describe(ctx)
	return from, to, outside, err
}

// Trial is what rules make of one object of the source.
type Trial struct {
	Object  connection.Object
	Verdict rule.Verdict
	Output  rule.Output // what the target would get, of objects out of scope, too; nothing when only the scope is asked for
}

// Attempt says what TryRules tries.
type Attempt struct {
	Mapping rule.ObjectMapping
	Policy  Policy
	Refs    []connection.Ref // nil is everybody
	Scope   bool             // only who is in scope
}

// TryRules evaluates rules, which the job need not have, on objects of the type of its source, and writes nothing: on those that are
// named, or on all. The target is not asked about any object; while it cannot be asked what it is like, its types are not known.
func (e *Engine) TryRules(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, a Attempt, f func(Trial) error) error {
	m := a.Mapping
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return err
	}
	job.Policy = a.Policy
	r := &run{Engine: e, job: job}
	from, to, outside, err := r.ends(ctx)
	if err != nil {
		return err
	}
	if job.Direction == Inbound && outside != nil {
		return outside
	}
	p, err := plan.CompileObject(m, from, to)
	if err != nil {
		return err
	}
	now, random := r.now(), r.random()
	try := func(objects []connection.Object) error {
		for _, o := range objects {
			if o.Type != m.Source {
				continue
			}
			t := Trial{Object: o, Verdict: p.InScope(o, job.Direction, job.Policy, now)}
			if !a.Scope {
				t.Output = p.Try(o, t.Verdict.In, now, random)
			}
			if err := f(t); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	if a.Refs == nil {
		return r.source.Read(ctx, "", func(page connection.Page) error { return try(page.Objects) })
	}
	for chunk := range slices.Chunk(a.Refs, 500) {
		objects, err := r.source.Get(ctx, chunk...)
		if err != nil {
			return err
		}
		if err := try(objects); err != nil {
			return err
		}
	}
	return nil
}
