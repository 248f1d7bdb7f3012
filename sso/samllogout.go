package sso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"lockstep"
	"lockstep/sso/saml"
	"lockstep/token"
	"lockstep/web"
)

// Leaving is what is still to be done once a session has ended here: applications that are told by the browser alone, one after the other, and
// the provider.
type Leaving struct {
	Apps     []LeavingApp
	Asked    string // the ID of the request that the browser is away with
	Partly   bool   // one of them has not confirmed
	Upstream string // the provider's own end
}

// LeavingApp is an application that speaks SAML, and what it was given.
type LeavingApp struct {
	Client  ClientID
	Session SessionID
	Grant   GrantID
	NameID  string
	Format  string
}

// maxLeaving is how many applications a browser is sent through.
const maxLeaving = 20

// leavingApps are the applications of a session that take a word of its end from the browser only. Those that can be told without one are told
// so, like all others.
func (v *visit) leavingApps(ctx context.Context, id SessionID, asked ClientID) ([]LeavingApp, error) {
	given, err := v.Store.Given(ctx, v.site.tenant.ID, id, "")
	if err != nil {
		return nil, err
	}
	var all []LeavingApp
	for _, g := range given {
		c, err := v.Store.Client(ctx, v.site.tenant.ID, g.Client)
		if errors.Is(err, lockstep.ErrNotFound) || err == nil && (c.SAML == nil || c.SAML.Logout == "" || c.SAML.LogoutSOAP != "" || c.ID == asked || len(all) >= maxLeaving) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, LeavingApp{c.ID, id, g.ID, g.Nonce, g.Challenge})
	}
	return all, nil
}

// samlLogout takes requests of applications to sign somebody out, and their answers to ours, by redirect (saml-profiles §4.4).
func (s *Server) samlLogout(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Has(saml.FieldResponse) {
		return s.samlLoggedOut(w, r, x)
	}
	m, err := samlMessage(r, saml.FieldRequest)
	if err != nil {
		return request("The SAML request: " + err.Error() + ".")
	}
	if !s.limits.begins(x.tenant.ID, s.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign out at once."}
	}
	ctx := r.Context()
	c, err := s.samlClient(ctx, x, &m)
	if err != nil {
		return err
	}
	v := s.newVisit(w, r, x, c)
	q, err := v.readLogoutRequest(ctx, &m)
	if err != nil {
		return v.refuse(ctx, "saml logout", err)
	}
	v.stage(Stage{Name: "saml logout", OK: true, Facts: map[string]string{"client": string(c.ID), "signed": "yes"}})
	v.login.Request.SAML = &SAMLAsk{ID: q.ID, Relay: m.RelayState, Logout: true}
	v.login.Step, v.login.Leaving = StepLeaving, &Leaving{}
	v.bind()
	return v.endAsked(ctx, q)
}

func (v *visit) readLogoutRequest(ctx context.Context, m *saml.Message) (saml.LogoutRequest, error) {
	trusted, err := v.client.SAML.trusted()
	if err != nil {
		return saml.LogoutRequest{}, err
	}
	q, err := m.LogoutRequest(trusted, v.now())
	if err != nil {
		return q, err
	}
	if err := v.fresh(q.Header, "/saml/slo"); err != nil {
		return q, err
	}
	if v.client.SAML.Logout == "" && v.client.SAML.LogoutReturn == "" {
		return q, &saml.Fault{Detail: "it cannot be answered", Fix: "Register the address at which the application takes answers (single logout)."}
	}
	return q, v.once(ctx, "saml logout", q.ID)
}

// endAsked ends the sessions that a request names: those in which its application was given the name ID. Without an index it is the one of the
// browser that brings the request.
func (v *visit) endAsked(ctx context.Context, q saml.LogoutRequest) error {
	var ended []SessionID
	end := func(g Grant) error {
		if g.Client != v.client.ID || g.Nonce != q.NameID || slices.Contains(ended, g.Session) {
			return nil
		}
		apps, err := v.leavingApps(ctx, g.Session, v.client.ID)
		if err != nil {
			return err
		}
		v.login.Leaving.Apps = append(v.login.Leaving.Apps, apps...)
		if _, err := v.Store.End(ctx, system, v.site.tenant.ID, Who{Session: g.Session}, "signed out at "+v.client.Name); err != nil {
			return err
		}
		v.login.Person, ended = g.Person, append(ended, g.Session)
		return v.Store.SettleNotice(ctx, Notice{Tenant: v.site.tenant.ID, Client: v.client.ID, Session: g.Session, Told: v.now()}) // it has said so itself
	}
	session, err := v.session(ctx)
	if err != nil {
		return err
	}
	for _, index := range q.Sessions {
		g, err := v.Store.Grant(ctx, v.site.tenant.ID, GrantID(index))
		if errors.Is(err, lockstep.ErrNotFound) {
			continue
		}
		if err == nil {
			err = end(g)
		}
		if err != nil {
			return err
		}
	}
	if len(q.Sessions) == 0 && session != nil {
		given, err := v.Store.Given(ctx, v.site.tenant.ID, session.ID, "")
		if err != nil {
			return err
		}
		for _, g := range given {
			if err := end(g); err != nil {
				return err
			}
		}
	}
	v.wake.up()
	if session != nil && slices.Contains(ended, session.ID) {
		v.cookies = append(v.cookies, v.cookie(cookieSession, "", 0))
		v.login.Chosen = session.Provider
		v.login.Leaving.Upstream = v.upstreamEnd(ctx, *session)
	}
	return v.leaveOn(ctx)
}

// leaveOn sends the browser on: to the next application that is to be told, to the provider, and back to where it came from.
func (v *visit) leaveOn(ctx context.Context) error {
	l := v.login.Leaving
	for len(l.Apps) > 0 {
		next := l.Apps[0]
		l.Apps = l.Apps[1:]
		to, err := v.askToLeave(ctx, next)
		if err != nil {
			v.log().WarnContext(ctx, "an application is not told of a sign-out", "client", next.Client, "error", err)
			l.Partly = true
			continue
		}
		l.Apps = append([]LeavingApp{next}, l.Apps...) // until it has answered
		if err := v.save(ctx); err != nil {
			return err
		}
		redirect(v.w, v.r, to)
		return nil
	}
	if to := l.Upstream; to != "" {
		l.Upstream, l.Asked, v.login.State = "", "", Hash{}
		if err := v.save(ctx); err != nil {
			return err
		}
		redirect(v.w, v.r, to)
		return nil
	}
	return v.left(ctx)
}

// askToLeave is where the browser is to be sent so that an application ends its session.
func (v *visit) askToLeave(ctx context.Context, a LeavingApp) (string, error) {
	c, err := v.Store.Client(ctx, v.site.tenant.ID, a.Client)
	if err != nil {
		return "", err
	}
	if c.SAML == nil || c.SAML.Logout == "" {
		return "", errors.New("it takes no word of it any more")
	}
	signer, err := v.samlSigner(ctx, v.site.tenant.ID)
	if err != nil {
		return "", err
	}
	text, hash := secret()
	out := logoutOf(c, v.site.entity(), v.site.issuer, a, v.now())
	out.To = c.SAML.Logout
	v.login.State, v.login.Leaving.Asked = hash, out.ID
	return out.Redirect(signer, text)
}

func logoutOf(c Client, entity, issuer string, a LeavingApp, now time.Time) saml.Logout {
	out := saml.Logout{ID: saml.NewID(), Issuer: entity, NameID: a.NameID, Format: a.Format, Session: string(a.Grant), Now: now, Ends: now.Add(samlLife)}
	if a.Format == saml.FormatPersistent {
		out.NameQualifier, out.SPQualifier = issuer, c.SAML.Entity
	}
	return out
}

// samlLoggedOut takes the answer of an application to a request of ours, and goes on.
func (s *Server) samlLoggedOut(w http.ResponseWriter, r *http.Request, x site) error {
	m, err := saml.Redirected(r.URL.RawQuery, saml.FieldResponse)
	if err != nil {
		return request("The SAML response: " + err.Error() + ".")
	}
	ctx := r.Context()
	v := &visit{Server: s, site: x, w: w, r: r}
	v.login, err = s.Store.LoginByState(ctx, x.tenant.ID, token.HashOf(m.RelayState))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (v.login.Step != StepLeaving || v.login.Leaving == nil || len(v.login.Leaving.Apps) == 0) {
		return errOver
	}
	if err != nil {
		return err
	}
	if !v.bound() {
		return errBrowser
	}
	l := v.login.Leaving
	app := l.Apps[0]
	l.Apps = l.Apps[1:]
	v.login.State = Hash{}
	if err := v.confirmed(ctx, &m, app); err != nil {
		v.log().WarnContext(ctx, "an application has not confirmed a sign-out", "client", app.Client, "error", err)
		l.Partly = true
	}
	return v.leaveOn(ctx)
}

// confirmed checks an answer, and notes that the application was told.
func (v *visit) confirmed(ctx context.Context, m *saml.Message, a LeavingApp) error {
	c, err := v.Store.Client(ctx, v.site.tenant.ID, a.Client)
	if err != nil {
		return err
	}
	if c.SAML == nil {
		return errors.New("it does not speak SAML any more")
	}
	trusted, err := c.SAML.trusted()
	if err != nil {
		return err
	}
	answer, err := m.LogoutResponse(trusted)
	switch {
	case err != nil:
		return err
	case answer.Issuer != c.SAML.Entity || answer.InResponseTo != v.login.Leaving.Asked:
		return errors.New("the answer is of another application, or to another request")
	case !answer.Done():
		return fmt.Errorf("its status is %s", clip(answer.Status))
	}
	return v.Store.SettleNotice(ctx, Notice{Tenant: v.site.tenant.ID, Client: a.Client, Session: a.Session, Told: v.now()})
}

// left ends a logout: the application that asked for it gets its answer, or the browser goes where it was to go.
func (v *visit) left(ctx context.Context) error {
	ask, l := v.login.Request.SAML, v.login.Leaving
	v.login.Step, v.login.State = StepEnded, Hash{}
	if ask == nil || !ask.Logout {
		if err := v.save(ctx); err != nil {
			return err
		}
		return v.gone(leave{to: v.login.Request.Redirect, state: v.login.Request.State})
	}
	if err := v.readClient(ctx); err != nil {
		return err
	}
	signer, err := v.samlSigner(ctx, v.site.tenant.ID)
	if err != nil {
		return err
	}
	out := saml.LogoutAnswer{ID: saml.NewID(), Issuer: v.site.entity(), To: v.client.SAML.LogoutReturn, InResponseTo: ask.ID, Status: []string{saml.StatusSuccess}, Now: v.now()}
	if out.To == "" {
		out.To = v.client.SAML.Logout
	}
	switch {
	case v.login.Person.User == "":
		out.Status = []string{saml.StatusRequester, saml.StatusUnknown}
	case l.Partly:
		out.Status = []string{saml.StatusSuccess, saml.StatusPartialLogout}
	}
	to, err := out.Redirect(signer, ask.Relay)
	if err != nil {
		return err
	}
	if err := v.save(ctx); err != nil {
		return err
	}
	redirect(v.w, v.r, to)
	return nil
}

// hopeless is an application that cannot be told. It is named, and never counted as told.
type hopeless string

func (h hopeless) Error() string { return string(h) }

const (
	samlByBrowser = hopeless("it takes word of a sign-out from the person's browser only, and has not confirmed it: its own session may go on until it ends by itself")
	samlNever     = hopeless("it takes no word of a sign-out: its own session goes on until it ends by itself")
	// browserTime is how long a browser has to tell an application.
	browserTime = 30 * time.Second
)

// sendSAML tells an application that speaks SAML that a session has ended, without a browser (saml-bindings §3.2).
func (s *Server) sendSAML(ctx context.Context, c Client, n Notice) error {
	switch {
	case c.SAML.LogoutSOAP == "" && c.SAML.Logout == "":
		return samlNever
	case c.SAML.LogoutSOAP == "" && s.now().Sub(n.At) < browserTime:
		return errors.New("the person's browser is to tell it")
	case c.SAML.LogoutSOAP == "":
		return samlByBrowser
	}
	given, err := s.Store.Given(ctx, n.Tenant, n.Session, n.Client)
	if err != nil {
		return err
	}
	issuer, err := s.issuerOf(ctx, n.Tenant)
	if err != nil {
		return err
	}
	signer, err := s.samlSigner(ctx, n.Tenant)
	if err != nil {
		return err
	}
	for _, g := range given {
		out := logoutOf(c, SAMLEntity(issuer), issuer, LeavingApp{c.ID, n.Session, g.ID, g.Nonce, g.Challenge}, s.now())
		out.To = c.SAML.LogoutSOAP
		if err := s.postSOAP(ctx, signer, out); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) postSOAP(ctx context.Context, signer *saml.Signer, out saml.Logout) error {
	text, err := out.SOAP(signer)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, out.To, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", `"http://www.oasis-open.org/committees/security"`)
	answer, err := s.Client.Do(r)
	if err != nil {
		return err
	}
	defer web.Discard(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the application answered %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	said, err := saml.ReadSOAP(body, out.ID)
	if err != nil {
		return err
	}
	if !said.Done() {
		return fmt.Errorf("the application's answer has the status %s", clip(said.Status))
	}
	return nil
}
