package provision_test

import (
	"context"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
)

// TestDeletedBySomebodyElse is for deletes and disables of what is deleted in the directory already, as after a call whose
// answer was lost: they were refused, again in every cycle, and a disable even restored the person.
func TestDeletedBySomebodyElse(t *testing.T) {
	for _, leave := range []rule.Leave{rule.LeaveDisable, rule.LeaveDelete} {
		for _, purge := range []bool{false, true} {
			w := started(t)
			job, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
			w.must(err)
			job.Policy.OnLeave = leave
			if leave == rule.LeaveDisable {
				job.Rules.Objects[0].Flow = "Add, Update"
			}
			w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
			w.run(w.in)
			users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{"cleo@acme.example"}})
			w.must(err)
			w.change(directory.DeleteUser{ID: users[0].ID, Purge: purge})
			w.file("people.csv", strings.Replace(smallPeople, "3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2\n", "", 1))
			w.file("groups.csv", strings.Replace(smallGroups, "2;3", "2", 1))
			for range 2 {
				if c := w.run(w.in); c.Counts.Failed > 0 && !purge {
					t.Errorf("%s, purge %v: %+v", leave, purge, c.Counts)
				}
				w.file("people.csv", strings.Replace(smallPeople, "3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2\n", "\n", 1))
			}
			users, err = w.db.Users(w.ctx, w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{"cleo@acme.example"}})
			w.must(err)
			if len(users) > 0 {
				t.Errorf("%s: cleo is back", leave)
			}
		}
	}
}

// refusing is a target that refuses to create one person, and yet names an id for them.
type refusing struct {
	connection.Target
	name string
}

func (r refusing) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	if len(ops) == 1 && ops[0].Kind == rule.Create && ops[0].Name == r.name {
		return []connection.Result{{ID: "nobody", Err: &lockstep.Error{Code: lockstep.CodeTargetRefused}}}
	}
	return r.Target.Apply(ctx, ops)
}

// TestManagerWhoIsRefused is for people whose manager's create had failed: they got the id that they would have had, for good.
func TestManagerWhoIsRefused(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.run(w.in)
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	w.engine.Connect = connect{world: w, target: refusing{Target: target, name: "ada@acme.example"}}
	if c := w.run(w.out); c.Counts.Created != 2 || c.Counts.Failed != 1 {
		t.Errorf("%+v", c.Counts)
	}
	w.engine.Connect = w
	w.file("people.csv", strings.Replace(smallPeople, "Chief", "Boss", 1))
	w.run(w.in)
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example title=Boss\nuser ben@acme.example title=Engineer manager=ada@acme.example\nuser cleo@acme.example title=Engineer manager=ben@acme.example\n")
}
