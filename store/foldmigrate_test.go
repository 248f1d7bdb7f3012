package store

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/plan"
	"lockstep/provision"
)

// TestKeysFoldedAnew: the migration to the one way of folding names makes those due whose stored matching value may be another one now,
// and nobody else.
func TestKeysFoldedAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) { foldedAnew(t, c) })
	}
}

func foldedAnew(t *testing.T, c Config) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(t.Context(), c)
	must(err)
	defer func() { must(db.Close()) }()
	must(db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}))
	must(db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: "j", Slug: "j", Direction: provision.Outbound}))
	lease, err := db.Claim(t.Context(), "t", "j", 0)
	must(err)
	var links []plan.Link
	for _, key := range []string{"", "userName=ada@acme.example", "userName=müller@acme.example"} {
		links = append(links, plan.Link{Source: connection.Ref{Type: "User", ID: "of " + key}, Key: key})
	}
	must(db.Provision().Commit(t.Context(), "t", "j", lease.Epoch, provision.Batch{Links: links}))
	files, err := migrationsFor(db.dialect.name())
	must(err)
	names, err := fs.Glob(files, "*_fold.sql")
	must(err)
	text, err := fs.ReadFile(files, names[0])
	must(err)
	_, up, _ := strings.Cut(string(text), "-- +goose Up")
	_, err = db.writerDB.ExecContext(t.Context(), up)
	must(err)
	due, err := db.Links(t.Context(), "t", "j", plan.LinkQuery{Type: "User", DueBefore: db.now()})
	must(err)
	if !slices.EqualFunc(due, links[2:], func(a, b plan.Link) bool { return a.Source == b.Source }) {
		t.Errorf("due are %v", due)
	}
}
