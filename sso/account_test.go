package sso_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
)

var tokenOnPage = regexp.MustCompile(`name="token" value="([^"]+)"`)

// at opens a part of the account page.
func (b *browser) at(part string) page {
	b.Helper()
	return b.get(b.issuer + "/account" + part)
}

// does sends a form of the account page, with the token of the page as it is now.
func (b *browser) does(part string, fields ...string) page {
	b.Helper()
	token := ""
	if m := tokenOnPage.FindStringSubmatch(b.at("").body); m != nil {
		token = m[1]
	}
	v := url.Values{"token": {token}}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return b.post(b.issuer+"/account"+part, v)
}

// goes follows a redirect within this site.
func (b *browser) goes(p page) page {
	b.Helper()
	if p.to().String() == "" {
		b.Fatalf("not sent on: %d\n%s", p.StatusCode, p.body)
	}
	return b.get(p.to().String())
}

// TestAccountPage: whoever is not signed in signs in first, gets a session and nothing else, and sees and ends what is theirs.
func TestAccountPage(t *testing.T) { both(t, testAccountPage) }

func testAccountPage(t *testing.T) {
	w := twoFactors(t)
	b := w.browser()
	p := b.at("")
	w.is("to sign in", strings.Contains(p.body, `name="password"`) && strings.Contains(p.body, "Your account"), true)
	p = b.sends(p, "name", "ada@acme.example", "password", "sesame")
	w.is("sent to", p.to().String(), w.issuer+"/account")
	p = b.goes(p)
	for _, want := range []string{"This browser", "You have no second factor", "Add a passkey", "Add an authenticator app", "Change the password"} {
		w.is(want, strings.Contains(p.body, want), true)
	}
	w.is("in frames", strings.Contains(p.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'"), true)
	w.is("kept by the browser", p.Header.Get("Cache-Control"), "no-store")
	w.is("in German", strings.Contains(b.at("?ui_locales=de").body, "Wo Sie angemeldet sind"), true)

	// Nobody gets a code as the account page, and it is no client.
	q := b.get(w.issuer + "/authorize?" + asking("client_id", string(sso.AccountClient)).Encode())
	w.is("a code for it", q.StatusCode, http.StatusBadRequest)

	// Sessions: another browser, of this person and of somebody else.
	other := w.browser()
	code := w.in(other.byPassword("ada@acme.example"))
	w.is("other", code["sub"], w.ada)
	w.person("ben@acme.example", "Ben", "Ito")
	bens := w.browser()
	w.in(bens.byPassword("ben@acme.example"))
	bensSession := must(w.db.SSO().Sessions(t.Context(), w.tenant, sso.Who{}, 10))
	var mine, his sso.SessionID
	for _, s := range bensSession {
		switch {
		case s.Person.User != w.ada:
			his = s.ID
		case s.ID == sso.SessionID(code["sid"].(string)):
			mine = s.ID
		}
	}
	p = b.at("")
	w.is("names the application", strings.Contains(p.body, "The app"), true)
	w.is("shows mine", strings.Contains(p.body, string(mine)), true)
	w.is("shows his", strings.Contains(p.body, string(his)), false)
	b.does("", "do", "end", "session", string(his))
	w.is("his stands", bens.authorize("prompt", "none").to().Query().Has("code"), true)
	w.is("without the token", b.post(w.issuer+"/account", url.Values{"do": {"end"}, "session": {string(mine)}}).StatusCode, http.StatusForbidden)
	w.is("of another site", b.post(w.issuer+"/account", url.Values{"do": {"end"}, "session": {string(mine)}, "token": {tokenOnPage.FindStringSubmatch(p.body)[1]}}, "Sec-Fetch-Site", "cross-site").StatusCode, http.StatusForbidden)
	w.is("mine stands", other.authorize("prompt", "none").to().Query().Has("code"), true)
	b.does("", "do", "end", "session", string(mine))
	w.is("mine has ended", other.authorize("prompt", "none").to().Query().Get("error"), "login_required")
	third := w.browser()
	w.in(third.byPassword("ada@acme.example"))
	b.does("", "do", "end-others")
	w.is("all others", third.authorize("prompt", "none").to().Query().Get("error"), "login_required")
	w.is("but this", b.authorize("prompt", "none").to().Query().Has("code"), true)
	w.is("nothing there", b.at("/nothing").StatusCode, http.StatusNotFound)
	w.disable(w.ada)
	w.is("disabled", strings.Contains(b.at("").body, "This browser"), false)
}

// TestAccountFactors: factors are added, renamed and removed by their person, who has to have shown a short while ago who they are, and by a
// second factor once there is one.
func TestAccountFactors(t *testing.T) { both(t, testAccountFactors) }

func testAccountFactors(t *testing.T) {
	w := twoFactors(t)
	have := func() sso.FactorSet { return must(w.db.SSO().Factors(t.Context(), w.tenant, w.ada)) }
	b := w.browser()
	b.goes(b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame"))
	w.later(11 * time.Minute)
	p := b.at("/app")
	w.is("asked who they are", strings.Contains(p.body, `name="password"`) && !secretOnPage.MatchString(p.body), true)
	w.person("ben@acme.example", "Ben", "Ito")
	q := b.sends(p, "name", "ben@acme.example", "password", "sesame")
	w.is("somebody else", q.StatusCode, http.StatusForbidden)
	b = w.browser()
	b.goes(b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame"))
	w.later(11 * time.Minute)
	p = b.goes(b.sends(b.at("/app"), "name", "ada@acme.example", "password", "sesame"))
	a := appOf(t, p.body)
	p = b.sends(p, "code", "000000")
	w.is("a wrong code", have().Any(), false)
	w.is("the secret stays", appOf(t, p.body).code(w.now()), a.code(w.now()))
	before := b.cookie("session")
	p = b.sends(p, "code", a.code(w.now()))
	codes := codesIn(p.body)
	w.is("codes", len(codes), 10)
	p = b.goes(b.sends(p))
	w.is("shown", strings.Contains(p.body, "Authenticator app") && strings.Contains(p.body, "10 left"), true)
	w.is("another cookie", b.cookie("session") != before, true)

	// From now on it is asked for. The password alone is not enough any more, nor is a session of long ago.
	w.later(11 * time.Minute)
	for _, part := range []string{"/app", "/passkey", "/codes", "/password", "/remove?key=totp"} {
		p := b.at(part)
		w.is(part+" asks", strings.Contains(p.body, `name="code"`) && !secretOnPage.MatchString(p.body) && !strings.Contains(p.body, `name="password"`), true)
	}
	for _, part := range []string{"/remove", "/codes", "/password"} {
		p := b.does(part, "key", "totp", "current", "sesame", "new", "a long sentence, new")
		w.is(part+" by form asks", strings.Contains(p.body, `name="code"`), true)
		w.is(part+" by form does nothing", have().TOTP != nil && have().Codes == 10, true)
	}
	p = b.sends(b.at("/passkey"), "code", a.code(w.now()))
	p = b.goes(p)
	key := newAuthenticator(t)
	p = b.goes(b.sends(p, "passkey", key.make(p.body, w.http.URL), "name", "  My\x00 key "))
	w.is("two", len(have().Passkeys), 1)
	w.is("name", have().Passkeys[0].Name, "My key")
	w.is("codes stay", have().Codes, 10)
	id := have().Passkeys[0].Key()
	b.does("", "do", "rename", "key", id, "name", "Blue <b>")
	w.is("renamed", strings.Contains(b.at("").body, "Blue &lt;b&gt;"), true)
	p = b.at("/passkey")
	w.is("not the same twice", len(askedIn(t, p.body).Exclude), 1)

	p = b.does("/codes")
	next := codesIn(p.body)
	w.is("new codes", len(next) == 10 && next[0] != codes[0], true)
	x := w.browser()
	x.out("an old code", x.sends(x.byPassword("ada@acme.example"), "code", codes[0]))
	w.in(x.sends(x.byPassword("ada@acme.example"), "code", next[0]))

	w.is("somebody else's", b.does("/remove", "key", "AAAA").StatusCode, http.StatusNotFound)
	b.does("/remove", "key", "totp")
	w.is("app removed", have().TOTP == nil && have().Codes == 9, true)
	b.does("/remove", "key", id)
	w.is("all removed", have().Any() || have().Codes > 0, false)
}

// TestAccountProvider: a provider that does not ask again who somebody is cannot be the proof of it.
func TestAccountProvider(t *testing.T) { both(t, testAccountProvider) }

func testAccountProvider(t *testing.T) {
	w := twoFactors(t)
	b := w.browser()
	long := w.now().Add(-time.Hour)
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, AuthTime: long})
	b.goes(b.comeBack(b.sends(b.at(""), "provider", "webex")))
	p := b.goes(b.comeBack(b.sends(b.at("/app"), "provider", "webex")))
	w.is("said", strings.Contains(p.body, "has not asked you again"), true)
	w.is("set up", secretOnPage.MatchString(p.body), false)
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, AuthTime: w.now()})
	p = b.goes(b.comeBack(b.sends(b.at("/app"), "provider", "webex")))
	w.is("asked again", secretOnPage.MatchString(p.body), true)
	w.is("that it was asked to", w.up.attempts[len(w.up.attempts)-1].Prompt, "login")
}

// TestAccountPassword: another password for who knows the one before; everything that was signed in with it ends.
func TestAccountPassword(t *testing.T) { both(t, testAccountPassword) }

func testAccountPassword(t *testing.T) {
	w := twoFactors(t)
	b, other := w.browser(), w.browser()
	b.goes(b.sends(b.at(""), "name", "ada@acme.example", "password", "sesame"))
	w.in(other.byPassword("ada@acme.example"))
	hash := func() string { return must(w.db.SSO().Password(t.Context(), w.tenant, w.ada)).Hash }
	for _, c := range [][2]string{{"sesam", "a long sentence"}, {"sesame", "short"}, {"sesame", "ADA@acme.example"}, {"sesame", strings.Repeat("x", 1001)}, {"", "a long sentence"}} {
		p := b.does("/password", "current", c[0], "new", c[1])
		w.is(c[0]+" "+c[1][:min(20, len(c[1]))], strings.Contains(p.body, `role="alert"`), true)
		w.is("kept", hash(), "sesame")
	}
	p := b.does("/password", "current", "sesame", "new", "a long sentence")
	w.is("said", strings.Contains(p.body, "The password is changed"), true)
	w.is("kept", strings.HasPrefix(hash(), "$argon2id$"), true)
	for _, x := range []*browser{b, other} {
		w.is("ended", x.authorize("prompt", "none").to().Query().Get("error"), "login_required")
	}
	// Who has none cannot set one.
	ben := w.person("ben@acme.example", "Ben", "Ito")
	c := w.browser()
	c.goes(c.sends(c.at(""), "name", "ben@acme.example", "password", "sesame"))
	w.is("none", c.at("/password").StatusCode, http.StatusNotFound)
	c.does("/password", "current", "sesame", "new", "a long sentence")
	_, err := w.db.SSO().Password(t.Context(), w.tenant, ben)
	w.is("none kept", lockstep.CodeOf(err), lockstep.CodeNotFound)
}
