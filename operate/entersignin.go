package operate

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/token"
)

// SignedInPath is where the console gets back whoever has signed in.
const SignedInPath = "/enter/signed-in"

// SignsAdministratorsIn reports whether administrators of a tenant, by slug, can come into the console through its login page: it has an
// identity provider that is enabled.
func (o *Operator) SignsAdministratorsIn(ctx context.Context, tenant string) bool {
	if o.SignIn == nil || o.SignIn.Console == nil || o.Admins == nil || o.Address == nil || o.Address() == "" {
		return false
	}
	t, err := o.tenant(ctx, orDefault(tenant))
	if err != nil {
		return false
	}
	all, err := o.SignIn.Providers.Providers(ctx, t.ID)
	return err == nil && slices.ContainsFunc(all, func(p sso.Provider) bool { return p.State == sso.Enabled && !p.LinkOnly })
}

// HasLocalOwner reports whether a tenant, by slug, has a local owner, who comes into the console by a password.
func (o *Operator) HasLocalOwner(ctx context.Context, tenant string) bool {
	if o.Admins == nil {
		return false
	}
	t, err := o.tenant(ctx, orDefault(tenant))
	if err != nil {
		return false
	}
	all, err := o.Admins.Owners(ctx, t.ID)
	return err == nil && len(all) > 0
}

func orDefault(tenant string) string {
	if tenant == "" {
		return DefaultTenant
	}
	return tenant
}

// BeginSignIn begins a sign-in of somebody for the console. It returns where their browser goes, and what it has to bring back: the secret that
// binds the sign-in to it. fresh has them show who they are even if they are signed in.
func (o *Operator) BeginSignIn(ctx context.Context, tenant string, fresh bool) (address, verifier string, err error) {
	if !o.SignsAdministratorsIn(ctx, tenant) {
		return "", "", &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "Nobody signs in to this console through a login page: no identity provider is enabled."}
	}
	t, err := o.tenant(ctx, orDefault(tenant))
	if err != nil {
		return "", "", err
	}
	if err := o.consoleClient(ctx, t.ID); err != nil {
		return "", "", err
	}
	verifier = rand.Text() + rand.Text() // 260 bits, in characters that RFC 7636 §4.1 allows
	return o.SignIn.Console.Authorize(t.Slug, o.Address()+SignedInPath, sso.Challenge(verifier), fresh), verifier, nil
}

// consoleClient sees to it that the console is an application of the tenant, at the address that it has now.
func (o *Operator) consoleClient(ctx context.Context, t lockstep.TenantID) error {
	redirect := o.Address() + SignedInPath
	c, err := o.SignIn.Clients.Client(ctx, t, sso.ConsoleClient)
	what := "updated"
	if errors.Is(err, lockstep.ErrNotFound) {
		what, err = "created", nil
		c = sso.Client{Tenant: t, ID: sso.ConsoleClient, Name: "Lockstep console", Auth: sso.AuthNone, Grants: []sso.GrantType{sso.GrantCode}, Created: o.now()}
	}
	if err != nil || slices.Contains(c.Redirects, redirect) {
		return err
	}
	c.Redirects, c.Updated = []string{redirect}, o.now()
	_, err = o.SignIn.Clients.PutClient(ctx, audit.Actor{Kind: audit.System}, what, c)
	if errors.Is(err, lockstep.ErrVersion) || errors.Is(err, lockstep.ErrConflict) { // somebody else was faster
		return nil
	}
	return err
}

// EnterBySignIn finds who has come back from the login page, once. proved is when they showed who they are. Whoever has no role is refused, by
// their name.
func (o *Operator) EnterBySignIn(ctx context.Context, tenant, code, verifier string) (g session.Grant, proved time.Time, err error) {
	if o.SignIn == nil || o.SignIn.Console == nil || o.Admins == nil || o.Address == nil {
		return g, proved, errEnded
	}
	t, err := o.tenant(ctx, orDefault(tenant))
	if err != nil {
		return g, proved, err
	}
	got, err := o.SignIn.Console.Entered(ctx, t.Slug, o.Address()+SignedInPath, code, verifier)
	if lockstep.CodeOf(err) == lockstep.CodeSSOExpired {
		err = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "This sign-in took too long, or was used already. Sign in again."}
	}
	if err != nil {
		return g, proved, err
	}
	all, err := o.Directory.Users(ctx, t.ID, directory.UserQuery{IDs: []lockstep.UserID{got.Person.User}, Limit: 1})
	if err != nil {
		return g, proved, err
	}
	if len(all) == 0 {
		return g, proved, errNoRole
	}
	u := all[0]
	g = session.Grant{
		Tenant: t.ID, Holder: u.Attributes.Text("userName"), Scopes: string(token.ScopeAll), How: string(BySignIn),
		Person: session.Person{User: got.Person.User, Epoch: got.Person.Epoch, SignIn: string(got.Session)},
	}
	if name := strings.TrimSpace(u.Attributes.Text("displayName")); name != "" {
		g.Holder = name
	}
	if _, err = o.Visitor(ctx, g); errors.Is(err, errNoRole) {
		err = forbidden("You are " + clip(u.Attributes.Text("userName")) + ", and have no role here. An owner can give you one at Settings, Administrators.")
	}
	return g, got.AuthTime, err
}
