package sso

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// visit is one request that moves a login on. Its steps return to run, which goes by the login's row; what they found out is written in
// one transaction before the browser gets its answer.
type visit struct {
	*Server
	site   site
	w      http.ResponseWriter
	r      *http.Request
	client Client
	login  Login
	finish Finish

	browser   string // the cookie's secret; "" when the request had none
	cookies   []*http.Cookie
	providers []Provider
	read      Provider // the one that was looked at last, in this request
	passkey   string   // what the login page asks the browser for; "" is nothing
}

// answerer writes the answer of a visit. A step that returns none has the dispatcher go on.
type answerer func() error

// run is the dispatcher.
func (v *visit) run(ctx context.Context) error {
	for {
		answer, err := v.step(ctx)
		if err != nil {
			answer, err = v.fail(ctx, err)
		}
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		if err := v.save(ctx); err != nil {
			return err
		}
		return answer()
	}
}

func (v *visit) step(ctx context.Context) (answerer, error) {
	switch v.login.Step {
	case StepStart:
		return v.start(ctx)
	case StepChoose:
		return v.choose(ctx)
	case StepArrived:
		return v.arrived(ctx)
	case StepKnown:
		return v.known(ctx)
	case StepFactor:
		return v.factor(ctx)
	case StepEnrol:
		return v.enrol(ctx)
	case StepCodes:
		return v.codesShown(ctx)
	case StepPassword:
		return v.ownPassword(ctx)
	case StepConsent:
		return v.consent(ctx)
	case StepSigned:
		return v.signed(ctx)
	case StepAway, StepLeaving, StepEnded, StepBusy:
	}
	return nil, &lockstep.Error{Code: lockstep.CodeSSOExpired, Detail: "This sign-in has ended, or goes on in another window."}
}

// save keeps the login with everything that was found out, and gives the browser its cookies.
func (v *visit) save(ctx context.Context) error {
	l, err := v.Store.SaveLogin(ctx, v.login, v.finish)
	switch lockstep.CodeOf(err) {
	case "":
	case lockstep.CodeVersion:
		return &lockstep.Error{Code: lockstep.CodeSSOExpired, Detail: "This sign-in went on in another window.", Err: err}
	case lockstep.CodeConflict: // a person who was disabled, or an identity that became somebody else's, in this very moment
		return &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "You cannot be signed in at the moment.", Err: err}
	default:
		return err
	}
	v.login, v.finish = l, Finish{}
	for _, c := range v.cookies {
		http.SetCookie(v.w, c)
	}
	v.cookies = nil
	return nil
}

// Stage implements Recorder: it takes down what happens.
func (v *visit) Stage(s Stage) { v.stage(s) }

// maxStages bounds what is kept of a login that is tried again and again.
const maxStages = 60

func (v *visit) stage(s Stage) {
	if len(v.login.Stages) < maxStages {
		v.login.Stages = append(v.login.Stages, s)
	}
}

// trace is what is kept of the login for who looks for its reference.
func (v *visit) trace(outcome Outcome, err error) {
	t := Trace{
		ID: v.login.ID, At: v.now(), Outcome: outcome, Client: v.login.Request.Client, Provider: v.login.Chosen, User: v.login.Person.User, Stages: v.login.Stages,
	}
	if err != nil {
		t.Code = lockstep.CodeOf(err)
		if e, ok := errors.AsType[*lockstep.Error](err); ok {
			t.Detail = e.Detail
		}
	}
	v.finish.Trace = &t
}

// fail turns an error of a step into an answer. What the protocol has a word for goes back to the application. Else the person sees a page
// that says whose turn it is, with the reference of the login, from where they may choose again.
func (v *visit) fail(ctx context.Context, err error) (answerer, error) {
	if lockstep.CodeOf(err) == lockstep.CodeInternal && ctx.Err() != nil {
		return nil, err
	}
	v.finish = Finish{}
	v.trace(OutcomeRefused, err)
	if e, ok := errors.AsType[oauthError](err); ok {
		v.finish.Trace.Code, v.finish.Trace.Detail = lockstep.Code("sso."+e.Code), e.Description
		v.login.Step = StepEnded
		if v.client.ID == AccountClient {
			return func() error { return v.errorPage(&lockstep.Error{Code: lockstep.CodeSSORefused}, "") }, nil
		}
		if v.login.Request.SAML != nil {
			v.stage(Stage{Name: "saml response", Code: lockstep.Code("sso." + e.Code), Detail: e.Description, Fix: samlFixes[e.Code]})
			v.finish.Trace.Stages = v.login.Stages
			return v.refuseSAML(ctx, e)
		}
		return func() error {
			return v.answer(v.w, v.r, v.site, v.login.Request, url.Values{"error": {e.Code}, "error_description": {e.Description}})
		}, nil
	}
	if lockstep.CodeOf(err) == lockstep.CodeInternal {
		v.log().ErrorContext(ctx, "a sign-in failed", "error", err, "login", v.login.ID)
	}
	v.restart()
	if v.login.Linking != nil { // nobody was to be signed in, so nobody chooses anew
		v.login.Step = StepEnded
		return func() error { return v.errorPage(err, v.site.account(partOverview)) }, nil
	}
	if v.login.Test {
		v.login.Step = StepEnded
		return func() error { return v.testPage(nil, err) }, nil
	}
	v.login.Notice = lockstep.CodeOf(err)
	if retryHere(v.login.Notice) {
		return v.choose(ctx)
	}
	return func() error { return v.errorPage(err, v.retryAddress()) }, nil
}

// retryHere reports whether the login page itself is the place to tell of a failure.
func retryHere(c lockstep.Code) bool {
	return c == wrongPassword || c == lockstep.CodeSSOTooMany || c == lockstep.CodeSSOConfirm || c == lockstep.CodeSSOPasskey || c == lockstep.CodeSSOPasswordOver
}

func (v *visit) retryAddress() string { return v.site.issuer + "/login?l=" + string(v.login.ID) }

// start decides whether the browser's session answers, or somebody has to sign in.
func (v *visit) start(ctx context.Context) (answerer, error) {
	req := &v.login.Request
	silent := slices.Contains(req.Prompt, "none")
	session, err := v.session(ctx)
	if err != nil {
		return nil, err
	}
	if session != nil && v.answers(*session) {
		v.login.Step, v.login.Reused, v.login.Person, v.login.Chosen = StepFactor, session.ID, session.Person, session.Provider
		v.stage(Stage{Name: "session", OK: true, Facts: map[string]string{"session": string(session.ID)}})
		return nil, nil
	}
	if req.asksSCIM() && upstreamPrompt(req.Prompt) == "" {
		req.Prompt = append(req.Prompt, "login")
	}
	if silent {
		return nil, badRequest("login_required", "nobody who may use this application is signed in")
	}
	v.login.Step = StepChoose
	return nil, nil
}

// answers reports whether a session is enough for a request (OpenID Connect Core §3.1.2.1).
func (v *visit) answers(s Session) bool {
	req := &v.login.Request
	if slices.Contains(req.Prompt, "login") || slices.Contains(req.Prompt, "select_account") {
		return false
	}
	if req.Subject != "" && req.Subject != s.Person.User {
		return false
	}
	if req.MaxAge != nil && v.now().Sub(s.AuthTime) > time.Duration(*req.MaxAge)*time.Second {
		return false
	}
	if req.asksSCIM() && v.now().Sub(s.AuthTime) > freshLife && v.now().Sub(s.FactorAt) > freshLife {
		return false
	}
	if !v.client.allows(s.Provider) { // the store gives no session of a provider that is not enabled
		return false
	}
	d, _ := v.wants(&s)
	return v.enough(&s) || d == DemandRequired // a second factor is all that is missing, and is asked for
}

// arrived hands what the browser brought back to the provider's upstream. Whether the provider may be used is asked again: it may have been
// switched off meanwhile.
func (v *visit) arrived(ctx context.Context) (answerer, error) {
	p, up, err := v.opened(ctx, v.login.Chosen)
	if err != nil {
		return nil, err
	}
	id, err := up.Finish(ctx, v.login.Attempt, *v.login.Callback, v)
	v.login.Callback = nil
	if err != nil {
		return nil, err
	}
	if id.Subject == "" || id.Issuer == "" {
		return nil, &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: p.Name + " has not said who it is."}
	}
	v.login.Identity, v.login.Step = &id, StepKnown
	return nil, nil
}

// allowed returns a provider that may be used for this login. Every step asks here.
func (v *visit) allowed(ctx context.Context, id ProviderID) (Provider, error) {
	p, err := v.provider(ctx, id)
	if errors.Is(err, lockstep.ErrNotFound) {
		return p, &lockstep.Error{Code: lockstep.CodeSSOProvider, Detail: "The identity provider was removed."}
	}
	if err != nil {
		return p, err
	}
	if !v.login.Test && (p.State != Enabled || !v.client.allows(p.ID)) {
		return p, &lockstep.Error{Code: lockstep.CodeSSOProvider, Detail: "“" + p.Name + "” cannot be used here."}
	}
	return p, nil
}

// opened returns a provider that may be used for this login, and its upstream.
func (v *visit) opened(ctx context.Context, id ProviderID) (Provider, Upstream, error) {
	p, err := v.allowed(ctx, id)
	if err != nil {
		return p, nil, err
	}
	up, err := v.Opener.Open(ctx, p)
	return p, up, err
}

// provider reads a provider, once in a request. That it is still enabled when a session is written is for the store to see to.
func (v *visit) provider(ctx context.Context, id ProviderID) (Provider, error) {
	if v.read.ID == id && id != "" {
		return v.read, nil
	}
	for _, p := range v.providers {
		if p.ID == id {
			return p, nil
		}
	}
	p, err := v.Store.Provider(ctx, v.site.tenant.ID, id)
	if err == nil {
		v.read = p
	}
	return p, err
}

// known finds the person of the directory whom an identity is.
func (v *visit) known(ctx context.Context) (answerer, error) {
	if v.login.Linking != nil {
		return v.linked(ctx)
	}
	p, _, err := v.opened(ctx, v.login.Chosen)
	if err != nil {
		return nil, err
	}
	m, err := v.match(ctx, p, *v.login.Identity)
	if v.login.Test {
		if err == nil {
			v.claimed(p, *v.login.Identity, true)
		}
		if err == nil || lockstep.CodeOf(err) != lockstep.CodeInternal {
			return v.tested(ctx, p, m, err)
		}
		return nil, err
	}
	if err == nil && m.Confirm {
		err = v.wantProof(ctx, m, v.claimed(p, *v.login.Identity, true))
	}
	if err == nil && m.Add {
		err = v.add(ctx, &m)
	}
	if err != nil {
		v.stage(Stage{Name: "match", Code: lockstep.CodeOf(err), Detail: public(err)})
		return nil, err
	}
	if proof := v.login.Proof; proof != nil {
		if proof.Link.User != m.Person.User {
			return nil, &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "You signed in as somebody else than the person to be linked."}
		}
	} // it is linked when they have shown all that they have to
	if m.Link != nil {
		v.finish.Links = append(v.finish.Links, *m.Link)
	}
	v.login.Person = m.Person
	if sub := v.login.Request.Subject; sub != "" && sub != m.Person.User {
		return nil, badRequest("login_required", "somebody else has signed in than the one who was asked for")
	}
	v.stage(Stage{Name: "match", OK: true, Detail: m.How})
	v.login.Given = v.claimed(p, *v.login.Identity, m.Link != nil && m.Link.Created.IsZero())
	v.login.Step = StepFactor
	return nil, nil
}

// signed gives the application what it asked for, from a new session or from the one that the browser has.
func (v *visit) signed(ctx context.Context) (answerer, error) {
	now, l := v.now(), &v.login
	if v.temporary() {
		l.Step = StepPassword
		return nil, nil
	}
	if l.Request.asksSCIM() && !l.Consented {
		l.Step = StepConsent
		return nil, nil
	}
	session, err := v.session(ctx)
	if err != nil {
		return nil, err
	}
	if l.Reused == "" {
		made := v.newSession(session, now)
		session = &made
	} else if session == nil || session.ID != l.Reused || session.Person != l.Person {
		return nil, errGone
	} else if l.Shown != nil {
		more := v.stepped(*session, now)
		session = &more
	} else if now.Sub(session.Seen) >= time.Minute {
		v.finish.Seen = session.ID
	}
	if !v.enough(session) {
		return nil, badRequest("unmet_authentication_requirements", "the sign-in was not of a kind that the application asked for")
	}
	if l.Proof != nil {
		v.finish.Links = append(v.finish.Links, l.Proof.Link)
		v.finish.Gifts = append(v.finish.Gifts, Gifts{Person: l.Person, Provider: l.Proof.Link.Provider, Rules: l.Proof.Given, OnceOnly: true})
		l.Proof = nil
	}
	if v.client.ID == AccountClient {
		return v.signedHere(), nil
	}
	if l.Request.SAML != nil {
		return v.signedSAML(ctx, session, now)
	}
	return v.signedCode(session, now), nil
}

// signedCode gives the application its code.
func (v *visit) signedCode(session *Session, now time.Time) answerer {
	l := &v.login
	code, hash := secret()
	v.finish.Grant = &Grant{
		ID: lockstep.NewID[GrantID](), Client: l.Request.Client, Person: l.Person, Session: session.ID, Scopes: l.Request.Scopes, AuthTime: session.AuthTime,
		ACR: l.Request.acr(session), AMR: session.AMR, Nonce: l.Request.Nonce, Redirect: l.Request.Redirect, Challenge: l.Request.Challenge, Claims: l.Request.Claims,
		Code: hash, CodeEnds: now.Add(codeLife), Expires: v.grantEnds(now, session),
	}
	if v.finish.Grant.OfTenant() {
		v.finish.By = audit.Actor{Kind: audit.Person, ID: string(l.Person.User), Name: l.Consenter}
	}
	l.Step, l.Identity = StepEnded, nil
	v.stage(Stage{Name: "code", OK: true})
	v.trace(OutcomeSigned, nil)
	return func() error { return v.answer(v.w, v.r, v.site, l.Request, url.Values{"code": {code}}) }
}

func (v *visit) grantEnds(now time.Time, s *Session) time.Time {
	if v.login.Request.asksSCIM() {
		return now.Add(consentLife)
	}
	if v.client.May(GrantRefresh) {
		return now.Add(grantLife)
	}
	return s.Expires
}

// newSession begins a session under a new cookie, so that nobody can have chosen it (session fixation). When the same person signs in again
// their session goes on under it; the session of somebody else ends.
func (v *visit) newSession(old *Session, now time.Time) Session {
	id, l := v.login.Identity, &v.login
	text, hash := secret()
	s := Session{
		ID: lockstep.NewID[SessionID](), Hash: hash, Person: l.Person, Provider: l.Chosen, AuthTime: now, Began: now, Seen: now, Expires: now.Add(sessionLife),
	}
	if id != nil {
		s.Issuer, s.Subject, s.UpstreamSID, s.ACR, s.AMR, s.Logout = id.Issuer, id.Subject, id.SessionID, id.ACR, id.AMR, id.Logout
		if !id.AuthTime.IsZero() && id.AuthTime.Before(now) {
			s.AuthTime = id.AuthTime
		}
	}
	switch {
	case old != nil && old.Person == s.Person:
		s.ID = old.ID
	case old != nil:
		v.finish.End = old.Hash
	}
	v.marked(&s)
	v.finish.Session = &s
	if id != nil {
		v.finish.Gifts = append(v.finish.Gifts, Gifts{Person: l.Person, Provider: l.Chosen, Rules: l.Given, Until: s.Expires})
	}
	v.cookies = append(v.cookies, v.cookie(cookieSession, text, sessionLife))
	return s
}

// The cookies of people. Administrators have others (package session).
const (
	cookieBrowser = "login"   // binds a login to the browser that began it
	cookieSession = "session" // is signed in
	cookieLast    = "last"    // the alias of the provider that was used last

	cookieLanguage = "language" // that the pages are read in, where somebody has chosen
)

// cookieName is bound to the tenant. With TLS it begins with __Host-, which browsers take from this very host over https only; without, on
// loopback, the port is part of it, since browsers do not keep the cookies of two ports apart.
func (x site) cookieName(r *http.Request, kind string) string {
	name := "lockstep-sso-" + kind + "-" + x.tenant.Slug
	if x.secure {
		return "__Host-" + name
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "-" + port
	}
	return name
}

func (v *visit) cookie(kind, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: v.site.cookieName(v.r, kind), Value: value, Path: "/", HttpOnly: true, Secure: v.site.secure, SameSite: http.SameSiteLaxMode, MaxAge: int(life.Seconds()),
	}
	if life <= 0 {
		c.MaxAge = -1
	}
	return c
}

func (x site) cookieValue(r *http.Request, kind string) string {
	c, err := r.Cookie(x.cookieName(r, kind))
	if err != nil || len(c.Value) > 100 {
		return ""
	}
	return c.Value
}

// bind ties the login to this browser, by a cookie that it keeps for all of its logins.
func (v *visit) bind() {
	v.browser = v.site.cookieValue(v.r, cookieBrowser)
	if len(v.browser) != 43 {
		v.browser, _ = secret()
		v.cookies = append(v.cookies, v.cookie(cookieBrowser, v.browser, 0))
		v.cookies[len(v.cookies)-1].MaxAge = 0 // until the browser closes
	}
	v.login.Browser = browserHash(v.browser)
}

// browserHash is not a plain hash, so that it can never be one of another cookie.
func browserHash(text string) Hash { return Hash(sha256.Sum256([]byte("browser\x00" + text))) }

// bound reports whether the login was begun by this browser.
func (v *visit) bound() bool {
	v.browser = v.site.cookieValue(v.r, cookieBrowser)
	return v.browser != "" && browserHash(v.browser) == v.login.Browser
}

// session returns the session of this browser; nil is none.
func (v *visit) session(ctx context.Context) (*Session, error) {
	value := v.site.cookieValue(v.r, cookieSession)
	if value == "" {
		return nil, nil
	}
	s, err := v.Store.Session(ctx, v.site.tenant.ID, token.HashOf(value))
	if errors.Is(err, lockstep.ErrNotFound) {
		return nil, nil
	}
	return &s, err
}

// system is who writes when nobody in particular does.
var system = audit.Actor{Kind: audit.System, Name: "sign-in"}
