package webexorg

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// idOf takes the name out of an id of the REST API.
func idOf(t *testing.T, id string) string {
	t.Helper()
	plain, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(plain), "/")
	return parts[len(parts)-1]
}

type restGroup struct {
	ID, DisplayName, Description string
	MemberSize                   int
	Members                      []struct{ ID, Type, DisplayName string }
}

func TestGroupsREST(t *testing.T) {
	s := newSample(t, Config{})
	made := into[restGroup](t, s.call(201, "POST", "/v1/groups", `{"displayName":"Team","description":"A team","members":[{"id":"`+personID(samplePlain)+`"}]}`))
	if made.MemberSize != 1 || made.Description != "A team" || made.Members[0].Type != "user" || made.Members[0].ID != personID(samplePlain) ||
		!strings.HasSuffix(idOf(t, made.ID), ":"+sampleOrg) {
		t.Errorf("%+v", made)
	}
	at := "/v1/groups/" + made.ID
	s.call(409, "POST", "/v1/groups", `{"displayName":"TEAM"}`)
	s.call(400, "POST", "/v1/groups", `{}`)
	s.call(400, "POST", "/v1/groups", `{"displayName":"x","members":[{"id":"`+personID(scimID())+`"}]}`)
	// One PATCH may add and delete; members that it does not name stay.
	patched := into[restGroup](t, s.call(200, "PATCH", at, `{"displayName":"Crew","members":[{"id":"`+personID(sampleAgent)+`","operation":"add"},
		{"id":"`+personID(samplePlain)+`","operation":"delete"},{"id":"`+personID(sampleAdmin)+`"}]}`))
	if patched.DisplayName != "Crew" || patched.MemberSize != 2 || patched.Description != "A team" {
		t.Errorf("%+v", patched)
	}
	type list struct {
		TotalResults, StartIndex, ItemsPerPage int
		Groups                                 []restGroup
	}
	for query, want := range map[string]int{
		"": 2, `filter=displayName sw "cr"`: 1, `filter=display_name eq "Crew"`: 1, "startIndex=2&count=1": 1, "startIndex=9": 0, "sortBy=displayName&sortOrder=descending": 2,
	} {
		if got := into[list](t, s.call(200, "GET", "/v1/groups?"+query, "")); len(got.Groups) != want || got.ItemsPerPage != want {
			t.Errorf("%s: %+v", query, got)
		}
	}
	for _, bad := range []string{`filter=displayName co "x"`, "sortBy=created", "count=x"} {
		s.call(400, "GET", "/v1/groups?"+bad, "")
	}
	if page := into[restGroup](t, s.call(200, "GET", at+"/members?startIndex=2&count=5", "")); len(page.Members) != 1 || page.MemberSize != 2 {
		t.Errorf("%+v", page)
	}
	s.call(200, "GET", at+"?includeMembers=true", "")

	// The group of all users is in SCIM and not here.
	scim := s.call(200, "GET", `/identity/scim/`+sampleOrg+`/v2/Groups?filter=displayName eq "All Org Users"&includeMembers=true`, "")
	all := into[struct {
		Resources []struct {
			ID      string
			Members []struct{ Value string }
		}
	}](t, scim)
	if len(all.Resources) != 1 || len(all.Resources[0].Members) != 4 {
		t.Fatalf("%s", scim.text)
	}
	s.call(404, "GET", "/v1/groups/"+restID("SCIM_GROUP", all.Resources[0].ID+":"+sampleOrg), "")
	s.call(403, "DELETE", "/identity/scim/"+sampleOrg+"/v2/Groups/"+all.Resources[0].ID, "")
	s.call(403, "PATCH", "/identity/scim/"+sampleOrg+"/v2/Groups/"+all.Resources[0].ID,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"members","value":[]}]}`)

	// What a directory synchronises is read-only here, until synchronisation ends.
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"sync":"AAD"}`, nil)
	synced := into[struct{ ID string }](t, s.call(201, "POST", "/identity/scim/"+sampleOrg+"/v2/Groups", `{"displayName":"Synced"}`))
	there := "/v1/groups/" + restID("SCIM_GROUP", synced.ID+":"+sampleOrg)
	s.call(403, "PATCH", there, `{"displayName":"x"}`)
	s.call(403, "DELETE", there, "")
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"sync":""}`, nil)
	s.call(200, "PATCH", there, `{"displayName":"Local now"}`)
	s.call(204, "DELETE", there, "")
	s.call(204, "DELETE", at, "")
	s.call(404, "GET", at, "")
}

func TestDomains(t *testing.T) {
	s := newSample(t, Config{})
	at := "/identity/organizations/" + sampleOrg + "/actions/"
	s.call(400, "POST", at+"verifyDomain", `{"domain":"example.org"}`) // no token was asked for
	token := into[struct{ Token, VerificationMethod string }](t, s.call(200, "POST", at+"getDomainVerificationToken", `{"domain":"Example.org"}`))
	if token.Token == "" || token.VerificationMethod != "DNS_TXT" {
		t.Errorf("%+v", token)
	}
	type domains struct{ VerifiedDomains, ClaimedDomains []string }
	got := into[domains](t, s.call(200, "POST", at+"verifyDomain", `{"domain":"example.org"}`))
	if !slices.Equal(got.VerifiedDomains, []string{"example.com", "example.org"}) || len(got.ClaimedDomains) > 0 {
		t.Errorf("%+v", got)
	}
	s.call(200, "POST", "/v1/people", `{"emails":["x@example.org"],"displayName":"x"}`)
	s.call(400, "POST", at+"claimDomain", `{"data":[{"domain":"example.net"}]}`)
	s.call(200, "POST", at+"claimDomain", `{"data":[{"domain":"example.org"}]}`)
	s.call(400, "POST", at+"unverifyDomain", `{"domain":"example.org"}`)              // claimed still
	s.call(409, "POST", at+"getDomainVerificationToken", `{"domain":"example.org"}`)  // claimed already
	s.call(204, "POST", at+"unclaimDomain", `{"domain":"example.org"}`)               //
	s.call(404, "POST", at+"unclaimDomain", `{"domain":"example.org"}`)               //
	s.call(200, "POST", at+"unverifyDomain", `{"domain":"example.org"}`)              //
	s.call(404, "POST", at+"unverifyDomain", `{"domain":"example.org"}`)              //
	s.call(400, "POST", at+"getDomainVerificationToken", `{"domain":"not a domain"}`) //
	s.call(400, "POST", "/v1/people", `{"emails":["y@example.org"],"displayName":"y"}`)
	// A domain that two organisations have verified can be claimed by neither.
	other, err := s.u.AddOrg(OrgConfig{Name: "Rival", Domains: []string{"shared.example", "taken.example"}, Claimed: []string{"taken.example"}})
	if err != nil {
		t.Fatal(err)
	}
	s.call(200, "POST", at+"getDomainVerificationToken", `{"domain":"shared.example"}`)
	s.call(409, "POST", at+"verifyDomain", `{"domain":"shared.example","claimDomain":true}`)
	s.call(200, "POST", at+"verifyDomain", `{"domain":"shared.example"}`)
	s.call(409, "POST", at+"claimDomain", `{"data":[{"domain":"shared.example"}]}`)
	s.call(409, "POST", at+"getDomainVerificationToken", `{"domain":"taken.example"}`)
	if c := s.u.Org(sampleOrg).Config(); len(c.Claimed) > 0 || len(other.Config().Claimed) != 1 {
		t.Errorf("%v", c.Claimed)
	}
}

func TestOrganisations(t *testing.T) {
	s := newSample(t, Config{})
	id := restID("ORGANIZATION", sampleOrg)
	list := into[struct {
		Items []struct{ ID, DisplayName string }
	}](t, s.call(200, "GET", "/v1/organizations", ""))
	if len(list.Items) != 1 || list.Items[0].ID != id {
		t.Errorf("%+v", list)
	}
	s.call(200, "GET", "/v1/organizations/"+id, "")
	s.call(404, "GET", "/v1/organizations/"+restID("ORGANIZATION", scimID()), "")
	s.call(409, "DELETE", "/v1/organizations/"+id, "") // people, subscriptions
	at := "/identity/organizations/" + sampleOrg
	s.call(200, "GET", at, "")
	s.call(400, "PATCH", at, `{"displayName":"x"}`)
	s.call(200, "PATCH", at, `{"schemas":["urn:cisco:codev:identity:organization:core:1.0"],"displayName":"Renamed","preferredLanguage":"en_US"}`)
	if c := s.u.Org(sampleOrg).Config(); c.Name != "Renamed" || c.Language != "en_US" {
		t.Errorf("%+v", c.Name)
	}
	s.call(200, "POST", at+"/users/"+samplePlain+"/actions/generateOtp", "{}")
	s.call(404, "POST", at+"/users/"+scimID()+"/actions/generateOtp", "{}")
	settings := "/settings/organizations/" + sampleOrg + "/settings"
	s.call(200, "GET", settings+"/allow-admin-invite-emails", "")
	s.call(404, "GET", settings+"/other", "")
	s.call(400, "POST", settings, `{"key":"other","value":true}`)
	if got := into[struct{ Value bool }](t, s.call(200, "POST", settings, `{"key":"allow-admin-invite-emails","value":false}`)); got.Value {
		t.Error("the setting has not changed")
	}
	s.call(200, "GET", "/v1/roles", "")
	s.call(200, "GET", "/v1/roles/"+restID("ROLE", "id_full_admin"), "")
	s.call(404, "GET", "/v1/roles/"+restID("ROLE", "none"), "")
}

// TestActivation: whoever is pending gets a mail, and not another within a day.
func TestActivation(t *testing.T) {
	c := newClock()
	s := newSample(t, Config{Now: c.Now})
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"enforce":false}`, nil)
	made := into[restPerson](t, s.call(200, "POST", "/v1/people", `{"emails":["guest@elsewhere.example"],"displayName":"Guest"}`))
	if made.Status != "pending" || !*made.InvitePending {
		t.Fatalf("%+v", made)
	}
	at := "/identity/organizations/" + sampleOrg + "/jobs/sendActivationEmails"
	type job struct {
		ID     string
		Counts struct{ UserResendInviteSent, UserResendInviteSkipped, TotalUsers int }
		Latest string `json:"latestExecutionStatus"`
	}
	first := into[job](t, s.call(202, "POST", at, ""))
	if done := into[job](t, s.call(200, "GET", at+"/"+first.ID+"/status", "")); done.Counts.UserResendInviteSent != 1 || done.Latest != "COMPLETED" {
		t.Errorf("%+v", done)
	}
	second := into[job](t, s.call(202, "POST", at, ""))
	if done := into[job](t, s.call(200, "GET", at+"/"+second.ID+"/status", "")); done.Counts.UserResendInviteSkipped != 1 {
		t.Errorf("%+v", done)
	}
	if errs := s.call(200, "GET", at+"/"+second.ID+"/errors", ""); !strings.Contains(errs.text, "ATLAS-600199") {
		t.Error(errs.text)
	}
	s.call(404, "GET", at+"/"+first.ID+"/status", "") // one job an organisation
	control[struct{}](s.peer, 204, "POST", "/control/orgs/"+sampleOrg+"/people/"+idOf(t, made.ID)+"/sign-in", "{}", nil)
	if now := into[restPerson](t, s.call(200, "GET", "/v1/people/"+made.ID, "")); now.Status != "active" || *now.InvitePending {
		t.Errorf("after the first sign-in: %+v", now)
	}
	third := into[job](t, s.call(202, "POST", at, ""))
	if done := into[job](t, s.call(200, "GET", at+"/"+third.ID+"/status", "")); done.Counts.TotalUsers != 0 {
		t.Errorf("%+v", done)
	}
}

func TestAudit(t *testing.T) {
	s := newSample(t, Config{})
	admin := s.as(sampleAdmin, "spark-admin:people_write")
	admin.call(200, "POST", "/v1/people", `{"emails":["new@example.com"],"displayName":"New Person"}`)
	span := func(from, to string) string {
		now := time.Now().UTC()
		stamp := func(d time.Duration) string { return now.Add(d).Format("2006-01-02T15:04:05.000Z") }
		return fmt.Sprintf("orgId=%s&%s=%s&%s=%s", restID("ORGANIZATION", sampleOrg), from, stamp(-time.Hour), to, stamp(time.Hour))
	}
	type events struct {
		Items []struct {
			Data struct{ ActorEmail, TargetName, EventDescription, EventCategory, ActionText string }
		}
	}
	got := into[events](t, s.call(200, "GET", "/v1/adminAudit/events?max=2&"+span("from", "to"), ""))
	if len(got.Items) != 2 || got.Items[0].Data.TargetName != "New Person" || got.Items[0].Data.ActorEmail != "admin@example.com" || got.Items[0].Data.EventCategory != "USERS" {
		t.Errorf("%+v", got)
	}
	next := s.call(200, "GET", "/v1/adminAudit/events?max=2&offset=2&"+span("from", "to"), "")
	if len(into[events](t, next).Items) != 2 || !strings.Contains(next.Header.Get("Link"), "offset=4") {
		t.Errorf("%s %s", next.text, next.Header.Get("Link"))
	}
	s.call(200, "GET", "/v1/adminAudit/eventCategories", "")
	for _, bad := range []string{"", "orgId=" + restID("ORGANIZATION", sampleOrg), span("from", "to") + "&max=x", span("to", "from")} {
		s.call(400, "GET", "/v1/adminAudit/events?"+bad, "")
	}
	s.u.noted(signInOf(sampleAdmin))
	if got := into[events](t, s.call(200, "GET", "/v1/admin/securityAudit/events?"+span("startTime", "endTime"), "")); len(got.Items) != 1 ||
		got.Items[0].Data.EventDescription != "An Admin logged in" {
		t.Errorf("%+v", got)
	}
}

func TestContacts(t *testing.T) {
	s := newSample(t, Config{})
	at := "/contacts/organizations/" + sampleOrg + "/contacts"
	const body = `{"schemas":"urn:cisco:codev:identity:contact:core:1.0","source":"CH","firstName":"Con","lastName":"Tact","emails":[{"value":"c@elsewhere.example","type":"work","primary":true}]`
	made := into[struct{ ContactID, DisplayName string }](t, s.call(201, "POST", at, body+`}`))
	if made.DisplayName != "Con Tact" {
		t.Errorf("%+v", made)
	}
	s.call(400, "POST", at, `{"source":"CH"}`)
	s.call(400, "POST", at, `{"source":"elsewhere","displayName":"x"}`)
	s.call(400, "POST", at, `{"source":"CH","displayName":"x","emails":"x"}`)
	s.call(200, "GET", at+"/"+made.ContactID, "")
	for body, want := range map[string]string{
		`{"phoneNumbers":[{"value":"1","type":"work","operation":"add"},{"value":"2","type":"home"}]}`: `"phoneNumbers":[{"value":"1","type":"work"},{"value":"2","type":"home"}]`,
		`{"phoneNumbers":[{"value":"1","type":"work","operation":"delete"}]}`:                          `"phoneNumbers":[]`,
	} {
		s.call(200, "PATCH", at+"/"+made.ContactID, `{"phoneNumbers":[{"value":"1","type":"work"}]}`)
		if got := s.call(200, "PATCH", at+"/"+made.ContactID, body); !strings.Contains(got.text, want) {
			t.Errorf("%s: %s", body, got.text)
		}
	}
	s.call(400, "PATCH", at+"/"+made.ContactID, `{"phoneNumbers":[{"value":"1","operation":"move"}]}`)
	if got := into[struct{ Title string }](t, s.call(200, "PATCH", at+"/"+made.ContactID, `{"title":"GM"}`)); got.Title != "GM" {
		t.Errorf("%+v", got)
	}
	if found := into[struct {
		Result []struct{ DisplayName string }
	}](t, s.call(200, "GET", at+"/search?keyword=tact", "")); len(found.Result) != 1 {
		t.Errorf("%+v", found)
	}
	bulk := into[struct {
		Contacts []struct{ ContactID, Title string }
	}](t, s.call(200, "POST", at+"/bulk",
		`{"schemas":"x","contacts":[`+body+`},`+body+`,"contactId":"`+made.ContactID+`","title":"CEO"}]}`))
	if len(bulk.Contacts) != 2 || bulk.Contacts[1].Title != "CEO" || bulk.Contacts[1].ContactID != made.ContactID {
		t.Errorf("%+v", bulk)
	}
	s.call(204, "POST", at+"/bulk/delete", `{"schemas":"x","objectIds":["`+bulk.Contacts[0].ContactID+`"]}`)
	s.call(204, "DELETE", at+"/"+made.ContactID, "")
	s.call(404, "GET", at+"/"+made.ContactID, "")
	if n := len(s.u.Org(sampleOrg).Contacts().List); n != 0 {
		t.Errorf("%d contacts are left", n)
	}
}

func TestPartners(t *testing.T) {
	s := newSample(t, Config{})
	customer, err := s.u.AddOrg(OrgConfig{Name: "Customer", Partners: []partnerOf{{Org: sampleOrg}}})
	if err != nil {
		t.Fatal(err)
	}
	id := restID("ORGANIZATION", customer.ID())
	s.call(200, "GET", "/v1/people?orgId="+id, "")
	at := "/v1/partner/organizations/" + id
	reader := personID(sampleRead)
	s.as(sampleRead, "spark-admin:people_read").call(403, "GET", "/v1/people?orgId="+id, "")
	s.call(200, "POST", at+"/partnerAdmin/"+reader+"/assign", "{}")
	s.as(sampleRead, "spark-admin:people_read").call(200, "GET", "/v1/people?orgId="+id, "")
	if got := into[struct{ Items []struct{ OrgID string } }](t, s.call(200, "GET", "/v1/partner/organizations?managedBy="+reader, "")); len(got.Items) != 1 || got.Items[0].OrgID != id {
		t.Errorf("%+v", got)
	}
	if got := into[struct{ Items []struct{ ID string } }](t, s.call(200, "GET", at+"/partnerAdmins", "")); len(got.Items) != 1 || got.Items[0].ID != reader {
		t.Errorf("%+v", got)
	}
	s.call(200, "DELETE", at+"/partnerAdmin/"+reader+"/unassign", "")
	s.call(200, "POST", at+"/partnerAdmin/"+reader+"/assign", "{}")
	s.call(204, "DELETE", "/v1/partner/organizations/partnerAdmin/"+reader, "")
	s.as(sampleRead, "spark-admin:people_read").call(403, "GET", "/v1/people?orgId="+id, "")
	s.call(200, "POST", "/v1/partner/tags/organizations/"+id+"/assignTags", `{"tags":[{"name":"gold"}]}`)
	s.call(400, "POST", "/v1/partner/tags/organizations/"+id+"/assignTags", `{"tags":[{"name":""}]}`)
	s.call(200, "GET", "/v1/partner/tags/organizations/"+id, "")
	s.call(200, "GET", "/v1/partner/tags?type=ORGANIZATION", "")
	if got := into[[]struct{ OrgID string }](t, s.call(200, "GET", "/v1/partner/tags/organizations?tags=gold", "")); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	if err := s.u.Org(sampleOrg).Change(func(c *OrgConfig) error {
		c.Resources = append(c.Resources, resourceOf{ID: samplePlain, Name: "Hybrid"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.call(200, "GET", "/v1/resourceGroups", "")
	s.call(200, "GET", "/v1/resourceGroups/"+restID("RESOURCE_GROUP", samplePlain), "")
	s.call(404, "GET", "/v1/resourceGroups/x", "")
}

func TestContactCentre(t *testing.T) {
	s := newSample(t, Config{})
	at := "/organization/" + sampleOrg
	type user struct {
		ID, CiUserID, Email, UserProfileType string
		TeamIDs                              []string
		Active                               bool
	}
	list := into[[]user](t, s.call(200, "GET", at+"/user", ""))
	if len(list) != 1 || list[0].CiUserID != sampleAgent || list[0].UserProfileType != "PREMIUM_AGENT" || list[0].Email != "agent@example.com" {
		t.Errorf("%+v", list)
	}
	for filter, want := range map[string]int{`email=="agent@example.com"`: 1, `id=in=("x","agent-1")`: 1, `active==false`: 0} {
		if got := into[struct{ Data []user }](t, s.call(200, "GET", at+"/v2/user?filter="+filter, "")); len(got.Data) != want {
			t.Errorf("%s finds %d, want %d", filter, len(got.Data), want)
		}
	}
	s.call(200, "GET", at+"/v2/user?page=0&pageSize=1", "")
	s.call(200, "GET", at+"/v2/user/by-ci-user-id/"+sampleAgent, "")
	s.call(200, "GET", at+"/user/by-ci-user-id/"+sampleAgent, "")
	s.call(404, "GET", at+"/user/by-ci-user-id/"+samplePlain, "")
	s.call(200, "GET", at+"/user/agent-1", "")
	s.call(400, "GET", at+"/user?page=x", "")
	team := into[struct{ ID string }](t, s.call(201, "POST", at+"/team", `{"name":"Second","teamType":"AGENT","teamStatus":"IN_SERVICE","siteId":"site-1","active":true}`))
	s.call(409, "POST", at+"/team", `{"name":"Second","teamType":"AGENT","teamStatus":"IN_SERVICE","siteId":"site-1"}`)
	s.call(400, "POST", at+"/team", `{"name":"Third","teamType":"AGENT","teamStatus":"IN_SERVICE","siteId":"none"}`)
	put := into[user](t, s.call(200, "PUT", at+"/user/agent-1", `{"userProfileId":"profile-1","siteId":"site-1","teamIds":["`+team.ID+`"],"contactCenterEnabled":true,"active":true}`))
	if !slices.Equal(put.TeamIDs, []string{team.ID}) {
		t.Errorf("%+v", put)
	}
	s.call(412, "DELETE", at+"/team/"+team.ID, "")
	s.call(204, "DELETE", at+"/team/team-1", "")
	s.call(200, "GET", at+"/team", "")
	s.call(200, "GET", at+"/v2/team", "")
	s.call(200, "GET", at+"/team/"+team.ID, "")
	s.call(200, "PUT", at+"/team/"+team.ID, `{"name":"Renamed","teamType":"AGENT","teamStatus":"NOT_AVAILABLE","siteId":"site-1"}`)
	s.call(200, "GET", at+"/v3/user-profile", "")
	s.call(200, "GET", at+"/v3/user-profile/profile-1", "")
	s.call(200, "GET", at+"/site", "")
	s.call(200, "GET", at+"/v2/site", "")
	s.call(200, "GET", at+"/site/site-1", "")
	// What an importer of users, teams and profiles reads and changes.
	s.call(400, "PATCH", at+"/user/agent-1", `{"teamIds":["nowhere"]}`)
	s.call(400, "PATCH", at+"/user/agent-1", `{"siteId":"nowhere"}`)
	s.call(404, "PATCH", at+"/user/nobody", `{"active":true}`)
	patched := into[user](t, s.call(200, "PATCH", at+"/user/agent-1", `{"externalIdentifier":"E-1"}`))
	if !slices.Equal(patched.TeamIDs, []string{team.ID}) || !patched.Active {
		t.Errorf("a patch changes what it does not name: %+v", patched)
	}
	bulk := into[struct {
		Items []struct {
			ItemIdentifier, Status int
			Href                   string
			APIError               *struct{ TrackingID string }
		}
	}](t, s.call(207, "PATCH", at+"/user/bulk", `{"items":[{"itemIdentifier":7,"requestAction":"SAVE","item":{"id":"agent-1","contactCenterEnabled":false}},
		{"itemIdentifier":8,"requestAction":"SAVE","item":{"id":"nobody"}},{"itemIdentifier":9,"requestAction":"DELETE","item":{"id":"agent-1"}}]}`))
	if i := bulk.Items; len(i) != 3 || i[0].Status != 200 || i[0].ItemIdentifier != 7 || !strings.HasSuffix(i[0].Href, "/user/agent-1") || i[0].APIError != nil ||
		i[1].Status != 404 || i[1].APIError == nil || i[1].APIError.TrackingID == "" || i[2].Status != 400 {
		t.Errorf("%+v", bulk)
	}
	s.call(400, "PATCH", at+"/user/bulk", `{"items":[]}`)
	type profiled struct {
		ID, CiUserID         string
		ContactCenterEnabled bool
		UserProfileData      struct{ Name, ProfileType string }
	}
	whole := into[[]profiled](t, s.call(200, "GET", at+"/user/with-user-profile", ""))
	if len(whole) != 1 || whole[0].ContactCenterEnabled || whole[0].UserProfileData.ProfileType != "PREMIUM_AGENT" {
		t.Errorf("%+v", whole)
	}
	if one := into[profiled](t, s.call(200, "GET", at+"/user/with-user-profile/agent-1", "")); one != whole[0] {
		t.Errorf("%+v", one)
	}
	s.call(404, "GET", at+"/user/with-user-profile/nobody", "")
	found := into[struct{ Data []struct{ ID, Email string } }](t, s.call(200, "POST", at+"/user/fetch-user-details-by-ids", `{"userIds":["agent-1","nobody"]}`))
	if len(found.Data) != 1 || found.Data[0].Email != "agent@example.com" {
		t.Errorf("%+v", found)
	}
	site := into[struct{ ID string }](t, s.call(201, "POST", at+"/site", `{"name":"Second site","active":true,"multimediaProfileId":"m"}`))
	s.call(409, "POST", at+"/site", `{"name":"Second site","active":true,"multimediaProfileId":"m"}`)
	s.call(400, "POST", at+"/site", `{"active":true}`)
	s.call(200, "PUT", at+"/site/"+site.ID, `{"name":"Third site","active":true,"multimediaProfileId":"m"}`)
	s.call(404, "PUT", at+"/site/nowhere", `{"name":"Fourth site","active":true,"multimediaProfileId":"m"}`)
	s.call(412, "DELETE", at+"/site/site-1", "")
	s.call(204, "DELETE", at+"/site/"+site.ID, "")
	s.call(404, "DELETE", at+"/site/"+site.ID, "")
	const profile = `{"name":"Supervisors","profileType":"SUPERVISOR","active":true,"permissionAccessLevel":"ALL","resourceAccessLevel":"ALL"}`
	made := into[struct{ ID string }](t, s.call(201, "POST", at+"/v3/user-profile", profile))
	s.call(409, "POST", at+"/v3/user-profile", profile)
	s.call(400, "POST", at+"/v3/user-profile", `{"name":"X","profileType":"KING"}`)
	s.call(200, "PUT", at+"/v3/user-profile/"+made.ID, strings.Replace(profile, "Supervisors", "Leads", 1))
	s.call(404, "PUT", at+"/v3/user-profile/none", strings.Replace(profile, "Supervisors", "Others", 1))
	s.call(200, "PATCH", at+"/user/agent-1", `{"userProfileId":"`+made.ID+`"}`)
	s.call(412, "DELETE", at+"/v3/user-profile/"+made.ID, "")
	s.call(200, "PATCH", at+"/user/agent-1", `{"userProfileId":"profile-1"}`)
	s.call(204, "DELETE", at+"/v3/user-profile/"+made.ID, "")
	s.call(404, "DELETE", at+"/v3/user-profile/"+made.ID, "")
	// Whoever is deactivated in Webex is no agent.
	s.call(200, "PATCH", "/identity/scim/"+sampleOrg+"/v2/Users/"+sampleAgent, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	if got := into[user](t, s.call(200, "GET", at+"/user/agent-1", "")); got.Active {
		t.Error("an inactive person is an active agent")
	}
}
