package mirror

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"lockstep"
	"lockstep/connection"
)

// Source is a mirror as the engine reads it: people and groups as they were last seen. It is a connection.Source that asks the
// outside system nothing but who it is.
//
// A read from the beginning lists every object, and those of which it is known that they are gone; it is Whole when every type was read whole once, so that whoever is not listed is
// not there. A read from a cursor lists what has changed since. References by name lead to whoever has the name now; when that
// changes, the objects that refer to it count as changed.
type Source struct {
	Store  SourceStore
	ID     ID
	Types  []string // in the order in which they are read
	System interface {
		Describe(ctx context.Context) (connection.System, error)
		Test(ctx context.Context, report func(connection.Check)) error
	}
	PageSize int // objects of a page; 0 is 500
}

// A page ends early where its objects refer to more than pageReferences others: a page of large groups is held in memory, once here and
// once where it is worked on. Groups are read groupsFirst at first, and then as many as fill a page.
const (
	pageReferences = 20_000
	groupsFirst    = 20
)

// SourceStore is what a Source reads.
type SourceStore interface {
	Rows
	Parts(ctx context.Context, id ID, typ string, pass int64) ([]Part, error)
}

var (
	_ connection.Source     = (*Source)(nil)
	_ connection.Positioned = (*Source)(nil)
)

// Describe says what the outside system is. It implements connection.Source.
func (s *Source) Describe(ctx context.Context) (connection.System, error) {
	return s.System.Describe(ctx)
}

// Test checks the connection to the outside system. It implements connection.Source.
func (s *Source) Test(ctx context.Context, report func(connection.Check)) error {
	return s.System.Test(ctx, report)
}

// cursor is a place in a mirror: m/generation/position, and within a read /to.type.after.
type cursor struct {
	generation int64
	from       int64 // changes after this position are read; all is everything
	to         int64 // up to this one; of a read that is not at its end
	typ        int   // index of the type that is being read
	after      int64 // number or position of the last row that was read
	within     bool
	rows       int // to read at once, by what was read last; 0 is not known yet. It is not kept
}

const all = -1

func (c cursor) String() connection.Cursor {
	text := fmt.Sprintf("m/%d/%d", c.generation, c.from)
	if c.within {
		text += fmt.Sprintf("/%d.%d.%d", c.to, c.typ, c.after)
	}
	return connection.Cursor(text)
}

func parseCursor(text connection.Cursor) (c cursor, ok bool) {
	parts := strings.Split(string(text), "/")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != "m" {
		return c, false
	}
	ok = number(parts[1], &c.generation) && number(parts[2], &c.from)
	if len(parts) == 4 {
		within := strings.Split(parts[3], ".")
		var typ int64
		ok = ok && len(within) == 3 && number(within[0], &c.to) && number(within[1], &typ) && number(within[2], &c.after)
		c.typ, c.within = int(typ), true
	}
	return c, ok && c.from >= all && c.after >= 0 && c.typ >= 0 && (c.within || c.from >= 0)
}

func number(s string, n *int64) bool {
	var err error
	*n, err = strconv.ParseInt(s, 10, 64)
	return err == nil
}

// Generation returns which generation of a mirror a cursor belongs to, if it is one of a mirror.
func Generation(text connection.Cursor) (generation int64, ok bool) {
	c, ok := parseCursor(text)
	return c.generation, ok
}

// Position returns the position of the mirror that the cursor of a finished read stands for, 0 for any other. It implements
// connection.Positioned.
func (s *Source) Position(text connection.Cursor) int64 {
	if c, ok := parseCursor(text); ok && !c.within {
		return c.from
	}
	return 0
}

// Read lists what has changed since the cursor, type by type. It implements connection.Source.
func (s *Source) Read(ctx context.Context, from connection.Cursor, page func(connection.Page) error) error {
	head, err := s.Store.Head(ctx, s.ID)
	if err != nil {
		return err
	}
	c := cursor{generation: head.Generation, from: all, to: head.Position, within: true}
	if from != "" {
		old, ok := parseCursor(from)
		if !ok || old.generation != head.Generation || old.from > head.Position || old.from != all && old.from < head.Trimmed || old.typ > len(s.Types) {
			return lockstep.ErrCursorExpired
		}
		if old.within {
			c = old
		} else {
			c.from = old.from
		}
	}
	total := 0
	if c.from == all {
		counts, err := s.Store.Count(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, n := range counts {
			total += n
		}
	}
	return s.pages(ctx, &head, c, total, page)
}

// pages hands on what there is, page by page. The next page is read while the one before is worked on.
func (s *Source) pages(ctx context.Context, head *Head, c cursor, total int, page func(connection.Page) error) error {
	type read struct {
		page connection.Page
		err  error
	}
	ctx, stop := context.WithCancel(ctx)
	ahead := make(chan read)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	reading.Go(func() {
		defer close(ahead)
		for c.typ < len(s.Types) {
			p, err := s.next(ctx, head, &c)
			p.Next, p.Total = c.String(), total
			if err == nil && len(p.Objects)+len(p.Gone) == 0 {
				continue
			}
			select {
			case ahead <- read{p, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	for r := range ahead {
		if r.err != nil {
			return r.err
		}
		if err := page(r.page); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.typ, c.after = len(s.Types), 0
	return s.end(ctx, head, c, total, page)
}

// next reads the rows from where the cursor stands, and moves it behind them.
func (s *Source) next(ctx context.Context, head *Head, c *cursor) (connection.Page, error) {
	most := cmp.Or(s.PageSize, 500)
	if c.rows == 0 {
		c.rows = most
		if s.Types[c.typ] == connection.GroupType {
			c.rows = min(most, groupsFirst)
		}
	}
	q := Query{Type: s.Types[c.typ], After: c.after, Limit: c.rows}
	if c.from != all {
		q.Order, q.After, q.UpTo = ByPosition, max(c.after, c.from), c.to
	}
	var rows []Row
	var err error
	if c.from == all || q.After < c.to {
		if rows, err = s.Store.Rows(ctx, s.ID, q); err != nil {
			return connection.Page{}, err
		}
	}
	read := len(rows)
	rows = fill(rows)
	if read < c.rows && len(rows) == read {
		c.typ, c.after, c.rows = c.typ+1, 0, 0
	} else if last := &rows[len(rows)-1]; c.from == all {
		c.after = last.No
	} else {
		c.after = last.Position
	}
	if len(rows) == 0 {
		return connection.Page{}, nil
	}
	if c.rows > 0 { // of the same type
		c.rows = min(most, 2*len(rows))
	}
	return s.page(ctx, head, rows)
}

// fill returns the rows that one page holds: the first, and those after it while they refer to few enough others together.
func fill(rows []Row) []Row {
	n := 0
	for i := range rows {
		if n += len(rows[i].Object.References); n > pageReferences && i > 0 {
			return rows[:i]
		}
	}
	return rows
}

// end sends the last page, which says whether the read was whole and what could not be read.
func (s *Source) end(ctx context.Context, head *Head, c cursor, total int, page func(connection.Page) error) error {
	p := connection.Page{Last: true, Total: total, Next: cursor{generation: c.generation, from: c.to}.String()}
	p.Whole = c.from == all && s.whole(head)
	for _, typ := range s.Types {
		bad, err := s.bad(ctx, head.Pass(typ))
		if err != nil {
			return err
		}
		p.Bad = append(p.Bad, bad...)
	}
	return page(p)
}

// whole reports whether every type was read whole once.
func (s *Source) whole(head *Head) bool {
	for _, typ := range s.Types {
		if !head.Pass(typ).Once {
			return false
		}
	}
	return true
}

// bad returns the parts that could not be read, and by their ids the objects that may be in them.
func (s *Source) bad(ctx context.Context, pass Pass) ([]connection.Bad, error) {
	if pass.Parts == 0 {
		return nil, nil
	}
	parts, err := s.Store.Parts(ctx, s.ID, pass.Type, pass.Parts)
	if err != nil {
		return nil, err
	}
	var all []connection.Bad
	for _, p := range parts {
		if p.Answered {
			continue
		}
		b := connection.Bad{Name: p.Name, Err: &lockstep.Error{Code: p.Code, Detail: p.Detail}, Ref: connection.Ref{Type: pass.Type}}
		for _, id := range p.IDs {
			b.Ref.ID = id
			all = append(all, b)
		}
		if len(p.IDs) == 0 {
			all = append(all, b)
		}
	}
	return all, nil
}

// page makes a page of rows.
func (s *Source) page(ctx context.Context, head *Head, rows []Row) (p connection.Page, err error) {
	for i := range rows {
		if rows[i].State == Gone {
			p.Gone = append(p.Gone, rows[i].Object.Ref)
		} else {
			p.Objects = append(p.Objects, rows[i].Object)
		}
	}
	return p, s.resolve(ctx, head, p.Objects)
}

// Get returns objects as they were last seen. It implements connection.Source.
func (s *Source) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	head, err := s.Store.Head(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Get(ctx, s.ID, refs...)
	if err != nil {
		return nil, err
	}
	p, err := s.page(ctx, &head, rows)
	return p.Objects, err
}

// resolve makes references by name references by id, and gives groups the members that are known from the members' side. A
// reference to nobody is left out. While not everything was read, somebody may be missing who is there: then the object lists only
// what is to be added to its references.
func (s *Source) resolve(ctx context.Context, head *Head, objects []connection.Object) error {
	var names []Name
	var groups []connection.Object
	for i := range objects {
		for _, r := range objects[i].References {
			if r.To.ID == "" && r.Attribute != connection.MemberOf {
				names = append(names, Name{r.To.Type, r.Name})
			}
		}
		if objects[i].Type == connection.GroupType {
			groups = append(groups, objects[i])
		}
	}
	who, err := s.Store.Named(ctx, s.ID, names)
	if err != nil {
		return err
	}
	members, err := s.Store.Members(ctx, s.ID, groups...)
	if err != nil {
		return err
	}
	whole := s.whole(head)
	for i := range objects {
		o := &objects[i]
		var missing bool
		o.References, missing = resolved(o.References, who, members[o.ID], o.Type)
		o.Partial = missing && !whole
	}
	return nil
}

// resolved returns the references of one object by ids, each once, and whether the end of one is not known.
func resolved(all []connection.Reference, who map[Name]connection.Ref, members []connection.Ref, typ string) (known []connection.Reference, missing bool) {
	seen := make(map[connection.Reference]bool, len(all))
	add := func(r connection.Reference) {
		if r.Name = ""; !seen[r] {
			seen[r] = true
			known = append(known, r)
		}
	}
	for _, r := range all {
		if r.Attribute == connection.MemberOf {
			continue
		}
		if r.To.ID == "" {
			to, ok := who[Name{r.To.Type, r.Name}]
			if !ok {
				missing = true
				continue
			}
			r.To = to
		}
		if toNobody(r) { // kept by an earlier version
			missing = true
			continue
		}
		add(r)
	}
	if typ == connection.GroupType {
		for _, m := range members {
			add(connection.Reference{Attribute: connection.Members, To: m})
		}
	}
	return known, missing
}
