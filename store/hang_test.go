package store

import (
	"database/sql"
	"testing"
)

// Parameter returns what the database says of a parameter to one of the store's connections.
func Parameter(t *testing.T, db *DB, name string) (value string) {
	t.Helper()
	if err := db.writerDB.QueryRowContext(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Hang begins a transaction of the store and leaves it as it is after do.
func Hang(t *testing.T, db *DB, do func(*sql.Tx) error) {
	t.Helper()
	tx, err := db.writerDB.BeginTx(t.Context(), nil)
	if err == nil {
		err = do(tx)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() }) // the database has ended it
}
