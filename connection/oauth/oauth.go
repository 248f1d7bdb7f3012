// Package oauth gets access tokens (OAuth 2.0) for the connections to outside systems: by client credentials (RFC 6749 §4.4), or with a refresh
// token (§6) that an administrator's consent gave (§4.1), or that somebody has typed because it is shown elsewhere.
//
// Design. A Source has the access tokens of one connection. Tokens of client credentials are kept in memory: whoever has the secret gets another at
// any time. A refresh token is worth more: many servers give a new one with each use and take every other back when an old one comes again. So all that
// a consent gave stands in the store as one State, which changes by compare-and-swap, whatever process holds the connection. A refresh is noted as begun
// before it is sent, and what it gives is stored before it is used. Whoever finds one that was begun and not ended, once whoever began it must have
// given up, tries the old refresh token: the server knows whether it was used. If it refuses, an administrator has to consent anew.
//
// Invariants. At most one refresh of a connection is under way in all processes. Secrets, tokens and codes go to the token endpoint and to no other
// address, and never into an error. The endpoint is asked through a client that guards where it goes and follows no redirects; its answers are bounded.
package oauth

import (
	"maps"
	"net/url"
	"strings"

	"lockstep"
)

// Grant is how a connection gets its access tokens.
type Grant string

// The grants. The zero value is none: the connection has a token that somebody typed.
const (
	Credentials Grant = "client_credentials"
	Code        Grant = "authorization_code"
	Refresh     Grant = "refresh_token" // a refresh token that somebody typed, such as that of a Webex service app
)

// keeps reports whether the grant lives on a refresh token.
func (g Grant) keeps() bool { return g == Code || g == Refresh }

// Auth is how we authenticate at a token endpoint.
type Auth string

// The ways to authenticate (OpenID Connect Core §9).
const (
	Basic      Auth = "client_secret_basic"
	Post       Auth = "client_secret_post"
	PrivateKey Auth = "private_key_jwt" // RFC 7523
)

// Config says where tokens come from.
type Config struct {
	Grant     Grant
	Token     string // address of the token endpoint
	Authorize string // of the authorization endpoint, for Code
	Client    string // our client ID there
	Auth      Auth   // "" is Basic
	Scope     string // divided by blanks; "" asks for what the server gives
	Audience  string // parameter audience, which some servers want
	Resource  string // parameter resource (RFC 8707)
	KeyID     string // kid of assertions; "" is none
	Issuer    string // audience of assertions instead of the token endpoint, and the iss that a consent's answer must name (RFC 9207); "" is not known
	Prompt    string // parameter prompt of a consent (OpenID Connect Core §3.1.2.1), which has no field of its own; "" is none
	Insecure  bool   // plain http:// to a public address is meant; HTTP has to allow it
}

// Settings are the names of the settings that Parse reads.
var Settings = []string{"auth", "token_url", "authorize_url", "client_id", "client_auth", "oauth_scope", "oauth_audience", "oauth_resource", "oauth_issuer", "oauth_prompt", "key_id"}

// With returns settings with presets where nothing is set.
func With(settings, presets map[string]string) map[string]string {
	all := maps.Clone(settings)
	if all == nil {
		all = map[string]string{}
	}
	for name, v := range presets {
		if strings.TrimSpace(all[name]) == "" {
			all[name] = v
		}
	}
	return all
}

// Parse reads the settings of a connection that are about access tokens, and leaves the others alone. What is missing is not wrong yet: see Check.
func Parse(settings map[string]string) (Config, error) {
	get := func(name string) string { return strings.TrimSpace(settings[name]) }
	c := Config{
		Grant: Grant(get("auth")), Token: get("token_url"), Authorize: get("authorize_url"), Client: get("client_id"), Auth: Auth(get("client_auth")), Scope: get("oauth_scope"),
		Audience: get("oauth_audience"), Resource: get("oauth_resource"), KeyID: get("key_id"), Issuer: get("oauth_issuer"), Prompt: get("oauth_prompt"), Insecure: get("insecure") == "true",
	}
	if c.Grant == "token" {
		c.Grant = ""
	}
	if c.Grant != "" && c.Grant != Credentials && !c.Grant.keeps() {
		return c, invalid("The setting auth is token, client_credentials, authorization_code or refresh_token.")
	}
	if c.Auth == "" {
		c.Auth = Basic
	}
	if c.Auth != Basic && c.Auth != Post && c.Auth != PrivateKey {
		return c, invalid("The setting client_auth is client_secret_basic, client_secret_post or private_key_jwt.")
	}
	for _, one := range []struct{ name, value string }{{"token_url", c.Token}, {"authorize_url", c.Authorize}} {
		if u, err := url.Parse(one.value); one.value != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "") {
			return c, invalid("The setting " + one.name + " is an address such as https://login.example.com/oauth2/token.")
		}
	}
	return c, nil
}

// Check says what is missing before a token can be asked for.
func (c Config) Check() error {
	switch {
	case c.Token == "":
		return &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "the address of the token endpoint (token_url) is not set"}
	case c.Client == "":
		return &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "the client ID (client_id) is not set"}
	}
	return nil
}

// Uses are the secrets that the settings have a use for.
func Uses(settings map[string]string) []string {
	c, err := Parse(settings)
	switch {
	case err != nil || c.Grant == "":
		return []string{"token"}
	}
	uses := []string{"client_secret"}
	if c.Auth == PrivateKey {
		uses[0] = "client_key"
	}
	if c.Grant == Refresh {
		uses = append(uses, "refresh_token")
	}
	return uses
}

// Destination names where the secrets go beside the application itself: "" without a grant, else the endpoints and the client ID.
func Destination(settings map[string]string) string {
	c, err := Parse(settings)
	if err != nil || c.Grant == "" {
		return ""
	}
	return strings.Join([]string{string(c.Grant), c.Token, c.Authorize, c.Client}, " ")
}

func invalid(detail string) error { return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: detail} }
