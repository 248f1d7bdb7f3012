package provision_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
)

// TestPlanTellsWhatIsForbidden: whom somebody has ordered to be deleted no source brings back, and the plan says so instead of foretelling
// a change that is then refused. Nothing is tried. When they are restored, the source has them again.
func TestPlanTellsWhatIsForbidden(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { forbidden(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { forbidden(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func forbidden(w *world) {
	w.Helper()
	w.file("people.csv", undoPeople)
	w.run(w.in)
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{})
	w.must(err)
	var ada directory.User
	for _, u := range users {
		if u.Attributes.Text("userName") == "ada@acme.example" {
			ada = u
		}
	}
	w.change(directory.DeleteUser{ID: ada.ID})
	w.file("people.csv", strings.Replace(undoPeople, "Analyst", "Queen", 1))
	w.run(w.in)
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{Text: "ada@acme.example", Newest: true, Limit: 10})
	w.must(err)
	if len(rows) == 0 || rows[0].State != plan.Refused || rows[0].Code != lockstep.CodeDeletedByOrder || rows[0].Kind != rule.Skip || rows[0].Attempt != 0 || !strings.Contains(rows[0].Detail, "deleted by test") {
		w.Errorf("the newest row about ada: %+v", rows)
	}
	for _, r := range rows {
		if r.Kind != rule.Create && r.Attempt > 0 {
			w.Errorf("it was tried: %+v", r)
		}
	}
	var told []plan.Action
	if _, err := w.engine.Preview(w.ctx, w.tenant, w.in, func(a plan.Action) error {
		if a.Source.Name == "ada@acme.example" && a.Code == "" {
			told = append(told, a)
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	if len(told) > 0 {
		w.Errorf("the preview foretells %+v", told)
	}
	w.change(directory.RestoreUser{ID: ada.ID})
	w.file("people.csv", strings.Replace(undoPeople, "Analyst", "King", 1))
	w.run(w.in)
	again, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{IDs: []lockstep.UserID{ada.ID}})
	w.must(err)
	if len(again) != 1 || again[0].Attributes.Text("title") != "King" {
		w.Errorf("once they are restored: %+v", again)
	}
}

// TestPlanTellsWhatSchemasRefuse: whom a change, or a return, would leave with values that the tenant's own schemas do not allow is refused in the plan,
// and nothing is tried; the others go on, and so do they once their values are allowed.
func TestPlanTellsWhatSchemasRefuse(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { refusedBySchemas(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { refusedBySchemas(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func refusedBySchemas(w *world) {
	w.Helper()
	w.engine.Directory = &hub.Connector{Store: w.db, Schemas: w.db.Schemas}
	const urn = "urn:acme:2.0:Badge"
	w.change(directory.PutExtension{Extension: directory.Extension{Kind: directory.UserKind, Schema: scim.Schema{ID: urn, Attributes: []scim.Attribute{
		{Name: "colour", Type: scim.String, Mutability: scim.Immutable},
	}}}})
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
	w.must(err)
	j.Rules.Objects[0].Attributes = append(direct("userName", "userName", "displayName"),
		rule.Mapping{Target: urn + ":colour", Source: &rule.MappingSource{Type: rule.FromAttribute, Name: "title", Expression: "[title]"}})
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	people := func(lines ...string) {
		w.file("people.csv", "id,userName,displayName,title\n9,cy@acme.example,Cy,\n"+strings.Join(lines, "\n")+"\n")
		w.run(w.in)
	}
	newest := func(name string) plan.Action {
		w.Helper()
		rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{Text: name, Newest: true, Limit: 1})
		w.must(err)
		if len(rows) == 0 {
			w.Fatalf("there is no row about %s", name)
		}
		return rows[0]
	}
	refused := func(when string) {
		w.Helper()
		r := newest("ada@acme.example")
		if r.State != plan.Refused || r.Kind != rule.Skip || r.Code != lockstep.CodeInvalid || r.Attempt != 0 || !strings.Contains(r.Detail, "colour") || strings.Contains(r.Detail, "400") {
			w.Errorf("%s: %+v", when, r)
		}
	}
	done := func(when, name string, kind rule.Kind) {
		w.Helper()
		if r := newest(name); r.State != plan.Done || r.Kind != kind {
			w.Errorf("%s: %+v", when, r)
		}
	}
	people("1,ada@acme.example,Ada,red", "2,bob@acme.example,Bob,green")
	people("1,ada@acme.example,Ada,blue", "2,bob@acme.example,Bobby,green")
	refused("another colour")
	done("another name", "bob@acme.example", rule.Update)
	if _, err := w.engine.Preview(w.ctx, w.tenant, w.in, func(a plan.Action) error {
		if a.State != plan.Refused {
			w.Errorf("the preview foretells %+v", a)
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	people("1,ada@acme.example,Lady Ada,red", "2,bob@acme.example,Bobby,green")
	done("their own colour again, and another name", "ada@acme.example", rule.Update)
	people("2,bob@acme.example,Bobby,green")
	done("they leave", "ada@acme.example", rule.Delete)
	people("1,ada@acme.example,Ada,blue", "2,bob@acme.example,Bobby,green")
	refused("they come back with another colour")
	people("1,ada@acme.example,Ada,red", "2,bob@acme.example,Bobby,green")
	done("they come back", "ada@acme.example", rule.Link)
}
