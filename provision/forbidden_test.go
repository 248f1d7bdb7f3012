package provision_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/rule"
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
