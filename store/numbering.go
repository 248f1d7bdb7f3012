package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"sync"
	"time"

	"lockstep"
	"lockstep/directory"
)

// A list of people is paged by number (RFC 7644 §3.4.2.4), and a database finds the 50,000th row by passing over 49,999. So every
// markStep-th id is remembered, for each tenant and kind, and a page begins at the mark before it. New ids come at the end, so marks
// stay where they are; whatever else moves somebody raises feed_head.moved in the same transaction, and the marks are made anew.
const (
	markStep = 256
	// settling is how long after it was made an id is usually written, on any node. Marks end before that; one that is written
	// later has moved the list.
	settling = 3 * time.Second
	// markPause is how long after they were made marks that moved stay away, lest deletes cost more than pages.
	markPause = 2 * time.Second
	// maxMarked is how many lists have marks. Some 20 KB are those of 100,000 people.
	maxMarked = 2000
)

// markedList is what a list's marks belong to.
type markedList struct {
	tenant lockstep.TenantID
	kind   directory.Kind
}

// idMarks are the ids numbered 0, markStep, 2·markStep, … of a list.
type idMarks struct {
	mu    sync.Mutex
	moved int64
	made  time.Time
	ids   []string
}

// idNumbers holds the marks of all lists.
type idNumbers struct {
	mu    sync.Mutex
	lists map[markedList]*idMarks
}

func (n *idNumbers) of(l markedList) *idMarks {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.lists[l]
	if m == nil {
		if n.lists == nil || len(n.lists) >= maxMarked {
			n.lists = map[markedList]*idMarks{}
		}
		m = &idMarks{}
		n.lists[l] = m
	}
	return m
}

// listHead is what feed_head knows of a list.
type listHead struct {
	total   int
	moved   int64
	settled string
}

func (db *DB) listHead(ctx context.Context, l markedList) (h listHead, err error) {
	rows, err := db.query(ctx, "SELECT "+countOf(l.kind)+", moved, settled FROM feed_head WHERE tenant = $1", string(l.tenant))
	h, err = one(rows, err, func(s scanner) (h listHead, err error) { return h, s.Scan(&h.total, &h.moved, &h.settled) })
	return h, absent(err, "tenant", string(l.tenant))
}

// before returns the mark next to a place in the list and how many ids lie between; "" is the start of the list.
func (db *DB) before(ctx context.Context, l markedList, offset int) (id string, rest int, err error) {
	if offset < markStep {
		return "", offset, nil
	}
	m := db.numbers.of(l)
	m.mu.Lock()
	defer m.mu.Unlock()
	h, err := db.listHead(ctx, l)
	if err != nil || offset >= h.total {
		return "", offset, err
	}
	if h.moved != m.moved || m.ids == nil {
		if now := db.now(); now.Sub(m.made) >= markPause {
			m.moved, m.made, m.ids = h.moved, now, nil
		} else {
			return "", offset, nil
		}
	}
	if err := m.extend(ctx, db, l, h, offset/markStep); err != nil {
		return "", offset, err
	}
	if len(m.ids) == 0 {
		return "", offset, nil
	}
	i := min(offset/markStep, len(m.ids)-1)
	return m.ids[i], offset - i*markStep, nil
}

// extend makes marks up to the n-th, as far as ids have settled. When somebody moves meanwhile it drops them all.
func (m *idMarks) extend(ctx context.Context, db *DB, l markedList, h listHead, n int) error {
	t := translator{kind: l.kind}
	if len(m.ids) > n {
		return nil
	}
	for len(m.ids) <= n {
		skip, after := 0, ""
		if k := len(m.ids); k > 0 {
			skip, after = markStep-1, m.ids[k-1]
		}
		text := "SELECT u.id" + t.from() + " AND u.id > $2 AND u.id <= $3 ORDER BY u.id LIMIT 1 OFFSET " + strconv.Itoa(skip)
		rows, err := db.query(ctx, text, string(l.tenant), after, h.settled)
		id, err := one(rows, err, scanText)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return err
		}
		m.ids = append(m.ids, id)
	}
	now, err := db.listHead(ctx, l)
	if err != nil || now.moved != m.moved {
		m.ids = nil
	}
	return err
}

// counted is how a transaction changes the lists of a tenant.
type counted struct {
	users, groups int64
	moved         bool   // somebody who has been there came or went
	first, last   string // of the ids that are new
}

// created counts a new user or group.
func (c *counted) created(id string) {
	if c.first == "" || id < c.first {
		c.first = id
	}
	c.last = max(c.last, id)
}

func (c *counted) add(d counted) {
	c.users += d.users
	c.groups += d.groups
	c.moved = c.moved || d.moved
	if d.first != "" {
		c.created(d.first)
		c.created(d.last)
	}
}

// settledBefore returns the beginning of the ids that have settled when id is made; ok is false when it tells no time.
func settledBefore(id string) (settled string, ok bool) {
	if !lockstep.ValidID(id) || id[14] != '7' {
		return "", false
	}
	ms, err := strconv.ParseInt(id[:8]+id[9:13], 16, 64) // RFC 9562 §5.7
	if err != nil || ms < settling.Milliseconds() {
		return "", false
	}
	return firstID(time.UnixMilli(ms).Add(-settling)), true
}

// moveHead is an update of feed_head that moves the counts along with the position.
const moveHead = `UPDATE feed_head SET pos = pos + $2, users = users + $3, groups = groups + $4,
	moved = moved + CASE WHEN $5 = 1 OR $6 <> '' AND $6 <= settled THEN 1 ELSE 0 END,
	settled = CASE WHEN $7 > settled THEN $7 ELSE settled END WHERE tenant = $1 RETURNING pos, schemas`

// args are the parameters of moveHead from the third.
func (c counted) args() []any {
	moved, settled := int64(0), ""
	if c.moved {
		moved = 1
	}
	if c.last != "" {
		var ok bool
		if settled, ok = settledBefore(c.last); !ok {
			moved = 1
		}
	}
	return []any{c.users, c.groups, moved, c.first, settled}
}
