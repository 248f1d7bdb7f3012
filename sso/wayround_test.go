package sso_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/sso"
	"lockstep/sso/saml"
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

// TestOfficeOfMany: many people who come from one network show their second factors, and none of them is in the way of another.
func TestOfficeOfMany(t *testing.T) {
	w := twoFactors(t)
	key := w.withPasskey("ada@acme.example")
	for i := range 201 {
		b := w.browser()
		p := b.authorize()
		if !b.sends(p, "passkey", key.get(p.body, w.http.URL)).to().Query().Has("code") {
			t.Fatalf("number %d, by passkey", i+1)
		}
	}
	const people = 8
	apps := map[string]app{}
	for i := range people {
		name := fmt.Sprintf("p%d@acme.example", i)
		apps[name] = app{[]byte(name)}
		person := sso.Person{User: w.person(name, "P", "Q")}
		person.Epoch = must(w.db.Users(t.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{person.User}}))[0].AuthEpoch
		w.must(w.db.SSO().AddFactors(t.Context(), audit.Actor{}, w.tenant, person, sso.NewFactors{TOTP: &sso.TOTP{Secret: apps[name].secret}}))
	}
	for round := range 201/people + 1 { // within a quarter of an hour
		for name, a := range apps {
			b := w.browser()
			if !b.sends(b.byPassword(name), "code", a.code(w.now())).to().Query().Has("code") {
				t.Fatalf("%s, round %d, by code", name, round+1)
			}
		}
		w.later(30 * time.Second)
	}
	// Wrong ones still count for where they come from, whoever they are of.
	tooMany := 0
	for range 210 {
		b := w.browser()
		p := b.authorize()
		x := newAuthenticator(t)
		x.handle = key.handle
		if strings.Contains(b.sends(p, "passkey", x.get(p.body, w.http.URL)).body, "Too many") {
			tooMany++
		}
	}
	w.is("refused without a look", tooMany >= 10, true)
}

// TestPasskeyOfAProvidersPerson: who signs in through an identity provider signs in through it. A passkey of theirs is a second factor; it stands in
// the place of a password only for who has one here.
func TestPasskeyOfAProvidersPerson(t *testing.T) {
	w := twoFactors(t)
	w.person("ben@acme.example", "Ben", "Ito")
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "ben", Email: "ben@acme.example", EmailVerified: true})
	b, key := w.browser(), newAuthenticator(t)
	b.goes(b.comeBack(b.sends(b.at(""), "provider", "webex")))
	p := b.at("/passkey")
	b.goes(b.sends(b.sends(p, "passkey", key.make(p.body, w.http.URL))))
	b = w.browser()
	p = b.authorize()
	q := b.sends(p, "passkey", key.get(p.body, w.http.URL))
	w.is("said", strings.Contains(q.body, "was not accepted"), true)
	b.out("by passkey alone", q)
	w.setClient("app", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired })
	b = w.browser()
	p = b.comeBack(b.sends(b.authorize(), "provider", "webex"))
	w.in(b.sends(p, "passkey", key.get(p.body, w.http.URL)))
}

// TestSAMLClassOfTwoFactors: who has shown more than an application asks for is let in, too, and it is told what it asked for.
func TestSAMLClassOfTwoFactors(t *testing.T) {
	const context = `</saml:Issuer><samlp:RequestedAuthnContext Comparison="%s"><saml:AuthnContextClassRef>%s</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`
	w := twoFactors(t)
	a, _ := w.withApp("ada@acme.example")
	s := w.samlApp(nil)
	b := w.browser()
	w.in(b.sends(b.byPassword("ada@acme.example", "acr_values", sso.ACRTwo), "code", a.code(w.now())))
	for _, c := range [][3]string{
		{"exact", saml.ContextPasswordTLS, saml.ContextPasswordTLS}, {"exact", saml.ContextMFA, saml.ContextMFA}, {"minimum", saml.ContextPasswordTLS, saml.ContextMFA},
		{"maximum", saml.ContextPassword, ""}, {"better", saml.ContextMFA, ""},
	} {
		p := b.signOn(s.redirect("SAMLRequest", s.asks("</saml:Issuer>", fmt.Sprintf(context, c[0], c[1])), "", nil))
		if c[2] == "" {
			w.is(c[0]+" "+c[1], strings.Contains(p.body, "SAMLResponse"), false)
			continue
		}
		got, err := s.received(p, s.lastID())
		w.must(err)
		w.is(c[0]+" "+c[1], got.AuthnStatements[0].AuthnContext.AuthnContextClassRef.Value, c[2])
	}
}
