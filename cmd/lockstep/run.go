package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"lockstep"
	"lockstep/api"
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
	cycle, err := client.Follow(c.ctx, job, id, func(cycle api.Cycle) { bar.Show(stepOf(cycle)) })
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
	left := remains(j.Standing)
	n := cycle.Counts
	clean := len(left) == 0 && n.Held == 0 && n.Failed == 0 && n.Bad == 0 && cycle.Code == ""
	if err := c.show(cycle, func(w io.Writer) { fmt.Fprintln(w, summary(cycle, clean)) }); err != nil {
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

// summary is: done in 3.1 s: created 12 · updated 5 · failed 0 · 401 the same. It is done only when nothing remains.
func summary(cycle api.Cycle, clean bool) string {
	n := cycle.Counts
	text := "done"
	if !clean {
		text = "ended"
	}
	if cycle.Ended != nil {
		if !clean {
			text += " after "
		} else {
			text += " in "
		}
		text += cycle.Ended.Sub(cycle.Began).Round(10 * time.Millisecond).String()
	}
	text += ": " + counters(cycle)
	if n.Skipped > 0 {
		text += fmt.Sprintf(" · skipped %d", n.Skipped)
	}
	if n.Held > 0 {
		text += fmt.Sprintf(" · held %d", n.Held)
	}
	return text + fmt.Sprintf(" · same %d", n.Unchanged)
}

// counters names what is not zero, and always what was created and what failed.
func counters(cycle api.Cycle) string {
	n := cycle.Counts
	text := fmt.Sprintf("created %d", n.Created)
	for _, p := range []struct {
		word string
		n    int
	}{{"linked", n.Linked}, {"updated", n.Updated}, {"disabled", n.Disabled}, {"deleted", n.Deleted}, {"references", n.Referred}, {"bad rows", n.Bad}} {
		if p.n > 0 {
			text += fmt.Sprintf(" · %s %d", p.word, p.n)
		}
	}
	return text + fmt.Sprintf(" · failed %d", n.Failed)
}
