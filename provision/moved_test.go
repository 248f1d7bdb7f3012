package provision_test

import (
	"slices"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
)

// TestMovedRemovesNobody: a connection that leads to another system keeps its links; whoever is found again goes on, and nobody
// is removed by the first read of it, however few they are and whatever the guard lets through.
func TestMovedRemovesNobody(t *testing.T) {
	for _, open := range []bool{false, true} { // a cycle of the old system is under way
		w := newWorld(t)
		w.file("people.csv", smallPeople)
		w.run(w.in)
		if open {
			w.due(w.in)
			_, err := w.engine.Slice(w.ctx, w.tenant, w.in)
			w.must(err)
		}
		j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
		w.must(err)
		j.Policy.Guard.Off = true
		w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
		was, err := w.db.Mirrors().Head(w.ctx, mirror.ID{Tenant: w.tenant, Connection: w.in})
		w.must(err)
		w.file("people.csv", "id,userName,title\n1,ada@acme.example,President\n4,dan@acme.example,Engineer\n")
		w.must(w.db.Provision().ChangeConnection(w.ctx, audit.Actor{}, w.tenant, w.in, func(c provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"people": "people.csv"}, Moved: true}, nil
		}))
		head, err := w.db.Mirrors().Head(w.ctx, mirror.ID{Tenant: w.tenant, Connection: w.in})
		w.must(err)
		if head.Generation != was.Generation+1 || head.Position >= was.Position { // it is being read again already
			t.Errorf("the mirror is at %d of generation %d, was at %d of %d", head.Position, head.Generation, was.Position, was.Generation)
		}
		if c := w.run(w.in); c.Trigger != "connection" || c.Counts.Held != 2 {
			t.Errorf("%+v", c)
		}
		links, err := w.db.Provision().Links(w.ctx, w.tenant, w.in, plan.LinkQuery{Type: connection.UserType, Limit: 10})
		w.must(err)
		if len(links) != 4 {
			t.Errorf("%d links", len(links))
		}
		held, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
		w.must(err)
		for _, a := range held {
			if a.Code != lockstep.CodeGuardHeld || a.Source.ID != "2" && a.Source.ID != "3" {
				t.Errorf("%+v", a)
			}
		}
		w.run(w.in) // nor by the next one
		after, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
		w.must(err)
		if len(after) != 2 {
			t.Errorf("%d rows wait after the second read", len(after))
		}
	}
}

// TestMovedTarget: an app whose connection leads to another organisation is provisioned there from the beginning, also when a cycle of
// the old one was under way and when some are there already; at the old organisation nothing more happens.
func TestMovedTarget(t *testing.T) {
	for _, open := range []bool{false, true} {
		w := newWorld(t)
		w.assigned(provision.Policy{Groups: true, Everyone: true, Guard: unguarded().Guard})
		w.person("ada")
		w.person("ben")
		w.run(w.out)
		w.person("eve")
		if open {
			w.engine.SliceFor = 1
			_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
			w.must(err)
			w.engine.SliceFor = 0
		}
		old := w.target()
		universe, org, url, token := w.webex, w.org, w.url, w.token
		w.organisation()
		w.scim = nil
		w.must(w.db.Provision().ChangeConnection(w.ctx, audit.Actor{}, w.tenant, w.out, func(c provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"url": w.url}, Moved: true}, nil
		}))
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example\nuser ben@acme.example\nuser eve@acme.example\n")
		w.consistent()
		w.webex, w.org, w.url, w.token, w.scim = universe, org, url, token, nil
		if now := w.target(); now != old {
			t.Errorf("the old organisation had\n%s\nand has\n%s", old, now)
		}
	}
}

// TestMovedToSameIDs: where a connection leads to another system, in which the ids of the old one are other people's, nobody gets somebody
// else's account, neither one that is there nor one of somebody who has left: a change that would make another person of somebody waits
// for a decision, also when something else changes meanwhile or after it was rejected. Those who are called the same go on.
func TestMovedToSameIDs(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { movesToSameIDs(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { movesToSameIDs(newWorldOn(t, store.Config{Postgres: parts.Postgres(t)})) })
}

func movesToSameIDs(w *world) {
	w.Helper()
	const head = "id,userName,displayName,title\n"
	others := "4,di@acme.example,Di,\n5,ed@acme.example,Ed,\n6,flo@acme.example,Flo,\n"
	w.file("people.csv", head+"1,ada@acme.example,Ada,Analyst\n2,ben@acme.example,Ben,Clerk\n3,eve@acme.example,Eve,Boss\n"+others)
	w.run(w.in)
	w.file("people.csv", head+"1,ada@acme.example,Ada,Analyst\n2,ben@acme.example,Ben,Clerk\n"+others)
	w.run(w.in) // eve has left
	ada := w.userID("ada")
	w.must(w.db.Provision().ChangeConnection(w.ctx, audit.Actor{}, w.tenant, w.in, func(c provision.Connection) (provision.NewConnection, error) {
		return provision.NewConnection{Settings: map[string]string{"people": "people.csv"}, Moved: true}, nil
	}))
	is := func(want string, states ...plan.ActionState) plan.Action {
		w.Helper()
		rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{Source: connection.Ref{Type: "User", ID: "1"}, Newest: true, Limit: 1})
		w.must(err)
		if len(rows) != 1 || !slices.Contains(states, rows[0].State) || rows[0].Code != lockstep.CodeMatchOther {
			w.Fatalf("the row is %+v", rows)
		}
		users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{IDs: []lockstep.UserID{ada}})
		w.must(err)
		if got := users[0].Attributes.Text("userName") + " " + users[0].Attributes.Text("title"); got != want {
			w.Fatalf("the account of ada is %s", got)
		}
		return rows[0]
	}
	now := "2,ben@acme.example,Ben,Head\n3,mia@acme.example,Mia,Boss\n" + others
	w.file("people.csv", head+"1,zoe@acme.example,Zoe,Clerk\n"+now)
	w.run(w.in)
	is("ada@acme.example Analyst", plan.Held)
	if u := w.named("ben"); u.Attributes.Text("title") != "Head" {
		w.Errorf("ben has the title %s", u.Attributes.Text("title"))
	}
	if mia := w.named("mia"); mia.Version != 1 {
		w.Errorf("mia got the account of somebody who has left: %+v", mia)
	}
	w.file("people.csv", head+"1,zoe@acme.example,Zoe,Chief\n"+now)
	w.run(w.in)
	row := is("ada@acme.example Analyst", plan.Held)
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{Name: "test"}, w.tenant, w.in, provision.Verdict{Reject: []lockstep.ActionID{row.ID}}))
	w.run(w.in)
	is("ada@acme.example Analyst", plan.Rejected)
	w.file("people.csv", head+"1,zoe@acme.example,Zoe,Queen\n"+now)
	w.run(w.in)
	row = is("ada@acme.example Analyst", plan.Held)
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{Name: "test"}, w.tenant, w.in, provision.Verdict{Approve: []lockstep.ActionID{row.ID}}))
	w.run(w.in)
	if u := w.named("zoe"); u.ID != ada || u.Attributes.Text("title") != "Queen" {
		w.Errorf("after it was approved: %+v", u)
	}
}

// named returns who has a user name now.
func (w *world) named(name string) directory.User {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name + "@acme.example"}})
	w.must(err)
	if len(users) != 1 {
		w.Fatalf("%d people are called %s", len(users), name)
	}
	return users[0]
}
