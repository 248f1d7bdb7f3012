package main

import (
	"strings"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
	"lockstep/words"
)

type undoCmd struct {
	App    string   `short:"a" help:"The app; the only app when absent."`
	Cycle  string   `help:"All that a cycle has done, as log list -o json names it."`
	Plan   bool     `help:"Only show what would be done, and what cannot be taken back."`
	Sure   bool     `help:"With --yes: also if it is more harm at once than the guard lets through."`
	Detach bool     `help:"Do not wait for the end."`
	IDs    []string `arg:"" optional:"" name:"id" help:"Lines of the log, as log list shows them."`
}

// Run shows what there is to take back, asks, does it and waits for the end of that.
func (u *undoCmd) Run(c *cli.Command) error {
	if (u.Cycle == "") == (len(u.IDs) == 0) {
		return terminal.Usage("Name lines of the log by their ids, or give --cycle.")
	}
	client, app, err := c.About(u.App)
	if err != nil {
		return err
	}
	in := api.UndoInput{Cycle: lockstep.CycleID(u.Cycle), Look: true}
	for _, id := range u.IDs {
		in.Actions = append(in.Actions, lockstep.ActionID(id))
	}
	out, err := client.Undo(c.Ctx, app, in)
	if err != nil {
		return err
	}
	if u.Plan || len(out.Actions) == 0 || !c.Yes && c.Output == "table" {
		if err := c.Print(report.Undone(out, nil)); err != nil {
			return err
		}
	} else {
		for _, r := range out.Refused {
			c.Say("Not taken back: %s: %s (%s).", words.Clean(r.Name), r.Why, r.Code)
		}
	}
	if !u.Plan && len(out.Actions) > 0 {
		question := "Really take back " + words.Many(len(out.Actions), "change", "changes") + " at " + app + "?"
		if len(out.Harms) > 0 {
			question = "This is more harm at once than the guard lets through: " + strings.Join(out.Harms, ", ") + ". " + question
		}
		if err := c.Confirm(question); err != nil {
			return err
		}
		in.Look, in.Shown, in.Sure = false, out.Shown, u.Sure || !c.Yes
		if out, err = client.Undo(c.Ctx, app, in); err != nil {
			return err
		}
		if u.Detach {
			err = c.Print(report.Undone(out, nil))
		} else {
			err = c.Follow(client, app, out.Cycle)
		}
		if err != nil {
			return err
		}
	}
	if len(out.Refused) > 0 {
		return &cli.Outcome{Code: cli.ExitSome, Text: "some cannot be taken back"}
	}
	return nil
}
