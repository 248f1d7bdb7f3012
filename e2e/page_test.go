package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is a how-to page: the shell commands of each section, by heading.
type page struct {
	name     string
	headings []string
	blocks   map[string][]string
	used     map[string]bool
}

// yours is the heading of the section that sets what only the reader knows. A test sets the same names to other values.
const yours = "What is yours"

// openPage reads docs/how-to/<name>. At the end of the test every section with commands must have been run or skipped by name.
func openPage(t *testing.T, name string) *page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "how-to", name))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{name: name, blocks: map[string][]string{}, used: map[string]bool{}}
	heading, block, inside := "", []string(nil), ""
	for line := range strings.Lines(string(text)) {
		switch {
		case inside == "" && strings.HasPrefix(line, "## "):
			heading = strings.TrimSpace(line[3:])
			p.headings = append(p.headings, heading)
		case inside == "" && strings.HasPrefix(line, "```"):
			inside, block = strings.TrimSpace(line), nil
		case strings.HasPrefix(line, "```"):
			if inside == "```sh" {
				p.blocks[heading] = append(p.blocks[heading], strings.Join(block, ""))
			}
			inside = ""
		case inside != "":
			block = append(block, line)
		}
	}
	t.Cleanup(func() {
		for _, h := range p.headings {
			if len(p.blocks[h]) > 0 && !p.used[h] && !t.Failed() {
				t.Errorf("docs/how-to/%s: nobody tests the section %q", name, h)
			}
		}
	})
	return p
}

// commands returns the blocks of a section, which must have some.
func (p *page) commands(t testing.TB, heading string) []string {
	t.Helper()
	if len(p.blocks[heading]) == 0 {
		t.Fatalf("docs/how-to/%s has no commands under %q", p.name, heading)
	}
	p.used[heading] = true
	return p.blocks[heading]
}

var exported = regexp.MustCompile(`(?m)^export (\w+)=`)

// given sets what is the reader's: exactly the variables that the page sets.
func (p *page) given(h *home, values map[string]string) {
	h.t.Helper()
	var names []string
	for _, block := range p.commands(h.t, yours) {
		for _, m := range exported.FindAllStringSubmatch(block, -1) {
			names = append(names, m[1])
		}
	}
	for _, name := range names {
		value, ok := values[name]
		if !ok {
			h.t.Fatalf("docs/how-to/%s sets %s, of which the test knows nothing", p.name, name)
		}
		h.set(name, value)
	}
	for name := range values {
		if !slices.Contains(names, name) {
			h.t.Fatalf("docs/how-to/%s does not set %s", p.name, name)
		}
	}
}

// run gives the commands of a section to a shell, as they stand, and returns what they said on both outputs.
func (p *page) run(h *home, heading string) string {
	h.t.Helper()
	var all strings.Builder
	for _, block := range p.commands(h.t, heading) {
		r := h.exec("sh", "-ec", block)
		if r.code != 0 {
			h.t.Fatalf("docs/how-to/%s, %s: exit code %d\n%s\n%s%s", p.name, heading, r.code, block, r.stdout, r.stderr)
		}
		all.WriteString(r.stdout + r.stderr)
	}
	return all.String()
}

// start starts the servers of a section in the background, each a command on a line of its own, and returns them.
func (p *page) start(h *home, heading string) []*process {
	h.t.Helper()
	var all []*process
	for _, block := range p.commands(h.t, heading) {
		for line := range strings.Lines(block) {
			words := strings.Fields(line)
			ready := map[string]string{"serve": serves, "work": works}
			if len(words) < 2 || words[0] != "lockstep" || ready[words[1]] == "" {
				h.t.Fatalf("docs/how-to/%s, %s: %q starts no server", p.name, heading, line)
			}
			all = append(all, h.start(ready[words[1]], words[1:]...))
		}
	}
	return all
}
