package webexorg

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// sampleSeed is an organisation with something of everything: licences, templates, a location, people in several roles, a
// contact centre.
const sampleSeed = `{"organisations":[{"id":"5a1e0000-0000-4000-8000-000000000001","name":"Example","domains":["example.com"],"enforce":true,
 "every_group":true,"life":{"pending":true,"deleted_days":7},
 "licences":[
  {"id":"MSF_1","product":"free-messaging"},{"id":"MCF_1","product":"free-meetings"},{"id":"CSF_1","product":"free-calling"},
  {"id":"MS_1","product":"messaging","total":2,"subscription":"Sub100"},
  {"id":"EE_1_site.webex.com","product":"meetings","total":1,"subscription":"Sub100","site":"site.webex.com"},
  {"id":"BC_1","product":"calling-professional","total":5,"subscription":"Sub100"},
  {"id":"BS_1","product":"calling-standard","total":5,"subscription":"Sub100"},
  {"id":"SS_1","product":"screen-share"},
  {"id":"CJ_1","product":"contact-center-premium","total":5,"subscription":"Sub200"}],
 "people":[
  {"id":"00000000-0000-7000-8000-0000000000a1","resource":{"userName":"admin@example.com","displayName":"Full Admin","name":{"givenName":"Full","familyName":"Admin"},
    "roles":[{"value":"id_full_admin","type":"cirole"}]}},
  {"id":"00000000-0000-7000-8000-0000000000a2","resource":{"userName":"reader@example.com","displayName":"Read Only","roles":[{"value":"id_readonly_admin","type":"cirole"}]}},
  {"id":"00000000-0000-7000-8000-0000000000a3","resource":{"userName":"agent@example.com","displayName":"Agent Smith","name":{"givenName":"Agent","familyName":"Smith"},
    "phoneNumbers":[{"type":"work","value":"+1 408 555 0100"},{"type":"mobile","value":"+1 408 555 0101"}]},"licences":["Contact Center Premium Agent"]},
  {"id":"00000000-0000-7000-8000-0000000000a4","resource":{"userName":"plain@example.com","displayName":"Plain Person"}}],
 "groups":[{"id":"00000000-0000-7000-8000-0000000000b1","resource":{"displayName":"Sales"},"members":["plain@example.com","agent@example.com"]}],
 "centre":{"sites":[{"id":"site-1","name":"Main","active":true,"default":true,"version":1,"at":1700000000000}],
  "profiles":[{"id":"profile-1","name":"Premium Agent","type":"PREMIUM_AGENT","active":true,"default":true,"version":1,"at":1700000000000}],
  "teams":[{"id":"team-1","name":"Support","type":"AGENT","status":"IN_SERVICE","site":"site-1","active":true,"version":1,"at":1700000000000}],
  "users":[{"id":"agent-1","person":"agent@example.com","profile":"profile-1","site":"site-1","teams":["team-1"],"enabled":true,"active":true,"version":1,"at":1700000000000}]}
}]}`

const (
	sampleOrg   = "5a1e0000-0000-4000-8000-000000000001"
	sampleAdmin = "00000000-0000-7000-8000-0000000000a1"
	sampleRead  = "00000000-0000-7000-8000-0000000000a2"
	sampleAgent = "00000000-0000-7000-8000-0000000000a3"
	samplePlain = "00000000-0000-7000-8000-0000000000a4"
	sampleGroup = "00000000-0000-7000-8000-0000000000b1"
)

// restID makes an id as Webex's REST API does.
func restID(kind, name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/" + kind + "/" + name))
}

// denver is a location with all that Webex asks for.
const denver = `{"name":"Denver","timeZone":"America/Denver","preferredLanguage":"en_us","announcementLanguage":"en_us","notes":"First floor",
	"address":{"address1":"1 Main St","city":"Denver","state":"CO","postalCode":"80014","country":"US"},"latitude":"39.7","longitude":"-104.9"}`

func personID(id string) string  { return restID("PEOPLE", id) }
func licenceID(id string) string { return restID("LICENSE", sampleOrg+":"+id) }

// sample is the organisation of sampleSeed behind a real server, and a bearer who may do everything.
type sample struct {
	*peer
	published *published // what every answer is held against
}

func newSample(t *testing.T, c Config) *sample {
	t.Helper()
	p := newPeer(t, c, OrgConfig{Name: "Elsewhere"})
	seed, err := ReadSeed(strings.NewReader(sampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	orgs, err := p.u.Plant(context.Background(), seed)
	if err != nil {
		t.Fatal(err)
	}
	s := &sample{peer: p.in(orgs[0]), published: readPublished(t)}
	if s.token, err = orgs[0].IssueToken(Everything, 0); err != nil {
		t.Fatal(err)
	}
	s.base = ""
	return s
}

// as returns the sample with the token of a person, who has the scopes.
func (s *sample) as(person, scopes string) *sample {
	s.t.Helper()
	var issued struct{ Token string }
	control(s.peer, 201, "POST", "/control/orgs/"+sampleOrg+"/people/"+person+"/tokens", `{"scopes":"`+scopes+`"}`, &issued)
	other := *s.peer
	other.token = issued.Token
	return &sample{peer: &other, published: s.published}
}

// call sends a request of the API, holds the answer against the published description and decodes it.
func (s *sample) call(status int, method, path, body string, header ...string) reply {
	s.t.Helper()
	got, err := s.send(method, path, body, append([]string{"Content-Type", "application/json"}, header...)...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	for _, problem := range s.published.check(method, path, got.StatusCode, got.text) {
		s.t.Errorf("%s %s: %s", method, path, problem)
	}
	if got.StatusCode != status {
		s.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, got.StatusCode, status, got.text)
	}
	if status >= 400 {
		s.checkProblem(got)
	}
	return got
}

// checkProblem checks the form of an error of the REST API. SCIM has its own.
func (s *sample) checkProblem(got reply) {
	s.t.Helper()
	if got.body.Has("schemas") {
		return
	}
	var body struct {
		Message    string
		Errors     []struct{ Description string }
		TrackingID string `json:"trackingId"`
	}
	if err := json.Unmarshal([]byte(got.text), &body); err != nil || body.Message == "" || len(body.Errors) == 0 || body.TrackingID == "" ||
		got.Header.Get("Trackingid") != body.TrackingID {
		s.t.Errorf("no error of Webex: %s (%v)", got.text, err)
	}
}

// into decodes an answer.
func into[T any](t *testing.T, got reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(got.text), &v); err != nil {
		t.Fatalf("%v\n%s", err, got.text)
	}
	return v
}

type restPerson struct {
	ID, DisplayName, FirstName, LocationID, Extension, Status, ManagerID string
	Emails, Roles, Licenses, SiteURLs                                    []string
	InvitePending, LoginEnabled                                          *bool
	PhoneNumbers                                                         []struct{ Type, Value string }
}

type peopleList struct {
	Items       []restPerson
	NotFoundIDs []string
}

func TestPeopleList(t *testing.T) {
	s := newSample(t, Config{})
	for i := range 7 {
		s.call(200, "POST", "/v1/people", fmt.Sprintf(`{"emails":["more%d@example.com"],"displayName":"More %d"}`, i, i))
	}
	seen := map[string]bool{}
	path, pages := "/v1/people?max=4", 0
	for path != "" {
		got := s.call(200, "GET", path, "")
		for _, p := range into[peopleList](t, got).Items {
			if seen[p.ID] {
				t.Errorf("%s twice", p.Emails)
			}
			seen[p.ID] = true
		}
		path, pages = "", pages+1
		if link := got.Header.Get("Link"); link != "" {
			url, rel, _ := strings.Cut(link, ">; ")
			if rel != `rel="next"` || !strings.HasPrefix(url, "<"+s.url+"/v1/people?") {
				t.Fatalf("Link: %s", link)
			}
			path = strings.TrimPrefix(strings.TrimPrefix(url, "<"), s.url)
		}
	}
	if len(seen) != 11 || pages != 3 {
		t.Errorf("%d people on %d pages", len(seen), pages)
	}
	for query, want := range map[string]int{
		"email=ADMIN@example.com": 1, "email=nobody@example.com": 0, "displayName=more": 7, "displayName=lain": 0,
		"id=" + personID(samplePlain) + "," + personID(sampleAgent): 2, "id=" + samplePlain: 1,
		"roles=" + restID("ROLE", "id_full_admin"): 1, "max=1000": 11,
	} {
		if got := into[peopleList](t, s.call(200, "GET", "/v1/people?"+query, "")); len(got.Items) != want {
			t.Errorf("%s finds %d, want %d", query, len(got.Items), want)
		}
	}
	missing := into[peopleList](t, s.call(200, "GET", "/v1/people?id="+personID(scimID()), ""))
	if len(missing.NotFoundIDs) != 1 {
		t.Errorf("%+v", missing)
	}
	for _, bad := range []string{"max=0", "max=x", "id=" + strings.Repeat("x,", 86), "after=x", "locationId=x"} {
		s.call(400, "GET", "/v1/people?"+bad, "")
	}
	plain := s.as(samplePlain, "spark:people_read")
	plain.call(400, "GET", "/v1/people", "")
	seenBy := into[peopleList](t, plain.call(200, "GET", "/v1/people?email=agent@example.com", ""))
	if len(seenBy.Items) != 1 || len(seenBy.Items[0].Licenses) > 0 || seenBy.Items[0].LoginEnabled != nil || len(seenBy.Items[0].PhoneNumbers) > 0 {
		t.Errorf("what only administrators see: %+v", seenBy)
	}
}

func TestPeopleLife(t *testing.T) {
	s := newSample(t, Config{})
	made := into[restPerson](t, s.call(200, "POST", "/v1/people", `{"emails":["new@example.com","second@example.com"],"firstName":"New","lastName":"Person",
		"department":"Sales","title":"GM","managerId":"`+personID(samplePlain)+`","phoneNumbers":[{"type":"work","value":"+1 1"}],
		"addresses":[{"type":"work","country":"US"}],"roles":["`+restID("ROLE", "id_user_admin")+`"],"licenses":["`+licenceID("MSF_1")+`","`+licenceID("MS_1")+`"]}`))
	if made.DisplayName != "New Person" || len(made.Emails) != 1 || len(made.Licenses) != 2 || len(made.Roles) != 1 || !*made.LoginEnabled {
		t.Errorf("%+v", made)
	}
	at := "/v1/people/" + made.ID
	s.call(409, "POST", "/v1/people", `{"emails":["NEW@example.com"],"displayName":"x"}`)
	s.call(400, "POST", "/v1/people", `{"emails":["x@example.com"]}`)
	s.call(400, "POST", "/v1/people", `{"displayName":"x"}`)
	s.call(400, "POST", "/v1/people", `{"emails":["x@example.net"],"displayName":"x"}`)
	s.call(400, "POST", "/v1/people", `{"emails":["x@example.com"],"displayName":"x","roles":["x"]}`)
	s.call(400, "POST", "/v1/people", `{"emails":["x@example.com"],"displayName":"x","licenses":["`+licenceID("NO_1")+`"]}`)
	s.call(400, "POST", "/v1/people", `{"emails":"x@example.com"}`)
	s.call(400, "POST", "/v1/people", `{`)
	s.call(415, "POST", "/v1/people", `{}`, "Content-Type", "text/plain")
	s.call(400, "PUT", at, `{"emails":["new@example.com"]}`)

	put := into[restPerson](t, s.call(200, "PUT", at, `{"displayName":"Renamed","emails":["renamed@example.com"],"loginEnabled":false,"licenses":["`+licenceID("MSF_1")+`"]}`))
	if put.DisplayName != "Renamed" || put.Emails[0] != "renamed@example.com" || *put.LoginEnabled || len(put.Roles) > 0 || put.ManagerID != "" ||
		len(put.PhoneNumbers) > 0 || len(put.Licenses) != 1 {
		t.Errorf("PUT replaces everything: %+v", put)
	}
	if put.Status != "inactive" {
		t.Errorf("status %s", put.Status)
	}
	again := into[restPerson](t, s.call(200, "GET", at, ""))
	if again.DisplayName != "Renamed" {
		t.Errorf("%+v", again)
	}
	s.call(204, "DELETE", at, "")
	s.call(404, "GET", at, "")
	s.call(404, "DELETE", at, "")
	s.call(409, "POST", "/v1/people", `{"emails":["renamed@example.com"],"displayName":"x"}`) // for seven days it is nobody's
	control[struct{}](s.peer, 204, "DELETE", "/control/orgs/"+sampleOrg+"/archived", "", nil)
	s.call(200, "POST", "/v1/people", `{"emails":["renamed@example.com"],"displayName":"x"}`)
	self := s.as(sampleAdmin, "spark-admin:people_write spark-admin:people_read")
	self.call(403, "DELETE", "/v1/people/"+personID(sampleAdmin), "")
	s.call(403, "DELETE", "/v1/people/"+personID(sampleAdmin), "") // the last full administrator
	if me := into[restPerson](t, self.call(200, "GET", "/v1/people/me", "")); me.ID != personID(sampleAdmin) {
		t.Errorf("%+v", me)
	}
	s.call(403, "GET", "/v1/people/me", "") // a program is no person
}

// TestRolesEndTokens: whoever's roles change loses all tokens, as does whoever is deactivated.
func TestRolesEndTokens(t *testing.T) {
	s := newSample(t, Config{})
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace",`
	at := "/identity/scim/" + sampleOrg + "/v2/Users/"
	for _, c := range []struct {
		person, change string
		ends           bool
	}{
		{sampleRead, `"path":"title","value":"Reader"}]}`, false},
		{sampleRead, `"path":"roles","value":[{"value":"id_user_admin","type":"cirole"}]}]}`, true},
		{sampleRead, `"path":"active","value":false}]}`, true},
	} {
		bearer := s.as(c.person, "spark-admin:people_read")
		bearer.call(200, "GET", "/v1/people?max=1", "")
		s.call(200, "PATCH", at+c.person, patch+c.change)
		status := 200
		if c.ends {
			status = 401
		}
		bearer.call(status, "GET", "/v1/people?max=1", "")
	}
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"assume":{"keep_tokens":true}}`, nil)
	bearer := s.as(sampleAgent, "spark:people_read")
	s.call(200, "PATCH", at+sampleAgent, patch+`"path":"roles","value":[{"value":"id_user_admin","type":"cirole"}]}]}`)
	bearer.call(200, "GET", "/v1/people/me", "")
}

func TestScopesAndRoles(t *testing.T) {
	s := newSample(t, Config{})
	plain := personID(samplePlain)
	for _, c := range []struct {
		person, scopes, method, path, body string
		status                             int
	}{
		{sampleAdmin, "identity:people_rw", "GET", "/v1/people?max=1", "", 403}, // the families are not interchangeable
		{sampleAdmin, "spark-admin:people_read", "GET", "/identity/scim/" + sampleOrg + "/v2/Users", "", 403},
		{sampleAdmin, "spark-admin:people_read", "POST", "/v1/people", `{}`, 403},
		{sampleRead, "spark-admin:people_write", "DELETE", "/v1/people/" + plain, "", 403},
		{samplePlain, "spark-admin:people_write", "DELETE", "/v1/people/" + plain, "", 403}, // an admin scope is useless to others
		{samplePlain, "identity:people_rw", "GET", "/identity/scim/" + sampleOrg + "/v2/Users", "", 403},
		{samplePlain, "identity:people_read", "GET", "/identity/scim/v2/Users/me", "", 200},
		{sampleRead, "identity:people_rw", "POST", "/identity/scim/" + sampleOrg + "/v2/Users", `{"userName":"x@example.com"}`, 403},
		{sampleRead, "identity:people_read", "GET", "/identity/scim/" + sampleOrg + "/v2/Groups", "", 200},
		{sampleAdmin, "Identity:SCIM", "GET", "/v1/scim/" + sampleOrg + "/Users", "", 200},
		{sampleAdmin, "Identity:SCIM", "GET", "/identity/scim/" + sampleOrg + "/v2/Users", "", 200},
		{sampleRead, "spark-admin:licenses_read", "GET", "/v1/licenses", "", 200},
		{sampleAdmin, "spark-admin:people_read", "GET", "/v1/licenses", "", 403},
		{sampleAdmin, "spark-admin:roles_read", "GET", "/v1/roles", "", 200},
		{sampleRead, "identity:groups_rw", "POST", "/v1/groups", `{"displayName":"x"}`, 403},
		{sampleRead, "identity:organizations_rw", "PATCH", "/identity/organizations/" + sampleOrg, `{}`, 403},
		{sampleAgent, "cjp:user", "GET", "/organization/" + sampleOrg + "/user", "", 403},
		{sampleAdmin, "audit:events_read", "GET", "/v1/adminAudit/eventCategories", "", 200},
	} {
		s.as(c.person, c.scopes).call(c.status, c.method, c.path, c.body)
	}
	elsewhere := s.u.Orgs()
	for _, o := range elsewhere {
		if o.ID() == sampleOrg {
			continue
		}
		admin := s.as(sampleAdmin, "spark-admin:people_read identity:organizations_read identity:people_read")
		admin.call(403, "GET", "/v1/people?orgId="+restID("ORGANIZATION", o.ID()), "")
		admin.call(403, "GET", "/identity/organizations/"+o.ID(), "")
		admin.call(403, "GET", "/identity/scim/"+o.ID()+"/v2/Users", "")
	}
	s.call(401, "GET", "/v1/people", "", "Authorization", "Bearer nothing")
	s.call(401, "GET", "/v1/people", "", "Authorization", "")
	s.call(405, "PATCH", "/v1/people", `{}`)
	s.call(404, "GET", "/v1/nothing", "")
}

// Names for values of other packages that the tests make.
type (
	partnerOf  = state.Partner
	resourceOf = state.Resource
)

func signInOf(person string) oauth.SignIn {
	return oauth.SignIn{At: time.Now(), Person: person, Org: sampleOrg}
}
