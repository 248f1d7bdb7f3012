// Package queue runs jobs at least once, one slice at a time, on one machine or on many. It is the only package that knows
// River; what a job does is a function that the caller gives.
//
// Design. A job is a key, a tenant and a job of theirs; there is no payload, and nobody enqueues. What has work to do is always
// asked for anew with Due: each Tick, when Wake is called, and when a slice of this process has ended. The keys that Due names
// are handed to River, unique while they wait or run, so that every node may hand over the same ones. River runs a slice of
// each: a short piece of the job that yields by itself.
//
// Invariants. No two slices of a job run at once, unless a node was paused for longer than a job may take and then woke up;
// the caller's lease covers that. Whoever wakes so ends nothing but its own slice: a row of River's is run by one worker, and
// counts as lost for good when that takes too long, so that a late end never lets go of what another worker runs. No wake is
// lost: an insert that River refuses because the slice still runs is repeated after it, when Due is asked again, so Due must
// read what is committed and must not remember what it said. A slice that was
// cut off by a crash is run again: on PostgreSQL by any node within JobTimeout and about 40 s, on SQLite as soon as the
// process is back, because nobody else can own it. Run returns only when no slice runs any more.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"lockstep"
)

// Key names a job.
type Key struct {
	Tenant lockstep.TenantID `json:"tenant"`
	Job    lockstep.JobID    `json:"job"`
}

// Config says what to run and where to keep it. One of SQLite and Postgres, Due and Work are needed; zero values of the rest
// are the defaults.
type Config struct {
	SQLite   *sql.DB       // the one writing connection of the store
	Postgres *pgxpool.Pool // or the store's pool
	Pooled   bool          // a pooler is before PostgreSQL, which lets no notifications through
	// Due returns the jobs that have work at now.
	Due func(ctx context.Context, now time.Time) ([]Key, error)
	// Work runs one slice. When it has ended and Due still names the job, the next slice waits behind those that wait
	// already. An error is logged and the slice tried again after a growing pause.
	Work func(ctx context.Context, k Key) error

	Workers    int           // slices at the same time in this process; 0 is 8
	Tick       time.Duration // how often Due is asked at least; 0 is 1 s
	JobTimeout time.Duration // after this a slice's context is cancelled; 0 is 45 s
	Rescue     time.Duration // after this a running slice counts as lost; 0 is JobTimeout + 5 s
	Grace      time.Duration // how long Run waits for slices before it cancels them; 0 is 10 s
	Log        *slog.Logger  // nil is slog.Default()
}

// Queue runs slices of jobs. Make one with New.
type Queue struct {
	config Config
	river  backend
	wake   chan struct{} // holds one: any number of wakes before the next look are one

	mu      sync.Mutex
	running map[Key]bool // in this process
}

// gap is the least time between two looks, so that a burst of commits costs one look and not one each.
const gap = 5 * time.Millisecond

// New returns a queue that does nothing until Run. The tables must be there: see Migrate.
func New(c Config) (*Queue, error) {
	if (c.SQLite == nil) == (c.Postgres == nil) {
		return nil, errors.New("queue: exactly one of SQLite and Postgres is needed")
	}
	if c.Due == nil || c.Work == nil {
		return nil, errors.New("queue: Due and Work are needed")
	}
	setDefault(&c.Workers, 8)
	setDefault(&c.Tick, time.Second)
	setDefault(&c.JobTimeout, 45*time.Second)
	setDefault(&c.Rescue, c.JobTimeout+5*time.Second)
	setDefault(&c.Grace, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	q := &Queue{config: c, wake: make(chan struct{}, 1), running: map[Key]bool{}}
	var err error
	if c.SQLite != nil {
		q.river, err = newSQLite(q)
	} else {
		q.river, err = newPostgres(q)
	}
	return q, err
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Migrate brings the queue's own tables up to date. It may run beside others that do the same.
func (q *Queue) Migrate(ctx context.Context) error { return q.river.migrate(ctx) }

// Depth is how much waits.
type Depth struct {
	Waiting int       // slices whose time has come and that no node has begun
	Running int       // slices that run, on any node
	Oldest  time.Time // since when the one waits that waits longest; zero when none does
}

// Depth tells how much waits at an instant, on all nodes.
func (q *Queue) Depth(ctx context.Context, now time.Time) (Depth, error) {
	return q.river.depth(ctx, now)
}

// Wake makes Run ask Due at once. It never blocks, and many calls before the next look are one.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends and returns when every slice has ended. Slices go on for Grace after ctx has ended; then their
// contexts are cancelled, and they are the first to go on after the next start. Run is called once.
func (q *Queue) Run(ctx context.Context) error {
	err := q.river.reclaim(ctx)
	if err == nil {
		err = q.river.start(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to end before it had begun
	}
	if err != nil {
		return err
	}
	tick := time.NewTicker(q.config.Tick)
	defer tick.Stop()
	for ctx.Err() == nil {
		q.look(ctx)
		pause(ctx, gap)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-q.wake:
		}
	}
	<-q.river.stopped()
	return nil
}

// look hands over what is due and does not run here already.
func (q *Queue) look(ctx context.Context) {
	keys, err := q.config.Due(ctx, time.Now())
	if err == nil {
		if keys = q.idle(keys); len(keys) > 0 {
			err = q.river.insert(ctx, keys)
		}
	}
	if err != nil && ctx.Err() == nil {
		q.config.Log.Error("looking for due jobs failed; it is tried again", "error", err)
	}
}

// idle leaves out the keys that run in this process: River would refuse them, and their end looks again anyhow.
func (q *Queue) idle(keys []Key) []Key {
	q.mu.Lock()
	defer q.mu.Unlock()
	var idle []Key
	for _, k := range keys {
		if !q.running[k] {
			idle = append(idle, k)
		}
	}
	return idle
}

// slice runs one slice. finish marks it as completed in the database; only then may the key be handed over again.
func (q *Queue) slice(ctx context.Context, k Key, finish func(context.Context) error) error {
	q.mark(k, true)
	defer func() {
		q.mark(k, false)
		q.Wake()
	}()
	if err := q.config.Work(ctx, k); err != nil {
		return err
	}
	// The outcome is recorded even when the slice's own time has run out or the process is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return finish(ctx)
}

func (q *Queue) mark(k Key, running bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if running {
		q.running[k] = true
	} else {
		delete(q.running, k)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
