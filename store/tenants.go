package store

import (
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
)

// CreateTenant adds a tenant. Its slug must be in lower case and unused, else lockstep.ErrConflict.
func (db *DB) CreateTenant(ctx context.Context, by audit.Actor, t directory.Tenant) error {
	if t.ID == "" || t.Slug == "" || t.Slug != strings.ToLower(t.Slug) {
		return fmt.Errorf("create tenant: %w", invalid("A tenant needs an id and a slug in lower case."))
	}
	err := db.write(ctx, &work{tenant: t.ID, rows: 3, run: func(x *tx) error {
		created := t.Created
		if created.IsZero() {
			created = x.at
		}
		_, err := x.exec("INSERT INTO tenant (id, slug, name, created, managed) VALUES ($1, $2, $3, $4, $5)", string(t.ID), t.Slug, t.Name, millis(created), t.Managed)
		if _, is := x.db.dialect.unique(err); is {
			return taken("There is a tenant %s.", t.Slug)
		}
		if err != nil {
			return err
		}
		if _, err := x.exec("INSERT INTO feed_head (tenant, pos, trimmed) VALUES ($1, 0, 0)", string(t.ID)); err != nil {
			return err
		}
		x.note(audit.Event{Actor: by, Verb: "created", Object: "tenant", ID: string(t.ID), Name: t.Name})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("create tenant %s: %w", t.Slug, err)
	}
	return nil
}

const tenantColumns = "id, slug, name, created, managed"

// SetTenant changes the name of a tenant, and whether owners of the server may come into it. change has no effects and may be asked again;
// everything else stays as it is.
func (db *DB) SetTenant(ctx context.Context, by audit.Actor, id lockstep.TenantID, change func(*directory.Tenant) error) (t directory.Tenant, err error) {
	err = db.write(ctx, &work{tenant: id, rows: 2, run: func(x *tx) error {
		if _, err := x.exec("UPDATE tenant SET name = name WHERE id = $1 AND removed = 0", string(id)); err != nil { // held: another node changes it, too
			return err
		}
		rows, err := x.query("SELECT "+tenantColumns+" FROM tenant WHERE id = $1 AND removed = 0", string(id))
		was, err := one(rows, err, scanTenant)
		if err != nil {
			return absent(err, "tenant", string(id))
		}
		t = was
		if err := change(&t); err != nil {
			return err
		}
		what := t.Since(was)
		if what == "" {
			return nil
		}
		if _, err := x.exec("UPDATE tenant SET name = $2, managed = $3 WHERE id = $1", string(id), t.Name, t.Managed); err != nil {
			return err
		}
		x.note(audit.Event{Actor: by, Verb: "updated", Object: "tenant", ID: string(id), Name: t.Name, Detail: what})
		return nil
	}})
	if err != nil {
		return t, fmt.Errorf("change the tenant %s: %w", id, err)
	}
	return t, nil
}

// TenantBySlug returns a tenant, or lockstep.ErrNotFound.
func (db *DB) TenantBySlug(ctx context.Context, slug string) (directory.Tenant, error) {
	rows, err := db.query(ctx, "SELECT "+tenantColumns+" FROM tenant WHERE slug = $1 AND removed = 0", slug)
	t, err := one(rows, err, scanTenant)
	return t, absent(err, "tenant", slug)
}

// Tenant returns a tenant, or lockstep.ErrNotFound.
func (db *DB) Tenant(ctx context.Context, id lockstep.TenantID) (directory.Tenant, error) {
	rows, err := db.query(ctx, "SELECT "+tenantColumns+" FROM tenant WHERE id = $1 AND removed = 0", string(id))
	t, err := one(rows, err, scanTenant)
	return t, absent(err, "tenant", string(id))
}

// Tenants returns all tenants by slug.
func (db *DB) Tenants(ctx context.Context) ([]directory.Tenant, error) {
	rows, err := db.query(ctx, "SELECT "+tenantColumns+" FROM tenant WHERE removed = 0 ORDER BY slug")
	all, err := collect(rows, err, scanTenant)
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	return all, nil
}

func scanTenant(s scanner) (t directory.Tenant, err error) {
	var created int64
	err = s.Scan(&t.ID, &t.Slug, &t.Name, &created, &t.Managed)
	t.Created = instant(created)
	return t, err
}

// TenantSize counts what a tenant has.
func (db *DB) TenantSize(ctx context.Context, id lockstep.TenantID) (n directory.TenantSize, err error) {
	rows, err := db.query(ctx, `SELECT h.users, h.groups, (SELECT COUNT(*) FROM job WHERE tenant = $1 AND direction = 'inbound'), (SELECT COUNT(*) FROM app WHERE tenant = $1),
		(SELECT COUNT(*) FROM sso_client WHERE tenant = $1), (SELECT COUNT(*) FROM sso_provider WHERE tenant = $1), (SELECT COUNT(*) FROM token WHERE tenant = $1 AND revoked = 0),
		(SELECT COUNT(*) FROM administrator WHERE tenant = $1) + (SELECT COUNT(*) FROM local_owner WHERE tenant = $1) FROM feed_head h WHERE h.tenant = $1`, string(id))
	n, err = one(rows, err, func(s scanner) (n directory.TenantSize, err error) {
		return n, s.Scan(&n.People, &n.Groups, &n.Sources, &n.Apps, &n.Clients, &n.Providers, &n.Tokens, &n.Administrators)
	})
	return n, absent(err, "tenant", string(id))
}
