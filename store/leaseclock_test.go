package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/mirror"
	"lockstep/provision"
)

// TestLeaseClock: of two nodes on PostgreSQL one's clock is an hour ahead, then an hour behind. It neither takes what the other one has
// nor finds it due, and what it has itself it does not have for an hour.
func TestLeaseClock(t *testing.T) {
	t.Parallel()
	right, wrong := twoNodes(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
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

// TestLeaseClockOfReads: the same of the reads of a system.
func TestLeaseClockOfReads(t *testing.T) {
	t.Parallel()
	right, wrong := twoNodes(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		id := mirror.ID{Tenant: "t", Connection: lockstep.NewID[lockstep.JobID]()}
		must(right.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: id.Connection, Slug: string(id.Connection), Direction: provision.Inbound, State: provision.Active}))
		_, err := right.Mirrors().Request(t.Context(), id, mirror.Request{})
		must(err)
		wrong.now = func() time.Time { return time.Now().Add(ahead) }
		claim := func(db *DB, long time.Duration) (mirror.Head, error) {
			return db.Mirrors().Claim(t.Context(), id, "node", db.now().Add(long))
		}
		named := func(db *DB) bool {
			due, err := db.Mirrors().Due(t.Context(), db.now().Add(time.Hour)) // whatever was to wait
			must(err)
			return slices.Contains(due, id)
		}
		h, err := claim(right, time.Minute)
		must(err)
		if _, err := claim(wrong, time.Minute); !errors.Is(err, lockstep.ErrEpoch) || named(wrong) {
			t.Errorf("%v ahead: what the other one reads is taken, %v; due %v", ahead, err, named(wrong))
		}
		must(right.Mirrors().Release(t.Context(), h.Lease, mirror.Visit{}))
		h, err = claim(wrong, time.Minute)
		must(err)
		if left := h.Lease.Until.Sub(wrong.now()); left < 50*time.Second || left > time.Minute {
			t.Errorf("%v ahead: it knows of a lease of %v", ahead, left)
		}
		h.Lease.Until = wrong.now().Add(300 * time.Millisecond)
		_, err = wrong.Mirrors().Begin(t.Context(), h.Lease, mirror.Pass{Type: "User"}) // renews
		must(err)
		if _, err := claim(right, time.Minute); !errors.Is(err, lockstep.ErrEpoch) {
			t.Errorf("%v ahead: what it reads is taken, %v", ahead, err)
		}
		for end := time.Now().Add(10 * time.Second); !named(right) && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		_, err = claim(right, time.Minute)
		must(err)
	}
}

func twoNodes(t *testing.T) (right, wrong *DB) {
	dsn := parts.Postgres(t)
	var nodes [2]*DB
	key := NewKey()
	for i := range nodes {
		db, err := Open(t.Context(), Config{Postgres: dsn, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		nodes[i] = db
	}
	if err := nodes[0].CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}); err != nil {
		t.Fatal(err)
	}
	return nodes[0], nodes[1]
}
