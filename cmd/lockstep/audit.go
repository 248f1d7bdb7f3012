package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" default:"withargs" help:"List who did what, newest first."`
	Export auditExportCmd `cmd:"" help:"Write the whole audit log as JSON Lines, or as CSV."`
}

// auditFilter are the flags that select lines.
type auditFilter struct {
	Who    string `help:"Only by who has this in their name, or this id."`
	Object string `help:"Only about this kind of object: user, group, app, job, token, console and others."`
	ID     string `name:"id" help:"Only about the object with this id."`
	Search string `help:"Only with this in what was done, in the object's name or in the detail."`
	Since  string `placeholder:"WHEN" help:"Not before: a day such as 2026-11-30, an instant, or so long ago: 2h, 7d."`
	Until  string `placeholder:"WHEN" help:"Before: a day, an instant, or so long ago."`
}

func (f *auditFilter) filter() (api.AuditFilter, error) {
	out := api.AuditFilter{Object: f.Object, ID: f.ID, Who: f.Who, Search: f.Search}
	var err error
	if out.Since, err = terminal.Instant("--since", f.Since); err != nil {
		return out, err
	}
	out.Until, err = terminal.Instant("--until", f.Until)
	return out, err
}

type auditListCmd struct {
	auditFilter
	Limit int `default:"50" help:"At most so many; 0 is all."`
}

// Run lists lines of the audit log.
func (a *auditListCmd) Run(c *cli.Command) error {
	f, err := a.filter()
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Print(report.Audit(cli.Pages(c, a.Limit, func(after string, n int) ([]api.AuditLine, string, error) {
		return client.Audit(c.Ctx, f, after, n)
	})))
}

type auditExportCmd struct {
	auditFilter
	CSV bool `name:"csv" help:"As a table for a spreadsheet instead of JSON Lines."`
}

// Run writes the audit log.
func (a *auditExportCmd) Run(c *cli.Command) error {
	f, err := a.filter()
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if !a.CSV {
		c.Stdout.JSON = true
		return client.ExportAudit(c.Ctx, f, c.Stdout)
	}
	table, err := api.NewAuditCSV(c.Stdout)
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, next, err := client.Audit(c.Ctx, f, after, 1000)
		if err != nil {
			return err
		}
		for _, l := range page {
			if err := table.Add(l); err != nil {
				return err
			}
		}
		if after = next; next == "" {
			return table.Close()
		}
	}
}
