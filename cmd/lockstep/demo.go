package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"lockstep/api"
	"lockstep/demo"
	"lockstep/reach"
	"lockstep/server"
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
	if d.People != 0 && d.People < smallestCompany {
		return usage("--people is at least %d: somebody stays, somebody leaves, somebody changes.", smallestCompany)
	}
	place, err := d.place()
	if err != nil {
		return err
	}
	report, err := d.play(c, place)
	err = errors.Join(err, place.tidy())
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

const smallestCompany = 3

// demoPlace is where a demo keeps what it has: folders of data and files, and a key beside them.
type demoPlace struct {
	dir  string
	kept bool
}

func (p demoPlace) data() string  { return filepath.Join(p.dir, "data") }
func (p demoPlace) files() string { return filepath.Join(p.dir, "files") }

// tidy removes what nobody asked to keep.
func (p demoPlace) tidy() error {
	if p.kept {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// place makes the folders.
func (d *demoCmd) place() (p demoPlace, err error) {
	p = demoPlace{dir: d.Keep, kept: d.Keep != ""}
	if !p.kept {
		if p.dir, err = os.MkdirTemp("", "lockstep-demo-"); err != nil {
			return p, err
		}
	} else if there, err := os.ReadDir(p.dir); err == nil && len(there) > 0 {
		return p, usage("The folder %s is not empty.", p.dir)
	}
	for _, dir := range []string{p.data(), p.files()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return p, usage("The folder cannot be made: %v.", err)
		}
	}
	return p, nil
}

// config is what the demo's server runs on. Its key stays in memory, unless the demo is to be kept.
func (p demoPlace) config(ctx context.Context) (n server.Config, err error) {
	n = server.Config{
		SQLite: server.Database(p.data()), Key: server.NewKey(), Files: p.files(), Local: rand.Text(), Notice: "Demo data", Version: reach.Version(),
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	}
	if p.kept {
		n.Key, _, err = server.Key(ctx, filepath.Join(p.dir, "key"), n)
	}
	return n, err
}

// play runs a server in this process for as long as the demo lasts.
func (d *demoCmd) play(c *cli, p demoPlace) (demo.Report, error) {
	if !c.Verbose {
		c.logs(slog.LevelError)
	}
	config, err := p.config(c.ctx)
	if err != nil {
		return demo.Report{}, err
	}
	config.Log = c.log
	n, err := reach.Start(c.ctx, config)
	if err != nil {
		return demo.Report{}, err
	}
	if err := n.Listen(c.ctx, d.Listen); err != nil {
		return demo.Report{}, errors.Join(usage("Cannot listen: %v.", err), n.Close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(c.ctx))
	var running errgroup.Group
	running.Go(func() error { return n.Run(serving) })
	report, err := d.demo(c, p, n, config.Local).Run(c.ctx)
	stop()
	return report, errors.Join(err, running.Wait(), n.Close())
}

// demo is the demo as the command line wants it.
func (d *demoCmd) demo(c *cli, p demoPlace, n *server.Server, token string) demo.Demo {
	show := demo.Demo{
		Client: &api.Client{Base: n.Address(), Token: token}, Files: p.files(), People: d.People, Screen: d.screen(c),
	}
	if p.kept {
		show.Journal = filepath.Join(p.dir, "webex.journal")
	}
	if d.Script {
		return show
	}
	if terminal.IsTerminal(c.stdin) {
		show.Ask = c.stdin
	}
	show.Stay = func(ctx context.Context) error {
		link, err := n.FirstLink(ctx)
		if err != nil {
			return err
		}
		d.stay(show.Screen, p, link)
		<-ctx.Done()
		return nil
	}
	return show
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

// stay tells what there is to look at.
func (d *demoCmd) stay(s demo.Screen, p demoPlace, link string) {
	fmt.Fprintf(s.Out, "\n  Still running. Look at it in a browser (the link works once):\n\n    %s\n\n  To end it: Ctrl-C.\n", link)
	if p.kept {
		fmt.Fprintf(s.Out, "  Everything is kept in %s.\n", p.dir)
	}
}
