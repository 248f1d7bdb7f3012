package provision_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// account makes an account at the organisation, as somebody else would.
func (w *world) account(name string, attributes ...scim.Attr) string {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	values := append(scim.Object{{Name: "userName", Value: name + "@acme.example"}, {Name: "displayName", Value: name}, {Name: "active", Value: true}}, attributes...)
	res := target.Apply(w.ctx, []connection.Operation{{Kind: rule.Create, Ref: connection.Ref{Type: "User"}, After: values}})
	w.must(res[0].Err)
	return res[0].ID
}

// refusesTwo makes the engine know that the target keeps user names unique.
func refusesTwo(sys *connection.System) { sys.Unique = map[string][]string{"User": {"userName"}} }

// TestSomebodyElseCreatesThem: an account that turns up between the plan and the create is taken over, with all that is to be there.
func TestSomebodyElseCreatesThem(t *testing.T) {
	type place struct {
		*world
		*scripted
		ada, boss lockstep.UserID
	}
	// meanwhile has somebody else do something just before ada's create.
	meanwhile := func(t *testing.T, do func(place)) place {
		w := newWorld(t)
		p := place{world: w, boss: w.person("boss")}
		p.ada = w.person("ada")
		w.set(p.ada, "displayName", "ada")
		w.run(w.out)
		w.deleteAtTarget(w.targetID("ada@acme.example"))
		w.set(p.ada, "title", "Analyst") // their account is found to be gone, and they are due
		w.run(w.out)
		w.manager(p.ada, p.boss)
		p.scripted = script(w)
		p.is = refusesTwo
		did := false
		p.scripted.apply = func(op connection.Operation) *connection.Result {
			if op.Kind == rule.Create && !did {
				did = true
				do(p)
			}
			return nil
		}
		w.ahead += time.Minute
		w.untilDone(w.out)
		return p
	}
	const want = "user ada@acme.example title=Analyst manager=boss@acme.example\nuser boss@acme.example\n"
	t.Run("as they are to be", func(t *testing.T) {
		p := meanwhile(t, func(p place) { p.account("ada", scim.Attr{Name: "title", Value: "Analyst"}) })
		p.wantTarget(want)
		if l := p.linkOf(p.ada); l.Matched != "there already" {
			t.Errorf("the account came about as %q", l.Matched)
		}
		p.consistent()
	})
	t.Run("with other values", func(t *testing.T) {
		p := meanwhile(t, func(p place) { p.account("ada", scim.Attr{Name: "title", Value: "Clerk"}) })
		p.wantTarget(want)
		if l := p.linkOf(p.ada); l.Matched != "there already" || l.Target != p.targetID("ada@acme.example") {
			t.Errorf("%+v", l)
		}
		p.consistent()
	})
	t.Run("the answer to the update names nobody", func(t *testing.T) {
		p := meanwhile(t, func(p place) {
			p.account("ada", scim.Attr{Name: "title", Value: "Clerk"})
			p.scripted.apply = func(op connection.Operation) *connection.Result {
				if op.Kind != rule.Update {
					return nil
				}
				res := p.scripted.Target.Apply(p.ctx, []connection.Operation{op})[0]
				return &connection.Result{Err: res.Err, Requests: 1}
			}
		})
		p.wantTarget(want)
		if l := p.linkOf(p.ada); l.Target != p.targetID("ada@acme.example") {
			t.Errorf("%+v", l)
		}
	})
	t.Run("and it is the account of another", func(t *testing.T) {
		var theirs string
		p := meanwhile(t, func(p place) {
			theirs = p.targetID("boss@acme.example")
			p.patchByHand("boss@acme.example", "userName", `"ada@acme.example"`)
		})
		told := func(row plan.Action) bool {
			return row.State == plan.Failed && row.Code == lockstep.CodeMatchTaken && strings.Contains(row.Detail, "boss@acme.example")
		}
		if rows := p.rows(p.ada); !slices.ContainsFunc(rows, told) {
			t.Errorf("the rows are %+v", rows)
		}
		if boss, ada := p.linkOf(p.boss), p.linkOf(p.ada); boss.Target != theirs || ada.Target != "" {
			t.Errorf("boss is linked to %q, ada to %q", boss.Target, ada.Target)
		}
		p.wantTarget("user ada@acme.example\n") // and no title of ada's
	})
}

// TestTwoAreToldOfOneAccount: the target says that two people exist, and shows the same account for both. One of them has it.
func TestTwoAreToldOfOneAccount(t *testing.T) {
	w := newWorld(t)
	ada, ben := w.person("ada"), w.person("ben")
	id := w.account("someone")
	s := script(w)
	s.is = refusesTwo
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind != rule.Create {
			return nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shows = func(string, []string) []connection.Object {
			return []connection.Object{{Ref: connection.Ref{Type: "User", ID: id}, Name: "someone@acme.example", Values: op.After}}
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: "it is taken"}, Requests: 1}
	}
	w.edit(func(j *provision.Job) { j.Policy.Connections = 1 })
	w.run(w.out)
	linked := 0
	for _, of := range []lockstep.UserID{ada, ben} {
		switch row := w.rows(of)[0]; row.State {
		case plan.Done, plan.Skipped:
			linked++
		default:
			if row.Code != lockstep.CodeMatchTaken || row.State != plan.Failed {
				t.Errorf("the row is %+v", row)
			}
		}
	}
	if w.distinct(); linked != 1 {
		t.Errorf("%d have the account", linked)
	}
}

// TestHowAnAccountCameAbout: the link says whether the account was created, or found after an answer was lost.
func TestHowAnAccountCameAbout(t *testing.T) {
	w := newWorld(t)
	ada, ben := w.person("ada"), w.person("ben")
	s := script(w)
	s.is = refusesTwo // so that a create may be sent again at once
	s.lost = func(op connection.Operation) bool {
		return op.Name == "ben@acme.example" && op.Kind == rule.Create && strings.Count(strings.Join(s.sent, "\n"), "create ben@") == 1
	}
	w.run(w.out)
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
	if a, b := w.linkOf(ada).Matched, w.linkOf(ben).Matched; a != "created" || b != "found after a lost answer" {
		t.Errorf("ada: %q, ben: %q", a, b)
	}
}

// TestConflictOverNobody: a target that says that somebody exists and shows nobody is asked for a while; then the row says so, and they
// are tried again before long, since the name may be about to be given up.
func TestConflictOverNobody(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	s := script(w)
	s.is = refusesTwo
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind != rule.Create {
			return nil
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: "it is taken"}, Requests: 1}
	}
	s.find = func([]string) error {
		return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "it takes no filter"}
	}
	for range 60 {
		w.turns(15 * time.Second)
		if rows := w.rows(ada); len(rows) > 0 && rows[0].State != plan.Open && rows[0].State != plan.Planned {
			break
		}
	}
	row := w.rows(ada)[0]
	if row.State != plan.Refused || row.Code != lockstep.CodeTargetConflict || !strings.Contains(row.Detail, "does not list it") {
		t.Errorf("the row is %+v", row)
	}
	if s.creates() > 5 {
		t.Errorf("sent %d times", s.creates())
	}
}

// TestTwoAreThere: a target that refuses a create since the name is taken, and shows two accounts with it, leaves nobody with either.
func TestTwoAreThere(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	s := script(w)
	s.is = refusesTwo
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind != rule.Create {
			return nil
		}
		s.shows = func(typ string, _ []string) []connection.Object {
			return []connection.Object{
				{Ref: connection.Ref{Type: typ, ID: "1"}, Name: op.Name, Values: op.After}, {Ref: connection.Ref{Type: typ, ID: "2"}, Name: op.Name, Values: op.After},
			}
		}
		return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: "it is taken"}, Requests: 1}
	}
	w.run(w.out)
	if row := w.rows(ada)[0]; row.State != plan.Refused || row.Code != lockstep.CodeMatchAmbiguous || w.linkOf(ada).Target != "" {
		t.Errorf("the row is %+v, linked to %q", row, w.linkOf(ada).Target)
	}
}

// TestAnswersThatNameNobody: updates of two accounts are done although the answers do not say whose they are.
func TestAnswersThatNameNobody(t *testing.T) {
	w := newWorld(t)
	ada, ben := w.person("ada"), w.person("ben")
	w.run(w.out)
	before := map[lockstep.UserID]string{ada: w.linkOf(ada).Target, ben: w.linkOf(ben).Target}
	s := script(w)
	s.apply = func(op connection.Operation) *connection.Result {
		return &connection.Result{Err: s.Target.Apply(w.ctx, []connection.Operation{op})[0].Err, Version: "of " + op.Name, Requests: 1}
	}
	for id := range before {
		w.set(id, "title", "Analyst")
	}
	w.run(w.out)
	for id, target := range before {
		rows := w.rows(id)
		if row := rows[len(rows)-1]; row.State != plan.Done || row.Target.ID != target || w.linkOf(id).Target != target {
			t.Errorf("the row is %+v, the link %+v, and was to %s", row, w.linkOf(id), target)
		}
	}
	s.calls = nil // what a target says of the version is told it with the next write
	w.set(ada, "title", "Boss")
	w.run(w.out)
	if len(s.calls) != 1 || s.calls[0].Version != "of ada@acme.example" {
		t.Errorf("sent %+v", s.calls)
	}
}

// TestWhatIsToldToATargetThatReplaces: of an account that was found after an answer was lost it is said that we have made it and with what;
// of one that was there already, which attributes are ours. What is written in pieces is told as it grows.
func TestWhatIsToldToATargetThatReplaces(t *testing.T) {
	replaces := func(sys *connection.System) {
		refusesTwo(sys)
		sys.Replaces, sys.MaxMembers = true, 2
	}
	t.Run("an account", func(t *testing.T) {
		w := newWorld(t)
		w.person("ada")
		w.person("ben")
		w.run(w.out)
		for _, name := range []string{"ada", "ben"} {
			w.deleteAtTarget(w.targetID(name + "@acme.example"))
			w.set(w.userID(name), "title", "Analyst")
		}
		w.run(w.out)
		s := script(w)
		s.is = replaces
		made := map[string]bool{}
		s.apply = func(op connection.Operation) *connection.Result {
			if op.Kind != rule.Create {
				return nil
			}
			name, _, _ := strings.Cut(op.Name, "@")
			if !made[name] {
				made[name] = true
				w.account(name)
			}
			if name == "ada" {
				return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout, Detail: "no answer"}, MaybeSent: true}
			}
			return &connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: "it is taken"}, Requests: 1}
		}
		w.edit(func(j *provision.Job) { j.Policy.Connections = 1 })
		w.ahead += time.Minute
		w.turns(10 * time.Second)
		s.apply = nil
		w.untilDone(w.out)
		told := map[string]connection.Operation{}
		for _, op := range s.calls {
			if op.Kind == rule.Update {
				told[op.Name] = op
			}
		}
		if a := told["ada@acme.example"].Written; a == nil || !a.Made || a.Values.Text("title") != "Analyst" {
			t.Errorf("of ada: %+v", a)
		}
		if b := told["ben@acme.example"].Written; b == nil || b.Made || len(b.Values) > 0 || !slices.Contains(b.Paths, "title") {
			t.Errorf("of ben: %+v", b)
		}
	})
	t.Run("a group", func(t *testing.T) {
		w := newWorld(t)
		var people []string
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			people = append(people, string(w.person(name)))
		}
		team := w.group("Team", people[:1]...)
		w.run(w.out)
		s := script(w)
		s.is = replaces
		w.join(team, directory.UserKind, people[1:]...)
		w.run(w.out)
		for i, op := range s.calls {
			if n := len(op.Written.References); op.Kind != rule.Refer || n != 1+2*i {
				t.Errorf("call %d, %s, was told of %d members", i, op.Kind, n)
			}
		}
		if len(s.calls) != 3 {
			t.Errorf("%d calls", len(s.calls))
		}
		w.wantMembers(team, 6)
	})
}
