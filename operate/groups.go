package operate

import (
	"cmp"
	"context"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Groups lists or searches the directory's groups.
func (o *Operator) Groups(ctx context.Context, p Principal, s Search) (found []directory.Group, next string, err error) {
	if err := p.may(PeopleRead); err != nil {
		return nil, "", err
	}
	return search(s, func(after string, limit int) ([]directory.Group, error) {
		return o.Directory.Groups(ctx, p.Tenant, directory.GroupQuery{After: lockstep.GroupID(after), Deleted: s.Deleted, Limit: limit})
	}, func(g directory.Group) string { return string(g.ID) }, func(g directory.Group) []string {
		return []string{filter.Fold(g.Attributes.Text("displayName")), filter.Fold(g.Attributes.Text("externalId"))}
	})
}

// suggested is among how many groups one is looked for that a wrong name may have meant.
const suggested = 500

// Group finds the one group that a text names: id, display name or external id.
func (o *Operator) Group(ctx context.Context, p Principal, name string, deleted bool) (directory.Group, error) {
	if err := p.may(PeopleRead); err != nil {
		return directory.Group{}, err
	}
	queries := []directory.GroupQuery{
		{Attribute: "displayName", Values: []string{name}}, {Attribute: "externalId", Values: []string{name}},
	}
	if lockstep.ValidID(name) {
		queries = []directory.GroupQuery{{IDs: []lockstep.GroupID{lockstep.GroupID(name)}}}
	}
	for _, q := range queries {
		q.Deleted, q.Limit = deleted, 2
		found, err := o.Directory.Groups(ctx, p.Tenant, q)
		switch {
		case err != nil:
			return directory.Group{}, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return directory.Group{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "Several groups are called “" + clip(name) + "”: give the id."}
		}
	}
	some, err := o.Directory.Groups(ctx, p.Tenant, directory.GroupQuery{Deleted: deleted, Limit: suggested})
	var names []string
	for _, g := range some {
		names = append(names, g.Attributes.Text("displayName"))
	}
	return directory.Group{}, cmp.Or(err, notFound("group", name, names...))
}

// CreateGroup creates a group.
func (o *Operator) CreateGroup(ctx context.Context, p Principal, attributes scim.Object) (directory.Group, error) {
	if err := p.may(PeopleWrite); err != nil {
		return directory.Group{}, err
	}
	attributes, err := o.writable(ctx, p, directory.GroupKind, attributes, nil)
	if err != nil {
		return directory.Group{}, err
	}
	return o.storeGroup(ctx, p, directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: attributes})
}

func (o *Operator) storeGroup(ctx context.Context, p Principal, g directory.Group) (directory.Group, error) {
	if err := o.commit(ctx, p, directory.PutGroup{Group: g, IfVersion: g.Version}); err != nil {
		return directory.Group{}, err
	}
	return o.Group(ctx, p, string(g.ID), true)
}

// ChangeGroup gives a group the attributes that f makes of its own.
func (o *Operator) ChangeGroup(ctx context.Context, p Principal, name string, f func(scim.Object) scim.Object) (directory.Group, error) {
	if err := p.may(PeopleWrite); err != nil {
		return directory.Group{}, err
	}
	g, err := o.Group(ctx, p, name, false)
	if err != nil {
		return directory.Group{}, err
	}
	if err := o.aboveGroup(ctx, p, g.ID); err != nil {
		return directory.Group{}, err
	}
	if g.Attributes, err = o.writable(ctx, p, directory.GroupKind, f(g.Attributes.Clone()), g.Attributes); err != nil {
		return directory.Group{}, err
	}
	return o.storeGroup(ctx, p, g)
}

// DeleteGroup deletes a group, restorably unless purged.
func (o *Operator) DeleteGroup(ctx context.Context, p Principal, name string, purge bool) error {
	if err := p.may(PeopleWrite); err != nil {
		return err
	}
	g, err := o.Group(ctx, p, name, purge)
	if err != nil {
		return err
	}
	if err := o.aboveGroup(ctx, p, g.ID); err != nil {
		return err
	}
	return o.commit(ctx, p, directory.DeleteGroup{ID: g.ID, Purge: purge})
}

// RestoreGroup ends a soft delete.
func (o *Operator) RestoreGroup(ctx context.Context, p Principal, name string) (directory.Group, error) {
	if err := p.may(PeopleWrite); err != nil {
		return directory.Group{}, err
	}
	g, err := o.Group(ctx, p, name, true)
	if err != nil {
		return directory.Group{}, err
	}
	if err := o.aboveGroup(ctx, p, g.ID); err != nil {
		return directory.Group{}, err
	}
	if err := o.commit(ctx, p, directory.RestoreGroup{ID: g.ID}); err != nil {
		return directory.Group{}, err
	}
	return o.Group(ctx, p, string(g.ID), false)
}

// Named is a user or a group with its name.
type Named struct {
	Kind     directory.Kind
	ID, Name string
}

// Members lists the direct members of a group.
func (o *Operator) Members(ctx context.Context, p Principal, group string, limit int) ([]Named, error) {
	g, err := o.Group(ctx, p, group, true)
	if err != nil {
		return nil, err
	}
	members, err := o.Directory.Members(ctx, p.Tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}, Limit: limit})
	if err != nil {
		return nil, err
	}
	names, err := o.names(ctx, p, members)
	out := make([]Named, len(members))
	for i, m := range members {
		out[i] = Named{m.Kind, m.ID, names[m.ID]}
	}
	return out, err
}

// GroupsOf lists the groups that a user is a direct member of, at most limit.
func (o *Operator) GroupsOf(ctx context.Context, p Principal, id lockstep.UserID, limit int) ([]directory.Group, error) {
	if err := p.may(PeopleRead); err != nil {
		return nil, err
	}
	members, err := o.Directory.Members(ctx, p.Tenant, directory.MemberQuery{IDs: []string{string(id)}, Kind: directory.UserKind, Limit: limit})
	if err != nil || len(members) == 0 {
		return nil, err
	}
	ids := make([]lockstep.GroupID, len(members))
	for i, m := range members {
		ids[i] = m.Group
	}
	return o.Directory.Groups(ctx, p.Tenant, directory.GroupQuery{IDs: ids})
}

// names returns the names of users and groups by id, asking once for each kind and 500.
func (o *Operator) names(ctx context.Context, p Principal, of []directory.Member) (map[string]string, error) {
	names := make(map[string]string, len(of))
	for start := 0; start < len(of); start += 500 {
		var users []lockstep.UserID
		var groups []lockstep.GroupID
		for _, m := range of[start:min(start+500, len(of))] {
			if m.Kind == directory.GroupKind {
				groups = append(groups, lockstep.GroupID(m.ID))
			} else {
				users = append(users, lockstep.UserID(m.ID))
			}
		}
		if err := o.addNames(ctx, p, users, groups, names); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (o *Operator) addNames(ctx context.Context, p Principal, users []lockstep.UserID, groups []lockstep.GroupID, names map[string]string) error {
	if len(users) > 0 {
		found, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: users, Deleted: true, Limit: len(users)})
		if err != nil {
			return err
		}
		for _, u := range found {
			names[string(u.ID)] = u.Attributes.Text("userName")
		}
	}
	if len(groups) > 0 {
		found, err := o.Directory.Groups(ctx, p.Tenant, directory.GroupQuery{IDs: groups, Deleted: true, Limit: len(groups)})
		if err != nil {
			return err
		}
		for _, g := range found {
			names[string(g.ID)] = g.Attributes.Text("displayName")
		}
	}
	return nil
}

// MemberChange adds members to a group and removes some, each named as User and Group find them.
type MemberChange struct{ AddUsers, AddGroups, RemoveUsers, RemoveGroups []string }

// ChangeMembers changes who is in a group.
func (o *Operator) ChangeMembers(ctx context.Context, p Principal, group string, c MemberChange) error {
	if err := p.may(PeopleWrite); err != nil {
		return err
	}
	g, err := o.Group(ctx, p, group, false)
	if err != nil {
		return err
	}
	if err := o.aboveGroup(ctx, p, g.ID); err != nil {
		return err
	}
	add, err := o.members(ctx, p, c.AddUsers, c.AddGroups)
	if err != nil {
		return err
	}
	remove, err := o.members(ctx, p, c.RemoveUsers, c.RemoveGroups)
	if err != nil {
		return err
	}
	var all []directory.Change
	if len(add) > 0 {
		all = append(all, directory.AddMembers{Group: g.ID, Members: add})
	}
	if len(remove) > 0 {
		all = append(all, directory.RemoveMembers{Group: g.ID, Members: remove})
	}
	if len(all) == 0 {
		return invalid("The request adds and removes nobody.")
	}
	return o.commit(ctx, p, all...)
}

func (o *Operator) members(ctx context.Context, p Principal, users, groups []string) ([]directory.Member, error) {
	var out []directory.Member
	for _, name := range users {
		u, err := o.User(ctx, p, name, false)
		if err != nil {
			return nil, err
		}
		out = append(out, directory.Member{Kind: directory.UserKind, ID: string(u.ID)})
	}
	for _, name := range groups {
		g, err := o.Group(ctx, p, name, false)
		if err != nil {
			return nil, err
		}
		out = append(out, directory.Member{Kind: directory.GroupKind, ID: string(g.ID)})
	}
	return out, nil
}
