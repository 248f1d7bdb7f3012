package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"lockstep"
)

// The notes by which nodes on PostgreSQL wake each other. A note carries the name of the node that wrote it and the tenant, and nothing else:
// whoever hears it looks for itself what there is to do. Notes may be lost, by a pooler between or a node that dies; who waits for one looks
// from time to time anyhow.
const (
	wakeChannel = "lockstep"
	wakeGap     = 50 * time.Millisecond // between two notes of a node: PostgreSQL takes all commits with notes one after another
	wakeAnew    = time.Second           // until it is tried again after a failure; after each further one twice as long
	wakeLatest  = time.Minute           // at most: a database that only follows another one takes no notes
	wakeLeast   = 5 * time.Minute       // a connection that has brought no note for so long is made anew: it may be dead
	wakeMost    = 100                   // tenants at once; of more one note speaks for all
)

// wakes is what a node tells the others.
type wakes struct {
	node string
	told chan struct{} // holds one: there is something to tell

	mu sync.Mutex
	of map[lockstep.TenantID]bool // of which tenants
}

func newWakes() *wakes {
	return &wakes{node: rand.Text(), told: make(chan struct{}, 1), of: map[lockstep.TenantID]bool{}}
}

// tell has the other nodes told soon. It never waits.
func (w *wakes) tell(tenants []lockstep.TenantID) {
	w.mu.Lock()
	for _, t := range tenants {
		w.of[t] = true
	}
	w.mu.Unlock()
	select {
	case w.told <- struct{}{}:
	default:
	}
}

// notes are what there is to tell, as it is written. From then on it counts as told.
func (w *wakes) notes() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range w.of {
		all = append(all, w.node+" "+string(t))
	}
	if len(all) > wakeMost {
		all = []string{w.node + " "}
	}
	clear(w.of)
	return all
}

// ShareWakes tells the other nodes of this one's commits that may give a job something to do, those of which OnCommit tells, and calls heard
// with the tenant when another node has made one, or with none when others may have, until ctx ends. Many commits are one note. It reports what failed and goes on. Behind a pooler it
// hears nothing. On SQLite, which one process has to itself, it does nothing.
func (db *DB) ShareWakes(ctx context.Context, heard func(lockstep.TenantID), failed func(error)) {
	if db.pool == nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { db.tellWakes(ctx, failed) })
	if !db.pooler.There { // it would bring none, and keep those that it got for others
		both.Go(func() { db.hearWakes(ctx, heard, failed) })
	}
	both.Wait()
}

func (db *DB) tellWakes(ctx context.Context, failed func(error)) {
	for again := wakeAnew; ; {
		select {
		case <-ctx.Done():
			return
		case <-db.wakes.told:
		}
		notes := db.wakes.notes()
		if len(notes) == 0 {
			continue // they went with those before
		}
		_, err := db.pool.Exec(ctx, "SELECT pg_notify($1, note) FROM unnest($2::text[]) note", wakeChannel, notes)
		switch {
		case err == nil:
			again = wakeAnew
		case ctx.Err() == nil:
			failed(fmt.Errorf("tell other nodes of work: %w", err))
			_ = rest(ctx, again)
			again = min(2*again, wakeLatest)
		}
		_ = rest(ctx, wakeGap)
	}
}

func (db *DB) hearWakes(ctx context.Context, heard func(lockstep.TenantID), failed func(error)) {
	for again := wakeAnew; ctx.Err() == nil; {
		began := time.Now()
		err := db.listen(ctx, heard)
		if time.Since(began) > wakeLatest {
			again = wakeAnew // it worked for a while
		}
		if err != nil && ctx.Err() == nil {
			failed(fmt.Errorf("listen for work of other nodes: %w", err))
			_ = rest(ctx, again)
			again = min(2*again, wakeLatest)
		}
	}
}

// listen calls heard for each note of another node until the connection fails, or has brought none for long.
func (db *DB) listen(ctx context.Context, heard func(lockstep.TenantID)) error {
	c, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	if _, err := c.Exec(ctx, "LISTEN "+wakeChannel); err != nil {
		return err
	}
	for heard(""); ; { // at first: what was told before is not known
		waiting, cancel := context.WithTimeout(ctx, wakeLeast)
		note, err := c.WaitForNotification(waiting)
		cancel()
		switch {
		case err != nil && waiting.Err() != nil && ctx.Err() == nil:
			return nil
		case err != nil:
			return err
		}
		if node, tenant, _ := strings.Cut(note.Payload, " "); node != db.wakes.node { // nodes of before name no tenant
			heard(lockstep.TenantID(tenant))
		}
	}
}
