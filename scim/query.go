package scim

import (
	"time"

	"lockstep/scim/filter"
)

// Ref names a resource: the name of its type, such as "User", and its id.
type Ref struct{ Type, ID string }

// Resource is a stored resource as a server hands it out. Its attributes come in one of two forms, so that a store that keeps
// them as JSON need not decode what is sent as it is.
type Resource struct {
	Ref
	Version           string // opaque; the entity tag is W/"<version>"
	Created, Modified time.Time
	// Attributes holds everything but id and meta; schemas may be left out, it is then derived from what is there. Nil when
	// Doc is set.
	Attributes Object
	// Doc is the JSON object of all attributes but id and meta, with schemas, without any that is never returned or only on
	// request. Nil when Attributes is set.
	Doc []byte
	// Partial is set when attributes that are returned by default are missing, because there are too many to send with the
	// answer to a change: the members of a large group.
	Partial bool
	// Derived is set when something is shown that comes of other resources, such as a member's name: Version does not cover it, so
	// that no client can be told that it has it already.
	Derived bool
}

// Object returns the attributes, decoded if need be. The caller must not change them.
func (r *Resource) Object() (Object, error) {
	if r.Doc == nil {
		return r.Attributes, nil
	}
	return DecodeObject(r.Doc)
}

// Query selects resources of one type (RFC 7644 §3.4.2).
type Query struct {
	Type       string      // the name of the type
	Filter     filter.Expr // nil: every resource
	SortBy     filter.Path // the zero Path: in an order that stays the same from page to page
	Descending bool
	StartIndex int // from 1; 0 when paging by cursor
	Count      int // at most so many resources; 0 asks for the total only
	Want       *Projection

	// Paging by cursor (RFC 9865). After is First or Last of an earlier page of the same query. The page begins behind it, or at
	// the start when After is "". Backward turns the direction: the page ends before After, or at the end.
	After    string
	Backward bool
	NoTotal  bool // Page.Total is not needed
}

// Page is the answer to a Query. Resources are in the order of the query, whatever the direction, and start with the
// StartIndex-th of the Total that match when paging by index.
type Page struct {
	Total     int
	Resources []Resource

	// Paging by cursor: the places of the first and the last resource, "" when there are none, and whether there are more in the
	// direction of the query. A place holds whatever the store needs to go on there, even when the resource is gone; who
	// serves several tenants or clients puts into it whom it is for, and refuses that of another with ErrInvalidCursor.
	First, Last string
	More        bool
}

// Definitions returns the core schema and the extensions of the type. The caller must not change them.
func (t *Type) Definitions() []*Schema {
	list := make([]*Schema, len(t.schemes))
	for i, s := range t.schemes {
		list[i] = s.Schema
	}
	return list
}
