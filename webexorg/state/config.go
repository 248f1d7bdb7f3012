package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// OrgConfig says what an organisation is like, people and groups apart. In a seed file and in the journal it is JSON.
type OrgConfig struct {
	ID      string   `json:"id"`                // a UUID; "" makes one
	Name    string   `json:"name"`              //
	Region  string   `json:"region,omitempty"`  // where it has its home: "us", "eu", "gov"; "" is everywhere
	Domains []string `json:"domains"`           // verified, in lower case
	Claimed []string `json:"claimed,omitempty"` // those of Domains that are claimed, too
	Enforce bool     `json:"enforce"`           // refuse users whose name is not in one of the domains

	Language string            `json:"language,omitempty"` // such as en_US
	Asked    map[string]string `json:"asked,omitempty"`    // tokens of domains that are to be verified, by domain
	Settings map[string]bool   `json:"settings,omitempty"` // such as allow-admin-invite-emails; what is absent has its default
	Sync     SyncSource        `json:"sync,omitempty"`     // the directory that users and groups are synchronised from
	Limits   OrgLimits         `json:"limits,omitzero"`
	Life     Life              `json:"life,omitzero"`
	Assume   Assumed           `json:"assume,omitzero"`

	Licences   []Licence  `json:"licences,omitempty"`
	Templates  []Template `json:"templates,omitempty"`
	Locations  []Location `json:"locations,omitempty"`
	EveryGroup bool       `json:"every_group,omitempty"` // has the built-in group "All Org Users"
	Partners   []Partner  `json:"partners,omitempty"`    // organisations whose administrators manage this one
	Resources  []Resource `json:"resources,omitempty"`   // resource groups of hybrid services

	Descriptions map[string]string `json:"descriptions,omitempty"` // of groups, by id

	Created  int64 `json:"created,omitempty"`  // milliseconds of the Unix epoch
	Modified int64 `json:"modified,omitempty"` //
}

// SyncSource is what an organisation's directory synchronisation comes from.
type SyncSource string

// The sources, as provisionSource names them.
const (
	SyncNone      SyncSource = ""
	SyncEntra     SyncSource = "AAD"
	SyncConnector SyncSource = "AD" // Directory Connector
	SyncOkta      SyncSource = "OKTA"
)

// OrgLimits bounds what an organisation may have. 0 is no limit.
type OrgLimits struct {
	Users   int `json:"users,omitempty"`
	Groups  int `json:"groups,omitempty"`
	Members int `json:"members,omitempty"` // of a group; 0 is 250,000
}

// Life says how long accounts stay in a state. Days of 0 are for ever, but for Deleted, of which 0 is not at all.
type Life struct {
	DeletedDays  int  `json:"deleted_days,omitempty"`  // a deleted user is kept so long, and the address is nobody else's
	InactiveDays int  `json:"inactive_days,omitempty"` // then an inactive user of a cloud directory is deleted
	PendingDays  int  `json:"pending_days,omitempty"`  // then a user who never signed in is deleted; not in a synchronised organisation
	Pending      bool `json:"pending,omitempty"`       // whoever is of no verified domain is pending until they first sign in
}

// Assumed has a switch for each fact about Webex that no document states, or that documents state in two ways. The zero value
// is what seems likelier. docs/webex.md lists them.
type Assumed struct {
	BulkCapital     bool `json:"bulk_capital,omitempty"`      // answers of Bulk name their list "Operations", not "operations"
	BulkTextStatus  bool `json:"bulk_text_status,omitempty"`  // statuses in them are texts, not numbers
	ScimMedia       bool `json:"scim_media,omitempty"`        // SCIM answers are application/scim+json whatever the client accepts
	BulkTooLarge    bool `json:"bulk_too_large,omitempty"`    // more than 100 operations get 413, not 400
	DomainForbidden bool `json:"domain_forbidden,omitempty"`  // a user of an unverified domain gets 403, not 400
	GroupsById      bool `json:"groups_by_id,omitempty"`      // GET of a user has groups without being asked
	ScopeApart      bool `json:"scope_apart,omitempty"`       // the scope Identity:SCIM opens the older base alone, not SCIM 2's
	OldNames        bool `json:"old_names,omitempty"`         // licences have the names from before 2026-01-26
	FlagsAsText     bool `json:"flags_as_text,omitempty"`     // invitePending and loginEnabled are "true" and "false", as published
	NoPartial       bool `json:"no_partial,omitempty"`        // licences that cannot all be assigned get 400 and none, not 206
	NoTemplates     bool `json:"no_templates,omitempty"`      // there is no API for licence templates
	KeepTokens      bool `json:"keep_tokens,omitempty"`       // a change of roles leaves tokens alone
	GroupNamesTwice bool `json:"group_names_twice,omitempty"` // two groups may have one name
	LastAdmin       bool `json:"last_admin,omitempty"`        // the last full administrator can be deleted
	OwnPrimary      bool `json:"own_primary,omitempty"`       // the primary work address may be another one than the user name
	LimitsInvalid   bool `json:"limits_invalid,omitempty"`    // one user or group too many gets 400, not 403
	StrictUserinfo  bool `json:"strict_userinfo,omitempty"`   // user-info of SCIM 1 needs a scope to read people, those of sign-in are not enough
	NoDiscovery     bool `json:"no_discovery,omitempty"`      // there is no /ServiceProviderConfig and no /ResourceTypes
	BareErrors      bool `json:"bare_errors,omitempty"`       // SCIM errors have Webex's part alone, without detail and scimType
	NoErrorCodes    bool `json:"no_error_codes,omitempty"`    // of the numbers in SCIM errors there is only the one that was seen, 200016
	GroupsEqOnly    bool `json:"groups_eq_only,omitempty"`    // SCIM groups are searched with eq alone, not with sw
	SearchContains  bool `json:"search_contains,omitempty"`   // whatever can be searched with sw can be with co
	LargePages      bool `json:"large_pages,omitempty"`       // a page of SCIM has up to 1,000 resources, not 500
	ManyMembers     bool `json:"many_members,omitempty"`      // one request may name more than 500 members
	UserTypeNeeded  bool `json:"user_type_needed,omitempty"`  // a new user needs a userType, as the reference says
	AnyManager      bool `json:"any_manager,omitempty"`       // a manager who is none of the organisation is taken, and not shown by name
	ForeignUnknown  bool `json:"foreign_unknown,omitempty"`   // another organisation is 404, not 403
	TakenInvalid    bool `json:"taken_invalid,omitempty"`     // POST /people with an address that is taken gets 400, not 409
	EmptyLastPage   bool `json:"empty_last_page,omitempty"`   // lists of REST end with an empty page that the last full one leads to
}

// Location is a place of Webex Calling. It is a group, too.
type Location struct {
	ID    string `json:"id"`    // a UUID
	Name  string `json:"name"`  //
	Group string `json:"group"` // the id of its group

	TimeZone     string  `json:"time_zone,omitempty"` // such as America/Chicago
	Language     string  `json:"language,omitempty"`  // of mails, such as en_us
	Announcement string  `json:"announcement_language,omitempty"`
	Address      Address `json:"address,omitzero"`
	Latitude     string  `json:"latitude,omitempty"`
	Longitude    string  `json:"longitude,omitempty"`
	Notes        string  `json:"notes,omitempty"`
}

// Address is a postal address, with Webex's names.
type Address struct {
	Address1   string `json:"address1,omitempty"`
	Address2   string `json:"address2,omitempty"`
	City       string `json:"city,omitempty"`
	State      string `json:"state,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
	Country    string `json:"country,omitempty"` // ISO 3166, two letters
}

// Partner is an organisation that manages another.
type Partner struct {
	Org  string   `json:"org"`
	Tags []string `json:"tags,omitempty"`
	// Admins are people of the partner who manage this organisation, by id.
	Admins []string `json:"admins,omitempty"`
}

// Resource is a resource group of hybrid services.
type Resource struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// clone returns a copy that shares nothing.
func clone[T any](v *T) *T {
	text, err := json.Marshal(v)
	into := new(T)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic(err) //nolint:forbidigo // a struct of plain values: a test shows it
	}
	return into
}

// check refuses what cannot be, and brings names into their canonical form.
func (c *OrgConfig) check() error {
	c.Domains, c.Claimed = foldAll(c.Domains), foldAll(c.Claimed)
	for _, d := range c.Claimed {
		if !slices.Contains(c.Domains, d) {
			return fmt.Errorf("the domain %s is claimed and not verified", d)
		}
	}
	seen := map[string]bool{}
	for i := range c.Licences {
		if err := c.Licences[i].check(); err != nil {
			return err
		}
		if id := c.Licences[i].ID; seen[id] {
			return fmt.Errorf("two licences have the id %s", id)
		}
		seen[c.Licences[i].ID] = true
	}
	for _, t := range c.Templates {
		for _, id := range t.Licences {
			if !seen[id] {
				return fmt.Errorf("the template %q names the licence %s, which is not there", t.Name, id)
			}
		}
	}
	switch c.Sync {
	case SyncNone, SyncEntra, SyncConnector, SyncOkta:
		return nil
	}
	return fmt.Errorf("unknown source of synchronisation %q", c.Sync)
}

// Setting returns the value of a setting; known is false when Webex has none of that key.
func (c *OrgConfig) Setting(key string) (value, known bool) {
	if key != InviteEmails {
		return false, false
	}
	value, set := c.Settings[key]
	return value || !set, true
}

// InviteEmails is the setting that has Webex send invitations on its own. It is on unless it was switched off.
const InviteEmails = "allow-admin-invite-emails"

// verified reports whether the address is in a domain that the organisation has verified.
func (c *OrgConfig) verified(address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	return slices.Contains(c.Domains, fold(domain))
}

// licence returns the licence with the id, or nil.
func (c *OrgConfig) licence(id string) *Licence {
	for i := range c.Licences {
		if strings.EqualFold(c.Licences[i].ID, id) {
			return &c.Licences[i]
		}
	}
	return nil
}
