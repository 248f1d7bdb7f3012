package main

import (
	"cmp"
	"errors"
	"io"
	"log/slog"

	"lockstep/demo"
	"lockstep/terminal"
)

type demoCmd struct {
	Script bool   `help:"Ask nothing, and end after the last step."`
	People int    `placeholder:"N" help:"A company of this size instead of the sample company."`
	Keep   string `placeholder:"DIR" type:"path" help:"Keep everything in this folder, which must be empty: data, files, and the key."`
	Listen string `default:"127.0.0.1:0" help:"Loopback address to listen on."`
}

// Run plays the demo on a server of its own.
func (d *demoCmd) Run(c *cli) error {
	if c.Server != "" {
		return usage("demo starts a server of its own: leave --server out.")
	}
	if !c.Verbose {
		c.logs(slog.LevelError)
	}
	show := demo.Hosted{People: d.People, Keep: d.Keep, Listen: d.Listen, Leave: d.Script, Screen: d.screen(c), Log: c.log}
	if !d.Script && terminal.IsTerminal(c.stdin) {
		show.Ask = c.stdin
	}
	report, err := show.Run(c.ctx)
	if errors.Is(err, demo.ErrMismatch) {
		err = &outcome{code: exitFailed, text: err.Error()}
	} else if err != nil {
		return err
	}
	if c.Output != "table" {
		return errors.Join(c.show(report, nil), err)
	}
	return err
}

// screen is standard output; with -o json, which wants only the report there, standard error.
func (d *demoCmd) screen(c *cli) demo.Screen {
	out := c.stdout
	if c.Output != "table" {
		out = c.stderr
	}
	if c.Quiet {
		out = terminal.New(io.Discard)
	}
	s := demo.Screen{Out: out.Raw(), Live: out.IsTerminal(), Colour: c.stdout.Colours && c.Output == "table"}
	if s.Live {
		s.Width = func() int { return cmp.Or(out.Width(), 80) }
	}
	return s
}
