package oauth

import (
	"slices"
	"strings"
)

// Scope is a right that a client may ask for, as the developer console lists it.
type Scope struct {
	Name    string
	Purpose string
	Admin   bool // useless unless the person is an administrator
	Contact bool // of the contact centre
	OpenID  bool // tells who signed in, and nothing more
}

// SCIM is the scope with which an administrator's token may provision.
const SCIM = "Identity:SCIM"

// applicationsToken allows asking for the tokens of service apps.
const applicationsToken = "spark:applications_token"

// Scopes lists what can be ticked, in the order of the console.
func Scopes() []Scope {
	return []Scope{
		{Name: "spark:people_read", Purpose: "Read the company directory"},
		{Name: "spark:people_write", Purpose: "Add and change people on behalf of a person"},
		{Name: "spark:kms", Purpose: "Read and write encrypted content"},
		{Name: "spark:applications_read", Purpose: "List applications of the organisation"},
		{Name: "spark:applications_write", Purpose: "Register and change applications"},
		{Name: applicationsToken, Purpose: "Get the tokens of authorised service apps"},
		{Name: SCIM, Purpose: "Provision users and groups with SCIM", Admin: true},
		{Name: "identity:people_read", Purpose: "Read users with SCIM 2.0", Admin: true},
		{Name: "identity:people_rw", Purpose: "Read and change users with SCIM 2.0", Admin: true},
		{Name: "identity:groups_read", Purpose: "Read groups", Admin: true},
		{Name: "identity:groups_rw", Purpose: "Read and change groups", Admin: true},
		{Name: "identity:organizations_read", Purpose: "Read settings and domains of the organisation", Admin: true},
		{Name: "identity:organizations_rw", Purpose: "Change settings and domains of the organisation", Admin: true},
		{Name: "identity:contacts_read", Purpose: "Read contacts of the organisation", Admin: true},
		{Name: "identity:contacts_rw", Purpose: "Read and change contacts of the organisation", Admin: true},
		{Name: "Identity:one_time_password", Purpose: "Make one-time passwords for people", Admin: true},
		{Name: "Identity:Organization", Purpose: "Read the organisation in the identity service", Admin: true},
		{Name: "spark-admin:people_read", Purpose: "Read people as an administrator", Admin: true},
		{Name: "spark-admin:people_write", Purpose: "Add, change and delete people, and assign licences", Admin: true},
		{Name: "spark-admin:licenses_read", Purpose: "Read licences and their use", Admin: true},
		{Name: "spark-admin:licenses_write", Purpose: "Change licence templates", Admin: true},
		{Name: "spark-admin:roles_read", Purpose: "Read the roles that people can have", Admin: true},
		{Name: "spark-admin:organizations_read", Purpose: "Read organisations", Admin: true},
		{Name: "spark-admin:organizations_write", Purpose: "Change organisations", Admin: true},
		{Name: "spark-admin:locations_read", Purpose: "Read locations", Admin: true},
		{Name: "spark-admin:resource_groups_read", Purpose: "Read resource groups", Admin: true},
		{Name: "spark-admin:resource_group_memberships_read", Purpose: "Read who is in resource groups", Admin: true},
		{Name: "spark-admin:resource_group_memberships_write", Purpose: "Change who is in resource groups", Admin: true},
		{Name: "audit:events_read", Purpose: "Read audit events of administrators and sign-ins", Admin: true},
		{Name: "cjp:user", Purpose: "Sign in as an agent or supervisor of the contact centre", Contact: true},
		{Name: "cjp:config", Purpose: "Read and change the configuration of the contact centre", Contact: true},
		{Name: "cjp:config_read", Purpose: "Read the configuration of the contact centre", Contact: true},
		{Name: "cjp:config_write", Purpose: "Change the configuration of the contact centre", Contact: true},
		{Name: "openid", OpenID: true, Purpose: "Sign people in: who they are"},
		{Name: "email", OpenID: true, Purpose: "The e-mail address of whoever signs in"},
		{Name: "profile", OpenID: true, Purpose: "The name of whoever signs in"},
		{Name: "phone", OpenID: true, Purpose: "The telephone number of whoever signs in"},
		{Name: "address", OpenID: true, Purpose: "The address of whoever signs in"},
	}
}

// openIDScopes may be asked for by every client, ticked or not: they tell of the person alone (OpenID Connect Core §5.4).
func openIDScopes() []string { return []string{"openid", "email", "profile", "phone", "address"} }

// untickedScopes are those that a client may ask for without having registered them.
func (s *Server) untickedScopes() []string {
	if s.Settings().TickedOpenID {
		return nil
	}
	return openIDScopes()
}

func knownScope(name string) bool {
	return slices.ContainsFunc(Scopes(), func(s Scope) bool { return s.Name == name })
}

func purposeOf(name string) string {
	for _, s := range Scopes() {
		if s.Name == name {
			return s.Purpose
		}
	}
	return ""
}

// splitScopes reads scopes divided by blanks (RFC 6749 §3.3), without repetition, in the order given.
func splitScopes(text string) []string {
	var scopes []string
	for name := range strings.FieldsSeq(text) {
		if !slices.Contains(scopes, name) {
			scopes = append(scopes, name)
		}
	}
	return scopes
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// AllScopes returns the names of all scopes but those of a sort.
func AllScopes(without func(Scope) bool) []string {
	var names []string
	for _, s := range Scopes() {
		if !without(s) {
			names = append(names, s.Name)
		}
	}
	return names
}
