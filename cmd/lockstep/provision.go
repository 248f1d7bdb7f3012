package main

import (
	"time"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/operate"
	"lockstep/report"
)

type provisionCmd struct {
	Person string        `arg:"" help:"User name, address or id; with --type Group a group. Also who is disabled, deleted or out of scope."`
	App    string        `short:"a" help:"The app; the only app when absent."`
	Type   string        `enum:"User,Group" default:"User" help:"Type of object: User or Group."`
	DryRun bool          `help:"Only try: show the steps, every clause of the scope, and the requests that would be sent."`
	Wait   time.Duration `default:"60s" help:"How long to wait for its end. What has not begun by then is taken back."`
}

// Run provisions one object.
func (p *provisionCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	if p.DryRun {
		x, err := client.Explain(c.Ctx, app, p.Type, p.Person)
		return c.Print(report.Explanation(app, x, true, err))
	}
	c.Reached.Work()
	out, err := client.Provision(c.Ctx, app, api.Demand{Object: p.Person, Type: p.Type, Wait: int(p.Wait.Seconds())})
	return provisioned(c, app, out, err)
}

// provisioned shows what was done to one object, and makes it the exit code.
func provisioned(c *cli.Command, app cli.Slug, out api.Provisioned, err error) error {
	if err := c.Print(report.Provisioned(app, out, err)); err != nil {
		return err
	}
	if out.Outcome.Exit != operate.ExitInStep {
		return &cli.Outcome{Code: out.Outcome.Exit, Text: out.Outcome.Says}
	}
	return nil
}
