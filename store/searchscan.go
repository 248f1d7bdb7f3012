package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// turns lets one scan of a tenant run at a time, so that no tenant takes more than one processor with searches.
type turns struct {
	mu sync.Mutex
	m  map[lockstep.TenantID]*turn
}

type turn struct {
	free  chan struct{} // holds one value while nobody scans
	users int           // who scans or waits
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
		return nil, fmt.Errorf("%w: %w", errScanBusy, ctx.Err())
	}
}

// scanPage is how many records a scan reads at a time, so that it never holds a read transaction for long.
const scanPage = 512

// candidate is a record that may match, with what only the database knows of it.
type candidate struct {
	directory.Record
	relations []bool
}

// hit is a record that matched, with the key it is sorted by.
type hit struct {
	id  string
	key any // string, bool, int64 or float64; nil when it has none
}

// scan looks at every record that fulfils the condition.
func (q *search) scan(ctx context.Context, cond condition) (f directory.Found, err error) {
	done, err := q.db.scans.take(ctx, q.tenant)
	if err != nil {
		return f, err
	}
	defer done()
	var hits []hit
	match := q.matcher()
	sorted := q.SortBy.Attr != ""
	must := hint(q.Filter)
	err = q.candidates(ctx, cond.text, func(c candidate) error {
		if !mayHold(c.Doc, must) {
			return nil
		}
		o, err := q.object(c)
		if err != nil || !match(o) {
			return err
		}
		f.Total++
		switch {
		case sorted:
			hits = append(hits, hit{c.ID, q.key(o)})
		case f.Total > q.Offset && len(f.Records) < q.Limit:
			f.Records = append(f.Records, c.Record)
		}
		return nil
	})
	if err != nil || !sorted {
		return f, err
	}
	f.Records, err = q.sorted(ctx, hits)
	return f, err
}

// candidates calls f with the records that fulfil the condition, by id; backwards when ids are asked for in that order.
func (q *search) candidates(ctx context.Context, where string, f func(candidate) error) error {
	columns := q.columns()
	for _, r := range q.relations {
		columns += ", " + r
	}
	text := "SELECT " + columns + q.from()
	if where != "" {
		text += " AND (" + where + ")"
	}
	sign, direction, last := " > ", "", ""
	if q.Descending && q.SortBy.Attr == "" {
		sign, direction, last = " < ", " DESC", "~" // after every id
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
			if err := f(c); err != nil {
				return err
			}
		}
		if len(page) < scanPage {
			return nil
		}
		last = page[len(page)-1].ID
	}
}

func (q *search) scanCandidate(s scanner) (c candidate, err error) {
	var created, modified int64
	c.relations = make([]bool, len(q.relations))
	into := []any{&c.ID, &c.Version, &c.Active, &created, &modified, &c.Doc}
	for i := range c.relations {
		into = append(into, &c.relations[i])
	}
	err = s.Scan(into...)
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

// key is what the record is sorted by: of several values the primary one, else the first (RFC 7644 §3.4.2.3).
func (q *search) key(o scim.Object) any {
	p := q.SortBy
	v := scim.First(o, p)
	if list, ok := o.Get(p.Attr).(scim.List); ok && p.URN == "" {
		for _, e := range list {
			if one, ok := e.(scim.Object); ok && one.Get("primary") == true && p.Sub != "" {
				v = one.Get(p.Sub)
			}
		}
	}
	if one, ok := v.(scim.Object); ok {
		v = one.Get("value")
	}
	if s, ok := v.(string); ok && (q.Types.Exact == nil || !q.Types.Exact(p)) {
		return filter.Fold(s)
	}
	return v
}

// sorted returns the page of the hits.
func (q *search) sorted(ctx context.Context, hits []hit) ([]directory.Record, error) {
	slices.SortFunc(hits, func(a, b hit) int {
		d := cmp.Or(compareKeys(a.key, b.key), strings.Compare(a.id, b.id))
		if q.Descending {
			return -d
		}
		return d
	})
	from := min(q.Offset, len(hits))
	hits = hits[from:min(from+q.Limit, len(hits))]
	at := make(map[string]int, len(hits))
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i], at[h.id] = h.id, i
	}
	all := make([]directory.Record, len(hits))
	text := "SELECT " + q.columns() + q.from() + " AND u.id IN (@list)"
	err := lists(q.db, text, []any{string(q.tenant)}, ids, func(text string, args []any) error {
		rows, err := q.db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (struct{}, error) {
			r, err := scanRecord(s)
			if err == nil {
				all[at[r.ID]] = r
			}
			return struct{}{}, err
		})
		return err
	})
	return slices.DeleteFunc(all, func(r directory.Record) bool { return r.ID == "" }), err // gone since
}

// compareKeys orders values of one attribute. No value comes after all others (RFC 7644 §3.4.2.3).
func compareKeys(a, b any) int {
	if a == nil || b == nil {
		return rank(a == nil) - rank(b == nil)
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case bool:
		if b, ok := b.(bool); ok {
			return rank(a) - rank(b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	}
	return strings.Compare(fmt.Sprintf("%T", a), fmt.Sprintf("%T", b))
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}
