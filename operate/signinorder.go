package operate

import (
	"context"
	"slices"
)

// orderStep is how far apart the places of buttons are, so that a person can put one between two.
const orderStep = 10

// MoveIdentityProvider moves the button of a provider one place up or down among all providers. At the end of the list it stays.
func (o *Operator) MoveIdentityProvider(ctx context.Context, p Principal, name string, up bool) error {
	if _, err := o.signIn(p, true); err != nil {
		return err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return err
	}
	all, err := o.IdentityProviders(ctx, p)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(x IdentityProvider) bool { return x.ID == one.ID })
	to := at + 1
	if up {
		to = at - 1
	}
	if at < 0 || to < 0 || to >= len(all) {
		return nil
	}
	all[at], all[to] = all[to], all[at]
	for i, x := range all {
		if place := (i + 1) * orderStep; x.Order != place {
			if _, err := o.SetIdentityProvider(ctx, p, string(x.ID), ProviderChange{Order: &place}); err != nil {
				return err
			}
		}
	}
	return nil
}
