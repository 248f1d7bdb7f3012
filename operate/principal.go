package operate

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/token"
)

// The scopes of the management API as a whole. Whoever may write may read.
const (
	ScopeRead  token.Scope = "api:read"
	ScopeWrite token.Scope = "api:write"
)

// The scopes of its areas. A right to apps may be one to a single app or source.
const (
	AppsRead      token.Scope = "apps:read" // apps and sources: their settings, plans, cycles and logs
	AppsWrite     token.Scope = "apps:write"
	PeopleRead    token.Scope = "people:read" // users and groups of the directory
	PeopleWrite   token.Scope = "people:write"
	SignInRead    token.Scope = "signin:read" // identity providers, applications that sign people in, sessions, attempts
	SignInWrite   token.Scope = "signin:write"
	TokensRead    token.Scope = "tokens:read" // tokens and SCIM clients
	TokensWrite   token.Scope = "tokens:write"
	SettingsRead  token.Scope = "settings:read" // notifications, schemas of the tenant's own, tenants
	SettingsWrite token.Scope = "settings:write"
	AuditRead     token.Scope = "audit:read"
	AdminsRead    token.Scope = "admins:read" // administrators and who is in the console
	AdminsWrite   token.Scope = "admins:write"
)

// DefaultTenant is the slug of the tenant that the first start creates.
const DefaultTenant = "default"

// How says how somebody has shown who they are.
type How string

// The ways to show who one is.
const (
	ByMachine How = "machine" // by reading the data folder of this machine
	ByToken   How = "token"
	ByLink    How = "link"     // by a one-time link into the console
	BySignIn  How = "sign-in"  // through the tenant's own login page
	ByOwner   How = "password" // a local owner, by their password
)

// Words says how somebody has shown who they are, after “by”.
func (h How) Words() string {
	switch h {
	case ByMachine:
		return "this machine"
	case ByToken:
		return "token"
	case ByLink:
		return "one-time link"
	case BySignIn:
		return "sign-in"
	case ByOwner:
		return "local owner's password"
	}
	return "one-time link"
}

// Principal is who asks, about which tenant, and what they may do. The zero Principal may do nothing.
type Principal struct {
	Tenant lockstep.TenantID
	Home   lockstep.TenantID // that they belong to, when that is another one; "" is Tenant
	Every  bool              // may speak of every tenant
	Actor  audit.Actor       // as the audit log names them
	Maker  lockstep.TokenID  // the token whose rights these are; "" is whoever holds the machine
	Scopes token.Scopes
	Ends   time.Time // zero is never
	How    How

	Person  session.Person // who it is by name; zero is whoever has the token or the link
	Session session.ID     // of the console that asks; "" is none
	Proved  time.Time      // when whoever has it last showed who they are
}

// may returns an error unless the principal has the right.
func (p Principal) may(want token.Scope) error {
	if p.Scopes.Allow(want) {
		return nil
	}
	return forbidden("The token lacks the scope " + string(want) + ".")
}

// some returns an error unless the principal has the right, or has it for one app at least.
func (p Principal) some(want token.Scope) error {
	if p.Scopes.Some(want) {
		return nil
	}
	return p.may(want)
}

// mayApp returns an error unless the principal has the right to an app or source, by its short name.
func (p Principal) mayApp(want token.Scope, name string) error {
	if name != "" {
		want = want.At(name)
	}
	return p.may(want)
}

// any returns an error unless the principal has any right at all.
func (p Principal) any() error {
	if len(p.Scopes) > 0 {
		return nil
	}
	return forbidden("The token has no right at all.")
}

// MaySome reports whether the principal may do something of a kind, for at least one app. Verb is read or write.
func (p Principal) MaySome(verb string) error {
	for _, s := range p.Scopes {
		if s.Verb(verb) {
			return nil
		}
	}
	return p.may(token.Scope("api:" + verb))
}

// covers returns an error unless the principal has all of the rights.
func (p Principal) covers(scopes token.Scopes) error {
	for _, want := range scopes {
		if !p.Scopes.Allow(want) {
			return forbidden("A token cannot give away the scope " + string(want) + ", which it does not have.")
		}
	}
	return nil
}

// May reports whether the principal has the right, for surfaces that show what can be done.
func (p Principal) May(want token.Scope) error { return p.some(want) }

// MayApp is May for an app or source, by its short name.
func (p Principal) MayApp(want token.Scope, name string) error { return p.mayApp(want, name) }

func forbidden(detail string) error {
	return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: detail}
}

// Bearer finds who holds a token of the API. The token may belong to no tenant: then For says which one is meant.
func (o *Operator) Bearer(ctx context.Context, text string) (Principal, error) {
	if o.Local != "" && subtle.ConstantTimeCompare([]byte(text), []byte(o.Local)) == 1 {
		return machine(), nil
	}
	ref, err := token.Parse(text)
	if err != nil {
		return Principal{}, err
	}
	e, err := o.Tokens.FindToken(ctx, ref.ID)
	switch {
	case lockstep.CodeOf(err) == lockstep.CodeNotFound:
		return Principal{}, token.ErrMismatch
	case err != nil:
		return Principal{}, err
	case e.Kind != token.KindAPI:
		return Principal{}, token.ErrMismatch
	}
	half, err := e.Match(text, o.now())
	if err != nil {
		return Principal{}, err
	}
	ends, scopes, err := o.line(ctx, e)
	if err != nil {
		return Principal{}, err
	}
	if err := o.Tokens.UseToken(ctx, e, half); err != nil {
		return Principal{}, err
	}
	if half == token.Old {
		ends = sooner(ends, e.Former.Ends)
	}
	return Principal{
		Tenant: e.Tenant, Every: e.Tenant == "", Actor: audit.Actor{Kind: audit.Token, ID: string(e.ID), Name: e.Name},
		Maker: e.ID, Scopes: scopes, Ends: ends, How: ByToken,
	}, nil
}

// Machine is the principal of whoever holds this machine, for a tenant.
func Machine(t lockstep.TenantID) Principal {
	p := machine()
	p.Tenant = t
	return p
}

// machine is who reads the data folder of this machine.
func machine() Principal {
	return Principal{
		Every: true, Actor: audit.Actor{Kind: audit.Admin, ID: "machine", Name: "administrator of this machine"},
		Scopes: token.Scopes{token.ScopeAll}, How: ByMachine,
	}
}

// For returns the principal for a tenant, by slug or id. "" is the one of the principal, or the default tenant for one that may
// speak of every tenant. Whoever belongs to a tenant cannot speak of another (lockstep.CodeAuthForbidden), whether that exists or not: what was
// meant for one customer must not be done to another.
func (o *Operator) For(ctx context.Context, p Principal, tenant string) (Principal, error) {
	if !p.Every {
		return p, o.ownTenant(ctx, p, tenant)
	}
	if tenant == "" {
		tenant = DefaultTenant
	}
	t, err := o.tenant(ctx, tenant)
	p.Tenant = t.ID
	return p, err
}

// ownTenant refuses another tenant than the principal's own, by slug or id; "" is its own.
func (o *Operator) ownTenant(ctx context.Context, p Principal, name string) error {
	if name == "" || strings.EqualFold(name, string(p.Tenant)) {
		return nil
	}
	own, err := o.Tenants.Tenant(ctx, p.Tenant)
	if err != nil || own.Slug == name {
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: fmt.Sprintf("This token is of the tenant “%s”, and speaks of no other.", own.Slug)}
}

// tenant finds a tenant by slug or id.
func (o *Operator) tenant(ctx context.Context, name string) (directory.Tenant, error) {
	if lockstep.ValidID(name) {
		return o.Tenants.Tenant(ctx, lockstep.TenantID(name))
	}
	return o.Tenants.TenantBySlug(ctx, name)
}

// longestLine is how many tokens can have been made one by another. A line that is longer stands for nothing.
const longestLine = 16

// errEnded says that a token, or the one that it was made with, is no more.
var errEnded = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The token, or the one that it was made with, has ended."}

// Standing returns until when a token stands: it has not expired, and neither has any of those that it was made with, none of
// which was revoked. Zero is for ever. The error has the code of a token that is not known.
func (o *Operator) Standing(ctx context.Context, e TokenEntry) (time.Time, error) {
	ends, _, err := o.line(ctx, e)
	return ends, err
}

// line goes from a token to those that it was made with. It returns until when it stands and the rights that are left of it: a token of the
// API that an administrator has made can do what they can now, and ends when they are none any more. A SCIM client's belongs to the tenant.
func (o *Operator) line(ctx context.Context, e TokenEntry) (ends time.Time, scopes token.Scopes, err error) {
	ends, scopes = e.Expires, e.Scopes
	for line := 0; ; line++ {
		if !ends.IsZero() && !o.now().Before(ends) {
			return time.Time{}, nil, errEnded
		}
		if e.Person != (session.Person{}) && e.Kind == token.KindAPI {
			now, err := o.rights(ctx, e.Tenant, e.Person)
			if errors.Is(err, errNoRole) {
				err = errEnded
			}
			if err != nil {
				return time.Time{}, nil, err
			}
			scopes = both(scopes, now)
		}
		if e.Maker == "" {
			return ends, scopes, nil
		}
		if line == longestLine {
			return time.Time{}, nil, errEnded
		}
		e, err = o.Tokens.FindToken(ctx, e.Maker)
		if lockstep.CodeOf(err) == lockstep.CodeNotFound {
			return time.Time{}, nil, errEnded
		}
		if err != nil {
			return time.Time{}, nil, err
		}
		ends = sooner(ends, e.Expires)
	}
}

// sooner is the earlier of two ends, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Again asks once more whether the principal may go on, for whatever outlives the request that it came with. The answer has
// the rights that are left.
func (o *Operator) Again(ctx context.Context, p Principal) (Principal, error) {
	if !p.Ends.IsZero() && !o.now().Before(p.Ends) {
		return Principal{}, errEnded
	}
	if p.Person != (session.Person{}) {
		now, err := o.rights(ctx, p.home(), p.Person)
		if err != nil {
			return Principal{}, err
		}
		p.Scopes = both(p.Scopes, now)
	}
	if p.Maker == "" {
		return p, o.stays(ctx, &p)
	}
	e, err := o.Tokens.FindToken(ctx, p.Maker)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return Principal{}, errEnded
	}
	if err != nil {
		return Principal{}, err
	}
	ends, scopes, err := o.line(ctx, e)
	if err != nil {
		return Principal{}, err
	}
	p.Ends, p.Scopes = sooner(p.Ends, ends), both(p.Scopes, scopes)
	return p, o.stays(ctx, &p)
}

// both are the rights that two sets of scopes have in common, as far as they are spelled out in either.
func both(a, b token.Scopes) token.Scopes {
	var common token.Scopes
	for _, s := range a {
		if b.Allow(s) {
			common = append(common, s)
		}
	}
	for _, s := range b {
		if a.Allow(s) && !common.Allow(s) {
			common = append(common, s)
		}
	}
	return common
}

// Visitor is who has a link into the console or a session of it, as far as they still may. Whoever is there by name has the rights that they
// have now.
func (o *Operator) Visitor(ctx context.Context, g session.Grant) (Principal, error) {
	scopes, err := token.ParseScopes(g.Scopes)
	if err != nil {
		return Principal{}, err
	}
	id := string(g.Maker)
	switch {
	case g.Person.Owner != "":
		id = g.Person.Owner
	case g.Person.User != "":
		id = string(g.Person.User)
	case id == "":
		id = machine().Actor.ID
	}
	name := g.Holder
	if g.Home != "" && g.Home != g.Tenant {
		home, err := o.Tenants.Tenant(ctx, g.Home)
		if lockstep.CodeOf(err) == lockstep.CodeNotFound {
			err = errEnded
		}
		if err != nil {
			return Principal{}, err
		}
		name += " of " + home.Name
	}
	return o.Again(ctx, Principal{
		Tenant: g.Tenant, Home: g.Home, Actor: audit.Actor{Kind: audit.Admin, ID: id, Name: name}, Maker: g.Maker, Scopes: scopes, Ends: g.Ends,
		How: How(cmp.Or(g.How, string(ByLink))), Person: g.Person,
	})
}

// Inside is who has a session of the console, as far as they still may.
func (o *Operator) Inside(ctx context.Context, x session.Session) (Principal, error) {
	p, err := o.Visitor(ctx, x.Grant)
	p.Session, p.Proved = x.ID, x.Proved
	return p, err
}

// ProveFor is how long somebody who has shown who they are may do what is severe.
const ProveFor = 10 * time.Minute

// errProve asks somebody in the console to show again who they are.
var errProve = &lockstep.Error{Code: lockstep.CodeProveAgain, Detail: "You showed who you are more than 10 minutes ago."}

// proved is asked before severe acts. It returns an error for somebody in the console who has not shown lately who they are: a browser may be
// left open. A token shows it with each request.
func (o *Operator) proved(p Principal) error {
	if p.Session == "" || o.now().Sub(p.Proved) <= ProveFor {
		return nil
	}
	return errProve
}
