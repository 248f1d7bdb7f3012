package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestDoctor: what is not well is said and ends with 3, and the bundle holds none of the secrets, people and addresses that were put in.
func TestDoctor(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	if r := h.try("doctor"); r.code != 3 || !strings.Contains(r.stdout, "There is no database") {
		t.Errorf("of an empty home: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	p, e := h.scimServer()
	if r := h.try("doctor"); r.code != 0 {
		t.Errorf("of a new server: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	h.run("people", "add", "ada@acme.example", "--given", "Ada", "--family", "Lovelace")
	h.run("app", "add", "scimapp", "crm", "--set", "url=https://user-in-url.acme.example/scim")
	h.run("connection", "set", "crm", "--secret-file", h.write("token", "hush-hush"))
	h.run("notify", "set", "--mail-host", "smtp.acme.example", "--mail-user", "mail-user", "--mail-from", "lockstep@acme.example", "--to", "ben@acme.example",
		"--password-file", h.write("password", "mail-password"), "--webhook", "https://hooks.acme.example/secret-path")
	key, err := os.ReadFile(filepath.Join(h.dir, "config", "lockstep", "key"))
	if err != nil {
		t.Fatal(err)
	}
	r := h.try("doctor", "--bundle", "d.tar.gz")
	if r.code != 3 || !strings.Contains(r.stdout, "job crm") {
		t.Errorf("of an app that has never run: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	text := unpacked(t, filepath.Join(h.dir, "d.tar.gz"))
	if !strings.Contains(text, "crm") || !strings.Contains(text, `"token"`) {
		t.Errorf("the bundle says little:\n%s", text)
	}
	for _, secret := range []string{
		"hush-hush", "mail-password", "mail-user", "whsec_", "secret-path", "user-in-url", "ada@", "Ada", "Lovelace", "ben@", "smtp.acme", e.token, strings.TrimSpace(string(key)),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the bundle shows %q", secret)
		}
	}
	if r := h.try("doctor", "--bundle", "d.tar.gz"); r.code == 0 || r.code == 3 {
		t.Errorf("a bundle was written over another: %d", r.code)
	}
	p.stop()
	if err := os.Rename(filepath.Join(h.dir, "config", "lockstep", "key"), filepath.Join(h.dir, "away")); err != nil {
		t.Fatal(err)
	}
	if r := h.try("doctor"); r.code != 3 || !strings.Contains(r.stdout, "which is not here") {
		t.Errorf("without the key: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// unpacked is everything in a tar archive that was compressed.
func unpacked(t *testing.T, path string) string {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for archive := tar.NewReader(zip); ; {
		head, err := archive.Next()
		if err == io.EOF {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(head.Name + "\n")
		if _, err := io.Copy(&all, archive); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOnlyServersUpgrade: no command but serve and migrate up changes the schema of a database of before, and doctor says what it is and what
// upgrades have left.
func TestOnlyServersUpgrade(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.run("people", "add", "ada@acme.example")
	path := filepath.Join(h.dir, "share", "lockstep", "lockstep.db")
	put := older(t, path)
	before := h.run("migrate", "status")
	for _, command := range [][]string{{"status"}, {"people", "list"}, {"people", "add", "ben@acme.example"}, {"app", "list"}} {
		if r := h.try(command...); r.code != 1 || !strings.Contains(r.stderr, "[store.schema_older]") || !strings.Contains(r.stderr, "lockstep migrate up") {
			t.Errorf("%v of a database of before: %d\n%s%s", command, r.code, r.stdout, r.stderr)
		}
	}
	if r := h.try("doctor"); r.code != 3 || !strings.Contains(r.stdout, "the next start of this program brings it to") {
		t.Errorf("doctor: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if now := h.run("migrate", "status"); now != before {
		t.Errorf("the schema was %s and is %s", before, now)
	}
	put()
	if r := h.try("people", "list"); r.code != 0 || !strings.Contains(r.stdout, "ada@") || strings.Contains(r.stdout, "ben@") {
		t.Errorf("of a database of now: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	h.write("share/lockstep/lockstep.db.schema-7", "a copy of before")
	if r := h.try("doctor"); !strings.Contains(r.stdout, "lockstep.db.schema-") || !strings.Contains(r.stdout, "as this program has it") {
		t.Errorf("doctor: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// older makes a database look as if its last migration had never been, until put is called.
func older(t *testing.T, path string) (put func()) {
	t.Helper()
	do := func(text string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE TABLE last_version AS SELECT * FROM schema_version WHERE version_id = (SELECT max(version_id) FROM schema_version)")
	do("DELETE FROM schema_version WHERE version_id = (SELECT max(version_id) FROM schema_version)")
	return func() { do("INSERT INTO schema_version SELECT * FROM last_version") }
}
