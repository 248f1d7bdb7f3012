package store

import (
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim/filter"
)

// SourceOrder returns the jobs that bring people in, those with an order first, if an administrator has given any one. It satisfies
// directory.Claimants.
func (db *DB) SourceOrder(ctx context.Context, tenant lockstep.TenantID) ([]directory.Source, error) {
	rows, err := db.query(ctx, "SELECT id, policy, rules FROM job WHERE tenant = $1 AND direction = 'inbound' ORDER BY id", string(tenant))
	all, err := collect(rows, err, func(s scanner) (one directory.Source, err error) {
		var policy, rules string
		if err := s.Scan(&one.Job, &policy, &rules); err != nil {
			return one, err
		}
		var p plan.Policy
		var r rule.Rules
		if err := parse(policy, &p); err != nil {
			return one, err
		}
		one.Order = p.Order
		err = parse(rules, &r)
		one.Clears = cleared(r)
		return one, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the order of sources: %w", err)
	}
	if !slices.ContainsFunc(all, func(s directory.Source) bool { return s.Order > 0 }) {
		return nil, nil
	}
	slices.SortStableFunc(all, func(a, b directory.Source) int {
		switch {
		case a.Before(b):
			return -1
		case b.Before(a):
			return 1
		}
		return 0
	})
	return all, nil
}

// cleared are the attributes that rules clear where the source has none.
func cleared(rules rule.Rules) map[directory.Kind][]filter.Path {
	all := map[directory.Kind][]filter.Path{}
	for _, o := range rules.Objects {
		for _, m := range o.Attributes {
			if path, err := filter.ParsePath(m.Target); err == nil && m.Clear && o.Enabled {
				all[directory.Kind(o.Source)] = append(all[directory.Kind(o.Source)], path)
			}
		}
	}
	return all
}
