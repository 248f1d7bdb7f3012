package store_test

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/mirror"
	"lockstep/provision"
	"lockstep/store"
)

// TestChangesMeetReads: a connection is changed either before or after somebody begins to read it, also where nothing has failed yet. Were it both at once, what
// the read failed for by the old connection would stand against the new one.
func TestChangesMeetReads(t *testing.T) {
	t.Parallel()
	db := opened(t, store.Config{Postgres: parts.Postgres(t)})
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := db.CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	job := provision.Job{ID: lockstep.NewID[lockstep.JobID](), Tenant: tenant.ID, Slug: "people", Direction: provision.Inbound, State: provision.Active, Connection: provision.Connection{Kind: "csvfile"}}
	if err := db.PutJob(t.Context(), audit.Actor{}, job); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Mirrors().Request(t.Context(), mirror.ID{Tenant: tenant.ID, Connection: job.ID}, mirror.Request{}); err != nil {
		t.Fatal(err)
	}
	begins, err := db.WriterDB().BeginTx(t.Context(), nil) // as who claims the reads does
	if err != nil {
		t.Fatal(err)
	}
	if r, err := begins.ExecContext(t.Context(), "UPDATE mirror_head SET epoch = epoch + 1"); err != nil {
		t.Fatal(err)
	} else if n, err := r.RowsAffected(); n != 1 || err != nil {
		t.Fatalf("%d heads, %v", n, err)
	}
	changed := make(chan error, 1)
	go func() {
		changed <- db.ChangeConnection(t.Context(), audit.Actor{}, tenant.ID, job.ID, func(provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"people": "people.csv"}}, nil
		})
	}()
	for waits := false; !waits; {
		select {
		case err := <-changed:
			t.Fatalf("the connection was changed beside who begins to read it: %v", err)
		default:
		}
		err := db.WriterDB().QueryRowContext(t.Context(), `SELECT COUNT(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE NOT l.granted AND a.datname = current_database()`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := begins.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Error(err)
	}
}
