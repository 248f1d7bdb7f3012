package store

import (
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim/filter"
	"lockstep/token"
)

// Admin is a role that a user, or whoever is in a group, has.
type Admin struct {
	ID     string
	Kind   directory.Kind
	Of     string // the id of the user or group
	Role   string
	Scopes token.Scopes
	At     int64 // when it was given, in milliseconds

	Unowned bool // of a new one: only while the tenant has no owner
}

const adminColumns = "a.id, a.kind, a.of_id, a.role, a.scopes, a.created"

func scanAdmin(s scanner) (a Admin, err error) {
	var scopes string
	if err = s.Scan(&a.ID, &a.Kind, &a.Of, &a.Role, &scopes, &a.At); err == nil {
		a.Scopes, err = token.ParseScopes(scopes)
	}
	return a, err
}

// Administrators returns those of a tenant, oldest first.
func (db *DB) Administrators(ctx context.Context, tenant lockstep.TenantID) ([]Admin, error) {
	rows, err := db.query(ctx, "SELECT "+adminColumns+" FROM administrator a WHERE a.tenant = $1 ORDER BY a.id", string(tenant))
	all, err := collect(rows, err, scanAdmin)
	if err != nil {
		return nil, fmt.Errorf("read administrators: %w", err)
	}
	return all, nil
}

// roleOf is a condition on rows a: it gives its role to a user, $2, who may sign in. A group gives it to those who are in it themselves.
const roleOf = `a.tenant = $1 AND EXISTS (SELECT 1 FROM users u WHERE u.tenant = $1 AND u.id = $2 AND u.active = TRUE AND u.deleted = 0)
	AND (a.kind = 'User' AND a.of_id = $2 OR a.kind = 'Group' AND a.of_id IN (SELECT m.group_id FROM member m
		JOIN groups g ON g.tenant = m.tenant AND g.id = m.group_id AND g.deleted = 0 WHERE m.tenant = $1 AND m.id = $2 AND m.kind = 'User'))`

// RolesOf returns what makes a user an administrator. Who may not sign in has none.
func (db *DB) RolesOf(ctx context.Context, tenant lockstep.TenantID, u lockstep.UserID) ([]Admin, error) {
	rows, err := db.query(ctx, "SELECT "+adminColumns+" FROM administrator a WHERE "+roleOf+" ORDER BY a.id", string(tenant), string(u))
	all, err := collect(rows, err, scanAdmin)
	if err != nil {
		return nil, fmt.Errorf("read the roles of %s: %w", u, err)
	}
	return all, nil
}

// PutAdministrator adds one. One that says the same gives lockstep.ErrConflict.
func (db *DB) PutAdministrator(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, a Admin, name string) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(tenant); err != nil {
			return err
		}
		if a.Unowned {
			if err := t.unowned(tenant); err != nil {
				return err
			}
		}
		_, err := t.exec("INSERT INTO administrator (tenant, id, kind, of_id, role, scopes, created) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			string(tenant), a.ID, string(a.Kind), a.Of, a.Role, a.Scopes.String(), millis(t.at))
		if _, is := t.db.dialect.unique(err); is {
			return taken("%s has that role already.", name)
		}
		t.note(audit.Event{Actor: by, Verb: "created", Object: "administrator", ID: a.ID, Name: name, Detail: strings.TrimSpace(a.Role + " " + a.Scopes.String())})
		return err
	}})
	if err != nil {
		return fmt.Errorf("add the administrator %s: %w", name, err)
	}
	return nil
}

// unowned refuses what only a tenant without an owner has done by whoever visits it.
func (t *tx) unowned(tenant lockstep.TenantID) error {
	if err := t.holdTenant(tenant); err != nil {
		return err
	}
	rows, err := t.query(`SELECT (SELECT COUNT(*) FROM local_owner WHERE tenant = $1)
		+ (SELECT COUNT(*) FROM administrator WHERE tenant = $1 AND (role = 'owner' OR ' ' || scopes || ' ' LIKE '% *:* %'))`, string(tenant))
	if n, err := one(rows, err, scanInt); err != nil || n == 0 {
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "You belong to another tenant, and this one has an owner of its own. Let an owner of this tenant do it."}
}

// holdTenant holds the row of a tenant, so that two do not decide about its owners at the same time.
func (t *tx) holdTenant(tenant lockstep.TenantID) error {
	hold := t.db.dialect.hold()
	if hold == "" {
		return nil
	}
	rows, err := t.query("SELECT id FROM tenant WHERE id = $1"+hold, string(tenant))
	_, err = collect(rows, err, scanText)
	return err
}

// ranked refuses to a visitor of the tenant what would make them, or somebody else, an administrator, or change what one signs in with.
func (c *change) ranked(kind directory.Kind, id string) error {
	if !c.visitor {
		return nil
	}
	rows, err := c.query(`SELECT COUNT(*) FROM administrator a WHERE a.tenant = $1 AND (a.kind = $3 AND a.of_id = $2
		OR $3 = 'User' AND a.kind = 'Group' AND a.of_id IN (SELECT m.group_id FROM member m WHERE m.tenant = $1 AND m.id = $2 AND m.kind = 'User'))`, string(c.tenant), id, string(kind))
	if n, err := one(rows, err, scanInt); err != nil || n == 0 {
		return err
	}
	detail := "They are an administrator of this tenant, and you belong to another one. Let an owner of this tenant do it."
	if kind == directory.GroupKind {
		detail = "Whoever is in this group is an administrator of this tenant, and you belong to another one. Let an owner of this tenant do it."
	}
	return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: detail}
}

// ownersLeft is how many owners there are beside one. Those that a group makes do not count: who is in it is decided elsewhere.
func (t *tx) ownersLeft(tenant lockstep.TenantID, beside string) (int64, error) {
	if err := t.holdTenant(tenant); err != nil {
		return 0, err
	}
	rows, err := t.query(`SELECT (SELECT COUNT(*) FROM local_owner WHERE tenant = $1 AND id <> $2 AND disabled = FALSE)
		+ (SELECT COUNT(*) FROM administrator a JOIN users u ON u.tenant = a.tenant AND u.id = a.of_id AND u.active = TRUE AND u.deleted = 0
			WHERE a.tenant = $1 AND a.id <> $2 AND a.kind = 'User' AND a.role = 'owner')`, string(tenant), beside)
	return one(rows, err, scanInt)
}

// lastOwner refuses to remove the last one.
func (t *tx) lastOwner(tenant lockstep.TenantID, beside string) error {
	left, err := t.ownersLeft(tenant, beside)
	if err == nil && left == 0 {
		err = &lockstep.Error{Code: lockstep.CodeLastOwner, Detail: "Nobody would be left who may do everything."}
	}
	return err
}

// DeleteAdministrator removes one. Sessions of the console that belong to somebody who has no role any more end. The last owner is refused
// with lockstep.CodeLastOwner.
func (db *DB) DeleteAdministrator(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id, name string) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 20, run: func(t *tx) error {
		rows, err := t.query("SELECT "+adminColumns+" FROM administrator a WHERE a.tenant = $1 AND a.id = $2", string(tenant), id)
		a, err := one(rows, err, scanAdmin)
		if err != nil {
			return absent(err, "administrator", id)
		}
		if a.Role == "owner" {
			if err := t.lastOwner(tenant, id); err != nil {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM administrator WHERE tenant = $1 AND id = $2", string(tenant), id); err != nil {
			return err
		}
		t.note(audit.Event{Actor: by, Verb: "deleted", Object: "administrator", ID: id, Name: name, Detail: strings.TrimSpace(a.Role + " " + a.Scopes.String())})
		rows, err = t.query("SELECT DISTINCT user_id FROM console_session WHERE home = $1 AND user_id <> ''", string(tenant))
		inside, err := collect(rows, err, scanText)
		if err != nil {
			return err
		}
		for _, u := range inside {
			rows, err := t.query("SELECT COUNT(*) FROM administrator a WHERE "+roleOf, string(tenant), u)
			left, err := one(rows, err, scanInt)
			if err == nil && left == 0 {
				_, err = t.exec("DELETE FROM console_session WHERE home = $1 AND user_id = $2", string(tenant), u)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("remove the administrator %s: %w", name, err)
	}
	return nil
}

// Owner is a local owner: they sign in to the console by a password of their own.
type Owner struct {
	ID, Name, Hash         string
	Epoch                  int64
	Disabled               bool
	Created, Changed, Used int64 // in milliseconds; 0 is never

	Unowned bool // of a new one: only while the tenant has no owner
}

const ownerColumns = "id, name, hash, epoch, disabled, created, changed, used"

func scanOwner(s scanner) (o Owner, err error) {
	return o, s.Scan(&o.ID, &o.Name, &o.Hash, &o.Epoch, &o.Disabled, &o.Created, &o.Changed, &o.Used)
}

// Owners returns the local owners of a tenant, by name.
func (db *DB) Owners(ctx context.Context, tenant lockstep.TenantID) ([]Owner, error) {
	rows, err := db.query(ctx, "SELECT "+ownerColumns+" FROM local_owner WHERE tenant = $1 ORDER BY name_key", string(tenant))
	all, err := collect(rows, err, scanOwner)
	if err != nil {
		return nil, fmt.Errorf("read local owners: %w", err)
	}
	return all, nil
}

// Owner returns one that is not disabled.
func (db *DB) Owner(ctx context.Context, tenant lockstep.TenantID, id string) (Owner, error) {
	rows, err := db.query(ctx, "SELECT "+ownerColumns+" FROM local_owner WHERE tenant = $1 AND id = $2 AND disabled = FALSE", string(tenant), id)
	o, err := one(rows, err, scanOwner)
	return o, absent(err, "local owner", id)
}

// OwnerNamed finds one by name, in any case, a disabled one, too.
func (db *DB) OwnerNamed(ctx context.Context, tenant lockstep.TenantID, name string) (Owner, error) {
	rows, err := db.query(ctx, "SELECT "+ownerColumns+" FROM local_owner WHERE tenant = $1 AND name_key = $2", string(tenant), filter.Fold(name))
	o, err := one(rows, err, scanOwner)
	return o, absent(err, "local owner", "of that name")
}

// PutOwner adds one. A name that is taken gives lockstep.ErrConflict.
func (db *DB) PutOwner(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, o Owner) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(tenant); err != nil {
			return err
		}
		if o.Unowned {
			if err := t.unowned(tenant); err != nil {
				return err
			}
		}
		_, err := t.exec("INSERT INTO local_owner (tenant, id, name, name_key, hash, epoch, disabled, created, changed, used) VALUES ($1, $2, $3, $4, $5, 0, FALSE, $6, $6, 0)",
			string(tenant), o.ID, o.Name, filter.Fold(o.Name), o.Hash, millis(t.at))
		if _, is := t.db.dialect.unique(err); is {
			return taken("There is a local owner %s.", o.Name)
		}
		t.note(audit.Event{Actor: by, Verb: "created", Object: "local owner", ID: o.ID, Name: o.Name})
		return err
	}})
	if err != nil {
		return fmt.Errorf("add the local owner %s: %w", o.Name, err)
	}
	return nil
}

// SetOwnerPassword gives one another password and enables them. Their sessions end.
func (db *DB) SetOwnerPassword(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id, hash string) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		rows, err := t.query("UPDATE local_owner SET hash = $3, epoch = epoch + 1, disabled = FALSE, changed = $4 WHERE tenant = $1 AND id = $2 RETURNING name",
			string(tenant), id, hash, millis(t.at))
		name, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "local owner", id)
		}
		t.note(audit.Event{Actor: by, Verb: "updated", Object: "local owner", ID: id, Name: name, Detail: "password"})
		_, err = t.exec("DELETE FROM console_session WHERE home = $1 AND owner = $2", string(tenant), id)
		return err
	}})
	if err != nil {
		return fmt.Errorf("set the password of a local owner: %w", err)
	}
	return nil
}

// DeleteOwner removes one. Their sessions end. The last owner is refused with lockstep.CodeLastOwner.
func (db *DB) DeleteOwner(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id string) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		if err := t.lastOwner(tenant, id); err != nil {
			return err
		}
		rows, err := t.query("DELETE FROM local_owner WHERE tenant = $1 AND id = $2 RETURNING name", string(tenant), id)
		name, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "local owner", id)
		}
		t.note(audit.Event{Actor: by, Verb: "deleted", Object: "local owner", ID: id, Name: name})
		_, err = t.exec("DELETE FROM console_session WHERE home = $1 AND owner = $2", string(tenant), id)
		return err
	}})
	if err != nil {
		return fmt.Errorf("remove a local owner: %w", err)
	}
	return nil
}

// UsedOwner notes that one has signed in.
func (db *DB) UsedOwner(ctx context.Context, tenant lockstep.TenantID, id string) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		_, err := t.exec("UPDATE local_owner SET used = $3 WHERE tenant = $1 AND id = $2", string(tenant), id, millis(t.at))
		return err
	}})
	if err != nil {
		return fmt.Errorf("note the use of a local owner: %w", err)
	}
	return nil
}
