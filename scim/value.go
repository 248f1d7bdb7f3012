package scim

import (
	"strings"

	"lockstep/scim/filter"
)

// Values returns the values at the path: the elements of a multi-valued attribute that match its filter, or what its
// sub-attribute holds in them. A path with a URN leads into the extension stored under the URN as one attribute of o; the URN
// of a core schema is the object itself. A path that names an extension as a whole gives that Object.
func Values(o Object, p filter.Path) []any {
	var out []any
	visit(o, p, func(v any) bool { out = append(out, v); return true })
	return out
}

// First returns the first of Values, or nil.
func First(o Object, p filter.Path) any {
	var first any
	visit(o, p, func(v any) bool { first = v; return false })
	return first
}

// visit calls f for the values at the path until f returns false.
func visit(o Object, p filter.Path, f func(any) bool) {
	o, ok := container(o, p.URN)
	if !ok {
		return
	}
	if p.Attr == "" {
		if len(o) > 0 {
			f(o)
		}
		return
	}
	matches := elementFilter(p, filter.Types{})
	each(o.Get(p.Attr), func(v any) bool {
		switch {
		case matches != nil && !matches(v):
			return true
		case p.Sub == "":
			return f(v)
		}
		return each(subValue(v, p.Sub), f)
	})
}

// each calls f for v, or for its elements, until f returns false.
func each(v any, f func(any) bool) bool {
	if v == nil {
		return true
	}
	l, ok := v.(List)
	if !ok {
		return f(v)
	}
	for _, e := range l {
		if !f(e) {
			return false
		}
	}
	return true
}

// subValue returns a sub-attribute. A simple value is its own value, as in licenseID.value.
func subValue(v any, name string) any {
	if o, ok := v.(Object); ok {
		return o.Get(name)
	}
	if strings.EqualFold(name, "value") {
		return v
	}
	return nil
}

// elementFilter compiles the filter of the path, or returns nil when it has none.
func elementFilter(p filter.Path, types filter.Types) func(any) bool {
	if p.Filter == nil {
		return nil
	}
	return filter.CompileValue(p.Filter, filter.Path{URN: p.URN, Attr: p.Attr}, types)
}

// container returns the Object that holds the attributes of the schema: o itself, or the extension in it.
func container(o Object, urn string) (Object, bool) {
	if urn == "" {
		return o, true
	}
	if ext, ok := o.Get(urn).(Object); ok {
		return ext, true
	}
	return o, isCoreURN(urn)
}

const coreURN = "urn:ietf:params:scim:schemas:core:"

func isCoreURN(urn string) bool {
	return len(urn) > len(coreURN) && strings.EqualFold(urn[:len(coreURN)], coreURN)
}

// Assign gives the path the value v, and makes what is missing on the way: the extension, the complex attribute, or, when the
// path has a filter that nothing matches, an element with what the filter demands. So emails[type eq "work"].value = "a@x"
// adds {"type": "work", "value": "a@x"}. A filter and no sub-attribute sets the element: an Object is merged into it, a
// simple value becomes its value. A nil, an empty List and an empty Object remove what is there.
//
// It fails with noTarget when an element would have to be made and the filter is not a conjunction of eq, and with
// invalidPath when the path names a schema as a whole.
func Assign(o *Object, p filter.Path, v any) error {
	if emptyValue(v) {
		Remove(o, p)
		return nil
	}
	if p.Attr == "" {
		return ErrInvalidPath("the path " + p.String() + " names no attribute")
	}
	ext, ok := container(*o, p.URN)
	if !ok { // the extension is new, not the object itself
		ext = nil
	}
	if err := assignAttr(&ext, p, v); err != nil {
		return err
	}
	if ok && isCoreURN(p.URN) || p.URN == "" {
		*o = ext
		return nil
	}
	o.Set(p.URN, ext)
	return nil
}

func assignAttr(o *Object, p filter.Path, v any) error {
	if p.Filter != nil {
		return assignElement(o, p, v)
	}
	if p.Sub == "" {
		o.Set(p.Attr, v)
		return nil
	}
	switch old := o.Get(p.Attr).(type) {
	case List: // every element, as the path says nothing else
		for i := range old {
			old[i] = withSub(old[i], p.Sub, v)
		}
	default:
		o.Set(p.Attr, withSub(old, p.Sub, v))
	}
	return nil
}

// withSub returns the value with a sub-attribute set.
func withSub(old any, sub string, v any) any {
	o, ok := old.(Object)
	if !ok {
		if old != nil && strings.EqualFold(sub, "value") {
			return v
		}
		o = nil
	}
	o.Set(sub, v)
	return o
}

// assignElement sets the elements that match the filter, or appends one that does.
func assignElement(o *Object, p filter.Path, v any) error {
	matches := elementFilter(p, filter.Types{})
	list := asList(o.Get(p.Attr))
	found := false
	for i := range list {
		if matches(list[i]) {
			found = true
			list[i] = withElement(list[i], p.Sub, v)
		}
	}
	if !found {
		element, err := newElement(p, v)
		if err != nil {
			return err
		}
		list = append(list, element)
	}
	o.Set(p.Attr, list)
	return nil
}

func asList(v any) List {
	switch v := v.(type) {
	case nil:
		return nil
	case List:
		return v
	}
	return List{v}
}

// withElement returns the element with its sub-attribute set or, when there is none in the path, with v merged into it.
func withElement(old any, sub string, v any) any {
	if sub != "" {
		return withSub(old, sub, v)
	}
	o, ok := old.(Object)
	if !ok {
		return v
	}
	from, ok := v.(Object)
	if !ok {
		from = Object{{"value", v}}
	}
	for _, a := range from {
		o.Set(a.Name, CloneValue(a.Value))
	}
	return o
}

// newElement makes the element that a path with a filter asks for: value for licenseID[value eq "x"], an Object otherwise.
func newElement(p filter.Path, v any) (any, error) {
	o, err := constraints(p)
	if err != nil {
		return nil, err
	}
	if _, complex := v.(Object); !complex && p.Sub == "" && len(o) == 1 && sameName(o[0].Name, "value") && o[0].Value == v {
		return v, nil
	}
	return withElement(o, p.Sub, v), nil
}

// constraints returns what the filter demands of an element, when it is made of eq and and alone.
func constraints(p filter.Path) (Object, error) {
	var o Object
	parts := []filter.Expr{p.Filter}
	if and, ok := p.Filter.(filter.And); ok {
		parts = and
	}
	for _, e := range parts {
		c, ok := e.(filter.Compare)
		if !ok || c.Op != filter.Eq || c.Path.Sub != "" || c.Path.Filter != nil {
			return nil, ErrNoTarget("nothing matches " + p.String() + ", and its filter does not say what to add")
		}
		o.Set(c.Path.Attr, constraintValue(c))
	}
	return o, nil
}

// constraintValue turns the text that Entra ID sends for primary into the boolean that it means.
func constraintValue(c filter.Compare) any {
	if s, ok := c.Value.(string); ok && strings.EqualFold(c.Path.Attr, "primary") {
		if b, ok := parseBool(s); ok {
			return b
		}
	}
	return c.Value
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// Remove removes what is at the path and reports whether there was anything. An element of a multi-valued attribute that is
// left with nothing but its type and primary goes too; so do a complex attribute and an extension that are left empty.
func Remove(o *Object, p filter.Path) bool {
	ext, ok := container(*o, p.URN)
	if !ok {
		return false
	}
	if p.Attr == "" {
		had := o.Has(p.URN)
		o.Delete(p.URN)
		return had
	}
	removed := removeAttr(&ext, p)
	if p.URN == "" || isCoreURN(p.URN) && !o.Has(p.URN) {
		*o = ext
	} else {
		o.Set(p.URN, ext)
	}
	return removed
}

func removeAttr(o *Object, p filter.Path) bool {
	old := o.Get(p.Attr)
	if old == nil {
		return false
	}
	if p.Filter == nil && p.Sub == "" {
		o.Delete(p.Attr)
		return true
	}
	matches := elementFilter(p, filter.Types{})
	list, many := old.(List)
	if !many {
		list = List{old}
	}
	kept := make(List, 0, len(list))
	removed := false
	for _, e := range list {
		if matches != nil && !matches(e) {
			kept = append(kept, e)
			continue
		}
		rest, had := withoutSub(e, p.Sub)
		removed = removed || had
		if rest != nil {
			kept = append(kept, rest)
		}
	}
	switch {
	case len(kept) == 0:
		o.Delete(p.Attr)
	case many:
		o.Set(p.Attr, kept)
	default:
		o.Set(p.Attr, kept[0])
	}
	return removed
}

// withoutSub returns the element without the sub-attribute, or nil when nothing of use is left. An empty name is the whole
// element.
func withoutSub(e any, sub string) (rest any, had bool) {
	o, ok := e.(Object)
	switch {
	case sub == "":
		return nil, true
	case !ok:
		if strings.EqualFold(sub, "value") {
			return nil, true
		}
		return e, false
	case !o.Has(sub):
		return e, false
	}
	o.Delete(sub)
	for _, a := range o {
		if !sameName(a.Name, "type") && !sameName(a.Name, "primary") {
			return o, true
		}
	}
	return nil, true
}
