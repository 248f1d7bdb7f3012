package main

import (
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"lockstep/terminal"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script of a shell.
func (s *completionCmd) Run(c *cli) error {
	_, err := fmt.Fprint(c.stdout, terminal.Script(s.Shell))
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words so far; the last one is to be completed."`
}

// completeWithin is how long a shell waits for live values.
const completeWithin = 2 * time.Second

// Run prints what the last of the words may become.
func (s *completeCmd) Run(c *cli, parser *kong.Kong) error {
	for _, w := range terminal.Complete(parser.Model.Node, s.Words, c.values) {
		printf(c.stdout, "%s\n", w)
	}
	return nil
}

// values are what a flag or an argument may be. Names of what there is are asked of the server, which may be too slow or absent: then there
// are none.
func (c *cli) values(name string) []string {
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
