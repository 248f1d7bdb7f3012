package parts

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/jackc/pgx/v5"
)

func TestPostgresGivesSeparateDurableDatabases(t *testing.T) {
	ctx := context.Background()
	one, two := connect(t, Postgres(t)), connect(t, Postgres(t))
	if _, err := one.Exec(ctx, `CREATE TABLE only_here (name text)`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, want string }{
		{`SHOW fsync`, "on"},
		{`SHOW synchronous_commit`, "on"},
		{`SHOW listen_addresses`, ""},
		{`SELECT datcollate FROM pg_database WHERE datname = current_database()`, "C"},
		{`SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()`, "UTF8"},
		{`SELECT count(*)::text FROM pg_tables WHERE tablename = 'only_here'`, "0"},
	} {
		var got string
		if err := two.QueryRow(ctx, c.query).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestSlapdServesWhatItWasGiven(t *testing.T) {
	const ada = "dn: cn=Ada,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: Ada\nsn: Lovelace\nmail: ada@example.com\n"
	const bob = "dn: cn=Bob,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: Bob\nsn: Babbage\n"
	server := SlapdWith(t, "limits * size=1", ada, bob)
	conn, err := ldap.DialURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	search := func(filter string) (*ldap.SearchResult, error) {
		return conn.Search(ldap.NewSearchRequest(server.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, nil, nil))
	}
	if err := conn.Bind(server.BindDN, server.Password); err != nil {
		t.Fatal(err)
	}
	found, err := search("(mail=ada@example.com)")
	if err != nil || len(found.Entries) != 1 || found.Entries[0].GetAttributeValue("sn") != "Lovelace" {
		t.Fatalf("search as reader: %v, %v", found, err)
	}
	if _, err := search("(objectClass=inetOrgPerson)"); !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		t.Errorf("search beyond the limit: %v", err)
	}
	if err := conn.Bind(server.AdminDN, server.AdminPassword); err != nil {
		t.Fatal(err)
	}
	if err := conn.Del(ldap.NewDelRequest("cn=Bob,dc=example,dc=com", nil)); err != nil {
		t.Errorf("delete as administrator: %v", err)
	}
}

func TestSlapdRefusesBadLDIF(t *testing.T) {
	slapd := Need(t, "slapd")
	_, _, err := startSlapd(slapd, "", baseLDIF+"dn: cn=Nobody,dc=example,dc=com\nobjectClass: noSuchClass\ncn: Nobody\n")
	if err == nil || !strings.Contains(err.Error(), "noSuchClass") {
		t.Errorf("got %v, want slapadd's own message", err)
	}
}

// TestServersEndWithTheBinary runs this test binary again, has it start a server and then die in the hardest way.
func TestServersEndWithTheBinary(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^TestDieWithServer$", "-test.v")
	child.Env = append(os.Environ(), "PARTS_DIE=1")
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var dir string
	for lines := bufio.NewScanner(stdout); dir == "" && lines.Scan(); {
		_, dir, _ = strings.Cut(lines.Text(), "server in ")
	}
	if dir == "" {
		t.Fatal("the child did not start a server")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	_ = child.Wait() // it was killed
	// The supervisor shares nothing with us that we could wait on, so look until the folder is gone.
	for deadline := time.Now().Add(20 * time.Second); exists(dir); {
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", dir)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestDieWithServer is the child of TestServersEndWithTheBinary.
func TestDieWithServer(t *testing.T) {
	if os.Getenv("PARTS_DIE") == "" {
		return // only the child has something to do
	}
	dir, err := os.MkdirTemp("/tmp", "lockstep-parts-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := supervise(dir, "TERM", "ready", nil, "sh", "-c", "echo ready; exec cat /dev/zero >/dev/null"); err != nil {
		t.Fatal(err)
	}
	fmt.Println("server in " + dir)
	select {}
}

func TestSCIMIsAServerOfSomebodyElse(t *testing.T) {
	server := SCIM(t)
	for token, want := range map[string]int{server.Token: http.StatusOK, "wrong": http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("token %q: %d, want %d", token, resp.StatusCode, want)
		}
	}
}

func TestProgramThatEndsEarlyIsAnError(t *testing.T) {
	dir := t.TempDir()
	_, err := supervise(dir, "TERM", "ready", nil, "sh", "-c", "echo no such luck; exit 3")
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("got %v, want the program's last words", err)
	}
}

// missing records what Need does to a test.
type missing struct {
	testing.TB
	verdict string
}

func (m *missing) Helper()               {}
func (m *missing) Skipf(string, ...any)  { m.verdict = "skipped" }
func (m *missing) Fatalf(string, ...any) { m.verdict = "failed" }

func TestNeedSkipsOnlyOutsideCI(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped", "true": "failed"} {
		t.Setenv("CI", ci)
		m := &missing{TB: t}
		if Need(m, "no-such-program"); m.verdict != want {
			t.Errorf("CI=%q: %s, want %s", ci, m.verdict, want)
		}
		m.verdict = "found"
		if Need(m, "sh"); m.verdict != "found" {
			t.Errorf("CI=%q: sh %s", ci, m.verdict)
		}
	}
}

// TestSkipPassed: what has passed is skipped, what has failed or has a longer name is not.
func TestSkipPassed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	text := "=== RUN   TestSkipPassed\n    resume.go:27: passed: TestSkipPassed/one\n    x.go:1: two failed\n    resume.go:27: passed: TestSkipPassed/three_more\n"
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := map[string]bool{}
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			SkipPassed(t, "")
			SkipPassed(t, log+".not-there")
			SkipPassed(t, log)
			ran[name] = true
		})
	}
	if ran["one"] || !ran["two"] || !ran["three"] {
		t.Errorf("ran %v", ran)
	}
}
