package state

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// List returns one page in the order of ids, or sorted. What was created less than Knobs.LateListing ago is not there yet, what
// was deleted less than Knobs.LateDeletion ago still is.
func (b *Access) List(_ context.Context, q scim.Query) (scim.Page, error) {
	k := kindNamed(q.Type)
	if q.Filter == nil && q.SortBy.Attr == "" && b.prompt() {
		b.u.mu.RLock()
		defer b.u.mu.RUnlock()
		return b.page(*b.list(k), q), nil
	}
	found, err := b.matching(k, q.Filter)
	if err != nil {
		return scim.Page{}, err
	}
	b.sort(found, q)
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	return b.page(found, q), nil
}

// page cuts the page out of all that was found. The lock must be held.
func (b *Access) page(found []*record, q scim.Query) scim.Page {
	page := scim.Page{Total: len(found)}
	from := min(q.StartIndex-1, len(found))
	to := min(from+q.Count, len(found))
	page.Resources = make([]scim.Resource, 0, to-from)
	for _, r := range found[from:to] {
		if !r.shown() { // gone since it was found
			continue
		}
		page.Resources = append(page.Resources, b.resource(r, r.seen(), q.Want, b.Members))
	}
	return page
}

// matching returns the records that match the filter, by id.
func (b *Access) matching(k kind, e filter.Expr) ([]*record, error) {
	candidates, exact := b.candidates(k, e)
	if exact {
		return candidates, nil
	}
	match := filter.Compile(e, typeOf(k).FilterTypes())
	found := candidates[:0]
	for _, r := range candidates {
		o, err := scim.DecodeObject(b.document(r))
		if err != nil {
			return nil, err
		}
		o.Set("id", r.id)
		if match(o) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (b *Access) document(r *record) []byte {
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	return r.doc
}

// candidates returns a list, which is the caller's, that holds every record that the filter matches. exact says that it holds
// no other.
func (b *Access) candidates(k kind, e filter.Expr) (list []*record, exact bool) {
	late := b.Knobs().LateListing
	visible := b.u.now().Add(-late).UnixMilli()
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	if list, exact, ok := b.indexed(k, e); ok {
		slices.SortFunc(list, compareID)
		found := b.listed(slices.Compact(list), late, visible)
		all := b.seen(k, found)
		return all, exact && len(all) == len(found)
	}
	return b.listed(b.seen(k, slices.Clone(*b.list(k))), late, visible), e == nil
}

// listed drops what is not listed yet.
func (b *Access) listed(list []*record, late time.Duration, visible int64) []*record {
	if late == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(r *record) bool { return r.created > visible })
}

// indexed serves eq on what has an index, alone, as alternatives, or narrowed by other conditions. The lock must be held.
func (b *Access) indexed(k kind, e filter.Expr) (list []*record, exact, ok bool) {
	switch e := e.(type) {
	case filter.Compare:
		r, ok := b.lookUp(k, e)
		if r != nil {
			list = []*record{r}
		}
		return list, true, ok
	case filter.Or:
		exact = true
		for _, one := range e {
			more, sure, ok := b.indexed(k, one)
			if !ok {
				return nil, false, false
			}
			list, exact = append(list, more...), exact && sure
		}
		return list, exact, true
	case filter.And:
		for _, one := range e {
			if list, _, ok := b.indexed(k, one); ok {
				return list, false, true
			}
		}
	}
	return nil, false, false
}

// lookUp returns the record that the comparison finds through an index; ok is false when there is no index for it.
func (b *Access) lookUp(k kind, c filter.Compare) (r *record, ok bool) {
	text, isText := c.Value.(string)
	if c.Op != filter.Eq || !isText || c.Path.URN != "" || c.Path.Sub != "" || c.Path.Filter != nil {
		return nil, false
	}
	switch {
	case c.Path.Attr == "id":
		return b.find(k, text), true
	case b.Knobs().Duplicates: // the index knows one of them
		return nil, false
	case c.Path.Attr == "userName" && k == userKind, c.Path.Attr == "displayName" && k == groupKind:
		if r = b.u.keys(b.Org, k)[fold(text)]; r != nil && r.org == b.Org {
			return r, true
		}
		return nil, true
	}
	return nil, false
}

// sort puts the records in the order that is asked for. Ids break ties, so that pages fit together.
func (b *Access) sort(list []*record, q scim.Query) {
	by := strings.ToLower(q.SortBy.String())
	if by == "" {
		return
	}
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	slices.SortFunc(list, func(x, y *record) int {
		d := 0
		switch by {
		case "username", "displayname":
			d = cmp.Compare(x.key, y.key)
		case "meta.lastmodified":
			d = cmp.Compare(x.modified, y.modified)
		}
		d = cmp.Or(d, compareID(x, y))
		if q.Descending {
			return -d
		}
		return d
	})
}
