package directory

import (
	"context"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/filter"
)

func (e Endpoint) createUser(ctx context.Context, o scim.Object) (scim.Resource, error) {
	o, password := stored(o)
	if !o.Has("active") {
		o.Set("active", true)
	}
	u := User{ID: lockstep.NewID[lockstep.UserID](), Attributes: o}
	changes := withPassword([]Change{PutUser{User: u, FreeManager: e.Tolerant, Client: true}}, u.ID, password)
	receipt, err := e.Store.Commit(ctx, e.Tenant, e.By, "", changes...)
	if err != nil {
		return scim.Resource{}, err
	}
	return e.written(ctx, scim.Ref{Type: string(UserKind), ID: string(u.ID)}, receipt.Written[0])
}

// stored returns what is kept of a user's or group's attributes, and the password.
func stored(o scim.Object) (_ scim.Object, password string) {
	password = o.Text("password")
	kept := make(scim.Object, 0, len(o))
	for _, a := range o {
		switch filter.Fold(a.Name) {
		case "schemas", "id", "meta", "groups", "password", "members":
		default:
			kept = append(kept, a)
		}
	}
	return kept, password
}

func withPassword(changes []Change, id lockstep.UserID, password string) []Change {
	if password == "" {
		return changes
	}
	return append(changes, SetPassword{ID: id, Password: password})
}

// userChanges returns what makes before, which is stored, into after.
func (e Endpoint) userChanges(r Record, before, after scim.Object) []Change {
	after, password := stored(after)
	var changes []Change
	if !scim.Equal(before, after) {
		u := User{ID: lockstep.UserID(r.ID), Version: r.Version, Attributes: after}
		changes = append(changes, PutUser{User: u, IfVersion: r.Version, Before: before, FreeManager: e.Tolerant, Client: true})
	}
	return withPassword(changes, lockstep.UserID(r.ID), password)
}
