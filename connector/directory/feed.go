package directory

import (
	"context"
	"errors"
	"maps"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
)

// touched is what a run of feed rows asks to be looked at again.
type touched struct {
	users  map[lockstep.UserID]bool
	groups map[lockstep.GroupID]bool // their own attributes or assignment
	pairs  map[pair]bool             // memberships that may have changed
	gone   []connection.Ref
}

// pair is a group and one of its possible members.
type pair struct {
	group  lockstep.GroupID
	member connection.Ref
}

// readFeed pages what has changed since the cursor, up to the head at the beginning.
//
// The feed says what moved, the directory what is. Where a way from an assigned group to a person ends at two places, the
// directory shows neither when one of them is looked at. So what a change can reach is asked of all nesting and all
// assignments that are there or that the feed tells of, back to where the read before this one began: what was gone by the
// time that read looked is in it.
func (h *source) readFeed(ctx context.Context, c cursor, page func(connection.Page) error) error {
	head, err := h.dir.Head(ctx, h.tenant) // before the view, which must not be older than what is read
	if err != nil {
		return err
	}
	view, err := h.view(ctx)
	if err != nil {
		return err
	}
	turned, err := view.lookBack(ctx, c)
	if err != nil {
		return err
	}
	if turned {
		return h.readAll(ctx, cursor{}, page)
	}
	for c.pos < head {
		if c.end == 0 {
			c.end = head
		}
		events, err := view.run(ctx, c)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		c.end = events[len(events)-1].Pos
		if err := view.pageRun(ctx, c, events, c.end >= head, page); err != nil || c.end >= head {
			return err
		}
		c.pos, c.end, c.after = c.end, 0, ""
	}
	return page(connection.Page{Next: c.ended(), Last: true})
}

// ended is the cursor of a read that has come to its end at pos.
func (c cursor) ended() connection.Cursor {
	return connection.Cursor(cursor{stage: "p", pos: c.pos, since: c.began, began: c.pos}.String())
}

// lookBack adds the nesting and the assignments of groups that the feed tells of to those that there are. It reports whether the
// app itself has changed since the cursor, so that everybody may be concerned.
func (v *view) lookBack(ctx context.Context, c cursor) (turned bool, err error) {
	for pos := min(c.since, c.pos); ; {
		events, err := v.dir.Feed(ctx, v.tenant, pos, feedPage)
		if pos < c.pos && errors.Is(err, lockstep.ErrCursorExpired) {
			pos = c.pos // so old that nothing of then is on its way any more
			continue
		}
		if err != nil {
			return false, err
		}
		for _, e := range events {
			switch {
			case e.Object == "member" && e.Kind == directory.GroupKind:
				v.ever.add(lockstep.GroupID(e.ID), lockstep.GroupID(e.Member))
			case e.Object == "assignment" && e.Kind == directory.GroupKind && e.App == v.app:
				v.given[lockstep.GroupID(e.Member)] = true
			case e.Object == "app" && e.ID == string(v.app) && e.Pos > c.pos:
				turned = true
			}
			pos = e.Pos
		}
		if len(events) < feedPage {
			return turned, nil
		}
	}
}

// run returns the feed rows after the cursor's position, up to its end.
func (v *view) run(ctx context.Context, c cursor) ([]directory.Event, error) {
	events, err := v.dir.Feed(ctx, v.tenant, c.pos, feedPage)
	for i := range events {
		if events[i].Pos > c.end {
			return events[:i], err
		}
	}
	return events, err
}

// pageRun pages what a run of feed rows touches: users, then groups, each in the order of ids, so that a reader that stops
// between two pages goes on after the last object it was given.
func (v *view) pageRun(ctx context.Context, c cursor, events []directory.Event, last bool, page func(connection.Page) error) error {
	t := touched{users: map[lockstep.UserID]bool{}, groups: map[lockstep.GroupID]bool{}, pairs: map[pair]bool{}}
	for _, e := range events {
		if err := v.touch(ctx, &t, e); err != nil {
			return err
		}
	}
	give := func(objects []connection.Object, after string) error {
		c.after = after
		return page(connection.Page{Objects: objects, Next: connection.Cursor(c.String())})
	}
	for ids := range slices.Chunk(remaining(t.users, c.after, "u"), pageSize) {
		objects, err := v.users(ctx, ids)
		if err != nil {
			return err
		}
		if err := give(objects, "u"+string(ids[len(ids)-1])); err != nil {
			return err
		}
	}
	edges, err := v.memberEdges(ctx, t.pairs)
	if err != nil {
		return err
	}
	for g := range edges {
		t.groups[g] = true
	}
	for ids := range slices.Chunk(remaining(t.groups, c.after, "g"), pageSize) {
		objects, err := v.partialGroups(ctx, ids, edges)
		if err != nil {
			return err
		}
		if err := give(objects, "g"+string(ids[len(ids)-1])); err != nil {
			return err
		}
	}
	c.pos, c.end, c.after = c.end, 0, ""
	if last {
		return page(connection.Page{Gone: t.gone, Next: c.ended(), Last: true})
	}
	return page(connection.Page{Gone: t.gone, Next: connection.Cursor(c.String())})
}

// remaining returns the ids that come after the one given out last, in order. Users come before groups.
func remaining[K ~string](ids map[K]bool, after, stage string) []K {
	all := slices.Sorted(maps.Keys(ids))
	switch {
	case after == "" || after[:1] == "u" && stage == "g":
		return all
	case after[:1] == "g" && stage == "u":
		return nil
	}
	i, found := slices.BinarySearch(all, K(after[1:]))
	if found {
		i++
	}
	return all[i:]
}

// touch notes what one feed row asks for.
func (v *view) touch(ctx context.Context, t *touched, e directory.Event) error {
	switch e.Object {
	case "user":
		if e.Op == directory.OpPurge {
			t.gone = append(t.gone, connection.Ref{Type: connection.UserType, ID: e.ID})
		}
		t.users[lockstep.UserID(e.ID)] = true
	case "group":
		if e.Op == directory.OpPurge {
			t.gone = append(t.gone, connection.Ref{Type: connection.GroupType, ID: e.ID}) // what it brought has feed rows of its own
			return nil
		}
		t.groups[lockstep.GroupID(e.ID)] = true
		return v.touchGroup(ctx, t, lockstep.GroupID(e.ID)) // it may be one that was deleted or restored
	case "assignment":
		if e.App != v.app {
			return nil
		}
		if e.Kind == directory.UserKind {
			t.users[lockstep.UserID(e.Member)] = true
			return nil
		}
		g := lockstep.GroupID(e.Member)
		t.groups[g] = true
		return v.usersIn(ctx, v.ever.below(g), func(id string) { t.users[lockstep.UserID(id)] = true })
	case "member":
		g := lockstep.GroupID(e.ID)
		if e.Kind == directory.UserKind {
			v.touchMember(t, g, lockstep.UserID(e.Member))
			return nil
		}
		if !v.flatten {
			t.pairs[pair{g, connection.Ref{Type: connection.GroupType, ID: e.Member}}] = true
		}
		return v.touchBelow(ctx, t, g, lockstep.GroupID(e.Member))
	}
	return nil
}

// touchGroup notes whom a group brings to others.
func (v *view) touchGroup(ctx context.Context, t *touched, g lockstep.GroupID) error {
	if parents := v.ever.parents[g]; len(parents) == 0 && !v.given[g] {
		return nil
	}
	return v.touchBelow(ctx, t, g, g)
}

// touchMember notes what a membership of a user changes: the group's members, with flattening those of every group above,
// and their scope.
func (v *view) touchMember(t *touched, group lockstep.GroupID, user lockstep.UserID) {
	above := v.ever.above(group)
	for _, g := range above {
		if v.flatten || g == group {
			t.pairs[pair{g, connection.Ref{Type: connection.UserType, ID: string(user)}}] = true
		}
		if v.given[g] {
			t.users[user] = true
		}
	}
}

// touchBelow notes the same for all users in a group inside of another.
func (v *view) touchBelow(ctx context.Context, t *touched, group, inside lockstep.GroupID) error {
	above := v.ever.above(group)
	if !v.flatten && !slices.ContainsFunc(above, func(g lockstep.GroupID) bool { return v.given[g] }) {
		return nil
	}
	return v.usersIn(ctx, v.ever.below(inside), func(id string) {
		for _, g := range above {
			if v.flatten {
				t.pairs[pair{g, connection.Ref{Type: connection.UserType, ID: id}}] = true
			}
			if v.given[g] {
				t.users[lockstep.UserID(id)] = true
			}
		}
	})
}

// usersIn calls f for each user that is directly in one of the groups; a user in several is named several times.
func (v *view) usersIn(ctx context.Context, groups []lockstep.GroupID, f func(id string)) error {
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

// partialGroups loads groups with those of their members that may have changed.
func (v *view) partialGroups(ctx context.Context, ids []lockstep.GroupID, edges map[lockstep.GroupID][]connection.Reference) ([]connection.Object, error) {
	found, err := v.dir.Groups(ctx, v.tenant, directory.GroupQuery{IDs: ids, Deleted: true, Limit: len(ids)})
	if err != nil {
		return nil, err
	}
	objects := make([]connection.Object, len(found))
	for i := range found {
		o := v.groupValues(&found[i])
		o.Partial, o.References = true, edges[found[i].ID]
		objects[i] = o
	}
	return objects, nil
}

// memberEdges decides for each pair whether the member belongs to the group now.
func (v *view) memberEdges(ctx context.Context, pairs map[pair]bool) (map[lockstep.GroupID][]connection.Reference, error) {
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
	for chunk := range slices.Chunk(ids, pageSize) {
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
					belongs[pair{g, connection.Ref{Type: string(m.Kind), ID: m.ID}}] = true
				}
			}
			if len(members) < memberPage {
				break
			}
			q.After = members[len(members)-1]
		}
	}
	edges := map[lockstep.GroupID][]connection.Reference{}
	for p := range pairs {
		edges[p.group] = append(edges[p.group], connection.Reference{Attribute: connection.Members, To: p.member, Gone: !belongs[p]})
	}
	return edges, nil
}
