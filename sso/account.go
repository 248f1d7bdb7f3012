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
	"strings"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/token"
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
)

var accountParts = []string{partOverview, partPasskey, partTOTP, partCodes, partRemove, partPassword}

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
	lang := locale(bounded(r.URL.Query().Get("ui_locales")), r)
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
		if part == partRemove { // what is to be removed is chosen again
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

// removed is what the factor is called that the address names; "" is none.
func (o *own) removed() string {
	key := o.r.FormValue("key")
	if key == string(FactorTOTP) && o.have.TOTP != nil {
		return texts[o.login.Locale]["app"]
	}
	for _, p := range o.have.Passkeys {
		if p.Key() == key {
			return p.Name
		}
	}
	return ""
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
		if err = o.mayRemove(ctx, which); err == nil {
			_, err = o.Store.RemoveFactors(ctx, by, t, user, which)
		}
	case part == partCodes && o.have.Any():
		shown, kept := newRecovery(t, user)
		if err = o.Store.AddFactors(ctx, by, t, o.session.Person, NewFactors{Codes: kept}); err == nil {
			return o.codesHere(shown)
		}
	case part == partPassword:
		return o.setPassword(ctx)
	default:
		return errNoSite
	}
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound { // what is gone already is as it was to be
		return err
	}
	redirect(o.w, o.r, o.site.account(partOverview))
	return nil
}

// mayRemove refuses the last factor while one is demanded of the person: they would be asked to set another one up by whoever knows their password.
func (o *own) mayRemove(ctx context.Context, which Which) error {
	left := len(o.have.Passkeys)
	if o.have.TOTP != nil && !which.TOTP {
		left++
	}
	for _, k := range o.have.Passkeys {
		if k.Key() == which.Passkey {
			left--
		}
	}
	if left > 0 {
		return nil
	}
	demanded, err := o.demandedOf(ctx)
	if err == nil && demanded {
		err = &lockstep.Error{Code: lockstep.CodeSSOLastFactor}
	}
	return err
}

// demandedOf reports whether an application, or a provider by which the person signs in, demands a second factor of everybody.
func (o *own) demandedOf(ctx context.Context) (bool, error) {
	t := o.site.tenant.ID
	links, err := o.Store.LinksOf(ctx, t, o.session.Person.User)
	if err != nil {
		return false, err
	}
	providers, err := o.Store.Providers(ctx, t)
	if err != nil {
		return false, err
	}
	for _, p := range providers {
		theirs := p.ID == o.session.Provider || p.Kind == KindLocal || slices.ContainsFunc(links, func(l Link) bool { return l.Provider == p.ID })
		if d := p.Demands(); theirs && p.State == Enabled && (d == DemandRequired || d == DemandOwn) {
			return true, nil
		}
	}
	clients, err := o.Store.Clients(ctx, t)
	return slices.ContainsFunc(clients, func(c Client) bool { return !c.Disabled && c.SecondFactor == DemandRequired }), err
}

func (o *own) rename(ctx context.Context) error {
	name := cutName(o.r.PostForm.Get("name"))
	if name == "" {
		return nil
	}
	return o.Store.RenamePasskey(ctx, actor(o.user), o.site.tenant.ID, o.session.Person.User, o.r.PostForm.Get("key"), name)
}

// end ends one session of the person, or all but this one; the applications are told.
func (o *own) end(ctx context.Context, id SessionID) error {
	all, err := o.Store.Sessions(ctx, o.site.tenant.ID, Who{User: o.session.Person.User, Session: id}, maxShown)
	for _, x := range all {
		if err == nil && (id != "" || x.ID != o.session.ID) {
			_, err = o.Store.End(ctx, actor(o.user), o.site.tenant.ID, Who{Session: x.ID}, "ended at the account page")
		}
	}
	o.Wake()
	return err
}

// maxShown is how many sessions are shown, and ended at once.
const maxShown = 100

// hasPassword reports whether the person signs in with a password that is kept here.
func (o *own) hasPassword(ctx context.Context) (bool, error) {
	_, err := o.Store.PasswordHash(ctx, o.site.tenant.ID, o.session.Person.User)
	if errors.Is(err, lockstep.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, has, err := o.local(ctx)
	return has, err
}

// local is the provider of passwords that are kept here.
func (v *visit) local(ctx context.Context) (Provider, bool, error) {
	all, err := v.usable(ctx)
	at := slices.IndexFunc(all, func(p Provider) bool { return p.Kind == KindLocal })
	if at < 0 || err != nil {
		return Provider{}, false, err
	}
	return all[at], true, nil
}

// setPassword gives the person another password, if they know the one that they have. All their sessions end.
func (o *own) setPassword(ctx context.Context) error {
	p, has, err := o.local(ctx)
	if err != nil || !has {
		return errors.Join(err, errNoSite)
	}
	name, next := o.user.Attributes.Text("userName"), o.r.PostForm.Get("new")
	if token.PasswordFault(next) != "" || strings.EqualFold(next, name) {
		return o.passwordPage("passwordRule")
	}
	err = o.password(ctx, []Provider{p}, name, o.r.PostForm.Get("current"))
	if code := lockstep.CodeOf(err); code == wrongPassword || code == lockstep.CodeSSOTooMany {
		return o.passwordPage("passwordWrong")
	}
	if err != nil {
		return err
	}
	if o.login.Identity.Subject != string(o.user.ID) { // the name has become somebody else's
		return o.passwordPage("passwordWrong")
	}
	o.hashing.Lock()
	hash, err := token.HashPassword(next)
	o.hashing.Unlock()
	if err != nil {
		return err
	}
	if _, err := o.Directory.Commit(ctx, o.site.tenant.ID, actor(o.user), "", directory.SetPassword{ID: o.user.ID, Hash: hash}); err != nil {
		return err
	}
	o.Wake()
	return o.passwordSet()
}

// What the page shows.
type (
	accountView struct {
		Name      string
		Token     string
		At        string // address of the page
		Sessions  []sessionView
		Links     []linkView
		Passkeys  []passkeyView
		CanKey    bool // passkeys can be set up here
		TOTP      *momentView
		Factor    bool
		Codes     int
		CodesMade moment
		Password  bool
		Key       string // of what is asked about
		Fault     string
	}
	sessionView struct {
		ID          SessionID
		This        bool
		Provider    string
		Factor      string
		Apps        []string
		Began, Seen moment
	}
	linkView struct {
		Provider, Name string
		Since, Used    moment
	}
	passkeyView struct {
		Key, Name string
		Synced    bool
		Elsewhere string // the host name that it is for, if it is another one
		momentView
	}
	momentView struct{ Created, Used moment }
)

// moment is an instant as a page shows it. Zero is never.
type moment struct{ time.Time }

func (m moment) ISO() string  { return m.UTC().Format(time.RFC3339) }
func (m moment) Text() string { return m.UTC().Format("2006-01-02 15:04") + " UTC" }

func (o *own) view() accountView {
	name := o.user.Attributes.Text("displayName")
	if name == "" {
		name = o.user.Attributes.Text("userName")
	}
	return accountView{Name: name, Token: o.token(), At: o.site.path + "/account", Factor: o.have.Any()}
}

func (o *own) page(title string, a accountView) page {
	p := o.visit.page(o.site, o.login.Locale, title)
	p.Account = &a
	return p
}

// overview shows all of it.
func (o *own) overview(ctx context.Context) error {
	a := o.view()
	t, user := o.site.tenant.ID, o.session.Person.User
	providers, err := o.Store.Providers(ctx, t)
	if err != nil {
		return err
	}
	names := map[ProviderID]string{}
	for _, p := range providers {
		names[p.ID] = p.Name
	}
	if err := o.sessionsInto(ctx, &a, names); err != nil {
		return err
	}
	links, err := o.Store.LinksOf(ctx, t, user)
	if err != nil {
		return err
	}
	for _, l := range links {
		if name, there := names[l.Provider]; there {
			a.Links = append(a.Links, linkView{Provider: name, Name: clip(l.Subject), Since: moment{l.Created}, Used: moment{l.Used}})
		}
	}
	rp := o.site.rpID()
	for _, k := range o.have.Passkeys {
		one := passkeyView{Key: k.Key(), Name: k.Name, Synced: k.BackedUp, momentView: momentView{moment{k.Created}, moment{k.Used}}}
		if k.RP != rp {
			one.Elsewhere = k.RP
		}
		a.Passkeys = append(a.Passkeys, one)
	}
	a.CanKey = rp != "" && len(a.Passkeys) < maxPasskeys
	if o.have.TOTP != nil {
		a.TOTP = &momentView{moment{o.have.TOTP.Created}, moment{o.have.TOTP.Used}}
	}
	a.Codes, a.CodesMade = o.have.Codes, moment{o.have.Made}
	if a.Password, err = o.hasPassword(ctx); err != nil {
		return err
	}
	p := o.page("account", a)
	p.Action = o.site.path + "/logout"
	return render(o.w, http.StatusOK, "account", p)
}

func (o *own) sessionsInto(ctx context.Context, a *accountView, names map[ProviderID]string) error {
	t := o.site.tenant.ID
	sessions, err := o.Store.Sessions(ctx, t, Who{User: o.session.Person.User}, maxShown)
	if err != nil {
		return err
	}
	clients, err := o.Store.Clients(ctx, t)
	if err != nil {
		return err
	}
	for _, x := range sessions {
		s := sessionView{ID: x.ID, This: x.ID == o.session.ID, Provider: names[x.Provider], Began: moment{x.Began}, Seen: moment{x.Seen}}
		if x.Factor != "" {
			s.Factor = texts[o.login.Locale]["factor."+string(x.Factor)]
		}
		given, err := o.Store.Given(ctx, t, x.ID, "")
		if err != nil {
			return err
		}
		for _, g := range given {
			at := slices.IndexFunc(clients, func(c Client) bool { return c.ID == g.Client })
			if at >= 0 && !slices.Contains(s.Apps, clients[at].Name) {
				s.Apps = append(s.Apps, clients[at].Name)
			}
		}
		if s.This {
			a.Sessions = slices.Insert(a.Sessions, 0, s)
		} else {
			a.Sessions = append(a.Sessions, s)
		}
	}
	return nil
}

// ask asks whether something is to be done.
func (o *own) ask(what, of, part, key string) error {
	a := o.view()
	a.Key = key
	p := o.page(what, a)
	p.Detail, p.Hint, p.Action = of, p.T[what+"Help"], o.site.path+"/account/"+part
	return render(o.w, http.StatusOK, "account-ask", p)
}

func (o *own) passwordPage(fault string) error {
	a := o.view()
	p := o.page("setPassword", a)
	if p.Action = o.site.path + "/account/" + partPassword; fault != "" {
		p.Notice = p.T[fault]
	}
	p.Detail = o.user.Attributes.Text("userName")
	return render(o.w, http.StatusOK, "account-password", p)
}

func (o *own) passwordSet() error {
	p := o.page("passwordSet", o.view())
	return render(o.w, http.StatusOK, "account-done", p)
}

// codesHere shows recovery codes, this once.
func (o *own) codesHere(codes []string) error {
	a := o.view()
	p := o.page("codes", a)
	p.Codes, p.Action = codes, a.At
	return render(o.w, http.StatusOK, "codes", p)
}

// factorPage asks for a second factor.
func (v *visit) factorPage(here FactorSet) (answerer, error) {
	asked, err := v.askOne(here)
	if err != nil {
		return nil, err
	}
	return func() error {
		p := v.page(v.site, v.login.Locale, "factor")
		p.Client, p.Login, p.Action, p.Passkey = v.client.Name, v.login.ID, v.site.path+"/login", asked
		p.App, p.Recovery, p.Back = here.TOTP != nil, here.Codes > 0, "back"
		if v.login.Reused != "" {
			p.Back = ""
		}
		if code := v.login.Notice; code != "" {
			p.Notice, _ = say(code, p.Lang)
		}
		return render(v.w, http.StatusOK, "factor", p)
	}, nil
}

// enrolPage shows how a second factor is set up: a passkey, an app, or either.
func (v *visit) enrolPage(u directory.User, have FactorSet) (answerer, error) {
	e := v.login.Enrol
	p := v.page(v.site, v.login.Locale, "enrol")
	p.Client, p.Login, p.Action, p.Back = v.client.Name, v.login.ID, v.site.path+"/login", "back"
	if p.Must = v.client.ID != AccountClient; !p.Must {
		p.Back = "notNow"
	}
	if code := v.login.Notice; code != "" {
		p.Notice, _ = say(code, p.Lang)
	}
	var err error
	v.login.Ceremony = nil
	if e.Only != FactorTOTP {
		if p.Passkey, err = v.askNew(u, have); err != nil {
			return nil, err
		}
	}
	if e.Only != FactorPasskey {
		p.App = true
		issuer := v.site.tenant.Name
		if issuer == "" {
			issuer = v.site.tenant.Slug
		}
		p.Secret = spaced(secretText(e.Secret))
		if p.QR, err = picture(otpauth(issuer, u.Attributes.Text("userName"), e.Secret)); err != nil {
			return nil, err
		}
	}
	return func() error { return render(v.w, http.StatusOK, "enrol", p) }, nil
}

// spaced divides a text that is typed by hand.
func spaced(text string) string {
	var parts []string
	for part := range slices.Chunk([]byte(text), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

// codesPage shows the recovery codes that were made with the first second factor.
func (v *visit) codesPage() answerer {
	codes := v.login.Codes
	return func() error {
		p := v.page(v.site, v.login.Locale, "codes")
		p.Client, p.Login, p.Action, p.Codes = v.client.Name, v.login.ID, v.site.path+"/login", codes
		return render(v.w, http.StatusOK, "codes", p)
	}
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
