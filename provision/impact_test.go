package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
)

// users are the object mapping of people of a configuration.
func users(c *plan.Configuration) *rule.ObjectMapping { return &c.Rules.Objects[0] }

func mapped(c *plan.Configuration, target, expression string, change func(*rule.Mapping)) {
	m := rule.Mapping{Target: target, Source: &rule.MappingSource{Type: rule.FromFunction, Expression: expression}}
	if change != nil {
		change(&m)
	}
	all := &users(c).Attributes
	if i := slices.IndexFunc(*all, func(a rule.Mapping) bool { return a.Target == target }); i >= 0 {
		m.Match = (*all)[i].Match
		(*all)[i] = m
		return
	}
	*all = append(*all, m)
}

func filtered(values ...string) rule.Filter {
	return rule.Filter{Groups: []rule.FilterGroup{{Clauses: []rule.Clause{{Attribute: "title", Operator: "IN", Operand: rule.Operand{Values: values}}}}}}
}

// proposals are changes, of a job that provisions everybody, and of whom they touch.
var proposals = []struct {
	name   string
	change func(*plan.Configuration)
	people int // with a row
	groups int
}{
	{"nothing", func(*plan.Configuration) {}, 0, 0},
	{"rate and guard", func(c *plan.Configuration) {
		c.Policy.Rate, c.Policy.Interval, c.Policy.Guard.Count = 3, time.Hour, 9
	}, 0, 0},
	{"another value", func(c *plan.Configuration) { mapped(c, "title", `Append([title], "!")`, nil) }, 5, 0},
	{"the same value", func(c *plan.Configuration) { mapped(c, "displayName", `Trim([displayName])`, nil) }, 0, 0},
	{"a value of some", func(c *plan.Configuration) { mapped(c, "title", `Replace([title], "Chief", , , "Boss", , )`, nil) }, 1, 0},
	{"a new attribute", func(c *plan.Configuration) { mapped(c, "nickName", `[title]`, nil) }, 5, 0},
	{"on create only", func(c *plan.Configuration) {
		mapped(c, "nickName", `[title]`, func(m *rule.Mapping) { m.FlowType = rule.ObjectAddOnly })
	}, 0, 0},
	{"one less", func(c *plan.Configuration) { users(c).Attributes = users(c).Attributes[:4] }, 0, 0},
	{"cleared", func(c *plan.Configuration) {
		mapped(c, "title", `IIF([title]="Chief", "", [title])`, func(m *rule.Mapping) { m.Clear = true })
	}, 1, 0},
	{"a random value", func(c *plan.Configuration) { mapped(c, "nickName", `Guid()`, nil) }, 0, 0}, // made on create
	{"a filter", func(c *plan.Configuration) { users(c).Scope = filtered("Chief", "Engineer") }, 2, 0},
	{"a filter that lets all through", func(c *plan.Configuration) { users(c).Scope = filtered("Chief", "Engineer", "Clerk") }, 0, 0},
	{"a filter, and delete", func(c *plan.Configuration) {
		users(c).Scope, c.Policy.OnLeave = filtered("Chief"), rule.LeaveDelete
	}, 4, 0},
	{"only who is assigned", func(c *plan.Configuration) { c.Policy.Everyone = false }, 2, 1},
	{"only who is assigned, or in a group below", func(c *plan.Configuration) { c.Policy.Everyone, c.Policy.Nested = false, true }, 0, 1},
	{"who has left is deleted", func(c *plan.Configuration) { c.Policy.OnLeave = rule.LeaveDelete }, 0, 0}, // of an account that is disabled nothing is left to do
	{"groups by another name", func(c *plan.Configuration) {
		c.Rules.Objects[1].Attributes[0].Source = &rule.MappingSource{Type: rule.FromFunction, Expression: `Append([displayName], " (HR)")`}
	}, 0, 2},
	{"no updates", func(c *plan.Configuration) { users(c).Flow = "Add" }, 0, 0},
	{"matched by another attribute", func(c *plan.Configuration) {
		mapped(c, "displayName", `[displayName]`, func(m *rule.Mapping) { m.Match = 2 })
	}, 0, 0},
	{"people are not sent", func(c *plan.Configuration) { users(c).Enabled = false }, 0, 0},
}

// rowsOf are rows in a line each, without references that follow from them.
func rowsOf(all []plan.Action) string {
	var lines []string
	for _, a := range all {
		if a.Kind == rule.Refer || a.Kind == rule.Skip {
			continue
		}
		var changes []string
		for _, c := range a.Changes() {
			if !c.Reference {
				changes = append(changes, c.String())
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", a.State, a.Kind, a.Source.Type, a.Source.Name, strings.Join(changes, ", ")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// settled is a world in which everybody is in step: five people, of whom three are assigned by a group with another in it, and groups.
func settledWorld(t *testing.T, config store.Config) *world {
	w := newWorldOn(t, config)
	people := "id,userName,displayName,title\n"
	for i, title := range []string{"Chief", "Engineer", "Engineer", "Clerk", "Clerk"} {
		people += fmt.Sprintf("%d,p%d@acme.example,Person %d,%s\n", i, i, i, title)
	}
	w.file("people.csv", people)
	w.file("groups.csv", "id,displayName,members\ng1,Staff,0;1;2;g2\ng2,Clerks,3;4\n")
	w.both()
	groups, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{})
	w.must(err)
	for _, g := range groups {
		if g.Attributes.Text("displayName") == "Staff" {
			w.change(directory.PutAssignment{Assignment: directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: w.app, Kind: directory.GroupKind, To: string(g.ID)}})
		}
	}
	w.run(w.out)
	return w
}

// looked returns what a proposal would make otherwise.
func (w *world) looked(p provision.Proposal) (provision.Impact, []plan.Action) {
	w.Helper()
	var rows []plan.Action
	i, err := w.engine.Impact(w.ctx, w.tenant, w.out, p, func(a plan.Action) error {
		rows = append(rows, a)
		return nil
	})
	w.must(err)
	return i, rows
}

// TestImpactIsThePreview: in a job that is in step, what a proposal would make otherwise is what a whole preview says once it is in force,
// row by row, what the guard holds included. Looking writes nothing.
func TestImpactIsThePreview(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			config := store.Config{}
			if database == "postgres" {
				config.Postgres = storetest.Postgres(t)
			}
			w := settledWorld(t, config)
			jobs := w.db.Provision()
			before, err := jobs.Job(w.ctx, w.tenant, w.out)
			w.must(err)
			for _, c := range proposals {
				next := before.Configuration()
				next.Rules = webexRules()
				c.change(&next)
				i, rows := w.looked(provision.Proposal{Configuration: next})
				j, err := jobs.Job(w.ctx, w.tenant, w.out)
				w.must(err)
				j.Rules, j.Policy = next.Rules, next.Policy
				w.must(w.db.PutJob(w.ctx, audit.Actor{}, j))
				var whole []plan.Action
				_, err = w.engine.Preview(w.ctx, w.tenant, w.out, func(a plan.Action) error {
					whole = append(whole, a)
					return nil
				})
				w.must(err)
				if got, want := rowsOf(rows), rowsOf(whole); got != want {
					t.Errorf("%s: the impact is\n%s\nthe preview\n%s", c.name, got, want)
				}
				if i.Touched["User"] != c.people || i.Touched["Group"] != c.groups || i.Partial || i.Requests != 0 {
					t.Errorf("%s: %+v, want %d people and %d groups", c.name, i, c.people, c.groups)
				}
				if j, err = jobs.Job(w.ctx, w.tenant, w.out); err != nil {
					t.Fatal(err)
				}
				j.Rules, j.Policy = before.Rules, before.Policy
				w.must(w.db.PutJob(w.ctx, audit.Actor{}, j))
			}
			w.run(w.out)
			if i, rows := w.looked(provision.Proposal{Configuration: before.Configuration()}); len(rows) > 0 || i.Looked != 0 {
				t.Errorf("looking has left something behind: %+v", i)
			}
		})
	}
}

// TestImpactOfAssignments: those that a draft changes count as if they were there, also through groups, and nothing else does.
func TestImpactOfAssignments(t *testing.T) {
	w := settledWorld(t, store.Config{})
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	j.Policy.Everyone = false
	w.must(w.db.PutJob(w.ctx, audit.Actor{}, j))
	w.run(w.out)
	ids := map[string]string{}
	all, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{})
	w.must(err)
	for _, u := range all {
		ids[u.Attributes.Text("userName")[:2]] = string(u.ID)
	}
	groups, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{})
	w.must(err)
	for _, g := range groups {
		ids[g.Attributes.Text("displayName")] = string(g.ID)
	}
	for _, c := range []struct {
		name          string
		changes       []rule.AssignmentChange
		nested        bool
		enters, leave int
		people        int
	}{
		{"nobody", nil, false, 0, 0, 0},
		{"a person", []rule.AssignmentChange{{Kind: "User", To: ids["p3"]}}, false, 1, 0, 1},
		{"one who is there", []rule.AssignmentChange{{Kind: "User", To: ids["p0"]}}, false, 0, 0, 0},
		{"a group, and itself", []rule.AssignmentChange{{Kind: "Group", To: ids["Clerks"]}}, false, 3, 0, 2},
		{"a role that excludes", []rule.AssignmentChange{{Kind: "User", To: ids["p3"], Role: "default"}}, false, 0, 0, 0},
		{"a group less", []rule.AssignmentChange{{Kind: "Group", To: ids["Staff"], Gone: true}}, false, 0, 4, 3},
		{"a group less, but one of it", []rule.AssignmentChange{{Kind: "Group", To: ids["Staff"], Gone: true}, {Kind: "User", To: ids["p0"]}}, false, 0, 3, 2},
		{"groups below", nil, true, 2, 0, 2},
	} {
		next := j.Configuration()
		next.Policy.Nested = c.nested
		i, rows := w.looked(provision.Proposal{Configuration: next, Assignments: c.changes})
		if i.Enters != c.enters || i.Leaves != c.leave || i.Touched["User"] != c.people {
			t.Errorf("%s: %+v, want %d in, %d out, %d people\n%s", c.name, i, c.enters, c.leave, c.people, rowsOf(rows))
		}
	}
}

// TestImpactOfLeavers: who was left alone when they left, and would be disabled now, is found.
func TestImpactOfLeavers(t *testing.T) {
	w := settledWorld(t, store.Config{})
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	j.Policy.OnLeave = rule.LeaveKeep
	users(&plan.Configuration{Rules: j.Rules}).Scope = filtered("Chief", "Engineer")
	w.must(w.db.PutJob(w.ctx, audit.Actor{}, j))
	w.run(w.out)
	next := j.Configuration()
	next.Policy.OnLeave = ""
	i, rows := w.looked(provision.Proposal{Configuration: next})
	if got := rowsOf(rows); i.Kinds[rule.Disable] != 2 || i.Leaves != 0 || strings.Count(got, "disable User") != 2 {
		t.Errorf("%+v\n%s", i, got)
	}
	users(&next).Enabled = false
	if i, rows = w.looked(provision.Proposal{Configuration: next}); i.LetGo != 3 || len(rows) != 0 {
		t.Errorf("people are no longer sent: %+v\n%s", i, rowsOf(rows))
	}
	for n := range 4 { // much harm is held, as it would be
		w.change(directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Active: true, Attributes: scim.Object{{Name: "userName", Value: fmt.Sprintf("q%d@acme.example", n)}, {Name: "title", Value: "Chief"}}}})
	}
	w.run(w.out)
	next.Rules = webexRules()
	users(&next).Scope, next.Policy.OnLeave, next.Policy.Guard = filtered("Nobody"), rule.LeaveDelete, rule.GuardLimit{Count: 1, Percent: 1}
	if i, _ = w.looked(provision.Proposal{Configuration: next}); i.Leaves != 7 || i.Held < 7 || i.Kinds[rule.Delete] != i.Held {
		t.Errorf("everybody leaves: %+v", i)
	}
}

// TestImpactOfSource: what a source brings into the directory is looked at as well. One that was never read says so.
func TestImpactOfSource(t *testing.T) {
	w := newWorld(t)
	looked := func(change func(*plan.Configuration)) (provision.Impact, error) {
		j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
		w.must(err)
		next := j.Configuration()
		next.Rules = csvRules()
		change(&next)
		return w.engine.Impact(w.ctx, w.tenant, w.in, provision.Proposal{Configuration: next}, func(plan.Action) error { return nil })
	}
	boss := func(c *plan.Configuration) {
		mapped(c, "title", `Replace([title], "Engineer", , , "Eng", , )`, nil)
	}
	if _, err := looked(boss); lockstep.CodeOf(err) != lockstep.CodeUnread {
		t.Errorf("a source that was never read: %v", err)
	}
	w.file("people.csv", smallPeople)
	w.file("groups.csv", smallGroups)
	w.both()
	if i, err := looked(boss); err != nil || i.Touched["User"] != 2 || i.Kinds[rule.Update] != 2 || i.Looked < 3 {
		t.Errorf("%+v, %v", i, err)
	}
	if i, err := looked(func(c *plan.Configuration) { mapped(c, "title", `Oops(`, nil) }); lockstep.CodeOf(err) != lockstep.CodeMapSyntax {
		t.Errorf("%+v, %v", i, err)
	}
}

// TestImpactOfAppThatWasNeverRead: it is not asked about anybody, and the answer says that it may be wrong.
func TestImpactOfAppThatWasNeverRead(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.file("groups.csv", smallGroups)
	w.run(w.in)
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	next := j.Configuration()
	mapped(&next, "nickName", "[title]", nil)
	w.requests()
	i, _ := w.looked(provision.Proposal{Configuration: next})
	if asked := w.requests(); !i.Unread || i.Kinds[rule.Create] != 3 || strings.Contains(asked, "Users") {
		t.Errorf("%+v, and the application was asked %s", i, asked)
	}
	if i, _ = w.looked(provision.Proposal{Configuration: next, Within: time.Nanosecond}); !i.Partial || i.Looked != 0 {
		t.Errorf("without time: %+v", i)
	}
}

// reopen closes the world's database and opens it anew.
func (w *world) reopen() {
	w.Helper()
	w.must(w.db.Close())
	var err error
	w.db, err = store.Open(w.ctx, w.config)
	w.must(err)
	w.engine.Store, w.engine.Directory, w.engine.Mirrors = w.db.Provision(), &hub.Connector{Store: w.db}, w.db.Mirrors()
}

// processor is how long the program has kept processors busy, which a busy machine changes less than how long it took.
func processor(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkImpact: what a change would do to 10,000 people in 200 groups who are in step. The first look after the database was opened is cold.
func BenchmarkImpact(b *testing.B) {
	w := newWorld(b)
	w.company(10_000, 200)
	w.run(w.in)
	w.run(w.out)
	for _, c := range []struct {
		name   string
		change func(*plan.Configuration)
	}{
		{"nobody", func(c *plan.Configuration) { mapped(c, "title", `Trim([title])`, nil) }},
		{"a tenth leaves", func(c *plan.Configuration) {
			users(c).Scope = rule.Filter{Groups: []rule.FilterGroup{{Clauses: []rule.Clause{{Attribute: "userName", Operator: "NOT REGEX MATCH", Operand: rule.Operand{Values: []string{"7@"}}}}}}}
		}},
		{"everybody", func(c *plan.Configuration) { mapped(c, "title", `Append([title], "!")`, nil) }},
	} {
		j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
		w.must(err)
		next := j.Configuration()
		next.Rules = webexRules()
		c.change(&next)
		for _, how := range []string{"cold", "warm"} {
			b.Run(c.name+" "+how, func(b *testing.B) {
				touched, spent := 0, time.Duration(0)
				for b.Loop() {
					if how == "cold" {
						b.StopTimer()
						w.reopen()
						b.StartTimer()
					}
					began := processor(b)
					i, _ := w.looked(provision.Proposal{Configuration: next})
					touched = i.Touched["User"]
					spent += processor(b) - began
				}
				b.ReportMetric(float64(touched), "people")
				b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/op")
			})
		}
	}
}
