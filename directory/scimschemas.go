package directory

import (
	"lockstep/scim/filter"
)

// withoutSchemas returns the filter with what it asks of schemas (RFC 7644 §3.4.2.2 has such an example) asked of the extensions that
// there are, since schemas is made up when a resource is shown: it lists the core schema and each extension with values.
func (s *Schemas) withoutSchemas(kind Kind, e filter.Expr) filter.Expr {
	switch e := e.(type) {
	case filter.And:
		list := make(filter.And, len(e))
		for i := range e {
			list[i] = s.withoutSchemas(kind, e[i])
		}
		return list
	case filter.Or:
		list := make(filter.Or, len(e))
		for i := range e {
			list[i] = s.withoutSchemas(kind, e[i])
		}
		return list
	case filter.Not:
		return filter.Not{Expr: s.withoutSchemas(kind, e.Expr)}
	case filter.Present:
		if e.Path.Is("schemas") {
			return everybody(kind)
		}
	case filter.Compare:
		if e.Path.Is("schemas") || e.Path.String() == "schemas.value" {
			return s.listing(kind, e)
		}
	}
	return e
}

// everybody is a filter that holds for all of a kind.
func everybody(kind Kind) filter.Expr {
	if kind == GroupKind {
		return filter.Present{Path: filter.Path{Attr: "displayName"}}
	}
	return filter.Present{Path: filter.Path{Attr: "userName"}}
}

// listing is the filter for those whose list of schemas has one that compares so.
func (s *Schemas) listing(kind Kind, c filter.Compare) filter.Expr {
	if c.Value == nil { // nobody is without schemas
		if c.Op == filter.Ne {
			return everybody(kind)
		}
		return filter.Not{Expr: everybody(kind)}
	}
	holds := filter.CompileValue(filter.Compare{Path: filter.Path{Attr: "value"}, Op: c.Op, Value: c.Value}, filter.Path{Attr: "schemas"}, filter.Types{})
	var some filter.Or
	for i, urn := range s.Type(kind).Schemas() {
		switch {
		case !holds(urn):
		case i == 0:
			return everybody(kind)
		default:
			some = append(some, filter.Present{Path: filter.Path{URN: urn}})
		}
	}
	switch len(some) {
	case 0:
		return filter.Not{Expr: everybody(kind)}
	case 1:
		return some[0]
	}
	return some
}
