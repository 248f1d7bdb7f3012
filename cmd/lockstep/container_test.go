package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"lockstep/terminal"
)

// instruction is one line of a Containerfile; lines that go on on the next are not used in ours.
type instruction struct{ name, rest string }

func containerfile(t *testing.T) (all []instruction) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "packaging", "Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" && !strings.HasPrefix(name, "#") {
			all = append(all, instruction{name, rest})
		}
	}
	return all
}

// TestContainerfile: what the image runs is the program that it copies, with a command and variables that the program has; it is no root; its data
// and its key are in volumes of its own. No image is built here: that needs a builder and a registry.
func TestContainerfile(t *testing.T) {
	last := map[string]string{}
	var copied, variables []string
	for _, i := range containerfile(t) {
		if i.name == "FROM" {
			last, copied, variables = map[string]string{"FROM": i.rest}, nil, nil // a new stage
		}
		last[i.name] = i.rest
		switch i.name {
		case "COPY":
			words := strings.Fields(i.rest)
			copied = append(copied, words[len(words)-1])
		case "ENV":
			variables = append(variables, strings.Fields(i.rest)...)
		}
	}
	words := func(name, text string) (all []string) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) == 0 {
			t.Fatalf("%s %s: %v", name, text, err)
		}
		return all
	}
	entry := words("ENTRYPOINT", last["ENTRYPOINT"])
	_, health, _ := strings.Cut(last["HEALTHCHECK"], "CMD ")
	for name, line := range map[string][]string{
		"CMD": append(entry, words("CMD", last["CMD"])...), "HEALTHCHECK": words("HEALTHCHECK", health),
	} {
		if !slices.Contains(copied, line[0]) {
			t.Errorf("%s runs %s, which is not in the image: %v", name, line[0], copied)
		}
		runsAs(t, name, line[1:], variables)
	}
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(last["USER"]) {
		t.Errorf("USER %s: a number other than root's is what a cluster can check", last["USER"])
	}
	volumes := words("VOLUME", last["VOLUME"])
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		if (name == "LOCKSTEP_DATA" || name == "XDG_CONFIG_HOME") && (!slices.Contains(volumes, value) || !slices.Contains(copied, value)) {
			t.Errorf("%s is no volume that the user may write to", v)
		}
	}
}

// runsAs: the program understands the line, and each of its own variables is a flag's.
func runsAs(t *testing.T, name string, args, variables []string) {
	t.Helper()
	var all commands
	parser, err := kong.New(&all, kong.Name("lockstep"), kong.Resolvers(terminal.Environment(variables)))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if want := map[string]string{"CMD": "serve", "HEALTHCHECK": "doctor"}[name]; terminal.Path(parsed) != want {
		t.Errorf("%s runs %s, not %s", name, terminal.Path(parsed), want)
	}
	page, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variables {
		variable, _, _ := strings.Cut(v, "=")
		if !strings.Contains(string(page), "`"+variable+"`") {
			t.Errorf("the image sets %s, which the program does not read", variable)
		}
	}
}

// TestContainerBuild: the image is built with the release of Go that go.mod asks for.
func TestContainerBuild(t *testing.T) {
	module, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	if first := containerfile(t)[0]; first.name != "FROM" || !strings.Contains(first.rest, "golang:"+want+"-") {
		t.Errorf("built by %s, and go.mod asks for %s", first.rest, want)
	}
}
