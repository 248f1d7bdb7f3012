package operate

import (
	"cmp"
	"context"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// Drifts is what an Operator asks of drift.Finder.
type Drifts interface {
	Found(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.DriftQuery) ([]plan.Drift, plan.DriftLook, error)
	Ask(ctx context.Context, t lockstep.TenantID, job lockstep.JobID) (int64, error)
	Restore(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, sources []connection.Ref) (int, error)
}

// Drift is how an application differs from what was written there, as the last look has found it: what somebody else has changed or removed.
type Drift struct {
	Job   provision.Job
	Look  plan.DriftLook
	Found []plan.Drift   // a page of it
	Next  connection.Ref // after which the next page begins; zero: this was the last

	Trouble *lockstep.Error // why a look that somebody waits for does not come: the application cannot be read
}

// DriftPage is a page of what was found.
type DriftPage struct {
	After connection.Ref // zero is the first
	Limit int            // 0 is 100
	Ends  int            // how many members of each group come along; 0 is 20
}

// Says is the result in a sentence.
func (d Drift) Says() string {
	l := d.Look
	n := l.Changed + l.Missing + l.More
	says := "Everything is as it was written."
	switch {
	case l.Read.IsZero():
		says = "Nobody has looked yet."
	case l.Compared == 0:
		says = "Nothing was written yet."
	case n > 0:
		says = words.Many(n, "object differs", "objects differ") + " from what was written."
	case l.Unsure+l.Restored > 0:
		says = "Nothing is known to differ."
	}
	if u := l.Unsure; u > 0 {
		says += " " + words.Many(u, "object is", "objects are") + " left for the next look, written since or not seen for certain."
	}
	if r := l.Restored; r > 0 {
		says += " " + words.Many(r, "object is", "objects are") + " to be written anew."
	}
	return says
}

// Drift returns what the last look for drift has found. It asks the application nothing and compares nothing.
func (o *Operator) Drift(ctx context.Context, p Principal, name string, page DriftPage) (Drift, error) {
	if err := p.some(AppsRead); err != nil {
		return Drift{}, err
	}
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil {
		return Drift{}, err
	}
	return o.drift(ctx, j, page)
}

func (o *Operator) drift(ctx context.Context, j provision.Job, page DriftPage) (Drift, error) {
	d := Drift{Job: j}
	most := cmp.Or(page.Limit, 100)
	found, look, err := o.Drifts.Found(ctx, j.Tenant, j.ID, plan.DriftQuery{After: page.After, Limit: most + 1, Ends: cmp.Or(page.Ends, 20)})
	if err != nil {
		return d, err
	}
	if look.Read.IsZero() && !look.Under && !look.Waits() {
		return d, &lockstep.Error{Code: lockstep.CodeUnread, Detail: "Nobody has looked at " + nameOf(j) + " yet for what somebody else has changed there."}
	}
	d.Found, d.Look = found, look
	if len(found) > most {
		d.Found = found[:most]
		d.Next = found[most-1].Source.Ref
	}
	if look.Waits() {
		head, err := o.Reads.Head(ctx, mirror.ID{Tenant: j.Tenant, Connection: j.ID})
		if err != nil {
			return d, err
		}
		if head.Code != "" && head.Answered < look.Asked {
			d.Trouble = &lockstep.Error{Code: head.Code, Detail: head.Detail}
		}
	}
	return d, nil
}

// LookForDrift has an application read once more and what it has compared, each group with its members, waits for the end of that, at most so
// long, and returns what was found.
func (o *Operator) LookForDrift(ctx context.Context, p Principal, name string, most time.Duration, page DriftPage) (Drift, error) {
	j, n, err := o.askForDrift(ctx, p, name)
	if err != nil {
		return Drift{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err = o.await(ctx, j.Tenant, j.ID, func(provision.Job) (bool, error) {
		_, look, err := o.Drifts.Found(ctx, j.Tenant, j.ID, plan.DriftQuery{Limit: 1})
		if err != nil || look.Answered >= n {
			return err == nil, err
		}
		head, err := o.Reads.Head(ctx, mirror.ID{Tenant: j.Tenant, Connection: j.ID})
		if err == nil && head.Answered < n && head.Code != "" {
			err = &lockstep.Error{Code: head.Code, Detail: head.Detail}
		}
		return false, err
	})
	if err != nil {
		return Drift{}, err
	}
	return o.drift(ctx, j, page)
}

// AskForDrift has an application read once more and what it has compared, and does not wait.
func (o *Operator) AskForDrift(ctx context.Context, p Principal, name string) (provision.Job, error) {
	j, _, err := o.askForDrift(ctx, p, name)
	return j, err
}

func (o *Operator) askForDrift(ctx context.Context, p Principal, name string) (provision.Job, int64, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, 0, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return j, 0, err
	}
	n, err := o.Drifts.Ask(ctx, j.Tenant, j.ID)
	return j, n, err
}

// RestoreDrift has objects written anew that somebody else has changed or removed, as the last look has found them: those of the given source
// objects or, with none, all. The job plans that like any other change: at once in mode auto, with the next plan in mode manual.
func (o *Operator) RestoreDrift(ctx context.Context, p Principal, name string, sources []connection.Ref) (int, error) {
	if err := p.some(AppsWrite); err != nil {
		return 0, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return 0, err
	}
	n, err := o.Drifts.Restore(ctx, p.Tenant, j.ID, sources)
	if err != nil || n == 0 {
		return n, err
	}
	o.wake()
	return n, o.Notes.Note(ctx, p.Tenant, audit.Event{
		Actor: p.Actor, Verb: "restored drift at", Object: "job", ID: string(j.ID), Name: nameOf(j), Detail: words.Many(n, "object", "objects"),
	})
}
