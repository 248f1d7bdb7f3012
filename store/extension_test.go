package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
	"lockstep/scim/filter"
)

const badgeURN = "urn:acme:2.0:Badge"

func badgeOf(filterable bool) directory.PutExtension {
	return directory.PutExtension{Extension: directory.Extension{Kind: directory.UserKind, Schema: scim.Schema{ID: badgeURN, Attributes: []scim.Attribute{
		{Name: "number", Type: scim.String, Filterable: filterable},
	}}}}
}

func badged(n int, number string) directory.PutUser {
	return directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{
		{Name: "userName", Value: fmt.Sprint("u", n)}, {Name: badgeURN, Value: scim.Object{{Name: "number", Value: number}}},
	}}}
}

// indexing reports whether the tenant's indexes are incomplete, as the database has it.
func indexing(t *testing.T, db *DB, tenant lockstep.TenantID) bool {
	t.Helper()
	s, err := readSchemas(func(text string, args ...any) (*sql.Rows, error) { return db.query(t.Context(), text, args...) }, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return !s.open.IsZero()
}

// foundByNumber counts whom a search by number finds.
func foundByNumber(t *testing.T, db *DB, tenant lockstep.TenantID, number string) int {
	t.Helper()
	f, err := db.Search(t.Context(), tenant, directory.Search{
		Kind: directory.UserKind, Filter: filter.Compare{Path: filter.Path{URN: badgeURN, Attr: "number"}, Op: filter.Eq, Value: number},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f.Total
}

// crashed leaves the tenant's index as a crash does that comes when everybody up to a place is in it.
func crashed(t *testing.T, db *DB, tenant lockstep.TenantID, place string) {
	t.Helper()
	for _, text := range []string{
		"DELETE FROM extension_value WHERE id > '" + place + "'",
		"UPDATE extension_index SET ready = FALSE, last = '" + place + "'",
		"UPDATE feed_head SET schemas = schemas + 1",
	} {
		if _, err := db.writerDB.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	db.schemas.m.Delete(tenant)
}

func rowsOf(t *testing.T, db *DB, table string) int64 {
	t.Helper()
	rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM "+table)
	n, err := one(rows, err, scanInt)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestIndexResumed: an index whose making a crash ended is completed by the next process, from where it got to; meanwhile and
// afterwards a search finds the same. Rows of an index that was dropped are swept.
func TestIndexResumed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := lockstep.NewID[lockstep.TenantID]()
			open := func() *DB {
				db, err := Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				return db
			}
			db := open()
			if err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme"}); err != nil {
				t.Fatal(err)
			}
			changes := []directory.Change{badgeOf(true)}
			const people = 2*buildRows + 7
			for i := range people {
				changes = append(changes, badged(i, fmt.Sprint("N", i%10)))
			}
			commit := func(changes ...directory.Change) {
				t.Helper()
				if _, err := db.Commit(t.Context(), tenant, audit.Actor{}, "", changes...); err != nil {
					t.Fatal(err)
				}
			}
			commit(changes...)
			if indexing(t, db, tenant) {
				t.Error("an index that nobody is in yet is not complete at once")
			}
			crashed(t, db, tenant, string(changes[buildRows].(directory.PutUser).User.ID))
			if n := foundByNumber(t, db, tenant, "n3"); n != people/10+1 {
				t.Errorf("%d found while the index is not complete", n)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = open()
			defer func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}()
			for indexing(t, db, tenant) {
				if err := db.SetValue(t.Context(), tenant, "turn", "x"); err != nil { // has its turn beside the pages
					t.Fatal(err)
				}
			}
			if n := foundByNumber(t, db, tenant, "n3"); n != people/10+1 {
				t.Errorf("%d found by the index", n)
			}
			if n := rowsOf(t, db, "extension_value"); n != people {
				t.Errorf("the index has %d rows", n)
			}
			commit(badgeOf(false))
			if n := foundByNumber(t, db, tenant, "n3"); n != people/10+1 {
				t.Errorf("%d found without an index", n)
			}
			for rowsOf(t, db, "doomed") > 0 {
				if err := db.SetValue(t.Context(), tenant, "turn", "x"); err != nil {
					t.Fatal(err)
				}
			}
			if n := rowsOf(t, db, "extension_value"); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// TestSchemasApart: two nodes on one database. A node that has not heard of a change writes by it all the same, searches by it,
// and shows it a second later.
func TestSchemasApart(t *testing.T) {
	t.Parallel()
	dsn, now := parts.Postgres(t), time.Now()
	var nodes []*DB
	for range 2 {
		db, err := Open(t.Context(), Config{Postgres: dsn, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		nodes = append(nodes, db)
	}
	a, b := nodes[0], nodes[1]
	tenant := lockstep.NewID[lockstep.TenantID]()
	if err := a.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	commit := func(db *DB, changes ...directory.Change) error {
		_, err := db.Commit(t.Context(), tenant, audit.Actor{}, "", changes...)
		return err
	}
	shown := func(db *DB) bool {
		t.Helper()
		s, err := db.Schemas(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		return s.Extension(badgeURN) != nil
	}
	if shown(b) {
		t.Fatal("b knows what nobody has defined")
	}
	if err := commit(a, badgeOf(true)); err != nil {
		t.Fatal(err)
	}
	if !shown(a) || shown(b) {
		t.Error("a does not show its own change at once, or b has looked before its time")
	}
	now = now.Add(schemaLife + time.Millisecond)
	if !shown(b) {
		t.Error("b does not show the change after a second")
	}
	unique := badgeOf(false)
	unique.Extension.Schema.Attributes[0].Uniqueness = scim.UniqueServer
	if err := commit(a, unique); err != nil {
		t.Fatal(err)
	}
	if err := commit(b, badged(1, "x")); err != nil { // b still goes by the index
		t.Fatal(err)
	}
	if err := commit(a, badged(2, "X")); lockstep.CodeOf(err) != lockstep.CodeConflict {
		t.Errorf("the value that b has written is free for a: %v", err)
	}
	if n := foundByNumber(t, a, tenant, "x"); n != 1 {
		t.Errorf("a finds %d", n)
	}
	if err := commit(a, badgeOf(true)); err != nil {
		t.Fatal(err)
	}
	for indexing(t, a, tenant) {
		if err := a.SetValue(t.Context(), tenant, "turn", "x"); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(schemaLife + time.Millisecond)
	if n := foundByNumber(t, b, tenant, "x"); n != 1 { // by the new index
		t.Errorf("b finds %d", n)
	}
	if err := commit(a, badgeOf(false)); err != nil {
		t.Fatal(err)
	}
	if n := foundByNumber(t, b, tenant, "x"); n != 1 { // which has gone since
		t.Errorf("b finds %d by an index that is gone", n)
	}
}
