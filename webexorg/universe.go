package webexorg

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	scimface "lockstep/webexorg/scim"

	"lockstep/web"
	"lockstep/webexorg/hub"
	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// Config says what a universe is like. The zero value keeps everything in memory and has no control surface.
type Config struct {
	// Journal is the file that every write is appended to and that New reads. "" keeps nothing.
	Journal string
	// Sync makes every write wait until the journal is on the disk. Without it a write survives the end of the process, not
	// that of the machine.
	Sync bool
	// Control is the bearer token of the control surface, /control/. "" closes it.
	Control string
	// BaseURL begins the locations in answers, such as "https://webexapis.com". "" takes scheme and host of the request.
	BaseURL string
	// Commits is how many commits Commits remembers; 0 is 131,072.
	Commits int
	// Inspect is how many of the last calls of each organisation the inspector keeps; 0 is none, which is the fastest.
	Inspect int
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// The words of the state that whoever runs a universe needs.
type (
	// Org is an organisation.
	Org = state.Org
	// OrgConfig says what an organisation is like.
	OrgConfig = state.OrgConfig
	// Knobs say how an organisation misbehaves.
	Knobs = state.Knobs
	// Fault makes some requests fail.
	Fault = state.Fault
	// FaultKind is a way to fail.
	FaultKind = state.FaultKind
	// Commit says that a write took effect.
	Commit = state.Commit
	// Scope is what a bearer token allows.
	Scope = state.Scope
)

// The kinds of fault, the scopes and the lifetime of tokens; see package state.
const (
	Fault423       = state.Fault423
	Fault429       = state.Fault429
	Fault500       = state.Fault500
	Fault502       = state.Fault502
	Fault503       = state.Fault503
	Fault504       = state.Fault504
	FaultReset     = state.FaultReset
	FaultHang      = state.FaultHang
	FaultHTML      = state.FaultHTML
	FaultTruncate  = state.FaultTruncate
	FaultMalformed = state.FaultMalformed
	FaultExpire    = state.FaultExpire
	FaultPartial   = state.FaultPartial

	ReadWrite       = state.ReadWrite
	ReadOnly        = state.ReadOnly
	Everything      = state.Everything
	DefaultLifetime = state.DefaultLifetime
)

// IsPresent reports whether the user name is one of those that Knobs.Present makes.
func IsPresent(userName string) bool { return state.IsPresent(userName) }

// Universe is all the Webex there is, with its faces. It is safe for many goroutines.
type Universe struct {
	*state.Universe
	config    Config
	counts    counters
	inspector *web.Inspector
	broker    *oauth.Server
}

// New returns a universe with what its journal holds.
func New(c Config) (*Universe, error) {
	u := &Universe{config: c}
	if c.Inspect > 0 {
		u.inspector = &web.Inspector{Keep: c.Inspect}
	}
	broker := oauth.Config{People: people{u}, BaseURL: c.BaseURL, Now: c.Now, Noted: u.noted, Before: u.beforeSignIn}
	if c.Journal != "" {
		broker.Journal = foreign{u}
	}
	u.broker = oauth.New(broker)
	var err error
	u.Universe, err = state.New(state.Config{Journal: c.Journal, Sync: c.Sync, Commits: c.Commits, Foreign: u.broker.Replay, Now: c.Now})
	return u, err
}

// Serve answers requests on the listener until ctx ends, then lets those that run finish. Meanwhile time does what it does to
// accounts; see Org.Sweep.
func (u *Universe) Serve(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	swept := make(chan error, 1)
	go func() { swept <- u.sweep(ctx) }()
	err := web.Run(ctx, ln, u.Handler())
	stop()
	return errors.Join(err, <-swept)
}

// sweep looks after the organisations once an hour.
func (u *Universe) sweep(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, o := range u.Orgs() {
			if _, err := o.Sweep(); err != nil {
				return err
			}
		}
	}
}

// Counts returns how many requests there were, by route and status, since the start or ResetCounts.
func (u *Universe) Counts() []Count { return u.counts.list() }

// ResetCounts begins to count anew.
func (u *Universe) ResetCounts() { u.counts.reset() }

// Administered reports whether any organisation has an administrator, who can sign in to its pages.
func (u *Universe) Administered() bool {
	return slices.ContainsFunc(u.Orgs(), func(o *Org) bool {
		some := o.Some(1, func(*state.Person) bool { return false })
		return len(some) > 0 && len(some[0].Roles) > 0
	})
}

// Handler serves the universe: SCIM, the REST API, sign-in, the developer console, and /control/.
func (u *Universe) Handler() http.Handler {
	g := newGateway(u)
	mux := http.NewServeMux()
	faces := g.handler()
	mux.Handle("/", faces)
	u.mountSignIn(mux, faces)
	(&hub.Hub{Universe: u.Universe, Broker: u.broker, Calls: u.Calls, Base: u.baseURL}).Mount(mux)
	mux.Handle("GET /{$}", http.RedirectHandler("/hub", http.StatusSeeOther)) // whoever opens the address in a browser
	if u.config.Control != "" {
		mux.Handle("/control/", u.control())
	}
	return mux
}

// baseURL is the address of the universe as the client sees it.
func (u *Universe) baseURL(r *http.Request) string {
	if u.config.BaseURL != "" {
		return u.config.BaseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

var (
	errNoToken      = errors.New("A bearer token is required.")          //nolint:staticcheck // a sentence for the client
	errUnknownToken = errors.New("The token is unknown or has expired.") //nolint:staticcheck // a sentence for the client
)

// authenticate returns who bears the request's token.
func (u *Universe) authenticate(r *http.Request) (state.Principal, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return state.Principal{}, errNoToken
	}
	text = strings.TrimSpace(text)
	if p, _, ok := u.Token(text); ok {
		return p, nil
	}
	if p, ok := u.bearer(text); ok {
		return p, nil
	}
	return state.Principal{}, errUnknownToken
}

// trackingHeader is on every answer of Webex.
const trackingHeader = scimface.TrackingHeader
