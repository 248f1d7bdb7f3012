package directory

import (
	"context"
	"strconv"

	"lockstep"
	"lockstep/scim"
)

func (e Endpoint) createGroup(ctx context.Context, o scim.Object) (scim.Resource, error) {
	attributes, _ := stored(o)
	g := Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: attributes}
	members, err := e.members(ctx, g.ID, listed(o))
	if err != nil {
		return scim.Resource{}, err
	}
	changes := []Change{PutGroup{Group: g, UniqueName: true, Client: true}}
	if len(members) > 0 {
		changes = append(changes, AddMembers{Group: g.ID, Members: members})
	}
	if _, err := e.Store.Commit(ctx, e.Tenant, e.By, "", changes...); err != nil {
		return scim.Resource{}, publicError(err)
	}
	return e.Get(ctx, scim.Ref{Type: string(GroupKind), ID: string(g.ID)}, nil)
}

// listed returns the ids in the attribute members.
func listed(o scim.Object) []string {
	list, _ := o.Get("members").(scim.List)
	ids := make([]string, 0, len(list))
	for _, v := range list {
		m, _ := v.(scim.Object)
		ids = append(ids, m.Text("value"))
	}
	return ids
}

// members returns the memberships of those ids. The type that a client gives is not needed: the id says what it is of.
func (e Endpoint) members(ctx context.Context, group lockstep.GroupID, ids []string) ([]Member, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	kinds, err := e.Search.KindsOf(ctx, e.Tenant, ids)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, len(ids))
	for _, id := range ids {
		switch kind := kinds[id]; {
		case id == string(group):
			return nil, scim.ErrInvalidValue("A group cannot be a member of itself.")
		case kind != "":
			members = append(members, Member{Group: group, Kind: kind, ID: id})
		case !e.Tolerant:
			return nil, scim.ErrInvalidValue("The member " + strconv.Quote(id) + " does not exist.")
		}
	}
	return members, nil
}

func (e Endpoint) replaceGroup(ctx context.Context, r Record, o scim.Object) ([]Change, error) {
	before, err := scim.DecodeObject(r.Doc)
	if err != nil {
		return nil, err
	}
	if err := e.Schemas.Type(GroupKind).Retain(before, &o); err != nil {
		return nil, err
	}
	attributes, _ := stored(o)
	changes := groupChanges(r, before, attributes, false)
	return e.setMembers(ctx, changes, lockstep.GroupID(r.ID), listed(o))
}

// groupChanges returns the change of a group's own attributes. With always it is there even if nothing changes, for the sake of
// its condition.
func groupChanges(r Record, before, after scim.Object, always bool) []Change {
	if scim.Equal(before, after) && !always {
		return nil
	}
	g := Group{ID: lockstep.GroupID(r.ID), Version: r.Version, Attributes: after}
	return []Change{PutGroup{Group: g, IfVersion: r.Version, UniqueName: true, Client: true}}
}

// setMembers adds what makes exactly these ids the members.
func (e Endpoint) setMembers(ctx context.Context, changes []Change, group lockstep.GroupID, ids []string) ([]Change, error) {
	wanted, err := e.members(ctx, group, ids)
	if err != nil {
		return nil, err
	}
	missing := make(map[string]Member, len(wanted))
	for _, m := range wanted {
		missing[m.ID] = m
	}
	var gone []Member
	q := MemberQuery{Groups: []lockstep.GroupID{group}, Limit: 10_000}
	for {
		page, err := e.Store.Members(ctx, e.Tenant, q)
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			if _, is := missing[m.ID]; is {
				delete(missing, m.ID)
			} else {
				gone = append(gone, m)
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1]
	}
	var added []Member
	for _, m := range wanted {
		if _, is := missing[m.ID]; is {
			added = append(added, m)
			delete(missing, m.ID) // once, however often it was listed
		}
	}
	return withMembers(changes, group, added, gone), nil
}

func withMembers(changes []Change, group lockstep.GroupID, added, gone []Member) []Change {
	if len(gone) > 0 {
		changes = append(changes, RemoveMembers{Group: group, Members: gone})
	}
	if len(added) > 0 {
		changes = append(changes, AddMembers{Group: group, Members: added})
	}
	return changes
}

func (e Endpoint) patchGroup(ctx context.Context, r Record, ifMatch string, p scim.Patch) ([]Change, error) {
	id := lockstep.GroupID(r.ID)
	before, err := scim.DecodeObject(r.Doc)
	if err != nil {
		return nil, err
	}
	delta, rest, ok := p.Members()
	if !ok {
		return e.patchWhole(ctx, r, before, p)
	}
	after, _, err := rest.Apply(e.Schemas.Type(GroupKind), before)
	if err != nil {
		return nil, err
	}
	changes := groupChanges(r, before, after, ifMatch != "" && !delta.IsZero())
	add := make([]string, len(delta.Add))
	for i, m := range delta.Add {
		add[i] = m.Text("value")
	}
	if delta.Replace {
		return e.setMembers(ctx, changes, id, add)
	}
	added, err := e.members(ctx, id, add)
	if err != nil {
		return nil, err
	}
	gone := make([]Member, len(delta.Remove))
	for i, member := range delta.Remove {
		gone[i] = Member{Group: id, ID: member}
	}
	return withMembers(changes, id, added, gone), nil
}

// patchWhole applies a patch that cannot be told without the members, such as one that removes by type.
func (e Endpoint) patchWhole(ctx context.Context, r Record, before scim.Object, p scim.Patch) ([]Change, error) {
	members, err := e.Search.MembersOf(ctx, e.Tenant, lockstep.GroupID(r.ID), maxMembers)
	if err != nil {
		return nil, err
	}
	whole := before.Clone()
	list := make(scim.List, len(members))
	for i, m := range members {
		list[i] = scim.Object{{Name: "value", Value: m.ID}, {Name: "type", Value: string(m.Kind)}, {Name: "display", Value: m.Name}}
	}
	whole.Set("members", list)
	after, _, err := p.Apply(e.Schemas.Type(GroupKind), whole)
	if err != nil {
		return nil, err
	}
	ids := listed(after)
	attributes, _ := stored(after)
	return e.setMembers(ctx, groupChanges(r, before, attributes, false), lockstep.GroupID(r.ID), ids)
}
