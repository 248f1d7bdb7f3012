package main

import (
	"lockstep/api"
	"lockstep/cli"
)

type runCmd struct {
	Job    string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Detach bool   `help:"Do not wait for the end."`
	Whole  bool   `help:"Read the outside system from the beginning, even if nothing seems to have changed."`
}

// Run begins a cycle and waits for its end. For a job in mode manual it applies what was planned, after asking.
func (r *runCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	j, err := client.Job(c.Ctx, job)
	if err != nil {
		return err
	}
	if j.Mode == "manual" {
		return (&applyCmd{App: job, Detach: r.Detach}).Run(c, client, job)
	}
	last, err := client.LastCycle(c.Ctx, job)
	if err != nil {
		return err
	}
	c.Reached.Work() // not earlier: what is due already is part of this run
	begin := client.Run
	if r.Whole {
		begin = client.RunWhole
	}
	if _, err := begin(c.Ctx, job); err != nil {
		return err
	}
	if r.Detach {
		c.Say("The cycle begins. See it: lockstep log tail %s", job)
		return nil
	}
	cycle, err := client.NextCycle(c.Ctx, job, last)
	if err != nil {
		return c.Left(job, err)
	}
	return c.Follow(client, job, cycle)
}
