package console_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

var planRows = flag.Int("plan-rows", 10_000, "how many rows the plan of BenchmarkPlanPage has")

// BenchmarkPlanPage is the time of pages of a plan with very many rows: the first, one behind, one of a cause, and one of a search.
func BenchmarkPlanPage(b *testing.B) {
	w := newWorld(b, 0)
	j, err := w.db.Provision().Claim(b.Context(), w.tenant, w.out, 0)
	w.must(err)
	c := provision.Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: j.ID, Kind: provision.Initial, Phase: provision.Ranking, Config: j.Config, Began: w.now()}
	c.Counts.Planned = *planRows
	changed := []string{"title", "displayName", "nickName"}
	for from := 0; from < *planRows; from += 5000 {
		var rows []plan.Action
		for i := from; i < min(from+5000, *planRows); i++ {
			name := fmt.Sprintf("m%d@acme.example", i)
			a := plan.Action{
				ID: lockstep.NewID[lockstep.ActionID](), Cycle: c.ID, Kind: rule.Create, Lane: plan.LaneCreate, State: plan.Planned, Planned: w.now(), Reason: rule.Reason{Rule: "in scope, not at the target"},
				Source: plan.End{Ref: connection.Ref{Type: "User", ID: fmt.Sprint("u", i)}, Name: name}, Target: plan.End{Ref: connection.Ref{Type: "User"}, Name: name},
				After: scim.Object{{Name: "userName", Value: name}, {Name: "title", Value: "Engineer"}},
			}
			if i%3 > 0 {
				a.Kind, a.Lane = rule.Update, plan.LaneUpdate
				a.Before, a.After = scim.Object{{Name: changed[i%7%3], Value: "a"}}, scim.Object{{Name: changed[i%7%3], Value: "b"}}
			}
			rows = append(rows, a)
		}
		w.must(w.db.Provision().Commit(b.Context(), w.tenant, w.out, j.Epoch, provision.Batch{Cycle: &c, Actions: rows}))
	}
	c.Phase = provision.Review
	w.must(w.db.Provision().Commit(b.Context(), w.tenant, w.out, j.Epoch, provision.Batch{Cycle: &c, Release: true}))
	browser := w.signedIn(w.tenant)
	next := browser.get("/apps/webex/plan?kind=create").has("a", "Next page").attr["href"]
	for _, page := range []struct{ name, path string }{
		{"first", "/apps/webex/plan"}, {"next", next}, {"attribute", "/apps/webex/plan?attribute=title"}, {"search", "/apps/webex/plan?q=m77"}, {"overview", "/apps/webex"},
	} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				browser.get(page.path).is(http.StatusOK)
			}
		})
	}
}
