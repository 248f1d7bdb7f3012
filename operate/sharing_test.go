package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
)

// TestTwoAppsToOnePlace: two apps whose connections lead to the same place are told of each other, with how many accounts both write;
// an app elsewhere, a source, and another tenant's app are not, and whoever may not see the other app does not learn what it is called.
func TestTwoAppsToOnePlace(t *testing.T) {
	onBoth(t, func(w *world) {
		w.Gallery = []operate.Template{
			{Kind: "scimapp", Direction: provision.Outbound, System: func(s map[string]string) string { return strings.TrimRight(s["url"], "/") }},
			{Kind: "csvfile", Direction: provision.Inbound, System: func(s map[string]string) string { return s["url"] }},
		}
		add := func(tenant, slug, kind, url string, direction provision.Direction, accounts ...string) provision.Job {
			j := provision.Job{Tenant: w.ids[tenant], ID: lockstep.NewID[lockstep.JobID](), Slug: slug, Name: slug, Direction: direction, State: provision.Active,
				Connection: provision.Connection{Kind: kind, Settings: map[string]string{"url": url}}}
			w.must(w.db.Provision().PutJob(t.Context(), audit.Actor{}, j))
			j, err := w.db.Provision().Claim(t.Context(), j.Tenant, j.ID, 0)
			w.must(err)
			var b provision.Batch
			for i, a := range accounts {
				b.Links = append(b.Links, plan.Link{Source: connection.Ref{Type: "User", ID: fmt.Sprint(slug, i)}, Target: a})
			}
			w.must(w.db.Provision().Commit(t.Context(), j.Tenant, j.ID, j.Epoch, b))
			return j
		}
		says := func(p operate.Principal, name string) string {
			t.Helper()
			all, err := w.Shared(t.Context(), p, name)
			w.must(err)
			var lines []string
			for _, s := range all {
				lines = append(lines, fmt.Sprintf("%s %s: %s", s.Code, s.App, s.Says))
			}
			return strings.Join(lines, "\n")
		}
		const org = "https://webex.example/org/1"
		add("default", "one", "scimapp", org, provision.Outbound, "a", "b", "c")
		if got := says(w.admin(), "one"); got != "" {
			t.Errorf("alone: %s", got)
		}
		add("default", "two", "scimapp", org+"/", provision.Outbound, "b", "c", "d")
		add("default", "three", "scimapp", org+"0", provision.Outbound, "a")
		add("default", "file", "csvfile", org, provision.Inbound, "a")
		add("other", "theirs", "scimapp", org, provision.Outbound, "a")
		if got := says(w.admin(), "one"); got != "connection.shared two: 2 accounts are also written by the app two." {
			t.Errorf("one: %s", got)
		}
		add("default", "four", "scimapp", org, provision.Outbound)
		if got := says(w.admin(), "four"); !strings.Contains(got, "The connection of the app one leads to the same place") || strings.Count(got, "\n") != 1 {
			t.Errorf("four: %s", got)
		}
		if got := says(w.admin(), "three") + says(w.admin(), "file"); got != "" {
			t.Errorf("elsewhere: %s", got)
		}
	})
}
