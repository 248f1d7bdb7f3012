package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"lockstep/api"
	"lockstep/demo"
	"lockstep/store"
	"lockstep/web"
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
	key  store.Key
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

// place makes the folders. The key of a demo stays in memory, unless the demo is to be kept.
func (d *demoCmd) place() (p demoPlace, err error) {
	p = demoPlace{dir: d.Keep, key: store.NewKey(), kept: d.Keep != ""}
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
	if p.kept {
		err = p.key.Save(filepath.Join(p.dir, "key"))
	}
	return p, err
}

// play runs a server in this process for as long as the demo lasts.
func (d *demoCmd) play(c *cli, p demoPlace) (demo.Report, error) {
	log := c.newLog(slog.LevelError)
	if c.Verbose {
		log = c.log
	}
	n, err := openNode(c.ctx, nodeConfig{
		SQLite: filepath.Join(p.data(), "lockstep.db"), Key: p.key, Files: p.files(), Local: rand.Text(), Log: log, Notice: "Demo data",
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	})
	if err != nil {
		return demo.Report{}, err
	}
	listener, err := (&net.ListenConfig{}).Listen(c.ctx, "tcp", d.Listen)
	if err != nil {
		return demo.Report{}, errors.Join(usage("Cannot listen: %v.", err), n.close())
	}
	n.address = "http://" + listener.Addr().String()
	serving, stop := context.WithCancel(context.WithoutCancel(c.ctx))
	all, ctx := errgroup.WithContext(c.ctx)
	var server errgroup.Group
	server.Go(func() error { return (&web.Server{Log: log}).Run(serving, listener, n.handler()) })
	server.Go(func() error { return n.scim.run(serving) })
	server.Go(func() error { return n.work(serving) })
	var report demo.Report
	all.Go(func() (err error) {
		report, err = d.demo(c, p, n, "http://"+listener.Addr().String()).Run(ctx)
		return err
	})
	err = all.Wait()
	stop()
	return report, errors.Join(err, server.Wait(), n.close())
}

// demo is the demo as the command line wants it.
func (d *demoCmd) demo(c *cli, p demoPlace, n *node, address string) demo.Demo {
	show := demo.Demo{
		Client: &api.Client{Base: address, Token: n.config.Local}, Files: p.files(), People: d.People, Screen: d.screen(c),
	}
	if p.kept {
		show.Journal = filepath.Join(p.dir, "webex.journal")
	}
	if d.Script {
		return show
	}
	if isTerminal(c.stdin) {
		show.Ask = c.stdin
	}
	show.Stay = func(ctx context.Context) error {
		link, err := n.firstLink(ctx)
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
		out = io.Discard
	}
	s := demo.Screen{Out: out, Live: isTerminal(out), Colour: c.colour && c.Output == "table"}
	if f, ok := out.(*os.File); ok && s.Live {
		s.Width = func() int {
			w, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80
			}
			return w
		}
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
