package oauth

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"lockstep/token"
)

// Seed is what a broker is to begin with, beside Webex's own client: the form in seed files, and of what Export returns. People are
// named by id or user name. Tokens, sessions and the signing key are none of it.
type Seed struct {
	Settings   Settings      `json:"settings,omitzero"`
	Clients    []SeedClient  `json:"clients,omitempty"`
	Developers []string      `json:"developers,omitempty"` // people who may register clients
	Authorised []SeedConsent `json:"authorised,omitempty"` // service apps that organisations have authorised: client and org
	Consents   []SeedConsent `json:"consents,omitempty"`   // what people allowed clients: client, person and scopes
}

// SeedClient is a client with its secret, or with the hash of one that nobody can read any more.
type SeedClient struct {
	Client
	Secret string `json:"clientSecret,omitempty"`
	Hash   string `json:"secretHash,omitempty"` // SHA-256, in hexadecimal digits
}

// SeedConsent says that somebody allowed a client something.
type SeedConsent struct {
	Client string   `json:"client"`
	Org    string   `json:"org,omitempty"`
	Person string   `json:"person,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
}

// Export returns what the broker has as a seed. What belongs to organisations and people that are gone is left out.
func (s *Server) Export() Seed {
	known := map[string]bool{}
	for _, o := range s.config.People.Organisations() {
		known[o.ID] = true
	}
	s.mu.RLock()
	seed := Seed{Settings: s.settings}
	for _, c := range s.clients {
		if c.Kind != FirstParty && known[c.Org] {
			seed.Clients = append(seed.Clients, SeedClient{Client: c.Client, Hash: hex.EncodeToString(c.Secret[:])})
		}
	}
	for person := range s.developers {
		seed.Developers = append(seed.Developers, person)
	}
	for a, allowed := range s.allowed {
		if allowed && known[a.org] && s.clients[a.client] != nil {
			seed.Authorised = append(seed.Authorised, SeedConsent{Client: a.client, Org: a.org})
		}
	}
	var grants []*grant
	for _, g := range s.grants {
		if c := s.clients[g.Client]; g.Person != "" && c != nil && c.Kind != FirstParty {
			grants = append(grants, g)
		}
	}
	s.mu.RUnlock()
	for _, g := range grants {
		if s.stands(g) {
			seed.Consents = append(seed.Consents, SeedConsent{Client: g.Client, Person: g.Person, Scopes: slices.Sorted(slices.Values(g.Scopes))})
		}
	}
	seed.Developers = slices.DeleteFunc(seed.Developers, func(id string) bool { _, ok := s.config.People.Person(id); return !ok })
	seed.sort()
	return seed
}

// sort brings the seed into one order, and leaves out consents that say the same.
func (d *Seed) sort() {
	byConsent := func(a, b SeedConsent) int {
		return cmp.Or(strings.Compare(a.Client, b.Client), strings.Compare(a.Org, b.Org), strings.Compare(a.Person, b.Person), slices.Compare(a.Scopes, b.Scopes))
	}
	slices.SortFunc(d.Clients, func(a, b SeedClient) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	slices.Sort(d.Developers)
	slices.SortFunc(d.Authorised, byConsent)
	slices.SortFunc(d.Consents, byConsent)
	d.Consents = slices.CompactFunc(d.Consents, func(a, b SeedConsent) bool { return byConsent(a, b) == 0 })
}

// Plant adds what the seed has. Organisations and people must be there already. After an error some of it may be there.
func (s *Server) Plant(seed Seed) error {
	var entries []entry
	if seed.Settings != (Settings{}) {
		entries = append(entries, entry{Op: "settings", Settings: &seed.Settings})
	}
	for i := range seed.Clients {
		c, err := s.seedClient(seed.Clients[i])
		if err != nil {
			return fmt.Errorf("client %d: %w", i+1, err)
		}
		entries = append(entries, entry{Op: "client", Client: c})
	}
	if err := s.change(func() ([]entry, error) { return entries, nil }); err != nil {
		return err
	}
	entries = nil
	for _, name := range seed.Developers {
		p, err := s.seedPerson(name)
		if err != nil {
			return fmt.Errorf("developer: %w", err)
		}
		entries = append(entries, entry{Op: "developer", ID: p.ID})
	}
	for _, a := range seed.Authorised {
		e, err := s.seedAuthorised(a)
		if err != nil {
			return fmt.Errorf("authorised service app: %w", err)
		}
		entries = append(entries, e)
	}
	for _, c := range seed.Consents {
		g, err := s.seedConsent(c)
		if err != nil {
			return fmt.Errorf("consent: %w", err)
		}
		entries = append(entries, entry{Op: "grant", Grant: g})
	}
	return s.change(func() ([]entry, error) { return entries, nil })
}

var clientID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// seedClient checks a client of a seed and completes it.
func (s *Server) seedClient(in SeedClient) (*client, error) {
	c := &client{Client: in.Client}
	if c.ID = cmp.Or(c.ID, "C"+secretHex(32)); !clientID.MatchString(c.ID) {
		return nil, fmt.Errorf("clientId: %q is none", c.ID)
	}
	if _, there := s.Client(c.ID); there {
		return nil, fmt.Errorf("there is a client %s already", c.ID)
	}
	if c.Created.IsZero() {
		c.Created = s.now()
	}
	if c.Modified.IsZero() {
		c.Modified = c.Created
	}
	if c.Owner != "" {
		p, err := s.seedPerson(c.Owner)
		if err != nil {
			return nil, fmt.Errorf("owner: %w", err)
		}
		c.Owner, c.Org = p.ID, cmp.Or(c.Org, p.Org)
	}
	if _, ok := s.config.People.Organisation(c.Org); !ok {
		return nil, fmt.Errorf("orgId: there is no organisation %q", c.Org)
	}
	if in.Hash != "" {
		if n, err := hex.Decode(c.Secret[:], []byte(in.Hash)); err != nil || n != len(c.Secret) {
			return nil, fmt.Errorf("secretHash: not %d hexadecimal digits", 2*len(c.Secret))
		}
	}
	if in.Secret != "" {
		c.Secret = token.HashOf(in.Secret)
	}
	return c, c.check()
}

// seedPerson finds a person by id or user name.
func (s *Server) seedPerson(name string) (Person, error) {
	if p, ok := s.config.People.Person(name); ok {
		return p, nil
	}
	if p, ok := s.config.People.Login(name); ok {
		return p, nil
	}
	return Person{}, fmt.Errorf("there is no person %q", name)
}

func (s *Server) seedAuthorised(a SeedConsent) (entry, error) {
	if c, ok := s.Client(a.Client); !ok || c.Kind != ServiceApp {
		return entry{}, fmt.Errorf("there is no service app %q", a.Client)
	}
	if _, ok := s.config.People.Organisation(a.Org); !ok {
		return entry{}, fmt.Errorf("there is no organisation %q", a.Org)
	}
	return entry{Op: "allow", ID: a.Client, Org: a.Org}, nil
}

func (s *Server) seedConsent(in SeedConsent) (*grant, error) {
	c, ok := s.Client(in.Client)
	if !ok || c.Kind == ServiceApp {
		return nil, fmt.Errorf("there is no client %q that people consent to", in.Client)
	}
	if len(in.Scopes) == 0 || !subset(in.Scopes, slices.Concat(c.Scopes, openIDScopes())) {
		return nil, fmt.Errorf("client %s has not registered the scopes %v", in.Client, in.Scopes)
	}
	p, err := s.seedPerson(in.Person)
	if err != nil {
		return nil, err
	}
	epoch, _ := s.config.People.Standing(p.ID)
	return &grant{
		ID: uuid.Must(uuid.NewV7()).String(), Client: c.ID, Person: p.ID, Org: p.Org, Epoch: epoch, Scopes: in.Scopes,
		Created: s.now(), Auth: s.now(), Kept: true,
	}, nil
}
