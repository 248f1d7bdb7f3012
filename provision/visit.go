package provision

import (
	"context"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
)

// patience is how long a person who asks waits for the end of a pause that the target has asked for.
const patience = 10 * time.Second

// ask returns a run for somebody who asks something of a job: it belongs to no cycle that is kept.
func (e *Engine) ask(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (*run, error) {
	job, err := e.Store.Job(ctx, t, id)
	return &run{
		Engine: e, job: job, until: e.now().Add(patience),
		cycle: &Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: id, Kind: Initial, Trigger: "person"},
	}, err
}

// Visit is the application of a job, opened for whoever looks at it beside the job's cycles.
type Visit struct {
	System   connection.System
	Programs plan.Programs

	run *run
}

// Visit opens the application of a job.
func (e *Engine) Visit(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (*Visit, error) {
	r, err := e.ask(ctx, t, id)
	if err == nil {
		err = r.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &Visit{System: r.to, Programs: r.programs, run: r}, nil
}

// Seen returns what is known of the passes over the application. It fails with lockstep.CodeUnread when none has come to its end.
func (v *Visit) Seen(ctx context.Context) (mirror.Head, error) { return v.run.unread(ctx) }

// Get reads one object of the application, within its budget.
func (v *Visit) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	v.run.until = v.run.now().Add(patience)
	var o connection.Object
	_, err := v.run.call(ctx, func(ctx context.Context) (_ []connection.Object, err error) {
		o, err = v.run.target.Get(ctx, ref)
		return nil, err
	})
	return o, err
}

// Name says of references whom they lead to, as far as the job knows.
func (v *Visit) Name(ctx context.Context, refs []plan.RowReference) error {
	return v.Programs.NameMembers(ctx, v.run.stored(), refs)
}

// Whom returns objects of the directory, as the job sees them now; those that are not there are left out.
func (v *Visit) Whom(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	return v.run.source.Get(ctx, refs...)
}

// TakeBack says what the job does to take back an account that it has created.
func (v *Visit) TakeBack(ctx context.Context, who connection.Object, l plan.Link) plan.TakeBack {
	return v.run.decide.TakeBack(ctx, who, l)
}

// Write writes a batch about a job that somebody has taken over. One that releases it is the last.
type Write func(context.Context, Batch) error

// Amend takes a job over, has f write what is known of it, and lets go of it. Whoever began a turn of the job has lost it with this, if it had planned
// nothing yet, and begins anew by what f has written; while a cycle is under way Amend fails.
func (e *Engine) Amend(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, f func(Job, Write) error) error {
	job, err := e.Store.TakeOver(ctx, t, id, e.lease())
	if err != nil {
		return err
	}
	if job.Cycle != nil {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A cycle of " + job.Name + " has just begun; try again when it has ended."}
	}
	r := &run{Engine: e, job: job}
	defer r.release(ctx)
	return f(job, func(ctx context.Context, b Batch) error {
		if b.Release {
			return r.endTurn(ctx, b)
		}
		return r.commit(ctx, b)
	})
}
