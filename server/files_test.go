package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
	"lockstep/api"
)

// TestFilesOfTenants: the file sources of a tenant read its own folder and nothing else, whatever their settings name and whatever
// symbolic links lead out of it.
func TestFilesOfTenants(t *testing.T) {
	dir := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	n, err := Open(t.Context(), Config{
		SQLite: Database(dir), Key: NewKey(), Files: at("files"), Tenants: at("tenants"), Local: "local", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	client := func(tenant string) *api.Client {
		return &api.Client{Base: "http://lockstep.local", Token: "local", HTTP: api.Local(n.Handler()), Tenant: tenant}
	}
	write := func(path string, people int) { // whose number tells the file
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		text := "id,userName\n"
		for i := range people {
			text += fmt.Sprintf("%d,p%d@acme.example\n", i, i)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(at("files", "people.csv"), 2)
	write(at("files", "sub", "people.csv"), 3)
	write(at("outside.csv"), 4)
	for i, slug := range []string{"acme", "globex"} {
		if _, err := client("").CreateTenant(t.Context(), api.NewTenant{Slug: slug, Name: slug}); err != nil {
			t.Fatal(err)
		}
		write(at("tenants", slug, "people.csv"), 5+i)
	}
	for link, to := range map[string]string{"up": "..", "peer": "../globex", "own": at("files"), "near": "people.csv"} {
		if err := os.Symlink(to, at("tenants", "acme", link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		tenant, people string
		want           int // people; 0 is refused
	}{
		{"default", "people.csv", 2},
		{"default", "sub/people.csv", 3},
		{"default", "../tenants/acme/people.csv", 0},
		{"default", at("tenants", "acme", "people.csv"), 0},
		{"default", "../outside.csv", 0},
		{"acme", "people.csv", 5},
		{"acme", "near", 5},
		{"acme", "../globex/people.csv", 0},
		{"acme", "../../files/people.csv", 0},
		{"acme", "up/globex/people.csv", 0},
		{"acme", "peer/people.csv", 0},
		{"acme", "own/people.csv", 0},
		{"acme", at("files", "people.csv"), 0},
		{"globex", "people.csv", 6},
	} {
		slug := lockstep.NewID[lockstep.JobID]()
		source := api.NewSystem{Kind: "csvfile", Slug: "s" + string(slug)[len(slug)-12:], Settings: map[string]string{"people": c.people}}
		tenant := client(c.tenant)
		if _, err := tenant.CreateSource(t.Context(), source); err != nil {
			if c.want > 0 || lockstep.CodeOf(err) != lockstep.CodeInvalid {
				t.Errorf("%s names %s: %v", c.tenant, c.people, err)
			}
			continue // refused before it is kept
		}
		r, err := tenant.TestConnection(t.Context(), source.Slug)
		if err != nil {
			t.Fatal(err)
		}
		said := r.Detail
		for _, check := range r.Checks {
			said += " " + check.Detail
		}
		if r.OK != (c.want > 0) || r.OK && !strings.Contains(said, fmt.Sprintf("of %d rows", c.want)) {
			t.Errorf("%s reads %s: %v, %s", c.tenant, c.people, r.OK, said)
		}
		if strings.Contains(strings.ReplaceAll(said, c.people, ""), dir) {
			t.Errorf("%s reads %s and is told of folders: %s", c.tenant, c.people, said)
		}
	}
}

// TestFilesStayApart: the folders of file sources hold neither each other nor what no tenant may read.
func TestFilesStayApart(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(at("real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("real"), at("link")); err != nil {
		t.Fatal(err)
	}
	key := NewKey()
	for _, c := range []struct {
		name string
		Config
	}{
		{"the same folder", Config{Files: at("files"), Tenants: at("files")}},
		{"tenants in files", Config{Files: at("files"), Tenants: at("files/tenants")}},
		{"files in tenants", Config{Files: at("files/own"), Tenants: at("files")}},
		{"by a link", Config{Files: at("link"), Tenants: at("real/tenants")}},
		{"the database", Config{Files: at("data")}},
		{"all", Config{Tenants: dir}},
		{"the key", Config{Files: at("files"), Private: []string{at("files/key")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.SQLite, c.Key, c.Log = Database(at("data")), key, slog.New(slog.DiscardHandler)
			if err := os.MkdirAll(at("data"), 0o700); err != nil {
				t.Fatal(err)
			}
			n, err := Open(t.Context(), c.Config)
			if lockstep.CodeOf(err) != lockstep.CodeUsage {
				t.Errorf("%v, %v", n, err)
			}
			if err == nil {
				_ = n.Close()
			}
		})
	}
}
