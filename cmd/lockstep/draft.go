package main

import (
	"fmt"
	"io"
	"strings"

	"lockstep/api"
	"lockstep/rule"
	"lockstep/words"
)

type draftCmd struct {
	Show    draftShowCmd    `cmd:"" default:"withargs" help:"Show the draft: who made it, what it changes, and how many people that touches."`
	Diff    draftDiffCmd    `cmd:"" help:"Show what the draft changes, field by field."`
	Apply   draftApplyCmd   `cmd:"" help:"Put the draft into force."`
	Rebase  draftRebaseCmd  `cmd:"" help:"Bring the draft up to the version in force, when somebody else was faster."`
	Discard draftDiscardCmd `cmd:"" help:"Discard the draft."`
}

// drafted is the flag of commands that can write into the draft.
type drafted struct {
	Draft bool `help:"Write into the draft and change nothing yet: lockstep app draft show."`
}

// inDraft tells of what was written into a draft, which is told in full beside it.
func (c *cli) inDraft(app slug, d api.Draft) error {
	if d.Revision == 0 {
		c.say("The draft would change nothing any more, and is gone.")
	} else {
		c.say("Nothing has changed yet. See what it does: lockstep app draft show %s · put it into force: lockstep app draft apply %s", app, app)
	}
	return showDraft(c, app, d)
}

// showDraft shows what a draft changes.
func showDraft(c *cli, app slug, d api.Draft) error {
	return c.show(d, func(w io.Writer) {
		if d.Revision == 0 {
			printf(w, "There is no draft of %s. Version %d is in force.\n", app, d.InForce)
			return
		}
		printf(w, "draft\tof %s, by %s, from version %d\n", app, words.Clean(either(d.By, "somebody")), d.Base)
		showConfigChanges(w, d.Changes)
		for _, a := range d.Assigned {
			verb := "assign"
			if a.Gone {
				verb = "withdraw"
			}
			printf(w, "%s\t%s %s\n", verb, strings.ToLower(a.Kind), words.Clean(either(a.Name, a.ID+" (who is not there any more)")))
		}
		for _, x := range d.Conflicts {
			printf(w, "conflict\t%s, with %s\n", x.Field, x.What)
			printf(w, "\tboth began with  %s\n\ttheirs           %s\n\tyours            %s\n", said(x.Base), said(x.Theirs), said(x.Yours))
		}
		if d.InForce != d.Base {
			c.say("Version %d has come into force since. Bring the draft up to date: %s", d.InForce, rebaseHint(app, d))
		}
	})
}

func said(text string) string { return words.Clean(either(text, "(nothing)")) }

// rebaseHint is the command that brings a draft up to date.
func rebaseHint(app slug, d api.Draft) string {
	hint := "lockstep app draft rebase " + app
	for _, x := range d.Conflicts {
		hint += " --yours " + x.Field
	}
	return hint
}

// showConfigChanges writes fields before and after, one below the other.
func showConfigChanges(w io.Writer, all []api.ConfigChange) {
	for _, x := range all {
		switch {
		case x.Was == "":
			printf(w, "+ %s\t%s\n", x.What, words.Clean(x.Now))
		case x.Now == "":
			printf(w, "− %s\t%s\n", x.What, words.Clean(x.Was))
		default:
			printf(w, "~ %s\t%s → %s\n", x.What, words.Clean(x.Was), words.Clean(x.Now))
		}
	}
}

type draftShowCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows the draft.
func (d *draftShowCmd) Run(c *cli, client *api.Client, app slug) error {
	draft, err := client.Draft(c.ctx, app)
	if err != nil {
		return err
	}
	return showDraft(c, app, draft)
}

type draftDiffCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows what the draft changes.
func (d *draftDiffCmd) Run(c *cli, client *api.Client, app slug) error {
	draft, err := client.Draft(c.ctx, app)
	if err != nil {
		return err
	}
	return showList(c, draft.Changes, "The draft changes nothing beside assignments, or there is none.", "FIELD WAS DRAFT", func(x api.ConfigChange) []string {
		return []string{x.Field, dash(x.Was), dash(x.Now)}
	})
}

type draftApplyCmd struct {
	App  string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Note string `help:"What the version is about."`
}

// Run applies the draft that it shows.
func (d *draftApplyCmd) Run(c *cli, client *api.Client, app slug) error {
	draft, err := client.Draft(c.ctx, app)
	if err != nil {
		return err
	}
	if draft.Revision == 0 {
		return usage("There is no draft of %s.", app)
	}
	if c.Output == "table" && !c.Yes {
		if err := showDraft(c, app, draft); err != nil {
			return err
		}
	}
	n := len(draft.Changes) + len(draft.Assigned)
	if err := c.confirm("Put " + words.Many(n, "change", "changes") + " of " + app + " into force?"); err != nil {
		return err
	}
	out, err := client.ApplyDraft(c.ctx, app, draft.Revision, api.ApplyDraft{Note: d.Note})
	if err != nil {
		return err
	}
	job, err := client.Job(c.ctx, app)
	if err != nil {
		return err
	}
	return c.show(out, func(w io.Writer) {
		printf(w, "version %d of %s is in force\n", out.Version.Number, app)
		if out.LeftOut > 0 {
			printf(w, "%s left out: there is nobody of that id any more\n", words.Many(out.LeftOut, "assignment was", "assignments were"))
		}
		if job.Mode == "manual" {
			c.say("Next: lockstep plan %s", app)
		} else {
			c.say("It goes out now; what the guard holds waits: lockstep held list %s", app)
		}
	})
}

type draftRebaseCmd struct {
	App    string   `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Theirs []string `placeholder:"FIELD" sep:"none" help:"Field that stays as it is in force, where both have changed it. Repeatable."`
	Yours  []string `placeholder:"FIELD" sep:"none" help:"Field that becomes as the draft says, where both have changed it. Repeatable."`
}

// Run brings the draft up to date.
func (d *draftRebaseCmd) Run(c *cli, client *api.Client, app slug) error {
	draft, err := client.Draft(c.ctx, app)
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
	if draft, err = client.RebaseDraft(c.ctx, app, draft.Revision, take); err != nil {
		return err
	}
	return c.inDraft(app, draft)
}

type draftDiscardCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run discards the draft.
func (d *draftDiscardCmd) Run(c *cli, client *api.Client, app slug) error {
	draft, err := client.Draft(c.ctx, app)
	if err != nil {
		return err
	}
	if draft.Revision == 0 {
		return usage("There is no draft of %s.", app)
	}
	if err := c.confirm("Discard the draft of " + app + " with " + words.Many(len(draft.Changes)+len(draft.Assigned), "change", "changes") + "?"); err != nil {
		return err
	}
	if err := client.DiscardDraft(c.ctx, app, draft.Revision); err != nil {
		return err
	}
	return c.did("discarded", app, "Discarded the draft of "+app+".")
}

type versionsCmd struct {
	App     string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Number  *int64 `help:"Show this version, and what it changed."`
	Against *int64 `placeholder:"N" help:"Compare it with this version instead of the one before; 0 is the one in force."`
}

// Run lists versions, or shows one.
func (v *versionsCmd) Run(c *cli, client *api.Client, app slug) error {
	if v.Number != nil || v.Against != nil {
		return v.one(c, client, app)
	}
	all, err := client.JobVersions(c.ctx, app)
	if err != nil {
		return err
	}
	return showList(c, all, "", "VERSION WHEN BY CHANGED NOTE", func(x api.JobVersion) []string {
		return []string{fmt.Sprint(x.Number), x.At.Local().Format("2006-01-02 15:04:05"), dash(x.By), dash(versionChanges(x)), dash(x.Note)}
	})
}

func versionChanges(v api.JobVersion) string {
	text := strings.Join(v.Changed[:min(len(v.Changed), 3)], ", ")
	if n := len(v.Changed) - 3; n > 0 {
		text += fmt.Sprintf(", %d more", n)
	}
	if v.Assignments > 0 {
		text += either(map[bool]string{true: ", "}[text != ""], "") + words.Many(v.Assignments, "assignment", "assignments")
	}
	return text
}

func (v *versionsCmd) one(c *cli, client *api.Client, app slug) error {
	number, against := int64(0), int64(-1)
	set(&number, v.Number)
	set(&against, v.Against)
	out, err := client.JobVersion(c.ctx, app, number, against)
	if err != nil {
		return err
	}
	return c.show(out, func(w io.Writer) {
		printf(w, "version\t%d of %s, %s, by %s\n", out.Number, app, out.At.Local().Format("2006-01-02 15:04:05"), words.Clean(either(out.By, "nobody who is known")))
		if out.Note != "" {
			printf(w, "note\t%s\n", words.Clean(out.Note))
		}
		printf(w, "against\tversion %d\n", out.Against)
		showConfigChanges(w, out.Changes)
		if len(out.Changes) == 0 {
			printf(w, "\tboth say the same\n")
		}
		c.say("Go back to it: lockstep app rollback %s %d", app, out.Number)
	})
}

type rollbackCmd struct {
	App     string `arg:"" help:"The app or source."`
	Version int64  `arg:"" help:"Number of the version, as lockstep app versions lists it."`
}

// Run makes a draft of a version.
func (r *rollbackCmd) Run(c *cli, client *api.Client, app slug) error {
	d, err := client.RollBack(c.ctx, app, r.Version)
	if err != nil {
		return err
	}
	return c.inDraft(app, d)
}

// draftRules changes rules in the draft, and tells of it.
func (r *ruled) draftRules(c *cli, client *api.Client, app slug, f func(*rule.ObjectMapping) error) error {
	d, err := client.EditDraftRules(c.ctx, app, r.Type, f)
	if err != nil {
		return err
	}
	return c.inDraft(app, d)
}
