package sso_test

import (
	"strings"
	"testing"
	"time"

	"lockstep/sso"
)

// TestEnrolmentIsNoWayRound: whoever has to set a second factor up gets no further without; not by going back, and not over a session that is there
// already.
func TestEnrolmentIsNoWayRound(t *testing.T) {
	w := twoFactors(t)
	w.client("careful", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired })
	careful := []string{"client_id", "careful"}
	b := w.browser()
	w.in(b.byPassword("ada@acme.example"))
	p := b.authorize(careful...)
	w.is("has to set one up", secretOnPage.MatchString(p.body) && !strings.Contains(p.body, "Not now"), true)
	p = b.sends(p, "back", "yes")
	w.is("goes back", p.to().Query().Has("code"), false)
	w.is("is asked who they are", strings.Contains(p.body, `name="password"`), true)
	w.is("silently", b.authorize(append(careful, "prompt", "none")...).to().Query().Get("error"), "login_required")
}

// TestEnrolmentOverAnOldSession: a browser that was left open is not enough to set up what signs in as the person from then on. They sign in anew.
func TestEnrolmentOverAnOldSession(t *testing.T) {
	w := twoFactors(t)
	w.client("careful", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired })
	for name, asked := range map[string][]string{
		"demanded by an application": {"client_id", "careful"},
		"asked for in a request":     {"claims", `{"id_token":{"acr":{"essential":true,"values":["` + sso.ACRTwo + `"]}}}`},
	} {
		b := w.browser()
		w.in(b.byPassword("ada@acme.example"))
		w.later(11 * time.Minute)
		p := b.authorize(asked...)
		w.is(name+": asked who they are", strings.Contains(p.body, `name="password"`) && !secretOnPage.MatchString(p.body), true)
		p = b.sends(p, "name", "ada@acme.example", "password", "sesame")
		w.is(name+": sets one up", secretOnPage.MatchString(p.body), true)
	}
	// A provider is asked to ask them; what it is worth is for it to say.
	b := w.browser()
	p := b.comeBack(b.sends(b.authorize(), "provider", "webex"))
	w.is("by a provider", p.to().Query().Has("code"), true)
	w.later(11 * time.Minute)
	p = b.sends(b.authorize("client_id", "careful"), "provider", "webex")
	w.is("what it was asked", w.up.attempts[len(w.up.attempts)-1].Prompt, "login")
	w.is("sets one up", secretOnPage.MatchString(b.comeBack(p).body), true)
}

// TestEnrolmentThatComesLate: a page on which a first factor is set up is worth nothing once there is one; neither for who has the password only, nor
// for a session in which it was not shown.
func TestEnrolmentThatComesLate(t *testing.T) {
	w := twoFactors(t)
	have := func() sso.FactorSet { return must(w.db.SSO().Factors(t.Context(), w.tenant, w.ada)) }
	w.client("careful", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired })
	begun := map[string]func(b *browser) page{
		"at an application, over a session": func(b *browser) page {
			w.in(b.byPassword("ada@acme.example"))
			return b.authorize("client_id", "careful")
		},
		"at an application": func(b *browser) page { return b.byPassword("ada@acme.example", "client_id", "careful") },
		"at the account page, over a session": func(b *browser) page {
			b.goes(b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame"))
			return b.at("/app")
		},
		"at the account page": func(b *browser) page {
			w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
			return b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame")
		},
	}
	pages, browsers := map[string]page{}, map[string]*browser{}
	for _, name := range []string{"at an application, over a session", "at an application", "at the account page, over a session", "at the account page"} {
		browsers[name] = w.browser()
		pages[name] = begun[name](browsers[name])
	}
	w.withApp("ada@acme.example")
	secret := string(have().TOTP.Secret)
	for name, p := range pages {
		q := browsers[name].sends(p, "code", appOf(t, p.body).code(w.now()))
		w.is(name+": kept", string(have().TOTP.Secret) == secret, true)
		w.is(name+": let in", q.to().Query().Has("code"), false)
		w.is(name+": asked for the one that there is", strings.Contains(q.body, `name="code"`) && !secretOnPage.MatchString(q.body), true)
		if passkeyForm.MatchString(p.body) {
			browsers[name].sends(p, "passkey", newAuthenticator(t).make(p.body, w.http.URL))
			w.is(name+": passkeys", len(have().Passkeys), 0)
		}
	}
}

// TestProviderOfLongAgo: a provider that lets somebody in without asking them has shown their second factor when it asked, not now.
func TestProviderOfLongAgo(t *testing.T) {
	w := twoFactors(t)
	w.withApp("ada@acme.example")
	w.setProvider("webex", func(p *sso.Provider) { p.SecondFactor = sso.DemandOwn })
	for _, c := range []struct {
		ago   time.Duration
		fresh bool
	}{{time.Hour, false}, {time.Minute, true}, {-time.Hour, true}} {
		w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, AMR: []string{"mfa"}, AuthTime: w.now().Add(-c.ago)})
		b := w.browser()
		b.goes(b.comeBack(b.sends(b.at(""), "provider", "webex")))
		w.is("asked again after "+c.ago.String(), strings.Contains(b.at("/app").body, `name="code"`) && !secretOnPage.MatchString(b.at("/app").body), !c.fresh)
	}
}
