package scimapp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/connection"
)

// Reads returns the application as a system that is read in passes, page by page, and from where a pass was broken off.
func (t *Target) Reads() *Reads { return &Reads{t} }

// Reads is an application that is read in passes. It implements connection.Reader and connection.Getter.
type Reads struct{ t *Target }

// Read implements connection.Reader. A pass goes on by the index of its next resource (RFC 7644 §3.4.2.4), or by the cursor of
// its next page (RFC 9865), which the application may have forgotten: then the pass begins anew. What a list does not have
// may have slipped between two pages, so the reach of a pass is that of its pages.
func (s *Reads) Read(ctx context.Context, r connection.Read, page func(connection.ReadPage) error) error {
	if _, err := s.t.Describe(ctx); err != nil { // the application may say how long its pages are
		return err
	}
	from, ok := parsePlace(r.From)
	pages, err := s.pass(ctx, r.Type, from, r.From != "" && !ok, page)
	if pages == 0 && forgotten(err) && from.by == 'c' && from.cursor != "" {
		_, err = s.pass(ctx, r.Type, place{}, true, page)
	}
	return err
}

// pass reads from a place to the end, and returns how many pages the application has sent.
func (s *Reads) pass(ctx context.Context, typ string, from place, anew bool, page func(connection.ReadPage) error) (pages int, err error) {
	l := s.t.listing(typ, query(typ), or(s.t.config.Profile.PageSize, defaultPage), nil)
	l.before, l.mark = from.given, from.mark
	if from.by == 'c' {
		l.byCursor, l.cursor, l.longest = true, from.cursor, from.longest
	}
	for ; ; pages++ {
		asked := s.t.config.Now()
		body, fault := l.ask(ctx)
		if fault != nil {
			return pages, l.fail(fault)
		}
		found, err := s.t.entries(typ, body, l.given())
		if err != nil {
			return pages, err
		}
		came, fresh := len(found), l.fresh(found)
		last, problem := l.judge(body, came, len(fresh))
		if problem != "" {
			return pages + 1, l.broken(problem)
		}
		if err := l.tooLong(int(number(body.Get("totalResults")))); err != nil {
			return pages + 1, err
		}
		objects, hidden := split(fresh)
		p := connection.ReadPage{Asked: asked, Objects: objects, Hidden: hidden, Total: int(number(body.Get("totalResults"))), Anew: anew, Last: last, Reach: connection.Pages}
		if !last {
			p.Next = l.place().continuation()
		}
		if err := page(p); err != nil || last {
			return pages + 1, err
		}
		anew = false
	}
}

// maxListed is how many objects of a type a pass lists when nobody has allowed more.
const maxListed = 2_000_000

// tooLong is the error of a list that has, or promises, more than a pass may list: some have no end. It comes before the page is
// handed out, so that whoever goes on from there is stopped by its first page.
func (l *listing) tooLong(total int) error {
	most := l.t.config.Profile.MaxObjects
	if l.given() <= most && total <= most {
		return nil
	}
	return &lockstep.Error{Code: lockstep.CodeReadEndless, Detail: fmt.Sprintf(
		"list %ss of %s: it lists %d objects, and more than %d are not read; if it has so many, allow them with the setting max_objects",
		strings.ToLower(l.typ), l.t.config.Name, max(total, l.given()), most)}
}

// Get implements connection.Getter, one request an object.
func (s *Reads) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	var all []connection.Object
	for _, ref := range refs {
		o, err := s.t.Get(ctx, ref)
		if errors.Is(err, lockstep.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// place is where a pass stands: how many resources it has given out, what was on the last page, and by which cursor it goes on.
type place struct {
	by      byte // 'i' by index, 'c' by cursor, 0 at the beginning
	given   int
	longest int    // resources on the longest page so far, for a pass by cursor
	mark    string // digest of the last page
	cursor  string
}

func (l *listing) place() place {
	p := place{by: 'i', given: l.given(), mark: l.mark}
	if l.byCursor {
		p.by, p.longest, p.cursor = 'c', l.longest, l.cursor
	}
	return p
}

func (p place) continuation() connection.Continuation {
	return connection.Continuation(fmt.Sprintf("%c/%d/%d/%s/%s", p.by, p.given, p.longest, p.mark, p.cursor))
}

func parsePlace(c connection.Continuation) (place, bool) {
	parts := strings.SplitN(string(c), "/", 5)
	if len(parts) != 5 || parts[0] != "i" && parts[0] != "c" {
		return place{}, false
	}
	given, err := strconv.Atoi(parts[1])
	longest, err2 := strconv.Atoi(parts[2])
	if err != nil || err2 != nil || given < 0 || longest < 0 || len(parts[3]) != 16 {
		return place{}, false
	}
	return place{by: parts[0][0], given: given, longest: longest, mark: parts[3], cursor: parts[4]}, true
}

// forgotten reports whether the application refuses the cursor that a pass goes on with (RFC 9865 §2.1: invalidCursor,
// expiredCursor).
func forgotten(err error) bool {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeTargetRefused, lockstep.CodeTargetUnsupported, lockstep.CodeTargetMalformed:
		return err != nil
	}
	return false
}
