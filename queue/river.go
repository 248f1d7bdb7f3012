package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// backend is River on one of the two databases.
type backend interface {
	migrate(context.Context) error
	reclaim(context.Context) error // puts back what a dead process left running, where that is certain
	insert(context.Context, []Key) error
	start(context.Context) error
	stopped() <-chan struct{}
	depth(ctx context.Context, now time.Time) (Depth, error)
}

// sliceArgs is the payload of a River job: the key, all of it part of the uniqueness.
type sliceArgs Key

// Kind implements river.JobArgs.
func (sliceArgs) Kind() string { return "slice" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job per key while it waits or runs, and one attempt at it. River ends a job
// by its id alone. Were one that counts as lost tried again, the worker that had it, slow or stopped meanwhile, would end it while
// another one works on it, and a third would be given the key. So a lost job is discarded, and the key handed over anew.
func (sliceArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStatePending,
	}}}
}

// client is a River client whose transactions have the type T. Its three functions are what differs between the databases.
type client[T any] struct {
	*river.Client[T]
	driver riverdriver.Driver[T]
	log    *slog.Logger
	inTx   func(context.Context, func(T) error) error
	revive func(context.Context) error
}

// local is the SQLite driver without its outbox of notifications, which it would poll 20 times a second: nobody but this
// process uses the database, and without an outbox River wakes its own fetcher directly after an insert.
type local struct{ *riversqlite.Driver }

// SupportsListener implements riverdriver.Driver.
func (local) SupportsListener() bool { return false }

// SupportsListenNotify implements riverdriver.Driver.
func (local) SupportsListenNotify() bool { return false }

// unheard is the PostgreSQL driver where nothing can be heard of other nodes: River wakes its own fetcher after an insert, and looks for the rest
// by itself.
type unheard struct{ *riverpgxv5.Driver }

// SupportsListener implements riverdriver.Driver.
func (unheard) SupportsListener() bool { return false }

func newSQLite(q *Queue) (backend, error) {
	db := q.config.SQLite
	c := &client[*sql.Tx]{driver: local{riversqlite.New(db)}}
	c.inTx = func(ctx context.Context, f func(*sql.Tx) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}
	c.revive = func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		return err
	}
	return c, c.open(q)
}

func newPostgres(q *Queue) (backend, error) {
	pool := q.config.Postgres
	c := &client[pgx.Tx]{driver: riverpgxv5.New(pool)}
	if q.config.Pooled {
		c.driver = unheard{riverpgxv5.New(pool)}
	}
	c.inTx = func(ctx context.Context, f func(pgx.Tx) error) error { return pgx.BeginFunc(ctx, pool, f) }
	c.revive = func(context.Context) error { return nil } // another node may well be running it
	return c, c.open(q)
}

func (c *client[T]) open(q *Queue) (err error) {
	c.log = slog.New(quiet{q.config.Log.Handler()})
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[T]{queue: q, client: c})
	c.Client, err = river.NewClient(c.driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.config.Workers}},
		Workers:           workers,
		Logger:            c.log,
		FetchCooldown:     2 * time.Millisecond,
		FetchPollInterval: 500 * time.Millisecond, // only for retries: inserts are told
		JobTimeout:        q.config.JobTimeout,
		SoftStopTimeout:   q.config.Grace,
		// Finished rows serve nobody here: what a slice did stands in the provisioning log.
		CompletedJobRetentionPeriod: time.Minute,
		CancelledJobRetentionPeriod: time.Minute,
		DiscardedJobRetentionPeriod: time.Hour,
		RescueStuckJobsAfter:        q.config.Rescue,
	})
	if err != nil {
		return fmt.Errorf("set up the queue: %w", err)
	}
	return nil
}

func (c *client[T]) migrate(ctx context.Context) error {
	m, err := rivermigrate.New(c.driver, &rivermigrate.Config{Logger: c.log})
	if err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	return nil
}

func (c *client[T]) reclaim(ctx context.Context) error {
	if err := c.revive(ctx); err != nil {
		return fmt.Errorf("put back what was left running: %w", err)
	}
	return nil
}

func (c *client[T]) insert(ctx context.Context, keys []Key) error {
	params := make([]river.InsertManyParams, len(keys))
	for i, k := range keys {
		params[i].Args = sliceArgs(k)
	}
	if _, err := c.InsertMany(ctx, params); err != nil {
		return fmt.Errorf("hand over %d jobs: %w", len(keys), err)
	}
	return nil
}

func (c *client[T]) start(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	return nil
}

func (c *client[T]) stopped() <-chan struct{} { return c.Stopped() }

// depthMost bounds what is counted one by one: there are no more slices than jobs.
const depthMost = 10_000

// depth counts what waits and what runs.
func (c *client[T]) depth(ctx context.Context, now time.Time) (Depth, error) {
	var d Depth
	list, err := c.JobList(ctx, river.NewJobListParams().First(depthMost).Kinds(sliceArgs{}.Kind()).
		States(rivertype.JobStateAvailable, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateRetryable))
	if err != nil {
		return d, fmt.Errorf("count what waits: %w", err)
	}
	for _, j := range list.Jobs {
		switch {
		case j.State == rivertype.JobStateRunning:
			d.Running++
		case !j.ScheduledAt.After(now):
			d.Waiting++
			if d.Oldest.IsZero() || j.ScheduledAt.Before(d.Oldest) {
				d.Oldest = j.ScheduledAt
			}
		}
	}
	return d, nil
}

// worker runs a slice when River says so.
type worker[T any] struct {
	river.WorkerDefaults[sliceArgs]
	queue  *Queue
	client *client[T]
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[sliceArgs]) error {
	err := w.queue.slice(ctx, Key(job.Args), func(ctx context.Context) error {
		// River gathers completions for up to 250 ms, in which the key could not be handed over again. So the slice is
		// completed here, at once.
		err := w.client.inTx(ctx, func(tx T) error {
			_, err := river.JobCompleteTx[riverdriver.Driver[T]](ctx, tx, job)
			return err
		})
		if errors.Is(err, rivertype.ErrNotFound) {
			return nil // it took so long that it counts as lost: another one of the key is on its way
		}
		return err
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return river.JobSnooze(0) // cut off by our own stop, which is no failure: first in line at the next start
	}
	pause := backoff(job.JobRow)
	w.queue.config.Log.Error("a slice failed; it is tried again", "tenant", job.Args.Tenant, "job", job.Args.Job, "pause", pause, "error", err)
	return river.JobSnooze(pause)
}

// backoff is the pause after a slice that failed: 1, 2, 4 … 64 s. River counts how often the job was put off.
func backoff(job *rivertype.JobRow) time.Duration {
	var before struct {
		Snoozes int `json:"snoozes"`
	}
	_ = json.Unmarshal(job.Metadata, &before) // it is River's; without it the pause is the first one
	return time.Second << min(before.Snoozes, 6)
}

// quiet leaves out what River tells below a warning: it is of no use to an operator.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (h quiet) WithAttrs(as []slog.Attr) slog.Handler { return quiet{h.Handler.WithAttrs(as)} }

// WithGroup implements slog.Handler.
func (h quiet) WithGroup(name string) slog.Handler { return quiet{h.Handler.WithGroup(name)} }
