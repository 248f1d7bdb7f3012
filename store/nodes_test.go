package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
)

func person(name string) directory.PutUser {
	return directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{{Name: "userName", Value: name}}}}
}

// nodes opens n stores on one PostgreSQL database, all at once: each wants to migrate it, and one does.
func nodes(t *testing.T, n int) []*store.DB {
	t.Helper()
	return nodesAt(t, n, nil)
}

// nodesAt opens them with a clock.
func nodesAt(t *testing.T, n int, now func() time.Time) []*store.DB {
	t.Helper()
	dsn := parts.Postgres(t)
	all := make([]*store.DB, n)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			db, err := store.Open(t.Context(), store.Config{Postgres: dsn, Connections: 6, Now: now})
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = db
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, db := range all {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return all
}

// TestNodes: four nodes with four writers each, on one tenant. A reader that follows the feed misses nothing, and of those who
// want the same name one gets it.
func TestNodes(t *testing.T) {
	t.Parallel()
	all := nodes(t, 4)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 40
	var wg sync.WaitGroup
	var won sync.Map
	for n, db := range all {
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if _, err := db.Commit(t.Context(), tenant.ID, audit.Actor{}, "", person(fmt.Sprintf("n%d-w%d-%d", n, w, i))); err != nil {
						t.Error(err)
					}
					name := fmt.Sprintf("wanted-%d", i)
					_, err := db.Commit(t.Context(), tenant.ID, audit.Actor{}, "", person(fmt.Sprintf("n%d-w%d-%d-x", n, w, i)), person(name))
					if err == nil {
						if _, again := won.LoadOrStore(name, true); again {
							t.Errorf("%s was given twice", name)
						}
					} else if !errors.Is(err, lockstep.ErrConflict) {
						t.Error(err)
					}
				}
			})
		}
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	storetest.Follow(t, all[0], tenant.ID, ended, len(all)*writers*each+2*each)
}

// TestNodesOnOneUser: writers on different nodes meet on one user; with the same condition one wins, without one all do.
func TestNodesOnOneUser(t *testing.T) {
	t.Parallel()
	all := nodes(t, 3)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	p := person("ada")
	if _, err := all[0].Commit(t.Context(), tenant.ID, audit.Actor{}, "", p); err != nil {
		t.Fatal(err)
	}
	p.User.Version = 1
	version := int64(1)
	for round := range 10 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 12 {
			wg.Go(func() {
				write := p
				if round%2 == 0 {
					write.IfVersion = version
				}
				_, err := all[i%3].Commit(t.Context(), tenant.ID, audit.Actor{}, "", write)
				if err == nil {
					mu.Lock()
					won++
					mu.Unlock()
				} else if !errors.Is(err, lockstep.ErrVersion) || round%2 == 1 {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		want := 1
		if round%2 == 1 {
			want = 12
		}
		if won != want {
			t.Errorf("round %d: %d writers won, want %d", round, won, want)
		}
		version += int64(won)
	}
}

// TestNodesOnGroupNames: of writers on different nodes who want the same name for a group, and say that it is to be the only one,
// one gets it. That they want two names in different orders stops nobody for good.
func TestNodesOnGroupNames(t *testing.T) {
	t.Parallel()
	all := nodes(t, 4)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	group := func(name string) directory.PutGroup {
		g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: scim.Object{{Name: "displayName", Value: name}}}
		return directory.PutGroup{Group: g, UniqueName: true}
	}
	const rounds = 25
	var wg sync.WaitGroup
	var won sync.Map
	for n, db := range all {
		wg.Go(func() {
			for i := range rounds {
				a, b := fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i)
				if n%2 == 1 {
					a, b = b, a
				}
				_, err := db.Commit(t.Context(), tenant.ID, audit.Actor{}, "", group(a), group(b))
				if err == nil {
					if _, again := won.LoadOrStore(i, true); again {
						t.Errorf("the names of round %d were given twice", i)
					}
				} else if !errors.Is(err, lockstep.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	groups, err := all[0].Groups(t.Context(), tenant.ID, directory.GroupQuery{})
	if err != nil || len(groups) != 2*rounds {
		t.Errorf("%d groups have %d names, %v", len(groups), 2*rounds, err)
	}
}
