// Package provision is the engine that brings a target in step with a source: it reads what changed, plans an action for each
// object, guards against harm, applies, and records.
//
// Design. The directory is the hub: every job has it as its source or its target (package connector/directory), so one engine serves
// both directions. What should happen is decided by package plan, whose only effect is what it hands on; this package holds the state
// and has the effects: it claims the job, reads, looks things up, commits what was decided, carries it out and records what happened. A job runs in slices of a few seconds, each of which takes the job up where the last left it: everything a cycle
// knows is in the store, nothing that matters is in memory alone.
//
// Invariants. All of a cycle's actions are planned before the first call, so that the guard sees shares and not single rows.
// An action is committed as open before its call is sent and settled after; a crash leaves it open, and the next slice looks
// at the target before it sends anything again. A job has one worker at a time: each turn claims a lease, which lasts until the last
// call that it may begin has ended, and lets go of it at its end. Every commit is conditional on the job's epoch, which a claim
// raises, and every call on the turn's age, so that a worker that was paused and wakes up changes nothing, and waits like any other
// while somebody else has the job. A failure concerns one object: the others go on, and the object becomes due again.
package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// Engine runs jobs. Store, Directory and Connect must be set; the rest has defaults. Its methods may be called at the same
// time for different jobs; two slices of one job exclude each other by the job's lease.
type Engine struct {
	Store     Store
	Directory Directory
	Connect   Connect
	Mirrors   Mirrors

	Now    func() time.Time // nil is time.Now
	Random io.Reader        // for expressions; nil is crypto/rand.Reader
	Log    *slog.Logger     // nil discards

	SliceFor    time.Duration // a slice stops taking up work after this; 0 is 5 s
	SendFor     time.Duration // no call is sent later than this after the slice's start; 0 is 15 s
	CallTimeout time.Duration // of one call to a target; 0 is 30 s

	budgets connection.Budgets
	mu      sync.Mutex
	running map[lockstep.JobID]Cycle
	single  map[string]bool // by System.Key: it takes one value a search, whatever it says
}

// Directory opens the tenant's own directory, which is one end of every job. Package connector/directory fulfils it.
type Directory interface {
	Source(t lockstep.TenantID, app lockstep.AppID, nested, flatten bool) connection.Source
	// SourceWith is Source as it would be if assignments had been changed.
	SourceWith(t lockstep.TenantID, app lockstep.AppID, nested, flatten bool, changed []rule.AssignmentChange) connection.Source
	Target(t lockstep.TenantID, by audit.Actor) connection.Target
}

// Connect opens the outside system that is the other end of a job.
type Connect interface {
	Source(ctx context.Context, job Job) (connection.Source, error)
	Target(ctx context.Context, job Job) (connection.Target, error)
}

// Turn is what a slice left behind.
type Turn struct {
	More    bool  // there is work that could be done at once
	Cycle   Cycle // as it stands
	Reading bool  // it waits for a read of the outside system
}

// Slice takes the job up where it stands and works on it for about SliceFor. It returns lockstep.ErrEpoch when another worker
// has the job, or has taken it over. Failures of a source, a target or an object are recorded and are no error.
func (e *Engine) Slice(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (Turn, error) {
	start := e.now()
	job, err := e.Store.Claim(ctx, t, id, e.lease())
	if err != nil {
		return Turn{}, fmt.Errorf("claim job %s: %w", id, err)
	}
	r := &run{Engine: e, job: job, until: start.Add(cmp.Or(e.SliceFor, 5*time.Second)), sends: start.Add(e.sendFor())}
	turn, err := r.turn(ctx, start)
	r.release(ctx) // not after a panic: of its calls nobody knows
	return turn, err
}

func (e *Engine) sendFor() time.Duration { return cmp.Or(e.SendFor, 15*time.Second) }
func (e *Engine) callFor() time.Duration { return cmp.Or(e.CallTimeout, 30*time.Second) }

// lease is how long a worker has a job at most: until the last call that it may begin has ended.
func (e *Engine) lease() time.Duration { return e.sendFor() + e.callFor() }

// releaseFor is how long the end of a turn may take, also of one that is being stopped.
const releaseFor = 5 * time.Second

// release lets go of the job, so that its next turn may begin at once. When that fails it is nobody's as soon as the lease is over.
func (r *run) release(ctx context.Context) {
	if r.released {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
	defer cancel()
	if err := r.endTurn(ctx, Batch{}); err != nil && !errors.Is(err, lockstep.ErrEpoch) {
		r.log().Warn("a job was not let go of; it goes on when its lease is over", "job", r.job.ID, "error", err)
	}
}

// maySend reports whether a call may begin: not when the turn began too long ago, by either clock. The monotonic one stands still
// while a machine sleeps, and the other one can be set back.
func (r *run) maySend(now time.Time) bool {
	return now.Before(r.sends) && now.Round(0).Before(r.sends.Round(0))
}

// turn does what there is to do.
func (r *run) turn(ctx context.Context, start time.Time) (_ Turn, err error) {
	job := r.job
	if job.demanded() {
		return r.demand(ctx, start)
	}
	if job.State == Paused {
		return Turn{}, nil
	}
	if job.Cycle != nil {
		c := *job.Cycle
		r.cycle = &c
	} else {
		if r.cycle, err = r.begin(ctx, start); err != nil {
			return Turn{}, err
		}
	}
	r.cycle.Code, r.cycle.Detail = "", "" // what went wrong last counts only if it goes wrong again
	if r.stopped = job.State == Quarantined; r.stopped {
		r.job.State, r.job.Code, r.job.Detail = Active, "", ""
	}
	if job.Cycle == nil && job.Direction == Inbound {
		if start, err := r.startInbound(ctx, start); err != nil || !start {
			turn := Turn{Cycle: *r.cycle, Reading: err == nil}
			r.cycle = nil // it has not begun
			if err != nil {
				err = r.failed(ctx, err)
			}
			return turn, err
		}
	}
	defer r.forget(job.ID)
	r.note(r.cycle)
	more, err := r.slice(ctx)
	if err != nil {
		err = r.failed(ctx, err)
	}
	return Turn{More: more && err == nil, Cycle: *r.cycle, Reading: r.waiting}, err
}

// Test checks the connection of the job's outside system.
func (e *Engine) Test(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, report func(connection.Check)) error {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return err
	}
	if err := e.test(ctx, job, report); err != nil {
		e.log().Info("a connection test failed", "job", job.ID, "code", lockstep.CodeOf(err), "error", err) // with what lies beneath
		return err
	}
	return nil
}

func (e *Engine) test(ctx context.Context, job Job, report func(connection.Check)) error {
	if job.Direction == Inbound {
		s, err := e.Connect.Source(ctx, job)
		if err != nil {
			return err
		}
		return s.Test(ctx, report)
	}
	target, err := e.Connect.Target(ctx, job)
	if err != nil {
		return err
	}
	return target.Test(ctx, report)
}

// Progress returns the cycle of a slice that is running in this process; it is fresher than what the store has.
func (e *Engine) Progress(id lockstep.JobID) (Cycle, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.running[id]
	return c, ok
}

func (e *Engine) note(c *Cycle) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		e.running = map[lockstep.JobID]Cycle{}
	}
	e.running[c.Job] = *c
}

func (e *Engine) forget(id lockstep.JobID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, id)
}

func (e *Engine) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

func (e *Engine) random() io.Reader {
	if e.Random != nil {
		return e.Random
	}
	return rand.Reader
}

func (e *Engine) log() *slog.Logger {
	if e.Log != nil {
		return e.Log
	}
	return slog.New(slog.DiscardHandler)
}

// run is one slice of one job.
type run struct {
	*Engine
	job         Job
	cycle       *Cycle
	until       time.Time // stop taking up work
	sends       time.Time // no call begins later
	released    bool      // the lease is over
	stopped     bool      // the job was quarantined until this turn
	source      connection.Source
	target      connection.Target
	from        connection.System
	to          connection.System
	limit       *connection.Budget
	connections int

	requests, refusals atomic.Int64 // of the target since the last commit

	programs plan.Programs
	decide   *plan.Planner // for the cycle, into the store
	waits    *plan.Waits   // what decide has; nil before it was loaded
	lookup   lookup        // how unlinked objects are matched
	blind    bool          // the target will not be asked for those whom a read of it did not show
	fresh    int           // values that the target was asked for so far
	linked   int           // linked objects, for the choice between Find and a listing
	wake     time.Time     // when an open action can be looked at again
	waiting  bool          // for a read of the outside system

	transcript *connection.Transcript // of a cycle on demand
}

// begin opens a cycle in memory; it reaches the store with the first commit.
func (r *run) begin(ctx context.Context, now time.Time) (*Cycle, error) {
	moved, err := r.moved(ctx, r.job.Cursor)
	if err != nil {
		return nil, err
	}

	c := &Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: r.job.ID, Kind: Incremental, Trigger: "change", Phase: Reading, Page: r.job.Cursor, Config: r.job.Config, Began: now}
	switch {
	case moved:
		c.Kind, c.Phase, c.Page, c.Trigger = Initial, Listing, "", elsewhere
	case r.job.Cursor == "":
		c.Kind, c.Phase, c.Trigger = Initial, Listing, "first"
	case r.job.Applied != r.job.Config:
		c.Kind, c.Phase, c.Page, c.Trigger = Initial, Listing, "", "configuration"
	case r.job.Request > 0:
		c.Trigger = "schedule"
	case !r.job.NextRun.IsZero() && !r.job.NextRun.After(now):
		c.Trigger = "schedule"
	}
	return c, r.inherit(ctx, c)
}

// slice moves the cycle through its phases until the time is up, it has ended, or it waits.
func (r *run) slice(ctx context.Context) (more bool, err error) {
	if r.cycle.Phase == Review {
		return false, nil
	}
	if err := r.open(ctx); err != nil {
		return false, err
	}
	for {
		switch r.cycle.Phase {
		case Listing:
			err = r.list(ctx)
		case Reading, Sweeping:
			err = r.read(ctx)
		case Ranking:
			err = r.rank(ctx)
		case Applying:
			err = r.apply(ctx)
		default: // Review, Ended
			return false, nil
		}
		switch {
		case errors.Is(err, errYield):
			return r.wake.IsZero() && !r.waiting, nil
		case err != nil:
			return false, err
		}
	}
}

// errYield ends a phase's turn without ending the phase.
var errYield = errors.New("yield")

func (r *run) timeUp() bool { return !r.now().Before(r.until) }

// open connects both ends and compiles the rules.
func (r *run) open(ctx context.Context) (err error) {
	if r.job.Direction == Inbound {
		if r.source, err = r.Connect.Source(ctx, r.job); err != nil {
			return err
		}
		r.target = r.Directory.Target(r.job.Tenant, r.actor())
	} else {
		if r.target, err = r.Connect.Target(ctx, r.job); err != nil {
			return err
		}
	}
	if r.to, err = r.target.Describe(ctx); err != nil {
		return err
	}
	if r.job.Direction == Outbound {
		r.source = r.Directory.Source(r.job.Tenant, r.job.App, r.job.Policy.Nested, !r.to.Nesting)
	}
	if r.from, err = r.source.Describe(ctx); err != nil {
		return err
	}
	r.connections = cmp.Or(r.job.Policy.Connections, r.to.Connections, connection.DefaultConnections)
	r.limit = r.budgets.Get(r.to.Key, r.job.Policy.Rate, r.connections)
	if r.programs, err = plan.Compile(r.job.Rules, r.job.Direction == Inbound || r.job.Policy.Groups, r.from, r.to); err != nil {
		return err
	}
	r.decide = r.planner(r.stored(), r.stored(), r)
	return nil
}

// actor is the job as the audit log names it.
func (r *run) actor() audit.Actor {
	return audit.Actor{Kind: audit.Job, ID: string(r.job.ID), Name: r.job.Name}
}

// failed records what stopped the slice and when to try again. Lost epochs and a context that ended are passed on.
func (r *run) failed(ctx context.Context, cause error) error {
	if errors.Is(cause, lockstep.ErrEpoch) || ctx.Err() != nil {
		return cause
	}
	now := r.now()
	if p, ok := errors.AsType[*connection.Pause](cause); ok {
		return r.postpone(ctx, p.Until, lockstep.CodeTargetRateLimited, fmt.Sprintf("%s asked to wait until %s", r.to.Name, p.Until.UTC().Format(time.RFC3339)))
	}
	code := lockstep.CodeOf(cause)
	if code == lockstep.CodePlanStale { // somebody decided or changed something at the same moment: look again
		return r.postpone(ctx, now, "", "")
	}
	began := r.job.NotBefore // of a job whose cycle has not begun: when it failed last
	if r.cycle != nil {
		began = r.cycle.Began
	}
	pause := 2 * time.Second
	if !began.IsZero() {
		pause = min(max(now.Sub(began)/2, pause), 15*time.Minute)
	}
	if code == lockstep.CodeCursorExpired { // read everything, write the differences
		r.job.Cursor, pause = r.restart(ctx), 0
		if r.cycle != nil {
			r.cycle.EndedAt, r.cycle.Phase = now, Ended
		}
	}
	r.log().Warn("a job stopped", "job", r.job.ID, "code", code, "error", cause)
	if r.cycle != nil {
		r.cycle.Code, r.cycle.Detail = code, text(cause)
	}
	r.job.Code, r.job.Detail = code, text(cause)
	if lockstep.Describe(code).Class != lockstep.Heals {
		r.job.State = Quarantined
		pause = max(pause, time.Minute)
	}
	if code == lockstep.CodeTargetRefusesAll {
		pause = min(pause, probeEvery)
	}
	r.job.NotBefore = now.Add(pause)
	if err := r.onlyFailed(ctx); err != nil {
		return err
	}
	return r.endTurn(ctx, Batch{Cycle: r.cycle, Job: &r.job})
}

// postpone ends the slice without a failure; the job goes on at the given time.
func (r *run) postpone(ctx context.Context, until time.Time, code lockstep.Code, detail string) error {
	r.job.NotBefore, r.job.Code, r.job.Detail = until, code, detail
	return r.endTurn(ctx, Batch{Cycle: r.cycle, Job: &r.job})
}

// count adds requests to the target to what the next commit of the cycle stores.
func (r *run) count(requests int, refused bool) {
	r.requests.Add(int64(requests))
	if refused {
		r.refusals.Add(1)
	}
}

// commit writes the batch under the job's epoch. Commits that carry the cycle never run at the same time.
func (r *run) commit(ctx context.Context, b Batch) error {
	if b.Cycle != nil {
		b.Cycle.Counts.TargetRequests += int(r.requests.Swap(0))
		b.Cycle.Counts.Throttled += int(r.refusals.Swap(0))
		defer r.note(b.Cycle)
	}
	if err := r.Store.Commit(ctx, r.job.Tenant, r.job.ID, r.job.Epoch, b); err != nil {
		return fmt.Errorf("record what job %s has come to: %w", r.job.ID, err)
	}
	return nil
}

// endTurn is the commit with which the turn ends.
func (r *run) endTurn(ctx context.Context, b Batch) error {
	b.Release = true
	err := r.commit(ctx, b)
	r.released = err == nil
	return err
}

// end closes the cycle.
func (r *run) end(ctx context.Context) error {
	if r.cycle.Kind == OnDemand {
		return r.endDemand(ctx, nil)
	}
	now := r.now()
	r.moveCursor() // in a manual job this is what Apply means
	r.cycle.Phase, r.cycle.EndedAt = Ended, now
	r.cycle.Code, r.cycle.Detail = "", "" // what stopped a slice is over
	r.job.Code, r.job.Detail, r.job.NotBefore = "", "", time.Time{}
	if r.job.State == Quarantined {
		r.job.State = Active
	}
	r.job.Request = 0
	if r.job.Direction == Outbound { // an inbound job's next run is its next read
		r.job.NextRun = time.Time{}
		if r.job.Policy.Interval > 0 {
			r.job.NextRun = now.Add(r.job.Policy.Interval)
		}
	}
	return r.endTurn(ctx, Batch{Cycle: r.cycle, Job: &r.job})
}
