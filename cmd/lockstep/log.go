package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"

	"lockstep"
	"lockstep/api"
	"lockstep/rule"
	"lockstep/words"
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
	all, err := collectActions(c, client, job, l.query(), l.Limit)
	if err != nil {
		return err
	}
	return showActions(c, all, "The log is empty.")
}

// collectActions reads pages until there are enough or no more.
func collectActions(c *cli, client *api.Client, job string, q api.LogQuery, limit int) ([]api.Action, error) {
	var all []api.Action
	for len(all) < limit {
		q.Limit = min(limit-len(all), 1000)
		page, next, err := client.Actions(c.ctx, job, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" {
			break
		}
		q.After = next
	}
	return all, nil
}

func showActions(c *cli, all []api.Action, empty string) error {
	return showList(c, all, empty, "TIME WHAT WHO STATE WHY ID", func(a api.Action) []string {
		return []string{clock(a), words.DeedOf(rule.Kind(a.Kind)).Will, nameOf(a), stateOf(a), whyOf(a), string(a.ID)}
	})
}

func clock(a api.Action) string {
	at := a.Ended
	if at == nil {
		at = a.Planned
	}
	if at == nil {
		return "–"
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

// stateOf is what became of a line, as --state takes it.
func stateOf(a api.Action) string {
	if a.Code != "" {
		return a.State + " " + string(a.Code)
	}
	return a.State
}

// whyOf is what went wrong, or what was changed, or the reason in words.
func whyOf(a api.Action) string {
	if a.Code != "" {
		return either(a.Detail, a.Hint)
	}
	if (a.Kind == "update" || a.Kind == "refer") && len(a.Changes) > 0 {
		return changesOf(a.Changes)
	}
	return dash(a.Why)
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
		a := *e.Action
		_, err := fmt.Fprintf(c.stdout, "%s  %s %-28s  %-9s  %s\n", clock(a), c.mark(a), nameOf(a), a.State, words.Clean(whyOf(a)))
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
	out := csv.NewWriter(c.stdout)
	line := func(cells ...string) error {
		for i := range cells {
			cells[i] = words.Cell(words.Clean(cells[i]))
		}
		return out.Write(cells)
	}
	if err := line("time", "cycle", "id", "type", "what", "state", "name", "source", "target", "why", "code", "detail", "by"); err != nil {
		return err
	}
	for q := l.query(); ; {
		q.Limit = 1000
		page, next, err := client.Actions(c.ctx, job, q)
		if err != nil {
			return err
		}
		for _, a := range page {
			by := ""
			if a.By != nil {
				by = a.By.Name
			}
			err := line(clock(a), string(a.Cycle), string(a.ID), a.Source.Type, words.DeedOf(rule.Kind(a.Kind)).Will, a.State, nameOf(a),
				a.Source.ID, a.Target.ID, a.Why, string(a.Code), a.Detail, by)
			if err != nil {
				return err
			}
		}
		if out.Flush(); out.Error() != nil || next == "" {
			return out.Error()
		}
		q.After = next
	}
}
