package main

import (
	"io"

	"lockstep/api"
	"lockstep/report"
)

type adminCmd struct {
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
func (adminSessionListCmd) Run(c *cli, client *api.Client) error {
	return c.print(report.ConsoleSessions(client.ConsoleSessions(c.ctx)))
}

type adminSessionEndCmd struct {
	Session string `arg:"" optional:"" help:"Id of the session."`
	All     bool   `help:"All of them, and links that were not opened yet."`
}

// Run ends sessions of the console.
func (e adminSessionEndCmd) Run(c *cli) error {
	if (e.Session == "") != e.All {
		return usage("Give the id of a session, or --all.")
	}
	if e.All {
		if err := c.confirm("End all sessions of the console?"); err != nil {
			return err
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if e.Session != "" {
		if err := client.EndConsoleSession(c.ctx, e.Session); err != nil {
			return err
		}
		return c.did("ended", e.Session, "Ended.")
	}
	n, err := client.EndConsoleSessions(c.ctx)
	if err != nil {
		return err
	}
	return c.show(api.Ended{Ended: n}, func(io.Writer) { c.say("Ended: %d.", n) })
}
