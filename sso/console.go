package sso

import (
	"context"
	"errors"
	"net/url"
)

// ConsoleClient is the application that the console itself is: a public client, whose codes this program takes by itself.
const ConsoleClient ClientID = "lockstep-console"

// Authorize is where a browser begins a sign-in for the console. challenge is that of a verifier (RFC 7636 §4.2) that this browser alone has.
// fresh has the person show who they are even if they are signed in.
func (s *Server) Authorize(tenant, redirect, challenge string, fresh bool) string {
	q := url.Values{
		"client_id": {string(ConsoleClient)}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	if fresh {
		q.Set("prompt", "login")
	}
	return s.Issuer(tenant) + "/authorize?" + q.Encode()
}

// Challenge is the challenge of a verifier (RFC 7636 §4.2).
func Challenge(verifier string) string { return challenge(verifier) }

// Entered takes the code of a sign-in for the console, once, as the token endpoint does, and returns what the person gave. Whatever is
// wrong with the code, the error is that of a sign-in that has expired.
func (s *Server) Entered(ctx context.Context, tenant, redirect, code, verifier string) (Grant, error) {
	x, err := s.siteOf(ctx, tenant)
	if err != nil {
		return Grant{}, err
	}
	c, err := s.Store.Client(ctx, x.tenant.ID, ConsoleClient)
	if err != nil {
		return Grant{}, err
	}
	g, _, err := s.taken(ctx, x, c, code, redirect, verifier)
	if errors.As(err, new(oauthError)) {
		err = errExpired
	}
	return g, err
}
