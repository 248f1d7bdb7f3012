package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type sourceCmd struct {
	Add  sourceAddCmd  `cmd:"" help:"Add a source of people."`
	List sourceListCmd `cmd:"" default:"withargs" help:"List the sources."`
	Show sourceShowCmd `cmd:"" help:"Show a source."`
	Run  runCmd        `cmd:"" help:"Read a source now and wait for the end."`
	Set  sourceSetCmd  `cmd:"" help:"Change name, mode, state or policy."`
	Rm   sourceRmCmd   `cmd:"" help:"Remove a source; the people whom it brought stay."`
}

type sourceAddCmd struct {
	Kind     string            `arg:"" help:"Kind from the gallery, such as csvfile or ldap."`
	Slug     string            `arg:"" optional:"" help:"Short name for commands; the kind when absent."`
	Name     string            `help:"Name for people."`
	Set      map[string]string `placeholder:"NAME=VALUE" help:"Setting of the connection."`
	Interval string            `placeholder:"DURATION" help:"Read at least this often, such as 15m."`
}

// Run adds a source.
func (s *sourceAddCmd) Run(c *cli.Command) error {
	client, err := c.Found()
	if err != nil {
		return err
	}
	j, err := client.CreateSource(c.Ctx, api.NewSystem{Kind: s.Kind, Slug: report.Or(s.Slug, s.Kind), Name: s.Name, Settings: s.Set})
	if err != nil {
		return err
	}
	if s.Interval != "" {
		p := j.Policy
		if p.Interval, err = terminal.Seconds(s.Interval); err != nil {
			return err
		}
		if j, err = client.EditPolicy(c.Ctx, j, p); err != nil {
			return err
		}
	}
	return c.Print(report.SourceAdded(j, nil))
}

type sourceListCmd struct{}

// Run lists the sources.
func (sourceListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Sources(client.Sources(c.Ctx)))
}

type sourceShowCmd struct {
	Source string `arg:"" help:"The source."`
}

// Run shows a source.
func (s *sourceShowCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Source(client.Job(c.Ctx, s.Source)))
}

type sourceSetCmd struct {
	Source string `arg:"" help:"The source."`
	jobSet
	Order *int `placeholder:"N" help:"Where several sources have a person: 1 is heard first; 0 is after all that have an order."`
}

// Run changes a source's job.
func (s *sourceSetCmd) Run(c *cli.Command, client *api.Client) error {
	return s.change(c, client, s.Source, func(p *api.Policy) { set(&p.Order, s.Order) })
}

type sourceRmCmd struct {
	Source string `arg:"" help:"The source."`
}

// Run removes a source.
func (s *sourceRmCmd) Run(c *cli.Command) error {
	return c.Remove("Remove the source "+s.Source+"? The people whom it brought stay.", "removed", s.Source, "Removed the source "+s.Source+".", (*api.Client).DeleteSource)
}
