package scim

import (
	"slices"
	"strconv"
	"strings"

	"lockstep/scim/filter"
)

// applyFiltered changes the values of a multi-valued attribute that match the filter of the path.
func (w *patcher) applyFiltered(op Operation, g target) error {
	e, err := w.t.brackets(g.node, byValue(op.Path.Filter))
	if err != nil {
		return err
	}
	g.path.Filter = e
	matches := filter.CompileValue(e, filter.Path{URN: g.path.URN, Attr: g.path.Attr}, w.t.FilterTypes())
	if !g.node.MultiValued {
		return ErrInvalidPath("the attribute " + g.node.path + " has a single value, which needs no filter")
	}
	list := asList(w.get(g))
	if op.Op == OpRemove || op.Op == OpReplace && emptyValue(op.Value) {
		return w.removeElements(g, list, matches)
	}
	if emptyValue(op.Value) {
		return nil
	}
	v, err := w.elementValue(op, g)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, matches) {
		return w.changeElements(op, g, list, matches, v)
	}
	return w.addElement(op, g, list, v)
}

// byValue returns a filter on references without $ref, which is made from the value when a resource is shown and stands in none:
// $ref eq "https://example.com/v2/Users/2819" asks for the value 2819. The condition $ref eq null, which Entra ID's documentation
// adds to members, goes: it would never hold.
func byValue(e filter.Expr) filter.Expr {
	switch e := e.(type) {
	case filter.Compare:
		uri, ok := e.Value.(string)
		if ok && e.Path.Is("$ref") && (e.Op == filter.Eq || e.Op == filter.Ne) {
			e.Path.Attr, e.Value = "value", uri[strings.LastIndexByte(uri, '/')+1:]
		}
		return e
	case filter.Not:
		return filter.Not{Expr: byValue(e.Expr)}
	case filter.Or:
		list := make(filter.Or, len(e))
		for i := range e {
			list[i] = byValue(e[i])
		}
		return list
	case filter.And:
		return allByValue(e)
	}
	return e
}

func allByValue(and filter.And) filter.Expr {
	var rest filter.And
	for _, e := range and {
		c, ok := e.(filter.Compare)
		if !ok || !c.Path.Is("$ref") || c.Op != filter.Eq || c.Value != nil {
			rest = append(rest, byValue(e))
		}
	}
	switch len(rest) {
	case 0:
		return and
	case 1:
		return rest[0]
	}
	return rest
}

// elementValue checks the value for a sub-attribute, or for an element, which may lack what is required as long as the
// element that it goes into has it.
func (w *patcher) elementValue(op Operation, g target) (any, error) {
	c := w.checker()
	if g.sub != nil {
		return c.attribute(g.sub, op.Value)
	}
	v := op.Value
	if l, ok := v.(List); ok {
		if len(l) != 1 {
			return nil, ErrInvalidValue("the path takes a single value of " + g.node.path)
		}
		v = l[0]
	}
	if o, ok := v.(Object); ok && g.node.kind == kindComplex {
		return c.object(g.node.subs, o)
	}
	return c.single(g.node, v)
}

// changeElements changes the elements that match; nil matches all.
func (w *patcher) changeElements(op Operation, g target, list List, matches func(any) bool, v any) error {
	primary := -1
	for i := range list {
		if matches != nil && !matches(list[i]) {
			continue
		}
		e, err := w.changed(op, g, list[i], CloneValue(v))
		if err != nil {
			return err
		}
		if isPrimary(e) && (!isPrimary(list[i]) || primary < 0 && touchesPrimary(g, v)) {
			primary = i
		}
		list[i] = e
	}
	return w.storeList(g, list, primary)
}

// touchesPrimary reports whether the operation sets primary itself.
func touchesPrimary(g target, v any) bool {
	if g.sub != nil {
		return sameName(g.sub.Name, "primary")
	}
	return isPrimary(v)
}

// changed returns the element after the operation.
func (w *patcher) changed(op Operation, g target, e, v any) (any, error) {
	o, ok := e.(Object)
	if !ok { // of a simple attribute: licenseID[value eq "x"]
		return v, nil
	}
	o = o.Clone()
	from, _ := v.(Object)
	var err error
	switch {
	case g.sub != nil && v == nil:
		o.Delete(g.sub.Name)
	case g.sub != nil:
		o, err = w.withSub(op, g, o, v)
	case op.Op == OpReplace && len(from) > 1: // a lone sub-attribute is a change, more is a new value
		o, err = w.replaced(g, o, from)
	default:
		o = g.node.merged(o, from)
	}
	if err != nil {
		return nil, err
	}
	return o, checkNeeded(g.node.needed, o)
}

// replaced returns the value that takes the place of the element.
func (w *patcher) replaced(g target, old, v Object) (Object, error) {
	if demanded, err := constraints(g.path); err == nil { // what the filter demands stays, where the value does not say otherwise
		for _, a := range demanded {
			if !v.Has(a.Name) {
				v.Set(a.Name, a.Value)
			}
		}
	}
	for _, a := range v {
		if sub := g.node.subs.get(a.Name); sub != nil {
			if err := sub.mayChange(old.Get(a.Name), a.Value); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// addElement makes an element that matches the filter. Entra ID demands it; the RFC has noTarget for replace.
func (w *patcher) addElement(op Operation, g target, list List, v any) error {
	if w.strict && op.Op == OpReplace {
		return ErrNoTarget("nothing matches " + g.path.String() + " (RFC 7644 §3.5.2.3)")
	}
	if v == nil {
		return nil
	}
	p := g.path
	p.Sub = ""
	if g.sub != nil {
		p.Sub = g.sub.Name
	}
	e, err := newElement(p, v)
	if err != nil {
		return err
	}
	if e, err = w.checker().single(g.node, e); err != nil || e == nil {
		return err
	}
	primary := -1
	if isPrimary(e) {
		primary = len(list)
	}
	return w.storeList(g, append(list, e), primary)
}

// remove removes an attribute, a sub-attribute or the values listed (RFC 7644 §3.5.2.2).
func (w *patcher) remove(op Operation, g target) error {
	if g.leaf().Required {
		return ErrMutability("the attribute " + g.leaf().path + " is required")
	}
	if g.leaf().Mutability == Immutable && First(w.o, g.path) != nil {
		return ErrMutability("the attribute " + g.leaf().path + " cannot be removed")
	}
	if op.Value != nil && g.node.MultiValued && g.sub == nil {
		return w.removeListed(g, asList(op.Value))
	}
	Remove(&w.o, g.path)
	return nil
}

// clear replaces an attribute with nothing.
func (w *patcher) clear(g target) error {
	if g.leaf().Required {
		return ErrInvalidValue("the attribute " + g.leaf().path + " is required")
	}
	return w.remove(Operation{Op: OpRemove}, g)
}

// removeElements removes the elements that match, or a sub-attribute of theirs. That nothing matches is no error.
func (w *patcher) removeElements(g target, list List, matches func(any) bool) error {
	if g.sub != nil && (g.sub.Required || g.sub.Mutability == Immutable) {
		return ErrMutability("the attribute " + g.sub.path + " cannot be removed")
	}
	kept := make(List, 0, len(list))
	for _, e := range list {
		if matches(e) {
			e, _ = withoutSub(e, g.path.Sub)
		}
		if e != nil {
			kept = append(kept, e)
		}
	}
	return w.keep(g, kept)
}

// keep sets what is left of a multi-valued attribute.
func (w *patcher) keep(g target, kept List) error {
	if len(kept) == 0 && g.node.Required {
		return ErrMutability("the attribute " + g.node.path + " is required")
	}
	w.set(g, kept)
	return nil
}

// removeListed removes the values that the client listed, as Entra ID does with members: [{"value": "id"}]. A pure reading of
// the RFC would remove all of them.
func (w *patcher) removeListed(g target, listed List) error {
	values := make(map[string]bool, len(listed))
	x := indexElements(g.node, nil, 0)
	var others []Object
	for _, e := range listed {
		id, ok := identityOf(e)
		o, _ := e.(Object)
		switch {
		case ok:
			values[x.key(id.value)] = true
		case len(o) > 0:
			others = append(others, o)
		default:
			return ErrInvalidValue("an element to remove has no value")
		}
	}
	if len(others) > maxOthers {
		return ErrInvalidValue("more than " + strconv.Itoa(maxOthers) + " elements without a value")
	}
	var kept List
	for _, e := range asList(w.get(g)) {
		id, ok := identityOf(e)
		if ok && values[x.key(id.value)] || hasAll(e, others) {
			continue
		}
		kept = append(kept, e)
	}
	return w.keep(g, kept)
}

// maxOthers bounds the elements to remove that are not found by their value, since each is compared with every element.
const maxOthers = 100

// hasAll reports whether the element has every attribute of one of the objects.
func hasAll(e any, others []Object) bool {
	o, _ := e.(Object)
next:
	for _, other := range others {
		for _, a := range other {
			if !Equal(o.Get(a.Name), a.Value) {
				continue next
			}
		}
		return true
	}
	return false
}
