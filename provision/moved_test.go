package provision_test

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
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
		w.file("people.csv", "id,userName,title\n1,ada@acme.example,President\n4,dan@acme.example,Engineer\n")
		w.must(w.db.Provision().ChangeConnection(w.ctx, audit.Actor{}, w.tenant, w.in, func(c provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"people": "people.csv"}, Moved: true}, nil
		}))
		head, err := w.db.Mirrors().Head(w.ctx, mirror.ID{Tenant: w.tenant, Connection: w.in})
		w.must(err)
		if head.Position != 0 {
			t.Errorf("the mirror is at %d", head.Position)
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
