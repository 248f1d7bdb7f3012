package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/connection"
)

// Runner reads connections beside everything else. Store and Open must be set; the rest has defaults.
//
// A connection is visited while it has requests that no complete pass has answered: its types are read one after another. A
// node makes so many visits at a time, one for each connection, tenants in turn; a visit of a system whose passes can go on where
// they were broken off makes room after Slice when others wait. Nothing ends a pass as long as pages come.
type Runner struct {
	Store Store
	// Open opens a connection for a visit. It does not wait for the system.
	Open func(ctx context.Context, id ID) (System, error)

	Node   string           // for people
	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger     // nil discards
	Limits Limits

	Visits int           // at the same time; 0 is 4
	Tick   time.Duration // how often it is looked what is due; 0 is a second
	Slice  time.Duration // 0 is 10 s
	Grace  time.Duration // after which a call that does not return when it is told to is abandoned; 0 is 5 s

	mu       sync.Mutex
	wake     chan struct{}
	visits   map[ID]*visit
	stuck    map[ID]int       // calls that were abandoned and have not returned
	visited  map[ID]time.Time // when visits ended
	tenants  map[lockstep.TenantID]bool
	visiting sync.WaitGroup
}

// System is a connection, opened for reading.
type System struct {
	Reader  connection.Reader
	Getter  connection.Getter // nil: it cannot be asked for single objects
	Types   []Wanted          // in the order in which they are read: people before groups
	Lag     time.Duration     // how long our own writes may be missing from its answers
	Timeout time.Duration     // between two pages, and of a call; 0 is 30 s
	Batch   int               // objects that the Getter is asked for at once; 0 is 20
	Close   func()            // nil does nothing
}

// Limits bound what a system may answer in one pass. Zeros are the defaults.
type Limits struct {
	Objects int64 // 20 million
	Bytes   int64 // of objects as they are compared; 100 GB
	Page    int   // objects of one page; 100,000
	Repeats int   // pages in a row that list nothing new; 20
	Empty   int   // pages in a row without anything; 10,000
}

func (l Limits) withDefaults() Limits {
	l.Objects, l.Bytes = cmp.Or(l.Objects, 20_000_000), cmp.Or(l.Bytes, 100_000_000_000)
	l.Page, l.Repeats, l.Empty = cmp.Or(l.Page, 100_000), cmp.Or(l.Repeats, 20), cmp.Or(l.Empty, 10_000)
	return l
}

// margin is how much longer a lease lasts than the time-out of its connection.
const margin = 10 * time.Second

// tooManyStuck is how many abandoned calls a node bears.
const tooManyStuck = 16

// Run visits connections until ctx ends, and returns when no visit runs. Calls that do not return it leaves behind.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.Store.Start(ctx); ctx.Err() != nil {
		return nil // told to end before it had begun
	} else if err != nil {
		return fmt.Errorf("start reading: %w", err)
	}
	wake := r.begin()
	defer r.visiting.Wait()
	tick := time.NewTicker(cmp.Or(r.Tick, time.Second))
	defer tick.Stop()
	for {
		if err := r.fill(ctx); err != nil && ctx.Err() == nil {
			r.log().Warn("what is to be read cannot be found", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-wake:
		}
	}
}

func (r *Runner) begin() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visits, r.visited, r.tenants = map[ID]*visit{}, map[ID]time.Time{}, map[lockstep.TenantID]bool{}
	if r.stuck == nil {
		r.stuck = map[ID]int{}
	}
	if r.wake == nil {
		r.wake = make(chan struct{}, 1)
	}
	return r.wake
}

// Wake has the runner look at once what is due. It may be called at any time.
func (r *Runner) Wake() {
	r.mu.Lock()
	if r.wake == nil {
		r.wake = make(chan struct{}, 1)
	}
	wake := r.wake
	r.mu.Unlock()
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Stuck returns how many calls of a connection were abandoned on this node and have not returned: until they have, nothing new
// may be started for it here.
func (r *Runner) Stuck(id ID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stuck[id]
}

// Ready fails with lockstep.CodeReadStuck when more calls were abandoned than a node bears, and names their connections.
func (r *Runner) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, names := 0, []string{}
	for id, n := range r.stuck {
		all += n
		names = append(names, string(id.Connection))
	}
	if all <= tooManyStuck {
		return nil
	}
	slices.Sort(names)
	return &lockstep.Error{Code: lockstep.CodeReadStuck, Detail: fmt.Sprintf("%d calls do not return, of the connections %s.", all, strings.Join(names, ", "))}
}

// fill begins visits while there is room, and asks one to make room when there is none for a tenant who waits.
func (r *Runner) fill(ctx context.Context) error {
	due, err := r.Store.Due(ctx, r.now())
	if err != nil || ctx.Err() != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		id, ok := r.next(due)
		if !ok {
			return nil
		}
		v := &visit{Runner: r, id: id, began: r.now()}
		r.visits[id] = v
		r.visiting.Go(func() {
			v.run(ctx)
			r.mu.Lock()
			delete(r.visits, id)
			r.visited[id] = r.now()
			r.mu.Unlock()
			r.Wake()
		})
	}
}

// next chooses the connection that is visited next: of the tenant with the fewest visits, and of these the one whose last visit was
// longest ago. A tenant who is not alone never has all visits, since those of some systems cannot make room. The lock is held.
func (r *Runner) next(due []ID) (ID, bool) {
	running := map[lockstep.TenantID]int{}
	for id := range r.visits {
		running[id.Tenant]++
	}
	room := cmp.Or(r.Visits, 4)
	var waiting []ID
	for _, id := range due {
		r.tenants[id.Tenant] = true
		if r.visits[id] == nil && r.stuck[id] == 0 {
			waiting = append(waiting, id)
		}
	}
	most := room
	if len(r.tenants) > 1 {
		most = max(room-1, 1)
	}
	waiting = slices.DeleteFunc(waiting, func(id ID) bool { return running[id.Tenant] >= most })
	if len(waiting) == 0 {
		return ID{}, false
	}
	first := slices.MinFunc(waiting, func(a, b ID) int { // the first of equals: due is in the order of asking
		return cmp.Or(cmp.Compare(running[a.Tenant], running[b.Tenant]), r.visited[a].Compare(r.visited[b]))
	})
	if len(r.visits) < room {
		return first, true
	}
	r.makeRoom(running, running[first.Tenant])
	return ID{}, false
}

// makeRoom asks the oldest visit of a tenant who has more than the given number to end after its page.
func (r *Runner) makeRoom(running map[lockstep.TenantID]int, than int) {
	var oldest *visit
	for id, v := range r.visits {
		if v.yield.Load() {
			return // one is enough
		}
		if running[id.Tenant] > than && r.now().Sub(v.began) >= cmp.Or(r.Slice, 10*time.Second) && (oldest == nil || v.began.Before(oldest.began)) {
			oldest = v
		}
	}
	if oldest != nil {
		oldest.yield.Store(true)
	}
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Runner) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

// visit is one visit of a connection.
type visit struct {
	*Runner
	id     ID
	began  time.Time
	yield  atomic.Bool
	system System
	lease  Lease
}

// errYield ends a visit that makes room for another.
var errYield = errors.New("another connection waits")

// run claims the connection, reads it and says what came of it.
func (v *visit) run(ctx context.Context) {
	head, err := v.Store.Claim(ctx, v.id, v.Node, v.now().Add(30*time.Second+margin))
	if err != nil {
		if !errors.Is(err, lockstep.ErrEpoch) && ctx.Err() == nil {
			v.log().Warn("a connection cannot be claimed for reading", "connection", v.id.Connection, "error", err)
		}
		return
	}
	v.lease = head.Lease
	answered, err := v.all(ctx, head)
	v.close(ctx)
	if errors.Is(err, lockstep.ErrEpoch) {
		return // somebody else has the connection, or it is gone
	}
	out := Visit{Answered: answered, Lag: v.system.Lag, Deaf: v.system.Reader != nil && v.system.Getter == nil}
	if err != nil && !errors.Is(err, errYield) && ctx.Err() == nil {
		v.failed(&out, head, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin) // the next one need not wait for the lease to lapse
	defer cancel()
	if err := v.Store.Release(ctx, v.lease, out); err != nil && !errors.Is(err, lockstep.ErrEpoch) {
		v.log().Warn("the end of a visit cannot be kept", "connection", v.id.Connection, "error", err)
	}
}

// close closes the connection. That may end a call that does not return otherwise, and may not return itself.
func (v *visit) close(ctx context.Context) {
	if v.system.Close == nil {
		return
	}
	err := v.call(context.WithoutCancel(ctx), "Closing the connection", func(context.Context) error {
		v.system.Close()
		return nil
	})
	if err != nil {
		v.log().Warn("a connection cannot be closed", "connection", v.id.Connection, "error", err)
	}
}

// failed says why a visit failed and when the next one is: after a pause that doubles, or when the system wants to be asked again.
func (v *visit) failed(out *Visit, head Head, err error) {
	now := v.now()
	out.Failed, out.Code, out.Detail = true, lockstep.CodeOf(err), lockstep.Said(err)
	pause := min(2*time.Second<<min(head.Failures, 20), 15*time.Minute)
	if lockstep.Describe(out.Code).Class != lockstep.Heals {
		pause = max(pause, time.Minute)
	}
	out.NotBefore = now.Add(pause)
	if later, ok := errors.AsType[*connection.Later](err); ok && later.After > 0 {
		out.Held = now.Add(later.After)
	}
	if paused, ok := errors.AsType[*connection.Pause](err); ok {
		out.Held = paused.Until
	}
	if !out.Held.IsZero() {
		out.NotBefore = out.Held
	}
	v.log().Warn("a connection cannot be read", "connection", v.id.Connection, "code", out.Code, "again", out.NotBefore, "error", err)
}

// all reads what is to be read and returns up to which request all types are answered.
func (v *visit) all(ctx context.Context, head Head) (answered int64, err error) {
	var system System
	err = v.call(ctx, "Opening the connection", func(ctx context.Context) error {
		opened, err := v.Open(ctx, v.id)
		if err == nil && ctx.Err() != nil && opened.Close != nil {
			opened.Close() // nobody waits for it any more
		}
		system = opened
		return cmp.Or(err, ctx.Err())
	})
	if err != nil {
		return 0, err
	}
	v.system = system
	v.lease.Until = v.now().Add(v.timeout() + margin)
	if err := v.asked(ctx, head); err != nil {
		return 0, err
	}
	passes := make([]Pass, len(v.system.Types))
	for i, w := range v.system.Types {
		p := reader{visit: v, pass: head.Pass(w.Type), wanted: w, keep: NewKeep(w), limits: v.Limits.withDefaults()}
		if err := p.read(ctx, head.Requests); err != nil {
			return 0, err // people see it beside the connection, and it says what it is about
		}
		if p.pass.Missed > 0 && !p.pass.Second { // a second pass has to miss them, too
			if err := p.again(ctx); err != nil {
				return 0, err
			}
		}
		passes[i] = p.pass
	}
	answered = head.Requests
	for _, p := range passes {
		answered = min(answered, p.Answered)
	}
	return answered, nil
}

func (v *visit) timeout() time.Duration { return cmp.Or(v.system.Timeout, 30*time.Second) }

// renewed returns the lease with the end that the next commit gives it.
func (v *visit) renewed() Lease {
	v.lease.Until = v.now().Add(v.timeout() + margin)
	return v.lease
}

// guarded is a call that runs beside whoever waits for it.
type guarded struct {
	v      *visit
	what   string
	cancel context.CancelCauseFunc
	done   chan error
}

// start runs f in a goroutine of its own, whose panic is an error.
func (v *visit) start(ctx context.Context, what string, f func(ctx context.Context) error) *guarded {
	ctx, cancel := context.WithCancelCause(ctx)
	g := &guarded{v: v, what: what, cancel: cancel, done: make(chan error, 1)}
	go func() {
		defer cancel(nil)
		defer func() {
			if p := recover(); p != nil {
				g.done <- &lockstep.Error{Code: lockstep.CodeInternal, Detail: fmt.Sprintf("%s: the connector panicked: %v", what, p)}
			}
		}()
		g.done <- f(ctx)
	}()
	return g
}

// giveUp ends the call's context and waits until it returns. When it does not, it is abandoned: it is counted for its connection
// until it does.
func (g *guarded) giveUp(cause error) error {
	g.cancel(cause)
	timer := time.NewTimer(cmp.Or(g.v.Grace, 5*time.Second))
	defer timer.Stop()
	select {
	case <-g.done:
		return cause
	case <-timer.C:
	}
	r, id := g.v.Runner, g.v.id
	r.mu.Lock()
	r.stuck[id]++
	r.mu.Unlock()
	go func() {
		<-g.done
		r.mu.Lock()
		if r.stuck[id]--; r.stuck[id] == 0 {
			delete(r.stuck, id)
		}
		r.mu.Unlock()
		r.Wake()
	}()
	return &lockstep.Error{Code: lockstep.CodeReadStuck, Detail: g.what + ": the call does not return although it was told to end.", Err: cause}
}

// call runs f, for no longer than the connection's time-out.
func (v *visit) call(ctx context.Context, what string, f func(ctx context.Context) error) error {
	g := v.start(ctx, what, f)
	timer := time.NewTimer(v.timeout())
	defer timer.Stop()
	select {
	case err := <-g.done:
		return err
	case <-timer.C:
		return g.giveUp(v.tooSlow(what))
	case <-ctx.Done():
		return g.giveUp(ctx.Err())
	}
}

func (v *visit) tooSlow(what string) error {
	return &lockstep.Error{Code: lockstep.CodeReadTimeout, Detail: fmt.Sprintf("%s: nothing came within %v.", what, v.timeout())}
}
