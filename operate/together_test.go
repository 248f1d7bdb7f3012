package operate_test

import (
	"fmt"
	"sync"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/token"
)

// TestTogether: of two administrators who change different things of one token, of one job, or of who is told of it, at the same moment neither loses anything.
func TestTogether(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := t.Context(), w.admin()
		at := func(fs ...func() error) {
			t.Helper()
			var all sync.WaitGroup
			for _, f := range fs {
				all.Go(func() {
					if err := f(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		e, _, err := w.CreateToken(ctx, admin, operate.NewToken{Name: "okta", Kind: token.KindSCIM, Scopes: "scim:write"})
		w.must(err)
		j := provision.Job{Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: "crm", Name: "CRM", Direction: provision.Outbound, State: provision.Active, Connection: provision.Connection{Kind: "scimapp"}}
		w.must(w.db.Provision().PutJob(ctx, audit.Actor{}, j))
		w.Notices = &operate.Notices{Records: w.db.Notify(), Outbox: w.db.Notify()}
		for round := range 20 {
			emails, failures := []string{fmt.Sprintf("ada%d@acme.example", round)}, round%2 == 0
			tell := func(c operate.ToldChange) func() error {
				return func() error { _, err := w.SetTold(ctx, admin, "crm", c); return err }
			}
			at(tell(operate.ToldChange{Emails: &emails}), tell(operate.ToldChange{Failures: &failures}))
			told, err := w.Told(ctx, admin, "crm")
			w.must(err)
			if len(told.Emails) != 1 || told.Emails[0] != emails[0] || told.Failures != failures {
				t.Errorf("round %d: told are %+v", round, told)
			}

			profile, product, rate := token.Generic, token.ProductOkta, float64(round+1)
			if round%2 == 0 {
				profile, product = token.Okta, ""
			}
			set := func(c operate.TokenChange) func() error {
				return func() error { _, err := w.SetToken(ctx, admin, string(e.ID), c); return err }
			}
			at(set(operate.TokenChange{Profile: &profile}), set(operate.TokenChange{Product: &product}), set(operate.TokenChange{Rate: &rate}))
			got, err := w.Token(ctx, admin, string(e.ID))
			w.must(err)
			if got.Profile != profile || got.Product != product || got.Rate != rate {
				t.Errorf("round %d: the token has %s, %q, %v", round, got.Profile, got.Product, got.Rate)
			}

			name, manual, state := fmt.Sprint("CRM ", round), round%2 == 0, provision.Paused
			if round%2 == 0 {
				state = provision.Active
			}
			change := func(c operate.JobChange) func() error {
				return func() error { _, err := w.ChangeJob(ctx, admin, "crm", c); return err }
			}
			at(change(operate.JobChange{Name: name}), change(operate.JobChange{Manual: &manual}), change(operate.JobChange{State: state}), func() error {
				_, err := w.SetPolicy(ctx, admin, "crm", 0, provision.Policy{Everyone: manual, Rate: rate})
				return err
			})
			job, err := w.Job(ctx, admin, "crm")
			w.must(err)
			if job.Name != name || job.Manual != manual || job.State != state || job.Policy.Rate != rate || job.Policy.Everyone != manual {
				t.Errorf("round %d: the job is %q, manual %v, %s, %+v", round, job.Name, job.Manual, job.State, job.Policy)
			}
		}
		if _, err := w.SetPolicy(ctx, admin, "crm", 1, provision.Policy{}); lockstep.CodeOf(err) != lockstep.CodeVersion {
			t.Errorf("a policy that was read before others changed it: %v", err)
		}
	})
}
