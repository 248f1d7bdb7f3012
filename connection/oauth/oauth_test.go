package oauth_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection/oauth"
	"lockstep/token"
	"lockstep/web"
)

// authority is an authorization server with rotation: a refresh token that comes again ends the whole consent.
type authority struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	refresh string // the one that is good
	n       int
	ended   bool
	asked   []url.Values
	header  []http.Header
	answer  func(http.ResponseWriter, url.Values) bool // nil, or false: as usual
	life    int
	ends    int // refresh_token_expires_in; 0 is not said
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, life: 3600}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.header = append(a.asked, r.PostForm), append(a.header, r.Header.Clone())
	if a.answer != nil && a.answer(w, r.PostForm) {
		return
	}
	a.give(w, r.PostForm)
}

func (a *authority) give(w http.ResponseWriter, v url.Values) {
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error": %q, "error_description": "said of %s"}`, code, v.Get("client_secret"))
	}
	switch v.Get("grant_type") {
	case "client_credentials":
	case "refresh_token":
		if a.ended || v.Get("refresh_token") != a.refresh {
			a.ended = true
			refuse("invalid_grant")
			return
		}
	case "authorization_code":
		if v.Get("code") != "code" || v.Get("code_verifier") == "" {
			refuse("invalid_grant")
			return
		}
		a.ended = false
	}
	a.n++
	out := map[string]any{"access_token": fmt.Sprintf("access-%d", a.n), "token_type": "bearer", "expires_in": a.life}
	if v.Get("grant_type") != "client_credentials" {
		a.refresh = fmt.Sprintf("refresh-%d", a.n)
		out["refresh_token"] = a.refresh
		if a.ends > 0 {
			out["refresh_token_expires_in"] = a.ends
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (a *authority) times() int { a.mu.Lock(); defer a.mu.Unlock(); return len(a.asked) }

func (a *authority) set(f func(http.ResponseWriter, url.Values) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = f
}

// shelf is a store of one connection.
type shelf struct {
	mu     sync.Mutex
	secret string
	text   string
	broken atomic.Bool
}

func (s *shelf) Secret(context.Context) (string, error) { return s.secret, nil }

func (s *shelf) Recent(ctx context.Context) (oauth.State, error) {
	st, _, err := s.State(ctx)
	return st, err
}

func (s *shelf) State(context.Context) (st oauth.State, mark string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != "" {
		err = json.Unmarshal([]byte(s.text), &st)
	}
	return st, s.text, err
}

func (s *shelf) Swap(_ context.Context, mark string, next oauth.State) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken.Load() {
		return "", errors.New("the disk is full")
	}
	if s.text != mark {
		return "", lockstep.ErrVersion
	}
	text, err := json.Marshal(next)
	s.text = string(text)
	return s.text, err
}

// bench is an authority and a connection to it, whose clock a test puts on.
type bench struct {
	*testing.T
	authority *authority
	shelf     *shelf
	at        atomic.Int64
	config    oauth.Config
}

func newBench(t *testing.T, grant oauth.Grant) *bench {
	a := newAuthority(t)
	b := &bench{T: t, authority: a, shelf: &shelf{secret: "sec:ret %"}}
	b.config = oauth.Config{Grant: grant, Token: a.URL + "/token", Authorize: "https://login.example/authorize?tenant=1", Client: "cli:ent", Auth: oauth.Basic, Scope: "scim offline_access"}
	b.at.Store(time.Now().UnixMilli())
	if grant == oauth.Code {
		b.consent()
	}
	return b
}

func (b *bench) now() time.Time        { return time.UnixMilli(b.at.Load()) }
func (b *bench) later(d time.Duration) { b.at.Add(d.Milliseconds()) }
func (b *bench) client() *oauth.Client { return &oauth.Client{HTTP: http.DefaultClient, Now: b.now} }

// source is another process that has the connection.
func (b *bench) source() *oauth.Source {
	return &oauth.Source{Config: b.config, Client: b.client(), Store: b.shelf}
}

// consent asks for consent and comes back with a code.
func (b *bench) consent() {
	b.Helper()
	_, asked, err := oauth.Ask(b.config, "https://lockstep.example/consent", "job.", b.now())
	if err != nil {
		b.Fatal(err)
	}
	st, err := b.client().Redeem(b.Context(), b.config, b.shelf.secret, asked, oauth.Came{State: asked.State, Code: "code"}, "ada")
	if err != nil {
		b.Fatal(err)
	}
	_, mark, _ := b.shelf.State(b.Context())
	if _, err := b.shelf.Swap(b.Context(), mark, st); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) token(s *oauth.Source, want string) {
	b.Helper()
	got, err := s.Token(b.Context())
	if err != nil || got != want {
		b.Fatalf("token %q, %v, want %q", got, err, want)
	}
}

func (b *bench) fails(s *oauth.Source, code lockstep.Code) {
	b.Helper()
	got, err := s.Token(b.Context())
	if got != "" || lockstep.CodeOf(err) != code {
		b.Fatalf("token %q, %v, want code %s", got, err, code)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, err), "sec:ret") || strings.Contains(lockstep.Said(err), "refresh-") {
		b.Fatalf("the error tells a secret: %v", err)
	}
}

// TestCredentials: one token for all requests until a while before it ends, whichever way we authenticate.
func TestCredentials(t *testing.T) {
	b := newBench(t, oauth.Credentials)
	s := b.source()
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { b.token(s, "access-1") })
	}
	wait.Wait()
	if n := b.authority.times(); n != 1 {
		t.Errorf("twenty requests at once asked %d times", n)
	}
	asked := b.authority.asked[0]
	if user, pass, _ := (&http.Request{Header: b.authority.header[0]}).BasicAuth(); user != "cli%3Aent" || pass != "sec%3Aret+%25" || asked.Get("scope") != "scim offline_access" || asked.Has("client_secret") {
		t.Errorf("asked with %v as %q %q", asked, user, pass)
	}
	b.later(58 * time.Minute)
	b.token(s, "access-1")
	b.later(time.Minute + time.Second)
	b.token(s, "access-2")
	b.config.Auth = oauth.Post
	b.token(b.source(), "access-3")
	if last := b.authority.asked[2]; last.Get("client_id") != "cli:ent" || last.Get("client_secret") != "sec:ret %" || b.authority.header[2].Get("Authorization") != "" {
		t.Errorf("by post asked with %v", last)
	}
}

// TestAssertion: an assertion is signed with our key, for this endpoint, short, and no two are the same.
func TestAssertion(t *testing.T) {
	b := newBench(t, oauth.Credentials)
	b.config.Auth = oauth.PrivateKey
	key, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := key.Bytes()
	b.shelf.secret = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	seen := map[string]bool{}
	for i := range 2 {
		if i == 1 { // as a form field has it
			b.shelf.secret = strings.ReplaceAll(b.shelf.secret, "\n", "")
		}
		b.token(b.source(), fmt.Sprintf("access-%d", i+1))
		asked := b.authority.asked[i]
		jwt, err := token.KeySet{key.Key()}.Verify(asked.Get("client_assertion"), token.ES256)
		var v struct {
			Iss, Sub, Aud, JTI string
			Exp                int64
		}
		if err != nil || json.Unmarshal(jwt.Claims, &v) != nil || v.Iss != "cli:ent" || v.Sub != "cli:ent" || v.Aud != b.authority.URL+"/token" || v.Exp-b.now().Unix() > 60 || seen[v.JTI] || v.JTI == "" ||
			jwt.KeyID != "" || asked.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			t.Errorf("asserted %+v, %v", v, err)
		}
		seen[v.JTI] = true
	}
	for name, text := range map[string]string{"no PEM": "x", "another kind": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), "empty": ""} {
		b.shelf.secret = text
		if _, err := b.source().Token(t.Context()); lockstep.CodeOf(err) != lockstep.CodeOAuthRefused || text != "" && strings.Contains(err.Error(), text+"\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := x509.ParsePKCS8PrivateKey(der); err != nil {
		t.Error(err)
	}
}

// TestRefresh: a token of a consent is refreshed a minute before it ends, once for everybody, and what was given is stored before it is used.
func TestRefresh(t *testing.T) {
	b := newBench(t, oauth.Code)
	one, two := b.source(), b.source() // two processes
	b.token(one, "access-1")
	b.later(59*time.Minute + time.Second)
	var wait sync.WaitGroup
	for _, s := range []*oauth.Source{one, two, one, two, b.source()} {
		wait.Go(func() {
			if got, err := s.Token(t.Context()); err != nil || got != "access-1" && got != "access-2" { // the old one is good for a minute yet
				t.Errorf("token %q, %v", got, err)
			}
		})
	}
	wait.Wait()
	b.token(two, "access-2")
	if n := b.authority.times(); n != 2 {
		t.Errorf("asked %d times: once for the consent, once to refresh", n)
	}
	if st, _, _ := b.shelf.State(t.Context()); st.Refresh != "refresh-2" || !st.Begun.IsZero() || st.By != "ada" {
		t.Errorf("kept %+v", st)
	}
	for range 10 { // each follows the one before
		b.later(time.Hour)
		if _, err := two.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if b.authority.ended {
		t.Error("a refresh token came twice")
	}
}

// TestTyped: a connection that was given a refresh token lives on it: once for everybody, each that follows is kept, and another one that is given
// counts instead, also after the first has ended. When it ends is known from what the server says.
func TestTyped(t *testing.T) {
	b := newBench(t, oauth.Refresh)
	typed := ""
	open := func() *oauth.Source {
		return &oauth.Source{Config: b.config, Client: b.client(), Store: typedShelf{b.shelf, &typed}}
	}
	b.fails(open(), lockstep.CodeConsent)
	typed, b.authority.refresh = "refresh-of-app", "refresh-of-app"
	one, two := open(), open()
	b.token(one, "access-1")
	b.token(two, "access-1")
	b.later(time.Hour)
	b.token(two, "access-2")
	b.token(one, "access-2")
	st, _, _ := b.shelf.State(t.Context())
	if st.Refresh != "refresh-2" || st.Since.IsZero() || !st.Ends.IsZero() || strings.Contains(fmt.Sprint(st), typed) {
		t.Errorf("kept %+v", st)
	}
	b.authority.ends = 90 * 24 * 3600
	b.later(time.Hour)
	b.token(one, "access-3")
	if st, _, _ = b.shelf.State(t.Context()); !st.Ends.Equal(b.now().Add(90 * 24 * time.Hour)) {
		t.Errorf("ends %v at %v", st.Ends, b.now())
	}
	b.authority.mu.Lock()
	b.authority.refresh = "another" // it was used elsewhere, or taken back
	b.authority.mu.Unlock()
	b.later(time.Hour)
	b.fails(one, lockstep.CodeConsent)
	n := b.authority.times()
	b.later(time.Hour)
	b.fails(open(), lockstep.CodeConsent)
	if b.authority.times() != n {
		t.Error("a refresh token that was refused is tried again")
	}
	typed = "another"
	b.authority.ended = false
	b.token(one, "access-4")
}

// typedShelf is a store of a connection that a refresh token was given.
type typedShelf struct {
	*shelf
	typed *string
}

func (s typedShelf) State(ctx context.Context) (oauth.State, string, error) {
	st, mark, err := s.shelf.State(ctx)
	return st.Typed(*s.typed), mark, err
}

func (s typedShelf) Recent(ctx context.Context) (oauth.State, error) {
	st, _, err := s.State(ctx)
	return st, err
}

// TestRefreshWaits: when the token has ended, whoever finds a refresh under way waits for it.
func TestRefreshWaits(t *testing.T) {
	b := newBench(t, oauth.Code)
	b.later(2 * time.Hour)
	begun, answered := make(chan struct{}), make(chan struct{})
	b.authority.set(func(http.ResponseWriter, url.Values) bool { close(begun); <-answered; return false })
	var wait sync.WaitGroup
	wait.Go(func() { b.token(b.source(), "access-2") })
	<-begun
	wait.Go(func() { b.token(b.source(), "access-2") })
	time.Sleep(50 * time.Millisecond)
	close(answered)
	wait.Wait()
	if b.authority.times() != 2 || b.authority.ended {
		t.Errorf("asked %d times", b.authority.times())
	}
}

// TestRefreshKilled: whoever dies in the middle costs a consent only if the server had heard it and forgives nothing; else the old token is tried,
// once that process must have given up.
func TestRefreshKilled(t *testing.T) {
	for name, heard := range map[string]bool{"before it was sent": false, "after it was heard": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, oauth.Code)
			b.later(2 * time.Hour)
			st, mark, _ := b.shelf.State(t.Context())
			st.Begun = b.now()
			if _, err := b.shelf.Swap(t.Context(), mark, st); err != nil {
				t.Fatal(err)
			}
			if heard {
				b.authority.refresh = "one that nobody has stored"
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if got, err := b.source().Token(ctx); got != "" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("while it may be under way: %q, %v", got, err)
			}
			if n := b.authority.times(); n != 1 {
				t.Fatalf("asked %d times", n)
			}
			b.later(31 * time.Second)
			s := b.source()
			if !heard {
				b.token(s, "access-2")
				return
			}
			b.fails(s, lockstep.CodeConsent)
			b.later(time.Hour)
			b.fails(b.source(), lockstep.CodeConsent)
			if n := b.authority.times(); n != 2 {
				t.Errorf("after the refusal the server was asked again: %d times", n)
			}
			b.authority.refresh = ""
			b.consent()
			b.token(s, "access-2")
		})
	}
}

// TestRefreshUnstored: what was given and could not be stored is not used, and is stored and used as soon as that goes.
func TestRefreshUnstored(t *testing.T) {
	b := newBench(t, oauth.Code)
	b.later(2 * time.Hour)
	s := b.source()
	b.authority.set(func(http.ResponseWriter, url.Values) bool { b.shelf.broken.Store(true); return false })
	if got, err := s.Token(t.Context()); got != "" || err == nil {
		t.Fatalf("token %q, %v", got, err)
	}
	if got, err := s.Token(t.Context()); got != "" || err == nil {
		t.Fatalf("token %q, %v", got, err)
	}
	if err := s.Keep(t.Context()); err == nil {
		t.Error("kept by a store that is broken")
	}
	b.shelf.broken.Store(false)
	if err := s.Keep(t.Context()); err != nil {
		t.Error(err)
	}
	b.token(b.source(), "access-2") // as after a restart
	b.token(s, "access-2")
	if b.authority.times() != 2 || b.authority.ended {
		t.Errorf("asked %d times", b.authority.times())
	}
}

// TestCallerGivesUp: a caller whose time ends does not lose what the server gives.
func TestCallerGivesUp(t *testing.T) {
	b := newBench(t, oauth.Code)
	b.later(2 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	b.authority.set(func(http.ResponseWriter, url.Values) bool { cancel(); time.Sleep(20 * time.Millisecond); return false })
	s := b.source()
	_, _ = s.Token(ctx)
	b.authority.set(nil)
	b.token(s, "access-2")
	if b.authority.times() != 2 {
		t.Errorf("asked %d times", b.authority.times())
	}
}

// TestEndpointRefuses: every answer that gives nothing has its code, says what to do, asks at most once in a moment, and costs no consent.
func TestEndpointRefuses(t *testing.T) {
	status := func(n int, body string) func(http.ResponseWriter, url.Values) bool {
		return func(w http.ResponseWriter, _ url.Values) bool {
			w.WriteHeader(n)
			fmt.Fprint(w, body)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, url.Values) bool
		code   lockstep.Code
		says   string
	}{
		"client":        {status(401, `{"error":"invalid_client"}`), lockstep.CodeOAuthRefused, "client_auth"},
		"scope":         {status(400, `{"error":"invalid_scope"}`), lockstep.CodeOAuthRefused, "oauth_scope"},
		"its own code":  {status(400, `{"error":"quota_reached"}`), lockstep.CodeOAuthRefused, "quota_reached"},
		"its own words": {status(400, `{"error":"<b>sec:ret %</b>"}`), lockstep.CodeOAuthRefused, "status 400"},
		"a page":        {status(404, `<html>`), lockstep.CodeOAuthEndpoint, "token_url"},
		"elsewhere": {func(w http.ResponseWriter, _ url.Values) bool {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(307)
			return true
		}, lockstep.CodeOAuthEndpoint, "another address"},
		"out of order":   {status(503, ``), lockstep.CodeOAuthEndpoint, "503"},
		"no JSON":        {status(200, `ok`), lockstep.CodeOAuthEndpoint, "no access token"},
		"no token":       {status(200, `{"token_type":"bearer"}`), lockstep.CodeOAuthEndpoint, "no access token"},
		"a broken token": {status(200, `{"access_token":"a\r\nX-Evil: 1"}`), lockstep.CodeOAuthEndpoint, "no access token"},
		"a long token":   {status(200, `{"access_token":"`+strings.Repeat("a", 20<<10)+`"}`), lockstep.CodeOAuthEndpoint, "no access token"},
		"another type":   {status(200, `{"access_token":"a","token_type":"DPoP"}`), lockstep.CodeOAuthEndpoint, "Bearer"},
		"endless":        {status(200, `{"access_token":"a","x":"`+strings.Repeat("a", 70<<10)+`"}`), lockstep.CodeOAuthEndpoint, "64 KiB"},
	} {
		for _, grant := range []oauth.Grant{oauth.Credentials, oauth.Code} {
			t.Run(name+" "+string(grant), func(t *testing.T) {
				b := newBench(t, grant)
				b.config.Token += "?x"
				s := &oauth.Source{Config: b.config, Client: &oauth.Client{HTTP: web.NewClient(web.ClientConfig{Dialer: loopback(), Redirects: -1}), Now: b.now}, Store: b.shelf}
				b.later(2 * time.Hour)
				before := b.authority.times()
				b.authority.set(c.answer)
				b.fails(s, c.code)
				_, err := s.Token(t.Context())
				if grant == oauth.Credentials && !strings.Contains(lockstep.Said(err), c.says) {
					t.Errorf("says %q, want %q", lockstep.Said(err), c.says)
				}
				if n := b.authority.times() - before; n > 1 {
					t.Errorf("asked %d times in a moment", n)
				}
				b.authority.set(nil)
				b.later(31 * time.Second)
				if _, err := s.Token(t.Context()); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

// TestRefusedToken: an access token that the application refuses is replaced once, not over and over.
func TestRefusedToken(t *testing.T) {
	for _, grant := range []oauth.Grant{oauth.Credentials, oauth.Code} {
		t.Run(string(grant), func(t *testing.T) {
			b := newBench(t, grant)
			s := b.source()
			b.token(s, "access-1")
			b.later(10 * time.Second)
			if !s.Refused(t.Context(), "access-1") {
				t.Fatal("no other one is worth a try")
			}
			b.token(s, "access-2")
			if !s.Refused(t.Context(), "access-1") {
				t.Error("there is another one by now")
			}
			if s.Refused(t.Context(), "access-2") {
				t.Error("a token that is new is refused: it is not about the token")
			}
			b.token(s, "access-2")
		})
	}
}

// TestConsent: the answer of a consent is taken once, from who was asked, in time; PKCE binds it.
func TestConsent(t *testing.T) {
	b := newBench(t, oauth.Code)
	b.config.Issuer = "https://login.example"
	address, asked, err := oauth.Ask(b.config, "https://lockstep.example/consent", "job.", b.now())
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(address)
	q := u.Query()
	if u.Host != "login.example" || q.Get("tenant") != "1" || q.Get("response_type") != "code" || q.Get("client_id") != "cli:ent" || q.Get("redirect_uri") != "https://lockstep.example/consent" ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("state") != asked.State || !strings.HasPrefix(asked.State, "job.") || q.Get("prompt") != "consent" {
		t.Errorf("asked at %s", address)
	}
	for name, came := range map[string]oauth.Came{
		"another state": {State: "job.x", Code: "code"}, "no state": {Code: "code"}, "no code": {State: asked.State}, "denied": {State: asked.State, Error: "access_denied"},
		"another server": {State: asked.State, Code: "code", Issuer: "https://evil.example"},
	} {
		before := b.authority.times()
		if st, err := b.client().Redeem(t.Context(), b.config, b.shelf.secret, asked, came, "ada"); lockstep.CodeOf(err) != lockstep.CodeConsent || st.Access != "" || b.authority.times() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.client().Redeem(t.Context(), b.config, b.shelf.secret, asked, oauth.Came{State: asked.State, Code: "other"}, "ada"); lockstep.CodeOf(err) != lockstep.CodeOAuthRefused {
		t.Errorf("another code: %v", err)
	}
	b.later(16 * time.Minute)
	if _, err := b.client().Redeem(t.Context(), b.config, b.shelf.secret, asked, oauth.Came{State: asked.State, Code: "code"}, "ada"); lockstep.CodeOf(err) != lockstep.CodeConsent {
		t.Errorf("too late: %v", err)
	}
}

// TestSettings: what settings mean, which secrets they use, and where these go.
func TestSettings(t *testing.T) {
	for _, wrong := range []map[string]string{{"auth": "password"}, {"client_auth": "tls"}, {"token_url": "login.example"}, {"token_url": "https://a:b@login.example/"}, {"authorize_url": "ftp://x/"}} {
		if _, err := oauth.Parse(wrong); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	base := map[string]string{"auth": "client_credentials", "token_url": "https://login.example/token", "client_id": "a"}
	for name, v := range map[string]string{"auth": "token", "token_url": "https://login.example/other", "client_id": "b", "authorize_url": "https://evil.example/"} {
		other := map[string]string{"auth": base["auth"], "token_url": base["token_url"], "client_id": base["client_id"]}
		other[name] = v
		if oauth.Destination(other) == oauth.Destination(base) {
			t.Errorf("another %s is the same destination", name)
		}
	}
	if got := oauth.Uses(map[string]string{}); len(got) != 1 || got[0] != "token" {
		t.Errorf("without OAuth %v", got)
	}
	if got := oauth.Uses(map[string]string{"auth": "refresh_token"}); len(got) != 2 || got[0] != "client_secret" || got[1] != "refresh_token" {
		t.Errorf("with a refresh token %v", got)
	}
	if got := oauth.Uses(map[string]string{"auth": "authorization_code", "client_auth": "private_key_jwt"}); len(got) != 1 || got[0] != "client_key" {
		t.Errorf("with a key %v", got)
	}
}

// TestGuarded: a token endpoint at an inner address is not reached.
func TestGuarded(t *testing.T) {
	b := newBench(t, oauth.Credentials)
	s := &oauth.Source{Config: b.config, Client: &oauth.Client{HTTP: web.NewClient(web.ClientConfig{Redirects: -1})}, Store: b.shelf}
	if _, err := s.Token(t.Context()); lockstep.CodeOf(err) != lockstep.CodeBlocked && lockstep.CodeOf(err) != lockstep.CodeUnencrypted || b.authority.times() != 0 {
		t.Errorf("%v", err)
	}
}

func loopback() *web.Dialer {
	return &web.Dialer{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}
