package main

import (
	"lockstep/cli"
	"lockstep/reach"
	"lockstep/report"
	"lockstep/server"
	"lockstep/terminal"
)

type doctorCmd struct {
	Bundle string `placeholder:"FILE" help:"Also write what a supporter needs into this file: how everything stands, without secrets, names of people or values of settings."`
	Ready  bool   `help:"Only ask whether the server on the data folder is ready, as the health check of a container does."`
}

// Run looks at the data folder, the database, the key, the server and the jobs. It ends with 3 when something is not well.
func (d *doctorCmd) Run(c *cli.Command) error {
	if d.Ready {
		return d.ready(c)
	}
	var all reach.Findings
	if c.Server == "" {
		var err error
		if all, err = c.Place.Examine(c.Ctx); err != nil {
			return err
		}
	}
	_, unreached := c.Client()
	jobs, notices := c.Reached.Examine(c.Ctx, &all, unreached)
	if d.Bundle != "" {
		if err := all.Bundle(d.Bundle, jobs, notices); err != nil {
			return err
		}
	}
	err := c.Print(report.Of(all, nil, func(p *report.Page) {
		for _, f := range all {
			p.Printf("%s %s\t%s\n", p.Tick(f.OK), f.What, f.Says)
			if f.Hint != "" {
				p.Printf("\t%s\n", f.Hint)
			}
		}
		if d.Bundle != "" {
			p.Say("Wrote %s. Look at it before you send it: it has names of apps and sources, and error codes.", d.Bundle)
		}
	}))
	if err == nil && !all.Well() {
		return &cli.Outcome{Code: cli.ExitSome, Text: "something is not well"}
	}
	return err
}

// ready asks the server of the data folder, and nothing else: it opens no database.
func (d *doctorCmd) ready(c *cli.Command) error {
	if c.Server != "" || d.Bundle != "" {
		return terminal.Usage("--ready asks the server on the data folder: leave --server and --bundle out.")
	}
	folder, err := c.Place.Folder()
	if err == nil {
		err = server.Ready(c.Ctx, folder)
	}
	if err != nil {
		return err
	}
	return c.Did(nil, "server", "ready", "The server is ready.")
}
