package connection

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// limiter is a target that allows rate calls a second, with a bucket for one second.
type limiter struct {
	mu       sync.Mutex
	rate     float64
	tokens   float64
	at       time.Time
	throttle int
	answered int
	peak     int
	running  int
	refusals []time.Time
	starts   []time.Time
}

const roundTrip = 20 * time.Millisecond

func (l *limiter) setRate(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.tokens = rate, min(l.tokens, rate)
}

// call takes a round trip, half of it on the way there.
func (l *limiter) call() Outcome {
	began := time.Now()
	l.begin()
	time.Sleep(roundTrip / 2)
	ok := l.take()
	time.Sleep(roundTrip / 2)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	o := Outcome{Took: time.Since(began)}
	if !ok {
		o.Throttled, o.RetryAfter = true, time.Second
		l.refusals = append(l.refusals, time.Now())
	}
	return o
}

func (l *limiter) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running++
	l.peak = max(l.peak, l.running)
	l.starts = append(l.starts, time.Now())
}

func (l *limiter) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate > 0 {
		now := time.Now()
		if !l.at.IsZero() {
			l.tokens += l.rate * now.Sub(l.at).Seconds()
		} else {
			l.tokens = l.rate
		}
		l.tokens, l.at = min(l.tokens, l.rate), now
		if l.tokens < 1 {
			l.throttle++
			return false
		}
		l.tokens--
	}
	l.answered++
	return true
}

// drive sends calls through the budget until so many are answered; refused ones are sent again. It returns how long it took.
func drive(t *testing.T, b *Budget, l *limiter, calls int, each func(done int)) time.Duration {
	t.Helper()
	began := time.Now()
	left := make(chan struct{}, calls)
	for range calls {
		left <- struct{}{}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 64 {
		group.Go(func() {
			for {
				select {
				case <-left:
				default:
					return
				}
				for again := true; again; {
					if err := b.Acquire(t.Context(), time.Time{}); err != nil {
						t.Error(err)
						return
					}
					o := l.call()
					b.Release(o)
					again = o.Throttled
				}
				mu.Lock()
				done++
				if each != nil {
					each(done)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return time.Since(began)
}

func TestBudgetLearnsLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    float64
		calls   int
		refused float64 // share of the answers at most
	}{
		{"5 a second", 5, 1020, 0.015}, // the first refusal alone proves no limit
		{"10 a second", 10, 1020, 0.015},
		{"20 a second", 20, 1020, 0.01},
		{"50 a second", 50, 1020, 0.01},
		{"100 a second", 100, 1020, 0.01},
		{"200 a second", 200, 1020, 0.015},
		{"300 a second", 300, 1020, 0.015},
		{"500 a second", 500, 1020, 0.01},
		{"20 a second, long", 20, 10200, 0.01},
		{"100 a second, long", 100, 10200, 0.01},
		{"500 a second, long", 500, 10200, 0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &limiter{rate: c.rate}
				took := drive(t, &Budget{Connections: 32}, l, c.calls, nil)
				used := float64(c.calls) / (c.rate * took.Seconds())
				refused := float64(l.throttle) / float64(l.throttle+c.calls)
				t.Logf("%.2f s, %.1f %% of the limit used (%.1f %% with its burst), %d answers 429 (%.2f %%)", took.Seconds(), 100*used,
					100*float64(c.calls)/(c.rate*took.Seconds()+c.rate), l.throttle, 100*refused)
				if used < 0.95 {
					t.Errorf("used %.1f %% of the limit", 100*used)
				}
				if refused > c.refused {
					t.Errorf("%.2f %% of the answers were 429", 100*refused)
				}
			})
		})
	}
}

func TestBudgetFollowsChangedLimit(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to float64
	}{
		{"lowered", 100, 20},
		{"lowered a little", 20, 15},
		{"raised", 20, 60},
		{"raised a lot", 20, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &limiter{rate: c.from}
				const before, settle, calls = 1000, 1500, 6000
				var settled time.Time
				began := time.Now()
				drive(t, &Budget{Connections: 32}, l, calls, func(done int) {
					switch done {
					case before:
						l.setRate(c.to)
					case before + settle:
						settled = time.Now()
					}
				})
				used := float64(calls-before-settle) / (c.to * time.Since(settled).Seconds())
				refused := float64(l.throttle) / float64(l.throttle+calls)
				t.Logf("settled after %.0f s; %.1f s in all, then %.1f %% of the new limit used, %d answers 429 (%.2f %%)", settled.Sub(began).Seconds(), time.Since(began).Seconds(), 100*used, l.throttle, 100*refused)
				if used < 0.95 || refused > 0.01 {
					t.Error("too slow or too many refusals")
				}
			})
		})
	}
}

func TestBudgetWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{}
		b := &Budget{Connections: 32}
		took := drive(t, b, l, 10000, nil)
		ideal := 10000 / 32 * roundTrip
		t.Logf("%v, %v would be ideal", took, ideal)
		if l.peak != 32 || took > ideal+time.Second { // opening up costs that once in the budget's life
			t.Errorf("%d calls at the same time, %v", l.peak, took)
		}
		if again := drive(t, b, l, 3200, nil); again > 101*roundTrip {
			t.Errorf("a budget that has opened took %v for 100 round trips", again)
		}
		if rate, connections := b.Limit(); rate != 0 || connections != 32 {
			t.Errorf("limit %v, %d", rate, connections)
		}
	})
}

func TestBudgetKeepsConfiguredRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rate := range []float64{3, 40, 250} {
			l := &limiter{}
			took := drive(t, &Budget{Rate: rate, Connections: 32}, l, 600, nil)
			if ideal := 599 / rate; math.Abs(took.Seconds()-ideal) > 0.05*ideal {
				t.Errorf("rate %v: 600 calls took %v, not %.1f s", rate, took, ideal)
			}
			for i, start := range l.starts { // no stretch holds more than its share, one call and the slack
				for j := i + 1; j < len(l.starts); j++ {
					if allowed := rate*(l.starts[j].Sub(start)+slack).Seconds() + 1.001; float64(j-i) > allowed {
						t.Fatalf("rate %v: %d calls in %v", rate, j-i+1, l.starts[j].Sub(start))
					}
				}
			}
		}
	})
}

func TestBudgetEverybodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Budget{Connections: 8}
		for range 8 {
			acquire(t, b)
			b.Release(Outcome{Took: time.Millisecond})
		}
		acquire(t, b)
		acquire(t, b)
		b.Release(Outcome{Throttled: true, RetryAfter: 7 * time.Second, Took: time.Millisecond})
		began := time.Now()
		acquire(t, b)
		if waited := time.Since(began); waited != 7*time.Second {
			t.Errorf("waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		b.Release(Outcome{Throttled: true, RetryAfter: time.Hour, Took: time.Millisecond})
		if err := b.Acquire(ctx, time.Time{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that its context ends: %v", err)
		}
	})
}

func TestBudgetHalvesOnErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Budget{Connections: 16}
		drive(t, b, &limiter{}, 1000, nil)
		for range 16 {
			acquire(t, b)
		}
		time.Sleep(roundTrip)
		for range 16 { // all were on their way when the first failed: one halving
			b.Release(Outcome{Err: true, Took: roundTrip})
		}
		if _, calls := b.Limit(); calls != 8 {
			t.Fatalf("%d calls at the same time after an error", calls)
		}
		for range 10 {
			acquire(t, b)
			time.Sleep(time.Millisecond)
			b.Release(Outcome{Err: true, Took: time.Millisecond})
		}
		if _, calls := b.Limit(); calls != 1 {
			t.Fatalf("%d calls at the same time after ten errors in a row", calls)
		}
		drive(t, b, &limiter{}, 45, nil) // 1+2+…+9
		if _, calls := b.Limit(); calls < 8 || calls > 10 {
			t.Errorf("%d calls at the same time after nine good round trips", calls)
		}
	})
}

func TestBudgetWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Budget{Connections: 32}
		if n := b.Window(2 * time.Second); n < 16 || n > 64 {
			t.Errorf("%d calls for a target that nothing is known of", n)
		}
		drive(t, b, &limiter{}, 1000, nil)
		if n := b.Window(2 * time.Second); n < 1500 || n > 3200 {
			t.Errorf("%d calls for 32 at a time of 20 ms", n)
		}
		slow := &Budget{Connections: 32}
		drive(t, slow, &limiter{rate: 20}, 60, func(done int) {
			if n := slow.Window(2 * time.Second); n > 150 {
				t.Errorf("%d calls after %d answers of a slow target", n, done)
			}
		})
		if n := slow.Window(2 * time.Second); n < 35 || n > 50 {
			t.Errorf("%d calls at 20 a second", n)
		}
	})
}

func TestBudgets(t *testing.T) {
	var all Budgets
	a := all.Get("webex org 1", 10, 4)
	if all.Get("webex org 1", 0, 2) != a || all.Get("webex org 2", 0, 0) == a {
		t.Error("budgets are not kept by key")
	}
	acquire(t, a)
	a.Release(Outcome{}) // not sent: nothing is learnt
	if rate, calls := a.Limit(); rate != 0 || calls != 1 {
		t.Errorf("limit %v, %d", rate, calls)
	}
	acquire(t, a)
	a.Release(Outcome{Took: time.Millisecond})
	if rate, calls := a.Limit(); rate != 0 || calls != 2 {
		t.Errorf("limit %v, %d", rate, calls)
	}
}

func acquire(t *testing.T, b *Budget) {
	t.Helper()
	if err := b.Acquire(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkBudget(b *testing.B) {
	budget := &Budget{Connections: 32}
	b.ReportAllocs()
	for b.Loop() {
		if err := budget.Acquire(b.Context(), time.Time{}); err != nil {
			b.Fatal(err)
		}
		budget.Release(Outcome{Took: time.Millisecond})
	}
}

// TestBudgetPauseLetsGo: whoever would wait longer than they want to for the end of a pause is told so at once.
func TestBudgetPauseLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Budget{Connections: 1}
		acquire(t, b)
		told := make(chan error)
		go func() { told <- b.Acquire(t.Context(), time.Now().Add(5*time.Second)) }()
		synctest.Wait()
		began := time.Now()
		b.Release(Outcome{Throttled: true, RetryAfter: 10 * time.Minute, Took: time.Millisecond})
		p, ok := errors.AsType[*Pause](<-told)
		if !ok || p.Until.Sub(began) != 10*time.Minute || time.Since(began) != 0 {
			t.Errorf("told %v after %v", p, time.Since(began))
		}
		if _, ok := errors.AsType[*Pause](b.Acquire(t.Context(), time.Now().Add(time.Second))); !ok {
			t.Error("the next one waits")
		}
		acquire(t, b) // whoever has time waits
		if waited := time.Since(began); waited != 10*time.Minute {
			t.Errorf("waited %v", waited)
		}
		b.Release(Outcome{Err: true, RetryAfter: time.Minute, Took: time.Millisecond})
		if _, ok := errors.AsType[*Pause](b.Acquire(t.Context(), time.Now())); !ok {
			t.Error("a 503 with Retry-After is no pause")
		}
	})
}

// TestBudgetOneRefusal: a single early refusal with no limit behind it costs its pause and nothing more.
func TestBudgetOneRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Budget{Connections: 8}
		began := time.Now()
		for i := range 300 {
			acquire(t, b)
			time.Sleep(20 * time.Millisecond)
			if i == 5 {
				b.Release(Outcome{Throttled: true, RetryAfter: 30 * time.Second, Took: 20 * time.Millisecond})
			} else {
				b.Release(Outcome{Took: 20 * time.Millisecond})
			}
		}
		if took := time.Since(began); took > 37*time.Second {
			t.Errorf("300 calls took %v", took)
		}
	})
}

// TestBudgetLongRefusal: one long refusal, however many calls it meets and however the target puts it, costs its pause and
// nothing more, also when a rate was learnt long before.
func TestBudgetLongRefusal(t *testing.T) {
	for _, c := range []struct {
		name    string
		asks    time.Duration // what each refusal asks for
		learnt  float64       // calls a second that the target took in the beginning
		within  time.Duration // after the end of the refusal
		refused int           // answers 429 at most while it lasts
	}{
		{"says how long", 570 * time.Second, 0, 5 * time.Second, 10},
		{"says a second", time.Second, 0, 7 * time.Second, 600},
		{"says ten seconds", 10 * time.Second, 0, 15 * time.Second, 80},
		{"says how long, with a limit", 570 * time.Second, 50, 8 * time.Second, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := &Budget{Connections: 10}, &limiter{rate: c.learnt}
				drive(t, b, l, 59, nil)
				if c.learnt > 0 {
					drive(t, b, l, 1000, nil)
					time.Sleep(10 * time.Minute)
				}
				until := time.Now().Add(570 * time.Second)
				var mu sync.Mutex
				var refused int
				var group sync.WaitGroup
				for range 30 {
					group.Go(func() {
						for left := 10; left > 0; {
							if err := b.Acquire(t.Context(), time.Time{}); err != nil {
								t.Error(err)
								return
							}
							time.Sleep(roundTrip)
							if asks := min(c.asks, time.Until(until)); asks > 0 {
								mu.Lock()
								refused++
								mu.Unlock()
								b.Release(Outcome{Throttled: true, RetryAfter: c.asks, Took: roundTrip})
								continue
							}
							b.Release(Outcome{Took: roundTrip})
							left--
						}
					})
				}
				group.Wait()
				t.Logf("300 calls took until %v after the refusal, %d answers 429", time.Since(until), refused)
				if time.Since(until) > c.within || refused > c.refused {
					t.Error("too slow or too many refusals")
				}
			})
		})
	}
}

// TestBudgetLearnsWindow: a limit on calls a minute, whose refusals ask for what is left of the minute, is learnt from the
// second one.
func TestBudgetLearnsWindow(t *testing.T) {
	for _, most := range []int{300, 1000, 3000} {
		synctest.Test(t, func(t *testing.T) {
			b, began := &Budget{Connections: 10}, time.Now()
			var mu sync.Mutex
			var window time.Time
			var taken, refused int
			call := func() Outcome {
				time.Sleep(roundTrip)
				mu.Lock()
				defer mu.Unlock()
				now := time.Now()
				if now.Sub(window) >= time.Minute {
					window, taken = now, 0
				}
				if taken == most {
					refused++
					return Outcome{Throttled: true, RetryAfter: window.Add(time.Minute).Sub(now), Took: roundTrip}
				}
				taken++
				return Outcome{Took: roundTrip}
			}
			calls := 10 * most
			var group sync.WaitGroup
			for range 10 {
				group.Go(func() {
					for left := calls / 10; left > 0; {
						if err := b.Acquire(t.Context(), time.Time{}); err != nil {
							t.Error(err)
							return
						}
						o := call()
						b.Release(o)
						if !o.Throttled {
							left--
						}
					}
				})
			}
			group.Wait()
			took := time.Since(began)
			t.Logf("%d a minute: %d calls took %v, %d answers 429", most, calls, took, refused)
			if took > 11*time.Minute || refused*1000 > 15*calls {
				t.Error("too slow or too many refusals")
			}
		})
	}
}
