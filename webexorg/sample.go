package webexorg

import (
	"context"
	"fmt"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// AddSample adds an administrator, an agent of the contact centre and a plain person to the organisation, for whoever wants to
// sign in and has nobody yet. Their addresses are admin@, agent@ and person@ the domain.
func AddSample(ctx context.Context, o *Org, domain string) error {
	for _, p := range []struct{ login, given, role string }{
		{"admin", "Ada", state.FullAdmin}, {"agent", "Grace", ""}, {"person", "Alan", ""},
	} {
		user := scim.Object{
			{Name: "userName", Value: p.login + "@" + domain},
			{Name: "displayName", Value: p.given + " Example"},
			{Name: "name", Value: scim.Object{{Name: "givenName", Value: p.given}, {Name: "familyName", Value: "Example"}}},
			{Name: "active", Value: true},
		}
		if p.role != "" {
			user.Set("roles", scim.List{scim.Object{{Name: "value", Value: p.role}, {Name: "type", Value: "cirole"}}})
		}
		id, err := o.Add(ctx, "User", user)
		if err != nil {
			return fmt.Errorf("add %s@%s: %w", p.login, domain, err)
		}
		if p.login != "agent" {
			continue
		}
		err = o.ChangeCentre(func(c *state.Centre) error {
			c.Users = append(c.Users, state.CentreUser{ID: state.NewID(), Person: id, Enabled: true, Active: true, Version: 1})
			return nil
		})
		if err != nil {
			return fmt.Errorf("add %s@%s to the contact centre: %w", p.login, domain, err)
		}
	}
	return nil
}
