package scim

import "strconv"

// CiscoUserSchema returns the Webex extension of users. The schema is the caller's to change.
func CiscoUserSchema() *Schema {
	attrs := append(ciscoLists(),
		attr("provisionSource", String, "What created the user.").readOnly().values("SCIM", "AD", "AAD", "BROADWORKS", "OKTA"),
		attr("userNameType", String, "What the userName is.").values("email", "partner-upn", "phone"),
		text("primaryLinkedTrainSiteName", 128, "The preferred site among those linked."),
		text("toBeConverted", 254, "Whether the user is about to be converted.").readOnly(),
		attr("mfaEnabled", Boolean, "Whether a second factor is demanded."),
		attr("isTeamsOnJabberEnabled", Boolean, "Whether Teams runs in Jabber."),
		attr("isUCCallOnJabberEnabled", Boolean, "Whether calls run in Jabber."),
		attr("avatarSyncEnabled", Boolean, "Whether the picture is synchronised.").readOnly(),
		attr("teamsClusterId", String, "The cluster the user is on.").readOnly(),
		attr("authProvider", String, "Who signs the user in.").values("facebook", "O365", "google", "cco"),
		complexAttr("pronouns", "The user's pronouns.",
			text("value", 256, "The pronouns."),
			text("visibility", 64, "Who sees them.").values("Everyone", "Internal", "Hidden", "Global"),
		),
		complexAttr("meta", "Facts about the user.", attr("organizationId", String, "The organisation of the user.").readOnly()).readOnly(),
	)
	for i := 1; i <= 15; i++ {
		n := strconv.Itoa(i)
		attrs = append(attrs,
			text("extensionAttribute"+n, 1024, "For the customer's use.").atMost(100),
			complexAttr("externalAttribute"+n, "A value from elsewhere.",
				text("source", 256, "Where it comes from."), text("value", 1024, "The value.")).atMost(100),
			complexAttr("crossOrgAttribute"+n, "A value for another organisation.",
				text("value", 1024, "The value."), text("orgId", 64, "The organisation.")).atMost(100))
	}
	return &Schema{ID: CiscoUserURN, Name: "CiscoUser", Description: "Webex User", Attributes: attrs}
}

func ciscoLists() []Attribute {
	id := func(name, doc string) Attribute { return text(name, 64, doc) }
	return []Attribute{
		attr("accountStatus", String, "The states of the account.").many().values("active", "pending", "transient", "disabled",
			"suspended", "marked_deleted", "fraud", "compliance_transient", "pending_transient", "fraud_transient"),
		plural("sipAddresses", 2000, "SIP addresses.", text("value", 512, "A SIP address."), "enterprise", "cloud-calling", "personal-room"),
		complexAttr("managedOrgs", "Organisations the user manages.",
			id("orgId", "The organisation."), id("role", "The role in it.")).atMost(2000),
		complexAttr("managedGroups", "Groups the user manages.",
			id("orgId", "The organisation."), id("groupId", "The group."), id("role", "The role in it.")).atMost(2000),
		complexAttr("managedSites", "Sites the user manages.",
			text("siteName", 512, "The site.").required(), id("role", "The role in it.").required()).atMost(2000),
		text("licenseID", 1024, "Licences, as opaque strings.").atMost(1000),
		text("userSettings", 1024, "Settings, as opaque strings.").atMost(1000),
		text("userPreferences", 1024, "Preferences, as opaque strings.").atMost(1000),
		text("trainSiteNames", 512, "Meeting sites.").atMost(2000),
		text("linkedTrainSiteNames", 512, "Linked meeting sites.").atMost(2000),
		complexAttr("extLinkedAccts", "Accounts elsewhere.",
			text("providerID", 512, "The provider."), text("accountGUID", 512, "The account."), text("status", 64, "Its state.")).many(),
		complexAttr("loginIds", "Names the user can sign in with.",
			text("value", 512, "The name."), text("format", 64, "Its format."), text("type", 64, "What it is for."),
			text("status", 64, "Its state."), attr("lastValidated", DateTime, "When it was last validated.")).many(),
		text("macAddresses", 64, "MAC addresses of the user's devices.").atMost(50),
	}
}

// CiscoGroupSchema returns the Webex extension of groups. The schema is the caller's to change.
func CiscoGroupSchema() *Schema {
	return &Schema{ID: CiscoGroupURN, Name: "CiscoGroup", Description: "Webex Group", Attributes: []Attribute{
		text("usage", 64, "What the group is for.").values("location", "distribution", "policy"),
		text("groupType", 64, "How its members come about.").values("unique_flat_static", "dynamic", "flat_static", "nested_static"),
		attr("provisionSource", String, "What created the group.").readOnly().values("SCIM", "AD", "AAD", "BROADWORKS", "OKTA"),
		complexAttr("owners", "Who owns the group.",
			text("value", 256, "The id of the owner.").exact(), text("display", 512, "The owner's name."),
			attr("primary", Boolean, "Whether this is the first owner.")).atMost(30),
		complexAttr("managedBy", "Who manages the group.",
			text("orgId", 64, "The organisation."), text("type", 64, "What the manager is."),
			text("id", 64, "The manager.").exact(), text("role", 64, "The manager's role.")).atMost(30),
		complexAttr("inheritances", "What members inherit.",
			text("type", 64, "What is inherited.").values("role"), text("value", 256, "Its name."),
			attr("nested", Boolean, "Whether nested groups inherit too."), text("scope", 256, "Where it applies.").many()).atMost(10),
		text("memberFilter", 8192, "The filter of a dynamic group.").atMost(1),
		complexAttr("meta", "Facts about the group.", attr("organizationID", String, "The organisation of the group.").readOnly()).readOnly(),
	}}
}
