package webexorg

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// parameterValues are values of published query parameters, for any call, or for the one that is named before the parameter.
func parameterValues() map[string]string {
	org := restID("ORGANIZATION", sampleOrg)
	return map[string]string{
		"orgId": org, "email": "agent@example.com", "displayName": "Agent", "id": personID(sampleAgent), "roles": restID("ROLE", "id_full_admin"),
		"callingData": "true", "max": "10", "excludeStatus": "true", "attributes": "displayName", "excludedAttributes": "externalId", "sortOrder": "descending",
		"includeMembers": "true", "startIndex": "1", "count": "5", "memberType": "user", "includeAssignedTo": "user", "limit": "10", "keyword": "x", "source": "CH",
		"groupIds": sampleGroup, "managedBy": restID("PEOPLE", sampleAdmin), "tags": "a", "personId": personID(sampleAdmin), "personEmail": "admin@example.com",
		"from": "2026-01-01T00:00:00.000Z", "to": "2100-01-01T00:00:00.000Z", "startTime": "2026-01-01T00:00:00.000Z", "endTime": "2100-01-01T00:00:00.000Z",
		"actorId": personID(sampleAdmin), "offset": "0", "returnGroups": "true", "includeGroupDetails": "true", "groupUsageTypes": "location",
		"page": "0", "pageSize": "5", "search": "agent", "type": "ORGANIZATION", "provisioningView": "true", "singleObjectResponse": "true", "supervisorView": "true",
		"supervisorManagedAgentsOnly": "false", "buddyTeamAgentsOnly": "false", "userInQueue": "false", "queueId": "q", "includeAIMappingCount": "false",
		"includeDynamicSkillsLimitReached": "false", "includeUserProfile": "true", "includeNames": "true", "includeCount": "true", "includeUserProfileType": "true",
		"includeSkillProfileAudit": "false", "includeReskillAuditInfo": "false", "includeSkillDetails": "false",
		"filter": `id=="x"`,

		"GET /groups filter": `displayName eq "Sales"`, "GET /groups sortBy": "displayName", "GET /groups sortOrder": "descending",
		"GET /identity/scim/{orgId}/v2/Users filter": `userName eq "agent@example.com"`, "GET /identity/scim/{orgId}/v2/Users sortBy": "userName",
		"GET /identity/scim/{orgId}/v2/Groups filter": `displayName eq "Sales"`, "GET /identity/scim/{orgId}/v2/Groups sortBy": "displayName",
		"GET /identity/scim/{orgId}/v2/Groups excludedAttributes": "members", "GET /identity/scim/{orgId}/v2/Groups/{groupId} excludedAttributes": "members",
	}
}

// requiredParameters must be there whichever parameter is tried.
var requiredParameters = map[string][]string{
	"GET /adminAudit/events": {"orgId", "from", "to"}, "GET /admin/securityAudit/events": {"orgId", "startTime", "endTime"},
	"GET /partner/organizations": {"managedBy"}, "GET /partner/tags": {"type"}, "GET /partner/tags/organizations": {"tags"},
}

// TestPublishedParameters gives each published query parameter of a call that reads, one by one and all together: the answer is as
// published, and none is taken for a mistake. What a parameter does, other tests show.
func TestPublishedParameters(t *testing.T) {
	s := newSample(t, Config{})
	location := into[struct{ ID string }](t, s.call(201, "POST", "/v1/locations", denver)).ID
	job := into[struct{ JobExecutionID, ID string }](t, s.call(202, "POST", "/identity/organizations/"+sampleOrg+"/jobs/sendActivationEmails", "{}"))
	path := strings.NewReplacer("{orgId}", sampleOrg, "{orgid}", sampleOrg, "/groups/{groupId}", "/groups/"+restID("SCIM_GROUP", sampleGroup+":"+sampleOrg),
		"{groupId}", sampleGroup, "{licenseId}", licenceID("BC_1"), "{personId}", personID(sampleAgent), "{jobId}", job.ID,
		"/user/by-ci-user-id/{id}", "/user/by-ci-user-id/"+sampleAgent, "/user/{id}", "/user/agent-1", "/user-profile/{id}", "/user-profile/profile-1")
	values := parameterValues()
	values["locationId"] = location
	signedIn := s.as(sampleAdmin, "spark:people_read spark-admin:people_read")
	tried := 0
	for _, op := range s.published.operations {
		if len(op.Query) == 0 || leftOut[op.Operation] != "" {
			continue
		}
		by := s
		if strings.Contains(op.Operation, "/authorizations") || strings.HasSuffix(op.Operation, "/me") {
			by = signedIn
		}
		value := func(name string) string {
			if v := values[op.Operation+" "+name]; v != "" {
				return v
			}
			return values[name]
		}
		ask := func(names ...string) {
			query := map[string]string{}
			for _, name := range append(slices.Clone(names), requiredParameters[op.Operation]...) {
				query[name] = value(name)
			}
			var pairs []string
			for _, name := range slices.Sorted(maps.Keys(query)) {
				pairs = append(pairs, name+"="+query[name])
			}
			at := path.Replace(strings.TrimPrefix(op.Operation, "GET "))
			if at == strings.TrimPrefix(op.Operation, "GET ") && !strings.HasPrefix(at, "/identity") && !strings.HasPrefix(at, "/organization/") {
				at = "/v1" + at
			}
			tried++
			by.call(200, "GET", at+"?"+strings.Join(pairs, "&"), "")
		}
		var known []string
		for _, name := range op.Query {
			if value(name) == "" {
				if !unknownParameters[op.Operation+" "+name] && !unknownParameters[name] {
					t.Errorf("%s: no value for the parameter %s is known", op.Operation, name)
				}
				continue
			}
			known = append(known, name)
			ask(name)
		}
		if op.Operation != "GET /people" { // which takes one of email, displayName and id
			if slices.Contains(known, "attributes") { // those who name what they want do not name what they do not (RFC 7644 §3.9)
				known = slices.DeleteFunc(known, func(name string) bool { return name == "excludedAttributes" })
			}
			ask(known...)
		}
	}
	if tried < 100 {
		t.Errorf("only %d calls were made", tried)
	}
}

// unknownParameters are of no use alone: cursors, and what only names values that come from an answer.
var unknownParameters = map[string]bool{"next": true, "eventCategories": true}
