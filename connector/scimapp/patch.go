package scimapp

import (
	"context"
	"net/http"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// change is one operation of a PATCH. References are changes too, so that a PUT can make them as well.
type change struct {
	op    scim.Op
	path  filter.Path
	value any
	size  int // members in it, at least 1
}

// update brings the object from Before to After and writes its references, in as many requests as MaxMembers needs.
func (t *Target) update(ctx context.Context, op *connection.Operation) connection.Result {
	changes, err := t.changes(op)
	if err != nil {
		return connection.Result{Err: err}
	}
	result := connection.Result{ID: op.Ref.ID, Version: op.Version}
	if t.replaces() {
		return t.replace(ctx, op, changes)
	}
	for chunk := range chunks(changes, t.config.Profile.MaxMembers) {
		ifMatch := ""
		if result.Requests == 0 && t.sendsVersions() && op.Kind != rule.Refer {
			ifMatch = op.Version
		}
		a, fault := t.patch(ctx, op, chunk, ifMatch)
		result.Requests++
		if fault != nil && fault.scimType == scim.TypeNoTarget {
			a, fault = t.repatch(ctx, op, chunk, &result)
		}
		if fault != nil {
			return fault.result(t, op, result.Requests)
		}
		if a == nil {
			continue // there was nothing left to do
		}
		version, fault := written(op, chunk, a)
		boss := t.withoutManager(chunk, a)
		a.free()
		if fault == nil && boss != "" {
			fault = t.managerByValue(ctx, op, boss, &result)
		}
		if fault != nil {
			return fault.result(t, op, result.Requests)
		}
		result.Version = version
	}
	return result
}

func (t *Target) sendsVersions() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.etags
}

func (t *Target) replaces() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.put
}

// chunks cuts the changes so that no request has more members than most, or more operations than is usual.
func chunks(changes []change, most int) func(yield func([]change) bool) {
	return func(yield func([]change) bool) {
		for len(changes) > 0 {
			n, size := 0, 0
			for n < len(changes) && (n == 0 || size+changes[n].size <= most) {
				size += changes[n].size
				n++
			}
			if !yield(changes[:n]) {
				return
			}
			changes = changes[n:]
		}
	}
}

// changes lists what the operation changes: attributes first, then references.
func (t *Target) changes(op *connection.Operation) ([]change, error) {
	var out []change
	if op.Kind != rule.Refer {
		before, after := op.Before, op.After
		for _, name := range t.config.Profile.ByValue {
			out = append(out, byValue(filter.Path{Attr: name}, before, after)...)
			before, after = before.Clone(), after.Clone()
			before.Delete(name)
			after.Delete(name)
		}
		for _, d := range scim.Diff(before, after) {
			c, err := attributeChange(op, d)
			if err != nil {
				return nil, err
			}
			if c.op != "" {
				out = appendOnce(out, c)
			}
		}
	}
	if op.Kind == rule.Disable && !op.After.Has("active") {
		out = append(out, change{op: scim.OpReplace, path: filter.Path{Attr: "active"}, value: false, size: 1})
	}
	return append(out, t.references(op)...), nil
}

// byValue lists the changes of an attribute whose values are told apart by what they are.
func byValue(whole filter.Path, before, after scim.Object) []change {
	var out []change
	was, is := asList(before.Get(whole.Attr)), asList(after.Get(whole.Attr))
	lacks := func(list scim.List, v any) bool {
		return !slices.ContainsFunc(list, func(o any) bool { return sameValue(o, v) })
	}
	for _, v := range was {
		if o, ok := v.(scim.Object); ok && lacks(is, v) {
			one := whole
			one.Filter = filter.Compare{Path: filter.Path{Attr: "value"}, Op: filter.Eq, Value: o.Text("value")}
			out = append(out, change{op: scim.OpRemove, path: one, size: 1})
		}
	}
	if fresh := slices.DeleteFunc(slices.Clone(is), func(v any) bool { return !lacks(was, v) }); len(fresh) > 0 {
		out = append(out, change{op: scim.OpAdd, path: whole, value: fresh, size: 1})
	}
	return out
}

// attributeChange writes one difference as an operation. A value of a multi-valued attribute that is to go is removed as a
// whole, a new one is added as a whole unless its type tells it apart: then the path with the filter finds the one that may
// be there already, and repatch handles servers that refuse a filter which finds nothing.
func attributeChange(op *connection.Operation, d scim.Change) (change, error) {
	path, err := filter.ParsePath(d.Path)
	if err != nil {
		return change{}, &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: "the path " + d.Path + " cannot be written", Err: err}
	}
	element := path
	element.Sub = ""
	switch {
	case d.After == nil && path.Filter != nil && path.Sub != "" && scim.First(op.After, element) == nil:
		return change{op: scim.OpRemove, path: element, size: 1}, nil
	case d.After == nil:
		return change{op: scim.OpRemove, path: path, size: 1}, nil
	case path.Filter != nil && path.Sub == "":
		whole := filter.Path{URN: path.URN, Attr: path.Attr}
		return change{op: scim.OpAdd, path: whole, value: scim.List{d.After}, size: 1}, nil
	case d.Before == nil && path.Filter == nil:
		return change{op: scim.OpAdd, path: path, value: d.After, size: 1}, nil
	}
	return change{op: scim.OpReplace, path: path, value: d.After, size: 1}, nil
}

// appendOnce appends the change unless the same removal is there.
func appendOnce(list []change, c change) []change {
	if c.op == scim.OpRemove && slices.ContainsFunc(list, func(x change) bool { return x.op == c.op && x.path.String() == c.path.String() }) {
		return list
	}
	return append(list, c)
}

// references lists the changes of manager and members.
func (t *Target) references(op *connection.Operation) []change {
	var out []change
	set := false
	for _, r := range op.Add {
		if r.Attribute == managerAttribute {
			set = true
			out = append(out, t.setManager(r.To.ID))
		}
	}
	for _, r := range op.Remove {
		if r.Attribute == managerAttribute && !set {
			out = append(out, change{op: scim.OpRemove, path: managerPath, size: 1})
		}
	}
	most := t.config.Profile.MaxMembers
	for gone := range slices.Chunk(members(op.Remove), most) {
		out = append(out, t.removals(gone)...)
	}
	for added := range slices.Chunk(members(op.Add), most) {
		list := make(scim.List, len(added))
		for i, r := range added {
			list[i] = t.member(r)
		}
		out = append(out, change{op: scim.OpAdd, path: filter.Path{Attr: memberAttribute}, value: list, size: len(list)})
	}
	return out
}

// member is an element of a group's members.
func (t *Target) member(r connection.Reference) scim.Object {
	m := scim.Object{{Name: "value", Value: r.To.ID}}
	if t.config.Profile.Nesting {
		m = append(m, scim.Attr{Name: "type", Value: r.To.Type})
	}
	return m
}

func members(refs []connection.Reference) []connection.Reference {
	return slices.DeleteFunc(slices.Clone(refs), func(r connection.Reference) bool { return r.Attribute != memberAttribute })
}

// removals lists the changes that remove members: by a filter each, or together by a list of values where that is the custom.
func (t *Target) removals(gone []connection.Reference) []change {
	if t.config.Profile.RemoveList {
		list := make(scim.List, len(gone))
		for i, r := range gone {
			list[i] = scim.Object{{Name: "value", Value: r.To.ID}}
		}
		return []change{{op: scim.OpRemove, path: filter.Path{Attr: memberAttribute}, value: list, size: len(list)}}
	}
	out := make([]change, len(gone))
	for i, r := range gone {
		out[i] = change{op: scim.OpRemove, size: 1, path: filter.Path{
			Attr: memberAttribute, Filter: filter.Compare{Path: filter.Path{Attr: "value"}, Op: filter.Eq, Value: r.To.ID},
		}}
	}
	return out
}

func (t *Target) patch(ctx context.Context, op *connection.Operation, changes []change, ifMatch string) (*answer, *fault) {
	body := newBuffer()
	body.Write(appendPatch(body.AvailableBuffer(), changes))
	return t.send(ctx, http.MethodPatch, t.path(op.Ref), body, ifMatch, maxBody)
}

// appendPatch appends a PATCH body (RFC 7644 §3.5.2).
func appendPatch(dst []byte, changes []change) []byte {
	dst = append(dst, `{"schemas":["`+scim.PatchURN+`"],"Operations":[`...)
	for i, c := range changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"op":"`...)
		dst = append(dst, c.op...)
		dst = append(dst, `","path":`...)
		dst = scim.AppendValue(dst, c.path.String())
		if c.value != nil {
			dst = scim.AppendValue(append(dst, `,"value":`...), c.value)
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// repatch is for a server that refused a path because its filter finds nothing (RFC 7644 §3.5.2.3). It reads the object and
// writes the changes so that they fit: what is to be set and is not there is added, what is to go and is gone is left out.
func (t *Target) repatch(ctx context.Context, op *connection.Operation, changes []change, result *connection.Result) (*answer, *fault) {
	now, failed := t.get(ctx, t.path(op.Ref))
	result.Requests++
	if failed != nil {
		return nil, failed
	}
	var fitted []change
	for _, c := range changes {
		element := c.path
		element.Sub = ""
		switch {
		case c.path.Filter == nil || scim.First(now, element) != nil:
			fitted = append(fitted, c)
		case c.op != scim.OpRemove:
			if err := scim.Assign(&now, c.path, c.value); err != nil {
				return nil, &fault{code: lockstep.CodeTargetUnsupported, detail: "it has nothing at " + c.path.String(), err: err}
			}
			whole := filter.Path{URN: c.path.URN, Attr: c.path.Attr}
			fitted = append(fitted, change{op: scim.OpAdd, path: whole, value: scim.List{scim.CloneValue(scim.First(now, element))}, size: 1})
		}
	}
	if len(fitted) == 0 {
		return nil, nil
	}
	result.Requests++
	return t.patch(ctx, op, fitted, "")
}

// apply makes the change in the object itself.
func (c change) apply(o *scim.Object) error {
	switch {
	case c.op == scim.OpRemove && c.value != nil: // a list of members
		for _, m := range asList(c.value) {
			scim.Remove(o, memberPath(m))
		}
	case c.op == scim.OpRemove:
		scim.Remove(o, c.path)
	case c.op == scim.OpAdd && isListValue(c.value):
		list := scim.List(scim.Values(*o, c.path))
		for _, v := range asList(c.value) {
			if !slices.ContainsFunc(list, func(x any) bool { return sameValue(x, v) }) {
				list = append(list, v)
			}
		}
		return scim.Assign(o, c.path, list)
	default:
		return scim.Assign(o, c.path, c.value)
	}
	return nil
}

func memberPath(m any) filter.Path {
	o, _ := m.(scim.Object)
	return filter.Path{Attr: memberAttribute, Filter: filter.Compare{Path: filter.Path{Attr: "value"}, Op: filter.Eq, Value: o.Text("value")}}
}

func asList(v any) scim.List {
	l, _ := v.(scim.List)
	return l
}

func isListValue(v any) bool {
	_, ok := v.(scim.List)
	return ok
}

// sameValue reports whether two elements have the same value sub-attribute.
func sameValue(a, b any) bool {
	x, okX := a.(scim.Object)
	y, okY := b.(scim.Object)
	if !okX || !okY {
		return scim.Equal(a, b)
	}
	return x.Has("value") && x.Text("value") == y.Text("value")
}
