package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep/api"
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
func (galleryCmd) Run(c *cli) error {
	client, err := c.anywhere()
	if err != nil {
		return err
	}
	all, err := client.Gallery(c.ctx)
	if err != nil {
		return err
	}
	return showList(c, all, "The gallery is empty.", "KIND NAME DIRECTION SETTINGS SECRETS", func(t api.Template) []string {
		return []string{t.Kind, t.Name, t.Direction, dash(settingNames(t.Settings)), dash(settingNames(t.Secrets))}
	})
}

func settingNames(all []api.Setting) string {
	var names []string
	for _, s := range all {
		name := s.Name
		if s.Required {
			name += "*"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

type appAddCmd struct {
	Kind string            `arg:"" help:"Kind from the gallery, such as webex."`
	Slug string            `arg:"" optional:"" help:"Short name for addresses and commands; the kind when absent."`
	Name string            `help:"Name for people; the template's when absent."`
	Set  map[string]string `placeholder:"NAME=VALUE" help:"Setting of the connection."`
	Auto bool              `help:"Apply changes as they come, without review."`
}

// Run adds an app.
func (a *appAddCmd) Run(c *cli) error {
	client, err := c.found()
	if err != nil {
		return err
	}
	app, err := client.CreateApp(c.ctx, api.NewSystem{Kind: a.Kind, Slug: either(a.Slug, a.Kind), Name: a.Name, Settings: a.Set, Auto: a.Auto})
	if err != nil {
		return err
	}
	return c.show(app, func(w io.Writer) {
		printf(w, "added app %s\n", app.Slug)
		c.say("Next: lockstep connection set %s · lockstep assign add --app %s --group GROUP · lockstep plan %s", app.Slug, app.Slug, app.Slug)
	})
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

type appListCmd struct{}

// Run lists the apps.
func (appListCmd) Run(c *cli, client *api.Client) error {
	all, err := client.Apps(c.ctx)
	if err != nil {
		return err
	}
	return showList(c, all, "No apps yet. Add one: lockstep app add webex", "APP NAME MODE STATE", func(a api.App) []string {
		mode, state := "–", "–"
		if a.Job != nil {
			mode, state = a.Job.Mode, a.Job.Says()
		}
		return []string{a.Slug, a.Name, mode, state}
	})
}

type appShowCmd struct {
	App string `arg:"" optional:"" help:"The app; the only one when absent."`
}

// Run shows an app.
func (a *appShowCmd) Run(c *cli, client *api.Client, slug slug) error {
	app, err := client.App(c.ctx, slug)
	if err != nil {
		return err
	}
	return c.show(app, func(w io.Writer) {
		printf(w, "app\t%s (%s)\n", app.Slug, app.Name)
		printf(w, "template\t%s\n", app.Template)
		if app.Job != nil {
			showJob(w, app.Job)
			showTold(w, c, client, slug)
		}
		for _, r := range app.Roles {
			note := ""
			if r.Exclude {
				note = "  (not provisioned)"
			}
			printf(w, "role\t%s  %s%s\n", r.Value, r.Name, note)
		}
	})
}

// showJob writes what there is to know of a job, a line each.
func showJob(w io.Writer, j *api.Job) {
	printf(w, "mode\t%s\n", j.Mode)
	printf(w, "state\t%s\n", j.Says())
	if j.Standing != nil {
		for _, also := range j.Standing.All[1:] {
			printf(w, "\t%s\n", also.Says)
		}
	}
	if j.Code != "" {
		printf(w, "trouble\t%s — %s\n", j.Code, either(j.Hint, j.Detail))
	}
	showPolicy(w, j)
	for _, name := range slices.Sorted(maps.Keys(j.Connection.Settings)) {
		printf(w, "setting\t%s = %s\n", name, j.Connection.Settings[name])
	}
	for _, name := range j.Connection.Secrets {
		printf(w, "secret\t%s is set\n", name)
	}
}

// showPolicy writes whom a job concerns and when it runs, in words.
func showPolicy(w io.Writer, j *api.Job) {
	p := j.Policy
	if j.Direction != "inbound" {
		who := "who is assigned"
		if p.Everyone {
			who = "everybody"
		}
		if p.Nested {
			who += ", with members of assigned groups' groups"
		}
		if p.Groups {
			who += "; group objects as well"
		}
		printf(w, "scope\t%s\n", who)
	}
	leave := map[string]string{"": "disabled", "disable": "disabled", "delete": "deleted", "keep": "kept as they are"}[p.OnLeave]
	printf(w, "leavers\tare %s\n", leave)
	guard := fmt.Sprintf("more than %d harmful changes of a kind, and more than %g %% of who is linked, wait for a decision", cmp.Or(p.GuardCount, 5), cmp.Or(p.GuardPercent, 10))
	if p.GuardOff {
		guard = "off: nothing is ever held"
	}
	printf(w, "guard\t%s\n", guard)
	runs := "on change"
	if p.Interval > 0 {
		runs += ", and every " + (time.Duration(p.Interval) * time.Second).String()
	}
	if j.NextRun != nil {
		runs += ", next at " + j.NextRun.Local().Format("2006-01-02 15:04:05")
	}
	printf(w, "runs\t%s\n", runs)
	if j.Direction == "outbound" {
		drift := "looked for " + either(map[int]string{0: "once a day", -1: "only when asked"}[p.Drift], "every "+(time.Duration(p.Drift)*time.Second).String())
		printf(w, "drift\t%s\n", drift)
	}
}

// jobSet are the flags of an app and of a source that change its job.
type jobSet struct {
	Name     string   `help:"Name for people."`
	Mode     string   `enum:",auto,manual" default:"" help:"auto: changes go as they come. manual: they wait for apply."`
	State    string   `enum:",active,paused" default:"" help:"paused: nothing happens until active."`
	OnLeave  *string  `placeholder:"disable|delete|keep" help:"What happens to who leaves scope."`
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
	Groups   *bool   `negatable:"" help:"Group objects are provisioned."`
	Drift    *string `placeholder:"DURATION" help:"How often the application is read to look for drift, such as 6h; never is never."`
}

// Run changes an app's job.
func (a *appSetCmd) Run(c *cli, client *api.Client, slug slug) error {
	drift := 0
	if a.Drift != nil && *a.Drift == "never" {
		drift = -1
	} else if a.Drift != nil {
		var err error
		if drift, err = seconds(*a.Drift); err != nil {
			return err
		}
	}
	return a.change(c, client, slug, func(p *api.Policy) {
		if a.Drift != nil {
			p.Drift = drift
		}
		set(&p.Everyone, a.Everyone)
		set(&p.Nested, a.Nested)
		set(&p.Groups, a.Groups)
	})
}

// change sets what was given, and shows the job as it is then.
func (s *jobSet) change(c *cli, client *api.Client, slug string, more func(*api.Policy)) error {
	if s.Draft {
		return s.changeDraft(c, client, slug, more)
	}
	j, err := client.Job(c.ctx, slug)
	if err != nil {
		return err
	}
	p, err := s.policy(j.Policy, more)
	if err != nil {
		return err
	}
	if p != j.Policy {
		if j, err = client.PutPolicy(c.ctx, slug, p); err != nil {
			return err
		}
	}
	if patch := (api.JobPatch{Name: s.Name, Mode: s.Mode, State: s.State}); patch != (api.JobPatch{}) {
		if j, err = client.PatchJob(c.ctx, slug, patch); err != nil {
			return err
		}
	}
	if err := s.tellSet.change(c, client, slug); err != nil {
		return err
	}
	return c.show(j, func(w io.Writer) {
		showJob(w, &j)
		showTold(w, c, client, slug)
	})
}

// policy is the policy with what was given.
func (s *jobSet) policy(p api.Policy, more func(*api.Policy)) (api.Policy, error) {
	more(&p)
	set(&p.OnLeave, s.OnLeave)
	set(&p.GuardCount, s.Guard)
	set(&p.GuardPercent, s.Percent)
	set(&p.Rate, s.Rate)
	var err error
	if s.Interval != nil {
		p.Interval, err = seconds(*s.Interval)
	}
	return p, err
}

// changeDraft sets what was given in the draft.
func (s *jobSet) changeDraft(c *cli, client *api.Client, slug string, more func(*api.Policy)) error {
	if s.Name+s.Mode+s.State != "" || s.tellSet != (tellSet{}) {
		return usage("Name, mode, state and who is told are set at once: a draft has scope and policy. Give them without --draft.")
	}
	d, err := client.Draft(c.ctx, slug)
	if err != nil {
		return err
	}
	p, err := s.policy(d.Policy, more)
	if err != nil {
		return err
	}
	if d, err = client.DraftPolicy(c.ctx, slug, d.Revision, p); err != nil {
		return err
	}
	return c.inDraft(slug, d)
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
func (a *appRmCmd) Run(c *cli) error {
	if err := c.confirm("Remove the app " + a.App + " with its assignments, mappings and log?"); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := client.DeleteApp(c.ctx, a.App); err != nil {
		return err
	}
	return c.did("removed", a.App, "Removed the app "+a.App+".")
}

// onlyApp is the named app, or the only one there is.
func onlyApp(ctx context.Context, client *api.Client, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	all, err := client.Apps(ctx)
	if err != nil {
		return "", err
	}
	switch len(all) {
	case 0:
		return "", usage("There is no app yet; add one with lockstep app add.")
	case 1:
		return all[0].Slug, nil
	}
	var names []string
	for _, a := range all {
		names = append(names, a.Slug)
	}
	return "", usage("Which app? There are: %s.", strings.Join(names, ", "))
}
