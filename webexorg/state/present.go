package state

import (
	"errors"
	"fmt"
	"strings"

	"lockstep/scim"
)

// presentPrefix begins the user names of the accounts that Knobs.Present makes.
const presentPrefix = "present-"

// IsPresent reports whether the user name is one of those that Knobs.Present makes.
func IsPresent(userName string) bool { return strings.HasPrefix(fold(userName), presentPrefix) }

// populate sees to it that the organisation has the first n of the accounts that are there already and belong to nobody, and
// none of those from n up to had. It is not atomic: after an error some of the work is done, and calling it again does the rest.
func (o *Org) populate(n, had int) error {
	for i := had + 1; i <= n; i++ {
		c, err := o.user(presentUser(o.presentName(i), i), nil, false, Actor{Name: "Webex"})
		if err == nil {
			_, err = o.u.commit(c)
		}
		if err != nil && !o.has(c.key) {
			return fmt.Errorf("add account %d of %d: %w", i, n, err)
		}
	}
	for i := had; i > n; i-- {
		o.u.mu.RLock()
		r := o.u.names[fold(o.presentName(i))]
		o.u.mu.RUnlock()
		if r == nil || r.org != o {
			continue // a client has deleted it
		}
		var gone *scim.Error
		if err := o.u.delete(r, 0, Actor{Name: "Webex"}); err != nil && !errors.As(err, &gone) {
			return fmt.Errorf("remove account %d: %w", i, err)
		}
	}
	return nil
}

// has reports whether the organisation has a user of the folded name.
func (o *Org) has(key string) bool {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	r := o.u.names[key]
	return r != nil && r.org == o
}

// presentName is in a verified domain, if there is one; else in one that no other organisation uses.
func (o *Org) presentName(i int) string {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	domain := o.id + ".example"
	if len(o.config.Domains) > 0 {
		domain = o.config.Domains[0]
	}
	return fmt.Sprintf("%s%06d@%s", presentPrefix, i, domain)
}

func presentUser(name string, i int) scim.Object {
	family := fmt.Sprintf("Account %d", i)
	return scim.Object{
		{Name: "userName", Value: name},
		{Name: "displayName", Value: "Present " + family},
		{Name: "name", Value: scim.Object{{Name: "givenName", Value: "Present"}, {Name: "familyName", Value: family}}},
		{Name: "active", Value: true},
	}
}
