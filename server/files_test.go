package server

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
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

// TestFilesAreSent: what somebody sends stands whole in the tenant's own folder under the name of the setting, or not at all.
func TestFilesAreSent(t *testing.T) {
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
	client := &api.Client{Base: "http://lockstep.local", Token: "local", HTTP: api.Local(n.Handler())}
	for _, source := range []api.NewSystem{
		{Kind: "csvfile", Slug: "hr"}, {Kind: "csvfile", Slug: "renamed", Settings: map[string]string{"people": "staff.csv"}},
		{Kind: "csvfile", Slug: "out", Settings: map[string]string{"people": "link/people.csv"}},
		{Kind: "ldap", Slug: "ldap", Settings: map[string]string{"url": "ldaps://ldap.acme.example", "base": "dc=acme", "bind_dn": "cn=x"}},
	} {
		if _, err := client.CreateSource(t.Context(), source); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir, at("files", "link")); err != nil {
		t.Fatal(err)
	}
	tenant, err := n.db.TenantBySlug(t.Context(), api.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	who := operate.Machine(tenant.ID)
	put := func(source, which string, body io.Reader) error {
		_, err := n.operator.PutSourceFile(t.Context(), who, source, which, body)
		return err
	}
	const text = "id,userName\n1,ada@acme.example\n"
	for _, c := range []struct {
		source, which, file string
		code                lockstep.Code
	}{
		{"hr", "people", "people.csv", ""}, {"hr", "groups", "groups.csv", ""}, {"renamed", "people", "staff.csv", ""},
		{"hr", "id", "", lockstep.CodeInvalid}, {"hr", "../people", "", lockstep.CodeInvalid}, {"ldap", "people", "", lockstep.CodeInvalid},
		{"out", "people", "", lockstep.CodeInvalid}, {"nobody", "people", "", lockstep.CodeNotFound},
	} {
		if err := put(c.source, c.which, strings.NewReader(text)); lockstep.CodeOf(err) != c.code {
			t.Errorf("%s of %s: %v", c.which, c.source, err)
		}
		if c.file == "" {
			continue
		}
		if got, err := os.ReadFile(at("files", c.file)); err != nil || string(got) != text {
			t.Errorf("%s holds %q, %v", c.file, got, err)
		}
	}
	broken := io.MultiReader(strings.NewReader("id,userName\n2,bo"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if err := put("hr", "people", broken); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("a file that breaks off: %v", err)
	}
	if err := put("hr", "people", io.LimitReader(zeros{}, operate.MaxSourceFile+1)); lockstep.CodeOf(err) != lockstep.CodeSourceLimit {
		t.Errorf("a file that is too large: %v", err)
	}
	if got, err := os.ReadFile(at("files", "people.csv")); err != nil || string(got) != text {
		t.Errorf("what was there is now %q, %v", got, err)
	}
	there, err := os.ReadDir(at("files"))
	if err != nil || len(there) != 4 {
		t.Errorf("in the folder: %v, %v", there, err)
	}
	if _, err := os.Stat(at("people.csv")); !os.IsNotExist(err) {
		t.Errorf("a link led out of the folder: %v", err)
	}
}

// zeros is zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
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
