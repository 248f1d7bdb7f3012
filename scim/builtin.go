package scim

// UserSchema returns the core schema of users (RFC 7643 §4.1), and the attribute inheritances that Webex adds. Lengths and
// numbers of values are those of Webex, so that what passes here can be provisioned there. The schema is the caller's to
// change.
func UserSchema() *Schema {
	return &Schema{ID: UserURN, Name: "User", Description: "User Account", Attributes: append(userAttributes(), userLists()...)}
}

func userAttributes() []Attribute {
	return []Attribute{
		text("userName", 254, "The name with which the user signs in.").required().unique(UniqueServer),
		complexAttr("name", "The parts of the user's name.",
			text("formatted", 512, "The full name, as it is displayed."),
			text("familyName", 256, "The family name."),
			text("givenName", 256, "The given name."),
			text("middleName", 256, "The middle names."),
			text("honorificPrefix", 256, "What stands before the name, such as Dr."),
			text("honorificSuffix", 256, "What stands after the name, such as III."),
		),
		text("displayName", 512, "The name of the user, for people to read."),
		text("nickName", 256, "What the user is called."),
		attr("profileUrl", Reference, "The user's page.").exact().refers("external").max(1000),
		text("title", 512, "The job title."),
		text("userType", 64, "The relation to the organisation, such as user or contractor."),
		text("preferredLanguage", 64, "The languages the user prefers, as in Accept-Language."),
		text("locale", 64, "How to write currency, dates and numbers, such as en-US."),
		text("timezone", 64, "The time zone, by its IANA name."),
		attr("active", Boolean, "Whether the user may sign in."),
		text("password", 256, "The password, in clear text.").exact().mutability(WriteOnly).returned(ReturnedNever),
	}
}

func userLists() []Attribute {
	groupRef := attr("$ref", Reference, "The URI of the group.").exact().refers("User", "Group").readOnly()
	return []Attribute{
		plural("emails", 10, "E-mail addresses.", text("value", 254, "An e-mail address."), "work", "home", "room", "other"),
		plural("phoneNumbers", 50, "Telephone numbers.", text("value", 256, "A telephone number."),
			"work", "home", "mobile", "work_extension", "fax", "pager", "alternate1", "alternate2", "other"),
		plural("ims", 50, "Addresses for instant messages.", text("value", 512, "An address."),
			"aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo", "cucm-jid", "webex-squared-jid", "microsoft-sip-uri",
			"webex-messenger-jid", "xmpp-fed-jid"),
		plural("photos", 50, "Pictures of the user.", attr("value", Reference, "The URI of a picture.").exact().refers("external").max(4000),
			"photo", "thumbnail", "resizable"),
		complexAttr("addresses", "Postal addresses.",
			text("formatted", 1024, "The address, formatted for a label."),
			text("streetAddress", 512, "Street, house number and the like."),
			text("locality", 128, "City or place."),
			text("region", 64, "State or region."),
			text("postalCode", 64, "Postal code."),
			text("country", 64, "Country, as in ISO 3166-1 alpha-2."),
			text("type", 64, "What the address is for.").values("work", "home", "other"),
			attr("primary", Boolean, "Whether this is the preferred address; at most one is."),
		).atMost(10),
		complexAttr("groups", "The groups the user belongs to.",
			attr("value", String, "The id of the group.").exact().readOnly(),
			groupRef,
			attr("display", String, "The name of the group.").readOnly(),
			attr("type", String, "How the user belongs to it.").readOnly().values("direct", "indirect"),
		).many().readOnly(),
		plural("entitlements", 100, "What the user is entitled to.", text("value", 512, "An entitlement.")),
		plural("roles", 100, "The user's roles.", text("value", 512, "A role."), "cirole", "serviceRole", "globalRole"),
		plural("x509Certificates", 30, "Certificates of the user.", attr("value", Binary, "A DER certificate in Base64.").exact()),
		complexAttr("inheritances", "Roles that the user has from groups.",
			attr("type", String, "What is inherited.").readOnly(),
			attr("value", String, "Its name.").readOnly(),
			attr("source", String, "The group it comes from.").readOnly(),
		).many().readOnly().returned(ReturnedRequest),
	}
}

// GroupSchema returns the core schema of groups (RFC 7643 §4.2). displayName is required, as clients find groups by it. The
// schema is the caller's to change.
func GroupSchema() *Schema {
	return &Schema{ID: GroupURN, Name: "Group", Description: "Group", Attributes: []Attribute{
		text("displayName", 512, "The name of the group, for people to read.").required(),
		complexAttr("members", "The members of the group.",
			attr("value", String, "The id of the member.").exact().mutability(Immutable).required(),
			attr("$ref", Reference, "The URI of the member.").exact().refers("User", "Group").mutability(Immutable),
			attr("type", String, "What the member is.").mutability(Immutable).values("User", "Group"),
			attr("display", String, "The name of the member.").readOnly(),
		).many(),
	}}
}

// EnterpriseUserSchema returns the enterprise extension of users (RFC 7643 §4.3). The schema is the caller's to change.
func EnterpriseUserSchema() *Schema {
	return &Schema{ID: EnterpriseUserURN, Name: "EnterpriseUser", Description: "Enterprise User", Attributes: []Attribute{
		text("employeeNumber", 256, "The number the organisation gave the person."),
		text("costCenter", 256, "The cost centre."),
		text("organization", 512, "The organisation."),
		text("division", 512, "The division."),
		text("department", 512, "The department."),
		complexAttr("manager", "The user's manager.",
			attr("value", String, "The id of the manager.").exact().max(256),
			attr("$ref", Reference, "The URI of the manager.").exact().refers("User").readOnly(),
			attr("displayName", String, "The name of the manager.").readOnly(),
		),
	}}
}

// UserType returns the User resource type of RFC 7643 with the enterprise extension, compiled.
func UserType() *Type {
	return mustType(ResourceType{
		Name: "User", Endpoint: "/Users", Description: "User Account", Schema: UserURN,
		Extensions: []Extension{{Schema: EnterpriseUserURN}},
	}, UserSchema(), EnterpriseUserSchema())
}

// GroupType returns the Group resource type of RFC 7643, compiled.
func GroupType() *Type {
	return mustType(ResourceType{Name: "Group", Endpoint: "/Groups", Description: "Group", Schema: GroupURN}, GroupSchema())
}

// mustType compiles what is built in, which a test compiles too.
func mustType(rt ResourceType, schemas ...*Schema) *Type {
	t, err := NewType(rt, schemas...)
	if err != nil {
		panic(err) //nolint:forbidigo // see above
	}
	return t
}
