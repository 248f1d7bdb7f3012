package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/bearer"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
	"lockstep/web"
)

// oauthBench is the SCIM surface beside the token endpoint of the same tenants.
type oauthBench struct {
	*scimBench
	sso *sso.Server
}

func newOAuthBench(t *testing.T) *oauthBench {
	t.Helper()
	key := store.NewKey()
	b := &oauthBench{scimBench: newSCIMBenchOn(t, SCIM{}, store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: key})}
	clock := func() time.Time { return b.now }
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.sso = &sso.Server{
		Store: b.server.db.SSO(), Directory: b.server.db, Tenants: b.server.db, Box: key.Box("sso"), Base: func() string { return server.URL }, Client: http.DefaultClient,
		Log: slog.New(slog.DiscardHandler), Now: clock,
	}
	mux.Handle("/sso/", b.sso.Handler())
	mux.Handle("/.well-known/oauth-authorization-server/sso/", b.sso.Handler())
	mux.Handle("/", b.server.handler())
	b.url, b.server.sso, b.server.issuers = server.URL, b.sso, &bearer.Issuers{Client: http.DefaultClient, Now: clock}
	return b
}

const oauthSecret = "s-e_c+r%t of a client"

// application adds one that may ask for tokens of its own.
func (b *oauthBench) application(slug, id string, change func(*sso.Client)) sso.Client {
	b.Helper()
	c := sso.Client{
		Tenant: b.ids[slug], ID: sso.ClientID(id), Name: id, Auth: sso.AuthBasic, Grants: []sso.GrantType{sso.GrantCredentials}, Scopes: []string{"scim", "other"}, Secret: token.HashOf(oauthSecret),
	}
	if change != nil {
		change(&c)
	}
	if err := c.Check(); err != nil {
		b.Fatal(err)
	}
	c, err := b.server.db.SSO().PutClient(b.Context(), audit.Actor{}, "created", c)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// bind makes a SCIM client that shows access tokens.
func (b *oauthBench) bind(slug, scopes string, o token.OAuth) lockstep.TokenID {
	b.Helper()
	if err := o.Check(); err != nil {
		b.Fatal(err)
	}
	k, _, err := token.New(token.KindSCIM)
	if err != nil {
		b.Fatal(err)
	}
	if k.Scopes, err = token.ParseScopes(scopes); err != nil {
		b.Fatal(err)
	}
	if err := b.server.db.PutToken(b.Context(), audit.Actor{}, store.Token{Token: k, Tenant: b.ids[slug], Name: "oauth", OAuth: o}); err != nil {
		b.Fatal(err)
	}
	return k.ID
}

// ask asks the token endpoint and returns what it says.
func (b *oauthBench) ask(slug, id string, values url.Values) map[string]any {
	b.Helper()
	r, err := http.NewRequest("POST", b.url+"/sso/"+slug+"/token", strings.NewReader(values.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(oauthSecret))
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		b.Fatal(err)
	}
	return v
}

func (b *oauthBench) access(slug, id, scope string) string {
	b.Helper()
	v := b.ask(slug, id, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	text, _ := v["access_token"].(string)
	if text == "" {
		b.Fatalf("no access token: %v", v)
	}
	return text
}

// later puts the clock on, so that nothing is believed from before.
func (b *oauthBench) later(d time.Duration) { b.now = b.now.Add(d) }

// TestSCIMByAccessToken: an application's access token with the scope scim opens what its SCIM client may, in either format, and nothing else
// of it does.
func TestSCIMByAccessToken(t *testing.T) {
	for _, format := range []sso.TokenFormat{sso.Opaque, sso.SignedJWT} {
		t.Run(string(format), func(t *testing.T) {
			b := newOAuthBench(t)
			as := func(c *sso.Client) { c.Token = format }
			b.application("acme", "writer", as)
			b.application("acme", "reader", as)
			b.application("acme", "unbound", as)
			b.application("other", "writer", as)
			b.bind("acme", "scim:write", token.OAuth{Client: "writer"})
			b.bind("acme", "scim:read", token.OAuth{Client: "reader"})
			b.bind("other", "scim:write", token.OAuth{Client: "writer"})
			writer := b.access("acme", "writer", "scim")
			b.status(201, writer, "acme", "POST", "/Users", `{"userName": "ada"}`)
			b.status(200, b.access("acme", "reader", "scim"), "acme", "GET", "/Users", "")
			b.status(403, b.access("acme", "reader", "scim"), "acme", "POST", "/Users", `{"userName": "bob"}`)
			for name, text := range map[string]string{
				"without a SCIM client": b.access("acme", "unbound", "scim"), "with another scope": b.access("acme", "writer", "other"),
				"of another tenant": b.access("other", "writer", "scim"), "cut": writer[:len(writer)-1], "longer": writer + "A",
			} {
				res, _ := b.call(text, "acme", "GET", "/Users", "")
				if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != 401 || !strings.Contains(got, `error="invalid_token"`) {
					t.Errorf("%s: status %d, %s", name, res.StatusCode, got)
				}
			}
			b.status(401, writer, "other", "GET", "/Users", "") // it was believed a moment ago, elsewhere
			b.later(6 * time.Minute)
			b.status(401, writer, "acme", "GET", "/Users", "")
		})
	}
}

// TestSCIMAccessTokenEnds: what takes an application's or a SCIM client's rights away ends its access tokens, too, within clientLife.
func TestSCIMAccessTokenEnds(t *testing.T) {
	for name, end := range map[string]func(b *oauthBench, c sso.Client, id lockstep.TokenID, text string) error{
		"SCIM client revoked": func(b *oauthBench, _ sso.Client, id lockstep.TokenID, _ string) error {
			return b.server.db.RevokeToken(context.Background(), audit.Actor{}, b.ids["acme"], id)
		},
		"application disabled": func(b *oauthBench, c sso.Client, _ lockstep.TokenID, _ string) error {
			c.Disabled = true
			_, err := b.server.db.SSO().PutClient(context.Background(), audit.Actor{}, "disabled", c)
			return err
		},
		"application without the scope": func(b *oauthBench, c sso.Client, _ lockstep.TokenID, _ string) error {
			c.Scopes = nil
			_, err := b.server.db.SSO().PutClient(context.Background(), audit.Actor{}, "updated", c)
			return err
		},
		"application removed": func(b *oauthBench, c sso.Client, _ lockstep.TokenID, _ string) error {
			return b.server.db.SSO().DeleteClient(context.Background(), audit.Actor{}, b.ids["acme"], c.ID)
		},
		"token revoked": func(b *oauthBench, _ sso.Client, _ lockstep.TokenID, text string) error {
			r, _ := http.NewRequest("POST", b.url+"/sso/acme/revoke", strings.NewReader(url.Values{"token": {text}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("app", url.QueryEscape(oauthSecret))
			res, err := http.DefaultClient.Do(r)
			if err == nil && res.StatusCode != 200 {
				err = fmt.Errorf("status %d", res.StatusCode)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOAuthBench(t)
			c := b.application("acme", "app", nil)
			id := b.bind("acme", "scim:write", token.OAuth{Client: "app"})
			text := b.access("acme", "app", "scim")
			b.status(200, text, "acme", "GET", "/Users", "")
			if err := end(b, c, id, text); err != nil {
				t.Fatal(err)
			}
			b.later(clientLife)
			b.status(401, text, "acme", "GET", "/Users", "")
		})
	}
}

// TestSCIMClientWithoutSecret: the entry of a client that shows access tokens has no secret that opens anything.
func TestSCIMClientWithoutSecret(t *testing.T) {
	b := newOAuthBench(t)
	k, text, err := token.New(token.KindSCIM)
	if err != nil {
		t.Fatal(err)
	}
	k.Scopes = token.Scopes{"scim:write"}
	b.application("acme", "app", nil)
	if err := b.server.db.PutToken(t.Context(), audit.Actor{}, store.Token{Token: k, Tenant: b.ids["acme"], OAuth: token.OAuth{Client: "app"}}); err != nil {
		t.Fatal(err)
	}
	b.status(401, text, "acme", "GET", "/Users", "")
}

// TestSCIMMetadata: challenge, metadata of resource and authorization server, and authenticationSchemes say what is set up, and lead from one
// to the next.
func TestSCIMMetadata(t *testing.T) {
	b := newOAuthBench(t)
	get := func(address string) (int, map[string]any) {
		res, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var v map[string]any
		_ = json.NewDecoder(res.Body).Decode(&v)
		return res.StatusCode, v
	}
	types := func(bearer string) (all []string) {
		for _, one := range b.status(200, bearer, "acme", "GET", "/ServiceProviderConfig", "")["authenticationSchemes"].([]any) {
			o := one.(map[string]any)
			text := o["type"].(string)
			if o["primary"] == true {
				text += " first"
			}
			all = append(all, text)
		}
		return all
	}
	res, _ := b.call("guess", "acme", "GET", "/Users", "")
	at := b.url + "/.well-known/oauth-protected-resource/scim/acme/v2"
	if got := res.Header.Get("WWW-Authenticate"); !strings.Contains(got, `resource_metadata="`+at+`"`) {
		t.Errorf("the challenge is %s", got)
	}
	_, static := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	if got := types(static); !reflect.DeepEqual(got, []string{"oauthbearertoken first"}) {
		t.Errorf("with a static token alone the schemes are %v", got)
	}
	if status, m := get(at); status != 404 {
		t.Errorf("nobody shows access tokens: status %d, %v", status, m)
	}
	if _, server := get(b.url + "/.well-known/oauth-authorization-server/sso/acme"); strings.Contains(fmt.Sprint(server["scopes_supported"]), "scim") {
		t.Errorf("nobody may ask for scim, but %v", server["scopes_supported"])
	}
	b.application("acme", "app", nil)
	b.bind("acme", "scim:write", token.OAuth{Client: "app"})
	b.bind("acme", "scim:write", token.OAuth{Issuer: "https://idp.example", Audience: "x"})
	if got := types(static); !reflect.DeepEqual(got, []string{"oauthbearertoken first", "oauth2"}) {
		t.Errorf("the schemes are %v", got)
	}
	if got := types(b.access("acme", "app", "scim")); !reflect.DeepEqual(got, []string{"oauth2 first", "oauthbearertoken"}) {
		t.Errorf("for a client with access tokens the schemes are %v", got)
	}
	_, m := get(at)
	if m["resource"] != b.url+"/scim/acme/v2" || !reflect.DeepEqual(m["authorization_servers"], []any{b.url + "/sso/acme", "https://idp.example"}) || !reflect.DeepEqual(m["scopes_supported"], []any{"scim"}) {
		t.Errorf("the metadata is %v", m)
	}
	_, server := get(b.url + "/.well-known/oauth-authorization-server/sso/acme")
	if server["issuer"] != b.url+"/sso/acme" || !strings.Contains(fmt.Sprint(server["scopes_supported"]), "scim") || !reflect.DeepEqual(server["protected_resources"], []any{b.url + "/scim/acme/v2"}) {
		t.Errorf("the authorization server says %v", server)
	}
	if status, _ := get(b.url + "/.well-known/oauth-protected-resource/scim/nobody/v2"); status != 404 {
		t.Errorf("of no tenant: status %d", status)
	}
}

// issuerServer is somebody else's authorization server, whose documents a test decides.
type issuerServer struct {
	*httptest.Server
	key     token.Signer
	asked   atomic.Int64
	meta    func(*issuerServer) string
	keys    func(*issuerServer) string
	address string
}

func newIssuer(t *testing.T) *issuerServer {
	t.Helper()
	key, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuerServer{key: key}
	i.keys = func(i *issuerServer) string { return i.set(i.key) }
	i.meta = func(i *issuerServer) string {
		return fmt.Sprintf(`{"issuer": %q, "jwks_uri": %q}`, i.address, i.URL+"/keys")
	}
	mux := http.NewServeMux()
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.address = i.URL + "/idp"
	mux.HandleFunc("/idp/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, i.meta(i)) })
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { i.asked.Add(1); fmt.Fprint(w, i.keys(i)) })
	mux.HandleFunc("/never", func(http.ResponseWriter, *http.Request) { t.Error("an address in a token's header was fetched") })
	return i
}

func (i *issuerServer) set(keys ...token.Signer) string {
	var all []token.Key
	for _, k := range keys {
		all = append(all, k.Key())
	}
	text, _ := json.Marshal(map[string]any{"keys": all})
	return string(text)
}

// raw makes a JWT whose header a test decides; sign makes the signature of what stands before it.
func raw(header, claims map[string]any, sign func(string) []byte) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	body := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	return body + "." + base64.RawURLEncoding.EncodeToString(sign(body))
}

// TestSCIMByTrustedIssuer: a JWT of an issuer that a SCIM client names opens what that client may. Every row is that token with one thing wrong.
func TestSCIMByTrustedIssuer(t *testing.T) {
	b, i := newOAuthBench(t), newIssuer(t)
	id := b.bind("acme", "scim:write", token.OAuth{Issuer: i.address, Audience: "https://lockstep.example/scim", Subject: "okta"})
	claims := func(change map[string]any) map[string]any {
		c := map[string]any{
			"iss": i.address, "aud": []string{"https://lockstep.example/scim"}, "sub": "okta", "client_id": "okta", "scope": "openid scim", "exp": b.now.Add(time.Minute).Unix(),
			"iat": b.now.Unix(), "jti": "1",
		}
		for name, v := range change {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
		return c
	}
	signed := func(typ string, change map[string]any) string {
		text, err := i.key.Sign(typ, claims(change))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := signed("at+jwt", nil)
	b.status(201, good, "acme", "POST", "/Users", `{"userName": "ada"}`)
	b.status(200, signed("application/at+jwt", map[string]any{"scope": nil, "roles": []string{"scim"}, "sub": "7", "client_id": nil, "azp": "okta"}), "acme", "GET", "/Users", "")
	b.status(200, signed("AT+JWT", map[string]any{"exp": b.now.Add(-30 * time.Second).Unix(), "scope": nil, "scp": "scim"}), "acme", "GET", "/Users", "")
	stranger, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	stranger.ID = i.key.ID
	confused := func(alg string, sign func(string) []byte) string {
		return raw(map[string]any{"alg": alg, "typ": "at+jwt", "kid": i.key.ID}, claims(nil), sign)
	}
	header := func(name string, value any) string { // by a stranger's key, which the header tells where to find
		jwk, _ := json.Marshal(stranger.Key())
		var own map[string]any
		_ = json.Unmarshal(jwk, &own)
		if value == nil {
			value = own
		}
		return strangersWith(t, stranger, map[string]any{name: value}, claims(nil))
	}
	_, foreign := func() (string, string) { s, _ := stranger.Sign("at+jwt", claims(nil)); return "", s }()
	for name, text := range map[string]string{
		"no signature":                  confused("none", func(string) []byte { return nil }),
		"alg none with a signature":     confused("none", func(string) []byte { return []byte("x") }),
		"HS256 with the public key":     confused("HS256", hmacWith(i.set(i.key))),
		"HS256 with the key's bytes":    confused("HS256", hmacWith(publicDER(t, i.key))),
		"RS256 said of an EC signature": swapAlg(good, "RS256"),
		"another key":                   foreign,
		"a key of its own (jwk)":        header("jwk", nil),
		"keys elsewhere (jku)":          header("jku", i.URL+"/never"),
		"a certificate (x5u)":           header("x5u", i.URL+"/never"),
		"something critical":            strangersWith(t, i.key, map[string]any{"crit": []string{"exp"}, "exp": 1}, claims(nil)),
		"wrong audience":                signed("at+jwt", map[string]any{"aud": "https://other.example"}),
		"no audience":                   signed("at+jwt", map[string]any{"aud": nil}),
		"wrong issuer":                  signed("at+jwt", map[string]any{"iss": i.address + "/"}),
		"issuer not trusted":            signed("at+jwt", map[string]any{"iss": "https://other.example"}),
		"somebody else's":               signed("at+jwt", map[string]any{"sub": "x", "client_id": "x"}),
		"no scope":                      signed("at+jwt", map[string]any{"scope": "openid scim:read scimx"}),
		"expired":                       signed("at+jwt", map[string]any{"exp": b.now.Add(-token.Skew).Unix()}),
		"no expiry":                     signed("at+jwt", map[string]any{"exp": nil}),
		"an expiry that is no number":   signed("at+jwt", map[string]any{"exp": "tomorrow"}),
		"not yet":                       signed("at+jwt", map[string]any{"nbf": b.now.Add(2 * time.Minute).Unix()}),
		"an ID token":                   signed("JWT", nil),
		"a logout token":                signed("logout+jwt", nil),
		"without a type":                signed("", nil),
		"cut":                           good[:len(good)-2],
		"a fourth part":                 good + ".x",
	} {
		if res, v := b.call(text, "acme", "GET", "/Users", ""); res.StatusCode != 401 {
			t.Errorf("%s: status %d %v", name, res.StatusCode, v)
		}
	}
	b.status(401, good, "other", "GET", "/Users", "")
	if n := i.asked.Load(); n > 2 {
		t.Errorf("the issuer was asked for keys %d times", n)
	}
	if err := b.server.db.RevokeToken(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	b.later(clientLife)
	b.status(401, good, "acme", "GET", "/Users", "")
}

// TestSCIMPlainTokens: an issuer that gives its access tokens no type of their own is believed about one subject, and never an ID token.
func TestSCIMPlainTokens(t *testing.T) {
	b, i := newOAuthBench(t), newIssuer(t)
	b.bind("acme", "scim:read", token.OAuth{Issuer: i.address, Audience: "api://lockstep", Subject: "entra-app", Scope: token.AnyScope, Plain: true})
	say := func(change map[string]any) string {
		c := map[string]any{"iss": i.address, "aud": "api://lockstep", "appid": "entra-app", "exp": b.now.Add(time.Minute).Unix()}
		for name, v := range change {
			c[name] = v
		}
		text, err := i.key.Sign("JWT", c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	b.status(200, say(nil), "acme", "GET", "/Users", "")
	for name, change := range map[string]map[string]any{
		"a nonce": {"nonce": "n"}, "at_hash": {"at_hash": "h"}, "c_hash": {"c_hash": "h"}, "for the client itself, too": {"aud": []string{"api://lockstep", "entra-app"}},
		"another app": {"appid": "x"},
	} {
		if res, _ := b.call(say(change), "acme", "GET", "/Users", ""); res.StatusCode != 401 {
			t.Errorf("%s: status %d", name, res.StatusCode)
		}
	}
}

// TestIssuerMisbehaves: an issuer's documents are bounded and its own, inner addresses are refused, and while its keys cannot be had the
// answer is not that the token is wrong.
func TestIssuerMisbehaves(t *testing.T) {
	endless := strings.Repeat(" ", 70<<10)
	for name, c := range map[string]struct {
		break_ func(*issuerServer)
		status int
	}{
		"nothing wrong": {func(*issuerServer) {}, 200},
		"metadata of another issuer": {func(i *issuerServer) {
			i.meta = func(i *issuerServer) string {
				return `{"issuer": "https://x.example", "jwks_uri": "` + i.URL + `/keys"}`
			}
		}, 503},
		"no keys in the metadata": {func(i *issuerServer) {
			i.meta = func(i *issuerServer) string { return `{"issuer": "` + i.address + `"}` }
		}, 503},
		"endless metadata": {func(i *issuerServer) { i.meta = func(*issuerServer) string { return endless } }, 503},
		"endless keys":     {func(i *issuerServer) { i.keys = func(i *issuerServer) string { return endless + i.set(i.key) } }, 503},
		"too many keys":    {func(i *issuerServer) { i.keys = func(i *issuerServer) string { return manyKeys(i) } }, 503},
		"a secret key among them": {func(i *issuerServer) {
			i.keys = func(*issuerServer) string { return `{"keys":[{"kty":"oct","k":"AAAA"}]}` }
		}, 503},
		"keys that are for another alg.": {func(i *issuerServer) {
			i.keys = func(i *issuerServer) string { return strings.ReplaceAll(i.set(i.key), "ES256", "ES384") }
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			b, i := newOAuthBench(t), newIssuer(t)
			c.break_(i)
			b.bind("acme", "scim:read", token.OAuth{Issuer: i.address, Audience: "x"})
			text, err := i.key.Sign("at+jwt", map[string]any{"iss": i.address, "aud": "x", "scope": "scim", "exp": b.now.Add(time.Hour).Unix()})
			if err != nil {
				t.Fatal(err)
			}
			b.status(c.status, text, "acme", "GET", "/Users", "")
		})
	}
	t.Run("inner address", func(t *testing.T) {
		b, i := newOAuthBench(t), newIssuer(t)
		b.server.issuers = &bearer.Issuers{Client: web.NewClient(web.ClientConfig{Redirects: -1})}
		b.bind("acme", "scim:read", token.OAuth{Issuer: i.address, Audience: "x"})
		text, _ := i.key.Sign("at+jwt", map[string]any{"iss": i.address, "aud": "x", "scope": "scim", "exp": b.now.Add(time.Hour).Unix()})
		b.status(503, text, "acme", "GET", "/Users", "")
		if i.asked.Load() != 0 {
			t.Error("it was reached")
		}
	})
}

// TestIssuerChangesKeys: a key that follows is found at once, invented ones cost the issuer nothing, one that was taken back ends, and an outage
// is survived.
func TestIssuerChangesKeys(t *testing.T) {
	b, i := newOAuthBench(t), newIssuer(t)
	b.bind("acme", "scim:read", token.OAuth{Issuer: i.address, Audience: "x"})
	by := func(k token.Signer) string {
		text, err := k.Sign("at+jwt", map[string]any{"iss": i.address, "aud": "x", "scope": "scim", "exp": b.now.Add(3 * time.Hour).Unix(), "jti": fmt.Sprint(b.now.UnixNano())})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	old := i.key
	b.status(200, by(old), "acme", "GET", "/Users", "")
	next, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	i.key = next
	i.keys = func(i *issuerServer) string { return i.set(old, next) }
	b.later(11 * time.Second)
	b.status(200, by(next), "acme", "GET", "/Users", "")
	asked := i.asked.Load()
	for range 20 {
		wrong, err := token.NewSigner(token.ES256)
		if err != nil {
			t.Fatal(err)
		}
		b.status(401, by(wrong), "acme", "GET", "/Users", "")
	}
	if n := i.asked.Load() - asked; n > 1 {
		t.Errorf("twenty invented keys had the issuer asked %d times", n)
	}
	i.keys = func(i *issuerServer) string { return i.set(next) }
	b.later(6 * time.Minute)
	b.status(401, by(old), "acme", "GET", "/Users", "")
	i.keys = func(*issuerServer) string { return "gone" }
	b.later(30 * time.Minute)
	b.status(200, by(next), "acme", "GET", "/Users", "")
	b.later(time.Hour)
	b.status(503, by(next), "acme", "GET", "/Users", "")
}
