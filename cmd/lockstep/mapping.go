package main

import (
	"fmt"
	"slices"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/rule"
)

type mappingCmd struct {
	List mappingListCmd `cmd:"" default:"withargs" help:"List the attribute mappings."`
	Set  mappingSetCmd  `cmd:"" help:"Set where an attribute of the application comes from."`
	Rm   mappingRmCmd   `cmd:"" help:"Remove the mapping of an attribute."`
}

// ruled are the flags that say whose rules are meant.
type ruled struct {
	App  string `short:"a" help:"The app or source; the only app when absent."`
	Type string `default:"User" help:"Type of object at the source."`
}

type mappingListCmd struct{ ruled }

// Run lists the mappings.
func (m *mappingListCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	v, err := client.Rules(c.Ctx, job)
	if err != nil {
		return err
	}
	return mappings(c, job, m.Type, v)
}

// mappings shows the mappings of a type of object.
func mappings(c *cli.Command, job cli.Slug, typ string, v api.RulesView) error {
	view, there := report.Mappings(v, typ)
	if !there {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("The rules of %s have no mapping for %s.", job, typ)}
	}
	return c.Print(view, nil)
}

type mappingSetCmd struct {
	ruled
	Target     string  `arg:"" help:"Attribute of the application: a SCIM path."`
	Expression string  `arg:"" help:"[attribute] of the source, \"text\", or an expression."`
	Default    *string `help:"Value when the source has none, on create."`
	Match      *int    `placeholder:"N" help:"Match people by this attribute, in this order; 0 does not match."`
	OnCreate   *bool   `negatable:"" help:"Only when the object is created."`
	Clear      *bool   `negatable:"" help:"An empty source removes the application's value."`
	drafted
}

// Run sets a mapping. What is not given stays as it is.
func (m *mappingSetCmd) Run(c *cli.Command) error {
	return m.edit(c, m.Draft, func(o *rule.ObjectMapping) error {
		i := o.Of(m.Target)
		if i < 0 {
			o.Attributes = append(o.Attributes, rule.Mapping{Target: m.Target, Clear: rule.ClearsUsually(m.Target, m.Default != nil, m.Match != nil && *m.Match != 0)})
			i = len(o.Attributes) - 1
		}
		a := &o.Attributes[i]
		a.Source = rule.ReadSource(m.Expression)
		set(&a.Default, m.Default)
		set(&a.Match, m.Match)
		set(&a.Clear, m.Clear)
		if m.OnCreate != nil {
			a.FlowType = rule.Always
			if *m.OnCreate {
				a.FlowType = rule.ObjectAddOnly
			}
		}
		return nil
	})
}

type mappingRmCmd struct {
	ruled
	Target string `arg:"" help:"Attribute of the application."`
	drafted
}

// Run removes a mapping.
func (m *mappingRmCmd) Run(c *cli.Command) error {
	return m.edit(c, m.Draft, func(o *rule.ObjectMapping) error {
		i := o.Of(m.Target)
		if i < 0 {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no mapping to " + m.Target + "."}
		}
		o.Attributes = slices.Delete(o.Attributes, i, i+1)
		return nil
	})
}

// edit changes the rules and shows the mappings as they are then; in the draft it shows what that changes.
func (r *ruled) edit(c *cli.Command, draft bool, f func(*rule.ObjectMapping) error) error {
	client, job, err := c.About(r.App)
	if err != nil {
		return err
	}
	if draft {
		return r.draftRules(c, client, job, f)
	}
	v, err := client.EditRules(c.Ctx, job, r.Type, f)
	if err != nil {
		return err
	}
	c.Say("Config version %d. See what it does: lockstep plan %s", v.Config, job)
	return mappings(c, job, r.Type, v)
}
