package main

import (
	"errors"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/scim"
	"lockstep/terminal"
)

type schemaCmd struct {
	List   schemaListCmd   `cmd:"" default:"withargs" help:"List the schemas that the tenant adds to users and groups."`
	Show   schemaShowCmd   `cmd:"" help:"Show a schema; with -o json as put reads it."`
	Put    schemaPutCmd    `cmd:"" help:"Create or replace a schema."`
	Delete schemaDeleteCmd `cmd:"" aliases:"rm" help:"Remove a schema that nobody has values of."`
}

type schemaListCmd struct{}

// Run lists the schemas.
func (*schemaListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Schemas(client.Schemas(c.Ctx)))
}

type schemaShowCmd struct {
	Schema string `arg:"" help:"Its URN."`
}

// Run shows a schema.
func (s *schemaShowCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Schema(client.Schema(c.Ctx, s.Schema)))
}

type schemaPutCmd struct {
	File      string `arg:"" help:"File with the schema as JSON; - is standard input."`
	IfVersion int64  `placeholder:"N" help:"Only if this is still its version."`
}

// Run writes a schema.
func (s *schemaPutCmd) Run(c *cli.Command) error {
	text, err := terminal.Read(c.Stdin, s.File)
	if err != nil {
		return err
	}
	o, err := scim.DecodeObject(text)
	if err != nil {
		return terminal.Usage("%s does not hold a schema: %s.", s.File, wording(err))
	}
	if o.Text("id") == "" {
		return terminal.Usage("%s has no id, which is the URN of the schema.", s.File)
	}
	client, err := c.Found()
	if err != nil {
		return err
	}
	return c.Print(report.Schema(client.PutSchema(c.Ctx, s.IfVersion, api.Schema(o))))
}

// wording is what an error of package scim says to a person.
func wording(err error) string {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e.Detail
	}
	return err.Error()
}

type schemaDeleteCmd struct {
	Schema string `arg:"" help:"Its URN."`
}

// Run removes a schema.
func (s *schemaDeleteCmd) Run(c *cli.Command) error {
	return c.Remove("", "deleted", s.Schema, "Deleted the schema "+s.Schema+".", (*api.Client).DeleteSchema)
}
