package conform

import (
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// place is what a path names in a type.
type place struct {
	attr *scim.Attribute // nil: a schema as a whole
	sub  *scim.Attribute // nil: the attribute as a whole
	urn  string          // of the extension, "" for the core schema
	bare bool            // an attribute of an extension without its URN
	typo bool            // the URN is not quite that of the schema
}

// leaf is what the path ends at.
func (p place) leaf() *scim.Attribute {
	if p.sub != nil {
		return p.sub
	}
	return p.attr
}

// find finds what a path names, without its filter.
func find(t *scim.Type, p filter.Path) (place, bool) {
	whole, ok := t.Canonical(filter.Path{URN: p.URN, Attr: p.Attr})
	if !ok {
		return place{}, false
	}
	at := place{urn: whole.URN, bare: p.URN == "" && whole.URN != ""}
	urn := whole.URN
	if urn == "" {
		urn = t.Schema
	}
	at.typo = p.URN != "" && !strings.EqualFold(p.URN, urn) && !strings.EqualFold(p.URN, urn+":"+whole.Attr)
	if whole.Attr == "" {
		return at, true
	}
	at.attr, ok = t.Attribute(whole)
	if !ok || p.Sub == "" {
		return at, ok
	}
	at.sub = (&scim.Schema{Attributes: at.attr.SubAttributes}).Attribute(p.Sub)
	return at, at.sub != nil
}

// filter examines the text of a filter. Several types may be searched: it is enough when it suits one.
func (x *examiner) filter(types []*scim.Type, text, at string) {
	if text == x.masked {
		return
	}
	e, err := filter.Parse(text)
	if err != nil {
		if e, err = (filter.Parser{Unquoted: true}).Parse(text); err != nil {
			x.note(FilterSyntax, at, text)
			return
		}
		x.note(FilterUnquoted, at, text)
	}
	var least []Deviation
	for i, t := range types {
		one := &examiner{masked: x.masked, nodes: x.nodes}
		one.expr(filterScope{t: t, at: at, text: text}, e)
		if i == 0 || len(one.found) < len(least) {
			least = one.found
		}
	}
	for _, d := range least {
		x.note(d.Code, d.Path, d.Seen)
	}
}

// filterScope is where names in a filter are looked up: in a type, or in the attribute whose brackets they stand in.
type filterScope struct {
	t    *scim.Type
	in   *scim.Attribute
	at   string
	text string
}

func (x *examiner) expr(s filterScope, e filter.Expr) {
	if !x.spend() {
		return
	}
	switch e := e.(type) {
	case filter.And:
		for _, part := range e {
			x.expr(s, part)
		}
	case filter.Or:
		for _, part := range e {
			x.expr(s, part)
		}
	case filter.Not:
		x.expr(s, e.Expr)
	case filter.Present:
		x.operand(s, e.Path)
	case filter.ValuePath:
		x.operand(s, e.Path)
	case filter.Compare:
		x.compare(s, e)
	}
}

// operand examines the path of a comparison and returns the attribute at its end, or nil.
func (x *examiner) operand(s filterScope, p filter.Path) *scim.Attribute {
	if p.Filter != nil && p.Sub != "" {
		x.note(FilterAfterBrackets, s.at, s.text)
	}
	if s.in != nil {
		a := (&scim.Schema{Attributes: s.in.SubAttributes}).Attribute(p.Attr)
		if a == nil && strings.EqualFold(p.Attr, "value") && s.in.Type != scim.Complex {
			a = s.in
		}
		if a == nil {
			x.note(FilterAttribute, s.at, s.text)
		}
		return a
	}
	to, ok := find(s.t, p)
	switch {
	case !ok:
		x.note(FilterAttribute, s.at, s.text)
		return nil
	case to.bare:
		x.note(AttrUnqualified, s.at, s.text)
	case to.typo:
		x.note(SchemaUnknown, s.at, s.text)
	}
	if p.Filter != nil && to.attr != nil {
		within := s
		within.in = to.attr
		x.expr(within, p.Filter)
	}
	return to.leaf()
}

func (x *examiner) compare(s filterScope, e filter.Compare) {
	a := x.operand(s, e.Path)
	if a == nil {
		return
	}
	if a.Name == "$ref" && e.Value == nil {
		x.note(FilterRefNull, s.at, s.text)
	}
	if a.Type == scim.Complex { // emails co "x" stands in the RFC: it means the values
		if a = (&scim.Schema{Attributes: a.SubAttributes}).Attribute("value"); a == nil {
			x.note(FilterComplex, s.at, s.text)
			return
		}
	}
	if e.Value != nil && !suits(a, e.Value) {
		x.note(FilterType, s.at, s.text)
	}
}

// suits reports whether a value in a filter has the attribute's type.
func suits(a *scim.Attribute, v any) bool {
	switch v.(type) {
	case bool:
		return a.Type == scim.Boolean
	case string:
		return a.Type != scim.Boolean && a.Type != scim.Integer && a.Type != scim.Decimal
	}
	return a.Type == scim.Integer || a.Type == scim.Decimal
}

// sortBy examines the attribute to sort by.
func (x *examiner) sortBy(types []*scim.Type, text string) {
	p, err := filter.ParsePath(text)
	for _, t := range types {
		if err != nil {
			break
		}
		if to, ok := find(t, p); ok && to.attr != nil {
			if to.bare {
				x.note(AttrUnqualified, "sortBy", text)
			}
			return
		}
	}
	x.note(FilterAttribute, "sortBy", text)
}
