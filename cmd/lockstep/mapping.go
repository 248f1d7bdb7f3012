package main

import (
	"fmt"
	"slices"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/rule"
	"lockstep/terminal"
)

type mappingCmd struct {
	List mappingListCmd `cmd:"" default:"withargs" help:"List the attribute mappings."`
	Set  mappingSetCmd  `cmd:"" help:"Set where an attribute of the application comes from."`
	Rm   mappingRmCmd   `cmd:"" help:"Remove the mapping of an attribute."`

	Export  mappingExportCmd  `cmd:"" help:"Print mappings and scoping filters of all types of object as JSON, named as in a schema of Entra ID."`
	Import  mappingImportCmd  `cmd:"" help:"Take mappings and scoping filters over from a schema that Entra ID or Lockstep exported."`
	Actions mappingActionsCmd `cmd:"" help:"Say what may be done to objects of a type: create, update and disable, delete."`
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
	for _, o := range v.Rules.Objects {
		if actions := report.Allowed(o.Flow); o.Source == typ && actions != "" {
			c.Say("Only these may be done: %s.", actions)
		}
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
	When       *string `placeholder:"always|create|add|again" help:"When it flows: always, create (only then), add (values are never taken away), again (whenever somebody is looked at)."`
	OnUpdate   *bool   `name:"default-on-update" negatable:"" help:"The default is written later, too, not only on create."`
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
		set(&a.DefaultOnUpdate, m.OnUpdate)
		return m.flows(a)
	})
}

// flows sets when the mapping flows.
func (m *mappingSetCmd) flows(a *rule.Mapping) error {
	when := ""
	if m.When != nil {
		when = *m.When
	} else if m.OnCreate != nil {
		when = "always"
		if *m.OnCreate {
			when = "create"
		}
	}
	flow := map[string]rule.FlowType{"always": rule.Always, "create": rule.ObjectAddOnly, "add": rule.MultiValueAddOnly, "again": rule.Always}
	switch flow, known := flow[when]; {
	case when == "":
	case !known:
		return terminal.Usage("--when is always, create, add or again, not %q.", when)
	default:
		a.FlowType, a.Behavior = flow, ""
		if when == "again" {
			a.Behavior = rule.FlowAlways
		}
	}
	return nil
}

type mappingActionsCmd struct {
	ruled
	Create *bool `negatable:"" help:"Make who is in scope and not found."`
	Update *bool `negatable:"" help:"Update, and disable who leaves."`
	Delete *bool `negatable:"" help:"Delete who is deleted for good at the source; without it they are disabled."`
	drafted
}

// Run says what may be done. What is not given stays as it is.
func (m *mappingActionsCmd) Run(c *cli.Command) error {
	return m.edit(c, m.Draft, func(o *rule.ObjectMapping) error {
		create, update, remove := o.Flow.Allows(rule.Create), o.Flow.Allows(rule.Update), o.Flow.Allows(rule.Delete)
		set(&create, m.Create)
		set(&update, m.Update)
		set(&remove, m.Delete)
		if o.Flow = rule.FlowOf(create, update, remove); o.Flow == "" {
			return terminal.Usage("Nothing would be done at all: leave one of them on, or pause the job.")
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

type mappingExportCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run prints the rules.
func (m *mappingExportCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	v, err := client.Rules(c.Ctx, job)
	return c.Print(report.Exported(v.Rules, err))
}

type mappingImportCmd struct {
	File string `arg:"" help:"The schema, JSON; - is standard input."`
	App  string `short:"a" help:"The app or source; the only app when absent."`
	drafted
}

// Run takes a schema over.
func (m *mappingImportCmd) Run(c *cli.Command) error {
	client, job, err := c.About(m.App)
	if err != nil {
		return err
	}
	schema, err := terminal.Read(c.Stdin, m.File)
	if err != nil {
		return err
	}
	read, err := client.ReadRules(c.Ctx, job, m.Draft, schema)
	if err != nil {
		return err
	}
	for _, p := range read.Problems {
		c.Say("Not taken over: %s", p)
	}
	if m.Draft {
		d, err := client.DraftRules(c.Ctx, job, read.Revision, read.Rules)
		if err != nil {
			return err
		}
		return inDraft(c, job, d)
	}
	if len(read.Problems) > 0 {
		if err := c.Confirm("Put the rest into force at once? With --draft it can be reviewed before."); err != nil {
			return err
		}
	}
	v, err := client.PutRules(c.Ctx, job, read.Config, rule.Rules(read.Rules))
	if err != nil {
		return err
	}
	c.Say("Config version %d. See what it does: lockstep plan %s", v.Config, job)
	return mappings(c, job, "User", v)
}
