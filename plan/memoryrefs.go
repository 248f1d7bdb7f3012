package plan

import (
	"context"
	"maps"
	"slices"

	"lockstep/connection"
)

// References is one method of Known.
func (m *Memory) References(ctx context.Context, q ReferenceQuery) ([]ReferenceRow, error) {
	if q.Ready && q.From == nil && q.To == nil {
		return m.ready(ctx)
	}
	rows, err := m.known.References(ctx, ReferenceQuery{From: q.From, To: q.To})
	if err != nil {
		return nil, err
	}
	rows = m.with(rows, q)
	rows = slices.DeleteFunc(rows, func(e ReferenceRow) bool {
		return q.Waiting && e.Wanted == e.Written || q.Adds && !e.Wanted || q.Removes && e.Wanted
	})
	if q.Ready {
		if rows, err = m.linked(ctx, rows); err != nil {
			return nil, err
		}
	}
	if q.Limit > 0 {
		rows = rows[:min(len(rows), q.Limit)]
	}
	return rows, nil
}

// with returns the stored references that the query selects as they are with the plan included.
func (m *Memory) with(stored []ReferenceRow, q ReferenceQuery) (all []ReferenceRow) {
	there := map[ReferenceRow]bool{}
	for _, e := range stored {
		there[ReferenceRow{From: e.From, Attribute: e.Attribute, To: e.To}] = true
		if m.met[e.From]&forgotten != 0 || m.met[e.To]&forgotten != 0 {
			continue
		}
		if wanted, ok := m.wanted[e.From][memoryReference{e.Attribute, e.To}]; ok {
			e.Wanted = wanted
		}
		if e.Wanted || e.Written {
			all = append(all, e)
		}
	}
	own := func(from connection.Ref, to map[connection.Ref]bool) {
		for r, wanted := range m.wanted[from] {
			if e := (ReferenceRow{From: from, Attribute: r.attribute, To: r.to}); wanted && !there[e] && (to == nil || to[r.to]) {
				there[e], e.Wanted = true, true
				all = append(all, e)
			}
		}
	}
	var to map[connection.Ref]bool
	if q.To != nil {
		to = make(map[connection.Ref]bool, len(q.To))
		for _, ref := range q.To {
			to[ref] = true
		}
	}
	for _, from := range q.From {
		own(from, to)
	}
	if q.From == nil {
		for ref := range to {
			for from := range m.referred[ref] {
				own(from, to)
			}
		}
	}
	return all
}

// ready returns the references that wait and whose ends are both at the target: of objects that the plan says nothing of as they are
// stored, of the others as they are now.
func (m *Memory) ready(ctx context.Context) ([]ReferenceRow, error) {
	stored, err := m.known.References(ctx, ReferenceQuery{Ready: true})
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(stored, func(e ReferenceRow) bool {
		return m.wanted[e.From] != nil || m.met[e.From]&forgotten != 0 || m.met[e.To]&forgotten != 0
	})
	err = m.eachOwner(ctx, func(rows []ReferenceRow) error {
		rows, err := m.linked(ctx, rows)
		all = append(all, rows...)
		return err
	})
	return all, err
}

// eachOwner calls f with the references that wait of the objects of which the plan says something, some objects at a time.
func (m *Memory) eachOwner(ctx context.Context, f func([]ReferenceRow) error) error {
	owners := slices.SortedFunc(maps.Keys(m.wanted), compareRefs)
	for chunk := range slices.Chunk(owners, 100) {
		rows, err := m.References(ctx, ReferenceQuery{From: chunk, Waiting: true})
		if err != nil {
			return err
		}
		slices.SortFunc(rows, compareReferences)
		if err := f(rows); err != nil {
			return err
		}
	}
	return nil
}

func compareReferences(a, b ReferenceRow) int {
	if c := compareRefs(a.From, b.From); c != 0 || a.Attribute == b.Attribute {
		if c == 0 {
			c = compareRefs(a.To, b.To)
		}
		return c
	}
	if a.Attribute < b.Attribute {
		return -1
	}
	return 1
}

// linked returns the references whose ends are both at the target.
func (m *Memory) linked(ctx context.Context, rows []ReferenceRow) ([]ReferenceRow, error) {
	links, err := linksOfEnds(ctx, m, rows)
	return slices.DeleteFunc(rows, func(e ReferenceRow) bool { return links[e.From].Target == "" || links[e.To].Target == "" }), err
}

// EachWaiting is one method of Known.
func (m *Memory) EachWaiting(ctx context.Context, f func(ReferenceRow) error) error {
	err := m.known.EachWaiting(ctx, func(e ReferenceRow) error {
		if m.wanted[e.From] != nil || m.met[e.From]&forgotten != 0 || m.met[e.To]&forgotten != 0 {
			return nil
		}
		return f(e)
	})
	if err != nil {
		return err
	}
	return m.eachOwner(ctx, func(rows []ReferenceRow) error {
		for _, e := range rows {
			if err := f(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// CountReferences is one method of Known. What is written does not change by a plan.
func (m *Memory) CountReferences(ctx context.Context, attribute string) (int, error) {
	return m.known.CountReferences(ctx, attribute)
}
