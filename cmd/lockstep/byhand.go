package main

import (
	"time"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
	"lockstep/words"
)

type excludeCmd struct {
	Add  excludeAddCmd  `cmd:"" help:"Keep one person or group out of an app, whatever assignments and filters say."`
	Rm   excludeRmCmd   `cmd:"" help:"Let somebody in again."`
	List excludeListCmd `cmd:"" help:"List whom somebody keeps out, and why."`
}

// ofApp are the flags that name one object of an app.
type ofApp struct {
	Person string `arg:"" help:"User name, address or id; with --type Group a group."`
	App    string `short:"a" help:"The app; the only app when absent."`
	Type   string `enum:"User,Group" default:"User" help:"Type of object: User or Group."`
}

type excludeAddCmd struct {
	ofApp
	Reason string `required:"" help:"Why: whoever finds the person missing reads it."`
	Until  string `placeholder:"DATE" help:"Until this day, such as 2027-01-31, or instant in RFC 3339; for good when absent."`
}

// Run excludes.
func (e *excludeAddCmd) Run(c *cli.Command) error {
	var until time.Time
	if e.Until != "" {
		var err error
		if until, err = terminal.Instant("--until", e.Until); err != nil {
			return err
		}
	}
	client, app, err := c.About(e.App)
	if err != nil {
		return err
	}
	x, err := client.Exclude(c.Ctx, app, api.ExclusionInput{Object: e.Person, Type: e.Type, Reason: e.Reason, Until: until})
	return c.Print(report.Excluded(app, x, err))
}

type excludeRmCmd struct{ ofApp }

// Run lets somebody in again.
func (e *excludeRmCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	return c.Did(client.Include(c.Ctx, app, e.Type, e.Person), "included", e.Person, words.Clean(e.Person)+" is not excluded from "+app+" any more.")
}

type excludeListCmd struct {
	App string `short:"a" help:"The app; the only app when absent."`
}

// Run lists exclusions.
func (e *excludeListCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	return c.Print(report.Exclusions(client.Exclusions(c.Ctx, app)))
}

type linkCmd struct {
	Set  linkSetCmd  `cmd:"" help:"Link a person or group to an object of the application, whatever matching says."`
	Rm   linkRmCmd   `cmd:"" help:"Forget to which object somebody belongs. Nothing changes there, and the next look matches them anew."`
	Find linkFindCmd `cmd:"" help:"Look in the application for whom a value names."`
}

type linkSetCmd struct {
	ofApp
	To   string        `required:"" help:"Id of the object in the application; lockstep link find shows it."`
	Wait time.Duration `default:"60s" help:"How long to wait for its end. What has not begun by then is taken back."`
}

// Run links.
func (l *linkSetCmd) Run(c *cli.Command) error { return linkByHand(c, l.ofApp, l.To, l.Wait) }

type linkRmCmd struct {
	ofApp
	Wait time.Duration `default:"60s" help:"How long to wait for its end. What has not begun by then is taken back."`
}

// Run takes a link away.
func (l *linkRmCmd) Run(c *cli.Command) error { return linkByHand(c, l.ofApp, "", l.Wait) }

func linkByHand(c *cli.Command, p ofApp, to string, wait time.Duration) error {
	client, app, err := c.About(p.App)
	if err != nil {
		return err
	}
	c.Reached.Work()
	out, err := client.LinkByHand(c.Ctx, app, api.LinkInput{Object: p.Person, Type: p.Type, To: to, Wait: int(wait.Seconds())})
	return provisioned(c, app, out, err)
}

type linkFindCmd struct {
	Value string `arg:"" help:"A whole user name, display name or other attribute that the application can search, or an id."`
	App   string `short:"a" help:"The app; the only app when absent."`
	Type  string `enum:"User,Group" default:"User" help:"Type of object: User or Group."`
}

// Run looks in the application.
func (l *linkFindCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	return c.Print(report.Linked(client.FindAtTarget(c.Ctx, app, l.Type, l.Value)))
}
