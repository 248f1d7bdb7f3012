package sso

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso/saml"
	"lockstep/token"
)

// How old a message of an application may be, by its own clock and ours.
const (
	samlOld  = 10 * time.Minute
	samlSkew = 3 * time.Minute
)

// entity is the entity ID of a tenant's identity provider, which is also where its metadata are.
func (x site) entity() string { return x.issuer + "/saml/metadata" }

// SAMLEntity is the entity ID of a tenant's SAML identity provider, and the address of its metadata; "" while the server has no address.
func SAMLEntity(issuer string) string {
	if issuer == "" {
		return ""
	}
	return issuer + "/saml/metadata"
}

// samlMetadata tells applications what they are to know, with the certificate of the key that signs now and of the one that will.
func (s *Server) samlMetadata(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	if _, err := s.samlSigner(r.Context(), x.tenant.ID); err != nil {
		return err
	}
	all, err := s.openKeys(r.Context(), x.tenant.ID)
	if err != nil {
		return err
	}
	p := saml.Provider{Entity: x.entity(), SignOn: x.issuer + "/saml/sso", Logout: x.issuer + "/saml/slo"}
	for _, k := range all {
		if k.saml != nil && (k.Ends.IsZero() || s.now().Before(k.Ends)) {
			p.Certificates = append(p.Certificates, k.saml.Certificate)
		}
	}
	text, err := p.Metadata()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", keySetLife)
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(text) // the peer may be gone
	return nil
}

// samlMessage reads a message by the binding that it came by.
func samlMessage(r *http.Request, field string) (saml.Message, error) {
	if r.Method != http.MethodPost {
		return saml.Redirected(r.URL.RawQuery, field)
	}
	if err := r.ParseForm(); err != nil {
		return saml.Message{}, &saml.Fault{Detail: "the form cannot be read"}
	}
	return saml.Posted(r.PostForm, field)
}

// samlClient finds the application that says to have sent a message.
func (s *Server) samlClient(ctx context.Context, x site, m *saml.Message) (Client, error) {
	issuer, err := m.Issuer()
	if err != nil {
		return Client{}, request("The SAML message: " + err.Error() + ".")
	}
	c, err := s.Store.ClientByEntity(ctx, x.tenant.ID, issuer)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (c.Disabled || c.SAML == nil) {
		return c, &lockstep.Error{Code: lockstep.CodeSSOClient, Detail: "“" + clip(issuer) + "” is no application that signs people in here by SAML."}
	}
	return c, err
}

// samlSignOn begins a login for an application that speaks SAML (saml-profiles §4.1.4). What is wrong with a request is told on a page, and
// kept by its reference: nobody is sent to an address that is not the application's.
func (s *Server) samlSignOn(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	m, err := samlMessage(r, saml.FieldRequest)
	if err != nil {
		return request("The SAML request: " + err.Error() + ".")
	}
	if !s.limits.begins(x.tenant.ID, s.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	ctx := r.Context()
	c, err := s.samlClient(ctx, x, &m)
	if err != nil {
		return err
	}
	v := s.newVisit(w, r, x, c)
	if err := v.readAuthnRequest(ctx, &m); err != nil {
		return v.refuse(ctx, "saml request", err)
	}
	if r.Method == http.MethodPost {
		return v.goOn(ctx)
	}
	v.bind()
	return v.run(ctx)
}

// newVisit is the begin of a login.
func (s *Server) newVisit(w http.ResponseWriter, r *http.Request, x site, c Client) *visit {
	now := s.now()
	return &visit{Server: s, site: x, w: w, r: r, client: c, login: Login{
		Tenant: x.tenant.ID, ID: lockstep.NewID[LoginID](), Expires: now.Add(loginLife), Step: StepStart, Began: now, Locale: x.locale(nil, r), Request: Request{Client: c.ID},
	}}
}

// goOn has a browser that another site's form brought here come once more, with GET: it shows its cookies then.
func (v *visit) goOn(ctx context.Context) error {
	text, hash := secret()
	v.login.State = hash
	if err := v.save(ctx); err != nil {
		return err
	}
	redirect(v.w, v.r, v.site.issuer+"/saml/go?key="+text)
	return nil
}

// samlGo goes on with a request that was posted, once.
func (s *Server) samlGo(w http.ResponseWriter, r *http.Request) error {
	x, err := s.site(r)
	if err != nil {
		return err
	}
	v := &visit{Server: s, site: x, w: w, r: r}
	v.login, err = s.Store.LoginByState(r.Context(), x.tenant.ID, token.HashOf(r.URL.Query().Get("key")))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (v.login.Step != StepStart || v.login.Request.SAML == nil) {
		return errExpired
	}
	if err != nil {
		return err
	}
	if err := v.readClient(r.Context()); err != nil {
		return err
	}
	v.login.State, v.login.Locale = Hash{}, x.locale(nil, r)
	v.bind()
	return v.run(r.Context())
}

// readAuthnRequest checks a request and keeps what counts of it.
func (v *visit) readAuthnRequest(ctx context.Context, m *saml.Message) error {
	trusted, err := v.client.SAML.trusted()
	if err != nil {
		return err
	}
	q, err := m.AuthnRequest(trusted)
	if err != nil {
		return err
	}
	if err := v.fresh(q.Header, "/saml/sso"); err != nil {
		return err
	}
	if q.NameQualifier != "" && q.NameQualifier != v.client.SAML.Entity {
		return &saml.Fault{Detail: "the name ID is wanted for another application (SPNameQualifier)"}
	}
	acs, known := v.client.SAML.acs(q)
	if !known {
		return &lockstep.Error{Code: lockstep.CodeSSORedirect, Detail: "“" + clip(q.ACS) + "” is none of the addresses at which " + v.client.Name + " takes responses."}
	}
	if err := v.once(ctx, "saml request", q.ID); err != nil {
		return err
	}
	req := &v.login.Request
	req.Redirect = acs
	req.SAML = &SAMLAsk{ID: q.ID, ACS: acs, Relay: m.RelayState, Format: q.NameIDFormat, Contexts: q.Contexts, Comparison: q.Comparison, Subject: q.Subject}
	switch {
	case q.Passive:
		req.Prompt = []string{"none"}
		if q.Force {
			req.Prompt = []string{"none", "login"} // nobody can sign in anew without being asked, so nobody does
		}
	case q.Force:
		req.Prompt = []string{"login"}
	}
	v.stage(Stage{Name: "saml request", OK: true, Facts: map[string]string{
		"client": string(v.client.ID), "issuer": q.Issuer, "signed": yes(len(trusted) > 0), "assertion consumer service": acs, "name ID format": q.NameIDFormat,
		"classes": strings.Join(q.Contexts, " "), "force": yes(q.Force), "passive": yes(q.Passive),
	}})
	return nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// fresh checks that a message is for us, from the application, and of now.
func (v *visit) fresh(h saml.Header, path string) error {
	now := v.now()
	switch {
	case h.Issuer != v.client.SAML.Entity:
		return &saml.Fault{Detail: "its signature covers another issuer"}
	case h.Destination != "" && h.Destination != v.site.issuer+path:
		return &saml.Fault{Detail: "it is for another address: “" + clip(h.Destination) + "”", Fix: "Let the application fetch the metadata here once more: " + v.site.entity()}
	case h.Instant.Before(now.Add(-samlOld)), h.Instant.After(now.Add(samlSkew)):
		return &saml.Fault{Detail: "it was made at " + h.Instant.UTC().Format(time.RFC3339) + ", and it is " + now.UTC().Format(time.RFC3339) + " here", Fix: "Compare the clocks of the application and of this machine."}
	}
	return nil
}

// once refuses a message that came before.
func (v *visit) once(ctx context.Context, what, id string) error {
	err := v.Store.Once(ctx, v.site.tenant.ID, what, token.HashOf(string(v.client.ID)+"\x00"+id), v.now().Add(samlOld+samlSkew))
	if errors.Is(err, lockstep.ErrConflict) {
		return &lockstep.Error{Code: lockstep.CodeSSOReplayed, Detail: "The message with the ID “" + clip(id) + "” came before."}
	}
	return err
}

// refuse keeps an attempt that has come to nothing, and shows the page with its reference.
func (v *visit) refuse(ctx context.Context, stage string, err error) error {
	fix := ""
	if f, is := errors.AsType[*saml.Fault](err); is {
		err, fix = &lockstep.Error{Code: lockstep.CodeSSOMessage, Detail: sentence("the SAML message of " + v.client.Name + ": " + f.Detail)}, f.Fix
	}
	if lockstep.CodeOf(err) == lockstep.CodeInternal {
		return err
	}
	if fix == "" {
		fix = lockstep.Describe(lockstep.CodeOf(err)).Help
	}
	v.stage(Stage{Name: stage, Code: lockstep.CodeOf(err), Detail: public(err), Fix: fix})
	v.trace(OutcomeRefused, err)
	v.login.Step = StepEnded
	v.bind()
	if err := v.save(ctx); err != nil {
		return err
	}
	return v.errorPage(err, "")
}

// samlStart signs somebody in to an application without its asking (IdP-initiated, saml-profiles §4.1.5), where an administrator allows it.
func (s *Server) samlStart(w http.ResponseWriter, r *http.Request) error {
	x, err := s.site(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	id := ClientID(r.URL.Query().Get("client"))
	c, err := s.Store.Client(ctx, x.tenant.ID, id)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (c.Disabled || c.SAML == nil || !c.SAML.Start) {
		return &lockstep.Error{Code: lockstep.CodeSSOClient, Detail: "“" + clip(string(id)) + "” is no application to which people may sign in from here."}
	}
	if err != nil {
		return err
	}
	if !s.limits.begins(x.tenant.ID, s.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	v := s.newVisit(w, r, x, c)
	v.login.Request.Redirect = c.SAML.ACS[0].URL
	v.login.Request.SAML = &SAMLAsk{ACS: c.SAML.ACS[0].URL, Relay: c.SAML.StartRelay}
	v.stage(Stage{Name: "saml start", OK: true, Facts: map[string]string{"client": string(c.ID), "assertion consumer service": c.SAML.ACS[0].URL}})
	v.bind()
	return v.run(ctx)
}
