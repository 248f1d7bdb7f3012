package csvfile

import (
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// people reads the file of people.
func (p *pass) people(ctx context.Context) error {
	typ := typeOf(connection.UserType)
	find := func(header []string) (layout, error) {
		return p.still(p.find(header, typ, connection.Manager, "active", p.wanted))
	}
	if err := p.ids(ctx, find, nil); err != nil {
		return err
	}
	t, err := p.open(ctx, p.docs[0], find, p.beat)
	if err != nil {
		return err
	}
	defer t.close()
	if p.total == 0 {
		return &lockstep.Error{Code: lockstep.CodeSourceEmpty, Detail: fmt.Sprintf("The file %s has a header and nobody in it.", t.name)}
	}
	if err := p.each(ctx, t, func(r record) error {
		p.person(t, r)
		return nil
	}); err != nil {
		return err
	}
	p.hideEnd(p.docs[0])
	return p.last(t.describe())
}

func (p *pass) person(t *text, r record) {
	o, cells, ok := p.object(t, r)
	if !ok {
		return
	}
	if t.active >= 0 && cells[t.active] != "" {
		active, known := activeWord(cells[t.active])
		if !known {
			p.hide(t, r, o.ID, lockstep.CodeSourceRow, fmt.Sprintf("The column %s has %q, which is not known to mean active or inactive.", t.header[t.active], cut(cells[t.active])))
			return
		}
		o.Enabled = active
	}
	o.Values.Set("active", o.Enabled)
	if t.reference >= 0 && cells[t.reference] != "" {
		o.References = []connection.Reference{{Attribute: connection.Manager, To: connection.Ref{Type: connection.UserType}, Name: filter.Fold(cells[t.reference])}}
	}
	o.Names = append(o.Names, filter.Fold(o.ID))
	if t.userName >= 0 {
		if name := filter.Fold(cells[t.userName]); name != "" && name != o.Names[0] {
			o.Names = append(o.Names, name)
		}
	}
	p.page.Objects = append(p.page.Objects, o)
}

// object makes an object of a row: its id and attributes. Where it cannot, it notes what is hidden and returns false.
func (p *pass) object(t *text, r record) (o connection.Object, cells []string, ok bool) {
	id := t.handle(r)
	switch {
	case r.fault != "":
		p.hide(t, r, string(id), lockstep.CodeSourceRow, "This row cannot be read: "+r.fault+".")
		return o, nil, false
	case p.cutRow(t):
		p.hide(t, r, "", lockstep.CodeSourceTruncated, "This row may have been cut off: it has no line end.")
		return o, nil, false
	case len(t.cell(t.id)) == 0:
		p.hide(t, r, "", lockstep.CodeSourceRow, "This row has no id.")
		return o, nil, false
	case id == nil:
		p.hide(t, r, "", lockstep.CodeSourceRow, fmt.Sprintf("The column %s %s.", t.header[t.id], asHandle.wrong(t.cell(t.id))))
		return o, nil, false
	case p.only != nil && !p.only[string(id)]:
		return o, nil, false
	case p.repeat.has(id):
		p.hide(t, r, string(id), lockstep.CodeSourceDuplicate, fmt.Sprintf("The id %q stands in more than one row.", cut(string(id))))
		return o, nil, false
	}
	for i, care := range t.care {
		if what := care.wrong(t.cell(i)); what != "" {
			p.hide(t, r, string(id), lockstep.CodeSourceRow, fmt.Sprintf("The column %s %s.", t.header[i], what))
			return o, nil, false
		}
	}
	cells = t.strings()
	o = connection.Object{Ref: connection.Ref{Type: p.request.Type, ID: cells[t.id]}, Enabled: true}
	o.Values = make(scim.Object, 0, len(t.values)+1)
	for _, c := range t.values {
		if cells[c.index] == "" {
			continue
		}
		if err := assign(&o.Values, c.path, cells[c.index]); err != nil {
			p.hide(t, r, o.ID, lockstep.CodeSourceRow, fmt.Sprintf("The column %s: %v.", t.header[c.index], err))
			return o, nil, false
		}
	}
	o.Name = t.nameOf(cells, o)
	return o, cells, true
}

// assign sets an attribute to what a cell says.
func assign(o *scim.Object, path filter.Path, cell string) error {
	if path.URN == "" && path.Sub == "" && path.Filter == nil {
		o.Set(path.Attr, cell)
		return nil
	}
	return scim.Assign(o, path, cell)
}

// nameOf returns what people call the object.
func (t *text) nameOf(cells []string, o connection.Object) string {
	if t.userName >= 0 && cells[t.userName] != "" {
		return cells[t.userName]
	}
	return displayName(o)
}

// strings returns the cells under the header, without blanks around them.
func (t *text) strings() []string {
	all := string(t.text)
	cells := make([]string, len(t.header))
	for i := range cells {
		if i < len(t.cells) {
			cells[i] = unguarded(strings.TrimSpace(all[t.cells[i].from:t.cells[i].to]))
		}
	}
	return cells
}

// cut shortens what a message quotes.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// displayName is what people call the object.
func displayName(o connection.Object) string {
	for _, name := range []string{"userName", "displayName", "mail", "email"} {
		if s := o.Values.Text(name); s != "" {
			return s
		}
	}
	return o.ID
}
