package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/hostile"
)

// killed runs the program, kills it after a while, and reports whether it had ended before, with 0.
func (h *home) killed(after time.Duration, args ...string) (done bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), after)
	defer cancel()
	cmd := h.command(ctx, binary, args...)
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		h.t.Fatalf("lockstep %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) && !errors.Is(err, context.DeadlineExceeded) {
		h.t.Fatal(err)
	}
	return err == nil
}

// took is how long a command takes that nobody kills.
func (h *home) took(args ...string) time.Duration {
	h.t.Helper()
	began := time.Now()
	h.run(args...)
	return time.Since(began)
}

// moments are instants of a command that takes so long, in random order, each in a piece of its own.
func moments(random *rand.Rand, n int, long time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i, at := range random.Perm(n) {
		all[i] = time.Duration((float64(at) + random.Float64()) / float64(n) * 1.1 * float64(long))
	}
	return all
}

func seeded(t *testing.T) *rand.Rand {
	number := rand.Uint64()
	if *seed != 0 {
		number = *seed
	}
	t.Logf("seed %d", number)
	return rand.New(rand.NewPCG(number, 3))
}

// people returns how many people the directory has.
func (h *home) people() int {
	h.t.Helper()
	var all []struct{ UserName string }
	h.read(&all, "people", "list", "--limit", "100000")
	return len(all)
}

// often is how often something is killed: a few times, or as often as it takes to meet every moment when -kills is set.
func often(few, many int) int {
	if *kills == 0 {
		return few
	}
	return many
}

// TestKilledBackup kills the program while it makes a backup and while it restores one. A file that has the backup's name is whole, and a database that
// is in its place is what was backed up; otherwise the same command does it, and nothing is left of those that were killed.
func TestKilledBackup(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	h := newHome(t)
	h.set("LOCKSTEP_FILES", filepath.Join(h.dir, "files"))
	var rows strings.Builder
	rows.WriteString("id,userName,displayName\n")
	n := often(500, 4000)
	for i := range n {
		fmt.Fprintf(&rows, "%d,p%d@acme.example,Person %d %x\n", i, i, i, random.Uint64())
	}
	h.write("files/people.csv", rows.String())
	h.run("source", "add", "csvfile", "hr")
	h.run("source", "run", "hr")
	if got := h.people(); got != n {
		t.Fatalf("%d people", got)
	}
	whole := filepath.Join(h.dir, "copies", "whole.tar.gz")
	if err := os.MkdirAll(filepath.Dir(whole), 0o700); err != nil {
		t.Fatal(err)
	}
	long := h.took("backup", "create", whole)
	for i, at := range moments(random, often(3, 12), long) {
		file := filepath.Join(filepath.Dir(whole), fmt.Sprintf("%d.tar.gz", i))
		done := h.killed(at, "backup", "create", file)
		if _, err := os.Stat(file); err == nil {
			h.run("backup", "verify", file)
		} else if done {
			t.Errorf("after %v of %v it said that it was done: %v", at, long, err)
		}
	}
	h.run("backup", "create", filepath.Join(filepath.Dir(whole), "last.tar.gz"))
	left, err := filepath.Glob(filepath.Join(filepath.Dir(whole), ".lockstep-backup-*", "*")) // an empty folder goes a minute later
	if err != nil || len(left) > 0 {
		t.Errorf("left of those that were killed: %v, %v", left, err)
	}

	key, err := os.ReadFile(filepath.Join(h.dir, "config", "lockstep", "key"))
	if err != nil {
		t.Fatal(err)
	}
	machine := newHome(t)
	machine.write("config/lockstep/key", string(key))
	long = machine.took("backup", "restore", whole)
	for _, at := range moments(random, often(3, 12), long) {
		if err := os.RemoveAll(filepath.Join(machine.dir, "share")); err != nil {
			t.Fatal(err)
		}
		done := machine.killed(at, "backup", "restore", whole)
		database := filepath.Join(machine.dir, "share", "lockstep", "lockstep.db")
		if _, err := os.Stat(database); err != nil {
			if done {
				t.Errorf("after %v of %v it said that it was done: %v", at, long, err)
			}
			if r := machine.try("people", "list"); r.code == 0 { // which must not found an empty one
				t.Errorf("after %v of %v: people list says\n%s", at, long, r.stdout)
			}
			machine.run("backup", "restore", whole)
		}
		if got := machine.people(); got != n {
			t.Errorf("after %v of %v: %d people are there, %d were in the backup", at, long, got, n)
		}
		if left, err := filepath.Glob(database + ".restored*"); err != nil || len(left) > 0 {
			t.Errorf("after %v of %v: left %v, %v", at, long, left, err)
		}
	}
}

// TestKilledMigration kills the program while it brings the database of an earlier version up to date. The next one goes on with it, everything is
// there, and so is the copy of how it was.
func TestKilledMigration(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			long := restoreStored(t, engine).took("migrate", "up")
			for range often(1, 3) {
				w := restoreStored(t, engine)
				kills := 0
				for !w.killed(time.Duration(random.Float64()*float64(long)*(1+float64(kills)/4)), "migrate", "up") { // the machine may have less time by now
					kills++
				}
				t.Logf("killed %d times", kills)
				if got := w.people(); got < hrFirst {
					t.Errorf("after %d kills %d people are there", kills, got)
				}
				if r := w.try("connection", "test", "wx"); r.code != 0 {
					t.Errorf("after %d kills: %s%s", kills, r.stdout, r.stderr)
				}
				if engine == "sqlite" {
					if r := w.try("doctor"); !strings.Contains(r.stdout, "✓ database") {
						t.Errorf("after %d kills: %s%s", kills, r.stdout, r.stderr)
					}
					kept, err := filepath.Glob(filepath.Join(w.dir, "data", "lockstep.db.schema-*"))
					if err != nil || len(kept) == 0 {
						t.Errorf("no copy is left: %v, %v", kept, err)
					}
				}
			}
		})
	}
}

// TestKilledUndo kills the server while it takes back what a cycle has done. Either all of it is taken back, or nothing, and it is if that was said.
func TestKilledUndo(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	w := &storedWorld{home: newHome(t), targets: map[string]*hostile.Target{"scim": hostile.New(hostile.Quirks{Latency: 5 * time.Millisecond})}}
	target := w.targets["scim"]
	target.Prefix, target.Token = storedTargets["scim"], "secret"
	mux := http.NewServeMux()
	mux.Handle(target.Prefix+"/", target)
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	w.set("LOCKSTEP_FILES", filepath.Join(w.dir, "files"))
	const n = 60
	titled := func(title string) {
		var rows strings.Builder
		rows.WriteString("id,userName,displayName,title\n")
		for i := range n {
			fmt.Fprintf(&rows, "%d,p%d@acme.example,Person %d,%s\n", i, i, i, title)
		}
		w.place("files/people.csv", rows.String())
	}
	titles := func() map[string]int {
		all := map[string]int{}
		for _, p := range target.Holdings().People {
			all[p["title"]]++
		}
		return all
	}
	have := func(title string) {
		t.Helper()
		eventually(t, 2*time.Minute, func() (bool, string) { return titles()[title] == n, fmt.Sprintf("want %s: %v", title, titles()) }, func() string {
			return w.try("app", "show", "scim").stdout + w.try("log", "list", "scim", "--limit", "20").stdout
		})
	}
	titled("T 0")
	p := w.start(serves, "serve")
	w.run("source", "add", "csvfile", "hr")
	w.run("app", "set", "hr", "--guard", "100000")
	w.try("source", "run", "hr")
	w.addApp("scimapp", "scim", "url", "--everyone", "--guard", "100000", "--mode", "auto")
	have("T 0")
	for round := range often(2, 8) {
		before, after := "", fmt.Sprintf("T %d", round+1)
		for title := range titles() {
			before = title
		}
		titled(after)
		w.run("source", "run", "hr")
		have(after)
		w.atRest("scim")
		var log []struct{ ID string }
		w.read(&log, "log", "list", "scim", "--limit", fmt.Sprint(n)) // of more than one cycle, when the first began before the source was read
		ids := []string{"undo", "--app", "scim", "--yes", "--sure", "--detach"}
		for _, line := range log {
			ids = append(ids, line.ID)
		}
		undone := make(chan bool, 1)
		at := time.Duration(random.Float64() * float64(800*time.Millisecond))
		go func() {
			cmd := w.command(context.Background(), binary, ids...)
			undone <- cmd.Run() == nil
		}()
		time.Sleep(at)
		p.kill()
		said := <-undone
		p = w.start(serves, "serve")
		w.atRest("scim")
		now := titles()
		t.Logf("killed after %v: said %v, %v", at, said, now)
		switch {
		case now[before] == n, now[after] == n && !said:
		default:
			t.Errorf("killed after %v, said that it was begun: %v, and now %v, want %s or %s", at, said, now, before, after)
		}
		w.run("run", "scim")
		if again := titles(); again[before] != now[before] || again[after] != now[after] {
			t.Errorf("killed after %v: the next run makes %v of %v", at, again, now)
		}
	}
}
