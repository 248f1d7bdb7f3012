package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/connection/oauth"
	"lockstep/operate"
)

// guarded is a SCIM application with an authorization server: it takes the newest access token only, and every refresh token once.
type guarded struct {
	*httptest.Server
	mu      sync.Mutex
	life    int // of an access token, in seconds
	n       int
	ends    int // of a refresh token, in days; 0 is 90
	refresh string
	grants  []string
	seen    []string
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{life: 3600}
	mux := http.NewServeMux()
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	mux.HandleFunc("/token", g.token)
	mux.HandleFunc("/v1/access_token", g.token)
	mux.HandleFunc("/scim/", g.scim)
	return g
}

func (g *guarded) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	g.mu.Lock()
	defer g.mu.Unlock()
	v := r.PostForm
	g.grants = append(g.grants, v.Get("grant_type"))
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = v.Get("client_id"), v.Get("client_secret")
	}
	refuse := func(status int, code string) { w.WriteHeader(status); fmt.Fprintf(w, `{"error":%q}`, code) }
	switch {
	case id != "lockstep" || secret != "hush-client":
		refuse(401, "invalid_client")
		return
	case v.Get("grant_type") == "authorization_code" && v.Get("code") != "the-code", v.Get("grant_type") == "refresh_token" && v.Get("refresh_token") != g.refresh:
		refuse(400, "invalid_grant")
		return
	}
	g.n++
	g.refresh = fmt.Sprintf("hush-refresh-%d", g.n)
	fmt.Fprintf(w, `{"access_token":"hush-access-%d","token_type":"Bearer","expires_in":%d,"refresh_token":%q,"refresh_token_expires_in":%d}`, g.n, max(g.life, 1), g.refresh, cmp.Or(g.ends, 90)*24*3600)
}

func (g *guarded) scim(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/scim+json")
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer hush-access-%d", g.n) {
		w.WriteHeader(401)
		fmt.Fprint(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401"}`)
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/Users") {
		w.WriteHeader(404)
		return
	}
	fmt.Fprint(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`)
}

func (g *guarded) settings(auth string) map[string]string {
	return map[string]string{
		"url": g.URL + "/scim/v2", "auth": auth, "token_url": g.URL + "/token", "authorize_url": g.URL + "/authorize", "client_id": "lockstep", "oauth_scope": "scim",
	}
}

// tested tests the connection and wants a code; "" is that it works.
func tested(t *testing.T, c *api.Client, code lockstep.Code) api.TestResult {
	t.Helper()
	r, err := c.TestConnection(t.Context(), "x")
	if err != nil || r.Code != code {
		t.Fatalf("the test of the connection says %+v, %v, want %q", r, err, code)
	}
	return r
}

// TestConnectionByCredentials: a connection gets access tokens by itself; a wrong secret is told with what to mend; and where its secrets go does
// not change without them.
func TestConnectionByCredentials(t *testing.T) {
	_, c := reach(t)
	g := newGuarded(t)
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "scimapp", Slug: "x", Settings: g.settings("client_credentials")}); err != nil {
		t.Fatal(err)
	}
	set := func(change api.ConnectionChange) error {
		_, err := c.SetConnection(t.Context(), "x", change)
		return err
	}
	tested(t, c, lockstep.CodeOAuthRefused)
	if err := set(api.ConnectionChange{Secrets: map[string]string{"client_secret": "wrong"}}); err != nil {
		t.Fatal(err)
	}
	if r := tested(t, c, lockstep.CodeOAuthRefused); !strings.Contains(r.Detail, "invalid_client") || strings.Contains(fmt.Sprint(r), "wrong") {
		t.Errorf("it says %+v", r)
	}
	if err := set(api.ConnectionChange{Settings: map[string]string{"oauth_scope": "scim"}, Secrets: map[string]string{"client_secret": "hush-client", "token": "hush-fixed"}}); err != nil {
		t.Fatal(err)
	}
	if err := set(api.ConnectionChange{Settings: map[string]string{"page_size": "7"}}); err != nil { // opened anew: nothing is believed from before
		t.Fatal(err)
	}
	tested(t, c, "")
	for _, s := range g.seen {
		if strings.Contains(s, "fixed") {
			t.Error("the fixed token was sent")
		}
	}
	var away thief
	evil := httptest.NewServer(&away)
	t.Cleanup(evil.Close)
	for _, change := range []map[string]string{{"token_url": evil.URL + "/token"}, {"url": evil.URL + "/scim/v2"}, {"authorize_url": evil.URL}, {"client_id": "other"}} {
		if err := set(api.ConnectionChange{Settings: change}); lockstep.CodeOf(err) != lockstep.CodeSecretsAgain {
			t.Errorf("%v: %v", change, err)
		}
	}
	if err := set(api.ConnectionChange{Settings: map[string]string{"auth": "token"}}); lockstep.CodeOf(err) != lockstep.CodeSecretsAgain {
		t.Errorf("back to a token that was kept for another destination: %v", err)
	}
	if err := set(api.ConnectionChange{Settings: map[string]string{"auth": "token"}, Secrets: map[string]string{"token": "hush-fixed"}}); err != nil {
		t.Error(err)
	}
	j, err := c.Job(t.Context(), "x")
	if err != nil || strings.Contains(fmt.Sprint(j.Connection), "client_secret") && !strings.Contains(fmt.Sprint(j.Connection.Settings), "client_secret_basic") {
		t.Errorf("%+v, %v", j.Connection, err)
	}
	for _, name := range j.Connection.Secrets {
		if name == "client_secret" {
			t.Error("the client secret stayed where it is of no use")
		}
	}
	if strings.Contains(away.text(), "hush") {
		t.Error("a stranger has heard a secret")
	}
}

// TestConnectionByConsent: from no consent to a connection that works, by redirect; the answer counts once; a token that the application takes back
// is replaced; and what the consent gave goes when the connection leads elsewhere.
func TestConnectionByConsent(t *testing.T) {
	n, c := reach(t)
	g := newGuarded(t)
	n.operator.Address = func() string { return "https://id.example" }
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "scimapp", Slug: "x", Settings: g.settings("authorization_code")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{Secrets: map[string]string{"client_secret": "hush-client"}}); err != nil {
		t.Fatal(err)
	}
	tested(t, c, lockstep.CodeConsent)
	asked, err := c.AskConsent(t.Context(), "x")
	if err != nil || asked.Redirect != "https://id.example/consent" || !strings.HasPrefix(asked.Address, g.URL+"/authorize?") {
		t.Fatalf("%+v, %v", asked, err)
	}
	u, _ := url.Parse(asked.Address)
	tenant, err := n.db.TenantBySlug(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	finish := func(a operate.ConsentAnswer) error {
		_, err := n.operator.FinishConsent(t.Context(), operate.Machine(tenant.ID), a)
		return err
	}
	state := u.Query().Get("state")
	for name, a := range map[string]operate.ConsentAnswer{
		"made up": {State: "x.y", Code: "the-code"}, "of this job, made up": {State: strings.SplitN(state, ".", 2)[0] + ".AAAA", Code: "the-code"}, "empty": {},
	} {
		if err := finish(a); lockstep.CodeOf(err) != lockstep.CodeConsent {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := operate.ConsentAnswer{State: state, Code: "the-code"}
	if err := finish(good); err != nil {
		t.Fatal(err)
	}
	if err := finish(good); lockstep.CodeOf(err) != lockstep.CodeConsent {
		t.Errorf("a second time: %v", err)
	}
	tested(t, c, "")
	stands, err := c.Consent(t.Context(), "x")
	if err != nil || !stands.Needed || stands.Given == nil || !stands.Refreshed || stands.Ended || stands.By != "machine" {
		t.Errorf("stands %+v, %v", stands, err)
	}
	g.mu.Lock()
	g.n++ // the application takes the access token back
	g.mu.Unlock()
	tested(t, c, "")
	if got := strings.Join(g.grants, " "); got != "authorization_code refresh_token" {
		t.Errorf("asked for %s", got)
	}
	var away thief
	evil := httptest.NewServer(&away)
	t.Cleanup(evil.Close)
	if _, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{Settings: map[string]string{"url": evil.URL + "/scim/v2"}, Secrets: map[string]string{"client_secret": "another"}}); err != nil {
		t.Fatal(err)
	}
	tested(t, c, lockstep.CodeConsent)
	if strings.Contains(away.text(), "hush") {
		t.Error("a stranger has heard a token")
	}
}

// TestWebexOfServiceApp: Webex is reached with client ID, secret and refresh token of a service app alone: endpoints, scopes and the way to authenticate
// are known; the refresh token is renewed though nobody needs an access token; and it goes when the connection leads elsewhere.
func TestWebexOfServiceApp(t *testing.T) {
	n, c := reach(t)
	g := newGuarded(t)
	g.refresh, g.life = "hush-refresh-of-app", 1
	settings := map[string]string{"endpoint": g.URL + "/scim/v2", "auth": "refresh_token", "client_id": "lockstep"}
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "webex", Slug: "x", Settings: settings}); err != nil {
		t.Fatal(err)
	}
	set := func(change api.ConnectionChange) error {
		_, err := c.SetConnection(t.Context(), "x", change)
		return err
	}
	tested(t, c, lockstep.CodeConsent)
	if err := set(api.ConnectionChange{Secrets: map[string]string{"client_secret": "hush-client", "refresh_token": "hush-refresh-of-app"}}); err != nil {
		t.Fatal(err)
	}
	tested(t, c, "")
	stands, err := c.Consent(t.Context(), "x")
	if err != nil || stands.Needed || !stands.Typed || stands.Given == nil || !stands.Refreshed || stands.Ends == nil {
		t.Errorf("stands %+v, %v", stands, err)
	}
	j, err := c.Job(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	was := g.asked()
	for _, days := range []int{30, 46} { // the refresh token has 90 days
		if err := n.systems.keepConsents(t.Context(), time.Now().Add(time.Duration(days)*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if got := g.asked(); got != was+1 {
		t.Errorf("asked %d times after %d: once, when half of its time is over", got, was)
	}
	var away thief
	evil := httptest.NewServer(&away)
	t.Cleanup(evil.Close)
	for _, change := range []map[string]string{{"token_url": evil.URL + "/token"}, {"endpoint": evil.URL + "/scim/v2"}, {"client_id": "other"}, {"auth": "authorization_code"}} {
		if err := set(api.ConnectionChange{Settings: change}); lockstep.CodeOf(err) != lockstep.CodeSecretsAgain {
			t.Errorf("%v: %v", change, err)
		}
	}
	for _, wrong := range []map[string]string{{"auth": "client_credentials"}, {"client_auth": "private_key_jwt"}, {"token_url": "nowhere"}, {"oauth_audience": "x"}} {
		if err := set(api.ConnectionChange{Settings: wrong}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	if err := set(api.ConnectionChange{Settings: map[string]string{"endpoint": evil.URL + "/scim/v2"}, Secrets: map[string]string{"client_secret": "another", "refresh_token": "x"}}); err != nil {
		t.Fatal(err)
	}
	tested(t, c, lockstep.CodeOAuthEndpoint)
	if strings.Contains(away.text(), "hush") || slices.Contains(j.Connection.Secrets, "token") {
		t.Error("a stranger has heard a token")
	}
}

// TestConsentsAreKept: a server uses a refresh token that would end, though nobody is to be told of anything, and no job runs; and what the store does
// not take at once is kept all the same.
func TestConsentsAreKept(t *testing.T) {
	n, c := reach(t)
	g := newGuarded(t)
	g.refresh, g.life, g.ends = "hush-refresh-of-app", 1, 30
	settings := map[string]string{"endpoint": g.URL + "/scim/v2", "auth": "refresh_token", "client_id": "lockstep"}
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "webex", Slug: "x", Settings: settings}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{Secrets: map[string]string{"client_secret": "hush-client", "refresh_token": "hush-refresh-of-app"}}); err != nil {
		t.Fatal(err)
	}
	tested(t, c, "")
	jobs, err := n.db.ListJobs(t.Context(), tenantOf(t, n))
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	o, err := n.systems.get(t.Context(), jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	full := &full{Store: o.tokens.Store}
	full.left.Store(2)
	o.tokens.Store = full
	was := g.asked()
	time.Sleep(1100 * time.Millisecond) // the access token ends
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- n.Run(ctx) }()
	kept := func() bool {
		st, _, err := full.State(t.Context())
		return err == nil && full.left.Load() < 0 && st.Access == fmt.Sprintf("hush-access-%d", was+1)
	}
	for until := time.Now().Add(30 * time.Second); !kept() && time.Now().Before(until); {
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if got := g.asked(); !kept() || got != was+1 {
		t.Errorf("asked %d times after %d, and %d failures of the store are left", got, was, full.left.Load())
	}
}

// full is a store that does not take what a refresh gave, for some times.
type full struct {
	oauth.Store
	left atomic.Int32
}

func (f *full) Swap(ctx context.Context, mark string, next oauth.State) (string, error) {
	if next.Begun.IsZero() && f.left.Add(-1) >= 0 {
		return "", errors.New("the disk is full")
	}
	return f.Store.Swap(ctx, mark, next)
}

// asked is how often the token endpoint was asked.
func (g *guarded) asked() int { g.mu.Lock(); defer g.mu.Unlock(); return len(g.grants) }

func tenantOf(t *testing.T, n *Server) lockstep.TenantID {
	t.Helper()
	tenant, err := n.db.TenantBySlug(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	return tenant.ID
}
