package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"lockstep/token"
	"lockstep/webexorg/page"
)

// Config says what a Server is made of. People is needed; the rest works as zero.
type Config struct {
	People People
	// Journal keeps what must survive a restart. Nil keeps nothing.
	Journal Journal
	// BaseURL begins the addresses in answers, such as "https://localhost:8443". "" takes scheme and host of the request.
	BaseURL string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Noted is told of every sign-in and sign-out. Nil is nobody. It is called without any lock held.
	Noted func(SignIn)
	// Before sees what programs send, and requests for authorisation, and answers them by Call.Answer or otherwise. Nil lets the
	// broker answer.
	Before func(http.ResponseWriter, *http.Request, Call)
}

// SignIn says that somebody signed in with a browser, was refused, or signed out.
type SignIn struct {
	At      time.Time
	Person  string
	Org     string
	Address string // of the browser
	Agent   string // the browser, as it calls itself
	Failed  bool
	Logout  bool
}

// note tells of a sign-in.
func (s *Server) note(r *http.Request, who SignIn) {
	if s.config.Noted == nil {
		return
	}
	who.At, who.Agent, who.Address = s.now(), r.UserAgent(), hostname(r.RemoteAddr)
	s.config.Noted(who)
}

// Server is an id broker with all its clients. It is safe for many goroutines.
type Server struct {
	config Config

	mu         sync.RWMutex
	settings   Settings
	clients    map[string]*client // by client id
	developers map[string]bool    // by person
	allowed    map[allowance]bool // which service apps which organisations have authorised
	grants     map[string]*grant
	tokens     map[token.Hash]*issued
	key        *rsa.PrivateKey // nil until it is first needed
	issues     int             // tokens issued since the last sweep

	pending // what a restart ends

	book page.Book
}

// allowance is the consent of an organisation's administrator to a service app.
type allowance struct{ client, org string }

// New returns a server that knows Webex's own client for SCIM tokens and nothing else.
func New(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{
		config: c, clients: map[string]*client{}, developers: map[string]bool{}, allowed: map[allowance]bool{},
		grants: map[string]*grant{}, tokens: map[token.Hash]*issued{}, pending: newPending(), book: page.NewBook(pagesText),
	}
	first := scimClient()
	s.clients[first.ID] = &client{Client: first}
	return s
}

func (s *Server) now() time.Time { return s.config.Now() }

// change decides, with the lock held, what is to be written, applies it and hands it to the journal. It returns when that will
// survive. decide must not call People.
func (s *Server) change(decide func() ([]entry, error)) error {
	seq, err := s.decide(decide)
	if err != nil || s.config.Journal == nil || seq == 0 {
		return err
	}
	return s.config.Journal.Flush(seq)
}

func (s *Server) decide(decide func() ([]entry, error)) (seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := decide()
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if err := s.apply(e); err != nil {
			return 0, err
		}
		if s.config.Journal != nil {
			line, err := e.line()
			if err != nil {
				return 0, err
			}
			seq = s.config.Journal.Append(line)
		}
	}
	return seq, nil
}

// secretHex returns n random bytes in hexadecimal digits.
func secretHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (package crypto/rand)
	return hex.EncodeToString(b)
}

// RandomKey returns a key that nobody guesses.
func RandomKey() string { return secretHex(16) }

// PersonOf returns whom an access token acts for.
func (s *Server) PersonOf(a Access) (Person, bool) { return s.config.People.Person(a.Person) }
