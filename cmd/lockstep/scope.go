package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/rule"
	"lockstep/terminal"
)

type scopeCmd struct {
	Show scopeShowCmd `cmd:"" default:"withargs" help:"Show the scoping filter."`
	Set  scopeSetCmd  `cmd:"" help:"Replace the scoping filter; without clauses everybody passes."`
}

type scopeShowCmd struct{ ruled }

// Run shows the filter.
func (s *scopeShowCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	v, err := client.Rules(c.Ctx, job)
	return c.Print(report.Scope(v, s.Type, err))
}

type scopeSetCmd struct {
	ruled
	drafted
	Name   string   `help:"Name of the filter."`
	Clause []string `arg:"" optional:"" help:"Clauses such as 'country EQUALS DE' that must all hold; the word or between them begins another filter, and any filter will do."`
}

// Run replaces the filter.
func (s *scopeSetCmd) Run(c *cli.Command) error {
	filter, err := rule.ReadFilter(s.Name, s.Clause)
	if err != nil {
		return terminal.Usage("%v", err)
	}
	client, job, err := c.About(s.App)
	if err != nil {
		return err
	}
	replace := func(o *rule.ObjectMapping) error {
		o.Scope = filter
		return nil
	}
	if s.Draft {
		return s.draftRules(c, client, job, replace)
	}
	v, err := client.EditRules(c.Ctx, job, s.Type, replace)
	if err != nil {
		return err
	}
	c.Say("Config version %d. See what it does: lockstep plan %s", v.Config, job)
	return c.Print(report.Scope(v, s.Type, nil))
}
