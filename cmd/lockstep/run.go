package main

import (
	"errors"
	"io"
	"strings"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/report"
	"lockstep/terminal"
)

type runCmd struct {
	Job    string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Detach bool   `help:"Do not wait for the end."`
	Whole  bool   `help:"Read the outside system from the beginning, even if nothing seems to have changed."`
}

// Run begins a cycle and waits for its end. For a job in mode manual it applies what was planned, after asking.
func (r *runCmd) Run(c *cli, client *api.Client, job slug) error {
	j, err := client.Job(c.ctx, job)
	if err != nil {
		return err
	}
	if j.Mode == "manual" {
		return (&applyCmd{App: job, Detach: r.Detach}).Run(c, client, job)
	}
	last, err := client.LastCycle(c.ctx, job)
	if err != nil {
		return err
	}
	c.server.Work() // not earlier: what is due already is part of this run
	begin := client.Run
	if r.Whole {
		begin = client.RunWhole
	}
	if _, err := begin(c.ctx, job); err != nil {
		return err
	}
	if r.Detach {
		c.say("The cycle begins. See it: lockstep log tail %s", job)
		return nil
	}
	cycle, err := client.NextCycle(c.ctx, job, last)
	if err != nil {
		return err
	}
	return c.follow(client, job, cycle)
}

// follow shows a cycle's progress until it has ended and tells the outcome.
func (c *cli) follow(client *api.Client, job string, id lockstep.CycleID) error {
	screen := c.stderr
	if c.Quiet {
		screen = terminal.New(io.Discard)
	}
	bar := terminal.NewBar(screen)
	cycle, err := client.Follow(c.ctx, job, id, func(cycle api.Cycle) { bar.Show(report.Step(cycle)) })
	bar.Clear()
	if err == nil {
		return c.ended(client, job, cycle)
	}
	if c.ctx.Err() != nil && c.Server != "" {
		c.say("The cycle goes on. To stop it: lockstep app set %s --state paused", job)
	}
	return err
}

// ended tells what a cycle did and how the job stands now, and makes it the exit code.
func (c *cli) ended(client *api.Client, job string, cycle api.Cycle) error {
	j, err := client.Job(c.ctx, job)
	if err != nil {
		return err
	}
	left := report.Remains(j.Standing)
	n := cycle.Counts
	clean := len(left) == 0 && n.Held == 0 && n.Failed == 0 && n.Bad == 0 && cycle.Code == ""
	if err := c.print(report.Ended(cycle, clean)); err != nil {
		return err
	}
	if err := c.tell(job, left); err != nil {
		return err
	}
	switch {
	case n.Failed > 0 || n.Bad > 0:
		c.say("See them: lockstep log list %s --state failed,refused", job)
		return &outcome{code: exitSome, text: "some failed"}
	case cycle.Code != "":
		return errors.New(either(cycle.Detail, string(cycle.Code)))
	}
	return nil
}

// tell says what remains of a job, and makes it the exit code: nothing that is held, failing, unread or pending ends with 0.
func (c *cli) tell(job string, all []operate.Finding) error {
	for _, f := range all {
		c.say("%s%s", f.Says, report.Next(f.Value, job))
	}
	for _, f := range all {
		if f.Exit != operate.ExitInStep {
			return &outcome{code: f.Exit, text: strings.TrimSuffix(f.Says, ".")}
		}
	}
	return nil
}
