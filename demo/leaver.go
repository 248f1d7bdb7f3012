package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/sso"
)

// portal is the application that the leaver is signed in to, and companyID where people of the company sign in.
const portal, companyID = "portal", "company-id"

// leave signs the newcomer in to an application, takes their row out of the file, and looks what has ended with it.
func leave(ctx context.Context, s *Scene) error {
	site, err := s.portal(ctx)
	if err != nil {
		return err
	}
	defer site.close()
	r, err := readRoster(place{dir: s.Dir}.files())
	if err != nil {
		return err
	}
	id, name, err := newcomer(r)
	if err != nil {
		return err
	}
	user, err := s.Client.User(ctx, name)
	if err != nil {
		return err
	}
	tokens, _, err := site.browser().signIn(ctx, portal, name)
	if err != nil {
		return err
	}
	open, err := s.Client.PersonSessions(ctx, string(user.ID))
	if err != nil {
		return err
	}
	s.Screen.done(fmt.Sprintf("%s is signed in to the application Portal: %d session, and tokens", name, len(open)), "")
	began := time.Now()
	if err := s.edit(ctx, func(r *roster) error { return r.remove(id) }); err != nil {
		return err
	}
	s.Screen.done("the row is taken out of people.csv", "")
	if err := s.ended(ctx, site, string(user.ID), tokens); err != nil {
		return err
	}
	s.Screen.done("the session has ended, the access token is worth nothing, the refresh token is refused", short(time.Since(began)))
	if err := s.disabled(ctx, name); err != nil {
		return err
	}
	s.Screen.done("the account at Webex is disabled", short(time.Since(began)))
	return nil
}

// ended waits until nothing is valid any more that somebody had.
func (s *Scene) ended(ctx context.Context, site *ssoSite, user string, tokens benchTokens) error {
	for end := time.Now().Add(patience); ; {
		open, err := s.Client.PersonSessions(ctx, user)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d sessions of a leaver are open", len(open))
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	if err := site.active(ctx, portal, tokens.Access, false); err != nil {
		return err
	}
	var fresh benchTokens
	if site.ask(ctx, "/token", portal, &fresh, "grant_type", "refresh_token", "refresh_token", tokens.Refresh) == nil {
		return errors.New("the refresh token of a leaver is worth something")
	}
	return nil
}

// disabled waits until somebody's account at Webex is disabled.
func (s *Scene) disabled(ctx context.Context, name string) error {
	for end := time.Now().Add(patience); ; {
		h, err := s.org.read(ctx)
		if err != nil {
			return err
		}
		a := h.accounts[newIDs(h).people[key(name)]]
		if a != nil && !a.Active {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the account of %s is not disabled", name)
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// portal adds the application and an identity provider that says who the people are.
func (s *Scene) portal(ctx context.Context) (*ssoSite, error) {
	idp, err := newBenchIDP()
	if err != nil {
		return nil, err
	}
	site := &ssoSite{
		api: s.Client, issuer: s.Client.Base + "/sso/default", secret: map[string]string{}, idp: idp,
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute},
	}
	yes, called := true, "Company ID"
	_, err = s.Client.AddIdentityProvider(ctx, api.AddProvider{Alias: companyID, Kind: sso.KindOIDC, SetProvider: api.SetProvider{
		Name: &called, TrustEmail: &yes, Secrets: map[string]string{"client_secret": "secret"}, Settings: idp.settings(),
	}})
	if err == nil {
		_, err = s.Client.EnableIdentityProvider(ctx, companyID, true)
	}
	if err == nil {
		var made api.CreatedClient
		made, err = s.Client.AddSSOClient(ctx, api.NewClient{
			ID: portal, Name: "Portal", Redirects: []string{benchReturn}, Auth: sso.AuthPost, Provider: companyID, Grants: []sso.GrantType{sso.GrantCode, sso.GrantRefresh},
		})
		site.secret[portal] = made.Secret
	}
	if err != nil {
		site.close()
	}
	return site, err
}

// returned takes the application and the identity provider away again.
func returned(ctx context.Context, s *Scene) error {
	for _, err := range []error{s.Client.DeleteSSOClient(ctx, portal), s.Client.DeleteIdentityProvider(ctx, companyID)} {
		if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound { // which was cut off before it was there
			return err
		}
	}
	return nil
}
