package queue_test

import (
	"context"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"lockstep/e2e/parts"
	"lockstep/queue"
)

// BenchmarkPickUp measures from Wake to the first line of Work, one job after another.
func BenchmarkPickUp(b *testing.B) {
	onBothBench(b, func(b *testing.B, c queue.Config) {
		f := newFeed()
		entered := make(chan time.Time)
		c.Due = f.due
		c.Work = func(_ context.Context, k queue.Key) error {
			at := time.Now()
			f.settle(k, f.read(k))
			entered <- at
			return nil
		}
		q, _ := start(b, c)
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			f.change(ada)
			q.Wake()
			at := await(b, entered, "the slice")
			took = append(took, at.Sub(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	})
}

// BenchmarkIdle measures the processor time of a queue that has nothing to do, in percent of one core.
func BenchmarkIdle(b *testing.B) {
	onBothBench(b, func(b *testing.B, c queue.Config) {
		c.Due = newFeed().due
		c.Work = func(context.Context, queue.Key) error { return nil }
		start(b, c)
		settled := time.After(2 * time.Second)
		<-settled
		began, cpu := time.Now(), processorTime(b)
		for b.Loop() {
			<-time.After(3 * time.Second)
		}
		b.ReportMetric(100*float64(processorTime(b)-cpu)/float64(time.Since(began)), "%cpu")
	})
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func onBothBench(b *testing.B, f func(*testing.B, queue.Config)) {
	b.Run("sqlite", func(b *testing.B) {
		f(b, queue.Config{SQLite: openSQLite(b, filepath.Join(b.TempDir(), "queue.db")), Log: testLog(b)})
	})
	b.Run("postgres", func(b *testing.B) {
		f(b, queue.Config{Postgres: openPostgres(b, parts.Postgres(b)), Log: testLog(b)})
	})
}
