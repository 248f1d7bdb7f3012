package plan

import (
	"context"
	"fmt"
	"slices"

	"lockstep/connection"
)

// wanted returns the references that the page adds or withdraws, as compared with what the job wants so far.
func (p *Planner) wanted(ctx context.Context, cs []*candidate) ([]ReferenceRow, error) {
	have, err := p.storedReferences(ctx, cs)
	if err != nil {
		return nil, err
	}
	var rows []ReferenceRow
	for _, c := range cs {
		if !c.refers() {
			continue
		}
		for _, e := range c.References {
			row := ReferenceRow{From: c.Ref, Attribute: e.Attribute, To: e.To}
			if !c.program.references[e.Attribute] || p.Programs[e.To.Type] == nil || e.To.Type == connection.GroupType && !p.To.Nesting {
				continue
			}
			had := have[row]
			delete(have, row)
			if had != e.Gone {
				continue
			}
			row.Wanted = !e.Gone
			rows = append(rows, row)
		}
	}
	for row := range have { // wanted until now, not listed any more
		rows = append(rows, row)
	}
	return rows, nil
}

// refers reports whether the object's references are kept: it is at the target, or about to be.
func (c *candidate) refers() bool {
	return len(c.program.references) > 0 && !c.gone && (c.verdict.In || c.link.Target != "")
}

// complete reads those anew that are partial while the job has not kept their references so far: a group that comes into scope
// brings all its members, not only those that changed with it.
func (p *Planner) complete(ctx context.Context, cs []*candidate) error {
	var refs []connection.Ref
	partial := map[connection.Ref]*candidate{}
	for _, c := range cs {
		if kept := c.known && (c.link.Verdict.In || c.link.Target != ""); c.Partial && !kept && c.refers() {
			refs = append(refs, c.Ref)
			partial[c.Ref] = c
		}
	}
	if len(refs) == 0 {
		return nil
	}
	objects, err := p.Source.Get(ctx, refs...)
	if err != nil {
		return fmt.Errorf("read %s again: %w", p.From.Name, err)
	}
	for _, o := range objects {
		c := partial[o.Ref]
		c.Partial, c.References = o.Partial, o.References
	}
	return nil
}

// storedReferences returns the references that are wanted so far, with Wanted and Written blank: all of an object that lists all, of a
// partial one only those that it names, however many it has.
func (p *Planner) storedReferences(ctx context.Context, cs []*candidate) (map[ReferenceRow]bool, error) {
	have := map[ReferenceRow]bool{}
	load := func(q ReferenceQuery) error {
		edges, err := p.Known.References(ctx, q)
		for _, e := range edges {
			if e.Wanted {
				have[ReferenceRow{From: e.From, Attribute: e.Attribute, To: e.To}] = true
			}
		}
		return err
	}
	var whole []connection.Ref
	for _, c := range cs {
		switch {
		case !c.known || !c.refers():
		case !c.Partial:
			whole = append(whole, c.Ref)
		default:
			for chunk := range slices.Chunk(c.References, 500) {
				to := make([]connection.Ref, len(chunk))
				for i, e := range chunk {
					to[i] = e.To
				}
				if err := load(ReferenceQuery{From: []connection.Ref{c.Ref}, To: to}); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(whole) == 0 {
		return have, nil
	}
	return have, load(ReferenceQuery{From: whole})
}
