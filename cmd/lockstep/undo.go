package main

import (
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
	Detach bool     `help:"Do not wait for the end."`
	IDs    []string `arg:"" optional:"" name:"id" help:"Lines of the log, as log list shows them."`
}

// Run takes changes back and waits for the end of that.
func (u *undoCmd) Run(c *cli.Command) error {
	if (u.Cycle == "") == (len(u.IDs) == 0) {
		return terminal.Usage("Name lines of the log by their ids, or give --cycle.")
	}
	client, app, err := c.About(u.App)
	if err != nil {
		return err
	}
	question := "Really take back " + words.Many(len(u.IDs), "change", "changes") + " at " + app + "?"
	if u.Cycle != "" {
		question = "Really take back all that the cycle has done at " + app + "?"
	}
	if err := c.Confirm(question); err != nil {
		return err
	}
	in := api.UndoInput{Cycle: lockstep.CycleID(u.Cycle)}
	for _, id := range u.IDs {
		in.Actions = append(in.Actions, lockstep.ActionID(id))
	}
	out, err := client.Undo(c.Ctx, app, in)
	if err != nil {
		return err
	}
	for _, r := range out.Refused {
		c.Say("Not taken back: %s: %s.", words.Clean(r.Name), r.Why)
	}
	if out.Cycle != "" && !u.Detach {
		err = c.Follow(client, app, out.Cycle)
	} else {
		err = c.Print(report.Undone(out, nil))
	}
	if err == nil && len(out.Refused) > 0 {
		return &cli.Outcome{Code: cli.ExitSome, Text: "some cannot be taken back"}
	}
	return err
}
