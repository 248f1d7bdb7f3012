package operate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/token"
)

// SCIMConsent is what an administrator has let the application of a SCIM client into the endpoint with, by the authorization code grant.
type SCIMConsent struct {
	ID sso.GrantID
	By string // the user name of who has consented, as it is now; "" is somebody who is gone
	At time.Time
}

// MayConsent implements sso.Consent: whoever could make the SCIM client that an application belongs to may let the application in. It asks for the
// person's rights as they are now.
func (o *Operator) MayConsent(ctx context.Context, t lockstep.TenantID, u lockstep.UserID, c sso.ClientID) (sso.SCIMAsk, error) {
	p := Principal{Tenant: t, Person: session.Person{User: u}}
	var err error
	if p.Scopes, err = o.rights(ctx, t, p.Person); err != nil {
		return sso.SCIMAsk{}, err
	}
	if err := p.may(TokensWrite); err != nil {
		return sso.SCIMAsk{}, err
	}
	bound, err := o.boundTo(ctx, p, c)
	if err != nil {
		return sso.SCIMAsk{}, err
	}
	for _, e := range bound {
		if e.Kind == token.KindSCIM && (e.Expires.IsZero() || o.now().Before(e.Expires)) {
			return sso.SCIMAsk{Name: e.Name, Writes: e.Scopes.Allow("scim:write")}, p.covers(e.Scopes)
		}
	}
	return sso.SCIMAsk{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "No SCIM client belongs to the application."}
}

// SCIMConsents lists the consents on which a SCIM client lives, the oldest first.
func (o *Operator) SCIMConsents(ctx context.Context, p Principal, name string) ([]SCIMConsent, error) {
	if err := p.may(TokensRead); err != nil {
		return nil, err
	}
	e, err := o.Token(ctx, p, name)
	if err != nil || e.OAuth.Client == "" || o.SignIn == nil {
		return nil, err
	}
	given, err := o.SignIn.Sessions.Given(ctx, p.Tenant, "", sso.ClientID(e.OAuth.Client))
	if err != nil {
		return nil, err
	}
	var all []SCIMConsent
	var users []lockstep.UserID
	given = slices.DeleteFunc(given, func(g sso.Grant) bool { return !g.Live || g.CodeUsed.IsZero() || !o.now().Before(g.Expires) })
	for _, g := range given {
		users = append(users, g.Person.User)
	}
	names := map[lockstep.UserID]string{}
	if len(users) > 0 {
		people, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: users})
		if err != nil {
			return nil, err
		}
		for _, u := range people {
			names[u.ID] = u.Attributes.Text("userName")
		}
	}
	for _, g := range given {
		all = append(all, SCIMConsent{ID: g.ID, By: names[g.Person.User], At: g.Created})
	}
	return all, nil
}

// EndSCIMConsent ends one of them: the access tokens and refresh tokens that came of it are good for nothing any more.
func (o *Operator) EndSCIMConsent(ctx context.Context, p Principal, name string, id sso.GrantID) error {
	if err := p.may(TokensWrite); err != nil {
		return err
	}
	e, err := o.Token(ctx, p, name)
	if err != nil {
		return err
	}
	if err := p.covers(e.Scopes); err != nil {
		return err
	}
	all, err := o.SCIMConsents(ctx, p, name)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(c SCIMConsent) bool { return c.ID == id })
	if at < 0 {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such consent any more."}
	}
	_, err = o.SignIn.Sessions.End(ctx, p.Actor, p.Tenant, sso.Who{Grant: id}, "consent of "+cmp.Or(all[at].By, "somebody who is gone")+" to the SCIM client "+e.Name+" ended")
	return err
}
