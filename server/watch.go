package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/provision"
)

// watchEvery is how often the list of sources to watch is made anew.
const watchEvery = 5 * time.Second

// watch makes inbound jobs due when their sources say that something changed. Sources that cannot tell are left to their
// intervals.
func (n *Server) watch(ctx context.Context) {
	watched := map[lockstep.JobID]watching{}
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		jobs, err := n.inbound(ctx)
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warn("sources cannot be watched for now", "error", err)
		}
		for id, w := range watched {
			if _, ok := jobs[id]; !ok && err == nil { // removed or paused
				w.stop()
				delete(watched, id)
			}
		}
		for id, j := range jobs {
			w, ok := watched[id]
			if ok && w.config == j.Config {
				continue
			}
			if ok {
				w.stop()
			}
			each, stop := context.WithCancel(ctx)
			watched[id] = watching{config: j.Config, stop: stop}
			all.Go(func() { n.watchJob(each, j) })
		}
		select {
		case <-ctx.Done():
			for _, w := range watched {
				w.stop()
			}
			return
		case <-tick.C:
		}
	}
}

// watching is a source that is being watched, with the configuration that it was opened with.
type watching struct {
	config int64
	stop   func()
}

// inbound returns the jobs of sources that are not paused.
func (n *Server) inbound(ctx context.Context) (map[lockstep.JobID]provision.Job, error) {
	list, err := n.db.Sources(ctx)
	if err != nil {
		return nil, err
	}
	jobs := make(map[lockstep.JobID]provision.Job, len(list))
	for _, j := range list {
		jobs[j.ID] = j
	}
	return jobs, nil
}

// watchJob watches until ctx ends. While the source cannot be watched, because its system is away or its secret is not set
// yet, it is tried again and again.
func (n *Server) watchJob(ctx context.Context, j provision.Job) {
	for told := false; ctx.Err() == nil; {
		err := n.watchOnce(ctx, j)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return
		case err != nil && ctx.Err() == nil && !told:
			told = true
			n.config.Log.Warn("a source cannot be watched for now", "source", j.Slug, "error", err)
		}
		_ = wait(ctx, watchEvery) // the loop sees that ctx has ended
	}
}

// watchOnce watches until the source gives up. What happened before it began to look concerns only a source that was read
// before: an administrator starts the first read.
func (n *Server) watchOnce(ctx context.Context, j provision.Job) error {
	source, err := n.engine.Connect.Source(ctx, j)
	if err != nil {
		return err
	}
	began := false
	return source.Watch(ctx, func() {
		n.changed(ctx, j, !began)
		began = true
	})
}

// changed makes the job due, if it is not already. A job in mode manual waits for plan, one that was never read for its first
// run if read is set.
func (n *Server) changed(ctx context.Context, j provision.Job, read bool) {
	for {
		now, err := n.engine.Store.Job(ctx, j.Tenant, j.ID)
		if err != nil || now.Manual || (read && now.Cursor == "") || now.State == provision.Paused || (!now.NextRun.IsZero() && !now.NextRun.After(time.Now())) {
			return
		}
		now.NextRun = time.Now()
		err = n.operator.Settings.PutJob(ctx, audit.Actor{}, now)
		if !errors.Is(err, lockstep.ErrVersion) {
			if err != nil && ctx.Err() == nil {
				n.config.Log.Warn("a changed source could not be made due", "source", j.Slug, "error", err)
			}
			n.queue.Wake()
			return
		}
	}
}

// wait waits for d, or until ctx ends, whose cause it then returns.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
