package scim

import (
	"strings"

	"lockstep/scim/filter"
)

// Change is one difference between two objects, for people to read and for Assign or Remove to make.
type Change struct {
	Path   string // as filter.ParsePath reads it
	Before any    // nil: there was none
	After  any    // nil: there is none
}

// Diff returns what differs between two objects, leaf by leaf: name.givenName, emails[type eq "work"].value. Values of a
// multi-valued attribute are paired by type when no two have the same, else by value, and are then added or removed as a
// whole: members[value eq "2819"]. When neither tells them apart, the whole list is one change. Changes come in the order of
// before, then what is new in the order of after.
//
// Assigning every After to its path, and removing it where After is nil, turns before into an object Equal to after,
// provided that no value has nothing but a type and primary, which Remove would not leave.
func Diff(before, after Object) []Change {
	d := differ{}
	d.attributes(filter.Path{}, before, after)
	return d.changes
}

type differ struct{ changes []Change }

func (d *differ) add(p filter.Path, before, after any) {
	d.changes = append(d.changes, Change{Path: p.String(), Before: before, After: after})
}

// attributes compares the attributes of o and p: of the object, or of the extension whose URN is in the path.
func (d *differ) attributes(in filter.Path, before, after Object) {
	for _, a := range before {
		d.attribute(in, a.Name, a.Value, after.Get(a.Name))
	}
	for _, a := range after {
		if !before.Has(a.Name) {
			d.attribute(in, a.Name, nil, a.Value)
		}
	}
}

func (d *differ) attribute(in filter.Path, name string, before, after any) {
	if Equal(before, after) {
		return
	}
	p := in
	p.Attr = name
	b, okB := objectOrNil(before)
	a, okA := objectOrNil(after)
	switch {
	case okA && okB && isURN(name):
		d.attributes(filter.Path{URN: name}, b, a)
	case okA && okB:
		d.subs(p, b, a)
	case isListOrNil(before) && isListOrNil(after):
		d.lists(p, asList(before), asList(after))
	default:
		d.add(p, before, after)
	}
}

func isURN(name string) bool { return len(name) > 4 && strings.EqualFold(name[:4], "urn:") }

func objectOrNil(v any) (Object, bool) {
	if v == nil {
		return nil, true
	}
	o, ok := v.(Object)
	return o, ok
}

func isListOrNil(v any) bool {
	_, ok := v.(List)
	return ok || v == nil
}

// subs compares the sub-attributes of two complex values. What is set comes before what is removed, lest the value be left
// with a type alone on the way, and go.
func (d *differ) subs(p filter.Path, before, after Object) {
	one := func(name string, b, a any) {
		p := p
		p.Sub = name
		d.add(p, b, a)
	}
	for _, a := range before {
		if v := after.Get(a.Name); v != nil && !Equal(a.Value, v) {
			one(a.Name, a.Value, v)
		}
	}
	for _, a := range after {
		if !before.Has(a.Name) {
			one(a.Name, nil, a.Value)
		}
	}
	for _, a := range before {
		if !after.Has(a.Name) {
			one(a.Name, a.Value, nil)
		}
	}
}

// lists compares two multi-valued attributes.
func (d *differ) lists(p filter.Path, before, after List) {
	for _, key := range []string{"type", "value"} {
		b, okB := keyed(before, key)
		a, okA := keyed(after, key)
		if okA && okB {
			d.pairs(p, key, before, after, b, a)
			return
		}
	}
	d.add(p, valueOrNil(before), valueOrNil(after))
}

func valueOrNil(l List) any {
	if len(l) == 0 {
		return nil
	}
	return l
}

// keyed finds elements by a sub-attribute that is text and different in all of them.
func keyed(l List, key string) (map[string]any, bool) {
	m := make(map[string]any, len(l))
	for _, e := range l {
		s, ok := subValue(e, key).(string)
		if !ok {
			return nil, false
		}
		s = filter.Fold(s)
		if m[s] != nil {
			return nil, false
		}
		m[s] = e
	}
	return m, true
}

func (d *differ) pairs(p filter.Path, key string, before, after List, byB, byA map[string]any) {
	one := func(name string, b, a any) {
		if Equal(b, a) {
			return
		}
		p := p
		p.Filter = filter.Compare{Path: filter.Path{Attr: key}, Op: filter.Eq, Value: name}
		d.element(p, key, b, a)
	}
	for _, e := range before {
		name, _ := subValue(e, key).(string)
		one(name, e, byA[filter.Fold(name)])
	}
	for _, e := range after {
		name, _ := subValue(e, key).(string)
		if byB[filter.Fold(name)] == nil {
			one(name, nil, e)
		}
	}
}

// element compares two elements: leaf by leaf when type tells them apart, since then they are the same thing at two times.
func (d *differ) element(p filter.Path, key string, before, after any) {
	b, okB := objectOrNil(before)
	a, okA := objectOrNil(after)
	whole := before == nil || after == nil
	if !okA || !okB || whole && (key == "value" || len(b)+len(a) < 2) {
		d.add(p, before, after)
		return
	}
	if whole { // the type is in the path
		b, a = b.Clone(), a.Clone()
		b.Delete(key)
		a.Delete(key)
	}
	d.subs(p, b, a)
}
