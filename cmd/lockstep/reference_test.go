package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"lockstep/cli"
)

const commandsPage = "../../docs/commands.md"

// TestCommandsPage: the page has every command that the program has, with its arguments, flags and examples.
func TestCommandsPage(t *testing.T) {
	want := commandsReference(t)
	if *update {
		if err := os.WriteFile(commandsPage, []byte(want), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(commandsPage)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what make docs writes: %v", commandsPage, err)
	}
}

// commandsReference is the page.
func commandsReference(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("lockstep"), kong.ExplicitGroups(commandGroups))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Commands\n\nMade by `make docs` of what the program has. `lockstep help COMMAND` shows the same at the terminal, `lockstep help globals` the flags that every command has;\n" +
		"their variables, and those of a server, are in [configuration](configuration.md). A word in capitals stands for one of yours, brackets for what may be left out.\n" +
		"`-o json` makes every answer one JSON document. Names of people and groups may be their ids.\n\n" +
		"A command ends with one of these, so that scripts can tell:\n\n| exit code | when |\n| --- | --- |\n")
	for _, e := range exits {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.when)
	}
	b.WriteString("\n")
	for _, g := range commandGroups {
		fmt.Fprintf(&b, "## %s\n\n", strings.TrimSuffix(g.Title, ":"))
		for _, node := range parser.Model.Children {
			if node.Group != nil && node.Group.Key == g.Key {
				describe(&b, node, node.Name)
			}
		}
	}
	return b.String()
}

// exits are what a command can end with.
var exits = []struct {
	code int
	when string
}{
	{cli.ExitDone, "It is done, and nothing of it is held, failing or pending."},
	{cli.ExitFailed, "It failed; the error says why, with its [code](errors.md)."},
	{cli.ExitPending, "Only of `plan --exit-code`: there is something to do."},
	{cli.ExitSome, "It ended, but some people or groups failed."},
	{cli.ExitForbidden, "Not signed in or not allowed: here, at the application or at the source."},
	{cli.ExitHeld, "Something is held by the guard, quarantined or pending, or the plan is not of now any more."},
	{cli.ExitUsage, "The command line was not understood: no such command, flag or value."},
	{cli.ExitUnreachable, "The server, its data or its database cannot be reached."},
	{cli.ExitTimeout, "It took too long, or the server is busy: try again."},
	{cli.ExitInterrupted, "Somebody stopped it."},
}

// describe writes a command that runs, then those below it.
func describe(b *strings.Builder, node *kong.Node, path string) {
	if node.Hidden {
		return
	}
	if node.Leaf() {
		fmt.Fprintf(b, "### lockstep %s\n\n%s\n\n", path, strings.ReplaceAll(node.Help, "$$", "$"))
		words := []string{"lockstep", path}
		for _, p := range node.Positional {
			words = append(words, p.Summary())
		}
		if slices.ContainsFunc(node.Flags, said) {
			words = append(words, "[flags]")
		}
		fmt.Fprintf(b, "    %s\n\n", strings.Join(words, " "))
		if len(node.Positional) > 0 {
			b.WriteString("| argument | what it says |\n| --- | --- |\n")
			for _, p := range node.Positional {
				fmt.Fprintf(b, "| `%s` | %s |\n", strings.Trim(p.Summary(), "[]<> ."), cell(p.Help))
			}
			b.WriteString("\n")
		}
		if slices.ContainsFunc(node.Flags, said) {
			table(b, node)
		}
		if all := examples[path]; len(all) > 0 {
			b.WriteString("For example:\n\n")
			for _, e := range all {
				fmt.Fprintf(b, "    %s\n", e)
			}
			b.WriteString("\n")
		}
	}
	for _, child := range node.Children {
		describe(b, child, path+" "+child.Name)
	}
}

// cell is a text inside of a table.
func cell(s string) string {
	return strings.ReplaceAll(noted.ReplaceAllString(strings.ReplaceAll(s, "$$", "$"), ""), "|", `\|`)
}
