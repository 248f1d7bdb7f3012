package sso

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/scim/filter"
	"lockstep/token"
)

// buttons are the providers that people of this application can sign in through, in order. Those that are hidden are not among them, unless
// the application is pinned to one.
func (v *visit) buttons(ctx context.Context) ([]Provider, error) {
	all, err := v.usable(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p Provider) bool {
		return p.Hidden && v.client.Provider != p.ID || v.login.Proof != nil && v.login.Proof.Link.Provider == p.ID
	}), nil
}

// usable are the providers that may be used for this login, hidden ones too.
func (v *visit) usable(ctx context.Context) ([]Provider, error) {
	if v.providers == nil {
		all, err := v.Store.Providers(ctx, v.site.tenant.ID)
		if err != nil {
			return nil, err
		}
		v.providers = slices.DeleteFunc(all, func(p Provider) bool { return p.State != Enabled || !v.client.allows(p.ID) })
	}
	return slices.Clone(v.providers), nil
}

// choose shows the login page, or goes on at once where there is nothing to choose: for an application with one provider, or for an address
// whose domain belongs to one.
func (v *visit) choose(ctx context.Context) (answerer, error) {
	if v.login.Test {
		return v.away(ctx, v.login.Chosen)
	}
	shown, err := v.buttons(ctx)
	if err != nil {
		return nil, err
	}
	first := v.login.Notice == "" && v.login.Proof == nil
	if first && !slices.Contains(v.login.Request.Prompt, "select_account") {
		if p := v.home(ctx, v.login.Request.LoginHint); p != nil {
			return v.away(ctx, p.ID)
		}
		if len(shown) == 1 && !byPassword(shown[0].Kind) {
			return v.away(ctx, shown[0].ID)
		}
	}
	if len(shown) == 0 {
		err := &lockstep.Error{Code: lockstep.CodeSSONoProvider, Detail: "No identity provider is enabled for " + v.client.Name + "."}
		v.trace(OutcomeRefused, err)
		return func() error { return v.errorPage(err, "") }, nil
	}
	if slices.ContainsFunc(shown, func(p Provider) bool { return p.Kind == KindLocal }) {
		if v.passkey, err = v.askAny(); err != nil {
			return nil, err
		}
	}
	notice := v.login.Notice
	return func() error { return v.choicePage(shown, notice) }, nil
}

// home is the one provider whose people have addresses like this.
func (v *visit) home(ctx context.Context, address string) *Provider {
	domain := domainOf(address)
	all, err := v.usable(ctx)
	if domain == "" || err != nil {
		return nil
	}
	var found []Provider
	for _, p := range all {
		if !byPassword(p.Kind) && slices.ContainsFunc(p.Domains, func(d string) bool { return filter.Fold(d) == domain }) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return &found[0]
}

func byPassword(k ProviderKind) bool { return k == KindLocal || k == KindLDAP }

// away sends the browser to a provider.
func (v *visit) away(ctx context.Context, id ProviderID) (answerer, error) {
	v.login.Chosen = id
	p, up, err := v.opened(ctx, id)
	if err != nil {
		return nil, err
	}
	l := &v.login
	if byPassword(p.Kind) { // of a test: the page offers no such button
		l.Step = StepChoose
		return func() error { return v.choicePage([]Provider{p}, l.Notice) }, nil
	}
	state, hash := secret()
	nonce, _ := secret()
	verifier, _ := secret()
	l.State = hash
	l.Attempt = Attempt{
		ID: string(l.ID), State: state, Nonce: nonce, Verifier: verifier, RedirectURI: v.site.redirectURI(p.Alias), LoginHint: l.Request.LoginHint,
		MaxAge: l.Request.MaxAge, ACRValues: l.Request.ACRValues, Locales: l.Request.Locales, Prompt: upstreamPrompt(l.Request.Prompt),
	}
	if !l.Test && l.Request.LoginHint == "" {
		l.Attempt.LoginHint = v.r.PostFormValue("login_hint")
	}
	to, err := up.Begin(ctx, l.Attempt, v)
	if err != nil {
		return nil, err
	}
	l.Attempt.Kept, l.Step, l.Notice = to.Keep, StepAway, ""
	v.cookies = append(v.cookies, v.cookie(cookieLast, p.Alias, 365*24*time.Hour))
	return func() error {
		if to.Form != nil {
			return v.post(v.w, v.r, l.Locale, to.URL, to.Form)
		}
		redirect(v.w, v.r, to.URL)
		return nil
	}, nil
}

// upstreamPrompt is what of a request's prompt the provider is asked: to sign in anew, if that is what the application wants.
func upstreamPrompt(asked []string) string {
	for _, p := range []string{"login", "select_account"} {
		if slices.Contains(asked, p) {
			return p
		}
	}
	return ""
}

// visitOf returns the visit of a login that the browser names, if it has begun it.
func (s *Server) visitOf(w http.ResponseWriter, r *http.Request, id string) (*visit, error) {
	x, err := s.site(r)
	if err != nil {
		return nil, err
	}
	v := &visit{Server: s, site: x, w: w, r: r}
	if !lockstep.ValidID(id) {
		return nil, errExpired
	}
	v.login, err = s.Store.Login(r.Context(), x.tenant.ID, LoginID(id))
	if errors.Is(err, lockstep.ErrNotFound) {
		return nil, errExpired
	}
	if err != nil {
		return nil, err
	}
	if !v.bound() {
		return nil, errBrowser
	}
	return v, v.readClient(r.Context())
}

func (v *visit) readClient(ctx context.Context) (err error) {
	if v.login.Test || v.login.Request.Client == "" {
		return nil
	}
	if v.login.Request.Client == AccountClient {
		v.client = accountClient(v.login.Locale)
		return nil
	}
	v.client, err = v.Store.Client(ctx, v.site.tenant.ID, v.login.Request.Client)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && v.client.Disabled {
		return &lockstep.Error{Code: lockstep.CodeSSOClient, Detail: "The application was removed or disabled meanwhile."}
	}
	return err
}

// What a browser is told that names no login of its own.
var (
	errExpired   = &lockstep.Error{Code: lockstep.CodeSSOExpired, Detail: "This sign-in is over: it took longer than a quarter of an hour, or was finished already."}
	errElsewhere = &lockstep.Error{Code: lockstep.CodeSSOExpired, Detail: "This sign-in goes on in another window."}
	errBrowser   = &lockstep.Error{Code: lockstep.CodeSSOBrowser, Detail: "This sign-in was begun in another browser."}
)

// cross refuses forms that another site has sent.
func cross(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return &lockstep.Error{Code: lockstep.CodeCrossSite, Err: err}
	}
	return nil
}

// loginPage shows the page of a login, and takes what was chosen there.
func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		if err := cross(r); err != nil {
			return err
		}
		if err := r.ParseForm(); err != nil {
			return request("The form cannot be read.")
		}
	}
	v, err := s.visitOf(w, r, r.FormValue("l"))
	if err != nil {
		return err
	}
	ctx := r.Context()
	if v.login.Step == StepBusy { // nothing is written: whoever looks at it goes on
		return errElsewhere
	}
	if v.login.Step == StepAway && r.Method == http.MethodGet { // back by the browser's own button
		v.restart()
		v.login.Notice = lockstep.CodeSSOBack
	}
	if !v.login.Step.takes() || r.Method == http.MethodGet {
		v.speak(r.URL.Query().Get("lang"))
		return v.run(ctx)
	}
	answer, err := v.posted(ctx)
	if err != nil {
		answer, err = v.fail(ctx, err)
	}
	if err != nil {
		return err
	}
	if answer == nil {
		return v.run(ctx)
	}
	if err := v.save(ctx); err != nil {
		return err
	}
	return answer()
}

// chosen takes a name and a password, or the alias of a provider, from the form.
func (v *visit) chosen(ctx context.Context) (answerer, error) {
	all, err := v.usable(ctx)
	if v.login.Test {
		all, err = v.Store.Providers(ctx, v.site.tenant.ID)
		all = slices.DeleteFunc(all, func(p Provider) bool { return p.ID != v.login.Chosen })
	}
	if err != nil {
		return nil, err
	}
	if alias := v.r.PostFormValue("provider"); alias != "" {
		for _, p := range all {
			if p.Alias == alias && !byPassword(p.Kind) {
				return v.away(ctx, p.ID)
			}
		}
		return nil, &lockstep.Error{Code: lockstep.CodeSSOProvider, Detail: "There is no identity provider “" + clip(alias) + "” here."}
	}
	if answer := v.r.PostFormValue("passkey"); answer != "" && !v.login.Test {
		return nil, v.byPasskey(ctx, all, answer)
	}
	if name := v.r.PostFormValue("name"); v.r.PostForm.Has("password") {
		return nil, v.password(ctx, all, name, v.r.PostFormValue("password"))
	}
	if address := v.r.PostFormValue("login_hint"); address != "" {
		if p := v.home(ctx, address); p != nil {
			return v.away(ctx, p.ID)
		}
	}
	return v.choose(ctx)
}

// byPasskey signs in who has a passkey, as who has a password that is kept here: where one may be used, the other may.
func (v *visit) byPasskey(ctx context.Context, all []Provider, answer string) error {
	at := slices.IndexFunc(all, func(p Provider) bool { return p.Kind == KindLocal })
	if at < 0 {
		return &lockstep.Error{Code: lockstep.CodeSSOProvider, Detail: "Nobody signs in with a passkey here."}
	}
	if _, err := v.allowed(ctx, all[at].ID); err != nil {
		return err
	}
	if err := v.claim(ctx); err != nil {
		return err
	}
	shown, err := v.firstPasskey(ctx, answer)
	if err != nil {
		return err
	}
	l := &v.login
	l.Chosen, l.Step, l.Notice, l.Shown = all[at].ID, StepKnown, "", shown
	l.Identity = &Identity{Issuer: "lockstep", Subject: string(shown.User), AuthTime: v.now(), AMR: shown.AMR}
	v.stage(Stage{Name: "passkey", OK: true})
	return nil
}

// password asks every provider that takes passwords, in order.
func (v *visit) password(ctx context.Context, all []Provider, name, password string) error {
	key, from := filter.Fold(name), prefixOf(v.r.RemoteAddr)
	if !v.limits.mayTry(v.site.tenant.ID, key, from, v.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many wrong passwords. Wait a quarter of an hour."}
	}
	failed := error(&lockstep.Error{Code: wrongPassword, Detail: "The user name or the password is wrong."})
	for _, p := range all {
		if !byPassword(p.Kind) {
			continue
		}
		_, up, err := v.opened(ctx, p.ID)
		if err != nil {
			return err
		}
		asks, is := up.(Passwords)
		if !is {
			continue
		}
		id, err := asks.SignIn(ctx, name, password, v)
		if err == nil {
			v.limits.succeeded(v.site.tenant.ID, key, from)
			v.login.Chosen, v.login.Identity, v.login.Step, v.login.Notice = p.ID, &id, StepKnown, ""
			return nil
		}
		if failed = err; lockstep.CodeOf(err) != wrongPassword {
			return err
		}
	}
	return failed
}

// callback takes the browser back from a provider. The state decides which login is meant, once, and only for the browser that began it.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return request("What the provider sent cannot be read.")
		}
		values = r.PostForm
	}
	state := values.Get("state")
	if state == "" {
		state = values.Get("RelayState")
	}
	if state == "" && r.Method == http.MethodGet {
		return s.returned(w, r, x)
	}
	if single(values) != nil {
		return request("The provider sent a parameter more than once.")
	}
	ctx := r.Context()
	v := &visit{Server: s, site: x, w: w, r: r}
	v.login, err = s.Store.LoginByState(ctx, x.tenant.ID, token.HashOf(state))
	if errors.Is(err, lockstep.ErrNotFound) {
		return s.noLogin(r, x, values)
	}
	if err != nil {
		return err
	}
	return v.callback(ctx, Callback{Values: values, Post: r.Method == http.MethodPost})
}

// callback checks that the answer came to the redirect URI of the provider that was asked (mix-up, RFC 9700 §4.4), uses the state up, and goes
// on. A browser that another site's form brought here shows no cookie: it is sent on with GET, and checked there.
func (v *visit) callback(ctx context.Context, back Callback) error {
	p, err := v.provider(ctx, v.login.Chosen)
	if err != nil && !errors.Is(err, lockstep.ErrNotFound) {
		return err
	}
	if v.login.Step != StepAway || err != nil || p.Alias != v.r.PathValue("alias") {
		return &lockstep.Error{Code: lockstep.CodeSSORequest, Detail: "The answer came to the address of another provider than the one that was asked."}
	}
	bound := v.bound()
	if !bound && !back.Post {
		return errBrowser
	}
	v.login.Callback, v.login.Step, v.login.State = &back, StepArrived, Hash{}
	v.finish.Spent = bound // what it brought is looked at now: who comes again, because this request ended here, chooses again
	if err := v.save(ctx); err != nil {
		return err
	}
	if !bound {
		redirect(v.w, v.r, v.retryAddress())
		return nil
	}
	if err := v.readClient(ctx); err != nil {
		return err
	}
	return v.run(ctx)
}

// NewTest begins a test sign-in at a provider, and returns the address at which an administrator goes on with it, once, within a quarter of an
// hour. It lets nobody in; what it finds out stands in the trace of the login.
func (s *Server) NewTest(ctx context.Context, tenant string, p Provider) (LoginID, string, error) {
	x, err := s.siteOf(ctx, tenant)
	if err != nil {
		return "", "", &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The server has no public address yet, so nobody can be sent back to it."}
	}
	now := s.now()
	text, hash := secret()
	l := Login{Tenant: x.tenant.ID, ID: lockstep.NewID[LoginID](), Expires: now.Add(loginLife), Step: StepStart, Test: true, Chosen: p.ID, State: hash, Began: now}
	if _, err := s.Store.SaveLogin(ctx, l, Finish{}); err != nil {
		return "", "", err
	}
	return l.ID, x.issuer + "/try?" + url.Values{"key": {text}}.Encode(), nil
}

// try begins a test sign-in in the browser that opens its address first.
func (s *Server) try(w http.ResponseWriter, r *http.Request) error {
	x, err := s.site(r)
	if err != nil {
		return err
	}
	v := &visit{Server: s, site: x, w: w, r: r}
	v.login, err = s.Store.LoginByState(r.Context(), x.tenant.ID, token.HashOf(r.URL.Query().Get("key")))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (!v.login.Test || v.login.Step != StepStart) {
		return errExpired
	}
	if err != nil {
		return err
	}
	v.login.Step, v.login.State, v.login.Locale = StepChoose, Hash{}, x.locale(nil, r)
	v.bind()
	return v.run(r.Context())
}

// tested ends a test sign-in: whom it would have let in, or why not. The provider has then been tried; that its answer is nobody of the
// directory is no fault of the provider's.
func (v *visit) tested(ctx context.Context, p Provider, m match, failed error) (answerer, error) {
	detail := m.How
	if failed != nil {
		detail = public(failed)
	} else if m.User.ID != "" {
		detail += ": " + m.User.Attributes.Text("userName")
	}
	v.stage(Stage{Name: "match", OK: failed == nil, Code: lockstep.CodeOf(failed), Detail: detail})
	v.trace(OutcomeTested, failed)
	p.Tested = v.now()
	if _, err := v.Store.PutProvider(ctx, system, p); err != nil && lockstep.CodeOf(err) != lockstep.CodeVersion {
		return nil, err
	}
	v.login.Step = StepEnded
	id := *v.login.Identity
	v.login.Identity = nil
	return func() error { return v.testPage(&id, failed, detail) }, nil
}

// public is what a person may know of an error.
func public(err error) string {
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		if e.Detail != "" {
			return e.Detail
		}
		return lockstep.Describe(e.Code).Title
	}
	if e, ok := errors.AsType[oauthError](err); ok {
		return e.Description
	}
	return lockstep.Describe(lockstep.CodeInternal).Title
}

// locale is the language of the pages: what the person has chosen in this browser, else what the application asks for, else what the browser
// prefers.
func (x site) locale(asked []string, r *http.Request) string {
	for _, one := range append([]string{x.cookieValue(r, cookieLanguage)}, asked...) {
		if l := language(one); l != "" {
			return l
		}
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, q, _ := strings.Cut(part, ";")
		if l := language(strings.TrimSpace(tag)); l != "" && strings.TrimSpace(q) != "q=0" {
			return l
		}
	}
	return "en"
}

// language is the language of a tag that there are texts in.
func language(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if texts[primary] != nil {
		return primary
	}
	return ""
}

// speak goes on in the language that somebody has chosen on a page, which their browser keeps. It changes nothing else, so that a link will do.
func (v *visit) speak(chosen string) {
	lang := language(chosen)
	if lang == "" {
		return
	}
	v.login.Locale = lang
	if v.client.ID == AccountClient {
		v.client = accountClient(lang)
	}
	v.cookies = append(v.cookies, v.cookie(cookieLanguage, lang, 365*24*time.Hour))
}

// tongue is a language that a page can be read in; Address is empty for the one that it is in.
type tongue struct{ Tag, Name, Address string }

// tongues are the languages, each by its own name. address leads to the page in one of them.
func tongues(lang string, address func(tag string) string) []tongue {
	all := []tongue{{Tag: "en", Name: "English"}, {Tag: "de", Name: "Deutsch"}}
	for i := range all {
		if all[i].Tag != lang {
			all[i].Address = address(all[i].Tag)
		}
	}
	return all
}

// tongues are the languages of a page of the login.
func (v *visit) tongues() []tongue {
	return tongues(v.login.Locale, func(tag string) string {
		return v.site.path + "/login?" + url.Values{"l": {string(v.login.ID)}, "lang": {tag}}.Encode()
	})
}
