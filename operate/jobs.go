package operate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/token"
)

// ListJobs lists the tenant's jobs, with what a turn in this process knows better than the store.
func (o *Operator) ListJobs(ctx context.Context, p Principal) ([]provision.Job, error) {
	if err := p.some(AppsRead); err != nil {
		return nil, err
	}
	all, err := o.Settings.ListJobs(ctx, p.Tenant)
	all = slices.DeleteFunc(all, func(j provision.Job) bool { return p.mayApp(AppsRead, j.Slug) != nil })
	for i := range all {
		o.freshen(&all[i])
	}
	return all, err
}

// Job finds a job by the slug of its app or source, or by its id, with its open cycle.
func (o *Operator) Job(ctx context.Context, p Principal, name string) (provision.Job, error) {
	if err := p.some(AppsRead); err != nil {
		return provision.Job{}, err
	}
	return o.job(ctx, p, AppsRead, name)
}

// job finds a job that the principal has a right to.
func (o *Operator) job(ctx context.Context, p Principal, want token.Scope, name string) (provision.Job, error) {
	if err := p.some(want); err != nil {
		return provision.Job{}, err
	}
	j, err := o.jobNamed(ctx, p.Tenant, name)
	if err != nil {
		return provision.Job{}, err
	}
	if err := p.mayApp(want, j.Slug); err != nil {
		return provision.Job{}, err
	}
	return j, nil
}

func (o *Operator) jobNamed(ctx context.Context, t lockstep.TenantID, name string) (provision.Job, error) {
	if lockstep.ValidID(name) {
		j, err := o.Jobs.Job(ctx, t, lockstep.JobID(name))
		if lockstep.CodeOf(err) != lockstep.CodeNotFound {
			o.freshen(&j)
			return j, err
		}
	}
	j, err := o.Jobs.JobNamed(ctx, t, name)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		all, err := o.Settings.ListJobs(ctx, t)
		var slugs []string
		for _, j := range all {
			slugs = append(slugs, j.Slug)
		}
		return provision.Job{}, cmp.Or(err, notFound("app or source", name, slugs...))
	}
	o.freshen(&j)
	return j, err
}

// freshen replaces the job's open cycle by that of a turn that runs in this process, which is fresher than what is stored.
func (o *Operator) freshen(j *provision.Job) {
	if j.Cycle == nil {
		return
	}
	if c, ok := o.Engine.Progress(j.ID); ok && c.ID == j.Cycle.ID {
		j.Cycle = &c
	}
}

// change changes a job as it is stored by then: what others change at the same moment stays. f has no effects, and may be asked again.
func (o *Operator) change(ctx context.Context, p Principal, name string, f func(*provision.Job) error) (provision.Job, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return provision.Job{}, err
	}
	if j, err = o.Settings.ChangeJob(ctx, p.Actor, p.Tenant, j.ID, f); err != nil {
		return provision.Job{}, err
	}
	o.wake()
	o.freshen(&j)
	return j, nil
}

// JobChange sets what is given of a job.
type JobChange struct {
	Name   string             // "" leaves it
	Manual *bool              // nil leaves it
	State  provision.JobState // provision.Active also ends a quarantine: the job is tried at once; "" leaves it
}

// ChangeJob names a job, sets its mode, pauses it and lets it go on.
func (o *Operator) ChangeJob(ctx context.Context, p Principal, name string, c JobChange) (provision.Job, error) {
	return o.change(ctx, p, name, func(j *provision.Job) error {
		if c.Name != "" {
			j.Name = c.Name
		}
		if c.Manual != nil {
			j.Manual = *c.Manual
		}
		switch c.State {
		case "":
		case provision.Paused:
			j.State = provision.Paused
		case provision.Active:
			if j.State == provision.Quarantined {
				j.NextRun = o.now()
			}
			j.State = provision.Active
		default:
			return invalid("A job is set active or paused.")
		}
		return nil
	})
}

// Run makes a job due at once, also when it waits after a failure. whole has its outside system read from the beginning, also
// where it could say what has changed, or nothing seems to have. It turns a draft on.
func (o *Operator) Run(ctx context.Context, p Principal, name string, whole bool) (provision.Job, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	if whole {
		j, err := o.job(ctx, p, AppsWrite, name)
		if err != nil {
			return provision.Job{}, err
		}
		if j.State == provision.Paused && !j.Draft() {
			return provision.Job{}, errPaused()
		}
		if _, err := o.Reads.Request(ctx, mirror.ID{Tenant: j.Tenant, Connection: j.ID}, mirror.Request{Whole: true, Now: true}); err != nil {
			return provision.Job{}, err
		}
	}
	return o.change(ctx, p, name, func(j *provision.Job) error {
		if j.State == provision.Paused && !j.Draft() {
			return errPaused()
		}
		j.State, j.NextRun, j.NotBefore = provision.Active, o.now(), time.Time{}
		return nil
	})
}

func errPaused() error {
	return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The job is paused; resume it first."}
}

// testFor bounds a connection test.
const testFor = 60 * time.Second

// TestConnection looks whether a job's outside system can be reached. That it cannot is the error.
func (o *Operator) TestConnection(ctx context.Context, p Principal, name string, report func(connection.Check)) error {
	if err := p.some(AppsWrite); err != nil {
		return err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, testFor)
	defer cancel()
	if err := o.Engine.Test(ctx, p.Tenant, j.ID, report); err != nil {
		return &TestFailed{Err: err}
	}
	return nil
}

// TestFailed says that an outside system did not pass its test: the request for it has been carried out.
type TestFailed struct{ Err error }

// Error implements error.
func (t *TestFailed) Error() string { return t.Err.Error() }

// Unwrap returns what went wrong.
func (t *TestFailed) Unwrap() error { return t.Err }

// RulesFaulty says what is wrong with rules, of which object mapping.
type RulesFaulty struct{ Faults []rule.Fault }

// Error implements error.
func (r *RulesFaulty) Error() string { return r.Faults[0].Err.Error() }

// Unwrap returns the first thing that is wrong.
func (r *RulesFaulty) Unwrap() error { return r.Faults[0].Err }

// SetRules replaces a job's mappings and scoping filters, if the job still has the version; 0 is whatever it has.
func (o *Operator) SetRules(ctx context.Context, p Principal, name string, version int64, r rule.Rules) (provision.Job, error) {
	if err := p.may(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	job, err := o.Job(ctx, p, name)
	if err == nil {
		r, err = o.checkRules(ctx, p, job, r)
	}
	if err != nil {
		return provision.Job{}, err
	}
	return o.change(ctx, p, name, func(j *provision.Job) error {
		if version != 0 && version != j.Config {
			return &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The rules were changed by somebody else in the meantime."}
		}
		j.Rules = r
		return nil
	})
}

// checkRules finds out what is wrong with rules as far as that is known before they run: the directory's types, and those of the
// application, if it says. It returns them with the attributes named as they are there. The error is a RulesFaulty with everything.
func (o *Operator) checkRules(ctx context.Context, p Principal, j provision.Job, r rule.Rules) (rule.Rules, error) {
	if len(r.Objects) == 0 || len(r.Objects) > 20 {
		return r, invalid("Rules have one to twenty object mappings.")
	}
	known, err := o.systems(ctx, p, j)
	if err != nil {
		return r, err
	}
	if faults := rule.Validate(r, known); len(faults) > 0 {
		return r, &RulesFaulty{faults}
	}
	return rule.Spelled(r, known), nil
}

// systems is what is known of the systems that a job joins.
func (o *Operator) systems(ctx context.Context, p Principal, j provision.Job) (rule.Systems, error) {
	var own *directory.Schemas
	if o.Schemas != nil {
		var err error
		if own, err = o.Schemas(ctx, p.Tenant); err != nil {
			return rule.Systems{}, err
		}
	}
	here := map[string]*scim.Type{string(directory.UserKind): own.Type(directory.UserKind), string(directory.GroupKind): own.Type(directory.GroupKind)}
	known := rule.Systems{Target: here}
	if j.Direction == provision.Outbound {
		known = rule.Systems{Source: here}
		short, cancel := context.WithTimeout(ctx, describeFor)
		defer cancel()
		if there, err := o.Engine.Outside(short, p.Tenant, j.ID); err == nil { // what cannot be asked is checked when it runs
			known.Target, known.Searchable = there.Types, there.FindBy
		}
	}
	return known, nil
}

// ReadRules reads a provisioning schema as Entra ID exports it, or rules that were exported here, and returns what the job's rules
// would be with it; base is what they are now, in force or in a draft. What cannot be taken over is named. Nothing is kept.
func (o *Operator) ReadRules(ctx context.Context, p Principal, name string, base rule.Rules, schema []byte) (rule.Rules, []string, error) {
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return rule.Rules{}, nil, err
	}
	known, err := o.systems(ctx, p, j)
	if err != nil {
		return rule.Rules{}, nil, err
	}
	fitted, problems, err := rule.Import(schema, base, known)
	if err != nil {
		return rule.Rules{}, nil, err
	}
	var said []string
	for _, err := range problems {
		said = append(said, lockstep.Said(err))
	}
	return fitted, said, nil
}

// SetPolicy replaces what an administrator decides about a job beside its rules, if the job still has the version; 0 is whatever it has.
// Whom somebody keeps out stays out: see Exclude.
func (o *Operator) SetPolicy(ctx context.Context, p Principal, name string, version int64, policy provision.Policy) (provision.Job, error) {
	return o.change(ctx, p, name, func(j *provision.Job) error {
		if version != 0 && version != j.Config {
			return &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The policy was changed by somebody else in the meantime."}
		}
		policy.Excluded = j.Policy.Excluded
		j.Policy = policy
		return nil
	})
}

// Cycles lists a job's cycles, newest first.
func (o *Operator) Cycles(ctx context.Context, p Principal, name string, limit int) ([]provision.Cycle, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return nil, err
	}
	all, err := o.Jobs.Cycles(ctx, p.Tenant, j.ID, limit)
	for i := range all {
		all[i] = o.fresh(all[i])
	}
	return all, err
}

func (o *Operator) fresh(c provision.Cycle) provision.Cycle {
	if f, ok := o.Engine.Progress(c.Job); ok && f.ID == c.ID {
		return f
	}
	return c
}

// Cycle finds a cycle of a job; most callers want one of the newest.
func (o *Operator) Cycle(ctx context.Context, p Principal, name string, id lockstep.CycleID) (provision.Cycle, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return provision.Cycle{}, err
	}
	return o.cycle(ctx, p.Tenant, j.ID, id)
}

func (o *Operator) cycle(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, id lockstep.CycleID) (provision.Cycle, error) {
	for _, limit := range []int{10, 10_000} {
		all, err := o.Jobs.Cycles(ctx, t, job, limit)
		if err != nil {
			return provision.Cycle{}, err
		}
		for _, c := range all {
			if c.ID == id {
				return o.fresh(c), nil
			}
		}
		if len(all) < limit {
			break
		}
	}
	return provision.Cycle{}, notFound("cycle", string(id))
}

// Actions reads rows of a job: its provisioning log, and its plan.
func (o *Operator) Actions(ctx context.Context, p Principal, j provision.Job, q plan.ActionQuery) ([]plan.Action, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return nil, err
	}
	return o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
}

// Links reads what a job knows of its objects.
func (o *Operator) Links(ctx context.Context, p Principal, j provision.Job, q plan.LinkQuery) ([]plan.Link, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return nil, err
	}
	return o.Jobs.Links(ctx, p.Tenant, j.ID, q)
}

// Tally counts the rows of a cycle.
func (o *Operator) Tally(ctx context.Context, p Principal, j provision.Job, cycle lockstep.CycleID) (plan.Tally, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return plan.Tally{}, err
	}
	return o.Jobs.Tally(ctx, p.Tenant, j.ID, cycle)
}
