package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"lockstep/api"
	"lockstep/scim"
)

type schemaCmd struct {
	List   schemaListCmd   `cmd:"" default:"withargs" help:"List the schemas that the tenant adds to users and groups."`
	Show   schemaShowCmd   `cmd:"" help:"Show a schema; with -o json as put reads it."`
	Put    schemaPutCmd    `cmd:"" help:"Create or replace a schema."`
	Delete schemaDeleteCmd `cmd:"" aliases:"rm" help:"Remove a schema that nobody has values of."`
}

type schemaListCmd struct{}

// Run lists the schemas.
func (*schemaListCmd) Run(c *cli, client *api.Client) error {
	all, err := client.Schemas(c.ctx)
	if err != nil {
		return err
	}
	return showList(c, all, "No schemas of the tenant's own.", "SCHEMA OF ATTRIBUTES VERSION INDEXES", func(s api.Schema) []string {
		o := scim.Object(s)
		attributes, _ := o.Get("attributes").(scim.List)
		meta, _ := o.Get("meta").(scim.Object)
		indexes := "ready"
		if meta.Get("indexing") == true {
			indexes = "being made"
		}
		return []string{o.Text("id"), o.Text("resourceType"), strconv.Itoa(len(attributes)), fmt.Sprint(meta.Get("version")), indexes}
	})
}

type schemaShowCmd struct {
	Schema string `arg:"" help:"Its URN."`
}

// Run shows a schema.
func (s *schemaShowCmd) Run(c *cli, client *api.Client) error {
	schema, err := client.Schema(c.ctx, s.Schema)
	if err != nil {
		return err
	}
	return showSchema(c, schema)
}

func showSchema(c *cli, s api.Schema) error {
	return c.show(s, func(w io.Writer) {
		fmt.Fprintln(w, "ATTRIBUTE\tTYPE\tCHARACTERISTICS")
		showDefined(w, "", scim.Object(s).Get("attributes"))
	})
}

// showDefined writes a line for each attribute with what is not the default.
func showDefined(w io.Writer, prefix string, v any) {
	list, _ := v.(scim.List)
	for _, v := range list {
		a, _ := v.(scim.Object)
		var is []string
		for _, flag := range []string{"required", "multiValued", "caseExact", "filterable", "closed"} {
			if a.Get(flag) == true {
				is = append(is, flag)
			}
		}
		for _, word := range []struct{ name, usual string }{
			{"mutability", scim.ReadWrite}, {"returned", scim.ReturnedDefault}, {"uniqueness", scim.UniqueNone},
		} {
			if value := a.Text(word.name); value != word.usual {
				is = append(is, word.name+" "+value)
			}
		}
		printf(w, "%s%s\t%s\t%s\n", prefix, a.Text("name"), a.Text("type"), dash(strings.Join(is, ", ")))
		showDefined(w, prefix+a.Text("name")+".", a.Get("subAttributes"))
	}
}

type schemaPutCmd struct {
	File      string `arg:"" help:"File with the schema as JSON; - is standard input."`
	IfVersion int64  `placeholder:"N" help:"Only if this is still its version."`
}

// Run writes a schema.
func (s *schemaPutCmd) Run(c *cli) error {
	in := c.stdin
	if s.File != "-" {
		f, err := os.Open(s.File)
		if err != nil {
			return usage("%s.", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	o, err := scim.DecodeObject(text)
	if err != nil {
		return usage("%s does not hold a schema: %s.", s.File, wording(err))
	}
	if o.Text("id") == "" {
		return usage("%s has no id, which is the URN of the schema.", s.File)
	}
	client, err := c.found()
	if err != nil {
		return err
	}
	schema, err := client.PutSchema(c.ctx, s.IfVersion, api.Schema(o))
	if err != nil {
		return err
	}
	return showSchema(c, schema)
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
func (s *schemaDeleteCmd) Run(c *cli, client *api.Client) error {
	if err := client.DeleteSchema(c.ctx, s.Schema); err != nil {
		return err
	}
	return c.did("deleted", s.Schema, "Deleted the schema "+s.Schema+".")
}
