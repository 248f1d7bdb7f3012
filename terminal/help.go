package terminal

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

// Wanted are the arguments of a command line, with none, "help" and "help COMMAND" as what they ask for.
func Wanted(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// Help prints what a command is for: its own flags, and the examples that its path has. Flags that every command has are told of on their own.
func Help(examples map[string][]string) kong.HelpPrinter {
	return func(options kong.HelpOptions, ctx *kong.Context) error {
		return help(examples[Path(ctx)], options, ctx)
	}
}

func help(examples []string, options kong.HelpOptions, ctx *kong.Context) error {
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
	if len(examples) > 0 {
		fmt.Fprintln(out, "\nExamples:")
		for _, e := range examples {
			fmt.Fprintln(out, "  "+e)
		}
	}
	fmt.Fprintln(out, "\nFlags of every command (-o json, --server, --tenant …): lockstep help globals")
	return nil
}

// GlobalHelp tells of the flags that every command has.
func GlobalHelp(parser *kong.Kong) error {
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

// Path is the path of the command that was chosen, as it is typed: "app add".
func Path(ctx *kong.Context) string {
	var path []string
	for n := ctx.Selected(); n != nil && n.Type == kong.CommandNode; n = n.Parent {
		path = append(path, n.Name)
	}
	slices.Reverse(path)
	return strings.Join(path, " ")
}

// Misunderstood makes of a failure to parse an error that says what may have been meant.
func Misunderstood(err error) error {
	failed, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return err
	}
	detail := words.Sentence(failed.Error())
	if name, ok := strings.CutPrefix(failed.Error(), "unexpected argument "); ok {
		name, _, _ = strings.Cut(name, ",")
		if meant := meant(name, failed.Context); meant != "" {
			detail = meant
		}
	}
	return &Mistyped{&lockstep.Error{Code: lockstep.CodeUsage, Detail: detail}}
}

// meant says which commands there are where name is none, or "".
func meant(name string, ctx *kong.Context) string {
	if ctx == nil || len(ctx.Path) == 0 {
		return ""
	}
	node := ctx.Path[len(ctx.Path)-1].Node()
	for node != nil && len(node.Children) == 0 {
		node = node.Parent
	}
	if node == nil {
		return ""
	}
	var names []string
	for _, child := range node.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	says := fmt.Sprintf("“%s” is not a command of %s", name, node.FullPath())
	if near := rule.Nearest(name, names); near != "" {
		return says + "; did you mean “" + near + "”?"
	}
	if node.Parent == nil { // too many to name
		return says + "."
	}
	return says + ". There are: " + strings.Join(names, ", ") + "."
}

// Mistyped is a command line that was not understood, of which --help tells more.
type Mistyped struct{ err *lockstep.Error }

// Error implements error.
func (m *Mistyped) Error() string { return m.err.Error() }

// Unwrap returns the error with its code.
func (m *Mistyped) Unwrap() error { return m.err }
