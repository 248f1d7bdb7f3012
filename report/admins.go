package report

import (
	"strings"

	"lockstep/api"
)

// Administrators lists who has a role.
func Administrators(all []api.Administrator, err error) (View, error) {
	return List(all, err, "Nobody has a role.", "WHO KIND ROLE APPS SINCE ID", func(a api.Administrator) []string {
		role := string(a.Role)
		if role == "" {
			role = strings.Join(a.Scopes, " ")
		}
		if a.Gone {
			role += " (no effect: disabled or deleted)"
		}
		return []string{a.Name, strings.ToLower(string(a.Kind)), role, strings.Join(a.Apps, ", "), Minute(&a.Created, ""), string(a.ID)}
	})
}

// Owners lists the local owners.
func Owners(all []api.Owner, err error) (View, error) {
	return List(all, err, "There is no local owner.", "NAME PASSWORD-OF USED ID", func(o api.Owner) []string {
		return []string{o.Name, Minute(&o.Changed, ""), Minute(o.LastUsed, "never"), o.ID}
	})
}
