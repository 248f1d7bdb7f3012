package terminal

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Script teaches bash, zsh or fish to ask the program itself, with the command complete, for what may come next, one a line.
func Script(shell string) string { return scripts[shell] }

var scripts = map[string]string{
	"bash": `_lockstep() {
  local IFS=$'\n'
  COMPREPLY=($(lockstep complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _lockstep lockstep
`,
	"zsh": `#compdef lockstep
_lockstep() {
  local -a found
  found=("${(@f)$(lockstep complete -- "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -- "${found[@]}"
}
compdef _lockstep lockstep
`,
	"fish": `complete -c lockstep -f -a '(lockstep complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

// Complete tells what the last of the words of a command line may become: a command, a flag when one was begun, or a value of a flag or an
// argument. values tells what those may be that have no list of their own, by their names.
func Complete(node *kong.Node, words []string, values func(name string) []string) []string {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	all := candidates(node, words[:len(words)-1], last, values)
	return slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, last) })
}

// candidates are what may follow words.
func candidates(node *kong.Node, words []string, last string, values func(name string) []string) []string {
	var flag *kong.Flag // that waits for its value
	args := 0
	for _, w := range words {
		switch {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(w, "-"):
			if f := flagOf(node, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				flag = f
			}
		default:
			if i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == w }); i >= 0 {
				node = node.Children[i]
			} else {
				args++
			}
		}
	}
	if flag != nil {
		return valuesOf(flag.Value, values)
	}
	var all []string
	if strings.HasPrefix(last, "-") {
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				all = append(all, "--"+f.Name)
			}
		}
		return all
	}
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, child.Name)
		}
	}
	if len(all) == 0 && args < len(node.Positional) {
		p := node.Positional[args]
		return valuesOf(p, values)
	}
	return all
}

// valuesOf are the values that a flag or an argument may have.
func valuesOf(v *kong.Value, values func(name string) []string) []string {
	if v.Enum == "" {
		return values(v.Name)
	}
	return slices.DeleteFunc(strings.Split(v.Enum, ","), func(v string) bool { return v == "" })
}

func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(word, "=")
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if "--"+f.Name == name || f.Short != 0 && "-"+string(f.Short) == name {
				return f
			}
		}
	}
	return nil
}
