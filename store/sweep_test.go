package store

import (
	"fmt"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// TestSweep: the rows of a deleted job and of a dropped listing go bit by bit, other writes come between, and nobody else's rows
// go with them.
func TestSweep(t *testing.T) {
	b := newBench(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "a", Slug: "a"}))
	jobs := []lockstep.JobID{"gone", "stays"}
	batch := provision.Batch{Cycle: &provision.Cycle{ID: "c"}}
	for i := range 1500 {
		ref := connection.Ref{Type: "User", ID: fmt.Sprint(i)}
		batch.Actions = append(batch.Actions, plan.Action{ID: lockstep.ActionID(ref.ID), State: plan.Planned})
		batch.Links = append(batch.Links, plan.Link{Source: ref})
		batch.Wanted = append(batch.Wanted, plan.ReferenceRow{From: ref, Attribute: "manager", To: ref, Wanted: true})
	}
	commit := func(id lockstep.JobID, batch provision.Batch) {
		t.Helper()
		must(b.db.Provision().Commit(t.Context(), "a", id, 1, batch))
	}
	for _, id := range jobs {
		must(b.db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "a", ID: id, Slug: string(id)}))
		_, err := b.db.Claim(t.Context(), "a", id, 0)
		must(err)
		commit(id, batch)
	}
	must(b.db.DeleteJob(t.Context(), audit.Actor{}, "a", "gone"))
	b.db.writer.wg.Wait() // until the writer has nothing more to do

	for table, want := range map[string]int64{
		"doomed": 0, "job": 1, "cycle": 1, "action": 1500, "link": 1500, "edge": 1500,
	} {
		rows, err := b.db.query(t.Context(), "SELECT COUNT(*) FROM "+table)
		if n, err := one(rows, err, scanInt); err != nil || n != want {
			t.Errorf("%s has %d rows, want %d; %v", table, n, want, err)
		}
	}
}
