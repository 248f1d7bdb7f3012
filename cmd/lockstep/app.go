package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type appCmd struct {
	Gallery galleryCmd `cmd:"" help:"List what kinds of app and source there are."`
	Add     appAddCmd  `cmd:"" help:"Add an app from the gallery."`
	List    appListCmd `cmd:"" default:"withargs" help:"List the apps."`
	Show    appShowCmd `cmd:"" help:"Show an app."`
	Set     appSetCmd  `cmd:"" help:"Change mode, state or policy."`
	Rm      appRmCmd   `cmd:"" help:"Remove an app; nothing changes at the application."`

	Draft    draftCmd    `cmd:"" help:"Look at, apply and discard the draft of an app that runs."`
	Versions versionsCmd `cmd:"" help:"List what mappings, scope and policy were set to, and compare."`
	Rollback rollbackCmd `cmd:"" help:"Make a draft that goes back to a version."`
}

type galleryCmd struct{}

// Run lists the templates.
func (galleryCmd) Run(c *cli.Command) error {
	client, err := c.Anywhere()
	if err != nil {
		return err
	}
	return c.Print(report.Gallery(client.Gallery(c.Ctx)))
}

type appAddCmd struct {
	Kind string            `arg:"" help:"Kind from the gallery, such as webex."`
	Slug string            `arg:"" optional:"" help:"Short name for addresses and commands; the kind when absent."`
	Name string            `help:"Name for people; the template's when absent."`
	Set  map[string]string `placeholder:"NAME=VALUE" help:"Setting of the connection."`
	Auto bool              `help:"Apply changes as they come, without review."`
}

// Run adds an app.
func (a *appAddCmd) Run(c *cli.Command) error {
	client, err := c.Found()
	if err != nil {
		return err
	}
	return c.Print(report.AppAdded(client.CreateApp(c.Ctx, api.NewSystem{Kind: a.Kind, Slug: report.Or(a.Slug, a.Kind), Name: a.Name, Settings: a.Set, Auto: a.Auto})))
}

type appListCmd struct{}

// Run lists the apps.
func (appListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Apps(client.Apps(c.Ctx)))
}

type appShowCmd struct {
	App string `arg:"" optional:"" help:"The app; the only one when absent."`
}

// Run shows an app.
func (a *appShowCmd) Run(c *cli.Command, client *api.Client, slug cli.Slug) error {
	app, err := client.App(c.Ctx, slug)
	return c.Print(report.App(app, told(c, client, slug), err))
}

// jobSet are the flags of an app and of a source that change its job.
type jobSet struct {
	Name     string   `help:"Name for people."`
	Mode     string   `enum:",auto,manual" default:"" help:"auto: changes go as they come. manual: they wait for apply."`
	State    string   `enum:",active,paused" default:"" help:"paused: nothing happens until active."`
	OnLeave  *string  `placeholder:"disable|delete|keep" help:"What happens to who leaves scope."`
	Missing  *string  `name:"on-missing" placeholder:"recreate|detach|fail" help:"What happens to who is linked and has vanished at the other side."`
	NoGuard  *bool    `name:"no-guard" negatable:"" help:"Nothing is ever held."`
	Calls    *int     `name:"connections" placeholder:"N" help:"Calls at the same time, at most; 0 is what is known to be good."`
	Guard    *int     `placeholder:"N" help:"Harmful changes of a kind that go without a decision."`
	Percent  *float64 `placeholder:"P" help:"The same as a share of linked objects; more than both is held."`
	Rate     *float64 `placeholder:"N" help:"Requests a second at most; 0 is as many as it takes."`
	Interval *string  `placeholder:"DURATION" help:"A cycle at least this often, such as 1h; 0 is only on change."`
	tellSet
	drafted
}

type appSetCmd struct {
	App string `arg:"" optional:"" help:"The app; the only one when absent."`
	jobSet
	Everyone *bool   `negatable:"" help:"All people are in scope, not only assigned ones."`
	Nested   *bool   `negatable:"" help:"An assigned group brings members of its groups, too."`
	Default  *bool   `name:"default-role" negatable:"" help:"Who has no role but an excluding one, such as Default Access, is in scope, too."`
	Groups   *bool   `negatable:"" help:"Group objects are provisioned."`
	Drift    *string `placeholder:"DURATION" help:"How often the application is read to look for drift, such as 6h; never is never."`
}

// Run changes an app's job.
func (a *appSetCmd) Run(c *cli.Command, client *api.Client, slug cli.Slug) error {
	drift := 0
	if a.Drift != nil && *a.Drift == "never" {
		drift = -1
	} else if a.Drift != nil {
		var err error
		if drift, err = terminal.Seconds(*a.Drift); err != nil {
			return err
		}
	}
	return a.change(c, client, slug, func(p *api.Policy) {
		if a.Drift != nil {
			p.Drift = drift
		}
		set(&p.Everyone, a.Everyone)
		set(&p.Nested, a.Nested)
		set(&p.DefaultRole, a.Default)
		set(&p.Groups, a.Groups)
	})
}

// change sets what was given, and shows the job as it is then.
func (s *jobSet) change(c *cli.Command, client *api.Client, slug string, more func(*api.Policy)) error {
	if s.Draft {
		return s.changeDraft(c, client, slug, more)
	}
	j, err := client.Job(c.Ctx, slug)
	if err != nil {
		return err
	}
	p, err := s.policy(j.Policy, more)
	if err != nil {
		return err
	}
	if p != j.Policy {
		if j, err = client.EditPolicy(c.Ctx, j, p); err != nil {
			return err
		}
	}
	if patch := (api.JobPatch{Name: s.Name, Mode: s.Mode, State: s.State}); patch != (api.JobPatch{}) {
		if j, err = client.PatchJob(c.Ctx, slug, patch); err != nil {
			return err
		}
	}
	if err := s.tellSet.change(c, client, slug); err != nil {
		return err
	}
	return c.Print(report.Job(j, told(c, client, slug), nil))
}

// policy is the policy with what was given.
func (s *jobSet) policy(p api.Policy, more func(*api.Policy)) (api.Policy, error) {
	more(&p)
	set(&p.OnLeave, s.OnLeave)
	set(&p.OnMissing, s.Missing)
	set(&p.GuardOff, s.NoGuard)
	set(&p.Connections, s.Calls)
	set(&p.GuardCount, s.Guard)
	set(&p.GuardPercent, s.Percent)
	set(&p.Rate, s.Rate)
	var err error
	if s.Interval != nil {
		p.Interval, err = terminal.Seconds(*s.Interval)
	}
	return p, err
}

// changeDraft sets what was given in the draft.
func (s *jobSet) changeDraft(c *cli.Command, client *api.Client, slug string, more func(*api.Policy)) error {
	if s.Name+s.Mode+s.State != "" || s.tellSet != (tellSet{}) {
		return terminal.Usage("Name, mode, state and who is told are set at once: a draft has scope and policy. Give them without --draft.")
	}
	d, err := client.Draft(c.Ctx, slug)
	if err != nil {
		return err
	}
	p, err := s.policy(d.Policy, more)
	if err != nil {
		return err
	}
	if d, err = client.DraftPolicy(c.Ctx, slug, d.Revision, p); err != nil {
		return err
	}
	return inDraft(c, slug, d)
}

func set[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

type appRmCmd struct {
	App string `arg:"" help:"The app."`
}

// Run removes an app.
func (a *appRmCmd) Run(c *cli.Command) error {
	return c.Remove("Remove the app "+a.App+" with its assignments, mappings and log?", "removed", a.App, "Removed the app "+a.App+".", (*api.Client).DeleteApp)
}
