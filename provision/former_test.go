package provision_test

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// TestLeaversAccountIsTheirs is for a match by name that gave a newcomer the deleted user of somebody who had left: the same id, with
// title, memberships and reports. A leaver who comes back has it again, under whatever name.
func TestLeaversAccountIsTheirs(t *testing.T) {
	w := newWorld(t)
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, func() provision.Job {
		j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
		w.must(err)
		j.Policy = unguarded()
		return j
	}()))
	const header = "id,userName,displayName,title,active\n"
	read := func(rows string) {
		w.file("people.csv", header+rows)
		w.runInbound()
	}
	named := func(name string) lockstep.UserID {
		users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name + "@acme.example"}})
		w.must(err)
		if len(users) != 1 {
			rows, _ := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{Newest: true, Limit: 5})
			for _, r := range rows {
				t.Logf("%s %s %s: %s %s", r.Kind, r.Source.Name, r.State, r.Code, r.Detail)
			}
			t.Fatalf("%d users are called %s", len(users), name)
		}
		return users[0].ID
	}
	read("1,ceo@acme.example,The Chief,CEO,true\n2,ben@acme.example,Ben,,true\n")
	chief := named("ceo")
	read("2,ben@acme.example,Ben,,true\n")
	read("2,ben@acme.example,Ben,,true\n3,ceo@acme.example,A Newcomer,,true\n")
	newcomer := named("ceo")
	if newcomer == chief {
		t.Fatal("the newcomer has the leaver's user")
	}
	read("2,ben@acme.example,Ben,,true\n3,ceo@acme.example,A Newcomer,,true\n1,chief@acme.example,The Chief,CEO,true\n")
	if back := named("chief"); back != chief || named("ceo") != newcomer {
		t.Errorf("who came back is %s, was %s", back, chief)
	}
}

// runInbound has the source read and carries out what follows.
func (w *world) runInbound() {
	w.Helper()
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
	w.must(err)
	job.NextRun = w.engine.Now()
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
	w.untilDone(w.in)
}
