package conform

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// resource examines a resource that is created or replaced.
func (x *examiner) resource(t *scim.Type, o scim.Object, at string, create bool) {
	listed := x.schemas(t, o, at)
	x.attributes(t, o, at, create, listed)
	for _, s := range t.Definitions() {
		in := o
		if s.ID != t.Schema {
			var ok bool
			if in, ok = o.Get(s.ID).(scim.Object); !ok {
				continue
			}
		}
		for i := range s.Attributes {
			if a := &s.Attributes[i]; a.Required && a.Mutability != scim.ReadOnly && empty(in.Get(a.Name)) {
				x.note(AttrRequired, join(at, a.Name), "nothing")
			}
		}
	}
}

// schemas examines the list of schemas of a resource and returns those that it names, in lower case; nil when it names none.
func (x *examiner) schemas(t *scim.Type, o scim.Object, at string) map[string]bool {
	v := o.Get("schemas")
	if empty(v) {
		x.note(SchemasMissing, join(at, "schemas"), "nothing")
		return nil
	}
	list, ok := v.(scim.List)
	if !ok {
		x.noteValue(MultiSingle, join(at, "schemas"), v)
		list = scim.List{v}
	}
	named := map[string]bool{}
	for i, e := range list {
		urn, _ := e.(string)
		known := false
		for _, s := range t.Schemas() {
			known = known || strings.EqualFold(s, urn)
		}
		if named[strings.ToLower(urn)] = true; !known {
			x.noteValue(SchemaUnknown, index(join(at, "schemas"), i), e)
		}
	}
	if !named[strings.ToLower(t.Schema)] {
		x.noteValue(SchemasWrong, join(at, "schemas"), v)
	}
	return named
}

// attributes examines the attributes of a resource, or of the value of an operation without a path. listed are the schemas
// that the resource names; nil when that is not known.
func (x *examiner) attributes(t *scim.Type, o scim.Object, at string, create bool, listed map[string]bool) {
	for _, a := range o {
		if !x.spend() {
			return
		}
		if strings.EqualFold(a.Name, "schemas") {
			continue
		}
		path := join(at, a.Name)
		p, err := filter.ParsePath(a.Name)
		if err != nil {
			x.noteValue(AttrUnknown, path, a.Value)
			continue
		}
		to, ok := find(t, p)
		switch {
		case !ok && strings.Contains(a.Name, ":"):
			x.note(SchemaUnknown, path, a.Name)
		case !ok:
			x.noteValue(AttrUnknown, path, a.Value)
		case to.attr == nil:
			x.extension(t, to, a, path, listed)
		default:
			x.attribute(to, p, a.Value, path, create)
		}
	}
}

// extension examines the object under the URN of a schema.
func (x *examiner) extension(t *scim.Type, to place, a scim.Attr, path string, listed map[string]bool) {
	if to.typo {
		x.note(SchemaUnknown, path, a.Name)
	}
	if listed != nil && !listed[strings.ToLower(to.urn)] && !empty(a.Value) && !to.typo {
		x.note(SchemaUnlisted, path, a.Name)
	}
	o, ok := a.Value.(scim.Object)
	if !ok {
		if a.Value != nil && !x.isMasked(a.Value) {
			x.noteValue(ValueType, path, a.Value)
		}
		return
	}
	for _, sub := range o {
		within, ok := find(t, filter.Path{URN: to.urn, Attr: sub.Name})
		if !ok || within.attr == nil {
			x.noteValue(AttrUnknown, path+":"+sub.Name, sub.Value)
			continue
		}
		x.value(within.attr, sub.Value, path+":"+sub.Name)
	}
}

// attribute examines an attribute under its name, which may be one that Entra ID makes up.
func (x *examiner) attribute(to place, p filter.Path, v any, path string, create bool) {
	switch {
	case to.typo:
		x.note(SchemaUnknown, path, p.URN)
	case p.URN != "":
		x.note(AttrURN, path, p.String())
	case p.Sub != "" || p.Filter != nil:
		x.note(AttrDotted, path, p.String())
	case to.bare:
		x.noteValue(AttrUnqualified, path, v)
	}
	if create && to.attr.Mutability == scim.ReadOnly && !empty(v) {
		x.noteValue(AttrReadOnly, path, v)
		return
	}
	if to.attr.Mutability == scim.ReadOnly {
		return
	}
	if to.sub != nil || p.Filter != nil {
		x.single(to.leaf(), v, path)
		return
	}
	x.value(to.attr, v, path)
}

// value examines the value of an attribute.
func (x *examiner) value(a *scim.Attribute, v any, path string) {
	list, isList := v.(scim.List)
	switch {
	case v == nil || x.isMasked(v):
		return
	case !a.MultiValued && isList:
		x.noteValue(SingleMulti, path, v)
	case a.MultiValued && !isList:
		x.noteValue(MultiSingle, path, v)
		list = scim.List{v}
	case !a.MultiValued:
		x.single(a, v, path)
		return
	}
	primaries := 0
	for i, e := range list {
		if !x.spend() {
			return
		}
		x.single(a, e, index(path, i))
		if o, ok := e.(scim.Object); ok && o.Get("primary") == true {
			primaries++
		}
	}
	if primaries > 1 {
		x.note(PrimaryMany, path, strconv.Itoa(primaries)+" primary values")
	}
}

// single examines one value.
func (x *examiner) single(a *scim.Attribute, v any, path string) {
	text, isText := v.(string)
	if v == nil || x.isMasked(v) || hidden(a) {
		return
	}
	switch a.Type {
	case scim.Complex:
		x.complex(a, v, path)
	case scim.Boolean:
		if isText && (strings.EqualFold(text, "true") || strings.EqualFold(text, "false")) {
			x.noteValue(BooleanText, path, v)
		} else if _, ok := v.(bool); !ok {
			x.noteValue(ValueType, path, v)
		}
	case scim.Integer, scim.Decimal:
		x.number(a, v, path)
	default:
		if !isText {
			x.notText(v, path)
			return
		}
		x.form(a, text, path)
	}
}

func (x *examiner) number(a *scim.Attribute, v any, path string) {
	switch v := v.(type) {
	case int64:
	case float64:
		if a.Type == scim.Integer {
			x.noteValue(ValueType, path, v)
		}
	case string:
		if _, err := strconv.ParseFloat(v, 64); err == nil {
			x.noteValue(NumberText, path, v)
			return
		}
		x.noteValue(ValueType, path, v)
	default:
		x.noteValue(ValueType, path, v)
	}
}

// notText notes what stands in place of a text.
func (x *examiner) notText(v any, path string) {
	switch v.(type) {
	case int64, float64, bool:
		x.noteValue(TextType, path, v)
	default:
		x.noteValue(ValueType, path, v)
	}
}

// form examines a text that has a form.
func (x *examiner) form(a *scim.Attribute, text, path string) {
	switch a.Type {
	case scim.DateTime:
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			if _, err = time.Parse("2006-01-02T15:04:05", text); err != nil {
				x.noteValue(DateForm, path, text)
			}
		}
	case scim.Binary:
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		if _, err := base64.RawStdEncoding.DecodeString(plain); err != nil {
			x.noteValue(BinaryForm, path, text)
		}
	case scim.Reference:
		if text == "" {
			x.noteValue(EmptyReference, path, text)
		}
	}
}

// complex examines a complex value.
func (x *examiner) complex(a *scim.Attribute, v any, path string) {
	subs := scim.Schema{Attributes: a.SubAttributes}
	refers := subs.Attribute("$ref") != nil
	o, ok := v.(scim.Object)
	if !ok {
		if v == "" {
			x.noteValue(EmptyReference, path, v)
		} else {
			x.noteValue(ComplexText, path, v)
		}
		return
	}
	for _, sub := range o {
		if !x.spend() {
			return
		}
		s := subs.Attribute(sub.Name)
		switch {
		case s == nil:
			x.noteValue(AttrUnknown, path+"."+sub.Name, sub.Value)
		case refers && sub.Value == "" && strings.EqualFold(sub.Name, "value"):
			x.noteValue(EmptyReference, path+"."+sub.Name, sub.Value)
		case s.Mutability == scim.ReadOnly:
		default:
			x.value(s, sub.Value, path+"."+sub.Name)
		}
	}
}

// isMasked reports whether a value was taken away because it is secret: it may have been of any type.
func (x *examiner) isMasked(v any) bool {
	return x.masked != "" && v == x.masked
}

// hidden reports whether values of the attribute are not to be shown.
func hidden(a *scim.Attribute) bool {
	return a.Mutability == scim.WriteOnly || a.Returned == scim.ReturnedNever
}

// empty reports whether a value is none (RFC 7643 §2.5).
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case scim.List:
		return len(v) == 0
	case scim.Object:
		return len(v) == 0
	}
	return false
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
