package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"lockstep"
	"lockstep/audit"
)

// ofTenant are the tables with rows of a tenant under its id, each with its key. Rows under numbers (swept) go with the jobs and indexes that
// have the numbers.
var ofTenant = []struct{ table, key string }{
	{"feed_head", "tenant"},
	{"token", "id"}, {"scim_tally", "tenant, token, code"}, {"scim_call", "tenant, token, what"},
	{"console_link", "hash"}, {"console_session", "hash"}, {"console_form", "hash"}, {"administrator", "tenant, id"}, {"local_owner", "tenant, id"},
	{"sso_session", "tenant, id"}, {"sso_grant", "tenant, id"}, {"sso_refresh", "tenant, hash"}, {"sso_login", "tenant, id"}, {"sso_pushed", "tenant, hash"},
	{"sso_once", "tenant, what, hash"}, {"sso_notice", "tenant, ending, client, session"}, {"sso_ending", "tenant, id"}, {"sso_trace", "tenant, id"},
	{"sso_key", "tenant, alg, serial"}, {"sso_client", "tenant, id"}, {"sso_provider", "tenant, id"}, {"sso_watched", "tenant, provider"},
	{"sso_link", "tenant, provider, issuer, subject"}, {"sso_gift", "tenant, user_id, provider, rule"}, {"sso_passkey", "tenant, id"}, {"sso_totp", "tenant, user_id"},
	{"sso_recovery", "tenant, user_id, hash"}, {"sso_tries", "tenant, user_id"},
	{"notify_settings", "tenant"}, {"notify_rule", "tenant, job"}, {"notify_cause", "tenant, job, kind, name"}, {"notify_message", "tenant, id"},
	{"user_password", "tenant, user_id"}, {"user_email", "tenant, email, user_id"}, {"user_value", "tenant, attribute, value, user_id"},
	{"member", "tenant, group_id, id"}, {"former", "tenant, id, relation, other"}, {"leaving", "tenant, id, what"}, {"ordered", "tenant, kind, id"},
	{"claim", "tenant, kind, id, owner"}, {"disclaimed", "tenant, owner"}, {"assignment", "tenant, id"}, {"app", "tenant, id"},
	{"groups", "tenant, id"}, {"users", "tenant, id"}, {"extension", "tenant, urn"},
	{"feed", "tenant, pos"}, {"setting", "tenant, name"}, {"audit", "tenant, id"},
}

// RemoveTenant closes a tenant for good: its slug is free, nobody comes in, nobody writes to its directory, and its jobs begin no call any more.
// Nothing changes at their targets. What was kept goes bit by bit afterwards (ClearTenants). The audit log of the tenant home tells of it.
func (db *DB) RemoveTenant(ctx context.Context, by audit.Actor, home, id lockstep.TenantID) error {
	defer db.secrets.forget()
	err := db.write(ctx, &work{tenant: home, rows: 200, run: func(t *tx) error {
		if id == home || id == "" {
			return invalid("The tenant whose log tells of it cannot be removed.")
		}
		rows, err := t.query("UPDATE tenant SET removed = $2, slug = '-' || id WHERE id = $1 AND removed = 0 RETURNING name", string(id), millis(t.at))
		name, err := one(rows, err, scanText)
		if err != nil {
			return absent(err, "tenant", string(id))
		}
		// A turn that runs can commit nothing any more and so begins nothing more; without the head of the feed nothing is due.
		if _, err := t.exec("UPDATE job SET epoch = epoch + 1, state = 'paused', demand = '' WHERE tenant = $1", string(id)); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM feed_head WHERE tenant = $1", string(id)); err != nil {
			return err
		}
		t.note(audit.Event{Actor: by, Verb: "deleted", Object: "tenant", ID: string(id), Name: name})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("remove the tenant %s: %w", id, err)
	}
	db.tenants.Delete(id)
	return nil
}

// tenantSettles is how long after its removal a tenant is looked at once more: by then whatever had begun before has ended on every node, the
// last call of a turn, too.
const tenantSettles = 2 * time.Minute

// ClearTenants removes what is left of tenants that are removed, in pieces between which others have their turn, and returns how many tenants
// it has to come back to. It may be ended at any time, and run on several nodes.
func (db *DB) ClearTenants(ctx context.Context) (left int, err error) {
	rows, err := db.query(ctx, "SELECT id FROM tenant WHERE removed > 0 ORDER BY removed")
	all, err := collect(rows, err, scanText)
	if err != nil {
		return 0, fmt.Errorf("look for tenants that are removed: %w", err)
	}
	var failed []error // one that cannot be cleared keeps none of the others
	for _, id := range all {
		gone, err := db.clearTenant(ctx, lockstep.TenantID(id))
		if err != nil {
			failed = append(failed, fmt.Errorf("remove what is left of the tenant %s: %w", id, err))
		}
		if !gone || err != nil {
			left++
		}
	}
	return left, errors.Join(failed...)
}

// clearTenant removes all that is there of a tenant, and the tenant itself when that is long enough removed. No job is removed during a call of its turn.
func (db *DB) clearTenant(ctx context.Context, tenant lockstep.TenantID) (gone bool, err error) {
	clock, args := db.clock(string(tenant))
	rows, err := db.query(ctx, "SELECT COUNT(*) FROM job WHERE tenant = $1 AND deadline > "+clock, args...)
	if running, err := one(rows, err, scanInt); err != nil || running > 0 {
		return false, err
	}
	if err := db.trimmed(ctx, tenant, func(t *tx) (int64, error) { return t.clearSome(tenant) }); err != nil {
		return false, err
	}
	err = db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		n, err := t.exec("DELETE FROM tenant WHERE id = $1 AND removed > 0 AND removed <= $2", string(tenant), millis(t.at.Add(-tenantSettles)))
		gone = n > 0
		return err
	}})
	return gone, err
}

// clearSome removes some rows of a tenant, and returns how many.
func (t *tx) clearSome(tenant lockstep.TenantID) (int64, error) {
	rows, err := t.query("SELECT id FROM job WHERE tenant = $1 LIMIT 1", string(tenant))
	id, err := one(rows, err, scanText)
	if !errors.Is(err, sql.ErrNoRows) {
		if err == nil {
			_, err = t.deleteJob(tenant, lockstep.JobID(id))
		}
		return 1, err
	}
	for _, table := range []string{"extension_index", "people_index"} { // whose rows have numbers
		rows, err := t.query("DELETE FROM "+table+" WHERE tenant = $1 RETURNING no", string(tenant))
		numbers, err := collect(rows, err, scanInt)
		if err == nil && len(numbers) > 0 {
			err = t.doom(numbers...)
		}
		if err != nil || len(numbers) > 0 {
			return int64(len(numbers)), err
		}
	}
	done := int64(0)
	for _, of := range ofTenant {
		n, err := t.deleteSome(of.table, of.key, "tenant = $1", sweepRows-done, string(tenant))
		if err != nil {
			return 0, err
		}
		if done += n; done >= sweepRows {
			break
		}
	}
	return done, nil
}
