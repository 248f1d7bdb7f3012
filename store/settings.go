package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"lockstep"
)

// Value returns a small fact that was kept under a name, or "". Tenant "" is the installation itself.
func (db *DB) Value(ctx context.Context, tenant lockstep.TenantID, name string) (string, error) {
	rows, err := db.query(ctx, "SELECT value FROM setting WHERE tenant = $1 AND name = $2", string(tenant), name)
	value, err := one(rows, err, scanText)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return value, nil
}

// SetValue keeps a small fact under a name; "" removes it. It writes no line to the audit log.
func (db *DB) SetValue(ctx context.Context, tenant lockstep.TenantID, name, value string) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		if value == "" {
			_, err := t.exec("DELETE FROM setting WHERE tenant = $1 AND name = $2", string(tenant), name)
			return err
		}
		_, err := t.exec(`INSERT INTO setting (tenant, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value`, string(tenant), name, value)
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}
