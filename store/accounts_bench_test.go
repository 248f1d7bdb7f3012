package store_test

import (
	"fmt"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
)

// BenchmarkAccounts: the pages of an application's 100,000 accounts of which the last fifty are nobody's: who is nobody's, and a search
// that finds none.
func BenchmarkAccounts(b *testing.B) {
	const people, page, strays = 100_000, 500, 50
	databases(b, func(b *testing.B, db *store.DB) {
		job := provision.Job{Tenant: benchTenant(b, db), ID: lockstep.NewID[lockstep.JobID](), Slug: "webex", Direction: provision.Outbound}
		if err := db.PutJob(b.Context(), audit.Actor{}, job); err != nil {
			b.Fatal(err)
		}
		m, id := db.Mirrors(), mirror.ID{Tenant: job.Tenant, Connection: job.ID}
		wanted := mirror.Wanted{Type: "User", Keys: []string{"userName"}}
		if _, err := m.Request(b.Context(), id, mirror.Request{}); err != nil {
			b.Fatal(err)
		}
		head, err := m.Claim(b.Context(), id, "", time.Now().Add(10*time.Minute))
		if err != nil {
			b.Fatal(err)
		}
		p, err := m.Begin(b.Context(), head.Lease, head.Pass("User").Begin(wanted, time.Now()))
		if err != nil {
			b.Fatal(err)
		}
		claimed, err := db.Claim(b.Context(), job.Tenant, job.ID, 0)
		if err != nil {
			b.Fatal(err)
		}
		keep := mirror.NewKeep(wanted)
		for first := 0; first < people; first += page {
			piece := mirror.Batch{Pass: p, Keep: keep, Doubt: time.Now(), Meets: true}
			var links []plan.Link
			for i := first; i < first+page; i++ {
				ref := connection.Ref{Type: "User", ID: lockstep.NewID[string]()}
				piece.Entries = append(piece.Entries, keep.Entry(connection.Object{Ref: ref, Name: fmt.Sprint("person ", i), Values: attributes(i), Enabled: true}))
				if i < people-strays {
					links = append(links, plan.Link{Source: connection.Ref{Type: "User", ID: lockstep.NewID[string]()}, Name: fmt.Sprint("person ", i), Target: ref.ID, Image: attributes(i)})
				}
			}
			taken, err := m.Take(b.Context(), head.Lease, &piece)
			if err != nil {
				b.Fatal(err)
			}
			p = taken.Pass
			if err := db.Provision().Commit(b.Context(), job.Tenant, job.ID, claimed.Epoch, provision.Batch{Links: links}); err != nil {
				b.Fatal(err)
			}
		}
		for _, ask := range []struct {
			name string
			ask  func() ([]int64, error)
			n    int
		}{
			{"unowned", func() ([]int64, error) { return m.Loose(b.Context(), id, "User") }, strays},
			{"search", func() ([]int64, error) { return m.Holding(b.Context(), id, "User", "nobody has this") }, 0},
		} {
			b.Run(ask.name, func(b *testing.B) {
				began := cpu()
				for b.Loop() {
					if rows, err := ask.ask(); err != nil || len(rows) != ask.n {
						b.Fatal(len(rows), err)
					}
				}
				b.ReportMetric(float64((cpu()-began).Milliseconds())/float64(b.N), "cpu-ms/op")
			})
		}
	})
}
