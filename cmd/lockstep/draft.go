package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/rule"
	"lockstep/terminal"
	"lockstep/words"
)

type draftCmd struct {
	Show    draftShowCmd    `cmd:"" default:"withargs" help:"Show the draft: who made it, what it changes, and how many people that touches."`
	Diff    draftDiffCmd    `cmd:"" help:"Show what the draft changes, field by field."`
	Impact  draftImpactCmd  `cmd:"" help:"Show what the draft would do, and to whom; nothing is written."`
	Apply   draftApplyCmd   `cmd:"" help:"Put the draft into force."`
	Rebase  draftRebaseCmd  `cmd:"" help:"Bring the draft up to the version in force, when somebody else was faster."`
	Discard draftDiscardCmd `cmd:"" help:"Discard the draft."`
}

// drafted is the flag of commands that can write into the draft.
type drafted struct {
	Draft bool `help:"Write into the draft and change nothing yet: lockstep app draft show."`
}

// inDraft tells of what was written into a draft, which is told in full beside it.
func inDraft(c *cli.Command, app cli.Slug, d api.Draft) error {
	if d.Revision == 0 {
		c.Say("The draft would change nothing any more, and is gone.")
	} else {
		c.Say("Nothing has changed yet. See what it does: lockstep app draft show %s · put it into force: lockstep app draft apply %s", app, app)
	}
	return c.Print(report.Draft(app, d, nil))
}

type draftShowCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows the draft.
func (d *draftShowCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	draft, err := client.Draft(c.Ctx, app)
	if err := c.Print(report.Draft(app, draft, err)); err != nil || draft.Revision == 0 || c.Output != "table" {
		return err
	}
	return sayImpact(c, client, app)
}

// sayImpact says how many people the draft touches. That nobody can say keeps nobody from looking at the draft.
func sayImpact(c *cli.Command, client *api.Client, app cli.Slug) error {
	i, err := client.DraftImpact(c.Ctx, app)
	if err != nil {
		c.Say("Whom it touches cannot be said now: %v", err)
		return nil
	}
	c.Say("%s See who: lockstep app draft impact %s", i.Says, app)
	return nil
}

type draftImpactCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows the impact.
func (d *draftImpactCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	return c.Print(report.DraftImpact(client.DraftImpact(c.Ctx, app)))
}

type draftDiffCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows what the draft changes.
func (d *draftDiffCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	draft, err := client.Draft(c.Ctx, app)
	return c.Print(report.DraftChanges(draft.Changes, err))
}

type draftApplyCmd struct {
	App  string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Note string `help:"What the version is about."`
}

// Run applies the draft that it shows.
func (d *draftApplyCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	draft, err := client.Draft(c.Ctx, app)
	if err != nil {
		return err
	}
	if draft.Revision == 0 {
		return terminal.Usage("There is no draft of %s.", app)
	}
	if c.Output == "table" && !c.Yes {
		if err := c.Print(report.Draft(app, draft, nil)); err != nil {
			return err
		}
		if err := sayImpact(c, client, app); err != nil {
			return err
		}
	}
	n := len(draft.Changes) + len(draft.Assigned)
	if err := c.Confirm("Put " + words.Many(n, "change", "changes") + " of " + app + " into force?"); err != nil {
		return err
	}
	out, err := client.ApplyDraft(c.Ctx, app, draft.Revision, api.ApplyDraft{Note: d.Note})
	if err != nil {
		return err
	}
	job, err := client.Job(c.Ctx, app)
	return c.Print(report.DraftApplied(out, job, err))
}

type draftRebaseCmd struct {
	App    string   `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Theirs []string `placeholder:"FIELD" sep:"none" help:"Field that stays as it is in force, where both have changed it. Repeatable."`
	Yours  []string `placeholder:"FIELD" sep:"none" help:"Field that becomes as the draft says, where both have changed it. Repeatable."`
}

// Run brings the draft up to date.
func (d *draftRebaseCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	draft, err := client.Draft(c.Ctx, app)
	if err != nil {
		return err
	}
	take := map[string]string{}
	for _, f := range d.Theirs {
		take[f] = "theirs"
	}
	for _, f := range d.Yours {
		take[f] = "yours"
	}
	if draft, err = client.RebaseDraft(c.Ctx, app, draft.Revision, take); err != nil {
		return err
	}
	return inDraft(c, app, draft)
}

type draftDiscardCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run discards the draft.
func (d *draftDiscardCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	draft, err := client.Draft(c.Ctx, app)
	if err != nil {
		return err
	}
	if draft.Revision == 0 {
		return terminal.Usage("There is no draft of %s.", app)
	}
	if err := c.Confirm("Discard the draft of " + app + " with " + words.Many(len(draft.Changes)+len(draft.Assigned), "change", "changes") + "?"); err != nil {
		return err
	}
	return c.Did(client.DiscardDraft(c.Ctx, app, draft.Revision), "discarded", app, "Discarded the draft of "+app+".")
}

type versionsCmd struct {
	App     string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Number  *int64 `help:"Show this version, and what it changed."`
	Against *int64 `placeholder:"N" help:"Compare it with this version instead of the one before; 0 is the one in force."`
}

// Run lists versions, or shows one.
func (v *versionsCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	if v.Number != nil || v.Against != nil {
		return v.one(c, client, app)
	}
	return c.Print(report.Versions(client.JobVersions(c.Ctx, app)))
}

func (v *versionsCmd) one(c *cli.Command, client *api.Client, app cli.Slug) error {
	number, against := int64(0), int64(-1)
	set(&number, v.Number)
	set(&against, v.Against)
	out, err := client.JobVersion(c.Ctx, app, number, against)
	return c.Print(report.Version(app, out, err))
}

type rollbackCmd struct {
	App     string `arg:"" help:"The app or source."`
	Version int64  `arg:"" help:"Number of the version, as lockstep app versions lists it."`
}

// Run makes a draft of a version.
func (r *rollbackCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	d, err := client.RollBack(c.Ctx, app, r.Version)
	if err != nil {
		return err
	}
	return inDraft(c, app, d)
}

// draftRules changes rules in the draft, and tells of it.
func (r *ruled) draftRules(c *cli.Command, client *api.Client, app cli.Slug, f func(*rule.ObjectMapping) error) error {
	d, err := client.EditDraftRules(c.Ctx, app, r.Type, f)
	if err != nil {
		return err
	}
	return inDraft(c, app, d)
}
