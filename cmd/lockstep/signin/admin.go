// Package signin has the commands about signing in: identity providers, the applications that sign people in here, their sessions, and
// administrators. They are built as those of package main beside it.
package signin

import (
	"io"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

// Admin has the commands about administrators.
type Admin struct {
	List    adminListCmd    `cmd:"" default:"withargs" help:"List who has a role."`
	Add     adminAddCmd     `cmd:"" help:"Give a person, or everybody in a group, a role."`
	Remove  adminRemoveCmd  `cmd:"" help:"Take a role away."`
	Owner   adminOwnerCmd   `cmd:"" help:"Local owners, whom no identity provider can lock out."`
	Session adminSessionCmd `cmd:"" help:"Who is in the console."`
}

type adminSessionCmd struct {
	List adminSessionListCmd `cmd:"" default:"withargs" help:"List who is in the console."`
	End  adminSessionEndCmd  `cmd:"" help:"End a session, or all of them."`
}

type adminSessionListCmd struct{}

// Run lists who is in the console.
func (adminSessionListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.ConsoleSessions(client.ConsoleSessions(c.Ctx)))
}

type adminSessionEndCmd struct {
	Session string `arg:"" optional:"" help:"Id of the session."`
	All     bool   `help:"All of them, and links that were not opened yet."`
}

// Run ends sessions of the console.
func (e adminSessionEndCmd) Run(c *cli.Command) error {
	if (e.Session == "") != e.All {
		return terminal.Usage("Give the id of a session, or --all.")
	}
	if e.All {
		if err := c.Confirm("End all sessions of the console?"); err != nil {
			return err
		}
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if e.Session != "" {
		return c.Did(client.EndConsoleSession(c.Ctx, e.Session), "ended", e.Session, "Ended.")
	}
	n, err := client.EndConsoleSessions(c.Ctx)
	if err != nil {
		return err
	}
	return c.Show(api.Ended{Ended: n}, func(io.Writer) { c.Say("Ended: %d.", n) })
}
