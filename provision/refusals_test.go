package provision_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/store"
	"lockstep/store/storetest"
)

// refuser is a target that refuses some operations, with the name in what it says, and counts all that reach it.
type refuser struct {
	connection.Target
	mu    sync.Mutex
	calls int
	over  func(connection.Operation) bool
}

func (r *refuser) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	r.mu.Lock()
	r.calls += len(ops)
	refused := r.over(ops[0])
	r.mu.Unlock()
	if refused {
		return []connection.Result{{Err: &lockstep.Error{Code: lockstep.CodeTargetDomain, Detail: fmt.Sprintf("create %s in Webex: it refused the value: \"no such site\" (HTTP 400)", ops[0].Name)}}}
	}
	return r.Target.Apply(ctx, ops)
}

// sent returns how many operations there were since the last call.
func (r *refuser) sent() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.calls
	r.calls = 0
	return n
}

func (r *refuser) refuses(over func(connection.Operation) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = over
}

func creates(op connection.Operation) bool { return op.Kind == rule.Create }
func nothing(connection.Operation) bool    { return false }

// refusing puts a target in the way that refuses, and brings many people into the directory.
func (w *world) refusing(over func(connection.Operation) bool, people int) *refuser {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	r := &refuser{Target: target, over: over}
	w.engine.Connect = connect{world: w, target: r}
	w.many(people)
	return r
}

func (w *world) many(people int) {
	w.Helper()
	var text strings.Builder
	text.WriteString("id,userName,displayName,title\n")
	for i := range people {
		fmt.Fprintf(&text, "%d,u%03d@acme.example,U,Clerk\n", i, i)
	}
	w.file("people.csv", text.String())
	w.run(w.in)
}

// untilStopped turns slices of the app's job until there is nothing more to do at once.
func (w *world) untilStopped() provision.Job {
	w.Helper()
	for range 200 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
			continue
		}
		job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
		w.must(err)
		if !turn.More && (job.Cycle == nil && !w.isDue(w.out) || job.State == provision.Quarantined) {
			return job
		}
	}
	w.Fatal("the job never ends")
	return provision.Job{}
}

func (w *world) wantStopped(job provision.Job) {
	w.Helper()
	if job.State != provision.Quarantined || job.Code != lockstep.CodeTargetRefusesAll || job.Cycle == nil {
		w.Fatalf("the job is %s: %s %s", job.State, job.Code, job.Detail)
	}
}

// TestApplicationThatRefusesAll: of an application that refuses everybody in the same way not everybody is asked. The job stops and says why, tries one
// at a time, and goes on when one goes through; nobody is lost.
func TestApplicationThatRefusesAll(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { refusesAll(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { refusesAll(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func refusesAll(w *world) {
	const people = 400
	target := w.refusing(creates, people)
	job := w.untilStopped()
	w.wantStopped(job)
	if n := target.sent(); n < 20 || n > 20+32+1 {
		w.Errorf("%d were sent", n)
	}
	at := operate.StateOf(operate.Facts{Job: job, Now: w.engine.Now()})
	if at.Value != operate.Quarantined || at.Exit != operate.ExitHeld || !strings.Contains(at.Says, "no such site") || !strings.Contains(at.Says, "so far") || !strings.Contains(at.Says, "tried again") {
		w.Errorf("it stands %+v", at.Finding)
	}
	if c := operate.CausesOf(operate.Facts{Job: job, Now: w.engine.Now()}, 3); len(c) != 1 || !strings.Contains(c[0].Says, "no such site") {
		w.Errorf("told is %+v", c)
	}
	tally, err := w.db.Provision().Tally(w.ctx, w.tenant, w.out, job.Cycle.ID)
	w.must(err)
	waits := tally.Actions[plan.TallyKey{State: plan.Planned, Kind: rule.Create, Type: "User"}]
	if refused := tally.Actions[plan.TallyKey{State: plan.Refused, Kind: rule.Create, Type: "User"}]; waits+refused != people || waits < people-60 {
		w.Errorf("%d wait, %d were refused", waits, refused)
	}
	for range 3 {
		w.ahead += 3 * time.Minute
		if w.wantStopped(w.untilStopped()); job.NotBefore.Sub(w.engine.Now()) > 2*time.Minute {
			w.Errorf("it waits until %s", job.NotBefore)
		}
		if n := target.sent(); n != 1 {
			w.Errorf("%d were tried", n)
		}
	}
	target.refuses(nothing)
	w.ahead += 3 * time.Minute
	if job := w.untilStopped(); job.State != provision.Active || job.Code != "" {
		w.Errorf("the job is %s: %s", job.State, job.Detail)
	}
	if n := target.sent(); n != waits-3 {
		w.Errorf("%d of %d were sent", n, waits-3)
	}
	w.ahead += 7 * time.Hour // those who were refused are tried once more
	w.untilStopped()
	if n := strings.Count(w.target(), "user "); n != people {
		w.Errorf("%d of %d people are there", n, people)
	}
}

// TestRefusalsOfIndividuals: who is refused for a value of their own stops nobody, not even when they are neighbours.
func TestRefusalsOfIndividuals(t *testing.T) {
	w := newWorld(t)
	target := w.refusing(func(op connection.Operation) bool { return op.Name < "u060" }, 400)
	for range 2 {
		if job := w.untilStopped(); job.State != provision.Active {
			t.Fatalf("the job is %s: %s", job.State, job.Detail)
		}
		if n := strings.Count(w.target(), "user "); n != 340 {
			t.Errorf("%d are there", n)
		}
		w.ahead += 7 * time.Hour // all 60 are tried again, and nobody else: that they are refused again says nothing
	}
	if n := target.sent(); n != 460 {
		t.Errorf("%d were sent", n)
	}
}

// TestLeaversPassRefusals: who leaves while the application refuses all others does not wait for them.
func TestLeaversPassRefusals(t *testing.T) {
	w := newWorld(t)
	target := w.refusing(nothing, 3)
	w.untilStopped()
	target.refuses(creates)
	w.many(300)
	w.wantStopped(w.untilStopped())
	w.file("people.csv", "id,userName,displayName,title\n0,u000@acme.example,U,Clerk\n1,u001@acme.example,U,Clerk\n2,u002@acme.example,U,Chief\n"+w.others(300))
	w.run(w.in)
	target.sent()
	w.ahead += 3 * time.Minute
	w.wantStopped(w.untilStopped())
	if got := w.target(); !strings.Contains(got, "u002@acme.example title=Chief") {
		t.Errorf("what is new waits:\n%s", got)
	}
	if n := target.sent(); n > 5 {
		t.Errorf("%d were sent", n)
	}
	target.refuses(nothing)
	w.ahead += 7 * time.Hour
	w.untilStopped()
	if n := strings.Count(w.target(), "user "); n != 300 {
		t.Errorf("%d are there", n)
	}
}

func (w *world) others(people int) string {
	var text strings.Builder
	for i := 3; i < people; i++ {
		fmt.Fprintf(&text, "%d,u%03d@acme.example,U,Clerk\n", i, i)
	}
	return text.String()
}

// TestRulesThatEndRefusals: when an administrator mends the rules, what was planned by the old ones is not tried again.
func TestRulesThatEndRefusals(t *testing.T) {
	w := newWorld(t)
	target := w.refusing(func(op connection.Operation) bool { return op.Kind == rule.Create && op.After.Has("title") }, 200)
	w.wantStopped(w.untilStopped())
	target.sent()
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	var without []rule.Mapping
	for _, m := range job.Rules.Objects[0].Attributes {
		if m.Target != "title" {
			without = append(without, m)
		}
	}
	job.Rules.Objects[0].Attributes = without
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
	if job := w.untilStopped(); job.State != provision.Active || job.Code != "" {
		t.Errorf("the job is %s: %s", job.State, job.Detail)
	}
	w.untilStopped()
	if n := strings.Count(w.target(), "user "); n != 200 {
		t.Errorf("%d are there", n)
	}
	if n := target.sent(); n != 200 {
		t.Errorf("%d were sent", n)
	}
}
