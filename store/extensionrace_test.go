package store

import (
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
)

// TestIndexAmidWrites: while eight writers on two nodes change people, an attribute becomes filterable and ceases to be so, over
// and over. The index that is left has everybody as they are.
func TestIndexAmidWrites(t *testing.T) {
	t.Parallel()
	dsn := parts.Postgres(t)
	for name, configs := range map[string][]Config{
		"sqlite":   {{SQLite: filepath.Join(t.TempDir(), "lockstep.db")}},
		"postgres": {{Postgres: dsn}, {Postgres: dsn}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var nodes []*DB
			for _, c := range configs {
				db, err := Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
				nodes = append(nodes, db)
			}
			amidWrites(t, nodes)
		})
	}
}

func amidWrites(t *testing.T, nodes []*DB) {
	const people, writers, values = 1200, 8, 7
	tenant := lockstep.NewID[lockstep.TenantID]()
	if err := nodes[0].CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	commit := func(i int, changes ...directory.Change) {
		if _, err := nodes[i%len(nodes)].Commit(t.Context(), tenant, audit.Actor{}, "", changes...); err != nil {
			t.Error(err)
		}
	}
	changes := []directory.Change{badgeOf(false)}
	for i := range people {
		changes = append(changes, badged(i, strconv.Itoa(i%values)))
	}
	commit(0, changes...)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := w; ; n += writers {
				select {
				case <-done:
					return
				default:
				}
				p := changes[1+n*13%people].(directory.PutUser)
				p.User.Version = 1 // replaces
				p.User.Attributes = badged(n*13%people, strconv.Itoa(n/3%values)).User.Attributes
				commit(w, p)
			}
		})
	}
	for i := range 9 {
		commit(i, badgeOf(i%2 == 0))
	}
	for indexing(t, nodes[0], tenant) {
		if err := nodes[0].SetValue(t.Context(), tenant, "turn", "x"); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
	counts := map[string]int{}
	for after := lockstep.UserID(""); ; {
		users, err := nodes[0].Users(t.Context(), tenant, directory.UserQuery{After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			e, _ := u.Attributes.Get(badgeURN).(scim.Object)
			counts[e.Text("number")]++
			after = u.ID
		}
		if len(users) == 0 {
			break
		}
	}
	for value, want := range counts {
		for i, db := range nodes {
			if n := foundByNumber(t, db, tenant, value); n != want {
				t.Errorf("node %d finds %d with %s, there are %d", i, n, value, want)
			}
		}
	}
}
