package operate

import (
	"context"
	"fmt"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// Drifts is what an Operator asks of provision.Engine about drift.
type Drifts interface {
	Drift(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, members bool) ([]plan.Drift, provision.DriftLook, error)
	RestoreDrift(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, sources []connection.Ref, members bool) (int, error)
}

// Drift is how an application differs from what was written there: what somebody else has changed or removed.
type Drift struct {
	Job   provision.Job
	Look  provision.DriftLook
	Found []plan.Drift
}

// Says is the result in a sentence.
func (d Drift) Says() string {
	n := d.Look.Changed + d.Look.Missing + d.Look.More
	says := "Everything is as it was written."
	switch {
	case d.Look.Compared == 0:
		says = "Nothing was written yet."
	case n > 0:
		says = words.Many(n, "object differs", "objects differ") + " from what was written."
	case d.Look.Unsure > 0:
		says = "Nothing is known to differ."
	}
	if u := d.Look.Unsure; u > 0 {
		says += " " + words.Many(u, "object is", "objects are") + " left for the next read, written since this one or not seen for certain."
	}
	return says
}

// Drift compares what an application had when it was last read with what was written there. It asks the application nothing.
func (o *Operator) Drift(ctx context.Context, p Principal, name string) (Drift, error) {
	if err := p.some(AppsRead); err != nil {
		return Drift{}, err
	}
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil {
		return Drift{}, err
	}
	return o.drift(ctx, j, false)
}

func (o *Operator) drift(ctx context.Context, j provision.Job, members bool) (d Drift, err error) {
	d.Job = j
	d.Found, d.Look, err = o.Engine.Drift(ctx, j.Tenant, j.ID, members)
	return d, err
}

// LookForDrift has an application read once more, waits for the end of that, at most so long, and compares. With members each linked group is
// asked for by its id, too, since lists do not show who is in them.
func (o *Operator) LookForDrift(ctx context.Context, p Principal, name string, most time.Duration, members bool) (Drift, error) {
	if err := p.some(AppsWrite); err != nil {
		return Drift{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return Drift{}, err
	}
	if j.Direction == provision.Inbound {
		return o.drift(ctx, j, false) // which says why not
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := o.reread(ctx, j, most); err != nil {
		return Drift{}, err
	}
	return o.drift(ctx, j, members)
}

// AskForDrift has an application read once more and does not wait.
func (o *Operator) AskForDrift(ctx context.Context, p Principal, name string) (provision.Job, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return j, err
	}
	_, err = o.Reads.Request(ctx, mirror.ID{Tenant: j.Tenant, Connection: j.ID}, mirror.Request{Whole: true, Now: true})
	return j, err
}

// reread has the outside system of a job read and waits until that has been done.
func (o *Operator) reread(ctx context.Context, j provision.Job, most time.Duration) error {
	id := mirror.ID{Tenant: j.Tenant, Connection: j.ID}
	n, err := o.Reads.Request(ctx, id, mirror.Request{Whole: true, Now: true})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return o.await(ctx, j.Tenant, j.ID, func(provision.Job) (bool, error) {
		head, err := o.Reads.Head(ctx, id)
		switch {
		case err != nil:
			return false, err
		case head.Answered >= n:
			return true, nil
		case head.Code != "":
			return false, &lockstep.Error{Code: head.Code, Detail: head.Detail}
		}
		return false, nil
	})
}

// RestoreDrift has objects written anew that somebody else has changed or removed: those of the given source objects or, with none,
// all; with members those count that groups have lost and gained, as they are now. The job plans that like any other change: at once in mode auto, with the next plan in mode manual.
func (o *Operator) RestoreDrift(ctx context.Context, p Principal, name string, sources []connection.Ref, members bool) (int, error) {
	if err := p.some(AppsWrite); err != nil {
		return 0, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return 0, err
	}
	n, err := o.Engine.RestoreDrift(ctx, p.Tenant, j.ID, sources, members)
	if err != nil || n == 0 {
		return n, err
	}
	o.wake()
	return n, o.Notes.Note(ctx, p.Tenant, audit.Event{
		Actor: p.Actor, Verb: "restored", Object: "drift", ID: string(j.ID), Detail: fmt.Sprintf("%s of %s", words.Many(n, "object", "objects"), j.Slug),
	})
}
