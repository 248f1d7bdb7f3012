package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// hit is a record that matched, with the key it is sorted by.
type hit struct {
	id  string
	key any // string, bool, int64 or float64; nil when it has none
}

// scanSorted looks at every record that fulfils the condition, for a page in an order that no index has.
func (q *search) scanSorted(ctx context.Context, cond condition) (f directory.Found, err error) {
	var hits []hit
	err = q.matching(ctx, cond.text, "", false, func(c candidate, o scim.Object) bool {
		hits = append(hits, hit{c.ID, q.key(o)})
		return true
	})
	if err != nil {
		return f, err
	}
	slices.SortFunc(hits, q.compare)
	f.Total = q.known(len(hits))
	from := min(q.Offset, len(hits))
	if !q.After.IsZero() {
		after := hit{id: q.After.ID}
		if after.key, err = parseKey(q.After.Key); err != nil {
			return f, err
		}
		var there bool
		if from, there = slices.BinarySearchFunc(hits, after, q.compare); there {
			from++
		}
	}
	to := min(from+q.Limit, len(hits))
	f.More = to < len(hits)
	if hits = hits[from:to]; len(hits) == 0 {
		return f, nil
	}
	if q.Backward {
		slices.Reverse(hits)
	}
	f.First, f.Last = hits[0].mark(f.Total), hits[len(hits)-1].mark(f.Total)
	f.Records, err = q.load(ctx, hits)
	return f, err
}

// compare orders hits as the search goes. Ids break ties.
func (q *search) compare(a, b hit) int {
	d := cmp.Or(compareKeys(a.key, b.key), strings.Compare(a.id, b.id))
	if q.reversed() {
		return -d
	}
	return d
}

// key is what the record is sorted by: of several values the primary one, else the first (RFC 7644 §3.4.2.3).
func (q *search) key(o scim.Object) any {
	p := q.SortBy
	v := scim.First(o, p)
	for _, e := range scim.Values(o, filter.Path{URN: p.URN, Attr: p.Attr}) {
		if one, ok := e.(scim.Object); ok && one.Get("primary") == true {
			v = scim.First(scim.Object{{Name: p.Attr, Value: one}}, filter.Path{Attr: p.Attr, Sub: p.Sub})
		}
	}
	if one, ok := v.(scim.Object); ok {
		v = one.Get("value")
	}
	switch s := v.(type) {
	case string:
		if at, ok := moment(s); ok && q.Types.DateTime != nil && q.Types.DateTime(p) {
			return at.UTC().Format("2006-01-02T15:04:05.000000000Z") // texts of one form are in the order of their times
		}
		if q.Types.Exact == nil || !q.Types.Exact(p) {
			s = filter.Fold(s)
		}
		return s[:min(len(s), keySize)]
	case bool, int64, float64:
		return v
	}
	return nil
}

// keySize is how many bytes of a text count for its order, so that a mark stays small enough for an address.
const keySize = 256

// keyMark begins the key of a mark that a scan made. No name begins with it as it is kept (cleanText).
const keyMark = "\x00"

// mark is where the hit stands. The key says of what type it is, as values of one attribute compare by their type.
func (h hit) mark(total int) directory.Mark {
	m := directory.Mark{ID: h.id, Total: total}
	switch k := h.key.(type) {
	case string:
		m.Key = keyMark + "s" + k
	case bool:
		m.Key = keyMark + "b" + strconv.FormatBool(k)
	case int64:
		m.Key = keyMark + "i" + strconv.FormatInt(k, 10)
	case float64:
		m.Key = keyMark + "f" + strconv.FormatFloat(k, 'g', -1, 64)
	default:
		m.Key = keyMark
	}
	return m
}

// parseKey is the inverse of mark.
func parseKey(text string) (key any, err error) {
	text, ok := strings.CutPrefix(text, keyMark)
	if !ok {
		return nil, errMark
	}
	if text == "" {
		return nil, nil
	}
	switch text, kind := text[1:], text[0]; kind {
	case 's':
		return text, nil
	case 'b':
		key, err = strconv.ParseBool(text)
	case 'i':
		key, err = strconv.ParseInt(text, 10, 64)
	case 'f':
		key, err = strconv.ParseFloat(text, 64)
	default:
		err = errMark
	}
	if err != nil {
		return nil, errMark
	}
	return key, nil
}

// load reads the records of the hits, in their order.
func (q *search) load(ctx context.Context, hits []hit) ([]directory.Record, error) {
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
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b)
		case float64:
			return compareNumbers(a, b)
		}
	case float64:
		switch b := b.(type) {
		case int64:
			return -compareNumbers(b, a)
		case float64:
			return cmp.Compare(a, b)
		}
	}
	return strings.Compare(fmt.Sprintf("%T", a), fmt.Sprintf("%T", b))
}

// compareNumbers orders a whole number and another: decimals that are whole are kept as whole numbers. Rounding keeps the order,
// so only what is rounded to the same has to be looked at again.
func compareNumbers(i int64, f float64) int {
	switch d := cmp.Compare(float64(i), f); {
	case d != 0:
		return d
	case f >= 1<<63: // one more than the greatest whole number
		return -1
	default:
		return cmp.Compare(i, int64(f))
	}
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}
