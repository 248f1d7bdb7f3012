package sso_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep/sso"
	"lockstep/token"
)

// TestSignIn goes the whole way: to the provider, back, to the tokens, and what they say.
func TestSignIn(t *testing.T) {
	for _, format := range []sso.TokenFormat{sso.Opaque, sso.SignedJWT} {
		t.Run(string(format), func(t *testing.T) {
			w := newWorld(t)
			w.setClient("app", func(c *sso.Client) { c.Token = format })
			b := w.browser()
			p := b.authorize()
			a := w.up.attempts[0]
			if len(a.State) != 43 || len(a.Nonce) != 43 || len(a.Verifier) != 43 || a.RedirectURI != w.issuer+"/idp/webex/callback" {
				t.Errorf("the provider is asked with %+v", a)
			}
			p = b.comeBack(p)
			back := p.to()
			w.is("state", back.Query().Get("state"), "st")
			w.is("iss", back.Query().Get("iss"), w.issuer)
			if back.Scheme+"://"+back.Host+back.Path != callback {
				t.Fatalf("sent to %s", back)
			}
			got := w.token(redeeming(back.Query().Get("code")))
			w.is("status", got.Status, 200)
			w.is("Cache-Control", got.Header.Get("Cache-Control"), "no-store")
			w.is("scope", got.Scope, "openid profile email")
			claims := w.claimsOf(got.ID, "JWT")
			for name, want := range map[string]any{"iss": w.issuer, "sub": string(w.ada), "aud": "app", "nonce": "no"} {
				w.is(name, claims[name], want)
			}
			if claims["sid"] == nil || claims["at_hash"] == nil || claims["auth_time"] == nil || claims["email"] != nil {
				t.Errorf("ID token %v", claims)
			}
			if format == sso.SignedJWT {
				claims := w.claimsOf(got.Access, "at+jwt")
				w.is("aud", claims["aud"], "app")
				if life := claims["exp"].(float64) - claims["iat"].(float64); life > 300 {
					t.Errorf("an access token that lives %v s", life)
				}
			} else if strings.Contains(got.Access, ".") {
				t.Errorf("not opaque: %s", got.Access)
			}
			status, who := w.whois(got.Access)
			w.is("user-info", status, 200)
			for name, want := range map[string]any{
				"sub": string(w.ada), "name": "Ada Lovelace", "given_name": "Ada", "preferred_username": "ada@acme.example", "email": "ada@acme.example", "email_verified": true,
			} {
				w.is(name, who[name], want)
			}
			w.is("introspection", w.introspect(got.Access)["active"], true)
			w.is("its sub", w.introspect(got.Access)["sub"], string(w.ada))
			next := w.token(refreshing(got.Refresh))
			if next.Status != 200 || next.Refresh == got.Refresh || next.Refresh == "" || w.claimsOf(next.ID, "JWT")["nonce"] != nil {
				t.Errorf("refreshed: %+v", next)
			}
			w.is("sid stays", w.claimsOf(next.ID, "JWT")["sid"], claims["sid"])
			w.is("auth_time stays", w.claimsOf(next.ID, "JWT")["auth_time"], claims["auth_time"])
		})
	}
}

// TestSecondApplication: who is signed in comes to another application without being asked, and prompt, max_age and id_token_hint say when
// not.
func TestSecondApplication(t *testing.T) {
	w := newWorld(t)
	w.client("second", nil)
	b := w.browser()
	first := w.token(redeeming(b.signIn()))
	w.later(time.Minute)
	p := b.authorize("client_id", "second", "prompt", "none")
	if p.to().Query().Get("code") == "" {
		t.Fatalf("not signed in: %d %s", p.StatusCode, p.Header.Get("Location"))
	}
	ben := w.person("ben@acme.example", "Ben", "Ito")
	other := w.browser()
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "2", Email: "ben@acme.example", EmailVerified: true})
	hintOfBen := w.token(redeeming(other.signIn())).ID
	w.is("ben", w.claimsOf(hintOfBen, "JWT")["sub"], string(ben))
	for _, c := range []struct {
		name, want string
		ask        []string
	}{
		{"prompt none", "code", []string{"prompt", "none"}},
		{"prompt none with a hint", "code", []string{"prompt", "none", "id_token_hint", first.ID}},
		{"prompt none with the hint of another", "login_required", []string{"prompt", "none", "id_token_hint", hintOfBen}},
		{"prompt none, too long ago", "login_required", []string{"prompt", "none", "max_age", "30"}},
		{"prompt none, not too long ago", "code", []string{"prompt", "none", "max_age", "10000"}},
		{"prompt none login", "invalid_request", []string{"prompt", "none login"}},
		{"a hint of nobody", "invalid_request", []string{"id_token_hint", "x.y.z"}},
		{"prompt login", "idp", []string{"prompt", "login"}},
		{"max_age 0", "idp", []string{"max_age", "0"}},
		{"another is asked for", "idp", []string{"id_token_hint", hintOfBen}},
		{"a display", "code", []string{"display", "popup"}},
		{"acr_values, locales and claims", "code", []string{"acr_values", "1 2", "ui_locales", "se de", "claims_locales", "se", "claims", "{}", "unknown", "x"}},
	} {
		to := b.authorize(c.ask...).to()
		got := to.Query().Get("error")
		if to.Query().Get("code") != "" {
			got = "code"
		}
		if to.Host == "idp.example" {
			got = "idp"
		}
		w.is(c.name, got, c.want)
		if to.Host == "app.example" && to.Query().Get("iss") != w.issuer {
			t.Errorf("%s: iss is %q", c.name, to.Query().Get("iss"))
		}
	}
	w.is("nobody is signed in", w.browser().authorize("prompt", "none").to().Query().Get("error"), "login_required")

	// Who signs in again has a later auth_time, and keeps the session; the provider was asked to have them do so.
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true})
	again := w.token(redeeming(b.signIn("prompt", "login")))
	w.is("prompt", w.up.attempts[len(w.up.attempts)-1].Prompt, "login")
	before, after := w.claimsOf(first.ID, "JWT"), w.claimsOf(again.ID, "JWT")
	w.is("the session", after["sid"], before["sid"])
	if after["auth_time"].(float64) <= before["auth_time"].(float64) {
		t.Error("auth_time has not moved")
	}
	if status, _ := w.whois(first.Access); status != 200 {
		t.Errorf("what the session gave before has ended: %d", status)
	}
	p = b.comeBack(b.authorize("id_token_hint", hintOfBen))
	w.is("somebody else than asked for", p.to().Query().Get("error"), "login_required")
}

// TestLeaver: whoever is disabled has nothing any more once the change is committed, and the applications are told, with one line that says how
// many.
func TestLeaver(t *testing.T) {
	w := newWorld(t)
	var told []string
	apps := newReceiver(t, func(logout string) int { told = append(told, logout); return 200 })
	w.setClient("app", func(c *sso.Client) { c.LogoutURI = apps })
	b := w.browser()
	got := w.token(redeeming(b.signIn()))
	pending := b.signIn()
	away := b.authorize("prompt", "login")
	w.disable(w.ada)
	for what, status := range map[string]int{
		"the code":          w.token(redeeming(pending)).Status,
		"the refresh token": w.token(refreshing(got.Refresh)).Status,
	} {
		w.is(what, status, 400)
	}
	status, _ := w.whois(got.Access)
	w.is("user-info", status, 401)
	w.is("introspection", w.introspect(got.Access)["active"], false)
	w.is("introspection of the refresh token", w.introspect(got.Refresh)["active"], false)
	w.is("the session", b.authorize("prompt", "none").to().Query().Get("error"), "login_required")
	p := b.comeBack(away)
	if p.StatusCode != 403 || !strings.Contains(p.body, "switched off") {
		t.Errorf("a login on its way: %d %s", p.StatusCode, p.body)
	}
	w.must(w.sso.Tell(t.Context()))
	if len(told) != 1 {
		t.Fatalf("told %d times", len(told))
	}
	claims := w.claimsOf(told[0], "logout+jwt")
	for name, want := range map[string]any{"iss": w.issuer, "aud": "app", "sub": string(w.ada), "sid": w.claimsOf(got.ID, "JWT")["sid"]} {
		w.is(name, claims[name], want)
	}
	events, _ := claims["events"].(map[string]any)
	if _, is := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any); !is || claims["nonce"] != nil || claims["jti"] == nil || claims["exp"].(float64)-claims["iat"].(float64) > 120 {
		t.Errorf("logout token %v", claims)
	}
	endings, err := w.db.SSO().Endings(t.Context(), w.tenant, 5)
	if err != nil || len(endings) != 1 || endings[0].Why != "disabled" || !strings.HasPrefix(endings[0].Report(), "1 application to be told, 1 told") {
		t.Errorf("%+v, %v", endings, err)
	}
}

// TestApplicationThatDoesNotAnswer is told again, and named when it is given up: it never counts as told.
func TestApplicationThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	calls := 0
	apps := newReceiver(t, func(string) int { calls++; return 500 })
	w.setClient("app", func(c *sso.Client) { c.LogoutURI = apps })
	w.token(redeeming(w.browser().signIn()))
	w.disable(w.ada)
	for range 10 {
		w.must(w.sso.Tell(t.Context()))
		e, err := w.db.SSO().Endings(t.Context(), w.tenant, 1)
		w.must(err)
		if open := strings.Contains(e[0].Report(), "still to be told"); open != e[0].Settled.IsZero() {
			t.Errorf("%+v: %s", e[0], e[0].Report())
		}
		w.later(time.Hour)
	}
	e, err := w.db.SSO().Endings(t.Context(), w.tenant, 1)
	w.must(err)
	w.is("calls", calls, 10)
	w.is("report", e[0].Report(), "1 application to be told, 0 told, not told: app")
	w.must(w.sso.Tell(t.Context()))
	w.is("calls afterwards", calls, 10)
}

// TestOneSlowApplication: an application that does not answer keeps nobody else from being told.
func TestOneSlowApplication(t *testing.T) {
	w := newWorld(t)
	release, told := make(chan struct{}), make(chan struct{}, 10)
	slow := newReceiver(t, func(string) int { <-release; return 200 })
	quick := newReceiver(t, func(string) int { told <- struct{}{}; return 200 })
	w.client("quick", func(c *sso.Client) { c.LogoutURI = quick })
	w.setClient("app", func(c *sso.Client) { c.LogoutURI = slow })
	ben := w.person("ben@acme.example", "Ben", "Ito")
	w.token(redeeming(w.browser().signIn()))
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "2", Email: "ben@acme.example", EmailVerified: true})
	w.token(redeeming(w.browser().signIn("client_id", "quick")), "Authorization", basic("quick", secretText))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.sso.Run(ctx) }()
	w.disable(w.ada)
	time.Sleep(1500 * time.Millisecond) // the slow one has been asked
	w.disable(ben)
	select {
	case <-told:
	case <-time.After(8 * time.Second):
		t.Error("the quick one waits for the slow one")
	}
	close(release)
	stop()
	w.must(<-ended)
}

func newReceiver(t *testing.T, f func(logout string) int) string {
	t.Helper()
	return serve(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(f(r.PostFormValue("logout_token")))
	})
}

// TestSignOut: the session ends here, at the provider, and in the applications, whoever asks as they must; and for nobody else.
func TestSignOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	got := w.token(redeeming(b.signIn()))
	out := func(values ...string) page {
		v := url.Values{}
		for i := 0; i+1 < len(values); i += 2 {
			v.Set(values[i], values[i+1])
		}
		return b.get(w.issuer + "/logout?" + v.Encode())
	}
	for name, p := range map[string]page{
		"an address that is not registered": out("id_token_hint", got.ID, "post_logout_redirect_uri", "https://app.example/by"),
		"an address with more":              out("id_token_hint", got.ID, "post_logout_redirect_uri", "https://app.example/bye?x=1"),
		"an address and nobody":             out("post_logout_redirect_uri", "https://app.example/bye"),
		"a forged hint":                     out("id_token_hint", strings.TrimRight(got.ID, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")+"AAAA"),
		"a hint of another client":          out("id_token_hint", got.ID, "client_id", "other"),
	} {
		if p.StatusCode != 400 || p.Header.Get("Location") != "" || !strings.Contains(p.body, "The sign-out did not go on") || strings.Contains(p.body, "sign you in") {
			t.Errorf("%s: %d %s\n%s", name, p.StatusCode, p.Header.Get("Location"), p.body)
		}
	}
	p := out("client_id", "app", "post_logout_redirect_uri", "https://app.example/bye")
	if p.StatusCode != 200 || !strings.Contains(p.body, "Sign out?") {
		t.Errorf("not asked: %d %s", p.StatusCode, p.body)
	}
	p = b.post(w.issuer+"/logout", url.Values{"sure": {"yes"}}, "Sec-Fetch-Site", "cross-site")
	if !strings.Contains(p.body, "Sign out?") {
		t.Errorf("another site signs out: %d %s", p.StatusCode, p.body)
	}
	w.is("still signed in", b.authorize("prompt", "none").to().Query().Get("code") != "", true)
	w.later(time.Hour) // the hint has expired, and still names the session
	p = out("id_token_hint", got.ID, "post_logout_redirect_uri", "https://app.example/bye", "state", "bye")
	if p.to().Host != "idp.example" || p.to().Query().Get("goto") != w.issuer+"/idp/webex/callback" {
		t.Fatalf("not sent to the provider: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	wrong := b.get(p.to().Query().Get("goto") + "?state=of-something-else")
	w.is("a state that is not its own", wrong.StatusCode, 400)
	for _, words := range []string{"<h1>You are signed out</h1>", "Whether you are at the identity provider is not known"} {
		w.is(words, strings.Contains(wrong.body, words), true)
	}
	w.is("another browser's, which is away for nothing", strings.Contains(w.browser().get(p.to().Query().Get("goto")+"?state=x").body, "You were not signed in"), true)
	p = b.get(p.to().Query().Get("goto"))
	w.is("sent back", p.Header.Get("Location"), "https://app.example/bye?state=bye")
	w.is("signed out", b.authorize("prompt", "none").to().Query().Get("error"), "login_required")
	status, _ := w.whois(got.Access)
	w.is("user-info", status, 401)
	w.is("refresh", w.token(refreshing(got.Refresh)).Status, 400)
	again := b.get(w.issuer + "/idp/webex/callback")
	w.is("again", again.StatusCode, 400)
	w.is("again, in words", strings.Contains(again.body, "This sign-out is over") && !strings.Contains(again.body, "sign-in"), true)
	if p := out(); p.StatusCode != 200 || !strings.Contains(p.body, "You are signed out") {
		t.Errorf("nobody signs out: %d %s", p.StatusCode, p.body)
	}
}

// TestKeysTurn: the next key is published before it signs, and the one before stays as long as it is needed.
func TestKeysTurn(t *testing.T) {
	w := newWorld(t)
	kids := func() string { return w.browser().get(w.issuer + "/jwks").body }
	sign := func() (string, string) {
		got := w.token(redeeming(w.browser().signIn()))
		set, err := token.ParseKeySet([]byte(kids()))
		w.must(err)
		j, err := set.Verify(got.ID, token.ES256)
		w.must(err)
		return j.KeyID, got.ID
	}
	first, _ := sign()
	w.later(89*24*time.Hour + time.Hour)
	same, text := sign()
	w.is("signs on", same, first)
	w.is("published keys", strings.Count(kids(), `"ES256"`), 2)
	w.later(24 * time.Hour)
	second, _ := sign()
	if second == first {
		t.Error("the next key does not sign")
	}
	w.claimsOf(text, "JWT") // the one before is still published
	w.later(2 * time.Hour)
	w.must(w.db.SSO().Tidy(t.Context()))
	if strings.Contains(kids(), first) {
		t.Error("an old key is published for ever")
	}
	w.must(w.sso.RotateKeys(t.Context(), w.tenant))
	w.later(time.Minute)
	w.is("published after a rotation by hand", strings.Count(kids(), `"ES256"`), 2)
	if now, _ := sign(); now != second {
		t.Error("a key signs that nobody has seen yet")
	}
}

// TestPostedRequest: a browser that the application's form brought here shows no cookie (SameSite=Lax), so it comes once more, with GET: who is signed in is not asked again, and the cookie
// of a sign-in that is under way in another window stays.
func TestPostedRequest(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn()
	elsewhere := w.browser().post(w.issuer+"/authorize", asking("prompt", "none"), "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site")
	if to := elsewhere.to(); to.Path != "/sso/acme/authorize" || to.Query().Get("redirect_uri") != "" || len(elsewhere.Cookies()) > 0 {
		t.Fatalf("%d %s %v", elsewhere.StatusCode, elsewhere.Header.Get("Location"), elsewhere.Cookies())
	}
	p := b.get(elsewhere.Header.Get("Location"))
	if q := p.to().Query(); q.Get("code") == "" || q.Get("state") != "st" {
		t.Errorf("the session has not answered: %d %s", p.StatusCode, p.Header.Get("Location"))
	}
	w.is("a second time", b.get(elsewhere.Header.Get("Location")).StatusCode, 400)
	w.is("with its cookies", b.post(w.issuer+"/authorize", asking("prompt", "none")).to().Host, "app.example")
	w.is("an address that is not the application's", w.browser().post(w.issuer+"/authorize", asking("redirect_uri", "https://evil.example/")).StatusCode, 400)
	w.is("too long", w.browser().post(w.issuer+"/authorize", asking("state", strings.Repeat("s", 70<<10))).StatusCode, 400)
	w.setClient("app", func(c *sso.Client) { c.Pushed = true })
	w.is("to be pushed", w.browser().post(w.issuer+"/authorize", asking()).StatusCode, 400)
}
