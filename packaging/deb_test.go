// Package packaging_test builds what Lockstep is delivered as, installs it where it does no harm, and runs it as it will be run.
package packaging_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockstep/e2e/parts"
)

// TestDebian: the package installs, upgrades, goes and is purged with dpkg, its unit is sound, and the line that the unit runs serves as the
// unit's own user. What systemd adds (the sandbox, restarts) is looked at by systemd-analyze only.
func TestDebian(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program as it is released")
	}
	parts.Need(t, "dpkg-deb")
	first := build(t)
	t.Run("unit", func(t *testing.T) { checkUnit(t, first) })
	t.Run("life", func(t *testing.T) { checkLife(t, first, next(t, first)) })
}

// build makes the package, as make deb does.
func build(t *testing.T) string {
	t.Helper()
	out := t.TempDir()
	command(t, "make", "-C", "..", "deb", "OUT="+out, "VERSION=1.2.3-rc.1")
	all, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(all) != 1 || !strings.HasPrefix(filepath.Base(all[0]), "lockstep_1.2.3~rc.1_") {
		t.Fatalf("built %v: %v", all, err)
	}
	return all[0]
}

// next is the same package, a version later.
func next(t *testing.T, first string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "unpacked")
	command(t, "dpkg-deb", "-R", first, dir)
	control := filepath.Join(dir, "DEBIAN", "control")
	text, err := os.ReadFile(control)
	if err == nil {
		err = os.WriteFile(control, bytes.Replace(text, []byte("1.2.3~rc.1"), []byte("1.2.3"), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	command(t, "dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", dir, dir+".deb")
	return dir + ".deb"
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// checkUnit: systemd finds nothing wrong with the unit where the package puts it, and the program that it runs is there.
func checkUnit(t *testing.T, deb string) {
	analyze := parts.Need(t, "systemd-analyze")
	dir := t.TempDir()
	command(t, "dpkg-deb", "-x", deb, dir)
	for name, text := range map[string]string{ // of the system, which the unit names
		"network-online.target": "[Unit]\nDescription=network\n", "multi-user.target": "[Unit]\nDescription=users\n", "sysinit.target": "[Unit]\nDescription=system\n",
		"basic.target": "[Unit]\nDescription=basic\n", "shutdown.target": "[Unit]\nDescription=end\nDefaultDependencies=no\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "usr/lib/systemd/system", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil { //nolint:gosec // as on a system
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/kill"), []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // of the system, too
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--root="+dir, "lockstep.service").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "lockstep") {
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkLife walks through what an operator does with the package over the years.
func checkLife(t *testing.T, first, second string) {
	r := newRoot(t)
	reload, restart := "--system daemon-reload", "try-restart lockstep.service"

	said, told := r.dpkg("-i", first)
	if !strings.Contains(said, "systemctl enable --now lockstep") || !slices.Equal(told, []string{reload, restart}) {
		t.Errorf("installing said\n%s\nand told systemctl %q", said, told)
	}
	uid, gid := r.ids("lockstep")
	r.owned("var/lib/lockstep", uid, gid, 0o700|os.ModeDir)
	r.owned("etc/lockstep", 0, gid, 0o770|os.ModeDir|os.ModeSticky)
	r.owned("etc/lockstep/lockstep.env", 0, gid, 0o640)

	address := parts.Address(t)
	settings := r.read("etc/lockstep/lockstep.env") + "LOCKSTEP_LISTEN=" + address + "\n"
	r.must(os.WriteFile(r.path("etc/lockstep/lockstep.env"), []byte(settings), 0o640)) //nolint:gosec // as it was
	serve(r, address)
	r.owned("etc/lockstep/key", uid, gid, 0o600)
	r.owned("var/lib/lockstep/lockstep.db", uid, gid, 0o600)
	key := r.read("etc/lockstep/key")

	said, told = r.dpkg("-i", second)
	if strings.Contains(said, "enable --now") || !slices.Equal(told, []string{reload, restart}) {
		t.Errorf("an upgrade said\n%s\nand told systemctl %q", said, told)
	}
	if r.read("etc/lockstep/lockstep.env") != settings {
		t.Error("an upgrade changed the settings")
	}
	r.owned("etc/lockstep/lockstep.env", 0, gid, 0o640)
	serve(r, address)

	if _, told = r.dpkg("-r", "lockstep"); !slices.Equal(told, []string{"disable --now lockstep.service", reload}) {
		t.Errorf("removing told systemctl %q", told)
	}
	if r.has("usr/bin/lockstep") || r.has("usr/lib/systemd/system/lockstep.service") || r.read("etc/lockstep/lockstep.env") != settings {
		t.Error("after removing, a program is left or the settings are gone")
	}
	said, _ = r.dpkg("-P", "lockstep")
	for _, left := range []string{"var/lib/lockstep", "etc/lockstep/key"} {
		if !strings.Contains(said, "Left: /"+left) {
			t.Errorf("purging does not say that it leaves /%s:\n%s", left, said)
		}
	}
	if r.has("etc/lockstep/lockstep.env") || !r.has("var/lib/lockstep/lockstep.db") || r.read("etc/lockstep/key") != key {
		t.Error("purging leaves the settings, or takes data or the key")
	}
}

// owned checks whose a file is, and who may do what with it.
func (r *root) owned(name string, uid, gid uint32, mode os.FileMode) {
	r.t.Helper()
	info, err := os.Stat(r.path(name))
	r.must(err)
	of := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // of Unix, where dpkg is
	if of.Uid != uid || of.Gid != gid || info.Mode() != mode {
		r.t.Errorf("%s is %d:%d %v, not %d:%d %v", name, of.Uid, of.Gid, info.Mode(), uid, gid, mode)
	}
}

// serve runs the unit's line as its user, with its settings, until it is ready; then ends it as systemd does.
func serve(r *root, address string) {
	r.t.Helper()
	u := r.unit()
	uid, gid := r.ids(u.one("User"))
	line := strings.Fields(u.one("ExecStart"))
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute)
	defer cancel()
	var said bytes.Buffer
	program := exec.Command(line[0], line[1:]...) //nolint:noctx // it is to end by a signal
	program.Env, program.Dir, program.Stdout, program.Stderr = u.environment(r), "/", &said, &said
	program.SysProcAttr = &syscall.SysProcAttr{Chroot: r.dir, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	r.must(program.Start())
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	ready := false
	for !ready && ctx.Err() == nil {
		select {
		case err := <-ended:
			r.t.Fatalf("%s: %v\n%s", u.one("ExecStart"), err, &said)
		case <-time.After(50 * time.Millisecond):
			ready = answers(ctx, "http://"+address+"/readyz")
		}
	}
	r.must(program.Process.Signal(syscall.SIGTERM))
	if err := <-ended; err != nil && ready {
		r.t.Errorf("it ended with %v\n%s", err, &said)
	}
	if !ready {
		r.t.Fatalf("it was not ready\n%s", &said)
	}
}

func answers(ctx context.Context, url string) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusNoContent
}

// unitFile has the values of a unit by their names, in order.
type unitFile map[string][]string

// unit reads the unit that is installed.
func (r *root) unit() unitFile {
	u := unitFile{}
	for line := range strings.Lines(r.read("usr/lib/systemd/system/lockstep.service")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			u[name] = append(u[name], value)
		}
	}
	return u
}

func (u unitFile) one(name string) string { return strings.Join(u[name], " ") }

// environment is what systemd gives the program: of the unit, then of the files that it names.
func (u unitFile) environment(r *root) (all []string) {
	for _, line := range u["Environment"] {
		all = append(all, strings.Fields(line)...)
	}
	for _, name := range u["EnvironmentFile"] {
		for line := range strings.Lines(r.read(strings.TrimPrefix(name, "-"))) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				all = append(all, line)
			}
		}
	}
	return all
}
