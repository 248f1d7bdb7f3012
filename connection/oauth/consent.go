package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"lockstep"
)

// Asked is a consent that is being asked for, as it is kept until the browser comes back: sealed, once, for a quarter of an hour.
type Asked struct {
	State    string    `json:"state"`
	Verifier string    `json:"verifier"` // PKCE (RFC 7636)
	Redirect string    `json:"redirect"`
	Until    time.Time `json:"until"`
}

const consentLife = 15 * time.Minute

// Ask makes the address at which an administrator consents (RFC 6749 §4.1.1), and what has to be kept until they come back. The state begins with
// the prefix, so that what comes back can be found by it.
func Ask(c Config, redirect, prefix string, now time.Time) (string, Asked, error) {
	if err := c.Check(); err != nil {
		return "", Asked{}, err
	}
	u, err := url.Parse(c.Authorize)
	if err != nil || c.Authorize == "" {
		return "", Asked{}, &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "the address at which somebody consents (authorize_url) is not set"}
	}
	a := Asked{State: prefix + rand.Text(), Verifier: rand.Text() + rand.Text(), Redirect: redirect, Until: now.Add(consentLife)}
	sum := sha256.Sum256([]byte(a.Verifier))
	q := u.Query()
	for name, v := range map[string]string{
		"response_type": "code", "client_id": c.Client, "redirect_uri": redirect, "state": a.State, "scope": c.Scope, "audience": c.Audience, "resource": c.Resource, "prompt": c.Prompt,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if strings.Contains(" "+c.Scope+" ", " offline_access ") {
		q.Set("prompt", "consent") // OpenID Connect Core §11: without it no refresh token
	}
	u.RawQuery = q.Encode()
	return u.String(), a, nil
}

// Came is what the browser brought back.
type Came struct{ State, Code, Error, Issuer string }

// Redeem checks what came back and gets the tokens of the consent.
func (c *Client) Redeem(ctx context.Context, to Config, secret string, a Asked, came Came, by string) (State, error) {
	now := c.now()
	switch {
	case a.State == "" || !same(a.State, came.State):
		return State{}, refusedConsent("it was not asked for here, or it was used before")
	case !now.Before(a.Until):
		return State{}, refusedConsent("it took more than a quarter of an hour")
	case to.Issuer != "" && came.Issuer != "" && came.Issuer != to.Issuer: // RFC 9207 §2.4
		return State{}, refusedConsent("another server has answered than the one that was asked")
	case came.Error != "":
		said := plainCode(came.Error)
		if fix := fixes[said]; fix != "" {
			said += ": " + fix
		}
		return State{}, refusedConsent("the server says " + said)
	case came.Code == "" || len(came.Code) > longest:
		return State{}, refusedConsent("no code has come back")
	}
	got, err := c.ask(ctx, to, secret, url.Values{"grant_type": {string(Code)}, "code": {came.Code}, "redirect_uri": {a.Redirect}, "code_verifier": {a.Verifier}})
	if refused, is := errors.AsType[*Refused](err); is && refused.Code == "invalid_grant" {
		err = &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "the token endpoint does not take the code: compare the redirect URI that is registered there, byte for byte", Err: err}
	}
	if err != nil {
		return State{}, err
	}
	return State{Refresh: got.Refresh, Access: got.Access, Expires: got.Expires, Ends: got.Ends, Scope: got.Scope, By: by, Since: now}, nil
}

func refusedConsent(why string) error {
	return &lockstep.Error{Code: lockstep.CodeConsent, Detail: "The consent gives nothing: " + why + "."}
}
