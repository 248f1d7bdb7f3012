package server

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/provision"
)

// TestChangeDuringTheFirstCycle is for changes of a source that nobody read until somebody asked, since they came while the source was read
// for the first time or while that was still being carried out. Before an administrator starts the first read nothing is read.
func TestChangeDuringTheFirstCycle(t *testing.T) {
	n, _ := open(t)
	t.Cleanup(func() { _ = n.Close() })
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tenant := lockstep.NewID[lockstep.TenantID]()
	must(n.db.CreateTenant(ctx, audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme", Name: "Acme"}))
	job := provision.Job{
		Tenant: tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: "hr", Direction: provision.Inbound,
		Connection: provision.Connection{Kind: "csvfile"}, State: provision.Active,
	}
	must(n.db.Provision().PutJob(ctx, audit.Actor{}, job))
	id := mirror.ID{Tenant: tenant, Connection: job.ID}
	asked := func(want int64) {
		t.Helper()
		n.changed(ctx, job)
		if head, err := n.db.Mirrors().Head(ctx, id); err != nil || head.Requests != want {
			t.Errorf("%d reads were asked for (%v), want %d", head.Requests, err, want)
		}
	}
	asked(0) // nobody has started
	_, err := n.db.Mirrors().Request(ctx, id, mirror.Request{Now: true})
	must(err)
	asked(2) // the first read may have gone past
	now, err := n.db.Provision().Job(ctx, tenant, job.ID)
	must(err)
	now.State = provision.Paused
	must(n.db.Provision().PutJob(ctx, audit.Actor{}, now))
	asked(2)
}
