package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// scripts tell a shell to ask the program itself for what may come next, one a line.
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

// Run prints the script of a shell.
func (s *completionCmd) Run(c *cli) error {
	_, err := fmt.Fprint(c.stdout, scripts[s.Shell])
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words so far; the last one is to be completed."`
}

// completeWithin is how long a shell waits for live values.
const completeWithin = 2 * time.Second

// Run prints what the last of the words may become.
func (s *completeCmd) Run(c *cli, parser *kong.Kong) error {
	words := s.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	for _, w := range c.candidates(parser.Model.Node, words[:len(words)-1], last) {
		if strings.HasPrefix(w, last) {
			printf(c.stdout, "%s\n", w)
		}
	}
	return nil
}

// candidates are what may follow words: commands, flags when one was begun, the values of a flag or of an argument.
func (c *cli) candidates(node *kong.Node, words []string, last string) []string {
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
		return c.values(flag.Name, flag.Enum)
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
		return c.values(p.Name, p.Enum)
	}
	return all
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

// values are what a flag or an argument may be. Names of what there is are asked of the server, which may be too slow or absent:
// then there are none.
func (c *cli) values(name, enum string) []string {
	if enum != "" {
		return slices.DeleteFunc(strings.Split(enum, ","), func(v string) bool { return v == "" })
	}
	ctx, stop := context.WithTimeout(c.ctx, completeWithin)
	defer stop()
	c.ctx = ctx
	client, err := c.client()
	if err != nil {
		return nil
	}
	var all []string
	switch name {
	case "app", "job", "source":
		jobs, _ := client.Jobs(ctx)
		for _, j := range jobs {
			if name == "job" || (name == "source") == (j.Direction == "inbound") {
				all = append(all, j.Slug)
			}
		}
	case "kind":
		kinds, _ := client.Gallery(ctx)
		for _, k := range kinds {
			all = append(all, k.Kind)
		}
	case "tenant":
		tenants, _ := client.Tenants(ctx)
		for _, t := range tenants {
			all = append(all, t.Slug)
		}
	}
	return all
}
