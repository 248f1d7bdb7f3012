package provision_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// hides is what was read of an application whose lists leave everybody out.
type hides struct{ provision.Mirrors }

func (hides) Find(context.Context, mirror.ID, string, string, ...string) ([]mirror.Found, error) {
	return nil, nil
}

// TestWhoIsNotListedIsAskedFor: in a first cycle nobody is asked for whom the read has shown. Whom it has not shown is asked for only where
// the application would have them twice, and where it will not be asked, once.
func TestWhoIsNotListedIsAskedFor(t *testing.T) {
	first := func(t *testing.T, unique, hidden bool, find func([]string) error) (*world, *scripted) {
		w := newWorld(t)
		w.account("ada")
		w.person("ada")
		w.person("ben")
		w.group("Team", string(w.userID("ada")))
		s := script(w)
		if s.find = find; unique {
			s.is = refusesTwo
		}
		if hidden {
			w.engine.Mirrors = hides{w.db.Mirrors()}
		}
		if unique {
			w.engine.SliceFor = 1 // the first slice ends before all are matched
		}
		w.edit(func(j *provision.Job) { j.Policy.Connections = 1 })
		w.untilDone(w.out)
		return w, s
	}
	t.Run("shown", func(t *testing.T) {
		w, s := first(t, true, false, nil)
		if strings.Contains(strings.Join(s.found, " "), "@") {
			t.Errorf("asked for %q", s.found)
		}
		if l := w.linkOf(w.userID("ada")); l.Matched == "created" || s.creates() != 2 {
			t.Errorf("ada's account is %q, sent %q", l.Matched, s.sent)
		}
	})
	t.Run("hidden", func(t *testing.T) {
		w, s := first(t, false, true, nil)
		if n := strings.Count(strings.Join(s.sent, "\n"), "create ada"); n != 0 {
			t.Errorf("sent %q", s.sent)
		}
		if l := w.linkOf(w.userID("ada")); l.Target != w.targetID("ada@acme.example") || l.Matched == "there already" {
			t.Errorf("%+v", l)
		}
	})
	t.Run("it will not be asked", func(t *testing.T) {
		_, s := first(t, false, true, func([]string) error {
			return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "it takes no filter"}
		})
		if all := strings.Join(s.found, " "); !strings.Contains(all, "@") || strings.Contains(all, "Team") {
			t.Errorf("asked for %q", s.found)
		}
	})
}

// TestManyNewPeopleAreLookedUpInARead: more than a hundred newcomers are not asked for one by one.
func TestManyNewPeopleAreLookedUpInARead(t *testing.T) {
	for n, reads := range map[int]bool{20: false, 130: true} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			w.person("ada")
			w.run(w.out)
			for i := range n {
				w.person(fmt.Sprintf("p%03d", i))
			}
			turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
			w.must(err)
			if turn.Reading != reads {
				t.Errorf("the turn came to %+v", turn)
			}
			w.untilDone(w.out)
			if got := strings.Count(w.target(), "\n"); got != n+1 {
				t.Errorf("%d accounts", got)
			}
		})
	}
}

// TestSearchThatWantsToBeLeftAlone: a search that is told to wait for minutes ends the turn, and not the search alone.
func TestSearchThatWantsToBeLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	w.run(w.out)
	s := script(w)
	s.find = func([]string) error {
		return &connection.Later{After: 10 * time.Minute, Err: &lockstep.Error{Code: lockstep.CodeTargetRateLimited, Detail: "not now"}}
	}
	w.person("ben")
	_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
	w.must(err)
	j := w.job()
	if in := j.NotBefore.Sub(w.engine.Now()); in < 9*time.Minute || j.State != provision.Active || j.Code != lockstep.CodeTargetRateLimited {
		t.Errorf("it goes on in %s, %s %q", in, j.State, j.Code)
	}
	if len(s.found) != 1 {
		t.Errorf("asked %q", s.found)
	}
}

// TestSourceIsReadFirst: a source that was never read is read before anything is planned, whoever begins the cycle; the read that is asked
// for already is waited for. The next one comes when the policy says so, and a cycle that begins for another reason asks for none.
func TestSourceIsReadFirst(t *testing.T) {
	job := func(w *world) provision.Job {
		w.Helper()
		j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
		w.must(err)
		return j
	}
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.engine.Mirrors = seen{Mirrors: w.db.Mirrors(), head: func(h *mirror.Head) { h.Answered = 0; h.Passes = nil }} // it takes its time
	j := job(w)
	j.Policy.Interval = time.Hour
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	for range 3 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.in)
		w.must(err)
		if j = job(w); !turn.Reading || j.Request != 1 || j.Cycle != nil {
			t.Fatalf("the turn came to %+v, and the job waits for read %d", turn, j.Request)
		}
	}
	if in := j.NextRun.Sub(w.engine.Now()); in < 59*time.Minute || in > time.Hour {
		t.Errorf("it is read again in %s", in)
	}
	w.engine.Mirrors = w.db.Mirrors()
	w.awaitRead(w.in)
	w.run(w.in)
	if n := len(w.people()); n != 3 {
		t.Fatalf("%d people", n)
	}
	next := job(w).NextRun
	turn, err := w.engine.Slice(w.ctx, w.tenant, w.in)
	w.must(err)
	if j = job(w); turn.Reading || j.Request != 0 || !j.NextRun.Equal(next) {
		t.Errorf("a cycle that nobody asked for waits for read %d, and the next one is at %s, not %s", j.Request, j.NextRun, next)
	}
}

// TestRunThatIsAskedForAmidACycle: whoever asks for a run while a cycle is under way gets one after it; it goes on.
func TestRunThatIsAskedForAmidACycle(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.due(w.in)
	w.engine.SliceFor = 1
	slice := func() provision.Turn {
		t.Helper()
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.in)
		w.must(err)
		return turn
	}
	turn := slice()
	for turn.Reading {
		w.awaitRead(w.in)
		turn = slice()
	}
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
	w.must(err)
	if j.Cycle == nil {
		t.Fatalf("no cycle is open: %+v", turn)
	}
	j.NextRun = w.engine.Now()
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	if again := slice(); again.Reading || again.Cycle.ID != turn.Cycle.ID {
		t.Errorf("the turn came to %+v, in cycle %s", again, turn.Cycle.ID)
	}
}

// TestIntervalOfAnApplication: the next full look is as far away as the policy says, and there is none without.
func TestIntervalOfAnApplication(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	w.run(w.out)
	if j := w.job(); !j.NextRun.IsZero() {
		t.Errorf("it runs again at %s", j.NextRun)
	}
	w.policy(func(p *provision.Policy) { p.Interval = 2 * time.Hour })
	if in := w.job().NextRun.Sub(w.engine.Now()); in < 119*time.Minute || in > 2*time.Hour {
		t.Errorf("it runs again in %s", in)
	}
}

// TestPreviewAsItIs: before anything was read the target is asked who is there; somebody who is not in the source any more leaves, but not when
// the source withholds something.
func TestPreviewAsItIs(t *testing.T) {
	preview := func(w *world) map[string]rule.Kind {
		w.Helper()
		kinds := map[string]rule.Kind{}
		_, err := w.engine.Preview(w.ctx, w.tenant, w.out, func(a plan.Action) error {
			kinds[a.Source.Name] = a.Kind
			return nil
		})
		w.must(err)
		return kinds
	}
	w := newWorld(t)
	w.account("ada")
	w.person("ada")
	ben := w.person("ben")
	if got := preview(w); got["ada@acme.example"] != rule.Link || got["ben@acme.example"] != rule.Create || len(got) != 2 {
		t.Errorf("before it was read: %v", got)
	}
	w.run(w.out)
	if got := preview(w); len(got) != 0 {
		t.Errorf("in step: %v", got)
	}
	w.engine.Directory = withholding{w.engine.Directory}
	if got := preview(w); len(got) != 0 {
		t.Errorf("of a source that withholds somebody: %v", got)
	}
	script(w)
	w.change(directory.DeleteUser{ID: ben, Purge: true})
	if got := preview(w); got["ben@acme.example"] != rule.Delete || len(got) != 1 {
		t.Errorf("ben is gone: %v", got)
	}
}

// withholding is a directory whose reads leave people out and say that they are not whole.
type withholding struct{ provision.Directory }

func (d withholding) Source(t lockstep.TenantID, app lockstep.AppID, nested, flatten bool) connection.Source {
	return withheld{d.Directory.Source(t, app, nested, flatten)}
}

type withheld struct{ connection.Source }

func (s withheld) Read(ctx context.Context, from connection.Cursor, page func(connection.Page) error) error {
	return s.Source.Read(ctx, from, func(p connection.Page) error {
		p.Objects, p.Whole = nil, false
		return page(p)
	})
}

// TestWhoIsOutOfScopeIsNotAskedFor: the target is asked for those alone who are to be there.
func TestWhoIsOutOfScopeIsNotAskedFor(t *testing.T) {
	w := newWorld(t)
	w.assigned(unguarded())
	w.run(w.out)
	ada, ben, cleo := w.person("ada"), w.person("ben"), w.person("cleo")
	s := script(w)
	w.set(cleo, "active", false)
	w.assign(directory.UserKind, string(ada))
	w.assign(directory.UserKind, string(cleo))
	w.run(w.out)
	if got := strings.Join(s.found, " "); got != "[ada@acme.example]" {
		t.Errorf("asked for %s, and ben is %s", got, ben)
	}
	w.wantTarget("user ada@acme.example\n")
}

// TestTheNextAttributeIsAskedForNobodyElse: whoever cannot be looked for by the first matching attribute is not looked for by the next, by which
// somebody else may be found.
func TestTheNextAttributeIsAskedForNobodyElse(t *testing.T) {
	w := newWorld(t)
	s := script(w)
	s.is = func(sys *connection.System) {
		sys.FindBy = map[string][]string{"User": {"userName", "displayName"}, "Group": {"displayName"}}
	}
	w.edit(func(j *provision.Job) { j.Rules.Objects[0].Attributes[3].Match = 2 }) // displayName
	w.run(w.out)
	other := w.account("someone")
	ada := w.person("ada")
	s.find = func(values []string) error {
		if strings.Contains(values[0], "@") {
			return &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: "not by this"}
		}
		return nil
	}
	s.shows = func(typ string, _ []string) []connection.Object {
		return []connection.Object{{Ref: connection.Ref{Type: typ, ID: other}, Name: "someone", Values: scimUser("ada")}}
	}
	for range 3 {
		w.run(w.out)
	}
	if l := w.linkOf(ada); l.Target != "" || s.creates() != 0 || l.Code == "" {
		t.Errorf("%+v, sent %q", l, s.sent)
	}
}
