package oauth

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"lockstep/token"
)

// entry is one line of the journal. Op says which field it has:
//
//	client    Client             a client is there, or has changed
//	drop      ID                 the client is gone with its grants
//	developer ID                 the person is a developer
//	allow     ID, Org            the organisation has authorised the service app
//	forbid    ID, Org            it has not, and the grants are gone
//	grant     Grant              somebody allowed a client something
//	token     Token              a token is valid
//	spent     Hash               a token is not
//	end       ID                 the grant is over with all its tokens
//	key       Key                the signing key (PKCS #8)
//	settings  Settings           the settings are these
type entry struct {
	Op     string      `json:"op"`
	ID     string      `json:"id,omitempty"`
	Org    string      `json:"org,omitempty"`
	Client *client     `json:"client,omitempty"`
	Grant  *grant      `json:"grant,omitempty"`
	Token  *issued     `json:"token,omitempty"`
	Hash   *token.Hash `json:"hash,omitempty"`
	Key    []byte      `json:"key,omitempty"`

	Settings *Settings `json:"settings,omitempty"`
}

func (e entry) line() ([]byte, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode journal entry: %w", err)
	}
	return line, nil
}

// Replay makes true what an entry of the journal says. Nobody else uses the server yet.
func (s *Server) Replay(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("sign-in entry: %w", err)
	}
	return s.apply(e)
}

// apply changes the state. The lock must be held.
func (s *Server) apply(e entry) error {
	switch {
	case e.Op == "client" && e.Client != nil:
		s.clients[e.Client.ID] = e.Client
	case e.Op == "drop":
		s.endGrants(func(g *grant) bool { return g.Client == e.ID })
		delete(s.clients, e.ID)
	case e.Op == "developer":
		s.developers[e.ID] = true
	case e.Op == "allow":
		s.allowed[allowance{e.ID, e.Org}] = true
	case e.Op == "forbid":
		delete(s.allowed, allowance{e.ID, e.Org})
		s.endGrants(func(g *grant) bool { return g.Client == e.ID && g.Org == e.Org && g.Person == "" })
	case e.Op == "grant" && e.Grant != nil:
		s.grants[e.Grant.ID] = e.Grant
	case e.Op == "token" && e.Token != nil:
		s.putToken(e.Token)
	case e.Op == "spent" && e.Hash != nil:
		delete(s.tokens, *e.Hash)
	case e.Op == "end":
		s.endGrants(func(g *grant) bool { return g.ID == e.ID })
	case e.Op == "key":
		return s.putKey(e.Key)
	case e.Op == "settings" && e.Settings != nil:
		s.settings = *e.Settings
	default:
		return fmt.Errorf("sign-in entry: unknown operation %q", e.Op)
	}
	return nil
}

// putToken adds a token, and now and then forgets those that have expired.
func (s *Server) putToken(t *issued) {
	const often = 4096
	s.tokens[t.Hash] = t
	if s.issues++; s.issues >= often {
		s.issues = 0
		s.sweep(s.now())
	}
}

// sweep forgets tokens that have expired, and grants that have none left.
func (s *Server) sweep(now time.Time) {
	live := map[string]bool{}
	for hash, t := range s.tokens {
		if t.expired(now) {
			delete(s.tokens, hash)
		} else {
			live[t.Grant] = true
		}
	}
	for id, g := range s.grants {
		if !live[id] && !g.Kept && now.Sub(g.Created) > 24*time.Hour { // a grant is there before its first token
			delete(s.grants, id)
		}
	}
}

// endGrants ends the grants that which names, with their tokens.
func (s *Server) endGrants(which func(*grant) bool) {
	gone := map[string]bool{}
	for id, g := range s.grants {
		if which(g) {
			gone[id] = true
			delete(s.grants, id)
		}
	}
	if len(gone) == 0 {
		return
	}
	for hash, t := range s.tokens {
		if gone[t.Grant] {
			delete(s.tokens, hash)
		}
	}
}

func (s *Server) putKey(der []byte) error {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("sign-in entry: key: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return fmt.Errorf("sign-in entry: the key is no RSA key")
	}
	s.key = private
	return nil
}
