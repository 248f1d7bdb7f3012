package sso

import (
	"context"
	"net/http"
	"slices"
	"time"

	"lockstep"
	"lockstep/token"
)

// A client of a SCIM endpoint may get its access tokens by the authorization code grant (RFC 6749 §4.1), as Okta does: an administrator signs in, is
// told what is asked for, and consents once; then it refreshes. What they gave belongs to the tenant, like the SCIM client itself: it does not end with
// their session nor when they leave, but with the SCIM client, its application, or the consent.

const (
	consentLife = 10 * 365 * 24 * time.Hour // nobody can be asked every quarter of a year; it is ended, not forgotten
	consentIdle = 90 * 24 * time.Hour       // a refresh token that nobody uses ends
)

// SCIMAsk is what a person is asked to consent to.
type SCIMAsk struct {
	Name   string // of the SCIM client
	Writes bool   // it changes people and groups; else it reads them
}

// Consent says to what SCIM client an application belongs, if the person may let it in: an administrator who could make such a client.
type Consent func(ctx context.Context, t lockstep.TenantID, u lockstep.UserID, c ClientID) (SCIMAsk, error)

// asksSCIM reports whether a request is for the SCIM endpoint.
func (r *Request) asksSCIM() bool { return slices.Contains(r.Scopes, token.ScopeSCIM) }

// asksSCIM reports whether the client may be let into the SCIM endpoint by consent.
func (c *Client) asksSCIM() bool {
	return c.May(GrantCode) && !c.Public() && slices.Contains(c.Scopes, token.ScopeSCIM)
}

// OfTenant reports whether what was given is the tenant's: it ends neither with the session nor with the person that it was given in.
func (g *Grant) OfTenant() bool { return slices.Contains(g.Scopes, token.ScopeSCIM) }

// scopes are those of a request that count for the client. The scope of the SCIM endpoint stands alone: what opens it says nothing of a person. A client
// that may ask for it alone and names no scope asks for that.
func (c *Client) scopes(asked []string) []string {
	if c.asksSCIM() && (slices.Contains(asked, token.ScopeSCIM) || len(asked) == 0) {
		return []string{token.ScopeSCIM}
	}
	return known(asked)
}

// consent asks an administrator whether an application may use the SCIM endpoint.
func (v *visit) consent(ctx context.Context) (answerer, error) {
	ask, err := v.consents(ctx)
	if err != nil {
		return nil, err
	}
	return func() error {
		p := v.page(v.site, v.login.Locale, "consent")
		p.Client, p.Login, p.Action, p.Detail = v.client.Name, v.login.ID, v.site.path+"/login", ask.Name
		p.Must, p.Hint = ask.Writes, v.site.tenant.Name
		return render(v.w, http.StatusOK, "consent", p)
	}, nil
}

// consents asks whether the person of this login may consent.
func (v *visit) consents(ctx context.Context) (SCIMAsk, error) {
	if v.Consent == nil {
		return SCIMAsk{}, &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "Nobody can consent here."}
	}
	ask, err := v.Consent(ctx, v.site.tenant.ID, v.login.Person.User, v.client.ID)
	if code := lockstep.CodeOf(err); code == lockstep.CodeAuthForbidden || code == lockstep.CodeUnauthorized || code == lockstep.CodeNotFound {
		err = &lockstep.Error{Code: lockstep.CodeSSOConsent, Detail: public(err)}
	}
	return ask, err
}

// consented takes the answer to the question. What may be consented to is asked again: the person may have lost their role while they read it.
func (v *visit) consented(ctx context.Context) (answerer, error) {
	ask, err := v.consents(ctx)
	if err != nil {
		return nil, err
	}
	switch v.r.PostForm.Get("consent") {
	case "allow":
		v.stage(Stage{Name: "consent", OK: true, Facts: map[string]string{"scope": token.ScopeSCIM, "scim client": ask.Name}})
		u, err := v.user(ctx, v.site.tenant.ID, v.login.Person.User)
		if err != nil {
			return nil, err
		}
		v.login.Consented, v.login.Consenter, v.login.Step = true, u.Attributes.Text("userName"), StepSigned
		return nil, nil
	case "decline":
		return nil, badRequest("access_denied", "the administrator has declined")
	}
	return v.consent(ctx)
}
