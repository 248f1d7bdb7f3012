package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/e2e/parts"
)

// TestNewerSchema: a program does not touch a database that a newer one has written.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.writerDB.ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (9999, TRUE)")
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), c); lockstep.CodeOf(err) != lockstep.CodeSchemaNewer {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenRefuses: what cannot be opened says so.
func TestOpenRefuses(t *testing.T) {
	for _, c := range []Config{
		{},
		{SQLite: "a", Postgres: "b"},
		{SQLite: filepath.Join(t.TempDir(), "no", "such", "folder.db")},
		{Postgres: "postgres://nobody@/none?host=" + t.TempDir()},
		{Postgres: "://"},
	} {
		if db, err := Open(t.Context(), c); err == nil {
			t.Errorf("%+v opened", c)
			_ = db.Close()
		}
	}
}

// TestMigrationsKeepTheRules: columns are TEXT, BIGINT or BOOLEAN and NOT NULL, and PostgreSQL gets every TEXT in byte order.
func TestMigrationsKeepTheRules(t *testing.T) {
	files, err := migrationsFor(Postgres)
	if err != nil {
		t.Fatal(err)
	}
	column := regexp.MustCompile(`^\t[a-z_]+ +(.*?),?( +--.*)?$`)
	right := regexp.MustCompile(`^(TEXT COLLATE "C"|BIGINT|BOOLEAN) NOT NULL( PRIMARY KEY)?$`)
	seen := 0
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "ROWID;") {
			t.Errorf("%s: WITHOUT ROWID for PostgreSQL", name)
		}
		for line := range strings.Lines(string(text)) {
			m := column.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if m == nil {
				continue
			}
			seen++
			if !right.MatchString(m[1]) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	if seen < 150 {
		t.Errorf("only %d columns were looked at", seen)
	}
}

// TestSQLiteIsPrivate: the files of a database are their owner's alone, whatever the umask, and those of an older version become so.
func TestSQLiteIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing")
	}
	path := filepath.Join(t.TempDir(), "lockstep.db")
	for range 2 {
		db, err := Open(t.Context(), Config{SQLite: path})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != 0o600 {
				t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, path + "-wal", path + "-shm"} { // as a crash leaves them
			if f, err := os.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o600); err == nil {
				_ = f.Close()
			}
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAhead: how far this machine's clock is ahead of the database's is found, and on one machine it is not.
func TestAhead(t *testing.T) {
	s, err := ReadSchema(t.Context(), Config{Postgres: parts.Postgres(t)})
	if err != nil || s.Ahead.Abs() > time.Second {
		t.Errorf("%v ahead, %v", s.Ahead, err)
	}
}
