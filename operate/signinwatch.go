package operate

import (
	"context"
	"maps"
	"strings"
	"time"

	"lockstep"
	"lockstep/notify"
	"lockstep/sso"
)

// ProviderWatch looks at what identity providers publish about themselves. Package upstream does; the server hands it in.
type ProviderWatch interface {
	// Watched returns what the last looks have found, as long as the providers have not changed since.
	Watched(ctx context.Context, t lockstep.TenantID) (map[sso.ProviderID]sso.Watched, error)
	// Look looks at a provider now. That it cannot be read is no error, but what was found.
	Look(ctx context.Context, p sso.Provider) error
	// NewDecryptionKey makes a key for assertions that a SAML provider encrypts, as settings and secrets.
	NewDecryptionKey(p sso.Provider) (set, secrets map[string]string, err error)
}

// LookAtProvider looks now at what a provider publishes about itself, and returns the provider with what was found.
func (o *Operator) LookAtProvider(ctx context.Context, p Principal, name string) (IdentityProvider, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return IdentityProvider{}, err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return IdentityProvider{}, err
	}
	if err := s.Watch.Look(ctx, one); err != nil {
		return IdentityProvider{}, err
	}
	return o.IdentityProvider(ctx, p, name)
}

// newKey makes the key by which the provider encrypts assertions, if the change wants a new one. The one that there is by now still opens them, until the next one is
// made or it is taken away.
func (c *ProviderChange) newKey(s *SignIn, one sso.Provider) error {
	if !c.DecryptionKey {
		return nil
	}
	set, secrets, err := s.Watch.NewDecryptionKey(one)
	if err != nil {
		return err
	}
	c.Settings, c.Secrets = with(c.Settings, set), with(c.Secrets, secrets)
	return nil
}

// with is all of one with the other's in their place.
func with(all, other map[string]string) map[string]string {
	all = maps.Clone(all)
	if all == nil {
		return other
	}
	maps.Copy(all, other)
	return all
}

// watchedCauses are what looks at the providers by which people sign in have found wrong.
func watchedCauses(one sso.Provider, w sso.Watched) []notify.Cause {
	var all []notify.Cause
	if len(w.Differences) > 0 {
		var titles []string
		for _, d := range w.Differences {
			titles = append(titles, d.Title)
		}
		all = append(all, notify.Cause{
			Kind: notify.Failing, Name: "provider " + string(one.ID) + " differs", Code: lockstep.CodeIdPDrift,
			Says: "The identity provider “" + clip(one.Name) + "” says something else of itself than is set here: " + strings.Join(titles, ", ") + ".",
		})
	}
	if w.Code != "" {
		c := notify.Cause{
			Kind: notify.Failing, Name: "provider " + string(one.ID) + " " + string(w.Code), Code: w.Code,
			Says: "What the identity provider “" + clip(one.Name) + "” publishes about itself cannot be used: " + why(w.Code, w.Detail),
		}
		if lockstep.Describe(w.Code).Class == lockstep.Heals {
			c.Patience = healFor
		}
		all = append(all, c)
	}
	return all
}

// expiring are what of a provider ends, for its page.
func (o *Operator) expiring(one sso.Provider) []ProviderExpiry {
	now, soon := o.now(), []ProviderExpiry{}
	for _, e := range o.SignIn.Forms.Expiries(one) {
		if _, told := notify.Ends("", e.What, e.What, time.Time{}, e.Until, now); told || !e.Until.After(now) {
			soon = append(soon, e)
		}
	}
	return soon
}
