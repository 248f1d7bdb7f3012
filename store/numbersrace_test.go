package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/store"
)

// TestNumbersAmidWrites: on every node people come, in order and late, go and come back, while others read pages by number and so
// make the marks that pages begin at. Whenever all is quiet, each node shows each page as counting from the start would.
func TestNumbersAmidWrites(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T, func() time.Time) []*store.DB{
		"sqlite": func(t *testing.T, now func() time.Time) []*store.DB {
			return []*store.DB{openSQLite(t, store.Config{Now: now})}
		},
		"postgres": func(t *testing.T, now func() time.Time) []*store.DB { return nodesAt(t, 2, now) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &numbering{T: t, tenant: directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}}
			n.clock.Store(1_700_000_000_000)
			n.nodes = open(t, func() time.Time { return time.UnixMilli(n.clock.Load()) })
			if err := n.nodes[0].CreateTenant(t.Context(), audit.Actor{}, n.tenant); err != nil {
				t.Fatal(err)
			}
			n.made.Store(1_600_000_000_000)
			n.commit(0, n.people(rand.New(rand.NewPCG(0, 0)), 1500)...)
			for round := range uint64(6) {
				n.disturb(round)
				n.clock.Add(60_000) // marks that moved stay away for a while
				n.check(round)
			}
		})
	}
}

// numbering is a tenant whose people have numbers.
type numbering struct {
	*testing.T
	nodes  []*store.DB
	tenant directory.Tenant
	clock  atomic.Int64 // of the nodes, in milliseconds
	made   atomic.Int64 // of the ids
	names  atomic.Int64
}

func (n *numbering) commit(node int, changes ...directory.Change) {
	if _, err := n.nodes[node].Commit(n.Context(), n.tenant.ID, audit.Actor{}, "", changes...); err != nil {
		n.Error(err)
	}
}

// people makes new ones, whose ids are up to a minute late (RFC 9562 §5.7).
func (n *numbering) people(r *rand.Rand, count int) (changes []directory.Change) {
	for range count {
		ms := fmt.Sprintf("%012x", n.made.Add(r.Int64N(200))-r.Int64N(60_000))
		p := person(fmt.Sprint(n.names.Add(1)))
		p.User.ID = lockstep.UserID(fmt.Sprintf("%s-%s-7%03x-8000-%012x", ms[:8], ms[8:], r.IntN(1<<12), r.Int64N(1<<48)))
		changes = append(changes, p)
	}
	return changes
}

// disturb writes and reads on all nodes at once.
func (n *numbering) disturb(round uint64) {
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for node, db := range n.nodes {
		for w := range uint64(3) {
			r := rand.New(rand.NewPCG(round*100+uint64(node), w))
			writers.Go(func() {
				for range 8 {
					n.commit(node, n.people(r, 1+r.IntN(20))...)
					if w == 0 && round%2 == 0 {
						n.leave(node, r)
					}
				}
			})
		}
		r := rand.New(rand.NewPCG(round, uint64(node)))
		readers.Go(func() {
			for !done.Load() {
				n.clock.Add(500)
				if _, err := db.Search(n.Context(), n.tenant.ID, directory.Search{Kind: directory.UserKind, Offset: 256 + r.IntN(int(n.names.Load())), Limit: 1}); err != nil {
					n.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
}

// leave deletes somebody, and perhaps takes that back.
func (n *numbering) leave(node int, r *rand.Rand) {
	f, err := n.nodes[node].Search(n.Context(), n.tenant.ID, directory.Search{Kind: directory.UserKind, Offset: r.IntN(1000), Limit: 1})
	if err != nil || len(f.Records) != 1 {
		n.Errorf("%d found, %v", len(f.Records), err)
		return
	}
	id := lockstep.UserID(f.Records[0].ID)
	if _, err := n.nodes[node].Commit(n.Context(), n.tenant.ID, audit.Actor{}, "", directory.DeleteUser{ID: id}); err == nil && r.IntN(2) == 0 {
		n.commit(node, directory.RestoreUser{ID: id})
	} // else another node was faster
}

// check compares pages with the whole list.
func (n *numbering) check(round uint64) {
	n.Helper()
	var there []string
	for after := lockstep.UserID(""); ; {
		users, err := n.nodes[0].Users(n.Context(), n.tenant.ID, directory.UserQuery{After: after, Limit: 500})
		if err != nil {
			n.Fatal(err)
		}
		for _, u := range users {
			there, after = append(there, string(u.ID)), u.ID
		}
		if len(users) < 500 {
			break
		}
	}
	for node, db := range n.nodes {
		for offset := 0; offset < len(there)+20; offset += 17 {
			f, err := db.Search(context.Background(), n.tenant.ID, directory.Search{Kind: directory.UserKind, Offset: offset, Limit: 3})
			if err != nil {
				n.Fatal(err)
			}
			var got []string
			for _, r := range f.Records {
				got = append(got, r.ID)
			}
			from := min(offset, len(there))
			if want := there[from:min(from+3, len(there))]; f.Total != len(there) || !slices.Equal(got, want) {
				n.Fatalf("round %d, node %d, at %d of %d: %v of %d, want %v", round, node, offset, len(there), got, f.Total, want)
			}
		}
	}
}
