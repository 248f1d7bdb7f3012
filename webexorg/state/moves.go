package state

import (
	"slices"

	"lockstep/scim"
)

// resolveManager finds the manager that a change names. The lock must be held.
func (c *change) resolveManager() error {
	if c.manager == "" || c.rec != nil && c.rec.manager == c.manager {
		return nil
	}
	m := c.org.find(userKind, c.manager)
	switch {
	case m != nil:
		c.manager = m.id // one text for all
	case !c.org.config.Assume.AnyManager:
		return scim.ErrInvalidValue("manager: there is no user " + c.manager + " in this organisation")
	}
	return nil
}

// membersMove is a memberOp whose ids were found.
type membersMove struct {
	op      memberOpKind
	members []*record
}

// resolveMembers finds the members that a change names. Adding one that the organisation does not have is an error.
func (c *change) resolveMembers() ([]membersMove, error) {
	moves := make([]membersMove, 0, len(c.members))
	for _, op := range c.members {
		move := membersMove{op: op.op, members: make([]*record, 0, len(op.ids))}
		for _, id := range op.ids {
			switch r := c.org.byID[id]; {
			case r != nil && r == c.rec && op.op != removeMembers:
				return nil, scim.ErrInvalidValue("members: a group cannot be a member of itself")
			case r != nil:
				move.members = append(move.members, r)
			case op.op != removeMembers:
				return nil, scim.ErrInvalidValue("members: there is no user or group " + id + " in this organisation")
			}
		}
		moves = append(moves, move)
	}
	return moves, nil
}

// moveMembers makes the moves and returns the members that came or went.
func (r *record) moveMembers(moves []membersMove) (changed []*record) {
	for i := range moves {
		m := &moves[i]
		if m.op == replaceMembers {
			changed = append(changed, r.replaceMembers(m.members)...)
			continue
		}
		for _, member := range m.members {
			if r.moveMember(member, m.op == addMembers) {
				changed = append(changed, member)
			}
		}
	}
	return changed
}

func (r *record) moveMember(member *record, add bool) bool {
	_, has := findByID(r.members, member.id)
	if has == add {
		return false
	}
	r.org.noteMove(r, member, add)
	if add {
		r.members = insertByID(r.members, member)
		member.groups = insertByID(member.groups, r)
	} else {
		r.members = removeByID(r.members, member)
		member.groups = removeByID(member.groups, r)
	}
	return true
}

func (r *record) replaceMembers(want []*record) (changed []*record) {
	want = slices.Clone(want)
	slices.SortFunc(want, compareID)
	want = slices.Compact(want)
	for _, old := range slices.Clone(r.members) {
		if _, keep := findByID(want, old.id); !keep && r.moveMember(old, false) {
			changed = append(changed, old)
		}
	}
	for _, member := range want {
		if r.moveMember(member, true) {
			changed = append(changed, member)
		}
	}
	return changed
}
