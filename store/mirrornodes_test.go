package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/provision"
	"lockstep/scim"
)

// TestMirrorNodes: of several nodes one reads a connection at a time, while all of them write to it, own its objects and ask for
// reads. Positions are each given once, and a reader that follows them misses nothing.
func TestMirrorNodes(t *testing.T) {
	t.Parallel()
	all := nodes(t, 3)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	job := provision.Job{Tenant: tenant.ID, ID: lockstep.NewID[lockstep.JobID](), Slug: "webex"}
	if err := all[0].PutJob(t.Context(), audit.Actor{}, job); err != nil {
		t.Fatal(err)
	}
	id := mirror.ID{Tenant: tenant.ID, Connection: job.ID}
	const rounds, people = 15, 40
	var readers atomic.Int32
	var wg sync.WaitGroup
	for n, db := range all {
		m := db.Mirrors()
		wg.Go(func() { // asks for reads and reads
			for i := range rounds {
				if _, err := m.Request(t.Context(), id, mirror.Request{}); err != nil {
					t.Error(err)
				}
				h, err := m.Claim(t.Context(), id, fmt.Sprint(n), time.Now().Add(time.Minute))
				if errors.Is(err, lockstep.ErrEpoch) {
					continue
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if readers.Add(1) > 1 {
					t.Error("two nodes read at the same time")
				}
				p, err := m.Begin(t.Context(), h.Lease, h.Pass("User").Begin(mirror.Wanted{Type: "User", Keys: []string{"userName"}}, time.Now()))
				b := mirror.Batch{Pass: p, Keep: mirror.NewKeep(p.Wanted), Meets: true, Doubt: time.Now().Add(time.Hour)}
				for k := range people {
					b.Entries = append(b.Entries, b.Keep.Entry(connection.Object{
						Ref: connection.Ref{Type: "User", ID: fmt.Sprint(k)}, Values: scim.Object{{Name: "userName", Value: fmt.Sprintf("%d-%d-%d", n, i, k%7)}},
					}))
				}
				if err == nil {
					h.Lease.Until = time.Now().Add(time.Minute)
					_, err = m.Take(t.Context(), h.Lease, &b)
				}
				readers.Add(-1)
				if err = errors.Join(err, m.Release(t.Context(), h.Lease, mirror.Visit{Answered: p.Request})); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() { // writes and owns
			for i := range rounds {
				var writes []mirror.Write
				var claims []mirror.Claim
				for k := range 10 {
					ref := connection.Ref{Type: "User", ID: fmt.Sprint((k*7 + n*3 + i) % people)}
					writes = append(writes, mirror.Write{Ref: ref, At: time.Now(), Change: func(o *connection.Object) { o.Name = fmt.Sprint(n, i) }})
					claims = append(claims, mirror.Claim{Ref: ref, Owner: mirror.Owner(fmt.Sprint(n))})
				}
				if err := m.Wrote(t.Context(), id, time.Second, writes...); err != nil {
					t.Error(err)
				}
				if err := m.Own(t.Context(), id, claims...); err != nil && lockstep.CodeOf(err) != lockstep.CodeMatchTaken {
					t.Error(err)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	known, position := map[string]string{}, int64(0)
	follow := func() {
		rows, err := all[0].Mirrors().Rows(t.Context(), id, mirror.Query{Type: "User", Order: mirror.ByPosition, After: position})
		if err != nil {
			t.Error(err)
		}
		for _, r := range rows {
			if r.Position <= position {
				t.Errorf("position %d after %d", r.Position, position)
			}
			position, known[r.Object.ID] = r.Position, r.Object.Values.Text("userName")
		}
	}
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		default:
		}
		follow()
	}
	rows, err := all[1].Mirrors().Rows(t.Context(), id, mirror.Query{Type: "User"})
	if err != nil || len(rows) != people {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	seen := map[int64]bool{}
	for _, r := range rows {
		if name := r.Object.Values.Text("userName"); known[r.Object.ID] != name {
			t.Errorf("the follower knows %s of %s, which is %s", known[r.Object.ID], r.Object.ID, name)
		}
		if seen[r.Position] {
			t.Errorf("position %d was given twice", r.Position)
		}
		seen[r.Position] = true
	}
	h, err := all[2].Mirrors().Head(t.Context(), id)
	if err != nil || h.Position != position || h.Requests != 3*rounds {
		t.Errorf("%+v, %v", h, err)
	}
}
