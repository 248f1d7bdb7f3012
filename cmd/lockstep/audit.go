package main

import (
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/report"
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
	if out.Since, err = instantOf("--since", f.Since); err != nil {
		return out, err
	}
	out.Until, err = instantOf("--until", f.Until)
	return out, err
}

// instantOf reads a day, an instant, or how long ago.
func instantOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	ago, days := strings.CutSuffix(text, "d")
	if days {
		ago += "h"
	}
	d, err := time.ParseDuration(ago)
	if err != nil || d < 0 {
		return time.Time{}, &lockstep.Error{Code: lockstep.CodeUsage, Detail: flag + " takes a day such as 2026-11-30, an instant such as 2026-11-30T12:00:00Z, or how long ago, such as 2h or 7d."}
	}
	if days {
		d *= 24
	}
	return time.Now().Add(-d), nil
}

type auditListCmd struct {
	auditFilter
	Limit int `default:"50" help:"At most so many."`
}

// Run lists lines of the audit log.
func (a *auditListCmd) Run(c *cli) error {
	f, err := a.filter()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var all []api.AuditLine
	for after := ""; len(all) < a.Limit; {
		page, next, err := client.Audit(c.ctx, f, after, min(a.Limit-len(all), 1000))
		if err != nil {
			return err
		}
		if all, after = append(all, page...), next; next == "" {
			break
		}
	}
	return c.print(report.Audit(all, nil))
}

type auditExportCmd struct {
	auditFilter
	CSV bool `name:"csv" help:"As a table for a spreadsheet instead of JSON Lines."`
}

// Run writes the audit log.
func (a *auditExportCmd) Run(c *cli) error {
	f, err := a.filter()
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if !a.CSV {
		c.stdout.JSON = true
		return client.ExportAudit(c.ctx, f, c.stdout)
	}
	table, err := api.NewAuditCSV(c.stdout)
	if err != nil {
		return err
	}
	for after := ""; ; {
		page, next, err := client.Audit(c.ctx, f, after, 1000)
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
