package storetest

import (
	"context"
	"testing"

	"lockstep/e2e/parts"
	"lockstep/store"
)

// Postgres is a fresh PostgreSQL database with the present schema and nothing in it, until the test has ended. It is a copy, made in a fraction
// of the time that the migrations take; what is about them begins with parts.Postgres.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	return parts.PostgresMade(t, "store", func(dsn string) error {
		db, err := store.Open(context.Background(), store.Config{Postgres: dsn})
		if err != nil {
			return err
		}
		return db.Close()
	})
}
