package scim

import "strings"

// Schema describes the attributes of a resource or of an extension (RFC 7643 §7).
type Schema struct {
	ID          string // a URN
	Name        string
	Description string
	Attributes  []Attribute
}

// Attribute describes one attribute or sub-attribute (RFC 7643 §7). An empty Mutability is readWrite, an empty Returned is
// default, an empty Uniqueness is none, an empty Type is string.
type Attribute struct {
	Name            string
	Type            string
	MultiValued     bool
	Description     string
	Required        bool
	CanonicalValues []string // suggestions, unless Closed
	CaseExact       bool
	Mutability      string
	Returned        string
	Uniqueness      string
	ReferenceTypes  []string
	SubAttributes   []Attribute

	// The rest is ours. It is enforced but not part of the schema's representation.

	MaxLength  int  // of a string, in characters; 0 is no limit
	MaxValues  int  // of a multi-valued attribute; 0 is no limit
	Closed     bool // only the canonical values are allowed
	Filterable bool // filters by it are worth an index
}

// The types of attributes (RFC 7643 §2.3).
const (
	String    = "string"
	Boolean   = "boolean"
	Decimal   = "decimal"
	Integer   = "integer"
	DateTime  = "dateTime"
	Binary    = "binary"
	Reference = "reference"
	Complex   = "complex"
)

// The mutabilities of attributes (RFC 7643 §7).
const (
	ReadWrite = "readWrite"
	ReadOnly  = "readOnly"
	Immutable = "immutable"
	WriteOnly = "writeOnly"
)

// When attributes are returned (RFC 7643 §7).
const (
	ReturnedAlways  = "always"
	ReturnedDefault = "default"
	ReturnedNever   = "never"
	ReturnedRequest = "request"
)

// Uniqueness of values (RFC 7643 §7).
const (
	UniqueNone   = "none"
	UniqueServer = "server"
	UniqueGlobal = "global"
)

// ResourceType describes an endpoint (RFC 7643 §6).
type ResourceType struct {
	Name        string // such as User
	ID          string // "" is Name
	Endpoint    string // relative to the base URL, such as /Users
	Description string
	Schema      string // URN of the core schema
	Extensions  []Extension
}

// Extension names a schema extension of a ResourceType.
type Extension struct {
	Schema   string
	Required bool
}

// Attribute returns the attribute, or the sub-attribute when the name has a dot, to look at or to change; nil when there is
// none.
func (s *Schema) Attribute(name string) *Attribute {
	name, sub, dotted := strings.Cut(name, ".")
	list := s.Attributes
	for i := range list {
		if !sameName(list[i].Name, name) {
			continue
		}
		if !dotted {
			return &list[i]
		}
		return (&Schema{Attributes: list[i].SubAttributes}).Attribute(sub)
	}
	return nil
}

// Object returns the schema as the /Schemas endpoint does, without meta (RFC 7643 §8.7.1). Every characteristic is there, as
// some clients take what is missing for false.
func (s *Schema) Object() Object {
	return Object{
		{"schemas", List{SchemaURN}},
		{"id", s.ID},
		{"name", s.Name},
		{"description", s.Description},
		{"attributes", attributeList(s.Attributes)},
	}
}

func attributeList(attrs []Attribute) List {
	l := make(List, len(attrs))
	for i := range attrs {
		l[i] = attrs[i].object()
	}
	return l
}

func (a *Attribute) object() Object {
	o := Object{
		{"name", a.Name},
		{"type", or(a.Type, String)},
		{"multiValued", a.MultiValued},
		{"description", a.Description},
		{"required", a.Required},
	}
	if len(a.CanonicalValues) > 0 {
		o = append(o, Attr{"canonicalValues", texts(a.CanonicalValues)})
	}
	o = append(o,
		Attr{"caseExact", a.CaseExact},
		Attr{"mutability", or(a.Mutability, ReadWrite)},
		Attr{"returned", or(a.Returned, ReturnedDefault)},
		Attr{"uniqueness", or(a.Uniqueness, UniqueNone)})
	if len(a.ReferenceTypes) > 0 {
		o = append(o, Attr{"referenceTypes", texts(a.ReferenceTypes)})
	}
	if len(a.SubAttributes) > 0 {
		o = append(o, Attr{"subAttributes", attributeList(a.SubAttributes)})
	}
	return o
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func texts(list []string) List {
	l := make(List, len(list))
	for i := range list {
		l[i] = list[i]
	}
	return l
}

// ParseSchema reads a schema as another server represents it. What is missing is left empty.
func ParseSchema(o Object) (*Schema, error) {
	s := &Schema{ID: o.Text("id"), Name: o.Text("name"), Description: o.Text("description")}
	if s.ID == "" {
		return nil, ErrInvalidValue("a schema without id")
	}
	s.Attributes = parseAttributes(o.Get("attributes"))
	return s, nil
}

func parseAttributes(v any) []Attribute {
	var out []Attribute
	for _, e := range asList(v) {
		o, ok := e.(Object)
		if !ok || o.Text("name") == "" {
			continue
		}
		a := Attribute{
			Name: o.Text("name"), Type: o.Text("type"), Description: o.Text("description"),
			CanonicalValues: stringsOf(o.Get("canonicalValues")), ReferenceTypes: stringsOf(o.Get("referenceTypes")),
			Mutability: o.Text("mutability"), Returned: o.Text("returned"), Uniqueness: o.Text("uniqueness"),
			SubAttributes: parseAttributes(o.Get("subAttributes")),
		}
		a.MultiValued, _ = o.Get("multiValued").(bool)
		a.Required, _ = o.Get("required").(bool)
		a.CaseExact, _ = o.Get("caseExact").(bool)
		out = append(out, a)
	}
	return out
}

func stringsOf(v any) []string {
	var out []string
	for _, e := range asList(v) {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Object returns the resource type as the /ResourceTypes endpoint does, without meta (RFC 7643 §8.6).
func (rt ResourceType) Object() Object {
	o := Object{
		{"schemas", List{ResourceTypeURN}},
		{"id", or(rt.ID, rt.Name)},
		{"name", rt.Name},
		{"endpoint", rt.Endpoint},
		{"description", rt.Description},
		{"schema", rt.Schema},
	}
	if len(rt.Extensions) > 0 {
		l := make(List, len(rt.Extensions))
		for i, e := range rt.Extensions {
			l[i] = Object{{"schema", e.Schema}, {"required", e.Required}}
		}
		o = append(o, Attr{"schemaExtensions", l})
	}
	return o
}

// The URNs of schemas and messages.
const (
	UserURN           = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN          = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	CiscoUserURN      = "urn:scim:schemas:extension:cisco:webexidentity:2.0:User"
	CiscoGroupURN     = "urn:scim:schemas:extension:cisco:webexidentity:2.0:Group"

	SchemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	ResourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	ServiceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"

	PatchURN        = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	ListURN         = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	SearchURN       = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	BulkRequestURN  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	BulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)
