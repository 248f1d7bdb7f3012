package scim

import (
	"slices"
	"strconv"
	"strings"

	"lockstep/scim/filter"
)

// Apply makes the changes on a copy of o, one after the other, and reports whether the result differs from o. When one fails,
// none is made: the result is o and an *Error that names the operation (RFC 7644 §3.5.2: atomic).
//
// o must be as Check returns it. Values are checked and put right as Check does. Beyond the RFC, and unless p.Strict:
//   - A replace with a filter that nothing matches adds what the filter demands, as an add does.
//   - Within a value without a path, read-only and unknown attributes are ignored (Okta sends the id).
//
// And always: a remove with a list of values removes only those (Entra ID); an element left with only type and primary goes;
// the last primary value set is the only one; schemas lists what is there.
func (p Patch) Apply(t *Type, o Object) (result Object, changed bool, err error) {
	w := patcher{t: t, o: o.Clone(), strict: p.Strict}
	for i, op := range p.Operations {
		if err := w.apply(op); err != nil {
			return o, false, inOperation(i, op.PathText, err)
		}
	}
	if err := t.CheckFixed(o, w.o, true); err != nil {
		return o, false, err
	}
	if w.o.Has("schemas") {
		w.o.Set("schemas", w.schemas())
	}
	return w.o, !Equal(w.o, o), nil
}

// patcher holds a copy of the resource while it changes.
type patcher struct {
	t      *Type
	o      Object
	strict bool
}

// schemas lists what t knows and the resource has, then what else was listed.
func (w *patcher) schemas() List {
	list := w.t.schemasOf(w.o)
	for _, urn := range stringsOf(w.o.Get("schemas")) {
		if w.t.scheme(urn) == nil {
			list = append(list, urn)
		}
	}
	return list
}

func (w *patcher) apply(op Operation) error {
	if op.Path.IsZero() {
		list, err := op.expand()
		if err != nil {
			return err
		}
		for _, op := range list {
			if err := w.apply(op); err != nil {
				return err
			}
		}
		return nil
	}
	ignore := op.lenient && !w.strict
	g, ok := w.t.resolve(op.Path)
	switch {
	case !ok && ignore:
		return nil
	case !ok:
		return ErrInvalidPath("the resource type " + w.t.Name + " has no such attribute")
	case g.node == nil:
		return w.applySchema(op, g)
	case g.node == w.t.schemas: // what is there decides
		return nil
	case g.node.readOnly || g.leaf().readOnly:
		if ignore {
			return nil
		}
		return ErrMutability("the attribute " + g.leaf().path + " is read-only")
	}
	if op.Path.Filter != nil {
		return w.applyFiltered(op, g)
	}
	switch {
	case op.Op == OpRemove:
		return w.remove(op, g)
	case emptyValue(op.Value):
		if op.Op == OpAdd {
			return nil
		}
		return w.clear(g)
	case g.sub != nil:
		return w.setSub(op, g)
	}
	return w.setAttr(op, g)
}

// applySchema changes a schema as a whole: the attributes of the value one by one, or all of an extension.
func (w *patcher) applySchema(op Operation, g target) error {
	if o, ok := op.Value.(Object); ok && op.Op != OpRemove {
		op.lenient = true
		for _, op := range op.attributes(nil, g.scheme.ID, o) {
			if err := w.apply(op); err != nil {
				return err
			}
		}
		return nil
	}
	if g.scheme.core {
		return ErrNoTarget("the path names no attribute")
	}
	if op.Op == OpAdd || op.Op == OpReplace && !emptyValue(op.Value) {
		return ErrInvalidValue(g.scheme.ID + " must be an object")
	}
	if g.scheme.required {
		return ErrMutability("the extension " + g.scheme.ID + " is required")
	}
	w.o.Delete(g.scheme.ID)
	return nil
}

func (w *patcher) get(g target) any {
	in, ok := container(w.o, g.path.URN)
	if !ok {
		return nil
	}
	return in.Get(g.node.Name)
}

func (w *patcher) set(g target, v any) {
	if g.scheme.core {
		w.o.Set(g.node.Name, v)
		return
	}
	ext, _ := w.o.Get(g.scheme.ID).(Object)
	ext.Set(g.node.Name, v)
	w.o.Set(g.scheme.ID, ext)
}

func (w *patcher) checker() checker { return checker{Mode{Strict: w.strict, RefuseUnknown: w.strict}} }

// setAttr adds to or replaces an attribute as a whole.
func (w *patcher) setAttr(op Operation, g target) error {
	v, err := w.checker().attribute(g.node, op.Value)
	if err != nil {
		return err
	}
	if v == nil {
		o, complex := op.Value.(Object)
		switch {
		case complex && len(o) > 0 && !o.Has("value") && !op.lenient:
			return ErrMutability("the value has nothing of " + g.node.path + " that can be written")
		case complex && len(o) > 0 && !o.Has("value"), op.Op == OpAdd && op.Value != "": // "" clears a manager whatever the operation is
			return nil
		}
		return w.clear(g)
	}
	old := w.get(g)
	if err := g.node.mayChange(old, v); err != nil {
		return err
	}
	switch v := v.(type) {
	case List:
		return w.setList(op, g, asList(old), v)
	case Object: // what the value does not name stays (RFC 7644 §3.5.2.3)
		o, _ := old.(Object)
		for _, a := range v {
			if err := g.node.subs.get(a.Name).mayChange(o.Get(a.Name), a.Value); err != nil {
				return err
			}
			o.Set(a.Name, a.Value)
		}
		w.set(g, o)
	default:
		if err := checkNeeded(neededSelf(g.node), Object{{g.node.Name, v}}); err != nil {
			return err
		}
		w.set(g, v)
	}
	return nil
}

// neededSelf is the attribute as a list when it is required.
func neededSelf(n *node) []*node {
	if n.Required {
		return []*node{n}
	}
	return nil
}

// mayChange reports a change of an immutable attribute that has a value (RFC 7643 §7).
func (n *node) mayChange(old, v any) error {
	if n.Mutability == Immutable && old != nil && !Equal(old, v) {
		return ErrMutability("the attribute " + n.path + " cannot change once it has a value")
	}
	return nil
}

func (w *patcher) setList(op Operation, g target, old, v List) error {
	if op.Op == OpReplace {
		w.set(g, v)
		return nil
	}
	list, primary := addElements(g.node, old, v)
	return w.storeList(g, list, primary)
}

// storeList sets a multi-valued attribute. primary is the index of the value just made primary, or -1; it then is the only
// one (RFC 7644 §3.5.2).
func (w *patcher) storeList(g target, list List, primary int) error {
	for i := range list {
		if primary >= 0 && i != primary && isPrimary(list[i]) {
			o := list[i].(Object)
			o.Set("primary", false)
			list[i] = o
		}
	}
	list = distinct(list) // a change of a value can make two the same
	if max := g.node.MaxValues; max > 0 && len(list) > max {
		return ErrInvalidValue(g.node.path + " takes at most " + strconv.Itoa(max) + " values")
	}
	w.set(g, list)
	return nil
}

// addElements adds values to a list. One that is there already, by value and type, gets what is new about it; so adding it
// again changes nothing (RFC 7644 §3.5.2.1).
func addElements(n *node, list, values List) (_ List, primary int) {
	primary = -1
	index := indexElements(n, list, len(values))
	for _, e := range values {
		i := index.find(list, e)
		if i < 0 {
			i = len(list)
			list = append(list, e)
			index.add(i, e)
		} else if from, ok := e.(Object); ok {
			old, _ := list[i].(Object)
			list[i] = n.merged(old, from)
		}
		if isPrimary(e) {
			primary = i
		}
	}
	return list, primary
}

// merged sets the sub-attributes; immutable ones that have a value keep it.
func (n *node) merged(o, from Object) Object {
	for _, a := range from {
		if sub := n.subs.get(a.Name); sub != nil && sub.mayChange(o.Get(a.Name), a.Value) != nil {
			continue
		}
		o.Set(a.Name, a.Value)
	}
	return o
}

// elementIndex finds elements by their value; by comparing all when there are few.
type elementIndex struct {
	exact bool
	at    map[string][]int // nil when there are few
}

func indexElements(n *node, list List, more int) elementIndex {
	x := elementIndex{exact: n.CaseExact}
	if sub := n.subs.get("value"); sub != nil {
		x.exact = sub.CaseExact
	}
	if len(list)+more > 2*smallList {
		x.at = make(map[string][]int, len(list)+more)
		for i, e := range list {
			x.add(i, e)
		}
	}
	return x
}

func (x elementIndex) key(s string) string {
	if x.exact {
		return s
	}
	return filter.Fold(s)
}

// slot is where the index keeps an element: by its value, or by its hash when it has none.
func (x elementIndex) slot(e any) string {
	if id, ok := identityOf(e); ok {
		return x.key(id.value)
	}
	h := hashValue(e)
	return "\x00" + string(h[:])
}

func (x elementIndex) add(i int, e any) {
	if x.at != nil {
		k := x.slot(e)
		x.at[k] = append(x.at[k], i)
	}
}

// find returns the index of the element that e is, or -1.
func (x elementIndex) find(list List, e any) int {
	is := func(v any) bool { return Equal(v, e) }
	if id, ok := identityOf(e); ok {
		is = func(v any) bool { return x.same(v, id) }
	}
	if x.at == nil {
		return slices.IndexFunc(list, is)
	}
	for _, i := range x.at[x.slot(e)] {
		if is(list[i]) {
			return i
		}
	}
	return -1
}

// same reports whether the element has the identity. An element without a type may be of any.
func (x elementIndex) same(e any, id identity) bool {
	other, ok := identityOf(e)
	if !ok || other.kind != "" && id.kind != "" && !strings.EqualFold(other.kind, id.kind) {
		return false
	}
	return other.value == id.value || !x.exact && strings.EqualFold(other.value, id.value)
}

// setSub sets a sub-attribute without a filter: of a single complex value, or of every value of a multi-valued attribute.
func (w *patcher) setSub(op Operation, g target) error {
	v, err := w.checker().attribute(g.sub, op.Value)
	if err != nil {
		return err
	}
	if v == nil || v == "" && g.node.isReference() && sameName(g.sub.Name, "value") {
		return w.clear(g)
	}
	if !g.node.MultiValued {
		o, _ := w.get(g).(Object)
		if err := g.sub.mayChange(o.Get(g.sub.Name), v); err != nil {
			return err
		}
		v, err := w.withSub(op, g, o, v)
		if err != nil {
			return err
		}
		w.set(g, v)
		return nil
	}
	list := asList(w.get(g))
	if len(list) == 0 {
		list = List{Object(nil)}
	}
	return w.changeElements(op, g, list, nil, v)
}

// withSub sets the sub-attribute; an add to a multi-valued one appends.
func (w *patcher) withSub(op Operation, g target, o Object, v any) (Object, error) {
	old := o.Get(g.sub.Name)
	if err := g.sub.mayChange(old, v); err != nil {
		return nil, err
	}
	if l, ok := v.(List); ok && op.Op == OpAdd {
		v, _ = addElements(g.sub, asList(old), l)
	}
	o.Set(g.sub.Name, v)
	return o, nil
}
