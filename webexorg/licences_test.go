package webexorg

import (
	"slices"
	"strings"
	"testing"
	"time"
)

type assigned struct {
	OrgID, PersonID, Email string
	Licenses               []string
	SiteURLs               []struct{ SiteURL, AccountType string }
}

type licenceRow struct {
	ID, Name, SiteURL, SubscriptionID string
	TotalUnits, ConsumedUnits         int
	Users                             []struct{ ID, Email, Type string }
}

// assign changes licences of a person; each change is an id, with - before it to take it away.
func (s *sample) assign(status int, person string, changes ...string) assigned {
	s.t.Helper()
	var list []string
	for _, c := range changes {
		id, op := strings.TrimPrefix(c, "-"), "add"
		if id != c {
			op = "remove"
		}
		list = append(list, `{"id":"`+licenceID(id)+`","operation":"`+op+`"}`)
	}
	got := s.call(status, "PATCH", "/v1/licenses/users", `{"personId":"`+personID(person)+`","licenses":[`+strings.Join(list, ",")+`]}`)
	if status >= 300 {
		return assigned{}
	}
	return into[assigned](s.t, got)
}

// consumed reads how many seats of a licence are taken.
func (s *sample) consumed(id string) int {
	s.t.Helper()
	return into[licenceRow](s.t, s.call(200, "GET", "/v1/licenses/"+licenceID(id), "")).ConsumedUnits
}

func TestLicences(t *testing.T) {
	s := newSample(t, Config{})
	all := into[struct{ Items []licenceRow }](t, s.call(200, "GET", "/v1/licenses", ""))
	if len(all.Items) != 9 || all.Items[5].Name != "Webex Calling" || all.Items[3].TotalUnits != 2 || all.Items[4].SiteURL != "site.webex.com" {
		t.Errorf("%+v", all.Items)
	}
	// Without a template everybody has the three free ones, but who was created with a licence has that alone.
	if n := s.consumed("MSF_1"); n != 3 {
		t.Errorf("%d have basic messaging", n)
	}
	// Two seats: the third person gets a 206, and keeps what else was asked for.
	s.assign(200, sampleAdmin, "MS_1")
	s.assign(200, sampleRead, "MS_1")
	partial := s.assign(206, samplePlain, "MS_1", "BC_1")
	if slices.Contains(partial.Licenses, licenceID("MS_1")) || !slices.Contains(partial.Licenses, licenceID("BC_1")) {
		t.Errorf("%+v", partial)
	}
	// Inactive people keep their seats; the deleted give them back.
	at := "/identity/scim/" + sampleOrg + "/v2/Users/"
	s.call(200, "PATCH", at+sampleRead, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	s.assign(206, samplePlain, "MS_1")
	s.call(204, "DELETE", at+sampleRead, "")
	s.assign(200, samplePlain, "MS_1")
	if n := s.consumed("MS_1"); n != 2 {
		t.Errorf("%d seats of 2 are taken", n)
	}
	holders := into[licenceRow](t, s.call(200, "GET", "/v1/licenses/"+licenceID("MS_1")+"?includeAssignedTo=user&limit=1", ""))
	if len(holders.Users) != 1 || holders.Users[0].Email != "admin@example.com" || holders.Users[0].Type != "INTERNAL" {
		t.Errorf("%+v", holders)
	}
	s.call(404, "GET", "/v1/licenses/"+licenceID("NO_1"), "")
	s.call(404, "GET", "/v1/licenses/"+restID("LICENSE", scimID()+":MS_1"), "") // of another organisation

	// The published switch: no partial results.
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"assume":{"no_partial":true,"old_names":true}}`, nil)
	s.assign(400, sampleAgent, "MSF_1", "MS_1")
	if agent := into[restPerson](t, s.call(200, "GET", "/v1/people/"+personID(sampleAgent), "")); len(agent.Licenses) != 1 {
		t.Errorf("nothing is assigned when not everything can be: %v", agent.Licenses)
	}
	if old := into[struct{ Items []licenceRow }](t, s.call(200, "GET", "/v1/licenses", "")); old.Items[5].Name != "Webex Calling - Professional" {
		t.Errorf("the name from before 2026: %s", old.Items[5].Name)
	}
}

// TestLicenceRules checks the documented refusals, each with its code.
func TestLicenceRules(t *testing.T) {
	s := newSample(t, Config{})
	s.assign(200, samplePlain, "BC_1")
	location := into[struct{ ID string }](t, s.call(201, "POST", "/v1/locations", `{"name":"Denver"}`)).ID
	for _, c := range []struct {
		body string
		code string
	}{
		{`"licenses":[{"id":"` + licenceID("XX_1") + `"}]`, "400000"},
		{`"licenses":[{"id":"` + licenceID("BS_1") + `"}]`, "400112"},
		{`"licenses":[{"id":"` + licenceID("SS_1") + `","operation":"remove"}]`, "700006"},
		{`"siteUrls":[{"siteUrl":"no.webex.com","accountType":"attendee"}]`, "400216"},
		{`"siteUrls":[{"siteUrl":"site.webex.com","accountType":"host"}]`, "400216"},
		{`"licenses":[{"id":"` + licenceID("BC_1") + `","properties":{"locationId":"` + restID("LOCATION", scimID()) + `","extension":"1"}}]`, "400"},
		{`"licenses":[{"id":"` + licenceID("BC_1") + `","properties":{"locationId":"` + location + `"}}]`, "400406"},
	} {
		got := s.call(400, "PATCH", "/v1/licenses/users", `{"email":"plain@example.com",`+c.body+`}`)
		if !strings.Contains(got.text, `"errorCode":`+c.code+`,`) {
			t.Errorf("%s: want %s, got %s", c.body, c.code, got.text)
		}
	}
	s.call(400, "PATCH", "/v1/licenses/users", `{"licenses":[{"id":"`+licenceID("BC_1")+`"}]}`)
	s.call(400, "PATCH", "/v1/licenses/users", `{"email":"plain@example.com"}`)
	s.call(404, "PATCH", "/v1/licenses/users", `{"email":"nobody@example.com","licenses":[{"id":"`+licenceID("BC_1")+`"}]}`)
	s.assign(400, sampleAgent, "MS_1") // 700003: basic messaging comes first
	// Attendees need no seat; hosts do, and there is one.
	site := into[assigned](t, s.call(200, "PATCH", "/v1/licenses/users", `{"email":"agent@example.com","siteUrls":[{"siteUrl":"site.webex.com","accountType":"ATTENDEE"}]}`))
	if len(site.SiteURLs) != 1 || site.SiteURLs[0].AccountType != "attendee" {
		t.Errorf("%+v", site)
	}
	host := s.assign(200, samplePlain, "EE_1_site.webex.com")
	if len(host.SiteURLs) != 1 || host.SiteURLs[0].AccountType != "host" {
		t.Errorf("%+v", host)
	}
}

// TestCalling: a Calling licence puts the person into the group of the location and rewrites the numbers; taking it away clears
// the location and leaves the membership.
func TestCalling(t *testing.T) {
	s := newSample(t, Config{})
	location := into[struct{ ID string }](t, s.call(201, "POST", "/v1/locations", `{"name":"Denver"}`)).ID
	groups := into[struct {
		Groups []struct {
			ID, DisplayName, Usage string
			MemberSize             int
		}
	}](t, s.call(200, "GET", `/v1/groups?filter=displayName eq "Denver"`, ""))
	if len(groups.Groups) != 1 || groups.Groups[0].Usage != "location" {
		t.Fatalf("%+v", groups)
	}
	group := groups.Groups[0].ID
	s.call(403, "DELETE", "/v1/groups/"+group, "") // it goes with its location
	at := "/v1/people/" + personID(sampleAgent)
	s.call(200, "PATCH", "/v1/licenses/users", `{"email":"agent@example.com","licenses":[{"id":"`+licenceID("BC_1")+`","properties":{"locationId":"`+location+`","extension":"133"}}]}`)
	agent := into[restPerson](t, s.call(200, "GET", at, ""))
	if agent.LocationID != location || agent.Extension != "133" || len(agent.PhoneNumbers) != 2 || agent.PhoneNumbers[0].Type != "mobile" {
		t.Errorf("without a number the work number goes and an extension comes: %+v", agent)
	}
	if got := into[peopleList](t, s.call(200, "GET", "/v1/people?locationId="+location, "")); len(got.Items) != 1 {
		t.Errorf("%+v", got)
	}
	s.call(200, "PATCH", "/v1/licenses/users", `{"email":"agent@example.com","licenses":[{"id":"`+licenceID("BC_1")+`","properties":{"locationId":"`+location+`","phoneNumber":"+14085550199"}}]}`)
	if agent = into[restPerson](t, s.call(200, "GET", at, "")); agent.Extension != "" || agent.PhoneNumbers[1].Value != "+14085550199" {
		t.Errorf("%+v", agent)
	}
	s.assign(200, sampleAgent, "-BC_1")
	if agent = into[restPerson](t, s.call(200, "GET", at, "")); agent.LocationID != "" {
		t.Errorf("%+v", agent)
	}
	left := into[struct{ Members []struct{ ID string } }](t, s.call(200, "GET", "/v1/groups/"+group+"/members", ""))
	if len(left.Members) != 1 || left.Members[0].ID != personID(sampleAgent) {
		t.Errorf("the membership stays: %+v", left)
	}
	s.call(200, "GET", "/v1/locations", "")
	s.call(200, "GET", "/v1/locations/"+location, "")
}

func TestTemplates(t *testing.T) {
	s := newSample(t, Config{})
	const at = "/v1/organization/licenseTemplates"
	made := into[struct{ ID string }](t, s.call(201, "POST", at, `{"templateName":"All","templateType":"ORG","licenses":["`+licenceID("MSF_1")+`"]}`))
	sales := restID("SCIM_GROUP", sampleGroup+":"+sampleOrg)
	s.call(201, "POST", at, `{"templateName":"Sales","templateType":"GROUP","licenses":["`+licenceID("BC_1")+`"],"groups":["`+sales+`"]}`)
	s.call(400, "POST", at, `{"templateName":"x","templateType":"NONE"}`)
	s.call(400, "POST", at, `{"templateName":"x","templateType":"ORG","licenses":["`+licenceID("NO_1")+`"]}`)
	s.call(400, "POST", at, `{"templateName":"x","templateType":"GROUP","groups":["x"]}`)
	person := into[restPerson](t, s.call(200, "POST", "/v1/people", `{"emails":["new@example.com"],"displayName":"New"}`))
	if !slices.Equal(person.Licenses, []string{licenceID("MSF_1")}) {
		t.Errorf("the template of the organisation: %v", person.Licenses)
	}
	join := `{"members":[{"id":"` + person.ID + `","operation":"add"}]}`
	leave := `{"members":[{"id":"` + person.ID + `","operation":"delete"}]}`
	licences := func() []string {
		return into[restPerson](t, s.call(200, "GET", "/v1/people/"+person.ID, "")).Licenses
	}
	s.call(200, "PATCH", "/v1/groups/"+sales, join)
	if got := licences(); !slices.Equal(got, []string{licenceID("MSF_1"), licenceID("BC_1")}) {
		t.Errorf("the union of both templates: %v", got)
	}
	s.call(200, "PATCH", "/v1/groups/"+sales, leave)
	if got := licences(); len(got) != 2 {
		t.Errorf("licences are preserved: %v", got)
	}
	err := s.u.Org(sampleOrg).Change(func(c *OrgConfig) error { c.Templates[1].Recompute = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	s.assign(200, strings.ToLower(idOf(t, person.ID)), "MCF_1")
	s.call(200, "PATCH", "/v1/groups/"+sales, join)
	s.call(200, "PATCH", "/v1/groups/"+sales, leave)
	if got := licences(); !slices.Equal(got, []string{licenceID("MSF_1")}) {
		t.Errorf("without preserving, also what was assigned by hand is lost: %v", got)
	}
	s.call(200, "GET", at, "")
	s.call(200, "GET", at+"/"+made.ID, "")
	s.call(200, "PUT", at+"/"+made.ID, `{"templateName":"Everybody","templateType":"ORG","licenses":[]}`)
	s.call(204, "DELETE", at+"/"+made.ID, "")
	s.call(404, "GET", at+"/"+made.ID, "")
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"assume":{"no_templates":true}}`, nil)
	s.call(404, "GET", at, "")
}

// TestCountsLag: a seat that was given back counts for a while.
func TestCountsLag(t *testing.T) {
	c := newClock()
	s := newSample(t, Config{Now: c.Now})
	s.assign(200, samplePlain, "BC_1")
	if err := s.u.Org(sampleOrg).SetKnobs(Knobs{CountLag: 15 * time.Second}); err != nil {
		t.Fatal(err)
	}
	s.call(204, "DELETE", "/identity/scim/"+sampleOrg+"/v2/Users/"+samplePlain, "")
	if n := s.consumed("BC_1"); n != 1 {
		t.Errorf("%d at once", n)
	}
	c.move(16 * time.Second)
	if n := s.consumed("BC_1"); n != 0 {
		t.Errorf("%d after the lag", n)
	}
}
