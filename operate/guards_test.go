package operate_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/token"
)

// TestRightsThatAreLeft: what a token, or whoever holds one, may do is what all of its line may do now, and ends with the first of it.
func TestRightsThatAreLeft(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	maker, of, _ := w.with(admin, "api:write", 0)
	_, _, text := w.with(maker, "api:write", 5)
	_, _, err := w.RotateToken(ctx, admin, string(of.ID), operate.Rotation{Days: 1})
	w.must(err)
	child, err := w.Bearer(ctx, text)
	w.must(err)
	if want := w.at.Add(24 * time.Hour); !child.Ends.Equal(want) {
		t.Errorf("a token ends at %s, and the one that it was made with at %s", child.Ends, want)
	}
	few, err := w.Again(ctx, operate.Principal{Tenant: admin.Tenant, Maker: of.ID, Scopes: token.Scopes{"people:read"}})
	w.must(err)
	if few.May(operate.PeopleRead) != nil || few.May(operate.PeopleWrite) == nil || few.May(operate.AppsRead) == nil {
		t.Errorf("who may read people is given %v by the token that they were made with", few.Scopes)
	}
	w.at = w.at.Add(25 * time.Hour)
	_, err = w.Bearer(ctx, text)
	w.want("after the maker's end", err, lockstep.CodeUnauthorized)
	_, err = w.Again(ctx, operate.Principal{Tenant: admin.Tenant, Scopes: token.Scopes{"*:*"}, Ends: w.at})
	w.want("after their own end", err, lockstep.CodeUnauthorized)

	ada := w.person("ada@acme.example")
	role, err := w.AddAdministrator(ctx, admin, operate.NewAdministrator{User: "ada@acme.example", Role: operate.RoleOperator})
	w.must(err)
	her, err := w.as(ada)
	w.must(err)
	_, _, hers := w.with(her, "apps:write people:write", 0)
	_, err = w.AddAdministrator(ctx, admin, operate.NewAdministrator{User: "ada@acme.example", Scopes: "people:write"})
	w.must(err)
	w.must(w.RemoveAdministrator(ctx, admin, string(role.ID)))
	p, err := w.Bearer(ctx, hers)
	w.must(err)
	if p.May(operate.AppsWrite) == nil || p.May(operate.PeopleWrite) != nil {
		t.Errorf("her token may do %v, and she may write people alone", p.Scopes)
	}
	stays, err := w.For(ctx, p, "other")
	if lockstep.CodeOf(err) != lockstep.CodeAuthForbidden || stays.Tenant != admin.Tenant {
		t.Errorf("who may speak of one tenant speaks of %s, %v", stays.Tenant, err)
	}
	some := operate.Principal{Tenant: admin.Tenant, Scopes: token.Scopes{"tokens:write", "tokens:read"}} // by name, with no token
	w.want("a token of somebody else, who had none either", w.RevokeToken(ctx, some, string(of.ID)), lockstep.CodeAuthForbidden)
}

// TestWhoIsMeant: nothing is done to somebody by guess.
func TestWhoIsMeant(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		for _, name := range []string{"ada", "ben"} {
			_, err := w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: name}, {Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: "both@acme.example"}}}}})
			w.must(err)
			_, err = w.CreateGroup(ctx, admin, scim.Object{{Name: "displayName", Value: "Both"}, {Name: "externalId", Value: name}})
			w.must(err)
			w.with(admin, "people:read", 0)
			_, err = w.AddAdministrator(ctx, admin, operate.NewAdministrator{User: "ada", Scopes: map[string]string{"ada": "people:read", "ben": "apps:read"}[name]})
			w.must(err)
		}
		w.want("an address of two", w.DeleteUser(ctx, admin, "both@acme.example", false), lockstep.CodeConflict)
		w.want("a name of two groups", w.DeleteGroup(ctx, admin, "Both", false), lockstep.CodeConflict)
		w.want("a name of two tokens", w.RevokeToken(ctx, admin, "of "+admin.Actor.Name), lockstep.CodeConflict)
		w.want("a name of two roles", w.RemoveAdministrator(ctx, admin, "ada"), lockstep.CodeConflict)
		w.want("nobody's session", w.EndConsoleSession(ctx, admin, ""), lockstep.CodeNotFound)
		for what, in := range map[string]operate.NewAdministrator{"nobody": {Role: operate.RoleAuditor}, "a user and a group": {User: "ada", Group: "Both", Role: operate.RoleAuditor}} {
			w.want(what+" as an administrator", second(w.AddAdministrator(ctx, admin, in)), lockstep.CodeInvalid)
		}
		_, err := w.Users(ctx, admin, operate.Search{After: "x", Limit: 1})
		w.want("a page after nobody", err, lockstep.CodeCursorExpired)
		for n, code := range map[int]lockstep.Code{320: "", 321: lockstep.CodeInvalid} {
			w.want(fmt.Sprint("a name of ", n, " bytes"), second(w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: strings.Repeat("x", n)}})), code)
		}
	})
}

// TestAboveByGroup: who has a role by being in a group is above whoever lacks it, as its group is, and not above who has it.
func TestAboveByGroup(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	w.person("ada")
	for name, role := range map[string]operate.NewAdministrator{"Owners": {Role: operate.RoleOwner}, "Readers": {Scopes: "people:read"}} {
		_, err := w.CreateGroup(ctx, admin, scim.Object{{Name: "displayName", Value: name}})
		w.must(err)
		role.Group = name
		_, err = w.AddAdministrator(ctx, admin, role)
		w.must(err)
	}
	p, _, _ := w.with(admin, "people:write", 0)
	deactivate := func(o scim.Object) scim.Object { o.Set("active", false); return o }
	w.must(w.ChangeMembers(ctx, p, "Readers", operate.MemberChange{AddUsers: []string{"ada"}})) // whose role they have
	w.must(second(w.ChangeUser(ctx, p, "ada", 0, func(o scim.Object) scim.Object { return o })))
	w.want("a group of owners", w.ChangeMembers(ctx, p, "Owners", operate.MemberChange{AddUsers: []string{"ada"}}), lockstep.CodeAuthForbidden)
	w.must(w.ChangeMembers(ctx, admin, "Owners", operate.MemberChange{AddUsers: []string{"ada"}}))
	w.want("who is in it", second(w.ChangeUser(ctx, p, "ada", 0, deactivate)), lockstep.CodeAuthForbidden)
	w.want("who is in it", w.DeleteUser(ctx, p, "ada", false), lockstep.CodeAuthForbidden)
}

// TestTokensOfTheirKind: what only SCIM clients have is refused of other tokens.
func TestTokensOfTheirKind(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	for what, in := range map[string]operate.NewToken{"a profile": {Profile: token.Strict}, "a limit": {Rate: 3}} {
		in.Name, in.Kind, in.Scopes = "x", token.KindAPI, "people:read"
		_, _, err := w.CreateToken(ctx, admin, in)
		w.want(what, err, lockstep.CodeInvalid)
	}
	_, e, _ := w.with(admin, "people:read", 0)
	rate := 3.0
	_, err := w.SetToken(ctx, admin, string(e.ID), operate.TokenChange{Rate: &rate})
	w.want("a limit afterwards", err, lockstep.CodeInvalid)
}

// TestDecisionsAreOfSomebody: to approve what the guard holds takes somebody who has shown lately who they are, and something that is held.
func TestDecisionsAreOfSomebody(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	w.crm()
	_, err := w.DecideHeld(ctx, admin, "crm", operate.HeldAnswer{})
	w.want("nothing is held", err, lockstep.CodeNotFound)
	left := admin
	left.Session, left.Proved = "console", w.at.Add(-operate.ProveFor-time.Second)
	ids := []lockstep.ActionID{lockstep.NewID[lockstep.ActionID]()}
	_, err = w.DecideHeld(ctx, left, "crm", operate.HeldAnswer{Approve: ids})
	w.want("a browser that was left open", err, lockstep.CodeProveAgain)
	_, err = w.Apply(ctx, left, "crm", operate.Answer{Approve: ids})
	w.want("a browser that was left open", err, lockstep.CodeProveAgain)
	w.want("a browser that was left open", w.DeleteApp(ctx, left, "crm"), lockstep.CodeProveAgain)
}

// TestDraftsAndPauses: a draft can be run from its beginning, what is paused cannot.
func TestDraftsAndPauses(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	w.crm()
	_, err := w.ChangeJob(ctx, admin, "crm", operate.JobChange{State: provision.Paused})
	w.must(err)
	j, err := w.Operator.Run(ctx, admin, "crm", true)
	w.must(err)
	if j.State != provision.Active || j.NextRun.IsZero() {
		t.Errorf("%+v", j)
	}
	_, err = w.ChangeJob(ctx, admin, "crm", operate.JobChange{State: provision.Paused})
	w.must(err)
	for _, whole := range []bool{true, false} { // it is due, so it is no draft any more
		_, err = w.Operator.Run(ctx, admin, "crm", whole)
		w.want("what is paused", err, lockstep.CodeConflict)
	}
	_, err = w.SetRules(ctx, admin, "crm", j.Config+1, crmRules("[nickName]"))
	w.want("rules of another version", err, lockstep.CodeVersion)
	_, err = w.SetRules(ctx, admin, "crm", 0, crmRules("[nickName]"))
	w.must(err)
	if (operate.Drafted{InForce: plan.Version{Number: 3}}).Behind() {
		t.Error("a draft that is not there is behind")
	}
	_, err = w.DraftRules(ctx, admin, "crm", 0, crmRules("[displayName]"))
	w.must(err)
	_, err = w.ApplyDraft(ctx, admin, "crm", operate.AnyRevision, strings.Repeat("x", 501))
	w.want("a long note", err, lockstep.CodeInvalid)
	w.must(w.DiscardDraft(ctx, admin, "crm", operate.AnyRevision))
	w.want("what was discarded", w.DiscardDraft(ctx, admin, "crm", operate.AnyRevision), lockstep.CodeNotFound)
}

// TestSecretsStayHere: a secret goes nowhere else than where it was meant for.
func TestSecretsStayHere(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	of := func(names ...string) func(map[string]string) string {
		return func(s map[string]string) string {
			text := ""
			for _, n := range names {
				text += s[n] + "|"
			}
			return text
		}
	}
	w.Gallery = []operate.Template{{
		Kind: "x", Name: "X", Direction: provision.Outbound,
		Settings:    []operate.Setting{{Name: "url"}, {Name: "org"}, {Name: "how"}, {Name: "note"}},
		Secrets:     []operate.Setting{{Name: "token"}, {Name: "password"}},
		Destination: of("url", "how"), System: of("url", "org"),
		Uses: func(s map[string]string) []string {
			return map[string][]string{"": {"token", "password"}, "token": {"token"}}[s["how"]]
		},
	}}
	job := provision.Job{
		Tenant: admin.Tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: "x", Name: "X", Direction: provision.Outbound, Rules: crmRules("[title]"),
		Connection: provision.Connection{Kind: "x", Settings: map[string]string{"url": "a"}},
	}
	w.must(w.db.PutJob(ctx, audit.Actor{}, job))
	set := func(settings, secrets map[string]string) (provision.Job, error) {
		return w.SetConnection(ctx, admin, "x", operate.ConnectionChange{Settings: settings, Secrets: secrets})
	}
	secrets := func(want ...string) {
		t.Helper()
		j, err := w.Job(ctx, admin, "x")
		w.must(err)
		if got := slices.Sorted(slices.Values(j.Connection.Secrets)); !slices.Equal(got, want) {
			t.Errorf("the secrets are %v, want %v", got, want)
		}
	}
	generation := func() int64 {
		t.Helper()
		_, err := w.Operator.Run(ctx, admin, "x", true) // there is a mirror
		w.must(err)
		h, err := w.Reads.Head(ctx, w.mirrorOf(job.ID))
		w.must(err)
		return h.Generation
	}
	both := map[string]string{"token": "t", "password": "p"}
	_, err := set(nil, both)
	w.must(err)
	secrets("password", "token")
	first := generation()
	_, err = set(map[string]string{"note": "n"}, nil)
	w.must(err)
	secrets("password", "token")
	_, err = set(map[string]string{"url": "b"}, nil)
	w.want("another place", err, lockstep.CodeSecretsAgain)
	_, err = set(map[string]string{"url": "b"}, map[string]string{"token": "t"})
	w.want("another place, with one of two", err, lockstep.CodeSecretsAgain)
	if j, _ := w.Job(ctx, admin, "x"); j.Connection.Settings["url"] != "a" || generation() != first {
		t.Errorf("it leads to %v all the same", j.Connection.Settings)
	}
	_, err = set(map[string]string{"how": "token"}, map[string]string{"token": "t"}) // which has no use for the password
	w.must(err)
	secrets("token")
	if generation() != first {
		t.Error("the same system was forgotten")
	}
	_, err = set(map[string]string{"url": "b", "how": ""}, both)
	w.must(err)
	secrets("password", "token")
	if generation() == first {
		t.Error("another system is taken for the one before")
	}
	for what, c := range map[string]operate.ConnectionChange{
		"a long setting": {Settings: map[string]string{"note": strings.Repeat("x", 4001)}},
		"a long secret":  {Secrets: map[string]string{"token": strings.Repeat("x", 16_001)}},
	} {
		_, err := w.SetConnection(ctx, admin, "x", c)
		w.want(what, err, lockstep.CodeInvalid)
	}
}

// TestFormsAreOfWhoSentThem: nobody gets what somebody else has filled in.
func TestFormsAreOfWhoSentThem(t *testing.T) {
	w := newWorld(t, sqlite(t))
	p, _, _ := w.with(w.admin(), "people:write", 0)
	secret, err := w.KeepForm(w.Context(), p, operate.Form{Path: "/x", Who: p.Actor.ID})
	w.must(err)
	w.must(second(w.KeptForm(w.Context(), p, secret)))
	w.want("of another", second(w.KeptForm(w.Context(), w.admin(), secret)), lockstep.CodeNotFound)
}

// TestFilesOfSources: nothing but the files that a source's settings name is written.
func TestFilesOfSources(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	w.Files = noFiles{}
	w.must(w.db.PutJob(ctx, audit.Actor{}, provision.Job{
		Tenant: admin.Tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: "hr", Direction: provision.Inbound,
		Connection: provision.Connection{Kind: "csvfile", Settings: map[string]string{"people": "people.csv", "secret": "x"}},
	}))
	w.crm()
	_, err := w.PutSourceFile(ctx, admin, "hr", "people", strings.NewReader("a"))
	w.must(err)
	_, err = w.PutSourceFile(ctx, admin, "hr", "secret", strings.NewReader("a"))
	w.want("another setting", err, lockstep.CodeInvalid)
	_, err = w.PutSourceFile(ctx, admin, "crm", "people", strings.NewReader("a"))
	w.want("an app", err, lockstep.CodeInvalid)
	_, err = w.Provision(ctx, admin, "hr", "User", "ada", time.Second)
	w.want("one person of a source", err, lockstep.CodeInvalid)
}

// TestAppsAreDeletedAlone: with an app goes its job, and no other.
func TestAppsAreDeletedAlone(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	w.crm()
	app := lockstep.NewID[lockstep.AppID]()
	_, err := w.db.Commit(ctx, admin.Tenant, audit.Actor{}, "", directory.PutApp{App: directory.App{ID: app, Slug: "erp", Name: "ERP"}})
	w.must(err)
	w.must(w.db.PutJob(ctx, audit.Actor{}, provision.Job{Tenant: admin.Tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: "erp", Direction: provision.Outbound, App: app, Rules: crmRules("[title]")}))
	w.must(w.DeleteApp(ctx, admin, "erp"))
	jobs, err := w.ListJobs(ctx, admin)
	if err != nil || len(jobs) != 1 || jobs[0].Slug != "crm" {
		t.Errorf("%+v, %v", jobs, err)
	}
}

// TestExclusionsEnd: those that have ended are dropped with the next, and a draft that is brought up to date has none of its own.
func TestExclusionsEnd(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx, admin := w.Context(), w.admin()
	w.crm()
	w.person("ada")
	w.person("ben")
	_, err := w.DraftRules(ctx, admin, "crm", 0, crmRules("[displayName]"))
	w.must(err)
	exclude := func(name string, until time.Time) []string {
		t.Helper()
		_, err := w.Exclude(ctx, admin, "crm", "User", name, "on leave", until)
		w.must(err)
		j, err := w.Job(ctx, admin, "crm")
		w.must(err)
		var names []string
		for _, e := range j.Policy.Excluded {
			names = append(names, e.Name)
		}
		return names
	}
	exclude("ada", w.at.Add(time.Hour))
	w.at = w.at.Add(2 * time.Hour)
	if got := exclude("ben", time.Time{}); !slices.Equal(got, []string{"ben"}) {
		t.Errorf("excluded are %v", got)
	}
	_, err = w.SetPolicy(ctx, admin, "crm", 0, provision.Policy{Everyone: true})
	w.must(err)
	d, err := w.RebaseDraft(ctx, admin, "crm", operate.AnyRevision, map[plan.Field]plan.Side{})
	w.must(err)
	if n := len(d.Configuration.Policy.Excluded); n != 0 || d.Behind() || !d.Configuration.Policy.Everyone {
		t.Errorf("a draft with %d exclusions: %+v", n, d.Configuration.Policy)
	}
}

// TestStreamsOfAll: all tenants together have so many streams, and who leaves makes room.
func TestStreamsOfAll(t *testing.T) {
	w := newWorld(t, sqlite(t))
	of := func(i int) operate.Principal {
		return operate.Principal{Tenant: lockstep.TenantID(fmt.Sprint("t", i)), Scopes: token.Scopes{"*:*"}}
	}
	for range 600 {
		done, err := w.Stream(of(0))
		w.must(err)
		done()
	}
	var done func()
	for i := range 512 {
		var err error
		if done, err = w.Stream(of(i / 60)); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	_, err := w.Stream(of(99))
	w.want("one more than all", err, lockstep.CodeConflict)
	done()
	_, err = w.Stream(of(99))
	w.must(err)
}

// TestWhatIsSaidOfReads: a source that has been looked at up to where it stands is not behind.
func TestWhatIsSaidOfReads(t *testing.T) {
	f := operate.Facts{Job: provision.Job{Direction: provision.Inbound, Cursor: "m/1/5", Position: 5, State: provision.Active, Config: 1, Applied: 1}, Now: time.Unix(1, 0)}
	for position, want := range map[int64]operate.Value{5: operate.InStep, 6: operate.Behind} {
		f.Outside.Position = position
		if got := operate.StateOf(f); got.Value != want {
			t.Errorf("at %d of %d it is %s: %s", f.Job.Position, position, got.Value, got.Says)
		}
	}
}

// noFiles takes files and keeps none.
type noFiles struct{}

func (noFiles) Left(string) (bool, error) { return false, nil }

func (noFiles) Put(_ context.Context, _ lockstep.TenantID, _ string, body io.Reader, _ int64) (int64, error) {
	return io.Copy(io.Discard, body)
}

// mirrorOf names the mirror of a job of the tenant default.
func (w *world) mirrorOf(id lockstep.JobID) mirror.ID {
	return mirror.ID{Tenant: w.ids["default"], Connection: id}
}

// TestReadsThatFail: while the reads of a source fail it is not said to be read.
func TestReadsThatFail(t *testing.T) {
	f := operate.Facts{Job: provision.Job{Direction: provision.Inbound, Cursor: "m/1/5", Position: 5, State: provision.Active, Config: 1, Applied: 1}, Now: time.Unix(1_000_000, 0)}
	f.Outside.Position, f.Outside.Code = 5, lockstep.CodeSourceUnreachable
	f.Outside.Passes = []mirror.Pass{{Type: "User", Stage: mirror.Reading, Asked: time.Unix(1, 0)}}
	if s := operate.StateOf(f); s.Value != operate.Retrying || s.Exit == operate.ExitInStep {
		t.Errorf("%s: %s", s.Value, s.Says)
	}
}

// TestPlanOfOtherRules: a plan is applied only while the rules are those that it was made by.
func TestPlanOfOtherRules(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		w.crm()
		j, err := w.Job(ctx, admin, "crm")
		w.must(err)
		claimed, err := w.Jobs.Claim(ctx, admin.Tenant, j.ID, 0)
		w.must(err)
		c := provision.Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: j.ID, Kind: provision.Initial, Phase: provision.Review, Config: j.Config, Began: w.at}
		w.must(w.Jobs.Commit(ctx, admin.Tenant, j.ID, claimed.Epoch, provision.Batch{Cycle: &c}))
		_, err = w.Provision(ctx, admin, "crm", "User", "ada", time.Second)
		w.want("one person beside it", err, lockstep.CodeConflict)
		_, err = w.Apply(ctx, admin, "crm", operate.Answer{Cycle: lockstep.NewID[lockstep.CycleID]()})
		w.want("another plan", err, lockstep.CodePlanStale)
		_, err = w.SetRules(ctx, admin, "crm", 0, crmRules("[nickName]"))
		w.must(err)
		_, err = w.Apply(ctx, admin, "crm", operate.Answer{Cycle: c.ID})
		w.want("by other rules", err, lockstep.CodePlanStale)
		if j, err := w.Job(ctx, admin, "crm"); err != nil || j.Cycle == nil || j.Cycle.Phase != provision.Review {
			w.Errorf("the plan is %+v, %v", j.Cycle, err)
		}
		_, err = w.Discard(ctx, admin, "crm", operate.Answer{Cycle: c.ID})
		w.must(err)
	})
}
