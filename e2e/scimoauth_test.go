package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/api"
	"lockstep/e2e/parts"
)

// jwkPair is an EC key as JSON (RFC 7517), public and private, and as PEM.
func jwkPair(t *testing.T) (public, private, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": encode(point[1:33]), "y": encode(point[33:])}
	pub, _ := json.Marshal(jwk)
	jwk["d"] = encode(secret)
	priv, _ := json.Marshal(jwk)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pub), string(priv), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// TestSCIMByOAuth: openid-client finds its way from the endpoint's address to access tokens, by a secret and by a key, and reads and writes people with them.
func TestSCIMByOAuth(t *testing.T) {
	h := newHome(t)
	_, e := h.scimServer()
	public, private, _ := jwkPair(t)
	var app struct {
		Secret string `json:"client_secret"`
	}
	h.read(&app, "client", "add", "By secret", "--id", "secret", "--grant", "client_credentials", "--scope", "scim")
	h.write("jwks", `{"keys":[`+public+`]}`)
	h.run("client", "add", "By key", "--id", "key", "--grant", "client_credentials", "--scope", "scim", "--auth", "private_key_jwt", "--assertion", "ES256", "--keys-file", h.dir+"/jwks", "--format", "jwt")
	h.run("token", "create", "by-secret", "--kind", "scim", "--client", "secret")
	h.run("token", "create", "by-key", "--kind", "scim", "--client", "key")
	want := []string{
		"from the challenge to the metadata of the endpoint", "authorization server metadata (RFC 8414)", "client credentials with a secret", "client credentials with a key (private_key_jwt)",
		"authenticationSchemes has oauth2", "an assertion that comes again is refused", "wrong ones are refused",
	}
	got := foreign(t, "scimoauth.js", "SCIM="+e.base, "ID=secret", "SECRET="+app.Secret, "KEY_ID=key", "PRIVATE_JWK="+private)
	if !slices.Equal(got, want) {
		t.Errorf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestSCIMByForeignTokens: access tokens of npm's oidc-provider open the endpoint of who trusts it, and a connection of ours gets them there, by a secret
// and by a key.
func TestSCIMByForeignTokens(t *testing.T) {
	h := newHome(t)
	_, e := h.scimServer()
	public, _, text := jwkPair(t)
	const audience = "https://lockstep.example/scim"
	issuer := parts.IDP(t, "tokens.js", "AUDIENCE="+audience, "SECRET=a-secret-of-a-client-that-is-long", "PUBLIC_JWK="+public)
	h.run("token", "create", "foreign", "--kind", "scim", "--issuer", issuer, "--audience", audience, "--subject", "basic")
	get := func(scope, resource string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "resource": {resource}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("basic", "a-secret-of-a-client-that-is-long")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		var v struct {
			Access string `json:"access_token"`
		}
		if json.Unmarshal(body, &v) != nil || v.Access == "" {
			t.Fatalf("no token: %s", body)
		}
		return v.Access
	}
	own := e
	own.token = get("scim", audience)
	own.want(201, "POST", "/Users", `{"userName": "ada"}`)
	for name, token := range map[string]string{"another scope": get("other", audience), "another audience": get("scim", "https://other.example")} {
		own.token = token
		if status, _, err := own.send("GET", "/Users", ""); err != nil || status != 401 {
			t.Errorf("%s: %d, %v", name, status, err)
		}
	}
	h.run("token", "create", "keyed", "--kind", "scim", "--issuer", issuer, "--audience", audience, "--subject", "key")
	h.write("secret", "a-secret-of-a-client-that-is-long")
	h.write("key", text)
	for client, more := range map[string][]string{
		"basic": {"--secret", "client_secret", "--secret-file", h.dir + "/secret"},
		"key":   {"--set", "client_auth=private_key_jwt", "--set", "key_id=k1", "--secret", "client_key", "--secret-file", h.dir + "/key"},
	} {
		h.run("app", "add", "scimapp", "app-"+client)
		h.run(append([]string{
			"connection", "set", "app-" + client, "--set", "url=" + e.base, "--set", "auth=client_credentials", "--set", "token_url=" + issuer + "/token", "--set", "client_id=" + client,
			"--set", "oauth_scope=scim", "--set", "oauth_resource=" + audience,
		}, more...)...)
		if r := h.try("connection", "test", "app-"+client); r.code != 0 {
			t.Errorf("%s: %d %s %s", client, r.code, r.stdout, r.stderr)
		}
	}
}

// TestSCIMByConsent: openid-client does what Okta does with OAuth 2 at its SCIM connector, an administrator consents in a browser, and to end the consent, by command, ends it.
func TestSCIMByConsent(t *testing.T) {
	h := newHome(t)
	_, e := h.scimServer()
	const password = "sesame and more"
	for _, name := range []string{"ada", "bob"} {
		e.want(http.StatusCreated, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`@acme.example","password":"`+password+`","active":true}`)
	}
	h.run("admin", "add", "--user", "ada@acme.example", "--role", "owner")
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	const redirect = "https://system-admin.okta.com/admin/app/cpc/lockstep/oauth/callback"
	var app struct {
		Secret string `json:"client_secret"`
	}
	h.read(&app, "client", "add", "Okta", "--id", "okta", "--grant", "authorization_code,refresh_token", "--scope", "scim", "--redirect", redirect, "--auth", "client_secret_post", "--without-pkce")
	h.run("token", "create", "okta", "--kind", "scim", "--client", "okta", "--profile", "okta")
	want := []string{
		"from the SCIM address to the authorization endpoint", "an administrator consents", "a person is created", "refreshed, and read", "authenticationSchemes has oauth2",
		"without a scope, and revoked", "who has no role cannot consent",
	}
	got := foreign(t, "scimconsent.js", "SCIM="+e.base, "ID=okta", "SECRET="+app.Secret, "REDIRECT="+redirect, "ADMIN=ada@acme.example", "PERSON=bob@acme.example", "PASSWORD="+password)
	if len(got) == 0 || !slices.Equal(got[:len(got)-1], want) {
		t.Fatalf("it did\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if out := h.run("audit", "list"); strings.Count(out, "consented") != 2 || !strings.Contains(out, "ada@acme.example") {
		t.Errorf("the audit log:\n%s", out)
	}
	okta := e
	okta.token = got[len(got)-1]
	okta.want(http.StatusOK, http.MethodGet, "/Users", "")
	var consents []api.SCIMConsent
	if h.read(&consents, "token", "consents", "okta"); len(consents) != 1 || consents[0].By != "ada@acme.example" { // the second was revoked
		t.Fatalf("consents: %+v", consents)
	}
	h.run("token", "consents", "okta", "--end", string(consents[0].ID), "-y")
	if out := h.run("audit", "list"); !strings.Contains(out, "consent of ada@acme.example to the SCIM client okta ended") {
		t.Errorf("the audit log:\n%s", out)
	}
	if r := h.try("token", "consents", "okta", "--end", string(consents[0].ID), "-y"); r.code == 0 || !strings.Contains(r.stderr, "not_found") {
		t.Errorf("ended twice: %d %s", r.code, r.stderr)
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) { // within a second, on a machine that has time
		status, _, err := okta.send(http.MethodGet, "/Users", "")
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusUnauthorized {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("the endpoint still answers %d", status)
		}
	}
}
