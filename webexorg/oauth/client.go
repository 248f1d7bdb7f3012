package oauth

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/token"
)

// ClientKind says what a client is for.
type ClientKind string

// The kinds of client that the developer console offers, and Webex's own.
const (
	Integration   ClientKind = "integration"    // acts for the person who consents
	ServiceApp    ClientKind = "service"        // acts for an organisation whose full administrator authorised it
	ContactCentre ClientKind = "contact-centre" // signs agents in
	FirstParty    ClientKind = "webex"          // Webex's own; nobody is asked for consent
)

// Name is how pages call a kind.
func (k ClientKind) Name() string {
	switch k {
	case Integration:
		return "Integration"
	case ServiceApp:
		return "Service app"
	case ContactCentre:
		return "Contact centre client"
	}
	return cmp.Or(string(k), "Application")
}

// SCIMClient is the client with which an administrator fetches the token for Entra ID. Its address stands in Microsoft's and
// Cisco's instructions.
const SCIMClient = "C4ca14fe00b0e51efb414ebd45aa88c1858c3bfb949b2405dba10b0ca4bc37402"

// Client is a registered client. What is registered is changed through Register, Update, NewSecret and Remove.
type Client struct {
	ID          string     `json:"clientId"`
	Kind        ClientKind `json:"type"`
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Contact     string     `json:"contactEmail,omitempty"`
	Owner       string     `json:"owner,omitempty"` // the person who registered it
	Org         string     `json:"orgId,omitempty"` // their organisation
	Redirects   []string   `json:"redirectUrls,omitempty"`
	Scopes      []string   `json:"scopes"`
	Created     time.Time  `json:"created,omitzero"`
	Modified    time.Time  `json:"modified,omitzero"`
}

// client is a Client with what nobody is shown.
type client struct {
	Client
	Secret token.Hash `json:"secretHash"`
}

func (c *client) secretIs(text string) bool {
	hash := token.HashOf(text)
	return c.Secret != (token.Hash{}) && subtle.ConstantTimeCompare(hash[:], c.Secret[:]) == 1
}

func scimClient() Client {
	return Client{
		ID: SCIMClient, Kind: FirstParty, Name: "Webex Control Hub",
		Redirects: []string{"http://localhost:3000/auth/code"},
		Scopes:    []string{"spark:people_read", "spark:people_write", SCIM},
	}
}

// Limits of what can be registered.
const (
	maxRedirects    = 20
	maxURI          = 2048
	maxName         = 128
	maxText         = 1024
	maxScopes       = 100
	maxClientsOfOrg = 1000
)

// check returns what is wrong with what somebody wants to register.
func (c *Client) check() error {
	bad := func(format string, args ...any) error {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case c.Kind != Integration && c.Kind != ServiceApp && c.Kind != ContactCentre:
		return bad("type: %q is none of %s, %s, %s", c.Kind, Integration, ServiceApp, ContactCentre)
	case strings.TrimSpace(c.Name) == "" || len(c.Name) > maxName:
		return bad("name: give a name of at most %d characters", maxName)
	case len(c.Description) > maxText || len(c.Contact) > maxName:
		return bad("description, contactEmail: too long")
	case c.Kind != ServiceApp && len(c.Redirects) == 0:
		return bad("redirectUrls: give at least one redirect URI")
	case len(c.Redirects) > maxRedirects:
		return bad("redirectUrls: at most %d", maxRedirects)
	case len(c.Scopes) == 0 || len(c.Scopes) > maxScopes:
		return bad("scopes: choose at least one")
	}
	for _, uri := range c.Redirects {
		if err := checkRedirect(uri); err != nil {
			return bad("redirectUrls: %q: %v", uri, err)
		}
	}
	for _, name := range c.Scopes {
		if !knownScope(name) {
			return bad("scopes: there is no scope %q", name)
		}
	}
	return nil
}

// checkRedirect allows what may stand in a registration: an absolute URI without a fragment (RFC 6749 §3.1.2), in HTTPS, or in
// HTTP to this machine, or of an application of its own (RFC 8252 §7.1), whose scheme has a dot.
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > maxURI || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return fmt.Errorf("not a URI")
	case strings.Contains(uri, "#"):
		return fmt.Errorf("a redirect URI has no fragment")
	case u.User != nil:
		return fmt.Errorf("a redirect URI has no user name")
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && isLocal(u.Hostname()):
		return nil
	case strings.Contains(u.Scheme, "."):
		return nil
	}
	return fmt.Errorf("give an https address; http is for this machine alone")
}

func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (err == nil && addr.IsLoopback())
}

// Client returns a client by its client id.
func (s *Server) Client(id string) (Client, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.clients[id]; c != nil {
		return c.Client, true
	}
	return Client{}, false
}

// Clients returns those that somebody of the organisation registered, the oldest first.
func (s *Server) Clients(org string) []Client {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Client
	for _, c := range s.clients {
		if c.Org == org && c.Kind != FirstParty {
			list = append(list, c.Client)
		}
	}
	slices.SortFunc(list, func(a, b Client) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Register adds a client and returns it with its id, and its secret, which exists nowhere else.
func (s *Server) Register(c Client) (Client, string, error) {
	if err := c.check(); err != nil {
		return Client{}, "", err
	}
	secret := secretHex(32)
	c.ID, c.Created = "C"+secretHex(32), s.now()
	c.Modified = c.Created
	c.Redirects, c.Scopes = slices.Clone(c.Redirects), slices.Clone(c.Scopes)
	err := s.change(func() ([]entry, error) {
		count := 0
		for _, other := range s.clients {
			if other.Org == c.Org {
				count++
			}
		}
		if count >= maxClientsOfOrg {
			return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "the organisation has as many applications as it may have"}
		}
		return []entry{{Op: "client", Client: &client{Client: c, Secret: token.HashOf(secret)}}}, nil
	})
	if err != nil {
		return Client{}, "", err
	}
	return c, secret, nil
}

// Update changes a client. Its id, kind, owner and secret stay. Scopes that it loses are lost to its grants' tokens with their
// next use: such grants end.
func (s *Server) Update(id string, edit func(*Client)) (Client, error) {
	var c Client
	err := s.changeClient(id, func(old client) (client, error) {
		c = old.Client
		c.Redirects, c.Scopes = slices.Clone(c.Redirects), slices.Clone(c.Scopes)
		edit(&c)
		c.ID, c.Kind, c.Owner, c.Org, c.Created, c.Modified = old.ID, old.Kind, old.Owner, old.Org, old.Created, s.now()
		return client{Client: c, Secret: old.Secret}, c.check()
	})
	return c, err
}

// NewSecret gives a client another secret and returns it. The old one is wrong at once; tokens stay.
func (s *Server) NewSecret(id string) (string, error) {
	secret := secretHex(32)
	return secret, s.changeClient(id, func(old client) (client, error) {
		old.Secret = token.HashOf(secret)
		old.Modified = s.now()
		return old, nil
	})
}

// Remove takes a client away with all that it was granted.
func (s *Server) Remove(id string) error {
	return s.change(func() ([]entry, error) {
		if _, err := s.registered(id); err != nil {
			return nil, err
		}
		return []entry{{Op: "drop", ID: id}}, nil
	})
}

func (s *Server) changeClient(id string, edit func(client) (client, error)) error {
	return s.change(func() ([]entry, error) {
		old, err := s.registered(id)
		if err != nil {
			return nil, err
		}
		next, err := edit(*old)
		if err != nil {
			return nil, err
		}
		entries := []entry{{Op: "client", Client: &next}}
		for _, g := range s.grants {
			if g.Client == id && !subset(g.Scopes, slices.Concat(next.Scopes, openIDScopes())) {
				entries = append(entries, entry{Op: "end", ID: g.ID})
			}
		}
		return entries, nil
	})
}

// registered returns a client that somebody registered; Webex's own are not theirs to change. The lock must be held.
func (s *Server) registered(id string) (*client, error) {
	c := s.clients[id]
	if c == nil || c.Kind == FirstParty {
		return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no application " + id + "."}
	}
	return c, nil
}

// SignUp makes a person a developer: they may register clients.
func (s *Server) SignUp(person string) error {
	if _, ok := s.config.People.Standing(person); !ok {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "sign up: there is no such person, or they may not sign in"}
	}
	return s.change(func() ([]entry, error) { return []entry{{Op: "developer", ID: person}}, nil })
}

// IsDeveloper reports whether the person has signed up.
func (s *Server) IsDeveloper(person string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.developers[person]
}
