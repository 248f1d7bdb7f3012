package scim

import (
	"slices"

	"lockstep/scim/filter"
)

// MemberDelta is what a patch does to the members of a group, told without looking at them. With Replace, Add lists all
// members the group has afterwards. Else Add and Remove have no id in common, so their order does not matter.
type MemberDelta struct {
	Replace bool
	Add     []Object // each has a value, the id; in the order in which they were sent
	Remove  []string // ids
}

// IsZero reports whether the patch does not touch members.
func (d MemberDelta) IsZero() bool { return !d.Replace && len(d.Add) == 0 && len(d.Remove) == 0 }

// Members takes the operations on members out of the patch, so that a group with many members is changed without loading
// them. It knows add and replace with a list, remove with and without one, and remove with members[value eq "id"] or several
// of these joined by or. rest holds the other operations, which do not touch members. When the patch does anything else to
// members, such as changing the type of one, ok is false: load the group and Apply.
func (p Patch) Members() (delta MemberDelta, rest Patch, ok bool) {
	rest = Patch{Strict: p.Strict}
	m := memberSet{state: map[string]*memberState{}}
	for _, op := range p.Operations {
		if op.Path.IsZero() {
			list, err := op.expand()
			if err != nil {
				return MemberDelta{}, p, false
			}
			if !slices.ContainsFunc(list, Operation.onMembers) {
				rest.Operations = append(rest.Operations, op)
				continue
			}
			for _, op := range list {
				if !op.onMembers() {
					rest.Operations = append(rest.Operations, op)
				} else if !m.apply(op) {
					return MemberDelta{}, p, false
				}
			}
			continue
		}
		if !op.onMembers() {
			rest.Operations = append(rest.Operations, op)
		} else if !m.apply(op) {
			return MemberDelta{}, p, false
		}
	}
	return m.delta(), rest, true
}

func (op Operation) onMembers() bool {
	return sameName(op.Path.Attr, "members") && (op.Path.URN == "" || isCoreURN(op.Path.URN))
}

// memberSet is the net effect of operations so far.
type memberSet struct {
	replace bool
	state   map[string]*memberState
	order   []string // ids, once each, as they first came
}

type memberState struct {
	add    bool // else remove
	member Object
}

// apply adds the effect of an operation; false when it cannot be told without the members.
func (m *memberSet) apply(op Operation) bool {
	if op.Path.Sub != "" || op.Path.Filter != nil && op.Op != OpRemove {
		return false
	}
	if op.Path.Filter != nil {
		ids, ok := memberIDs(op.Path.Filter)
		for _, id := range ids {
			m.put(id, memberState{})
		}
		return ok
	}
	if op.Op == OpRemove && op.Value == nil {
		m.reset()
		return true
	}
	members, ok := memberList(op.Value)
	if !ok {
		return false
	}
	if op.Op == OpReplace {
		m.reset()
	}
	for _, member := range members {
		m.put(member.Text("value"), memberState{add: op.Op != OpRemove, member: member})
	}
	return true
}

func (m *memberSet) reset() {
	*m = memberSet{replace: true, state: map[string]*memberState{}}
}

func (m *memberSet) put(id string, s memberState) {
	old := m.state[id]
	switch {
	case old == nil:
		m.state[id] = &s
		m.order = append(m.order, id)
	case old.add != s.add:
		*old = s
	}
}

func (m *memberSet) delta() MemberDelta {
	d := MemberDelta{Replace: m.replace}
	for _, id := range m.order {
		s := m.state[id]
		switch {
		case s.add:
			d.Add = append(d.Add, s.member)
		case !m.replace:
			d.Remove = append(d.Remove, id)
		}
	}
	return d
}

// memberList reads the members of a value: objects with a value, or bare ids.
func memberList(v any) ([]Object, bool) {
	list := asList(v)
	out := make([]Object, 0, len(list))
	for _, e := range list {
		switch e := e.(type) {
		case string:
			out = append(out, Object{{"value", e}})
		case Object:
			out = append(out, e)
		default:
			return nil, false
		}
		if out[len(out)-1].Text("value") == "" {
			return nil, false
		}
	}
	return out, true
}

// memberIDs reads value eq "id", alone, or several joined by or.
func memberIDs(e filter.Expr) ([]string, bool) {
	list := []filter.Expr{e}
	if or, ok := e.(filter.Or); ok {
		list = or
	}
	ids := make([]string, 0, len(list))
	for _, e := range list {
		c, ok := byValue(e).(filter.Compare)
		if !ok || !c.Path.Is("value") || c.Op != filter.Eq {
			return nil, false
		}
		id, ok := c.Value.(string)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}
