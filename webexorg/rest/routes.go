package rest

import (
	"net/http"
	"slices"
	"strings"

	"lockstep/webexorg/state"
)

// route is one call of the API.
type route struct {
	method string
	path   string   // relative to the base address, with {names}
	scopes []string // of which the token needs one; none is needed when there are none
	roles  []string // of which the caller needs one; nil lets everybody in
	list   bool     // answers a page of a list
	handle func(*request) error
}

// Who may do what.
var (
	readers    = []string{state.FullAdmin, state.UserAdmin, state.GroupAdmin, state.ReadonlyAdmin, state.DeviceAdmin, "id_support_admin"}
	userAdmins = []string{state.FullAdmin, state.UserAdmin}
	groupsRead = []string{state.FullAdmin, state.GroupAdmin, state.UserAdmin, state.ReadonlyAdmin, state.DeviceAdmin}
	groupAdmin = []string{state.FullAdmin, state.GroupAdmin}
	fullAdmins = []string{state.FullAdmin}
	centreRead = []string{state.FullAdmin, state.ReadonlyAdmin, "cjp.admin", "cjp.supervisor"}
	centreEdit = []string{state.FullAdmin, "cjp.admin"}
)

func routes() []route {
	return slices.Concat(peopleRoutes(), orgRoutes(), centreRoutes())
}

func peopleRoutes() []route {
	const read, write = "spark-admin:people_read", "spark-admin:people_write"
	groupRead := []string{"identity:groups_read", "identity:groups_rw"}
	groupWrite := []string{"identity:groups_rw"}
	return []route{
		{"GET", "/people", []string{read, write, "spark:people_read"}, nil, true, listPeople},
		{"POST", "/people", []string{write}, userAdmins, false, createPerson},
		{"GET", "/people/me", []string{read, write, "spark:people_read", "spark:people_write", "openid"}, nil, false, me},
		{"GET", "/people/{id}", []string{read, write, "spark:people_read"}, nil, false, getPerson},
		{"PUT", "/people/{id}", []string{write}, userAdmins, false, updatePerson},
		{"DELETE", "/people/{id}", []string{write}, userAdmins, false, deletePerson},

		{"GET", "/licenses", []string{"spark-admin:licenses_read", "spark-admin:licenses_write"}, readers, false, listLicences},
		{"GET", "/licenses/{id}", []string{"spark-admin:licenses_read", "spark-admin:licenses_write"}, readers, true, getLicence},
		{"PATCH", "/licenses/users", []string{write}, userAdmins, false, assignLicences},
		{"GET", "/organization/licenseTemplates", []string{"spark-admin:licenses_read", "spark-admin:licenses_write"}, readers, false, listTemplates},
		{"POST", "/organization/licenseTemplates", []string{"spark-admin:licenses_write"}, userAdmins, false, createTemplate},
		{"GET", "/organization/licenseTemplates/{id}", []string{"spark-admin:licenses_read", "spark-admin:licenses_write"}, readers, false, getTemplate},
		{"PUT", "/organization/licenseTemplates/{id}", []string{"spark-admin:licenses_write"}, userAdmins, false, updateTemplate},
		{"DELETE", "/organization/licenseTemplates/{id}", []string{"spark-admin:licenses_write"}, userAdmins, false, deleteTemplate},

		{"GET", "/roles", []string{"spark-admin:roles_read"}, readers, false, listRoles},
		{"GET", "/roles/{id}", []string{"spark-admin:roles_read"}, readers, false, getRole},

		{"POST", "/groups", groupWrite, groupAdmin, false, createGroup},
		{"GET", "/groups", groupRead, groupsRead, true, listGroups},
		{"GET", "/groups/{id}", groupRead, groupsRead, false, getGroup},
		{"PATCH", "/groups/{id}", groupWrite, groupAdmin, false, patchGroup},
		{"DELETE", "/groups/{id}", groupWrite, groupAdmin, false, deleteGroup},
		{"GET", "/groups/{id}/members", groupRead, groupsRead, true, groupMembers},

		{"GET", "/locations", []string{"spark-admin:locations_read", "spark-admin:locations_write"}, readers, true, listLocations},
		{"POST", "/locations", []string{"spark-admin:locations_write"}, fullAdmins, false, createLocation},
		{"GET", "/locations/{id}", []string{"spark-admin:locations_read", "spark-admin:locations_write"}, readers, false, getLocation},
		{"PUT", "/locations/{id}", []string{"spark-admin:locations_write"}, fullAdmins, false, updateLocation},
	}
}

func orgRoutes() []route {
	orgRead := []string{"spark-admin:organizations_read", "spark-admin:organizations_write"}
	idRead := []string{"identity:organizations_read", "identity:organizations_rw"}
	idWrite := []string{"identity:organizations_rw"}
	contactsRead, contactsWrite := []string{"identity:contacts_read", "identity:contacts_rw"}, []string{"identity:contacts_rw"}
	const org = "/identity/organizations/{org}"
	const contacts = "/contacts/organizations/{org}/contacts"
	return []route{
		{"GET", "/organizations", append(orgRead, "spark:organizations_read"), readers, false, listOrgs},
		{"GET", "/organizations/{id}", append(orgRead, "spark:organizations_read"), readers, false, getOrg},
		{"DELETE", "/organizations/{id}", []string{"spark-admin:organizations_write"}, fullAdmins, false, deleteOrg},

		{"GET", org, idRead, readers, false, getIdentityOrg},
		{"PATCH", org, idWrite, fullAdmins, false, patchIdentityOrg},
		{"POST", org + "/users/{user}/actions/generateOtp", []string{"Identity:one_time_password"}, userAdmins, false, oneTimePassword},
		{"POST", org + "/actions/getDomainVerificationToken", idWrite, fullAdmins, false, domainToken},
		{"POST", org + "/actions/verifyDomain", idWrite, fullAdmins, false, verifyDomain},
		{"POST", org + "/actions/claimDomain", idWrite, fullAdmins, false, claimDomain},
		{"POST", org + "/actions/unclaimDomain", idWrite, fullAdmins, false, unclaimDomain},
		{"POST", org + "/actions/unverifyDomain", idWrite, fullAdmins, false, unverifyDomain},
		{"POST", org + "/jobs/sendActivationEmails", []string{"spark-admin:people_write"}, userAdmins, false, startActivation},
		{"GET", org + "/jobs/sendActivationEmails/{job}/status", []string{"spark-admin:people_write", "spark-admin:people_read"}, readers, false, activationStatus},
		{"GET", org + "/jobs/sendActivationEmails/{job}/errors", []string{"spark-admin:people_write", "spark-admin:people_read"}, readers, false, activationErrors},
		{"GET", "/settings/organizations/{org}/settings/{key}", orgRead, readers, false, getSetting},
		{"POST", "/settings/organizations/{org}/settings", []string{"spark-admin:organizations_write"}, fullAdmins, false, putSetting},

		{"GET", "/adminAudit/events", []string{"audit:events_read"}, fullAdmins, true, auditEvents},
		{"GET", "/adminAudit/eventCategories", []string{"audit:events_read"}, fullAdmins, false, auditCategories},
		{"GET", "/admin/securityAudit/events", []string{"audit:events_read"}, fullAdmins, true, securityEvents},

		{"POST", contacts, contactsWrite, fullAdmins, false, createContact},
		{"GET", contacts + "/{id}", contactsRead, readers, false, getContact},
		{"PATCH", contacts + "/{id}", contactsWrite, fullAdmins, false, patchContact},
		{"DELETE", contacts + "/{id}", contactsWrite, fullAdmins, false, deleteContact},
		{"GET", contacts + "/search", contactsRead, readers, true, searchContacts},
		{"POST", contacts + "/bulk", contactsWrite, fullAdmins, false, bulkContacts},
		{"POST", contacts + "/bulk/delete", contactsWrite, fullAdmins, false, bulkDeleteContacts},

		{"GET", "/partner/organizations", orgRead, readers, false, partnerOrgs},
		{"GET", "/partner/organizations/{org}/partnerAdmins", []string{"spark-admin:organizations_read", "spark-admin:people_read"}, readers, false, partnerAdmins},
		{"POST", "/partner/organizations/{org}/partnerAdmin/{person}/assign", []string{"spark-admin:organizations_write"}, fullAdmins, false, assignPartnerAdmin},
		{"DELETE", "/partner/organizations/{org}/partnerAdmin/{person}/unassign", []string{"spark-admin:organizations_write"}, fullAdmins, false, unassignPartnerAdmin},

		{"DELETE", "/partner/organizations/partnerAdmin/{person}", []string{"spark-admin:organizations_write"}, fullAdmins, false, revokePartnerAdmin},
		{"GET", "/partner/tags", orgRead, readers, false, listTags},
		{"GET", "/partner/tags/organizations", orgRead, readers, false, orgsByTags},
		{"GET", "/partner/tags/organizations/{org}", orgRead, readers, false, tagsOfOrg},
		{"POST", "/partner/tags/organizations/{org}/assignTags", []string{"spark-admin:organizations_write"}, fullAdmins, false, assignTags},

		{"GET", "/resourceGroups", []string{"spark-admin:resource_groups_read"}, readers, false, listResourceGroups},
		{"GET", "/resourceGroups/{id}", []string{"spark-admin:resource_groups_read"}, readers, false, getResourceGroup},
	}
}

func centreRoutes() []route {
	read := []string{"cjp:config_read", "cjp:config", "cjp:user"}
	write := []string{"cjp:config_write", "cjp:config"}
	const org = "/organization/{org}"
	return []route{
		{"GET", org + "/user", read, centreRead, true, centreUsers},
		{"GET", org + "/v2/user", read, centreRead, true, centreUsers},
		{"GET", org + "/user/by-ci-user-id/{id}", read, centreRead, false, centreUserByPerson},
		{"GET", org + "/v2/user/by-ci-user-id/{id}", read, centreRead, false, centreUserByPerson},
		{"GET", org + "/user/{id}", read, centreRead, false, centreUser},
		{"PUT", org + "/user/{id}", write, centreEdit, false, putCentreUser},
		{"PATCH", org + "/user/{id}", write, centreEdit, false, patchCentreUser},
		{"PATCH", org + "/user/bulk", write, centreEdit, false, patchCentreUsers},
		{"GET", org + "/user/with-user-profile", read, centreRead, true, centreUsersWithProfile},
		{"GET", org + "/user/with-user-profile/{id}", read, centreRead, false, centreUserWithProfileByID},
		{"POST", org + "/user/fetch-user-details-by-ids", read, centreRead, false, centreUsersByIDs},
		{"GET", org + "/team", read, centreRead, true, centreTeams},
		{"GET", org + "/v2/team", read, centreRead, true, centreTeams},
		{"POST", org + "/team", write, centreEdit, false, createTeam},
		{"GET", org + "/team/{id}", read, centreRead, false, centreTeam},
		{"PUT", org + "/team/{id}", write, centreEdit, false, putTeam},
		{"DELETE", org + "/team/{id}", write, centreEdit, false, deleteTeam},
		{"GET", org + "/v3/user-profile", read, centreRead, true, centreProfiles},
		{"GET", org + "/v3/user-profile/{id}", read, centreRead, false, centreProfile},
		{"POST", org + "/v3/user-profile", write, centreEdit, false, createProfile},
		{"PUT", org + "/v3/user-profile/{id}", write, centreEdit, false, putProfile},
		{"DELETE", org + "/v3/user-profile/{id}", write, centreEdit, false, deleteProfile},
		{"POST", org + "/site", write, centreEdit, false, createSite},
		{"PUT", org + "/site/{id}", write, centreEdit, false, putSite},
		{"DELETE", org + "/site/{id}", write, centreEdit, false, deleteSite},
		{"GET", org + "/site", read, centreRead, true, centreSites},
		{"GET", org + "/v2/site", read, centreRead, true, centreSites},
		{"GET", org + "/site/{id}", read, centreRead, false, centreSite},
	}
}

// table finds routes by the segments of a path.
type table struct {
	routes []route
	parts  [][]string
}

func newTable() *table {
	t := &table{routes: routes()}
	for _, r := range t.routes {
		t.parts = append(t.parts, strings.Split(strings.Trim(r.path, "/"), "/"))
	}
	return t
}

// Target is the route that a request takes.
type Target struct {
	Name    string // of the route, for counters: ids are left out
	List    bool   // it answers a page of a list
	route   *route
	vars    map[string]string
	allowed []string // methods, when the path is known and the method is not
}

// Route finds the route of a request.
func (f *Face) Route(r *http.Request) Target {
	path := strings.TrimPrefix(strings.Trim(r.URL.Path, "/"), "v1/")
	parts := strings.Split(path, "/")
	best := Target{Name: "other"}
	fixed := -1
	for i := range f.table.routes {
		vars, literal, ok := match(f.table.parts[i], parts)
		if !ok || literal < fixed {
			continue
		}
		route := &f.table.routes[i]
		if literal > fixed {
			fixed, best = literal, Target{Name: route.path}
		}
		best.allowed = append(best.allowed, route.method)
		if route.method == r.Method || r.Method == http.MethodHead && route.method == http.MethodGet {
			best.route, best.vars, best.List, best.Name = route, vars, route.list, route.path
		}
	}
	return best
}

// match compares a pattern with a path. literal counts the segments that are no names: the more, the better the match.
func match(pattern, path []string) (vars map[string]string, literal int, ok bool) {
	if len(pattern) != len(path) {
		return nil, 0, false
	}
	for i, p := range pattern {
		switch {
		case strings.HasPrefix(p, "{"):
			if path[i] == "" {
				return nil, 0, false
			}
			if vars == nil {
				vars = map[string]string{}
			}
			vars[strings.Trim(p, "{}")] = path[i]
		case p != path[i]:
			return nil, 0, false
		default:
			literal++
		}
	}
	return vars, literal, true
}

// Org returns the organisation that the path names, or nil.
func (t Target) Org(u *state.Universe) *state.Org {
	if t.vars["org"] == "" {
		return nil
	}
	return u.Org(uuidOf(t.vars["org"], orgKind))
}

// Filtered reports whether the request looks for something, rather than asks for a page of all.
func (t Target) Filtered(r *http.Request) bool {
	q := r.URL.Query()
	return slices.ContainsFunc([]string{"filter", "email", "displayName", "id", "search", "keyword"}, q.Has)
}
