package sso_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/sso"
)

// TestDemandedLater: what was given before a second factor was demanded satisfies nobody who demands one by now: neither the session nor the code,
// the refresh token and the access tokens of an application. What was given with one goes on.
func TestDemandedLater(t *testing.T) {
	onBoth(t, func(w *world) {
		w.localhost()
		a, _ := w.withApp("ada@acme.example")
		for name, demand := range map[string]func(sso.Demand){
			"provider": func(d sso.Demand) { w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = d }) },
			"own": func(d sso.Demand) {
				if d == sso.DemandRequired {
					d = sso.DemandOwn
				}
				w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = d })
			},
			"application": func(d sso.Demand) {
				if d == sso.DemandNone {
					d = ""
				}
				w.setClient("app", func(c *sso.Client) { c.SecondFactor = d })
			},
		} {
			w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandNone })
			demand(sso.DemandNone)
			w.later(time.Minute)
			b := w.browser()
			early := w.token(redeeming(b.byPassword("ada@acme.example").to().Query().Get("code")))
			w.is(name+": before", early.Status, 200)
			code := b.authorize().to().Query().Get("code")
			demand(sso.DemandRequired)
			w.is(name+": the code", w.token(redeeming(code)).Error, "invalid_grant")
			w.is(name+": the refresh token", w.token(refreshing(early.Refresh)).Error, "invalid_grant")
			status, _ := w.whois(early.Access)
			w.is(name+": the access token", status, http.StatusUnauthorized)
			w.is(name+": asked about", w.introspect(early.Access)["active"], false)
			w.is(name+": the session, silently", b.authorize("prompt", "none").to().Query().Get("error"), "login_required")
			p := b.authorize()
			w.is(name+": the session asks for one", strings.Contains(p.body, `name="code"`), true)
			with := w.token(redeeming(b.sends(p, "code", a.code(w.now())).to().Query().Get("code")))
			w.is(name+": with one", with.Status, 200)
			w.is(name+": it goes on", w.token(refreshing(with.Refresh)).Status, 200)
			demand(sso.DemandNone)
			w.is(name+": and no more", w.token(refreshing(early.Refresh)).Status, 200)
		}
	})
}

// TestLastFactor: the last factor is not removed by its person while an application, or a provider of theirs, demands one of everybody.
func TestLastFactor(t *testing.T) { both(t, testLastFactor) }

func testLastFactor(t *testing.T) {
	for name, demand := range map[string]func(*world){
		"provider":    func(w *world) { w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired }) },
		"application": func(w *world) { w.setClient("app", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired }) },
		"linked": func(w *world) {
			w.setProvider("webex", func(p *sso.Provider) { p.SecondFactor = sso.DemandOwn })
			b := w.browser()
			b.comeBack(b.sends(b.authorize(), "provider", "webex"))
		},
	} {
		w := twoFactors(t)
		have := func() sso.FactorSet { return must(w.db.SSO().Factors(t.Context(), w.tenant, w.ada)) }
		a, _ := w.withApp("ada@acme.example")
		b := w.browser()
		b.goes(b.sends(b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame"), "code", a.code(w.now())))
		demand(w)
		p := b.does("/remove", "key", "totp")
		w.is(name+": said", strings.Contains(p.body, "this is your last one"), true)
		w.is(name+": kept", have().TOTP != nil, true)
		key := newAuthenticator(t)
		p = b.at("/passkey")
		b.goes(b.sends(p, "passkey", key.make(p.body, w.http.URL), "name", "Blue"))
		w.is(name+": another one", len(have().Passkeys), 1)
		b.does("/remove", "key", "totp")
		w.is(name+": then the first goes", have().TOTP == nil, true)
		b.does("/remove", "key", have().Passkeys[0].Key())
		w.is(name+": and the other stays", len(have().Passkeys), 1)
	}
	w := twoFactors(t)
	a, _ := w.withApp("ada@acme.example")
	w.setClient("app", func(c *sso.Client) { c.SecondFactor, c.Disabled = sso.DemandRequired, true })
	w.provider("other", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired }) // nobody of theirs
	b := w.browser()
	b.goes(b.sends(b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame"), "code", a.code(w.now())))
	b.does("/remove", "key", "totp")
	w.is("where nobody demands one", must(w.db.SSO().Factors(t.Context(), w.tenant, w.ada)).TOTP == nil, true)
}

// TestRemovedByAdministrator: when an administrator has removed somebody's last factor nobody is let in without one where one is demanded: whoever signs in with the password, or comes
// with a session in which none was shown, has to set one up first; silently nobody gets a code; and the recovery codes of before are worth nothing.
func TestRemovedByAdministrator(t *testing.T) {
	onBoth(t, func(w *world) {
		w.localhost()
		a, codes := w.withApp("ada@acme.example")
		w.setClient("app", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired })
		w.client("mild", nil)
		plain := w.browser()
		plain.goes(plain.sends(plain.sends(plain.at(""), "name", "ada@acme.example", "password", "sesame"), "code", a.code(w.now())))
		n, err := w.db.SSO().RemoveFactors(w.Context(), audit.Actor{Kind: audit.Admin}, w.tenant, w.ada, sso.Removal{Which: sso.Which{All: true}, Last: true})
		w.must(err)
		w.is("app and recovery codes", n, 2)
		w.is("where one was shown before it goes on", plain.authorize().to().Query().Has("code"), true)

		// A code of the app that is removed, or a recovery code, is asked for no more, and whatever is sent is no way in.
		b := w.browser()
		p := b.sends(b.authorize(), "name", "ada@acme.example", "password", "sesame")
		w.is("to set one up", secretOnPage.MatchString(p.body), true)
		for what, value := range map[string]string{"the removed app's code": a.code(w.now().Add(time.Minute)), "a recovery code": codes[0], "nothing": ""} {
			q := b.sends(p, "code", value)
			w.is(what+": not let in", q.to().Query().Has("code"), false)
		}
		w.is("silently", b.authorize("prompt", "none").to().Query().Has("code"), false)

		// Who is signed in without a factor where none is demanded has to set one up, too.
		other := w.browser()
		p = other.sends(other.authorize("client_id", "mild"), "name", "ada@acme.example", "password", "sesame")
		w.is("where none is demanded", p.to().Query().Has("code"), true)
		p = other.authorize()
		w.is("with the session", p.to().Query().Has("code"), false)
		w.is("silently, with the session", other.authorize("prompt", "none").to().Query().Get("error"), "login_required")

		// Whoever sets one up is let in.
		p = b.sends(b.authorize(), "name", "ada@acme.example", "password", "sesame")
		next := appOf(w.T, p.body)
		p = b.sends(b.sends(p, "code", next.code(w.now())))
		w.is("with a new one", p.to().Query().Has("code"), true)
	})
}
