package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"lockstep"
	"lockstep/directory"
)

// The index by which people are searched follows the change feed, behind everybody who writes: a page of changes is read and
// worked out beside the writer, which then only puts the rows in. A person gets a number and stands in the sets of their grams,
// which are cut into chunks of numbers. Who loses a gram stays in its set: whoever searches looks at the person anyway.

// peopleHead is how far the index of a tenant is.
type peopleHead struct {
	no       int64 // 0 is none yet
	form     string
	position int64
	walked   string
	ready    bool
	people   int64
	version  int64

	pos, users int64 // of the feed's head: its position, and how many users there are
}

func (h *peopleHead) behind() int64 { return h.pos - h.position }

// current reports whether everything is in the index.
func (h *peopleHead) current() bool {
	return h.no != 0 && h.form == peopleForm && h.ready && h.behind() == 0
}

func (db *DB) peopleHead(ctx context.Context, tenant lockstep.TenantID) (h peopleHead, err error) {
	rows, err := db.query(ctx, `SELECT f.pos, f.users, COALESCE(p.no, 0), COALESCE(p.form, ''), COALESCE(p.position, 0), COALESCE(p.walked, ''),
		COALESCE(p.ready, FALSE), COALESCE(p.people, 0), COALESCE(p.version, 0)
		FROM feed_head f LEFT JOIN people_index p ON p.tenant = f.tenant WHERE f.tenant = $1`, string(tenant))
	h, err = one(rows, err, func(s scanner) (h peopleHead, err error) {
		return h, s.Scan(&h.pos, &h.users, &h.no, &h.form, &h.position, &h.walked, &h.ready, &h.people, &h.version)
	})
	return h, absent(err, "tenant", string(tenant))
}

// peoplePage is what one transaction adds to the index of a tenant.
type peoplePage struct {
	tenant lockstep.TenantID
	old    peopleHead
	next   peopleHead
	people []indexedPerson
	merged int // of people: how many are in sets
	purged []string
	sets   []peopleSet
}

// indexedPerson is a row of people_number that is new or has changed.
type indexedPerson struct {
	id     string
	number int64
	hash   int64
	known  bool
	grams  []uint32
}

// peopleSet is a row of people_gram.
type peopleSet struct {
	chunk int64
	gram  uint32
	text  string
}

// peopleChanges is how many events of the feed, or people, one page takes.
const peopleChanges = 2048

// indexPeople brings the index a page on. It reports how far the index was before: whoever finds it current has nothing to do.
func (db *DB) indexPeople(ctx context.Context, tenant lockstep.TenantID) (peopleHead, error) {
	h, err := db.peopleHead(ctx, tenant)
	if err != nil || h.current() {
		return h, err
	}
	p := &peoplePage{tenant: tenant, old: h, next: h}
	switch {
	case h.no == 0 || h.form != peopleForm:
		return h, db.beginPeople(ctx, tenant, h)
	case !h.ready:
		err = db.walkPeople(ctx, p)
	default:
		err = db.followPeople(ctx, p)
		if errors.Is(err, lockstep.ErrCursorExpired) { // the feed was trimmed meanwhile, or a backup was put back
			return h, db.beginPeople(ctx, tenant, h)
		}
	}
	if err == nil {
		err = db.mergePeople(ctx, p)
	}
	if err == nil {
		err = db.putPeople(ctx, p)
	}
	if err != nil {
		return h, fmt.Errorf("index people: %w", err)
	}
	return h, nil
}

// beginPeople begins a tenant's index, anew if there is one. What changes from now on is in the feed after its position.
func (db *DB) beginPeople(ctx context.Context, tenant lockstep.TenantID, old peopleHead) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 4, run: func(t *tx) error {
		n, err := t.exec("DELETE FROM people_index WHERE tenant = $1 AND no = $2", string(tenant), old.no)
		if err == nil && n > 0 {
			err = t.doom(old.no)
		}
		if err != nil {
			return err
		}
		no, err := t.number()
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO people_index (tenant, no, form, position, walked, ready, people, version)
			SELECT tenant, $2, $3, pos, '', FALSE, 0, 1 FROM feed_head WHERE tenant = $1 ON CONFLICT (tenant) DO NOTHING`, string(tenant), no, peopleForm)
		return err
	}})
	if err != nil {
		return fmt.Errorf("begin the index of people: %w", err)
	}
	return nil
}

// walkPeople reads the next people of all.
func (db *DB) walkPeople(ctx context.Context, p *peoplePage) error {
	for len(p.people) < peopleChanges {
		users, err := db.Users(ctx, p.tenant, directory.UserQuery{After: lockstep.UserID(p.next.walked), Deleted: true, Limit: 512})
		if err != nil {
			return err
		}
		if err := db.take(ctx, p, users); err != nil {
			return err
		}
		if len(users) < 512 {
			p.next.ready = true
			return nil
		}
		p.next.walked = string(users[len(users)-1].ID)
	}
	return nil
}

// followPeople reads the next changes and whom they are of.
func (db *DB) followPeople(ctx context.Context, p *peoplePage) error {
	events, err := db.Feed(ctx, p.tenant, p.old.position, peopleChanges)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	p.next.position = events[len(events)-1].Pos
	changed := map[lockstep.UserID]bool{}
	purged := map[string]bool{}
	for _, e := range events {
		if e.Object != "user" {
			continue
		}
		changed[lockstep.UserID(e.ID)] = true
		if e.Op == directory.OpPurge {
			purged[e.ID] = true
		}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(changed)), 512) {
		users, err := db.Users(ctx, p.tenant, directory.UserQuery{IDs: ids, Deleted: true})
		if err != nil {
			return err
		}
		slices.SortFunc(users, func(a, b directory.User) int { return cmp.Compare(a.ID, b.ID) })
		if err := db.take(ctx, p, users); err != nil {
			return err
		}
		for _, u := range users {
			delete(purged, string(u.ID)) // somebody has the id again
		}
	}
	p.purged = slices.Sorted(maps.Keys(purged))
	return nil
}

// numbersByID and peopleByNumber join with a list, because PostgreSQL, where it has not counted the rows of an index yet, would read
// all of them for a long IN.
var (
	numbersByID = bulk{lead: []string{"BIGINT"}, cols: []string{"TEXT"}, text: `SELECT n.id, n.person, n.hash
		FROM (VALUES @rows) v CROSS JOIN people_number n WHERE n.no = v.column1 AND n.id = v.column2`}
	peopleByNumber = bulk{lead: []string{"BIGINT", "TEXT"}, cols: []string{"BIGINT"}, text: `SELECT n.person,
		u.id, u.version, u.active, u.deleted, u.auth_epoch, u.created, u.modified, u.doc
		FROM (VALUES @rows) v CROSS JOIN people_number n CROSS JOIN users u
		WHERE n.no = v.column1 AND n.person = v.column3 AND u.tenant = v.column2 AND u.id = n.id`}
)

// take works out what the index has to know of users, and leaves out those of whom it knows it. New ones get their numbers in the
// order in which they come.
func (db *DB) take(ctx context.Context, p *peoplePage, users []directory.User) error {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = string(u.ID)
	}
	known := map[string]indexedPerson{}
	err := pieces(len(ids), func(from, size int) error {
		args := []any{p.old.no}
		for _, id := range ids[from : from+size] {
			args = append(args, id)
		}
		rows, err := db.query(ctx, db.rendered(&numbersByID, size), args...)
		_, err = collect(rows, err, func(s scanner) (int, error) {
			x := indexedPerson{known: true}
			err := s.Scan(&x.id, &x.number, &x.hash)
			known[x.id] = x
			return 0, err
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, u := range users {
		x, hash := known[string(u.ID)], int64(0)
		x.grams, hash = indexedText(u.Attributes)
		if x.known && x.hash == hash {
			continue
		}
		if !x.known {
			p.next.people++
			x.id, x.number = string(u.ID), p.next.people
		}
		x.hash = hash
		p.people = append(p.people, x)
	}
	return nil
}

// mergePeople makes the sets that have the people of the page beside those who are in them.
func (db *DB) mergePeople(ctx context.Context, p *peoplePage) error {
	slices.SortFunc(p.people, func(a, b indexedPerson) int { return cmp.Compare(a.number, b.number) })
	for len(p.people) > p.merged {
		chunk := p.people[p.merged].number / chunkPeople
		sets := map[uint32][]uint16{}
		for _, x := range p.people[p.merged:] {
			if x.number/chunkPeople != chunk {
				break
			}
			p.merged++
			for _, g := range x.grams {
				sets[g] = append(sets[g], uint16(x.number%chunkPeople))
			}
		}
		grams := slices.Sorted(maps.Keys(sets))
		have, err := db.setsOf(ctx, p.old.no, p.old.people, chunk, grams)
		if err != nil {
			return err
		}
		for _, g := range grams {
			places := sets[g]
			if old, ok := have[g]; ok {
				places = merge(unpackPlaces(nil, old), places)
			}
			p.sets = append(p.sets, peopleSet{chunk, g, packPlaces(places)})
		}
	}
	return nil
}

// setsOf returns the stored sets of grams in a chunk, under a number of which the last member has a number itself. A chunk to which nobody
// belonged before the page has none.
func (db *DB) setsOf(ctx context.Context, no, last, chunk int64, grams []uint32) (map[uint32]string, error) {
	if chunk*chunkPeople > last {
		return nil, nil
	}
	have := make(map[uint32]string, len(grams))
	read := func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (int, error) {
			var gram int64
			var people string
			err := s.Scan(&gram, &people)
			have[uint32(gram)] = people
			return 0, err
		})
		return err
	}
	text := "SELECT gram, people FROM people_gram WHERE no = $1 AND chunk = $2"
	if len(grams) > peopleChanges/2 { // most of the chunk
		return have, read(text, []any{no, chunk})
	}
	return have, listsOf(db, text+" AND gram IN (@list)", []any{no, chunk}, grams, func(g uint32) any { return int64(g) }, read)
}

var (
	putPersons = bulk{lead: []string{"BIGINT"}, n: 3, text: `INSERT INTO people_number (no, id, person, hash) VALUES @rows
		ON CONFLICT (no, id) DO UPDATE SET hash = excluded.hash`}
	putGrams = bulk{lead: []string{"BIGINT"}, n: 3, text: `INSERT INTO people_gram (no, chunk, gram, people) VALUES @rows
		ON CONFLICT (no, chunk, gram) DO UPDATE SET people = excluded.people`}
)

// putPeople writes the page, unless somebody else has moved the index on meanwhile.
func (db *DB) putPeople(ctx context.Context, p *peoplePage) error {
	rows := 1 + len(p.people) + len(p.purged) + len(p.sets)
	return db.write(ctx, &work{tenant: p.tenant, rows: rows, run: func(t *tx) error {
		n, err := t.exec(`UPDATE people_index SET position = $4, walked = $5, ready = $6, people = $7, version = version + 1
			WHERE tenant = $1 AND no = $2 AND version = $3`,
			string(p.tenant), p.old.no, p.old.version, p.next.position, p.next.walked, p.next.ready, p.next.people)
		if err != nil || n == 0 {
			return err
		}
		_, err = t.bulk(&putPersons, []any{p.old.no}, len(p.people), func(args []any, i int) []any {
			return append(args, p.people[i].id, p.people[i].number, p.people[i].hash)
		})
		if err != nil {
			return err
		}
		_, err = t.bulk(&putGrams, []any{p.old.no}, len(p.sets), func(args []any, i int) []any {
			return append(args, p.sets[i].chunk, int64(p.sets[i].gram), p.sets[i].text)
		})
		if err != nil {
			return err
		}
		for _, id := range p.purged {
			if _, err := t.exec("DELETE FROM people_number WHERE no = $1 AND id = $2", p.old.no, id); err != nil {
				return err
			}
		}
		return nil
	}})
}

// touched are those of whom this process has changed what an index has yet to follow: the directories of tenants, the logs of jobs.
type touched[K cmp.Ordered] struct {
	mu    sync.Mutex
	since map[K]touch
}

// touch is when something was changed, for the first and for the last time.
type touch struct{ first, last time.Time }

func (t *touched[K]) add(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since == nil {
		t.since = map[K]touch{}
	}
	at, now := t.since[key], time.Now()
	if at.first.IsZero() {
		at.first = now
	}
	at.last = now
	t.since[key] = at
}

// take returns those whose time has come: nothing was changed for a moment, or it has been going on for long.
func (t *touched[K]) take(now time.Time) (due []K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, at := range t.since {
		if now.Sub(at.last) >= indexQuiet || now.Sub(at.first) >= indexLatest {
			due = append(due, key)
			delete(t.since, key)
		}
	}
	slices.Sort(due)
	return due
}

// The pace of IndexPeople: the many changes of a burst are indexed after it, a page at a time, so that whoever makes them does not
// wait. A search that comes earlier brings what is little up to date itself, and says when it is much.
const (
	indexEvery  = 500 * time.Millisecond
	indexQuiet  = 500 * time.Millisecond
	indexLatest = 5 * time.Second
	indexAll    = 60 // times indexEvery until it looks at all tenants again, also those that only other nodes have changed
)

// IndexPeople keeps the indexes by which people and the names of logs are searched up to date, a second or two behind, until ctx ends. Between pages it
// rests for as long as the last one took, so that an index that is built leaves half of a processor to others. It reports
// what failed and goes on.
func (db *DB) IndexPeople(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(indexEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		due := db.touched.take(time.Now())
		if n%indexAll == 0 {
			var err error
			if due, err = db.staleIndexes(ctx, due); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
		for _, tenant := range due {
			if err := db.followTenant(ctx, tenant); err != nil && ctx.Err() == nil {
				failed(err)
				db.touched.add(tenant)
			}
		}
		jobs := db.logged.take(time.Now())
		if n%indexAll == 0 {
			var err error
			if jobs, err = db.unnumbered(ctx, jobs); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
		for _, job := range jobs {
			if err := db.followNames(ctx, job); err != nil && ctx.Err() == nil {
				failed(err)
				db.logged.add(job)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// staleIndexes are the tenants whose index is not current, or those who are due when they cannot be read.
func (db *DB) staleIndexes(ctx context.Context, due []lockstep.TenantID) ([]lockstep.TenantID, error) {
	rows, err := db.query(ctx, `SELECT f.tenant FROM feed_head f LEFT JOIN people_index p ON p.tenant = f.tenant
		WHERE p.tenant IS NULL OR p.ready = FALSE OR p.position <> f.pos OR p.form <> $1 ORDER BY f.tenant`, peopleForm)
	all, err := collect(rows, err, func(s scanner) (t lockstep.TenantID, err error) { return t, s.Scan(&t) })
	if err != nil {
		return due, fmt.Errorf("look for indexes of people to complete: %w", err)
	}
	return all, nil
}

// followTenant brings the index of a tenant to where the feed is now.
func (db *DB) followTenant(ctx context.Context, tenant lockstep.TenantID) error {
	first := true
	var end int64
	for {
		began := time.Now()
		h, err := db.indexPeople(ctx, tenant)
		switch {
		case errors.Is(err, lockstep.ErrNotFound), errors.Is(err, sql.ErrNoRows): // the tenant is gone
			return nil
		case err != nil || h.current():
			return err
		}
		if first {
			first, end = false, h.pos
		}
		if h.ready && h.position >= end { // what has come since is for the next time
			return nil
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
