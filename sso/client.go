package sso

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/token"
)

// ClientID names a client, as the application itself sends it.
type ClientID string

// ClientAuth is how a client shows at the token endpoint who it is (OpenID Connect Core §9).
type ClientAuth string

// The ways in which a client authenticates.
const (
	AuthNone       ClientAuth = "none" // a public client: PKCE is all that binds it
	AuthBasic      ClientAuth = "client_secret_basic"
	AuthPost       ClientAuth = "client_secret_post"
	AuthPrivateKey ClientAuth = "private_key_jwt" // RFC 7523
)

// GrantType is what a client may ask tokens for (RFC 6749). Implicit and password are none of them.
type GrantType string

// The grant types.
const (
	GrantCode        GrantType = "authorization_code"
	GrantRefresh     GrantType = "refresh_token"
	GrantCredentials GrantType = "client_credentials"
)

// TokenFormat is what the access tokens of a client look like.
type TokenFormat string

// The formats. What is opaque ends at once with the person; a JWT lives until it expires, five minutes at most.
const (
	Opaque    TokenFormat = "opaque"
	SignedJWT TokenFormat = "jwt" // RFC 9068
)

// Hash is the SHA-256 of a secret that is random enough to need nothing slower.
type Hash = token.Hash

// ClientKind is what an application speaks.
type ClientKind string

// The kinds of applications.
const (
	KindOpenID  ClientKind = ""      // OpenID Connect
	KindSAMLApp ClientKind = "saml"  // SAML 2.0; it is a service provider
	KindProxy   ClientKind = "proxy" // nothing: a reverse proxy in front of it asks here (forward-auth)
)

// Client is an application that signs people in through us.
type Client struct {
	Tenant lockstep.TenantID
	ID     ClientID
	Name   string
	Kind   ClientKind `json:",omitempty"`

	SAML  *SAMLApp  `json:",omitempty"` // of KindSAMLApp
	Proxy *ProxyApp `json:",omitempty"` // of KindProxy

	Redirects   []string // compared byte for byte; of a public client loopback addresses with any port (RFC 8252 §7.3)
	AfterLogout []string // where people are sent after they signed out, byte for byte
	LogoutURI   string   // takes logout tokens (OpenID Connect Back-Channel Logout 1.0); "" is none

	RevocationURI string // takes requests to end everything of a person (Global Token Revocation); "" is none

	Auth      ClientAuth
	Grants    []GrantType
	Scopes    []string    // what it may ask for with client credentials
	Keys      string      // JWK Set, for AuthPrivateKey
	KeysURI   string      // or where it publishes them (jwks_uri)
	Assertion token.Alg   // the one algorithm of its assertions
	Token     TokenFormat // "" is Opaque
	IDToken   token.Alg   // "" is RS256, which every client understands
	Audience  []string    // of its access tokens, beside itself

	Provider     ProviderID   // pinned: its people go there without a choice
	Allowed      []ProviderID // empty is every provider
	SecondFactor Demand       `json:",omitempty"`
	Disabled     bool
	NoPKCE       bool // a confidential client that knows no PKCE may leave it out
	Pushed       bool // it pushes its requests (RFC 9126), and others are refused

	Secret  Hash // zero is none
	Former  token.Former
	Created time.Time
	Updated time.Time
	Version int64 // 0 is new
}

// May reports whether the client may use the grant type.
func (c *Client) May(g GrantType) bool { return slices.Contains(c.Grants, g) }

// Clone returns a client whose settings of its kind may be changed.
func (c Client) Clone() Client {
	if c.SAML != nil {
		app := *c.SAML
		c.SAML = &app
	}
	if c.Proxy != nil {
		app := *c.Proxy
		c.Proxy = &app
	}
	return c
}

// Told is where an application is told that a session has ended, or a word that stands for one that cannot be: such an application is named in
// the report. "" is one that need not be told, or is not to be.
func (c *Client) Told() string {
	if c.SAML == nil {
		return c.LogoutURI
	}
	return "saml:" + c.SAML.LogoutSOAP
}

// Entity is the entity ID of an application that speaks SAML.
func (c *Client) Entity() string {
	if c.SAML == nil {
		return ""
	}
	return c.SAML.Entity
}

// Public reports whether the client cannot keep a secret.
func (c *Client) Public() bool { return c.Auth == AuthNone }

// allows reports whether people may sign in to the client through the provider.
func (c *Client) allows(p ProviderID) bool {
	if c.Provider != "" {
		return c.Provider == p
	}
	return len(c.Allowed) == 0 || slices.Contains(c.Allowed, p)
}

// knows reports whether the redirect URI is one of the client's (RFC 9700 §4.1.3). It was decoded once, as a form value.
func (c *Client) knows(redirect string) bool {
	if redirect == "" {
		return false
	}
	if slices.Contains(c.Redirects, redirect) {
		return true
	}
	if !c.Public() {
		return false
	}
	return slices.ContainsFunc(c.Redirects, func(own string) bool { return sameLoopback(own, redirect) })
}

// sameLoopback reports whether two URIs are of http on a loopback address and differ at most in the port (RFC 8252 §7.3).
func sameLoopback(own, asked string) bool {
	rest, host, ok := withoutPort(own)
	if !ok {
		return false
	}
	rest2, host2, ok := withoutPort(asked)
	return ok && host == host2 && rest == rest2
}

// withoutPort cuts http://127.0.0.1:port/rest, without giving the rest another spelling.
func withoutPort(uri string) (rest, host string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	at := strings.IndexAny(after, "/?#")
	if at < 0 {
		at = len(after)
	}
	authority, rest := after[:at], after[at:]
	host = authority
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", "", false
		}
		host, authority = authority[1:end], authority[end+1:]
	} else if colon := strings.IndexByte(authority, ':'); colon >= 0 {
		host, authority = authority[:colon], authority[colon:]
	} else {
		authority = ""
	}
	if port := strings.TrimPrefix(authority, ":"); strings.Trim(port, "0123456789") != "" || len(port) > 5 {
		return "", "", false
	}
	ip, err := netip.ParseAddr(host)
	return rest, host, err == nil && ip.IsLoopback()
}

// The limits of a client's settings.
const (
	maxURIs = 50
	maxURI  = 2000
)

// Check says what is wrong with the settings of a client, in a sentence.
func (c *Client) Check() error {
	if c.ID == "" || len(c.ID) > 200 || strings.ContainsFunc(string(c.ID), notVSCHAR) {
		return invalidIn("id", "A client ID has 1 to 200 printable ASCII characters.")
	}
	if c.Name == "" || len(c.Name) > 200 {
		return invalidIn("name", "A client has a name of at most 200 bytes.")
	}
	if !c.SecondFactor.OfClient() {
		return invalidIn("second_factor", "An application asks for a second factor as its provider does, of who has one (enrolled), or of everybody (required).")
	}
	if len(c.Redirects) > maxURIs || len(c.AfterLogout) > maxURIs || len(c.Audience) > maxURIs || len(c.Scopes) > maxURIs {
		return invalid("A client has at most 50 of each kind of address.")
	}
	if c.Kind != KindOpenID {
		return c.checkKind()
	}
	if c.SAML != nil || c.Proxy != nil {
		return invalid("An application of OpenID Connect has no settings of another kind.")
	}
	switch c.Auth {
	case AuthNone, AuthBasic, AuthPost, AuthPrivateKey:
	default:
		return invalid("A client authenticates by none, client_secret_basic, client_secret_post or private_key_jwt.")
	}
	for _, g := range c.Grants {
		if g != GrantCode && g != GrantRefresh && g != GrantCredentials {
			return invalid("The grant types are authorization_code, refresh_token and client_credentials.")
		}
	}
	if c.Public() && c.May(GrantCredentials) {
		return invalidIn("grant_types", "A client that does not authenticate cannot use client_credentials.")
	}
	if c.May(GrantCode) && len(c.Redirects) == 0 {
		return invalidIn("redirect_uris", "A client that signs people in needs a redirect URI.")
	}
	if err := c.checkURIs(); err != nil {
		return err
	}
	return c.checkCrypto()
}

func (c *Client) checkURIs() error {
	return cmp.Or(
		checkURIs("redirect_uris", c.Redirects...), checkURIs("post_logout_redirect_uris", c.AfterLogout...),
		checkURIs("backchannel_logout_uri", some(c.LogoutURI)...), checkURIs("global_token_revocation_endpoint", some(c.RevocationURI)...),
	)
}

func (c *Client) checkCrypto() error {
	if c.Token != "" && c.Token != Opaque && c.Token != SignedJWT {
		return invalid("Access tokens are opaque or jwt.")
	}
	if c.IDToken != "" && !c.IDToken.Known() {
		return invalid("ID tokens are signed with RS256 or ES256.")
	}
	if c.Auth != AuthPrivateKey {
		return nil
	}
	if !c.Assertion.Known() {
		return invalidIn("token_endpoint_auth_signing_alg", "Assertions of private_key_jwt are signed with RS256 or ES256: name one.")
	}
	if c.KeysURI != "" {
		if c.Keys != "" {
			return invalidIn("jwks", "A client has keys or an address where it publishes them, not both.")
		}
		if u, err := url.Parse(c.KeysURI); err != nil || u.Scheme != "https" && u.Scheme != "http" {
			return invalidIn("jwks_uri", "The address of a client's keys is https.")
		}
		return checkURIs("jwks_uri", c.KeysURI)
	}
	if _, err := token.ParseKeySet([]byte(c.Keys)); err != nil {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Field: "jwks", Detail: "The keys of the client cannot be used: " + err.Error() + "."}
	}
	return nil
}

// some is the text, or none when it is empty.
func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// checkURIs is checkURI of the addresses that have the name in the API.
func checkURIs(field string, all ...string) error {
	for _, u := range all {
		if err := checkURI(field, u); err != nil {
			return err
		}
	}
	return nil
}

// checkURI refuses what must not be an address that browsers are sent to: one with a fragment, a wildcard or user information, of
// http beyond this machine, or of a scheme that runs something. A private scheme has a dot, as RFC 8252 §7.1 wants.
func checkURI(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURI || !u.IsAbs() || u.Fragment != "" || strings.Contains(text, "#") || u.User != nil ||
		strings.ContainsAny(text, "* \\\"<>") || strings.ContainsFunc(text, notVSCHAR) {
		return invalidIn(field, "“"+clip(text)+"” is not an absolute address without a fragment, a wildcard or a password.")
	}
	switch {
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http":
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && ip.IsLoopback() {
			return nil
		}
		return invalidIn(field, "“"+clip(text)+"” is not https. Without TLS only addresses of this machine are allowed.")
	case strings.Contains(u.Scheme, "."):
		return nil
	}
	return invalidIn(field, "“"+clip(text)+"” has a scheme that is not allowed: https, or a private one such as com.example.app.")
}

// notVSCHAR reports whether a character is outside of VSCHAR (RFC 6749 appendix A).
func notVSCHAR(r rune) bool { return r < 0x20 || r > 0x7e }

func invalid(detail string) error { return invalidIn("", detail) }

// invalidIn is invalid, of what has the name in the API.
func invalidIn(field, detail string) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Field: field, Detail: detail}
}

// clip keeps what somebody sent from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
