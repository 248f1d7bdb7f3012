package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/store"
)

// testContention: of many writers with the same condition exactly one wins.
func testContention(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	const writers, rounds = 32, 10
	id := c.user("ada")
	for round := range int64(rounds) {
		u := c.get(id)
		won := race(writers, func(i int) error {
			p := directory.PutUser{User: u, IfVersion: u.Version}
			p.User.Attributes = u.Attributes.Clone()
			p.User.Attributes.Set("title", fmt.Sprint(i))
			_, err := c.db.Commit(t.Context(), c.tenant, admin, "", p)
			return err
		}, lockstep.ErrVersion, t)
		if won != 1 {
			t.Errorf("round %d: %d writers won", round, won)
		}
		if got := c.get(id).Version; got != round+2 {
			t.Errorf("round %d: version %d", round, got)
		}
	}
	if won := race(writers, func(int) error {
		_, err := c.db.Commit(t.Context(), c.tenant, admin, "", person("Grace"))
		return err
	}, lockstep.ErrConflict, t); won != 1 {
		t.Errorf("%d users with one name", won)
	}
	if won := race(writers, func(i int) error { // without a condition everybody wins, one after another
		_, err := c.db.Commit(t.Context(), c.tenant, admin, "", replaced(c.get(id), "title", fmt.Sprint(i)))
		return err
	}, lockstep.ErrVersion, t); won != writers {
		t.Errorf("%d of %d writers without a condition won", won, writers)
	}
}

// race runs f n times at once and returns how many succeeded; the others must fail with want.
func race(n int, f func(i int) error, want error, t *testing.T) int64 {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, want):
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	return won.Load()
}

func testWriter(t *testing.T, open Open) {
	t.Run("feed", func(t *testing.T) { followFeed(found(t, open, store.Config{})) })
	t.Run("mixed", func(t *testing.T) { mixedOutcomes(found(t, open, store.Config{})) })
	t.Run("waiting", func(t *testing.T) { endedWait(found(t, open, store.Config{})) })
	t.Run("hook", func(t *testing.T) { commitHook(found(t, open, store.Config{})) })
	t.Run("close", func(t *testing.T) { closing(found(t, open, store.Config{})) })
}

// followFeed: a reader that follows by position while 16 writers write sees every change once and in order. Some writers lose
// on purpose, so that transactions are rolled back to a savepoint in between; a second store on the same PostgreSQL database
// writes too where there is one (see the test of two nodes).
func followFeed(c company) {
	const writers, each = 16, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := c.db.Commit(c.Context(), c.tenant, admin, "", person(fmt.Sprintf("w%d-%d", w, i)), person(fmt.Sprintf("v%d-%d", w, i)))
				if err != nil {
					c.Error(err)
				}
				if _, err := c.db.Commit(c.Context(), c.tenant, admin, "", person("x"), person(fmt.Sprintf("W%d-%d", w, i))); !errors.Is(err, lockstep.ErrConflict) {
					c.Errorf("a second user of the same name: %v", err)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	Follow(c.T, c.db, c.tenant, ended, 2*writers*each)
}

// Follow reads the feed by position until ended is closed, and then to the head. It fails the test when a position is missing
// or comes twice, when the number of events is not want, or when one event's user comes twice.
func Follow(t *testing.T, db *store.DB, tenant lockstep.TenantID, ended <-chan struct{}, want int) {
	t.Helper()
	pos, last := int64(0), false
	users := map[string]bool{}
	for {
		events, err := db.Feed(t.Context(), tenant, pos, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Pos != pos+1 {
				t.Errorf("position %d comes after %d", e.Pos, pos)
			}
			if users[e.ID] {
				t.Errorf("user %s comes twice", e.ID)
			}
			pos, users[e.ID] = e.Pos, true
		}
		if len(events) > 0 {
			continue
		}
		if last {
			break
		}
		select {
		case <-ended:
			last = true // once more: the last commits may have come after the read
		default:
		}
	}
	if len(users) != want {
		t.Errorf("the reader saw %d changes, want %d", len(users), want)
	}
}

// mixedOutcomes: functions that share a transaction succeed and fail each for itself.
func mixedOutcomes(c company) {
	const n = 200
	var wg sync.WaitGroup
	positions := make([]int64, n)
	for i := range n {
		wg.Go(func() {
			changes := []directory.Change{person(fmt.Sprintf("good%d", i))}
			if i%3 == 0 {
				changes = append(changes, person(fmt.Sprintf("GOOD%d", i)))
			}
			receipt, err := c.db.Commit(c.Context(), c.tenant, admin, "", changes...)
			if (err != nil) != (i%3 == 0) {
				c.Errorf("%d: %v", i, err)
			}
			positions[i] = receipt.Pos
		})
	}
	wg.Wait()
	users, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Limit: n})
	c.ok(err)
	head, err := c.db.Head(c.Context(), c.tenant)
	c.ok(err)
	if want := n - (n+2)/3; len(users) != want || int(head) != want {
		c.Errorf("%d users, head %d, want %d", len(users), head, want)
	}
	events, err := c.db.Feed(c.Context(), c.tenant, 0, n)
	c.ok(err)
	seen := map[int64]bool{}
	for i, pos := range positions {
		if i%3 != 0 && (pos < 1 || pos > int64(len(events)) || seen[pos]) {
			c.Errorf("commit %d got position %d", i, pos)
		}
		seen[pos] = true
	}
}

// endedWait: a context that ends drops what has not begun and never undoes what has.
func endedWait(c company) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	if _, err := c.db.Commit(ctx, c.tenant, admin, "", person("never")); !errors.Is(err, context.Canceled) {
		c.Errorf("commit with an ended context: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(c.Context())
			go cancel() // at some moment of the write
			name := fmt.Sprintf("maybe%d", i)
			_, err := c.db.Commit(ctx, c.tenant, admin, "", person(name))
			if err == nil {
				found, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name}})
				if err != nil || len(found) != 1 {
					c.Errorf("%s was acknowledged and is not there: %v, %v", name, found, err)
				}
			} else if !errors.Is(err, context.Canceled) {
				c.Error(err)
			}
		})
	}
	wg.Wait()
	c.user("after") // the writer goes on
	events, err := c.db.Feed(c.Context(), c.tenant, 0, 1000)
	c.ok(err)
	users, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{})
	c.ok(err)
	if len(events) != len(users) {
		c.Errorf("%d events for %d users", len(events), len(users))
	}
}

func commitHook(c company) {
	var told []lockstep.TenantID
	heads := make(chan int64, 10)
	c.db.OnCommit(func(tenant lockstep.TenantID) { told = append(told, tenant); heads <- 0 })
	c.user("ada")
	<-heads
	j := c.job("webex", nil)
	<-heads
	c.claim(j.ID) // tells nobody: whoever claims is awake
	c.commit()
	c.refuses(lockstep.CodeConflict, person("ADA"))
	c.user("bob")
	<-heads
	if len(told) != 3 || told[0] != c.tenant {
		c.Errorf("told %v", told)
	}
}

// closing: after Close writes are refused and none hangs; what was acknowledged stays.
func closing(c company) {
	var wg sync.WaitGroup
	var kept atomic.Int64
	for i := range 100 {
		wg.Go(func() {
			if _, err := c.db.Commit(c.Context(), c.tenant, admin, "", person(fmt.Sprint("u", i))); err == nil {
				kept.Add(1)
			}
			if i == 50 {
				if err := c.db.Close(); err != nil {
					c.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if kept.Load() == 0 {
		c.Error("nobody was served")
	}
	if _, err := c.db.Commit(c.Context(), c.tenant, admin, "", person("late")); err == nil {
		c.Error("a closed store took a write")
	}
}
