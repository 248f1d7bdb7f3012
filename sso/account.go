package sso

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"lockstep"
	"lockstep/directory"
)

// AccountClient stands for the page on which people look after what is theirs. It is no application of the tenant: nobody can ask for a code as
// it, and whoever signs in to it gets a session and nothing else.
const AccountClient ClientID = "lockstep-account"

func accountClient(lang string) Client {
	return Client{ID: AccountClient, Name: texts[lang]["account"]}
}

// freshLife is how long ago somebody may have shown who they are before they change what they sign in with.
const freshLife = 10 * time.Minute

// The parts of the account page, each an address below it. All but the first are severe: they want it shown anew who asks.
const (
	partOverview = ""
	partPasskey  = "passkey"
	partTOTP     = "app"
	partCodes    = "codes"
	partRemove   = "remove"
	partPassword = "password"
	partLink     = "link"
	partUnlink   = "unlink"
)

var accountParts = []string{partOverview, partPasskey, partTOTP, partCodes, partRemove, partPassword, partLink, partUnlink}

func (x site) account(part string) string {
	if part == "" {
		return x.issuer + "/account"
	}
	return x.issuer + "/account/" + part
}

// own is a visit of somebody to their account page.
type own struct {
	*visit
	session Session
	user    directory.User
	have    FactorSet
}

// account shows a part of the account page, or does what its form says, for who is signed in in this browser. Whoever is not signs in first.
func (s *Server) account(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	part := r.PathValue("part")
	if !slices.Contains(accountParts, part) {
		return errNoSite
	}
	lang := x.locale(bounded(r.URL.Query().Get("ui_locales")), r)
	if chosen := language(r.URL.Query().Get("lang")); chosen != "" {
		lang = chosen
		http.SetCookie(w, (&visit{site: x, r: r}).cookie(cookieLanguage, lang, 365*24*time.Hour))
	}
	v := s.newVisit(w, r, x, accountClient(lang))
	v.login.Locale, v.login.Return = lang, part
	ctx := r.Context()
	session, err := v.session(ctx)
	if err != nil {
		return err
	}
	if session == nil {
		return v.enter(ctx)
	}
	o := &own{visit: v, session: *session}
	v.login.Person, v.login.Chosen = session.Person, session.Provider
	if o.user, err = v.self(ctx); err != nil {
		return err
	}
	if o.have, err = s.Store.Factors(ctx, x.tenant.ID, session.Person.User); err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		return o.posted(ctx, part)
	}
	return o.shown(ctx, part)
}

// enter begins a sign-in to the account page.
func (v *visit) enter(ctx context.Context) error {
	if !v.limits.begins(v.site.tenant.ID, v.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	v.bind()
	v.stage(Stage{Name: "account", OK: true})
	return v.run(ctx)
}

// signedHere leads whoever has signed in to the part of the account page that they wanted.
func (v *visit) signedHere() answerer {
	l := &v.login
	l.Step, l.Identity = StepEnded, nil
	v.trace(OutcomeSigned, nil)
	to := v.site.account(l.Return)
	if l.Return != partOverview {
		to += "?again=1"
	}
	return func() error { redirect(v.w, v.r, to); return nil }
}

// fresh reports whether the person has shown who they are a short while ago: by a second factor, if they have one.
func (o *own) fresh() bool {
	since := o.session.AuthTime
	if o.have.Any() {
		since = o.session.FactorAt
	}
	return o.now().Sub(since) <= freshLife
}

// prove has the person show again who they are, and come back to the part. Who has a second factor shows that; who has none signs in anew.
func (o *own) prove(ctx context.Context, part string) error {
	if o.r.URL.Query().Has("again") && !o.have.Any() {
		return o.errorPage(&lockstep.Error{Code: lockstep.CodeSSOFresh}, o.site.account(partOverview))
	}
	l := &o.login
	l.Return = part
	if o.have.Any() {
		l.Step, l.Reused = StepFactor, o.session.ID
	} else {
		l.Person, l.Chosen = Person{}, ""
		l.Request.Prompt, l.Request.Subject = []string{"login"}, o.session.Person.User
	}
	return o.enter(ctx)
}

// shown shows a part of the page.
func (o *own) shown(ctx context.Context, part string) error {
	if part == partOverview {
		return o.overview(ctx)
	}
	if part == partRemove && o.removed() == "" {
		return errNoSite
	}
	if !o.fresh() {
		if part == partRemove || part == partLink || part == partUnlink { // what it is about is chosen again
			part = partOverview
		}
		return o.prove(ctx, part)
	}
	switch part {
	case partPasskey, partTOTP:
		o.login.Step, o.login.Reused, o.login.Return = StepEnrol, o.session.ID, partOverview
		o.login.Enrol = &Enrolment{Only: FactorPasskey}
		if part == partTOTP {
			o.login.Enrol.Only = FactorTOTP
		}
		return o.enter(ctx)
	case partRemove:
		return o.ask("removeFactor", o.removed(), "remove", o.r.URL.Query().Get("key"))
	case partLink:
		p, err := o.toLink(ctx)
		if err != nil {
			return err
		}
		return o.ask("linkNew", p.Name, partLink, p.Alias)
	case partUnlink:
		l, p, err := o.theirLink(ctx)
		if err != nil {
			return err
		}
		return o.ask("unlink", p.Name+" · "+clip(l.Subject), partUnlink, string(p.ID))
	case partCodes:
		if !o.have.Any() {
			return errNoSite
		}
		return o.ask("newCodes", "", "codes", "")
	default:
		if may, err := o.hasPassword(ctx); err != nil || !may {
			return errors.Join(err, errNoSite)
		}
		return o.passwordPage("")
	}
}

// token is what the forms of the page carry. It hangs on the session's cookie, which no other site knows.
func (o *own) token() string {
	sum := sha256.Sum256([]byte("account form\x00" + o.site.cookieValue(o.r, cookieSession)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// posted does what a form says.
func (o *own) posted(ctx context.Context, part string) error {
	if err := cross(o.r); err != nil {
		return err
	}
	if err := o.r.ParseForm(); err != nil {
		return request("The form cannot be read.")
	}
	if subtle.ConstantTimeCompare([]byte(o.r.PostForm.Get("token")), []byte(o.token())) != 1 {
		return &lockstep.Error{Code: lockstep.CodeCrossSite}
	}
	if part != partOverview && !o.fresh() {
		return o.prove(ctx, partOverview)
	}
	t, by, user := o.site.tenant.ID, actor(o.user), o.session.Person.User
	var err error
	switch {
	case part == partOverview && o.r.PostForm.Get("do") == "rename":
		err = o.rename(ctx)
	case part == partOverview && o.r.PostForm.Get("do") == "end":
		err = o.end(ctx, SessionID(o.r.PostForm.Get("session")))
	case part == partOverview && o.r.PostForm.Get("do") == "end-others":
		err = o.end(ctx, "")
	case part == partRemove && o.removed() != "":
		which := Which{Passkey: o.r.PostForm.Get("key")}
		if which.Passkey == string(FactorTOTP) {
			which = Which{TOTP: true}
		}
		err = o.remove(ctx, which)
	case part == partCodes && o.have.Any():
		shown, kept := newRecovery(t, user)
		if err = o.Store.AddFactors(ctx, by, t, o.session.Person, NewFactors{Codes: kept}); err == nil {
			return o.codesHere(shown)
		}
	case part == partPassword:
		return o.setPassword(ctx)
	case part == partLink:
		return o.link(ctx)
	case part == partUnlink:
		err = o.unlink(ctx)
	default:
		return errNoSite
	}
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound { // what is gone already is as it was to be
		return err
	}
	redirect(o.w, o.r, o.site.account(partOverview))
	return nil
}

// AccountURI is where the people of a tenant, by slug, look after what is theirs; "" while the server has no address.
func (s *Server) AccountURI(slug string) string {
	issuer := s.Issuer(slug)
	if issuer == "" {
		return ""
	}
	u, err := url.JoinPath(issuer, "account")
	if err != nil {
		return ""
	}
	return u
}
