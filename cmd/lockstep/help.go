package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"lockstep"
	"lockstep/rule"
	"lockstep/words"
)

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command; globals tells of the flags that every command has."`
}

// Run is never called: wanted turns the command into --help.
func (helpCmd) Run(*cli) error { return nil }

// wanted are the arguments of a command line, with "lockstep", "lockstep help" and "lockstep help COMMAND" as what they ask for.
func wanted(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// examples of commands, by the command's path. A test parses each.
var examples = map[string][]string{
	"":                {"lockstep demo", "lockstep serve", "lockstep status"},
	"serve":           {"lockstep serve", "lockstep serve --data /var/lib/lockstep --listen 127.0.0.1:8640"},
	"status":          {"lockstep status", "lockstep status -o json"},
	"plan":            {"lockstep plan webex", "lockstep plan webex --exit-code"},
	"apply":           {"lockstep apply webex", "lockstep apply webex --yes"},
	"run":             {"lockstep run webex", "lockstep run hr --whole"},
	"explain":         {"lockstep explain ada@acme.example", "lockstep explain ada@acme.example --app webex"},
	"provision":       {"lockstep provision ada@acme.example --dry-run", "lockstep provision Engineering --type Group --app webex"},
	"held list":       {"lockstep held list webex"},
	"held approve":    {"lockstep held approve webex --all"},
	"undo":            {"lockstep undo --app webex 01a2297a-af29-71fb-b219-a20246e80c46", "lockstep undo --cycle 01a2297a-b08d-7779-98ed-70c6c7d281be"},
	"drift list":      {"lockstep drift list webex", "lockstep drift list webex --read"},
	"drift restore":   {"lockstep drift restore --app webex --all", "lockstep drift restore --app webex ada@acme.example"},
	"log list":        {"lockstep log list webex --state failed,refused", "lockstep log list webex --search ada"},
	"log export":      {"lockstep log export webex --csv"},
	"audit list":      {"lockstep audit list --since 7d", "lockstep audit list --who mia --object user"},
	"audit export":    {"lockstep audit export --since 2026-11-01 --csv"},
	"app add":         {"lockstep app add webex --set organization=1eb65fdf-9643-417f-9974-ad72cae0e10f", "lockstep app add scim crm --name CRM"},
	"app set":         {"lockstep app set webex --mode auto", "lockstep app set webex --state paused", "lockstep app set webex --notify ada@acme.example"},
	"source add":      {"lockstep source add csvfile hr", "lockstep source add ldap staff --set url=ldaps://dc1.acme.example"},
	"connection set":  {"lockstep connection set webex --secret-file token.txt", "lockstep connection set hr --set people=people.csv"},
	"connection test": {"lockstep connection test webex"},
	"assign add":      {"lockstep assign add --app webex --group Staff", "lockstep assign add --app webex --user ada@acme.example"},
	"mapping set":     {`lockstep mapping set --app webex displayName 'Join(" ", [name.givenName], [name.familyName])'`},
	"scope set":       {`lockstep scope set --app webex 'department EQUALS Sales'`},
	"exclude add":     {`lockstep exclude add ada@acme.example --reason "on leave" --until 2027-01-31`},
	"link set":        {"lockstep link set ada@acme.example --to 1eb65fdf-9643-417f-9974-ad72cae0e10f"},
	"people list":     {"lockstep people list lindqvist"},
	"doctor":          {"lockstep doctor", "lockstep doctor --bundle lockstep-doctor.tar.gz"},
	"backup create":   {"lockstep backup create", "lockstep backup create /backup/lockstep.tar.gz --data /var/lib/lockstep"},
	"backup restore":  {"lockstep backup restore /backup/lockstep.tar.gz --data /var/lib/lockstep --key-file /etc/lockstep/key"},
	"notify set":      {"lockstep notify set --mail-host smtp.acme.example --mail-user lockstep --mail-from lockstep@acme.example --password-file smtp.txt --to it@acme.example", "lockstep notify set --webhook https://chat.acme.example/hooks/lockstep"},
	"notify test":     {"lockstep notify test", "lockstep notify test --webhook"},
	"token create":    {"lockstep token create entra --kind scim", "lockstep token create ci --scope read"},
}

// help prints what a command is for: its own flags first. Those that every command has are told of on their own.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	path := commandOf(ctx)
	for _, f := range ctx.Model.Flags {
		f.Hidden = f.Name != "help"
	}
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	out := ctx.Stdout
	if ctx.Error != nil { // a short reminder beside an error
		return nil
	}
	if all := examples[path]; len(all) > 0 {
		fmt.Fprintln(out, "\nExamples:")
		for _, e := range all {
			fmt.Fprintln(out, "  "+e)
		}
	}
	fmt.Fprintln(out, "\nFlags of every command (-o json, --server, --tenant …): lockstep help globals")
	return nil
}

// globalHelp tells of the flags that every command has.
func globalHelp(parser *kong.Kong) error {
	ctx, err := kong.Trace(parser, nil)
	if err != nil {
		return err
	}
	fmt.Fprint(parser.Stdout, "Every command has these flags. Where a variable is named, it has the same effect.\n\n")
	for _, f := range ctx.Model.Flags {
		name := "--" + f.Name
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		if !f.IsBool() {
			name += "=" + f.FormatPlaceHolder()
		}
		fmt.Fprintf(parser.Stdout, "  %-28s %s\n", name, f.Help)
	}
	return nil
}

// commandOf is the path of the command that was chosen, as it is typed: "app add".
func commandOf(ctx *kong.Context) string {
	var path []string
	for n := ctx.Selected(); n != nil && n.Type == kong.CommandNode; n = n.Parent {
		path = append(path, n.Name)
	}
	slices.Reverse(path)
	return strings.Join(path, " ")
}

// misunderstood makes of a failure to parse an error that says what may have been meant.
func misunderstood(err error) error {
	failed, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return err
	}
	detail := words.Sentence(failed.Error())
	if name, ok := strings.CutPrefix(failed.Error(), "unexpected argument "); ok && failed.Context != nil && len(failed.Context.Path) > 0 {
		node := failed.Context.Path[len(failed.Context.Path)-1].Node()
		for node != nil && len(node.Children) == 0 {
			node = node.Parent
		}
		name, _, _ = strings.Cut(name, ",")
		if node != nil && node.Parent != nil {
			var names []string
			for _, child := range node.Children {
				names = append(names, child.Name)
			}
			detail = fmt.Sprintf("“%s” is not a command of %s", name, node.FullPath())
			if near := rule.Nearest(name, names); near != "" {
				detail += "; did you mean “" + near + "”?"
			} else {
				detail += ". There are: " + strings.Join(names, ", ") + "."
			}
		}
	}
	return &mistyped{&lockstep.Error{Code: lockstep.CodeUsage, Detail: detail}}
}

// mistyped is a command line that was not understood, of which --help tells more.
type mistyped struct{ err *lockstep.Error }

// Error implements error.
func (m *mistyped) Error() string { return m.err.Error() }

// Unwrap returns the error with its code.
func (m *mistyped) Unwrap() error { return m.err }

// hintFor is what to do about an error, for whoever typed command.
func hintFor(err error, entry lockstep.Entry, command string) string {
	switch entry.Code {
	case lockstep.CodeInternal:
		return ""
	case lockstep.CodeUsage:
		if _, ok := errors.AsType[*mistyped](err); !ok {
			return "" // the message says what is wrong
		}
	case lockstep.CodeNotFound:
		if see := listOf(command); see != "" {
			return "See what there is: " + see
		}
	}
	return entry.Help
}

// listOf is the command that lists what a command may have named.
func listOf(command string) string {
	noun, verb, _ := strings.Cut(command, " ")
	switch noun {
	case "plan", "apply", "run", "held", "undo", "drift", "log", "connection", "mapping", "scope", "explain":
		return "lockstep app list · lockstep source list"
	case "app", "source":
		if verb == "add" {
			return "lockstep app gallery"
		}
		return "lockstep " + noun + " list"
	case "people", "group", "token", "schema":
		return "lockstep " + noun + " list"
	case "assign":
		return "lockstep app list · lockstep group list · lockstep people list"
	}
	return ""
}
