package sso_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
	"lockstep/token"
)

// The tests of this file follow the items of RFC 9700: what a hostile client, browser or provider tries.

// TestRedirects: a redirect URI counts byte for byte, after one decoding; until it does nobody is sent anywhere (items 1 and 2).
func TestRedirects(t *testing.T) {
	w := newWorld(t)
	w.client("native", func(c *sso.Client) {
		c.Auth, c.Secret, c.Grants = sso.AuthNone, sso.Hash{}, []sso.GrantType{sso.GrantCode}
		c.Redirects = []string{"http://127.0.0.1/cb", "com.example.app:/cb", "http://[::1]:7/cb"}
	})
	b := w.browser()
	for _, c := range []struct {
		client, uri string
		ok          bool
	}{
		{"app", callback, true},
		{"app", "https://app.example/a?x=1", true},
		{"app", "", false},
		{"app", "https://app.example/%63b", false},
		{"app", "https://app.example/cb/", false},
		{"app", "https://app.example/cb?", false},
		{"app", "https://app.example/cb#", false},
		{"app", "https://app.example/cb?x=1", false},
		{"app", "https://app.example/a?x=1&y=2", false},
		{"app", "https://APP.example/cb", false},
		{"app", "HTTPS://app.example/cb", false},
		{"app", "https://app.example:443/cb", false},
		{"app", "https://app.example/x/../cb", false},
		{"app", "https://app.example//cb", false},
		{"app", "https://app.example\\@evil.example/cb", false},
		{"app", "https://user@app.example/cb", false},
		{"app", "https://app.example.evil.example/cb", false},
		{"app", " https://app.example/cb", false},
		{"app", "http://app.example/cb", false},
		{"app", "//app.example/cb", false},
		{"native", "http://127.0.0.1:54321/cb", true},
		{"native", "http://127.0.0.1/cb", true},
		{"native", "http://[::1]:9999/cb", true},
		{"native", "com.example.app:/cb", true},
		{"native", "http://127.0.0.1:54321/cb2", false},
		{"native", "http://127.0.0.2:54321/cb", false},
		{"native", "http://localhost:54321/cb", false},
		{"native", "http://127.0.0.1:x/cb", false},
		{"native", "http://127.0.0.1:1@evil.example/cb", false},
		{"native", "http://127.0.0.1.evil.example/cb", false},
		{"native", "https://127.0.0.1:54321/cb", false},
	} {
		for _, more := range [][]string{nil, {"response_type", "nonsense"}, {"prompt", "none"}, {"scope", ""}} {
			p := b.authorize(append([]string{"client_id", c.client, "redirect_uri", c.uri}, more...)...)
			if sent := p.Header.Get("Location") != ""; sent != c.ok {
				t.Errorf("%s, %q, %v: %d, sent to %q", c.client, c.uri, more, p.StatusCode, p.Header.Get("Location"))
			}
		}
	}
	if p := b.authorize("client_id", "nobody"); p.StatusCode != 400 || p.Header.Get("Location") != "" {
		t.Errorf("an unknown client: %d %s", p.StatusCode, p.Header.Get("Location"))
	}
	w.setClient("app", func(c *sso.Client) { c.Disabled = true })
	if p := b.authorize(); p.StatusCode != 400 {
		t.Errorf("a disabled client: %d", p.StatusCode)
	}
	for _, uri := range []string{"https://app.example/#", "https://*.example/cb", "http://app.example/cb", "javascript:alert(1)", "data:text/html,x", "/cb", "https://u:p@app.example/", "foo:/cb", "https:///cb"} {
		c := sso.Client{ID: "x", Name: "x", Auth: sso.AuthBasic, Grants: []sso.GrantType{sso.GrantCode}, Redirects: []string{uri}}
		if c.Check() == nil {
			t.Errorf("%q can be registered", uri)
		}
	}
}

// TestPKCE: S256 is asked of everybody, nothing else is taken, and it cannot be taken out of a flow (item 3).
func TestPKCE(t *testing.T) {
	w := newWorld(t)
	w.client("old", func(c *sso.Client) { c.NoPKCE = true })
	b := w.browser()
	for name, ask := range map[string][]string{
		"none":                  {"code_challenge", "", "code_challenge_method", ""},
		"plain":                 {"code_challenge_method", "plain"},
		"no method":             {"code_challenge_method", ""},
		"a short one":           {"code_challenge", "abc"},
		"other letters":         {"code_challenge", strings.Repeat("=", 43)},
		"of who may do without": {"client_id", "old", "code_challenge_method", "plain"},
	} {
		w.is(name, b.authorize(ask...).to().Query().Get("error"), "invalid_request")
	}
	for name, change := range map[string][]string{
		"no verifier":      {"code_verifier", ""},
		"another verifier": {"code_verifier", strings.Repeat("a", 43)},
		"the challenge":    {"code_verifier", challengeOf(verifier)},
		"a short verifier": {"code_verifier", "a"},
	} {
		w.is(name, w.token(redeeming(b.signIn(), change...)).Error, "invalid_grant")
	}
	old := []string{"Authorization", basic("old", secretText)}
	code := b.signIn("client_id", "old", "code_challenge", "", "code_challenge_method", "")
	w.is("a verifier without a challenge", w.token(redeeming(code), old...).Error, "invalid_grant")
	w.is("neither", w.token(redeeming(code, "code_verifier", ""), old...).Status, 200)
	for _, a := range w.up.attempts {
		if a.Verifier == "" {
			t.Error("the provider is asked without PKCE")
		}
	}
}

// TestCodes: a code works once, for a minute, for its client and redirect URI; what comes again ends what it gave (item 4).
func TestCodes(t *testing.T) {
	w := newWorld(t)
	w.client("thief", nil)
	b := w.browser()
	code := b.signIn()
	w.is("of another client", w.token(redeeming(code), "Authorization", basic("thief", secretText)).Error, "invalid_grant")
	w.is("with another address", w.token(redeeming(code, "redirect_uri", "https://app.example/a?x=1")).Error, "invalid_grant")
	w.is("without an address", w.token(redeeming(code, "redirect_uri", "")).Error, "invalid_grant")
	w.is("cut off", w.token(redeeming(code[:42])).Error, "invalid_grant")
	got := w.token(redeeming(code))
	w.is("then", got.Status, 200)
	w.is("again", w.token(redeeming(code)).Error, "invalid_grant")
	status, _ := w.whois(got.Access)
	w.is("what it gave", status, 401)
	w.is("and its refresh token", w.token(refreshing(got.Refresh)).Error, "invalid_grant")
	late := b.signIn()
	w.later(time.Minute)
	w.is("a minute later", w.token(redeeming(late)).Error, "invalid_grant")

	for range 3 {
		code, won := b.signIn(), atomic.Int64{}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if w.token(redeeming(code)).Status == 200 {
					won.Add(1)
				}
			})
		}
		all.Wait()
		w.is("winners", won.Load(), 1)
	}
}

// TestMixUp: an answer counts at the address of the provider that was asked only, whose record was stored (item 5), and every answer of ours
// names us (item 6).
func TestMixUp(t *testing.T) {
	w := newWorld(t)
	w.provider("evil", nil)
	b := w.browser()
	p := b.post(w.issuer+"/login", url.Values{"l": {loginIn(b.authorize().body)}, "provider": {"webex"}})
	state := p.to().Query().Get("state")
	p = b.get(w.issuer + "/idp/evil/callback?" + url.Values{"code": {"c"}, "state": {state}}.Encode())
	w.is("at the address of another", p.StatusCode, 400)
	p = b.get(w.issuer + "/idp/webex/callback?" + url.Values{"code": {"c"}, "state": {state}}.Encode())
	w.is("at its own", p.to().Query().Get("iss"), w.issuer)
	for _, ask := range [][]string{{"prompt", "none"}, {"response_type", "token"}, {"code_challenge", ""}, {"request", "x"}, {"request_uri", "https://x.example"}, {"max_age", "-1"}, {"response_mode", "fragment"}} {
		to := w.browser().authorize(ask...).to()
		if to.Query().Get("error") == "" || to.Query().Get("iss") != w.issuer || to.Query().Get("state") != "st" {
			t.Errorf("%v: %s", ask, to)
		}
	}
}

func loginIn(body string) string {
	_, rest, _ := strings.Cut(body, `name="l" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// TestForeignBrowser: a callback counts once, and for the browser that began (item 7).
func TestForeignBrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	away := b.authorize()
	to := away.to()
	back := to.Query().Get("redirect_uri") + "?" + url.Values{"code": {"c"}, "state": {to.Query().Get("state")}}.Encode()
	victim := w.browser()
	victim.authorize() // it has a cookie of its own
	for name, other := range map[string]*browser{"another browser": victim, "one without cookies": w.browser()} {
		p := other.get(back)
		if p.StatusCode != 400 || p.Header.Get("Location") != "" || !strings.Contains(p.body, "another browser") {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.body)
		}
	}
	u, err := url.Parse(back)
	w.must(err)
	if p := b.get(back); p.to().Query().Get("code") == "" {
		t.Fatalf("its own browser: %d %s", p.StatusCode, p.body)
	}
	if p := b.get(back); p.StatusCode != 400 {
		t.Errorf("again: %d", p.StatusCode)
	}
	if p := b.get(w.issuer + "/idp/webex/callback?code=c&state=guessed"); p.StatusCode != 400 {
		t.Errorf("a guessed state: %d", p.StatusCode)
	}

	// A provider that answers with a form brings no cookie: the browser is sent on, and checked there.
	to = b.authorize("prompt", "login").to()
	values := url.Values{"code": {"c"}, "state": {to.Query().Get("state")}}
	p := w.browser().post(w.issuer+u.Path[len("/sso/acme"):], values)
	if p.StatusCode != http.StatusSeeOther {
		t.Fatalf("a form: %d %s", p.StatusCode, p.body)
	}
	if q := victim.get(p.Header.Get("Location")); q.StatusCode != 400 {
		t.Errorf("another browser goes on: %d", q.StatusCode)
	}
	if q := b.get(p.Header.Get("Location")); q.to().Query().Get("code") == "" {
		t.Errorf("its own goes on: %d %s", q.StatusCode, q.body)
	}
	if q := w.browser().get(b.issuer + "/login?l=" + string(lockstep.NewID[sso.LoginID]())); q.StatusCode != 400 {
		t.Errorf("a login that is not there: %d", q.StatusCode)
	}
}

// TestRefreshTokens: each works once, for its client; one that comes again later ends the family (item 8).
func TestRefreshTokens(t *testing.T) {
	w := newWorld(t)
	w.client("thief", nil)
	b := w.browser()
	first := w.token(redeeming(b.signIn()))
	w.is("of another client", w.token(refreshing(first.Refresh), "Authorization", basic("thief", secretText)).Error, "invalid_grant")
	second := w.token(refreshing(first.Refresh))
	w.is("refreshed", second.Status, 200)
	w.is("at the same moment", w.token(refreshing(first.Refresh)).Error, "invalid_grant")
	third := w.token(refreshing(second.Refresh))
	w.is("the family goes on", third.Status, 200)
	w.later(10 * time.Second)
	w.is("the first again", w.token(refreshing(first.Refresh)).Error, "invalid_grant")
	w.is("the newest", w.token(refreshing(third.Refresh)).Error, "invalid_grant")
	status, _ := w.whois(third.Access)
	w.is("and its access token", status, 401)

	got := w.token(redeeming(b.signIn()))
	more := refreshing(got.Refresh)
	more.Set("scope", "openid write")
	w.is("more scopes", w.token(more).Error, "invalid_scope")
	more.Set("scope", "openid")
	less := w.token(more)
	w.is("fewer scopes", less.Scope, "openid")
	w.later(14 * 24 * time.Hour)
	w.is("two weeks later", w.token(refreshing(less.Refresh)).Error, "invalid_grant")
	w.is("nonsense", w.token(refreshing("nonsense")).Error, "invalid_grant")
	w.is("nothing", w.token(refreshing("")).Error, "invalid_grant")
}

// TestDiscovery: it lists what works, and what it does not list does not work (item 9).
func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	var doc map[string]any
	w.must(json.Unmarshal([]byte(w.browser().get(w.issuer+"/.well-known/openid-configuration").body), &doc))
	w.is("issuer", doc["issuer"], w.issuer)
	for name, want := range map[string]any{
		"response_types_supported": []any{"code"}, "grant_types_supported": []any{"authorization_code", "refresh_token", "client_credentials"},
		"code_challenge_methods_supported": []any{"S256"}, "id_token_signing_alg_values_supported": []any{"RS256", "ES256"},
		"authorization_response_iss_parameter_supported": true, "backchannel_logout_supported": true, "request_parameter_supported": false,
	} {
		w.is(name, doc[name], want)
	}
	for name, at := range doc {
		if address, is := at.(string); is && name != "issuer" {
			if p := w.browser().get(address); p.StatusCode == 404 {
				t.Errorf("there is nothing at %s", address)
			}
		}
	}
	for _, g := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
		w.is(g, w.token(url.Values{"grant_type": {g}, "username": {"ada@acme.example"}, "password": {"sesame"}}).Error, "unsupported_grant_type")
	}
	for _, r := range []string{"token", "id_token", "id_token token", "code id_token", "none"} {
		w.is(r, w.browser().authorize("response_type", r).to().Query().Get("error"), "unsupported_response_type")
	}
	rfc8414 := w.browser().get(w.http.URL + "/.well-known/oauth-authorization-server/sso/acme")
	w.is("RFC 8414", rfc8414.StatusCode, 200)
	w.is("a tenant that is not there", w.browser().get(w.http.URL+"/sso/nobody/.well-known/openid-configuration").StatusCode, 404)
}

// TestAccessTokens: short, for its audience, and worth nothing when a letter of it is missing or it is of another tenant (item 10).
func TestAccessTokens(t *testing.T) {
	w := newWorld(t)
	w.client("reader", nil)
	w.client("api", nil)
	b := w.browser()
	for _, format := range []sso.TokenFormat{sso.Opaque, sso.SignedJWT} {
		w.setClient("app", func(c *sso.Client) { c.Token, c.Audience = format, []string{"api"} })
		got := w.token(redeeming(b.signIn()))
		w.is("lives", got.Expires <= 300, true)
		for name, text := range map[string]string{
			"cut off": got.Access[:len(got.Access)-1], "with more": got.Access + "A", "nothing": "x", "the ID token": got.ID, "the refresh token": got.Refresh,
			"another spelling": got.Access[:len(got.Access)-1] + "=",
		} {
			if status, _ := w.whois(text); status != 401 {
				t.Errorf("%s, %s: %d", format, name, status)
			}
		}
		ask := func(client string) any {
			p := w.browser().post(w.issuer+"/introspect", url.Values{"token": {got.Access}}, "Authorization", basic(client, secretText))
			return strings.Contains(p.body, `"active":true`)
		}
		w.is("its client", ask("app"), true)
		w.is("its audience", ask("api"), true)
		w.is("anybody else", ask("reader"), false)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.http.URL+"/sso/other/userinfo", nil)
		w.must(err)
		r.Header.Set("Authorization", "Bearer "+got.Access)
		w.is("of another tenant", b.do(r).StatusCode, 401)
		w.is("in the address", b.get(w.issuer+"/userinfo?access_token="+got.Access).StatusCode, 401)
		w.is("in the body", b.post(w.issuer+"/userinfo", url.Values{"access_token": {got.Access}}).StatusCode, 200)
		w.later(5 * time.Minute)
		status, _ := w.whois(got.Access)
		w.is("after five minutes", status, 401)
	}
	own := w.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	w.is("its own scope", own.Scope, "read")
	w.is("no refresh token", own.Refresh+own.ID, "")
	w.is("sub", w.introspect(own.Access)["sub"], "app")
	status, _ := w.whois(own.Access)
	w.is("user-info of no user", status, 401)
	w.is("a scope that is not its", w.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}).Error, "invalid_scope")
	revoke := func(text, client string) int {
		return w.browser().post(w.issuer+"/revoke", url.Values{"token": {text}}, "Authorization", basic(client, secretText)).StatusCode
	}
	w.is("revoked by another", revoke(own.Access, "reader"), 200)
	w.is("which does nothing", w.introspect(own.Access)["active"], true)
	w.is("revoked", revoke(own.Access, "app"), 200)
	w.is("is dead", w.introspect(own.Access)["active"], false)
	w.is("twice", revoke(own.Access, "app"), 200)
	got := w.token(redeeming(b.signIn()))
	w.is("a refresh token of another", revoke(got.Refresh, "reader"), 200)
	w.is("lives on", w.introspect(got.Refresh)["active"], true)
	w.is("revoked", revoke(got.Refresh, "app"), 200)
	status, _ = w.whois(got.Access)
	w.is("with what came with it", status, 401)
	w.is("the session goes on", b.authorize("prompt", "none").to().Query().Get("code") != "", true)
	w.is("nonsense", revoke("nonsense", "app"), 200)
}

// TestHeaders: no secret in an address, a log line or a referrer; nothing frames a page; only what depends on no cookie is for other origins
// (items 11, 14 and 15).
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	w.provider("second", nil)
	var log bytes.Buffer
	w.sso.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.http.Config.Handler = w.sso.Handler()
	b := w.browser()
	for _, path := range []string{"/authorize?" + asking().Encode(), "/logout", "/login", "/idp/webex/callback", "/signed-out", "/nothing", "/style.css"} {
		p := b.get(w.issuer + path)
		w.is(path+": framed", strings.Contains(p.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'"), true)
		w.is(path+": referrer", p.Header.Get("Referrer-Policy"), "no-referrer")
		w.is(path+": for other origins", p.Header.Get("Access-Control-Allow-Origin"), "")
		w.is(path+": type", p.Header.Get("X-Content-Type-Options"), "nosniff")
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"} {
		w.is(path, b.get(w.issuer+path).Header.Get("Access-Control-Allow-Origin"), "*")
		w.is(path, b.get(w.issuer+path).Header.Get("Access-Control-Allow-Credentials"), "")
	}
	for _, path := range []string{"/par", "/introspect", "/revoke"} {
		w.is(path, b.get(w.issuer+path).Header.Get("Access-Control-Allow-Origin"), "")
	}
	away := b.post(w.issuer+"/login", url.Values{"l": {loginIn(b.authorize().body)}, "provider": {"webex"}})
	w.is("after a form", away.StatusCode, http.StatusSeeOther)
	p := b.comeBack(away)
	code := p.to().Query().Get("code")
	got := w.token(redeeming(code))
	w.token(refreshing(got.Refresh))
	w.whois(got.Access)
	state := away.to().Query().Get("state")
	for name, text := range map[string]string{"code": code, "access token": got.Access, "refresh token": got.Refresh, "ID token": got.ID, "state": state, "secret": secretText} {
		if text == "" || strings.Contains(log.String(), text) {
			t.Errorf("the %s stands in the log", name)
		}
	}
	form := b.authorize("response_mode", "form_post")
	if form.StatusCode != 200 || !strings.Contains(form.body, `name="code"`) || !strings.Contains(form.body, `action="`+callback+`"`) || !strings.Contains(form.body, `name="iss"`) {
		t.Errorf("form_post: %d %s", form.StatusCode, form.body)
	}
	for _, c := range b.http.Jar.Cookies(mustParse(w.issuer)) {
		if strings.Contains(log.String(), c.Value) && len(c.Value) > 10 {
			t.Errorf("the cookie %s stands in the log", c.Name)
		}
	}
}

func mustParse(address string) *url.URL {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return u
}

// TestClientAuthentication: one way, the registered one, before anything else is looked at; nothing from the address (item 12).
func TestClientAuthentication(t *testing.T) {
	w := newWorld(t)
	w.client("poster", func(c *sso.Client) { c.Auth = sso.AuthPost })
	w.client("public", func(c *sso.Client) {
		c.Auth, c.Secret, c.Grants = sso.AuthNone, sso.Hash{}, []sso.GrantType{sso.GrantCode}
	})
	own := url.Values{"grant_type": {"client_credentials"}}
	with := func(pairs ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	raw := "Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+secretText))
	for _, c := range []struct {
		name   string
		form   url.Values
		header string
		status int
		err    string
	}{
		{"basic", own, basic("app", secretText), 200, ""},
		{"basic, not form-encoded", own, raw, 401, "invalid_client"},
		{"a wrong secret", own, basic("app", "x"), 401, "invalid_client"},
		{"no secret", own, basic("app", ""), 401, "invalid_client"},
		{"nobody", own, basic("nobody", secretText), 401, "invalid_client"},
		{"no header", own, "", 401, "invalid_client"},
		{"a broken header", own, "Basic !!!", 401, "invalid_client"},
		{"a bearer", own, "Bearer x", 401, "invalid_client"},
		{"post", with("client_id", "poster", "client_secret", secretText), "", 200, ""},
		{"post of who must use basic", with("client_id", "app", "client_secret", secretText), "", 401, "invalid_client"},
		{"basic of who must post", own, basic("poster", secretText), 401, "invalid_client"},
		{"both", with("client_id", "app", "client_secret", secretText), basic("app", secretText), 400, "invalid_request"},
		{"the same parameter twice", with("client_id", "poster", "client_secret", "x", "client_secret", secretText), "", 400, "invalid_request"},
		{"two names", with("client_id", "poster"), basic("app", secretText), 401, "invalid_client"},
		{"a public client with a secret", with("client_id", "public", "client_secret", secretText), "", 401, "invalid_client"},
		{"a public client", with("client_id", "public"), "", 400, "unauthorized_client"},
		{"a confidential client as a public one", with("client_id", "app"), "", 401, "invalid_client"},
		{"a wrong secret with a wrong code", redeeming("wrong"), basic("app", "x"), 401, "invalid_client"},
		{"no grant_type", url.Values{}, basic("app", secretText), 400, "invalid_request"},
	} {
		got := w.token(c.form, "Authorization", c.header)
		w.is(c.name, got.Status, c.status)
		w.is(c.name, got.Error, c.err)
		w.is(c.name+": Cache-Control", got.Header.Get("Cache-Control"), "no-store")
		if got.Status == 401 && got.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", c.name)
		}
	}
	b := w.browser()
	p := b.post(w.issuer+"/token?client_id=poster&client_secret="+url.QueryEscape(secretText)+"&grant_type=client_credentials", url.Values{})
	w.is("in the address", p.StatusCode, 400)
	p = b.post(w.issuer+"/token?client_secret="+url.QueryEscape(secretText), with("client_id", "poster"))
	w.is("the secret in the address", p.StatusCode, 400)
	w.is("GET", b.get(w.issuer+"/token?grant_type=client_credentials").StatusCode, 405)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.issuer+"/token", strings.NewReader(`{"grant_type":"client_credentials"}`))
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	w.is("JSON", b.do(r).StatusCode, 400)

	// During a rotation both secrets work, then only the new one.
	w.setClient("app", func(c *sso.Client) {
		c.Former = token.Former{Hash: c.Secret, Ends: w.now().Add(time.Hour)}
		c.Secret = token.HashOf("new")
	})
	w.is("the old secret", w.token(own, "Authorization", basic("app", secretText)).Status, 200)
	w.is("the new secret", w.token(own, "Authorization", basic("app", "new")).Status, 200)
	w.later(time.Hour)
	w.is("the old secret later", w.token(own, "Authorization", basic("app", secretText)).Status, 401)
	w.is("the new secret later", w.token(own, "Authorization", basic("app", "new")).Status, 200)
}

// TestAssertions: private_key_jwt with the client's key and algorithm, for us alone, soon over, once (item 13).
func TestAssertions(t *testing.T) {
	w := newWorld(t)
	key, err := token.NewSigner(token.ES256)
	w.must(err)
	other, err := token.NewSigner(token.ES256)
	w.must(err)
	rsa, err := token.NewSigner(token.RS256)
	w.must(err)
	set, err := json.Marshal(map[string]any{"keys": token.KeySet{key.Key(), rsa.Key()}})
	w.must(err)
	w.client("signer", func(c *sso.Client) {
		c.Auth, c.Secret, c.Keys, c.Assertion = sso.AuthPrivateKey, sso.Hash{}, string(set), token.ES256
	})
	n := 0
	make := func(k token.Signer, changes ...any) string {
		n++
		claims := map[string]any{"iss": "signer", "sub": "signer", "aud": w.issuer, "exp": w.now().Add(time.Minute).Unix(), "jti": fmt.Sprint("j", n)}
		for i := 0; i+1 < len(changes); i += 2 {
			claims[changes[i].(string)] = changes[i+1]
			if changes[i+1] == nil {
				delete(claims, changes[i].(string))
			}
		}
		text, err := k.Sign("JWT", claims)
		w.must(err)
		return text
	}
	send := func(text string, more ...string) tokens {
		v := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return w.token(v, "X", "y")
	}
	good := make(key)
	w.is("good", send(good).Status, 200)
	w.is("again", send(good).Error, "invalid_client")
	w.is("for the endpoint", send(make(key, "aud", w.issuer+"/token")).Status, 200)
	w.is("for us in a list", send(make(key, "aud", []string{w.issuer})).Status, 200)
	for name, text := range map[string]string{
		"another key":       make(other),
		"another algorithm": make(rsa),
		"for somebody else": make(key, "aud", "https://other.example"),
		"for two":           make(key, "aud", []string{w.issuer, "https://other.example"}),
		"of another tenant": make(key, "aud", w.http.URL+"/sso/other"),
		"for nobody":        make(key, "aud", nil),
		"expired":           make(key, "exp", w.now().Add(-time.Minute).Unix()),
		"without an end":    make(key, "exp", nil),
		"for a day":         make(key, "exp", w.now().Add(24*time.Hour).Unix()),
		"not yet":           make(key, "nbf", w.now().Add(time.Hour).Unix()),
		"without jti":       make(key, "jti", nil),
		"issued by another": make(key, "iss", "app"),
		"of another":        make(key, "sub", "app"),
		"alg none":          "eyJhbGciOiJub25lIn0." + strings.Split(make(key), ".")[1] + ".",
		"nothing":           "",
	} {
		got := send(text)
		w.is(name, fmt.Sprint(got.Status, got.Error), "401invalid_client")
	}
	w.is("with another client_id", send(make(key), "client_id", "app").Error, "invalid_client")
	w.is("with another type", send(make(key), "client_assertion_type", "x").Error, "invalid_request")
	w.is("with a secret, too", send(make(key), "client_secret", "x").Error, "invalid_request")
}

// TestForgedHost: our address is what was configured, whatever a request says (item 16).
func TestForgedHost(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.issuer+"/.well-known/openid-configuration", nil)
	w.must(err)
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("Forwarded", "host=evil.example")
	if p := w.browser().do(r); strings.Contains(p.body, "evil") {
		t.Errorf("%s", p.body)
	}
	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, w.issuer+"/authorize?"+asking().Encode(), nil)
	w.must(err)
	r.Host = "evil.example"
	w.is("redirect URI", strings.Contains(w.browser().do(r).Header.Get("Location"), "evil"), false)
}

// TestPushedAreBounded: requests that are pushed are kept, also those of a client that shows nothing; so many at once are kept and no more.
func TestPushedAreBounded(t *testing.T) {
	w := newWorld(t)
	w.client("open", func(c *sso.Client) {
		c.Auth, c.Secret, c.Grants = sso.AuthNone, sso.Hash{}, []sso.GrantType{sso.GrantCode}
	})
	b, kept := w.browser(), 0
	for range 505 {
		switch p := b.post(w.issuer+"/par", asking("client_id", "open")); {
		case p.StatusCode == 201:
			kept++
		case p.StatusCode != 429 || !strings.Contains(p.body, "temporarily_unavailable"):
			t.Fatalf("%d %s", p.StatusCode, p.body)
		}
	}
	w.is("kept", kept, 500)
	w.later(2 * time.Second)
	w.is("later", b.post(w.issuer+"/par", asking("client_id", "open")).StatusCode, 201)
}

// TestPushedRequests: checked when pushed, used once, by the client that pushed them (RFC 9126).
func TestPushedRequests(t *testing.T) {
	w := newWorld(t)
	w.client("other", nil)
	w.client("strict", func(c *sso.Client) { c.Pushed = true })
	b := w.browser()
	push := func(v url.Values, client string) (int, string) {
		p := b.post(w.issuer+"/par", v, "Authorization", basic(client, secretText))
		var got struct {
			URI   string `json:"request_uri"`
			Error string
		}
		w.must(json.Unmarshal([]byte(p.body), &got))
		return p.StatusCode, got.URI + got.Error
	}
	use := func(client, uri string, more ...string) page {
		v := url.Values{"client_id": {client}, "request_uri": {uri}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return b.get(w.issuer + "/authorize?" + v.Encode())
	}
	status, uri := push(asking(), "app")
	w.is("pushed", status, 201)
	w.is("of another client", use("other", uri).StatusCode, 400)
	p := use("app", uri, "redirect_uri", "https://evil.example", "scope", "x") // what stands in the address does not count
	w.is("used", b.comeBack(p).to().Host, "app.example")
	w.is("again", use("app", uri).StatusCode, 400)
	_, uri = push(asking(), "app")
	w.later(2 * time.Minute)
	w.is("too late", use("app", uri).StatusCode, 400)
	w.is("guessed", use("app", "urn:ietf:params:oauth:request_uri:x").StatusCode, 400)
	for name, change := range map[string][]string{
		"another address": {"redirect_uri", "https://app.example/x"}, "plain": {"code_challenge_method", "plain"}, "a request_uri": {"request_uri", "x"}, "implicit": {"response_type", "token"},
	} {
		if status, _ := push(asking(change...), "app"); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	w.is("of another client's name", first(push(asking(), "other")), 401)
	w.is("a client that must push does not", b.authorize("client_id", "strict").StatusCode, 400)
	_, uri = push(asking("client_id", "strict"), "strict")
	w.is("and does", use("strict", uri).to().Query().Get("code") != "", true)
}

func first(status int, _ string) int { return status }

// TestProvidersAreAskedAgain: a provider that was disabled, removed, or is not for this application lets nobody in by any door.
func TestProvidersAreAskedAgain(t *testing.T) {
	for name, change := range map[string]func(*world){
		"disabled": func(w *world) { w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled }) },
		"draft":    func(w *world) { w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Draft }) },
		"removed": func(w *world) {
			p, err := w.db.SSO().ProviderByAlias(w.Context(), w.tenant, "webex")
			w.must(err)
			w.must(w.db.SSO().DeleteProvider(w.Context(), audit.Actor{}, w.tenant, p.ID))
		},
		"not for this application": func(w *world) { w.setClient("app", func(c *sso.Client) { c.Allowed = []sso.ProviderID{"another"} }) },
		"pinned to another":        func(w *world) { w.setClient("app", func(c *sso.Client) { c.Provider = "another" }) },
	} {
		w := newWorld(t)
		signed, away, choosing := w.browser(), w.browser(), w.browser()
		code := signed.signIn()
		got := w.token(redeeming(w.browser().signIn()))
		p := away.authorize()
		w.provider("second", nil)
		login := loginIn(choosing.authorize().body)
		change(w)
		if p := away.comeBack(p); p.to().Query().Get("code") != "" || p.StatusCode == 200 {
			t.Errorf("%s: the callback lets in: %d", name, p.StatusCode)
		}
		if p := signed.authorize("prompt", "none"); p.to().Query().Get("error") != "login_required" {
			t.Errorf("%s: a session lets in: %s", name, p.to())
		}
		if p := choosing.post(w.issuer+"/login", url.Values{"l": {login}, "provider": {"webex"}}); p.to().Host == "idp.example" {
			t.Errorf("%s: the form leads there", name)
		}
		w.is(name+": a code", w.token(redeeming(code)).Error, "invalid_grant")
		w.is(name+": a refresh token", w.token(refreshing(got.Refresh)).Error, "invalid_grant")
		status, _ := w.whois(got.Access)
		w.is(name+": an access token", status, 401)
	}
}
