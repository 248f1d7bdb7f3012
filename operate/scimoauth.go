package operate

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/sso"
	"lockstep/token"
)

// A SCIM client that shows access tokens (OAuth 2.0) is kept like one with a secret: what it may do, its profile, its limit and its name in
// the logs are those of its token entry. Whoever could change how its application authenticates could become it, so that takes the entry's
// rights.

// errNoSecret says that there is nothing to rotate.
var errNoSecret = &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "This SCIM client has no secret of its own: it shows access tokens. Rotate the secret of its application, or the keys of the issuer."}

// checkOAuth checks whose access tokens a new SCIM client is to show.
func (o *Operator) checkOAuth(ctx context.Context, p Principal, in NewToken) error {
	if in.OAuth.Zero() {
		return nil
	}
	if in.Kind != token.KindSCIM {
		return invalid("Only a SCIM client shows access tokens in place of a secret of its own.")
	}
	if err := in.OAuth.Check(); err != nil {
		return err
	}
	if in.OAuth.Client == "" {
		return nil
	}
	c, err := o.Client(ctx, p, in.OAuth.Client)
	switch {
	case err != nil:
		return err
	case c.Public():
		return invalid("The application " + c.Name + " cannot keep a secret: a SCIM client authenticates with a secret or a key.")
	case !slices.Contains(c.Scopes, token.ScopeSCIM):
		return invalid("The application " + c.Name + " may not ask for the scope scim: add one that may, with --scope scim.")
	case !c.May(sso.GrantCredentials) && !c.May(sso.GrantCode):
		return invalid("The application " + c.Name + " may ask for no tokens of its own: add one with --grant client_credentials.")
	}
	bound, err := o.boundTo(ctx, p, c.ID)
	if err == nil && len(bound) > 0 {
		err = &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The application is that of the SCIM client “" + clip(bound[0].Name) + "” already."}
	}
	return err
}

// boundTo returns the SCIM clients that show the access tokens of an application.
func (o *Operator) boundTo(ctx context.Context, p Principal, id sso.ClientID) ([]TokenEntry, error) {
	all, err := o.Tokens.ListTokens(ctx, p.Tenant)
	return slices.DeleteFunc(all, func(e TokenEntry) bool { return id == "" || e.OAuth.Client != string(id) }), err
}

// becomes refuses to change how an application authenticates for whoever could not do what it can do at the SCIM endpoint.
func (o *Operator) becomes(ctx context.Context, p Principal, id sso.ClientID) error {
	bound, err := o.boundTo(ctx, p, id)
	if err != nil {
		return err
	}
	for _, e := range bound {
		if p.covers(e.Scopes) != nil {
			return forbidden("The application is that of the SCIM client “" + clip(e.Name) + "”, which can do more than the token that is used here.")
		}
	}
	return nil
}
