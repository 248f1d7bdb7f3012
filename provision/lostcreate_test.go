package provision_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/webexorg"
)

// turns works on the outbound job for a while, as the queue would: a slice every few seconds.
func (w *world) turns(long time.Duration) {
	w.Helper()
	for end := w.ahead + long; w.ahead < end; w.ahead += 5 * time.Second {
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
		}
	}
}

// creates is how many creates the target was sent.
func (s *scripted) creates() int { return strings.Count(strings.Join(s.sent, "\n"), "create ") }

// losing is a world with one person, whose create is sent once and whose answer is lost. The target keeps nothing unique and shows what it
// has made a minute later at the latest.
func losing(t *testing.T, done bool) (*world, *scripted, lockstep.UserID) {
	w := newWorld(t)
	ada := w.person("ada")
	s := script(w)
	first := func(op connection.Operation) bool { return op.Kind == rule.Create && s.creates() == 1 }
	if done {
		s.lost = first
	} else {
		s.apply = func(op connection.Operation) *connection.Result {
			if !first(op) {
				return nil
			}
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}, MaybeSent: true}
		}
	}
	return w, s, ada
}

// TestLostCreateIsLookedFor: somebody whose create may have been done is created again only when they would be listed by now, and is
// left open until then.
func TestLostCreateIsLookedFor(t *testing.T) {
	open := func(w *world, ada lockstep.UserID) {
		w.Helper()
		if rows := w.rows(ada); len(rows) != 1 || rows[0].State != plan.Open {
			w.Errorf("the row is %+v", rows)
		}
	}
	nobody := func(string, []string) []connection.Object { return nil }
	t.Run("listed late", func(t *testing.T) {
		w, s, ada := losing(t, true)
		s.shows = nobody
		w.turns(50 * time.Second)
		open(w, ada)
		if in := w.job().NotBefore.Sub(w.engine.Now()); in > 2*time.Second || in < -10*time.Second {
			t.Errorf("it is looked for again in %s", in)
		}
		s.shows = nil
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		if n := s.creates(); n != 1 {
			t.Errorf("sent %q", s.sent)
		}
		if l := w.linkOf(ada); l.Matched != "found after a lost answer" {
			t.Errorf("it came about as %q", l.Matched)
		}
	})
	t.Run("never done", func(t *testing.T) {
		w, s, ada := losing(t, false)
		w.turns(50 * time.Second)
		open(w, ada)
		if n := s.creates(); n != 1 {
			t.Errorf("within the minute %d were sent", n)
		}
		w.turns(20 * time.Second)
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		if n := s.creates(); n != 2 {
			t.Errorf("sent %q", s.sent)
		}
		if l := w.linkOf(ada); l.Matched != "created" {
			t.Errorf("it came about as %q", l.Matched)
		}
	})
	t.Run("its process ended", func(t *testing.T) { // when the call ended nobody knows
		w, s, ada := losing(t, false)
		dying := &dies{Store: w.db.Provision()}
		w.engine.Store = dying
		lost := s.apply
		s.apply = func(op connection.Operation) *connection.Result {
			r := lost(op)
			dying.dead = dying.dead || r != nil
			return r
		}
		for !dying.dead {
			turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
			if turn.Reading {
				w.awaitRead(w.out)
			} else if err == nil && !turn.More {
				t.Fatal("nothing was sent")
			}
		}
		dying.dead = false
		w.must(w.db.Provision().Start(w.ctx)) // as the next process does
		w.turns(90 * time.Second)
		open(w, ada)
		if n := s.creates(); n != 1 {
			t.Errorf("sent %q while the call may have been under way a minute ago", s.sent)
		}
		w.turns(30 * time.Second)
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		if n := s.creates(); n != 2 {
			t.Errorf("sent %q", s.sent)
		}
	})
	t.Run("another's account has the name", func(t *testing.T) {
		w, s, ada := losing(t, false)
		boss := w.person("boss")
		s.shows = func(typ string, values []string) []connection.Object {
			if !strings.Contains(values[0], "ada") || s.creates() == 0 {
				return nil
			}
			return []connection.Object{{Ref: connection.Ref{Type: typ, ID: w.linkOf(boss).Target}, Name: "ada@acme.example", Values: scimUser("ada@acme.example")}}
		}
		s.apply = once("ada@acme.example")
		w.turns(50 * time.Second)
		open(w, ada)
		if n := strings.Count(strings.Join(s.sent, "\n"), "create ada@"); n != 1 {
			t.Errorf("within the minute %d were sent", n)
		}
		w.turns(20 * time.Second)
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\nuser boss@acme.example\n")
		w.distinct()
	})
	t.Run("two are lost, and one account is there", func(t *testing.T) {
		w := newWorld(t)
		ada, ben := w.person("ada"), w.person("ben")
		s := script(w)
		s.apply = func(op connection.Operation) *connection.Result {
			if op.Kind != rule.Create {
				return nil
			}
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}, MaybeSent: true}
		}
		id := w.account("someone")
		s.shows = func(typ string, values []string) []connection.Object {
			if s.creates() < 2 {
				return nil
			}
			var all []connection.Object
			for _, v := range values {
				all = append(all, connection.Object{Ref: connection.Ref{Type: typ, ID: id}, Name: v, Values: scimUser(v)})
			}
			return all
		}
		w.turns(30 * time.Second)
		w.distinct()
		if a, b := w.linkOf(ada).Target, w.linkOf(ben).Target; (a == "") == (b == "") {
			t.Errorf("ada is linked to %q, ben to %q", a, b)
		}
	})
	t.Run("too late to be sent again", func(t *testing.T) {
		w, s, ada := losing(t, false)
		w.turns(50 * time.Second)
		w.ahead += 20 * time.Second
		s.find = func([]string) error {
			w.ahead += 20 * time.Second // by then the turn may send no more
			return nil
		}
		_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		open(w, ada)
		s.find = nil
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		if n := s.creates(); n != 2 {
			t.Errorf("sent %q", s.sent)
		}
	})
	t.Run("more than one is there", func(t *testing.T) {
		w, s, ada := losing(t, true)
		s.shows = func(typ string, values []string) []connection.Object {
			found, err := s.Target.Find(w.ctx, typ, "userName", values...)
			w.must(err)
			for _, o := range found {
				o.ID += "-2"
				found = append(found, o)
			}
			return found
		}
		w.turns(2 * time.Minute)
		if rows := w.rows(ada); rows[0].State != plan.Refused || rows[0].Code != lockstep.CodeMatchAmbiguous || s.creates() != 1 {
			t.Errorf("sent %q, and the row is %+v", s.sent, rows[0])
		}
	})
}

// once loses the first create of one name, which is not done.
func once(name string) func(connection.Operation) *connection.Result {
	first := true
	return func(op connection.Operation) *connection.Result {
		if op.Name != name || op.Kind != rule.Create || !first {
			return nil
		}
		first = false
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}, MaybeSent: true}
	}
}

// dies is a store that keeps nothing any more from some moment on.
type dies struct {
	provision.Store
	dead bool
}

func (d *dies) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	if d.dead {
		return errKilled
	}
	return d.Store.Commit(ctx, t, job, epoch, b)
}

// TestLostCreateIsLookedForInARead: a target that cannot be searched is read. What one read does not show may have slipped between two
// pages, so another one has to miss it; a target that cannot be read either is left alone.
func TestLostCreateIsLookedForInARead(t *testing.T) {
	unsearchable := func(s *scripted) {
		s.find = func([]string) error {
			return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "it takes no filter"}
		}
	}
	lists := func(w *world) (n int) {
		for asked := range strings.SplitSeq(w.requests(), ", ") {
			if count, of, _ := strings.Cut(asked, "× "); of == "GET /Users 200" {
				n, _ = strconv.Atoi(count)
			}
		}
		return n
	}
	t.Run("it is shown", func(t *testing.T) {
		w, s, ada := losing(t, true)
		unsearchable(s)
		w.turns(50 * time.Second)
		if w.requests(); w.job().Request != 0 {
			t.Error("a read that need not show it was asked for")
		}
		for w.ahead += 20 * time.Second; ; w.ahead += time.Second {
			turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
			w.must(err)
			if j := w.job(); j.Request != 0 {
				if in := j.NotBefore.Sub(w.engine.Now()); !turn.Reading || in < 10*time.Second {
					t.Errorf("it waits for a read, and goes on in %s: %+v", in, turn)
				}
				break
			}
		}
		w.awaitRead(w.out)
		w.turns(30 * time.Second)
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		if l := w.linkOf(ada); s.creates() != 1 || l.Matched != "found after a lost answer" || w.job().Request != 0 {
			t.Errorf("sent %q, linked as %q, the job waits for read %d", s.sent, l.Matched, w.job().Request)
		}
	})
	t.Run("it is not shown", func(t *testing.T) {
		w, s, _ := losing(t, false)
		unsearchable(s)
		w.turns(50 * time.Second)
		w.requests()
		for range 100 {
			if w.turns(5 * time.Second); s.creates() > 1 {
				break
			}
		}
		if n := lists(w); n != 2 {
			t.Errorf("created again after %d reads", n)
		}
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
	})
	for name, late := range map[string]func(*mirror.Pass){
		"the next read is under way":      func(p *mirror.Pass) { p.Stage, p.Asked = mirror.Reading, p.Asked.Add(time.Hour) },
		"the read was asked for too soon": func(p *mirror.Pass) { p.Asked = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			w, s, ada := losing(t, false)
			unsearchable(s)
			w.turns(50 * time.Second)
			w.engine.Mirrors = seen{Mirrors: w.db.Mirrors(), head: func(h *mirror.Head) {
				for i := range h.Passes {
					late(&h.Passes[i])
				}
			}}
			w.turns(2 * time.Minute)
			if row := w.rows(ada)[0]; row.State != plan.Open || s.creates() != 1 {
				t.Errorf("sent %q, and the row is %+v", s.sent, row)
			}
			w.engine.Mirrors = w.db.Mirrors()
			w.untilDone(w.out)
			w.wantTarget("user ada@acme.example\n")
		})
	}
	t.Run("it cannot be read", func(t *testing.T) {
		w, s, ada := losing(t, true)
		unsearchable(s)
		w.turns(50 * time.Second)
		open := w.rows(ada)[0]
		if open.State != plan.Open {
			t.Fatalf("the row is %+v", open)
		}
		w.must(w.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{{Kind: webexorg.Fault500, Method: "GET", Times: 1 << 20}}}))
		for range 1200 { // turn by turn: a later one may ask for the next read
			if w.turns(5 * time.Second); w.rows(ada)[0].State != plan.Open {
				break
			}
		}
		if row := w.rows(ada)[0]; row.State != plan.Failed || row.Code != lockstep.CodeTargetNotListed {
			t.Errorf("the row is %+v", row)
		}
		w.must(w.org.SetKnobs(webexorg.Knobs{}))
		w.ahead += time.Hour
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\n")
		if s.creates() != 1 {
			t.Errorf("sent %q", s.sent)
		}
	})
}
