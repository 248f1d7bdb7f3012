package webexorg

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockstep/webexorg/state"
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
		properties := ""
		if op == "add" && (strings.HasPrefix(id, "BC_") || strings.HasPrefix(id, "BS_")) {
			properties = `,"properties":{"extension":"77"}`
		}
		list = append(list, `{"id":"`+licenceID(id)+`","operation":"`+op+`"`+properties+`}`)
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
	if old := into[struct{ Items []licenceRow }](t, s.call(200, "GET", "/v1/licenses", "")); old.Items[5].Name != "Single License - Webex Calling" {
		t.Errorf("the name from before 2026: %s", old.Items[5].Name)
	}
}

// TestLicenceCodes: each documented refusal, with its number, and nothing is changed by it. The request's licences are ids, with - before
// one that is taken away, and = behind a Calling licence that has no properties.
func TestLicenceCodes(t *testing.T) {
	documented := readPublished(t).find("PATCH", "/licenses/users").ErrorCodes
	seen := map[int]bool{}
	for _, c := range []struct {
		has, asks string
		code      int // 0: allowed
	}{
		{"", "XX", 400000},
		{"BC", "BS", 400112}, {"BC", "-BC BS", 400112}, {"BC", "BS -BC", 400112},
		{"", "WM", 400118}, {"WM", "-WM", 400118},
		{"", "BC BS", 400404}, {"", "BS BC", 400404}, {"BS", "BC", 400404}, {"BS", "-BS BC", 0}, {"BS", "BC -BS", 0},
		{"ATT", "BS", 400406}, {"BS", "ATT", 400406},
		{"BS", "CXE", 400407}, {"", "BS CXE", 400407}, {"", "CXE BS", 400407},
		{"", "ATT", 400408}, {"BC", "ATT", 0}, {"", "BC ATT", 0},
		{"CXE", "BS", 400410}, {"CXE", "BS -CXE", 400410},
		{"", "BC=", 400411}, {"", "BS=", 400411}, {"BC", "BC=", 0},
		{"CJPPRM", "CJPSTD", 400413}, {"", "CJPSTD CJPPRM", 400413}, {"CJPPRM", "CJPSTD -CJPPRM", 0},
		{"MCF", "MS", 700003}, {"MSF", "MS", 0}, {"", "MSF MS", 0},
		{"MSF", "EE", 700004}, {"MCF", "EE", 700005}, {"MSF MCF", "EE", 0},
		{"SS", "-SS", 700006},
	} {
		t.Run(c.has+" asks "+c.asks, func(t *testing.T) {
			s, person := licensed(t, c.has)
			before, _ := s.org.Person(person)
			status := 400
			if c.code == 0 {
				status = 200
			}
			got := s.call(status, "PATCH", "/v1/licenses/users", `{"personId":"`+personID(person)+`","licenses":[`+licenceOps(s.org.ID(), c.asks)+`]}`)
			if c.code == 0 {
				return
			}
			seen[c.code] = true
			if !strings.Contains(got.text, `"errorCode":`+strconv.Itoa(c.code)+`,`) {
				t.Errorf("want %d, got %s", c.code, got.text)
			}
			if after, _ := s.org.Person(person); !slices.Equal(after.Account.Licences, before.Account.Licences) {
				t.Errorf("%v after %v", after.Account.Licences, before.Account.Licences)
			}
		})
	}
	s := newSample(t, Config{})
	for body, code := range map[string]int{
		`"siteUrls":[{"siteUrl":"no.webex.com","accountType":"attendee"}]`: 400216, `"siteUrls":[{"siteUrl":"site.webex.com","accountType":"host"}]`: 400216,
		`"licenses":[{"id":"` + licenceID("BC_1") + `","properties":{"locationId":"` + restID("LOCATION", scimID()) + `","extension":"1"}}]`: 400,
	} {
		seen[code] = true
		if got := s.call(400, "PATCH", "/v1/licenses/users", `{"email":"plain@example.com",`+body+`}`); !strings.Contains(got.text, `"errorCode":`+strconv.Itoa(code)+`,`) {
			t.Errorf("%s: want %d, got %s", body, code, got.text)
		}
	}
	if len(documented) != 16 || len(seen) != len(documented) {
		t.Errorf("of %v these were seen: %v", documented, seen)
	}
	for _, code := range documented {
		if !seen[code] {
			t.Errorf("the number %d is documented, and no row has it", code)
		}
	}
}

// licensed is an organisation with a licence of each product, whose ids are the types, and a person who has some of them.
func licensed(t *testing.T, has string) (s *sample, person string) {
	t.Helper()
	s = newSample(t, Config{})
	c := OrgConfig{Name: "Licensed"}
	for _, of := range []struct {
		id      string
		product state.Product
		site    string
	}{
		{"MSF", state.FreeMessaging, ""}, {"MCF", state.FreeMeetings, ""}, {"MS", state.Messaging, ""}, {"EE", state.Meetings, "s.webex.com"},
		{"BC", state.CallingPro, ""}, {"BS", state.CallingStandard, ""}, {"ATT", state.Attendant, ""}, {"CXE", state.CustomerAssist, ""},
		{"SS", state.ScreenShare, ""}, {"WM", state.Messenger, ""}, {"CJPPRM", state.ContactPremium, ""}, {"CJPSTD", state.ContactStandard, ""},
	} {
		c.Licences = append(c.Licences, state.Licence{ID: of.id, Product: of.product, Total: 9, Site: of.site})
	}
	const name = "held@licensed.example"
	seed := Seed{Seed: state.Seed{Organisations: []state.SeedOrg{{OrgConfig: c, People: []state.SeedPerson{{
		Resource: json.RawMessage(`{"userName":"` + name + `"}`), Account: &state.Account{}, Licences: strings.Fields(has),
	}}}}}}
	orgs, err := s.u.Plant(t.Context(), seed)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := s.u.Login(name)
	other := s.in(orgs[0])
	if other.token, err = orgs[0].IssueToken(Everything, 0); err != nil {
		t.Fatal(err)
	}
	other.base = ""
	return &sample{peer: other, published: s.published}, p.ID
}

// licenceOps writes what is asked for as JSON.
func licenceOps(org, asks string) string {
	var list []string
	for word := range strings.FieldsSeq(asks) {
		id, op, properties := strings.TrimPrefix(word, "-"), "add", ""
		if id != word {
			op = "remove"
		}
		if id == "BC" || id == "BS" {
			properties = `,"properties":{"extension":"77"}`
		}
		list = append(list, `{"id":"`+restID("LICENSE", org+":"+strings.TrimSuffix(id, "="))+`","operation":"`+op+`"`+properties+`}`)
	}
	return strings.Join(list, ",")
}

// TestLicenceRules checks what else the call refuses, and who needs a seat.
func TestLicenceRules(t *testing.T) {
	s := newSample(t, Config{})
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
	location := into[struct{ ID string }](t, s.call(201, "POST", "/v1/locations", denver)).ID
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
	s.call(200, "GET", "/v1/locations?name=denv", "")
	if got := s.call(200, "GET", "/v1/locations/"+location, ""); !strings.Contains(got.text, `"timeZone":"America/Denver","preferredLanguage":"en_us"`) ||
		!strings.Contains(got.text, `"address":{"address1":"1 Main St","city":"Denver","state":"CO","postalCode":"80014","country":"US"}`) {
		t.Error(got.text)
	}
	s.call(204, "PUT", "/v1/locations/"+location, `{"notes":"Second floor"}`)
	if got := s.call(200, "GET", "/v1/locations/"+location, ""); !strings.Contains(got.text, "Second floor") || !strings.Contains(got.text, "America/Denver") {
		t.Error(got.text)
	}
	s.call(400, "POST", "/v1/locations", `{"name":"Nowhere"}`)
	s.call(404, "PUT", "/v1/locations/"+restID("LOCATION", scimID()), `{}`)
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
	// Whoever was there before gets nothing of a template until it is applied to them; by default nobody loses anything by that.
	agent := func() []string { p, _ := s.u.Org(sampleOrg).Person(sampleAgent); return p.Account.Licences }
	if got := agent(); !slices.Equal(got, []string{"CJ_1"}) {
		t.Errorf("before: %v", got)
	}
	var applied struct{ Changed int }
	control(s.peer, 200, "POST", "/control/orgs/"+sampleOrg+"/templates/apply", `{}`, &applied)
	if got := agent(); applied.Changed == 0 || !slices.Equal(got, []string{"CJ_1", "MSF_1", "BC_1"}) {
		t.Errorf("applied to %d, preserving: %v", applied.Changed, got)
	}
	control(s.peer, 200, "POST", "/control/orgs/"+sampleOrg+"/templates/apply", `{"preserve":false}`, &applied)
	if got := agent(); !slices.Equal(got, []string{"MSF_1", "BC_1"}) {
		t.Errorf("applied without preserving: %v", got)
	}
	control(s.peer, 200, "POST", "/control/orgs/"+sampleOrg+"/templates/apply", `{}`, &applied)
	if applied.Changed != 0 {
		t.Errorf("applied twice it changes %d", applied.Changed)
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
