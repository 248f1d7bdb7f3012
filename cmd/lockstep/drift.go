package main

import (
	"slices"
	"strings"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
	"lockstep/words"
)

type driftCmd struct {
	List    driftListCmd    `cmd:"" default:"withargs" help:"List what differs from what was written. Ends with 3 when something does."`
	Restore driftRestoreCmd `cmd:"" help:"Write anew what somebody else has changed or removed."`
}

type driftListCmd struct {
	App  string `arg:"" optional:"" help:"The app; the only app when absent."`
	Read bool   `help:"Look once more first, and wait for it: read the application, and ask for each group who is in it."`
}

// Run lists what differs.
func (d *driftListCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	look := client.Drift
	if d.Read {
		look = client.LookForDrift
	}
	view, err := look(c.Ctx, string(app))
	if err := c.Out.Drift(app, view, err); err != nil {
		return err
	}
	if len(view.Items)+view.More+view.Unsure+view.Restored > 0 {
		return &cli.Outcome{Code: cli.ExitSome, Text: "Something differs, or nobody can say."}
	}
	return nil
}

type driftRestoreCmd struct {
	App   string   `short:"a" help:"The app; the only app when absent."`
	All   bool     `help:"All that differs."`
	Names []string `arg:"" optional:"" name:"name" help:"People or groups, as drift list shows them."`
}

// Run has objects written anew.
func (d *driftRestoreCmd) Run(c *cli.Command) error {
	if d.All == (len(d.Names) > 0) {
		return terminal.Usage("Name people as drift list shows them, or give --all.")
	}
	client, app, err := c.About(d.App)
	if err != nil {
		return err
	}
	view, err := client.Drift(c.Ctx, app)
	if err != nil {
		return err
	}
	in := api.DriftRestore{All: d.All}
	for _, name := range d.Names {
		i := slices.IndexFunc(view.Items, func(i api.Drifted) bool { return i.Source.ID == name || strings.EqualFold(i.Source.Name, name) })
		if i < 0 {
			return terminal.Usage("Nothing of %s differs at %s.", words.Clip(name, 80), app)
		}
		in.Sources = append(in.Sources, view.Items[i].Source)
	}
	if d.All {
		if err := c.Confirm("Really write " + words.Many(view.Changed+view.Missing, "object", "objects") + " of " + app + " anew?"); err != nil {
			return err
		}
	}
	out, err := client.RestoreDrift(c.Ctx, app, in)
	if err != nil {
		return err
	}
	job, err := client.Job(c.Ctx, app)
	return c.Print(report.Restored(out, job, err))
}
