package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"lockstep/web"
	"lockstep/webexorg"
)

type webexorgCmd struct {
	Serve  webexorgServeCmd  `cmd:"" help:"Run a Webex organisation on this machine, to try and test against."`
	Fault  webexorgFaultCmd  `cmd:"" help:"Have a running organisation go wrong on purpose."`
	Export webexorgExportCmd `cmd:"" help:"Write what is in a running organisation as a file for serve --seed."`
}

type webexorgServeCmd struct {
	Listen      string        `default:"127.0.0.1:8430" help:"Address to listen on."`
	Name        string        `default:"Example" help:"Name of the organisation that the first start makes."`
	Domain      []string      `sep:"," placeholder:"DOMAIN" help:"Verified domains; users of others are refused. Without any, everybody is let in."`
	Region      string        `enum:",us,eu,gov" default:"" placeholder:"us|eu|gov" help:"Where the organisation that the first start makes has its home; without it, everywhere."`
	People      bool          `help:"Begin with an administrator, an agent and a plain person to sign in as: admin@, agent@ and person@ the first domain."`
	Journal     string        `placeholder:"FILE" help:"Keep the organisation in this file; without it, it is gone when the command ends."`
	Sync        bool          `help:"Have every write wait until the disk has it; without this a write survives the end of the command, not that of the machine."`
	Seed        string        `placeholder:"FILE" help:"Begin with the organisations of this file, if there are none yet."`
	Control     string        `env:"LOCKSTEP_WEBEXORG_CONTROL" placeholder:"TOKEN" help:"Token of the control surface; without it, one is made up."`
	Inspect     int           `default:"100" placeholder:"N" help:"Calls that are kept for people to look at."`
	Present     int           `placeholder:"N" help:"Accounts that are there already and belong to nobody."`
	PageLatency time.Duration `default:"0s" help:"How much longer a page of a list takes."`
	TLS         string        `name:"tls" placeholder:"FOLDER" help:"Serve HTTPS, by a certification authority that is kept in this folder; clients trust its ca.pem."`
	Expose      bool          `help:"Listen beyond this machine. The organisation trusts whoever holds a token, and signs in whoever asks, without a password."`
	profiled
}

// webexorgCard tells how a Webex organisation is reached.
type webexorgCard struct {
	Address      string `json:"address"`
	Control      string `json:"control_token"` // of the control surface; valid while it runs
	Organisation string `json:"organisation"`
	Endpoint     string `json:"endpoint"` // of SCIM
	Token        string `json:"token"`
	Apps         string `json:"apps"`         // the developer console, a page
	CA           string `json:"ca,omitempty"` // the certificate to trust; "" without TLS
}

// Run serves a Webex organisation until the program is told to end.
func (w *webexorgServeCmd) Run(c *cli) error {
	if err := w.check(); err != nil {
		return err
	}
	control := cmp.Or(w.Control, rand.Text())
	u, err := webexorg.New(webexorg.Config{Journal: w.Journal, Sync: w.Sync, Control: control, Inspect: w.Inspect})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(c.ctx, "tcp", w.Listen)
	if err != nil {
		return errors.Join(usage("Cannot listen: %v.", err), u.Close())
	}
	card, err := w.organisation(c.ctx, u)
	if err != nil {
		return errors.Join(err, listener.Close(), u.Close())
	}
	card.Address, card.Control = "http://"+listener.Addr().String(), control
	if w.TLS != "" {
		ca, err := w.authority()
		if err != nil {
			return errors.Join(err, listener.Close(), u.Close())
		}
		card.Address, card.CA = "https://"+listener.Addr().String(), ca.File(w.TLS)
		listener = tls.NewListener(listener, ca.Config())
	}
	card.Apps = card.Address + "/apps"
	card.Endpoint = card.Address + "/identity/scim/" + card.Organisation + "/v2"
	err = c.show(card, func(out io.Writer) {
		fmt.Fprintf(out, "endpoint\t%s\n", card.Endpoint)
		fmt.Fprintf(out, "token\t%s\n", card.Token)
		fmt.Fprintf(out, "control token\t%s\n", card.Control)
		fmt.Fprintf(out, "developer console\t%s\n", card.Apps)
		if card.CA != "" {
			fmt.Fprintf(out, "certificate to trust\t%s\n", card.CA)
		}
	})
	if err == nil {
		c.say("A Webex organisation answers at %s; its Control Hub is at %s/hub. To end it: Ctrl-C.", card.Address, card.Address)
		if !u.Administered() {
			c.say("Nobody there is an administrator: --people begins with one who can sign in to its pages.")
		}
		err = w.during(c.ctx, func(ctx context.Context) error { return u.Serve(ctx, listener) })
	}
	return errors.Join(err, u.Close())
}

// authority opens the certification authority of the folder. It is for names of this machine, and for Webex's own: who has those
// lead to this machine tries a client unchanged. With --expose it is for this machine's other addresses, too.
func (w *webexorgServeCmd) authority() (*web.CA, error) {
	var ranges []net.IPNet
	if w.Expose {
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if own, ok := a.(*net.IPNet); ok && !own.IP.IsLoopback() {
				bits := 8 * len(own.IP)
				ranges = append(ranges, net.IPNet{IP: own.IP, Mask: net.CIDRMask(bits, bits)})
			}
		}
	}
	ca, err := web.OpenCA(w.TLS, []string{"localhost", "webex.com", "webexapis.com", "ciscospark.com"}, ranges...)
	if err != nil {
		return nil, usage("Cannot serve HTTPS: %v.", err)
	}
	return ca, nil
}

// check refuses to listen beyond this machine unless that was asked for.
func (w *webexorgServeCmd) check() error {
	host, _, err := net.SplitHostPort(w.Listen)
	if err != nil {
		return usage("--listen is an address with a port, such as 127.0.0.1:8430.")
	}
	addr, err := netip.ParseAddr(host)
	if w.Expose || host == "localhost" || (err == nil && addr.IsLoopback()) {
		return nil
	}
	return usage("The organisation trusts whoever holds a token, and signs in whoever asks: give --expose to let others reach it.")
}

// organisation returns the organisation of the journal, or makes one, with a new token.
func (w *webexorgServeCmd) organisation(ctx context.Context, u *webexorg.Universe) (webexorgCard, error) {
	if len(u.Orgs()) == 0 {
		if err := w.begin(ctx, u); err != nil {
			return webexorgCard{}, err
		}
	}
	o := u.Orgs()[0]
	if err := o.SetKnobs(webexorg.Knobs{Present: w.Present, PageLatency: w.PageLatency}); err != nil {
		return webexorgCard{}, usage("The organisation cannot be as asked: %v.", err)
	}
	token, err := o.IssueToken(webexorg.Everything, webexorg.DefaultLifetime)
	return webexorgCard{Organisation: o.ID(), Token: token}, err
}

// begin makes the organisations of the seed, or the one that the flags describe.
func (w *webexorgServeCmd) begin(ctx context.Context, u *webexorg.Universe) error {
	if w.Seed != "" {
		return w.plant(ctx, u)
	}
	o, err := u.AddOrg(webexorg.OrgConfig{Name: w.Name, Region: w.Region, Domains: w.Domain, Enforce: len(w.Domain) > 0})
	if err != nil || !w.People {
		return err
	}
	domain := append(w.Domain, "example.com")[0]
	return webexorg.AddSample(ctx, o, domain)
}

// plant reads the file of --seed and makes its organisations.
func (w *webexorgServeCmd) plant(ctx context.Context, u *webexorg.Universe) error {
	file, err := os.Open(w.Seed)
	if err != nil {
		return usage("The seed cannot be read: %v.", err)
	}
	defer file.Close()
	seed, err := webexorg.ReadSeed(file)
	if err == nil && len(seed.Organisations) == 0 {
		err = errors.New("it names no organisation")
	}
	if err == nil {
		_, err = u.Plant(ctx, seed)
	}
	if err != nil {
		return usage("The seed %s cannot be used: %v.", w.Seed, err)
	}
	return nil
}
