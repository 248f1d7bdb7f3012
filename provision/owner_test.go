package provision_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// repeater is a target that creates everybody and answers each create with the id that it answered the first one with.
type repeater struct {
	connection.Target
	mu    sync.Mutex
	first string
	times int // answers that are wrong, still
}

func (r *repeater) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	results := r.Target.Apply(ctx, ops)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, op := range ops {
		switch {
		case op.Kind != rule.Create || results[i].Err != nil:
		case r.first == "":
			r.first = results[i].ID
		case r.times > 0:
			r.times--
			results[i].ID = r.first
		}
	}
	return results
}

// repeating makes the organisation answer so many creates with the id of an earlier one.
func (w *world) repeating(times int) {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	w.engine.Connect = connect{world: w, target: &repeater{Target: target, times: times}}
}

// rows returns the rows of the outbound job about one person, the oldest first.
func (w *world) rows(id lockstep.UserID) []plan.Action {
	w.Helper()
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Source: connection.Ref{Type: "User", ID: string(id)}, Newest: true})
	w.must(err)
	slices.Reverse(rows)
	return rows
}

// TestOneAccountForTwo is for a target that answered two creates with one id: both were linked to it, and when one of them left the
// other was disabled.
func TestOneAccountForTwo(t *testing.T) {
	for _, test := range []struct {
		name  string
		apart bool // the second is created by a later cycle
	}{{"in one cycle", false}, {"in two cycles", true}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.edit(func(j *provision.Job) { j.Policy.Guard = unguarded().Guard })
			w.repeating(1)
			ada := w.person("ada")
			if test.apart {
				w.run(w.out)
			}
			ben := w.person("ben")
			w.run(w.out)
			owner, other := ada, ben // in one cycle either may have been first
			if rows := w.rows(ada); rows[0].State != plan.Done {
				owner, other = ben, ada
			}
			if test.apart && owner != ada {
				t.Fatal("ada is linked, and was taken away by ben")
			}
			name := map[lockstep.UserID]string{ada: "ada", ben: "ben"}
			refused := w.rows(other)[0]
			// an answer that shows whose the object is contradicts itself, and is looked into again; one that does not, is refused
			looks := refused.State == plan.Open && refused.Code == lockstep.CodeTargetContradicts
			if !looks && (refused.State != plan.Failed || refused.Code != lockstep.CodeMatchTaken) || !strings.Contains(refused.Detail, name[owner]) || refused.Target.ID != "" {
				t.Errorf("%s is %s [%s] %s, with the object %q", name[other], refused.State, refused.Code, refused.Detail, refused.Target.ID)
			}
			w.distinct()
			w.ahead += time.Minute
			w.untilDone(w.out)
			w.distinct()
			w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
			w.change(directory.DeleteUser{ID: other})
			w.untilDone(w.out)
			if got, want := w.target(), "user "+name[other]+"@acme.example inactive\n"; !strings.Contains(got, want) || strings.Count(got, "inactive") != 1 {
				t.Errorf("%s has left, and the organisation has\n%s", name[other], got)
			}
			w.consistent()
		})
	}
}

// crowd is a target and a store by which what two calls have come to is settled together: the calls wait until the outcome of an
// earlier one is being committed, and that commit waits for them.
type crowd struct {
	provision.Store
	*repeater
	settling chan struct{} // closed when zed is
	answered chan struct{} // one for each of the others
	once     sync.Once
}

func (c *crowd) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	if ops[0].Name == "zed@acme.example" {
		return c.Target.Apply(ctx, ops)
	}
	select {
	case <-c.settling:
	case <-time.After(time.Second): // zed waits for one of these to be sent
	}
	results := c.repeater.Apply(ctx, ops)
	c.answered <- struct{}{}
	return results
}

func (c *crowd) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	if len(b.Moved) > 0 {
		c.once.Do(func() {
			close(c.settling)
			for range cap(c.answered) {
				select {
				case <-c.answered:
				case <-time.After(time.Second):
				}
			}
			time.Sleep(20 * time.Millisecond) // by then their workers have handed them on
		})
	}
	return c.Store.Commit(ctx, t, job, epoch, b)
}

// TestOneAccountForTwoAtOnce: two answers with one id that are settled in one commit.
func TestOneAccountForTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	c := &crowd{Store: w.db.Provision(), repeater: &repeater{Target: target, times: 1}, settling: make(chan struct{}), answered: make(chan struct{}, 2)}
	w.restart(c)
	w.engine.Connect = connect{world: w, target: c}
	for _, name := range []string{"zed", "ada", "ben"} {
		w.person(name)
	}
	w.run(w.out)
	w.distinct()
	if tally, err := w.db.Provision().Tally(w.ctx, w.tenant, w.out, ""); err != nil || tally.Linked["User"] != 2 {
		t.Errorf("%d are linked, %v", tally.Linked["User"], err)
	}
}

// distinct checks that no object of the organisation is linked to two people.
func (w *world) distinct() {
	w.Helper()
	links, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User"})
	w.must(err)
	owner := map[string]string{}
	for _, l := range links {
		if o := owner[l.Target]; l.Target != "" && o != "" {
			w.Errorf("%s and %s are both linked to %s", o, l.Name, l.Target)
		}
		owner[l.Target] = l.Name
	}
}

// TestManagerWithSomebodyElsesAccount: an id that is another's is nobody's manager. Whoever waits for the manager's create does not
// take it, their row says that the reference waits, and it is written when the manager has an account of their own.
func TestManagerWithSomebodyElsesAccount(t *testing.T) {
	w := newWorld(t)
	w.repeating(1)
	w.person("ada")
	w.run(w.out)
	boss := w.person("boss")
	cleo := w.person("cleo")
	w.manager(cleo, boss)
	w.run(w.out)
	w.wantTarget("user ada@acme.example\nuser boss@acme.example\nuser cleo@acme.example\n")
	if row := w.rows(cleo)[0]; row.State != plan.Done || !strings.HasPrefix(row.Detail, "1 of 1 references wait") {
		t.Errorf("cleo's row is %s, %q", row.State, row.Detail)
	}
	w.ahead += time.Minute
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example\nuser boss@acme.example\nuser cleo@acme.example manager=boss@acme.example\n")
	w.consistent()
}

// TestManagerRefusedAtTheTarget: the row of somebody whose manager's create was refused says that the reference waits; it is written when the
// target takes the manager.
func TestManagerRefusedAtTheTarget(t *testing.T) {
	w := newWorld(t)
	s := script(w)
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Name != "boss@acme.example" {
			return nil
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: "no"}}
	}
	boss := w.person("boss")
	cleo := w.person("cleo")
	w.manager(cleo, boss)
	w.run(w.out)
	w.wantTarget("user cleo@acme.example\n")
	if row := w.rows(cleo)[0]; row.State != plan.Done || !strings.HasPrefix(row.Detail, "1 of 1 references wait") {
		t.Errorf("cleo's row is %s, %q", row.State, row.Detail)
	}
	s.apply = nil
	w.ahead += 7 * time.Hour
	w.untilDone(w.out)
	w.wantTarget("user boss@acme.example\nuser cleo@acme.example manager=boss@acme.example\n")
	w.consistent()
}
