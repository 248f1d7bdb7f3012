package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
	"lockstep/webexorg"
	"lockstep/webexorg/oauth"
)

// webexSite is a Webex organisation behind TLS of a private authority, which answers under Webex's own names: the presets are tried as
// they are.
type webexSite struct {
	client oauth.Client
	secret string
	root   []byte // DER
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	org    *webexorg.Org
}

func newWebexSite(t *testing.T, region string) webexSite {
	t.Helper()
	universe, err := webexorg.New(webexorg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	org, err := universe.AddOrg(webexorg.OrgConfig{Name: "Acme", Region: region})
	if err == nil {
		err = webexorg.AddSample(t.Context(), org, "acme.example")
	}
	if err != nil {
		t.Fatal(err)
	}
	client, secret, err := universe.Broker().Register(oauth.Client{
		Kind: oauth.ContactCentre, Name: "Lockstep", Org: org.ID(), Redirects: []string{"https://lockstep.example/sso/webex/callback"}, Scopes: []string{"cjp:user"},
	})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir() + "/ca"
	ca, err := web.OpenCA(folder, []string{"webex.com", "webexapis.com"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(ca.File(folder))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	server := httptest.NewUnstartedServer(universe.Handler())
	server.TLS, server.Config.ErrorLog = ca.Config(), quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	return webexSite{client: client, secret: secret, root: block.Bytes, org: org, dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}}
}

func (s webexSite) provider(region string) sso.Provider {
	return sso.Provider{ID: "p1", Tenant: "t1", Kind: sso.KindWebexCC, Name: "Webex CC",
		Settings: map[string]string{"region": region, "client_id": s.client.ID}, Secrets: map[string]string{"client_secret": s.secret}, Roots: [][]byte{s.root}}
}

// person goes through the sign-in pages like a browser, and returns what the application is told.
func (s webexSite) person(t *testing.T, login, address string) (url.Values, *http.Client) {
	t.Helper()
	pool := x509.NewCertPool()
	root, err := x509.ParseCertificate(s.root)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(root)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: s.dial, TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host == "lockstep.example" {
				return http.ErrUseLastResponse
			}
			return nil
		}}
	t.Cleanup(browser.CloseIdleConnections)
	answer, err := browser.Get(address)
	for range 6 {
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if to, err := answer.Location(); err == nil {
			return to.Query(), browser
		}
		action, values := fillIn(string(body), login)
		if action == nil {
			t.Fatalf("%s: %s", answer.Request.URL, body)
		}
		answer, err = browser.PostForm(answer.Request.URL.ResolveReference(action).String(), values)
	}
	t.Fatal("the sign-in pages do not end")
	return nil, nil
}

var (
	formOf   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)".*?</form>`)
	hiddenOf = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)"`)
)

func fillIn(page, login string) (*url.URL, url.Values) {
	form := formOf.FindStringSubmatch(page)
	if form == nil {
		return nil, nil
	}
	action, err := url.Parse(html.UnescapeString(form[1]))
	if err != nil {
		return nil, nil
	}
	values := url.Values{}
	for _, hidden := range hiddenOf.FindAllStringSubmatch(form[0], -1) {
		values.Set(hidden[1], html.UnescapeString(hidden[2]))
	}
	if strings.Contains(page, "<h1>Sign in</h1>") {
		values.Set("login", login)
	} else {
		values.Set("decision", "allow")
	}
	return action, values
}

// quiet is a log for servers whose clients hang up on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func webexAttempt() sso.Attempt {
	return sso.Attempt{ID: "a1", State: "st4te", Nonce: "n0nce-of-this-login", Verifier: "v3rifier-v3rifier-v3rifier-v3rifier-v3rifier", RedirectURI: "https://lockstep.example/sso/webex/callback"}
}

// TestWebexPresets signs an agent in by every preset, from every region, against the Webex organisation that runs offline.
func TestWebexPresets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ preset, home, issuer string }{
		{"global", "", "https://idbroker.webex.com/idb"},
		{"global", "us", "https://idbroker-b-us.webex.com/idb"},
		{"global", "eu", "https://idbroker-eu.webex.com/idb"},
		{"us", "us", "https://idbroker-b-us.webex.com/idb"},
		{"us", "eu", "https://idbroker-eu.webex.com/idb"},
		{"eu", "eu", "https://idbroker-eu.webex.com/idb"},
		{"gov", "gov", "https://idbroker-f.webex.com/idb"},
	} {
		t.Run(c.preset+" preset, "+c.home+" home", func(t *testing.T) {
			t.Parallel()
			site := newWebexSite(t, c.home)
			o := &Opener{Dialer: &web.Dialer{Connect: site.dial}}
			provider := site.provider(c.preset)
			provider.TrustEmail = c.home == "us"
			up, err := o.Open(t.Context(), provider)
			if err != nil {
				t.Fatal(err)
			}
			var told stages
			attempt := webexAttempt()
			to, err := up.Begin(t.Context(), attempt, &told)
			if err != nil {
				t.Fatal(err)
			}
			attempt.Kept = to.Keep
			values, browser := site.person(t, "agent@acme.example", to.URL)
			if values.Get("state") != attempt.State {
				t.Fatalf("got %v", values)
			}
			who, err := up.Finish(t.Context(), attempt, sso.Callback{Values: values}, &told)
			if err != nil {
				t.Fatalf("%v\n%s", err, encode(told))
			}
			if who.Issuer != c.issuer || who.Email != "agent@acme.example" || who.UserName != "agent@acme.example" || who.Subject == "" || who.AuthTime.IsZero() {
				t.Errorf("got %+v", who)
			}
			if want := c.preset == "global" || c.preset == "gov" || c.home == "us"; who.EmailVerified != want { // SCIM users do not say
				t.Errorf("verified is %v", who.EmailVerified)
			}
			if text := encode(told); !strings.Contains(text, "Lockstep, for tests on this machine") || strings.Contains(text, site.secret) || strings.Contains(text, values.Get("code")) {
				t.Errorf("told: %s", text)
			}
			signOut(t, up, who, browser, values)
		})
	}
}

// signOut ends Webex's session too: the browser comes back, and the token is worth nothing.
func signOut(t *testing.T, up sso.Upstream, who sso.Identity, browser *http.Client, _ url.Values) {
	t.Helper()
	address, err := up.EndSession(t.Context(), who.Logout, "https://lockstep.example/sso/webex/callback")
	if err != nil || !strings.Contains(address, "/idb/oauth2/v1/logout?goto=https%3A%2F%2Flockstep.example%2Fsso%2Fwebex%2Fcallback&token=") {
		t.Fatalf("got %s, %v", address, err)
	}
	answer, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if to, err := answer.Location(); err != nil || to.String() != "https://lockstep.example/sso/webex/callback" {
		t.Errorf("sent to %v, %v with %d", to, err, answer.StatusCode)
	}
}

// TestMissingAuthority: without the private authority the sign-in fails, and the authority is named; with it the sign-in works.
func TestMissingAuthority(t *testing.T) {
	t.Parallel()
	site := newWebexSite(t, "")
	p := site.provider("global")
	p.Roots = nil
	o := &Opener{Dialer: &web.Dialer{Connect: site.dial}}
	up, err := o.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var told stages
	_, err = up.Finish(t.Context(), webexAttempt(), sso.Callback{Values: url.Values{"code": {"x"}}}, &told)
	last := told.last()
	if lockstep.CodeOf(err) != lockstep.CodeIdPCAUnknown || last.Facts["missing authority"] != "Lockstep, for tests on this machine" ||
		!strings.Contains(last.Fix, "“Lockstep, for tests on this machine”") || !strings.Contains(last.Facts["certificate 1"], "Lockstep, a server for tests") {
		t.Errorf("got %v, told %+v", err, last)
	}
	p.Roots = [][]byte{site.root}
	if up, err = o.Open(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	_, err = up.Finish(t.Context(), webexAttempt(), sso.Callback{Values: url.Values{"code": {"x"}}}, &told)
	if lockstep.CodeOf(err) != lockstep.CodeIdPCode {
		t.Errorf("with the authority: got %v", err)
	}
}

func TestWebexImport(t *testing.T) {
	t.Parallel()
	site := newWebexSite(t, "us")
	o := &Opener{Dialer: &web.Dialer{Connect: site.dial}}
	got, err := o.Import(t.Context(), sso.KindWebexCC, "https://idbroker-b-us.webex.com/idb", [][]byte{site.root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := site.provider("global")
	maps.Copy(p.Settings, got.Settings)
	if err := Check(p); err != nil || p.Settings["issuer"] != "https://idbroker-b-us.webex.com/idb" || !strings.Contains(p.Settings["more_issuers"], "https://idbroker.webex.com/idb ") {
		t.Errorf("got %v, %v", p.Settings, err)
	}
}

func TestWebexUserForms(t *testing.T) {
	const id = "0a1b2c3d-0000-4000-8000-000000000001"
	for name, answer := range map[string]map[string]any{
		"OpenID":  {"sub": id, "email": "ada@acme.example", "name": "Ada L", "given_name": "Ada", "family_name": "L"},
		"SCIM":    {"id": id, "userName": "ada@acme.example", "displayName": "Ada L", "name": map[string]any{"givenName": "Ada", "familyName": "L"}, "emails": []any{map[string]any{"value": "old@acme.example"}, map[string]any{"value": "ada@acme.example", "primary": true}}},
		"SCIM 1":  {"id": id, "userName": "ada@acme.example", "displayName": "Ada L", "name": map[string]any{"givenName": "Ada", "familyName": "L"}},
		"People":  {"id": b64([]byte("ciscospark://us/PEOPLE/" + id)), "emails": []any{"ada@acme.example"}, "displayName": "Ada L", "firstName": "Ada", "lastName": "L"},
		"People=": {"id": b64([]byte("ciscospark://us-gov-west-1/PEOPLE/"+id)) + "=", "emails": []any{"ada@acme.example"}, "displayName": "Ada L", "firstName": "Ada", "lastName": "L"},
	} {
		got := webexClaims(answer)
		for claim, want := range map[string]string{"sub": id, "email": "ada@acme.example", "name": "Ada L", "given_name": "Ada", "family_name": "L"} {
			if got[claim] != want {
				t.Errorf("%s: %s is %v", name, claim, got[claim])
			}
		}
	}
	if got := webexClaims(map[string]any{"emails": "x", "name": 7}); len(got) != 0 {
		t.Errorf("got %v", fmt.Sprint(got))
	}
}
