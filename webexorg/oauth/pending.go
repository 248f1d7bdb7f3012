package oauth

import (
	"time"

	"lockstep/token"
)

// login says who signed in, and when.
type login struct {
	Person string
	Org    string
	Epoch  int64
	At     time.Time
}

// session is a browser that somebody is signed in with.
type session struct {
	login
	csrf    string // stands in the forms of this session
	expires time.Time
}

// pending is what lives in memory only. It is guarded by the server's lock.
type pending struct {
	sessions map[token.Hash]*session
	codes    map[token.Hash]*code
	devices  map[token.Hash]*device // by device code
}

func newPending() pending {
	return pending{sessions: map[token.Hash]*session{}, codes: map[token.Hash]*code{}, devices: map[token.Hash]*device{}}
}

// maxPending bounds each kind of what anybody may cause to be kept.
const maxPending = 10000

// code is an authorization code (RFC 6749 §4.1.2).
type code struct {
	login
	client    string
	redirect  string
	challenge string // "" is none
	plain     bool   // the challenge is the verifier itself
	nonce     string
	scopes    []string
	expires   time.Time
	grant     string // what it brought; "" while it was not used
}

// device is a device code (RFC 8628 §3.2).
type device struct {
	client   string
	scopes   []string
	userCode string
	expires  time.Time
	polled   time.Time
	who      *login // who allowed it; nil while nobody did
	refused  bool
}

// forgetExpired makes room. The lock must be held.
func (p *pending) forgetExpired(now time.Time) {
	for hash, x := range p.sessions {
		if now.After(x.expires) {
			delete(p.sessions, hash)
		}
	}
	for hash, x := range p.codes {
		if now.After(x.expires) {
			delete(p.codes, hash)
		}
	}
	for hash, x := range p.devices {
		if now.After(x.expires) {
			delete(p.devices, hash)
		}
	}
}
