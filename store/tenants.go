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
		_, err := x.exec("INSERT INTO tenant (id, slug, name, created) VALUES ($1, $2, $3, $4)", string(t.ID), t.Slug, t.Name, millis(created))
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

const tenantColumns = "id, slug, name, created"

// TenantBySlug returns a tenant, or lockstep.ErrNotFound.
func (db *DB) TenantBySlug(ctx context.Context, slug string) (directory.Tenant, error) {
	rows, err := db.query(ctx, "SELECT "+tenantColumns+" FROM tenant WHERE slug = $1", slug)
	t, err := one(rows, err, scanTenant)
	return t, absent(err, "tenant", slug)
}

// Tenant returns a tenant, or lockstep.ErrNotFound.
func (db *DB) Tenant(ctx context.Context, id lockstep.TenantID) (directory.Tenant, error) {
	rows, err := db.query(ctx, "SELECT "+tenantColumns+" FROM tenant WHERE id = $1", string(id))
	t, err := one(rows, err, scanTenant)
	return t, absent(err, "tenant", string(id))
}

// Tenants returns all tenants by slug.
func (db *DB) Tenants(ctx context.Context) ([]directory.Tenant, error) {
	rows, err := db.query(ctx, "SELECT "+tenantColumns+" FROM tenant ORDER BY slug")
	all, err := collect(rows, err, scanTenant)
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	return all, nil
}

func scanTenant(s scanner) (t directory.Tenant, err error) {
	var created int64
	err = s.Scan(&t.ID, &t.Slug, &t.Name, &created)
	t.Created = instant(created)
	return t, err
}
