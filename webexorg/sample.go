package webexorg

import (
	"context"
	"fmt"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// AddSample adds licences, an administrator, an agent of the contact centre and a plain person to the organisation, for whoever
// wants to sign in and has nobody yet. Their addresses are admin@, agent@ and person@ the domain.
func AddSample(ctx context.Context, o *Org, domain string) error {
	if err := o.Change(func(c *OrgConfig) error { c.Licences = append(c.Licences, sampleLicences()...); return nil }); err != nil {
		return err
	}
	site, profile, team := state.NewID(), state.NewID(), state.NewID()
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
			c.Sites = append(c.Sites, state.CentreSite{ID: site, Name: "Main site", Active: true, Default: true, Version: 1})
			c.Profiles = append(c.Profiles, state.CentreProfile{ID: profile, Name: "Premium Agent", Type: "PREMIUM_AGENT", Active: true, Default: true, Version: 1})
			c.Teams = append(c.Teams, state.CentreTeam{ID: team, Name: "Support", Type: "AGENT", Status: "IN_SERVICE", Site: site, Active: true, Version: 1})
			c.Users = append(c.Users, state.CentreUser{
				ID: state.NewID(), Person: id, Profile: profile, Site: site, Teams: []string{team}, Enabled: true, Active: true, Version: 1,
			})
			return nil
		})
		if err != nil {
			return fmt.Errorf("add %s@%s to the contact centre: %w", p.login, domain, err)
		}
	}
	return nil
}

// sampleLicences are the free ones, and a few of two subscriptions.
func sampleLicences() []state.Licence {
	return []state.Licence{
		{Product: state.FreeMessaging}, {Product: state.FreeMeetings}, {Product: state.FreeCalling},
		{Product: state.Messaging, Total: 100, Subscription: "Sub100001"},
		{Product: state.Meetings, Total: 50, Subscription: "Sub100001", Site: "example.webex.com"},
		{Product: state.CallingPro, Total: 25, Subscription: "Sub100001"},
		{Product: state.ContactPremium, Total: 10, Subscription: "Sub100002"},
	}
}
