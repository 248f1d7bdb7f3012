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
	last, err := newest(c, client, job)
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
	cycle, err := c.next(client, job, last)
	if err != nil {
		return err
	}
	return c.follow(client, job, cycle)
}

// newest is the id of the last cycle that has ended, or "".
func newest(c *cli, client *api.Client, job string) (lockstep.CycleID, error) {
	all, err := client.Cycles(c.ctx, job, 2)
	if err != nil {
		return "", err
	}
	for _, cycle := range all {
		if cycle.Ended != nil {
			return cycle.ID, nil
		}
	}
	return "", nil
}

// next waits for the first cycle after the given one.
func (c *cli) next(client *api.Client, job string, last lockstep.CycleID) (lockstep.CycleID, error) {
	for began := time.Now(); ; {
		all, err := client.Cycles(c.ctx, job, 20)
		if err != nil {
			return "", err
		}
		first := lockstep.CycleID("")
		for _, cycle := range all { // newest first
			if cycle.ID == last {
				break
			}
			first = cycle.ID
		}
		if first != "" {
			return first, nil
		}
		if err := stuck(c, client, job, time.Since(began) > standStill); err != nil {
			return "", err
		}
		if err := wait(c.ctx, followEvery); err != nil {
			return "", err
		}
	}
}

// stuck returns why the job does not go on by itself, or, after some patience, why it has not begun.
func stuck(c *cli, client *api.Client, job string, patient bool) error {
	j, err := client.Job(c.ctx, job)
	if err != nil {
		return err
	}
	if j.State == "quarantined" || patient && j.Code != "" {
		return &lockstep.Error{Code: j.Code, Detail: either(j.Detail, "The job is quarantined.")}
	}
	return nil
}

const followEvery = 100 * time.Millisecond

// follow shows a cycle's progress until it has ended and tells the outcome.
func (c *cli) follow(client *api.Client, job string, id lockstep.CycleID) error {
	screen := c.stderr
	if c.Quiet {
		screen = terminal.New(io.Discard)
	}
	bar := terminal.NewBar(screen)
	defer bar.Clear()
	var seen standing
	for {
		cycle, err := client.Cycle(c.ctx, job, id)
		if err != nil {
			if c.ctx.Err() != nil && c.Server != "" {
				c.say("The cycle goes on. To stop it: lockstep app set %s --state paused", job)
			}
			return err
		}
		if cycle.Ended != nil || cycle.Phase == "review" {
			bar.Clear()
			return c.ended(client, job, cycle)
		}
		bar.Show(stepOf(cycle))
		if cycle.Code != "" {
			if err := stuck(c, client, job, false); err != nil {
				return err
			}
		}
		if seen.still(cycle, time.Now()) {
			c.say("It is tried again by itself.")
			return &lockstep.Error{Code: cycle.Code, Detail: either(cycle.Detail, lockstep.Describe(cycle.Code).Title)}
		}
		if err := wait(c.ctx, followEvery); err != nil {
			return err
		}
	}
}

// standStill is how long a cycle that was stopped by something which may pass is waited for while nothing moves.
const standStill = 10 * time.Second

// standing notices a cycle that does not move.
type standing struct {
	cycle api.Cycle
	since time.Time
}

// still reports whether the cycle has been stopped by a failure and has not moved for standStill.
func (s *standing) still(cycle api.Cycle, now time.Time) bool {
	requests := s.cycle.Counts
	requests.TargetRequests = cycle.Counts.TargetRequests // an attempt that fails is no progress
	if s.since.IsZero() || requests != cycle.Counts || s.cycle.Phase != cycle.Phase {
		s.cycle, s.since = cycle, now
	}
	return cycle.Code != "" && now.Sub(s.since) > standStill
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
