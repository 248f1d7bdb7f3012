package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
)

// bench is a SQLite store whose writer stands still while hold is on, with a clock that only tests move.
type bench struct {
	*testing.T
	db  *DB
	now time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, now: time.UnixMilli(1_000_000)}
	var err error
	if b.db, err = Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Now: func() time.Time { return b.now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// together has the writer run works in the order in which they are given, as if all had come while it was busy, and returns
// their outcomes.
func (b *bench) together(works ...*work) []error {
	b.Helper()
	busy, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := b.db.write(b.Context(), &work{tenant: "busy", rows: gatherRows + 1, run: func(*tx) error { close(busy); <-release; return nil }})
		if err != nil {
			b.Error(err)
		}
	})
	<-busy
	for _, x := range works {
		x.done = make(chan error, 1)
		if err := b.db.writer.enqueue(x); err != nil {
			b.Fatal(err)
		}
	}
	close(release)
	outcomes := make([]error, len(works))
	for i, x := range works {
		outcomes[i] = <-x.done
	}
	wg.Wait()
	return outcomes
}

// trace is which works ran, in order, with a bar between transactions.
type trace struct {
	last *tx
	text string
}

func (tr *trace) work(name string, rows int, then func(*tx) error) *work {
	return &work{tenant: lockstep.TenantID(name[:1]), rows: rows, run: func(t *tx) error {
		if tr.last != nil && tr.last != t {
			tr.text += "| "
		}
		tr.last = t
		tr.text += name + " "
		if then != nil {
			return then(t)
		}
		return nil
	}}
}

func (b *bench) runs(tr *trace, want string, works ...*work) []error {
	b.Helper()
	outcomes := b.together(works...)
	if tr.text != want+" " {
		b.Errorf("ran %s, want %s", tr.text, want)
	}
	return outcomes
}

func TestTenantsTakeTurns(t *testing.T) {
	b, tr := newBench(t), &trace{}
	b.runs(tr, "a1 b1 c1 a2 b2 a3", tr.work("a1", 1, nil), tr.work("a2", 1, nil), tr.work("a3", 1, nil), tr.work("b1", 1, nil), tr.work("b2", 1, nil), tr.work("c1", 1, nil))
}

func TestLargeWritesStandAlone(t *testing.T) {
	b, tr := newBench(t), &trace{}
	b.runs(tr, "a1 | b1 | c1 a2", tr.work("a1", 1, nil), tr.work("b1", gatherRows+1, nil), tr.work("c1", gatherRows, nil), tr.work("a2", 1, nil))
}

func TestNobodyIsAdmittedLate(t *testing.T) {
	b, tr := newBench(t), &trace{}
	slow := func(*tx) error { b.now = b.now.Add(gatherTime/2 + 1); return nil }
	b.runs(tr, "a1 b1 | c1 d1 | e1", tr.work("a1", 1, slow), tr.work("b1", 1, slow), tr.work("c1", 1, slow), tr.work("d1", 1, slow), tr.work("e1", 1, slow))
}

func TestTransactionsHaveLimits(t *testing.T) {
	b, tr := newBench(t), &trace{}
	var works []*work
	want := ""
	for i := range gatherWorks + 2 {
		if i == gatherWorks {
			want += "| "
		}
		want += fmt.Sprintf("a%d ", i)
		works = append(works, tr.work(fmt.Sprintf("a%d", i), 1, nil))
	}
	b.runs(tr, want[:len(want)-1], works...)
}

// TestNeighboursEndEarly: who has one thing to write does not wait for all that another writes, and two who both write much
// share a transaction until one of them has no more.
func TestNeighboursEndEarly(t *testing.T) {
	many := func(tr *trace, tenant string, n int) (works []*work) {
		for i := range n {
			works = append(works, tr.work(fmt.Sprint(tenant, i), 1, nil))
		}
		return works
	}
	b, tr := newBench(t), &trace{}
	b.runs(tr, "a0 b0 a1 a2 a3 a4 a5 a6 a7 | a8 a9 a10", append(many(tr, "a", gatherShare+3), many(tr, "b", 1)...)...)
	b, tr = newBench(t), &trace{}
	b.runs(tr, "a0 b0 a1 b1 a2 b2 a3 b3 a4 b4 a5 b5 a6 b6 a7 b7 a8 | b8", append(many(tr, "a", gatherShare+1), many(tr, "b", gatherShare+1)...)...)
}

// TestRefusalsMakeCareful: a refusal undoes a shared transaction once; the ones after it have savepoints.
func TestRefusalsMakeCareful(t *testing.T) {
	b, tr := newBench(t), &trace{}
	refuse := func(*tx) error { return &lockstep.Error{Code: lockstep.CodeConflict} }
	outcomes := b.runs(tr, "a1 a2 | a1 a2 | a3 a4 a5",
		tr.work("a1", 1, nil), tr.work("a2", 1, refuse), tr.work("a3", 1, nil), tr.work("a4", 1, refuse), tr.work("a5", 1, nil))
	for i, err := range outcomes {
		if refused := i == 1 || i == 3; refused != errors.Is(err, lockstep.ErrConflict) || !refused && err != nil {
			t.Errorf("work %d: %v", i+1, err)
		}
	}
}

// TestFailuresStayApart: a function's own refusal undoes its own writes; the database's failure undoes all, and each runs again
// alone. What was tried before leaves no trace.
func TestFailuresStayApart(t *testing.T) {
	b, tr := newBench(t), &trace{}
	tenant := directory.Tenant{ID: "a", Slug: "a"}
	if err := b.db.CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	put := func(name string, then error) func(*tx) error {
		return func(t *tx) error {
			if _, err := t.exec("INSERT INTO setting (tenant, name, value) VALUES ('a', $1, 'x')", name); err != nil {
				return err
			}
			t.emit(directory.Event{Object: "user", Op: directory.OpPut, ID: name})
			return then
		}
	}
	refused := &lockstep.Error{Code: lockstep.CodeConflict}
	broken := errors.New("disk on fire")
	outcomes := b.runs(tr, "a1 a2 | a1 a2 | a3 a4 | a3 | a4 | a4 | a4 | a4",
		tr.work("a1", 1, put("one", nil)), tr.work("a2", 1, put("two", refused)), tr.work("a3", 1, put("three", nil)), tr.work("a4", 1, put("four", broken)))
	for i, want := range []error{nil, refused, nil, broken} {
		if !errors.Is(outcomes[i], want) {
			t.Errorf("work %d: %v, want %v", i+1, outcomes[i], want)
		}
	}
	events, err := b.db.Feed(t.Context(), "a", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || events[0].ID != "one" || events[1].ID != "three" {
		t.Errorf("events: %+v", events)
	}
	for name, want := range map[string]string{"one": "x", "two": "", "three": "x", "four": ""} {
		if got, err := b.db.Value(t.Context(), "a", name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestAbandonedWorkDoesNotRun: whose caller has left before its turn came is passed over.
func TestAbandonedWorkDoesNotRun(t *testing.T) {
	b, tr := newBench(t), &trace{}
	busy, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.db.write(t.Context(), &work{run: func(*tx) error { close(busy); <-release; return nil }}); err != nil {
			t.Error(err)
		}
	})
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- b.db.write(ctx, tr.work("a1", 1, nil)) }()
	queued := func() bool {
		b.db.writer.mu.Lock()
		defer b.db.writer.mu.Unlock()
		return len(b.db.writer.lanes[""].turns) > 0
	}
	for !queued() {
		runtime.Gosched()
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(release)
	wg.Wait()
	if err := b.db.write(t.Context(), tr.work("b1", 1, nil)); err != nil || tr.text != "b1 " {
		t.Errorf("ran %s, %v", tr.text, err)
	}
}

// TestLanesEnd: a lane without work has no goroutine.
func TestLanesEnd(t *testing.T) {
	b, tr := newBench(t), &trace{}
	b.runs(tr, "a1", tr.work("a1", 1, nil))
	b.db.writer.wg.Wait()
	if n := len(b.db.writer.lanes); n != 0 {
		t.Errorf("%d lanes are left", n)
	}
}
