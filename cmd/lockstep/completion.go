package main

import (
	"fmt"

	"github.com/alecthomas/kong"

	"lockstep/cli"
	"lockstep/terminal"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script of a shell.
func (s *completionCmd) Run(c *cli.Command) error {
	_, err := fmt.Fprint(c.Stdout, terminal.Script(s.Shell))
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words so far; the last one is to be completed."`
}

// Run prints what the last of the words may become.
func (s *completeCmd) Run(c *cli.Command, parser *kong.Kong) error {
	for _, w := range terminal.Complete(parser.Model.Node, s.Words, c.Values) {
		terminal.Printf(c.Stdout, "%s\n", w)
	}
	return nil
}
