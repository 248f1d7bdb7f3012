package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"lockstep"
	"lockstep/api"
	"lockstep/report"
)

type logCmd struct {
	List   logListCmd   `cmd:"" default:"withargs" help:"List what was done, newest first."`
	Tail   logTailCmd   `cmd:"" help:"Show what is done as it happens."`
	Export logExportCmd `cmd:"" help:"Write the whole log as JSON Lines."`
}

// logFilter are the flags that select lines.
type logFilter struct {
	App    string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Cycle  string `help:"Only of this cycle."`
	State  string `help:"Only in these states, such as failed,refused."`
	Search string `help:"Only with this in a name."`
}

func (f *logFilter) query() api.LogQuery {
	return api.LogQuery{Cycle: lockstep.CycleID(f.Cycle), State: f.State, Search: f.Search}
}

type logListCmd struct {
	logFilter
	Limit int `default:"50" help:"At most so many."`
}

// Run lists log lines.
func (l *logListCmd) Run(c *cli, client *api.Client, job slug) error {
	all, err := c.actions(client, job, l.query(), l.Limit)
	return c.print(report.Actions(all, "The log is empty.", err))
}

// actions reads lines until there are enough or no more.
func (c *cli) actions(client *api.Client, job slug, q api.LogQuery, limit int) ([]api.Action, error) {
	return pages(limit, func(after string, n int) ([]api.Action, string, error) {
		q.After, q.Limit = after, n
		return client.Actions(c.ctx, job, q)
	})
}

type logTailCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows log lines as they come, until it is interrupted.
func (l *logTailCmd) Run(c *cli, client *api.Client, job slug) error {
	err := client.Watch(c.ctx, job, func(e api.Event) error {
		if e.Action == nil {
			return nil
		}
		if c.Output != "table" {
			return json.NewEncoder(c.stdout).Encode(e.Action)
		}
		_, err := fmt.Fprintln(c.stdout, c.out.Line(*e.Action))
		return err
	})
	if c.ctx.Err() != nil && errors.Is(err, c.ctx.Err()) {
		return &outcome{code: exitInterrupted, text: "interrupted"}
	}
	return err
}

type logExportCmd struct {
	logFilter
	CSV bool `name:"csv" help:"As a table for a spreadsheet instead of JSON Lines."`
}

// Run writes the log.
func (l *logExportCmd) Run(c *cli, client *api.Client, job slug) error {
	if l.CSV {
		return l.table(c, client, job)
	}
	c.stdout.JSON = true
	return client.Export(c.ctx, job, l.query(), c.stdout)
}

// table writes the log as CSV (RFC 4180). No cell is a formula.
func (l *logExportCmd) table(c *cli, client *api.Client, job string) error {
	out, err := report.NewLogCSV(c.stdout)
	if err != nil {
		return err
	}
	for q := l.query(); ; {
		q.Limit = 1000
		page, next, err := client.Actions(c.ctx, job, q)
		if err == nil {
			err = out.Add(page)
		}
		if err != nil || next == "" {
			return err
		}
		q.After = next
	}
}
