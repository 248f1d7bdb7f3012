package csvfile

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// pageRows is how many rows of the files make a page.
const pageRows = 500

// Read reads the files unless they are what the cursor stands for. Cursors are
//
//	""              everything from the start
//	<digest>        the files with this digest have been read
//	<digest>/<n>    so have n rows of them
func (s *Source) Read(ctx context.Context, from connection.Cursor, page func(connection.Page) error) error {
	digest, done, within := strings.Cut(string(from), "/")
	if from != "" && !within {
		now, err := s.digest()
		if err != nil {
			return err
		}
		if now == digest {
			return page(connection.Page{Next: from, Last: true})
		}
	}
	x, err := s.scan(ctx)
	if err != nil {
		return err
	}
	skip := 0
	if within {
		if skip, err = strconv.Atoi(done); err != nil || digest != x.digest {
			return lockstep.ErrCursorExpired
		}
	}
	r := &reading{Source: s, index: x, skip: skip, send: page}
	return r.run(ctx)
}

// reading is the second pass.
type reading struct {
	*Source
	*index
	skip int // rows that were given out before
	row  int
	page connection.Page
	send func(connection.Page) error
}

func (r *reading) run(ctx context.Context) error {
	if err := r.file(ctx, 0, (*Source).personColumns, r.person); err != nil {
		return err
	}
	if r.sums[1] != nil {
		if err := r.file(ctx, 1, (*Source).groupColumns, r.group); err != nil {
			return err
		}
	}
	r.page.Bad = append(r.page.Bad, r.notes...)
	r.page.Last = true
	return r.flush(connection.Cursor(r.index.digest))
}

// file reads one file. It fails at the end if the file is not the one that was scanned.
func (r *reading) file(ctx context.Context, i int, find func(*Source, *table) (columns, error), use func(*table, columns, row)) error {
	t, err := r.open(r.files()[i])
	if err != nil {
		return err
	}
	defer t.close()
	c, err := find(r.Source, t)
	if err != nil {
		return err
	}
	for {
		line, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if r.row++; r.row <= r.skip {
			continue
		}
		use(t, c, line)
		if r.row%pageRows == 0 {
			if err := errors.Join(ctx.Err(), r.flush(connection.Cursor(fmt.Sprintf("%s/%d", r.index.digest, r.row)))); err != nil {
				return err
			}
		}
	}
	sum, err := t.sum()
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, r.sums[i]) {
		return &lockstep.Error{Code: lockstep.CodeSourceChanged, Detail: fmt.Sprintf("The file %s was replaced while it was read.", t.name)}
	}
	return nil
}

func (r *reading) flush(next connection.Cursor) error {
	p := r.page
	p.Next, p.Whole, p.Total = next, !r.lost, r.rows
	r.page = connection.Page{}
	return r.send(p)
}

// bad notes a row that cannot be used. With an id the row is still somebody's, so that he is not taken for gone.
func (r *reading) bad(t *table, line int, ref connection.Ref, code lockstep.Code, detail string) {
	if ref.ID == "" {
		ref = connection.Ref{}
	}
	at := t.at(line)
	r.page.Bad = append(r.page.Bad, connection.Bad{Ref: ref, Name: at, Err: &lockstep.Error{Code: code, Detail: at + ": " + detail}})
}

// sound reports whether the row can be used, and notes why not.
func (r *reading) sound(t *table, ref connection.Ref, line row, count map[string]int) bool {
	switch {
	case line.err != nil:
		r.bad(t, line.line, ref, lockstep.CodeSourceRow, "This row cannot be read: "+line.err.Error()+".")
	case ref.ID == "":
		r.bad(t, line.line, ref, lockstep.CodeSourceRow, "This row has no id.")
	case count[ref.ID] > 1:
		r.bad(t, line.line, ref, lockstep.CodeSourceDuplicate, fmt.Sprintf("The id %q stands in %d rows.", ref.ID, count[ref.ID]))
	default:
		return true
	}
	return false
}

func (r *reading) person(t *table, c columns, line row) {
	o := connection.Object{Ref: connection.Ref{Type: userType, ID: line.id(c.id)}, Enabled: true}
	if !r.sound(t, o.Ref, line, r.people) {
		return
	}
	if err := c.assign(&o.Values, line.fields); err != nil {
		r.bad(t, line.line, o.Ref, lockstep.CodeSourceRow, err.Error())
		return
	}
	if c.active >= 0 && line.fields[c.active] != "" {
		active, ok := parseBool(line.fields[c.active])
		if !ok {
			r.bad(t, line.line, o.Ref, lockstep.CodeSourceRow, fmt.Sprintf("The column %s has %q, which is neither true nor false.", t.header[c.active], line.fields[c.active]))
			return
		}
		o.Enabled = active
	}
	o.Values.Set("active", o.Enabled)
	if c.reference >= 0 && line.fields[c.reference] != "" {
		r.manager(t, line, c, &o)
	}
	r.add(o)
}

// manager adds the edge to the manager. A manager whom nobody knows is noted; the person goes through without.
func (r *reading) manager(t *table, line row, c columns, o *connection.Object) {
	manager := line.fields[c.reference]
	if r.people[manager] == 0 {
		r.bad(t, line.line, connection.Ref{}, lockstep.CodeSourceRow, fmt.Sprintf("The manager %q of %q is not in the file.", manager, o.ID))
		return
	}
	o.References = []connection.Reference{{Attribute: managerAttribute, To: connection.Ref{Type: userType, ID: manager}}}
}

func (r *reading) group(t *table, c columns, line row) {
	o := connection.Object{Ref: connection.Ref{Type: groupType, ID: line.id(c.id)}, Enabled: true}
	if !r.sound(t, o.Ref, line, r.groups) {
		return
	}
	if err := c.assign(&o.Values, line.fields); err != nil {
		r.bad(t, line.line, o.Ref, lockstep.CodeSourceRow, err.Error())
		return
	}
	o.References, o.Partial = r.members[o.ID], r.doubt || r.partial[o.ID]
	if c.reference >= 0 {
		for member := range strings.SplitSeq(line.fields[c.reference], ";") {
			if member = strings.TrimSpace(member); member == "" {
				continue
			}
			to, ok := r.member(member, "")
			if !ok {
				r.bad(t, line.line, connection.Ref{}, lockstep.CodeSourceRow, fmt.Sprintf("The group %q has a member %q that is not in the files.", o.ID, member))
				continue
			}
			o.References = append(o.References, connection.Reference{Attribute: memberAttribute, To: to})
		}
	}
	o.References = unique(o.References)
	r.add(o)
}

func unique(edges []connection.Reference) []connection.Reference {
	seen := make(map[connection.Ref]bool, len(edges))
	kept := make([]connection.Reference, 0, len(edges))
	for _, e := range edges {
		if !seen[e.To] {
			seen[e.To] = true
			kept = append(kept, e)
		}
	}
	return kept
}

func (r *reading) add(o connection.Object) {
	o.Name = displayName(o)
	hash := scim.Hash(o.Values)
	o.Version = hex.EncodeToString(hash[:])
	r.page.Objects = append(r.page.Objects, o)
}

func displayName(o connection.Object) string {
	for _, name := range []string{"userName", "displayName", "mail", "email"} {
		if s := o.Values.Text(name); s != "" {
			return s
		}
	}
	return o.ID
}

func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "y", "active", "enabled":
		return true, true
	case "false", "0", "no", "n", "inactive", "disabled":
		return false, true
	}
	return false, false
}

// columns says what the columns of a file mean.
type columns struct {
	id        int
	active    int // -1 is none
	reference int // manager or members; -1 is none
	values    []valueColumn
}

type valueColumn struct {
	index int
	path  filter.Path
}

func (s *Source) personColumns(t *table) (columns, error) {
	return s.findColumns(t, managerAttribute, "active")
}

func (s *Source) groupColumns(t *table) (columns, error) {
	return s.findColumns(t, memberAttribute, "")
}

func (s *Source) findColumns(t *table, reference, active string) (columns, error) {
	c := columns{id: -1, active: -1, reference: -1}
	seen := map[string]bool{}
	for i, name := range t.header {
		key := strings.ToLower(name)
		if key == "" {
			return c, t.malformed(fmt.Sprintf("has no name for column %d", i+1))
		}
		if seen[key] {
			return c, t.malformed(fmt.Sprintf("has the column %q twice", name))
		}
		seen[key] = true
		switch key {
		case strings.ToLower(s.config.ID):
			c.id = i
		case reference:
			c.reference = i
		case active:
			c.active = i
		default:
			path, err := filter.ParsePath(name)
			switch {
			case err != nil && !strings.ContainsAny(name, "[]"):
				path = filter.Path{Attr: name} // a heading may be anything that a mapping can name
			case err != nil:
				return c, t.malformed(fmt.Sprintf("has a column %q, which is not an attribute name: %v", name, err))
			}
			c.values = append(c.values, valueColumn{i, path})
		}
	}
	if c.id < 0 {
		return c, t.malformed(fmt.Sprintf("has no column %q", s.config.ID))
	}
	return c, nil
}

// assign sets the attributes that are not empty.
func (c columns) assign(o *scim.Object, fields []string) error {
	for _, v := range c.values {
		if fields[v.index] == "" {
			continue
		}
		if err := scim.Assign(o, v.path, fields[v.index]); err != nil {
			return fmt.Errorf("column %s: %w", v.path, err)
		}
	}
	return nil
}
