package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestBackupDrill: while people are added a backup is made, then the server is killed. Restored on an empty machine, everything that
// was acknowledged before the backup began is there, with its secrets; without the key that is said, and nothing is restored.
func TestBackupDrill(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p, e := h.scimServer()
	h.run("app", "add", "scimapp", "crm", "--set", "url=https://crm.acme.example/scim")
	h.run("connection", "set", "crm", "--secret-file", h.write("token", "hush-hush"))
	var mu sync.Mutex
	added := 0
	stop := make(chan struct{})
	var adding sync.WaitGroup
	for writer := range 4 {
		adding.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if status, _, err := e.send("POST", "/Users", fmt.Sprintf(`{"userName": "p%d-%d@acme.example"}`, writer, n)); err != nil || status != 201 {
					return // the server is dead
				}
				mu.Lock()
				added++
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return added
	}
	for end := time.Now().Add(30 * time.Second); count() < 100; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody is added")
		}
	}
	acknowledged := count()
	var made struct {
		Users int
		Key   string
	}
	h.read(&made, "backup", "create", "b.tar.gz")
	if made.Users < acknowledged || made.Key == "" {
		t.Errorf("%d users are in the backup, %d were acknowledged before; key %q", made.Users, acknowledged, made.Key)
	}
	if r := h.try("backup", "create", "b.tar.gz"); r.code == 0 {
		t.Error("a backup was written over another")
	}
	p.kill()
	close(stop)
	adding.Wait()
	after := count()

	// The machine that was killed has everything that it acknowledged.
	var there []struct{ UserName string }
	h.read(&there, "people", "list", "--limit", "100000")
	if len(there) < after {
		t.Errorf("%d people after the kill, %d were acknowledged", len(there), after)
	}

	text, err := os.ReadFile(filepath.Join(h.dir, "b.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(h.dir, "config", "lockstep", "key"))
	if err != nil {
		t.Fatal(err)
	}
	machine := newHome(t)
	file := machine.write("b.tar.gz", string(text))
	for _, verb := range []string{"verify", "restore"} {
		if r := machine.try("backup", verb, file); r.code == 0 || !strings.Contains(r.stderr, "store.key_missing") || !strings.Contains(r.stderr, made.Key) {
			t.Errorf("%s without the key: %d %s", verb, r.code, r.stderr)
		}
	}
	if all, err := filepath.Glob(filepath.Join(machine.dir, "share", "lockstep", "lockstep.db*")); err != nil || len(all) > 0 {
		t.Errorf("left of a restore that failed: %v, %v", all, err)
	}
	machine.write("config/lockstep/key", string(key))
	for name, broken := range map[string][]byte{
		"cut": text[:len(text)*2/3], "some bits": flipped(text), "nothing": nil, "no backup": []byte(strings.Repeat("x", 1000)),
	} {
		bad := machine.write("bad.tar.gz", string(broken))
		if r := machine.try("backup", "verify", bad); r.code == 0 || !strings.Contains(r.stderr, "backup.damaged") {
			t.Errorf("%s: %d %s", name, r.code, r.stderr)
		}
	}
	machine.run("backup", "verify", file)
	machine.run("backup", "restore", file)
	if r := machine.try("backup", "restore", file); r.code == 0 || !strings.Contains(r.stderr, "already") {
		t.Errorf("restored over a database: %d %s", r.code, r.stderr)
	}
	machine.read(&there, "people", "list", "--limit", "100000")
	if len(there) != made.Users {
		t.Errorf("%d people are there, %d were in the backup", len(there), made.Users)
	}
	var app struct {
		Job struct {
			Connection struct{ Secrets []string }
		}
	}
	machine.read(&app, "app", "show", "crm")
	if len(app.Job.Connection.Secrets) != 1 {
		t.Errorf("the secrets are %v", app.Job.Connection.Secrets)
	}
	if bytes.Contains(text, []byte("hush-hush")) || bytes.Contains(text, bytes.TrimSpace(key)) {
		t.Error("the backup shows a secret")
	}
}

// flipped is the file with some bits of its middle changed.
func flipped(text []byte) []byte {
	out := bytes.Clone(text)
	for i := range 16 { // a single bit may be one of those between two blocks, which mean nothing
		out[len(out)/2+i] ^= 4
	}
	return out
}
