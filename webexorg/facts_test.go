package webexorg

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// TestFacts holds single facts about Webex that clients stand on and no other test is about, a line each.
func TestFacts(t *testing.T) {
	s := newSample(t, Config{})
	older := "/v1/scim/" + sampleOrg
	has := func(part string) func(reply) bool {
		return func(r reply) bool { return strings.Contains(r.text, part) }
	}
	for _, c := range []struct {
		fact               string
		status             int
		method, path, body string
		check              func(reply) bool
		header             []string
	}{
		{"the tenant URL may end with a slash", 200, "GET", older + "/Users/", "", nil, nil},
		{"nobody is found is no error: Entra ID tests a connection so", 200, "GET", older + `/Users?filter=userName eq "nobody@example.com"`, "", has(`"totalResults":0`), nil},
		{"the older base has discovery", 200, "GET", older + "/ServiceProviderConfig", "", has(`"maxOperations":100`), nil},
		{"a client names itself in the tracking id", 404, "GET", "/v1/people/nobody", "", has(`"trackingId":"SIMPLE_1"`), []string{"Trackingid", "SIMPLE_1"}},
		{"all three schemas may be named with nothing under them, and active may be false", 201, "POST", scimAt + "/Users",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:scim:schemas:extension:cisco:webexidentity:2.0:User"],
			"userName":"inactive@example.com","active":false}`, has(`"active":false`), nil},
		{"an attribute of an extension may follow a dot", 200, "PATCH", scimAt + "/Users/" + samplePlain,
			patchHead + `{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department","value":"Dots"}]}`, has(`"department":"Dots"`), nil},
		{"operations with a capital, booleans as texts", 200, "PATCH", older + "/Users/" + samplePlain, patchHead + `{"op":"Replace","path":"active","value":"True"}]}`, has(`"active":true`), nil},
		{"numbered attributes of Webex's extension", 200, "PATCH", scimAt + "/Users/" + samplePlain,
			patchHead + `{"op":"add","path":"urn:scim:schemas:extension:cisco:webexidentity:2.0:User:extensionAttribute7","value":["x"]}]}`, has(`"extensionAttribute7":["x"]`), nil},
		{"85 ids at once", 400, "GET", "/v1/people?id=" + strings.TrimSuffix(strings.Repeat(samplePlain+",", 86), ","), "", nil, nil},
		{"a scope of another family is refused", 403, "GET", "/v1/people?max=2", "", nil, []string{"Authorization", "Bearer " + s.as(sampleAdmin, "identity:people_rw").token}},
		{"an administrator's scope does nothing for who is none", 403, "GET", "/v1/licenses", "", nil, []string{"Authorization", "Bearer " + s.as(samplePlain, "spark-admin:licenses_read").token}},
		{"a method that a path has not", 405, "PATCH", "/v1/roles", `{}`, nil, nil},
		{"a group's description is REST's alone", 200, "PATCH", "/v1/groups/" + restID("SCIM_GROUP", sampleGroup+":"+sampleOrg), `{"description":"Who sells"}`, has("Who sells"), nil},
		{"an answer without the person, when that is asked for", 200, "PUT", "/v1/people/" + personID(samplePlain) + "?minResponse=true", `{"displayName":"Plain Person"}`, func(r reply) bool { return len(r.body) == 1 && r.body.Has("id") }, nil},
	} {
		t.Run(c.fact, func(t *testing.T) {
			s := *s
			s.peer = &peer{t: t, u: s.u, org: s.org, url: s.url, base: s.base, token: s.token}
			got, err := s.send(c.method, c.path, c.body, append([]string{"Content-Type", "application/json"}, c.header...)...)
			if err != nil || got.StatusCode != c.status || c.check != nil && !c.check(got) {
				t.Errorf("%v %d %s", err, got.StatusCode, got.text)
			}
		})
	}
}

// TestIdentifiers: ids of REST are those of SCIM in another form, which clients take apart.
func TestIdentifiers(t *testing.T) {
	s := newSample(t, Config{})
	plain := func(id string) string {
		text, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		return string(text)
	}
	person := into[struct{ ID, OrgID string }](t, s.call(200, "GET", "/v1/people/"+personID(sampleAgent), ""))
	for got, want := range map[string]string{
		person.ID: "ciscospark://us/PEOPLE/" + sampleAgent, person.OrgID: "ciscospark://us/ORGANIZATION/" + sampleOrg,
	} {
		if plain(got) != want {
			t.Errorf("%s is %s, want %s", got, plain(got), want)
		}
	}
	var lists = map[string]string{"/v1/roles": "ciscospark://us/ROLE/id_full_admin", "/v1/licenses": "ciscospark://us/LICENSE/" + sampleOrg + ":CJ_1"}
	for path, want := range lists {
		list := into[struct{ Items []struct{ ID string } }](t, s.call(200, "GET", path, ""))
		if !slices.ContainsFunc(list.Items, func(i struct{ ID string }) bool { return plain(i.ID) == want }) {
			t.Errorf("%s has no %s", path, want)
		}
	}
	groups := into[struct{ Groups []struct{ ID string } }](t, s.call(200, "GET", `/v1/groups?filter=displayName eq "Sales"`, ""))
	if len(groups.Groups) != 1 || plain(groups.Groups[0].ID) != "ciscospark://us/SCIM_GROUP/"+sampleGroup+":"+sampleOrg {
		t.Errorf("%+v", groups)
	}
}

// TestSubscriptions: of two licences of a product, a template gives the one of the oldest subscription, and a premium agent is no
// standard one too.
func TestSubscriptions(t *testing.T) {
	u, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := u.AddOrg(OrgConfig{
		Name: "Acme",
		Licences: []state.Licence{
			{ID: "MS_old", Product: state.Messaging, Total: 1, Subscription: "Sub1"}, {ID: "MS_new", Product: state.Messaging, Total: 5, Subscription: "Sub2"},
			{ID: "CJ_s", Product: state.ContactStandard, Total: 5, Subscription: "Sub1"}, {ID: "CJ_p", Product: state.ContactPremium, Total: 1, Subscription: "Sub2"},
		},
		Templates: []state.Template{{ID: "t", Name: "All", Type: state.OrgTemplate, Licences: []string{"MS_new", "MS_old", "CJ_s", "CJ_p"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	held := func(name string) []string {
		id, err := o.Add(t.Context(), "User", scim.Object{{Name: "userName", Value: name}})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := o.Person(id)
		return slices.Sorted(slices.Values(p.Account.Licences))
	}
	if got := held("first@example.com"); !slices.Equal(got, []string{"CJ_p", "MS_old"}) {
		t.Errorf("the first has %v", got)
	}
	if got := held("second@example.com"); !slices.Equal(got, []string{"CJ_s", "MS_new"}) {
		t.Errorf("when those are gone the second has %v", got)
	}
}

// TestPageSizes: a page of people has 1,000 at most, 100 when calling data is asked for, 50 of a location; without max it has 100.
func TestPageSizes(t *testing.T) {
	s := newSample(t, Config{})
	if err := s.org.SetKnobs(Knobs{Present: 1100}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{"": 100, "?max=1000": 1000, "?max=2000": 1000, "?callingData=true": 100, "?callingData=true&max=500": 100, "?max=3": 3} {
		if got := into[peopleList](t, s.call(200, "GET", "/v1/people"+query, "")); len(got.Items) != want {
			t.Errorf("%q: %d people, want %d", query, len(got.Items), want)
		}
	}
	for _, query := range []string{"?max=0", "?max=x", "?max=-1"} {
		s.call(400, "GET", "/v1/people"+query, "")
	}
}

// TestStart: whoever opens the address comes to Control Hub, and a program is told that there is nothing at paths that nobody serves.
func TestStart(t *testing.T) {
	s := newSample(t, Config{})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/hub" {
		t.Errorf("%s to %s", res.Status, res.Header.Get("Location"))
	}
	s.call(404, "GET", "/nowhere", "")
}
