package directory

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"lockstep/scim"
)

// Schemas are the resource types of one tenant: users and groups of RFC 7643 with the tenant's own extensions, compiled. They do
// not change and may be used by many goroutines. A nil *Schemas has no extension of the tenant's.
type Schemas struct {
	Extensions []Extension // by URN
	types      []*scim.Type
	names      map[Kind][]extensionName
}

// extensionName is how an extension stands in a document and in its schemas.
type extensionName struct {
	key    []byte // "urn":{ , which no text holds, since its quotes would be escaped
	item   string // ,"urn"
	hidden bool   // some attribute is returned on request only
	active bool   // some attribute is called as the user's own active
}

var (
	userType  = sync.OnceValue(func() *scim.Type { return builtInType(scim.UserType().ResourceType, userSchemas()) })
	groupType = sync.OnceValue(func() *scim.Type { return builtInType(scim.GroupType().ResourceType, groupSchemas()) })
	builtIn   = sync.OnceValue(func() []*scim.Type { return []*scim.Type{userType(), groupType()} })
)

func builtInType(rt scim.ResourceType, schemas []*scim.Schema) *scim.Type {
	t, err := scim.NewType(rt, schemas...)
	if err != nil {
		panic(err) //nolint:forbidigo // built in, and a test compiles it
	}
	return t
}

// userSchemas are those of RFC 7643. A user's groups are read-only and come on request: a list of people does not look them up.
func userSchemas() []*scim.Schema {
	core := scim.UserSchema()
	core.Attribute("groups").Returned = scim.ReturnedRequest
	core.Attributes = slices.DeleteFunc(core.Attributes, func(a scim.Attribute) bool { return a.Name == "inheritances" }) // Webex's own
	enterprise := scim.EnterpriseUserSchema()
	widened(core.Attributes)
	widened(enterprise.Attributes)
	named(core, "userName", "emails.value")
	core.Attribute("password").MaxLength = MaxPassword
	return []*scim.Schema{core, enterprise}
}

// groupSchemas is that of RFC 7643, with a displayName, which clients find groups by, that is unique.
func groupSchemas() []*scim.Schema {
	core := scim.GroupSchema()
	core.Attribute("displayName").Uniqueness = scim.UniqueServer
	members := core.Attribute("members").MaxValues // the group's limit, which counts those whom it has already
	widened(core.Attributes)
	core.Attribute("members").MaxValues = members
	named(core, "displayName")
	return []*scim.Schema{core}
}

// NewSchemas compiles a tenant's extensions, each of which is valid. The error has lockstep.CodeInvalid when there are too many
// or when one clashes with another or with what is built in.
func NewSchemas(extensions []Extension) (*Schemas, error) {
	if len(extensions) > maxExtensions {
		return nil, invalid("A tenant has at most %d schemas of its own.", maxExtensions)
	}
	s := &Schemas{Extensions: slices.Clone(extensions), names: map[Kind][]extensionName{}}
	slices.SortFunc(s.Extensions, func(a, b Extension) int { return strings.Compare(fold(a.Schema.ID), fold(b.Schema.ID)) })
	var urns []string
	of := map[Kind][]*Extension{}
	for i := range s.Extensions {
		e := &s.Extensions[i]
		if err := clash(e.Schema.ID, urns); err != nil {
			return nil, err
		}
		urns = append(urns, e.Schema.ID)
		of[e.Kind] = append(of[e.Kind], e)
		s.names[e.Kind] = append(s.names[e.Kind], extensionName{
			key: []byte(`"` + e.Schema.ID + `":{`), item: `,"` + e.Schema.ID + `"`, hidden: hides(e.Schema.Attributes), active: hasActive(e.Schema.Attributes),
		})
	}
	for _, base := range []struct {
		kind    Kind
		typ     *scim.Type
		schemas []*scim.Schema
	}{{UserKind, userType(), userSchemas()}, {GroupKind, groupType(), groupSchemas()}} {
		t, err := extended(base.typ, base.schemas, of[base.kind])
		if err != nil {
			return nil, invalid("%s.", err)
		}
		s.types = append(s.types, t)
	}
	return s, nil
}

// extended returns the type with extensions.
func extended(t *scim.Type, schemas []*scim.Schema, more []*Extension) (*scim.Type, error) {
	if len(more) == 0 {
		return t, nil
	}
	rt := t.ResourceType
	rt.Extensions = slices.Clone(rt.Extensions)
	for _, e := range more {
		rt.Extensions = append(rt.Extensions, scim.Extension{Schema: e.Schema.ID, Required: e.Required})
		schemas = append(schemas, bounded(e.Schema))
	}
	return scim.NewType(rt, schemas...)
}

func hides(attributes []scim.Attribute) bool {
	return slices.ContainsFunc(attributes, func(a scim.Attribute) bool {
		return a.Returned == scim.ReturnedRequest || hides(a.SubAttributes)
	})
}

// fold is the form in which URNs are compared.
func fold(urn string) string { return strings.ToLower(urn) }

// Types returns users and groups.
func (s *Schemas) Types() []*scim.Type {
	if s == nil {
		return builtIn()
	}
	return s.types
}

// Type returns the resource type.
func (s *Schemas) Type(k Kind) *scim.Type {
	if k == GroupKind {
		return s.Types()[1]
	}
	return s.Types()[0]
}

// Extension returns the tenant's extension with the URN, in any case, or nil.
func (s *Schemas) Extension(urn string) *Extension {
	if s == nil {
		return nil
	}
	for i := range s.Extensions {
		if strings.EqualFold(s.Extensions[i].Schema.ID, urn) {
			return &s.Extensions[i]
		}
	}
	return nil
}

// listed returns the tenant's extensions that the document has, as they go on a list of schemas.
func (s *Schemas) listed(k Kind, doc []byte) (items string) {
	if s == nil {
		return ""
	}
	for _, n := range s.names[k] {
		if bytes.Contains(doc, n.key) {
			items += n.item
		}
	}
	return items
}

// hides reports whether the document may have something that is not to be shown unless it is asked for.
func (s *Schemas) hides(k Kind, doc []byte) bool {
	if s == nil {
		return false
	}
	return slices.ContainsFunc(s.names[k], func(n extensionName) bool { return n.hidden && bytes.Contains(doc, n.key) })
}

// hasActive reports whether one of the attributes, or of theirs, is called active.
func hasActive(list []scim.Attribute) bool {
	return slices.ContainsFunc(list, func(a scim.Attribute) bool { return strings.EqualFold(a.Name, "active") || hasActive(a.SubAttributes) })
}

// saysActive reports whether a user's document has active, their own and not an extension's.
func (s *Schemas) saysActive(doc []byte) bool {
	if !bytes.Contains(doc, activeName) {
		return false
	}
	if s == nil || !slices.ContainsFunc(s.names[UserKind], func(n extensionName) bool { return n.active && bytes.Contains(doc, n.key) }) {
		return true
	}
	o, err := scim.DecodeObject(doc)
	return err != nil || o.Has("active")
}
