package main

import (
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
	"runtime"
	"runtime/debug"
	"time"

	"lockstep/cli"
	"lockstep/reach"
	"lockstep/server"
	"lockstep/terminal"
	"lockstep/web"
)

type serveCmd struct {
	Listen       string `default:"127.0.0.1:8420" env-also:"1" help:"Address to listen on ($$LOCKSTEP_LISTEN)."`
	InsecureHTTP bool   `name:"insecure-http" help:"Listen beyond this machine without TLS: only behind a proxy that has it."`
	tlsFlags
	Metrics      string `name:"metrics-listen" placeholder:"ADDRESS" env-also:"1" help:"Tell Prometheus metrics at /metrics of this address, such as 127.0.0.1:9420, to whoever asks ($$LOCKSTEP_METRICS_LISTEN)."`
	MetricsToken string `name:"metrics-token-file" placeholder:"FILE" env-also:"1" help:"Tell them only to who sends the token in this file ($$LOCKSTEP_METRICS_TOKEN_FILE)."`
	NoWork       bool   `help:"Leave the queue to lockstep work; needs PostgreSQL."`
	scimFlags
	keepFlags
	cli.Profiled
}

// tlsFlags are the flags of web.TLS.
type tlsFlags struct {
	Cert      string   `name:"tls-cert" placeholder:"FILE" env-also:"1" help:"Certificate in PEM, with its chain; read again when the file changes. Needs --public-url ($$LOCKSTEP_TLS_CERT)."`
	Key       string   `name:"tls-key" placeholder:"FILE" env-also:"1" help:"Its key in PEM ($$LOCKSTEP_TLS_KEY)."`
	Domains   []string `name:"acme-domain" placeholder:"NAME" sep:"," env-also:"1" help:"Get a certificate for this name by ACME; the server has to be reached at its port 443 ($$LOCKSTEP_ACME_DOMAIN)."`
	Email     string   `name:"acme-email" placeholder:"ADDRESS" env-also:"1" help:"Where the ACME authority writes to ($$LOCKSTEP_ACME_EMAIL)."`
	Directory string   `name:"acme-directory" placeholder:"URL" env-also:"1" help:"ACME authority; Let's Encrypt when absent ($$LOCKSTEP_ACME_DIRECTORY)."`
	ACMETrust string   `name:"acme-ca" placeholder:"FILE" env-also:"1" help:"Certificates in PEM that are trusted when the ACME authority is asked ($$LOCKSTEP_ACME_CA)."`
}

// tls is what the flags say.
func (t tlsFlags) tls(folder string) web.TLS {
	return web.TLS{Cert: t.Cert, Key: t.Key, ACME: web.ACME{Domains: t.Domains, Directory: t.Directory, Email: t.Email, CA: t.ACMETrust, Cache: server.ACME(folder)}}
}

// checkTLS says what does not fit together. With ACME the public address is that of the first name.
func (s *serveCmd) checkTLS() error {
	t := s.tlsFlags
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return terminal.Usage("--tls-cert and --tls-key go together.")
	case t.Cert != "" && len(t.Domains) > 0:
		return terminal.Usage("A certificate comes from files or by ACME: give --tls-cert or --acme-domain.")
	case t.Cert != "" && s.PublicURL == "":
		return terminal.Usage("With --tls-cert the address by which others know the server is needed: --public-url https://…")
	case len(t.Domains) == 0 && (t.Directory != "" || t.Email != "" || t.ACMETrust != ""):
		return terminal.Usage("ACME needs a name: --acme-domain.")
	}
	if len(t.Domains) > 0 && s.PublicURL == "" {
		s.PublicURL = "https://" + t.Domains[0]
	}
	return nil
}

// scimFlags are the flags of server.SCIM.
type scimFlags struct {
	PublicURL string  `name:"public-url" placeholder:"URL" env-also:"1" help:"Address by which others know the server, such as https://id.example.com behind a proxy ($$LOCKSTEP_PUBLIC_URL)."`
	Rate      float64 `name:"scim-rate" default:"1000" help:"Requests a second that a SCIM token may send, each operation of a Bulk request counted; 0 is as many as it likes."`
}

// keepFlags are the flags of server.Keep.
type keepFlags struct {
	KeepLog     time.Duration `default:"2160h" placeholder:"DURATION" help:"Keep the provisioning log this long, 90 days when absent; 0 is for ever."`
	KeepDeleted time.Duration `default:"720h" placeholder:"DURATION" help:"Keep deleted people and groups this long, so that they can be restored, 30 days when absent; 0 is for ever."`
	KeepAudit   time.Duration `default:"8760h" placeholder:"DURATION" help:"Keep the audit log this long, a year when absent; 0 is for ever."`
}

func (k keepFlags) keep() server.Keep {
	return server.Keep{Log: k.KeepLog, Deleted: k.KeepDeleted, Audit: k.KeepAudit}
}

// Run serves until the program is told to end.
func (s *serveCmd) Run(c *cli.Command) error {
	if c.Server != "" {
		return terminal.Usage("serve is a server itself: leave --server out.")
	}
	if !c.Verbose {
		c.Logs(slog.LevelInfo)
	}
	if err := s.check(c); err != nil {
		return err
	}
	folder, lock, err := c.Place.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if !terminal.IsTerminal(c.Stdin) { // whose end is a hang-up
		defer reach.FollowLevel(folder, &c.Level, c.Log)()
	}
	c.Place.Founds = true
	config, err := c.Place.Config(c.Ctx, folder)
	if err != nil {
		return err
	}
	config.Local, config.NoWork = rand.Text(), s.NoWork
	config.SCIM, config.Keep, config.TLS = server.SCIM(s.scimFlags), s.keep(), s.tls(folder)
	n, err := reach.Start(c.Ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(s.serve(c, n, folder, config.Local), n.Close())
}

// serve listens, tells where, and runs the server until the program is told to end.
func (s *serveCmd) serve(c *cli.Command, n *server.Server, folder, token string) error {
	if err := n.Listen(c.Ctx, s.Listen); err != nil {
		return terminal.Usage("Cannot listen: %v.", err)
	}
	if err := s.metrics(c, n); err != nil {
		return err
	}
	if err := (server.Card{Address: n.Address(), Token: token, PID: os.Getpid()}).Write(folder); err != nil {
		return err
	}
	c.Say("Lockstep serves at %s, data in %s.", n.Address(), folder)
	if s.tls(folder).On() {
		c.Say("Others reach it by TLS at %s, which is served at %s.", s.PublicURL, s.Listen)
	}
	if err := firstLink(c, n, folder); err != nil && c.Ctx.Err() == nil { // who is told to end at once ends well
		return errors.Join(err, server.RemoveCard(folder))
	}
	defer time.AfterFunc(settled, giveBack).Stop()
	return errors.Join(s.During(c.Ctx, n.Run), server.RemoveCard(folder))
}

// settled is when a server that has started has nothing to do but what it is asked.
const settled = 500 * time.Millisecond

// giveBack gives back what only the start needed: some 12 MiB, most of it in pools of what reads the migrations, which are emptied the second time.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

// metrics listens where the metrics are told.
func (s *serveCmd) metrics(c *cli.Command, n *server.Server) (err error) {
	token := ""
	if s.MetricsToken != "" {
		if token, err = c.Secret("token of the metrics", s.MetricsToken, false); err != nil {
			return err
		}
	}
	if s.Metrics == "" {
		return nil
	}
	if err := n.ListenMetrics(c.Ctx, s.Metrics, token); err != nil {
		return terminal.Usage("Cannot listen for metrics: %v.", err)
	}
	return nil
}

func (s *serveCmd) check(c *cli.Command) error {
	if err := s.checkTLS(); err != nil {
		return err
	}
	if s.NoWork && !c.Place.OnPostgres() {
		return terminal.Usage("--no-work needs PostgreSQL: nobody else could work on SQLite.")
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return terminal.Usage("--listen is an address with a port, such as 127.0.0.1:8420.")
	}
	addr, err := netip.ParseAddr(host)
	if (err == nil && addr.IsLoopback()) || host == "localhost" || s.InsecureHTTP || s.tls("").On() {
		return nil
	}
	return terminal.Usage("Beyond this machine tokens would travel unprotected. Give --tls-cert and --tls-key, or --acme-domain; or put a proxy with TLS before it and give --insecure-http.")
}

type workCmd struct {
	keepFlags
	cli.Profiled
}

// Run works until the program is told to end.
func (w workCmd) Run(c *cli.Command) error {
	if !c.Place.OnPostgres() {
		return terminal.Usage("work needs --store postgres://…: SQLite has one process, which is serve.")
	}
	if !c.Verbose {
		c.Logs(slog.LevelInfo)
	}
	folder, err := c.Place.Folder()
	if err != nil {
		return err
	}
	defer reach.FollowLevel(folder, &c.Level, c.Log)()
	config, err := c.Place.Config(c.Ctx, folder)
	if err != nil {
		return err
	}
	config.Keep = w.keep()
	n, err := reach.Start(c.Ctx, config)
	if err != nil {
		return err
	}
	c.Say("Lockstep works.")
	return errors.Join(w.During(c.Ctx, n.Run), n.Close())
}

type versionCmd struct{}

// Run shows the version.
func (versionCmd) Run(c *cli.Command) error {
	v := struct {
		Version string `json:"version"`
	}{reach.Version()}
	return c.Show(v, func(w io.Writer) { fmt.Fprintln(w, "lockstep", v.Version) })
}

// firstLinkFile is where the link is left that makes the first administrator, when nobody looks on.
const firstLinkFile = "first-link"

// firstLink tells whoever has started the server how to come into the console. Without a terminal it is written only where nobody is an
// administrator yet, and to a file of the data folder: a link in a log file would be a key in a log file.
func firstLink(c *cli.Command, n *server.Server, folder string) error {
	path := filepath.Join(folder, firstLinkFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	link, first, err := n.FirstLink(c.Ctx)
	if first {
		link += server.ToFirstOwner
	}
	switch {
	case err != nil:
		return err
	case terminal.IsTerminal(c.Stdin):
		c.Say("Console, for the next 30 minutes and once: %s", link)
		return nil
	case !first:
		return nil
	}
	if err := os.WriteFile(path, []byte(link+"\n"), 0o600); err != nil {
		return err
	}
	c.Say("Nobody is an administrator yet. The link that makes the first, for the next 30 minutes and once, is in %s.", path)
	return nil
}
