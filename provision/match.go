package provision

import (
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// lookup finds the target's objects that have one of the keys. A key that several objects have comes with all of them.
type lookup func(ctx context.Context, typ string, keys []plan.Key) (map[plan.Key][]connection.Object, error)

// list reads the target's objects into the store, once a cycle, so that matching asks the target nothing per person. It is not
// resumed: a listing that is cut off begins anew.
func (r *run) list(ctx context.Context) error {
	if err := r.commit(ctx, Batch{Cycle: r.cycle, Unlist: true}); err != nil {
		return err
	}
	err := r.eachListed(ctx, func(rows []plan.Listed) error {
		return r.commit(ctx, Batch{Cycle: r.cycle, Listed: rows})
	})
	if err != nil {
		return err
	}
	r.cycle.Listed = true
	if r.cycle.Phase == Listing {
		r.cycle.Phase = Reading
	}
	return r.commit(ctx, Batch{Cycle: r.cycle})
}

// eachListed calls f with the target's objects of every type that the rules bring, each with its matching values.
func (r *run) eachListed(ctx context.Context, f func([]plan.Listed) error) error {
	for _, p := range r.programs {
		paths, err := matchPaths(p)
		if err != nil {
			return err
		}
		err = r.target.List(ctx, p.targetType, func(objects []connection.Object) error {
			rows := make([]plan.Listed, len(objects))
			for i, o := range objects {
				rows[i] = plan.Listed{Object: o, Keys: keysOf(o.Values, paths)}
			}
			r.count(1, false)
			return f(rows)
		})
		if err != nil {
			return fmt.Errorf("list %ss of %s: %w", p.targetType, r.to.Name, err)
		}
	}
	return nil
}

// matchPaths parses the matching attributes of a program.
func matchPaths(p *program) (map[string]filter.Path, error) {
	paths := map[string]filter.Path{}
	for _, m := range p.mapping.Attributes {
		if m.Match == 0 {
			continue
		}
		path, err := filter.ParsePath(m.Target)
		if err != nil {
			return nil, &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: fmt.Sprintf("matching attribute %q: %v", m.Target, err), Err: err}
		}
		paths[m.Target] = path
	}
	return paths, nil
}

func keysOf(values scim.Object, paths map[string]filter.Path) []plan.Key {
	var keys []plan.Key
	for name, path := range paths {
		for _, v := range scim.Values(values, path) {
			if s, ok := v.(string); ok && s != "" {
				keys = append(keys, plan.Key{Attribute: name, Value: fold(s)})
			}
		}
	}
	return keys
}

// fromListing looks into the store's listing.
func (r *run) fromListing(ctx context.Context, typ string, keys []plan.Key) (map[plan.Key][]connection.Object, error) {
	rows, err := r.Store.Listed(ctx, r.job.Tenant, r.job.ID, typ, keys)
	if err != nil {
		return nil, err
	}
	return index(rows, keys), nil
}

func index(rows []plan.Listed, keys []plan.Key) map[plan.Key][]connection.Object {
	found := map[plan.Key][]connection.Object{}
	for _, row := range rows {
		for _, k := range row.Keys {
			if slices.Contains(keys, k) || len(keys) == 0 {
				found[k] = append(found[k], row.Object)
			}
		}
	}
	return found
}

// byFind asks the target, some values at a time. When more new objects turn up than are worth asking for one by one, the
// target is listed after all.
func (r *run) byFind(ctx context.Context, typ string, keys []plan.Key) (map[plan.Key][]connection.Object, error) {
	r.fresh += len(keys)
	if r.fresh > max(100, r.linked/100) && r.cycle.Kind == Incremental {
		if err := r.list(ctx); err != nil {
			return nil, err
		}
		r.lookup = r.fromListing
		return r.fromListing(ctx, typ, keys)
	}
	return r.find(ctx, typ, keys)
}

// find asks the target for each key.
func (r *run) find(ctx context.Context, typ string, keys []plan.Key) (map[plan.Key][]connection.Object, error) {
	byAttribute := map[string][]string{}
	for _, k := range keys {
		byAttribute[k.Attribute] = append(byAttribute[k.Attribute], k.Value)
	}
	found := map[plan.Key][]connection.Object{}
	for attribute, values := range byAttribute {
		path, err := filter.ParsePath(attribute)
		if err != nil {
			return nil, err
		}
		for chunk := range slices.Chunk(values, max(r.to.FindBatch, 1)) {
			objects, err := r.call(ctx, func(ctx context.Context) ([]connection.Object, error) {
				return r.target.Find(ctx, typ, attribute, chunk...)
			})
			if err != nil {
				return nil, fmt.Errorf("find %s by %s in %s: %w", typ, attribute, r.to.Name, err)
			}
			for _, o := range objects {
				for _, k := range keysOf(o.Values, map[string]filter.Path{attribute: path}) {
					found[k] = append(found[k], o)
				}
			}
		}
	}
	return found, nil
}
