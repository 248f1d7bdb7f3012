package webexorg

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/scim"
)

const (
	patchHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	scimAt    = "/identity/scim/" + sampleOrg + "/v2"
)

// assume sets switches of the sample's organisation.
func (s *sample) assume(switches string) {
	s.t.Helper()
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"assume":{`+switches+`}}`, nil)
}

// TestSwitches flips every assumption that concerns SCIM and people, and sees the other behaviour. The switches of licences are
// flipped in TestLicences and TestTemplates, keep_tokens in TestRolesEndTokens.
func TestSwitches(t *testing.T) {
	bulk := `{"failOnErrors":5,"operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"BULK@example.com"}}]}`
	many := `{"operations":[` + strings.TrimSuffix(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, 101), ",") + `]}`
	for _, c := range []struct {
		name, on           string
		method, path, body string
		usual, flipped     func(reply) bool
	}{
		{"bulk_capital", `"bulk_capital":true`, "POST", "/Bulk", bulk,
			func(r reply) bool { return strings.Contains(r.text, `"operations":[`) },
			func(r reply) bool { return strings.Contains(r.text, `"Operations":[`) }},
		{"bulk_text_status", `"bulk_text_status":true`, "POST", "/Bulk", bulk,
			func(r reply) bool { return strings.Contains(r.text, `"status":201`) },
			func(r reply) bool { return strings.Contains(r.text, `"status":"201"`) }},
		{"scim_media", `"scim_media":true`, "GET", "/Users", "",
			func(r reply) bool { return r.Header.Get("Content-Type") == "application/json" },
			func(r reply) bool { return r.Header.Get("Content-Type") == "application/scim+json" }},
		{"bulk_too_large", `"bulk_too_large":true`, "POST", "/Bulk", many,
			func(r reply) bool { return r.StatusCode == 400 }, func(r reply) bool { return r.StatusCode == 413 }},
		{"domain_forbidden", `"domain_forbidden":true`, "POST", "/Users", `{"userName":"x@example.net"}`,
			func(r reply) bool { return r.StatusCode == 400 }, func(r reply) bool { return r.StatusCode == 403 }},
		{"groups_by_id", `"groups_by_id":true`, "GET", "/Users/" + samplePlain, "",
			func(r reply) bool { return !r.body.Has("groups") }, func(r reply) bool { return r.body.Has("groups") }},
		{"group_names_twice", `"group_names_twice":true`, "POST", "/Groups", `{"displayName":"Sales"}`,
			func(r reply) bool { return r.StatusCode == 409 }, func(r reply) bool { return r.StatusCode == 201 }},
		{"own_primary", `"own_primary":true`, "POST", "/Users", `{"userName":"own@example.com","emails":[{"value":"other@example.com","type":"work","primary":true}]}`,
			func(r reply) bool { return r.StatusCode == 400 },
			func(r reply) bool {
				return r.StatusCode == 201 && strings.Contains(r.text, `{"value":"other@example.com","type":"work","primary":true}`) && strings.Contains(r.text, `{"value":"own@example.com","type":"work"}`)
			}},
		{"scope_apart", `"scope_apart":true`, "GET", "/Users?as=SCIM", "",
			func(r reply) bool { return r.StatusCode == 200 },
			func(r reply) bool {
				return r.StatusCode == 403 && strings.Contains(r.text, "identity:people_rw") && strings.Contains(r.text, "Identity:SCIM opens /v1/scim/")
			}},
		{"no_discovery", `"no_discovery":true`, "GET", "/ServiceProviderConfig", "", is(200), is(404)},
		{"no_discovery of types", `"no_discovery":true`, "GET", "/ResourceTypes/User", "", is(200), is(404)},
		{"bare_errors", `"bare_errors":true`, "POST", "/Users", `{"userName":"plain@example.com"}`,
			func(r reply) bool {
				return r.StatusCode == 409 && r.body.Has("detail") && r.body.Text("scimType") == "uniqueness"
			},
			func(r reply) bool {
				return r.StatusCode == 409 && !r.body.Has("detail") && !r.body.Has("scimType") && strings.Contains(r.text, `"errorCode":"200016","details":"`)
			}},
		{"no_error_codes", `"no_error_codes":true`, "GET", "/Users/" + scimID(), "",
			func(r reply) bool { return strings.Contains(r.text, `"errorCode":"100404"`) }, func(r reply) bool { return r.StatusCode == 404 && !strings.Contains(r.text, "errorCode") }},
		{"groups_eq_only", `"groups_eq_only":true`, "GET", `/Groups?filter=displayName sw "Sal"`, "", is(200), is(400)},
		{"search_contains", `"search_contains":true`, "GET", `/Users?filter=displayName co "gent"`, "", is(400),
			func(r reply) bool { return r.StatusCode == 200 && strings.Contains(r.text, "agent@example.com") }},
		{"large_pages", `"large_pages":true`, "GET", "/Users?count=1000", "",
			func(r reply) bool { return r.body.Get("itemsPerPage") == int64(500) }, func(r reply) bool { return r.body.Get("itemsPerPage") == int64(1000) }},
		{"many_members", `"many_members":true`, "POST", "/Groups", `{"displayName":"Many","members":[` + strangers(501) + `]}`,
			func(r reply) bool { return r.StatusCode == 400 && strings.Contains(r.text, "at most 500") },
			func(r reply) bool {
				return r.StatusCode == 400 && strings.Contains(r.text, "there is no user or group")
			}},
		{"user_type_needed", `"user_type_needed":true`, "POST", "/Users", `{"userName":"typeless@example.com"}`, is(201), is(400)},
		{"any_manager", `"any_manager":true`, "POST", "/Users", `{"userName":"led@example.com","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"` + scimID() + `"}}}`,
			is(400), is(201)},
		{"foreign_unknown", `"foreign_unknown":true`, "GET", "/../../" + scimID() + "/v2/Users?as=identity:people_rw", "", is(403), is(404)},
		{"last_admin", `"last_admin":true`, "DELETE", "/Users/" + sampleAdmin, "",
			func(r reply) bool { return r.StatusCode == 403 }, func(r reply) bool { return r.StatusCode == 204 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, on := range []bool{false, true} {
				s := newSample(t, Config{})
				want := c.usual
				if on {
					s.assume(c.on)
					want = c.flipped
				}
				if c.name == "large_pages" {
					if err := s.org.SetKnobs(Knobs{Present: 1100}); err != nil {
						t.Fatal(err)
					}
				}
				path, as, person := strings.Cut(c.path, "?as=")
				if person {
					s = s.as(sampleAdmin, strings.Replace(as, "SCIM", "spark:people_read spark:people_write Identity:SCIM", 1))
				}
				got, err := s.send(c.method, strings.Replace(scimAt+path, sampleOrg+"/v2/../../", "", 1), strings.ReplaceAll(c.body, "BULK", strings.ToLower(t.Name()[13:])))
				if err != nil || !want(got) {
					t.Errorf("switched on: %t: %d %s (%v)", on, got.StatusCode, got.text, err)
				}
			}
		})
	}
	s := newSample(t, Config{})
	agent := s.as(sampleAgent, "openid cjp:user")
	agent.call(200, "GET", "/identity/scim/v1/Users/me", "")
	s.assume(`"strict_userinfo":true`)
	agent.call(403, "GET", "/identity/scim/v1/Users/me", "")
	s.as(sampleAgent, "spark:people_read").call(200, "GET", "/identity/scim/v1/Users/me", "")
	if got := s.call(200, "GET", "/v1/people/"+personID(samplePlain), ""); !strings.Contains(got.text, `"loginEnabled":true`) {
		t.Error(got.text)
	}
	foreign := "/v1/people?orgId=" + restID("ORGANIZATION", scimID())
	s.call(403, "GET", foreign, "")
	s.assume(`"foreign_unknown":true`)
	s.call(404, "GET", foreign, "")
	s.call(409, "POST", "/v1/people", `{"emails":["plain@example.com"],"displayName":"x"}`)
	s.assume(`"taken_invalid":true`)
	s.call(400, "POST", "/v1/people", `{"emails":["plain@example.com"],"displayName":"x"}`)
	s.assume(`"flags_as_text":true`)
	if got := s.call(200, "GET", "/v1/people/"+personID(samplePlain), ""); !strings.Contains(got.text, `"loginEnabled":"true"`) {
		t.Error(got.text)
	}
}

// strangers are members whom no organisation has.
func strangers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = `{"value":"` + scimID() + `"}`
	}
	return strings.Join(list, ",")
}

func is(status int) func(reply) bool {
	return func(r reply) bool { return r.StatusCode == status }
}

// TestEmptyLastPage: whichever way a list ends, who follows its links sees everybody once.
func TestEmptyLastPage(t *testing.T) {
	s := newSample(t, Config{})
	for _, id := range []string{sampleAdmin, sampleRead, sampleAgent, samplePlain} {
		s.assign(200, id, "BC_1")
	}
	from, to := "from=2026-01-01T00:00:00.000Z", "to=2100-01-01T00:00:00.000Z"
	for path, items := range map[string]func(reply) int{
		"/v1/people?max=": func(r reply) int { return len(into[peopleList](t, r).Items) },
		"/v1/licenses/" + licenceID("BC_1") + "?includeAssignedTo=user&limit=": func(r reply) int { return len(into[licenceRow](t, r).Users) },
		"/v1/adminAudit/events?orgId=" + restID("ORGANIZATION", sampleOrg) + "&" + from + "&" + to + "&max=": func(r reply) int {
			return len(into[struct{ Items []json.RawMessage }](t, r).Items)
		},
	} {
		all := items(s.call(200, "GET", path+"200", ""))
		var counts [2][]int
		for i, assumed := range []string{`"empty_last_page":false`, `"empty_last_page":true`} {
			s.assume(assumed)
			for at := path + strconv.Itoa(all); at != ""; {
				got := s.call(200, "GET", at, "")
				counts[i] = append(counts[i], items(got))
				next, _, _ := strings.Cut(strings.TrimPrefix(got.Header.Get("Link"), "<"+s.url), ">")
				var err error
				if at, err = url.QueryUnescape(next); err != nil { // send encodes it again
					t.Fatal(err)
				}
			}
		}
		if usual, empty := counts[0], counts[1]; all == 0 || !slices.Equal(usual, []int{all}) || !slices.Equal(empty, []int{all, 0}) {
			t.Errorf("%s: pages of %v, and assumed otherwise of %v", path, usual, empty)
		}
	}
}

// TestSCIMDialect checks what clients have found out about Webex's SCIM.
func TestSCIMDialect(t *testing.T) {
	s := newSample(t, Config{})
	// firstAdmin comes whatever is asked for.
	list := s.call(200, "GET", scimAt+"/Users?attributes=id,userName,displayName", "")
	var users struct {
		Resources []map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(list.text), &users); err != nil {
		t.Fatal(err)
	}
	first := 0
	for _, u := range users.Resources {
		if _, there := u["firstAdmin"]; !there || len(u) > 5 {
			t.Errorf("%v", u)
		}
		if string(u["firstAdmin"]) == "true" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d first administrators", first)
	}
	refused := s.call(400, "GET", scimAt+`/Users?filter=externalId eq "x"`, "")
	if !strings.Contains(refused.body.Text("detail"), "The user's externalId, operator: EQ is not supported search.") {
		t.Error(refused.text)
	}
	s.call(200, "GET", scimAt+`/Users?filter=phoneNumbers [ type eq "work" ]`, "")
	s.call(201, "POST", scimAt+"/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:scim:schemas:extension:cisco:webexidentity:2.0:User"],"userName":"off@example.com","active":false}`)
	bulk := s.call(200, "POST", scimAt+"/Bulk", `{"failOnErrors":9,"operations":[{"method":"DELETE","path":"/Users/`+samplePlain+`","bulkId":"d"},
		{"method":"POST","path":"/Users","bulkId":"p","data":{"userName":"agent@example.com"}}]}`)
	var answer struct {
		Operations []struct {
			BulkID, Location string
			Status           int
			Response         map[string]json.RawMessage
		} `json:"operations"`
	}
	if err := json.Unmarshal([]byte(bulk.text), &answer); err != nil || len(answer.Operations) != 2 {
		t.Fatalf("%v %s", err, bulk.text)
	}
	if op := answer.Operations[0]; op.BulkID != "d" || op.Status != 204 || !strings.HasSuffix(op.Location, "/Users/"+samplePlain) {
		t.Errorf("%+v", op)
	}
	if op := answer.Operations[1]; op.Status != 409 || op.Response["urn:scim:schemas:extension:cisco:webexidentity:api:messages:2.0:Error"] == nil {
		t.Errorf("%+v", op)
	}
	for _, bad := range []string{`{"operations":[{"method":"PUT","path":"/Users/x","data":{}}]}`, `{"failOnErrors":101,"operations":[]}`, `{`, `[]`} {
		s.call(400, "POST", scimAt+"/Bulk", bad)
	}
	s.call(200, "GET", "/Schemas/SCIM2/User", "")
	s.call(200, "GET", "/Schemas/SCIM2/Group", "")
	s.call(200, "GET", "/Schemas/SCIM2/urn:scim:schemas:extension:cisco:webexidentity:2.0:User", "")
	s.call(404, "GET", "/Schemas/SCIM2/Device", "")
	s.call(405, "POST", "/Schemas/SCIM2/User", "{}")
	legacy := s.call(200, "GET", "/identity/scim/"+sampleOrg+"/v1/Users/agent@example.com", "")
	if legacy.body.Text("id") != sampleAgent || !legacy.body.Has("licenseID") || legacy.body.Text("userStatus") != "active" {
		t.Error(legacy.text)
	}
	s.call(404, "GET", "/identity/scim/"+sampleOrg+"/v1/Users/nobody@example.com", "")
	user := s.call(200, "GET", scimAt+"/Users/"+sampleAgent, "")
	ext, _ := user.body.Get(scim.CiscoUserURN).(scim.Object)
	if !ext.Has("licenseID") || ext.Text("userNameType") != "email" {
		t.Error(user.text)
	}
}

// TestLife: whoever was deleted is kept, then forgotten; whoever is inactive or pending too long is deleted.
func TestLife(t *testing.T) {
	c := newClock()
	s := newSample(t, Config{Now: c.Now})
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"enforce":false,"life":{"deleted_days":7,"inactive_days":30,"pending_days":30,"pending":true}}`, nil)
	s.call(204, "DELETE", scimAt+"/Users/"+samplePlain, "")
	archived := s.call(200, "GET", "/identity/organizations/"+sampleOrg+"/v1/ArchivedUser/"+samplePlain, "")
	if ext, _ := archived.body.Get(scim.CiscoUserURN).(scim.Object); !scim.Equal(ext.Get("accountStatus"), scim.List{"marked_deleted"}) {
		t.Error(archived.text)
	}
	s.call(409, "POST", scimAt+"/Users", `{"userName":"plain@example.com"}`)
	c.move(7*24*time.Hour + time.Second)
	s.call(404, "GET", "/identity/organizations/"+sampleOrg+"/v1/ArchivedUser/"+samplePlain, "")
	s.call(201, "POST", scimAt+"/Users", `{"userName":"plain@example.com"}`)

	guest := into[struct{ ID string }](t, s.call(201, "POST", scimAt+"/Users", `{"userName":"guest@elsewhere.example"}`)).ID
	pending := s.call(200, "GET", scimAt+"/Users/"+guest, "")
	if ext, _ := pending.body.Get(scim.CiscoUserURN).(scim.Object); !scim.Equal(ext.Get("accountStatus"), scim.List{"pending"}) {
		t.Error(pending.text)
	}
	sweep := func() int {
		t.Helper()
		var out struct{ Deleted int }
		control(s.peer, 200, "POST", "/control/orgs/"+sampleOrg+"/sweep", "{}", &out)
		return out.Deleted
	}
	if n := sweep(); n != 0 {
		t.Errorf("%d deleted at once", n)
	}
	c.move(30*24*time.Hour + time.Second)
	if n := sweep(); n != 1 {
		t.Errorf("%d pending users deleted after 30 days", n)
	}
	// Inactive people of a cloud directory go, too; those of no directory stay.
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"sync":"AAD"}`, nil)
	synced := into[struct{ ID string }](t, s.call(201, "POST", scimAt+"/Users", `{"userName":"synced@example.com"}`)).ID
	off := patchHead + `{"op":"replace","path":"active","value":false}]}`
	s.call(200, "PATCH", scimAt+"/Users/"+synced, off)
	c.move(29 * 24 * time.Hour)
	if n := sweep(); n != 0 {
		t.Errorf("%d deleted after 29 days", n)
	}
	c.move(25 * time.Hour)
	if n := sweep(); n != 1 {
		t.Errorf("%d inactive users deleted after 30 days", n)
	}
	s.call(404, "GET", scimAt+"/Users/"+synced, "")
}

func TestLimits(t *testing.T) {
	s := newSample(t, Config{})
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"limits":{"users":5,"groups":3,"members":2}}`, nil)
	s.call(201, "POST", scimAt+"/Users", `{"userName":"five@example.com"}`)
	s.call(403, "POST", scimAt+"/Users", `{"userName":"six@example.com"}`)
	s.call(201, "POST", scimAt+"/Groups", `{"displayName":"Three"}`)
	s.call(403, "POST", scimAt+"/Groups", `{"displayName":"Four"}`)
	s.assume(`"limits_invalid":true`)
	s.call(400, "POST", scimAt+"/Groups", `{"displayName":"Four"}`)
	s.call(400, "POST", scimAt+"/Users", `{"userName":"six@example.com"}`)
	s.call(400, "PATCH", scimAt+"/Groups/"+sampleGroup, patchHead+`{"op":"add","path":"members","value":[{"value":"`+sampleAdmin+`"}]}]}`)
}

// TestConnector: in an organisation that Directory Connector synchronises, people are not created, deleted or changed by REST.
func TestConnector(t *testing.T) {
	s := newSample(t, Config{})
	control[struct{}](s.peer, 200, "PATCH", "/control/orgs/"+sampleOrg, `{"sync":"AD"}`, nil)
	s.call(403, "POST", "/v1/people", `{"emails":["x@example.com"],"displayName":"x"}`)
	s.call(403, "DELETE", "/v1/people/"+personID(samplePlain), "")
	s.call(403, "PUT", "/v1/people/"+personID(samplePlain), `{"displayName":"Renamed"}`)
	s.call(200, "PUT", "/v1/people/"+personID(samplePlain), `{"displayName":"Plain Person","roles":["`+restID("ROLE", "id_user_admin")+`"]}`)
	s.call(201, "POST", scimAt+"/Users", `{"userName":"x@example.com"}`)
}

// TestExport writes everything as a seed, plants it in another universe, and finds it the same. It also restarts from a journal.
func TestExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := newSample(t, Config{Journal: path})
	s.call(200, "PATCH", "/v1/licenses/users", `{"email":"plain@example.com","licenses":[{"id":"`+licenceID("BC_1")+`","properties":{"extension":"101"}}]}`)
	s.call(201, "POST", "/v1/locations", denver)
	s.call(201, "POST", "/contacts/organizations/"+sampleOrg+"/contacts", `{"source":"CH","displayName":"Con"}`)
	s.call(200, "PATCH", "/v1/groups/"+restID("SCIM_GROUP", sampleGroup+":"+sampleOrg), `{"description":"Who sells"}`)
	bearer := s.as(sampleAgent, "spark:people_read")
	exported := func(u *Universe) string {
		t.Helper()
		var b bytes.Buffer
		if err := u.Export(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := exported(s.u)
	other, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	seed, err := ReadSeed(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Plant(context.Background(), seed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(withoutTimes(t, want), withoutTimes(t, exported(other))); diff != "" {
		t.Error(diff)
	}
	again, err := New(Config{Journal: path})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if diff := cmp.Diff(want, exported(again)); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	if _, err := again.Broker().Check(bearer.token); err != nil {
		t.Errorf("a token of a person after a restart: %v", err)
	}
	if _, err := ReadSeed(strings.NewReader(`{"organisations":[{"nmae":"x"}]}`)); err == nil {
		t.Error("a seed with a name that nobody knows was read")
	}
}

// withoutTimes decodes an export, without the times at which things were made.
func withoutTimes(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				strip(e)
			}
		case map[string]any:
			delete(v, "created")
			delete(v, "modified")
			for _, e := range v {
				strip(e)
			}
		}
	}
	strip(v)
	return v
}

// TestFaultKinds asks for each fault and sees it, on both faces.
func TestFaultKinds(t *testing.T) {
	for _, path := range []string{scimAt + "/Users", "/v1/people"} {
		s := newSample(t, Config{})
		at := "/control/orgs/" + sampleOrg + "/faults"
		for _, c := range []struct {
			fault  string
			status int
			wait   string
		}{
			{`{"kind":"423","times":1,"wait":7}`, 423, "7"}, {`{"kind":"429","times":1}`, 429, "1"}, {`{"kind":"429","times":1,"wait":9}`, 429, "9"},
			{`{"kind":"500","times":1}`, 500, ""}, {`{"kind":"502","times":1}`, 502, ""}, {`{"kind":"503","times":1,"wait":3}`, 503, "3"},
			{`{"kind":"504","times":1}`, 504, ""},
		} {
			control[struct{}](s.peer, 201, "POST", at, c.fault, nil)
			got := s.call(c.status, "GET", path, "")
			if got.Header.Get("Retry-After") != c.wait {
				t.Errorf("%s: Retry-After %q", c.fault, got.Header.Get("Retry-After"))
			}
			s.call(200, "GET", path, "")
			control[struct{}](s.peer, 204, "DELETE", at, "", nil)
		}
		control[struct{}](s.peer, 201, "POST", at, `{"kind":"malformed","times":1}`, nil)
		if got, err := s.send("GET", path, ""); err != nil || got.StatusCode != 200 || json.Valid([]byte(got.text)) {
			t.Errorf("malformed: %v %d %s", err, got.StatusCode, got.text)
		}
		control[struct{}](s.peer, 204, "DELETE", at, "", nil)
		control[struct{}](s.peer, 201, "POST", at, `{"kind":"expire","times":1}`, nil)
		s.call(401, "GET", path, "")
		s.call(401, "GET", path, "")
	}
}

// TestPartial: half of a request takes effect before the error.
func TestPartial(t *testing.T) {
	s := newSample(t, Config{})
	at := "/control/orgs/" + sampleOrg + "/faults"
	control[struct{}](s.peer, 201, "POST", at, `{"kind":"partial","method":"POST"}`, nil)
	s.call(500, "POST", "/v1/people", `{"emails":["half@example.com"],"displayName":"Half","roles":["`+restID("ROLE", "id_user_admin")+`"],"licenses":["`+licenceID("BC_1")+`"]}`)
	half := into[peopleList](t, s.call(200, "GET", "/v1/people?email=half@example.com", ""))
	if len(half.Items) != 1 || len(half.Items[0].Roles)+len(half.Items[0].Licenses) > 0 {
		t.Errorf("%+v", half)
	}
	s.call(500, "POST", scimAt+"/Bulk", `{"operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"b1@example.com"}},
		{"method":"POST","path":"/Users","bulkId":"2","data":{"userName":"b2@example.com"}}]}`)
	control[struct{}](s.peer, 204, "DELETE", at, "", nil)
	s.call(409, "POST", scimAt+"/Users", `{"userName":"b1@example.com"}`)
	s.call(201, "POST", scimAt+"/Users", `{"userName":"b2@example.com"}`)
}

// TestInspector: the last calls are kept, with their bodies and without their secrets.
func TestInspector(t *testing.T) {
	s := newSample(t, Config{Inspect: 3})
	for _, title := range []string{"one", "two", "three", "four"} {
		s.call(200, "PATCH", scimAt+"/Users/"+samplePlain, patchHead+`{"op":"add","path":"title","value":"`+title+`"}]}`)
	}
	s.call(201, "POST", scimAt+"/Users", `{"userName":"secret@example.com","password":"hunter2hunter2"}`)
	at := "/control/orgs/" + sampleOrg + "/calls"
	other := *s.peer
	got := other.do(200, "GET", at, "", "Authorization", "Bearer "+controlSecret)
	var calls struct{ Calls []seenCall }
	if err := json.Unmarshal([]byte(got.text), &calls); err != nil {
		t.Fatal(err)
	}
	if len(calls.Calls) != 3 || calls.Calls[0].Method != "POST" || calls.Calls[0].Status != 201 || !strings.Contains(calls.Calls[1].Request.Body, "four") {
		t.Errorf("%s", got.text)
	}
	if strings.Contains(got.text, s.token) || strings.Contains(got.text, "hunter2") {
		t.Errorf("a secret is shown: %s", got.text)
	}
}

// TestFaces sees that id broker, console and pages answer beside the APIs.
func TestFaces(t *testing.T) {
	s := newSample(t, Config{})
	for path, status := range map[string]int{
		"/v1/.well-known/openid-configuration": 200, "/idb/oauth2/v2/keys/verificationjwk": 200, "/v1/authorize": 401, "/page/style.css": 200,
	} {
		res, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// fuzzed is the sample's organisation without a network, and a token for everything.
func fuzzed(f *testing.F) (handler http.Handler, token string) {
	f.Helper()
	u, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	seed, err := ReadSeed(strings.NewReader(sampleSeed))
	if err != nil {
		f.Fatal(err)
	}
	orgs, err := u.Plant(context.Background(), seed)
	if err != nil {
		f.Fatal(err)
	}
	if token, err = orgs[0].IssueToken(Everything, 0); err != nil {
		f.Fatal(err)
	}
	return u.Handler(), token
}

// FuzzREST sends bodies and queries that nobody meant: there is an answer of 2xx or 4xx, never one of 5xx.
func FuzzREST(f *testing.F) {
	for _, c := range [][3]string{
		{"POST", "/v1/people", `{"emails":["x@example.com"],"displayName":"x","managerId":"` + personID(samplePlain) + `"}`},
		{"PUT", "/v1/people/" + personID(samplePlain), `{"displayName":"x","addresses":[{"type":"work"}]}`},
		{"PATCH", "/v1/licenses/users", `{"email":"plain@example.com","licenses":[{"id":"` + licenceID("BC_1") + `","properties":{"extension":"1"}}]}`},
		{"PATCH", "/v1/groups/" + restID("SCIM_GROUP", sampleGroup+":"+sampleOrg), `{"members":[{"id":"x","operation":"add"}]}`},
		{"GET", "/v1/people?after=x&max=3", ""}, {"GET", "/v1/groups?filter=displayName+eq+%22x%22", ""},
		{"GET", "/organization/" + sampleOrg + "/v2/user?filter=id%3Din%3D(&page=99999999999", ""},
		{"POST", "/contacts/organizations/" + sampleOrg + "/contacts", `{"source":"CH","displayName":"x","emails":[{"value":1}]}`},
		{"POST", scimAt + "/Bulk", `{"operations":[{"method":"POST","path":"/Users","bulkId":"1","data":"{}"}]}`},
		{"POST", "/identity/organizations/" + sampleOrg + "/actions/claimDomain", `{"data":[{"domain":"\u0000"}]}`},
	} {
		f.Add(c[0], c[1], c[2])
	}
	handler, token := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://webexorg"+path, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") || r.URL.Host != "webexorg" {
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := &discardStatus{discard: discard{http.Header{}}}
		handler.ServeHTTP(w, r)
		if w.status >= 500 && w.status != 501 {
			t.Errorf("%s %s %q: %d", method, path, body, w.status)
		}
	})
}

// discardStatus keeps nothing but the status.
type discardStatus struct {
	discard
	status int
}

func (d *discardStatus) WriteHeader(status int) { d.status = status }
