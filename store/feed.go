package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/directory"
)

// positioner takes n positions of a tenant's feed and returns the last; for n = 0 it returns the newest there is. It moves the
// counts along.
type positioner func(t *tx, tenant lockstep.TenantID, n int, d counted) (int64, error)

// putFeed gives the events of the functions that succeeded their positions and inserts them. The head's row is locked here,
// last, so that little waits for it; from here on nobody else of the tenant gets a position before this transaction ends.
// (A sequence would hand out positions that commit in another order: a reader that follows would pass over the late ones.)
func (t *tx) putFeed(ran []*work) error {
	works := slices.DeleteFunc(slices.Clone(ran), func(x *work) bool { return len(x.events) == 0 && !x.asked })
	slices.SortStableFunc(works, func(a, b *work) int { return cmp.Compare(a.tenant, b.tenant) })
	for len(works) > 0 {
		n := 1
		for n < len(works) && works[n].tenant == works[0].tenant {
			n++
		}
		if err := t.putTenantFeed(works[:n]); err != nil {
			return err
		}
		works = works[n:]
	}
	return nil
}

var insertFeed = bulk{
	lead: []string{"TEXT", "BIGINT"}, n: 8,
	text: "INSERT INTO feed (tenant, at, pos, object, op, id, member, kind, app, action) VALUES @rows",
}

func (t *tx) putTenantFeed(works []*work) error {
	tenant := works[0].tenant
	var events []directory.Event
	var d counted
	for _, x := range works {
		events = append(events, x.events...)
		d.add(x.counted)
	}
	pos, err := t.db.position(t, tenant, len(events), d)
	if err != nil {
		return err
	}
	pos -= int64(len(events))
	for _, x := range works {
		for i := range x.events {
			pos++
			x.events[i].Pos = pos
		}
		x.pos = pos
	}
	first := pos - int64(len(events)) + 1
	_, err = t.bulk(&insertFeed, []any{string(tenant), millis(t.at)}, len(events), func(args []any, i int) []any {
		e := &events[i]
		return append(args, first+int64(i), e.Object, string(e.Op), e.ID, e.Member,
			string(e.Kind), string(e.App), string(e.Action))
	})
	return err
}

// advance moves the head on and returns it. It is the positioner of every store. As it holds the head's row from here on, it is
// also who finds out whether the tenant's schemas are still those that this transaction went by.
func (t *tx) advance(tenant lockstep.TenantID, n int, d counted) (int64, error) {
	text, args := "SELECT pos, schemas FROM feed_head WHERE tenant = $1", []any{string(tenant)}
	if n > 0 {
		text, args = moveHead, append(append(args, int64(n)), d.args()...)
	}
	var version int64
	rows, err := t.query(text, args...)
	pos, err := one(rows, err, func(s scanner) (pos int64, err error) { return pos, s.Scan(&pos, &version) })
	if err != nil {
		return 0, fmt.Errorf("move the head of the feed: %w", absent(err, "tenant", string(tenant)))
	}
	return pos, t.current(tenant, version)
}

// Feed returns events after a position. It satisfies directory.Reader.
func (db *DB) Feed(ctx context.Context, tenant lockstep.TenantID, after int64, limit int) ([]directory.Event, error) {
	rows, err := db.query(ctx, `SELECT pos, at, object, op, id, member, kind, app, action FROM feed
		WHERE tenant = $1 AND pos > $2 ORDER BY pos LIMIT $3`, string(tenant), after, int64(limit))
	events, err := collect(rows, err, scanEvent)
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	// The head is read after the rows: if they were being trimmed meanwhile, it shows here.
	pos, trimmed, err := db.head(ctx, tenant)
	if err != nil {
		return nil, err
	}
	// A position beyond the head belongs to a database that was since replaced by an older copy.
	if after < trimmed || after > pos {
		return nil, &lockstep.Error{Code: lockstep.CodeCursorExpired}
	}
	return events, nil
}

func scanEvent(s scanner) (e directory.Event, err error) {
	var at int64
	err = s.Scan(&e.Pos, &at, &e.Object, &e.Op, &e.ID, &e.Member, &e.Kind, &e.App, &e.Action)
	e.At = instant(at)
	return e, err
}

// Head returns the position of the newest event. It satisfies directory.Reader.
func (db *DB) Head(ctx context.Context, tenant lockstep.TenantID) (int64, error) {
	pos, _, err := db.head(ctx, tenant)
	return pos, err
}

func (db *DB) head(ctx context.Context, tenant lockstep.TenantID) (pos, trimmed int64, err error) {
	rows, err := db.query(ctx, "SELECT pos, trimmed FROM feed_head WHERE tenant = $1", string(tenant))
	_, err = one(rows, err, func(s scanner) (int64, error) { return 0, s.Scan(&pos, &trimmed) })
	if err != nil {
		return 0, 0, fmt.Errorf("read the head of the feed: %w", absent(err, "tenant", string(tenant)))
	}
	return pos, trimmed, nil
}
