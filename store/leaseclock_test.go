package store

import (
	"errors"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/provision"
)

// TestLeaseClock: of two nodes on PostgreSQL one's clock is an hour ahead, then an hour behind. It neither takes what the other one has
// nor finds it due, and what it has itself it does not have for an hour.
func TestLeaseClock(t *testing.T) {
	t.Parallel()
	dsn := parts.Postgres(t)
	var nodes [2]*DB
	for i := range nodes {
		db, err := Open(t.Context(), Config{Postgres: dsn})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		nodes[i] = db
	}
	right, wrong := nodes[0], nodes[1]
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(right.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}))
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		id := lockstep.NewID[lockstep.JobID]()
		must(right.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: id, Slug: string(id), Direction: provision.Outbound, State: provision.Active}))
		wrong.now = func() time.Time { return time.Now().Add(ahead) }
		has := func(db *DB, lease time.Duration) error {
			_, err := db.Claim(t.Context(), "t", id, lease)
			return err
		}
		named := func(db *DB) bool {
			due, err := db.Due(t.Context(), db.now())
			must(err)
			for _, j := range due {
				if j.ID == id {
					return true
				}
			}
			return false
		}
		must(has(right, time.Minute))
		if err := has(wrong, time.Minute); !errors.Is(err, lockstep.ErrEpoch) || named(wrong) {
			t.Errorf("%v ahead: the other one's job is taken, %v; due %v", ahead, err, named(wrong))
		}
		j, err := wrong.TakeOver(t.Context(), "t", id, 300*time.Millisecond)
		must(err)
		if left := time.Until(j.Leased); left > time.Second {
			t.Errorf("%v ahead: it has the job for %v", ahead, left)
		}
		if err := has(right, time.Minute); !errors.Is(err, lockstep.ErrEpoch) {
			t.Errorf("%v ahead: its job is taken, %v", ahead, err)
		}
		for end := time.Now().Add(10 * time.Second); !named(right) && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		must(has(right, time.Minute))
	}
}
