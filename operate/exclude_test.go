package operate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/scim"
)

// TestExclude: somebody is kept out with a reason, by name, until a day; the policy that is set beside it does not let them in.
func TestExclude(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		admin := w.admin()
		u, err := w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: "ada@acme.example"}})
		w.must(err)
		app := lockstep.NewID[lockstep.AppID]()
		_, err = w.db.Commit(ctx, w.ids["default"], audit.Actor{}, "", directory.PutApp{App: directory.App{ID: app, Slug: "crm", Name: "CRM"}})
		w.must(err)
		w.must(w.db.Provision().PutJob(ctx, audit.Actor{}, provision.Job{Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: "crm", Direction: provision.Outbound, App: app, State: provision.Paused}))
		for _, c := range []struct {
			reason string
			until  time.Time
			field  string
		}{{"  ", time.Time{}, "reason"}, {strings.Repeat("x", 301), time.Time{}, "reason"}, {"leave", w.at.Add(-time.Hour), "until"}} {
			_, err := w.Exclude(ctx, admin, "crm", "User", "ada@acme.example", c.reason, c.until)
			faulty, is := err.(*operate.Faulty) //nolint:errorlint // as it comes
			if !is || faulty.Faults[0].Field != c.field {
				w.Errorf("%q until %v: %v", c.reason, c.until, err)
			}
		}
		_, err = w.Exclude(ctx, admin, "crm", "User", "nobody", "leave", time.Time{})
		w.want("nobody", err, lockstep.CodeNotFound)
		_, err = w.Exclude(ctx, admin, "crm", "User", "ada@acme.example", "on leave", time.Time{})
		w.must(err)
		again, err := w.Exclude(ctx, admin, "crm", "User", "ada@acme.example", "still on leave", w.at.Add(time.Hour))
		w.must(err)
		_, err = w.SetPolicy(ctx, admin, "crm", 0, provision.Policy{Everyone: true})
		w.must(err)
		j, err := w.Job(ctx, admin, "crm")
		w.must(err)
		if len(j.Policy.Excluded) != 1 || j.Policy.Excluded[0] != again || again.ID != string(u.ID) || again.Reason != "still on leave" || again.Name != "ada@acme.example" {
			w.Errorf("excluded: %+v", j.Policy.Excluded)
		}
		w.must(w.Include(ctx, admin, "crm", "User", "ada@acme.example"))
		w.want("let in twice", w.Include(ctx, admin, "crm", "User", "ada@acme.example"), lockstep.CodeNotFound)
		lines, err := w.AuditLog(ctx, admin, audit.Query{ID: string(u.ID)})
		w.must(err)
		var verbs []string
		for _, l := range lines {
			verbs = append(verbs, l.Verb+": "+l.Detail)
		}
		if !slices.Contains(verbs, "excluded from crm: on leave") || !slices.Contains(verbs, "let back into crm: ") {
			w.Errorf("the audit log has %q", verbs)
		}
	})
}
