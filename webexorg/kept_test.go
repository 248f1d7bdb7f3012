package webexorg

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/scim"
)

// fullSeed has a value in every field that a seed can have; TestSeedHasEverything sees to it.
const fullSeed = `{"organisations":[{"id":"5a1e0000-0000-4000-8000-000000000001","name":"Example","region":"eu","domains":["example.com","second.example"],
 "claimed":["second.example"],"enforce":true,"language":"en_US","asked":{"third.example":"token"},"settings":{"allow-admin-invite-emails":true},"sync":"AAD",
 "limits":{"users":50,"groups":20,"members":900},"life":{"deleted_days":7,"inactive_days":30,"pending_days":40,"pending":true},
 "assume":{"bulk_capital":true,"bulk_text_status":true,"scim_media":true,"bulk_too_large":true,"domain_forbidden":true,"groups_by_id":true,
  "scope_apart":true,"old_names":true,"flags_as_text":true,"no_partial":true,"no_templates":true,"keep_tokens":true,"group_names_twice":true,
  "last_admin":true,"own_primary":true,"limits_invalid":true,"strict_userinfo":true,"no_discovery":true,"bare_errors":true,"no_error_codes":true,
  "groups_eq_only":true,"search_contains":true,"large_pages":true,"many_members":true,"user_type_needed":true,"any_manager":true,
  "foreign_unknown":true,"taken_invalid":true,"empty_last_page":true},
 "licences":[{"id":"MS_1","name":"Webex Messaging","old_name":"Messaging","product":"messaging","total":2,"subscription":"Sub1"},
  {"id":"EE_1_site","name":"Webex Meetings","old_name":"Meeting","product":"meetings","total":1,"subscription":"Sub1","site":"site.webex.com","site_type":"Linked site"}],
 "templates":[{"id":"t1","name":"Sales","type":"GROUP","licences":["MS_1"],"groups":["00000000-0000-7000-8000-0000000000b1"],"recompute":true}],
 "locations":[{"id":"00000000-0000-7000-8000-0000000000c1","name":"Denver","group":"00000000-0000-7000-8000-0000000000b2","time_zone":"America/Denver",
  "language":"en_us","announcement_language":"fr_fr","address":{"address1":"1","address2":"2","city":"C","state":"CO","postalCode":"8","country":"US"},
  "latitude":"1.5","longitude":"2.5","notes":"n"}],
 "every_group":true,"partners":[{"org":"5a1e0000-0000-4000-8000-000000000002","tags":["gold"],"admins":["x"]}],"resources":[{"id":"r","name":"Resource"}],
 "descriptions":{"00000000-0000-7000-8000-0000000000b1":"Who sells"},"created":1700000000000,"modified":1700000000001,
 "people":[{"id":"00000000-0000-7000-8000-0000000000a1","local":true,"created":1700000000002,
   "resource":{"userName":"admin@example.com","displayName":"Full Admin","roles":[{"value":"id_full_admin","type":"cirole"}]},"licences":["EE_1_site"],
   "account":{"licences":["MS_1"],"by_hand":["MS_1"],"sites":[{"url":"site.webex.com","type":"attendee"}],"location":"00000000-0000-7000-8000-0000000000c1",
    "epoch":3,"signed_in":1,"active":2,"invited":3,"inactive":4}}],
 "groups":[{"id":"00000000-0000-7000-8000-0000000000b1","resource":{"displayName":"Sales"},"members":["admin@example.com"],"local":true,"created":1700000000003},
  {"id":"00000000-0000-7000-8000-0000000000b2","resource":{"displayName":"Denver","urn:scim:schemas:extension:cisco:webexidentity:2.0:Group":{"usage":"location"}}}],
 "centre":{"sites":[{"id":"s","name":"Main","active":true,"default":true,"version":1,"at":1}],
  "profiles":[{"id":"p","name":"Premium","type":"PREMIUM_AGENT","active":true,"default":true,"version":1,"at":1}],
  "teams":[{"id":"t","name":"Support","description":"d","type":"AGENT","status":"IN_SERVICE","site":"s","active":true,"version":1,"at":1}],
  "users":[{"id":"u","person":"00000000-0000-7000-8000-0000000000a1","profile":"p","site":"s","teams":["t"],"enabled":true,"active":true,"external":"e","dialled":"+1","version":1,"at":1}]},
 "contacts":CONTACTS,
 "archived":[{"id":"00000000-0000-7000-8000-0000000000d1","deleted":DELETED,"resource":{"userName":"gone@example.com"}}]}],
 "sign_in":{"settings":{"access":"1h","refresh":"2h","scim":"3h","personal":"4h","service":"5h","code":"6m","device":"7m","id_token":"8m","session":"9h",
   "keep_refresh":true,"one_issuer":true,"forgive_reuse":true,"secret_always":true,"logout_anywhere":true,"agents_only":true,"one_cloud":true,
   "ticked_openid":true,"no_introspection":true},
  "clients":[{"clientId":"Cone","type":"integration","name":"One","description":"d","contactEmail":"c@example.com","owner":"admin@example.com",
    "orgId":"5a1e0000-0000-4000-8000-000000000001","redirectUrls":["https://one.example/cb"],"scopes":["spark:people_read","openid"],
    "created":"2026-01-01T00:00:00Z","modified":"2026-01-02T00:00:00Z","clientSecret":"of one"},
   {"clientId":"Ctwo","type":"service","name":"Two","orgId":"5a1e0000-0000-4000-8000-000000000001","scopes":["spark-admin:people_read"],
    "secretHash":"0000000000000000000000000000000000000000000000000000000000000001"}],
  "developers":["admin@example.com"],"authorised":[{"client":"Ctwo","org":"5a1e0000-0000-4000-8000-000000000001"}],
  "consents":[{"client":"Cone","person":"admin@example.com","scopes":["spark:people_read"]}]}}`

// readFull reads fullSeed; somebody in it was deleted yesterday.
func readFull(t *testing.T, now time.Time) Seed {
	t.Helper()
	deleted, err := json.Marshal(now.Add(-24 * time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	const contacts = `{"list":[{"id":"c1","name":"Con","groups":["g"],"doc":{"displayName":"Con"},"created":1,"modified":2}]}`
	seed, err := ReadSeed(strings.NewReader(strings.NewReplacer("DELETED", string(deleted), "CONTACTS", contacts).Replace(fullSeed)))
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// TestSeedHasEverything: what the tests of keeping fill leaves no field of a seed empty, so that whoever adds one has to fill it.
func TestSeedHasEverything(t *testing.T) {
	filled := map[string]bool{}
	note(reflect.ValueOf(readFull(t, time.Now())), filled)
	for field, some := range filled {
		if !some {
			t.Errorf("fullSeed has nothing in %s", field)
		}
	}
	if len(filled) < 120 {
		t.Errorf("only %d fields were found", len(filled))
	}
}

// note notes for each field within v whether there is anything in it, in any place.
func note(v reflect.Value, filled map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(v.Elem(), filled)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			note(v.Index(i), filled)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || v.Type() == reflect.TypeFor[time.Time]() {
				continue
			}
			name := v.Type().String() + "." + f.Name
			filled[name] = filled[name] || !v.Field(i).IsZero()
			note(v.Field(i), filled)
		}
	}
}

// TestEverythingIsKept fills everything, and opens the journal again, and the export: both say the same as before, and whoever had a token, a
// consent or a verified signature still has it after the restart.
func TestEverythingIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	u, site := opened(t, path)
	orgs, err := u.Plant(t.Context(), readFull(t, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	orgToken, err := orgs[0].IssueToken(ReadWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	robot, err := u.Broker().ServiceTokens("Ctwo", sampleOrg)
	if err != nil {
		t.Fatal(err)
	}
	keys := fetch(t, site.URL+"/idb/oauth2/v2/keys/verificationjwk")
	everything, err := orgs[0].IssueToken(Everything, 0)
	if err != nil {
		t.Fatal(err)
	}
	consentOf(t, site.URL, "/eu") // a sign-in
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", scimAt + "/Users/" + sampleAdmin, patchHead + `{"op":"replace","path":"title","value":"T"}]}`},
		{"PATCH", "/v1/licenses/users", `{"email":"admin@example.com","licenses":[{"id":"` + licenceID("MS_1") + `","operation":"remove"}]}`},
		{"DELETE", "/v1/groups/" + restID("SCIM_GROUP", sampleGroup+":"+sampleOrg), ""},
	} {
		(&peer{t: t, url: site.URL, token: everything}).do(map[string]int{"PATCH": 200, "DELETE": 204}[c.method], c.method, c.path, c.body, "Content-Type", "application/json")
	}
	audits := auditOf(t, site.URL, everything)
	want := exportOf(t, u)
	site.Close()
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}

	again, site := opened(t, path)
	if diff := cmp.Diff(want, exportOf(t, again)); diff != "" {
		t.Errorf("after a restart:\n%s", diff)
	}
	if got := again.Broker().Settings(); got.Access != time.Hour || !got.OneCloud || !got.NoIntrospection {
		t.Errorf("the settings of sign-in after a restart: %+v", got)
	}
	if _, _, ok := again.Token(orgToken); !ok {
		t.Error("the organisation's token is gone")
	}
	if _, err := again.Broker().Check(robot.AccessToken); err != nil {
		t.Errorf("the service app's token: %v", err)
	}
	if got := fetch(t, site.URL+"/idb/oauth2/v2/keys/verificationjwk"); got != keys {
		t.Errorf("another signing key: %s", got)
	}
	if diff := cmp.Diff(audits, auditOf(t, site.URL, everything)); diff != "" {
		t.Errorf("audit after a restart:\n%s", diff)
	}
	for _, part := range []string{"Full Admin logged into organization Example.", "changed licenses of Full Admin.", "deleted the group Sales.", "changed the user Full Admin.", "Seed changed members"} {
		if !strings.Contains(audits, part) {
			t.Errorf("the audit has no %s: %s", part, audits)
		}
	}
	consentOf(t, site.URL, "/eu")

	// Another universe is made of the export.
	seed, err := ReadSeed(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	other, site := opened(t, filepath.Join(t.TempDir(), "journal"))
	if _, err := other.Plant(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, want), decoded(t, exportOf(t, other))); diff != "" {
		t.Errorf("of the export:\n%s", diff)
	}
	consentOf(t, site.URL, "/eu")
	if _, err := other.Org(sampleOrg).Add(t.Context(), "User", scim.Object{{Name: "userName", Value: "gone@example.com"}, {Name: "userType", Value: "user"}}); err == nil {
		t.Error("the address of somebody who was deleted yesterday is free")
	}
}

// auditOf reads the audit of administrators and that of sign-ins.
func auditOf(t *testing.T, site, token string) string {
	t.Helper()
	p := &peer{t: t, url: site, token: token}
	org := restID("ORGANIZATION", sampleOrg)
	return p.do(200, "GET", "/v1/adminAudit/events?max=200&orgId="+org+"&from=2020-01-01T00:00:00.000Z&to=2100-01-01T00:00:00.000Z", "").text +
		p.do(200, "GET", "/v1/admin/securityAudit/events?orgId="+org+"&startTime=2020-01-01T00:00:00.000Z&endTime=2100-01-01T00:00:00.000Z", "").text
}

func opened(t *testing.T, journal string) (*Universe, *httptest.Server) {
	t.Helper()
	u, err := New(Config{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(u.Handler())
	t.Cleanup(site.Close)
	return u, site
}

func exportOf(t *testing.T, u *Universe) string {
	t.Helper()
	var b bytes.Buffer
	if err := u.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// decoded reads JSON, in which attributes have no order.
func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", address, res.Status, err)
	}
	return b.String()
}

// consentOf signs in and sees that the client gets a code without a question: the person has consented before.
func consentOf(t *testing.T, site, door string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var last *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if last = r.URL; r.URL.Host == "one.example" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	query := url.Values{
		"client_id": {"Cone"}, "response_type": {"code"}, "redirect_uri": {"https://one.example/cb"}, "scope": {"spark:people_read"}, "state": {"s"},
	}
	res, err := browser.Get(site + door + "/v1/authorize?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	form := url.Values{"login": {"admin@example.com"}, "goto": {res.Request.URL.Query().Get("goto")}}
	if res, err = browser.PostForm(site+door+"/idb/UI/Login", form); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if last == nil || last.Host != "one.example" || last.Query().Get("code") == "" {
		t.Errorf("the consent is gone: came to %v (%s)", last, res.Status)
	}
}
