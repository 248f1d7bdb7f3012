package store

import (
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
)

// TestNodesWakeEachOther: what one node commits another hears of, also after its connection was cut, and nobody hears of their own.
func TestNodesWakeEachOther(t *testing.T) {
	t.Parallel()
	one, two := twoNodes(t)
	heard := [2]chan lockstep.TenantID{make(chan lockstep.TenantID, 1000), make(chan lockstep.TenantID, 1000)}
	for i, db := range []*DB{one, two} {
		go db.ShareWakes(t.Context(), func(t lockstep.TenantID) { heard[i] <- t }, func(err error) { t.Logf("node %d: %v", i, err) })
	}
	hears := func(i int, what string) {
		t.Helper()
		select {
		case tenant := <-heard[i]:
			if (tenant == "") != strings.HasPrefix(what, "its ") {
				t.Errorf("node %d hears of %s as of the tenant %q", i, what, tenant)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("node %d has not heard of %s", i, what)
		}
	}
	hears(0, "its beginning")
	hears(1, "its beginning")
	n := 0
	change := func(db *DB) {
		t.Helper()
		n++
		u := directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{{Name: "userName", Value: string(rune('a' + n))}}}}
		if _, err := db.Commit(t.Context(), "t", audit.Actor{}, "", u); err != nil {
			t.Fatal(err)
		}
	}
	change(one)
	hears(1, "a new person")
	change(two)
	hears(0, "a new person")
	if n := len(heard[0]); n > 0 { // notes come in order, so its own is here
		t.Errorf("a node hears of its own commits: %d", n)
	}
	cut, err := one.pool.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()")
	if err != nil || cut.RowsAffected() != 2 {
		t.Fatalf("%d listen, %v", cut.RowsAffected(), err)
	}
	hears(0, "its connection's return")
	hears(1, "its connection's return")
	change(one)
	hears(1, "a person after that")
}
