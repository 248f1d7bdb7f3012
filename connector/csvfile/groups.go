package csvfile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim/filter"
)

// groups reads the file of groups, and that of memberships as often as it takes to know the members of some groups at a time.
func (p *pass) groups(ctx context.Context) error {
	if p.docs[0].missing() {
		return p.last([]string{p.docs[0].name + " does not exist: there are no groups."})
	}
	typ := typeOf(connection.GroupType)
	find := func(header []string) (layout, error) {
		return p.still(p.find(header, typ, connection.Members, "", p.wanted))
	}
	m := &memberships{pass: p, doc: p.docs[1], doubt: p.docs[1].doubt}
	if err := p.ids(ctx, find, m.group); err != nil {
		return err
	}
	if err := m.survey(ctx); err != nil {
		return err
	}
	t, err := p.open(ctx, p.docs[0], find, p.beat)
	if err != nil {
		return err
	}
	defer t.close()
	if err := p.each(ctx, t, func(r record) error { return p.group(ctx, t, r, m) }); err != nil {
		return err
	}
	p.hideEnd(p.docs[0])
	p.hideEnd(p.docs[1])
	return p.last(append(t.describe(), m.notes...))
}

func (p *pass) group(ctx context.Context, t *text, r record, m *memberships) error {
	id := t.handle(r)
	o, cells, ok := p.object(t, r)
	if !ok {
		return nil
	}
	n := m.find(p.repeat.hash(id))
	if n < 0 {
		return p.changed(t.name)
	}
	if m.count[n] > p.limits.members {
		p.hide(t, r, o.ID, lockstep.CodeSourceLimit, fmt.Sprintf("The group has %d rows in %s, more than the %d that are read.", m.count[n], m.doc.name, p.limits.members))
		return nil
	}
	if t.reference >= 0 {
		for member := range strings.SplitSeq(cells[t.reference], ";") {
			if member = strings.TrimSpace(member); member != "" {
				o.References = append(o.References, connection.Reference{Attribute: connection.Members, Name: filter.Fold(member)})
			}
		}
	}
	var err error
	if o.References, err = m.of(ctx, n, o.References); err != nil {
		return err
	}
	o.References = distinct(o.References)
	o.Partial = m.doubt || m.partial[n]
	o.Names = []string{filter.Fold(o.ID)}
	p.references += len(o.References)
	p.page.Objects = append(p.page.Objects, o)
	return nil
}

// distinct sorts references and leaves out those that stand twice.
func distinct(all []connection.Reference) []connection.Reference {
	slices.SortFunc(all, func(a, b connection.Reference) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.To.Type, b.To.Type))
	})
	return slices.Compact(all)
}
