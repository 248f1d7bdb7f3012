package main

import (
	"cmp"
	"errors"
	"io"
	"log/slog"

	"lockstep/cli"
	"lockstep/demo"
	"lockstep/terminal"
)

type demoCmd struct {
	Play    demoPlayCmd    `cmd:"" default:"withargs" help:"Play the demo, and stay up to be looked at."`
	Trouble demoTroubleCmd `cmd:"" help:"Make something go wrong in a demo that is up: token, busy, loss, slow, partial or leaver."`
	Calm    demoCalmCmd    `cmd:"" help:"Make it well again."`
}

// demoAt says which demo is meant.
type demoAt struct {
	Keep string `placeholder:"DIR" type:"path" help:"Folder of the demo; the only one that is up when absent."`
}

func (d demoAt) scene(c *cli.Command) (*demo.Scene, error) {
	s, err := demo.FindScene(d.Keep)
	if err == nil {
		s.Screen = demoScreen(c)
	}
	return s, err
}

type demoTroubleCmd struct {
	Name string `arg:"" help:"The trouble."`
	demoAt
}

// Run makes the trouble, and shows how it looks.
func (d *demoTroubleCmd) Run(c *cli.Command) error {
	s, err := d.scene(c)
	if err != nil {
		return err
	}
	shown, err := s.Begin(c.Ctx, d.Name)
	if err != nil || c.Output == "table" {
		return err
	}
	return c.Show(shown, nil)
}

type demoCalmCmd struct{ demoAt }

// Run makes things well again, and shows how the jobs stand then.
func (d *demoCalmCmd) Run(c *cli.Command) error {
	s, err := d.scene(c)
	if err != nil {
		return err
	}
	shown, err := s.Calm(c.Ctx)
	if err != nil || c.Output == "table" {
		return err
	}
	return c.Show(shown, nil)
}

type demoPlayCmd struct {
	Script bool   `help:"Ask nothing, and end after the last step."`
	People int    `placeholder:"N" help:"A company of this size instead of the sample company."`
	Keep   string `placeholder:"DIR" type:"path" help:"Keep everything in this folder, which must be empty: data, files, and the key."`
	Listen string `default:"127.0.0.1:0" help:"Loopback address to listen on."`
}

// Run plays the demo on a server of its own.
func (d *demoPlayCmd) Run(c *cli.Command) error {
	if c.Server != "" {
		return terminal.Usage("demo starts a server of its own: leave --server out.")
	}
	if !c.Verbose {
		c.Logs(slog.LevelError)
	}
	show := demo.Hosted{People: d.People, Keep: d.Keep, Listen: d.Listen, Leave: d.Script, Screen: demoScreen(c), Log: c.Log}
	if !d.Script && terminal.IsTerminal(c.Stdin) {
		show.Ask = c.Stdin
	}
	report, err := show.Run(c.Ctx)
	if errors.Is(err, demo.ErrMismatch) {
		err = &cli.Outcome{Code: cli.ExitFailed, Text: err.Error()}
	} else if err != nil {
		return err
	}
	if c.Output != "table" {
		return errors.Join(c.Show(report, nil), err)
	}
	return err
}

// demoScreen is standard output; with -o json, which wants only the report there, standard error.
func demoScreen(c *cli.Command) demo.Screen {
	out := c.Stdout
	if c.Output != "table" {
		out = c.Stderr
	}
	if c.Quiet {
		out = terminal.New(io.Discard)
	}
	s := demo.Screen{Out: out.Raw(), Live: out.IsTerminal(), Colour: c.Stdout.Colours && c.Output == "table"}
	if s.Live {
		s.Width = func() int { return cmp.Or(out.Width(), 80) }
	}
	return s
}
