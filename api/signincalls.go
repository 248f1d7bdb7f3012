package api

import (
	"context"
	"net/http"
	"net/url"

	"lockstep/sso"
)

// IdentityProviders lists the identity providers.
func (c *Client) IdentityProviders(ctx context.Context) ([]IdentityProvider, error) {
	out, err := call[list[IdentityProvider]](ctx, c, http.MethodGet, at("identity-providers"), nil, nil)
	return out.Items, err
}

// IdentityProvider gets an identity provider by alias or id.
func (c *Client) IdentityProvider(ctx context.Context, name string) (IdentityProvider, error) {
	return call[IdentityProvider](ctx, c, http.MethodGet, at("identity-providers", name), nil, nil)
}

// AddIdentityProvider adds a draft.
func (c *Client) AddIdentityProvider(ctx context.Context, p AddProvider) (IdentityProvider, error) {
	return call[IdentityProvider](ctx, c, http.MethodPost, at("identity-providers"), nil, p)
}

// SetIdentityProvider changes an identity provider.
func (c *Client) SetIdentityProvider(ctx context.Context, name string, p SetProvider) (IdentityProvider, error) {
	return call[IdentityProvider](ctx, c, http.MethodPatch, at("identity-providers", name), nil, p)
}

// EnableIdentityProvider lets people sign in through an identity provider; untested ones on purpose only.
func (c *Client) EnableIdentityProvider(ctx context.Context, name string, untested bool) (IdentityProvider, error) {
	return call[IdentityProvider](ctx, c, http.MethodPost, at("identity-providers", name, "enable"), nil, map[string]bool{"untested": untested})
}

// DisableIdentityProvider lets nobody sign in through an identity provider.
func (c *Client) DisableIdentityProvider(ctx context.Context, name string) (IdentityProvider, error) {
	return call[IdentityProvider](ctx, c, http.MethodPost, at("identity-providers", name, "disable"), nil, nil)
}

// TestIdentityProvider begins a test sign-in.
func (c *Client) TestIdentityProvider(ctx context.Context, name string) (TestSignIn, error) {
	return call[TestSignIn](ctx, c, http.MethodPost, at("identity-providers", name, "test"), nil, nil)
}

// MatchIdentities says whom identities would be who sign in at a provider.
func (c *Client) MatchIdentities(ctx context.Context, name string, in MatchIdentities) (Matches, error) {
	return call[Matches](ctx, c, http.MethodPost, at("identity-providers", name, "matches"), nil, in)
}

// DeleteIdentityProvider removes an identity provider with its links.
func (c *Client) DeleteIdentityProvider(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("identity-providers", name), nil, nil)
	return err
}

// SSOClients lists the applications that sign people in.
func (c *Client) SSOClients(ctx context.Context) ([]SSOClient, error) {
	out, err := call[list[SSOClient]](ctx, c, http.MethodGet, at("clients"), nil, nil)
	return out.Items, err
}

// SSOClient gets an application by its client ID.
func (c *Client) SSOClient(ctx context.Context, id string) (SSOClient, error) {
	return call[SSOClient](ctx, c, http.MethodGet, at("clients", id), nil, nil)
}

// AddSSOClient adds an application; its secret is returned this once.
func (c *Client) AddSSOClient(ctx context.Context, n NewClient) (CreatedClient, error) {
	return call[CreatedClient](ctx, c, http.MethodPost, at("clients"), nil, n)
}

// SetSSOClient changes an application.
func (c *Client) SetSSOClient(ctx context.Context, id string, s SetClient) (SSOClient, error) {
	return call[SSOClient](ctx, c, http.MethodPatch, at("clients", id), nil, s)
}

// RotateSSOClient gives an application a new secret, which is returned this once; the old one works for some seconds more.
func (c *Client) RotateSSOClient(ctx context.Context, id string, overlap int) (CreatedClient, error) {
	return call[CreatedClient](ctx, c, http.MethodPost, at("clients", id, "rotate"), nil, map[string]int{"overlap_seconds": overlap})
}

// DeleteSSOClient removes an application.
func (c *Client) DeleteSSOClient(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("clients", id), nil, nil)
	return err
}

// PersonSessions lists the sessions of a person, by id, or of everybody.
func (c *Client) PersonSessions(ctx context.Context, user string) ([]PersonSession, error) {
	query := url.Values{}
	if user != "" {
		query.Set("user", user)
	}
	out, err := call[list[PersonSession]](ctx, c, http.MethodGet, at("sessions"), query, nil)
	return out.Items, err
}

// EndSessions ends sessions and returns how many.
func (c *Client) EndSessions(ctx context.Context, e EndSessions) (EndedSessions, error) {
	return call[EndedSessions](ctx, c, http.MethodPost, at("sessions", "end"), nil, e)
}

// SignOuts lists the newest ends of sessions.
func (c *Client) SignOuts(ctx context.Context) ([]SignOut, error) {
	out, err := call[list[SignOut]](ctx, c, http.MethodGet, at("sign-outs"), nil, nil)
	return out.Items, err
}

// SignIn gets what happened in a sign-in, by its reference.
func (c *Client) SignIn(ctx context.Context, reference sso.LoginID) (SignInTrace, error) {
	return call[SignInTrace](ctx, c, http.MethodGet, at("sign-ins", string(reference)), nil, nil)
}
