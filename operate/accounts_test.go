package operate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/token"
)

// accountsOf is the application crm of a company, as it was read: people there, and who of the directory they belong to.
func accountsOf(w *world, accounts ...string) provision.Job {
	w.Helper()
	ctx := w.Context()
	w.must(w.db.PutJob(ctx, audit.Actor{}, provision.Job{Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: "crm", Name: "CRM", Direction: provision.Outbound}))
	j, err := w.Job(ctx, w.admin(), "crm")
	w.must(err)
	w.read(j, accounts...)
	return j
}

// read has accounts read, which are called by their ids.
func (w *world) read(j provision.Job, accounts ...string) {
	w.Helper()
	ctx, m, id := w.Context(), w.db.Mirrors(), mirror.ID{Tenant: j.Tenant, Connection: j.ID}
	_, err := m.Request(ctx, id, mirror.Request{})
	w.must(err)
	head, err := m.Claim(ctx, id, "node", w.at.Add(time.Minute))
	w.must(err)
	wanted := mirror.Wanted{Type: "User", Keys: []string{"userName"}}
	p, err := m.Begin(ctx, head.Lease, head.Pass("User").Begin(wanted, w.at))
	w.must(err)
	keep := mirror.NewKeep(wanted)
	b := mirror.Batch{Pass: p, Keep: keep, Doubt: w.at, Meets: true}
	for _, a := range accounts {
		name, mail, _ := strings.Cut(a, " ")
		o := connection.Object{Ref: connection.Ref{Type: "User", ID: "id-" + name}, Name: name, Enabled: true, Values: scim.Object{{Name: "userName", Value: name + "@acme.example"}}}
		if mail != "" {
			o.Values.Set("emails", scim.List{scim.Object{{Name: "value", Value: mail}}})
		}
		b.Entries = append(b.Entries, keep.Entry(o))
	}
	taken, err := m.Take(ctx, head.Lease, &b)
	w.must(err)
	p = taken.Pass
	p.Reach = connection.OneView
	p = p.End(&mirror.Cover{}, w.at)
	_, err = m.Take(ctx, head.Lease, &mirror.Batch{Pass: p, Keep: keep, Doubt: w.at, Done: true})
	w.must(err)
	w.must(m.Release(ctx, head.Lease, mirror.Visit{Answered: head.Requests}))
}

// countedSeen counts how often the accounts that nobody has are looked for.
type countedSeen struct {
	operate.Reads
	loose int
}

func (c *countedSeen) Loose(ctx context.Context, id mirror.ID, typ string) ([]int64, error) {
	c.loose++
	return c.Reads.Loose(ctx, id, typ)
}

// TestAccounts: whom an application has is listed, with to whom each account belongs and why it is nobody's.
func TestAccounts(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		w.must(w.db.PutJob(ctx, audit.Actor{}, provision.Job{Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: "new", Name: "New", Direction: provision.Outbound}))
		_, err := w.Accounts(ctx, admin, "new", operate.AccountQuery{})
		w.want("never read", err, lockstep.CodeUnread)
		w.must(w.db.PutJob(ctx, audit.Actor{}, provision.Job{Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: "hr", Name: "HR", Direction: provision.Inbound}))
		_, err = w.Accounts(ctx, admin, "hr", operate.AccountQuery{})
		w.want("of a source", err, lockstep.CodeInvalid)

		j := accountsOf(w, "linked", "stranger", "outside", "gone x@acme.example", "twice", "moved", "failing", "soon", "ambiguous")
		ids := map[string]lockstep.UserID{}
		for _, name := range []string{"linked", "outside", "gone", "twice", "moved", "failing", "soon", "ambiguous"} {
			u, err := w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: strings.ToUpper(name) + "@acme.example"}, {Name: "displayName", Value: name}})
			w.must(err)
			ids[name] = u.ID
		}
		_, err = w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: "second"}, {Name: "displayName", Value: "second"}, {Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: "twice@acme.example"}}}}})
		w.must(err)
		w.must(w.DeleteUser(ctx, admin, string(ids["gone"]), false))
		claimed, err := w.db.Claim(ctx, j.Tenant, j.ID, 0)
		w.must(err)
		source := func(name string) connection.Ref { return connection.Ref{Type: "User", ID: string(ids[name])} }
		w.must(w.db.Provision().Commit(ctx, j.Tenant, j.ID, claimed.Epoch, provision.Batch{Links: []plan.Link{
			{Source: source("linked"), Name: "Lin", Target: "id-linked", Verdict: rule.Verdict{In: true}},
			{Source: source("outside"), Verdict: rule.Verdict{Reason: rule.Reason{Rule: "assignment", Clause: "not assigned"}}},
			{Source: source("moved"), Target: "id-other", Verdict: rule.Verdict{In: true}},
			{Source: source("failing"), Code: lockstep.CodeTargetDomain, Verdict: rule.Verdict{In: true}},
			{Source: source("soon"), Verdict: rule.Verdict{In: true}},
			{Source: source("ambiguous"), Code: lockstep.CodeMatchAmbiguous, Verdict: rule.Verdict{In: true}},
		}}))
		want := []string{"linked ", "stranger unknown", "outside outside", "gone deleted", "twice several", "moved other", "failing failing", "soon not_yet", "ambiguous several"}
		for _, c := range []struct {
			q    operate.AccountQuery
			want []string
		}{
			{operate.AccountQuery{}, want},
			{operate.AccountQuery{Unowned: true}, want[1:]},
			{operate.AccountQuery{Limit: 2}, want},
			{operate.AccountQuery{Unowned: true, Text: "OUT"}, want[2:3]},
			{operate.AccountQuery{Unowned: true, Text: "id-moved"}, want[5:6]},
			{operate.AccountQuery{Unowned: true, Text: "linked"}, nil},
		} {
			var got, each []string
			for {
				all, err := w.Accounts(ctx, admin, "crm", c.q)
				w.must(err)
				if all.Total != 9 || all.Unowned != 8 || all.Read.IsZero() || all.Partial {
					t.Errorf("%+v: of %d %d are nobody's, read at %v", c.q, all.Total, all.Unowned, all.Read)
				}
				for _, a := range all.Accounts {
					got = append(got, fmt.Sprint(a.Name, " ", a.Why))
					if (a.Why == "") != (a.Owner.ID != "") || (a.Why == "") != (a.Says() == "") {
						t.Errorf("%+v says %q", a, a.Says())
					}
				}
				if c.q.After = all.Next; all.Next == "" {
					break
				}
			}
			w.must(w.EachAccount(ctx, admin, "crm", c.q, func(a operate.Account) error {
				each = append(each, fmt.Sprint(a.Name, " ", a.Why))
				return nil
			}))
			if !slices.Equal(got, c.want) || !slices.Equal(each, c.want) {
				t.Errorf("%+v: %q, and as a file %q; want %q", c.q, got, each, c.want)
			}
		}
		for _, after := range []string{"x", "1-", "1-x", "-1", "1--1", "4294967296-1"} {
			_, err = w.Accounts(ctx, admin, "crm", operate.AccountQuery{After: after})
			w.want("no page "+after, err, lockstep.CodeInvalid)
		}
		// Whose accounts are nobody's is counted once, however many pages follow.
		counted := &countedSeen{Reads: w.Reads}
		w.Reads = counted
		pages := 0
		for q := (operate.AccountQuery{Limit: 2}); pages == 0 || q.After != ""; pages++ {
			all, err := w.Accounts(ctx, admin, "crm", q)
			w.must(err)
			q.After = all.Next
		}
		if pages != 5 || counted.loose != 1 {
			t.Errorf("%d pages read who is nobody's %d times", pages, counted.loose)
		}
		// Whoever may not read people learns nothing of who is like an account.
		p := admin
		p.Scopes = token.Scopes{operate.AppsRead}
		all, err := w.Accounts(ctx, p, "crm", operate.AccountQuery{Unowned: true})
		w.must(err)
		for _, a := range all.Accounts {
			if a.Why != operate.AccountUnlooked || len(a.Like) > 0 {
				t.Errorf("told: %+v", a)
			}
		}
		// A read that somebody has asked for is told until it has ended.
		if _, err := w.ReadAccounts(ctx, admin, "crm", 0); err != nil {
			t.Error(err)
		}
		if all, err = w.Accounts(ctx, admin, "crm", operate.AccountQuery{}); err != nil || !all.Reading {
			t.Errorf("a read that waits: %+v, %v", all, err)
		}
		w.read(j, "linked")
		if all, err = w.Accounts(ctx, admin, "crm", operate.AccountQuery{}); err != nil || all.Reading || all.Total != 9 || !all.Accounts[0].Enabled {
			t.Errorf("after it: %+v, %v", all, err)
		}
	})
}
