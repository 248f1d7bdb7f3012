package store

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// TestIndexBesideAnother: an index that is defined while the last page of another is being written is not taken for complete with
// it. On PostgreSQL a change of a tenant's schemas does not wait for the pages.
func TestIndexBesideAnother(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Config{Postgres: parts.Postgres(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	tenant := lockstep.NewID[lockstep.TenantID]()
	if err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	commit := func(c directory.Change) {
		t.Helper()
		if _, err := db.Commit(t.Context(), tenant, audit.Actor{}, "", c); err != nil {
			t.Fatal(err)
		}
	}
	define := func(colour bool) {
		e := badgeOf(true)
		e.Extension.Schema.Attributes = append(e.Extension.Schema.Attributes, scim.Attribute{Name: "colour", Filterable: colour})
		commit(e)
	}
	u := badged(1, "N1")
	plain := badgeOf(false) // nobody has looked for it yet
	plain.Extension.Schema.Attributes = append(plain.Extension.Schema.Attributes, scim.Attribute{Name: "colour"})
	commit(plain)
	ext, _ := u.User.Attributes.Get(badgeURN).(scim.Object)
	u.User.Attributes.Set(badgeURN, append(ext, scim.Attr{Name: "colour", Value: "red"}))
	commit(u)

	other, err := db.writerDB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "SELECT id FROM users WHERE id = $1 FOR UPDATE", string(u.User.ID)); err != nil {
		t.Fatal(err)
	}
	define(false)
	waiting := func() int64 {
		rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		n, err := one(rows, err, scanInt)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for waiting() == 0 { // until the page waits for the user
	}
	define(true)
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	for indexing(t, db, tenant) {
		if err := db.SetValue(t.Context(), tenant, "turn", "x"); err != nil {
			t.Fatal(err)
		}
	}
	f, err := db.Search(t.Context(), tenant, directory.Search{
		Kind: directory.UserKind, Filter: filter.Compare{Path: filter.Path{URN: badgeURN, Attr: "colour"}, Op: filter.Eq, Value: "red"},
	})
	if err != nil || f.Total != 1 {
		t.Errorf("%d found, %v", f.Total, err)
	}
}
