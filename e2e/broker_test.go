package e2e

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/e2e/parts"
	"lockstep/webexorg/oauth"
)

// brokerSteps is what the OpenID client exercises at Lockstep, whoever signs people in.
var brokerSteps = []string{
	"discovery", "signed in through the other, code with PKCE, HTTP Basic, iss, signature of the ID token", "user-info", "prompt=none with a session",
	"prompt=none without a session", "a pushed request", "refresh with rotation", "introspection and revocation", "a code used twice ends what it brought",
	"client credentials", "signed out, here and at the other",
}

// broker is a Lockstep that signs people in, as an administrator has set it up by commands.
type broker struct {
	*home
	test     *testing.T
	issuer   string
	redirect string // of the identity provider
	told     *atomic.Int64
}

func newBroker(t *testing.T, kind string) broker {
	t.Helper()
	h := newHome(t)
	_, e := h.scimServer()
	b := broker{home: h, test: t, told: &atomic.Int64{}, issuer: strings.TrimSuffix(e.base, "/scim/default/v2") + "/sso/default"}
	var added struct {
		RedirectURI string `json:"redirect_uri"`
		State       string
	}
	h.read(&added, "idp", "add", "other", "--kind", kind, "--trust-email")
	if b.redirect = added.RedirectURI; added.State != "draft" || b.redirect != b.issuer+"/idp/other/callback" {
		t.Fatalf("added as %+v", added)
	}
	return b
}

// application adds a client, and returns the variables that the script needs.
func (b broker) application() []string {
	b.t.Helper()
	logout := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.Count(r.PostFormValue("logout_token"), ".") == 2 {
			b.told.Add(1)
		}
	}))
	b.t.Cleanup(logout.Close)
	var app, service struct {
		ID     string
		Secret string `json:"client_secret"`
	}
	b.read(&app, "client", "add", "Recorder", "--redirect", "https://app.example/cb", "--after-logout", "https://app.example/bye", "--logout-uri", logout.URL)
	b.read(&service, "client", "add", "Batch", "--auth", "client_secret_post", "--grant", "client_credentials", "--scope", "read")
	return []string{
		"ISSUER=" + b.issuer, "CLIENT_ID=" + app.ID, "CLIENT_SECRET=" + app.Secret, "REDIRECT=https://app.example/cb", "AFTER=https://app.example/bye",
		"SERVICE=" + service.ID, "SERVICE_SECRET=" + service.Secret,
	}
}

// enable sets the provider up and enables it, once a test sign-in has been asked for.
func (b broker) enable(secret string, settings ...string) {
	b.t.Helper()
	b.write("secret", secret+"\n")
	args := []string{"idp", "set", "other", "--secret-file", "client_secret=" + b.dir + "/secret"}
	for _, s := range settings {
		args = append(args, "--set", s)
	}
	b.run(args...)
	if r := b.try("idp", "enable", "other"); r.code == 0 || !strings.Contains(r.stderr, "test sign-in") {
		b.t.Errorf("enabled without a test: %d %s", r.code, r.stderr)
	}
	b.run("idp", "enable", "other", "--untested")
}

// signsIn lets the client do all of it, and then has the person disabled: the refresh token that is left ends at once, and the application is told.
func (b broker) signsIn(login string, variables []string) {
	b.t.Helper()
	want := slices.Clone(brokerSteps)
	if slices.ContainsFunc(variables, func(v string) bool { return strings.HasPrefix(v, "END=") }) {
		want = append(want, "signed out at the other, which tells")
	}
	got := foreign(b.test, "broker.js", append(variables, "LOGIN="+login)...)
	if len(got) == 0 || !slices.Equal(got[:len(got)-1], want) {
		b.t.Errorf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	_, text, _ := strings.Cut(got[len(got)-1], "refresh token ")
	before := b.told.Load()
	if before == 0 {
		b.t.Error("the application was not told of the sign-out")
	}
	began := time.Now()
	b.run("people", "disable", login)
	form := strings.NewReader("grant_type=refresh_token&refresh_token=" + text)
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.issuer+"/token", form)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(strings.TrimPrefix(variables[1], "CLIENT_ID="), strings.TrimPrefix(variables[2], "CLIENT_SECRET="))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		b.t.Errorf("a refresh token of who is disabled: %d", answer.StatusCode)
	}
	for b.told.Load() == before {
		if time.Since(began) > patience {
			b.t.Fatal("the application was not told that the person was disabled")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if out := b.run("session", "told"); !strings.Contains(out, "disabled") {
		b.t.Errorf("sign-outs:\n%s", out)
	}
}

// TestBrokerWebexCC: an agent signs in to an application that knows nothing of Webex, through Webex Contact Center.
func TestBrokerWebexCC(t *testing.T) {
	t.Parallel()
	site := newSignInSite(t, "")
	b := newBroker(t, "webexcc")
	c, secret, err := site.universe.Broker().Register(oauth.Client{
		Kind: oauth.ContactCentre, Name: "Lockstep", Org: site.org.ID(), Redirects: []string{b.redirect}, Scopes: []string{"cjp:user"},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.run("people", "add", "agent@acme.example", "--given", "Agent")
	b.enable(secret, "client_id="+c.ID, "issuer="+site.url+"/idb", "jwks_url="+site.url+"/idb/oauth2/v2/keys/verificationjwk", "authorize_url="+site.url+"/v1/authorize",
		"token_url="+site.url+"/v1/access_token", "userinfo_url="+site.url+"/v1/userinfo", "logout_url="+site.url+"/idb/oauth2/v1/logout")
	b.signsIn("agent@acme.example", b.application())
}

// TestBrokerOpenID: the same through oidc-provider, which is certified and not ours.
func TestBrokerOpenID(t *testing.T) {
	t.Parallel()
	b := newBroker(t, "oidc")
	op := parts.IDP(t, "op.js", "REDIRECT="+b.redirect, "LOGOUT="+b.issuer+"/idp/other/logout", "SECRET=a secret-with: odd+letters%", "PUBLIC_JWK="+`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}`)
	b.run("people", "add", "ada@example.com", "--given", "Ada")
	b.enable("a secret-with: odd+letters%", "client_id=basic", "issuer="+op, "jwks_url="+op+"/jwks", "authorize_url="+op+"/auth", "token_url="+op+"/token", "userinfo_url="+op+"/me",
		"logout_url="+op+"/session/end", "scopes=openid email profile", "client_auth=client_secret_basic", "logout_style=id_token_hint")
	b.signsIn("ada@example.com", append(b.application(), "END="+op+"/session/end"))
}
