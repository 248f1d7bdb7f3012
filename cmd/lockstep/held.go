package main

import (
	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type heldCmd struct {
	List    heldListCmd    `cmd:"" default:"withargs" help:"List what the guard holds."`
	Approve heldApproveCmd `cmd:"" help:"Let held changes go."`
	Reject  heldRejectCmd  `cmd:"" help:"Drop held changes."`
}

type heldListCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run lists held actions.
func (h *heldListCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	all, err := actions(c, client, job, api.LogQuery{State: "held"}, 10_000)
	return c.Print(report.Actions(all, "Nothing is held.", err))
}

// decision are the flags of approve and reject.
type decision struct {
	App    string              `short:"a" help:"The app or source; the only app when absent."`
	All    bool                `help:"All that is held."`
	Kind   string              `help:"With --all: only changes of this kind, such as disable."`
	Reason string              `help:"Why, for the audit log."`
	IDs    []lockstep.ActionID `arg:"" optional:"" name:"id" help:"Actions, as held list shows them."`
}

func (d *decision) decide(c *cli.Command, verb string, in api.HeldDecision) error {
	if d.All == (len(d.IDs) > 0) {
		return terminal.Usage("Name actions by their ids, or give --all.")
	}
	if d.All {
		in = api.HeldDecision{All: verb, Kind: d.Kind}
		if err := c.Confirm("Really " + verb + " everything that is held?"); err != nil {
			return err
		}
	}
	in.Note = d.Reason
	client, job, err := c.About(d.App)
	if err != nil {
		return err
	}
	return c.Print(report.Decided(client.DecideHeld(c.Ctx, job, in)))
}

type heldApproveCmd struct{ decision }

// Run approves.
func (h *heldApproveCmd) Run(c *cli.Command) error {
	return h.decide(c, "approve", api.HeldDecision{Approve: h.IDs})
}

type heldRejectCmd struct{ decision }

// Run rejects.
func (h *heldRejectCmd) Run(c *cli.Command) error {
	return h.decide(c, "reject", api.HeldDecision{Reject: h.IDs})
}
