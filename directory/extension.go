package directory

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Extension is a schema that a tenant adds to its users or its groups (RFC 7643 §3.3, §7). It is valid when Validate says so.
type Extension struct {
	Schema   scim.Schema // ID is the URN, under which the values stand in User.Attributes or Group.Attributes
	Kind     Kind        // whose extension it is
	Required bool        // everybody who is written must have it
	Version  int64       // rises with each write
	Created  time.Time
	Modified time.Time
	// Indexing says that indexes for filters are still being made. Filters are answered all the same, only slower.
	Indexing bool
}

// What an extension may be.
const (
	maxExtensions    = 20      // of a tenant
	maxDefined       = 200     // attributes of an extension, sub-attributes included
	maxFilterable    = 20      // of them
	maxUnique        = 10      // of them
	maxIndexed       = 100     // values of a multi-valued attribute that is filterable or unique: each is a row
	maxCanonical     = 200     // canonical values of an attribute
	maxText          = 1024    // bytes of a description or a canonical value
	maxName          = 63      // bytes of a name
	maxURN           = 200     // bytes
	maxValueLength   = 100_000 // greatest maxLength
	maxExtensionSize = 64 << 10
)

var (
	urnForm  = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9][A-Za-z0-9-]{0,31}(:[A-Za-z0-9._-]+)*:[A-Za-z][A-Za-z0-9_-]*$`)
	nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
)

// invalid returns the error of a definition that cannot be.
func invalid(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}

// Validate says what is wrong with the definition by itself; NewSchemas checks it against others. The error has
// lockstep.CodeInvalid.
//
// A definition with an attribute that is write-only or never returned is refused. Nothing in Lockstep reads such a value, and
// what keeps attributes shows them: documents, exports, plans. Only the password of RFC 7643 has a place of its own.
func (e *Extension) Validate() error {
	s := &e.Schema
	switch {
	case len(s.ID) > maxURN || !urnForm.MatchString(s.ID):
		return invalid("The id of a schema is a URN of at most %d bytes that ends in a name, such as urn:example:params:scim:schemas:badge:2.0:User.", maxURN)
	case e.Kind != UserKind && e.Kind != GroupKind:
		return invalid("The resourceType of a schema is User or Group.")
	case len(s.Name) > maxText || len(s.Description) > maxText:
		return invalid("Name and description of a schema have at most %d bytes.", maxText)
	case len(s.Attributes) == 0:
		return invalid("A schema has at least one attribute.")
	}
	c := definition{}
	if err := c.attributes(s.Attributes, "", false); err != nil {
		return err
	}
	switch {
	case c.defined > maxDefined:
		return invalid("A schema has at most %d attributes, sub-attributes included.", maxDefined)
	case c.filterable > maxFilterable:
		return invalid("At most %d attributes of a schema are filterable.", maxFilterable)
	case c.unique > maxUnique:
		return invalid("At most %d attributes of a schema are unique.", maxUnique)
	case len(scim.AppendJSON(nil, e.Object())) > maxExtensionSize:
		return invalid("A schema has at most %d bytes.", maxExtensionSize)
	}
	return nil
}

// definition counts while it checks.
type definition struct{ defined, filterable, unique int }

func (c *definition) attributes(list []scim.Attribute, prefix string, sub bool) error {
	seen := map[string]bool{}
	for i := range list {
		a := &list[i]
		path := prefix + a.Name
		if len(a.Name) > maxName || !nameForm.MatchString(a.Name) {
			return invalid("The name %q of an attribute is not a letter followed by letters, digits, - and _, at most %d.", clip(path), maxName)
		}
		name := strings.ToLower(a.Name)
		if seen[name] {
			return invalid("The attribute %s is defined twice.", path)
		}
		seen[name] = true
		c.defined++
		if err := c.attribute(a, path); err != nil {
			return err
		}
		if is := a.Type == scim.Complex; is && sub || is != (len(a.SubAttributes) > 0) {
			return invalid("The attribute %s: complex attributes have sub-attributes, others have none, and sub-attributes are not complex.", path)
		}
		if err := c.attributes(a.SubAttributes, path+".", true); err != nil {
			return err
		}
	}
	return nil
}

// attribute checks the characteristics of one attribute.
func (c *definition) attribute(a *scim.Attribute, path string) error {
	text := a.Type == scim.String || a.Type == scim.Reference
	switch {
	case strings.EqualFold(a.Name, "password"):
		return invalid("The attribute %s: Lockstep keeps passwords in one place, as hashes, and no schema adds another.", path)
	case a.Mutability == scim.WriteOnly || a.Returned == scim.ReturnedNever:
		return invalid("The attribute %s would be write-only or never returned. Lockstep keeps no such values but passwords.", path)
	case len(a.Description) > maxText || len(a.CanonicalValues) > maxCanonical || tooLong(a.CanonicalValues) || tooLong(a.ReferenceTypes):
		return invalid("The attribute %s has too long a description or too many canonical values.", path)
	case a.MaxLength < 0 || a.MaxLength > maxValueLength || a.MaxLength > 0 && !text && a.Type != scim.Binary:
		return invalid("The attribute %s: maxLength is for texts, and at most %d.", path, maxValueLength)
	case a.MaxValues < 0 || a.MaxValues > 0 && !a.MultiValued:
		return invalid("The attribute %s: maxValues is for multi-valued attributes.", path)
	case a.MaxValues > maxIndexed && indexed(a):
		return invalid("The attribute %s is filterable or unique: it has at most %d values.", path, maxIndexed)
	case a.MultiValued && slices.ContainsFunc(a.SubAttributes, func(s scim.Attribute) bool { return s.MultiValued && indexed(&s) }):
		return invalid("The attribute %s: of several values, each with several, none is filterable or unique.", path)
	case a.Closed && (!text || len(a.CanonicalValues) == 0):
		return invalid("The attribute %s: closed is for texts with canonical values.", path)
	case a.Filterable && (a.Type == scim.Complex || a.Type == scim.Binary):
		return invalid("The attribute %s is %s and cannot be filterable.", path, a.Type)
	case unique(a) && !text && a.Type != scim.Integer:
		return invalid("The attribute %s is %s and cannot be unique.", path, a.Type)
	}
	if a.Filterable {
		c.filterable++
	}
	if unique(a) {
		c.unique++
	}
	return nil
}

// unique reports whether no two may have the same value. What is to be unique everywhere is so in its tenant: nobody may learn
// what others have.
func unique(a *scim.Attribute) bool {
	return a.Uniqueness == scim.UniqueServer || a.Uniqueness == scim.UniqueGlobal
}

// indexed reports whether rows are kept for the values of the attribute or of its sub-attributes.
func indexed(a *scim.Attribute) bool {
	return a.Filterable || unique(a) || slices.ContainsFunc(a.SubAttributes, func(s scim.Attribute) bool { return indexed(&s) })
}

// bounded is the schema with a limit for each multi-valued attribute that has an index, so that a write makes few rows.
func bounded(s scim.Schema) *scim.Schema {
	s.Attributes = boundedAll(s.Attributes)
	return &s
}

func boundedAll(list []scim.Attribute) []scim.Attribute {
	list = slices.Clone(list)
	for i := range list {
		a := &list[i]
		if a.MultiValued && a.MaxValues == 0 && indexed(a) {
			a.MaxValues = maxIndexed
		}
		a.SubAttributes = boundedAll(a.SubAttributes)
	}
	return list
}

func tooLong(list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return len(s) > maxText || s == "" })
}

// clip shortens what somebody sent, for an error.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80]
	}
	return s
}

// An Index says what is kept beside the documents for an attribute.
type Index struct {
	Path      filter.Path // canonical
	Attribute *scim.Attribute
	Unique    bool // no two users or groups have the same value; else filters look here
}

// Indexes returns what the extension wants to be kept for its attributes. One that is both unique and filterable has two.
func (e *Extension) Indexes() []Index {
	var all []Index
	add := func(a *scim.Attribute, p filter.Path) {
		if a.Filterable {
			all = append(all, Index{Path: p, Attribute: a})
		}
		if unique(a) {
			all = append(all, Index{Path: p, Attribute: a, Unique: true})
		}
	}
	for i := range e.Schema.Attributes {
		a := &e.Schema.Attributes[i]
		add(a, filter.Path{URN: e.Schema.ID, Attr: a.Name})
		for j := range a.SubAttributes {
			add(&a.SubAttributes[j], filter.Path{URN: e.Schema.ID, Attr: a.Name, Sub: a.SubAttributes[j].Name})
		}
	}
	return all
}

// reserved are the URNs that no tenant's schema may have or begin with, as folded returns them.
var reserved = []string{"urn:ietf:params:scim:schemas:core:", "urn:ietf:params:scim:api:", strings.ToLower(scim.EnterpriseUserURN) + ":"}

// clash says that a URN cannot stand beside others. Two URNs clash when paths could mean either: when they differ in case or
// colons only (scim.Type is as lenient), or when one is the beginning of the other.
func clash(urn string, others []string) error {
	mine := strings.ToLower(urn) + ":"
	for _, other := range append(slices.Clone(reserved), others...) {
		theirs := strings.TrimSuffix(strings.ToLower(other), ":") + ":"
		if strings.HasPrefix(mine, theirs) || strings.HasPrefix(theirs, mine) || strings.ReplaceAll(mine, ":", "") == strings.ReplaceAll(theirs, ":", "") {
			return invalid("The URN %s cannot be told from %s.", urn, strings.TrimSuffix(other, ":"))
		}
	}
	return nil
}

// detail returns what an error of package scim says.
func detail(err error) error {
	if s, ok := errors.AsType[*scim.Error](err); ok {
		return invalid("%s.", strings.ToUpper(s.Detail[:1])+s.Detail[1:])
	}
	return err
}
