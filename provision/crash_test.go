package provision_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/webexorg"
)

// mortal is a process that is killed at a random moment: at a commit, before it or after it, or at a call to the target, before
// or after it took effect. From then on nothing that it does has any effect, and it learns nothing.
type mortal struct {
	provision.Store
	connection.Target
	mu    sync.Mutex
	left  int // moments still to live
	after bool
	dead  bool
	die   context.CancelFunc
	plain bool // a target that does not keep names unique
}

// moment reports whether the process does what it is about to do, and whether it lives to see the outcome.
func (m *mortal) moment() (does, sees bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false, false
	}
	if m.left--; m.left > 0 {
		return true, true
	}
	m.dead = true
	return m.after, false
}

func (m *mortal) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	does, sees := m.moment()
	if !does {
		m.die()
		return errKilled
	}
	err := m.Store.Commit(ctx, t, job, epoch, b)
	if !sees {
		m.die()
		return errKilled
	}
	return err
}

func (m *mortal) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	does, sees := m.moment()
	var results []connection.Result
	if does {
		results = m.Target.Apply(context.WithoutCancel(ctx), ops)
	}
	if sees {
		return results
	}
	m.die()
	results = make([]connection.Result, len(ops))
	for i := range results {
		results[i] = connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Err: errKilled}, MaybeSent: true}
	}
	return results
}

func (m *mortal) Describe(ctx context.Context) (connection.System, error) {
	s, err := m.Target.Describe(ctx)
	if m.plain {
		s.Unique = nil
	}
	return s, err
}

// connect gives the engine's outbound jobs a target that is looked after.
type connect struct {
	*world
	target connection.Target
}

func (c connect) Target(context.Context, provision.Job) (connection.Target, error) {
	return c.target, nil
}

// TestKilledAtRandomMoments lets a history run in processes that are killed at random moments, with a target that lists what was
// created only after five seconds. Whatever happens, nobody is created twice and nothing is lost.
func TestKilledAtRandomMoments(t *testing.T) {
	for seed := range uint64(*histories) {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d plain=%v", seed, plain), func(t *testing.T) { killed(t, seed, plain) })
		}
	}
}

func killed(t *testing.T, seed uint64, plain bool) {
	w := newWorld(t)
	w.assigned(provision.Policy{Groups: true, Everyone: true, Guard: rule.GuardLimit{Off: true}})
	w.must(w.org.SetKnobs(webexorg.Knobs{LateListing: 5 * time.Second}))
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	h := newHistory(w, seed, 2)
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(h.log, "\n"))
			h.last(40)
		}
	}()
	awake := func() {
		m := &mortal{Store: w.db.Provision(), Target: target, left: 1 << 40, plain: plain}
		w.restart(m)
		w.engine.Connect = connect{world: w, target: m}
	}
	for range 12 {
		h.newUser()
	}
	for range 4 {
		h.newGroup()
	}
	for range 12 {
		awake()
		for range h.rand.IntN(10) {
			h.step()
		}
		for range 2 {
			ctx, die := context.WithCancel(w.ctx)
			m := &mortal{Store: w.db.Provision(), Target: target, left: 1 + h.rand.IntN(25), after: h.rand.IntN(2) == 0, die: die, plain: plain}
			w.restart(m)
			w.engine.Connect = connect{world: w, target: m}
			for range 30 {
				turn, err := w.engine.Slice(ctx, w.tenant, w.out)
				if err != nil && !m.dead {
					w.must(err)
				}
				if err != nil || !turn.More {
					break
				}
			}
			die()
			w.ahead += time.Duration(h.rand.IntN(20)) * time.Second
		}
	}
	awake()
	w.ahead += time.Minute
	h.settled()
	if asked := w.requests(); plain && regexp.MustCompile(`POST \S+ 409`).MatchString(asked) {
		t.Errorf("a target that does not keep names unique would have something twice: %s", asked)
	}
	w.must(w.org.SetKnobs(webexorg.Knobs{}))
	w.engine.Connect = w
	got := living(w.target())
	if want := living(w.fresh()); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("after its deaths the organisation has\n%s\nprovisioned from nothing\n%s", got, want)
	}
	w.consistent()
}
