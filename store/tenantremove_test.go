package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/session"
)

// TestNothingIsLeftOfATenant: when a tenant is removed, its rows of every table are gone in the end, and nobody else's, though the process is killed
// after each step of it; the log of the tenant whose owner has removed it tells of it.
func TestNothingIsLeftOfATenant(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			config := Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")}
			if database == "postgres" {
				config = Config{Postgres: parts.Postgres(t)}
			}
			noTenantIsLeft(t, config)
		})
	}
}

func noTenantIsLeft(t *testing.T, config Config) {
	at := time.Now().Truncate(time.Millisecond)
	config.Now = func() time.Time { return at }
	db, err := Open(t.Context(), config)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	defer func() { must(db.Close()) }()
	tables := columnsOf(t, db)
	known := map[string]bool{"job": true, "extension_index": true, "people_index": true}
	for _, of := range ofTenant {
		known[of.table] = true
	}
	for table, columns := range tables {
		if slices.ContainsFunc(columns, func(c [2]string) bool { return c[0] == "tenant" }) && !known[table] && !strings.HasPrefix(table, "river_") {
			t.Errorf("%s has rows of tenants, which are to be removed with them", table)
		}
	}
	by := audit.Actor{Kind: audit.Admin, ID: "mia", Name: "Mia"}
	for _, id := range []lockstep.TenantID{"home", "gone", "stays"} {
		must(db.CreateTenant(t.Context(), by, directory.Tenant{ID: id, Slug: string(id), Name: string(id)}))
	}
	for i, id := range []lockstep.TenantID{"gone", "stays"} {
		job := provision.Job{Tenant: id, ID: lockstep.JobID("job of " + id), Slug: "hr", Direction: provision.Inbound}
		must(db.PutJob(t.Context(), by, job))
		for table := range known {
			if table != "job" && table != "feed_head" {
				must(fillTenant(db, tables[table], table, id, int64(900+i)))
			}
		}
		for table, column := range map[string]string{"extension_value": "no", "people_gram": "no", "cycle": "job"} { // under numbers
			no := int64(900 + i)
			if table == "cycle" {
				j, err := db.asksJob(t.Context(), id, job.ID)
				must(err)
				no = j
			}
			must(insertSome(db, tables[table], table, column, no, nil))
		}
	}
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprintf("('gone', 'g', 'u%05d', 'User'), ('stays', 'g', 'u%05d', 'User')", i, i)
	}
	must(db.write(t.Context(), &work{rows: 1, run: func(t *tx) error {
		_, err := t.exec("INSERT INTO member (tenant, group_id, id, kind) VALUES " + strings.Join(many, ", "))
		return err
	}}))
	claimed, err := db.Claim(t.Context(), "gone", "job of gone", time.Minute)
	must(err)
	_, err = db.Commit(t.Context(), "gone", by, "", userCalled("ada"))
	must(err)

	if err := db.RemoveTenant(t.Context(), by, "home", "home"); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("the tenant of whoever asks: %v", err)
	}
	must(db.RemoveTenant(t.Context(), by, "home", "gone"))
	if err := db.RemoveTenant(t.Context(), by, "home", "gone"); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	closedAtOnce(t, db, by, claimed)
	if left, err := db.ClearTenants(t.Context()); err != nil || left != 1 {
		t.Errorf("while a turn may be calling: %d left, %v", left, err)
	}
	if n := rowsOfTenant(t, db, "member", "gone"); n != 2501 {
		t.Errorf("%d rows of members are there while a turn may be calling", n)
	}
	at = at.Add(61 * time.Second)
	for { // killed after each step
		ctx, kill := context.WithCancel(t.Context())
		steps := 0
		err := db.trimmed(ctx, "gone", func(x *tx) (int64, error) {
			if steps++; steps == 2 {
				kill()
			}
			return x.clearSome("gone")
		})
		kill()
		if err == nil {
			break
		}
		must(db.Close())
		db, err = Open(t.Context(), config)
		must(err)
	}
	if left, err := db.ClearTenants(t.Context()); err != nil || left != 1 {
		t.Errorf("before whatever had begun has ended: %d left, %v", left, err)
	}
	must(fillTenant(db, tables["sso_login"], "sso_login", "gone", 0)) // by a request that had begun before
	at = at.Add(tenantSettles)
	if left, err := db.ClearTenants(t.Context()); err != nil || left != 0 {
		t.Errorf("in the end %d are left, %v", left, err)
	}
	for range 600 { // until what is under numbers is swept
		db.writer.wg.Wait()
		rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM doomed")
		if n, err := one(rows, err, scanInt); err != nil || n == 0 {
			must(err)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for table := range known {
		if n := rowsOfTenant(t, db, table, "gone"); n != 0 {
			t.Errorf("%s has %d rows of the tenant that is gone", table, n)
		}
		if n := rowsOfTenant(t, db, table, "stays"); n == 0 && table != "leaving" && table != "disclaimed" { // which are swept by themselves
			t.Errorf("%s has no rows of the tenant that stays", table)
		}
	}
	for table, column := range map[string]string{"extension_value": "no", "people_gram": "no", "cycle": "job"} {
		rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM "+table+" WHERE "+column+" > 0")
		if n, err := one(rows, err, scanInt); err != nil || n != 1 {
			t.Errorf("%s has %d rows under numbers, not those of the tenant that stays alone: %v", table, n, err)
		}
	}
	lines, err := db.Audit(t.Context(), "home", audit.Query{Object: "tenant", ID: "gone"})
	must(err)
	if len(lines) != 1 || lines[0].Verb != "deleted" || lines[0].Actor != by {
		t.Errorf("the log says %+v", lines)
	}
}

// closedAtOnce: nobody gets into a tenant that is removed, writes there or is told of it, and its slug is free.
func closedAtOnce(t *testing.T, db *DB, by audit.Actor, claimed provision.Job) {
	t.Helper()
	ctx := t.Context()
	if _, err := db.TenantBySlug(ctx, "gone"); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("by its slug: %v", err)
	}
	if _, err := db.Tenant(ctx, "gone"); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("by its id: %v", err)
	}
	if all, err := db.Tenants(ctx); err != nil || len(all) != 2 {
		t.Errorf("listed %v, %v", all, err)
	}
	if _, err := db.Token(ctx, "token of gone"); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("its token: %v", err)
	}
	if _, err := db.Token(ctx, "token of stays"); err != nil {
		t.Errorf("another's token: %v", err)
	}
	if err := db.Console().PutSession(ctx, session.Session{Grant: session.Grant{Tenant: "gone"}}); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("a session: %v", err)
	}
	if all, err := db.Console().ConsoleSessions(ctx, "gone", time.Time{}, 10); err != nil || len(all) != 0 {
		t.Errorf("its sessions: %v, %v", all, err)
	}
	if _, err := db.Commit(ctx, "gone", by, "", userCalled("ben")); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("a write to its directory: %v", err)
	}
	if all, err := db.Due(ctx, db.now().Add(time.Hour)); err != nil || slices.ContainsFunc(all, func(j provision.Job) bool { return j.Tenant == "gone" }) {
		t.Errorf("due: %v, %v", all, err)
	}
	if err := db.Provision().Commit(ctx, "gone", claimed.ID, claimed.Epoch, provision.Batch{}); !errors.Is(err, lockstep.ErrEpoch) {
		t.Errorf("a turn that runs commits: %v", err)
	}
	if err := db.CreateTenant(ctx, by, directory.Tenant{ID: "again", Slug: "gone", Name: "Gone"}); err != nil {
		t.Errorf("another one of its slug: %v", err)
	}
}

func rowsOfTenant(t *testing.T, db *DB, table string, tenant lockstep.TenantID) int64 {
	t.Helper()
	rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM "+table+" WHERE tenant = $1", string(tenant))
	n, err := one(rows, err, scanInt)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func userCalled(name string) directory.PutUser {
	return directory.PutUser{User: directory.User{ID: lockstep.UserID(name), Attributes: scim.Object{{Name: "userName", Value: name}}}}
}

// asksJob returns the number of a job.
func (db *DB) asksJob(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID) (int64, error) {
	j, err := job(db.asks(ctx), tenant, id)
	return j.no, err
}

// fillTenant inserts a row of a tenant.
func fillTenant(db *DB, columns [][2]string, table string, tenant lockstep.TenantID, no int64) error {
	var names, marks []string
	var args []any
	for _, c := range columns {
		var v any = ""
		switch name, kind := c[0], c[1]; {
		case name == "tenant":
			v = string(tenant)
		case table == "token" && name == "hash":
			v = strings.Repeat("00", 32)
		case name == "id" || name == "hash" || name == "user_id":
			v = table + " of " + string(tenant)
		case name == "no":
			v = no
		case strings.Contains(kind, "double"):
			v = 0.0
		case strings.Contains(kind, "bool"):
			v = false
		case strings.Contains(kind, "int"):
			v = int64(0)
		}
		names, args = append(names, c[0]), append(args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	err := db.write(context.Background(), &work{rows: 1, run: func(t *tx) error {
		_, err := t.exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+") ON CONFLICT DO NOTHING", args...)
		return err
	}})
	if err != nil {
		return fmt.Errorf("fill %s: %w", table, err)
	}
	return nil
}
