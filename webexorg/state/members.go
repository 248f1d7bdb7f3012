package state

import "lockstep/scim"

// patchGroup applies a patch to a group. Changes of members cost what they change: the members are neither read nor copied.
func (b *Access) patchGroup(ref scim.Ref, ifMatch string, p scim.Patch) (scim.Resource, error) {
	delta, rest, ok := p.Members()
	if !ok {
		return b.rewrite(ref, ifMatch, func(v view, _ scim.Object) (change, error) { return b.patchAll(v, p) })
	}
	ops, err := b.deltaOps(delta)
	if err != nil {
		return scim.Resource{}, err
	}
	return b.rewrite(ref, ifMatch, func(_ view, before scim.Object) (change, error) {
		c := change{org: b.Org, kind: groupKind, by: b.By}
		if len(rest.Operations) > 0 {
			after, err := b.apply(groupType(), before, rest)
			if err != nil {
				return c, err
			}
			if c, err = b.group(after, before, b.By); err != nil {
				return c, err
			}
		}
		c.members = ops
		return c, nil
	})
}

func (o *Org) deltaOps(d scim.MemberDelta) ([]memberOp, error) {
	add := make([]string, len(d.Add))
	for i, m := range d.Add {
		add[i] = m.Text("value")
	}
	var ops []memberOp
	switch {
	case d.Replace:
		ops = []memberOp{{replaceMembers, add}}
	default:
		if len(d.Remove) > 0 {
			ops = append(ops, memberOp{removeMembers, d.Remove})
		}
		if len(add) > 0 {
			ops = append(ops, memberOp{addMembers, add})
		}
	}
	return ops, o.checkMembers(ops)
}

// patchAll applies a patch that has to see the members to what the group has of them.
func (b *Access) patchAll(v view, p scim.Patch) (change, error) {
	b.u.mu.RLock()
	doc := appendReferences(v.record.doc, "members", v.record.members, len(v.record.members))
	had := make(map[string]bool, len(v.record.members))
	for _, m := range v.record.members {
		had[m.id] = true
	}
	b.u.mu.RUnlock()
	whole, err := scim.DecodeObject(doc)
	if err != nil {
		return change{}, err
	}
	after, err := b.apply(groupType(), whole, p)
	if err != nil {
		return change{}, err
	}
	ids, err := MemberIDs(after.Get("members"))
	if err != nil {
		return change{}, err
	}
	c, err := b.group(after, whole, b.By)
	if err != nil {
		return c, err
	}
	add, remove := memberOp{op: addMembers}, memberOp{op: removeMembers}
	for _, id := range ids {
		if !had[id] {
			add.ids = append(add.ids, id)
		}
		delete(had, id)
	}
	for id := range had {
		remove.ids = append(remove.ids, id)
	}
	c.members = []memberOp{remove, add}
	return c, b.checkMembers(c.members)
}
