package webexorg

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"lockstep/web"
)

// Serving says what a Universe that listens is to be: the flags of `lockstep webexorg serve`.
type Serving struct {
	Listen      string        // address, of this machine unless Expose
	Name        string        // of the organisation that the first start makes
	Domain      []string      // its verified domains, beside which nobody is let in; none lets everybody in
	Region      string        // where it has its home; "" is everywhere
	People      bool          // begin with a few to sign in as
	Journal     string        // file that keeps it; "" keeps nothing
	Sync        bool          // every write waits for the disk
	Seed        string        // file with organisations to begin with
	Control     string        // token of the control surface; "" makes one up
	Inspect     int           // calls that are kept to look at
	Present     int           // accounts that belong to nobody
	PageLatency time.Duration // of a page of a list
	TLS         string        // folder of a certification authority; "" is plain HTTP
	Expose      bool          // listen beyond this machine
}

// Card tells how a Webex organisation is reached.
type Card struct {
	Address      string `json:"address"`
	Control      string `json:"control_token"` // of the control surface; valid while it runs
	Organisation string `json:"organisation"`
	Endpoint     string `json:"endpoint"` // of SCIM
	Token        string `json:"token"`
	Apps         string `json:"apps"`         // the developer console, a page
	CA           string `json:"ca,omitempty"` // the certificate to trust; "" without TLS
}

// Listening is a Universe that has an address.
type Listening struct {
	*Universe
	Card     Card
	listener net.Listener
}

// Serve answers until the context ends.
func (l *Listening) Serve(ctx context.Context) error { return l.Universe.Serve(ctx, l.listener) }

// Open listens. What the caller is to blame for is an error of the command line.
func (s Serving) Open(ctx context.Context) (_ *Listening, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s.Control = cmp.Or(s.Control, rand.Text())
	l := &Listening{}
	if l.Universe, err = New(Config{Journal: s.Journal, Sync: s.Sync, Control: s.Control, Inspect: s.Inspect}); err != nil {
		return nil, err
	}
	if l.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen); err != nil {
		return nil, errors.Join(usage("Cannot listen: %v.", err), l.Close())
	}
	if err := s.introduce(ctx, l); err != nil {
		return nil, errors.Join(err, l.listener.Close(), l.Close())
	}
	return l, nil
}

// introduce makes sure that there is an organisation and tells how it is reached.
func (s Serving) introduce(ctx context.Context, l *Listening) error {
	o, err := s.organisation(ctx, l.Universe)
	if err != nil {
		return err
	}
	l.Card = Card{Address: "http://" + l.listener.Addr().String(), Control: s.Control, Organisation: o.ID()}
	if l.Card.Token, err = o.IssueToken(Everything, DefaultLifetime); err != nil {
		return err
	}
	if s.TLS != "" {
		ca, err := s.authority()
		if err != nil {
			return err
		}
		l.Card.Address, l.Card.CA = "https://"+l.listener.Addr().String(), ca.File(s.TLS)
		l.listener = tls.NewListener(l.listener, ca.Config())
	}
	l.Card.Apps = l.Card.Address + "/apps"
	l.Card.Endpoint = l.Card.Address + "/identity/scim/" + o.ID() + "/v2"
	return nil
}

// check refuses to listen beyond this machine unless that was asked for.
func (s Serving) check() error {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return usage("--listen is an address with a port, such as 127.0.0.1:8430.")
	}
	addr, err := netip.ParseAddr(host)
	if s.Expose || host == "localhost" || (err == nil && addr.IsLoopback()) {
		return nil
	}
	return usage("The organisation trusts whoever holds a token, and signs in whoever asks: give --expose to let others reach it.")
}

// authority opens the certification authority of the folder. It is for names of this machine, and for Webex's own: who has those
// lead to this machine tries a client unchanged. With Expose it is for this machine's other addresses, too.
func (s Serving) authority() (*web.CA, error) {
	var ranges []net.IPNet
	if s.Expose {
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
	ca, err := web.OpenCA(s.TLS, []string{"localhost", "webex.com", "webexapis.com", "ciscospark.com"}, ranges...)
	if err != nil {
		return nil, usage("Cannot serve HTTPS: %v.", err)
	}
	return ca, nil
}

// organisation returns the organisation of the journal, or makes what there is to begin with.
func (s Serving) organisation(ctx context.Context, u *Universe) (*Org, error) {
	if len(u.Orgs()) == 0 {
		if err := s.begin(ctx, u); err != nil {
			return nil, err
		}
	}
	o := u.Orgs()[0]
	if err := o.SetKnobs(Knobs{Present: s.Present, PageLatency: s.PageLatency}); err != nil {
		return nil, usage("The organisation cannot be as asked: %v.", err)
	}
	return o, nil
}

// begin makes the organisations of the seed, or the one that is described.
func (s Serving) begin(ctx context.Context, u *Universe) error {
	if s.Seed != "" {
		return s.plant(ctx, u)
	}
	o, err := u.AddOrg(OrgConfig{Name: s.Name, Region: s.Region, Domains: s.Domain, Enforce: len(s.Domain) > 0})
	if err != nil || !s.People {
		return err
	}
	domain := append(s.Domain, "example.com")[0]
	return AddSample(ctx, o, domain)
}

// plant reads the file of the seed and makes its organisations.
func (s Serving) plant(ctx context.Context, u *Universe) error {
	file, err := os.Open(s.Seed)
	if err != nil {
		return usage("The seed cannot be read: %v.", err)
	}
	defer file.Close()
	seed, err := ReadSeed(file)
	if err == nil && len(seed.Organisations) == 0 {
		err = errors.New("it names no organisation")
	}
	if err == nil {
		_, err = u.Plant(ctx, seed)
	}
	if err != nil {
		return usage("The seed %s cannot be used: %v.", s.Seed, err)
	}
	return nil
}
