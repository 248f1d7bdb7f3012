package sso_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/token"
)

// upstream is an identity provider whose answers a test decides.
type upstream struct {
	mu       sync.Mutex
	identity sso.Identity
	fails    error
	attempts []sso.Attempt
}

func (u *upstream) Open(context.Context, sso.Provider) (sso.Upstream, error) { return u, nil }

func (u *upstream) Begin(_ context.Context, a sso.Attempt, rec sso.Recorder) (sso.Redirect, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.attempts = append(u.attempts, a)
	rec.Stage(sso.Stage{Name: "begin", OK: true})
	return sso.Redirect{URL: "https://idp.example/authorize?" + url.Values{"state": {a.State}, "redirect_uri": {a.RedirectURI}}.Encode(), Keep: []byte("kept")}, nil
}

func (u *upstream) Finish(_ context.Context, a sso.Attempt, c sso.Callback, rec sso.Recorder) (sso.Identity, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if string(a.Kept) != "kept" || c.Values.Get("code") == "" {
		return sso.Identity{}, &lockstep.Error{Code: "idp.callback", Detail: "nothing came back"}
	}
	rec.Stage(sso.Stage{Name: "id_token", OK: u.fails == nil})
	return u.identity, u.fails
}

func (u *upstream) EndSession(_ context.Context, kept []byte, returnTo string) (string, error) {
	if len(kept) == 0 {
		return "", nil
	}
	return "https://idp.example/logout?" + url.Values{"goto": {returnTo}}.Encode(), nil
}

// SignIn makes it one that takes passwords, too, when a provider is of such a kind.
func (u *upstream) SignIn(_ context.Context, name, password string, _ sso.Recorder) (sso.Identity, error) {
	if password != "sesame" {
		return sso.Identity{}, &lockstep.Error{Code: "idp.credentials"}
	}
	return sso.Identity{Issuer: "ldap", Subject: name, UserName: name, Email: name, EmailVerified: true}, nil
}

func (u *upstream) becomes(id sso.Identity) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.identity, u.fails = id, nil
}

// world is an OpenID Provider of a tenant, over a real database.
type world struct {
	*testing.T
	db     *store.DB
	tenant lockstep.TenantID
	sso    *sso.Server
	up     *upstream
	http   *httptest.Server
	clock  atomic.Int64
	issuer string
	ada    lockstep.UserID
}

var onPostgres = flag.Bool("postgres", false, "run all tests of this package on PostgreSQL")

// newWorld is one on SQLite, or on PostgreSQL in the half of a test that both runs there.
func newWorld(t *testing.T) *world {
	t.Helper()
	if *onPostgres || slices.Contains(strings.Split(t.Name(), "/"), "postgres") {
		return worldOn(t, store.Config{Postgres: storetest.Postgres(t)})
	}
	return worldOn(t, store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
}

// both runs a test on both databases.
func both(t *testing.T, f func(*testing.T)) {
	t.Helper()
	t.Run("sqlite", f)
	t.Run("postgres", f)
}

// onBoth runs a test on both databases, each time in a world.
func onBoth(t *testing.T, f func(*world)) {
	t.Helper()
	both(t, func(t *testing.T) { f(newWorld(t)) })
}

func worldOn(t *testing.T, c store.Config) *world {
	t.Helper()
	w := &world{T: t, up: &upstream{}}
	w.clock.Store(time.Now().Truncate(time.Second).UnixMilli())
	key := store.NewKey()
	c.Key, c.Now = key, w.now
	var err error
	w.db, err = store.Open(t.Context(), c)
	w.must(err)
	t.Cleanup(func() { w.must(w.db.Close()) })
	w.tenant = lockstep.NewID[lockstep.TenantID]()
	w.must(w.db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: w.tenant, Slug: "acme", Name: "Acme"}))
	w.must(w.db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "other", Name: "Other"}))
	w.sso = &sso.Server{
		Store: w.db.SSO(), Directory: w.db, Tenants: w.db, Opener: w.up, Box: key.Box("sso"), Base: func() string { return w.http.URL }, Client: http.DefaultClient,
		Log: slog.New(slog.DiscardHandler), Now: w.now,
	}
	w.http = httptest.NewServer(w.sso.Handler())
	t.Cleanup(w.http.Close)
	w.issuer = w.http.URL + "/sso/acme"
	w.ada = w.person("ada@acme.example", "Ada", "Lovelace")
	w.provider("webex", nil)
	w.client("app", nil)
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "Ada@acme.example", EmailVerified: true, Logout: []byte("hint")})
	return w
}

func (w *world) now() time.Time        { return time.UnixMilli(w.clock.Load()).UTC() }
func (w *world) later(d time.Duration) { w.clock.Add(d.Milliseconds()) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) person(name, given, family string) lockstep.UserID {
	w.Helper()
	u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	u.Attributes.Set("userName", name)
	u.Attributes.Set("name", scim.Object{{Name: "givenName", Value: given}, {Name: "familyName", Value: family}})
	u.Attributes.Set("emails", mails(name))
	w.commit(directory.PutUser{User: u})
	return u.ID
}

func mails(address string) scim.List { return scim.List{scim.Object{{Name: "value", Value: address}}} }

func (w *world) commit(changes ...directory.Change) {
	w.Helper()
	_, err := w.db.Commit(w.Context(), w.tenant, audit.Actor{Kind: audit.Admin, ID: "a"}, "", changes...)
	w.must(err)
}

func (w *world) disable(id lockstep.UserID) {
	w.Helper()
	all, err := w.db.Users(w.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}})
	w.must(err)
	all[0].Attributes.Set("active", false)
	w.commit(directory.PutUser{User: all[0]})
}

// provider adds an enabled provider.
func (w *world) provider(alias string, change func(*sso.Provider)) sso.Provider {
	w.Helper()
	p := sso.Provider{ID: lockstep.NewID[sso.ProviderID](), Tenant: w.tenant, Alias: alias, Kind: sso.KindOIDC, Name: "Sign-in by " + alias, State: sso.Enabled}
	if change != nil {
		change(&p)
	}
	p, err := w.db.SSO().PutProvider(w.Context(), audit.Actor{}, p)
	w.must(err)
	return p
}

func (w *world) setProvider(alias string, change func(*sso.Provider)) sso.Provider {
	w.Helper()
	p, err := w.db.SSO().ProviderByAlias(w.Context(), w.tenant, alias)
	w.must(err)
	change(&p)
	p, err = w.db.SSO().PutProvider(w.Context(), audit.Actor{}, p)
	w.must(err)
	return p
}

const callback = "https://app.example/cb"

// client adds a client with the secret "s-e_c+r%t" unless change makes it another.
func (w *world) client(id string, change func(*sso.Client)) sso.Client {
	w.Helper()
	c := sso.Client{
		Tenant: w.tenant, ID: sso.ClientID(id), Name: "The " + id, Redirects: []string{callback, "https://app.example/a?x=1"}, AfterLogout: []string{"https://app.example/bye"},
		Auth: sso.AuthBasic, Grants: []sso.GrantType{sso.GrantCode, sso.GrantRefresh, sso.GrantCredentials}, Scopes: []string{"read", "write"},
		IDToken: token.ES256, Secret: token.HashOf(secretText),
	}
	if change != nil {
		change(&c)
	}
	w.must(c.Check())
	c, err := w.db.SSO().PutClient(w.Context(), audit.Actor{}, "created", c)
	w.must(err)
	return c
}

const secretText = "s-e_c+r%t:1"

func (w *world) setClient(id string, change func(*sso.Client)) {
	w.Helper()
	c, err := w.db.SSO().Client(w.Context(), w.tenant, sso.ClientID(id))
	w.must(err)
	change(&c)
	_, err = w.db.SSO().PutClient(w.Context(), audit.Actor{}, "updated", c)
	w.must(err)
}

// browser is a browser of somebody: it keeps cookies, and follows no redirect by itself.
type browser struct {
	*world
	http *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &browser{w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is an answer that was read to its end.
type page struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request) page {
	b.Helper()
	answer, err := b.http.Do(r)
	b.must(err)
	body, err := io.ReadAll(answer.Body)
	b.must(err)
	b.must(answer.Body.Close())
	return page{answer, string(body)}
}

func (b *browser) get(address string) page {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	b.must(err)
	return b.do(r)
}

func (b *browser) post(address string, values url.Values, headers ...string) page {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, strings.NewReader(values.Encode()))
	b.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

// to is where a page sends the browser.
func (p page) to() *url.URL {
	u, err := url.Parse(p.Header.Get("Location"))
	if err != nil || p.StatusCode != http.StatusSeeOther {
		return &url.URL{}
	}
	return u
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// asking are the parameters of an authorization request, with changes: name, value pairs; an empty value takes one away.
func asking(changes ...string) url.Values {
	v := url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid profile email"}, "state": {"st"}, "nonce": {"no"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			v.Del(changes[i])
		}
	}
	return v
}

func (b *browser) authorize(changes ...string) page {
	b.Helper()
	return b.get(b.issuer + "/authorize?" + asking(changes...).Encode())
}

// comeBack brings the browser back from the provider that a page sends it to.
func (b *browser) comeBack(p page) page {
	b.Helper()
	to := p.to()
	if to.Host != "idp.example" {
		b.Fatalf("not sent to the provider: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	return b.get(to.Query().Get("redirect_uri") + "?" + url.Values{"code": {"c"}, "state": {to.Query().Get("state")}}.Encode())
}

// signIn signs the browser in and returns the code.
func (b *browser) signIn(changes ...string) string {
	b.Helper()
	p := b.authorize(changes...)
	if p.to().Host == "idp.example" {
		p = b.comeBack(p)
	}
	code := p.to().Query().Get("code")
	if code == "" {
		b.Fatalf("no code: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	return code
}

// tokens is what the token endpoint answers.
type tokens struct {
	Status  int
	Header  http.Header
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string
	Expires int `json:"expires_in"`
	Error   string
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// token asks the token endpoint as the client app, unless headers say otherwise.
func (w *world) token(v url.Values, headers ...string) tokens {
	w.Helper()
	if len(headers) == 0 {
		headers = []string{"Authorization", basic("app", secretText)}
	}
	p := w.browser().post(w.issuer+"/token", v, headers...)
	t := tokens{Status: p.StatusCode, Header: p.Header}
	if err := json.Unmarshal([]byte(p.body), &t); err != nil {
		w.Fatalf("%d %s: %v", p.StatusCode, p.body, err)
	}
	return t
}

func redeeming(code string, changes ...string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			v.Del(changes[i])
		}
	}
	return v
}

func refreshing(text string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}}
}

// whois returns the status and the claims.
func (w *world) whois(access string) (int, map[string]any) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.issuer+"/userinfo", nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+access)
	p := w.browser().do(r)
	var claims map[string]any
	w.must(json.Unmarshal([]byte(p.body), &claims))
	return p.StatusCode, claims
}

// introspect asks as the client app.
func (w *world) introspect(text string) map[string]any {
	w.Helper()
	p := w.browser().post(w.issuer+"/introspect", url.Values{"token": {text}}, "Authorization", basic("app", secretText))
	var claims map[string]any
	w.must(json.Unmarshal([]byte(p.body), &claims))
	return claims
}

// claimsOf verifies a JWT with the published keys and returns its claims.
func (w *world) claimsOf(text, typ string) map[string]any {
	w.Helper()
	set, err := token.ParseKeySet([]byte(w.browser().get(w.issuer + "/jwks").body))
	w.must(err)
	t, err := set.Verify(text, token.RS256, token.ES256)
	w.must(err)
	if t.Type != typ {
		w.Errorf("the type is %q, not %q", t.Type, typ)
	}
	var claims map[string]any
	w.must(json.Unmarshal(t.Claims, &claims))
	return claims
}

func (w *world) is(what string, got, want any) {
	w.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("%s: %v, want %v", what, got, want)
	}
}
