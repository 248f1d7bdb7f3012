package state

import (
	"slices"
	"time"
)

// late is what views of an organisation do not know yet: they follow the deeds after a while (Knobs.LateDeletion, LateMembers), as was
// seen of Webex. Only what a knob asked for is kept, and only as long. Guarded by Universe.mu.
type late struct {
	moves []move
	left  []departure
}

// move is a member that came or went.
type move struct {
	at            int64 // milliseconds of the Unix epoch
	group, member *record
	came          bool
}

// departure is a user or a group that was deleted.
type departure struct {
	at int64
	*record
}

// noteMove remembers a move, if views are to know of it later. The lock must be held.
func (o *Org) noteMove(group, member *record, came bool) {
	lag := o.Running().LateMembers
	if lag == 0 {
		return
	}
	now := o.u.now()
	since := now.Add(-lag).UnixMilli()
	o.late.moves = slices.DeleteFunc(o.late.moves, func(m move) bool { return m.at < since })
	o.late.moves = append(o.late.moves, move{now.UnixMilli(), group, member, came})
}

// noteLeft remembers who was deleted, if lists are to know of it later. The lock must be held.
func (o *Org) noteLeft(r *record) {
	lag := o.Running().LateDeletion
	if lag == 0 {
		return
	}
	now := o.u.now()
	since := now.Add(-lag).UnixMilli()
	o.late.left = slices.DeleteFunc(o.late.left, func(d departure) bool { return d.at < since })
	o.late.left = append(o.late.left, departure{now.UnixMilli(), r})
}

// seen returns the records with those that lists still show though they were deleted, by id. The list that it is given stays as it
// is. The lock must be held.
func (o *Org) seen(k kind, list []*record) []*record {
	since, any := o.since(o.Running().LateDeletion)
	if !any || len(o.late.left) == 0 {
		return list
	}
	list = slices.Clone(list)
	for _, d := range o.late.left {
		if d.kind == k && d.at > since {
			list = insertByID(list, d.record)
		}
	}
	return list
}

// prompt reports whether lists show what there is, no more and no less.
func (o *Org) prompt() bool {
	k := o.Running()
	return k.LateListing == 0 && k.LateDeletion == 0
}

// links are whom a record refers to in answers.
type links struct{ members, groups []*record }

// seen returns the links of a record that views know. The lock must be held.
func (r *record) seen() links { return links{r.seenMembers(), r.seenGroups()} }

// shown reports whether lists show a record: it is there, or they do not know yet that it is not. The lock must be held.
func (r *record) shown() bool {
	if !r.gone {
		return true
	}
	since, any := r.org.since(r.org.Running().LateDeletion)
	return any && slices.ContainsFunc(r.org.late.left, func(d departure) bool { return d.record == r && d.at > since })
}

// seenMembers returns the members of a group that views know. The lock must be held.
func (r *record) seenMembers() []*record {
	return r.undo(r.members, func(m move) *record {
		if m.group == r {
			return m.member
		}
		return nil
	})
}

// seenGroups returns the groups of a record that views know. The lock must be held.
func (r *record) seenGroups() []*record {
	return r.undo(r.groups, func(m move) *record {
		if m.member == r && !m.group.gone {
			return m.group
		}
		return nil
	})
}

// undo takes the moves back that views do not know yet, the last one first. other returns whom a move brought or took, or nil when
// it does not concern the list.
func (r *record) undo(list []*record, other func(move) *record) []*record {
	since, any := r.org.since(r.org.Running().LateMembers)
	if !any || len(r.org.late.moves) == 0 {
		return list
	}
	list = slices.Clone(list)
	for _, m := range slices.Backward(r.org.late.moves) {
		x := other(m)
		switch {
		case x == nil || m.at <= since:
		case m.came:
			list = removeByID(list, x)
		default:
			list = insertByID(list, x)
		}
	}
	return list
}

// since returns the instant after which views do not know yet what happened, if there is one.
func (o *Org) since(lag time.Duration) (int64, bool) {
	if lag == 0 {
		return 0, false
	}
	return o.u.now().Add(-lag).UnixMilli(), true
}
