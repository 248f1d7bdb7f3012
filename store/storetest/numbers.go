package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/store"
)

// testNumbers: a page by number begins where counting from the start would get, however people come and go: in order, late, with
// ids that tell no time, and whether or not marks are there.
func testNumbers(t *testing.T, open Open) {
	clock := time.Now()
	c := found(t, open, store.Config{Now: func() time.Time { return clock }})
	r := rand.New(rand.NewPCG(1, 2))
	made := time.UnixMilli(1_600_000_000_000)
	// id makes the id of a moment (RFC 9562 §5.7).
	id := func(at time.Time) lockstep.UserID {
		ms := fmt.Sprintf("%012x", at.UnixMilli())
		return lockstep.UserID(fmt.Sprintf("%s-%s-7%03x-8000-%012x", ms[:8], ms[8:], r.IntN(1<<12), r.Int64N(1<<48)))
	}
	var there, gone []string
	create := func(ids ...lockstep.UserID) {
		changes := make([]directory.Change, len(ids))
		for i, id := range ids {
			p := person(string(id))
			p.User.ID = id
			changes[i] = p
			there = append(there, string(id))
		}
		c.commit(changes...)
		slices.Sort(there)
	}
	check := func(what string) {
		t.Helper()
		for range 30 {
			offset := r.IntN(len(there) + 50)
			f, err := c.db.Search(context.Background(), c.tenant, directory.Search{Kind: directory.UserKind, Offset: offset, Limit: 7})
			c.ok(err)
			from := min(offset, len(there))
			if got, want := recordIDs(f.Records), there[from:min(from+7, len(there))]; f.Total != len(there) || !slices.Equal(got, want) {
				t.Fatalf("%s: at %d of %d\ngot  %v of %d\nwant %v", what, offset, len(there), got, f.Total, want)
			}
		}
	}
	batch := func(n int) (ids []lockstep.UserID) {
		for range n {
			made = made.Add(time.Duration(r.IntN(300)) * time.Millisecond)
			ids = append(ids, id(made))
		}
		return ids
	}
	create(batch(1500)...)
	check("filled")
	create(batch(700)...)
	check("more at the end")
	for round := range 6 {
		i := r.IntN(1000)
		switch round % 3 {
		case 0:
			c.commit(directory.DeleteUser{ID: lockstep.UserID(there[i])})
			gone = append(gone, there[i])
			there = slices.Delete(there, i, i+1)
			check("deleted, marks just made") // they stay away for a while
			clock = clock.Add(time.Minute)
			check("deleted")
		case 1:
			create(id(time.UnixMilli(1_600_000_000_000).Add(time.Duration(r.IntN(60_000)) * time.Millisecond)))
			check("late, marks just made")
			clock = clock.Add(time.Minute)
			check("late")
		case 2:
			c.commit(directory.RestoreUser{ID: lockstep.UserID(gone[0])})
			there, gone = append(there, gone[0]), gone[1:]
			slices.Sort(there)
			clock = clock.Add(time.Minute)
			check("restored")
			c.commit(directory.DeleteUser{ID: lockstep.UserID(there[i]), Purge: true})
			there = slices.Delete(there, i, i+1)
			clock = clock.Add(time.Minute)
			check("purged")
		}
		create(batch(40)...)
		check("grown")
	}
	for range 3 { // those of the last seconds come in any order, as from several nodes
		var ids []lockstep.UserID
		for range 400 {
			ids = append(ids, id(made.Add(time.Duration(r.IntN(2500))*time.Millisecond)))
		}
		create(ids...)
		check("not settled")
	}
	create("00000000-0000-4000-8000-000000000000") // tells no time
	clock = clock.Add(time.Minute)
	check("odd")
}

// testNumbersGrowing: while others come at the end, those who are there keep their numbers, also where no marks are yet.
func testNumbersGrowing(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	there := c.users("u", 1200)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				if _, err := c.db.Commit(context.Background(), c.tenant, admin, "", person(fmt.Sprintf("v%d", i))); err != nil {
					c.Error(err)
					return
				}
			}
		}
	})
	for offset := 600; offset < len(there); offset++ {
		f, err := c.db.Search(context.Background(), c.tenant, directory.Search{Kind: directory.UserKind, Offset: offset, Limit: 1, NoTotal: true})
		if err != nil {
			c.Error(err)
			break
		}
		if got := recordIDs(f.Records); len(got) != 1 || got[0] != string(there[offset]) {
			c.Errorf("at %d: %v, not %s", offset, got, there[offset])
			break
		}
	}
	close(done)
	wg.Wait()
}
