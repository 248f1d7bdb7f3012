package sso_test

import (
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/sso"
	"lockstep/token"
)

// TestOwnPassword: whoever signs in with a password that they were given chooses one of their own before they are let in, and after everything
// else that they have to show; of two who know it one does.
func TestOwnPassword(t *testing.T) { both(t, testOwnPassword) }

func testOwnPassword(t *testing.T) {
	w := twoFactors(t)
	const ada, given, own = "ada@acme.example", "a sentence for once", "a sentence of my own"
	hash, err := token.HashPassword(given)
	w.must(err)
	give := func(d time.Duration) {
		w.commit(directory.SetPassword{ID: w.ada, Hash: hash, Until: w.now().Add(d)})
	}
	kept := func(password string) bool {
		k := must(w.db.SSO().Password(t.Context(), w.tenant, w.ada))
		return k.Ends.IsZero() && must(token.CheckPassword(k.Hash, password))
	}
	asked := func(p page) bool { return strings.Contains(p.body, `name="new"`) }

	give(time.Hour)
	b, other := w.browser(), w.browser()
	p, q := b.byPassword(ada), other.byPassword(ada)
	w.is("asked", asked(p) && asked(q), true)
	b.out("with what was given", p)
	w.is("loaded again", asked(b.get(w.issuer+"/login?l="+loginIn(p.body))), true)
	for _, c := range [][2]string{{"short", "At least 12"}, {strings.ToUpper(ada), "At least 12"}, {"", "At least 12"}, {given, "the one that you were given"}} {
		p = b.sends(p, "new", c[0])
		w.is("refused: "+c[0], asked(p) && strings.Contains(p.body, `role="alert"`) && strings.Contains(p.body, c[1]), true)
	}
	b.out("with what was refused", p)
	back := b.sends(p, "back", "yes")
	w.is("another way", strings.Contains(back.body, `name="password"`), true)
	p = b.byPassword(ada)
	w.is("amr", w.in(b.sends(p, "new", own))["amr"], "[pwd]")
	w.is("kept", kept(own), true)
	q = other.sends(q, "new", "a sentence of whoever else knows it")
	w.is("said", strings.Contains(q.body, "was to be changed before now"), true)
	other.out("who knew it, too", q)
	w.is("kept still", kept(own), true)
	w.in(w.browser().byPassword(ada))

	// It has ended, or another one was given, while they chose.
	give(time.Minute)
	p = b.byPassword(ada)
	w.later(2 * time.Minute)
	b.out("too late", b.sends(p, "new", own))
	give(time.Hour)
	p = b.byPassword(ada)
	give(2 * time.Hour)
	b.out("given anew", b.sends(p, "new", own))
	w.is("none of their own", kept(own), false)

	// Of several who choose at once one goes on, with what is kept then.
	give(time.Hour)
	const many = 6
	var pages [many]page
	var browsers [many]*browser
	for i := range many {
		browsers[i] = w.browser()
		pages[i] = browsers[i].byPassword(ada)
	}
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() { pages[i] = browsers[i].sends(pages[i], "new", own+strconv.Itoa(i)) })
	}
	all.Wait()
	winners := 0
	for i := range many {
		if pages[i].to().Query().Has("code") {
			winners++
			w.is("what the winner chose", kept(own+strconv.Itoa(i)), true)
		}
	}
	w.is("winners", winners, 1)

	// A second factor that they have is shown first, and one that they have to set up comes after: nobody else who knows the password sets one up.
	give(time.Hour)
	w.setProvider("local", func(p *sso.Provider) { p.SecondFactor = sso.DemandRequired })
	has := func() bool { return must(w.db.SSO().Factors(t.Context(), w.tenant, w.ada)).Any() }
	x := w.browser() // of somebody else who knows the password, and goes away
	p = x.byPassword(ada)
	w.is("before one is set up", asked(p), true)
	x.sends(p, "code", "000000")
	w.is("nothing is set up", has(), false)
	p = b.byPassword(ada)
	w.is("asked first", asked(p), true)
	p = b.sends(p, "new", own+"?")
	w.is("not in yet", asked(p) || p.to().Query().Has("code"), false)
	app := appOf(t, p.body)
	p = b.sends(p, "code", app.code(w.now()))
	w.is("codes", len(codesIn(p.body)), 10)
	w.is("with both", w.in(b.sends(p))["amr"], "[pwd otp mfa]")
	w.is("set up", has(), true)
	give(time.Hour)
	w.later(time.Minute)
	p = b.byPassword(ada)
	w.is("one that is there is asked for first", asked(p), false)
	p = b.sends(p, "code", app.code(w.now()))
	w.is("then the password", asked(p), true)
	w.is("with both again", w.in(b.sends(p, "new", own))["amr"], "[pwd otp mfa]")
	w.later(time.Minute)

	// Nobody comes round it by the account page.
	give(time.Hour)
	x = w.browser()
	p = x.sends(x.at(""), "name", ada, "password", "sesame")
	w.later(time.Minute)
	p = x.sends(p, "code", app.code(w.now()))
	w.is("at the account page", asked(p), true)
	w.is("not in", strings.Contains(x.at("").body, overviewTitle), false)
	p = x.goes(x.sends(p, "new", own+"!"))
	if !strings.Contains(p.body, overviewTitle) {
		t.Errorf("not in: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	w.is("kept there", kept(own+"!"), true)
}

const overviewTitle = "Where you are signed in"

var otherLanguage = regexp.MustCompile(`<a href="([^"]+)" lang="(\w+)"`)

// TestLanguages: the pages are in the language that somebody chooses, which their browser keeps, whatever an application asks for; without a script.
func TestLanguages(t *testing.T) {
	w := newWorld(t)
	w.provider("second", nil)
	b := w.browser()
	p := b.authorize("ui_locales", "en")
	german := func(p page) bool {
		return strings.Contains(p.body, `<html lang="de"`) && strings.Contains(p.body, "<h1>Anmelden</h1>") && strings.Contains(p.body, `<span lang="de" aria-current="true">Deutsch</span>`)
	}
	link := otherLanguage.FindStringSubmatch(p.body)
	if german(p) || len(link) != 3 || link[2] != "de" || strings.Contains(p.body, "<script") {
		t.Fatalf("%q\n%s", link, p.body)
	}
	to := w.http.URL + html.UnescapeString(link[1])
	w.is("of another browser", w.browser().get(to).StatusCode, http.StatusBadRequest)
	p = b.get(to)
	w.is("chosen", german(p), true)
	w.is("goes on", b.sends(p, "provider", "second").to().Host, "idp.example")
	w.is("kept", german(b.authorize("ui_locales", "en")), true)
	w.is("nobody else's", german(w.browser().authorize()), false)
	p = b.get(to[:len(to)-2] + "xx")
	w.is("one that there is not", p.StatusCode == http.StatusOK && german(p) && len(p.Cookies()) == 0, true)
	b.comeBack(b.sends(p, "provider", "second"))
	p = b.at("")
	w.is("account", strings.Contains(p.body, `<html lang="de"`), true)
	link = otherLanguage.FindStringSubmatch(p.body)
	w.is("and back", len(link) == 3 && strings.Contains(b.get(w.http.URL+html.UnescapeString(link[1])).body, `<html lang="en"`), true)
	w.is("kept", strings.Contains(b.at("").body, `<html lang="en"`), true)
}
