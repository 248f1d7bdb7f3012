package store

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
)

// TestClaimsOfStoredObjects: after the migration that brings claims, each object is claimed by the sources that are linked to it, and
// every other one by hand; so nobody is deleted whom somebody has, and nobody stays whom nobody has any more.
func TestClaimsOfStoredObjects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) { claimsOfStored(t, c) })
	}
}

func claimsOfStored(t *testing.T, c Config) {
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
	names := []string{"one source", "two sources", "disabled in one", "made as disabled", "by hand", "by hand, disabled", "at an app", "deleted"}
	var changes []directory.Change
	for _, n := range names {
		off := strings.Contains(n, "disabled") && n != "disabled in one"
		changes = append(changes, directory.PutUser{User: directory.User{ID: lockstep.UserID(n), Attributes: scim.Object{{Name: "userName", Value: n}, {Name: "active", Value: !off}}}})
	}
	for _, g := range []string{"group of a source", "group by hand"} {
		changes = append(changes, directory.PutGroup{Group: directory.Group{ID: lockstep.GroupID(g), Attributes: scim.Object{{Name: "displayName", Value: g}}}})
	}
	_, err = db.Commit(t.Context(), "t", audit.Actor{}, "", append(changes, directory.DeleteUser{ID: "deleted"})...)
	must(err)
	user := func(source, target string) plan.Link {
		return plan.Link{Source: connection.Ref{Type: "User", ID: source}, Target: target, Image: scim.Object{{Name: "active", Value: true}}}
	}
	disabled, made := user("3", "disabled in one"), user("4", "made as disabled")
	disabled.Disabled = true
	made.Image = scim.Object{{Name: "active", Value: false}}
	for _, j := range []struct {
		id    lockstep.JobID
		way   provision.Direction
		links []plan.Link
	}{
		{"a", provision.Inbound, []plan.Link{user("1", "one source"), user("2", "two sources"), disabled, made, user("5", ""),
			{Source: connection.Ref{Type: "Group", ID: "g"}, Target: "group of a source"}}},
		{"b", provision.Inbound, []plan.Link{user("2", "two sources"), user("3", "disabled in one")}},
		{"out", provision.Outbound, []plan.Link{user("at an app", "at an app")}},
	} {
		must(db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: j.id, Slug: string(j.id), Direction: j.way}))
		lease, err := db.Claim(t.Context(), "t", j.id, 0)
		must(err)
		must(db.Provision().Commit(t.Context(), "t", j.id, lease.Epoch, provision.Batch{Links: j.links}))
	}

	files, err := migrationsFor(db.dialect.name())
	must(err)
	text, err := fs.ReadFile(files, "00018_claim.sql")
	must(err)
	_, up, _ := strings.Cut(string(text), "-- +goose Up")
	for _, statement := range append([]string{"DROP TABLE claim", "DROP TABLE ordered"}, strings.Split(up, ";\n")...) {
		if strings.TrimSpace(statement) != "" {
			_, err := db.writerDB.ExecContext(t.Context(), statement)
			must(err)
		}
	}
	rows, err := db.query(t.Context(), "SELECT kind, id, owner, active FROM claim")
	got, err := collect(rows, err, func(s scanner) (line string, err error) {
		var kind, id, owner string
		var active bool
		err = s.Scan(&kind, &id, &owner, &active)
		return fmt.Sprintf("%s %s: %s %v", kind, id, owner, active), err
	})
	must(err)
	slices.Sort(got)
	want := []string{
		"Group group by hand: hand true", "Group group of a source: a true",
		"User at an app: hand true", "User by hand, disabled: hand false", "User by hand: hand true",
		"User disabled in one: a false", "User disabled in one: b true", "User made as disabled: a false",
		"User one source: a true", "User two sources: a true", "User two sources: b true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("after the migration\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
