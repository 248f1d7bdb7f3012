package main

import (
	"time"

	"lockstep/api"
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
func (p *provisionCmd) Run(c *cli, client *api.Client, app slug) error {
	if p.DryRun {
		x, err := client.Explain(c.ctx, app, p.Type, p.Person)
		return c.print(report.Explanation(app, x, true, err))
	}
	c.server.Work()
	out, err := client.Provision(c.ctx, app, api.Demand{Object: p.Person, Type: p.Type, Wait: int(p.Wait.Seconds())})
	return c.provisioned(app, out, err)
}

// provisioned shows what was done to one object, and makes it the exit code.
func (c *cli) provisioned(app slug, out api.Provisioned, err error) error {
	if err := c.print(report.Provisioned(app, out, err)); err != nil {
		return err
	}
	if out.Outcome.Exit != operate.ExitInStep {
		return &outcome{code: out.Outcome.Exit, text: out.Outcome.Says}
	}
	return nil
}
