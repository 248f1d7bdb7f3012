package sso_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lockstep/sso"
)

// TestSuite goes by the modules of the OpenID Foundation's plans Basic OP and RP-Initiated Logout that no other test goes by, under their names.
func TestSuite(t *testing.T) {
	hint := func(b *browser) string { return b.token(redeeming(b.signIn())).ID }
	goodCode := func(w *world, p page) {
		w.Helper()
		if p.to().Host == "idp.example" {
			t.Fatal("the browser was not brought back")
		}
		w.is("redeemed", w.token(redeeming(p.to().Query().Get("code"))).Status, 200)
	}
	signOut := func(b *browser, values url.Values) page { return b.get(b.issuer + "/logout?" + values.Encode()) }
	for name, module := range map[string]func(*world, *browser){
		"oidcc-response-type-missing": func(w *world, b *browser) {
			to := b.authorize("response_type", "").to()
			w.is("error", to.Query().Get("error"), "invalid_request")
			w.is("state", to.Query().Get("state"), "st")
		},
		"oidcc-alternate-happy-flow": func(w *world, b *browser) {
			got := w.token(redeeming(b.signIn("scope", "email profile openid")))
			w.is("scope", got.Scope, "email profile openid")
		},
		"oidcc-ensure-post-request-succeeds": func(w *world, b *browser) {
			goodCode(w, b.comeBack(b.get(b.post(w.issuer+"/authorize", asking()).Header.Get("Location"))))
		},
		"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": func(w *world, b *browser) {
			got := w.token(redeeming(b.signIn("nonce", "")))
			w.is("nonce", w.claimsOf(got.ID, "JWT")["nonce"], nil)
		},
		"oidcc-userinfo-post-header": func(w *world, b *browser) {
			got := w.token(redeeming(b.signIn()))
			p := b.post(w.issuer+"/userinfo", url.Values{}, "Authorization", "Bearer "+got.Access)
			w.is("status", p.StatusCode, 200)
			w.is("sub", strings.Contains(p.body, string(w.ada)), true)
		},
		"oidcc-scope-profile": func(w *world, b *browser) { w.scoped(b, "openid profile", "name", "email") },
		"oidcc-scope-email":   func(w *world, b *browser) { w.scoped(b, "openid email", "email", "name") },
		"oidcc-scope-address": func(w *world, b *browser) { w.scoped(b, "openid address", "sub", "name") },
		"oidcc-scope-phone":   func(w *world, b *browser) { w.scoped(b, "openid phone", "sub", "name") },
		"oidcc-scope-all":     func(w *world, b *browser) { w.scoped(b, "openid profile email address phone", "name", "address") },
		"oidcc-display-page": func(w *world, b *browser) {
			goodCode(w, b.comeBack(b.authorize("display", "page")))
		},
		"oidcc-login-hint": func(w *world, b *browser) {
			p := b.authorize("login_hint", "ada@acme.example")
			w.is("handed on", w.up.attempts[0].LoginHint, "ada@acme.example")
			goodCode(w, b.comeBack(p))
		},
		"oidcc-idtoken-unsigned": func(w *world, _ *browser) {
			c := sso.Client{ID: "x", Name: "x", Auth: sso.AuthBasic, Grants: []sso.GrantType{sso.GrantCode}, Redirects: []string{callback}, IDToken: "none"}
			w.is("none can be registered", c.Check() == nil, false)
		},
		"oidcc-ensure-request-object-with-redirect-uri": func(w *world, b *browser) {
			p := b.authorize("request", "eyJhbGciOiJub25lIn0.e30.")
			w.is("error", p.to().Query().Get("error"), "request_not_supported")
		},
		"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": func(w *world, b *browser) {
			w.is("error", b.authorize("request", "eyJhbGciOiJub25lIn0.e30.").to().Query().Get("error"), "request_not_supported")
		},
		"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": func(w *world, b *browser) {
			w.is("error", b.authorize("request_uri", "https://app.example/r").to().Query().Get("error"), "request_uri_not_supported")
		},
		"oidcc-rp-initiated-logout-no-state": func(w *world, b *browser) {
			p := signOut(b, url.Values{"id_token_hint": {hint(b)}, "post_logout_redirect_uri": {"https://app.example/bye"}})
			p = b.get(p.to().Query().Get("goto"))
			w.is("sent back", p.Header.Get("Location"), "https://app.example/bye")
		},
		"oidcc-rp-initiated-logout-no-params": func(w *world, b *browser) {
			hint(b)
			p := signOut(b, url.Values{})
			w.is("asked", p.StatusCode == http.StatusOK && strings.Contains(p.body, "Sign out?"), true)
		},
		"oidcc-rp-initiated-logout-only-state": func(w *world, b *browser) {
			hint(b)
			p := signOut(b, url.Values{"state": {"x"}})
			w.is("asked", p.StatusCode == http.StatusOK && strings.Contains(p.body, "Sign out?"), true)
		},
		"oidcc-rp-initiated-logout-no-post-logout-redirect-uri": func(w *world, b *browser) {
			signOut(b, url.Values{"id_token_hint": {hint(b)}})
			w.is("signed out", b.authorize("prompt", "none").to().Query().Get("error"), "login_required")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			module(w, w.browser())
		})
	}
}

// scoped checks that user-info has one claim and not another.
func (w *world) scoped(b *browser, scope, has, hasNot string) {
	w.Helper()
	_, who := w.whois(w.token(redeeming(b.signIn("scope", scope))).Access)
	if who[has] == nil || who[hasNot] != nil {
		w.Errorf("%s: %v", scope, who)
	}
}
