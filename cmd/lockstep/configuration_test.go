package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const configurationPage = "../../docs/configuration.md"

// variables are those of the environment that are no flag's.
var variables = [][2]string{
	{"LOCKSTEP_TOKEN", "The API token for `--server` itself, where `--token-file` names a file."},
	{"XDG_DATA_HOME", "The data folder is `lockstep` in it, unless `--data` names one."},
	{"STATE_DIRECTORY", "The data folder, set by systemd, unless `--data` or `XDG_DATA_HOME` says another."},
	{"XDG_CONFIG_HOME", "The key is `lockstep/key` in it, unless `--key-file` names one."},
	{"HOME", "Without the others, data are in `.local/share/lockstep` of it, and the key is `.config/lockstep/key`."},
	{"GOMEMLIMIT", "The memory that the collector tries to stay below; what the program sets otherwise is in [performance](performance.md)."},
	{"GOGC", "How much garbage may gather before it is collected, as Go has it."},
	{"NO_COLOR", "With any value: no colours."},
	{"FORCE_COLOR", "With any value: colours, also where no terminal is."},
	{"CLICOLOR_FORCE", "The same."},
	{"TERM", "`dumb`: no colours."},
}

// hosts are the commands that run, keep or look after a server, beside those that only talk to one.
var hosts = []string{"serve", "work", "migrate", "doctor", "backup"}

// TestConfigurationPage: the page lists the flags, their variables and what they are without being given.
func TestConfigurationPage(t *testing.T) {
	want := configuration(t)
	if *update {
		if err := os.WriteFile(configurationPage, []byte(want), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(configurationPage)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what make docs writes: %v", configurationPage, err)
	}
}

// configuration is the page.
func configuration(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("lockstep"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Configuration\n\nMade by `make docs`. A server has no file of settings: what it keeps about applications, sources and people is in its database, and how it runs is\n" +
		"said by flags, or by variables of the environment where one is named (in `/etc/lockstep/lockstep.env` with the [Debian package](how-to/operations.md#debian)).\n" +
		"A flag counts more than its variable; of a list, a variable has the parts divided by commas. Nothing here is read again while a server runs, except where it says so.\n\n" +
		"## Every command\n\n")
	table(&b, parser.Model.Node)
	for _, name := range hosts {
		for _, node := range parser.Model.Children {
			if node.Name == name {
				section(&b, node, name)
			}
		}
	}
	b.WriteString("## Variables without a flag\n\n| variable | what it says |\n| --- | --- |\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v[0], v[1])
	}
	return b.String()
}

// section writes a command if it has flags of its own, then those below it.
func section(b *strings.Builder, node *kong.Node, path string) {
	if slices.ContainsFunc(node.Flags, said) {
		fmt.Fprintf(b, "## lockstep %s\n\n%s\n\n", path, node.Help)
		table(b, node)
	}
	for _, child := range node.Children {
		section(b, child, path+" "+child.Name)
	}
}

var noted = regexp.MustCompile(` ?\(\$[A-Z_]+(?:, or [^)]*)?\)`)

// said reports whether a flag is on the page.
func said(f *kong.Flag) bool { return !f.Hidden && f.Name != "help" }

// table writes the flags of one command, with a column of variables if one has any.
func table(b *strings.Builder, node *kong.Node) {
	var column, line string
	variables := slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return said(f) && f.Tag.Get("env-also") != "" })
	if variables {
		column, line = "variable | ", "--- | "
	}
	fmt.Fprintf(b, "| flag | %swithout it | what it says |\n| --- | %s--- | --- |\n", column, line)
	for _, f := range node.Flags {
		if !said(f) {
			continue
		}
		name, variable, without := "--"+f.Name, "–", "–"
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		if !f.IsBool() {
			name += "=" + strings.ToUpper(strings.Trim(f.FormatPlaceHolder(), `"`))
			if f.PlaceHolder == "" {
				name = name[:strings.LastIndex(name, "=")] + "=…"
			}
		}
		if f.Tag.Get("env-also") != "" {
			variable = "`" + variableOf(f) + "`"
		}
		if variables {
			variable += " | "
		} else {
			variable = ""
		}
		if f.HasDefault && f.Default != "" {
			without = "`" + f.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s%s | %s |\n", name, variable, without, strings.ReplaceAll(noted.ReplaceAllString(strings.ReplaceAll(f.Help, "$$", "$"), ""), "|", `\|`))
	}
	b.WriteString("\n")
}

// variableOf is what terminal.Environment looks for.
func variableOf(f *kong.Flag) string {
	return "LOCKSTEP_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// TestVariables: the help of each flag that a variable can give names that variable, and what the program asks of the environment is on the page.
func TestVariables(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Name("lockstep"))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(*kong.Node)
	walk = func(node *kong.Node) {
		for _, f := range node.Flags {
			if says := strings.Contains(f.Help, "$"+variableOf(f)); says != (f.Tag.Get("env-also") != "") {
				t.Errorf("%s --%s: its help and its variable are not of one mind: %s", node.Path(), f.Name, f.Help)
			}
		}
		for _, child := range node.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	page := configuration(t)
	for _, folder := range []string{".", "../../reach", "../../terminal", "../../server"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(file, "_test.go") && !strings.Contains(page, "`"+m[1]+"`") {
					t.Errorf("%s asks for %s, which is not on the page", file, m[1])
				}
			}
		}
	}
}

// asked finds names of variables that the program reads.
var asked = regexp.MustCompile(`(?:Getenv|LookupEnv|\b(?:c\.env|e|env)\.Get)\("([A-Z][A-Z_]+)"\)`)
