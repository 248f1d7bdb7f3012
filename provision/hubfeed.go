package provision

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/directory"
)

// touched is what a run of feed rows asks to be looked at again.
type touched struct {
	users  map[lockstep.UserID]bool
	groups map[lockstep.GroupID]bool // their own attributes or assignment
	pairs  map[pair]bool             // memberships that may have changed
	gone   []Ref
}

// pair is a group and one of its possible members.
type pair struct {
	group  lockstep.GroupID
	member Ref
}

// readFeed pages what has changed since pos, up to the head at the beginning. A page stands for a run of feed rows; when it
// holds more objects than fit, the first pieces keep the old cursor, so that a reader that stops between them repeats the
// run rather than losing a part.
func (v *hubView) readFeed(ctx context.Context, pos int64, page func(Page) error) error {
	head, err := v.dir.Head(ctx, v.tenant)
	if err != nil {
		return err
	}
	for pos < head {
		events, err := v.dir.Feed(ctx, v.tenant, pos, hubEvents)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		t := touched{users: map[lockstep.UserID]bool{}, groups: map[lockstep.GroupID]bool{}, pairs: map[pair]bool{}}
		for _, e := range events {
			if err := v.touch(ctx, &t, e); err != nil {
				return err
			}
		}
		objects, err := v.changed(ctx, &t)
		if err != nil {
			return err
		}
		old := hubCursor("p", pos, "")
		pos = events[len(events)-1].Pos
		for len(objects) > hubPage {
			if err := page(Page{Objects: objects[:hubPage], Next: old}); err != nil {
				return err
			}
			objects = objects[hubPage:]
		}
		last := pos >= head
		if err := page(Page{Objects: objects, Gone: t.gone, Next: hubCursor("p", pos, ""), Last: last}); err != nil || last {
			return err
		}
	}
	return page(Page{Next: hubCursor("p", pos, ""), Last: true})
}

// touch notes what one feed row asks for.
func (v *hubView) touch(ctx context.Context, t *touched, e directory.Event) error {
	switch e.Object {
	case "user":
		if e.Op == directory.OpPurge {
			t.gone = append(t.gone, Ref{userType, e.ID})
		}
		t.users[lockstep.UserID(e.ID)] = true
	case "group":
		g := lockstep.GroupID(e.ID)
		if e.Op == directory.OpPurge {
			t.gone = append(t.gone, Ref{groupType, e.ID})
			return nil
		}
		t.groups[g] = true
		if e.Op == directory.OpDelete || len(v.groups_[g]) > 0 {
			return v.touchMembers(ctx, t, g)
		}
	case "assignment":
		if e.App != v.app {
			return nil
		}
		if e.Kind == directory.UserKind {
			t.users[lockstep.UserID(e.Member)] = true
			return nil
		}
		t.groups[lockstep.GroupID(e.Member)] = true
		return v.touchMembers(ctx, t, lockstep.GroupID(e.Member))
	case "member":
		return v.touchMembership(ctx, t, e)
	}
	return nil
}

// touchMembers notes every user that the group can bring into scope.
func (v *hubView) touchMembers(ctx context.Context, t *touched, g lockstep.GroupID) error {
	groups := []lockstep.GroupID{g}
	if v.nested {
		groups = v.below(g)
	}
	return v.usersIn(ctx, groups, func(id string) { t.users[lockstep.UserID(id)] = true })
}

// touchMembership notes what a membership that came or went changes: the group's members, with flattening those of every
// group above, and the scope of the people it brings in.
func (v *hubView) touchMembership(ctx context.Context, t *touched, e directory.Event) error {
	group := lockstep.GroupID(e.ID)
	above := v.above(group)
	scopes := slices.ContainsFunc(above, func(g lockstep.GroupID) bool { return len(v.groups_[g]) > 0 })
	owners := []lockstep.GroupID{group}
	if v.flatten {
		owners = above
	}
	if e.Kind == directory.UserKind {
		for _, g := range owners {
			t.pairs[pair{g, Ref{userType, e.Member}}] = true
		}
		if scopes {
			t.users[lockstep.UserID(e.Member)] = true
		}
		return nil
	}
	if !v.flatten {
		t.pairs[pair{group, Ref{groupType, e.Member}}] = true
	}
	if !v.flatten && !scopes {
		return nil
	}
	return v.usersIn(ctx, v.below(lockstep.GroupID(e.Member)), func(id string) {
		if v.flatten {
			for _, g := range owners {
				t.pairs[pair{g, Ref{userType, id}}] = true
			}
		}
		if scopes {
			t.users[lockstep.UserID(id)] = true
		}
	})
}

// usersIn calls f for each user that is directly in one of the groups; a user in several is named several times.
func (v *hubView) usersIn(ctx context.Context, groups []lockstep.GroupID, f func(id string)) error {
	for q := (directory.MemberQuery{Groups: groups, Kind: directory.UserKind}); ; {
		members, err := v.dir.Members(ctx, v.tenant, q)
		if err != nil {
			return err
		}
		for _, m := range members {
			f(m.ID)
		}
		if len(members) < memberPage {
			return nil
		}
		q.After = members[len(members)-1]
	}
}

// changed loads what was touched, in the order of ids.
func (v *hubView) changed(ctx context.Context, t *touched) ([]Object, error) {
	ids := make([]lockstep.UserID, 0, len(t.users))
	for id := range t.users {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	objects, err := v.users(ctx, ids)
	if err != nil {
		return nil, err
	}
	edges, err := v.memberEdges(ctx, t.pairs)
	if err != nil {
		return nil, err
	}
	for g := range edges {
		t.groups[g] = true
	}
	groups := make([]lockstep.GroupID, 0, len(t.groups))
	for g := range t.groups {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	for chunk := range slices.Chunk(groups, hubPage) {
		found, err := v.dir.Groups(ctx, v.tenant, directory.GroupQuery{IDs: chunk, Deleted: true, Limit: len(chunk)})
		if err != nil {
			return nil, err
		}
		for i := range found {
			o := v.groupValues(&found[i])
			o.Partial, o.Edges = true, edges[found[i].ID]
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// memberEdges decides for each pair whether the member belongs to the group now.
func (v *hubView) memberEdges(ctx context.Context, pairs map[pair]bool) (map[lockstep.GroupID][]Edge, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	asked := map[string]bool{}
	var ids []string
	for p := range pairs {
		if !asked[p.member.ID] {
			asked[p.member.ID] = true
			ids = append(ids, p.member.ID)
		}
	}
	belongs := map[pair]bool{}
	for chunk := range slices.Chunk(ids, hubPage) {
		q := directory.MemberQuery{IDs: chunk}
		for {
			members, err := v.dir.Members(ctx, v.tenant, q)
			if err != nil {
				return nil, err
			}
			for _, m := range members {
				owners := []lockstep.GroupID{m.Group}
				if v.flatten {
					owners = v.above(m.Group)
				}
				for _, g := range owners {
					belongs[pair{g, Ref{string(m.Kind), m.ID}}] = true
				}
			}
			if len(members) < memberPage {
				break
			}
			q.After = members[len(members)-1]
		}
	}
	edges := map[lockstep.GroupID][]Edge{}
	for p := range pairs {
		edges[p.group] = append(edges[p.group], Edge{Attribute: memberAttribute, To: p.member, Gone: !belongs[p]})
	}
	return edges, nil
}
