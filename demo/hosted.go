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
	"strings"

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
		if p.dir, err = os.MkdirTemp("", folderPattern); err != nil {
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
	lock, err := server.Lock(p.data(), h.Log)
	if err != nil {
		return Report{}, err
	}
	defer lock.Close()
	n, err := reach.Start(ctx, config)
	if err != nil {
		return Report{}, err
	}
	if err := n.Listen(ctx, h.Listen); err != nil {
		return Report{}, errors.Join(usage("Cannot listen: %v.", err), n.Close())
	}
	if err := (server.Card{Address: n.Address(), Token: config.Local, PID: os.Getpid()}).Write(p.data()); err != nil {
		return Report{}, errors.Join(err, n.Close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running errgroup.Group
	running.Go(func() error { return n.Run(serving) })
	report, err := h.demo(p, n, config.Local).Run(ctx)
	stop()
	return report, errors.Join(err, running.Wait(), n.Close(), server.RemoveCard(p.data()))
}

// demo is the demo on its server.
func (h Hosted) demo(p place, n *server.Server, token string) Demo {
	d := Demo{Client: &api.Client{Base: n.Address(), Token: token}, Files: p.files(), People: h.People, Screen: h.Screen, Ask: h.Ask}
	if p.kept {
		d.Journal = filepath.Join(p.dir, "webex.journal")
	}
	if !h.Leave {
		d.Stay = func(ctx context.Context, o *org, lines <-chan string) error {
			return h.stay(ctx, p, n, &Scene{Dir: p.dir, Client: d.Client, Screen: h.Screen, org: o}, lines)
		}
	}
	return d
}

// stay tells what there is to look at and which troubles can be made, and makes those that are asked for, until nobody looks any more.
func (h Hosted) stay(ctx context.Context, p place, n *server.Server, s *Scene, lines <-chan string) (err error) {
	link, _, err := n.FirstLink(ctx)
	if err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(p.scene())) }()
	h.Screen.line("\n  Still running. Look at it in a browser (the link works once):\n\n    " + link)
	h.Screen.line("\n  Or in another terminal:\n\n    " + s.commands("status")[0])
	h.menu(p, lines != nil)
	h.Screen.line("\n  To end it: Ctrl-C.")
	if p.kept {
		h.Screen.line("  Everything is kept in " + p.dir + ".")
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				lines = nil
				continue
			}
			if err := s.chosen(ctx, strings.TrimSpace(line)); err != nil && ctx.Err() == nil {
				h.Screen.failed(api.Sentence(err), "")
			}
		}
	}
}

// menu writes which troubles there are.
func (h Hosted) menu(p place, asks bool) {
	h.Screen.line("\n  What goes wrong in earnest can go wrong here" + map[bool]string{true: ": a number and Enter, 0 makes it well again", false: ""}[asks] + ".\n")
	for i, t := range Troubles() {
		h.Screen.entry(cyan, fmt.Sprint(i+1), t.Name, t.Title, 8)
	}
	at := ""
	if p.kept {
		at = " --keep " + quoted(p.dir)
	}
	h.Screen.line("\n  From another terminal: lockstep demo trouble NAME" + at + ", and lockstep demo calm" + at)
}

// chosen does what somebody has chosen from the menu.
func (s *Scene) chosen(ctx context.Context, choice string) error {
	switch choice {
	case "":
		return nil
	case "0", "calm":
		_, err := s.Calm(ctx)
		return err
	}
	_, err := s.Begin(ctx, choice)
	return err
}
