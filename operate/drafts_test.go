package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// crm is an app with a job that maps two attributes.
func (w *world) crm() {
	w.Helper()
	app := lockstep.NewID[lockstep.AppID]()
	_, err := w.db.Commit(w.Context(), w.ids["default"], audit.Actor{}, "", directory.PutApp{App: directory.App{ID: app, Slug: "crm", Name: "CRM", Roles: []directory.Role{{Value: "user"}}}})
	w.must(err)
	w.must(w.db.PutJob(w.Context(), audit.Actor{}, provision.Job{
		Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: "crm", Name: "CRM", Direction: provision.Outbound, App: app, Rules: crmRules("[title]"),
	}))
}

func crmRules(title string) rule.Rules {
	from := func(target, e string) rule.Mapping {
		return rule.Mapping{Target: target, Source: &rule.MappingSource{Type: rule.FromFunction, Expression: e}}
	}
	match := from("userName", "[userName]")
	match.Match = 1
	return rule.Rules{Objects: []rule.ObjectMapping{{Name: "people", Enabled: true, Source: "User", Target: "User", Flow: "Add, Update", Attributes: []rule.Mapping{match, from("title", title), {Target: "password", Source: &rule.MappingSource{Type: rule.FromConstant, Expression: `"hunter2"`}}}}}}
}

func said(d operate.Drafted) string {
	var lines []string
	for _, c := range d.Changes {
		lines = append(lines, fmt.Sprintf("%s: %s → %s", c.What, c.Was, c.Now))
	}
	for _, a := range d.Assigned {
		lines = append(lines, fmt.Sprintf("%s %s gone=%t", a.Kind, a.Name, a.Gone))
	}
	return strings.Join(lines, "; ")
}

// TestDraft: what is drafted changes nothing, is told in words, and is put into force once.
func TestDraft(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		w.crm()
		for _, name := range []string{"ada@acme.example", "ben@acme.example"} {
			_, err := w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: name}})
			w.must(err)
		}
		_, err := w.Assign(ctx, admin, "crm", "ben@acme.example", "", "")
		w.must(err)
		none, err := w.Draft(ctx, admin, "crm")
		w.must(err)
		if none.Revision != 0 {
			w.Errorf("there is a draft: %+v", none)
		}
		_, err = w.ApplyDraft(ctx, admin, "crm", operate.AnyRevision, "")
		w.want("apply no draft", err, lockstep.CodeNotFound)
		w.want("discard no draft", w.DiscardDraft(ctx, admin, "crm", operate.AnyRevision), lockstep.CodeNotFound)
		_, err = w.RebaseDraft(ctx, admin, "crm", operate.AnyRevision, nil)
		w.want("rebase no draft", err, lockstep.CodeNotFound)

		d, err := w.DraftRules(ctx, admin, "crm", 0, crmRules("[nickName]"))
		w.must(err)
		_, err = w.DraftRules(ctx, admin, "crm", 0, crmRules("[displayName]"))
		w.want("a second draft", err, lockstep.CodeVersion)
		_, err = w.DraftRules(ctx, admin, "crm", operate.AnyRevision, crmRules("[nothing]"))
		w.want("an attribute that is not there", err, lockstep.CodeMapUnknown)
		d, err = w.DraftPolicy(ctx, admin, "crm", d.Revision, provision.Policy{OnLeave: rule.LeaveDelete, Excluded: []rule.Exclusion{{Type: "User", ID: "x", Reason: "no"}}})
		w.must(err)
		d, err = w.DraftAssign(ctx, admin, "crm", d.Revision, []operate.DraftAssignment{{User: "ada@acme.example"}, {User: "ben@acme.example", Gone: true}})
		w.must(err)
		const want = "Mapping of title (people): from title → from nickName; Who leaves scope: is disabled → is deleted; User ada@acme.example gone=false; User ben@acme.example gone=true"
		if got := said(d); got != want {
			w.Errorf("the draft says\n %s\nwant\n %s", got, want)
		}
		again, err := w.Draft(ctx, admin, "crm")
		w.must(err)
		if got := said(again); got != want || again.Behind() || again.Revision != d.Revision {
			w.Errorf("read again it says %s", got)
		}
		j, err := w.Job(ctx, admin, "crm")
		w.must(err)
		if j.Config != 1 || j.Policy.OnLeave != "" {
			w.Errorf("the draft has changed the job: %+v", j)
		}
		a, err := w.ApplyDraft(ctx, admin, "crm", d.Revision, " for Q1 ")
		w.must(err)
		if a.Version.Number != 2 || a.Version.Note != "for Q1" || a.LeftOut != 0 {
			w.Errorf("applied: %+v", a)
		}
		if j, err = w.Job(ctx, admin, "crm"); err != nil || j.Policy.OnLeave != rule.LeaveDelete || len(j.Policy.Excluded) != 0 || j.Rules.Objects[0].Attributes[1].Source.Expression != "[nickName]" {
			w.Errorf("the job is %+v, %v", j, err)
		}
		all, err := w.Assignments(ctx, admin, "crm")
		if w.must(err); len(all) != 1 || all[0].Name != "ada@acme.example" {
			w.Errorf("assigned are %+v", all)
		}
		_, err = w.ApplyDraft(ctx, admin, "crm", d.Revision, "")
		w.want("apply it again", err, lockstep.CodeNotFound)
	})
}

// TestDraftThatChangesNothing: it is none.
func TestDraftThatChangesNothing(t *testing.T) {
	w := newWorld(t, sqlite(t))
	w.crm()
	ctx, admin := w.Context(), w.admin()
	d, err := w.DraftRules(ctx, admin, "crm", 0, crmRules("[title]"))
	w.must(err)
	if d.Revision != 0 {
		w.Errorf("a draft of nothing: %+v", d)
	}
	d, err = w.DraftRules(ctx, admin, "crm", 0, crmRules("[nickName]"))
	w.must(err)
	d, err = w.DraftRules(ctx, admin, "crm", d.Revision, crmRules("[title]"))
	w.must(err)
	if now, err := w.Draft(ctx, admin, "crm"); err != nil || d.Revision != 0 || now.Revision != 0 {
		w.Errorf("what was taken back is still a draft: %+v, %v", now, err)
	}
}

// TestDraftBehind: somebody else was faster. Their fields are kept, yours too, and where both have changed one you say whose counts.
func TestDraftBehind(t *testing.T) {
	onBoth(t, func(w *world) {
		w.crm()
		ctx, admin := w.Context(), w.admin()
		d, err := w.DraftRules(ctx, admin, "crm", 0, crmRules("[nickName]"))
		w.must(err)
		_, err = w.SetPolicy(ctx, admin, "crm", 0, provision.Policy{Everyone: true})
		w.must(err)
		_, err = w.ApplyDraft(ctx, admin, "crm", d.Revision, "")
		w.want("apply what is behind", err, lockstep.CodeDraftBehind)
		d, err = w.Draft(ctx, admin, "crm")
		if w.must(err); !d.Behind() || len(d.Conflicts) != 0 || d.InForce.Number != 2 {
			w.Errorf("behind, without a conflict: %+v", d)
		}
		d, err = w.RebaseDraft(ctx, admin, "crm", d.Revision, nil)
		if w.must(err); d.Behind() || said(d) != "Mapping of title (people): from title → from nickName" || !d.Configuration.Policy.Everyone {
			w.Errorf("brought up to date: %s %+v", said(d), d)
		}
		_, err = w.SetRules(ctx, admin, "crm", 0, crmRules("[displayName]"))
		w.must(err)
		d, err = w.Draft(ctx, admin, "crm")
		w.must(err)
		want := operate.Conflict{Field: "User/attribute/title", What: "Mapping of title (people)", Base: "from title; without a value it keeps its value", Theirs: "from displayName; without a value it keeps its value", Yours: "from nickName; without a value it keeps its value"}
		if len(d.Conflicts) != 1 || d.Conflicts[0] != want {
			w.Errorf("conflicts: %+v", d.Conflicts)
		}
		_, err = w.RebaseDraft(ctx, admin, "crm", d.Revision, nil)
		w.want("without a word", err, lockstep.CodeDraftBehind)
		if c, is := err.(*operate.Conflicting); !is || len(c.Conflicts) != 1 { //nolint:errorlint // as it comes
			w.Errorf("%v", err)
		}
		d, err = w.RebaseDraft(ctx, admin, "crm", d.Revision, map[plan.Field]plan.Side{"User/attribute/title": plan.Yours})
		w.must(err)
		_, err = w.ApplyDraft(ctx, admin, "crm", d.Revision, "")
		w.must(err)
		if j, err := w.Job(ctx, admin, "crm"); err != nil || j.Rules.Objects[0].Attributes[1].Source.Expression != "[nickName]" || !j.Policy.Everyone {
			w.Errorf("the job is %+v, %v", j, err)
		}
	})
}

// TestRollBack: a version comes back as a draft, with the passwords that are in force, and whom somebody keeps out stays out.
func TestRollBack(t *testing.T) {
	onBoth(t, func(w *world) {
		w.crm()
		ctx, admin := w.Context(), w.admin()
		u, err := w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: "ada@acme.example"}})
		w.must(err)
		_, err = w.SetRules(ctx, admin, "crm", 0, crmRules("[nickName]"))
		w.must(err)
		_, err = w.SetPolicy(ctx, admin, "crm", 0, provision.Policy{Everyone: true})
		w.must(err)
		_, err = w.Exclude(ctx, admin, "crm", "User", string(u.ID), "on leave", w.at.AddDate(0, 1, 0))
		w.must(err)
		all, err := w.Versions(ctx, admin, "crm", 0, 0)
		if w.must(err); len(all) != 3 {
			w.Errorf("versions: %+v", all)
		}
		c, err := w.CompareVersions(ctx, admin, "crm", 1, 0)
		w.must(err)
		if got := said(operate.Drafted{Changes: c.Changes}); got != "Mapping of title (people): from title → from nickName; Who is in scope: who is assigned → everybody" {
			w.Errorf("compared: %s", got)
		}
		c, err = w.CompareVersions(ctx, admin, "crm", -1, 2)
		if w.must(err); c.From.Number != 1 || len(c.Changes) != 1 {
			w.Errorf("version 2: %+v", c)
		}
		_, err = w.RollBack(ctx, admin, "crm", 9)
		w.want("a version that is not there", err, lockstep.CodeNotFound)
		_, err = w.RollBack(ctx, admin, "crm", 3)
		w.want("the version in force", err, lockstep.CodeConflict)
		d, err := w.RollBack(ctx, admin, "crm", 1)
		w.must(err)
		_, err = w.RollBack(ctx, admin, "crm", 2)
		w.want("over a draft", err, lockstep.CodeConflict)
		if got := said(d); got != "Mapping of title (people): from nickName → from title; Who is in scope: everybody → who is assigned" {
			w.Errorf("rolled back: %s", got)
		}
		_, err = w.ApplyDraft(ctx, admin, "crm", d.Revision, "back to 1")
		w.must(err)
		j, err := w.Job(ctx, admin, "crm")
		w.must(err)
		if j.Rules.Objects[0].Attributes[2].Source.Expression != `"hunter2"` || len(j.Policy.Excluded) != 1 || j.Policy.Everyone {
			w.Errorf("the job is %+v", j)
		}
	})
}

// TestChangesAreWords: every member of the policy has a name and a value that people read, and no secret is told.
func TestChangesAreWords(t *testing.T) {
	w := newWorld(t, sqlite(t))
	w.crm()
	ctx, admin := w.Context(), w.admin()
	rules := crmRules("[title]")
	rules.Objects[0].Attributes[2].Source.Expression = `"geheim"`
	rules.Objects[0].Scope = rule.Filter{Groups: []rule.FilterGroup{{Clauses: []rule.Clause{{Attribute: "title", Operator: "EQUALS", Operand: rule.Operand{Values: []string{"Boss"}}}}}}}
	rules.Objects[0].Flow = "Add"
	d, err := w.DraftRules(ctx, admin, "crm", 0, rules)
	w.must(err)
	d, err = w.DraftPolicy(ctx, admin, "crm", d.Revision, provision.Policy{
		Everyone: true, Nested: true, DefaultRole: true, Groups: true, OnLeave: rule.LeaveKeep, OnMissing: rule.MissingFail, Guard: rule.GuardLimit{Count: 7},
		Interval: 3600e9, Rate: 2.5, Connections: 3, DriftEvery: -1,
	})
	w.must(err)
	got := strings.ReplaceAll(said(d), "; ", "\n")
	want := strings.TrimSpace(`
Mapping as a whole (people): “people”, to User, switched on: Add, Update → “people”, to User, switched on: Add
Scoping filter (people): everybody passes → title equals Boss
Mapping of password (people): a text that is never shown → another one
Calls at the same time: as the connector has it → 3
Holders of only an excluding role: are not in scope → are in scope
Looking for drift every: 24 h → only when asked
Who is in scope: who is assigned → everybody
Group objects: are not sent → are sent
Deletion guard: holds more than 5 and 10 % → holds more than 7 and 10 %
A cycle at least every: only on change → 1 h
Members of groups in groups: are not brought → are brought, too
Who leaves scope: is disabled → stays as they are
Who has vanished at the application: is created again → fails
Requests a second: as many as it takes → 2.5`)
	if got != want {
		w.Errorf("the draft says\n%s\nwant\n%s", got, want)
	}
}
