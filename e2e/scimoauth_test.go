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
