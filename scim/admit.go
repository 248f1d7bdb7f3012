package scim

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Admit checks the effect of a change on a resource that is kept: before is what it was, nil for a new one, and after is what it
// shall be. It returns what is to be kept, which is after itself when that is as Check returns it. Values that are what they were
// are not looked at again, so that somebody whose title was kept before titles had a limit can still be disabled.
//
// Whoever calls it has spoken the client's dialect; here nothing is put right but the spelling of names. What a server makes up is
// left out: schemas, id, meta, and what the built-in schemas say is read-only. A tenant's own read-only attributes stay: they are
// the writer's to set. The error is an *Error, as of Check.
func (t *Type) Admit(before, after Object) (Object, error) {
	if len(after) > maxAttributes {
		return nil, ErrInvalidValue("a resource has at most " + strconv.Itoa(maxAttributes) + " attributes")
	}
	a := admission{t: t, before: before, after: after}
	if err := a.attributes(); err != nil {
		return nil, err
	}
	return a.out(), a.required()
}

// maxAttributes bounds the attributes at the top of a resource: no schema has so many.
const maxAttributes = 500

// admission is one run of Admit.
type admission struct {
	t             *Type
	before, after Object
	kept          Object // nil as long as after is as it should be
}

func (a *admission) out() Object {
	if a.kept != nil {
		return a.kept
	}
	return a.after
}

// instead begins to keep something else than after: the attributes before the i-th, which are right.
func (a *admission) instead(i int) {
	if a.kept == nil {
		a.kept = append(make(Object, 0, len(a.after)+2), a.after[:i]...)
	}
}

func (a *admission) attributes() error {
	core := a.t.schemes[0]
	for i := range a.after {
		at := &a.after[i]
		n := core.attrs.get(at.Name)
		switch {
		case at.Value == nil, n != nil && (n == a.t.schemas || n.readOnly):
			a.instead(i)
		case n == nil:
			if err := a.extension(i, at); err != nil {
				return err
			}
		case at.Name == n.Name && Equal(a.before.Get(n.Name), at.Value):
			a.keep(i, at.Name, at.Value)
		default:
			v, err := a.value(n, at.Value, false)
			if err != nil {
				return err
			}
			if v == nil || at.Name != n.Name || a.kept != nil && a.kept.Has(n.Name) {
				a.instead(i)
			}
			a.keep(i, n.Name, v)
		}
	}
	return nil
}

// keep keeps the i-th attribute.
func (a *admission) keep(i int, name string, v any) {
	if a.kept != nil {
		a.kept.Set(name, v)
		return
	}
	if !sameValue(a.after[i].Value, v) {
		a.instead(i)
		a.kept.Set(name, v)
	}
}

// sameValue reports whether two values are one and the same, so that nothing needs to be kept instead. value returns either its
// argument or another one.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case Object:
		b, ok := b.(Object)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case List:
		b, ok := b.(List)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	}
	switch b.(type) {
	case Object, List:
		return false
	}
	return a == b
}

// value returns the value of an attribute as it is to be kept; itself when it is so already.
func (a *admission) value(n *node, v any, readOnly bool) (any, error) {
	f := fitting{readOnly: readOnly}
	if f.attribute(n, v) {
		return v, nil
	}
	return checker{Mode{Strict: true, RefuseUnknown: true, KeepReadOnly: readOnly, printable: true}}.attribute(n, v)
}

// extension admits what stands under the URN of a schema. The core schema's own attributes may stand under its URN, too.
func (a *admission) extension(i int, at *Attr) error {
	s := a.t.scheme(at.Name)
	if s == nil && Equal(a.before.Get(at.Name), at.Value) { // kept by an earlier version
		a.keep(i, at.Name, at.Value)
		return nil
	}
	if s == nil {
		return ErrInvalidSyntax("unknown attribute " + strconv.Quote(clipName(at.Name)))
	}
	o, ok := at.Value.(Object)
	if !ok {
		return ErrInvalidValue(s.ID + " must be an object")
	}
	if s.core {
		a.instead(i)
		sub := admission{t: a.t, before: a.before, after: o}
		if err := sub.attributes(); err != nil {
			return err
		}
		for _, own := range sub.out() {
			a.kept.Set(own.Name, own.Value)
		}
		return nil
	}
	if at.Name == s.ID && Equal(a.before.Get(s.ID), o) {
		a.keep(i, s.ID, o)
		return nil
	}
	readOnly := !s.builtIn()
	if f := (fitting{readOnly: readOnly}); at.Name == s.ID && len(o) > 0 && f.object(s.attrs, s.needed, o) && (a.kept == nil || !a.kept.Has(s.ID)) {
		a.keep(i, s.ID, o)
		return nil
	}
	ext, err := checker{Mode{Strict: true, RefuseUnknown: true, KeepReadOnly: readOnly, printable: true}}.object(s.attrs, o)
	if err == nil && len(ext) > 0 {
		err = checkNeeded(s.needed, ext)
	}
	if err != nil {
		return err
	}
	a.instead(i)
	a.kept.Set(s.ID, ext)
	return nil
}

// required checks that what must be there is, unless it was missing before.
func (a *admission) required() error {
	out := a.out()
	for _, n := range a.t.schemes[0].needed {
		if err := checkNeeded([]*node{n}, out); err != nil && (a.before == nil || a.before.Has(n.Name)) {
			return err
		}
	}
	for _, s := range a.t.schemes[1:] {
		if s.required && !out.Has(s.ID) {
			return ErrInvalidValue("the extension " + s.ID + " is required")
		}
	}
	return nil
}

// fitting finds out, without making anything, whether a value is as Check returns it. It may say no where the answer is yes.
type fitting struct{ readOnly bool }

func (f fitting) attribute(n *node, v any) bool {
	if n.readOnly && !f.readOnly {
		return false
	}
	list, many := v.(List)
	if many != n.MultiValued {
		return false
	}
	if !many {
		return f.single(n, v)
	}
	if len(list) == 0 || len(list) > smallList || n.MaxValues > 0 && len(list) > n.MaxValues {
		return false
	}
	primary := 0
	for i, e := range list {
		if !f.single(n, e) {
			return false
		}
		if isPrimary(e) {
			primary++
		}
		if id, ok := identityOf(e); ok && repeated(list[:i], nil, id) {
			return false
		}
	}
	return primary < 2
}

func (f fitting) single(n *node, v any) bool {
	switch v := v.(type) {
	case Object:
		return n.kind == kindComplex && len(v) > 0 && f.object(n.subs, n.needed, v) && (!n.isReference() || v.Text("value") != "")
	case string:
		return (n.kind == kindString || n.kind == kindReference) && n.fits(v) && !n.unprintable(v)
	case bool:
		return n.kind == kindBoolean
	case int64:
		return n.kind == kindInteger || n.kind == kindDecimal
	}
	return false
}

func (f fitting) object(attrs table, needed []*node, o Object) bool {
	for i := range o {
		n := attrs[o[i].Name]
		if n == nil || n.Name != o[i].Name || !f.attribute(n, o[i].Value) {
			return false
		}
	}
	return len(needed) == 0 || checkNeeded(needed, o) == nil
}

// fits reports whether a text is within the attribute's limits.
func (n *node) fits(s string) bool {
	return (n.MaxLength == 0 || len(s) <= n.MaxLength || utf8.RuneCountInString(s) <= n.MaxLength) && !n.Closed
}

// unprintable reports whether a text has control characters, which no name and no address has, and which rewrite the terminals and
// logs that it is shown in. Line breaks and tabs are for prose: what is unique names something and has none.
func (n *node) unprintable(s string) bool {
	prose := n.Uniqueness != UniqueServer && n.Uniqueness != UniqueGlobal
	for i := range len(s) {
		switch c := s[i]; {
		case c >= ' ' && c != 0x7f && c != 0xc2:
		case c == 0xc2: // U+0080 to U+009F are 0xc2 and a byte below 0xa0
			if i+1 < len(s) && s[i+1] < 0xa0 {
				return true
			}
		case prose && (c == '\t' || c == '\n' || c == '\r'):
		default:
			return true
		}
	}
	return false
}

// IsCore reports whether the URN names the core schema of the type, in any case.
func (t *Type) IsCore(urn string) bool {
	s := t.scheme(urn)
	return s != nil && s.core
}

// clipName shortens a name that somebody sent, for an error.
func clipName(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
