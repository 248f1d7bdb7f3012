package operate

import (
	"context"
	"slices"
	"strings"

	"lockstep"
	"lockstep/sso"
)

// SecondFactors are what somebody can show beside their password, and who demands one of them.
type SecondFactors struct {
	sso.FactorSet
	Demanded []sso.Demander
}

// Last reports whether no second factor is left when one is removed: a passkey by its key, app, or all. Recovery codes are none.
func (f SecondFactors) Last(factor string) bool {
	left := len(f.Passkeys)
	if f.TOTP != nil {
		left++
	}
	return left > 0 && (factor == "all" || left == 1 && factor != "codes")
}

// SecondFactors returns what somebody can show beside their password: names and times, never a secret or a key.
func (o *Operator) SecondFactors(ctx context.Context, p Principal, user lockstep.UserID) (SecondFactors, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return SecondFactors{}, err
	}
	if _, err := o.factorsOf(ctx, p, user); err != nil {
		return SecondFactors{}, err
	}
	f := SecondFactors{}
	if f.FactorSet, err = s.Factors.Factors(ctx, p.Tenant, user); err != nil {
		return SecondFactors{}, err
	}
	for i := range f.Passkeys {
		f.Passkeys[i].PublicKey = nil
	}
	if f.TOTP != nil {
		f.TOTP = &sso.TOTP{Created: f.TOTP.Created, Used: f.TOTP.Used}
	}
	f.Demanded, err = o.demanders(ctx, p, user)
	return f, err
}

// demanders are the providers and applications that demand a second factor of somebody.
func (o *Operator) demanders(ctx context.Context, p Principal, user lockstep.UserID) ([]sso.Demander, error) {
	providers, err := o.SignIn.Providers.Providers(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	links, err := o.SignIn.Sessions.LinksOf(ctx, p.Tenant, user)
	if err != nil {
		return nil, err
	}
	clients, err := o.SignIn.Clients.Clients(ctx, p.Tenant)
	return sso.Demanders(providers, clients, func(id sso.ProviderID) bool {
		return slices.ContainsFunc(links, func(l sso.Link) bool { return l.Provider == id })
	}), err
}

// demandersSay names them: by the application “Vault”, by the identity provider “Webex CC”.
func demandersSay(all []sso.Demander) string {
	names := make([]string, len(all))
	for i, d := range all {
		kind := "the identity provider “"
		if d.App {
			kind = "the application “"
		}
		names[i] = kind + d.Name + "”"
	}
	return strings.Join(names, ", ")
}

// RemoveSecondFactors takes a factor from somebody who has lost it, or all that they have, and returns how many there were. They sign in without,
// or set up another one where one is demanded: the last one goes then only if last says so, since whoever knows their password can set one up. Whoever
// does so has to have shown a short while ago who they are, and has the rights that they have.
func (o *Operator) RemoveSecondFactors(ctx context.Context, p Principal, user lockstep.UserID, which sso.Which, last bool) (int, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return 0, err
	}
	if which == (sso.Which{}) {
		return 0, invalid("Say which second factor is to be removed: a passkey by its id, the authenticator app, the recovery codes, or all.")
	}
	if _, err := o.factorsOf(ctx, p, user); err != nil {
		return 0, err
	}
	if err := o.above(ctx, p, user); err != nil {
		return 0, err
	}
	if err := o.proved(p); err != nil {
		return 0, err
	}
	demanded, err := o.demanders(ctx, p, user)
	if err != nil {
		return 0, err
	}
	r := sso.Removal{Which: which, Last: last || len(demanded) == 0}
	if len(demanded) > 0 {
		r.Note = ", and one is demanded by " + demandersSay(demanded)
	}
	n, err := s.Factors.RemoveFactors(ctx, p.Actor, p.Tenant, user, r)
	if lockstep.CodeOf(err) == lockstep.CodeSSOLastFactor {
		err = &lockstep.Error{Code: lockstep.CodeSSOLastFactor, Detail: "It is their last second factor, and one is demanded by " + demandersSay(demanded) +
			": whoever knows their password sets up another as they sign in next."}
	}
	return n, err
}

// factorsOf finds the person, by id.
func (o *Operator) factorsOf(ctx context.Context, p Principal, user lockstep.UserID) (Called, error) {
	names, err := o.namesOf(ctx, p, []lockstep.UserID{user})
	if err != nil {
		return Called{}, err
	}
	if _, there := names.people[user]; !there {
		return Called{}, notFound("person with the id", string(user))
	}
	return names.person(user), nil
}
