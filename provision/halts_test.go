package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// TestTargetThatIsDown: after twelve failures in a row for which the system is to blame it is left alone until the next turn; failures
// with answers in between never end one.
func TestTargetThatIsDown(t *testing.T) {
	down := func(t *testing.T, answers func(n int) bool) (*scripted, provision.Turn) {
		w := newWorld(t)
		for i := range 20 {
			w.person(fmt.Sprintf("p%02d", i))
		}
		w.edit(func(j *provision.Job) { j.Policy.Connections = 1 })
		s := script(w)
		s.apply = func(connection.Operation) *connection.Result {
			if answers(len(s.sent)) {
				return nil
			}
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetServerError, Detail: "it is down"}, Requests: 1}
		}
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
			turn, err = w.engine.Slice(w.ctx, w.tenant, w.out)
			w.must(err)
		}
		return s, turn
	}
	t.Run("always", func(t *testing.T) {
		s, turn := down(t, func(int) bool { return false })
		if len(s.sent) != 12 || turn.Cycle.Code != lockstep.CodeTargetServerError {
			t.Errorf("%d calls, and the cycle says %q", len(s.sent), turn.Cycle.Code)
		}
		if j := s.job(); j.State != provision.Active || j.Code != lockstep.CodeTargetServerError {
			t.Errorf("the job is %s, %q", j.State, j.Code)
		}
		if open := s.waiting(plan.Open); len(open) > 0 {
			t.Errorf("what was certainly not done is open: %v", open)
		}
	})
	t.Run("two of three times", func(t *testing.T) {
		s, turn := down(t, func(n int) bool { return n%3 == 0 })
		if len(s.sent) != 60 || turn.Cycle.Code != "" || turn.Cycle.Counts.Created != 20 {
			t.Errorf("%d calls, %d created, and the cycle says %q", len(s.sent), turn.Cycle.Counts.Created, turn.Cycle.Code)
		}
	})
}

// fails is a store that fails one commit, which which chooses.
type fails struct {
	provision.Store
	which func(provision.Batch) bool
}

var errFull = errors.New("the disk is full")

func (f *fails) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	if f.which != nil && f.which(b) {
		f.which = nil
		return errFull
	}
	return f.Store.Commit(ctx, t, job, epoch, b)
}

// TestOutcomeThatIsNotKept: when what became of a call cannot be stored, the turn says so, and the next one finds out.
func TestOutcomeThatIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	f := &fails{Store: w.db.Provision(), which: func(b provision.Batch) bool { return len(b.Moved) > 0 && b.Moved[0].To == plan.Done }}
	w.restart(f)
	turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
	if w.must(err); turn.Reading {
		w.awaitRead(w.out)
		turn, err = w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
	}
	if turn.Cycle.Code != lockstep.CodeInternal || turn.More {
		t.Errorf("the turn came to %+v", turn)
	}
	if j := w.job(); j.Code != lockstep.CodeInternal || !j.NotBefore.After(w.engine.Now()) {
		t.Errorf("the job says %q, and goes on at %s", j.Code, j.NotBefore)
	}
	w.ahead += time.Minute
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example\n")
}

// unconnected opens nothing, and counts who asks.
type unconnected struct {
	*world
	asked int
}

func (u *unconnected) Target(context.Context, provision.Job) (connection.Target, error) {
	u.asked++
	return nil, &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Detail: "it cannot be reached"}
}

// TestWhoWaitsAsksNobody: a plan that waits for review, and a job that is paused, do not open the connection.
func TestWhoWaitsAsksNobody(t *testing.T) {
	for name, wait := range map[string]func(*world){
		"review": func(w *world) { w.review() },
		"paused": func(w *world) { w.edit(func(j *provision.Job) { j.State = provision.Paused }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person("ada")
			wait(w)
			u := &unconnected{world: w}
			w.engine.Connect = u
			turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
			w.must(err)
			if u.asked != 0 || turn.More || turn.Cycle.Code != "" || w.job().Code != "" {
				t.Errorf("it was opened %d times, and the turn came to %+v", u.asked, turn)
			}
		})
	}
}

// TestQuarantineEndsWithTheFirstGoodTurn: a job that works again says so at once, and not only when its cycle has ended.
func TestQuarantineEndsWithTheFirstGoodTurn(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.person(fmt.Sprintf("p%d", i))
	}
	w.edit(func(j *provision.Job) {
		j.State, j.Code, j.Detail = provision.Quarantined, lockstep.CodeAuthToken, "the token is no good"
	})
	if turn, err := w.engine.Slice(w.ctx, w.tenant, w.out); err != nil || !turn.Reading {
		t.Fatalf("%+v, %v", turn, err)
	}
	if j := w.job(); j.State != provision.Active || j.Code != "" || j.Detail != "" || j.Cycle == nil {
		t.Errorf("the job is %s, %q %q, cycle %v", j.State, j.Code, j.Detail, j.Cycle)
	}
}

// TestTurnThatIsToldToEnd: whoever tells a turn to end gets that back, and nothing is recorded as a failure of the job.
func TestTurnThatIsToldToEnd(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	s := script(w)
	ctx, stop := context.WithCancel(w.ctx)
	s.apply = func(connection.Operation) *connection.Result {
		stop()
		return &connection.Result{Err: context.Canceled}
	}
	var err error
	for range 20 {
		var turn provision.Turn
		if turn, err = w.engine.Slice(ctx, w.tenant, w.out); err != nil {
			break
		}
		if turn.Reading {
			w.awaitRead(w.out)
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the turn ended with %v", err)
	}
	if j := w.job(); j.Code != "" || j.State != provision.Active || !j.NotBefore.IsZero() {
		t.Errorf("the job is %s, %q, not before %s", j.State, j.Code, j.NotBefore)
	}
}

// TestPiecesThatAreBrokenOff: what went through of a group's new members is known, although the rest has not: the target wants to be left
// alone, or the turn's time to send is over, after which nothing is sent.
func TestPiecesThatAreBrokenOff(t *testing.T) {
	for name, stop := range map[string]func(w *world, call int) *connection.Result{
		"left alone": func(_ *world, call int) *connection.Result {
			if call != 2 {
				return nil
			}
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRateLimited}, RetryAfter: 10 * time.Minute, Requests: 1}
		},
		"too late": func(w *world, _ int) *connection.Result {
			w.ahead += 20 * time.Second
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var people []string
			for i := range 6 {
				people = append(people, string(w.person(fmt.Sprintf("p%d", i))))
			}
			team := w.group("Team")
			w.run(w.out)
			w.join(team, directory.UserKind, people...)
			s := script(w)
			s.is = func(sys *connection.System) { sys.MaxMembers = 2 }
			calls := 0
			s.apply = func(op connection.Operation) *connection.Result {
				if op.Kind != rule.Refer {
					return nil
				}
				calls++
				return stop(w, calls)
			}
			_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
			w.must(err)
			w.wantMembers(team, 2)
			if rows := w.waiting(plan.Open); len(rows) > 0 {
				t.Errorf("open: %v", rows)
			}
			s = script(w) // the pause is over
			s.is = func(sys *connection.System) { sys.MaxMembers = 2 }
			w.ahead += time.Hour
			w.untilDone(w.out)
			w.wantMembers(team, 6)
		})
	}
}

// wantMembers compares how many members of a group the organisation has, and how many are known to be written.
func (w *world) wantMembers(of lockstep.GroupID, want int) {
	w.Helper()
	refs, err := w.db.Provision().References(w.ctx, w.tenant, w.out, plan.ReferenceQuery{From: []connection.Ref{{Type: "Group", ID: string(of)}}})
	w.must(err)
	written := 0
	for _, r := range refs {
		if r.Written {
			written++
		}
	}
	if has := strings.Count(strings.SplitAfter(w.target(), "\n")[0], "@"); written != want || has != want {
		w.Errorf("%d are known to be written, want %d, and the group has %d:\n%s", written, want, has, w.target())
	}
}

// TestRulesOfGroupsThatGo is for a process that ended when it carried out what a cycle had planned about groups before the rules knew groups
// no more. What was planned is carried out; a group that may have been created is neither looked for nor created again.
func TestRulesOfGroupsThatGo(t *testing.T) {
	w := newWorld(t)
	w.assigned(provision.Policy{Groups: true, Everyone: true, Guard: rule.GuardLimit{Off: true}})
	ada := w.person("ada")
	inner := w.group("Inner", string(ada))
	outer := w.group("Outer", string(ada))
	w.run(w.out)
	w.join(outer, directory.GroupKind, string(inner))
	w.leave(inner, string(ada))
	w.rename(inner, "Core")
	w.group("New")
	s := script(w)
	s.is = func(sys *connection.System) { sys.Nesting = true }
	s.apply = func(op connection.Operation) *connection.Result { // the cycle stands still for a while
		if op.Kind == rule.Create {
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}, MaybeSent: true}
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeBlocked, Detail: "not now"}}
	}
	turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
	w.must(err)
	if turn.Cycle.Phase != provision.Applying {
		t.Fatalf("the cycle is in phase %s", turn.Cycle.Phase)
	}
	s.apply = nil
	w.edit(func(j *provision.Job) { j.Policy.Groups = false })
	w.ahead += time.Hour
	w.untilDone(w.out)
	if j := w.job(); j.Cycle != nil || j.Code != "" {
		t.Errorf("the job says %q, cycle %v", j.Code, j.Cycle)
	}
	if n := strings.Count(strings.Join(s.sent, "\n"), "create New"); n > 1 {
		t.Errorf("sent %q", s.sent)
	}
	if got := w.target(); !strings.Contains(got, "group Core:") {
		t.Errorf("the organisation has\n%s", got)
	}
}
