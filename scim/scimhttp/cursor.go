package scimhttp

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// Cursors makes and reads cursors (RFC 9865). A cursor holds all that is needed to go on: the server remembers nothing, so that
// any node serves any page, also after a restart. It is sealed: a client can neither read it nor make one, nor use it for
// another query than that which returned it. It grants nothing: each request is authorized as if it had none.
type Cursors struct {
	Box  Box              // the same on all nodes; required
	Life time.Duration    // how long a cursor is good, at least; 0 is an hour
	Now  func() time.Time // nil is time.Now
}

// Box encrypts and authenticates short texts. Open returns an error for what no Box with the same key has sealed, or not for the
// same purpose.
type Box interface {
	Seal(text, purpose []byte) ([]byte, error)
	Open(sealed, purpose []byte) ([]byte, error)
}

func (s *Cursors) life() time.Duration {
	if s.Life == 0 {
		return time.Hour
	}
	return s.Life
}

func (s *Cursors) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// cursor is what a cursor holds.
type cursor struct {
	until int64 // Unix time in seconds
	count int   // of the first request; all others have the same
	total int   // totalResults of the first page
	place
	back bool // the page before the place, not that behind it
}

// place is where a page begins or ends.
type place struct {
	typ int    // which of the types
	at  string // scim.Page.First or Last; "" is before the type's first resource, or behind its last
}

const (
	cursorForm = 1        // first byte: how the rest is written
	maxCursor  = 16 << 10 // bytes that are looked at
)

func (c cursor) encode() []byte {
	b := []byte{cursorForm, 0}
	if c.back {
		b[1] = 1
	}
	for _, n := range []int64{c.until, int64(c.count), int64(c.total), int64(c.typ)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return append(b, c.at...)
}

// decodeCursor is the inverse of encode.
func decodeCursor(b []byte) (c cursor, ok bool) {
	if len(b) < 2 || b[0] != cursorForm || b[1] > 1 {
		return c, false
	}
	c.back, b = b[1] == 1, b[2:]
	var numbers [4]int64
	for i := range numbers {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > 1<<40 {
			return c, false
		}
		numbers[i], b = int64(n), b[size:]
	}
	c.until, c.count, c.total, c.typ, c.at = numbers[0], int(numbers[1]), int(numbers[2]), int(numbers[3]), string(b)
	return c, true
}

// seal returns the cursor as the client gets it, in characters that need no escape in an address (RFC 3986 §2.3).
func (s *Cursors) seal(c cursor, purpose []byte) (string, error) {
	c.until = s.now().Add(s.life()).Unix() + 1
	sealed, err := s.Box.Seal(c.encode(), purpose)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// open reads a cursor that is not empty.
func (s *Cursors) open(text string, purpose []byte) (cursor, error) {
	if len(text) > maxCursor {
		return cursor{}, scim.ErrInvalidCursor()
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return cursor{}, scim.ErrInvalidCursor()
	}
	plain, err := s.Box.Open(sealed, purpose)
	if err != nil {
		return cursor{}, scim.ErrInvalidCursor()
	}
	c, ok := decodeCursor(plain)
	if !ok {
		return cursor{}, scim.ErrInvalidCursor()
	}
	if s.now().Unix() >= c.until {
		return cursor{}, scim.ErrExpiredCursor()
	}
	return c, nil
}

// purposeOf names the query that a cursor belongs to: the types with filter and order, spelled as the schemas do, so that
// username and userName are the same.
func purposeOf(able []target) []byte {
	var b []byte
	add := func(text string) { b = append(binary.AppendUvarint(b, uint64(len(text))), text...) }
	for _, t := range able {
		add(t.typ.Name)
		add(t.query.SortBy.String())
		direction, condition := "", ""
		if t.query.Descending {
			direction = "descending"
		}
		if t.query.Filter != nil {
			condition = t.query.Filter.String()
		}
		add(direction)
		add(condition)
	}
	return b
}

// byCursor returns the page that the cursor stands for; "" is the first one. A cursor is for pages of one size, and the total is
// counted once, for the first page (RFC 9865 §2).
func (c *call) byCursor(able []target, count int, text string) (l scim.ListResponse, found []result, err error) {
	if c.h.Cursors == nil {
		return l, nil, &scim.Error{Status: 400, Type: scim.TypeInvalidCursor, Detail: "This server pages by index only (startIndex)."}
	}
	purpose := purposeOf(able)
	p := pager{call: c, able: able, count: count, counting: text == ""}
	var at cursor
	if text != "" {
		if at, err = c.h.Cursors.open(text, purpose); err != nil {
			return l, nil, err
		}
		if p.total = at.total; at.count != count {
			return l, nil, scim.ErrInvalidCount("count must stay the same from page to page")
		}
	}
	if err := p.walk(at.place, at.back); err != nil {
		return l, nil, err
	}
	fresh := text == ""
	if at.back && p.last.at == "" { // nothing is left before the place: the page is the first one
		at, fresh, p.more = cursor{}, true, false
		if err := p.walk(place{}, false); err != nil {
			return l, nil, err
		}
	}
	l.Total = p.total
	next, previous := p.more, !fresh
	if at.back {
		next, previous = true, p.more
	}
	if next && p.last.at != "" {
		l.Next, err = c.h.Cursors.seal(cursor{count: count, total: p.total, place: p.last}, purpose)
	}
	if err == nil && previous && p.first.at != "" {
		l.Previous, err = c.h.Cursors.seal(cursor{count: count, total: p.total, place: p.first, back: true}, purpose)
	}
	return l, p.found, err
}

// pager gathers one page from the types, one after the other.
type pager struct {
	*call
	able     []target
	count    int
	counting bool // the total is wanted
	total    int

	found       []result
	first, last place // of the page; at is "" while it is empty
	more        bool  // there are others in the direction of the walk
}

// walk goes from the place through the types until the page is full and it is known whether there are more.
func (p *pager) walk(from place, back bool) error {
	step := 1
	if back {
		step = -1
	}
	for i := from.typ; 0 <= i && i < len(p.able) && (p.counting || !p.more); i += step {
		room := p.count - len(p.found)
		if p.more {
			room = 0
		}
		one := p.able[i].query
		one.After, one.Backward, one.NoTotal, one.Count = from.at, back, !p.counting, room
		from.at = ""
		if room == 0 && !p.counting { // is there any?
			one.Count, one.Want = 1, &scim.Projection{Include: []filter.Path{{Attr: "id"}}}
		}
		page, err := p.backend.List(p.r.Context(), one)
		if err != nil {
			return err
		}
		if p.counting {
			p.total += page.Total
		}
		if room == 0 {
			p.more = p.more || page.Total > 0 || len(page.Resources) > 0
			continue
		}
		p.add(i, page, back)
	}
	return nil
}

func (p *pager) add(typ int, page scim.Page, back bool) {
	more := results(p.able[typ].typ, page)
	if p.more = page.More; back {
		p.found = slices.Concat(more, p.found)
	} else {
		p.found = append(p.found, more...)
	}
	if page.Last == "" {
		return
	}
	if back || p.first.at == "" {
		p.first = place{typ, page.First}
	}
	if !back || p.last.at == "" {
		p.last = place{typ, page.Last}
	}
}
