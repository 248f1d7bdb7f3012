package sso

import (
	"context"
	"net/url"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// The ids of what sign-in keeps. They are public; what opens something is a secret of its own, of which the hash is kept.
type (
	// LoginID names a login; it is the reference that a page of errors shows.
	LoginID string
	// SessionID is the sid of ID tokens and logout tokens.
	SessionID string
	// GrantID names what a person has given to a client by signing in.
	GrantID string
	// EndingID names the end of somebody's sessions, of which applications are told.
	EndingID string
)

// LinkPolicy says whom an identity that is not linked yet may become.
type LinkPolicy string

// The policies of a provider.
const (
	// PolicyImported links to a person of the directory who was there before: exactly one who has the e-mail address or user name.
	PolicyImported LinkPolicy = "imported"
	// PolicyCreate does so, too, and adds a person where nobody matches.
	PolicyCreate LinkPolicy = "create"
	// PolicyConfirm is PolicyCreate, but whoever matches has to sign in as before once, to show that they are the same.
	PolicyConfirm LinkPolicy = "confirm"
	// PolicyVerified links by the e-mail address alone, which both sides must have verified, at a provider that is trusted for it.
	PolicyVerified LinkPolicy = "verified"
	// PolicyLinked lets in who is linked, and nobody else.
	PolicyLinked LinkPolicy = "linked"
)

// Known reports whether the policy is one of these.
func (p LinkPolicy) Known() bool {
	switch p {
	case PolicyImported, PolicyCreate, PolicyConfirm, PolicyVerified, PolicyLinked:
		return true
	}
	return false
}

// Link says that an identity is a person of the directory.
type Link struct {
	Provider ProviderID
	Issuer   string
	Subject  string
	User     lockstep.UserID
	Made     bool // the person was added by this sign-in
	Verified bool // the provider said that the e-mail address is theirs
	Created  time.Time
	Used     time.Time
}

// Session is a browser in which somebody is signed in.
type Session struct {
	ID     SessionID
	Hash   Hash // of what the cookie holds
	Person Person

	Provider    ProviderID
	Issuer      string
	Subject     string
	UpstreamSID string
	AuthTime    time.Time
	ACR         string
	AMR         []string
	Logout      []byte // what the provider needs to end its own session; sealed
	Factor      Factor // the second factor that was shown; "" is none
	FactorAt    time.Time

	Began   time.Time
	Seen    time.Time
	Expires time.Time
}

// Person is a user as a session or grant holds them: once the epoch of the directory is another, nothing is valid.
type Person struct {
	User  lockstep.UserID
	Epoch int64
}

// Grant is what a person's sign-in gave to a client: a code, tokens, until it ends.
type Grant struct {
	ID       GrantID
	Client   ClientID
	Person   Person
	Session  SessionID  // it ends with it; "" once it is kept is none (OfTenant)
	Provider ProviderID // who let them in; it ends with it, too

	Scopes    []string
	Claims    Claims // asked for by name, beside those of the scopes
	AuthTime  time.Time
	ACR       string
	AMR       []string
	Nonce     string
	Redirect  string // as the authorization request had it
	Challenge string // of PKCE, S256; "" is none

	Code     Hash
	CodeEnds time.Time
	CodeUsed time.Time // zero until then; a grant that has no code is used at once

	Created  time.Time
	Expires  time.Time // no refresh goes beyond
	Ended    time.Time // zero while it stands
	Factor   Factor    // the second factor that had been shown when it was given; "" is none
	Demanded bool      // its provider demands one of everybody by now
	Live     bool      // it has not ended, the person may be signed in, their provider is enabled, and the client is there
}

// Refresh is a refresh token as it is kept. All those of a grant are one family, each made with the one before.
type Refresh struct {
	Hash    Hash
	Former  Hash // zero is the first
	Grant   GrantID
	Created time.Time
	Ends    time.Time
	Used    time.Time // zero until then
}

// Request is an authorization request that was found to be good (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).
type Request struct {
	Client    ClientID
	Redirect  string
	Mode      string // response_mode: query or form_post
	Scopes    []string
	State     string
	Nonce     string
	Challenge string
	Prompt    []string
	MaxAge    *int
	LoginHint string
	Locales   []string
	ACRValues []string
	Subject   lockstep.UserID // whom id_token_hint names; "" is anybody
	Claims    Claims
	ACRNeeded []string // without one of these nobody gets an answer; empty is any
	SAML      *SAMLAsk `json:",omitempty"` // of an application that speaks SAML
}

// Step is where a login stands.
type Step string

// The steps of a login. No step calls the next: each returns to the dispatcher, which goes by the stored row.
const (
	StepStart    Step = "start"    // a request has come
	StepChoose   Step = "choose"   // the page waits for a choice or a password
	StepAway     Step = "away"     // the browser is at the provider
	StepArrived  Step = "arrived"  // it has come back; what it brought is to be looked at
	StepKnown    Step = "known"    // the provider has said who it is
	StepFactor   Step = "factor"   // it is a person of the directory, who may have to show a second factor
	StepEnrol    Step = "enrol"    // they set one up
	StepCodes    Step = "codes"    // they are shown their recovery codes
	StepPassword Step = "password" // they choose a password in place of the one that they were given
	StepConsent  Step = "consent"  // an administrator is asked whether an application may use the SCIM endpoint
	StepBusy     Step = "busy"     // a code or an answer is being looked at
	StepSigned   Step = "signed"   // they have shown what they have to
	StepLeaving  Step = "leaving"  // a logout, the browser is at the provider
	StepEnded    Step = "ended"
)

// Login is one sign-in (or sign-out) on its way, as it is stored. All of it is sealed.
type Login struct {
	Tenant  lockstep.TenantID `json:"-"`
	ID      LoginID           `json:"-"`
	Version int64             `json:"-"` // 0 is new
	State   Hash              `json:"-"` // of what a callback brings back, once; zero is none
	Browser Hash              `json:"-"` // of the cookie of the browser that began it
	Expires time.Time         `json:"-"`

	Step     Step
	Test     bool    // tried by an administrator: lets nobody in
	Request  Request // of a test: empty
	Locale   string
	Chosen   ProviderID
	Attempt  Attempt
	Callback *Callback
	Identity *Identity
	Person   Person
	Reused   SessionID // the session that answers; "" is a new one
	Proof    *Proof    // what is linked once the person has signed in as before
	Notice   lockstep.Code
	Began    time.Time
	Stages   []Stage
	Leaving  *Leaving `json:",omitempty"` // what is still to be done in a logout

	Shown    *Shown     `json:",omitempty"` // the second factor, in this login
	Ceremony []byte     `json:",omitempty"` // the passkey that the page asks for; its challenge is answered once
	Enrol    *Enrolment `json:",omitempty"`
	Codes    []string   `json:",omitempty"` // recovery codes, until they were shown
	Return   string     `json:",omitempty"` // the part of the account page that the person wanted

	Given []ClaimRule `json:",omitempty"` // what the identity's claims give

	Linking *Linking `json:",omitempty"` // it links an identity to a person who is signed in, and lets nobody in

	Consented bool   `json:",omitempty"` // to what the request asks for of the SCIM endpoint
	Consenter string `json:",omitempty"` // the user name of who has
}

// Proof is an identity that waits until its person has signed in in another way (PolicyConfirm).
type Proof struct {
	Link  Link
	Name  string
	Given []ClaimRule `json:",omitempty"` // what its claims give once it is linked
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	OutcomeSigned  Outcome = "signed in"
	OutcomeRefused Outcome = "refused"
	OutcomeTested  Outcome = "tested"
)

// Trace is what is kept of a login for who looks for its reference (the flight recorder). It holds no secret.
type Trace struct {
	ID       LoginID
	At       time.Time
	Outcome  Outcome
	Code     lockstep.Code // why it was refused
	Detail   string
	Client   ClientID
	Provider ProviderID
	User     lockstep.UserID
	Stages   []Stage
}

// SigningKey is a key of a tenant as it is kept: published at once, used from Begins, published until Ends.
type SigningKey struct {
	Alg    token.Alg
	Serial int64 // rises by one; a second node that makes the same serial gets lockstep.ErrConflict
	KeyID  string
	Secret []byte // PKCS #8; sealed
	Made   time.Time
	Begins time.Time
	Ends   time.Time // zero until another one follows
}

// Ending is the end of somebody's sessions, and what became of telling the applications.
type Ending struct {
	ID      EndingID
	User    lockstep.UserID
	Why     string // "signed out", "disabled", "deleted", "password changed", "ended by an administrator", "refresh token reused"
	At      time.Time
	Settled time.Time // zero while somebody is still to be told
	Notices []Notice
}

// Notice is one application to be told that a session ended.
type Notice struct {
	Tenant  lockstep.TenantID
	Ending  EndingID
	Client  ClientID
	Session SessionID // "" is all of the person's (Global Token Revocation)
	User    lockstep.UserID
	At      time.Time // when the session ended
	Due     time.Time
	Tries   int
	Told    time.Time // zero until it has answered that it knows
	GivenUp bool
	Error   string
}

// Finish is what is written together with the step of a login, or not at all.
type Finish struct {
	Spent   bool     // the login's state alone is used up, with nothing of what follows; all else of it stays as it was kept
	Links   []Link   // new, or used again
	Session *Session // new
	Seen    SessionID
	End     Hash // the session that the browser had before
	Grant   *Grant
	By      audit.Actor // who has consented to the grant, if it is the tenant's, or linked the links by themself; zero is nobody in particular
	Gifts   []Gifts
	Trace   *Trace
}

// Who selects sessions and grants.
type Who struct {
	User     lockstep.UserID
	Session  SessionID
	Provider ProviderID // with Issuer and Upstream, Subject, or both
	Issuer   string
	Upstream string // the provider's sid
	Subject  string
	Grant    GrantID
	Client   ClientID
}

// Providers keeps identity providers.
type Providers interface {
	Provider(ctx context.Context, t lockstep.TenantID, id ProviderID) (Provider, error)
	ProviderByAlias(ctx context.Context, t lockstep.TenantID, alias string) (Provider, error)
	// Providers returns all of a tenant, in their order.
	Providers(ctx context.Context, t lockstep.TenantID) ([]Provider, error)
	// PutProvider keeps a provider. Its Version must be the stored one, or 0 for a new one; else lockstep.ErrVersion. An alias that is
	// taken gives lockstep.ErrConflict.
	PutProvider(ctx context.Context, by audit.Actor, p Provider) (Provider, error)
	// DeleteProvider removes a provider. What was begun through it ends in the same transaction, as with one that is disabled: nobody can use
	// it any more. Links go, and applications are told, soon afterwards (Records.Notices).
	DeleteProvider(ctx context.Context, by audit.Actor, t lockstep.TenantID, id ProviderID) error
	// Gifts returns what the claim rules of providers give somebody now.
	Gifts(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]Gift, error)
}

// Clients keeps clients.
type Clients interface {
	Client(ctx context.Context, t lockstep.TenantID, id ClientID) (Client, error)
	// ClientByEntity returns the one that speaks SAML and has the entity ID.
	ClientByEntity(ctx context.Context, t lockstep.TenantID, entity string) (Client, error)
	Clients(ctx context.Context, t lockstep.TenantID) ([]Client, error)
	// PutClient keeps a client as PutProvider does a provider. What is an act for the audit log.
	PutClient(ctx context.Context, by audit.Actor, what string, c Client) (Client, error)
	DeleteClient(ctx context.Context, by audit.Actor, t lockstep.TenantID, id ClientID) error
}

// Logins keeps logins.
type Logins interface {
	// Login returns one that has not expired.
	Login(ctx context.Context, t lockstep.TenantID, id LoginID) (Login, error)
	LoginByState(ctx context.Context, t lockstep.TenantID, state Hash) (Login, error)
	// Leaving returns the newest logout of a browser that is under way.
	Leaving(ctx context.Context, t lockstep.TenantID, browser Hash) (Login, error)
	// SaveLogin keeps the login with what is written together with it, and returns its new version. When it was changed meanwhile it
	// writes nothing and gives lockstep.ErrVersion. A session or grant for a person who was disabled meanwhile gives lockstep.ErrConflict.
	SaveLogin(ctx context.Context, l Login, f Finish) (Login, error)
	// PutPushed keeps a pushed authorization request (RFC 9126); TakePushed gives it out once.
	PutPushed(ctx context.Context, t lockstep.TenantID, h Hash, c ClientID, until time.Time, values url.Values) error
	TakePushed(ctx context.Context, t lockstep.TenantID, h Hash, c ClientID) (url.Values, error)
}

// Sessions keeps sessions, links and their ends.
type Sessions interface {
	// Session returns the one whose cookie has the hash, if it stands and the person does.
	Session(ctx context.Context, t lockstep.TenantID, h Hash) (Session, error)
	Sessions(ctx context.Context, t lockstep.TenantID, who Who, limit int) ([]Session, error)
	// End ends sessions and grants, and has the clients told. It returns how many sessions and grants it ended. It does so in pages: what
	// was ended before an error stays so.
	End(ctx context.Context, by audit.Actor, t lockstep.TenantID, who Who, why string) (int, error)
	Link(ctx context.Context, t lockstep.TenantID, p ProviderID, issuer, subject string) (Link, error)
	LinksOf(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]Link, error)
	// Given returns the grants of a session: those that have not ended, or all of one client. Without a session they are the client's that belong
	// to the tenant.
	Given(ctx context.Context, t lockstep.TenantID, id SessionID, all ClientID) ([]Grant, error)
	// Password returns what is kept of a user's password, or lockstep.ErrNotFound.
	Password(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) (KeptPassword, error)
}

// Grants keeps grants and their tokens.
type Grants interface {
	Grant(ctx context.Context, t lockstep.TenantID, id GrantID) (Grant, error)
	GrantByCode(ctx context.Context, t lockstep.TenantID, code Hash) (Grant, error)
	GrantByRefresh(ctx context.Context, t lockstep.TenantID, h Hash) (Grant, Refresh, error)
	// Redeem uses the code of a grant up, and keeps the first refresh token if there is one. Of several calls one succeeds; the others,
	// and one for a grant that does not stand, give lockstep.ErrConflict.
	Redeem(ctx context.Context, t lockstep.TenantID, g GrantID, first *Refresh) error
	// Rotate uses a refresh token up and keeps its successor, under the same terms.
	Rotate(ctx context.Context, t lockstep.TenantID, used Hash, next Refresh) error
	// Once notes a value that may be used once until a time, and gives lockstep.ErrConflict when it was noted before.
	Once(ctx context.Context, t lockstep.TenantID, use string, h Hash, until time.Time) error
	// Noted reports whether Once was called with the value.
	Noted(ctx context.Context, t lockstep.TenantID, use string, h Hash) (bool, error)
}

// Records keeps keys, traces, and what is to be told.
type Records interface {
	Keys(ctx context.Context, t lockstep.TenantID) ([]SigningKey, error)
	// PutKey adds a key, and sets the end of the one before.
	PutKey(ctx context.Context, t lockstep.TenantID, k SigningKey, formerEnds time.Time) error
	Trace(ctx context.Context, t lockstep.TenantID, id LoginID) (Trace, error)
	Endings(ctx context.Context, t lockstep.TenantID, limit int) ([]Ending, error)
	// Notices makes notices of new endings and takes those of any tenant that are due, for a while: nobody else gets them.
	Notices(ctx context.Context, hold time.Duration, limit int) ([]Notice, error)
	// SettleNotice keeps how telling went. Without an ending it is for whichever of the client and session is open.
	SettleNotice(ctx context.Context, n Notice) error
	// Tidy removes what has expired.
	Tidy(ctx context.Context) error
}

// Store is all of it. Package store's DB fulfils it by SSO.
type Store interface {
	Providers
	Clients
	Logins
	Sessions
	Grants
	Records
	FactorsKept
}
