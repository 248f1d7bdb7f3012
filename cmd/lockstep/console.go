package main

import (
	"fmt"
	"io"

	"lockstep/api"
	"lockstep/cli"
)

type consoleCmd struct {
	As string `placeholder:"NAME" help:"A name that people recognise; the audit log shows it beside the token's own."`
}

// Run shows a one-time link into the web console of the running server.
func (k consoleCmd) Run(c *cli.Command, client *api.Client) error {
	link, err := client.ConsoleLink(c.Ctx, k.As)
	if err != nil {
		return err
	}
	return c.Show(link, func(w io.Writer) { fmt.Fprintln(w, link.URL) })
}
