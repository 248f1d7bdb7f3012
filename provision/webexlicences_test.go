package provision_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/connector/webex"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/webexorg"
	"lockstep/webexorg/state"
)

// office is a Webex organisation with licences, and rules that give them by role of the app.
type office struct {
	*world
	given map[string]lockstep.AssignmentID
}

func newOffice(t *testing.T) *office {
	w := newWorld(t)
	w.must(w.org.Change(func(c *webexorg.OrgConfig) error {
		return json.Unmarshal([]byte(`{"licences":[{"id":"MS_1","product":"messaging","total":3,"subscription":"Sub1"},{"id":"EE_1","product":"meetings","total":9,"subscription":"Sub1"},{"id":"CXE_1","product":"customer-assist","total":9}]}`), c)
	}))
	var err error
	w.token, err = w.org.IssueToken(webexorg.Everything, 1000*time.Hour)
	w.must(err)
	w.atWebex()
	o := &office{w, map[string]lockstep.AssignmentID{}}
	w.change(directory.PutApp{App: directory.App{ID: w.app, Slug: "webex", Name: "Webex", Version: 1, Roles: []directory.Role{
		{Value: "user", Name: "User"}, {Value: "agent", Name: "Agent"}, {Value: "admin", Name: "Administrator"},
	}}})
	o.job(func(j *provision.Job) {
		j.Connection.Kind, j.Policy = "webex", unguarded()
		users := &j.Rules.Objects[0]
		users.Attributes = append(users.Attributes,
			rule.Mapping{Target: webex.UserURN + ":licenses", Clear: true, Source: rule.ReadSource(
				`IIF([IsSoftDeleted] = "True", "", Split(Switch([appRoleAssignments], "", "user", "Webex Messaging", "agent", "Webex Messaging;Single License - CX Essentials", "admin", "Webex Meetings"), ";"))`)},
			rule.Mapping{Target: "roles", Clear: true, Source: rule.ReadSource(`IIF([IsSoftDeleted] = "True", "", Switch([appRoleAssignments], "", "admin", "User Administrator"))`)})
	})
	return o
}

// job changes the job that writes.
func (o *office) job(change func(*provision.Job)) {
	o.Helper()
	j, err := o.db.Provision().Job(o.ctx, o.tenant, o.out)
	o.must(err)
	change(&j)
	o.must(o.db.Provision().PutJob(o.ctx, audit.Actor{}, j))
}

// is gives a person a role of the app in place of another; "" is none.
func (o *office) is(id lockstep.UserID, role string) {
	o.Helper()
	if was := o.given[string(id)]; was != "" {
		o.change(directory.DeleteAssignment{ID: was})
		delete(o.given, string(id))
	}
	if role != "" {
		a := lockstep.NewID[lockstep.AssignmentID]()
		o.change(directory.PutAssignment{Assignment: directory.Assignment{ID: a, App: o.app, Kind: directory.UserKind, To: string(id), Role: role}})
		o.given[string(id)] = a
	}
}

// has is who is there, with their licences and roles.
func (o *office) has() string {
	o.Helper()
	var all []string
	people, _ := o.org.People(state.PeopleQuery{Limit: 100})
	slices.SortFunc(people, func(a, b state.Person) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range people {
		line := append([]string{p.Name}, slices.Sorted(slices.Values(p.Account.Licences))...)
		if line = append(line, p.Roles...); !p.Active {
			line = append(line, "off")
		}
		all = append(all, strings.Join(line, " "))
	}
	return strings.Join(all, "\n")
}

func (o *office) want(lines ...string) {
	o.Helper()
	if got := o.has(); got != strings.Join(lines, "\n") {
		o.Errorf("there is\n%s\nnot\n%s", got, strings.Join(lines, "\n"))
	}
}

// rows are what the newest rows about somebody say.
func (o *office) last(id lockstep.UserID) plan.Action {
	o.Helper()
	all, err := o.db.Provision().Actions(o.ctx, o.tenant, o.out, plan.ActionQuery{Source: connection.Ref{Type: "User", ID: string(id)}})
	o.must(err)
	if len(all) == 0 {
		o.Fatal("there is no row")
	}
	return slices.MaxFunc(all, func(a, b plan.Action) int { return a.Planned.Compare(b.Planned) })
}

// TestLicencesAndRoles: licences and roles follow the role of the app, from a joiner to a leaver; what was not written is never taken away; a plan says
// for whom there is no seat, and who gets none is there without it, and gets it when there is one.
func TestLicencesAndRoles(t *testing.T) {
	o := newOffice(t)
	ada, ben, cy := o.person("ada"), o.person("ben"), o.person("cy")
	o.is(ada, "user")
	o.is(ben, "agent")
	o.is(cy, "admin")
	o.run(o.out)
	o.want("ada MS_1", "ben CXE_1 MS_1", "cy EE_1 id_user_admin")

	o.is(ada, "agent")
	o.is(ben, "admin")
	o.run(o.out)
	o.want("ada CXE_1 MS_1", "ben EE_1 id_user_admin", "cy EE_1 id_user_admin")
	row := o.last(ben)
	if said := fmt.Sprint(row.Changes()); !strings.Contains(said, "Webex Meetings") || !strings.Contains(said, "User Administrator") || !strings.Contains(row.Note(), "tokens") {
		t.Errorf("the row says %s, %q", said, row.Note())
	}

	o.is(ada, "")
	o.is(cy, "user")
	o.run(o.out)
	o.want("ada off", "ben EE_1 id_user_admin", "cy MS_1")

	// Of three seats one is taken: of three more people the last gets none, is told beforehand, and is there all the same.
	dan, eve := o.person("dan"), o.person("eve")
	o.is(ada, "user")
	o.is(dan, "user")
	o.is(eve, "user")
	cycle := o.run(o.out)
	if cycle.Counts.Failed != 1 {
		t.Errorf("%+v", cycle.Counts)
	}
	without, told := map[lockstep.UserID]bool{}, false // whose turn comes last is not always who was told so
	for _, id := range []lockstep.UserID{ada, dan, eve} {
		row := o.last(id)
		told = told || strings.Contains(row.Note(), "no seat of Webex Messaging will be left")
		if row.Code == lockstep.CodeTargetSeats {
			without[id] = true
			if row.State != plan.Refused || row.Target.ID == "" {
				t.Errorf("%s: %s", row.State, row.Detail)
			}
		}
	}
	if len(without) != 1 || !told || strings.Count(o.has(), "MS_1") != 3 || strings.Count(o.has(), "\n") != 4 || strings.Contains(o.has(), "off") {
		t.Fatalf("%v have no seat of\n%s", without, o.has())
	}
	o.must(o.org.Change(func(c *webexorg.OrgConfig) error { c.Licences[0].Total = 4; return nil }))
	o.ahead += 7 * time.Hour
	o.due(o.out)
	if cycle := o.run(o.out); cycle.Counts.Updated != 1 || cycle.Counts.Failed != 0 {
		t.Errorf("who had no seat: %+v", cycle.Counts)
	}
	if strings.Count(o.has(), "MS_1") != 4 {
		t.Errorf("there is\n%s", o.has())
	}
}

// TestLicencesOfOthersStay: who is matched gets what is missing, and keeps what others have given, whatever is taken away later.
func TestLicencesOfOthersStay(t *testing.T) {
	o := newOffice(t)
	there, err := o.org.Add(o.ctx, "User", scim.Object{{Name: "userName", Value: "ada@acme.example"}, {Name: "displayName", Value: "ada"}, {Name: "active", Value: true},
		{Name: "roles", Value: scim.List{scim.Object{{Name: "value", Value: "id_full_admin"}, {Name: "type", Value: "cirole"}}}}})
	o.must(err)
	o.must(o.org.ChangeAccount(there, func(a *state.Account) error { a.Licences = append(a.Licences, "EE_1", "MS_1"); return nil }))
	ada := o.person("ada")
	o.is(ada, "agent")
	o.run(o.out)
	o.want("ada CXE_1 EE_1 MS_1 id_full_admin")
	o.is(ada, "admin") // messaging is the rules' by now, since they have asked for it; meetings are, from here on
	o.run(o.out)
	o.want("ada EE_1 id_full_admin id_user_admin")
	o.is(ada, "")
	o.run(o.out)
	o.want("ada id_full_admin off")
}

// broken is Webex behind a line that breaks: of the first so many creates it carries out the user alone, and nobody hears of it.
type broken struct {
	*webex.Target
	left int
}

func (b *broken) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	if b.left == 0 || ops[0].Kind != rule.Create {
		return b.Target.Apply(ctx, ops)
	}
	b.left--
	op := ops[0]
	op.After = op.After.Clone()
	op.After.Delete(webex.UserURN)
	b.Target.Apply(ctx, []connection.Operation{op})
	return []connection.Result{{Err: &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Detail: "it broke"}, MaybeSent: true, Requests: 1}}
}

// TestLicencesSurvive: whatever becomes of the request between the user and the licences, nobody is created twice, nobody stays without their licence, and
// nobody whom the job has created is forgotten when they leave.
func TestLicencesSurvive(t *testing.T) {
	t.Run("a line that breaks in between", func(t *testing.T) {
		o := newOffice(t)
		ada := o.person("ada")
		o.is(ada, "agent")
		o.engine.Connect = connect{world: o.world, target: &broken{Target: o.engine.Connect.(connect).target.(*webex.Target), left: 1}}
		o.run(o.out)
		o.want("ada CXE_1 MS_1")
	})
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("failures, after the deed: %v", after), func(t *testing.T) {
			o := newOffice(t)
			ada, ben := o.person("ada"), o.person("ben")
			o.is(ada, "agent")
			o.is(ben, "agent")
			o.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{{Kind: webexorg.Fault500, After: after, Path: "/licenses/users"}}})
			if cycle := o.run(o.out); cycle.Counts.Failed != 2 {
				t.Errorf("%+v", cycle.Counts)
			}
			if said := o.requests(); !strings.Contains(said, "2× POST /Users 201") || strings.Count(said, "POST /Users ") != 1 {
				t.Errorf("two people were made by %s", said)
			}
			o.org.SetKnobs(webexorg.Knobs{})
			o.is(ben, "") // leaves before it is tried again: the account is theirs, and is disabled
			o.ahead += time.Hour
			o.due(o.out)
			o.run(o.out)
			if after {
				o.want("ada CXE_1 MS_1", "ben CXE_1 MS_1 off")
			} else {
				o.want("ada CXE_1 MS_1", "ben off")
			}
		})
	}
	t.Run("too many requests", func(t *testing.T) {
		o := newOffice(t)
		o.is(o.person("ada"), "agent")
		o.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{{Kind: webexorg.Fault429, Times: 2, Path: "/licenses/users", Wait: 1}}})
		o.run(o.out)
		o.want("ada CXE_1 MS_1")
		if said := o.requests(); strings.Count(said, "POST /Users ") != 1 || strings.Contains(said, "PATCH /Users") {
			t.Errorf("the user was written again: %s", said)
		}
	})
}

// halfway is Webex whose creates write the user alone and fail behind that; every later call fails, too, and says nothing of what stands.
type halfway struct {
	*webex.Target
	fails connection.Result
	on    bool
}

func (h *halfway) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	if !h.on {
		return h.Target.Apply(ctx, ops)
	}
	all := make([]connection.Result, len(ops))
	for i, op := range ops {
		all[i] = h.fails
		if op.Kind == rule.Create {
			op.After = op.After.Clone()
			op.After.Delete(webex.UserURN)
			r := h.Target.Apply(ctx, []connection.Operation{op})[0]
			all[i].ID, all[i].Version, all[i].Wrote = r.ID, r.Version, op.After
		}
		all[i].Requests = 1
	}
	return all
}

// TestWhatStandsIsLinked: whatever ends the turn behind a part that was written, the account is linked: who leaves is disabled, and who stays gets the rest.
func TestWhatStandsIsLinked(t *testing.T) {
	for _, c := range []struct {
		name   string
		people int
		fails  connection.Result
	}{
		{"asked to wait for longer than the turn lasts", 1, connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetRateLimited}, RetryAfter: 24 * time.Hour}},
		{"the token ends", 1, connection.Result{Err: &lockstep.Error{Code: lockstep.CodeAuthToken}}},
		{"fails again and again", 1, connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetServerError}, MaybeSent: true}},
		{"too many fail", 20, connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetServerError}, MaybeSent: true}},
		{"too many are not reached", 20, connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetUnreachable}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOffice(t)
			ids := map[string]lockstep.UserID{}
			for i := range c.people {
				name := fmt.Sprintf("n%d", i)
				ids[name] = o.person(name)
				o.is(ids[name], "agent")
			}
			h := &halfway{Target: o.engine.Connect.(connect).target.(*webex.Target), fails: c.fails, on: true}
			o.engine.Connect = connect{world: o.world, target: h}
			for range 5 {
				if turn, err := o.engine.Slice(o.ctx, o.tenant, o.out); err != nil || !turn.More && !turn.Reading {
					break
				} else if turn.Reading {
					o.awaitRead(o.out)
				}
			}
			people, _ := o.org.People(state.PeopleQuery{Limit: 100})
			if len(people) == 0 {
				t.Fatal("nobody was created")
			}
			for _, p := range people {
				links, err := o.db.Provision().Links(o.ctx, o.tenant, o.out, plan.LinkQuery{Type: "User", Targets: []string{p.ID}})
				o.must(err)
				if row := o.last(ids[p.Name]); len(links) != 1 || row.State != plan.Failed || row.Target.ID != p.ID {
					t.Errorf("%s is there, %d are linked to them, and the row is %s: %s", p.Name, len(links), row.State, row.Detail)
				}
			}
		})
	}
}
