package scim

import (
	"fmt"
	"strings"

	"lockstep/scim/filter"
)

// Type is a compiled resource type: its core schema and extensions, with attributes found in constant time and in any case.
// It does not change and may be used by many goroutines.
type Type struct {
	ResourceType
	schemes []*scheme // the core schema, then the extensions
	schemas *node     // of the common attribute schemas
	special bool      // some attribute is returned never or on request

	requested bool // some attribute that a client can write is returned on request
}

// scheme is a compiled schema.
type scheme struct {
	*Schema
	core     bool
	required bool
	fixed    bool // some attribute is read-only or immutable
	attrs    table
	needed   []*node // required attributes
}

// table finds attributes by name: in their own spelling and in lower case.
type table map[string]*node

// node is a compiled attribute.
type node struct {
	*Attribute
	kind     kind
	path     string // as an error names it: emails.type
	readOnly bool
	subs     table
	needed   []*node // required sub-attributes
	special  bool    // it or a sub-attribute is not returned by default
	fixed    bool    // it or a sub-attribute is read-only or immutable

	requested bool // it or a sub-attribute is returned on request, and a client can write it
}

type kind uint8

const (
	kindString kind = iota
	kindBoolean
	kindDecimal
	kindInteger
	kindDateTime
	kindBinary
	kindReference
	kindComplex
)

// get does not allocate: names are short.
func (t table) get(name string) *node {
	if n := t[name]; n != nil {
		return n
	}
	var lower [64]byte
	if len(name) > len(lower) {
		return nil
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return t[string(lower[:len(name)])]
}

// NewType compiles a resource type. The schemas must hold the core schema and every extension that it names; others are
// ignored. The attributes id, externalId, meta and schemas belong to every type and need not be in the core schema (RFC 7643
// §3.1).
func NewType(rt ResourceType, schemas ...*Schema) (*Type, error) {
	t := &Type{ResourceType: rt}
	if err := t.add(rt.Schema, true, true, schemas); err != nil {
		return nil, err
	}
	for _, e := range rt.Extensions {
		if err := t.add(e.Schema, false, e.Required, schemas); err != nil {
			return nil, err
		}
	}
	t.schemas = t.schemes[0].attrs.get("schemas")
	for _, s := range t.schemes {
		for _, n := range s.attrs {
			t.special = t.special || n.special
			t.requested = t.requested || n.requested
		}
	}
	return t, nil
}

func (t *Type) add(urn string, core, required bool, schemas []*Schema) error {
	for _, s := range schemas {
		if s == nil || !sameName(s.ID, urn) {
			continue
		}
		c := &scheme{Schema: s, core: core, required: required}
		attrs, prefix := s.Attributes, s.ID+":"
		if core {
			attrs, prefix = append(commonAttributes(s), attrs...), ""
		}
		var err error
		if c.attrs, c.needed, err = compileAttributes(attrs, prefix); err != nil {
			return fmt.Errorf("compile schema %s: %w", s.ID, err)
		}
		for _, n := range c.attrs {
			c.fixed = c.fixed || n.fixed
		}
		t.schemes = append(t.schemes, c)
		return nil
	}
	return fmt.Errorf("compile resource type %s: no schema %s", t.Name, urn)
}

// commonAttributes returns those of the common attributes that the schema does not define itself.
func commonAttributes(s *Schema) []Attribute {
	meta := complexAttr("meta", "Facts about the resource.",
		attr("resourceType", String, "The name of the resource type.").exact().readOnly(),
		attr("created", DateTime, "When the resource was added.").readOnly(),
		attr("lastModified", DateTime, "When the resource was last changed.").readOnly(),
		attr("location", Reference, "The URI of the resource.").exact().readOnly(),
		attr("version", String, "The version of the resource.").exact().readOnly(),
	).readOnly()
	var out []Attribute
	for _, a := range []Attribute{
		attr("schemas", Reference, "The URNs of the schemas.").exact().many().returned(ReturnedAlways),
		attr("id", String, "The identifier that the service provider gave.").exact().readOnly().returned(ReturnedAlways).unique(UniqueServer),
		attr("externalId", String, "The identifier that the client gave.").exact().max(512),
		meta,
	} {
		if s.Attribute(a.Name) == nil {
			out = append(out, a)
		}
	}
	return out
}

var kinds = map[string]kind{
	"": kindString, String: kindString, Boolean: kindBoolean, Decimal: kindDecimal, Integer: kindInteger,
	DateTime: kindDateTime, Binary: kindBinary, Reference: kindReference, Complex: kindComplex,
}

func compileAttributes(attrs []Attribute, prefix string) (t table, needed []*node, err error) {
	t = make(table, 2*len(attrs))
	for i := range attrs {
		a := &attrs[i]
		n := &node{Attribute: a, path: prefix + a.Name, readOnly: a.Mutability == ReadOnly}
		n.special = a.Returned == ReturnedNever || a.Returned == ReturnedRequest
		n.fixed = n.readOnly || a.Mutability == Immutable
		n.requested = a.Returned == ReturnedRequest && !n.readOnly
		var ok bool
		if n.kind, ok = kinds[a.Type]; !ok {
			return nil, nil, fmt.Errorf("attribute %s has the unknown type %q", n.path, a.Type)
		}
		if t[strings.ToLower(a.Name)] != nil {
			return nil, nil, fmt.Errorf("attribute %s is defined twice", n.path)
		}
		if n.subs, n.needed, err = compileAttributes(a.SubAttributes, n.path+"."); err != nil {
			return nil, nil, err
		}
		for _, sub := range n.subs {
			n.special = n.special || sub.special
			n.fixed = n.fixed || sub.fixed
			n.requested = n.requested || sub.requested && !n.readOnly
		}
		t[a.Name], t[strings.ToLower(a.Name)] = n, n
		if a.Required && !n.readOnly {
			needed = append(needed, n)
		}
	}
	return t, needed, nil
}

// scheme returns the schema of the URN, or nil. Colons do not count, because Microsoft's samples send enterprise:2.0User.
func (t *Type) scheme(urn string) *scheme {
	for _, s := range t.schemes {
		if sameName(s.ID, urn) {
			return s
		}
	}
	if len(urn) < 4 || !strings.EqualFold(urn[:4], "urn:") {
		return nil
	}
	urn = strings.ReplaceAll(urn, ":", "")
	for _, s := range t.schemes {
		if sameName(strings.ReplaceAll(s.ID, ":", ""), urn) {
			return s
		}
	}
	return nil
}

// target is what a path names in a type.
type target struct {
	scheme *scheme
	node   *node // nil: the schema as a whole
	sub    *node // nil: the attribute as a whole, or value of a simple one
	path   filter.Path
}

// leaf is the attribute that the path ends at.
func (g target) leaf() *node {
	if g.sub != nil {
		return g.sub
	}
	return g.node
}

// resolve finds what the path names. An attribute without a URN is looked for in the core schema, then in the extensions:
// Entra ID sends manager, Webex filters by department. The path it gives is canonical: spelled as the schema does, without a
// URN for attributes of the core schema, with one for others. Its filter is left as it is.
func (t *Type) resolve(p filter.Path) (target, bool) {
	if p.URN == "" {
		for _, s := range t.schemes {
			if n := s.attrs.get(p.Attr); n != nil {
				return t.within(s, n, p)
			}
		}
		return target{}, false
	}
	s := t.scheme(p.URN)
	if s != nil && p.Attr == "" {
		return target{scheme: s, path: filter.Path{URN: s.ID}}, p.Sub == "" && p.Filter == nil
	}
	if s == nil && p.Attr == "" { // urn:example:1.0:colour
		if colon := strings.LastIndexByte(p.URN, ':'); colon > 0 {
			p.URN, p.Attr = p.URN[:colon], p.URN[colon+1:]
			s = t.scheme(p.URN)
		}
	}
	if s == nil { // a URN whose version does not stand before its name
		s = t.scheme(p.URN + ":" + p.Attr)
		return target{scheme: s, path: filter.Path{URN: p.URN + ":" + p.Attr}}, s != nil && p.Sub == "" && p.Filter == nil
	}
	n := s.attrs.get(p.Attr)
	if n == nil {
		return target{}, false
	}
	return t.within(s, n, p)
}

func (t *Type) within(s *scheme, n *node, p filter.Path) (target, bool) {
	g := target{scheme: s, node: n, path: filter.Path{Attr: n.Name, Filter: p.Filter}}
	if !s.core {
		g.path.URN = s.ID
	}
	if p.Sub == "" {
		return g, true
	}
	if g.sub = n.subs.get(p.Sub); g.sub != nil {
		g.path.Sub = g.sub.Name
		return g, true
	}
	g.path.Sub = "value"
	return g, n.kind != kindComplex && n.MultiValued && strings.EqualFold(p.Sub, "value")
}

// Attribute returns the attribute or sub-attribute that the path names. The caller must not change it.
func (t *Type) Attribute(p filter.Path) (*Attribute, bool) {
	g, ok := t.resolve(p)
	if !ok || g.node == nil {
		return nil, false
	}
	return g.leaf().Attribute, true
}

// Canonical returns the path spelled as the schema does, with the URN of its extension, or without any for attributes of the
// core schema. It reports whether the type has such an attribute.
func (t *Type) Canonical(p filter.Path) (filter.Path, bool) {
	g, ok := t.resolve(p)
	return g.path, ok
}

// Schemas returns the URNs of the core schema and of the extensions.
func (t *Type) Schemas() []string {
	out := make([]string, len(t.schemes))
	for i, s := range t.schemes {
		out[i] = s.ID
	}
	return out
}

// FilterTypes tells filter.Compile about the attributes of the type.
func (t *Type) FilterTypes() filter.Types {
	return filter.Types{
		Core:  t.Schema,
		Exact: func(p filter.Path) bool { g, ok := t.resolve(p); return ok && g.node != nil && g.leaf().CaseExact },
		DateTime: func(p filter.Path) bool {
			g, ok := t.resolve(p)
			return ok && g.node != nil && g.leaf().kind == kindDateTime
		},
	}
}
