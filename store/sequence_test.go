package store

import (
	"fmt"
	"sync"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
)

// TestSequenceLosesChanges shows why the feed has a head row: with a sequence in its place, the same writers on two nodes make a
// reader that follows by position miss changes. A transaction that took a low number commits after one with a higher number,
// when the reader has passed. TestNodes is the same with the head row, where nothing is missed.
func TestSequenceLosesChanges(t *testing.T) {
	t.Parallel()
	dsn := parts.Postgres(t)
	var all [4]*DB
	for i := range all {
		db, err := Open(t.Context(), Config{Postgres: dsn, Connections: 6})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		db.position = sequence
		all[i] = db
	}
	if _, err := all[0].writerDB.ExecContext(t.Context(), "CREATE SEQUENCE feed_pos"); err != nil {
		t.Fatal(err)
	}
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 20; round++ {
		missed, written := followSequence(t, all[:], tenant.ID, round)
		t.Logf("round %d: missed %d of %d changes", round, missed, written)
		if missed > 0 {
			return
		}
	}
	t.Error("a sequence lost nothing in 20 rounds: the head row would not be needed")
}

// sequence is a positioner that takes numbers from a sequence.
func sequence(t *tx, _ lockstep.TenantID, n int, _ counted) (int64, error) {
	rows, err := t.query("SELECT MAX(nextval('feed_pos')) FROM generate_series(1, $1)", int64(max(n, 1)))
	return one(rows, err, scanInt)
}

// followSequence writes 400 users from all nodes while it follows, and returns how many changes it missed.
func followSequence(t *testing.T, nodes []*DB, tenant lockstep.TenantID, round int) (missed, written int) {
	t.Helper()
	count := func(after int64) (n int, newest int64) {
		rows, err := nodes[0].query(t.Context(), "SELECT COUNT(*), COALESCE(MAX(pos), 0) FROM feed WHERE tenant = $1 AND pos > $2", string(tenant), after)
		_, err = one(rows, err, func(s scanner) (int, error) { return 0, s.Scan(&n, &newest) })
		if err != nil {
			t.Fatal(err)
		}
		return n, newest
	}
	_, start := count(0)
	var wg sync.WaitGroup
	for n, db := range nodes {
		wg.Go(func() {
			for i := range 100 {
				u := directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{{Name: "userName", Value: fmt.Sprintf("r%d-n%d-%d", round, n, i)}}}
				if _, err := db.Commit(t.Context(), tenant, audit.Actor{}, "", directory.PutUser{User: u}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	seen, pos := 0, start
	for over := false; ; {
		n, newest := count(pos)
		if n > 0 {
			seen, pos = seen+n, newest
			continue
		}
		if over {
			break
		}
		select {
		case <-ended:
			over = true
		default:
		}
	}
	written, _ = count(start)
	return written - seen, written
}
