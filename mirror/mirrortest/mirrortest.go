// Package mirrortest reads outside systems for tests of whatever plans and shows by a mirror.
package mirrortest

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"lockstep/connection"
	"lockstep/mirror"
)

// Store is a keeper of mirrors.
type Store interface {
	mirror.Store
	mirror.Rows
	mirror.Writes
}

// Read has what is asked for read until the test ends.
func Read(t testing.TB, s mirror.Store, now func() time.Time, out io.Writer, open func(context.Context, mirror.ID) (mirror.System, error)) {
	r := &mirror.Runner{Store: s, Open: open, Now: now, Tick: 2 * time.Millisecond, Log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var reading sync.WaitGroup
	reading.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); reading.Wait() })
}

// Await waits until a request has been answered, or the system cannot be read.
func Await(t testing.TB, s mirror.Rows, id mirror.ID, request int64) {
	t.Helper()
	for range 20_000 {
		head, err := s.Head(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if head.Answered >= request || head.Code != "" {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the read does not end")
}

// Reader is an outside system that is read whole by a Reader of its own.
type Reader interface {
	connection.Reader
	connection.Getter
}

// System is a system as a Runner takes it, of people and groups.
func System(r Reader, types ...mirror.Wanted) mirror.System {
	if len(types) == 0 {
		types = []mirror.Wanted{{Type: connection.UserType}, {Type: connection.GroupType}}
	}
	return mirror.System{Reader: r, Getter: r, Types: types}
}
