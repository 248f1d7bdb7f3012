package server

import (
	"context"
	"time"

	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
)

// driftTick is how often it is looked for applications that are to be read for drift, and for reads that have ended.
const driftTick = 5 * time.Minute

// lookForDrift has applications read as often as their policies say, and notes how they differ from what was written there. It remembers
// nothing: whoever has read an application, and on which node, the next tick compares.
func (n *Server) lookForDrift(ctx context.Context) {
	for wait(ctx, driftTick) == nil {
		jobs, err := n.db.AppJobs(ctx)
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warn("no look for drift for now", "error", err)
		}
		for _, j := range jobs {
			if err := n.lookForDriftOf(ctx, j); err != nil && ctx.Err() == nil {
				n.config.Log.Warn("a look for drift failed; tried again", "app", j.Slug, "error", err)
			}
		}
	}
}

// lookForDriftOf asks for a read when it is time, and compares what was read since the last look.
func (n *Server) lookForDriftOf(ctx context.Context, j provision.Job) error {
	id := mirror.ID{Tenant: j.Tenant, Connection: j.ID}
	head, err := n.engine.Mirrors.Head(ctx, id)
	if err != nil {
		return err
	}
	last, err := n.db.DriftLook(ctx, j.Tenant, j.ID)
	if err != nil {
		return err
	}
	switch driftStep(&j, &head, last.Read, time.Now()) {
	case readForDrift:
		_, err = n.engine.Mirrors.Request(ctx, id, mirror.Request{Whole: true})
	case compareForDrift:
		_, _, err = n.engine.Drift(ctx, j.Tenant, j.ID, false)
	case noDriftStep:
	}
	return err
}

// What is to be done about the drift of an application.
const (
	noDriftStep = iota
	readForDrift
	compareForDrift
)

// driftStep says what is to be done about the drift of an application at an instant, of which the read that began at looked was the last
// to be compared.
func driftStep(j *provision.Job, head *mirror.Head, looked, now time.Time) int {
	every := j.Policy.DriftEvery
	if every == 0 {
		every = plan.DefaultDriftEvery
	}
	if every < 0 || j.State != provision.Active || j.Cursor == "" || j.Cycle != nil {
		return noDriftStep
	}
	if head.Code != "" || head.Requests > head.Answered || len(head.Passes) == 0 { // a read that fails is told of elsewhere
		return noDriftStep
	}
	read := head.Passes[0].Asked
	for _, p := range head.Passes {
		if p.Stage != mirror.Idle {
			return noDriftStep
		}
		if p.Asked.Before(read) {
			read = p.Asked
		}
	}
	switch {
	case now.Sub(read) >= every:
		return readForDrift
	case read.UnixMilli() > looked.UnixMilli():
		return compareForDrift
	}
	return noDriftStep
}
