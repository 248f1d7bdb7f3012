package server

import (
	"context"
	"slices"
	"time"

	"lockstep"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
)

// driftTick is how often it is looked for applications that are to be read for drift, and for reads that have ended.
const driftTick = 5 * time.Minute

// driftTurn is how long a look for drift goes on before that of another application has its turn.
const driftTurn = 10 * time.Second

// lookForDrift has applications read as often as their policies say, and has what they had compared with what was written there. It remembers
// nothing: whoever has read an application, and on which node, the next tick compares, and the end of a read at once.
func (n *Server) lookForDrift(ctx context.Context) {
	tick := time.NewTicker(driftTick)
	defer tick.Stop()
	var waiting []mirror.ID // for their turns
	for ctx.Err() == nil {
		if len(waiting) == 0 {
			select {
			case <-ctx.Done():
				return
			case id := <-n.readAnew:
				waiting = append(waiting, id)
			case <-tick.C:
				waiting = n.applications(ctx)
			}
		}
		for more := true; more; { // who has come meanwhile waits behind the others
			select {
			case id := <-n.readAnew:
				if !slices.Contains(waiting, id) {
					waiting = append(waiting, id)
				}
			default:
				more = false
			}
		}
		if len(waiting) == 0 {
			continue
		}
		id := waiting[0]
		waiting = waiting[1:]
		more, err := n.lookForDriftOf(ctx, id)
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warn("a look for drift failed; tried again", "app", id.Connection, "error", err)
		}
		if more {
			waiting = append(waiting, id)
		}
	}
}

// wasRead wakes those who wait for a read that has ended. Whoever looks for drift and is busy finds it with the next tick.
func (n *Server) wasRead(id mirror.ID) {
	n.queue.Wake()
	select {
	case n.readAnew <- id:
	default:
	}
}

// applications returns the connections of all applications.
func (n *Server) applications(ctx context.Context) (all []mirror.ID) {
	jobs, err := n.db.AppJobs(ctx)
	if err != nil && ctx.Err() == nil {
		n.config.Log.Warn("no look for drift for now", "error", err)
	}
	for _, j := range jobs {
		all = append(all, mirror.ID{Tenant: j.Tenant, Connection: j.ID})
	}
	return all
}

// lookForDriftOf asks for a read when it is time, and compares what was read since the last look. It reports whether there is more to do.
func (n *Server) lookForDriftOf(ctx context.Context, id mirror.ID) (more bool, err error) {
	j, err := n.engine.Store.Job(ctx, id.Tenant, id.Connection)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound || err == nil && j.Direction == provision.Inbound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	head, err := n.engine.Mirrors.Head(ctx, id)
	if err != nil {
		return false, err
	}
	last, err := n.db.DriftLook(ctx, j.Tenant, j.ID)
	if err != nil {
		return false, err
	}
	switch driftStep(&j, &head, &last, time.Now()) {
	case readForDrift:
		_, err = n.engine.Mirrors.Request(ctx, id, mirror.Request{Whole: true})
	case compareForDrift:
		more, err = n.drifts.Look(ctx, j.Tenant, j.ID, driftTurn)
	case noDriftStep:
	}
	return more, err
}

// What is to be done about the drift of an application.
const (
	noDriftStep = iota
	readForDrift
	compareForDrift
)

// driftStep says what is to be done about the drift of an application at an instant, by what the last look has come to. What somebody has asked
// for is done also where nobody looks by oneself.
func driftStep(j *provision.Job, head *mirror.Head, last *plan.DriftLook, now time.Time) int {
	if last.Waits() && head.Answered >= last.Asked {
		if slices.ContainsFunc(head.Passes, func(p mirror.Pass) bool { return p.Stage != mirror.Idle }) {
			return noDriftStep
		}
		return compareForDrift
	}
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
	case !last.Under && now.Sub(read) >= every:
		return readForDrift
	case last.Under || read.UnixMilli() > last.Read.UnixMilli():
		return compareForDrift
	}
	return noDriftStep
}
