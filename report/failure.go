package report

import (
	"errors"
	"slices"
	"strings"

	"lockstep"
	"lockstep/api"
	"lockstep/terminal"
)

// Failure is how an error reads for whoever typed a command.
type Failure struct {
	Code    lockstep.Code `json:"code"`
	Doc     string        `json:"doc"`
	Field   string        `json:"field,omitempty"` // what was given that it is about, by its name in the API
	Hint    string        `json:"hint"`
	Message string        `json:"message"`
}

// FailureOf tells what to make of an error of a command.
func FailureOf(err error, command string) Failure {
	code := lockstep.CodeOf(err)
	entry := lockstep.Describe(code)
	return Failure{Code: code, Doc: "docs/errors.md#" + string(code), Field: lockstep.FieldOf(err), Hint: hintFor(err, entry, command), Message: api.Sentence(err)}
}

// About says what was given that a failure is about, among the flags that the command has, unless the message says so.
func (f Failure) About(flags []string) string {
	if name := f.Field[strings.LastIndexAny(f.Field, " .")+1:]; name == "" || strings.Contains(strings.ToLower(f.Message), strings.ToLower(name)) {
		return ""
	}
	if flag := strings.ReplaceAll(f.Field, "_", "-"); slices.Contains(flags, flag) {
		return "It is about --" + flag + "."
	}
	return "It is about " + f.Field + "."
}

// hintFor is what to do about an error, for whoever typed command.
func hintFor(err error, entry lockstep.Entry, command string) string {
	switch entry.Code {
	case lockstep.CodeInternal:
		return ""
	case lockstep.CodeUsage:
		if _, ok := errors.AsType[*terminal.Mistyped](err); !ok {
			return "" // the message says what is wrong
		}
	case lockstep.CodeNotFound:
		if see := ListOf(command); see != "" {
			return "See what there is: " + see
		}
	}
	return entry.Help
}

// ListOf is the command that lists what a command may have named.
func ListOf(command string) string {
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
