package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"lockstep/report"
	"lockstep/terminal"
)

// TestExamples: every example of the help is a command of the program, with flags that it has, below the command that it is shown
// with.
func TestExamples(t *testing.T) {
	for path, all := range examples {
		for _, example := range all {
			args := shellWords(example)
			var commands commands
			parser, err := kong.New(&commands, kong.Name("lockstep"), kong.Exit(func(int) { t.Errorf("%s: ends the program", example) }))
			if err != nil {
				t.Fatal(err)
			}
			ctx, err := parser.Parse(args[1:])
			if args[0] != "lockstep" || err != nil {
				t.Errorf("%s: %v", example, err)
				continue
			}
			if got := terminal.Path(ctx); path != "" && got != path {
				t.Errorf("%s is an example of %q, and stands below %q", example, got, path)
			}
		}
	}
}

// TestListOf: whoever is told to see what there is, is told commands that exist.
func TestListOf(t *testing.T) {
	var commands commands
	parser, err := kong.New(&commands, kong.Name("lockstep"))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Leaves(true) {
		path := strings.TrimPrefix(node.Path(), "lockstep ")
		for _, hint := range strings.Split(report.ListOf(path), " · ") {
			if hint == "" {
				continue
			}
			if _, err := parser.Parse(strings.Fields(hint)[1:]); err != nil {
				t.Errorf("%s: %s: %v", path, hint, err)
			}
		}
	}

}

// shellWords divides a line as a shell does that meets single and double quotes only, each around a whole word.
func shellWords(line string) []string {
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1)
	for i, w := range words {
		if len(w) > 1 && (w[0] == '\'' || w[0] == '"') {
			words[i] = w[1 : len(w)-1]
		}
	}
	return words
}

// shown finds the commands that a text shows: lines of code that begin with the program, and the program in inline code.
var shown = regexp.MustCompile("(?m)(?:^\\s*(?:\\$ )?(?:[A-Z_]+=\\S+ )*|`)(?:\\./)?lockstep ([a-z][^`#\\n|>&;]*)")

// TestShownCommands: every command that the documentation, a page or a hint of the catalogue shows is one that the program has,
// with flags that it has.
func TestShownCommands(t *testing.T) {
	root := filepath.Join("..", "..")
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "node_modules" || name == "testdata" || name == ".git" || name == "adr" {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(path); ext != ".md" && ext != ".templ" && d.Name() != "code.go" {
			return nil
		}
		if path == filepath.Join(root, "docs", "commands.md") {
			return nil // made of the commands: what is parsed of it are the examples
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			if strings.ContainsAny(m[1], "…{") || strings.Contains(m[1], "...") {
				continue // a part is left to the reader
			}
			n++
			var commands commands
			parser, err := kong.New(&commands, kong.Name("lockstep"), kong.Exit(func(int) {}))
			if err != nil {
				return err
			}
			line := strings.TrimSuffix(strings.TrimSpace(m[1]), "\\")
			_, err = parser.Parse(terminal.Wanted(shellWords(line)))
			if partial := strings.HasPrefix(m[0], "`") || placeholder.MatchString(line); err != nil && partial {
				err = named(parser.Model.Node, line) // a mention: no more than its words must be right
			}
			if err != nil {
				t.Errorf("%s shows “lockstep %s”: %v", path, m[1], err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Errorf("only %d commands were found", n)
	}
}

// placeholder finds what a reader replaces: NAME, N, [--optional].
var placeholder = regexp.MustCompile(`(^|[ =])[A-Z]+($|[ \]])|\[-`)

// named checks a mention of a command: its words are those of a command or of the beginning of one, and its flags are there.
func named(node *kong.Node, line string) error {
	for i, word := range strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line)) {
		if flag, ok := strings.CutPrefix(word, "--"); ok {
			flag, _, _ = strings.Cut(flag, "=")
			if !hasFlag(node, flag) {
				return fmt.Errorf("%s has no flag --%s", node.FullPath(), flag)
			}
			continue
		}
		child := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word || slices.Contains(n.Aliases, word) })
		switch {
		case child >= 0:
			node = node.Children[child]
		case i == 0:
			return fmt.Errorf("there is no command %s", word)
		case len(node.Children) > 0 && !strings.Contains(line, "--") && node.DefaultCmd == nil:
			return fmt.Errorf("%s has no command %s", node.FullPath(), word)
		}
	}
	return nil
}

func hasFlag(node *kong.Node, name string) bool {
	for _, group := range node.AllFlags(false) {
		if slices.ContainsFunc(group, func(f *kong.Flag) bool { return f.Name == name || "no-"+f.Name == name }) {
			return true
		}
	}
	return false
}
