package server

import (
	"context"
	"time"

	"lockstep"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
)

// driftTick is how often it is looked for applications that are to be read for drift, and for reads that have ended.
const driftTick = 5 * time.Minute

// lookForDrift has applications read as often as their policies say, and notes how they differ from what was written there.
func (n *Server) lookForDrift(ctx context.Context) {
	asked := map[lockstep.JobID]int64{}
	for wait(ctx, driftTick) == nil {
		jobs, err := n.db.AppJobs(ctx)
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warn("no look for drift for now", "error", err)
		}
		for _, j := range jobs {
			if err := n.lookForDriftOf(ctx, j, asked); err != nil && ctx.Err() == nil {
				n.config.Log.Warn("a look for drift failed; tried again", "app", j.Slug, "error", err)
			}
		}
	}
}

// lookForDriftOf asks for a read when it is time, and compares when the one that it asked for has ended.
func (n *Server) lookForDriftOf(ctx context.Context, j provision.Job, asked map[lockstep.JobID]int64) error {
	every := j.Policy.DriftEvery
	if every == 0 {
		every = plan.DefaultDriftEvery
	}
	if every < 0 || j.State != provision.Active || j.Cursor == "" || j.Cycle != nil {
		return nil
	}
	id := mirror.ID{Tenant: j.Tenant, Connection: j.ID}
	head, err := n.engine.Mirrors.Head(ctx, id)
	if err != nil || head.Code != "" {
		return err // a read that fails is told of elsewhere
	}
	if request, waits := asked[j.ID]; waits {
		if head.Answered < request {
			return nil
		}
		delete(asked, j.ID)
		_, _, err := n.engine.Drift(ctx, j.Tenant, j.ID)
		return err
	}
	last, err := n.db.DriftLook(ctx, j.Tenant, j.ID)
	if err != nil || time.Since(last.Read) < every || time.Since(j.Created) < every {
		return err
	}
	asked[j.ID], err = n.engine.Mirrors.Request(ctx, id, mirror.Request{Whole: true})
	return err
}
