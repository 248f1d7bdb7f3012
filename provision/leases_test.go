package provision_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	hub "lockstep/connector/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/undo"
)

// gate is a target whose calls wait, once, until they are let through.
type gate struct {
	connection.Target
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
	calls   int
	mu      sync.Mutex
}

func (g *gate) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	g.mu.Lock()
	g.calls += len(ops)
	g.mu.Unlock()
	g.once.Do(func() {
		close(g.reached)
		<-g.open // whatever becomes of the context, as if the process were stopped
	})
	return g.Target.Apply(context.WithoutCancel(ctx), ops)
}

// worker makes an engine of its own over the same store, as another process has, with a gate before its target.
func (w *world) worker() (*provision.Engine, *gate) {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	g := &gate{Target: target, reached: make(chan struct{}), open: make(chan struct{})}
	return &provision.Engine{
		Store: w.db.Provision(), Directory: &hub.Connector{Store: w.db}, Connect: connect{w, g}, Mirrors: w.db.Mirrors(), Now: w.engine.Now, Log: testLog(w),
	}, g
}

func onBothStores(t *testing.T, f func(*world)) {
	t.Run("sqlite", func(t *testing.T) { f(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { f(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

// newest is the newest line of the app's log.
func (w *world) newest() []plan.Action {
	w.Helper()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Newest: true, Limit: 1})
	w.must(err)
	return rows
}

func (w *world) isDue(id lockstep.JobID) bool {
	w.Helper()
	due, err := w.db.Provision().Due(w.ctx, w.engine.Now())
	w.must(err)
	return slices.ContainsFunc(due, func(j provision.Job) bool { return j.ID == id })
}

// TestWorkerThatHangs: a worker hangs in the middle of a call until another one has its job. As long as the first one may be at work
// nobody else sends anything; afterwards the other one does. When the first one goes on while the other one writes, it ends its turn, and
// does not claim the job anew. With the end of the turn the job is free at once.
func TestWorkerThatHangs(t *testing.T) {
	onBothStores(t, func(w *world) {
		w.file("people.csv", undoPeople)
		w.run(w.in)
		w.run(w.out)
		w.file("people.csv", strings.Replace(undoPeople, "Analyst", "Queen", 1))
		w.run(w.in)
		slice := func(e *provision.Engine) error {
			_, err := e.Slice(w.ctx, w.tenant, w.out)
			return err
		}
		first, hangs := w.worker()
		second, writes := w.worker()
		ended := make(chan error, 2)
		go func() { ended <- slice(first) }()
		<-hangs.reached

		refused := func(when string, e *provision.Engine, g *gate, want int) {
			w.Helper()
			if err := slice(e); !errors.Is(err, lockstep.ErrEpoch) {
				w.Errorf("%s the job is taken: %v", when, err)
			}
			if w.isDue(w.out) {
				w.Errorf("%s the job is due", when)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.calls != want {
				w.Errorf("%s %d operations are sent, want %d", when, g.calls, want)
			}
		}
		refused("while the first one may be in a call", second, writes, 0)
		w.ahead += 20 * time.Second
		refused("while the first one may still be in a call", second, writes, 0)
		w.ahead += 26 * time.Second
		if !w.isDue(w.out) {
			w.Error("the job of a worker that is gone is not due")
		}
		go func() { ended <- slice(second) }()
		<-writes.reached

		close(hangs.open)
		if err := <-ended; !errors.Is(err, lockstep.ErrEpoch) {
			w.Errorf("the first one went on: %v", err)
		}
		refused("while the second one writes", first, hangs, 1)
		close(writes.open)
		w.must(<-ended)
		if _, err := w.db.Provision().Claim(w.ctx, w.tenant, w.out, 0); err != nil {
			w.Errorf("after the turn somebody has the job: %v", err)
		}
		w.untilDone(w.out)
	})
}

// TestTurnsLetGo: however a turn ends, somebody else may begin at once.
func TestTurnsLetGo(t *testing.T) {
	w := newWorld(t)
	free := func(when string, id lockstep.JobID) {
		t.Helper()
		j, err := w.db.Provision().Job(w.ctx, w.tenant, id)
		w.must(err)
		if !j.Leased.IsZero() {
			t.Errorf("%s somebody has the job until %s", when, j.Leased)
		}
	}
	slice := func(ctx context.Context, id lockstep.JobID) (provision.Turn, error) {
		return w.engine.Slice(ctx, w.tenant, id)
	}

	w.file("people.csv", undoPeople)
	w.due(w.in)
	turn, err := slice(w.ctx, w.in)
	w.must(err)
	free("when a read is asked for", w.in)
	if !turn.Reading {
		t.Errorf("%+v", turn)
	}
	w.run(w.in)
	free("after a cycle of a source", w.in)
	w.run(w.out)
	free("after a cycle", w.out)

	stopped, stop := context.WithCancel(w.ctx)
	stop()
	w.due(w.out)
	if _, err := slice(stopped, w.out); err == nil {
		t.Error("a turn that was stopped went on")
	}
	free("when the turn was stopped", w.out)
	w.untilDone(w.out)

	w.engine.SliceFor = time.Nanosecond
	w.file("people.csv", strings.Replace(undoPeople, "Analyst", "Queen", 1))
	w.run(w.in)
	w.due(w.out)
	if turn, err = slice(w.ctx, w.out); err != nil || !turn.More {
		t.Errorf("%+v, %v", turn, err)
	}
	free("when there is more to do", w.out)
	w.untilDone(w.out)
	w.engine.SliceFor = 0

	good := w.token
	w.token = "bad"
	w.due(w.out)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	if turn, err = slice(w.ctx, w.out); err != nil || turn.Cycle.Code == "" {
		t.Errorf("%+v, %v", turn, err)
	}
	free("when the target refuses", w.out)
	w.token = good
	w.ahead += 2 * time.Minute
	w.untilDone(w.out)

	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	j.State = provision.Paused
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	if _, err := slice(w.ctx, w.out); err != nil {
		t.Error(err)
	}
	free("when it is paused", w.out)
	j.State = provision.Active
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))

	rows := w.newest()
	if _, err := w.undoer().Undo(w.ctx, audit.Actor{Kind: audit.Admin, Name: "ada"}, w.tenant, w.out, undo.TakeBack{Rows: rows, Shown: "something else"}); err == nil {
		t.Error("undone unseen")
	}
	free("after an undo that was refused", w.out)
	w.undoRows(rows)
	free("after an undo", w.out)
}

// TestUndoDisturbsNothing: whoever wants something undone while a cycle is under way learns that, and the worker goes on.
func TestUndoDisturbsNothing(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	w.run(w.out)
	rows := w.newest()
	w.file("people.csv", strings.Replace(undoPeople, "Analyst", "Queen", 1))
	w.run(w.in)
	first, hangs := w.worker()
	ended := make(chan error, 1)
	go func() {
		_, err := first.Slice(w.ctx, w.tenant, w.out)
		ended <- err
	}()
	<-hangs.reached
	if _, err := w.undoer().Undo(w.ctx, audit.Actor{Kind: audit.Admin, Name: "ada"}, w.tenant, w.out, undo.TakeBack{Rows: rows}); lockstep.CodeOf(err) != lockstep.CodeConflict {
		t.Errorf("undone in the middle of a cycle: %v", err)
	}
	if _, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil); lockstep.CodeOf(err) != lockstep.CodeConflict {
		t.Errorf("restored in the middle of a cycle: %v", err)
	}
	close(hangs.open)
	w.must(<-ended)
}
