package webexorg

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// printed is the address in Microsoft's instructions, from the path on.
const printed = "/idb/saml2/jsp/doSSO.jsp?type=login&goto=https%3A%2F%2Fidbroker.webex.com%2Fidb%2Foauth2%2Fv1%2Fauthorize%3Fresponse_type%3Dtoken" +
	"%26client_id%3DC4ca14fe00b0e51efb414ebd45aa88c1858c3bfb949b2405dba10b0ca4bc37402%26redirect_uri%3Dhttp%253A%252F%252Flocalhost%253A3000%252Fauth%252Fcode" +
	"%26scope%3Dspark%253Apeople_read%2520spark%253Apeople_write%2520Identity%253ASCIM%26state%3Dthis-should-be-a-random-string-for-security-purpose"

// adminToken fetches a token as the instructions say: with a browser, which ends on a page of this machine that nobody serves.
func adminToken(t *testing.T, site, name string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var last *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if last = r.URL; r.URL.Host == "localhost:3000" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(site + printed)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	form := url.Values{"login": {name}, "goto": {resp.Request.URL.Query().Get("goto")}}
	resp, err = browser.PostForm(site+"/idb/UI/Login", form)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if last == nil || last.Host != "localhost:3000" {
		t.Fatalf("came to %v (%s)\n%s", last, resp.Status, body)
	}
	values, err := url.ParseQuery(last.EscapedFragment())
	if err != nil || values.Get("access_token") == "" {
		t.Fatalf("came to %v: %v", last, err)
	}
	return values.Get("access_token")
}

// with returns the peer as the bearer of another token.
func (p *peer) with(token string) *peer {
	other := *p
	other.token = token
	return &other
}

// TestAdministratorsToken: fetched as the instructions say it provisions at the tenant URL of the instructions, and at no other
// organisation's; it survives a restart, and dies with a change of the administrator's roles.
func TestAdministratorsToken(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	p := newPeer(t, Config{Journal: journal}, OrgConfig{Name: "Acme"})
	other, err := p.u.AddOrg(OrgConfig{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	ada := p.do(201, "POST", "/Users", `{"userName":"ada@acme.example","roles":[{"value":"id_full_admin","type":"cirole"}]}`).body.Text("id")
	plain := p.user("plain@acme.example")
	token := adminToken(t, p.url, "ada@acme.example")
	admin := p.with(token)
	admin.base = "/v1/scim/" + p.org.ID()
	admin.do(200, "GET", "/Users", "")
	admin.do(201, "POST", "/Users", `{"userName":"new@acme.example"}`)
	second := *admin // the tenant URL of SCIM 2, which the product makes of the instructions'
	second.base = "/identity/scim/" + p.org.ID() + "/v2"
	second.do(201, "POST", "/Users", `{"userName":"second@acme.example"}`)
	if err := p.org.Change(func(c *OrgConfig) error { c.Assume.ScopeApart = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := second.do(403, "GET", "/Users", ""); !strings.Contains(got.body.Text("detail"), "identity:people_rw") {
		t.Errorf("the refusal does not name the scope: %s", got.text)
	}
	admin.do(200, "GET", "/Users", "")
	elsewhere := *admin
	elsewhere.base = "/v1/scim/" + other.ID()
	elsewhere.do(403, "GET", "/Users", "")
	nobody := p.with(adminToken(t, p.url, "plain@acme.example"))
	nobody.base = admin.base
	nobody.do(403, "POST", "/Users", `{"userName":"newer@acme.example"}`)

	again, err := New(Config{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := again.Broker().Check(token); err != nil || a.Person != ada || a.Org != p.org.ID() {
		t.Errorf("after a restart: %+v, %v", a, err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}

	p.do(200, "PATCH", "/Users/"+plain, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"roles","value":[{"value":"id_user_admin","type":"cirole"}]}]}`)
	admin.do(200, "GET", "/Users", "") // somebody else's roles
	nobody.do(401, "GET", "/Users", "")
	p.do(200, "PATCH", "/Users/"+ada, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	admin.do(401, "GET", "/Users", "")
	if again, err = New(Config{Journal: journal}); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Broker().Check(token); err == nil {
		t.Error("lives again after a restart")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSignInOfAgents: the page offers agents, the client of the contact centre learns who they are in both forms, at the door of
// their region and at none; the organisation's security audit has the sign-in; who was pending is active.
func TestSignInOfAgents(t *testing.T) {
	u, err := New(Config{Control: controlSecret})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(u.Handler())
	t.Cleanup(site.Close)
	o, err := u.AddOrg(OrgConfig{Name: "Acme Europe", Region: "eu"})
	if err != nil {
		t.Fatal(err)
	}
	p := (&peer{t: t, u: u, url: site.URL}).in(o)
	grace := p.do(201, "POST", "/Users", `{"userName":"grace@acme.example","name":{"givenName":"Grace","familyName":"Hopper"},"displayName":"Grace Hopper",`+
		`"phoneNumbers":[{"type":"work","value":"+1 555 0100"}],"locale":"en_US"}`).body.Text("id")
	err = o.ChangeCentre(func(c *state.Centre) error {
		c.Users = append(c.Users, state.CentreUser{ID: state.NewID(), Person: grace, Enabled: true, Active: true})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	some := people{u}.Some(o.ID(), 5)
	if len(some) != 1 || !some[0].Agent || some[0].GivenName != "Grace" || some[0].Phone != "+1 555 0100" || some[0].Locale != "en_US" {
		t.Fatalf("got %+v", some)
	}
	client, _, err := u.Broker().Register(oauth.Client{
		Kind: oauth.ContactCentre, Name: "Recorder", Org: o.ID(), Redirects: []string{"https://app.example/cb"}, Scopes: []string{"cjp:user"},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := u.Broker().Issue(oauth.Ticket{Org: o.ID(), Person: grace, Scopes: []string{"openid", "email", "cjp:user"}})
	if err != nil {
		t.Fatal(err)
	}
	agent := p.with(token)
	for _, base := range []string{"", "/eu"} {
		agent.base = base
		got := agent.do(200, "GET", "/v1/userinfo", "").body
		if got.Text("sub") != grace || got.Text("email") != "grace@acme.example" || got.Text("email_verified") != "true" {
			t.Errorf("%s: %s", base, got)
		}
		got = agent.do(200, "GET", "/identity/scim/v1/Users/me", "").body
		if got.Text("id") != grace || got.Text("userName") != "grace@acme.example" {
			t.Errorf("%s: %s", base, got)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "app.example" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	ask := "/eu/v1/authorize?" + url.Values{"client_id": {client.ID}, "response_type": {"code"}, "redirect_uri": {"https://app.example/cb"}, "scope": {"cjp:user"}}.Encode()
	resp, err := browser.PostForm(site.URL+"/eu/idb/UI/Login", url.Values{"login": {"grace@acme.example"}, "goto": {ask}})
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(page), "Recorder") || !strings.Contains(string(page), "Acme Europe") {
		t.Fatalf("%s\n%s", resp.Status, page)
	}
	admin := p.with(p.token)
	if admin.token, err = o.IssueToken(Everything, 0); err != nil {
		t.Fatal(err)
	}
	admin.base = ""
	var events struct{ Items []json.RawMessage }
	got := admin.do(200, "GET", "/v1/admin/securityAudit/events?orgId="+o.ID()+"&startTime=2020-01-01T00:00:00.000Z&endTime=2100-01-01T00:00:00.000Z", "")
	if err := json.Unmarshal([]byte(got.text), &events); err != nil || len(events.Items) != 1 || !strings.Contains(got.text, "grace@acme.example") {
		t.Errorf("%v\n%s", err, got.text)
	}
	if person, _ := o.Person(grace); person.Pending {
		t.Error("still pending")
	}
	control[struct{}](p, 204, "DELETE", "/control/orgs/"+o.ID()+"/tokens", "", nil)
	agent.base = ""
	agent.do(401, "GET", "/v1/userinfo", "")
}

// TestControlOfSignIn: settings, clients and tokens of people without a browser; what is wrong changes nothing.
func TestControlOfSignIn(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{Name: "Acme"})
	ada := p.user("ada@acme.example")
	var before, after oauth.Settings
	control(p, 200, "GET", "/control/sign-in", "", &before)
	control(p, 200, "PATCH", "/control/sign-in", `{"scim":"1080h","keep_refresh":true}`, &after)
	before.SCIM, before.KeepRefresh = after.SCIM, true
	if after != before || after.SCIM != 45*24*time.Hour {
		t.Errorf("got %+v, want %+v", after, before)
	}
	control[struct{}](p, 400, "PATCH", "/control/sign-in", `{"code":"0s"}`, nil)
	control[struct{}](p, 400, "PATCH", "/control/sign-in", `{"colour":"blue"}`, nil)
	control(p, 200, "GET", "/control/sign-in", "", &before)
	if before != after {
		t.Errorf("changed by what was refused: %+v", before)
	}
	at := "/control/orgs/" + p.org.ID()
	var client struct{ ClientID, ClientSecret string }
	control(p, 201, "POST", at+"/clients", `{"type":"integration","name":"X","redirectUrls":["https://a.example/cb"],"scopes":["spark:people_read"]}`, &client)
	if got, ok := p.u.Broker().Client(client.ClientID); !ok || got.Org != p.org.ID() || len(client.ClientSecret) != 64 {
		t.Errorf("got %+v of %+v", got, client)
	}
	control[struct{}](p, 400, "POST", at+"/clients", `{"type":"integration"}`, nil)
	var issued struct{ Token string }
	control(p, 201, "POST", at+"/people/"+ada+"/tokens", `{"scopes":"openid email","lifetime":"1h"}`, &issued)
	bearer := p.with(issued.Token)
	bearer.base = ""
	bearer.do(200, "GET", "/v1/userinfo", "")
	control[struct{}](p, 404, "DELETE", at+"/people/"+scimID()+"/tokens", "", nil)
	control[struct{}](p, 204, "DELETE", at+"/people/"+ada+"/tokens", "", nil)
	bearer.do(401, "GET", "/v1/userinfo", "")
}
