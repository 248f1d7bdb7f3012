package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/directory"
	"lockstep/store"
)

// BenchmarkNeighbour measures how long one tenant's small write takes while another has 32 clients that create 200 users a
// commit without a pause. It must stay below 100 ms (p99).
func BenchmarkNeighbour(b *testing.B) {
	databases(b, func(b *testing.B, db *store.DB) {
		loud, quiet := benchTenant(b, db), benchTenant(b, db)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for w := range 32 {
			wg.Go(func() {
				for round := 0; ; round++ {
					select {
					case <-stop:
						return
					default:
					}
					var changes []directory.Change
					for i := range 200 {
						changes = append(changes, person(fmt.Sprintf("w%d-%d-%d", w, round, i)))
					}
					if _, err := db.Commit(b.Context(), loud, audit.Actor{}, "", changes...); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			start := time.Now()
			if _, err := db.Commit(b.Context(), quiet, audit.Actor{}, "", person(fmt.Sprint(i))); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		close(stop)
		wg.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
}
