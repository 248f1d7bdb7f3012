package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
)

// The writer's limits.
const (
	gatherWorks = 64                    // functions in one transaction
	gatherRows  = 200                   // a function that writes more has a transaction of its own
	gatherTime  = 25 * time.Millisecond // nobody is admitted to a transaction older than this
	gatherShare = 8                     // of a tenant with more to write, in a transaction for whose end another waits
	carefulFor  = 64                    // transactions with savepoints after one in which a function refused
	retries     = 4                     // of a function alone, after deadlocks and lost connections
)

// errClosed is what a write gets after Close.
var errClosed = errors.New("the store is closed")

// writer runs the functions that write. Each lane has one goroutine while something waits in it: SQLite has one lane,
// PostgreSQL one per tenant.
type writer struct {
	db    *DB
	mu    sync.Mutex
	lanes map[lockstep.TenantID]*lane
	ended bool
	wg    sync.WaitGroup
}

// lane holds the functions that wait for one writer, a queue for each tenant. Tenants take turns.
type lane struct {
	key     lockstep.TenantID
	turns   []lockstep.TenantID // tenants with something waiting, whose turn is next first
	waiting map[lockstep.TenantID][]*work
	careful int // transactions that still get savepoints; only the lane's goroutine looks
}

// work is one function that waits to be run, or runs, in a transaction that it may share. It may run more than once.
type work struct {
	tenant lockstep.TenantID
	rows   int // about how many it writes
	wakes  bool
	run    func(*tx) error
	state  atomic.Int32
	done   chan error // takes the outcome, once

	// What the last run left for the end of the transaction.
	effects
	pos int64 // feed position after the write, when run asked for it or emitted events
}

// The states of a work: whoever first moves it on from queued decides whether it runs.
const (
	queued int32 = iota
	running
	abandoned
)

func (w *writer) begin(db *DB) { w.db, w.lanes = db, map[lockstep.TenantID]*lane{} }

// end refuses new work, lets the work that has been taken end and drops the rest.
func (w *writer) end() {
	w.mu.Lock()
	w.ended = true
	for _, l := range w.lanes {
		for _, queue := range l.waiting {
			for _, x := range queue {
				x.done <- errClosed
			}
		}
		l.turns, l.waiting = nil, nil
	}
	w.mu.Unlock()
	w.wg.Wait()
}

// write has the function run in a transaction and returns when that is on disk. When ctx ends earlier the function is
// dropped if it has not begun; else its outcome stays unknown to the caller. The function may run more than once, so it must
// not keep anything from a run that failed.
func (db *DB) write(ctx context.Context, x *work) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.done = make(chan error, 1)
	if err := db.writer.enqueue(x); err != nil {
		return err
	}
	select {
	case err := <-x.done:
		return err
	case <-ctx.Done():
		x.state.CompareAndSwap(queued, abandoned)
		return fmt.Errorf("wait for the writer: %w", ctx.Err())
	}
}

func (w *writer) enqueue(x *work) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return errClosed
	}
	key := w.db.dialect.lane(x.tenant)
	l := w.lanes[key]
	if l == nil {
		l = &lane{key: key, waiting: map[lockstep.TenantID][]*work{}}
		w.lanes[key] = l
		w.wg.Go(func() { w.serve(l) })
	}
	if len(l.waiting[x.tenant]) == 0 {
		l.turns = append(l.turns, x.tenant)
	}
	l.waiting[x.tenant] = append(l.waiting[x.tenant], x)
	return nil
}

// serve runs what waits in the lane until nothing does.
func (w *writer) serve(l *lane) {
	for {
		first := w.next(l, 0)
		if first == nil {
			return
		}
		w.transact(l, first)
	}
}

// next takes the work whose turn it is, if it writes at most limit rows; 0 is no limit. Without a limit it ends the lane when
// nothing waits, in the same critical section, so that no work is left behind.
func (w *writer) next(l *lane, limit int) *work {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(l.turns) > 0 {
		tenant := l.turns[0]
		queue := l.waiting[tenant]
		x := queue[0]
		if limit > 0 && x.rows > limit {
			return nil
		}
		l.turns = l.turns[1:]
		if len(queue) == 1 {
			delete(l.waiting, tenant)
		} else {
			l.waiting[tenant] = queue[1:]
			l.turns = append(l.turns, tenant)
		}
		if x.state.CompareAndSwap(queued, running) {
			return x
		}
	}
	if limit == 0 {
		delete(w.lanes, l.key)
	}
	return nil
}

// crowded reports whether anything waits in the lane.
func (w *writer) crowded(l *lane) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(l.turns) > 0
}

// enough reports whether a transaction with so many functions of each tenant had better end: one of them has nothing to wait
// for but its end, and everybody whose functions could still be admitted has had their share. So a write beside another tenant's
// thousands waits for a few of them, and thousands beside nobody share a transaction by dozens.
func (w *writer) enough(l *lane, had map[lockstep.TenantID]int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := 0 // tenants of the transaction with more to write
	for _, t := range l.turns {
		if had[t] < gatherShare {
			return false
		}
		waiting++
	}
	return 0 < waiting && waiting < len(had)
}

// transact runs first and what else is admitted in one transaction, and tells everybody the outcome. When the database fails
// a function, or the commit, each function runs again alone.
//
// Functions seldom refuse, and savepoints are a tenth of the work on SQLite and two more round trips each on PostgreSQL. So they
// are left out until a function refuses: then all run once more, and for a while with savepoints at once.
func (w *writer) transact(l *lane, first *work) {
	careful := l.careful > 0
	l.careful = max(0, l.careful-1)
	ran, outcomes, err := w.gather(l, first, careful)
	if err != nil && domain(err) {
		l.careful = carefulFor
		outcomes, err = w.repeat(ran)
	}
	if err == nil {
		w.settle(ran, outcomes)
		return
	}
	for _, x := range ran {
		err := err
		if !w.final(err) {
			err = w.alone(x)
		}
		w.settle([]*work{x}, []error{err})
	}
}

// gather runs functions in one transaction, with savepoints when careful. It returns those that ran with the error of each, or an
// error that undid all.
func (w *writer) gather(l *lane, first *work, careful bool) (ran []*work, outcomes []error, err error) {
	ran = []*work{first}
	t, err := w.db.begin()
	if err != nil {
		return ran, nil, err
	}
	defer t.end()
	began, had := w.db.now(), map[lockstep.TenantID]int{first.tenant: 1}
	if !careful || first.rows > gatherRows || !w.crowded(l) {
		if err := t.attempt(first); err != nil {
			return w.refused(t, ran, err)
		}
		outcomes = append(outcomes, nil)
	} else if outcomes, err = t.try(first, outcomes); err != nil {
		return ran, nil, err
	}
	for first.rows <= gatherRows && len(ran) < gatherWorks && w.db.now().Sub(began) < gatherTime && !w.enough(l, had) {
		x := w.next(l, gatherRows)
		if x == nil {
			break
		}
		ran = append(ran, x)
		had[x.tenant]++
		if careful {
			outcomes, err = t.try(x, outcomes)
		} else if err = t.attempt(x); err == nil {
			outcomes = append(outcomes, nil)
		}
		if err != nil {
			return ran, nil, err
		}
	}
	if err := t.commit(ran, outcomes); err != nil {
		return ran, nil, err
	}
	return ran, outcomes, nil
}

// repeat runs functions again, each within a savepoint.
func (w *writer) repeat(ran []*work) (outcomes []error, err error) {
	t, err := w.db.begin()
	if err != nil {
		return nil, err
	}
	defer t.end()
	for _, x := range ran {
		if outcomes, err = t.try(x, outcomes); err != nil {
			return nil, err
		}
	}
	return outcomes, t.commit(ran, outcomes)
}

// refused ends a transaction whose only function failed: with the function's own word when it is one, else to be run again.
func (w *writer) refused(t *tx, ran []*work, err error) ([]*work, []error, error) {
	if !domain(err) {
		return ran, nil, err
	}
	t.end()
	return ran, []error{err}, nil
}

// domain reports whether err is the function's own judgement rather than the database's failure.
func domain(err error) bool {
	e, ok := errors.AsType[*lockstep.Error](err)
	return ok && e.Code != lockstep.CodeInternal
}

// alone runs a function in a transaction of its own, again after failures that may pass.
func (w *writer) alone(x *work) error {
	var err error
	for range retries {
		if err = w.single(x); err == nil || domain(err) || w.final(err) {
			return err
		}
	}
	return fmt.Errorf("write: %w", err)
}

func (w *writer) single(x *work) error {
	t, err := w.db.begin()
	if err != nil {
		return err
	}
	defer t.end()
	if err := t.attempt(x); err != nil {
		return err
	}
	return t.commit([]*work{x}, []error{nil})
}

// settle tells the callers, and then whoever listens to commits.
func (w *writer) settle(ran []*work, outcomes []error) {
	var woken []lockstep.TenantID
	dooms, builds := false, false
	for i, x := range ran {
		dooms, builds = dooms || outcomes[i] == nil && x.dooms, builds || outcomes[i] == nil && x.builds
		if outcomes[i] == nil && x.schemas != nil {
			w.db.schemas.keep(x.schemas, w.db.now()) // before anybody hears of it
		}
		if outcomes[i] == nil && (x.wakes || len(x.events) > 0) {
			woken = append(woken, x.tenant)
		}
		if outcomes[i] == nil && len(x.events) > 0 {
			w.db.touched.add(x.tenant)
		}
		if outcomes[i] == nil && x.named != 0 {
			w.db.logged.add(x.named)
		}
		x.effects = effects{}
		x.done <- outcomes[i]
	}
	if dooms {
		w.db.sweep()
	}
	if builds {
		w.db.build()
	}
	if len(woken) > 0 {
		w.db.wakes.tell(woken)
	}
	f := w.db.committed.Load()
	if f == nil {
		return
	}
	told := map[lockstep.TenantID]bool{}
	for _, t := range woken {
		if !told[t] {
			told[t] = true
			(*f)(t)
		}
	}
}

// errUncertain marks a commit of which nobody knows whether it happened. It is not tried again: it might happen twice.
var errUncertain = errors.New("the connection broke during the commit; whether it happened is not known")

func (w *writer) final(err error) bool { return errors.Is(err, errUncertain) }
