package queue_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/queue"
)

// onBoth runs the test on each database. place returns a Config for one process of a cluster; on SQLite, which only one
// process uses, it is called once.
func onBoth(t *testing.T, f func(t *testing.T, nodes int, place func() queue.Config)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "queue.db")
		f(t, 1, func() queue.Config { return queue.Config{SQLite: openSQLite(t, path), Log: testLog(t)} })
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := parts.Postgres(t)
		f(t, 2, func() queue.Config { return queue.Config{Postgres: openPostgres(t, dsn), Log: testLog(t)} })
	})
}

func openSQLite(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openPostgres(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// start migrates and runs a queue until the test ends or stop is called, which waits for Run to return.
func start(t testing.TB, c queue.Config) (q *queue.Queue, stop func()) {
	t.Helper()
	q, err := queue.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return q, stop
}

// feed stands for the tenants' change feeds: a job is due while its position is behind its head.
type feed struct {
	mu       sync.Mutex
	head     map[queue.Key]int
	position map[queue.Key]int
	caughtUp chan struct{} // told after each slice that leaves nothing due
}

func newFeed() *feed {
	return &feed{head: map[queue.Key]int{}, position: map[queue.Key]int{}, caughtUp: make(chan struct{}, 1)}
}

func (f *feed) change(k queue.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head[k]++
}

func (f *feed) due(context.Context, time.Time) ([]queue.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []queue.Key
	for k, head := range f.head {
		if f.position[k] < head {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// read returns the head that a slice sees when it begins.
func (f *feed) read(k queue.Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head[k]
}

func (f *feed) settle(k queue.Key, position int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position[k] = position
	for k, head := range f.head {
		if f.position[k] < head {
			return
		}
	}
	select {
	case f.caughtUp <- struct{}{}:
	default:
	}
}

func (f *feed) wait(t *testing.T) {
	t.Helper()
	for {
		await(t, f.caughtUp, "every job to catch up")
		if keys, _ := f.due(t.Context(), time.Time{}); len(keys) == 0 {
			return
		}
	}
}

func await[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatalf("waited a minute for %s", what)
	}
	return v
}

var ada, bob = queue.Key{Tenant: "acme", Job: "ada"}, queue.Key{Tenant: "acme", Job: "bob"}

// Writers change the feed while slices of the same jobs run, on every node. No slice may overlap another of its job, and
// with a tick that never comes nothing but wakes may bring every job to its head.
func TestNoOverlapAndNoLostWake(t *testing.T) {
	onBoth(t, func(t *testing.T, nodes int, place func() queue.Config) {
		f := newFeed()
		var slices, overlaps atomic.Int32
		running := map[queue.Key]*atomic.Int32{ada: {}, bob: {}}
		work := func(_ context.Context, k queue.Key) error {
			if running[k].Add(1) != 1 {
				overlaps.Add(1)
			}
			defer running[k].Add(-1)
			slices.Add(1)
			f.settle(k, f.read(k))
			return nil
		}
		var queues []*queue.Queue
		for range nodes {
			c := place()
			c.Due, c.Work, c.Tick = f.due, work, time.Hour
			q, _ := start(t, c)
			queues = append(queues, q)
		}
		for range 20 { // rounds, so that wakes fall into every moment of a slice's life
			var writers sync.WaitGroup
			for _, q := range queues {
				writers.Go(func() {
					for range 50 {
						f.change(ada)
						q.Wake()
						f.change(bob)
						q.Wake()
					}
				})
			}
			writers.Wait()
			f.wait(t)
		}
		if n := overlaps.Load(); n > 0 {
			t.Errorf("%d of %d slices overlapped another of their job", n, slices.Load())
		}
		if n := slices.Load(); n < 40 {
			t.Errorf("%d slices for 20 rounds of 2 jobs", n)
		}
		t.Logf("%d changes took %d slices", 20*100*nodes, slices.Load())
	})
}

// A change that comes while the slice is already past reading the head is worked by another slice.
func TestChangeDuringSlice(t *testing.T) {
	onBoth(t, func(t *testing.T, _ int, place func() queue.Config) {
		f := newFeed()
		entered, leave := make(chan int), make(chan bool)
		c := place()
		c.Due, c.Tick = f.due, time.Hour
		c.Work = func(_ context.Context, k queue.Key) error {
			head := f.read(k)
			entered <- head
			<-leave
			f.settle(k, head)
			return nil
		}
		q, _ := start(t, c)
		f.change(ada)
		q.Wake()
		await(t, entered, "the first slice")
		f.change(ada)
		q.Wake()
		leave <- true
		if head := await(t, entered, "the second slice"); head != 2 {
			t.Errorf("second slice saw head %d, want 2", head)
		}
		leave <- true
		f.wait(t)
	})
}

// A slice that fails is tried again, and holds up nobody else.
func TestFailedSliceIsRepeated(t *testing.T) {
	onBoth(t, func(t *testing.T, _ int, place func() queue.Config) {
		f := newFeed()
		var failures atomic.Int32
		c := place()
		c.Log = slog.New(slog.DiscardHandler)
		c.Due = f.due
		c.Work = func(_ context.Context, k queue.Key) error {
			if k == ada && failures.Add(1) == 1 {
				return context.DeadlineExceeded
			}
			f.settle(k, f.read(k))
			return nil
		}
		q, _ := start(t, c)
		f.change(ada)
		f.change(bob)
		q.Wake()
		f.wait(t)
		if failures.Load() != 2 {
			t.Errorf("ada's slice ran %d times, want 2", failures.Load())
		}
	})
}

// Stop waits for the slice that runs; within the grace its context stays alive.
func TestStopDrains(t *testing.T) {
	onBoth(t, func(t *testing.T, _ int, place func() queue.Config) {
		f := newFeed()
		entered, leave := make(chan bool), make(chan bool)
		var cancelled atomic.Bool
		c := place()
		c.Due = f.due
		c.Work = func(ctx context.Context, k queue.Key) error {
			entered <- true
			<-leave
			cancelled.Store(ctx.Err() != nil)
			f.settle(k, f.read(k))
			return nil
		}
		_, stop := start(t, c)
		f.change(ada)
		await(t, entered, "the slice")
		ended := make(chan bool)
		go func() { stop(); close(ended) }()
		select {
		case <-ended:
			t.Error("Run returned while a slice ran")
		case <-time.After(50 * time.Millisecond):
		}
		close(leave)
		await(t, ended, "Run to return")
		if cancelled.Load() {
			t.Error("the slice was cancelled within the grace")
		}
	})
}

// After the grace a slice is cancelled, and the next process goes on with it at once, without waiting for a pause or a rescue.
func TestStopCancelsAfterGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, _ int, place func() queue.Config) {
		f := newFeed()
		entered := make(chan bool)
		c := place()
		c.Due, c.Grace = f.due, 10*time.Millisecond
		c.Work = func(ctx context.Context, _ queue.Key) error {
			entered <- true
			<-ctx.Done()
			return ctx.Err()
		}
		_, stop := start(t, c)
		f.change(ada)
		await(t, entered, "the slice")
		stop()

		c.Work = func(_ context.Context, k queue.Key) error { f.settle(k, f.read(k)); return nil }
		began := time.Now()
		start(t, c)
		f.wait(t)
		if took := time.Since(began); took > 900*time.Millisecond {
			t.Errorf("the slice that was cut off went on after %v", took)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	due := func(context.Context, time.Time) ([]queue.Key, error) { return nil, nil }
	work := func(context.Context, queue.Key) error { return nil }
	db := openSQLite(t, filepath.Join(t.TempDir(), "queue.db"))
	for name, c := range map[string]queue.Config{
		"no database":   {Due: due, Work: work},
		"two databases": {SQLite: db, Postgres: &pgxpool.Pool{}, Due: due, Work: work},
		"no due":        {SQLite: db, Work: work},
		"no work":       {SQLite: db, Due: due},
	} {
		if _, err := queue.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestDepth: what waits for a worker is counted, with the time of what waits longest, and what runs apart from it.
func TestDepth(t *testing.T) {
	onBoth(t, func(t *testing.T, _ int, place func() queue.Config) {
		f, began, end := newFeed(), make(chan struct{}, 3), make(chan struct{})
		c := place()
		c.Workers, c.Due = 1, f.due
		c.Work = func(ctx context.Context, k queue.Key) error {
			began <- struct{}{}
			<-end
			f.settle(k, f.read(k))
			return nil
		}
		before := time.Now()
		for _, job := range []lockstep.JobID{"a", "b", "c"} {
			f.change(queue.Key{Tenant: "t", Job: job})
		}
		q, _ := start(t, c)
		await(t, began, "a slice to begin")
		var d queue.Depth
		for until := time.Now().Add(10 * time.Second); d.Waiting != 2 && time.Now().Before(until); {
			var err error
			if d, err = q.Depth(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if d.Waiting != 2 || d.Running != 1 || d.Oldest.Before(before.Add(-time.Second)) || d.Oldest.After(time.Now()) {
			t.Errorf("%+v", d)
		}
		close(end)
		f.wait(t)
		for until := time.Now().Add(10 * time.Second); d.Waiting+d.Running > 0 && time.Now().Before(until); {
			var err error
			if d, err = q.Depth(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if d != (queue.Depth{}) {
			t.Errorf("when everything is done: %+v", d)
		}
	})
}

// TestLateEnd: a slice takes so long that it counts as lost, and another worker has its job when it ends at last. That ends nothing of the
// other one's: the key is handed over again when that one has ended.
func TestLateEnd(t *testing.T) {
	dsn := parts.Postgres(t)
	began, late, end := make(chan string, 9), make(chan struct{}), make(chan struct{})
	var running atomic.Int32
	config := func(name string, wait chan struct{}) queue.Config {
		c := short(queue.Config{Postgres: openPostgres(t, dsn), Log: testLog(t), Tick: 20 * time.Millisecond})
		c.Workers = 1 // whoever is in a slice fetches nothing
		c.Due = func(context.Context, time.Time) ([]queue.Key, error) { return []queue.Key{ada}, nil }
		c.Work = func(context.Context, queue.Key) error {
			running.Add(1)
			defer running.Add(-1)
			began <- name
			<-wait // whatever becomes of its context, as if it were stopped
			return nil
		}
		return c
	}
	start(t, config("first", late))
	await(t, began, "the first slice")
	start(t, config("second", end))
	if who := await(t, began, "the other worker to have the job"); who != "second" {
		t.Fatalf("%s has it", who)
	}
	close(late)
	select {
	case who := <-began:
		t.Errorf("%s has the job while %d slices run", who, running.Load()-1)
	case <-time.After(800 * time.Millisecond): // within this it would be handed over many times
	}
	close(end)
	await(t, began, "the next slice")
}
