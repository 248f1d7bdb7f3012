package sso_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/sso"
)

// here is the upstream of passwords that are kept here: whoever says sesame is who they say they are.
type here struct {
	*upstream
	w *world
}

func (h here) SignIn(ctx context.Context, name, password string, _ sso.Recorder) (sso.Identity, error) {
	all, err := h.w.db.Users(ctx, h.w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name}})
	if err != nil || len(all) != 1 {
		return sso.Identity{}, &lockstep.Error{Code: "idp.credentials"}
	}
	kept, err := h.w.db.SSO().Password(ctx, h.w.tenant, all[0].ID)
	if err != nil && !errors.Is(err, lockstep.ErrNotFound) || password != "sesame" {
		return sso.Identity{}, &lockstep.Error{Code: "idp.credentials"}
	}
	return sso.Identity{Issuer: "lockstep", Subject: string(all[0].ID), UserName: name, AuthTime: h.w.now(), AMR: []string{"pwd"}, PasswordEnds: kept.Ends}, nil
}

type openers struct{ w *world }

func (o openers) Open(_ context.Context, p sso.Provider) (sso.Upstream, error) {
	if p.Kind == sso.KindLocal {
		return here{o.w.up, o.w}, nil
	}
	return o.w.up, nil
}

// twoFactors is a world at localhost, where passkeys work, with passwords that are kept here.
func twoFactors(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.localhost()
	return w
}

// localhost has the world at that name, where passkeys work, with passwords that are kept here.
func (w *world) localhost() {
	w.Helper()
	w.http.URL = strings.Replace(w.http.URL, "127.0.0.1", "localhost", 1)
	w.issuer = w.http.URL + "/sso/acme"
	w.sso.Opener = openers{w}
	w.provider("local", func(p *sso.Provider) { p.Kind = sso.KindLocal })
	w.commit(directory.SetPassword{ID: w.ada, Hash: "sesame"})
}

// byPassword brings a browser as far as its password does.
func (b *browser) byPassword(name string, changes ...string) page {
	b.Helper()
	p := b.authorize(changes...)
	return b.sends(p, "name", name, "password", "sesame")
}

// sends sends a form of the login page.
func (b *browser) sends(p page, fields ...string) page {
	b.Helper()
	v := url.Values{"l": {loginIn(p.body)}}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return b.post(b.issuer+"/login", v)
}

// in are the claims of the ID token of a browser that was let in.
func (w *world) in(p page) map[string]any {
	w.Helper()
	code := p.to().Query().Get("code")
	if code == "" {
		w.Fatalf("not let in: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	return w.claimsOf(w.token(redeeming(code)).ID, "JWT")
}

// out checks that a browser was not let in, and has no session.
func (b *browser) out(what string, p page) {
	b.Helper()
	if strings.Contains(p.Header.Get("Location"), "code=") {
		b.Errorf("%s: let in", what)
	}
	q := b.authorize("prompt", "none")
	b.is(what+", silently", q.to().Query().Get("error"), "login_required")
}

// withApp has a person set up an authenticator app, and returns it with their recovery codes.
func (w *world) withApp(name string) (app, []string) {
	w.Helper()
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
	b := w.browser()
	p := b.byPassword(name)
	a := appOf(w.T, p.body)
	p = b.sends(p, "code", a.code(w.now()))
	codes := codesIn(p.body)
	if len(codes) != 10 {
		w.Fatalf("recovery codes %q:\n%s", codes, p.body)
	}
	w.in(b.sends(p))
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = "" })
	w.later(time.Minute)
	return a, codes
}

// withPasskey has a person set up a passkey.
func (w *world) withPasskey(name string) *authenticator {
	w.Helper()
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
	b, a := w.browser(), newAuthenticator(w.T)
	p := b.byPassword(name)
	p = b.sends(p, "passkey", a.make(p.body, w.http.URL), "name", "Blue")
	w.is("recovery codes", len(codesIn(p.body)), 10)
	w.in(b.sends(p))
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = "" })
	return a
}

// TestAuthenticatorApp: whoever has to sets one up as they sign in, and is asked for it from then on. What was done stands in the tokens.
func TestAuthenticatorApp(t *testing.T) { both(t, testAuthenticatorApp) }

func testAuthenticatorApp(t *testing.T) {
	w := twoFactors(t)
	w.is("before", fmt.Sprint(w.in(w.browser().byPassword("ada@acme.example"))["amr"]), "[pwd]")
	a, codes := w.withApp("ada@acme.example")
	b := w.browser()
	p := b.byPassword("ada@acme.example")
	b.out("by password alone", p)
	p = b.sends(p, "code", "000000")
	if !strings.Contains(p.body, "The code is wrong") {
		t.Errorf("nothing is said:\n%s", p.body)
	}
	claims := w.in(b.sends(p, "code", a.code(w.now())))
	w.is("amr", claims["amr"], "[pwd otp mfa]")
	w.is("acr", claims["acr"], sso.ACRTwo)
	tr, err := w.db.SSO().Trace(t.Context(), w.tenant, sso.LoginID(loginIn(p.body)))
	if err != nil || !slices.ContainsFunc(tr.Stages, func(s sso.Stage) bool { return s.Name == "second factor" && s.OK && s.Detail == "totp" }) {
		t.Errorf("%+v, %v", tr, err)
	}
	// The clock of the device may be one step off; with the step that was used, and those before it, nobody gets in again.
	for _, c := range []struct {
		off time.Duration
		in  bool
	}{{0, false}, {-30 * time.Second, false}, {60 * time.Second, false}, {30 * time.Second, true}, {30 * time.Second, false}} {
		b := w.browser()
		p := b.sends(b.byPassword("ada@acme.example"), "code", a.code(w.now().Add(c.off)))
		w.is(fmt.Sprint("off by ", c.off), p.to().Query().Has("code"), c.in)
	}
	for i, text := range []string{codes[3], strings.ToUpper(strings.ReplaceAll(codes[4], "-", " ")), codes[3], "", "aaaa-aaaa-aaaa-aaaa"} {
		b := w.browser()
		p := b.sends(b.byPassword("ada@acme.example"), "code", text)
		w.is("recovery code "+text, p.to().Query().Has("code"), i < 2)
	}
	lines, err := w.db.Audit(t.Context(), w.tenant, audit.Query{ID: string(w.ada)})
	w.must(err)
	said := ""
	for _, l := range lines {
		said += l.Verb + " " + l.Object + " by " + string(l.Actor.Kind) + "\n"
	}
	for _, want := range []string{"added authenticator app by person", "made recovery codes by person", "used recovery code by system"} {
		if !strings.Contains(said, want) {
			t.Errorf("the audit log does not say %q:\n%s", want, said)
		}
	}
}

// TestOneCodeOneWinner: of many who send the same code at once, each in a login of their own, one is let in.
func TestOneCodeOneWinner(t *testing.T) { both(t, testOneCodeOneWinner) }

func testOneCodeOneWinner(t *testing.T) {
	w := twoFactors(t)
	a, codes := w.withApp("ada@acme.example")
	for name, code := range map[string]string{"app": a.code(w.now()), "recovery": codes[0]} {
		const many = 8
		browsers, pages := make([]*browser, many), make([]page, many)
		for i := range many {
			browsers[i] = w.browser()
			pages[i] = browsers[i].byPassword("ada@acme.example")
		}
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				if browsers[i].sends(pages[i], "code", code).to().Query().Has("code") {
					won.Add(1)
				}
			})
		}
		all.Wait()
		w.is(name+": let in", won.Load(), 1)
	}
}

// TestTriesOfCodes: ten wrong codes, of whatever kind, in however many logins and from wherever, and nobody may try for a while; not even the right
// code. Who knows the password only cannot do anything about it; a passkey still lets in.
func TestTriesOfCodes(t *testing.T) { both(t, testTriesOfCodes) }

func testTriesOfCodes(t *testing.T) {
	w := twoFactors(t)
	a, codes := w.withApp("ada@acme.example")
	var let atomic.Int64
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			b := w.browser()
			p := b.byPassword("ada@acme.example")
			wrong := []string{"123456", "aaaa-aaaa-aaaa-aaaa", "", "x"}[i%4]
			if !strings.Contains(b.sends(p, "code", wrong).body, "Too many") {
				let.Add(1)
			}
		})
	}
	all.Wait()
	w.is("looked at", let.Load(), int64(sso.TriesOfCodes))
	for _, right := range []string{a.code(w.now()), codes[0]} {
		b := w.browser()
		p := b.sends(b.byPassword("ada@acme.example"), "code", right)
		if !strings.Contains(p.body, "Too many") {
			t.Errorf("the right code: %d %s", p.StatusCode, p.body)
		}
		b.out("while nobody may", p)
	}
	w.later(15 * time.Minute)
	b := w.browser()
	w.in(b.sends(b.byPassword("ada@acme.example"), "code", codes[0]))
}

// TestNoWayRound: nobody who has shown a password only gets any further by another address, form, browser or session.
func TestNoWayRound(t *testing.T) { both(t, testNoWayRound) }

func testNoWayRound(t *testing.T) {
	w := twoFactors(t)
	a, _ := w.withApp("ada@acme.example")
	ben := w.person("ben@acme.example", "Ben", "Ito")
	b := w.browser()
	p := b.byPassword("ada@acme.example")
	for _, c := range b.http.Jar.Cookies(must(url.Parse(w.issuer))) {
		if strings.Contains(c.Name, "session") {
			t.Errorf("a session before the second factor: %v", c)
		}
	}
	b.out("the login page again", b.get(w.issuer+"/login?l="+loginIn(p.body)))
	b.out("the password again", b.sends(p, "name", "ada@acme.example", "password", "sesame"))
	b.out("a provider", b.sends(p, "provider", "webex"))
	b.out("as if codes were shown", b.sends(p, "codes", "kept"))
	b.out("another request", b.authorize())
	b.out("the account page", b.get(w.issuer+"/account"))
	stranger := w.browser()
	q := stranger.post(w.issuer+"/login", url.Values{"l": {loginIn(p.body)}, "code": {a.code(w.now())}})
	w.is("another browser", q.StatusCode, http.StatusBadRequest)
	stranger.out("another browser", q)

	// Who has begun as one person ends as one: what the second factor of somebody else would be does not count.
	p = b.sends(p, "back", "yes")
	p = b.sends(p, "name", "ben@acme.example", "password", "sesame")
	w.is("somebody else", w.in(p)["sub"], ben)
	b = w.browser()
	p = b.byPassword("ada@acme.example")
	w.is("ada is asked again", strings.Contains(p.body, `name="code"`), true)

	// A person who is disabled, and a provider that is, between the two.
	w.disable(w.ada)
	b.out("disabled meanwhile", b.sends(p, "code", a.code(w.now())))
	ben2, _ := w.withApp("ben@acme.example")
	b = w.browser()
	p = b.byPassword("ben@acme.example")
	w.setProvider("local", func(p *sso.Provider) { p.State = sso.Disabled })
	b.out("provider disabled meanwhile", b.sends(p, "code", ben2.code(w.now())))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestDemands: of whom a second factor is asked, by provider and application.
func TestDemands(t *testing.T) { both(t, testDemands) }

func testDemands(t *testing.T) {
	w := twoFactors(t)
	w.withApp("ada@acme.example")
	w.person("ben@acme.example", "Ben", "Ito")
	for _, c := range []struct {
		provider, app sso.Demand
		amr           string
		ada, ben      string // asked, enrols, in
	}{
		{"", "", "", "in", "in"},
		{sso.DemandNone, "", "", "in", "in"},
		{sso.DemandEnrolled, "", "", "asked", "in"},
		{sso.DemandRequired, "", "", "asked", "enrols"},
		{sso.DemandRequired, "", "mfa", "asked", "enrols"},
		{"", sso.DemandEnrolled, "", "asked", "in"},
		{"", sso.DemandRequired, "", "asked", "enrols"},
		{sso.DemandNone, sso.DemandRequired, "pwd mfa", "asked", "enrols"},
		{sso.DemandOwn, "", "pwd mfa", "in", "in"},
		{sso.DemandOwn, sso.DemandRequired, "pwd mfa", "in", "in"},
		{sso.DemandOwn, "", "pwd", "asked", "enrols"},
		{sso.DemandOwn, "", "", "asked", "enrols"},
	} {
		w.setProvider("webex", func(p *sso.Provider) { p.SecondFactor, p.TrustEmail = c.provider, true })
		w.setClient("app", func(x *sso.Client) { x.SecondFactor = c.app })
		for name, want := range map[string]string{"ada": c.ada, "ben": c.ben} {
			w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: name, Email: name + "@acme.example", EmailVerified: true, AMR: strings.Fields(c.amr)})
			b := w.browser()
			p := b.comeBack(b.sends(b.authorize(), "provider", "webex"))
			got := "in"
			switch {
			case secretOnPage.MatchString(p.body):
				got = "enrols"
			case strings.Contains(p.body, `name="code"`):
				got = "asked"
			case !p.to().Query().Has("code"):
				got = p.body
			}
			w.is(fmt.Sprint(name, " with ", c), got, want)
		}
	}
}

// TestStepUp: a session that was begun with a password alone is not enough where more is demanded. What is shown then makes it more, under another
// cookie; the one before is worth nothing.
func TestStepUp(t *testing.T) { both(t, testStepUp) }

func testStepUp(t *testing.T) {
	w := twoFactors(t)
	b := w.browser()
	w.in(b.byPassword("ada@acme.example"))
	a, _ := w.withApp("ada@acme.example")
	w.client("careful", func(c *sso.Client) { c.SecondFactor = sso.DemandRequired })
	careful := []string{"client_id", "careful"}
	before := b.cookie("session")
	w.person("ben@acme.example", "Ben", "Ito")
	q := w.browser()
	w.in(q.byPassword("ben@acme.example"))
	p := q.authorize(careful...)
	w.is("has to set one up", secretOnPage.MatchString(p.body) && !strings.Contains(p.body, "Not now"), true)
	w.is("goes back", q.sends(p, "back", "yes").to().Query().Has("code"), false)
	w.is("silently", b.authorize(append(careful, "prompt", "none")...).to().Query().Get("error"), "login_required")
	p = b.authorize(careful...)
	w.is("asked", strings.Contains(p.body, `name="code"`), true)
	p = b.sends(p, "code", a.code(w.now()))
	w.is("let in", p.to().Query().Has("code"), true)
	if after := b.cookie("session"); after == before || after == "" {
		t.Errorf("the cookie is %q, and was %q", after, before)
	}
	w.is("again", b.authorize(careful...).to().Query().Has("code"), true)
	w.is("amr", w.in(b.authorize())["amr"], "[pwd otp mfa]")
	w.is("sessions, with that of withApp", len(must(w.db.SSO().Sessions(t.Context(), w.tenant, sso.Who{User: w.ada}, 10))), 2)
	old := w.browser()
	old.http.Jar.SetCookies(must(url.Parse(w.issuer)), []*http.Cookie{{Name: b.cookieName("session"), Value: before, Path: "/"}})
	old.out("the cookie before", old.authorize(append(careful, "prompt", "none")...))
}

func (b *browser) cookieName(kind string) string {
	for _, c := range b.http.Jar.Cookies(must(url.Parse(b.issuer))) {
		if strings.Contains(c.Name, "-"+kind+"-") {
			return c.Name
		}
	}
	return ""
}

func (b *browser) cookie(kind string) string {
	for _, c := range b.http.Jar.Cookies(must(url.Parse(b.issuer))) {
		if strings.Contains(c.Name, "-"+kind+"-") {
			return c.Value
		}
	}
	return ""
}

// TestACR: a class that is asked for essentially is asked of the person, one that is asked for otherwise of who can show it.
func TestACR(t *testing.T) { both(t, testACR) }

func testACR(t *testing.T) {
	w := twoFactors(t)
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandNone })
	essential := func(class string) string {
		return `{"id_token":{"acr":{"essential":true,"values":["` + class + `"]}}}`
	}
	b := w.browser()
	p := b.byPassword("ada@acme.example", "claims", essential(sso.ACRTwo))
	w.is("sets one up", secretOnPage.MatchString(p.body), true)
	b = w.browser()
	w.is("wished for, and has none", fmt.Sprint(w.in(b.byPassword("ada@acme.example", "acr_values", sso.ACRTwo))["acr"]), "<nil>")
	p = b.authorize("claims", essential(sso.ACRTwo))
	a := appOf(t, p.body)
	p = b.sends(p, "code", a.code(w.now()))
	w.is("acr", w.in(b.sends(p))["acr"], sso.ACRTwo)
	w.is("a passkey is asked for, and they have none", b.authorize("claims", essential(sso.ACRPhishing)).to().Query().Get("error"), "unmet_authentication_requirements")
	w.is("what there is not", w.browser().byPassword("ada@acme.example", "claims", essential("gold")).to().Query().Get("error"), "unmet_authentication_requirements")
	b = w.browser()
	p = b.byPassword("ada@acme.example", "acr_values", "gold "+sso.ACRTwo)
	w.is("wished for, and has one", strings.Contains(p.body, `name="code"`), true)
}

// TestProofWaits: an identity that waits for its person to sign in as before is not linked before they have shown their second factor, too.
func TestProofWaits(t *testing.T) { both(t, testProofWaits) }

func testProofWaits(t *testing.T) {
	w := twoFactors(t)
	a, _ := w.withApp("ada@acme.example")
	w.setProvider("webex", func(p *sso.Provider) { p.Policy = sso.PolicyConfirm })
	b := w.browser()
	p := b.comeBack(b.sends(b.authorize(), "provider", "webex"))
	p = b.sends(p, "name", "ada@acme.example", "password", "sesame")
	links := func() int { return len(must(w.db.SSO().LinksOf(t.Context(), w.tenant, w.ada))) }
	w.is("linked by password", links(), 0)
	w.in(b.sends(p, "code", a.code(w.now())))
	w.is("linked", links(), 1)
}

// TestPasskey: whoever has one signs in with it alone, and shows it as a second factor; and it says so in the tokens.
func TestPasskey(t *testing.T) { both(t, testPasskey) }

func testPasskey(t *testing.T) {
	w := twoFactors(t)
	a := w.withPasskey("ada@acme.example")
	b := w.browser()
	p := b.authorize()
	q := askedIn(t, p.body)
	if q.UV != "required" || len(q.Allow) != 0 || q.RPID != "localhost" || !strings.Contains(p.body, `autocomplete="username webauthn"`) {
		t.Errorf("asked for %+v", q)
	}
	claims := w.in(b.sends(p, "passkey", a.get(p.body, w.http.URL)))
	w.is("who", claims["sub"], w.ada)
	w.is("amr", claims["amr"], "[hwk user mfa]")
	w.is("acr", claims["acr"], sso.ACRTwo)
	claims = w.in(b.authorize("acr_values", sso.ACRPhishing))
	w.is("acr that was asked for", claims["acr"], sso.ACRPhishing)

	b = w.browser()
	p = b.byPassword("ada@acme.example")
	if q := askedIn(t, p.body); len(q.Allow) != 1 {
		t.Errorf("asked for %+v", q)
	}
	w.is("amr beside a password", w.in(b.sends(p, "passkey", a.get(p.body, w.http.URL)))["amr"], "[pwd hwk user mfa]")
	k := must(w.db.SSO().Passkey(t.Context(), w.tenant, a.id))
	if k.SignCount != a.count || k.Name != "Blue" || !k.Used.Equal(w.now()) || k.Transports[0] != "usb" {
		t.Errorf("%+v", k)
	}
	// One that can be copied is no hardware; a site that is no host name can have none; nor can one where passwords are not kept.
	w.person("ben@acme.example", "Ben", "Ito")
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
	soft := newAuthenticator(t)
	soft.flags |= 8 | 16
	b = w.browser()
	p = b.byPassword("ben@acme.example")
	w.is("amr of one that can be copied", w.in(b.sends(b.sends(p, "passkey", soft.make(p.body, w.http.URL))))["amr"], "[pwd swk user mfa]")
	w.setClient("app", func(c *sso.Client) {
		c.Provider = must(w.db.SSO().ProviderByAlias(t.Context(), w.tenant, "webex")).ID
	})
	b = w.browser()
	p = b.authorize("prompt", "select_account")
	w.is("where passwords are not kept", strings.Contains(p.body, "data-passkey"), false)
	q2 := b.sends(p, "passkey", "{}")
	b.out("where passwords are not kept", q2)
}

// TestHostilePasskeys: what an authenticator answers is believed only at this site, to this question, once, of its person, who was there.
func TestHostilePasskeys(t *testing.T) { both(t, testHostilePasskeys) }

func testHostilePasskeys(t *testing.T) {
	w := twoFactors(t)
	a := w.withPasskey("ada@acme.example")
	w.person("ben@acme.example", "Ben", "Ito")
	bens := w.withPasskey("ben@acme.example")
	good := func() *authenticator { c := *a; return &c }
	a.count = 9
	first := w.browser()
	p := first.authorize()
	w.in(first.sends(p, "passkey", a.get(p.body, w.http.URL)))
	for _, c := range []struct {
		name   string
		change func(*authenticator)
	}{
		{"another origin", func(a *authenticator) { a.origin = "https://evil.example" }},
		{"another port", func(a *authenticator) { a.origin = "http://localhost:1" }},
		{"http for https", func(a *authenticator) { a.origin = "https" + strings.TrimPrefix(w.http.URL, "http") }},
		{"another host name", func(a *authenticator) { a.rp = "evil.example" }},
		{"nobody was verified", func(a *authenticator) { a.flags = 1 }},
		{"nobody was there", func(a *authenticator) { a.flags = 4 }},
		{"another challenge", func(a *authenticator) { a.challenge = b64.EncodeToString(make([]byte, 32)) }},
		{"no challenge", func(a *authenticator) { a.challenge = "AA" }},
		{"the count goes back", func(a *authenticator) { a.count, a.steady = 3, true }},
		{"there is no count any more", func(a *authenticator) { a.count, a.steady = 0, true }},
		{"the count stands still", func(a *authenticator) {
			a.steady = true
			a.count = must(w.db.SSO().Passkey(t.Context(), w.tenant, a.id)).SignCount
		}},
		{"another key", func(a *authenticator) { a.key = newAuthenticator(t).key }},
		{"another's handle", func(a *authenticator) { a.handle = bens.handle }},
		{"no handle", func(a *authenticator) { a.handle = nil }},
		{"another's credential", func(a *authenticator) { a.id = bens.id }},
		{"nobody's credential", func(a *authenticator) { a.id = newAuthenticator(t).id }},
		{"one that could not be copied", func(a *authenticator) { a.flags |= 8 }},
	} {
		x := good()
		c.change(x)
		b := w.browser()
		p := b.authorize()
		b.out(c.name, b.sends(p, "passkey", x.get(p.body, w.http.URL)))
		if c.name == "no handle" { // which it may leave out when it is asked for by name
			continue
		}
		b = w.browser()
		p = b.byPassword("ada@acme.example")
		b.out(c.name+" as second factor", b.sends(p, "passkey", x.get(p.body, w.http.URL)))
	}
	b := w.browser()
	p = b.byPassword("ada@acme.example")
	b.out("somebody else's as second factor", b.sends(p, "passkey", bens.get(p.body, w.http.URL)))
	for _, text := range []string{"{}", "null", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, strings.Repeat("x", 40<<10), "\x00"} {
		b := w.browser()
		b.out("no answer at all", b.sends(b.authorize(), "passkey", text))
	}

	// An answer is good once, for the page that asked, in the browser that it asked in.
	b = w.browser()
	p = b.authorize()
	answer := a.get(p.body, w.http.URL)
	other := w.browser()
	other.out("in another login", other.sends(other.authorize(), "passkey", answer))
	b.get(w.issuer + "/login?l=" + loginIn(p.body))
	b.out("after the page was loaded anew", b.sends(p, "passkey", answer))
	p = b.authorize("prompt", "login")
	answer = a.get(p.body, w.http.URL)
	w.in(b.sends(p, "passkey", answer))
	again := b.sends(p, "passkey", answer)
	w.is("a second time", again.to().Query().Has("code"), false)

	// Of two who send the same answer at once one is let in.
	for range 3 {
		b := w.browser()
		p := b.authorize()
		answer := a.get(p.body, w.http.URL)
		var won atomic.Int64
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if b.sends(p, "passkey", answer).to().Query().Has("code") {
					won.Add(1)
				}
			})
		}
		all.Wait()
		w.is("at once", won.Load(), 1)
	}

	// A passkey of one tenant is nothing to another.
	tenant := must(w.db.TenantBySlug(t.Context(), "other")).ID
	_, err := w.db.SSO().PutProvider(t.Context(), audit.Actor{}, sso.Provider{ID: "p2", Tenant: tenant, Alias: "local", Kind: sso.KindLocal, Name: "local", State: sso.Enabled})
	w.must(err)
	_, err = w.db.SSO().PutClient(t.Context(), audit.Actor{}, "created", sso.Client{
		Tenant: tenant, ID: "app", Name: "App", Redirects: []string{callback}, Auth: sso.AuthNone, Grants: []sso.GrantType{sso.GrantCode},
	})
	w.must(err)
	elsewhere := w.browser()
	at := w.http.URL + "/sso/other"
	p = elsewhere.get(at + "/authorize?" + asking().Encode())
	q := elsewhere.post(at+"/login", url.Values{"l": {loginIn(p.body)}, "passkey": {a.get(p.body, w.http.URL)}})
	w.is("at another tenant", q.to().Query().Has("code"), false)
}

// TestHostileEnrolment: what is set up is set up by its person, at this site, once.
func TestHostileEnrolment(t *testing.T) { both(t, testHostileEnrolment) }

func testHostileEnrolment(t *testing.T) {
	w := twoFactors(t)
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
	count := func() int { f := must(w.db.SSO().Factors(t.Context(), w.tenant, w.ada)); return len(f.Passkeys) }
	for name, change := range map[string]func(*authenticator){
		"another origin":      func(a *authenticator) { a.origin = "https://evil.example" },
		"another host name":   func(a *authenticator) { a.rp = "evil.example" },
		"nobody was verified": func(a *authenticator) { a.flags = 1 },
		"another challenge":   func(a *authenticator) { a.challenge = b64.EncodeToString(make([]byte, 32)) },
	} {
		a := newAuthenticator(t)
		change(a)
		b := w.browser()
		p := b.byPassword("ada@acme.example")
		b.out(name, b.sends(p, "passkey", a.make(p.body, w.http.URL)))
		w.is(name, count(), 0)
	}
	// Two logins that both wait for a first factor: who comes second is asked for the one that there is now.
	one, two := w.browser(), w.browser()
	p, q := one.byPassword("ada@acme.example"), two.byPassword("ada@acme.example")
	a := newAuthenticator(t)
	one.sends(p, "passkey", a.make(p.body, w.http.URL))
	q = two.sends(q, "passkey", newAuthenticator(t).make(q.body, w.http.URL))
	w.is("passkeys", count(), 1)
	w.is("asked for it", len(askedIn(t, q.body).Allow), 1)
	two.out("the second", q)
	// Recovery codes stay with the login until they were said to be kept, and are gone then.
	r := one.get(w.issuer + "/login?l=" + loginIn(p.body))
	w.is("after a reload", len(codesIn(r.body)), 10)
	w.in(one.sends(r))
}

// TestHostName: a passkey for another host name than the server has now cannot be shown, and whoever has one is not let in without; a recovery code
// helps.
func TestHostName(t *testing.T) { both(t, testHostName) }

func testHostName(t *testing.T) {
	w := twoFactors(t)
	w.withPasskey("ada@acme.example")
	w.http.URL = strings.Replace(w.http.URL, "localhost", "127.0.0.1", 1)
	w.issuer = w.http.URL + "/sso/acme"
	b := w.browser()
	p := b.byPassword("ada@acme.example")
	w.is("asked for a passkey", strings.Contains(p.body, "data-passkey"), false)
	w.is("asked for a recovery code", strings.Contains(p.body, `name="code"`), true)
	b.out("without", p)
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
	b = w.browser()
	p = b.byPassword("ada@acme.example")
	w.is("may set up another one", secretOnPage.MatchString(p.body), false)
}
