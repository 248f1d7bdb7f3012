package sso_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/sso"
)

// TestPolicies: whom an identity may become, and whom it may not, by each policy.
func TestPolicies(t *testing.T) {
	verified := sso.Identity{Issuer: "i", Subject: "new", Email: "ADA@acme.example", EmailVerified: true, UserName: "ada.l", Name: "Ada L."}
	unverified, nobody, byName, two := verified, verified, verified, verified
	unverified.EmailVerified = false
	nobody.Email, nobody.UserName = "zoe@acme.example", "zoe"
	byName.Email, byName.UserName = "", "Ada@Acme.example"
	two.Email = "shared@acme.example"
	odd := verified
	odd.Email = "ada@acme.example@evil.example"
	for _, c := range []struct {
		name     string
		policy   sso.LinkPolicy
		trust    bool
		identity sso.Identity
		code     lockstep.Code // "" lets in
	}{
		{"imported, verified address", sso.PolicyImported, false, verified, ""},
		{"imported by default", "", false, verified, ""},
		{"imported, address that is not verified", sso.PolicyImported, false, unverified, lockstep.CodeSSOUnknown},
		{"imported, the same of a trusted provider", sso.PolicyImported, true, unverified, ""},
		{"imported, user name", sso.PolicyImported, false, byName, lockstep.CodeSSOUnknown},
		{"imported, user name of a trusted provider", sso.PolicyImported, true, byName, ""},
		{"imported, nobody", sso.PolicyImported, true, nobody, lockstep.CodeSSOUnknown},
		{"imported, two people", sso.PolicyImported, true, two, lockstep.CodeSSOAmbiguous},
		{"imported, two @", sso.PolicyImported, true, odd, lockstep.CodeSSOUnknown},
		{"create, somebody", sso.PolicyCreate, false, verified, ""},
		{"create, nobody", sso.PolicyCreate, false, nobody, ""},
		{"create, an address that is not verified and taken", sso.PolicyCreate, false, func() sso.Identity { i := unverified; i.UserName = "ada@acme.example"; return i }(), lockstep.CodeSSOAmbiguous},
		{"create, two people", sso.PolicyCreate, true, two, lockstep.CodeSSOAmbiguous},
		{"verified, not trusted", sso.PolicyVerified, false, verified, lockstep.CodeSSOUnknown},
		{"verified, trusted", sso.PolicyVerified, true, verified, ""},
		{"verified, trusted, not verified", sso.PolicyVerified, true, unverified, lockstep.CodeSSOUnknown},
		{"verified, user name", sso.PolicyVerified, true, byName, lockstep.CodeSSOUnknown},
		{"linked", sso.PolicyLinked, true, verified, lockstep.CodeSSOUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, name := range []string{"one@acme.example", "two@acme.example"} {
				id := w.person(name, "x", "y")
				all, err := w.db.Users(t.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}})
				w.must(err)
				all[0].Attributes.Set("emails", mails("shared@acme.example"))
				w.commit(directory.PutUser{User: all[0]})
			}
			w.setProvider("webex", func(p *sso.Provider) { p.Policy, p.TrustEmail = c.policy, c.trust })
			w.up.becomes(c.identity)
			b := w.browser()
			p := b.comeBack(b.authorize())
			in := p.to().Query().Get("code") != ""
			if in != (c.code == "") {
				t.Fatalf("let in: %t, %d %s", in, p.StatusCode, p.body)
			}
			if !in {
				w.is("why", w.reason(p), c.code)
				return
			}
			sub := w.claimsOf(w.token(redeeming(p.to().Query().Get("code"))).ID, "JWT")["sub"]
			if added := c.identity.Email == "zoe@acme.example"; (sub == string(w.ada)) == added {
				t.Errorf("it is %v", sub)
			}
			// The link decides from now on, whatever has become of names; another identity of the provider is refused.
			changed := c.identity
			changed.Email, changed.UserName = "other@acme.example", "other"
			w.up.becomes(changed)
			w.setProvider("webex", func(p *sso.Provider) { p.Policy = sso.PolicyLinked })
			again := w.browser()
			q := again.comeBack(again.authorize())
			w.is("linked", w.claimsOf(w.token(redeeming(q.to().Query().Get("code"))).ID, "JWT")["sub"], sub)
			w.setProvider("webex", func(p *sso.Provider) { p.Policy, p.TrustEmail = c.policy, c.trust })
			if c.identity.Email == "zoe@acme.example" {
				return
			}
			second := c.identity
			second.Subject = "another"
			w.up.becomes(second)
			third := w.browser()
			w.is("a second identity", w.reason(third.comeBack(third.authorize())), lockstep.CodeSSORefused)
		})
	}
}

// reason finds the reference on a page of errors, and looks why the login was refused.
func (w *world) reason(p page) lockstep.Code {
	w.Helper()
	_, rest, _ := strings.Cut(p.body, "<code>")
	reference, _, _ := strings.Cut(rest, "</code>")
	tr, err := w.db.SSO().Trace(w.Context(), w.tenant, sso.LoginID(reference))
	if err != nil {
		w.Fatalf("%v: %d %s", err, p.StatusCode, p.body)
	}
	if tr.Outcome != sso.OutcomeRefused || len(tr.Stages) == 0 {
		w.Errorf("trace %+v", tr)
	}
	return tr.Code
}

// TestConfirm: who matches signs in as before once, and is linked then; who signs in as somebody else is not.
func TestConfirm(t *testing.T) {
	w := newWorld(t)
	w.provider("old", func(p *sso.Provider) { p.TrustEmail = true })
	w.person("ben@acme.example", "Ben", "Ito")
	ben := sso.Identity{Issuer: "old", Subject: "ben", Email: "ben@acme.example", EmailVerified: true}
	ada := sso.Identity{Issuer: "old", Subject: "ada", Email: "ada@acme.example", EmailVerified: true}
	w.setProvider("webex", func(p *sso.Provider) { p.Policy = sso.PolicyConfirm })
	try := func(then sso.Identity) page {
		b := w.browser()
		w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "new", Email: "ada@acme.example", EmailVerified: true})
		p := b.comeBack(b.post(w.issuer+"/login", url.Values{"l": {loginIn(b.authorize().body)}, "provider": {"webex"}}))
		if !strings.Contains(p.body, "Sign in as you did before") || strings.Contains(p.body, `value="webex"`) || !strings.Contains(p.body, `value="old"`) {
			t.Fatalf("not asked to: %d %s", p.StatusCode, p.body)
		}
		w.up.becomes(then)
		return b.comeBack(b.post(w.issuer+"/login", url.Values{"l": {loginIn(p.body)}, "provider": {"old"}}))
	}
	w.is("as somebody else", w.reason(try(ben)), lockstep.CodeSSORefused)
	if _, err := w.db.SSO().Link(t.Context(), w.tenant, "", "https://idp.example", "new"); lockstep.CodeOf(err) != lockstep.CodeNotFound {
		t.Errorf("linked: %v", err)
	}
	if p := try(ada); p.to().Query().Get("code") == "" {
		t.Fatalf("as themselves: %d %s", p.StatusCode, p.body)
	}
	links, err := w.db.SSO().LinksOf(t.Context(), w.tenant, w.ada)
	if err != nil || len(links) != 2 {
		t.Errorf("links %+v, %v", links, err)
	}
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "new"})
	b := w.browser()
	p := b.comeBack(b.post(w.issuer+"/login", url.Values{"l": {loginIn(b.authorize().body)}, "provider": {"webex"}}))
	w.is("the next time", p.to().Query().Get("code") != "", true)
}

// TestLoginPage: a button for each provider that can be used, the one used last first; a form where passwords are asked for; two languages; no
// script.
func TestLoginPage(t *testing.T) {
	w := newWorld(t)
	w.provider("second", func(p *sso.Provider) { p.Order = 1 })
	w.provider("hidden", func(p *sso.Provider) { p.Hidden = true })
	w.provider("draft", func(p *sso.Provider) { p.State = sso.Draft })
	home := w.provider("home", func(p *sso.Provider) { p.Hidden, p.Domains = true, []string{"Home.example"} })
	b := w.browser()
	p := b.authorize()
	w.is("order", strings.Index(p.body, `value="webex"`) < strings.Index(p.body, `value="second"`), true)
	for _, alias := range []string{"hidden", "draft", "home"} {
		w.is(alias, strings.Contains(p.body, `value="`+alias+`"`), false)
	}
	w.is("a password", strings.Contains(p.body, "password"), false)
	w.is("a script", strings.Contains(p.body, "<script"), false)
	w.is("the application", strings.Contains(p.body, "The app"), true)
	w.is("dark", strings.Contains(p.body, `class="system"`), true)
	w.is("for nobody else", b.post(w.issuer+"/login", url.Values{"l": {loginIn(p.body)}, "provider": {"second"}}, "Sec-Fetch-Site", "cross-site").StatusCode, 403)
	b.comeBack(b.post(w.issuer+"/login", url.Values{"l": {loginIn(p.body)}, "provider": {"second"}}))
	p = b.authorize("prompt", "select_account")
	w.is("the last one first", strings.Index(p.body, `value="second"`) < strings.Index(p.body, `value="webex"`), true)
	w.is("and says so", strings.Contains(p.body, "used last"), true)
	p = w.browser().authorize("ui_locales", "fr de-AT en")
	w.is("German", strings.Contains(p.body, `lang="de"`) && strings.Contains(p.body, "Anmelden"), true)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.issuer+"/authorize?"+asking().Encode(), nil)
	w.must(err)
	r.Header.Set("Accept-Language", "fr-CH, de;q=0.9, en;q=0.8")
	w.is("German by the browser", strings.Contains(w.browser().do(r).body, "Anmelden"), true)
	w.is("by the domain", w.browser().authorize("login_hint", "x@home.EXAMPLE").to().Host, "idp.example")
	w.is("asked with", w.up.attempts[len(w.up.attempts)-1].RedirectURI, w.issuer+"/idp/home/callback")
	w.is("two domains", w.browser().authorize("login_hint", "x@evil.example@home.example").StatusCode, 200)
	w.setClient("app", func(c *sso.Client) { c.Provider = home.ID })
	w.is("pinned, though hidden", w.browser().authorize().to().Host, "idp.example")
	w.setClient("app", func(c *sso.Client) { c.Provider = "" })
	w.setProvider("webex", func(p *sso.Provider) { p.Name = `<script>alert(1)</script>` })
	w.is("a name that is a script", strings.Contains(w.browser().authorize().body, "<script>alert"), false)
	for _, alias := range []string{"webex", "second", "hidden", "home"} {
		w.setProvider(alias, func(p *sso.Provider) { p.State = sso.Disabled })
	}
	p = w.browser().authorize()
	if !strings.Contains(p.body, "No way to sign in is set up") || !strings.Contains(p.body, "An administrator has to set this right") {
		t.Errorf("no provider: %d %s", p.StatusCode, p.body)
	}
	w.is("why", w.reason(p), lockstep.CodeSSONoProvider)
}

// TestPasswords: a form, for providers that take passwords; a wrong one is told on the page, and not too often.
func TestPasswords(t *testing.T) {
	w := newWorld(t)
	w.setProvider("webex", func(p *sso.Provider) { p.Kind, p.TrustEmail = sso.KindLDAP, true })
	b := w.browser()
	p := b.authorize("login_hint", `"><b>`)
	if !strings.Contains(p.body, `autocomplete="current-password"`) || strings.Contains(p.body, `"><b>`) {
		t.Fatalf("the form: %d %s", p.StatusCode, p.body)
	}
	login := loginIn(p.body)
	send := func(b *browser, login, name, password string) page {
		return b.post(w.issuer+"/login", url.Values{"l": {login}, "name": {name}, "password": {password}})
	}
	p = send(b, login, "ada@acme.example", "wrong")
	if p.StatusCode != 200 || !strings.Contains(p.body, "is wrong") || strings.Contains(p.body, `value="wrong"`) {
		t.Errorf("a wrong password: %d %s", p.StatusCode, p.body)
	}
	w.is("another browser", send(w.browser(), login, "ada@acme.example", "sesame").StatusCode, 400)
	p = send(b, login, "ada@acme.example", "sesame")
	w.is("the right one", p.to().Query().Get("code") != "", true)
	w.is("sent on by", p.StatusCode, http.StatusSeeOther)
	w.is("again", send(b, login, "ada@acme.example", "sesame").StatusCode, 400)

	login = loginIn(b.authorize("prompt", "login").body)
	for range 10 {
		p = send(b, login, "ADA@acme.example", "wrong")
	}
	p = send(b, login, "ada@acme.example", "sesame")
	if p.to().Query().Get("code") != "" || !strings.Contains(p.body, "Too many") {
		t.Errorf("after ten wrong ones: %d %s", p.StatusCode, p.body)
	}
	other := w.browser()
	w.is("another name", send(other, loginIn(other.authorize().body), "zoe@acme.example", "wrong").StatusCode, 200)
	w.later(15 * time.Minute)
	w.is("a quarter of an hour later", send(b, loginIn(b.authorize("prompt", "login").body), "ada@acme.example", "sesame").to().Query().Get("code") != "", true)
	w.disable(w.ada)
	w.is("who is disabled", w.reason(send(other, loginIn(other.authorize().body), "ada@acme.example", "sesame")), lockstep.CodeSSODisabled)
}

// TestTrial: a test sign-in works for a draft, once, lets nobody in, and says whom it would have been.
func TestTrial(t *testing.T) {
	w := newWorld(t)
	draft := w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Draft })
	id, address, err := w.sso.NewTest(t.Context(), "acme", draft)
	w.must(err)
	b := w.browser()
	p := b.comeBack(b.get(address))
	if p.StatusCode != 200 || !strings.Contains(p.body, "ada@acme.example") || !strings.Contains(p.body, "Nobody was signed in") {
		t.Fatalf("the test: %d %s", p.StatusCode, p.body)
	}
	w.is("the address again", w.browser().get(address).StatusCode, 400)
	if links, err := w.db.SSO().LinksOf(t.Context(), w.tenant, w.ada); err != nil || len(links) != 0 {
		t.Errorf("links %+v, %v", links, err)
	}
	if all, err := w.db.SSO().Sessions(t.Context(), w.tenant, sso.Who{}, 10); err != nil || len(all) != 0 {
		t.Errorf("sessions %+v, %v", all, err)
	}
	tr, err := w.db.SSO().Trace(t.Context(), w.tenant, id)
	if err != nil || tr.Outcome != sso.OutcomeTested {
		t.Errorf("%+v, %v", tr, err)
	}
	if now, err := w.db.SSO().Provider(t.Context(), w.tenant, draft.ID); err != nil || now.Tested.IsZero() {
		t.Errorf("%+v, %v", now, err)
	}
	w.up.mu.Lock()
	w.up.fails = &lockstep.Error{Code: "idp.ca_unknown", Detail: "the certificate is signed by an authority that is not known"}
	w.up.mu.Unlock()
	draft = w.setProvider("webex", func(p *sso.Provider) { p.Tested = time.Time{} })
	_, address, err = w.sso.NewTest(t.Context(), "acme", draft)
	w.must(err)
	p = b.comeBack(b.get(address))
	if !strings.Contains(p.body, "an authority that is not known") || !strings.Contains(p.body, "failed") {
		t.Errorf("a test that fails: %d %s", p.StatusCode, p.body)
	}
	if now, err := w.db.SSO().Provider(t.Context(), w.tenant, draft.ID); err != nil || !now.Tested.IsZero() {
		t.Errorf("%+v, %v", now, err)
	}
	_, address, err = w.sso.NewTest(t.Context(), "acme", draft)
	w.must(err)
	w.later(16 * time.Minute)
	w.is("too late", w.browser().get(address).StatusCode, 400)
}

// TestProviderFails: the page says that it is the provider, and lets the person choose again.
func TestProviderFails(t *testing.T) {
	w := newWorld(t)
	w.up.fails = &lockstep.Error{Code: "idp.unreachable", Detail: "secret detail"}
	b := w.browser()
	p := b.comeBack(b.authorize())
	if p.StatusCode != 502 || !strings.Contains(p.body, "The identity provider did not sign you in") || strings.Contains(p.body, "secret detail") {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
	_, rest, _ := strings.Cut(p.body, `class="button" href="`)
	again, _, _ := strings.Cut(rest, `"`)
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true})
	p = b.get(strings.ReplaceAll(again, "&amp;", "&"))
	p = b.comeBack(b.post(w.issuer+"/login", url.Values{"l": {loginIn(p.body)}, "provider": {"webex"}}))
	w.is("then", p.to().Query().Get("code") != "", true)
}

// TestDeclined: who says no at the provider reads that it was them, and may choose again.
func TestDeclined(t *testing.T) {
	w := newWorld(t)
	w.up.fails = &lockstep.Error{Code: lockstep.CodeIdPDenied, Detail: "secret detail"}
	b := w.browser()
	p := b.comeBack(b.authorize())
	for _, words := range []string{"you did not go through with it there", "This is for you to do", "Choose another way to sign in", "Reference"} {
		if p.StatusCode != 403 || !strings.Contains(p.body, words) || strings.Contains(p.body, "secret detail") {
			t.Errorf("%d, without “%s”:\n%s", p.StatusCode, words, p.body)
		}
	}
}

// TestSubmitHash: the one script of the pages is the one that the policy names.
func TestSubmitHash(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn()
	p := b.authorize("response_mode", "form_post")
	_, rest, _ := strings.Cut(p.body, "<script>")
	script, _, _ := strings.Cut(rest, "</script>")
	sum := sha256.Sum256([]byte(script))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; script == "" || !strings.Contains(p.Header.Get("Content-Security-Policy"), want) {
		t.Errorf("%q is %s: %s", script, want, p.Header.Get("Content-Security-Policy"))
	}
}
