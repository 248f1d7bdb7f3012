package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/connection"
	"lockstep/connection/oauth"
	"lockstep/connector/csvfile"
	"lockstep/connector/ldap"
	"lockstep/connector/scimapp"
	"lockstep/connector/webex"
	"lockstep/mirror"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/store"
	"lockstep/web"
)

// connector is one kind of outside system.
type connector struct {
	template    func() []byte // an api.Template as JSON
	inbound     bool
	open        func(*systems, context.Context, provision.Job) (opened, error)
	destination func(settings map[string]string) string // where its secrets go
	names       func(settings map[string]string) string // which system it is
	check       func(settings map[string]string) map[string]error

	address      func(settings map[string]string) (string, error)
	parseAddress func(text string) (map[string]string, error)
	tokenPage    string
	parseToken   func(text string, now time.Time) (string, time.Time, error)
	uses         func(settings map[string]string) []string          // secrets that settings have a use for; nil is all
	byMail       bool                                               // accounts are called by e-mail addresses
	presets      func(settings map[string]string) map[string]string // what settings mean that are not set; nil is nothing
}

// connectors are all kinds of outside system that there are.
func connectors() map[string]connector {
	return map[string]connector{
		"csvfile": {template: csvfile.Template, inbound: true, open: (*systems).csvfile, destination: csvfile.Destination, names: csvfile.System, check: csvfile.CheckSettings},
		"ldap":    {template: ldap.Template, inbound: true, open: (*systems).ldap, destination: ldap.Destination, names: ldap.System, check: ldap.CheckSettings},
		"scimapp": {template: scimapp.Template, open: (*systems).scimapp, destination: scimapp.Destination, names: scimapp.System, check: scimapp.CheckSettings, uses: oauth.Uses},
		"webex": {
			template: webex.Template, open: (*systems).webex, destination: webex.Destination, names: webex.System, check: webex.CheckSettings,
			address: webex.Address, parseAddress: webex.ParseAddress, tokenPage: webex.TokenPage, parseToken: webexToken,
			uses: oauth.Uses, presets: webex.Presets, byMail: true,
		},
	}
}

// Gallery returns the connectors' templates in the order in which they are shown.
func Gallery() ([]operate.Template, error) {
	var all []operate.Template
	for _, kind := range []string{"webex", "scimapp", "csvfile", "ldap"} {
		c, ok := connectors()[kind]
		if !ok {
			continue
		}
		var t api.Template
		if err := json.Unmarshal(c.template(), &t); err != nil {
			return nil, fmt.Errorf("template of %s: %w", kind, err)
		}
		all = append(all, c.helped(t.Domain()))
	}
	return all, nil
}

// helped adds to a template what its connector knows beyond JSON.
func (c connector) helped(t operate.Template) operate.Template {
	t.Destination, t.System = c.destination, c.names
	t.Check, t.Address, t.ParseAddress, t.TokenPage = c.check, c.address, c.parseAddress, c.tokenPage
	t.ParseToken, t.Uses, t.Presets, t.NamedByMail = c.parseToken, c.uses, c.presets, c.byMail
	return t
}

// webexToken takes a token out of the address to which Webex has sent a browser.
func webexToken(text string, now time.Time) (string, time.Time, error) {
	t, err := webex.ParseRedirect(text, now)
	return t.Text, t.Expires, err
}

// systems opens the outside systems of jobs. It implements provision.Connect, and opens them for mirror.Runner.
type systems struct {
	store  provision.Store
	db     *store.DB // keeps the access tokens of connections
	mirror mirror.SourceStore
	files  *folders
	dialer *web.Dialer
	log    *slog.Logger

	mu   sync.Mutex
	open map[lockstep.JobID]opened
}

// opened is a system as it was opened for a version of the job's configuration; it keeps its connections between slices.
type opened struct {
	config  int64
	system  system
	reader  connection.Reader
	getter  connection.Getter  // nil: it cannot be asked for single objects
	watcher connection.Watcher // nil: it cannot tell when something has changed
	target  connection.Target  // nil: nothing can be written
	tokens  *oauth.Source      // nil: it has a token that somebody typed, or needs none
	timeout time.Duration      // of a call; 0 is 30 s
	hidden  map[string][]string
}

// system is what every outside system can say of itself.
type system interface {
	Describe(ctx context.Context) (connection.System, error)
	Test(ctx context.Context, report func(connection.Check)) error
}

// Source implements provision.Connect: the engine reads a source as it was last seen.
func (s *systems) Source(ctx context.Context, j provision.Job) (connection.Source, error) {
	o, err := s.get(ctx, j)
	if err != nil {
		return nil, err
	}
	var types []string
	for _, w := range wanted(j, o) {
		types = append(types, w.Type)
	}
	return &mirror.Source{Store: s.mirror, ID: mirror.ID{Tenant: j.Tenant, Connection: j.ID}, Types: types, System: o.system}, nil
}

// Target implements provision.Connect.
func (s *systems) Target(ctx context.Context, j provision.Job) (connection.Target, error) {
	o, err := s.get(ctx, j)
	return o.target, err
}

// read opens a connection for mirror.Runner.
func (s *systems) read(ctx context.Context, id mirror.ID) (mirror.System, error) {
	j, err := s.store.Job(ctx, id.Tenant, id.Connection)
	if err != nil {
		return mirror.System{}, err
	}
	o, err := s.get(ctx, j)
	m := mirror.System{Reader: o.reader, Getter: o.getter, Types: wanted(j, o)}
	if o.timeout > 0 { // whoever gives up first says why
		m.Timeout = max(o.timeout, 30*time.Second) + 5*time.Second
	}
	return m, err
}

// wanted says what is read of the job's outside system, people before groups. Of a source all attributes are kept, since any may
// stand in an expression or be asked for by who explains; of a target those that the rules write and match by.
func wanted(j provision.Job, o opened) []mirror.Wanted {
	var all []mirror.Wanted
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		for _, m := range j.Rules.Objects {
			ours := m.Source
			if j.Direction == provision.Outbound {
				ours = m.Target[strings.LastIndexByte(m.Target, ':')+1:]
			}
			if !m.Enabled || ours != typ || typ == connection.GroupType && j.Direction == provision.Outbound && !j.Policy.Groups {
				continue
			}
			w := mirror.Wanted{Type: typ, Secrets: o.hidden[typ]}
			for _, a := range m.Attributes {
				if j.Direction == provision.Inbound {
					break
				}
				w.Paths = append(w.Paths, a.Target)
				if a.Match > 0 {
					w.Keys = append(w.Keys, a.Target)
				}
			}
			all = append(all, w)
			break
		}
	}
	return all
}

func (s *systems) get(ctx context.Context, j provision.Job) (opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.open[j.ID]; ok && o.config == j.Config {
		return o, nil
	}
	c, ok := connectors()[j.Connection.Kind]
	if !ok || (j.Direction == provision.Inbound) != c.inbound {
		return opened{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("There is no connector %q for an %s job.", j.Connection.Kind, j.Direction)}
	}
	o, err := c.open(s, ctx, j)
	if err != nil {
		return opened{}, err
	}
	o.config = j.Config
	if s.open == nil {
		s.open = map[lockstep.JobID]opened{}
	}
	s.open[j.ID] = o
	return o, nil
}

// secret returns a function that reads a secret whenever it is needed, so that a new one counts at once. A secret that is not
// set gives "". It is given out only while the connection leads where it led when it was opened: whoever still works by old
// settings does not get the secret that came with new ones.
func (s *systems) secret(j provision.Job, name string) func(context.Context) (string, error) {
	destination := connectors()[j.Connection.Kind].destination
	opened := destination(j.Connection.Settings)
	return func(ctx context.Context) (string, error) {
		v, now, err := s.store.Secret(ctx, j.Tenant, j.ID, name)
		if errors.Is(err, lockstep.ErrNotFound) {
			return "", nil
		}
		if err == nil && destination(now.Settings) != opened {
			err = &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The connection was changed and leads somewhere else now."}
		}
		if err != nil {
			return "", err
		}
		return v, nil
	}
}

// recent is secret for what each request needs: what another node has set counts within a tenth of a second, what this one has at once.
func (s *systems) recent(j provision.Job, name string) func(context.Context) (string, error) {
	destination := connectors()[j.Connection.Kind].destination
	opened, now := destination(j.Connection.Settings), s.secret(j, name)
	return func(ctx context.Context) (string, error) {
		v, c, err := s.db.RecentSecret(ctx, j.Tenant, j.ID, name)
		if err == nil && destination(c.Settings) == opened {
			return v, nil
		}
		return now(ctx) // which knows what is wrong; or it was right a moment ago
	}
}

func (s *systems) http(insecure bool, timeout time.Duration) *http.Client {
	return web.NewClient(web.ClientConfig{Dialer: s.dialer, Plain: insecure, Timeout: timeout})
}

func (s *systems) csvfile(ctx context.Context, j provision.Job) (opened, error) {
	folder, err := s.files.of(ctx, j.Tenant)
	if err != nil {
		return opened{}, err
	}
	c, err := csvfile.ParseConfig(folder, j.Connection.Settings)
	if err != nil {
		return opened{}, err
	}
	r := csvfile.NewReader(c)
	return opened{system: r, reader: r, getter: r, watcher: r}, nil
}

func (s *systems) ldap(_ context.Context, j provision.Job) (opened, error) {
	c, err := ldap.ParseConfig(j.Connection.Settings)
	if err != nil {
		return opened{}, err
	}
	c.Password = s.secret(j, "password")
	if s.dialer != nil {
		c.Dial = s.dialer.DialContext
	}
	r, err := ldap.NewReader(c)
	return opened{system: r, reader: r, getter: r, watcher: r}, err
}

func (s *systems) scimapp(_ context.Context, j provision.Job) (opened, error) {
	c, err := scimapp.ParseConfig(j.Connection.Settings)
	if err != nil {
		return opened{}, err
	}
	c.Name, c.Token, c.HTTP = j.Name, s.recent(j, "token"), s.http(c.Insecure, c.Timeout)
	c.Inside = web.Inside
	tokens, err := s.tokens(j)
	if err != nil {
		return opened{}, err
	}
	if tokens != nil {
		c.Token, c.Refused = tokens.Token, tokens.Refused
	}
	t, err := scimapp.New(c)
	if err != nil {
		return opened{}, err
	}
	reads := t.Reads()
	return opened{system: t, target: t, reader: reads, getter: reads, tokens: tokens, timeout: c.Timeout}, nil
}

func (s *systems) webex(_ context.Context, j provision.Job) (opened, error) {
	c, err := webex.ParseConfig(j.Connection.Settings)
	if err != nil {
		return opened{}, err
	}
	c.Name, c.Token, c.HTTP = j.Name, s.recent(j, "token"), s.http(false, c.Timeout)
	c.Inside = web.Inside
	tokens, err := s.tokens(j)
	if err != nil {
		return opened{}, err
	}
	if tokens != nil {
		c.Token, c.Refused = tokens.Token, tokens.Refused
	}
	t, err := webex.New(c)
	if err != nil {
		return opened{}, err
	}
	reads := t.Reads()
	return opened{system: t, target: t, reader: reads, getter: reads, tokens: tokens, timeout: c.Timeout}, nil
}
