package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// shown prints what the rows of a plan say will be written, and sent what has been asked of the target, in the same words: kind,
// name, values, and the names of the other ends of references.
func shown(rows []plan.Action) []string {
	var all []string
	for _, a := range rows {
		var refs []string
		for _, r := range a.References {
			refs = append(refs, refWords(r.Attribute, r.To.ID, r.Gone))
		}
		all = append(all, changeLine(a.Kind, a.Target.Name, a.After, refs))
	}
	slices.Sort(all)
	return all
}

func refWords(attribute, id string, gone bool) string {
	sign := "+"
	if gone {
		sign = "-"
	}
	return sign + attribute + ":" + id
}

func changeLine(kind rule.Kind, name string, after scim.Object, refs []string) string {
	slices.Sort(refs)
	return fmt.Sprintf("%s %s %v %s", kind, name, after, strings.Join(refs, " "))
}

// review makes the job plan by hand and returns the rows that wait, in a cycle that waits for review.
func (w *world) review() (provision.Cycle, []plan.Action) {
	w.Helper()
	w.edit(func(j *provision.Job) { j.Manual, j.NextRun = true, w.engine.Now() })
	c := w.run(w.out)
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Cycle: c.ID, States: []plan.ActionState{plan.Planned}})
	w.must(err)
	return c, rows
}

func (w *world) apply(c provision.Cycle) {
	w.Helper()
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Apply: true}))
	w.untilDone(w.out)
}

// TestShownIsSent: the calls that a plan leads to are those that its rows have named, references and members included, also those
// that a create carries; a second plan has nothing to say.
func TestShownIsSent(t *testing.T) {
	w := newWorld(t)
	s := script(w)
	source := map[string]string{} // target id → source id
	s.apply = func(op connection.Operation) *connection.Result { return nil }
	steps := []struct {
		name string
		do   func()
	}{
		{"a company", func() {
			boss := w.person("boss")
			ada, ben := w.person("ada"), w.person("ben")
			w.manager(ada, boss)
			w.manager(boss, ben) // and Ben has nobody above them
			w.group("Engineering", string(ada), string(ben))
			w.group("All", string(boss))
		}},
		{"a member comes and one goes", func() {
			g := w.groupID("Engineering")
			w.change(directory.RemoveMembers{Group: g, Members: []directory.Member{{Kind: directory.UserKind, ID: string(w.userID("ada"))}}},
				directory.AddMembers{Group: g, Members: []directory.Member{{Kind: directory.UserKind, ID: string(w.userID("boss"))}}})
		}},
		{"another manager", func() { w.manager(w.userID("ada"), w.userID("ben")) }},
		{"a ring", func() {
			x, y := w.person("x"), w.person("y")
			w.manager(x, y)
			w.manager(y, x)
		}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			c, rows := w.review()
			for i, r := range rows {
				if r.Kind == rule.Create && r.ID == "" || len(rows) == 0 {
					t.Errorf("row %d: %+v", i, r)
				}
			}
			want := shown(rows)
			s.calls = nil
			w.apply(c)
			links, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User", Limit: 1000})
			w.must(err)
			for _, l := range links {
				source[l.Target] = l.Source.ID
			}
			var got []string
			for _, op := range s.calls {
				var refs []string
				for _, r := range op.Add {
					refs = append(refs, refWords(r.Attribute, source[r.To.ID], false))
				}
				for _, r := range op.Remove {
					refs = append(refs, refWords(r.Attribute, source[r.To.ID], true))
				}
				got = append(got, changeLine(op.Kind, op.Name, op.After, refs))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("shown\n%s\nsent\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
			if again, rows := w.review(); again.Phase != provision.Ended || len(rows) != 0 {
				t.Errorf("after it was applied a plan has %d rows, %s", len(rows), again.Phase)
			}
		})
	}
}

// manager makes somebody the manager of a person.
func (w *world) manager(of, manager lockstep.UserID) {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{IDs: []lockstep.UserID{of}})
	w.must(err)
	u := users[0]
	u.Attributes = u.Attributes.Clone()
	ext, _ := u.Attributes.Get(enterpriseURN).(scim.Object)
	ext = ext.Clone()
	ext.Set("manager", scim.Object{{Name: "value", Value: string(manager)}})
	u.Attributes.Set(enterpriseURN, ext)
	w.change(directory.PutUser{User: u})
}

func (w *world) userID(name string) lockstep.UserID {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name + "@acme.example"}})
	w.must(err)
	return users[0].ID
}

func (w *world) groupID(name string) lockstep.GroupID {
	w.Helper()
	groups, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{Attribute: "displayName", Values: []string{name}})
	w.must(err)
	return groups[0].ID
}

// TestLeaverTakesReferencesAlong: before an account is deleted, those who name it as manager and the groups that have it as member
// let go of it, and the plan says so.
func TestLeaverTakesReferencesAlong(t *testing.T) {
	w := newWorld(t)
	w.edit(func(j *provision.Job) { j.Policy.OnLeave = rule.LeaveDelete; j.Policy.Guard = unguarded().Guard })
	boss, ada := w.person("boss"), w.person("ada")
	w.manager(ada, boss)
	w.group("All", string(boss), string(ada))
	w.run(w.out)
	w.wantTarget("group All: ada@acme.example boss@acme.example\nuser ada@acme.example manager=boss@acme.example\nuser boss@acme.example\n")
	s := script(w)
	w.change(directory.DeleteUser{ID: boss, Purge: true})
	c, rows := w.review()
	if all := strings.Join(shown(rows), "\n"); !strings.Contains(all, "-manager:"+string(boss)) || !strings.Contains(all, "-members:"+string(boss)) {
		t.Errorf("the plan does not name what is let go of:\n%s", all)
	}
	s.calls = nil
	w.apply(c)
	last := s.calls[len(s.calls)-1]
	if last.Kind != rule.Delete {
		t.Errorf("the deletion came before what refers to it: %+v", s.calls)
	}
	w.wantTarget("group All: ada@acme.example\nuser ada@acme.example\n")
}
