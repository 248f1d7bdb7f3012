package state

import (
	"sync"

	"lockstep/scim"
)

// userType and groupType are the resource types of Webex: those of RFC 7643 with Webex's extensions, limits and closed lists of
// values.
var (
	userType = sync.OnceValue(func() *scim.Type {
		return compile(userResource, webexUser(), scim.EnterpriseUserSchema(), scim.CiscoUserSchema())
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

// Types returns the resource types.
func Types() []*scim.Type { return []*scim.Type{userType(), groupType()} }

// webexUser is the schema of users with what Webex adds to the core of it.
func webexUser() *scim.Schema {
	s := scim.UserSchema()
	s.Attributes = append(s.Attributes,
		scim.Attribute{
			Name: "firstAdmin", Type: scim.Boolean, Description: "Whether the user is the organisation's first administrator.",
			Mutability: scim.ReadOnly, Returned: scim.ReturnedAlways, Uniqueness: scim.UniqueNone,
		})
	if s.Attribute("inheritances") == nil {
		s.Attributes = append(s.Attributes, scim.Attribute{
			Name: "inheritances", Type: scim.Complex, MultiValued: true, Description: "What the user has from groups.",
			Mutability: scim.ReadOnly, Returned: scim.ReturnedDefault, Uniqueness: scim.UniqueNone,
			SubAttributes: []scim.Attribute{
				{Name: "type", Type: scim.String}, {Name: "value", Type: scim.String}, {Name: "source", Type: scim.String},
			},
		})
	}
	return s
}

// bound is how long a value and how many values Webex takes.
type bound struct{ length, values int }

// bounds are the limits that Webex documents for its SCIM 2 API, by path. They are Webex's and nobody else's: what is not here has
// no limit here.
var bounds = map[string]bound{
	"userName": {length: 254}, "password": {length: 256}, "externalId": {length: 256}, "displayName": {length: 512},
	"nickName": {length: 256}, "profileUrl": {length: 1000}, "title": {length: 512},
	"name.formatted": {length: 512}, "name.familyName": {length: 256}, "name.givenName": {length: 256},
	"name.middleName": {length: 256}, "name.honorificPrefix": {length: 256}, "name.honorificSuffix": {length: 256},
	"roles": {values: 100}, "entitlements": {values: 100}, "emails": {values: 10}, "emails.value": {length: 254},
	"phoneNumbers": {values: 50}, "ims": {values: 50}, "photos": {values: 50}, "x509Certificates": {values: 30}, "addresses": {values: 10},
	"addresses.streetAddress": {length: 512}, "addresses.locality": {length: 128}, "addresses.region": {length: 64},
	"addresses.postalCode": {length: 64},
	"employeeNumber":       {length: 256}, "costCenter": {length: 256}, "organization": {length: 512}, "division": {length: 512},
	"department": {length: 512},
	// The Webex extension of users.
	"sipAddresses": {values: 2000}, "managedOrgs": {values: 2000}, "managedOrgs.orgId": {length: 64}, "managedOrgs.role": {length: 64},
	"managedGroups": {values: 2000}, "managedGroups.orgId": {length: 64}, "managedGroups.groupId": {length: 64},
	"managedGroups.role": {length: 64}, "managedSites": {values: 2000}, "managedSites.siteName": {length: 512},
	"managedSites.role": {length: 64}, "licenseID": {values: 1000}, "userSettings": {values: 1000}, "userPreferences": {values: 1000},
	"trainSiteNames": {values: 2000}, "linkedTrainSiteNames": {values: 2000}, "primaryLinkedTrainSiteName": {length: 128},
	"macAddresses": {values: 50},
	// Groups and their extension.
	"owners": {values: 30}, "managedBy": {values: 30}, "inheritances": {values: 10}, "memberFilter": {values: 1},
}

// canonical are the values that Webex takes where the schemas leave them open.
var canonical = map[string][]string{
	"members.type":      {"user", "group", "machine"},
	"userType":          {"user", "room", "external_calling", "calling_service"},
	"emails.type":       {"work", "home", "room", "other"},
	"phoneNumbers.type": {"work", "home", "mobile", "work_extension", "fax", "pager", "other", "alternate1", "alternate2", "enterprise"},
	"ims.type": {
		"qq", "aim", "cucm-jid", "webex-squared-jid", "msn", "xmpp", "skype", "gtalk", "icq", "yahoo", "microsoft-sip-uri",
		"webex-messenger-jid", "xmpp-fed-jid",
	},
	"photos.type":    {"photo", "thumbnail", "resizable"},
	"addresses.type": {"work", "home", "other"},
}

// compile panics when a schema that is built in cannot be compiled, which every test would show.
func compile(rt scim.ResourceType, schemas ...*scim.Schema) *scim.Type {
	for _, s := range schemas {
		bind(s.Attributes, "")
	}
	t, err := scim.NewType(rt, schemas...)
	if err != nil {
		panic(err) //nolint:forbidigo // built in, and a test compiles it
	}
	return t
}

// bind gives attributes Webex's limits, and makes Webex refuse values that it does not know.
func bind(attrs []scim.Attribute, within string) {
	for i := range attrs {
		a := &attrs[i]
		path := within + a.Name
		if values := canonical[path]; values != nil {
			a.CanonicalValues = values
		}
		limit := bounds[path]
		a.MaxLength, a.MaxValues = limit.length, limit.values
		a.Closed = len(a.CanonicalValues) > 0
		bind(a.SubAttributes, path+".")
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
