package scim

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Mode says how Check treats what is not as the schema says. The zero Mode is for bodies that clients send to be created or
// to replace a resource.
type Mode struct {
	Strict        bool // only what the RFC allows: no booleans as text, no single values for lists, schemas must be there
	RefuseUnknown bool // an unknown attribute is an error; else it is dropped
	KeepReadOnly  bool // keep read-only attributes, as in what comes from another server; else they are dropped (RFC 7644 §3.3)
	Partial       bool // required attributes may be missing

	printable bool // texts have no control characters
}

// Check returns the object as the type defines it; o itself stays as it is. Names get the spelling of the schema, schemas
// comes first and lists the core schema and every extension there is, duplicates in multi-valued attributes are dropped.
//
// Unless m.Strict, what clients are known to send is put right: booleans as text in any case, a single value where a list
// belongs and a list of one where a single value belongs, a bare string for a complex value (the manager's id), "" for none.
//
// The error is an *Error with status 400: invalidValue when a value does not fit or a required one is missing, invalidSyntax
// for an unknown attribute.
func (t *Type) Check(o Object, m Mode) (Object, error) {
	c := checker{m}
	out := make(Object, 1, len(o)+2)
	for _, a := range o {
		if n := t.schemes[0].attrs.get(a.Name); n != nil {
			if n == t.schemas {
				continue
			}
			v, err := c.attribute(n, a.Value)
			if err != nil {
				return nil, err
			}
			if v == nil {
				continue
			}
			out = append(out, Attr{Name: n.Name, Value: v})
			continue
		}
		if err := c.extension(t, &out, a); err != nil {
			return nil, err
		}
	}
	if err := t.checkSchemas(o, m); err != nil {
		return nil, err
	}
	out[0] = Attr{Name: "schemas", Value: t.schemasOf(out)}
	return out, t.checkRequired(out, m)
}

// extension adds the checked extension that the attribute holds.
func (c checker) extension(t *Type, out *Object, a Attr) error {
	s := t.scheme(a.Name)
	if s == nil {
		if c.RefuseUnknown {
			return ErrInvalidSyntax("unknown attribute " + strconv.Quote(a.Name))
		}
		return nil
	}
	from, ok := a.Value.(Object)
	if a.Value == nil {
		return nil
	}
	if !ok {
		return ErrInvalidValue(s.ID + " must be an object")
	}
	ext, err := c.object(s.attrs, from)
	if err != nil || len(ext) == 0 {
		return err
	}
	if !s.core {
		if out.Has(s.ID) {
			return ErrInvalidSyntax(s.ID + " occurs twice")
		}
		*out = append(*out, Attr{Name: s.ID, Value: ext})
		return nil
	}
	for _, a := range ext {
		out.Set(a.Name, a.Value)
	}
	return nil
}

// checkSchemas checks the URNs that the client listed.
func (t *Type) checkSchemas(o Object, m Mode) error {
	urns := stringsOf(o.Get("schemas"))
	core := false
	for _, urn := range urns {
		s := t.scheme(urn)
		if s == nil && m.RefuseUnknown {
			return ErrInvalidValue("unknown schema " + strconv.Quote(urn))
		}
		core = core || s != nil && s.core
	}
	if m.Strict && !core {
		return ErrInvalidSyntax("schemas does not list " + t.Schema)
	}
	return nil
}

// schemasOf lists the core schema and the extensions that the object has.
func (t *Type) schemasOf(o Object) List {
	list := make(List, 1, len(t.schemes))
	list[0] = t.schemes[0].ID
	for _, s := range t.schemes[1:] {
		if o.Has(s.ID) {
			list = append(list, s.ID)
		}
	}
	return list
}

func (t *Type) checkRequired(o Object, m Mode) error {
	if m.Partial {
		return nil
	}
	for _, s := range t.schemes {
		in := o
		if !s.core {
			ext, ok := o.Get(s.ID).(Object)
			if !ok && s.required {
				return ErrInvalidValue("the extension " + s.ID + " is required")
			}
			if !ok {
				continue
			}
			in = ext
		}
		if err := checkNeeded(s.needed, in); err != nil {
			return err
		}
	}
	return nil
}

func checkNeeded(needed []*node, o Object) error {
	for _, n := range needed {
		v := o.Get(n.Name)
		if s, ok := v.(string); v == nil || ok && strings.TrimSpace(s) == "" {
			return ErrInvalidValue("the attribute " + n.path + " is required")
		}
	}
	return nil
}

// checker turns values into what the schema says they are.
type checker struct{ Mode }

func (c checker) object(attrs table, o Object) (Object, error) {
	out := make(Object, 0, len(o))
	for _, a := range o {
		n := attrs.get(a.Name)
		if n == nil {
			if c.RefuseUnknown {
				return nil, ErrInvalidSyntax("unknown attribute " + strconv.Quote(a.Name))
			}
			continue
		}
		v, err := c.attribute(n, a.Value)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out = append(out, Attr{Name: n.Name, Value: v})
		}
	}
	return out, nil
}

// attribute checks the value of an attribute; nil means that there is none.
func (c checker) attribute(n *node, v any) (any, error) {
	if n.readOnly && !c.KeepReadOnly || v == nil {
		return nil, nil
	}
	if n.MultiValued {
		l, err := c.list(n, v)
		if err != nil || len(l) == 0 {
			return nil, err
		}
		return l, nil
	}
	if l, ok := v.(List); ok {
		switch {
		case len(l) == 0:
			return nil, nil
		case len(l) > 1 || c.Strict:
			return nil, ErrInvalidValue(n.path + " takes a single value")
		}
		v = l[0]
	}
	return c.single(n, v)
}

func (c checker) list(n *node, v any) (List, error) {
	from, ok := v.(List)
	if !ok {
		if c.Strict {
			return nil, ErrInvalidValue(n.path + " takes a list of values")
		}
		from = List{v}
	}
	l := make(List, 0, len(from))
	for _, e := range from {
		v, err := c.element(n, e)
		if err != nil {
			return nil, err
		}
		if v != nil {
			l = append(l, v)
		}
	}
	l = distinct(l)
	if n.MaxValues > 0 && len(l) > n.MaxValues {
		return nil, ErrInvalidValue(n.path + " takes at most " + strconv.Itoa(n.MaxValues) + " values")
	}
	if n.kind == kindComplex && primaries(l) > 1 {
		return nil, ErrInvalidValue(n.path + " has more than one primary value (RFC 7643 §2.4)")
	}
	return l, nil
}

// element checks one of several values; nil means that there is none. To leave out what every value has, as in
// members: [{"display": "Ann"}], cannot mean that there shall be no value: then others would go, too.
func (c checker) element(n *node, v any) (any, error) {
	var err error
	if v != nil {
		v, err = c.single(n, v)
	}
	if v == nil && err == nil {
		err = checkNeeded(n.needed, nil)
	}
	return v, err
}

// single checks one value of the attribute.
func (c checker) single(n *node, v any) (any, error) {
	switch v := v.(type) {
	case Object:
		if n.kind == kindComplex {
			return c.complex(n, v)
		}
	case string:
		return c.text(n, v)
	case bool:
		if n.kind == kindBoolean {
			return v, nil
		}
	case int64:
		if n.kind == kindInteger || n.kind == kindDecimal {
			return v, nil
		}
	case float64:
		if n.kind == kindDecimal {
			return v, nil
		}
	}
	return nil, n.mismatch()
}

func (n *node) mismatch() error {
	return ErrInvalidValue(n.path + " takes a value of type " + or(n.Type, String))
}

func (c checker) complex(n *node, o Object) (any, error) {
	out, err := c.object(n.subs, o)
	if err != nil {
		return nil, err
	}
	if n.isReference() && out.Text("value") == "" { // {"value": ""} is how some clients clear a manager
		out.Delete("value")
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, checkNeeded(n.needed, out)
}

// isReference reports whether the attribute is a single reference to another resource, such as manager.
func (n *node) isReference() bool { return !n.MultiValued && n.subs.get("$ref") != nil }

func (c checker) text(n *node, s string) (any, error) {
	if c.printable && n.unprintable(s) {
		return nil, ErrInvalidValue(n.path + " has control characters")
	}
	switch n.kind {
	case kindString, kindReference:
		return n.limited(s)
	case kindBoolean:
		if b, ok := parseBool(s); ok && !c.Strict {
			return b, nil
		}
	case kindDateTime:
		if validTime(s) {
			return s, nil
		}
		return nil, ErrInvalidValue(n.path + " takes a time such as 2006-01-02T15:04:05Z")
	case kindBinary:
		if validBase64(s) {
			return n.limited(s)
		}
		return nil, ErrInvalidValue(n.path + " takes Base64")
	case kindComplex:
		if sub := n.subs.get("value"); sub != nil && !c.Strict {
			return c.bare(sub, s)
		}
	}
	return nil, n.mismatch()
}

// bare makes a complex value of a string: what Entra ID sends for a manager, and "" to clear it.
func (c checker) bare(sub *node, s string) (any, error) {
	if s == "" {
		return nil, nil
	}
	v, err := c.single(sub, s)
	if err != nil {
		return nil, err
	}
	return Object{{sub.Name, v}}, nil
}

func (n *node) limited(s string) (any, error) {
	if n.MaxLength > 0 && len(s) > n.MaxLength && utf8.RuneCountInString(s) > n.MaxLength {
		return nil, ErrInvalidValue(n.path + " takes at most " + strconv.Itoa(n.MaxLength) + " characters")
	}
	if n.Closed && !slices.ContainsFunc(n.CanonicalValues, func(c string) bool { return c == s || !n.CaseExact && sameName(c, s) }) {
		return nil, ErrInvalidValue(n.path + " takes one of " + strings.Join(n.CanonicalValues, ", "))
	}
	return s, nil
}

// validTime reports whether s is an xsd:dateTime; its zone may be missing (RFC 7643 §2.3.5).
func validTime(s string) bool {
	if _, err := time.Parse(time.RFC3339, s); err == nil {
		return true
	}
	_, err := time.Parse("2006-01-02T15:04:05", s)
	return err == nil
}

// validBase64 reports whether s is Base64 or Base64URL, with or without padding (RFC 7643 §2.3.6).
func validBase64(s string) bool {
	body := strings.TrimRight(s, "=")
	if len(s)-len(body) > 2 || len(body)%4 == 1 {
		return false
	}
	for i := range len(body) {
		c := body[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

func primaries(l List) int {
	n := 0
	for _, e := range l {
		if isPrimary(e) {
			n++
		}
	}
	return n
}

func isPrimary(e any) bool {
	o, ok := e.(Object)
	if !ok {
		return false
	}
	b, _ := o.Get("primary").(bool)
	return b
}

// identity is what tells values of a multi-valued attribute apart: type and value (RFC 7643 §2.4).
type identity struct{ kind, value string }

// identityOf returns the identity of an element, if it has a value that is text.
func identityOf(e any) (identity, bool) {
	switch e := e.(type) {
	case string:
		return identity{value: e}, true
	case Object:
		v, ok := e.Get("value").(string)
		return identity{e.Text("type"), v}, ok
	}
	return identity{}, false
}

// distinct drops elements that repeat the type and value of an earlier one, in place.
func distinct(l List) List {
	if len(l) < 2 {
		return l
	}
	var seen map[identity]bool
	if len(l) > smallList {
		seen = make(map[identity]bool, len(l))
	}
	kept := l[:0]
	for _, e := range l {
		id, ok := identityOf(e)
		if ok && repeated(kept, seen, id) {
			continue
		}
		if seen != nil && ok {
			seen[id] = true
		}
		kept = append(kept, e)
	}
	return kept
}

func repeated(kept List, seen map[identity]bool, id identity) bool {
	if seen != nil {
		return seen[id]
	}
	for _, e := range kept {
		if other, ok := identityOf(e); ok && other == id {
			return true
		}
	}
	return false
}
