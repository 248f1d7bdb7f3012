package directory

import (
	"context"
	"errors"
	"fmt"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/filter"
)

func (e Endpoint) createUser(ctx context.Context, o scim.Object) (scim.Resource, error) {
	o, password := stored(o)
	if !o.Has("active") {
		o.Set("active", true)
	}
	if err := e.checkManager(ctx, nil, o); err != nil {
		return scim.Resource{}, err
	}
	u := User{ID: lockstep.NewID[lockstep.UserID](), Attributes: o}
	changes, err := e.withPassword([]Change{PutUser{User: u}}, u.ID, password)
	if err != nil {
		return scim.Resource{}, err
	}
	receipt, err := e.Store.Commit(ctx, e.Tenant, e.By, "", changes...)
	if errors.Is(err, lockstep.ErrConflict) {
		receipt, err = e.takeOver(ctx, o.Text("userName"), changes, err)
	}
	if err != nil {
		return scim.Resource{}, err
	}
	r := Record{ID: string(u.ID), Version: 1, Created: receipt.At, Modified: receipt.At, Doc: scim.AppendJSON(nil, o)}
	return e.written(ctx, scim.Ref{Type: string(UserKind), ID: r.ID}, r)
}

// takeOver commits the changes once more when the name belongs to somebody who is deleted: he "SHOULD NOT" be in the way (RFC
// 7644 §3.6). Else it returns the conflict.
func (e Endpoint) takeOver(ctx context.Context, userName string, changes []Change, conflict error) (Receipt, error) {
	holders, err := e.Store.Users(ctx, e.Tenant, UserQuery{Attribute: "userName", Values: []string{userName}, Deleted: true})
	if err != nil {
		return Receipt{}, err
	}
	for _, u := range holders {
		if u.Deleted.IsZero() {
			continue
		}
		receipt, err := e.Store.Commit(ctx, e.Tenant, e.By, "", append([]Change{ReleaseName{u.ID}}, changes...)...)
		if errors.Is(err, lockstep.ErrNotFound) { // restored meanwhile
			return Receipt{}, conflict
		}
		return receipt, err
	}
	return Receipt{}, conflict
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

func (e Endpoint) withPassword(changes []Change, id lockstep.UserID, password string) ([]Change, error) {
	if password == "" || e.Hash == nil {
		return changes, nil
	}
	hash, err := e.Hash(password)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return append(changes, SetPassword{ID: id, Hash: hash}), nil
}

// userChanges returns what makes before, which is stored, into after.
func (e Endpoint) userChanges(ctx context.Context, r Record, before, after scim.Object) ([]Change, error) {
	after, password := stored(after)
	if err := e.checkManager(ctx, before, after); err != nil {
		return nil, err
	}
	var changes []Change
	if !scim.Equal(before, after) {
		u := User{ID: lockstep.UserID(r.ID), Version: r.Version, Attributes: after}
		changes = append(changes, PutUser{User: u, IfVersion: r.Version, Before: before})
	}
	return e.withPassword(changes, lockstep.UserID(r.ID), password)
}
