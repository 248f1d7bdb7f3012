package csvfile

import (
	"context"
	"slices"

	"lockstep/connection"
)

// Get reads the files once for each type, however many objects are asked for. An object that may stand in a part that cannot be read
// is not unknown: Get returns the part's error then.
func (f *Reader) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	var found []connection.Object
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		ids := map[string]bool{}
		for _, r := range refs {
			if r.Type == typ {
				ids[r.ID] = true
			}
		}
		if len(ids) == 0 {
			continue
		}
		objects, err := f.pick(ctx, typ, ids)
		if err != nil {
			return nil, err
		}
		found = append(found, objects...)
	}
	return found, nil
}

func (f *Reader) pick(ctx context.Context, typ string, ids map[string]bool) ([]connection.Object, error) {
	var found []connection.Object
	var hidden []connection.Hidden
	lost := 0
	p, err := f.newPass(connection.Read{Type: typ, Whole: true}, func(page connection.ReadPage) error {
		if page.Anew {
			found, hidden = nil, nil
		}
		found = append(found, page.Objects...)
		for _, h := range page.Hidden {
			switch {
			case h.IDs == nil: // somebody
				if lost++; lost == 1 {
					hidden = append(hidden, h)
				}
			case slices.ContainsFunc(h.IDs, func(id string) bool { return ids[id] }):
				hidden = append(hidden, h)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.only = ids
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, o := range found {
		seen[o.ID] = true
	}
	for _, h := range hidden {
		if h.IDs == nil && len(seen) < len(ids) || slices.ContainsFunc(h.IDs, func(id string) bool { return ids[id] && !seen[id] }) {
			return nil, h.Err
		}
	}
	return found, nil
}
