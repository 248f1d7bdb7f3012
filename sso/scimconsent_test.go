package sso_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
)

// consenting is a world with an application that administrators let into the SCIM endpoint, and Ada, who may.
func consenting(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.client("okta", func(c *sso.Client) {
		c.Auth, c.Grants, c.Scopes, c.NoPKCE = sso.AuthPost, []sso.GrantType{sso.GrantCode, sso.GrantRefresh}, []string{"scim"}, true
	})
	w.sso.Consent = func(_ context.Context, tenant lockstep.TenantID, u lockstep.UserID, c sso.ClientID) (sso.SCIMAsk, error) {
		if tenant != w.tenant || u != w.ada || c != "okta" {
			return sso.SCIMAsk{}, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "No."}
		}
		return sso.SCIMAsk{Name: "from okta", Writes: true}, nil
	}
	return w
}

// asksSCIM is the request of an application like Okta: without PKCE, nonce and OpenID Connect.
func (b *browser) asksSCIM(changes ...string) page {
	b.Helper()
	p := b.authorize(append([]string{"client_id", "okta", "scope", "scim", "nonce", "", "code_challenge", "", "code_challenge_method", ""}, changes...)...)
	if p.to().Host == "idp.example" {
		p = b.comeBack(p)
	}
	return p
}

// says sends the answer of a form of consent.
func (b *browser) says(p page, answer string) page {
	b.Helper()
	_, rest, there := strings.Cut(p.body, `name="l" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	if !there || !strings.Contains(p.body, `value="allow"`) {
		b.Fatalf("no question: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	return b.post(b.issuer+"/login", url.Values{"l": {id}, "consent": {answer}})
}

func (w *world) asOkta(v url.Values) tokens {
	w.Helper()
	v.Set("client_id", "okta")
	v.Set("client_secret", secretText)
	return w.token(v, "Accept", "application/json")
}

func (w *world) opens(text string) bool {
	w.Helper()
	id, _, err := w.sso.SCIMAccess(w.Context(), "acme", text)
	if err != nil && !errors.Is(err, sso.ErrAccess) {
		w.Fatal(err)
	}
	return err == nil && id == "okta"
}

// TestSCIMConsent: an administrator consents once, and the application refreshes its access tokens from then on, whatever becomes of the administrator,
// until the consent ends.
func TestSCIMConsent(t *testing.T) { both(t, testSCIMConsent) }

func testSCIMConsent(t *testing.T) {
	w := consenting(t)
	b := w.browser()
	p := b.asksSCIM()
	for _, said := range []string{"The okta", "add, change and remove", "from okta"} {
		w.is("the page says "+said, strings.Contains(p.body, said), true)
	}
	p = b.says(p, "allow")
	code := p.to().Query().Get("code")
	w.is("state", p.to().Query().Get("state"), "st")
	got := w.asOkta(redeeming(code, "code_verifier", ""))
	w.is("status", got.Status, 200)
	w.is("scope", got.Scope, "scim")
	w.is("an ID token", got.ID, "")
	w.is("the endpoint opens", w.opens(got.Access), true)
	status, _ := w.whois(got.Access)
	w.is("user-info", status, 403)

	w.later(time.Hour)
	w.is("an hour later", w.opens(got.Access), false)
	next := w.asOkta(refreshing(got.Refresh))
	w.is("refreshed", next.Status, 200)
	w.is("the endpoint opens", w.opens(next.Access), true)

	// The administrator signs out, and leaves.
	_, err := w.db.SSO().End(w.Context(), audit.Actor{}, w.tenant, sso.Who{User: w.ada}, "signed out")
	w.must(err)
	w.disable(w.ada)
	w.is("after they left", w.opens(next.Access), true)
	w.later(89 * 24 * time.Hour)
	again := w.asOkta(refreshing(next.Refresh))
	w.is("refreshed after they left", again.Status, 200)
	w.is("the endpoint opens", w.opens(again.Access), true)

	all, err := w.db.SSO().Given(w.Context(), w.tenant, "", "okta")
	w.must(err)
	w.is("consents", len(all), 1)
	w.is("by", all[0].Person.User, w.ada)
	found, err := w.db.Audit(w.Context(), w.tenant, audit.Query{Limit: 100})
	w.must(err)
	noted := 0
	for _, e := range found {
		if e.Verb == "consented" && e.ID == "okta" && e.Actor.ID == string(w.ada) && e.Actor.Name == "ada@acme.example" {
			noted++
		}
	}
	w.is("in the audit log", noted, 1)

	// A refresh token that comes again was stolen: the consent ends.
	w.later(time.Minute)
	w.is("used again", w.asOkta(refreshing(next.Refresh)).Error, "invalid_grant")
	w.is("the endpoint opens", w.opens(again.Access), false)
	w.is("refreshed", w.asOkta(refreshing(again.Refresh)).Error, "invalid_grant")
}

// TestSCIMConsentEnds: what an administrator has consented to ends when it is ended, revoked by the application, or the application changes.
func TestSCIMConsentEnds(t *testing.T) { both(t, testSCIMConsentEnds) }

func testSCIMConsentEnds(t *testing.T) {
	for name, end := range map[string]func(*world, tokens){
		"ended": func(w *world, _ tokens) {
			all, err := w.db.SSO().Given(w.Context(), w.tenant, "", "okta")
			w.must(err)
			_, err = w.db.SSO().End(w.Context(), audit.Actor{}, w.tenant, sso.Who{Grant: all[0].ID}, "consent ended")
			w.must(err)
		},
		"revoked (RFC 7009)": func(w *world, got tokens) {
			w.browser().post(w.issuer+"/revoke", url.Values{"token": {got.Refresh}, "client_id": {"okta"}, "client_secret": {secretText}})
		},
		"application disabled": func(w *world, _ tokens) { w.setClient("okta", func(c *sso.Client) { c.Disabled = true }) },
		"scope taken away":     func(w *world, _ tokens) { w.setClient("okta", func(c *sso.Client) { c.Scopes = nil }) },
		"grant type taken away": func(w *world, _ tokens) {
			w.setClient("okta", func(c *sso.Client) { c.Grants = []sso.GrantType{sso.GrantCredentials} })
		},
		"application removed": func(w *world, _ tokens) {
			w.must(w.db.SSO().DeleteClient(w.Context(), audit.Actor{}, w.tenant, "okta"))
		},
		"rests for 90 days": func(w *world, _ tokens) { w.later(91 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := consenting(t)
			b := w.browser()
			got := w.asOkta(redeeming(b.says(b.asksSCIM(), "allow").to().Query().Get("code"), "code_verifier", ""))
			w.is("the endpoint opens", w.opens(got.Access), true)
			end(w, got)
			w.is("the endpoint opens afterwards", w.opens(got.Access), false)
			w.is("a refresh gives something", w.asOkta(refreshing(got.Refresh)).Access, "")
		})
	}
}

// TestSCIMConsentRefused: who may not consent does not, who declines has not consented, and nobody is let in by the way.
func TestSCIMConsentRefused(t *testing.T) { both(t, testSCIMConsentRefused) }

func testSCIMConsentRefused(t *testing.T) {
	w := consenting(t)
	b := w.browser()
	declined := b.says(b.asksSCIM(), "decline").to().Query()
	w.is("declined", declined.Get("error"), "access_denied")
	w.is("without an answer", strings.Contains(b.says(b.asksSCIM(), "").body, `value="allow"`), true)
	w.is("silently", b.asksSCIM("prompt", "none").to().Query().Get("error"), "consent_required")

	// Another application asks for the scope: it is none of its own.
	got := w.token(redeeming(b.signIn("scope", "openid scim")))
	w.is("scope of another application", got.Scope, "openid")
	w.is("the endpoint opens", w.opens(got.Access), false)

	// Whoever signed in an hour ago shows who they are again.
	w.later(time.Hour)
	w.is("asked again", b.authorize("client_id", "okta", "scope", "scim", "code_challenge", "", "code_challenge_method", "").to().Host, "idp.example")

	// The person loses the role while they read the question.
	b = w.browser()
	p := b.asksSCIM()
	w.sso.Consent = func(context.Context, lockstep.TenantID, lockstep.UserID, sso.ClientID) (sso.SCIMAsk, error) {
		return sso.SCIMAsk{}, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "No role."}
	}
	p = b.says(p, "allow")
	w.is("lost the role", p.StatusCode == 403 && p.to().Query().Get("code") == "", true)
	p = w.browser().asksSCIM()
	w.is("has no role", strings.Contains(p.body, "You may not let this application in"), true)
	w.sso.Consent = nil
	w.is("nobody may", strings.Contains(w.browser().asksSCIM().body, `value="allow"`), false)
}
