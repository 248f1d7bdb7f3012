package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"lockstep"
	"lockstep/mirror"
	"lockstep/provision"
	"lockstep/store"
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

// watchOnce watches until the source gives up.
func (n *Server) watchOnce(ctx context.Context, j provision.Job) error {
	o, err := n.systems.get(ctx, j)
	if err != nil {
		return err
	}
	if o.watcher == nil {
		return errors.ErrUnsupported
	}
	return o.watcher.Watch(ctx, func() { n.changed(ctx, j) })
}

// changed has the source read. What a read finds makes the job due. An administrator starts the first read; from then on every change is
// read, also one that comes while the first read or its cycle runs, which may have gone past the place.
func (n *Server) changed(ctx context.Context, j provision.Job) {
	id := mirror.ID{Tenant: j.Tenant, Connection: j.ID}
	now, err := n.engine.Store.Job(ctx, j.Tenant, j.ID)
	if err != nil || now.State == provision.Paused {
		return
	}
	head, err := n.engine.Mirrors.Head(ctx, id)
	if err == nil && head.Requests == 0 {
		return
	}
	if err == nil {
		_, err = n.engine.Mirrors.Request(ctx, id, mirror.Request{})
	}
	if err != nil && ctx.Err() == nil {
		n.config.Log.Warn("a read of a changed source could not be asked for", "source", j.Slug, "error", err)
	}
}

// asking wakes the reads when one is asked for.
type asking struct {
	store.Mirrors
	wake func()
}

// Request implements provision.Mirrors.
func (a asking) Request(ctx context.Context, id mirror.ID, r mirror.Request) (int64, error) {
	n, err := a.Mirrors.Request(ctx, id, r)
	a.wake()
	return n, err
}

// waking wakes the queue, and whoever looks for drift, when a visit of a connection has ended: they may wait for it.
type waking struct {
	store.Mirrors
	wake func(mirror.ID)
}

// Release implements mirror.Leases.
func (w waking) Release(ctx context.Context, l mirror.Lease, v mirror.Visit) error {
	err := w.Mirrors.Release(ctx, l, v)
	w.wake(l.ID)
	return err
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
