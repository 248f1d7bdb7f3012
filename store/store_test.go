package store_test

import (
	"path/filepath"
	"testing"

	"lockstep/store"
	"lockstep/store/storetest"
)

func openSQLite(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	c.SQLite = filepath.Join(t.TempDir(), "lockstep.db")
	return opened(t, c)
}

func openPostgres(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	c.Postgres = storetest.Postgres(t)
	return opened(t, c)
}

func opened(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openSQLite)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openPostgres)
}
