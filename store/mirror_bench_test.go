package store_test

import (
	"fmt"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/provision"
	"lockstep/store"
)

// BenchmarkMirror: passes over 100,000 objects of about a kilobyte, 500 a page: the first, one in which nothing has changed, and one
// with 100 changes.
func BenchmarkMirror(b *testing.B) {
	const people, page = 100_000, 500
	databases(b, func(b *testing.B, db *store.DB) {
		job := provision.Job{Tenant: benchTenant(b, db), ID: lockstep.NewID[lockstep.JobID](), Slug: "webex"}
		if err := db.PutJob(b.Context(), audit.Actor{}, job); err != nil {
			b.Fatal(err)
		}
		m, id := db.Mirrors(), mirror.ID{Tenant: job.Tenant, Connection: job.ID}
		wanted := mirror.Wanted{Type: "User", Keys: []string{"userName"}}
		pages := make([][]connection.Object, people/page)
		for i := range people {
			ref := connection.Ref{Type: "User", ID: lockstep.NewID[string]()}
			pages[i/page] = append(pages[i/page], connection.Object{Ref: ref, Name: fmt.Sprint("person ", i), Values: attributes(i), Enabled: true, Version: fmt.Sprint(i)})
		}
		pass := func() mirror.Counts {
			if _, err := m.Request(b.Context(), id, mirror.Request{}); err != nil {
				b.Fatal(err)
			}
			head, err := m.Claim(b.Context(), id, "", time.Now().Add(time.Minute))
			if err != nil {
				b.Fatal(err)
			}
			keep := mirror.NewKeep(wanted)
			p, err := m.Begin(b.Context(), head.Lease, head.Pass("User").Begin(wanted, time.Now()))
			if err != nil {
				b.Fatal(err)
			}
			for _, objects := range pages {
				batch := mirror.Batch{Pass: p, Keep: keep, Doubt: time.Now(), Meets: true}
				for _, o := range objects {
					batch.Entries = append(batch.Entries, keep.Entry(o))
				}
				taken, err := m.Take(b.Context(), head.Lease, &batch)
				if err != nil {
					b.Fatal(err)
				}
				p = taken.Pass
			}
			met, err := m.Met(b.Context(), id, p.No)
			if err != nil {
				b.Fatal(err)
			}
			alive, err := m.Alive(b.Context(), id, "User")
			if err != nil || alive.Minus(met).Len() != 0 {
				b.Fatal(err)
			}
			if err := m.Release(b.Context(), head.Lease, mirror.Visit{Answered: head.Requests}); err != nil {
				b.Fatal(err)
			}
			return p.Counts
		}
		for _, stage := range []struct {
			name          string
			before        func()
			made, changed int64
		}{
			{"first", func() {}, people, 0},
			{"unchanged", func() {}, 0, 0},
			{"changed", func() {
				for i := range 100 {
					o := &pages[i*2][i]
					o.Values = append(o.Values.Clone(), attributes(i)[0])
					o.Name += "!"
				}
			}, 0, 100},
		} {
			stage.before()
			began := cpu()
			c := pass()
			b.ReportMetric(float64((cpu() - began).Milliseconds()), stage.name+"-cpu-ms")
			if c.Made != stage.made || c.Changed != stage.changed {
				b.Errorf("%s: %+v", stage.name, c)
			}
		}
		b.ReportMetric(0, "ns/op")
	})
}
