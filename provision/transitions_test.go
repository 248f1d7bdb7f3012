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
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// scripted stands between the engine and the organisation and may answer in its place.
type scripted struct {
	*world
	connection.Target
	mu    sync.Mutex
	apply func(connection.Operation) *connection.Result // instead of the call; nil lets it through
	lost  func(connection.Operation) bool               // the call is made and its answer lost
	find  func(values []string) error
	shows func(typ string, values []string) []connection.Object // instead of what a search finds
	is    func(*connection.System)                              // what else the engine is told of the target
	sent  []string
	calls []connection.Operation
	found []string
}

func script(w *world) *scripted {
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	s := &scripted{world: w, Target: target}
	e := w.engine
	w.engine = &provision.Engine{Store: w.db.Provision(), Directory: &hub.Connector{Store: w.db}, Connect: between{w, s}, Mirrors: w.db.Mirrors(), Now: e.Now, Log: e.Log}
	return s
}

// between connects the engine with what stands in between.
type between struct {
	*world
	s *scripted
}

func (b between) Target(context.Context, provision.Job) (connection.Target, error) { return b.s, nil }

func (s *scripted) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	results := make([]connection.Result, len(ops))
	for i, op := range ops {
		s.sent = append(s.sent, string(op.Kind)+" "+op.Name)
		s.mu.Lock()
		s.calls = append(s.calls, op)
		s.mu.Unlock()
		if s.apply != nil {
			if r := s.apply(op); r != nil {
				results[i] = *r
				continue
			}
		}
		results[i] = s.Target.Apply(ctx, ops[i:i+1])[0]
		if s.lost != nil && s.lost(op) {
			results[i] = connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}, MaybeSent: true}
		}
	}
	return results
}

func (s *scripted) Find(ctx context.Context, typ, attribute string, values ...string) ([]connection.Object, error) {
	s.found = append(s.found, fmt.Sprint(values))
	if s.find != nil {
		if err := s.find(values); err != nil {
			return nil, err
		}
	}
	if s.shows != nil {
		return s.shows(typ, values), nil
	}
	return s.Target.Find(ctx, typ, attribute, values...)
}

func (s *scripted) Describe(ctx context.Context) (connection.System, error) {
	sys, err := s.Target.Describe(ctx)
	sys.Unique = nil // names need not be unique, as far as the engine knows
	sys.Lag = time.Minute
	if s.is != nil {
		s.is(&sys)
	}
	return sys, err
}

// TestLostAnswerIsNotRepeated is for an open row that was written back from memory, without the time at which it was opened: ten
// milliseconds after a lost answer a first attempt counted as certain to be visible, and the create was sent again.
func TestLostAnswerIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	s := script(w)
	hidden := true
	s.lost = func(op connection.Operation) bool { return hidden && op.Kind == rule.Create }
	s.find = func([]string) error {
		if hidden {
			return &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}
		}
		return nil
	}
	for range 5 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
			continue
		}
		w.ahead += 5 * time.Second
	}
	hidden = false
	w.ahead += 2 * time.Second
	w.untilDone(w.out)
	if n := strings.Count(strings.Join(s.sent, "\n"), "create "); n != 1 {
		t.Errorf("sent %q", s.sent)
	}
	w.wantTarget("user ada@acme.example\n")
}

// TestPauseEndsTheTurn: a target that asks to be left alone for minutes costs no worker those minutes.
func TestPauseEndsTheTurn(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	s := script(w)
	calm := false
	s.apply = func(connection.Operation) *connection.Result {
		if calm {
			return nil
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRateLimited}, RetryAfter: 10 * time.Minute, Requests: 1}
	}
	if turn, err := w.engine.Slice(w.ctx, w.tenant, w.out); err != nil || !turn.Reading {
		t.Fatalf("%+v, %v", turn, err)
	}
	w.awaitRead(w.out)
	began := time.Now()
	_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
	w.must(err)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the turn took %v", took)
	}
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	if wait := j.NotBefore.Sub(w.engine.Now()); wait < 9*time.Minute || wait > 10*time.Minute || j.State != provision.Active || j.Code != lockstep.CodeTargetRateLimited {
		t.Errorf("waits %v in state %s, %s %s", wait, j.State, j.Code, j.Detail)
	}
}

// TestRefusedIsTriedAgain: what the target refused is sent again when somebody asks for a run, not only hours later.
func TestRefusedIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	s := script(w)
	refuse := true
	s.apply = func(connection.Operation) *connection.Result {
		if refuse {
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: "no"}, Requests: 1}
		}
		return nil
	}
	w.run(w.out)
	refuse = false
	w.run(w.out)
	if got := strings.TrimSpace(w.target()); got != "" {
		t.Errorf("the organisation has %s", got)
	}
	w.edit(func(j *provision.Job) { j.NextRun = w.engine.Now() })
	w.run(w.out)
	w.wantTarget("user ada@acme.example\n")
	if l := w.linkOf(w.userID("ada")); l.Code != "" || l.Detail != "" || l.Attempts != 0 {
		t.Errorf("the link still says %q %q after %d attempts", l.Code, l.Detail, l.Attempts)
	}
}

// TestDiscardKeepsWhatWasDue: a plan that nobody accepts has answered nothing.
func TestDiscardKeepsWhatWasDue(t *testing.T) {
	for _, mode := range []string{"manual again", "automatic then"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			ada := w.person("ada")
			w.run(w.out)
			s := script(w)
			w.deleteAtTarget(w.targetID("ada@acme.example"))
			w.change(directory.PutUser{User: directory.User{ID: ada, Version: 1, Attributes: scim.Object{
				{Name: "userName", Value: "ada@acme.example"}, {Name: "title", Value: "Engineer"}, {Name: "active", Value: true},
			}}}) // its update finds that the account is gone: the person is due to be created again
			w.run(w.out)
			w.edit(func(j *provision.Job) { j.Manual = true })
			for range 2 {
				w.edit(func(j *provision.Job) { j.NextRun = w.engine.Now() })
				c := w.run(w.out)
				if c.Phase != provision.Review || c.Counts.Planned != 1 {
					t.Fatalf("%s %+v, sent %q", c.Phase, c.Counts, s.sent)
				}
				w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Discard: true}))
			}
			if mode == "automatic then" {
				w.edit(func(j *provision.Job) { j.Manual = false })
			} else {
				w.edit(func(j *provision.Job) { j.NextRun = w.engine.Now() })
				c := w.run(w.out)
				w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Apply: true}))
			}
			w.untilDone(w.out)
			w.wantTarget("user ada@acme.example title=Engineer\n")
		})
	}
}

// TestSearchRefused: a target that takes one value a search, or none, stops nobody; who leaves goes first.
func TestSearchRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		most int
	}{{"one value a search", 1}, {"no search at all", 0}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			leaver := w.person("leaver")
			w.run(w.out)
			s := script(w)
			s.find = func(values []string) error {
				if len(values) > c.most {
					return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "filter refused"}
				}
				return nil
			}
			w.change(directory.DeleteUser{ID: leaver})
			w.person("ADA")
			w.person("ben")
			w.run(w.out)
			w.wantTarget("user ADA@acme.example\nuser ben@acme.example\nuser leaver@acme.example inactive\n")
			if all := strings.Join(s.found, " "); strings.Contains(all, "ada@") {
				t.Errorf("asked with a folded value: %s", all)
			}
			s.found = nil
			for _, name := range []string{"cleo", "dan", "eva"} {
				w.person(name)
			}
			w.run(w.out)
			for _, asked := range s.found {
				if strings.Contains(asked, " ") && c.most == 1 { // which is known by now
					t.Errorf("asked for %s at once", asked)
				}
			}
		})
	}
}
