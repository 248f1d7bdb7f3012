package cli

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

// Follow shows a cycle's progress until it has ended and tells the outcome.
func (c *Command) Follow(client *api.Client, job string, id lockstep.CycleID) error {
	screen := c.Stderr
	if c.Quiet {
		screen = terminal.New(io.Discard)
	}
	bar := terminal.NewBar(screen)
	cycle, err := client.Follow(c.Ctx, job, id, func(cycle api.Cycle) { bar.Show(report.Step(cycle)) })
	bar.Clear()
	if err == nil {
		return c.ended(client, job, cycle)
	}
	return c.Left(job, err)
}

// Left says, when a command that waits for a cycle is interrupted, what becomes of the cycle. It takes the error on.
func (c *Command) Left(job string, err error) error {
	switch {
	case err == nil || c.Ctx.Err() == nil:
	case c.Reached.Runs():
		c.Say("The cycle goes on. To stop it: lockstep app set %s --state paused", job)
	default:
		c.Say("The cycle stops with this command. Whatever runs on the data folder next goes on with it: lockstep run %s, or lockstep serve", job)
	}
	return err
}

// ended tells what a cycle did and how the job stands now, and makes it the exit code.
func (c *Command) ended(client *api.Client, job string, cycle api.Cycle) error {
	j, err := client.Job(c.Ctx, job)
	if err != nil {
		return err
	}
	left := report.Remains(j.Standing)
	n := cycle.Counts
	clean := len(left) == 0 && n.Held == 0 && n.Failed == 0 && n.Bad == 0 && cycle.Code == ""
	if err := c.Print(report.Ended(cycle, clean)); err != nil {
		return err
	}
	if err := c.Tell(job, left); err != nil {
		return err
	}
	switch {
	case n.Failed > 0 || n.Bad > 0:
		c.Say("See them: lockstep log list %s --state failed,refused", job)
		return &Outcome{Code: ExitSome, Text: "some failed"}
	case cycle.Code != "":
		return errors.New(report.Or(cycle.Detail, string(cycle.Code)))
	}
	return nil
}

// Tell says what remains of a job, and makes it the exit code: nothing that is held, failing, unread or pending ends with 0.
func (c *Command) Tell(job string, all []operate.Finding) error {
	for _, f := range all {
		c.Say("%s%s", f.Says, report.Next(f.Value, job))
	}
	for _, f := range all {
		if f.Exit != operate.ExitInStep {
			return &Outcome{Code: f.Exit, Text: strings.TrimSuffix(f.Says, ".")}
		}
	}
	return nil
}
