package api_test

import (
	"testing"

	"lockstep"
	"lockstep/api"
	"lockstep/rule"
)

// A draft is edited, read, brought up to date and applied over HTTP; its revision is a condition.
func TestDrafts(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.admin.CreateApp(ctx, api.NewSystem{Kind: "nowhere", Slug: "app"})
	w.must(err)
	u, err := w.admin.CreateUser(ctx, user("ada@acme.example"))
	w.must(err)
	none, err := w.admin.Draft(ctx, "app")
	if err != nil || none.Revision != 0 || none.InForce != 1 || len(none.Rules.Objects) == 0 || none.At != nil {
		t.Errorf("without a draft: %+v, %v", none, err)
	}
	set := func(attribute string) (api.Draft, error) {
		return w.admin.EditDraftRules(ctx, "app", "User", func(m *rule.ObjectMapping) error {
			m.Attributes = append(m.Attributes, rule.Mapping{Target: "nickName", Source: &rule.MappingSource{Type: rule.FromAttribute, Expression: attribute}})
			return nil
		})
	}
	_, err = set("Join(")
	wantCode(t, err, lockstep.CodeMapSyntax)
	d, err := set("[displayName]")
	if err != nil || d.Revision == 0 || d.Base != 1 || len(d.Changes) != 1 || d.Changes[0].Field != "User/attribute/nickName" || d.Changes[0].Was != "" {
		t.Fatalf("draft %+v, %v", d, err)
	}
	_, err = w.admin.DraftPolicy(ctx, "app", 0, api.Policy{Everyone: true})
	wantCode(t, err, lockstep.CodeVersion)
	d, err = w.admin.DraftPolicy(ctx, "app", d.Revision, api.Policy{Everyone: true})
	w.must(err)
	d, err = w.admin.DraftAssign(ctx, "app", []api.DraftAssignmentInput{{User: "ada@acme.example"}})
	if err != nil || len(d.Assigned) != 1 || d.Assigned[0].Name != "ada@acme.example" || d.Assigned[0].ID != string(u.ID) || len(d.Changes) != 2 {
		t.Errorf("draft %+v, %v", d, err)
	}
	if j, err := w.admin.Job(ctx, "app"); err != nil || j.Policy.Everyone {
		t.Errorf("the job %+v, %v", j, err)
	}
	_, err = w.admin.PutPolicy(ctx, "app", api.Policy{OnLeave: "keep", Everyone: true, Interval: 60})
	w.must(err)
	_, err = w.admin.ApplyDraft(ctx, "app", d.Revision, api.ApplyDraft{})
	wantCode(t, err, lockstep.CodeDraftBehind)
	d, err = w.admin.RebaseDraft(ctx, "app", d.Revision, nil)
	if err != nil || d.InForce != 2 || d.Base != 2 || d.Policy.OnLeave != "keep" || d.Policy.Interval != 60 {
		t.Errorf("brought up to date: %+v, %v", d, err)
	}
	a, err := w.admin.ApplyDraft(ctx, "app", d.Revision, api.ApplyDraft{Note: "nick names"})
	if err != nil || a.Version.Number != 3 || a.Version.Note != "nick names" || a.Version.Assignments != 1 || a.LeftOut != 0 {
		t.Errorf("applied %+v, %v", a, err)
	}
	wantCode(t, w.admin.DiscardDraft(ctx, "app", api.AnyRevision), lockstep.CodeNotFound)
	all, err := w.admin.JobVersions(ctx, "app")
	if err != nil || len(all) != 3 || all[0].Number != 3 || all[1].Changed[0] != "policy/everyone" {
		t.Errorf("versions %+v, %v", all, err)
	}
	v, err := w.admin.JobVersion(ctx, "app", 3, 1)
	if err != nil || v.Against != 1 || len(v.Changes) != 4 || len(v.Rules.Objects) == 0 {
		t.Errorf("version 3 against 1: %+v, %v", v, err)
	}
	d, err = w.admin.RollBack(ctx, "app", 2)
	if err != nil || len(d.Changes) != 1 || d.Changes[0].Now != "" {
		t.Errorf("rolled back: %+v, %v", d, err)
	}
	w.must(w.admin.DiscardDraft(ctx, "app", d.Revision))
}
