package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/console"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/queue"
	"lockstep/store"
	"lockstep/web"
)

// nodeConfig says what a node runs on.
type nodeConfig struct {
	SQLite   string // path of the database file
	Postgres string // or a connection string
	Key      store.Key
	Files    string         // folder that file sources may read
	Allow    []netip.Prefix // private networks that connectors may reach
	Local    string         // token that may do everything
	Notice   string         // shown on top of every page of the console
	SCIM     scimConfig
	Retained retained
	Log      *slog.Logger
}

// node is the whole server of one process: store, engine, queue and API. It listens to nothing by itself.
type node struct {
	config nodeConfig
	db     *store.DB
	engine *provision.Engine
	queue  *queue.Queue
	files  *os.Root
	api    *api.Server

	scim    *scimServer
	console *console.Server
	address string // where browsers reach it; "" while it does not listen
}

// openNode opens the database, brings it up to date, and puts the parts together. Close it.
func openNode(ctx context.Context, c nodeConfig) (_ *node, err error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	bounded()
	n := &node{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if n.db, err = store.Open(ctx, store.Config{SQLite: c.SQLite, Postgres: c.Postgres, Key: c.Key}); err != nil {
		return nil, err
	}
	if err := firstTenant(ctx, n.db); err != nil {
		return nil, err
	}
	if n.files, err = openFolder(c.Files); err != nil {
		return nil, fmt.Errorf("open the folder of file sources: %w", err)
	}
	jobs := n.db.Provision()
	n.engine = &provision.Engine{
		Store: jobs, Directory: n.db, Schemas: n.db.Schemas, Log: c.Log,
		Connect: &systems{store: jobs, files: n.files, dialer: &web.Dialer{Allow: c.Allow}, log: c.Log},
	}
	if n.queue, err = newQueue(n, jobs); err != nil {
		return nil, err
	}
	n.db.OnCommit(func(lockstep.TenantID) { n.queue.Wake() })
	if err := n.queue.Migrate(ctx); err != nil {
		return nil, err
	}
	gallery, err := gallery()
	if err != nil {
		return nil, err
	}
	n.scim = newSCIM(n.db, c)
	n.api = &api.Server{
		Directory: n.db, Store: jobs, Settings: jobs, Tenants: n.db, Tokens: tokens{n.db}, Engine: n.engine, Schemas: n.db.Schemas, SCIM: n.scim, Gallery: gallery,
		Wake: n.queue.Wake, Ready: n.ready, Link: n.consoleLink, Local: c.Local, Version: version(), Log: c.Log,
	}
	n.console = newConsole(n)
	return n, nil
}

// firstTenant creates the tenant that commands speak of when they name none.
func firstTenant(ctx context.Context, db *store.DB) error {
	_, err := db.TenantBySlug(ctx, api.DefaultTenant)
	if !errors.Is(err, lockstep.ErrNotFound) {
		return err
	}
	err = db.CreateTenant(ctx, audit.Actor{}, directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: api.DefaultTenant, Name: "Default"})
	if errors.Is(err, lockstep.ErrConflict) {
		return nil // another node was faster
	}
	return err
}

// openFolder opens a folder, which it makes when it is not there. "" is none.
func openFolder(path string) (*os.Root, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(path)
}

func newQueue(n *node, jobs provision.Store) (*queue.Queue, error) {
	c := queue.Config{Log: n.config.Log}
	if n.config.Postgres != "" {
		c.Postgres = n.db.Pool()
	} else {
		c.SQLite = n.db.WriterDB()
	}
	c.Due = func(ctx context.Context, now time.Time) ([]queue.Key, error) {
		due, err := jobs.Due(ctx, now)
		keys := make([]queue.Key, len(due))
		for i, j := range due {
			keys[i] = queue.Key{Tenant: j.Tenant, Job: j.ID}
		}
		return keys, err
	}
	c.Work = func(ctx context.Context, k queue.Key) error {
		_, err := n.engine.Slice(ctx, k.Tenant, k.Job)
		if errors.Is(err, lockstep.ErrEpoch) || errors.Is(err, lockstep.ErrNotFound) {
			return nil // another worker has the job, or it was removed meanwhile
		}
		return err
	}
	return queue.New(c)
}

func (n *node) ready(ctx context.Context) error {
	_, err := n.db.TenantBySlug(ctx, api.DefaultTenant)
	return err
}

// handler is everything that the node answers over HTTP.
func (n *node) handler() http.Handler {
	surface := &web.Surface{Errors: api.WriteProblem, Log: n.config.Log}
	mux := http.NewServeMux()
	answers := surface.Wrap(n.api.Handler())
	for _, path := range []string{api.Prefix + "/", "/livez", "/readyz"} {
		mux.Handle(path, answers)
	}
	mux.Handle("/", n.console.Handler())
	mux.Handle(scimPrefix, n.scim.handler())
	return mux
}

// work runs the queue and watches the sources until ctx ends and every slice has ended.
func (n *node) work(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { n.watch(ctx) })
	watching.Go(func() { n.retain(ctx) })
	return n.queue.Run(ctx)
}

func (n *node) close() error {
	var errs []error
	if n.files != nil {
		errs = append(errs, n.files.Close())
	}
	if n.db != nil {
		errs = append(errs, n.db.Close())
	}
	return errors.Join(errs...)
}

// node returns the configuration of a node of this command. The caller sees to the lock of the data folder.
func (c *cli) node(folder string) (nodeConfig, error) {
	n := nodeConfig{Log: c.log, Files: c.Files}
	if n.Files == "" {
		n.Files = filepath.Join(folder, "files")
	}
	for _, text := range c.AllowNetwork {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return n, usage("%q is no network; write it as 10.0.0.0/8.", text)
		}
		n.Allow = append(n.Allow, p)
	}
	var err error
	if n.SQLite, n.Postgres, err = c.database(folder); err != nil {
		return n, err
	}
	n.Key, err = c.key(folder, n)
	return n, err
}

// database is where the data is: a file in the data folder, or a PostgreSQL database.
func (c *cli) database(folder string) (file, dsn string, err error) {
	switch {
	case strings.HasPrefix(c.Store, "postgres://"), strings.HasPrefix(c.Store, "postgresql://"):
		return "", c.Store, nil
	case c.Store == "" || c.Store == "sqlite":
		return filepath.Join(folder, "lockstep.db"), "", nil
	}
	return "", "", usage("--store is sqlite or begins with postgres://.")
}

// version is what the build says of itself.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
