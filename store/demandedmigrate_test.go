package store

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// TestDemandedOfStored: after the migration that brings them, a grant has the factor of its session, and a provider that demands a second
// factor of everybody says so, in whatever way it demands it.
func TestDemandedOfStored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) { demandedOfStored(t, c) })
	}
}

func demandedOfStored(t *testing.T, c Config) {
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	exec := func(text string) {
		t.Helper()
		if _, err := db.writerDB.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	// The tables as they were before it, with rows of that time.
	exec("ALTER TABLE sso_grant DROP COLUMN factor")
	exec("ALTER TABLE sso_provider DROP COLUMN demanded")
	put := func(table string, values map[string]string) {
		t.Helper()
		rows, err := db.writerDB.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		var names, all []string
		for _, column := range columns {
			value, given := values[column.Name()]
			switch kind := column.DatabaseTypeName(); {
			case given:
				value = "'" + value + "'"
			case kind == "TEXT":
				value = "''"
			case strings.HasPrefix(kind, "BOOL"):
				value = "FALSE"
			default:
				value = "0"
			}
			names, all = append(names, column.Name()), append(all, value)
		}
		exec("INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(all, ", ") + ")")
	}
	put("sso_session", map[string]string{"tenant": "t", "id": "with", "hash": "1", "factor": "totp"})
	put("sso_session", map[string]string{"tenant": "t", "id": "without", "hash": "2"})
	put("sso_session", map[string]string{"tenant": "u", "id": "with", "hash": "3", "factor": "passkey"})
	for _, session := range []string{"with", "without", "swept"} {
		put("sso_grant", map[string]string{"tenant": "t", "id": session, "code": session, "session": session})
	}
	for id, doc := range map[string]string{
		"required": `{"Name":"a","SecondFactor":"required"}`, "own": `{"SecondFactor":"own","Name":"b"}`, "offered": `{"SecondFactor":"offered"}`, "none": `{"Name":"required"}`,
	} {
		put("sso_provider", map[string]string{"tenant": "t", "id": id, "alias": id, "doc": doc})
	}

	files, err := migrationsFor(db.dialect.name())
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*_demanded.sql")
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	text, err := fs.ReadFile(files, names[0])
	if err != nil {
		t.Fatal(err)
	}
	_, up, _ := strings.Cut(string(text), "-- +goose Up")
	for _, one := range regexp.MustCompile(`;\s*\n`).Split(up, -1) {
		if one = strings.TrimSpace(one); one != "" {
			exec(one)
		}
	}
	said := func(query string) string {
		t.Helper()
		rows, err := db.writerDB.QueryContext(t.Context(), query)
		all, err := collect(rows, err, scanText)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, " ")
	}
	if got := said("SELECT id || '=' || factor FROM sso_grant ORDER BY id"); got != "swept= with=totp without=" {
		t.Errorf("grants were given with %s", got)
	}
	if got := said("SELECT id FROM sso_provider WHERE demanded ORDER BY id"); got != "own required" {
		t.Errorf("a second factor is demanded by %s", got)
	}
}
