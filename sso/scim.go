package sso

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"lockstep/token"
)

// AccessPrefix begins an opaque access token of ours.
const AccessPrefix = accessPrefix

// ErrAccess says that an access token is not valid (any more), or not for what it is shown for.
var ErrAccess = errAccess

// scimAt is the address of a tenant's SCIM endpoint. It is what access tokens for it name as their audience.
func scimAt(base, slug string) string { return base + "/scim/" + slug + "/v2" }

// SCIMResource is the address by which a tenant's SCIM endpoint is known (RFC 9728 §1.2); "" while the server has none.
func (s *Server) SCIMResource(slug string) string {
	base := strings.TrimSuffix(s.Base(), "/")
	if base == "" {
		return ""
	}
	return scimAt(base, slug)
}

// SCIMAccess finds out whose access token a text is and until when it is good, if it is one of ours for the tenant's SCIM endpoint: it has the
// scope scim, names the endpoint as its audience, and is the client's own, or comes of an administrator's consent. What a person's sign-in gave to an application
// is none. The error is ErrAccess.
func (s *Server) SCIMAccess(ctx context.Context, slug, text string) (ClientID, time.Time, error) {
	x, err := s.siteOf(ctx, slug)
	if errors.Is(err, errNoSite) {
		return "", time.Time{}, ErrAccess
	}
	if err != nil {
		return "", time.Time{}, err
	}
	a, c, err := s.opened(ctx, x, text)
	if err != nil {
		return "", time.Time{}, err
	}
	if a.Grant != "" && !a.live.OfTenant() || !slices.Contains(a.Scopes, token.ScopeSCIM) || !slices.Contains(c.Scopes, token.ScopeSCIM) || !slices.Contains(a.Audience, x.scim) {
		return "", time.Time{}, ErrAccess
	}
	return c.ID, time.Unix(a.Ends, 0), nil
}

// scimOffered is what discovery says about the SCIM endpoint: nothing, unless an application may ask for tokens for it.
func (s *Server) scimOffered(ctx context.Context, x site) (scopes, resources []string, err error) {
	all, err := s.Store.Clients(ctx, x.tenant.ID)
	for _, c := range all {
		if !c.Disabled && slices.Contains(c.Scopes, token.ScopeSCIM) {
			return []string{token.ScopeSCIM}, []string{x.scim}, err
		}
	}
	return nil, nil, err
}
