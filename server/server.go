// Package server puts Lockstep together: the store, the connectors of outside systems, the engine and its queue, and the
// surfaces that answer over HTTP. It is the program without its command line: cmd/lockstep, the demo and tests run it in their
// own process.
//
// Design. Open brings the database up to date and makes the parts; nothing runs yet. Listen takes an address; without it the
// server is reached through Handler, by callers in this process. Run serves and works until its context ends, and returns when
// every goroutine has ended. Close ends what Open began.
//
// Invariants. A server makes no decision about people: it hands values from one part to another. A data folder has one server
// at a time, which holds its Lock. Connectors are opened only here, by the map in connectors.go.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	hub "lockstep/connector/directory"
	"lockstep/console"
	"lockstep/directory"
	"lockstep/drift"
	"lockstep/mirror"
	"lockstep/notify"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/queue"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/undo"
	"lockstep/web"
)

// Config says what a server runs on.
type Config struct {
	SQLite   string // path of the database file
	Postgres string // or a connection string
	Key      store.Key
	Files    string                                                               // folder that the default tenant's file sources may read
	Tenants  string                                                               // folder with one for each other tenant, named like it
	Private  []string                                                             // files and folders that no file source may reach, beside the database
	Allow    []netip.Prefix                                                       // private networks that connectors may reach
	Connect  func(ctx context.Context, network, address string) (net.Conn, error) // in place of the network, see web.Dialer
	Local    string                                                               // token that may do everything; "" is none
	NoWork   bool                                                                 // leave the queue to other nodes; only on PostgreSQL
	Notice   string                                                               // shown on top of every page of the console
	Version  string                                                               // what the program says of itself
	TLS      web.TLS                                                              // of Listen; without it Listen has plain HTTP
	SCIM     SCIM
	Keep     Keep
	Log      *slog.Logger // slog.Default when nil
}

// Server is the whole server of one process. It listens to nothing before Listen.
type Server struct {
	config  Config
	db      *store.DB
	engine  *provision.Engine
	drifts  *drift.Finder
	systems *systems
	reads   *mirror.Runner
	queue   *queue.Queue
	files   *folders
	api     *api.Server

	operator  *operate.Operator
	scim      *scimServer
	sso       *sso.Server
	passwords passwords
	watched   watched
	console   *console.Server
	courier   *notify.Courier
	listener  net.Listener // nil before Listen
	scraped   net.Listener // of the metrics; nil before ListenMetrics
	measured  *measured
	inside    net.Listener // for this machine alone; nil unless the other one has TLS
	readAnew  chan mirror.ID
	gate      *gate
}

// Open opens the database, brings it up to date, and puts the parts together. Close the server in the end.
func Open(ctx context.Context, c Config) (_ *Server, err error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	n := &Server{config: c}
	n.gate = newGate(n.wake)
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if err := beforeUpgrade(ctx, c); err != nil {
		return nil, err
	}
	if n.db, err = store.Open(ctx, store.Config{SQLite: c.SQLite, Postgres: c.Postgres, Key: c.Key}); err != nil {
		return nil, err
	}
	if p := n.db.Pooler(); p.There {
		c.Log.Warn("PostgreSQL is reached through a pooler: what another node changes is found within a second, not at once", "code", lockstep.CodeStorePooled, "to_set_for_the_role", p.Lacks)
	}
	if err := firstTenant(ctx, n.db); err != nil {
		return nil, err
	}
	if n.files, err = openFolders(c.Files, c.Tenants, slices.Concat(c.Private, []string{c.SQLite}), n.db.Tenant); err != nil {
		return nil, fmt.Errorf("open the folders of file sources: %w", err)
	}
	jobs := n.db.Provision()
	n.systems = &systems{store: jobs, db: n.db, mirror: n.db.Mirrors(), files: n.files, dialer: &web.Dialer{Allow: c.Allow, Connect: c.Connect}, log: c.Log}
	n.readAnew = make(chan mirror.ID, 64)
	n.reads = &mirror.Runner{Store: waking{n.db.Mirrors(), n.wasRead}, Log: c.Log, Open: func(ctx context.Context, id mirror.ID) (mirror.System, error) {
		n.gate.serves(id.Tenant)
		return n.systems.read(ctx, id)
	}}
	n.engine = &provision.Engine{
		Store: jobs, Directory: &hub.Connector{Store: n.db, Schemas: n.db.Schemas}, Log: c.Log,
		Connect: n.systems, Mirrors: asking{n.db.Mirrors(), n.reads.Wake},
	}
	n.drifts = &drift.Finder{Engine: n.engine, Mirrors: asking{n.db.Mirrors(), n.reads.Wake}, Looks: n.db}
	n.courier = newCourier(n)
	if n.queue, err = newQueue(n, jobs); err != nil {
		return nil, err
	}
	n.sso = newSignIn(n)
	n.watched = watchedOf(n.db, n.sso)
	n.db.OnCommit(func(lockstep.TenantID) {
		n.queue.Wake()
		n.sso.Wake()
	})
	if err := n.queue.Migrate(ctx); err != nil {
		return nil, err
	}
	gallery, err := Gallery()
	if err != nil {
		return nil, err
	}
	n.scim = newSCIM(n.db, c)
	n.scim.sso, n.scim.issuers = n.sso, n.trustedIssuers()
	n.operator = &operate.Operator{
		Directory: n.db, People: n.db, GroupFinder: n.db, Jobs: jobs, Settings: jobs, Drafts: jobs, Engine: n.engine, Drifts: n.drifts, Undos: &undo.Undoer{Engine: n.engine}, Tenants: n.db, Tokens: Tokens{n.db}, Notes: n.db, Standings: n.db, Reads: asking{n.db.Mirrors(), n.reads.Wake}, Sessions: n.sessions(),
		Schemas: n.db.Schemas, SCIM: n.scim, SignIn: SignIn(n.db, n.sso), Notices: n.notices(), Consents: consents{n.systems, time.Now}, Files: n.files, Gallery: gallery, Address: n.browsed, Wake: n.queue.Wake, Local: c.Local,
	}
	n.operator.Visits, n.operator.Admins, n.operator.Forms = n.db.Console(), Admins{n.db}, ConsoleForms{n.db}
	n.operator.Verify = n.passwords.verify
	n.sso.Consent = n.operator.MayConsent
	n.measured = newMeasured(n)
	n.api = &api.Server{Operator: n.operator, Ready: n.ready, Version: c.Version, Log: c.Log}
	n.console = &console.Server{Operator: n.operator, Notice: c.Notice, Version: c.Version, Log: c.Log}
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

func newQueue(n *Server, jobs provision.Store) (*queue.Queue, error) {
	c := queue.Config{Log: n.config.Log}
	if n.config.Postgres != "" {
		c.Postgres, c.Pooled = n.db.Pool(), n.db.Pooler().There
	} else {
		c.SQLite = n.db.WriterDB()
	}
	c.Due = func(ctx context.Context, now time.Time) ([]queue.Key, error) {
		due, err := jobs.Due(ctx, now)
		keys := make([]queue.Key, len(due))
		for i, j := range due {
			keys[i] = queue.Key{Tenant: j.Tenant, Job: j.ID}
		}
		if err != nil {
			return keys, err
		}
		tell, err := n.tellDue(ctx, now)
		return append(keys, tell...), err
	}
	c.Work = func(ctx context.Context, k queue.Key) error {
		n.gate.serves(k.Tenant)
		defer n.gate.serves(k.Tenant)
		if k.Job == tellJob {
			return n.tell(ctx, k.Tenant)
		}
		_, err := n.engine.Slice(ctx, k.Tenant, k.Job)
		if errors.Is(err, lockstep.ErrEpoch) || errors.Is(err, lockstep.ErrNotFound) {
			return nil // another worker has the job, or it was removed meanwhile
		}
		return err
	}
	return queue.New(c)
}

func (n *Server) ready(ctx context.Context) error {
	_, err := n.db.TenantBySlug(ctx, api.DefaultTenant)
	return errors.Join(err, n.reads.Ready())
}

// Handler is everything that the server answers over HTTP.
func (n *Server) Handler() http.Handler {
	surface := &web.Surface{Errors: api.WriteProblem, BodyOf: api.BodyOf, Log: n.config.Log}
	mux := http.NewServeMux()
	answers := surface.Wrap(n.api.Handler())
	for _, path := range []string{api.Prefix + "/", "/livez", "/readyz"} {
		mux.Handle(path, answers)
	}
	mux.Handle("/", n.console.Handler())
	clients := n.scim.handler()
	mux.Handle(scimPrefix, clients)
	mux.Handle(resourceMetadata+scimPrefix, clients)
	people := n.sso.Handler()
	mux.Handle(sso.Prefix, people)
	mux.Handle("/.well-known/oauth-authorization-server"+sso.Prefix, people) // RFC 8414 §3.1
	return n.measured.timed(web.Strict(n.config.SCIM.PublicURL, mux))
}

// Listen takes an address of this machine, such as 127.0.0.1:8420. Run answers there, by TLS when that is set; then a second listener,
// on loopback, is for programs of this machine, which need no name that a certificate has. Call it once, before Run.
func (n *Server) Listen(ctx context.Context, address string) (err error) {
	var secure *tls.Config
	if n.config.TLS.On() {
		if secure, err = n.config.TLS.Config(); err != nil {
			return err
		}
	}
	if n.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err != nil || secure == nil {
		return err
	}
	n.listener = tls.NewListener(n.listener, secure)
	n.inside, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	return err
}

// Address is where the server is reached on this machine, such as http://127.0.0.1:8420; "" when it does not listen.
func (n *Server) Address() string {
	switch {
	case n.listener == nil:
		return ""
	case n.inside != nil:
		return "http://" + n.inside.Addr().String()
	}
	return "http://" + n.listener.Addr().String()
}

// Run answers at the address of Listen, if there is one, and works until ctx ends; then all of it comes to its end before Run
// returns. Call it once.
func (n *Server) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, ln := range []net.Listener{n.listener, n.inside} {
		if ln != nil {
			all.Go(func() error { return (&web.Server{Log: n.config.Log}).Run(ctx, ln, n.Handler()) })
		}
	}
	if n.scraped != nil {
		all.Go(func() error { return n.serveMetrics(ctx) })
	}
	all.Go(func() error { return n.scim.run(ctx) })
	all.Go(func() error { // on each node: it knows what its own writers have changed
		n.db.IndexPeople(ctx, func(err error) {
			n.config.Log.Warn("the index for searches does not follow; tried again", "error", err)
		})
		return nil
	})
	all.Go(func() error {
		n.db.ShareWakes(ctx, n.gate.heard, func(err error) {
			n.config.Log.Warn("other nodes are not woken, or do not wake this one; what is to be done is found a second later", "error", err)
		})
		return nil
	})
	if !n.config.NoWork {
		all.Go(func() error { return n.work(ctx) })
	}
	return all.Wait()
}

// wake has all that works look for work: another node has left some.
func (n *Server) wake() {
	n.queue.Wake()
	n.reads.Wake()
	n.sso.Wake()
}

// work runs the queue, reads outside systems and watches the sources until ctx ends and every slice has ended.
func (n *Server) work(ctx context.Context) error {
	if err := n.db.Provision().Start(ctx); ctx.Err() != nil {
		return nil // it was to end before it began
	} else if err != nil {
		return err
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { n.watch(ctx) })
	watching.Go(func() { n.retain(ctx) })
	watching.Go(func() { n.clear(ctx) })
	watching.Go(func() { n.lookForDrift(ctx) })
	watching.Go(func() { n.watchProviders(ctx) })
	watching.Go(func() { n.watchConsents(ctx) })
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return n.reads.Run(ctx) })
	all.Go(func() error { return n.queue.Run(ctx) })
	all.Go(func() error { return n.sso.Run(ctx) })
	return all.Wait()
}

// Close ends what Open began. Run has returned before, or was never called.
func (n *Server) Close() error {
	var errs []error
	for _, ln := range []net.Listener{n.listener, n.inside, n.scraped} {
		if ln == nil {
			continue
		}
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) { // Run closes it, too
			errs = append(errs, err)
		}
	}
	errs = append(errs, n.files.close())
	if n.db != nil {
		errs = append(errs, n.db.Close())
	}
	return errors.Join(errs...)
}
