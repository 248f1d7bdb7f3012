package connection

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Budget shares one target's capacity among all jobs of the process that write to it: how many calls run at the same time,
// and how many start per second. Both adapt to what the target answers. The zero Budget works; its fields are set before use.
//
// Concurrency opens like TCP's slow start, from one call to earlyCalls, doubling each round trip, and from there by one for
// every growEvery answers until Connections. The second, slower part is what keeps a limit that nobody announced from being
// hit by many calls at once: all calls that are on their way when the target's allowance ends are refused, so their number
// must stay small in relation to what was answered. An error or a time-out halves it, once per round trip; it comes back by
// one per round trip.
//
// Rate is unlimited until a refusal for speed. Then everybody pauses as long as the target asked. A lone refusal with a long
// pause proves no limit, since a target may be busy or under repair: only few calls run at the same time after it, and a second
// one that follows soon is believed. From then on calls are spaced at the learnt rate: what was answered since the allowance was last full, divided by that time and the pause in
// which it fills again. That is exact for a token bucket and for a fixed window. The pause leaves the target with some
// allowance, so the pace stays a little above the learnt rate to use it up; the refusal which ends that confirms the rate or
// corrects it downwards. If none comes although the allowance must be used up, the limit has been raised, and the pace climbs
// quickly.
type Budget struct {
	Rate        float64 // calls a second at most; 0 is as many as the target takes
	Connections int     // calls at the same time at most; 0 is 10

	Now       func() time.Time                                   // nil is time.Now
	AfterFunc func(d time.Duration, f func()) (stop func() bool) // nil is time.AfterFunc

	mu       sync.Mutex
	waiting  []*waiter // first come, first served
	stop     func() bool
	inflight int
	open     float64       // calls allowed at the same time, at least 1 once used
	halved   time.Time     // when open was last halved; zero while it never was
	paused   time.Time     // nothing starts before
	next     time.Time     // when the next call is due at the present pace
	took     time.Duration // of a call, on average
	done     int           // calls that were answered, up to a number that makes no difference any more
	wary     bool          // it was refused without showing a limit: a second burst must stay small
	limit    learntLimit
}

// Outcome is what became of a call that Acquire let through. The zero Outcome says that nothing was sent.
type Outcome struct {
	Throttled  bool          // the target asked to slow down (429)
	RetryAfter time.Duration // for how long nothing may start; 0 is a second with Throttled, no time at all with Err
	Err        bool          // no answer, or one of failure (5xx)
	Took       time.Duration // from the end of Acquire to the answer; it tells which calls were on their way at a refusal
	Requests   int           // requests that the call took; 0 is 1
}

// Pause is why a call may not start in time: the target has asked to be left alone until then.
type Pause struct{ Until time.Time }

func (p *Pause) Error() string {
	return "the target asked to wait until " + p.Until.UTC().Format(time.RFC3339)
}

type waiter struct {
	ready  chan struct{}
	by     time.Time // not later than this; zero is any time
	paused *Pause    // why it is let go without a call
}

const (
	DefaultConnections = 10
	earlyCalls         = 6                     // calls at the same time that slow start doubles up to
	growEvery          = 32                    // answers for one more call at the same time after that
	slack              = 20 * time.Millisecond // how much a call may start early, so that late timers cost nothing
	defaultRetryAfter  = time.Second
	firstWindow        = 32 // calls to prepare for a target that nothing is known of
)

// Acquire waits until a call may start. A nil error must be followed by exactly one Release. When the target has asked for a
// pause that lasts beyond by, nobody waits for its end here: the error is a *Pause. A zero by waits as long as it takes.
func (b *Budget) Acquire(ctx context.Context, by time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiter{ready: make(chan struct{}), by: by}
	b.mu.Lock()
	b.waiting = append(b.waiting, w)
	b.pump()
	b.mu.Unlock()
	select {
	case <-w.ready:
		if w.paused != nil {
			return w.paused
		}
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, w); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
		return ctx.Err()
	}
	if w.paused == nil {
		b.inflight-- // it was let through in the same moment: hand the place on
		b.pump()
	}
	return ctx.Err()
}

// Release reports how the call went.
func (b *Budget) Release(o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.inflight--
	if o == (Outcome{}) {
		b.pump()
		return
	}
	extra := max(o.Requests, 1) - 1
	if pace := b.pace(); pace > 0 && extra > 0 {
		b.next = b.next.Add(time.Duration(float64(extra) / pace * float64(time.Second)))
	}
	switch {
	case o.Throttled:
		b.throttled(now, o)
	case o.Err:
		b.failed(now, o.Took)
		if o.RetryAfter > 0 {
			b.paused = later(b.paused, now.Add(o.RetryAfter))
		}
	default:
		b.answered(now, o.Took, extra+1)
	}
	b.pump()
}

// Limit returns the present pace in calls a second, 0 when there is none, and how many calls may run at the same time.
func (b *Budget) Limit() (rate float64, connections int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pace(), b.calls()
}

// Window returns how many calls are likely to be answered within d, at least 1. While the budget is new it is a small number
// that grows with what was answered: whoever prepares calls does not prepare more than a slow target takes.
func (b *Budget) Window(d time.Duration) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if pace := b.pace(); pace > 0 {
		return max(int(pace*d.Seconds()), 1)
	}
	window := b.calls() + firstWindow + 2*b.done
	if b.took > 0 {
		window = min(window, int(float64(b.calls())*d.Seconds()/b.took.Seconds()))
	}
	return max(window, 1)
}

// Allow changes Rate and Connections of a budget that is in use.
func (b *Budget) Allow(rate float64, connections int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Rate, b.Connections = rate, connections
	b.pump()
}

// pump lets waiting calls start, and sets a timer for the first that must wait for its time. The lock is held.
func (b *Budget) pump() {
	b.letGo()
	for len(b.waiting) > 0 && b.inflight < b.calls() {
		now := b.now()
		if wait := b.wait(now); wait > 0 {
			b.arm(wait)
			return
		}
		if pace := b.pace(); pace > 0 {
			b.next = later(b.next, now).Add(time.Duration(float64(time.Second) / pace))
		}
		w := b.waiting[0]
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
		b.inflight++
		close(w.ready)
	}
}

// letGo answers those who would wait longer than they want to for the end of a pause.
func (b *Budget) letGo() {
	if !b.paused.After(b.now()) {
		return
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(w *waiter) bool {
		if w.by.IsZero() || !b.paused.After(w.by) {
			return false
		}
		w.paused = &Pause{Until: b.paused}
		close(w.ready)
		return true
	})
}

// wait returns how long the next call has to wait for its time.
func (b *Budget) wait(now time.Time) time.Duration {
	wait := b.paused.Sub(now)
	if b.pace() > 0 {
		wait = max(wait, b.next.Add(-slack).Sub(now))
	}
	return wait
}

func (b *Budget) arm(wait time.Duration) {
	if b.stop != nil {
		b.stop()
	}
	after := b.AfterFunc
	if after == nil {
		after = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	b.stop = after(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pump()
	})
}

func (b *Budget) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

func (b *Budget) connections() int {
	if b.Connections > 0 {
		return b.Connections
	}
	return DefaultConnections
}

func (b *Budget) calls() int { return min(max(int(b.open), 1), b.connections()) }

// pace returns how many calls may start per second, 0 when nothing limits them.
func (b *Budget) pace() float64 {
	pace := b.limit.pace(b.took)
	if pace == 0 || (b.Rate > 0 && b.Rate < pace) {
		return b.Rate
	}
	return pace
}

func (b *Budget) answered(now time.Time, took time.Duration, requests int) {
	b.took = smooth(b.took, took)
	b.done = min(b.done+1, 1<<20)
	b.limit.answered(now, requests, b.took)
	open := max(b.open, 1)
	switch {
	case !b.halved.IsZero():
		open += 1 / open // one per round trip
	case open < earlyCalls && !b.wary:
		open++ // twice as many per round trip
	default:
		open += 1.0 / growEvery
	}
	b.open = min(open, float64(b.connections()))
}

func (b *Budget) failed(now time.Time, took time.Duration) {
	if now.Add(-took).After(b.halved) {
		b.open = max(b.open/2, 1)
		b.halved = now
	}
}

func (b *Budget) throttled(now time.Time, o Outcome) {
	pause := o.RetryAfter
	if pause <= 0 {
		pause = defaultRetryAfter
	}
	if !b.limit.refused(now, now.Add(-o.Took), pause) {
		b.open, b.wary = max(b.open/2, 1), true
	}
	b.paused = later(b.paused, now.Add(pause))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// smooth is an exponential average over about eight values.
func smooth(average, value time.Duration) time.Duration {
	if average == 0 {
		return value
	}
	return average + (value-average)/8
}

// Budgets holds the budgets of a process, by System.Key. The zero Budgets is ready to use.
type Budgets struct {
	mu  sync.Mutex
	all map[string]*Budget
}

// Get returns the budget of the system. Of several jobs that share it the last one to ask sets its limits.
func (b *Budgets) Get(key string, rate float64, connections int) *Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]*Budget{}
	}
	budget, ok := b.all[key]
	if !ok {
		budget = &Budget{Rate: rate, Connections: connections}
		b.all[key] = budget
		return budget
	}
	budget.Allow(rate, connections)
	return budget
}
