package store_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/store"
)

// TestNodeThatHangs: a node that hangs in the middle of a transaction keeps the others waiting for a while, and not for ever: the database
// ends its transaction. How long that is the address of the database can say; it is half a minute otherwise.
func TestNodeThatHangs(t *testing.T) {
	dsn := parts.Postgres(t)
	limit := func(dsn string) string {
		t.Helper()
		db, err := store.Open(t.Context(), store.Config{Postgres: dsn, Connections: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return store.Parameter(t, db, "idle_in_transaction_session_timeout")
	}
	if got := limit(dsn); got != "30s" {
		t.Errorf("a transaction may hang for %q", got)
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	short := dsn + sep + "idle_in_transaction_session_timeout=1500"
	if !strings.Contains(dsn, "://") {
		short = dsn + " idle_in_transaction_session_timeout=1500"
	}
	if got := limit(short); got != "1500ms" {
		t.Errorf("the address says 1500 ms, it is %q", got)
	}

	hangs, err := store.Open(t.Context(), store.Config{Postgres: short, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() })
	works, err := store.Open(t.Context(), store.Config{Postgres: dsn, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = works.Close() })
	tenant := lockstep.NewID[lockstep.TenantID]()
	if err := works.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	store.Hang(t, hangs, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "UPDATE feed_head SET pos = pos + 1 WHERE tenant = $1", string(tenant))
		return err
	})
	began := time.Now()
	if _, err := works.Commit(t.Context(), tenant, audit.Actor{}, "", person("ada@acme.example")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("nobody held the head: it took %s", took)
	}
	if _, err := hangs.Commit(t.Context(), tenant, audit.Actor{}, "", person("bo@acme.example")); err != nil {
		t.Errorf("who has hung works no more: %v", err)
	}
}
