package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/web"
)

func (s *Server) eventRoutes(a huma.API) {
	op := operation(http.MethodGet, "/jobs/{job}/events", "watch-job", "Watch a job: its state, its open cycle, new lines of its log")
	sse.Register(a, op, map[string]any{"job": Job{}, "action": Action{}, "end": StreamEnd{}}, s.watch)
}

// StreamEnd is the last event of a stream that the server ended: connect again.
type StreamEnd struct {
	Reason string `json:"reason"`
}

const (
	watchEvery = 200 * time.Millisecond
	watchFor   = 15 * time.Minute
	watchRows  = 100 // newest log lines looked at each time
)

type watchInput struct {
	JobPath
	Actions bool `query:"actions" default:"true" doc:"Whether log lines are wanted. Of more than 100 new ones between two looks only the newest are sent."`
}

// watch sends what changed since the look before, until the caller goes, may go on no longer, the server ends, or the time is up.
func (s *Server) watch(ctx context.Context, in *watchInput, send sse.Sender) {
	p := principalOf(ctx)
	end := func(reason string) { _ = send.Data(StreamEnd{Reason: reason}) } // the caller is gone when this fails
	j, err := s.Operator.Job(ctx, p, in.Job)
	if err != nil {
		end(problemOf(err).Error())
		return
	}
	done, err := s.Operator.Stream(p)
	if err != nil {
		end(problemOf(err).Error())
		return
	}
	defer done()
	w := watcher{server: s, principal: p, job: j.ID, actions: in.Actions, send: send, sent: map[lockstep.ActionID]plan.ActionState{}}
	tick, ask, last := time.NewTicker(watchEvery), time.NewTicker(operate.AskEvery), time.NewTimer(watchFor)
	defer tick.Stop()
	defer ask.Stop()
	defer last.Stop()
	for {
		if err := w.look(ctx); err != nil {
			end(problemOf(err).Error())
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-web.Draining(ctx):
			end("The server ends.")
			return
		case <-last.C:
			end("The stream has reached its longest time.")
			return
		case <-ask.C:
			if w.principal, err = s.Operator.Again(ctx, w.principal); err != nil {
				end(problemOf(err).Error())
				return
			}
		case <-tick.C:
		}
	}
}

// watcher is one stream of events.
type watcher struct {
	server    *Server
	principal operate.Principal
	job       lockstep.JobID
	actions   bool
	send      sse.Sender
	last      Job // without its standing
	standing  *operate.State
	newest    []provision.Cycle                      // the newest, or none
	sent      map[lockstep.ActionID]plan.ActionState // as it was sent, of the newest rows
}

// look sends the job when it shows something new. Log lines are looked at when the newest cycle has moved, too: a short one
// begins and ends between two looks, and the job looks the same.
func (w *watcher) look(ctx context.Context) error {
	stored, err := w.server.Operator.Job(ctx, w.principal, string(w.job))
	if err != nil {
		return err
	}
	newest, err := w.server.Operator.Cycles(ctx, w.principal, string(w.job), 1)
	if err != nil {
		return err
	}
	first, now := w.last.ID == "", jobOf(stored)
	shown := reflect.DeepEqual(now, w.last)
	if shown && reflect.DeepEqual(newest, w.newest) {
		return nil
	}
	w.last, w.newest = now, newest
	full, err := w.server.standing(ctx, w.principal, stored, nil)
	if err != nil {
		return err
	}
	if !shown || !reflect.DeepEqual(full.Standing, w.standing) {
		w.standing = full.Standing
		if err := w.send.Data(full); err != nil {
			return err
		}
	}
	if !w.actions {
		return nil
	}
	return w.rows(ctx, first)
}

// rows sends log lines that are new or have another state. At the first look it only notes what is there.
func (w *watcher) rows(ctx context.Context, first bool) error {
	rows, err := w.server.Operator.Actions(ctx, w.principal, provision.Job{ID: w.job}, plan.ActionQuery{Newest: true, Limit: watchRows})
	if err != nil {
		return err
	}
	sent := make(map[lockstep.ActionID]plan.ActionState, len(rows))
	for _, a := range slices.Backward(rows) { // oldest first

		sent[a.ID] = a.State
		if first || w.sent[a.ID] == a.State {
			continue
		}
		if err := w.send.Data(actionOf(a)); err != nil {
			return err
		}
	}
	w.sent = sent
	return nil
}
