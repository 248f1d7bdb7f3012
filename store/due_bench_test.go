package store_test

import (
	"fmt"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/provision"
	"lockstep/store"
)

// BenchmarkDue: what the tick of each second costs with 2,000 jobs of which none is due.
func BenchmarkDue(b *testing.B) {
	databases(b, func(b *testing.B, db *store.DB) {
		tenant := benchTenant(b, db)
		for i := range 2000 {
			j := provision.Job{Tenant: tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: fmt.Sprint("job", i), Direction: provision.Outbound}
			if err := db.PutJob(b.Context(), audit.Actor{}, j); err != nil {
				b.Fatal(err)
			}
			claimed, err := db.Claim(b.Context(), tenant, j.ID, 0)
			if err != nil {
				b.Fatal(err)
			}
			claimed.Applied = claimed.Config
			if err := db.Provision().Commit(b.Context(), tenant, j.ID, claimed.Epoch, provision.Batch{Job: &claimed}); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if due, err := db.Due(b.Context(), time.Now()); err != nil || len(due) > 0 {
				b.Fatal(len(due), err)
			}
		}
	})
}
