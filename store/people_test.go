package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// A set comes back as it was, in a text that both databases keep, and sets are merged and intersected like sets.
func TestPlaces(t *testing.T) {
	t.Parallel()
	set := rapid.Custom(func(t *rapid.T) []uint16 {
		var places []uint16
		for at := -1; at < chunkPeople-1 && rapid.IntRange(0, 40).Draw(t, "more") > 0; {
			at += rapid.SampledFrom([]int{1, 1, 1, 2, 3, 61, 62, 63, 64, 65, 127, 128, 700, 2000, chunkPeople - 1}).Draw(t, "gap")
			for range rapid.SampledFrom([]int{1, 1, 2, 3, 4, 62, 63, 64, 200}).Draw(t, "run") {
				if at < chunkPeople {
					places = append(places, uint16(at))
				}
				at++
			}
		}
		return places
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := set.Draw(t, "a"), set.Draw(t, "b")
		for _, s := range [][]uint16{a, b} {
			text := packPlaces(s)
			if strings.ContainsFunc(text, func(r rune) bool { return r == 0 || r > 127 }) {
				t.Fatalf("%q is not plain text", text)
			}
			if got := unpackPlaces(nil, text); !slices.Equal(got, s) {
				t.Fatalf("%v comes back as %v from %q", s, got, text)
			}
		}
		in := map[uint16]int{}
		for _, p := range slices.Concat(a, b) {
			in[p]++
		}
		var both, either []uint16
		for p := range uint16(chunkPeople) {
			if in[p] == 2 {
				both = append(both, p)
			}
			if in[p] > 0 {
				either = append(either, p)
			}
		}
		if got := merge(a, b); !slices.Equal(got, either) {
			t.Fatalf("merged: %v, not %v", got, either)
		}
		if got := common(slices.Clone(a), b); !slices.Equal(got, both) {
			t.Fatalf("common: %v, not %v", got, both)
		}
	})
}

// A full chunk is two dozen bytes at most, a broken text no crash.
func TestPlacesOdd(t *testing.T) {
	t.Parallel()
	all := make([]uint16, chunkPeople)
	for i := range all {
		all[i] = uint16(i)
	}
	if text := packPlaces(all); len(text) > 4 || len(unpackPlaces(nil, text)) != chunkPeople {
		t.Errorf("everybody is %q", text)
	}
	for _, text := range []string{"", "?", "@", "\x7f\x7f\x7f\x7f\x01", "?\x7f\x7f\x7f", "\x01\x7f\x7f\x01", "??", "\x00", "?\x7f\x3f"} {
		if got := unpackPlaces(nil, text); len(got) > chunkPeople || slices.ContainsFunc(got, func(p uint16) bool { return p >= chunkPeople }) {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add("\x01?\x05@\x02")
	f.Fuzz(func(t *testing.T, text string) {
		if got := unpackPlaces(nil, text); len(got) > 0 && int(got[len(got)-1]) >= chunkPeople {
			t.Errorf("%q is %v", text, got)
		}
	})
}

// Whoever has a text has the grams of every part of it.
func TestGramsOfParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []rune(filter.Fold(rapid.StringOfN(rapid.SampledFrom([]rune("abcé洋🜁-")), 3, 20, -1).Draw(t, "text")))
		from := rapid.IntRange(0, len(text)-3).Draw(t, "from")
		part := string(text[from:rapid.IntRange(from+3, len(text)).Draw(t, "to")])
		all := gramsOf(nil, string(text))
		for _, g := range searchedGrams(part) {
			if !slices.Contains(all, uint32(g)) || g >= 1<<31 {
				t.Fatalf("%q lacks the gram %d of %q", string(text), g, part)
			}
		}
		if len(gramsOf(nil, part)) == 0 {
			t.Fatalf("%q has no grams", part)
		}
	})
}

// bothPeople runs a test on both databases, opened again by open.
func bothPeople(t *testing.T, f func(t *testing.T, open func() *DB)) {
	for _, c := range []struct {
		name   string
		config func(t *testing.T) Config
	}{
		{"sqlite", func(t *testing.T) Config { return Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")} }},
		{"postgres", func(t *testing.T) Config { return Config{Postgres: parts.Postgres(t)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := c.config(t)
			f(t, func() *DB {
				db, err := Open(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() }) // a second time does nothing
				return db
			})
		})
	}
}

// FollowPeople brings the index up to date.
func (db *DB) FollowPeople(ctx context.Context, t lockstep.TenantID) error {
	return db.followTenant(ctx, t)
}

type crowd struct {
	*testing.T
	db     *DB
	tenant lockstep.TenantID
}

func newCrowd(t *testing.T, db *DB) crowd {
	c := crowd{t, db, lockstep.NewID[lockstep.TenantID]()}
	if err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: c.tenant, Slug: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// add adds people with numbers in their names.
func (c crowd) add(from, to int) {
	c.Helper()
	for ; from < to; from += 500 {
		var changes []directory.Change
		for i := from; i < min(to, from+500); i++ {
			a := scim.Object{{Name: "userName", Value: fmt.Sprintf("person%05d@acme.example", i)}}
			changes = append(changes, directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: a}})
		}
		if _, err := c.db.Commit(c.Context(), c.tenant, audit.Actor{}, "", changes...); err != nil {
			c.Fatal(err)
		}
	}
}

// found counts those whom a search finds in all of its pages.
func (c crowd) found(text string) (n int, f directory.PeopleFound) {
	c.Helper()
	q := directory.PeopleQuery{Text: text, Limit: 700}
	for {
		var err error
		if f, err = c.db.People(c.Context(), c.tenant, q); err != nil {
			c.Fatal(err)
		}
		n += len(f.Users)
		if q.After = f.Next; q.After == "" {
			return n, f
		}
	}
}

// More people than a chunk has are all found, whether they were there before the index, came in one burst or one by one; a large
// index is not built by a search, which says so.
func TestPeopleMany(t *testing.T) {
	t.Parallel()
	bothPeople(t, func(t *testing.T, open func() *DB) {
		c := newCrowd(t, open())
		c.add(0, 6000)
		if n, f := c.found("acme"); n != 0 || f.Index.Ready {
			t.Errorf("without an index: %d people, %+v", n, f.Index)
		}
		if err := c.db.followTenant(t.Context(), c.tenant); err != nil {
			t.Fatal(err)
		}
		if n, f := c.found("acme"); n != 6000 || !f.Index.Ready || f.Index.Behind != 0 {
			t.Errorf("with an index: %d people, %+v", n, f.Index)
		}
		c.add(6000, 9500)
		if n, f := c.found("acme"); n != 6000 || f.Index.Behind != 3500 {
			t.Errorf("after a burst: %d people, %+v", n, f.Index)
		}
		if err := c.db.followTenant(t.Context(), c.tenant); err != nil {
			t.Fatal(err)
		}
		c.add(9500, 9501)
		for text, want := range map[string]int{"acme": 9501, "person0950": 1, "on041": 100, "9499@": 1, "xyz": 0} {
			if n, f := c.found(text); n != want || f.Index.Behind != 0 {
				t.Errorf("%q at last: %d people, not %d, %+v", text, n, want, f.Index)
			}
		}
	})
}

// Whoever has the first number of a chunk that is read by itself is found.
func TestPeopleFar(t *testing.T) {
	t.Parallel()
	bothPeople(t, func(t *testing.T, open func() *DB) {
		c := newCrowd(t, open())
		c.add(0, 1)
		c.found("acme")
		const far = searchChunks * chunkPeople
		err := c.db.transaction(t.Context(), execs(
			fmt.Sprintf("UPDATE people_number SET person = %d", far),
			fmt.Sprintf("UPDATE people_gram SET chunk = %d, people = '%s'", searchChunks, packPlaces([]uint16{0})),
			fmt.Sprintf("UPDATE people_index SET people = %d", far),
		))
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := c.found("acme"); n != 1 {
			t.Errorf("%d people are found", n)
		}
	})
}

// Whoever is purged leaves the index, and somebody new who has the id again is in it.
func TestPeoplePurged(t *testing.T) {
	t.Parallel()
	bothPeople(t, func(t *testing.T, open func() *DB) {
		c := newCrowd(t, open())
		c.add(0, 3)
		_, f := c.found("acme")
		gone, again := f.Users[0], f.Users[1]
		put := directory.PutUser{User: directory.User{ID: again.ID, Attributes: again.Attributes}}
		changes := []directory.Change{directory.DeleteUser{ID: gone.ID, Purge: true}, directory.DeleteUser{ID: again.ID, Purge: true}, put}
		if _, err := c.db.Commit(t.Context(), c.tenant, audit.Actor{}, "", changes...); err != nil {
			t.Fatal(err)
		}
		if n, _ := c.found("acme"); n != 2 {
			t.Errorf("%d people are found", n)
		}
		rows, err := c.db.query(t.Context(), "SELECT id FROM people_number")
		ids, err := collect(rows, err, scanText)
		if err != nil || len(ids) != 2 || slices.Contains(ids, string(gone.ID)) {
			t.Errorf("in the index: %s, %v", ids, err)
		}
	})
}

// An index of another program, or behind the end of the feed, is made anew, and the old one goes.
func TestPeopleAnew(t *testing.T) {
	t.Parallel()
	bothPeople(t, func(t *testing.T, open func() *DB) {
		c := newCrowd(t, open())
		c.add(0, 300)
		_, f := c.found("acme")
		before := ""
		for i, spoil := range []string{
			"UPDATE people_index SET form = '0'",
			"UPDATE people_index SET position = position + 5",
			"DELETE FROM people_index",
		} {
			var first directory.PeopleFound
			var err error
			if first, err = c.db.People(t.Context(), c.tenant, directory.PeopleQuery{Text: "acme", Limit: 10}); err != nil || first.Next == "" || first.Next == before {
				t.Fatalf("a first page goes on at %q, after %q: %v", first.Next, before, err)
			}
			before = first.Next
			if err := c.db.transaction(t.Context(), execs(spoil)); err != nil {
				t.Fatal(err)
			}
			var n int
			if n, f = c.found("acme"); n != 300 || !f.Index.Ready {
				t.Errorf("%s: %d people, %+v", spoil, n, f.Index)
			}
			_, err = c.db.People(t.Context(), c.tenant, directory.PeopleQuery{Text: "acme", After: before})
			if !errors.Is(err, lockstep.ErrCursorExpired) {
				t.Errorf("%s: a page of the old index: %v", spoil, err)
			}
			if i == 0 {
				c.swept()
			}
		}
	})
}

// execs is a transaction of some statements.
func execs(texts ...string) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		for _, text := range texts {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	}
}

// swept waits until there is one index.
func (c crowd) swept() {
	c.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		rows, err := c.db.query(c.Context(), "SELECT COUNT(DISTINCT no) FROM people_gram")
		if n, err := one(rows, err, scanInt); err != nil || n == 1 {
			if err != nil {
				c.Fatal(err)
			}
			return
		}
		if time.Now().After(end) {
			c.Fatal("the old index stays")
		}
	}
}

// Nodes that index the same tenant at the same time give way to each other.
func TestPeopleNodes(t *testing.T) {
	t.Parallel()
	config := Config{Postgres: parts.Postgres(t)}
	var nodes []*DB
	for range 3 {
		db, err := Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		nodes = append(nodes, db)
	}
	c := newCrowd(t, nodes[0])
	var wg sync.WaitGroup
	for i, db := range nodes {
		one := crowd{t, db, c.tenant}
		wg.Go(func() {
			for n := range 20 {
				one.add(i*1000+n*50, i*1000+n*50+50)
				if _, err := one.db.indexPeople(t.Context(), c.tenant); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, f := c.found("acme"); n != 3000 || f.Index.Indexed != 3000 {
		t.Errorf("%d people are found, %+v", n, f.Index)
	}
}

// IndexPeople follows without a search.
func TestIndexPeople(t *testing.T) {
	t.Parallel()
	bothPeople(t, func(t *testing.T, open func() *DB) {
		c := newCrowd(t, open())
		c.add(0, 100)
		var running sync.WaitGroup
		defer running.Wait()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		running.Go(func() { c.db.IndexPeople(ctx, func(err error) { t.Error(err) }) })
		for _, upTo := range []int{100, 150} { // there before; changed while it runs
			if upTo > 100 {
				c.add(100, upTo)
			}
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				h, err := c.db.peopleHead(t.Context(), c.tenant)
				if err != nil || time.Now().After(end) {
					t.Fatalf("the index has %d people of %d: %v", h.people, upTo, err)
				}
				if h.current() && h.people == int64(upTo) {
					break
				}
			}
		}
	})
}

// Bursts wait until they are over, but not for ever.
func TestTouched(t *testing.T) {
	t.Parallel()
	var x touched[lockstep.TenantID]
	x.add("a")
	now := time.Now()
	if due := x.take(now); len(due) > 0 {
		t.Errorf("at once: %s", due)
	}
	x.since["b"] = touch{first: now.Add(-indexLatest), last: now}
	if due := x.take(now); !slices.Equal(due, []lockstep.TenantID{"b"}) {
		t.Errorf("for long: %s", due)
	}
	if due := x.take(now.Add(indexQuiet)); !slices.Equal(due, []lockstep.TenantID{"a"}) || len(x.since) > 0 {
		t.Errorf("after a while: %s, left %v", due, x.since)
	}
}
