package demo

import (
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

	"lockstep"
	"lockstep/api"
	"lockstep/reach"
	"lockstep/server"
)

// Hosted is a Demo with a server of its own in this process.
type Hosted struct {
	People int       // as Demo has it
	Keep   string    // folder, empty, that keeps data, files and the key; "" keeps nothing
	Listen string    // loopback address
	Leave  bool      // end after the last step, instead of staying to be looked at
	Ask    io.Reader // as Demo has it
	Screen Screen
	Log    *slog.Logger
}

// smallest is a company in which somebody stays, somebody leaves, somebody changes.
const smallest = 3

// Run plays the demo.
func (h Hosted) Run(ctx context.Context) (Report, error) {
	if h.People != 0 && h.People < smallest {
		return Report{}, usage("--people is at least %d: somebody stays, somebody leaves, somebody changes.", smallest)
	}
	p, err := h.place()
	if err != nil {
		return Report{}, err
	}
	report, err := h.play(ctx, p)
	return report, errors.Join(err, p.tidy())
}

func usage(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf(format, args...)}
}

// place is where a demo keeps what it has: folders of data and files, and a key beside them.
type place struct {
	dir  string
	kept bool
}

func (p place) data() string  { return filepath.Join(p.dir, "data") }
func (p place) files() string { return filepath.Join(p.dir, "files") }

// tidy removes what nobody asked to keep.
func (p place) tidy() error {
	if p.kept {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// place makes the folders.
func (h Hosted) place() (p place, err error) {
	p = place{dir: h.Keep, kept: h.Keep != ""}
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
func (h Hosted) config(ctx context.Context, p place) (n server.Config, err error) {
	n = server.Config{
		SQLite: server.Database(p.data()), Key: server.NewKey(), Files: p.files(), Local: rand.Text(), Notice: "Demo data", Version: reach.Version(),
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Log: h.Log,
	}
	if p.kept {
		n.Key, _, err = server.Key(ctx, filepath.Join(p.dir, "key"), n)
	}
	return n, err
}

// play runs a server in this process for as long as the demo lasts.
func (h Hosted) play(ctx context.Context, p place) (Report, error) {
	config, err := h.config(ctx, p)
	if err != nil {
		return Report{}, err
	}
	n, err := reach.Start(ctx, config)
	if err != nil {
		return Report{}, err
	}
	if err := n.Listen(ctx, h.Listen); err != nil {
		return Report{}, errors.Join(usage("Cannot listen: %v.", err), n.Close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running errgroup.Group
	running.Go(func() error { return n.Run(serving) })
	report, err := h.demo(p, n, config.Local).Run(ctx)
	stop()
	return report, errors.Join(err, running.Wait(), n.Close())
}

// demo is the demo on its server.
func (h Hosted) demo(p place, n *server.Server, token string) Demo {
	d := Demo{Client: &api.Client{Base: n.Address(), Token: token}, Files: p.files(), People: h.People, Screen: h.Screen, Ask: h.Ask}
	if p.kept {
		d.Journal = filepath.Join(p.dir, "webex.journal")
	}
	if !h.Leave {
		d.Stay = func(ctx context.Context) error { return h.stay(ctx, p, n) }
	}
	return d
}

// stay tells what there is to look at, and waits until nobody does any more.
func (h Hosted) stay(ctx context.Context, p place, n *server.Server) error {
	link, _, err := n.FirstLink(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(h.Screen.Out, "\n  Still running. Look at it in a browser (the link works once):\n\n    %s\n\n  To end it: Ctrl-C.\n", link)
	if p.kept {
		fmt.Fprintf(h.Screen.Out, "  Everything is kept in %s.\n", p.dir)
	}
	<-ctx.Done()
	return nil
}
