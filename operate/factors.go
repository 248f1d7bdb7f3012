package operate

import (
	"context"

	"lockstep"
	"lockstep/sso"
)

// SecondFactors returns what somebody can show beside their password: names and times, never a secret or a key.
func (o *Operator) SecondFactors(ctx context.Context, p Principal, user lockstep.UserID) (sso.FactorSet, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return sso.FactorSet{}, err
	}
	if _, err := o.factorsOf(ctx, p, user); err != nil {
		return sso.FactorSet{}, err
	}
	f, err := s.Factors.Factors(ctx, p.Tenant, user)
	for i := range f.Passkeys {
		f.Passkeys[i].PublicKey = nil
	}
	if f.TOTP != nil {
		f.TOTP = &sso.TOTP{Created: f.TOTP.Created, Used: f.TOTP.Used}
	}
	return f, err
}

// RemoveSecondFactors takes a factor from somebody who has lost it, or all that they have, and returns how many there were. They sign in without,
// or set up another one where one is required. Whoever does so has to have shown a short while ago who they are, and has the rights that they have.
func (o *Operator) RemoveSecondFactors(ctx context.Context, p Principal, user lockstep.UserID, which sso.Which) (int, error) {
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
	return s.Factors.RemoveFactors(ctx, p.Actor, p.Tenant, user, which)
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
