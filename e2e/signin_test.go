package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
	"lockstep/webexorg"
	"lockstep/webexorg/oauth"
)

// signInSite is a Webex organisation with people to sign in as, behind a server.
type signInSite struct {
	universe *webexorg.Universe
	org      *webexorg.Org
	url      string
}

func newSignInSite(t *testing.T, region string) signInSite {
	t.Helper()
	return changedSignInSite(t, region, nil)
}

// changedSignInSite is one whose answers are changed, unless change is nil.
func changedSignInSite(t *testing.T, region string, change func(*http.Request, *httptest.ResponseRecorder)) signInSite {
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
	handler := universe.Handler()
	if change != nil {
		handler = parts.Changed(handler, change)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return signInSite{universe, org, server.URL}
}

// client registers a client, whose answers go where nobody is.
func (s signInSite) client(t *testing.T, kind oauth.ClientKind, scopes ...string) (c oauth.Client, secret string) {
	t.Helper()
	c, secret, err := s.universe.Broker().Register(oauth.Client{
		Kind: kind, Name: "Foreign client", Org: s.org.ID(), Redirects: []string{"https://app.example/cb"}, Scopes: scopes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, secret
}

// foreign runs a script of e2e/webex with the variables, and returns what it says it did. It must end well.
func foreign(t *testing.T, script string, variables ...string) []string {
	t.Helper()
	did, said, err := tryForeign(t, script, variables...)
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", script, err, strings.Join(did, "\n"), said)
	}
	return did
}

// tryForeign is foreign for a script that may fail. said is what it says on the error output.
func tryForeign(t *testing.T, script string, variables ...string) (did []string, said string, err error) {
	t.Helper()
	return foreignWithin(t, 2*patience, script, variables...)
}

// foreignWithin is tryForeign with another limit of time.
func foreignWithin(t *testing.T, limit time.Duration, script string, variables ...string) (did []string, said string, err error) {
	t.Helper()
	node := parts.Need(t, "node")
	parts.NeedFile(t, filepath.Join("e2e", "webex", "node_modules", ".package-lock.json"))
	path := parts.NeedFile(t, filepath.Join("e2e", "webex", script))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, path)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, variables...)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	for line := range strings.Lines(stdout.String()) {
		var said struct{ Did string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%s says %q: %v", script, line, err)
		}
		did = append(did, said.Did)
	}
	return did, stderr.String(), err
}

// openID returns the variables of openid.js for a client of the contact centre.
func (s signInSite) openID(t *testing.T, door string) []string {
	t.Helper()
	client, secret := s.client(t, oauth.ContactCentre, "cjp:user")
	return []string{
		"BASE=" + s.url, "DOOR=" + door, "LOGIN=agent@acme.example", "CLIENT_ID=" + client.ID, "CLIENT_SECRET=" + secret,
		"REDIRECT=" + client.Redirects[0],
	}
}

// sdk returns the variables of sdk.cjs for an integration. Of meetings there are no seats.
func (s signInSite) sdk(t *testing.T) []string {
	t.Helper()
	err := s.universe.Orgs()[0].Change(func(c *webexorg.OrgConfig) error {
		for i := range c.Licences {
			if c.Licences[i].Name == "Webex Meetings" {
				c.Licences[i].Total = 0
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	client, secret := s.client(t, oauth.Integration, "spark-admin:people_read", "spark-admin:people_write", "spark-admin:licenses_read", "spark:people_read", "spark:kms")
	return []string{
		"WEBEX_CLIENT_ID=" + client.ID, "WEBEX_CLIENT_SECRET=" + secret, "REDIRECT=" + client.Redirects[0], "LOGIN=admin@acme.example",
		"SCOPE=" + strings.Join(client.Scopes, " "), "EVERYBODY=admin@acme.example agent@acme.example person@acme.example",
		"IDBROKER_BASE_URL=" + s.url, "IDENTITY_BASE_URL=" + s.url, "HYDRA_SERVICE_URL=" + s.url + "/v1", "U2C_SERVICE_URL=" + s.url + "/u2c/api/v1",
		"WEBEX_AUTHORIZE_URL=" + s.url + "/v1/authorize",
	}
}

// openIDSteps is what the OpenID client exercises at each door.
var openIDSteps = []string{
	"discovery", "code and PKCE, HTTP Basic, signature of the ID token", "user-info", "refresh with rotation",
	"a refresh token used twice ends everything", "client secret in the body", "a code used twice ends what it brought",
	"a client without a secret, by PKCE", "another code verifier is refused", "a wrong secret is refused",
	"a scope that is not registered is refused", "prompt=none without a session", "prompt=none with a session", "implicit ID token",
	"revocation", "device grant",
}

// TestOpenIDClient lets a certified OpenID client (openid-client, from npm) sign an agent in through the id broker, by the door of
// their region, and do everything wrong that it can.
func TestOpenIDClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ region, door string }{{"", ""}, {"us", "/us"}, {"eu", "/eu"}, {"gov", "/gov"}} {
		t.Run("door "+c.door, func(t *testing.T) {
			t.Parallel()
			site := newSignInSite(t, c.region)
			want := slices.Clone(openIDSteps)
			script := site.openID(t, c.door)
			switch c.region {
			case "us", "eu":
				want = append(want, "the issuer trap")
			case "gov":
				script = append(script, "TRAP=no") // nobody of the Government cloud gets as far as that elsewhere
			}
			if got := foreign(t, "openid.js", script...); !slices.Equal(got, want) {
				t.Errorf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// sdkSteps is what Webex's own library exercises.
var sdkSteps = []string{
	"a bad code", "authorization code grant", "people.get me, by a token with fewer scopes", "people.get", "people.list, page by page",
	"people.list by e-mail address", "licences, 206 without a seat", "an error with a message and a tracking ID", "refresh with rotation", "revocation",
}

// TestWebexSDK lets Webex's own library for JavaScript, unmodified, get tokens and read people.
func TestWebexSDK(t *testing.T) {
	t.Parallel()
	site := newSignInSite(t, "")
	got := foreign(t, "sdk.cjs", site.sdk(t)...)
	if !slices.Equal(got, sdkSteps) {
		t.Errorf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(sdkSteps, "\n"))
	}
}

// TestClientsNotice: each of these clients fails when the organisation breaks a rule of Webex's that it stands on, at the step that is
// about the rule.
func TestClientsNotice(t *testing.T) {
	t.Parallel()
	rename := func(names ...string) func(*http.Request, *httptest.ResponseRecorder) {
		return func(_ *http.Request, a *httptest.ResponseRecorder) {
			text := a.Body.String()
			for _, name := range names {
				text = strings.ReplaceAll(text, `"`+name+`":`, `"`+name+`_":`)
			}
			a.Body = bytes.NewBufferString(text)
		}
	}
	without := func(header string) func(*http.Request, *httptest.ResponseRecorder) {
		return func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Del(header) }
	}
	for _, c := range []struct {
		script, rule string
		change       func(*http.Request, *httptest.ResponseRecorder)
		settings     oauth.Settings
		fails        string // the step that is not done
	}{
		{"sdk.cjs", "pages have Link", without("Link"), oauth.Settings{}, "people.list, page by page"},
		{"sdk.cjs", "licences without a seat are 206", func(_ *http.Request, a *httptest.ResponseRecorder) {
			if a.Code == http.StatusPartialContent {
				a.Code = http.StatusOK
			}
		}, oauth.Settings{}, "licences, 206 without a seat"},
		{"sdk.cjs", "errors have a message", rename("message"), oauth.Settings{}, "an error with a message and a tracking ID"},
		{"sdk.cjs", "errors have a tracking ID", rename("trackingId"), oauth.Settings{}, "an error with a message and a tracking ID"},
		{"sdk.cjs", "refresh tokens are rotated", nil, oauth.Settings{KeepRefresh: true}, "refresh with rotation"},
		{"openid.js", "refresh tokens are rotated", nil, oauth.Settings{KeepRefresh: true}, "refresh with rotation"},
		{"openid.js", "errors have the code of RFC 6749", rename("error"), oauth.Settings{}, "a refresh token used twice ends everything"},
		{"openid.js", "user-info is of the ID token's subject", rename("sub"), oauth.Settings{}, "user-info"},
		{"openid.js", "discovery names the keys", rename("jwks_uri"), oauth.Settings{}, "code and PKCE, HTTP Basic, signature of the ID token"},
	} {
		t.Run(c.script+": "+c.rule, func(t *testing.T) {
			t.Parallel()
			site := changedSignInSite(t, "", c.change)
			if err := site.universe.Broker().SetSettings(c.settings); err != nil {
				t.Fatal(err)
			}
			variables, steps := site.sdk(t), sdkSteps
			if c.script == "openid.js" {
				variables, steps = site.openID(t, ""), openIDSteps
			}
			did, said, err := tryForeign(t, c.script, variables...)
			if err == nil || len(did) >= len(steps) || !slices.Equal(did, steps[:len(did)]) || steps[len(did)] != c.fails {
				t.Errorf("%v: it did\n%s\nand fails with\n%s", err, strings.Join(did, "\n"), said)
			}
		})
	}
}

// webexServer is the program's own organisation, over HTTPS.
type webexServer struct {
	Address      string `json:"address"`
	Organisation string `json:"organisation"`
	Token        string `json:"token"`
	Control      string `json:"control_token"`
	CA           string `json:"ca"`
}

// startWebex starts it with the flags and reads how it is reached.
func startWebex(t *testing.T, flags ...string) webexServer {
	t.Helper()
	h := newHome(t)
	card := filepath.Join(h.dir, "card.json")
	args := append([]string{"-c", `exec "$0" "$@" >` + card, binary, "-o", "json", "webexorg", "serve", "--listen", "127.0.0.1:0", "--people"}, flags...)
	h.startShell("A Webex organisation answers", args...)
	var server webexServer
	text, err := os.ReadFile(card)
	if err == nil {
		err = json.Unmarshal(text, &server)
	}
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// TestOverTLS: with --tls the OpenID client, which trusts the certificate that the program wrote and nothing else, goes all the
// way over HTTPS.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	server := startWebex(t, "--tls", filepath.Join(t.TempDir(), "ca"))
	if !strings.HasPrefix(server.Address, "https://") || server.CA == "" {
		t.Fatalf("got %+v", server)
	}
	got := foreign(t, "register.js", "BASE="+server.Address, "NODE_EXTRA_CA_CERTS="+server.CA, "LOGIN=agent@example.com", "REDIRECT=https://app.example/cb")
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	script := []string{
		"BASE=" + server.Address, "DOOR=", "LOGIN=agent@example.com", "CLIENT_ID=" + got[0], "CLIENT_SECRET=" + got[1], "REDIRECT=https://app.example/cb",
	}
	if got := foreign(t, "openid.js", append(script, "NODE_EXTRA_CA_CERTS="+server.CA)...); !slices.Equal(got, openIDSteps) {
		t.Errorf("it did\n%s", strings.Join(got, "\n"))
	}
}

// TestSignInWalk drives a browser through what the instructions of integrators ask for: register, consent, the address that is
// printed in Microsoft's page, sign-in of an agent by the doors of two regions, and both ways to sign out. With SCREENSHOTS it leaves
// a picture of each page, light and dark, wide and narrow.
func TestSignInWalk(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	server := startWebex(t, "--tls", filepath.Join(t.TempDir(), "ca"))
	pictures := os.Getenv("SCREENSHOTS")
	got := foreign(t, "walk.js", "BASE="+server.Address, "NODE_EXTRA_CA_CERTS="+server.CA, "CHROMIUM="+chromium, "SCREENSHOTS="+pictures, "ROOT="+fmt.Sprint(os.Getuid() == 0))
	want := []string{
		"sign up as a developer", "create an integration, its secret shown once", "consent as administrator", "a token by the printed address",
		"create a contact centre client", "an agent signs in, US", "an agent signs in, EU", "sign out with goto and token", "sign out without goto",
		"decline", "edit a redirect URI", "a wrong redirect URI stays here",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// hubSeed is an organisation with people in every state that Control Hub shows.
const hubSeed = `{"organisations": [{
	"name": "Acme", "domains": ["acme.example", "acme.test"], "claimed": ["acme.example"], "asked": {"acme.new": "4f1c0a"}, "life": {"pending": true},
	"licences": [{"product": "contact-center-premium", "total": 10, "subscription": "Sub100002"}, {"product": "free-messaging"}],
	"people": [
		{"resource": {"userName": "admin@acme.example", "displayName": "Ada Example", "active": true, "roles": [{"value": "id_full_admin", "type": "cirole"}]}},
		{"resource": {"userName": "agent@acme.example", "displayName": "Grace Example", "active": true}, "licences": ["Contact Center Premium Agent"]},
		{"resource": {"userName": "person@acme.example", "displayName": "Alan Example", "active": true}},
		{"resource": {"userName": "leaver@acme.example", "displayName": "Lea Leaver", "active": false}},
		{"resource": {"userName": "joiner@elsewhere.example", "displayName": "Jo Joiner", "active": true}}
	],
	"groups": [
		{"resource": {"displayName": "Engineering"}, "members": ["admin@acme.example", "agent@acme.example"]},
		{"resource": {"displayName": "Sales"}, "members": ["person@acme.example"], "local": true}
	]}]}`

// TestHubWalk drives a browser through Control Hub's pages, where instructions send an administrator for the organisation's id, its
// domains, people and groups. With SCREENSHOTS it leaves a picture of each page.
func TestHubWalk(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	dir := t.TempDir()
	seed := filepath.Join(dir, "seed.json")
	if err := os.WriteFile(seed, []byte(hubSeed), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startWebex(t, "--tls", filepath.Join(dir, "ca"), "--seed", seed)
	client := server.trusting(t)
	server.post(t, client, "/control/orgs/"+server.Organisation+"/clients", server.Control,
		`{"type": "integration", "name": "Provisioner", "redirectUrls": ["https://app.example/cb"], "scopes": ["identity:people_rw", "identity:people_read"]}`)
	server.post(t, client, "/identity/scim/"+server.Organisation+"/v2/Bulk", server.Token,
		`{"failOnErrors": 1, "operations": [{"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "bulk@acme.test", "displayName": "Bo Bulk", "active": true}}]}`)
	got := foreign(t, "hub.js", "BASE="+server.Address, "NODE_EXTRA_CA_CERTS="+server.CA, "CHROMIUM="+chromium, "SCREENSHOTS="+os.Getenv("SCREENSHOTS"),
		"ROOT="+fmt.Sprint(os.Getuid() == 0), "ORGANISATION="+server.Organisation, "TOKEN="+server.Token, "PENDING=acme.new")
	want := []string{
		"whoever opens the address comes to Control Hub", "copy the organisation ID and the addresses", "domains: verified, claimed, pending with the text for DNS",
		"licences and their use", "people: status, roles, licences, search", "groups, and where they come from", "registered applications",
		"the last calls, without secrets", "faults: add, meet, take away", "nobody else sees it", "sign out",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// trusting returns a client that trusts the server's certificate and nothing else.
func (s webexServer) trusting(t *testing.T) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// post sends JSON with a token; it must be taken.
func (s webexServer) post(t *testing.T, client *http.Client, path, token, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 { // what there is of it explains the status
		t.Fatalf("POST %s answers %d: %s", path, res.StatusCode, text)
	}
}
