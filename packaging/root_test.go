package packaging_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// root is a small Debian in a folder: a shell, the tools that the package's scripts call, dpkg's records, and no other package. dpkg runs the
// scripts inside it, so that nothing of them reaches this machine.
type root struct {
	t   *testing.T
	dir string
}

// tools are what the scripts of a package may count on.
var tools = []string{"sh", "install", "chgrp", "chown", "chmod", "cat", "rm", "systemd-sysusers"}

// systemctl stands in for the one that speaks to a running systemd, and writes down what it was told.
const systemctl = "#!/bin/sh\necho \"$@\" >>/systemctl.log\n"

// newRoot makes one. It skips where there is no dpkg, or nobody may change the root of a process.
func newRoot(t *testing.T) *root {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("installing a package into a folder needs root (chroot), as which CI runs")
	}
	parts.Need(t, "dpkg")
	dir, err := os.MkdirTemp("", "lockstep-root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what stays is in the system's folder for it
	r := &root{t, dir}
	r.must(os.Chmod(dir, 0o755)) //nolint:gosec // its own user has to get in
	for _, tool := range tools {
		r.take(parts.Need(t, tool))
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/shadow": "root:*:19000:0:99999:7:::\n", "etc/gshadow": "root:*::\n",
		"var/lib/dpkg/status": installed("systemd") + installed("ca-certificates"), "usr/bin/systemctl": systemctl,
	} {
		r.write(name, text)
	}
	for _, folder := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log", "tmp", "run/systemd/system"} {
		r.must(os.MkdirAll(r.path(folder), 0o755))
	}
	r.must(os.Chmod(r.path("tmp"), 0o1777))
	r.must(os.Chmod(r.path("usr/bin/systemctl"), 0o755))
	return r
}

// installed is how dpkg keeps a package that is installed.
func installed(name string) string {
	return fmt.Sprintf("Package: %s\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: all\nVersion: 999\nDescription: stands in for %s\n\n", name, name)
}

// take copies a program of this machine with the libraries that it needs.
func (r *root) take(program string) {
	r.t.Helper()
	r.copy(program, filepath.Join("/usr/bin", filepath.Base(program)))
	r.copy(program, filepath.Join("/bin", filepath.Base(program)))
	out, err := exec.CommandContext(r.t.Context(), "ldd", program).Output()
	r.must(err)
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			r.copy(word, word)
		}
	}
}

func (r *root) copy(from, to string) {
	r.t.Helper()
	if _, err := os.Stat(r.path(to)); err == nil {
		return
	}
	text, err := os.ReadFile(from)
	r.must(err)
	r.write(to, string(text))
	r.must(os.Chmod(r.path(to), 0o755))
}

func (r *root) path(name string) string { return filepath.Join(r.dir, name) }

func (r *root) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *root) write(name, text string) {
	r.t.Helper()
	r.must(os.MkdirAll(filepath.Dir(r.path(name)), 0o755))
	r.must(os.WriteFile(r.path(name), []byte(text), 0o644)) //nolint:gosec // what everybody reads in a Debian
}

func (r *root) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r *root) has(name string) bool {
	_, err := os.Lstat(r.path(name))
	return err == nil
}

// dpkg runs dpkg on the root and returns what it and the scripts say, and what systemctl was told meanwhile.
func (r *root) dpkg(args ...string) (said string, told []string) {
	r.t.Helper()
	r.must(os.RemoveAll(r.path("systemctl.log")))
	out, err := exec.CommandContext(r.t.Context(), "dpkg", append([]string{"--root=" + r.dir, "--no-pager"}, args...)...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("dpkg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if log := strings.TrimSpace(r.read("systemctl.log")); log != "" {
		told = strings.Split(log, "\n")
	}
	return string(out), told
}

// ids are those of a user in the root.
func (r *root) ids(user string) (uid, gid uint32) {
	r.t.Helper()
	for line := range strings.Lines(r.read("etc/passwd")) {
		if rest, ok := strings.CutPrefix(line, user+":x:"); ok {
			if _, err := fmt.Sscanf(rest, "%d:%d:", &uid, &gid); err == nil {
				return uid, gid
			}
		}
	}
	r.t.Fatalf("there is no user %s:\n%s", user, r.read("etc/passwd"))
	return 0, 0
}
