package sso

import (
	"context"
	"net/url"
	"time"

	"lockstep"
)

// ProviderID names an identity provider of a tenant. Links are keyed by it (never by the alias), so that a provider that is
// deleted and made anew under the same alias inherits nobody.
type ProviderID string

// ProviderKind says how an identity provider is spoken to.
type ProviderKind string

// The kinds of identity providers.
const (
	KindWebexCC ProviderKind = "webexcc" // OpenID Connect with Webex's issuers, addresses and logout
	KindOIDC    ProviderKind = "oidc"
	KindOAuth2  ProviderKind = "oauth2" // no ID token: the answer of a user-info address names the person
	KindEntra   ProviderKind = "entra"
	KindSAML    ProviderKind = "saml"
	KindLDAP    ProviderKind = "ldap"
	KindLocal   ProviderKind = "local"
)

// ProviderState says whether people may sign in through a provider. A provider is a draft at once when it is added: its redirect
// URI exists and stays, so that an administrator can register it elsewhere and come back.
type ProviderState string

// The states of a provider.
const (
	Draft    ProviderState = "draft"
	Enabled  ProviderState = "enabled"
	Disabled ProviderState = "disabled"
)

// Provider is an identity provider as an administrator set it up.
type Provider struct {
	ID     ProviderID
	Tenant lockstep.TenantID
	Alias  string // [a-z0-9-]{1,40}, part of the redirect URI, never changed
	Kind   ProviderKind
	Name   string // what the button says
	State  ProviderState

	Hidden       bool // no button; reached by a client that pins it or by an e-mail domain
	LinkOnly     bool // signs in only who is already linked
	TrustEmail   bool // its verified e-mail may link
	Order        int
	Policy       LinkPolicy  // whom somebody who is not linked yet may become; "" is PolicyImported
	Domains      []string    // people with addresses of these e-mail domains are sent there at once
	SecondFactor Demand      `json:",omitempty"`
	Rules        []ClaimRule `json:",omitempty"` // what claims give
	Tested       time.Time   // of the last good test sign-in with these settings; zero is none

	Settings map[string]string // what upstream.Form(kind) lists, checked by it
	Secrets  map[string]string // sealed in the store; never shown
	Roots    [][]byte          // further certificates (DER) that its servers may be signed by

	Updated time.Time
	Version int64
}

// Identity is who an upstream says has signed in.
type Identity struct {
	Issuer        string
	Subject       string // never empty; with Issuer and the provider's id the key of a link
	UserName      string
	Email         string
	EmailVerified bool
	Name          string
	GivenName     string
	FamilyName    string
	Groups        []string
	AuthTime      time.Time // zero when the upstream does not say
	ACR           string
	AMR           []string
	SessionID     string         // the upstream's sid, for its back-channel logout
	Claims        map[string]any // everything it said, bounded, for filters and mappings
	PasswordEnds  time.Time      // when the password ends that an administrator has given them, and they have signed in with; zero is none
	Logout        []byte         // what EndSession of the same upstream needs (an ID token, a SAML session index); kept sealed
}

// Attempt is what a login asks of an upstream, and what the upstream must remember between the two halves of it.
type Attempt struct {
	ID          string   // the login's reference, for the flight recorder
	State       string   // ≤ 43 characters; comes back with the callback, and is compared by the caller
	Nonce       string   // for the ID token
	Verifier    string   // PKCE (RFC 7636), S256
	RedirectURI string   // this provider's own, so that answers of two providers cannot be mixed up (RFC 9700 §4.4)
	Prompt      string   // login, none, select_account or empty
	LoginHint   string   // as the application gave it
	MaxAge      *int     // seconds
	ACRValues   []string // what the application asks for
	Locales     []string
	Kept        []byte // what Begin asked to be kept; given back to Finish
}

// Redirect is where the browser goes next. With Form the values are sent by POST (SAML's POST binding).
type Redirect struct {
	URL  string
	Form url.Values
	Keep []byte // stored with the login and handed to Finish as Attempt.Kept
}

// Callback is what the browser brought back.
type Callback struct {
	Values url.Values // query or form
	Post   bool
}

// Upstream is one identity provider, opened. Every method reports its stages to the Recorder in its context's login; its errors
// are *lockstep.Error with a code that begins with "idp." and a detail that an administrator can act on.
type Upstream interface {
	// Begin returns where the browser is to be sent.
	Begin(ctx context.Context, a Attempt, rec Recorder) (Redirect, error)
	// Finish takes what came back and returns who it is. The caller has compared state and browser before.
	Finish(ctx context.Context, a Attempt, c Callback, rec Recorder) (Identity, error)
	// EndSession returns where the browser is sent to end the upstream's session too, and "" when that cannot be done by this
	// provider or with what is kept.
	EndSession(ctx context.Context, kept []byte, returnTo string) (string, error)
}

// Passwords is what an upstream fulfils that is asked by a form of ours instead of a redirect (LDAP, local).
type Passwords interface {
	// SignIn checks a name and a password. A wrong one of either is one and the same error, after the same time.
	SignIn(ctx context.Context, name, password string, rec Recorder) (Identity, error)
}

// Opener makes the Upstream of a provider. Package upstream fulfils it; the server hands it in.
type Opener interface {
	Open(ctx context.Context, p Provider) (Upstream, error)
}

// Recorder takes down what happens in a login, stage by stage. Whoever records has taken secrets out: tokens are named by their
// decoded claims, never by their text.
type Recorder interface {
	Stage(s Stage)
}

// Stage is one step of a login.
type Stage struct {
	Name   string            // "authorize", "callback", "token", "id_token", "userinfo", "match", …
	OK     bool              //
	Code   lockstep.Code     // why not
	Detail string            // one sentence
	Fix    string            // what to do about it, empty when nobody knows
	Facts  map[string]string // status, issuer, kid, clock skew, names of the certificate chain …
	Took   time.Duration
}
