package scim

import (
	"strconv"
	"strings"

	"lockstep/scim/filter"
)

// Filter checks a filter against the type and returns it in canonical form: paths as Canonical gives them, comparisons of a
// complex attribute made with its sub-attribute value, texts made booleans where the attribute is one. So a filter can be
// handed to a database as it is. The error is an *Error, invalidFilter, when an attribute is unknown or cannot be compared so
// (RFC 7644 §3.4.2.2), or is never returned and so must not be guessed at.
func (t *Type) Filter(e filter.Expr) (filter.Expr, error) {
	return canonicalizer{t: t}.expr(e)
}

type canonicalizer struct {
	t  *Type
	in *node // the attribute whose brackets we are in
}

func (c canonicalizer) expr(e filter.Expr) (filter.Expr, error) {
	var err error
	switch e := e.(type) {
	case filter.And:
		list, err := c.list(e)
		return filter.And(list), err
	case filter.Or:
		list, err := c.list(e)
		return filter.Or(list), err
	case filter.Not:
		e.Expr, err = c.expr(e.Expr)
		return e, err
	case filter.Present:
		e.Path, _, err = c.path(e.Path)
		return e, err
	case filter.ValuePath:
		e.Path, _, err = c.path(e.Path)
		return e, err
	case filter.Compare:
		return c.compare(e)
	}
	return nil, ErrInvalidFilter("the filter is empty")
}

func (c canonicalizer) list(list []filter.Expr) ([]filter.Expr, error) {
	out := make([]filter.Expr, len(list))
	for i := range list {
		e, err := c.expr(list[i])
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// path returns the canonical path and the attribute at its end, which is nil for a whole schema.
func (c canonicalizer) path(p filter.Path) (filter.Path, *node, error) {
	if c.in != nil {
		return c.inner(p)
	}
	g, ok := c.t.resolve(p)
	if !ok {
		return p, nil, ErrInvalidFilter("unknown attribute " + strconv.Quote(filter.Path{URN: p.URN, Attr: p.Attr, Sub: p.Sub}.String()))
	}
	if g.node == nil {
		return g.path, nil, nil
	}
	leaf := g.leaf()
	if leaf.Returned == ReturnedNever {
		return p, nil, ErrInvalidFilter("the attribute " + leaf.path + " cannot be searched")
	}
	if p.Filter == nil {
		return g.path, leaf, nil
	}
	e, err := c.t.brackets(g.node, p.Filter)
	g.path.Filter = e
	return g.path, leaf, err
}

// brackets returns the canonical form of the filter within the brackets after the attribute.
func (t *Type) brackets(n *node, e filter.Expr) (filter.Expr, error) {
	if !n.MultiValued && n.kind != kindComplex {
		return nil, ErrInvalidFilter("the attribute " + n.path + " has a single value")
	}
	return canonicalizer{t: t, in: n}.expr(e)
}

// inner finds a name within brackets.
func (c canonicalizer) inner(p filter.Path) (filter.Path, *node, error) {
	if p.URN == "" && p.Sub == "" && p.Filter == nil {
		if n := c.in.subs.get(p.Attr); n != nil {
			return filter.Path{Attr: n.Name}, n, nil
		}
		if c.in.kind != kindComplex && strings.EqualFold(p.Attr, "value") {
			return filter.Path{Attr: "value"}, c.in, nil
		}
	}
	return p, nil, ErrInvalidFilter("unknown sub-attribute " + strconv.Quote(p.String()) + " of " + c.in.path)
}

func (c canonicalizer) compare(e filter.Compare) (filter.Expr, error) {
	p, n, err := c.path(e.Path)
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, ErrInvalidFilter("a schema has no value to compare")
	}
	if n.kind == kindComplex && e.Value != nil {
		if n = n.subs.get("value"); n == nil || p.Sub != "" {
			return nil, ErrInvalidFilter("the attribute " + p.String() + " is complex; compare a sub-attribute")
		}
		p.Sub = n.Name
	}
	if e.Op.Ordered() && (n.kind == kindBoolean || n.kind == kindBinary) || e.Op.Textual() && n.kind == kindBoolean {
		return nil, ErrInvalidFilter("the operator " + string(e.Op) + " does not apply to " + n.path)
	}
	v, ok := comparable(n, e.Value)
	if s, text := v.(string); ok && text && n.kind == kindDateTime && !e.Op.Textual() && !validTime(s) {
		return nil, ErrInvalidFilter("the attribute " + n.path + " is compared with a time such as 2006-01-02T15:04:05Z")
	}
	if !ok {
		return nil, ErrInvalidFilter("the attribute " + n.path + " has values of type " + or(n.Type, String))
	}
	return filter.Compare{Path: p, Op: e.Op, Value: v}, nil
}

// comparable returns the value as one of the attribute's type. Numbers are taken for text, as some clients do not quote an
// employeeNumber.
func comparable(n *node, v any) (any, bool) {
	if v == nil {
		return nil, true
	}
	s, text := v.(string)
	switch n.kind {
	case kindBoolean:
		if text {
			return parseBool(s)
		}
		_, ok := v.(bool)
		return v, ok
	case kindInteger, kindDecimal:
		_, boolean := v.(bool)
		return v, !text && !boolean
	}
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return v, text
}
