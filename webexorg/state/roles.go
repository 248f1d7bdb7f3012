package state

import (
	"slices"
	"strings"

	"lockstep/scim"
)

// The roles of administrators, named as Webex's identity service does.
const (
	FullAdmin     = "id_full_admin"
	UserAdmin     = "id_user_admin"
	GroupAdmin    = "id_group_admin"
	ReadonlyAdmin = "id_readonly_admin"
	DeviceAdmin   = "id_device_admin"
)

// Role is what a person can be in an organisation.
type Role struct {
	ID   string
	Name string
}

// Roles lists what roles there are, those of the contact centre included.
func Roles() []Role {
	return []Role{
		{FullAdmin, "Full Administrator"}, {UserAdmin, "User Administrator"}, {GroupAdmin, "Group Administrator"},
		{ReadonlyAdmin, "Read-only Administrator"}, {DeviceAdmin, "Device Administrator"}, {"id_support_admin", "Support Administrator"},
		{"spark.compliance", "Compliance Officer"}, {"cjp.admin", "Contact Center Service Administrator"},
		{"cjp.supervisor", "Contact Center Supervisor"}, {"location_admin", "Location Administrator"}, {"site_admin", "Site Administrator"},
	}
}

// KnownRole returns the role with the id, in any case.
func KnownRole(id string) (Role, bool) {
	for _, r := range Roles() {
		if strings.EqualFold(r.ID, id) {
			return r, true
		}
	}
	return Role{}, false
}

// rolesOf returns the roles that a user's resource lists, sorted, and refuses those that cannot be given so.
func rolesOf(u scim.Object) ([]string, error) {
	list, _ := u.Get("roles").(scim.List)
	var roles []string
	for _, e := range list {
		role, _ := e.(scim.Object)
		value := role.Text("value")
		switch value {
		case "":
			continue
		case "location_admin", "site_admin":
			return nil, scim.ErrInvalidValue("roles: " + value + " cannot be given to a user here, as it is that of a location or site")
		}
		roles = append(roles, value)
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

// managedOf returns what a user manages elsewhere, as text to compare.
func managedOf(u scim.Object) string {
	ext, _ := u.Get(scim.CiscoUserURN).(scim.Object)
	var b []byte
	for _, name := range []string{"managedOrgs", "managedGroups", "managedSites"} {
		if v := ext.Get(name); v != nil {
			b = scim.AppendValue(b, v)
		}
	}
	return string(b)
}

// Principal is who calls: a person through a client, or a program in the name of an organisation.
type Principal struct {
	Org    *Org
	Person string   // id; "" for a program, which has every role
	Name   string   // for the audit
	Scopes []string // "*" is every one
}

// Allows reports whether the token has one of the scopes.
func (p Principal) Allows(scopes ...string) bool {
	return slices.ContainsFunc(p.Scopes, func(s string) bool { return s == "*" || slices.Contains(scopes, s) })
}

// Has reports whether the caller has one of the roles now.
func (p Principal) Has(roles ...string) bool {
	if p.Person == "" {
		return true
	}
	p.Org.u.mu.RLock()
	defer p.Org.u.mu.RUnlock()
	r := p.Org.find(userKind, p.Person)
	return r != nil && r.active && slices.ContainsFunc(r.roles, func(have string) bool { return slices.Contains(roles, have) })
}

// Manages reports whether the caller belongs to the organisation, or administrates it for a partner: full administrators of the
// partner do, and those whom it has assigned.
func (p Principal) Manages(o *Org) bool {
	if p.Org == o {
		return true
	}
	for _, partner := range o.Settings().Partners {
		if p.Org != nil && partner.Org == p.Org.id && (slices.Contains(partner.Admins, p.Person) || p.Has(FullAdmin)) {
			return true
		}
	}
	return false
}
