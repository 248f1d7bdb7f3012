package session_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/session"
)

var ada = session.Grant{Tenant: "t-acme", Holder: "ada"}

// clock is a clock that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newGate(store session.Store) (*session.Gate, *clock) {
	c := &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	return &session.Gate{Surface: "console", Store: store, Now: c.now}, c
}

func link(t *testing.T, g *session.Gate) string {
	t.Helper()
	secret, err := g.NewLink(t.Context(), ada)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func request(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8080/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// enter spends the link and returns the cookie that the browser got.
func enter(t *testing.T, g *session.Gate, secret string, had ...*http.Cookie) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	s, err := g.Enter(w, request(had...), secret)
	if err != nil {
		t.Fatal(err)
	}
	if s.Grant != ada {
		t.Errorf("the session is for %+v", s.Grant)
	}
	return w.Result().Cookies()[0]
}

func TestLinkLetsInOnce(t *testing.T) {
	g, _ := newGate(&session.Memory{})
	secret := link(t, g)
	if len(secret) != 43 || strings.ContainsAny(secret, "+/=") {
		t.Errorf("%q is not 256 bits of URL-safe text", secret)
	}
	for range 2 { // to look spends nothing
		if l, err := g.Check(t.Context(), secret); err != nil || l.Grant != ada {
			t.Fatalf("check: %+v, %v", l, err)
		}
	}
	cookie := enter(t, g, secret)
	if s, err := g.Of(request(cookie)); err != nil || s.Grant != ada {
		t.Errorf("the session: %+v, %v", s, err)
	}
	_, err := g.Enter(httptest.NewRecorder(), request(), secret)
	if !errors.Is(err, session.ErrUsed) || lockstep.CodeOf(err) != lockstep.CodeLinkSpent {
		t.Errorf("a second time: %v", err)
	}
}

func TestLinkLetsInOneOfMany(t *testing.T) {
	g, _ := newGate(&session.Memory{})
	secret := link(t, g)
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 32 {
		wg.Go(func() {
			if _, err := g.Enter(httptest.NewRecorder(), request(), secret); err == nil {
				mu.Lock()
				in++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d of 32 were let in", in)
	}
}

func TestLinksThatDoNotOpen(t *testing.T) {
	store := &session.Memory{}
	g, c := newGate(store)
	other := &session.Gate{Surface: "portal", Store: store, Now: c.now}
	expired, theirs := link(t, g), link(t, other)
	if _, err := g.Check(t.Context(), theirs); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("another surface's link: %v", err)
	}
	if _, err := g.Check(t.Context(), "guess"); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("a guess: %v", err)
	}
	c.at = c.at.Add(30 * time.Minute)
	if _, err := g.Check(t.Context(), expired); !errors.Is(err, session.ErrExpired) {
		t.Errorf("after 30 minutes: %v", err)
	}
}

func TestSessionEnds(t *testing.T) {
	hours := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	for _, c := range []struct {
		name  string
		after []time.Duration // pauses between requests
		live  bool
	}{
		{"soon", []time.Duration{hours(1)}, true},
		{"after idling", []time.Duration{hours(8)}, false},
		{"kept by requests", []time.Duration{hours(7), hours(7)}, true},
		{"in any case", repeat(hours(7), 24), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, clock := newGate(&session.Memory{})
			cookie := enter(t, g, link(t, g))
			var err error
			for _, d := range c.after {
				clock.at = clock.at.Add(d)
				_, err = g.Of(request(cookie))
			}
			if (err == nil) != c.live || err != nil && !errors.Is(err, session.ErrNone) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func repeat(d time.Duration, n int) (all []time.Duration) {
	for range n {
		all = append(all, d)
	}
	return all
}

func TestLeave(t *testing.T) {
	g, _ := newGate(&session.Memory{})
	cookie := enter(t, g, link(t, g))
	s, err := g.Of(request(cookie))
	if err != nil || !g.Live(t.Context(), s) {
		t.Fatalf("before: %v", err)
	}
	w := httptest.NewRecorder()
	if err := g.Leave(w, request(cookie)); err != nil {
		t.Fatal(err)
	}
	if c := w.Result().Cookies()[0]; c.Value != "" || c.MaxAge >= 0 {
		t.Errorf("the cookie stays: %v", c)
	}
	if _, err := g.Of(request(cookie)); !errors.Is(err, session.ErrNone) || g.Live(t.Context(), s) {
		t.Errorf("the session goes on: %v", err)
	}
	if err := g.Leave(httptest.NewRecorder(), request(cookie)); err != nil {
		t.Errorf("leaving twice: %v", err)
	}
}

func TestEnterEndsTheSessionBefore(t *testing.T) {
	g, _ := newGate(&session.Memory{})
	first := enter(t, g, link(t, g))
	second := enter(t, g, link(t, g), first)
	if _, err := g.Of(request(first)); !errors.Is(err, session.ErrNone) {
		t.Errorf("the first session: %v", err)
	}
	if _, err := g.Of(request(second)); err != nil {
		t.Errorf("the second session: %v", err)
	}
}

// TestGoOn: a session in place of another ends when that would have, and its holder has shown who they are when they had; the other is no more.
func TestGoOn(t *testing.T) {
	g, c := newGate(&session.Memory{})
	first := enter(t, g, link(t, g))
	was, err := g.Of(request(first))
	if err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(time.Hour)
	to := ada
	to.Holder = "ada elsewhere"
	w := httptest.NewRecorder()
	now, err := g.GoOn(w, request(first), to, was)
	if err != nil || now.Began != was.Began || now.Proved != was.Proved || now.Seen != c.at || now.Grant != to || now.ID == was.ID {
		t.Errorf("went on in %+v, %v", now, err)
	}
	if _, err := g.Of(request(first)); !errors.Is(err, session.ErrNone) {
		t.Errorf("the former one: %v", err)
	}
	if s, err := g.Of(request(w.Result().Cookies()[0])); err != nil || s.Began != was.Began {
		t.Errorf("the new one: %+v, %v", s, err)
	}
}

func TestSessionStaysOnItsSurface(t *testing.T) {
	store := &session.Memory{}
	g, c := newGate(store)
	other := &session.Gate{Surface: "portal", Store: store, Now: c.now}
	cookie := enter(t, g, link(t, g))
	cookie.Name = other.CookieName(request())
	if _, err := other.Of(request(cookie)); !errors.Is(err, session.ErrNone) {
		t.Errorf("the console's session opens the portal: %v", err)
	}
}

func TestCookie(t *testing.T) {
	for _, c := range []struct {
		secure     bool
		host, name string
	}{
		{true, "lockstep.acme.example", "__Host-lockstep-console"},
		{true, "lockstep.acme.example:8443", "__Host-lockstep-console"},
		{false, "localhost:8080", "lockstep-console-8080"},
		{false, "[::1]:9090", "lockstep-console-9090"},
		{false, "localhost", "lockstep-console"},
	} {
		g, _ := newGate(&session.Memory{})
		g.Secure = c.secure
		r := request()
		r.Host = c.host
		w := httptest.NewRecorder()
		if _, err := g.Enter(w, r, link(t, g)); err != nil {
			t.Fatal(err)
		}
		got := w.Result().Cookies()[0]
		if got.Name != c.name || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Domain != "" {
			t.Errorf("%s: %v", c.host, got)
		}
	}
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name, method, host, site, origin string
		secure, passes                   bool
	}{
		{"a page", "GET", "localhost:8080", "none", "", false, true},
		{"a link from elsewhere", "GET", "localhost:8080", "cross-site", "", false, true},
		{"a form of ours", "POST", "localhost:8080", "same-origin", "http://localhost:8080", false, true},
		{"a form elsewhere", "POST", "localhost:8080", "cross-site", "https://evil.example", false, false},
		{"a form on a sibling", "POST", "lockstep.acme.example", "same-site", "https://wiki.acme.example", true, false},
		{"an old browser elsewhere", "POST", "localhost:8080", "", "https://evil.example", false, false},
		{"an old browser here", "POST", "localhost:8080", "", "http://localhost:8080", false, true},
		{"a program", "POST", "127.0.0.1:8080", "", "", false, true},
		{"IPv6", "GET", "[::1]:8080", "", "", false, true},
		{"a name that points here", "GET", "rebind.example:8080", "", "", false, false},
		{"any name with TLS", "GET", "lockstep.acme.example", "", "", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newGate(&session.Memory{})
			g.Secure = c.secure
			passed := false
			var refused error
			h := g.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true }),
				func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err })
			r := httptest.NewRequest(c.method, "/", nil)
			r.Host = c.host
			for name, v := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
				if v != "" {
					r.Header.Set(name, v)
				}
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if passed != c.passes || passed == (refused != nil) {
				t.Errorf("passed %v, refused with %v", passed, refused)
			}
			if refused != nil && lockstep.CodeOf(refused) != lockstep.CodeCrossSite {
				t.Errorf("refused with %v", refused)
			}
		})
	}
}

// TestMemoryForgetsTheOldest: a full store stays usable and stays bounded.
func TestMemoryForgetsTheOldest(t *testing.T) {
	g, c := newGate(&session.Memory{MaxLinks: 2, MaxSessions: 2})
	var cookies []*http.Cookie
	for range 3 {
		cookies = append(cookies, enter(t, g, link(t, g)))
		c.at = c.at.Add(time.Minute)
	}
	for i, cookie := range cookies {
		if _, err := g.Of(request(cookie)); (err == nil) != (i > 0) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	first := link(t, g)
	c.at = c.at.Add(time.Minute)
	link(t, g)
	link(t, g)
	if _, err := g.Check(t.Context(), first); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("the oldest of three links: %v", err)
	}
}

func TestRandomnessThatEnds(t *testing.T) {
	g, _ := newGate(&session.Memory{})
	g.Random = bytes.NewReader(make([]byte, 31))
	if _, err := g.NewLink(t.Context(), ada); err == nil {
		t.Error("made a link of 31 bytes")
	}
}

// TestMemoryKeepsOthers: a tenant that makes links and sessions without end pushes out its own alone.
func TestMemoryKeepsOthers(t *testing.T) {
	m := &session.Memory{MaxLinks: 300, MaxSessions: 300}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	put := func(i int, tenant lockstep.TenantID) session.Hash {
		h := session.Hash{byte(i), byte(i >> 8), byte(len(tenant))}
		g := session.Grant{Tenant: tenant}
		if err := m.PutLink(t.Context(), session.Link{Hash: h, Grant: g, Expires: at.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
		if err := m.PutSession(t.Context(), session.Session{Hash: h, Grant: g, Seen: at.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
		return h
	}
	quiet := put(0, "quiet")
	var loud []session.Hash
	for i := range 400 {
		loud = append(loud, put(i, "loud tenant"))
	}
	for i := range 90 {
		put(i, "another one")
		put(i, "and one more of them")
		put(i, "and one more of those too")
	}
	if _, err := m.Link(t.Context(), quiet); err != nil {
		t.Errorf("somebody else's link: %v", err)
	}
	if _, err := m.Session(t.Context(), quiet); err != nil {
		t.Errorf("somebody else's session: %v", err)
	}
	if _, err := m.Session(t.Context(), loud[300-1]); err == nil {
		t.Error("more than its part is kept of the loud one")
	}
	if _, err := m.Session(t.Context(), loud[400-1]); err != nil {
		t.Errorf("its newest: %v", err)
	}
}

// TestGrantEnds: a link and a session end with the rights that they were made with.
func TestGrantEnds(t *testing.T) {
	g, c := newGate(&session.Memory{})
	until := func(d time.Duration) string {
		secret, err := g.NewLink(t.Context(), session.Grant{Tenant: "t", Ends: c.at.Add(d)})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	late, early := until(2*time.Hour), until(time.Minute)
	w := httptest.NewRecorder()
	if _, err := g.Enter(w, request(), late); err != nil {
		t.Fatal(err)
	}
	cookie := w.Result().Cookies()[0]
	c.at = c.at.Add(time.Minute)
	if _, err := g.Check(t.Context(), early); !errors.Is(err, session.ErrExpired) {
		t.Errorf("a link whose maker has ended: %v", err)
	}
	at, err := g.Of(request(cookie))
	if err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(2 * time.Hour)
	if _, err := g.Of(request(cookie)); !errors.Is(err, session.ErrNone) {
		t.Errorf("a session whose maker has ended: %v", err)
	}
	if g.Live(t.Context(), at) {
		t.Error("it still lives")
	}
}
