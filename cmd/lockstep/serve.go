package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/web"
)

type serveCmd struct {
	Listen       string `default:"127.0.0.1:8420" env-also:"1" help:"Address to listen on ($$LOCKSTEP_LISTEN)."`
	InsecureHTTP bool   `name:"insecure-http" help:"Listen beyond this machine without TLS: only behind a proxy that has it."`
	NoWork       bool   `help:"Leave the queue to lockstep work; needs PostgreSQL."`
	scimConfig
	retained
	profiled
}

// Run serves until the program is told to end.
func (s *serveCmd) Run(c *cli) error {
	if c.Server != "" {
		return usage("serve is a server itself: leave --server out.")
	}
	if !c.Verbose {
		c.log = c.newLog(slog.LevelInfo)
	}
	if err := s.check(c); err != nil {
		return err
	}
	folder, lock, err := c.lockFolder()
	if err != nil {
		return err
	}
	defer lock.Close()
	config, err := c.node(folder)
	if err != nil {
		return err
	}
	config.Local = rand.Text()
	config.SCIM, config.Retained = s.scimConfig, s.retained
	n, err := openNode(c.ctx, config)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(c.ctx, "tcp", s.Listen)
	if err != nil {
		return errors.Join(usage("Cannot listen: %v.", err), n.close())
	}
	address := "http://" + listener.Addr().String()
	if err := writeCard(folder, card{Address: address, Token: config.Local, PID: os.Getpid()}); err != nil {
		return errors.Join(err, listener.Close(), n.close())
	}
	n.address = address
	c.say("Lockstep serves at %s, data in %s.", address, folder)
	if isTerminal(c.stdin) { // a link in a log file would be a key in a log file
		link, err := n.firstLink(c.ctx)
		if err != nil {
			return errors.Join(err, listener.Close(), n.close())
		}
		c.say("Console, for the next 30 minutes and once: %s", link)
	}
	err = s.serve(c.ctx, n, listener)
	gone := os.Remove(filepath.Join(folder, cardFile))
	if errors.Is(gone, fs.ErrNotExist) {
		gone = nil
	}
	return errors.Join(err, gone, n.close())
}

// serve answers and works until ctx ends; then both come to their end.
func (s *serveCmd) serve(ctx context.Context, n *node, listener net.Listener) error {
	ended, err := s.start()
	if err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return (&web.Server{Log: n.config.Log}).Run(ctx, listener, n.handler()) })
	all.Go(func() error { return n.scim.run(ctx) })
	if !s.NoWork {
		all.Go(func() error { return n.work(ctx) })
	}
	return errors.Join(all.Wait(), ended())
}

func (s *serveCmd) check(c *cli) error {
	if s.NoWork && !isPostgres(c.Store) {
		return usage("--no-work needs PostgreSQL: nobody else could work on SQLite.")
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return usage("--listen is an address with a port, such as 127.0.0.1:8420.")
	}
	addr, err := netip.ParseAddr(host)
	if (err == nil && addr.IsLoopback()) || host == "localhost" || s.InsecureHTTP {
		return nil
	}
	return usage("Beyond this machine tokens would travel unprotected. Put a proxy with TLS before it and give --insecure-http.")
}

func isPostgres(store string) bool { return store != "" && store != "sqlite" }

// lockFolder takes the data folder for this process for as long as the file is open.
func (c *cli) lockFolder() (folder string, lock *os.File, err error) {
	if folder, err = c.dataFolder(); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, usage("The data folder cannot be made: %v.", err)
	}
	lock, free, err := lockFile(filepath.Join(folder, lockName))
	if err != nil {
		return "", nil, usage("The data folder cannot be used: %v.", err)
	}
	if !free {
		return "", nil, &lockstep.Error{Code: lockstep.CodeBusy, Detail: "Another process uses the data folder " + folder + "."}
	}
	return folder, lock, nil
}

type workCmd struct {
	retained
	profiled
}

// Run works until the program is told to end.
func (w workCmd) Run(c *cli) error {
	if !isPostgres(c.Store) {
		return usage("work needs --store postgres://…: SQLite has one process, which is serve.")
	}
	if !c.Verbose {
		c.log = c.newLog(slog.LevelInfo)
	}
	folder, err := c.dataFolder()
	if err != nil {
		return err
	}
	config, err := c.node(folder)
	if err != nil {
		return err
	}
	config.Retained = w.retained
	n, err := openNode(c.ctx, config)
	if err != nil {
		return err
	}
	ended, err := w.start()
	if err != nil {
		return errors.Join(err, n.close())
	}
	c.say("Lockstep works.")
	return errors.Join(n.work(c.ctx), ended(), n.close())
}

type versionCmd struct{}

// Run shows the version.
func (versionCmd) Run(c *cli) error {
	v := struct {
		Version string `json:"version"`
	}{version()}
	return c.show(v, func(w io.Writer) { fmt.Fprintln(w, "lockstep", v.Version) })
}
