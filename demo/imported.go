package demo

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lockstep/api"
)

// imported is what the directory has to hold, derived from the source by a reader that shares no code with the product. Of each
// person it keeps a hash, so that a million fit.
type imported struct {
	columns []string
	seed    maphash.Seed
	people  map[string]uint64          // by key of the user name
	groups  map[string]map[string]bool // members by the group's name, as memberName writes them
	twice   []string                   // people whom the source has more than once
}

func newImported(columns []string) *imported {
	return &imported{columns: columns, seed: maphash.MakeSeed(), people: map[string]uint64{}, groups: map[string]map[string]bool{}}
}

// person adds a person with a value for each column, and the user name of the manager.
func (x *imported) person(column func(name string) string, active bool, manager string) {
	k := key(column("userName"))
	if _, ok := x.people[k]; ok {
		x.twice = append(x.twice, k)
	}
	x.people[k] = maphash.String(x.seed, x.text(column, active, manager))
}

func (x *imported) text(column func(name string) string, active bool, manager string) string {
	var b strings.Builder
	for _, name := range x.columns {
		b.WriteString(column(name))
		b.WriteByte('|')
	}
	b.WriteString(strconv.FormatBool(active) + "|" + key(manager))
	return b.String()
}

func (x *imported) group(name string) {
	if x.groups[name] == nil {
		x.groups[name] = map[string]bool{}
	}
}

// member adds a member to a group: a user by user name, a group by name.
func (x *imported) member(group, kind, name string) {
	x.group(group)
	x.groups[group][memberName(kind, name)] = true
}

func memberName(kind, name string) string { return kind + " " + key(name) }

// compare counts every person, group and membership of the directory that is not as expected.
func (x *imported) compare(ctx context.Context, c *api.Client) (m mismatches, err error) {
	for _, k := range x.twice {
		m.add("%s: the source has two", k)
	}
	names := map[string]string{} // user names by id
	everybody := func(f func(u *api.User) error) error {
		q := api.ListQuery{Limit: 1000}
		for {
			page, err := c.Users(ctx, q)
			if err != nil {
				return err
			}
			for i := range page.Users {
				if err := f(&page.Users[i]); err != nil {
					return err
				}
			}
			if q.After = page.Next; q.After == "" {
				return nil
			}
		}
	}
	if err := everybody(func(u *api.User) error { names[string(u.ID)] = u.UserName; return nil }); err != nil {
		return m, err
	}
	seen := make(map[string]bool, len(x.people))
	err = everybody(func(u *api.User) error {
		text, err := json.Marshal(u.Attributes)
		if err != nil {
			return err
		}
		var a account
		if err := json.Unmarshal(text, &a); err != nil {
			return err
		}
		k := key(u.UserName)
		got := x.text(a.get, u.Active, names[a.manager()])
		want, ok := x.people[k]
		switch {
		case !ok:
			m.add("%s: nobody of the source", k)
		case seen[k]:
			m.add("%s: two users", k)
		case want != maphash.String(x.seed, got):
			m.add("%s is not as in the source: %s", k, got)
		}
		seen[k] = true
		return nil
	})
	if err != nil {
		return m, err
	}
	for _, k := range slices.Sorted(maps.Keys(x.people)) {
		if !seen[k] {
			m.add("%s: no user", k)
		}
	}
	return m, x.compareGroups(ctx, c, names, &m)
}

func (x *imported) compareGroups(ctx context.Context, c *api.Client, names map[string]string, m *mismatches) error {
	found := map[string]string{} // ids by name
	groups := map[string]string{}
	q := api.ListQuery{Limit: 1000}
	for {
		all, next, err := c.Groups(ctx, q)
		if err != nil {
			return err
		}
		for _, g := range all {
			if found[g.DisplayName] != "" {
				m.add("group %s: there are two", g.DisplayName)
			}
			found[g.DisplayName], groups[string(g.ID)] = string(g.ID), g.DisplayName
			if x.groups[g.DisplayName] == nil {
				m.add("group %s: not in the source", g.DisplayName)
			}
		}
		if q.After = next; next == "" {
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.groups)) {
		if found[name] == "" {
			m.add("group %s: not there", name)
			continue
		}
		all, err := c.Members(ctx, found[name])
		if err != nil {
			return err
		}
		got := map[string]bool{}
		for _, one := range all {
			member := names[one.ID]
			if one.Kind == "Group" {
				member = groups[one.ID]
			}
			got[memberName(one.Kind, member)] = true
			if !x.groups[name][memberName(one.Kind, member)] {
				m.add("group %s: %s %s is no member", name, one.Kind, member)
			}
		}
		for member := range x.groups[name] {
			if !got[member] {
				m.add("group %s: %s is missing", name, member)
			}
		}
	}
	return nil
}
