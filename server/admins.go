package server

import (
	"context"
	"encoding/json"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/store"
)

// Admins shows the store's administrators as package operate wants them.
type Admins struct{ DB *store.DB }

var _ operate.Admins = Admins{}

func admins(all []store.Admin, err error) ([]operate.AdminEntry, error) {
	out := make([]operate.AdminEntry, len(all))
	for i, a := range all {
		out[i] = operate.AdminEntry{ID: operate.AdminID(a.ID), Kind: a.Kind, Of: a.Of, Role: operate.Role(a.Role), Scopes: a.Scopes, Created: at(a.At)}
	}
	return out, err
}

// at is an instant in milliseconds; 0 is never.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Administrators implements operate.Admins.
func (s Admins) Administrators(ctx context.Context, t lockstep.TenantID) ([]operate.AdminEntry, error) {
	return admins(s.DB.Administrators(ctx, t))
}

// RolesOf implements operate.Admins.
func (s Admins) RolesOf(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]operate.AdminEntry, error) {
	return admins(s.DB.RolesOf(ctx, t, u))
}

// PutAdministrator implements operate.Admins.
func (s Admins) PutAdministrator(ctx context.Context, by audit.Actor, t lockstep.TenantID, e operate.AdminEntry, name string) error {
	return s.DB.PutAdministrator(ctx, by, t, store.Admin{ID: string(e.ID), Kind: e.Kind, Of: e.Of, Role: string(e.Role), Scopes: e.Scopes, Unowned: e.Unowned}, name)
}

// DeleteAdministrator implements operate.Admins.
func (s Admins) DeleteAdministrator(ctx context.Context, by audit.Actor, t lockstep.TenantID, id operate.AdminID, name string) error {
	return s.DB.DeleteAdministrator(ctx, by, t, string(id), name)
}

func owner(o store.Owner, err error) (operate.LocalOwner, error) {
	return operate.LocalOwner{
		ID: o.ID, Name: o.Name, Hash: o.Hash, Epoch: o.Epoch, Disabled: o.Disabled, Created: at(o.Created), Changed: at(o.Changed), Used: at(o.Used),
	}, err
}

// Owners implements operate.Owners.
func (s Admins) Owners(ctx context.Context, t lockstep.TenantID) ([]operate.LocalOwner, error) {
	all, err := s.DB.Owners(ctx, t)
	out := make([]operate.LocalOwner, len(all))
	for i, o := range all {
		out[i], _ = owner(o, nil)
	}
	return out, err
}

// Owner implements operate.Owners.
func (s Admins) Owner(ctx context.Context, t lockstep.TenantID, id string) (operate.LocalOwner, error) {
	return owner(s.DB.Owner(ctx, t, id))
}

// OwnerNamed implements operate.Owners.
func (s Admins) OwnerNamed(ctx context.Context, t lockstep.TenantID, name string) (operate.LocalOwner, error) {
	return owner(s.DB.OwnerNamed(ctx, t, name))
}

// PutOwner implements operate.Owners.
func (s Admins) PutOwner(ctx context.Context, by audit.Actor, t lockstep.TenantID, l operate.LocalOwner) error {
	return s.DB.PutOwner(ctx, by, t, store.Owner{ID: l.ID, Name: l.Name, Hash: l.Hash, Unowned: l.Unowned})
}

// SetOwnerPassword implements operate.Owners.
func (s Admins) SetOwnerPassword(ctx context.Context, by audit.Actor, t lockstep.TenantID, id, hash string) error {
	return s.DB.SetOwnerPassword(ctx, by, t, id, hash)
}

// DeleteOwner implements operate.Owners.
func (s Admins) DeleteOwner(ctx context.Context, by audit.Actor, t lockstep.TenantID, id string) error {
	return s.DB.DeleteOwner(ctx, by, t, id)
}

// UsedOwner implements operate.Owners.
func (s Admins) UsedOwner(ctx context.Context, t lockstep.TenantID, id string) error {
	return s.DB.UsedOwner(ctx, t, id)
}

// ConsoleForms shows the store's forms as package operate wants them.
type ConsoleForms struct{ DB *store.DB }

var _ operate.Forms = ConsoleForms{}

// PutForm implements operate.Forms.
func (f ConsoleForms) PutForm(ctx context.Context, t lockstep.TenantID, h session.Hash, until time.Time, form operate.Form) error {
	doc, err := json.Marshal(form)
	if err != nil {
		return err
	}
	return f.DB.Console().PutForm(ctx, t, h, until, doc)
}

// Form implements operate.Forms.
func (f ConsoleForms) Form(ctx context.Context, t lockstep.TenantID, h session.Hash) (form operate.Form, err error) {
	doc, err := f.DB.Console().Form(ctx, t, h)
	if err != nil {
		return form, err
	}
	return form, json.Unmarshal(doc, &form)
}
