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
	App string `arg:"" optional:"" help:"The app or source; all of them when absent."`
}

// mostHeld is how many held changes of one app or source are listed.
const mostHeld = 10_000

// Run lists held actions.
func (h *heldListCmd) Run(c *cli.Command, client *api.Client) error {
	names := []string{h.App}
	if h.App == "" {
		jobs, err := client.Jobs(c.Ctx)
		if err != nil {
			return err
		}
		names = names[:0]
		for _, j := range jobs {
			names = append(names, j.Slug)
		}
	}
	all := []report.Logged{}
	for _, name := range names {
		rows, err := actions(c, client, name, api.LogQuery{State: "held"}, mostHeld)
		if err != nil {
			return err
		}
		for _, a := range rows {
			all = append(all, report.Logged{App: name, Action: a})
		}
	}
	return c.Print(report.Held(all, nil))
}

// decision are the flags of approve and reject.
type decision struct {
	App    string   `short:"a" help:"The app or source; the only app when absent."`
	All    bool     `help:"All that is held."`
	Kind   string   `help:"With --all: only changes of this kind, such as disable."`
	Reason string   `help:"Why, for the audit log."`
	Of     []string `arg:"" optional:"" name:"id" help:"The app or source, unless --app names it, and actions by their ids, as held list shows them."`
}

// ids are the actions that are named. A first word that is no id is the app or the source.
func (d *decision) ids() ([]lockstep.ActionID, error) {
	of := d.Of
	if len(of) > 0 && !lockstep.ValidID(of[0]) && d.App == "" {
		d.App, of = of[0], of[1:]
	}
	var all []lockstep.ActionID
	for _, id := range of {
		if !lockstep.ValidID(id) {
			return nil, terminal.Usage("“%s” is no id of a change; held list shows them.", id)
		}
		all = append(all, lockstep.ActionID(id))
	}
	if d.All == (len(all) > 0) {
		return nil, terminal.Usage("Name changes by their ids, or give --all.")
	}
	return all, nil
}

func (d *decision) decide(c *cli.Command, verb string, of func(ids []lockstep.ActionID) api.HeldDecision) error {
	ids, err := d.ids()
	if err != nil {
		return err
	}
	in := of(ids)
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
	return h.decide(c, "approve", func(ids []lockstep.ActionID) api.HeldDecision { return api.HeldDecision{Approve: ids} })
}

type heldRejectCmd struct{ decision }

// Run rejects.
func (h *heldRejectCmd) Run(c *cli.Command) error {
	return h.decide(c, "reject", func(ids []lockstep.ActionID) api.HeldDecision { return api.HeldDecision{Reject: ids} })
}
