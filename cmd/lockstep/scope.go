package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"lockstep/api"
	"lockstep/rule"
)

type scopeCmd struct {
	Show scopeShowCmd `cmd:"" default:"withargs" help:"Show the scoping filter."`
	Set  scopeSetCmd  `cmd:"" help:"Replace the scoping filter; without clauses everybody passes."`
}

type scopeShowCmd struct{ ruled }

// Run shows the filter.
func (s *scopeShowCmd) Run(c *cli, client *api.Client, job slug) error {
	v, err := client.Rules(c.ctx, job)
	if err != nil {
		return err
	}
	return showScope(c, v, s.Type)
}

func showScope(c *cli, v api.RulesView, typ string) error {
	i := slices.IndexFunc(v.Rules.Objects, func(o rule.ObjectMapping) bool { return o.Source == typ })
	var f rule.Filter
	if i >= 0 {
		f = v.Rules.Objects[i].Scope
	}
	return c.show(f, func(w io.Writer) {
		if len(f.Groups) == 0 {
			fmt.Fprintln(w, "Everybody who is assigned passes.")
		}
		for i, g := range f.Groups {
			if i > 0 {
				fmt.Fprintln(w, "or")
			}
			for j, clause := range g.Clauses {
				word := "   "
				if j > 0 {
					word = "and"
				}
				printf(w, "  %s %s %s %s\n", word, clause.Attribute, clause.Operator, strings.Join(clause.Operand.Values, ", "))
			}
		}
	})
}

type scopeSetCmd struct {
	ruled
	drafted
	Name   string   `help:"Name of the filter."`
	Clause []string `arg:"" optional:"" help:"Clauses such as 'country EQUALS DE' that must all hold; the word or between them begins another filter, and any filter will do."`
}

// Run replaces the filter.
func (s *scopeSetCmd) Run(c *cli) error {
	filter, err := rule.ReadFilter(s.Name, s.Clause)
	if err != nil {
		return usage("%v", err)
	}
	client, job, err := c.about(s.App)
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
	v, err := client.EditRules(c.ctx, job, s.Type, replace)
	if err != nil {
		return err
	}
	c.say("Config version %d. See what it does: lockstep plan %s", v.Config, job)
	return showScope(c, v, s.Type)
}
