package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/text/unicode/norm"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
)

// turns lets one piece of work of a tenant run at a time, so that no tenant takes more than one processor with it: searches that read
// everybody, and hashes of passwords.
type turns struct {
	mu sync.Mutex
	m  map[lockstep.TenantID]*turn
}

type turn struct {
	free  chan struct{} // holds one value while nobody works
	users int           // who works or waits
}

// take waits for the tenant's turn and returns how to give it back.
func (t *turns) take(ctx context.Context, tenant lockstep.TenantID) (done func(), err error) {
	t.mu.Lock()
	if t.m == nil {
		t.m = map[lockstep.TenantID]*turn{}
	}
	x := t.m[tenant]
	if x == nil {
		x = &turn{free: make(chan struct{}, 1)}
		x.free <- struct{}{}
		t.m[tenant] = x
	}
	x.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if x.users--; x.users == 0 {
			delete(t.m, tenant)
		}
	}
	select {
	case <-x.free:
		return func() { x.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// scanPage is how many records a scan reads at a time, so that it never holds a read transaction for long.
const scanPage = 512

// scanYield is after how many records a scan lets others go first: it takes long, and they take a moment. Go itself would take
// the processor away only after 10 ms.
const scanYield = 32

// candidate is a record that may match, with what only the database knows of it.
type candidate struct {
	directory.Record
	relations []bool
}

// scan looks at every record that fulfils the condition, in the order of ids; once the page is full it goes on only to count.
func (q *search) scan(ctx context.Context, cond condition) (f directory.Found, err error) {
	done, err := q.db.scans.take(ctx, q.tenant)
	if err != nil {
		return f, fmt.Errorf("%w: %w", errScanBusy, err)
	}
	defer done()
	if q.SortBy.Attr != "" {
		return q.scanSorted(ctx, cond)
	}
	from, skip := q.After.ID, 0
	if q.After.IsZero() {
		skip = q.Offset
	}
	err = q.matching(ctx, cond.text, from, q.reversed(), func(c candidate, _ scim.Object) bool {
		f.Total++
		switch {
		case f.Total <= skip:
		case len(f.Records) < q.Limit:
			f.Records = append(f.Records, c.Record)
		default:
			f.More = true
			return q.After.IsZero() && !q.NoTotal
		}
		return true
	})
	f.Total = q.known(f.Total)
	if q.Backward {
		slices.Reverse(f.Records)
	}
	if n := len(f.Records); n > 0 {
		f.First, f.Last = directory.Mark{ID: f.Records[0].ID, Total: f.Total}, directory.Mark{ID: f.Records[n-1].ID, Total: f.Total}
	}
	return f, err
}

// known is the total that the page tells, when so many were counted.
func (q *search) known(counted int) int {
	switch {
	case q.NoTotal:
		return 0
	case !q.After.IsZero():
		return q.After.Total
	}
	return counted
}

// matching calls f with the records that fulfil the condition and match the filter, by id from the one after from, until f
// returns false.
func (q *search) matching(ctx context.Context, where, from string, reversed bool, f func(candidate, scim.Object) bool) error {
	match := q.matcher()
	q.must = hint(q.Filter)
	return q.candidates(ctx, where, from, reversed, func(c candidate) (bool, error) {
		if c.Doc == nil {
			return true, nil
		}
		o, err := q.object(c)
		if err != nil || !match(o) {
			return err == nil, err
		}
		return f(c, o), nil
	})
}

// candidates calls f with the records that fulfil the condition, by id or in reverse, from the one after last, until f returns
// false.
func (q *search) candidates(ctx context.Context, where, last string, reversed bool, f func(candidate) (bool, error)) error {
	columns := q.columns()
	for _, r := range q.relations {
		columns += ", " + r
	}
	text := "SELECT " + columns + q.from()
	if where != "" {
		text += " AND (" + where + ")"
	}
	sign, direction := " > ", ""
	if reversed {
		sign, direction = " < ", " DESC"
		last = cmp.Or(last, "~") // after every id
	}
	args := slices.Clone(q.args)
	n := len(args)
	text += fmt.Sprintf(" AND u.id%s$%d ORDER BY u.id%s LIMIT %d", sign, n+1, direction, scanPage)
	for {
		rows, err := q.query(ctx, text, append(args[:n:n], last))
		page, err := collect(rows, err, q.scanCandidate)
		if err != nil {
			return err
		}
		for _, c := range page {
			if more, err := f(c); err != nil || !more {
				return err
			}
		}
		if len(page) < scanPage {
			return nil
		}
		last = page[len(page)-1].ID
	}
}

// scanCandidate reads a record, and its document if that may match: most do not, and are not worth a copy.
func (q *search) scanCandidate(s scanner) (c candidate, err error) {
	if q.looked++; q.looked%scanYield == 0 {
		runtime.Gosched()
	}
	var created, modified int64
	var doc sql.RawBytes
	c.relations = make([]bool, len(q.relations))
	into := []any{&c.ID, &c.Version, &c.Active, &created, &modified, &doc}
	for i := range c.relations {
		into = append(into, &c.relations[i])
	}
	err = s.Scan(into...)
	if mayHold(doc, q.must) {
		c.Doc = bytes.Clone(doc)
	}
	c.Created, c.Modified = instant(created), instant(modified)
	return c, err
}

// object is the record as filters see it.
func (q *search) object(c candidate) (scim.Object, error) {
	doc := c.Doc
	if !norm.NFC.IsNormal(doc) {
		doc = norm.NFC.Bytes(doc)
	}
	o, err := scim.DecodeObject(doc)
	if err != nil {
		return nil, fmt.Errorf("the document of %s: %w", c.ID, err)
	}
	for i, is := range c.relations {
		o = append(o, scim.Attr{Name: relation(i), Value: is})
	}
	if q.kind == directory.UserKind {
		o.Set("active", c.Active)
	}
	return append(o, scim.Attr{Name: "id", Value: c.ID}, scim.Attr{Name: "meta", Value: scim.Object{
		{Name: "resourceType", Value: string(q.kind)},
		{Name: "created", Value: c.Created.Format(metaTime)},
		{Name: "lastModified", Value: c.Modified.Format(metaTime)},
	}}), nil
}

// metaTime is how meta shows times.
const metaTime = "2006-01-02T15:04:05.000Z"
