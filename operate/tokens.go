package operate

import (
	"context"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/session"
	"lockstep/token"
)

// TokenEntry is a token as it is kept, with what people want to know about it.
type TokenEntry struct {
	token.Token
	Tenant  lockstep.TenantID // "" is every tenant
	Maker   lockstep.TokenID  // the token that it was made with; "" is none
	Person  session.Person    // the administrator who has made it; zero is none
	Name    string
	Created time.Time

	LastUsed   time.Time     // zero is never
	FormerUsed time.Time     // the secret of before the last rotation; zero is never since then
	Profile    token.Profile // of a SCIM token; "" is token.Generic
	OAuth      token.OAuth   // whose access tokens a SCIM client shows; zero is none: it has a secret
	Product    token.Product // which product a SCIM token was given to
	Rate       float64       // requests a second that a SCIM token may send; 0 is as many as the server lets any
}

// Tokens keeps bearer tokens.
type Tokens interface {
	// FindToken returns a token that is not revoked, or lockstep.ErrNotFound.
	FindToken(ctx context.Context, id lockstep.TokenID) (TokenEntry, error)
	// UseToken notes that the token was used, by which of its secrets.
	UseToken(ctx context.Context, e TokenEntry, half token.Half) error
	// ListTokens returns those that are not revoked.
	ListTokens(ctx context.Context, t lockstep.TenantID) ([]TokenEntry, error)
	PutToken(ctx context.Context, by audit.Actor, e TokenEntry) error
	// RotateToken keeps the token that was made by rotating one whose secret had the hash from; lockstep.ErrVersion when it has
	// another one by now.
	RotateToken(ctx context.Context, by audit.Actor, t lockstep.TenantID, from token.Hash, next token.Token) error
	// SetToken asks change, which has no effects and may be asked again, what the profile, product and limit of a SCIM token are to become,
	// as it is by then, and keeps that: nobody's change is lost who makes another one at the same moment.
	SetToken(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID, change func(*TokenEntry) error) (TokenEntry, error)
	RevokeToken(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID) error
}

// ListTokens lists the tenant's tokens that are not revoked.
func (o *Operator) ListTokens(ctx context.Context, p Principal) ([]TokenEntry, error) {
	if err := p.may(TokensRead); err != nil {
		return nil, err
	}
	return o.Tokens.ListTokens(ctx, p.Tenant)
}

// Token finds one of the tenant's tokens by its id or its name, which must then be that of one token only.
func (o *Operator) Token(ctx context.Context, p Principal, name string) (TokenEntry, error) {
	all, err := o.ListTokens(ctx, p)
	if err != nil {
		return TokenEntry{}, err
	}
	var named []TokenEntry
	for _, e := range all {
		if string(e.ID) == name {
			return e, nil
		}
		if e.Name == name {
			named = append(named, e)
		}
	}
	switch len(named) {
	case 0:
		return TokenEntry{}, notFound("token", name)
	case 1:
		return named[0], nil
	}
	return TokenEntry{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "More than one token is called “" + clip(name) + "”: name it by its id."}
}

// NewToken is what a token is made of.
type NewToken struct {
	Name    string
	Kind    token.Kind // KindAPI or KindSCIM
	Scopes  string
	Days    int           // how long it is valid; 0 is as long as its maker
	Profile token.Profile // of a SCIM token; "" is token.Generic
	OAuth   token.OAuth   // of a SCIM token: whose access tokens its holder shows; then there is no text
	Product token.Product // of a SCIM token
	Rate    float64       // of a SCIM token: requests a second; 0 is as many as the server lets any
}

// errNotSCIM says what only SCIM clients have.
var errNotSCIM = &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Only a token of kind scim has a profile, a product and a limit: they say how to take what a SCIM client sends."}

// errIPSIE says that the profile ipsie has no fixed tokens.
var errIPSIE = &lockstep.Error{Code: lockstep.CodeInvalid, Field: "profile", Detail: "The profile ipsie is for clients that show access tokens (OAuth 2.0), not for a fixed token: make the client with --client or --issuer."}

// CreateToken makes a token and returns its text, which exists only here. It can do no more than the principal, and lives no
// longer.
func (o *Operator) CreateToken(ctx context.Context, p Principal, in NewToken) (TokenEntry, string, error) {
	scopes, err := token.ParseScopes(in.Scopes)
	if err != nil {
		return TokenEntry{}, "", err
	}
	if err := p.may(TokensWrite); err != nil {
		return TokenEntry{}, "", err
	}
	if err := p.covers(scopes); err != nil {
		return TokenEntry{}, "", err
	}
	if p.Visits() && in.Kind == token.KindAPI {
		return TokenEntry{}, "", forbidden("You belong to another tenant, and a token of the API would open this one after it lets you in no longer. Let somebody of this tenant make it.")
	}
	if err := in.checkSCIM(); err != nil {
		return TokenEntry{}, "", err
	}
	if err := o.checkOAuth(ctx, p, in); err != nil {
		return TokenEntry{}, "", err
	}
	t, text, err := token.New(in.Kind)
	if err != nil {
		return TokenEntry{}, "", err
	}
	now := o.now()
	t.Scopes = scopes
	if t.Expires, err = p.until(now, in.Days, p.Ends); err != nil {
		return TokenEntry{}, "", err
	}
	e := TokenEntry{Token: t, Tenant: p.Tenant, Maker: p.Maker, Person: session.Person{User: p.Person.User, Owner: p.Person.Owner}, Name: in.Name, Created: now, Profile: in.Profile, OAuth: in.OAuth, Product: in.Product, Rate: in.Rate}
	if !in.OAuth.Zero() {
		text = "" // nobody ever has it: what opens the endpoint are access tokens
	}
	return e, text, o.Tokens.PutToken(ctx, p.Actor, e)
}

// until is when something that the principal makes ends: after so many days, or, when there are none, as it would otherwise. It
// is refused when the principal itself ends sooner.
func (p Principal) until(now time.Time, days int, otherwise time.Time) (time.Time, error) {
	ends := otherwise
	if days > 0 {
		ends = now.Add(time.Duration(days) * 24 * time.Hour)
	}
	if !p.Ends.IsZero() && (ends.IsZero() || ends.After(p.Ends)) {
		return time.Time{}, forbidden("The token ends at " + p.Ends.UTC().Format(time.RFC3339) + " and can make nothing that lives longer.")
	}
	return ends, nil
}

// Rotation says how a token is rotated.
type Rotation struct {
	Of      *token.Hash   // the secret that it must still have; nil is whatever it has
	Overlap time.Duration // how long the secret of before goes on working
	Days    int           // how long the new secret is valid; 0 keeps the token's expiry as it is
}

// RotateToken gives a token a new secret and returns its text, which exists only here: whoever rotates a token can do what it
// can, so they must be able to already.
func (o *Operator) RotateToken(ctx context.Context, p Principal, name string, r Rotation) (TokenEntry, string, error) {
	if err := p.may(TokensWrite); err != nil {
		return TokenEntry{}, "", err
	}
	e, err := o.Token(ctx, p, name)
	if err != nil {
		return TokenEntry{}, "", err
	}
	if err := p.covers(e.Scopes); err != nil {
		return TokenEntry{}, "", err
	}
	if p.Visits() && e.Kind == token.KindAPI {
		return TokenEntry{}, "", forbidden("You belong to another tenant, and a token of the API would open this one after it lets you in no longer. Let somebody of this tenant rotate it.")
	}
	if !e.OAuth.Zero() {
		return TokenEntry{}, "", errNoSecret
	}
	if r.Of != nil && *r.Of != e.Hash {
		return TokenEntry{}, "", &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The token has another secret by now, so it was not rotated. To rotate it once more, begin at its row."}
	}
	now := o.now()
	expires, err := p.until(now, r.Days, e.Expires)
	if err != nil {
		return TokenEntry{}, "", err
	}
	next, text, err := e.Rotate(now, r.Overlap, expires)
	if err != nil {
		return TokenEntry{}, "", err
	}
	if err := o.Tokens.RotateToken(ctx, p.Actor, p.Tenant, e.Hash, next); err != nil {
		return TokenEntry{}, "", err
	}
	e.Token, e.FormerUsed = next, time.Time{}
	return e, text, nil
}

// checkSCIM checks what only SCIM tokens have, and puts the profile that is meant.
func (in *NewToken) checkSCIM() error {
	if in.Kind != token.KindSCIM && (in.Profile != "" || in.Product != "" || in.Rate != 0) {
		return errNotSCIM
	}
	return checkSCIMToken(&in.Profile, in.Product, in.Rate, in.OAuth)
}

func checkSCIMToken(profile *token.Profile, product token.Product, rate float64, oauth token.OAuth) (err error) {
	if *profile, err = token.ParseProfile(string(*profile)); err != nil {
		return err
	}
	if *profile == token.IPSIE && oauth.Zero() {
		return errIPSIE
	}
	if _, err := token.ParseProduct(string(product)); err != nil {
		return err
	}
	return token.CheckRate(rate)
}

// TokenChange is what is changed of a SCIM token; nil stays as it is.
type TokenChange struct {
	Profile *token.Profile // what its holder is forgiven, and whether its requests are examined
	Product *token.Product
	Rate    *float64 // requests a second; 0 is as many as the server lets any
}

// SetToken changes a SCIM token.
func (o *Operator) SetToken(ctx context.Context, p Principal, name string, c TokenChange) (TokenEntry, error) {
	if err := p.may(TokensWrite); err != nil {
		return TokenEntry{}, err
	}
	e, err := o.Token(ctx, p, name)
	if err != nil {
		return TokenEntry{}, err
	}
	return o.Tokens.SetToken(ctx, p.Actor, p.Tenant, e.ID, func(e *TokenEntry) error {
		if e.Kind != token.KindSCIM {
			return errNotSCIM
		}
		if c.Profile != nil {
			e.Profile = *c.Profile
		}
		if c.Product != nil {
			e.Product = *c.Product
		}
		if c.Rate != nil {
			e.Rate = *c.Rate
		}
		return checkSCIMToken(&e.Profile, e.Product, e.Rate, e.OAuth)
	})
}

// RevokeToken ends a token, and with it everything that was made with it. A principal ends its own token, those that were made
// with it, and any whose rights it has.
func (o *Operator) RevokeToken(ctx context.Context, p Principal, name string) error {
	if err := p.may(TokensWrite); err != nil {
		return err
	}
	e, err := o.Token(ctx, p, name)
	if err != nil {
		return err
	}
	own := p.Maker != "" && (e.ID == p.Maker || e.Maker == p.Maker)
	if !own && p.covers(e.Scopes) != nil {
		return forbidden("The token can do more than the one that is used here, which cannot revoke it.")
	}
	return o.Tokens.RevokeToken(ctx, p.Actor, p.Tenant, e.ID)
}
