package terminal

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Environment resolves flags that are marked env-also from variables: --token-file from LOCKSTEP_TOKEN_FILE.
type Environment []string

// Validate implements kong.Resolver.
func (Environment) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (e Environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Tag.Get("env-also") == "" {
		return nil, nil
	}
	if v := e.Get("LOCKSTEP_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))); v != "" {
		return v, nil
	}
	return nil, nil
}

// Get is the value of a variable.
func (e Environment) Get(name string) string {
	for _, v := range slices.Backward(e) { // the last one counts
		if v, ok := strings.CutPrefix(v, name+"="); ok {
			return v
		}
	}
	return ""
}

// Output finds the form of output, which is table unless json or jsonl is asked for, among arguments that could not be parsed, so that the
// error about them has it.
func (e Environment) Output(args []string) string {
	form := e.Get("LOCKSTEP_OUTPUT")
	for i, a := range args {
		for _, flag := range []string{"-o", "--output"} {
			if a == flag && i+1 < len(args) {
				form = args[i+1]
			} else if value, ok := strings.CutPrefix(a, flag); ok && value != "" {
				form = strings.TrimPrefix(value, "=")
			}
		}
	}
	if form == "json" || form == "jsonl" {
		return form
	}
	return "table"
}
