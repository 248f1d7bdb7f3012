package store_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
)

// databases runs a benchmark on both.
func databases(b *testing.B, f func(b *testing.B, db *store.DB)) {
	b.Run("sqlite", func(b *testing.B) { f(b, openSQLite(b, store.Config{})) })
	b.Run("postgres", func(b *testing.B) { f(b, openPostgres(b, store.Config{})) })
}

// cpu returns the processor time that this process has used. PostgreSQL's own is not in it.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds rates to a benchmark of n things.
func report(b *testing.B, what string, n int, spent time.Duration) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), what+"/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "cpu-µs/"+what)
}

func benchTenant(b *testing.B, db *store.DB) lockstep.TenantID {
	b.Helper()
	id := lockstep.NewID[lockstep.TenantID]()
	if err := db.CreateTenant(b.Context(), audit.Actor{}, directory.Tenant{ID: id, Slug: "t" + string(id)}); err != nil {
		b.Fatal(err)
	}
	return id
}

// attributes are 20 of a person, about a kilobyte.
func attributes(n int) scim.Object {
	name := fmt.Sprintf("person%06d", n)
	o := scim.Object{
		{Name: "userName", Value: name + "@acme.example"},
		{Name: "externalId", Value: name},
		{Name: "name", Value: scim.Object{{Name: "givenName", Value: "Ada"}, {Name: "familyName", Value: "Lovelace"}}},
		{Name: "active", Value: true},
		{Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: name + "@acme.example"}, {Name: "type", Value: "work"}}}},
	}
	for i := range 15 {
		o = append(o, scim.Attr{Name: fmt.Sprintf("attribute%d", i), Value: fmt.Sprintf("a value of some length, number %d", i)})
	}
	return o
}

// BenchmarkCreates: 64 clients create users, each in a commit of its own.
func BenchmarkCreates(b *testing.B) {
	databases(b, func(b *testing.B, db *store.DB) {
		tenant := benchTenant(b, db)
		before := cpu()
		b.ResetTimer()
		var wg sync.WaitGroup
		for w := range 64 {
			wg.Go(func() {
				for i := w; i < b.N; i += 64 {
					u := directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: attributes(i)}
					if _, err := db.Commit(b.Context(), tenant, audit.Actor{}, "", directory.PutUser{User: u}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		report(b, "create", b.N, cpu()-before)
	})
}

// BenchmarkCycle: what an initial cycle of b.N people writes, in batches of 500 when planning and 100 when settling: listing with
// two keys, action, link, manager edge, rank, opened action, done action, link, edge.
func BenchmarkCycle(b *testing.B) {
	databases(b, func(b *testing.B, db *store.DB) {
		tenant := benchTenant(b, db)
		job := provision.Job{Tenant: tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: "webex"}
		if err := db.PutJob(b.Context(), audit.Actor{}, job); err != nil {
			b.Fatal(err)
		}
		claimed, err := db.Claim(b.Context(), tenant, job.ID, 0)
		if err != nil {
			b.Fatal(err)
		}
		commit := func(batch provision.Batch) {
			if err := db.Provision().Commit(b.Context(), tenant, job.ID, claimed.Epoch, batch); err != nil {
				b.Fatal(err)
			}
		}
		w := cycleWork(b.N)
		rows := 0
		before := cpu()
		b.ResetTimer()
		marks := map[string]time.Duration{}
		stage := func(name string, size int, f func(i int, batch *provision.Batch)) {
			start := cpu()
			for from := 0; from < b.N; from += size {
				var batch provision.Batch
				for i := from; i < min(from+size, b.N); i++ {
					f(i, &batch)
				}
				commit(batch)
			}
			marks[name] = cpu() - start
		}
		stage("rank", 500, func(i int, batch *provision.Batch) {
			batch.Ranks = append(batch.Ranks, provision.Rank{Action: w.actions[i].ID, Rank: i%7 + 1})
		})
		stage("open", 100, func(i int, batch *provision.Batch) { batch.Opened = append(batch.Opened, w.actions[i].ID) })
		stage("settle", 100, func(i int, batch *provision.Batch) {
			done := w.actions[i]
			done.State, done.Rank, done.Target.ID = plan.Done, i%7+1, w.links[i].Target
			written := w.edges[i]
			written.Written = true
			batch.Actions, batch.Links, batch.Written = append(batch.Actions, done), append(batch.Links, w.links[i]), append(batch.Written, written)
		})
		b.StopTimer()
		for name, spent := range marks {
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N), name+"-µs")
		}
		report(b, "row", rows, cpu()-before)
	})
}

type cycleRows struct {
	actions []plan.Action
	links   []plan.Link
	edges   []plan.ReferenceRow
}

func cycleWork(n int) cycleRows {
	var w cycleRows
	cycle := lockstep.NewID[lockstep.CycleID]()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = lockstep.NewID[string]()
	}
	for i := range n {
		o := attributes(i)
		source := connection.Ref{Type: "User", ID: ids[i]}
		name := o.Text("userName")
		w.actions = append(w.actions, plan.Action{
			ID: lockstep.NewID[lockstep.ActionID](), Cycle: cycle, Kind: rule.Create, Lane: plan.LaneCreate, Source: plan.End{Ref: source, Name: name},
			After: o, Refers: ids[i/8], Reason: rule.Reason{Rule: "assigned"}, Seen: plan.Seen{Version: "1"}, State: plan.Planned, Planned: time.Now(),
		})
		w.links = append(w.links, plan.Link{
			Source: source, Name: name, Target: "t" + ids[i], Matched: "created", Key: name, Image: o, Verdict: rule.Verdict{In: true, Reason: rule.Reason{Rule: "assigned"}},
		})
		w.edges = append(w.edges, plan.ReferenceRow{From: source, Attribute: "manager", To: connection.Ref{Type: "User", ID: ids[i/8]}, Wanted: true})
	}
	return w
}
