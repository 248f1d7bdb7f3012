package operate

import (
	"slices"
	"strings"

	"lockstep/token"
)

// Role is a bundle of rights that an administrator can have. "" is rights that are spelled out.
type Role string

// The roles.
const (
	RoleOwner       Role = "owner"        // everything
	RoleOperator    Role = "operator"     // the daily work: everything but sign-in, administrators and what only an owner may give
	RoleAuditor     Role = "auditor"      // reads everything; secrets are shown to nobody
	RoleAppOperator Role = "app-operator" // the apps and sources that are named
	// RoleUserManagement is what Eleveo calls user-management-admin: identity providers, federations, users, groups, roles, provider clients,
	// settings and events.
	RoleUserManagement Role = "user-management-admin"
)

// RoleBundle is what a role is for.
type RoleBundle struct {
	Role   Role
	Name   string
	Help   string
	Scopes string // "" is for the apps that are named
}

// Roles are all roles, with most rights first.
func Roles() []RoleBundle {
	return []RoleBundle{
		{RoleOwner, "Owner", "Everything, administrators and sign-in, too.", "*:*"},
		{RoleUserManagement, "User management", "People, sources, sign-in, administrators and settings. Who may change identity providers can, in the end, become anybody.",
			"admins:write apps:write audit:read people:write settings:write signin:write tokens:read"},
		{RoleOperator, "Operator", "Apps, sources, people, SCIM clients and notifications. Not sign-in, and not administrators.",
			"admins:read apps:write audit:read people:write scim:write settings:write signin:read tokens:write"},
		{RoleAppOperator, "App operator", "The apps and sources that are named, and nothing else. They can look people up.", ""},
		{RoleAuditor, "Auditor", "Reads everything, the audit log, too, and changes nothing.", "api:read"},
	}
}

// Word is how people call the role.
func (r Role) Word() string {
	for _, one := range Roles() {
		if one.Role == r {
			return one.Name
		}
	}
	return "Rights of their own"
}

// scopes are the rights of a role; an app operator's are those to the apps.
func (r Role) scopes(apps []string) (token.Scopes, error) {
	for _, one := range Roles() {
		if one.Role != r {
			continue
		}
		if r != RoleAppOperator {
			if len(apps) > 0 {
				return nil, invalidIn("apps", "Only an app operator is for named apps.")
			}
			return token.ParseScopes(one.Scopes)
		}
		if len(apps) == 0 {
			return nil, invalidIn("apps", "Name the apps and sources that the app operator is for.")
		}
		all := []string{string(PeopleRead)}
		for _, name := range apps {
			all = append(all, string(AppsWrite.At(name)))
		}
		return token.ParseScopes(strings.Join(all, " "))
	}
	var names []string
	for _, one := range Roles() {
		names = append(names, string(one.Role))
	}
	return nil, invalidIn("role", "There is no role “"+clip(string(r))+"”; there are: "+strings.Join(names, ", ")+".")
}

// appsOf are the apps that rights name.
func appsOf(all token.Scopes) []string {
	var names []string
	for _, s := range all {
		if n := s.Name(); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// joined are the rights of both.
func joined(a, b token.Scopes) token.Scopes {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
