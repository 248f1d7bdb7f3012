package operate

import (
	"context"
	"errors"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/token"
)

// AdminID names what makes somebody an administrator.
type AdminID string

// AdminEntry is a role that a user, or whoever is in a group, has.
type AdminEntry struct {
	ID      AdminID
	Kind    directory.Kind // user or group
	Of      string         // its id
	Role    Role
	Scopes  token.Scopes // of a role that is for named apps, and of none
	Created time.Time

	Unowned bool // of a new one: the tenant must have no owner yet
}

// rights are what the entry gives. A role's are those of this version of the program.
func (e AdminEntry) rights() token.Scopes {
	if len(e.Scopes) > 0 {
		return e.Scopes
	}
	all, err := e.Role.scopes(nil)
	if err != nil {
		return nil // of a later version
	}
	return all
}

// Admins keeps administrators. A change is written with its line of the audit log.
type Admins interface {
	// Administrators returns a tenant's, oldest first.
	Administrators(ctx context.Context, t lockstep.TenantID) ([]AdminEntry, error)
	// RolesOf returns those that a user has by themself or by being in a group. Who may not sign in has none.
	RolesOf(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]AdminEntry, error)
	// PutAdministrator adds one; one that is there already gives lockstep.ErrConflict.
	PutAdministrator(ctx context.Context, by audit.Actor, t lockstep.TenantID, e AdminEntry, name string) error
	// DeleteAdministrator removes one, and ends the sessions of who is no administrator any more. The last owner's gives lockstep.ErrConflict.
	DeleteAdministrator(ctx context.Context, by audit.Actor, t lockstep.TenantID, id AdminID, name string) error
	Owners
}

// Administrator is somebody who may enter the console by signing in.
type Administrator struct {
	AdminEntry
	Name   string
	Rights token.Scopes
	Gone   bool // the user or group is disabled or deleted, so it gives nobody anything
}

// Apps are the apps and sources that the rights are limited to.
func (a Administrator) Apps() []string { return appsOf(a.Rights) }

func (o *Operator) admins(p Principal, want token.Scope) (Admins, error) {
	if err := p.may(want); err != nil {
		return nil, err
	}
	if o.Admins == nil {
		return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "This server keeps no administrators."}
	}
	return o.Admins, nil
}

// Administrators lists who may enter the console by signing in.
func (o *Operator) Administrators(ctx context.Context, p Principal) ([]Administrator, error) {
	s, err := o.admins(p, AdminsRead)
	if err != nil {
		return nil, err
	}
	all, err := s.Administrators(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	out := make([]Administrator, len(all))
	for i, e := range all {
		if out[i], err = o.administrator(ctx, p, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// administrator is an entry with whom it is about.
func (o *Operator) administrator(ctx context.Context, p Principal, e AdminEntry) (Administrator, error) {
	a := Administrator{AdminEntry: e, Rights: e.rights(), Name: e.Of, Gone: true}
	if e.Kind == directory.GroupKind {
		found, err := o.Directory.Groups(ctx, p.Tenant, directory.GroupQuery{IDs: []lockstep.GroupID{lockstep.GroupID(e.Of)}, Deleted: true, Limit: 1})
		if err == nil && len(found) > 0 {
			a.Name, a.Gone = found[0].Attributes.Text("displayName"), !found[0].Deleted.IsZero()
		}
		return a, err
	}
	found, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: []lockstep.UserID{lockstep.UserID(e.Of)}, Deleted: true, Limit: 1})
	if err == nil && len(found) > 0 {
		a.Name, a.Gone = found[0].Attributes.Text("userName"), !found[0].Deleted.IsZero() || !found[0].Active
	}
	return a, err
}

// NewAdministrator says who becomes one, and with which role or rights.
type NewAdministrator struct {
	User, Group string // one of them, as people call it
	Role        Role
	Apps        []string // short names; only of RoleAppOperator
	Scopes      string   // in place of a role
}

// AddAdministrator gives a user, or whoever is in a group, a role. Nobody gives what they do not have.
func (o *Operator) AddAdministrator(ctx context.Context, p Principal, in NewAdministrator) (Administrator, error) {
	s, err := o.admins(p, AdminsWrite)
	if err != nil {
		return Administrator{}, err
	}
	e := AdminEntry{ID: lockstep.NewID[AdminID](), Role: in.Role, Created: o.now()}
	rights, err := o.rightsOf(ctx, p, in)
	if err != nil {
		return Administrator{}, err
	}
	if in.Role == "" || in.Role == RoleAppOperator {
		e.Scopes = rights
	}
	if err := p.covers(rights); err != nil {
		return Administrator{}, err
	}
	if err := givesRights(ctx, p, s); err != nil {
		return Administrator{}, err
	}
	e.Unowned = p.Visits()
	if err := o.proved(p); err != nil {
		return Administrator{}, err
	}
	if (in.User == "") == (in.Group == "") {
		return Administrator{}, invalid("Give either a user or a group.")
	}
	if in.User != "" {
		u, err := o.User(ctx, p, in.User, false)
		if err != nil {
			return Administrator{}, err
		}
		e.Kind, e.Of = directory.UserKind, string(u.ID)
	} else {
		g, err := o.Group(ctx, p, in.Group, false)
		if err != nil {
			return Administrator{}, err
		}
		e.Kind, e.Of = directory.GroupKind, string(g.ID)
	}
	a, err := o.administrator(ctx, p, e)
	if err != nil {
		return a, err
	}
	return a, s.PutAdministrator(ctx, p.Actor, p.Tenant, e, a.Name)
}

// rightsOf are what a new administrator is to have.
func (o *Operator) rightsOf(ctx context.Context, p Principal, in NewAdministrator) (token.Scopes, error) {
	if in.Role != "" {
		if in.Scopes != "" {
			return nil, invalid("Give a role or scopes, not both.")
		}
		for i, name := range in.Apps {
			j, err := o.job(ctx, p, AppsWrite, name)
			if e, ok := errors.AsType[*lockstep.Error](err); ok && e.Code == lockstep.CodeNotFound {
				return nil, &lockstep.Error{Code: e.Code, Field: "apps", Detail: e.Detail}
			}
			if err != nil {
				return nil, err
			}
			in.Apps[i] = j.Slug
		}
		return in.Role.scopes(in.Apps)
	}
	all, err := token.ParseScopes(in.Scopes)
	if err == nil && len(all) == 0 {
		err = invalid("Give a role, or scopes.")
	}
	return all, err
}

// RemoveAdministrator takes a role from whoever has it, named by its id or, when they have one, by the user or group. Sessions of who is no
// administrator any more end in the same transaction. The last owner cannot be removed.
func (o *Operator) RemoveAdministrator(ctx context.Context, p Principal, name string) error {
	s, err := o.admins(p, AdminsWrite)
	if err != nil {
		return err
	}
	all, err := o.Administrators(ctx, p)
	if err != nil {
		return err
	}
	var found []Administrator
	for _, a := range all {
		if string(a.ID) == name {
			found = []Administrator{a}
			break
		}
		if a.Name == name {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 0:
		return notFound("administrator", name)
	case len(found) > 1:
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "“" + clip(name) + "” has several roles: name one by its id."}
	}
	if err := p.covers(found[0].Rights); err != nil {
		return forbidden("They have rights that you do not have, so you cannot take them away.")
	}
	if err := o.proved(p); err != nil {
		return err
	}
	return s.DeleteAdministrator(ctx, p.Actor, p.Tenant, found[0].ID, found[0].Name)
}

// errNoRole says that somebody who is known has no rights here.
var errNoRole = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "Whoever this is has no role of an administrator any more."}

// rights are what a person has now. Whoever has none gives errNoRole.
func (o *Operator) rights(ctx context.Context, t lockstep.TenantID, who session.Person) (token.Scopes, error) {
	switch {
	case o.Admins == nil:
		return nil, errNoRole
	case who.Owner != "":
		_, err := o.Admins.Owner(ctx, t, who.Owner)
		if lockstep.CodeOf(err) == lockstep.CodeNotFound {
			err = errNoRole
		}
		return token.Scopes{token.ScopeAll}, err
	}
	all, err := o.Admins.RolesOf(ctx, t, who.User)
	if err != nil {
		return nil, err
	}
	given, err := o.givenRights(ctx, t, who.User)
	if err != nil {
		return nil, err
	}
	var rights token.Scopes
	for _, e := range append(all, given...) {
		rights = joined(rights, e.rights())
	}
	if len(rights) == 0 {
		return nil, errNoRole
	}
	return rights, nil
}

// above returns an error when a user has rights as an administrator that the principal lacks: whoever could change them, set their password
// say, could become them.
func (o *Operator) above(ctx context.Context, p Principal, u lockstep.UserID) error {
	if o.Admins == nil || p.Scopes.Allow(token.ScopeAll) && !p.Visits() {
		return nil
	}
	given, err := o.givenRights(ctx, p.Tenant, u)
	if err != nil {
		return err
	}
	all, err := o.Admins.Administrators(ctx, p.Tenant)
	if all = append(all, given...); err != nil || len(all) == 0 {
		return err
	}
	groups, err := o.Directory.Members(ctx, p.Tenant, directory.MemberQuery{IDs: []string{string(u)}, Kind: directory.UserKind, Limit: 10_000})
	if err != nil {
		return err
	}
	in := map[string]bool{string(u): true}
	for _, m := range groups {
		in[string(m.Group)] = true
	}
	for _, e := range all {
		if in[e.Of] && p.Visits() {
			return forbidden("They are an administrator of this tenant, and you belong to another one. Let an owner of this tenant do it.")
		}
		if in[e.Of] && p.covers(e.rights()) != nil {
			return forbidden("They are an administrator with rights that you do not have, so you cannot change them.")
		}
	}
	return nil
}

// aboveGroup is above for a group: whoever puts somebody into it gives them its role.
func (o *Operator) aboveGroup(ctx context.Context, p Principal, g lockstep.GroupID) error {
	if o.Admins == nil || p.Scopes.Allow(token.ScopeAll) { // of visitors the store asks (directory.Visiting)
		return nil
	}
	all, err := o.Admins.Administrators(ctx, p.Tenant)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Of == string(g) && p.covers(e.rights()) != nil {
			return forbidden("Whoever is in this group is an administrator with rights that you do not have, so you cannot change it.")
		}
	}
	return nil
}
