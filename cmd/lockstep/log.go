package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type logCmd struct {
	List   logListCmd   `cmd:"" default:"withargs" help:"List what was done, newest first."`
	Show   logShowCmd   `cmd:"" help:"Show all that is known of a line."`
	Tail   logTailCmd   `cmd:"" help:"Show what is done as it happens."`
	Export logExportCmd `cmd:"" help:"Write the whole log as JSON Lines."`
}

// logFilter are the flags that select lines.
type logFilter struct {
	App    string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Cycle  string `help:"Only of this cycle."`
	State  string `help:"Only in these states, such as failed,refused."`
	Kind   string `help:"Only of these kinds, such as create,update."`
	Code   string `help:"Only with this in the error code, such as match."`
	Search string `help:"Only with this in a name."`
	Words  string `help:"Only with each of these words in a name, the detail or the error code."`
	Since  string `placeholder:"WHEN" help:"Not before: a day such as 2026-11-30, an instant, or so long ago: 2h, 7d."`
	Until  string `placeholder:"WHEN" help:"Before: a day, an instant, or so long ago."`
}

func (f *logFilter) query() (api.LogQuery, error) {
	q := api.LogQuery{Cycle: lockstep.CycleID(f.Cycle), State: f.State, Kind: f.Kind, Code: f.Code, Search: f.Search, Words: f.Words}
	var err error
	if q.Since, err = terminal.Instant("--since", f.Since); err != nil {
		return q, err
	}
	q.Until, err = terminal.Instant("--until", f.Until)
	return q, err
}

type logListCmd struct {
	logFilter
	Limit int `default:"50" help:"At most so many; 0 is all."`
}

// Run lists log lines.
func (l *logListCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	q, err := l.query()
	if err != nil {
		return err
	}
	all, err := actions(c, client, job, q, l.Limit)
	return c.Print(report.Actions(all, "The log is empty.", err))
}

// actions reads lines until there are enough or no more.
func actions(c *cli.Command, client *api.Client, job cli.Slug, q api.LogQuery, limit int) ([]api.Action, error) {
	return cli.Pages(c, limit, func(after string, n int) ([]api.Action, string, error) {
		q.After, q.Limit = after, n
		return client.Actions(c.Ctx, job, q)
	})
}

type logShowCmd struct {
	ID  lockstep.ActionID `arg:"" name:"id" help:"As log list shows it."`
	App string            `short:"a" help:"The app or source; all of them are searched when absent."`
}

// Run shows a line.
func (l *logShowCmd) Run(c *cli.Command, client *api.Client) error {
	in := []string{l.App}
	if l.App == "" {
		jobs, err := client.Jobs(c.Ctx)
		if err != nil {
			return err
		}
		in = in[:0]
		for _, j := range jobs {
			in = append(in, j.Slug)
		}
	}
	err := error(&lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no app or source, and so no log."})
	for _, job := range in {
		var a api.Action
		if a, err = client.Action(c.Ctx, job, l.ID); lockstep.CodeOf(err) != lockstep.CodeNotFound {
			return c.Print(report.Action(job, a, err))
		}
	}
	return err
}

type logTailCmd struct {
	App string `arg:"" optional:"" help:"The app or source; the only app when absent."`
}

// Run shows log lines as they come, until it is interrupted.
func (l *logTailCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	err := client.Watch(c.Ctx, job, func(e api.Event) error {
		if e.Action == nil {
			return nil
		}
		if c.Output != "table" {
			return json.NewEncoder(c.Stdout).Encode(e.Action)
		}
		_, err := fmt.Fprintln(c.Stdout, c.Out.Line(*e.Action))
		return err
	})
	if c.Ctx.Err() != nil && errors.Is(err, c.Ctx.Err()) {
		return &cli.Outcome{Code: cli.ExitInterrupted, Text: "interrupted"}
	}
	return err
}

type logExportCmd struct {
	logFilter
	CSV bool `name:"csv" help:"As a table for a spreadsheet instead of JSON Lines."`
}

// Run writes the log.
func (l *logExportCmd) Run(c *cli.Command, client *api.Client, job cli.Slug) error {
	q, err := l.query()
	if err != nil {
		return err
	}
	if l.CSV {
		return l.table(c, client, job, q)
	}
	c.Stdout.JSON = true
	return client.Export(c.Ctx, job, q, c.Stdout)
}

// table writes the log as CSV (RFC 4180). No cell is a formula.
func (l *logExportCmd) table(c *cli.Command, client *api.Client, job string, q api.LogQuery) error {
	out, err := report.NewLogCSV(c.Stdout)
	if err != nil {
		return err
	}
	for q.Limit = 1000; ; {
		page, next, err := client.Actions(c.Ctx, job, q)
		if err == nil {
			err = out.Add(page)
		}
		if err != nil || next == "" {
			return err
		}
		q.After = next
	}
}
