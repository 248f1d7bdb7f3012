package server_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// TestUnit: systemd finds nothing wrong with the unit, and what it runs is there by that name.
func TestUnit(t *testing.T) {
	analyze := parts.Need(t, "systemd-analyze")
	text, err := os.ReadFile(filepath.Join("..", "packaging", "lockstep.service"))
	if err != nil {
		t.Fatal(err)
	}
	here := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/lockstep `).ReplaceAllString(string(text), "ExecStart=/bin/true ")
	if here == string(text) {
		t.Fatal("the unit does not run /usr/bin/lockstep")
	}
	path := filepath.Join(t.TempDir(), "lockstep.service")
	if err := os.WriteFile(path, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", path).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "lockstep") { // the machine's other units are not ours
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
