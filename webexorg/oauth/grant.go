package oauth

import (
	"slices"
	"time"

	"lockstep"
	"lockstep/token"

	"github.com/google/uuid"
)

// grant is what a person, or for a service app an organisation, allowed a client.
type grant struct {
	ID      string    `json:"id"`
	Client  string    `json:"client"`           // client id
	Person  string    `json:"person,omitempty"` // "" is the organisation itself
	Org     string    `json:"org"`
	Scopes  []string  `json:"scopes"`
	Epoch   int64     `json:"epoch,omitempty"` // the person's, when it was made
	Public  bool      `json:"public,omitempty"`
	Kept    bool      `json:"kept,omitempty"` // stays without a token: it came with a seed
	Created time.Time `json:"created"`
	Auth    time.Time `json:"auth"` // when the person signed in
}

// tokenUse says what a token is good for. A refresh token opens nothing, an access token refreshes nothing.
type tokenUse string

const (
	accessToken  tokenUse = "access"
	refreshToken tokenUse = "refresh"
	spentToken   tokenUse = "spent" // a refresh token that was rotated: whoever shows it ends its grant
)

// issued is what is kept of a token.
type issued struct {
	Hash    token.Hash `json:"hash"`
	Use     tokenUse   `json:"use"`
	Grant   string     `json:"grant"`
	Expires int64      `json:"expires"`          // milliseconds of the Unix epoch
	Scopes  []string   `json:"scopes,omitempty"` // fewer than the grant has; none means all
}

func (t *issued) expired(now time.Time) bool { return now.UnixMilli() >= t.Expires }

// Access is what the bearer of an access token may do.
type Access struct {
	Org     string
	Person  string // "" is a service app, which acts for the organisation as an administrator with these scopes
	Client  string // client id
	App     string // the client's name
	Scopes  []string
	Expires time.Time
}

// Allows reports whether the token has the scope.
func (a Access) Allows(scope string) bool { return slices.Contains(a.Scopes, scope) }

// errToken is all that the bearer of a bad token is told.
var errToken = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The request requires a valid access token set in the Authorization request header."}

// Check returns what the bearer of the token may do. The token must be whole, an access token, neither expired nor ended,
// of a client that still exists, and of a person whose epoch has not risen since it was made.
func (s *Server) Check(text string) (Access, error) {
	a, _, err := s.check(text, accessToken)
	return a, err
}

func (s *Server) check(text string, use tokenUse) (Access, grant, error) {
	s.mu.RLock()
	t, g, c := s.lookup(text)
	s.mu.RUnlock()
	if t == nil || t.Use != use || t.expired(s.now()) || !s.stands(g) {
		return Access{}, grant{}, errToken
	}
	scopes := g.Scopes
	if len(t.Scopes) > 0 {
		scopes = t.Scopes
	}
	return Access{
		Org: g.Org, Person: g.Person, Client: g.Client, App: c.Name, Scopes: scopes, Expires: time.UnixMilli(t.Expires),
	}, *g, nil
}

// lookup returns the token, its grant and its client, or nil when one of them is gone. They are not changed any more. The lock
// must be held.
func (s *Server) lookup(text string) (*issued, *grant, *client) {
	t := s.tokens[token.HashOf(text)]
	if t == nil {
		return nil, nil, nil
	}
	g := s.grants[t.Grant]
	if g == nil {
		return nil, nil, nil
	}
	c := s.clients[g.Client]
	if c == nil {
		return nil, nil, nil
	}
	return t, g, c
}

// stands reports whether whoever made the grant may still act. The lock must not be held.
func (s *Server) stands(g *grant) bool {
	if g.Person == "" {
		_, ok := s.config.People.Organisation(g.Org)
		return ok
	}
	epoch, ok := s.config.People.Standing(g.Person)
	return ok && epoch == g.Epoch
}

// newGrant returns a grant of a person for a client.
func (s *Server) newGrant(clientID string, who login, scopes []string) *grant {
	return &grant{
		ID: uuid.Must(uuid.NewV7()).String(), Client: clientID, Person: who.Person, Org: who.Org, Epoch: who.Epoch,
		Scopes: scopes, Created: s.now(), Auth: who.At,
	}
}

// newToken makes a token for a grant.
func (s *Server) newToken(use tokenUse, grantID string, lifetime time.Duration) (*issued, string, error) {
	_, text, err := token.New(token.KindOrg)
	if err != nil {
		return nil, "", err
	}
	return &issued{Hash: token.HashOf(text), Use: use, Grant: grantID, Expires: s.now().Add(lifetime).UnixMilli()}, text, nil
}

// Ticket asks for a token without a browser.
type Ticket struct {
	Org      string
	Person   string // "" is the organisation itself, as for a service app
	Scopes   []string
	Lifetime time.Duration // 0 is that of an access token
}

// Issue makes an access token without a browser, for the control surface and for tests. It belongs to the client with which
// Webex's administrators fetch tokens, whatever scopes that one has.
func (s *Server) Issue(t Ticket) (string, error) {
	who := login{Person: t.Person, Org: t.Org, At: s.now()}
	if t.Person != "" {
		epoch, ok := s.config.People.Standing(t.Person)
		if !ok {
			return "", &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "issue a token: there is no such person, or they may not sign in"}
		}
		who.Epoch = epoch
	}
	if t.Lifetime == 0 {
		t.Lifetime = s.Settings().Access
	}
	g := s.newGrant(SCIMClient, who, t.Scopes)
	access, text, err := s.newToken(accessToken, g.ID, t.Lifetime)
	if err != nil {
		return "", err
	}
	return text, s.change(func() ([]entry, error) {
		return []entry{{Op: "grant", Grant: g}, {Op: "token", Token: access}}, nil
	})
}

// IssuePersonal makes the token that the developer console shows a person, for trying the APIs: everything that the person may do,
// for twelve hours.
func (s *Server) IssuePersonal(p Person) (string, error) {
	return s.Issue(Ticket{
		Org: p.Org, Person: p.ID, Lifetime: s.Settings().Personal, Scopes: AllScopes(func(x Scope) bool { return x.Contact }),
	})
}

// EndToken ends one access token, as when its time had come.
func (s *Server) EndToken(text string) error {
	hash := token.HashOf(text)
	return s.change(func() ([]entry, error) {
		if t := s.tokens[hash]; t == nil || t.Use != accessToken {
			return nil, nil
		}
		return []entry{{Op: "spent", Hash: &hash}}, nil
	})
}

// EndOrganisation ends all grants and tokens of an organisation and its people.
func (s *Server) EndOrganisation(org string) error {
	return s.endMatching(func(g *grant) bool { return g.Org == org })
}

// EndPerson ends all grants and tokens of a person, as an administrator may wish.
func (s *Server) EndPerson(person string) error {
	return s.endMatching(func(g *grant) bool { return g.Person == person })
}

func (s *Server) endMatching(which func(*grant) bool) error {
	return s.change(func() ([]entry, error) {
		var entries []entry
		for id, g := range s.grants {
			if which(g) {
				entries = append(entries, entry{Op: "end", ID: id})
			}
		}
		return entries, nil
	})
}
