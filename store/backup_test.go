package store_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"lockstep/store"
)

// TestCopyBeforeUpgrade: a database of an older schema is kept as it was, however often it is tried, and one that is up to date is not.
func TestCopyBeforeUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lockstep.db")
	copied := func() string {
		t.Helper()
		name, err := store.CopyBeforeUpgrade(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	if name := copied(); name != "" {
		t.Errorf("of no database there is a copy %s", name)
	}
	db, err := store.Open(t.Context(), store.Config{SQLite: path, Key: store.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	if name := copied(); name != "" {
		t.Errorf("of a database that is up to date there is a copy %s", name)
	}
	// As if the last migration had never been.
	if _, err := db.WriterDB().ExecContext(t.Context(), "DELETE FROM schema_version WHERE version_id = (SELECT max(version_id) FROM schema_version)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	name := copied()
	held, err := store.CheckCopy(t.Context(), name)
	if err != nil || held.Schema == 0 || held.KeyID == "" {
		t.Errorf("the copy %s holds %+v: %v", name, held, err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// An upgrade was taken back by copying the copy back, and the old version went on for a while: what it did must be in the next copy.
	plain, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.ExecContext(t.Context(), "CREATE TABLE done_meanwhile (x)"); err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	if again := copied(); again != name {
		t.Errorf("again: %s", again)
	}
	if text, err := os.ReadFile(name); err != nil || !bytes.Contains(text, []byte("done_meanwhile")) {
		t.Errorf("the copy is of before: %v", err)
	}
	kept, err := store.KeptBefore(path)
	if err != nil || len(kept) != 1 || kept[0].Path != name || kept[0].Bytes == 0 {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}
