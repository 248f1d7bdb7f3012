package operate

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"lockstep"
	"lockstep/directory"
	"lockstep/sso"
	"lockstep/token"
)

// RightsByClaim are the rights of an administrator that a claim rule gives. A role's are those of this version of the program.
func RightsByClaim(r sso.ClaimRule) token.Scopes {
	if r.Role != "" {
		all, err := Role(r.Role).scopes(nil)
		if err != nil || beyondClaims(all) != nil {
			return nil // of a later version
		}
		return all
	}
	all, err := token.ParseScopes(r.Rights)
	if err != nil || beyondClaims(all) != nil {
		return nil
	}
	return all
}

// beyondClaims refuses rights that no claim gives: who may change administrators or sign-in becomes an owner by them, and an identity provider
// does not make owners.
func beyondClaims(all token.Scopes) error {
	for _, want := range []token.Scope{token.ScopeAll, AdminsWrite, SignInWrite} {
		if all.Allow(want) {
			return invalid("No claim gives everything, nor the right to change administrators or sign-in: an identity provider does not make owners. Give such a role by hand.")
		}
	}
	return nil
}

// checkRule says what is wrong with what a claim rule gives.
func checkRule(r sso.ClaimRule) error {
	if err := r.Check(); err != nil {
		return err
	}
	var all token.Scopes
	var err error
	switch {
	case r.Role != "":
		all, err = Role(r.Role).scopes(nil)
	case r.Rights != "":
		if all, err = token.ParseScopes(r.Rights); err == nil && len(all) == 0 {
			err = invalid("A claim rule gives a role, rights or a group.")
		}
	}
	if err != nil {
		return err
	}
	return beyondClaims(all)
}

// ruled checks the claim rules that a provider is to have, and gives new ones an id. Nobody gives or takes by a rule what they do not have, and
// only who may change administrators gives rights at all, and people groups.
func (o *Operator) ruled(p Principal, old sso.Provider, one *sso.Provider) error {
	if slices.Equal(old.Rules, one.Rules) {
		return nil
	}
	rules := slices.Clone(one.Rules)
	for i := range rules {
		rules[i].ID = ""
		if err := checkRule(rules[i]); err != nil {
			return &Faulty{Faults: []Fault{{"rules", detailOf(err)}}}
		}
		if at := slices.IndexFunc(old.Rules, rules[i].Same); at >= 0 {
			rules[i].ID = old.Rules[at].ID
		} else {
			rules[i].ID = lockstep.NewID[string]()
		}
	}
	one.Rules = rules
	if err := one.CheckRules(); err != nil {
		return &Faulty{Faults: []Fault{{"rules", detailOf(err)}}}
	}
	changed, added := false, false
	for i, pair := range [][2][]sso.ClaimRule{{old.Rules, rules}, {rules, old.Rules}} {
		for _, r := range pair[0] {
			if slices.Contains(pair[1], r) {
				continue
			}
			changed, added = true, added || i == 1
			if err := p.mayRule(r); err != nil {
				return err
			}
		}
	}
	if !changed { // another order
		return nil
	}
	if added && !one.TrustEmail {
		return &Faulty{Faults: []Fault{{"rules", "Claims give something only at a provider whose user names and e-mail addresses are trusted. Trust it first."}}}
	}
	return o.proved(p)
}

// mayRule returns an error unless the principal may give, and take away, what a claim rule gives.
func (p Principal) mayRule(r sso.ClaimRule) error {
	if r.Group != "" {
		return p.may(PeopleWrite)
	}
	if err := p.may(AdminsWrite); err != nil {
		return err
	}
	return p.covers(RightsByClaim(r))
}

func detailOf(err error) string {
	if e, is := err.(*lockstep.Error); is && e.Detail != "" { //nolint:errorlint // it is made here and not wrapped
		return e.Detail
	}
	return err.Error()
}

// aboveProvider returns an error when the claims of a provider give rights that the principal lacks: whoever could turn it to another issuer could
// have them.
func (o *Operator) aboveProvider(p Principal, one sso.Provider) error {
	for _, r := range one.Rules {
		if p.covers(RightsByClaim(r)) != nil {
			return forbidden("Its claims give rights that you do not have, so you cannot change it.")
		}
	}
	return nil
}

// settled is asked before a change of a provider is kept. While people sign in through it, who turns its trust to somebody else has to have shown
// a short while ago who they are.
func (o *Operator) settled(p Principal, old sso.Provider, one *sso.Provider) error {
	if err := o.aboveProvider(p, old); err != nil {
		return err
	}
	if err := o.ruled(p, old, one); err != nil {
		return err
	}
	if old.State == sso.Enabled && turns(old, *one) {
		return o.proved(p)
	}
	return nil
}

// turns reports whether a change makes a provider let in others, or as somebody else: its addresses, keys, secrets, certificates and claims, whom it
// links, and whether its word about names and second factors counts.
func turns(old, one sso.Provider) bool {
	return !maps.Equal(old.Settings, one.Settings) || !maps.Equal(old.Secrets, one.Secrets) || !slices.EqualFunc(old.Roots, one.Roots, bytes.Equal) ||
		old.Policy != one.Policy || old.LinkOnly != one.LinkOnly || old.TrustEmail != one.TrustEmail || old.SecondFactor != one.SecondFactor
}

// givenRights are what claim rules give a person now, as entries of an administrator.
func (o *Operator) givenRights(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]AdminEntry, error) {
	if o.SignIn == nil || u == "" {
		return nil, nil
	}
	all, err := o.SignIn.Providers.Gifts(ctx, t, u)
	var out []AdminEntry
	for _, g := range all {
		if rights := RightsByClaim(g.Rule); len(rights) > 0 {
			out = append(out, AdminEntry{Kind: directory.UserKind, Of: string(u), Role: Role(g.Rule.Role), Scopes: rights, Created: g.Since})
		}
	}
	return out, err
}

// ByClaims returns what claim rules give somebody now.
func (o *Operator) ByClaims(ctx context.Context, p Principal, u lockstep.UserID) ([]sso.Gift, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, err
	}
	return s.Providers.Gifts(ctx, p.Tenant, u)
}
