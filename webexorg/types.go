package webexorg

import (
	"sync"

	"lockstep/scim"
)

// userType and groupType are the resource types of Webex: those of RFC 7643 with Webex's extensions and its closed lists of
// values.
var (
	userType = sync.OnceValue(func() *scim.Type {
		return compile(userResource, scim.UserSchema(), scim.EnterpriseUserSchema(), scim.CiscoUserSchema())
	})
	groupType = sync.OnceValue(func() *scim.Type { return compile(groupResource, scim.GroupSchema(), scim.CiscoGroupSchema()) })
)

var (
	userResource = scim.ResourceType{
		Name: "User", Endpoint: "/Users", Description: "A person in Webex", Schema: scim.UserURN,
		Extensions: []scim.Extension{{Schema: scim.EnterpriseUserURN}, {Schema: scim.CiscoUserURN}},
	}
	groupResource = scim.ResourceType{
		Name: "Group", Endpoint: "/Groups", Description: "A group in Webex", Schema: scim.GroupURN,
		Extensions: []scim.Extension{{Schema: scim.CiscoGroupURN}},
	}
)

// compile panics when a schema that is built in cannot be compiled, which every test would show.
func compile(rt scim.ResourceType, schemas ...*scim.Schema) *scim.Type {
	for _, s := range schemas {
		if a := s.Attribute("members.type"); a != nil {
			a.CanonicalValues = []string{"user", "group", "machine"}
		}
		if a := s.Attribute("userType"); a != nil {
			a.CanonicalValues = []string{"user", "room", "external_calling", "calling_service"}
		}
		closeValues(s.Attributes)
	}
	t, err := scim.NewType(rt, schemas...)
	if err != nil {
		panic(err) //nolint:forbidigo // built in, and a test compiles it
	}
	return t
}

// closeValues makes Webex refuse values that it does not know.
func closeValues(attrs []scim.Attribute) {
	for i := range attrs {
		a := &attrs[i]
		a.Closed = len(a.CanonicalValues) > 0
		closeValues(a.SubAttributes)
	}
}

func typeOf(k kind) *scim.Type {
	if k == groupKind {
		return groupType()
	}
	return userType()
}

func kindNamed(typ string) kind {
	if typ == "Group" {
		return groupKind
	}
	return userKind
}
