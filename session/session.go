// Package session lets a browser in and keeps it in: one-time links, session cookies, and the check that a request was not
// sent by another site. It knows values and cookies; who the holder of a session is and what they may do is the caller's.
//
// Design. A Gate guards one surface of the program, such as the console. A link is spent by Enter, which begins a session and
// sets its cookie; Of finds the session of a request; Leave ends it. What must be remembered is behind Store; Memory is one
// that forgets with the process.
//
// Invariants. Links and sessions are 256 random bits; only their SHA-256 is kept, so whoever reads the store can enter
// nowhere. Values are looked up by that hash: how long a comparison takes says nothing about a value that one cannot choose
// the hash of. A link lets in once, whoever else tries at the same time. A session belongs to one surface and one tenant, ends
// after a time without a request and after a longest time, and its cookie is out of reach of scripts and of other sites.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"lockstep"
)

// Grant is what a link or a session stands for. This package only carries it.
type Grant struct {
	Tenant lockstep.TenantID
	Home   lockstep.TenantID // that the holder belongs to, when that is another one; "" is Tenant
	Holder string            // who it is, in the caller's words
	Maker  lockstep.TokenID  // whose rights it has; "" is none that could be revoked
	Scopes string            // those rights, divided by blanks
	Ends   time.Time         // a link and a session end no later; zero is when they would anyway
	Person Person            // zero is whoever has the link
	How    string            // how they have shown who they are, in the caller's words
}

// Person is somebody whom a session belongs to by name. It stands as long as they may be signed in, whatever Maker and Scopes say: that is for
// the Store to see to, at each look.
type Person struct {
	User   lockstep.UserID // of the directory
	Epoch  int64           // that they had; once they have another, nothing of theirs is left
	SignIn string          // the session of sign-in that this one hangs on; "" is none
	Owner  string          // or a local owner, by id, who has an epoch, too
}

// Hash is the SHA-256 of a link's or a session's secret text.
type Hash [sha256.Size]byte

// Link is what is kept of a one-time link.
type Link struct {
	Hash    Hash
	Surface string
	Grant   Grant
	Expires time.Time
	Used    time.Time // zero until it let somebody in
}

// ID names a session. It is public: what opens something is the cookie, of which the hash is kept.
type ID string

// Session is what is kept of a browser session.
type Session struct {
	Hash    Hash
	ID      ID
	Surface string
	Grant   Grant
	Began   time.Time
	Seen    time.Time // of the newest request, to within a minute
	Proved  time.Time // when its holder last showed who they are
}

// Store keeps links and sessions. What is not there gives lockstep.ErrNotFound.
type Store interface {
	PutLink(ctx context.Context, l Link) error
	Link(ctx context.Context, h Hash) (Link, error)
	// UseLink sets Used. Of several calls for a link one succeeds, the others give lockstep.ErrConflict.
	UseLink(ctx context.Context, h Hash, at time.Time) error
	PutSession(ctx context.Context, s Session) error
	Session(ctx context.Context, h Hash) (Session, error)
	// SeenSession sets Seen.
	SeenSession(ctx context.Context, h Hash, at time.Time) error
	EndSession(ctx context.Context, h Hash) error
}

// Gate guards a surface. Surface and Store must be set; do not change it once it is used.
type Gate struct {
	Surface  string // of lower-case letters
	Store    Store
	Secure   bool             // browsers reach the surface over https; else it must be on loopback
	LinkFor  time.Duration    // how long a link can be used; 0 is 30 min
	Idle     time.Duration    // a session ends after this without a request; 0 is 8 h
	Absolute time.Duration    // and after this in any case; 0 is 7 days
	Now      func() time.Time // nil is time.Now
	Random   io.Reader        // nil is crypto/rand.Reader
}

// The ways in which a gate stays shut. Each wraps a lockstep.Error whose detail may be shown.
var (
	ErrNone    = errors.New("no session")
	ErrUnknown = errors.New("no such link")
	ErrUsed    = errors.New("link was used already")
	ErrExpired = errors.New("link has expired")
)

func spent(why error, detail string) error {
	return &lockstep.Error{Code: lockstep.CodeLinkSpent, Detail: detail, Err: why}
}

// NewLink makes a one-time link and returns its secret text, of 43 characters that stand in an address as they are. The text
// exists only here: show it and forget it.
func (g *Gate) NewLink(ctx context.Context, to Grant) (secret string, err error) {
	secret, hash, err := g.secret()
	if err != nil {
		return "", fmt.Errorf("make a one-time link: %w", err)
	}
	l := Link{Hash: hash, Surface: g.Surface, Grant: to, Expires: g.now().Add(orDefault(g.LinkFor, 30*time.Minute))}
	if !to.Ends.IsZero() && to.Ends.Before(l.Expires) {
		l.Expires = to.Ends
	}
	if err := g.Store.PutLink(ctx, l); err != nil {
		return "", fmt.Errorf("make a one-time link: %w", err)
	}
	return secret, nil
}

// Check returns the link that the secret belongs to if Enter would let its holder in. It spends nothing, so that a program
// that looks at every address before a person does takes nothing away. The error is ErrUnknown, ErrUsed or ErrExpired, with
// code lockstep.CodeLinkSpent, or the store's.
func (g *Gate) Check(ctx context.Context, secret string) (Link, error) {
	l, err := g.Store.Link(ctx, hashOf(secret))
	switch {
	case errors.Is(err, lockstep.ErrNotFound) || err == nil && l.Surface != g.Surface:
		return Link{}, spent(ErrUnknown, "This link is not known here. It may belong to a server that was stopped.")
	case err != nil:
		return Link{}, fmt.Errorf("look up a one-time link: %w", err)
	case !l.Used.IsZero():
		return Link{}, spent(ErrUsed, "This link was used already. Each link lets in one browser, once.")
	case !g.now().Before(l.Expires):
		return Link{}, spent(ErrExpired, "This link has expired.")
	}
	return l, nil
}

// Enter spends a link: it begins a session and sets its cookie. It ends the session that the browser had, if any, so that
// nobody can be made to go on in a session that somebody else chose. Errors are those of Check.
func (g *Gate) Enter(w http.ResponseWriter, r *http.Request, secret string) (Session, error) {
	ctx := r.Context()
	link, err := g.Check(ctx, secret)
	if err != nil {
		return Session{}, err
	}
	now := g.now()
	err = g.Store.UseLink(ctx, link.Hash, now)
	if errors.Is(err, lockstep.ErrConflict) || errors.Is(err, lockstep.ErrNotFound) {
		return Session{}, spent(ErrUsed, "This link was used already. Each link lets in one browser, once.")
	}
	if err != nil {
		return Session{}, fmt.Errorf("spend a one-time link: %w", err)
	}
	return g.Begin(w, r, link.Grant, now)
}

// Begin lets in somebody who has shown, at a time, who they are: it begins a session and sets its cookie. It ends the session that the
// browser had, if any, so that nobody can be made to go on in a session that somebody else chose (session fixation).
func (g *Gate) Begin(w http.ResponseWriter, r *http.Request, to Grant, proved time.Time) (Session, error) {
	return g.begin(w, r, to, g.now(), proved)
}

// GoOn begins a session in place of one that the request has, which ends, for another grant of its holder. Nobody has shown anything meanwhile, so
// it lives no longer than the former would have, and its holder has last shown who they are when they had.
func (g *Gate) GoOn(w http.ResponseWriter, r *http.Request, to Grant, was Session) (Session, error) {
	return g.begin(w, r, to, was.Began, was.Proved)
}

func (g *Gate) begin(w http.ResponseWriter, r *http.Request, to Grant, began, proved time.Time) (Session, error) {
	ctx := r.Context()
	if err := g.end(r); err != nil {
		return Session{}, err
	}
	value, hash, err := g.secret()
	if err != nil {
		return Session{}, fmt.Errorf("begin a session: %w", err)
	}
	s := Session{Hash: hash, ID: lockstep.NewID[ID](), Surface: g.Surface, Grant: to, Began: began, Seen: g.now(), Proved: proved}
	if err := g.Store.PutSession(ctx, s); err != nil {
		return Session{}, fmt.Errorf("begin a session: %w", err)
	}
	http.SetCookie(w, g.cookie(r, value))
	return s, nil
}

// seenEvery is how exact Session.Seen is: a request more often than this writes nothing.
const seenEvery = time.Minute

// Of returns the session that a request belongs to, or ErrNone.
func (g *Gate) Of(r *http.Request) (Session, error) {
	c, err := r.Cookie(g.CookieName(r))
	if err != nil {
		return Session{}, ErrNone
	}
	s, err := g.Store.Session(r.Context(), hashOf(c.Value))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && !g.open(s) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("look up a session: %w", err)
	}
	if now := g.now(); now.Sub(s.Seen) >= seenEvery {
		s.Seen = now
		if err := g.Store.SeenSession(r.Context(), s.Hash, now); err != nil && !errors.Is(err, lockstep.ErrNotFound) {
			return Session{}, fmt.Errorf("keep a session: %w", err)
		}
	}
	return s, nil
}

// Open reports whether a session is within the gate's limits.
func (g *Gate) Open(s Session) bool { return g.open(s) }

// Live reports whether a session that Of returned earlier still stands. A handler that streams for long asks now and then; it
// does not count as a request.
func (g *Gate) Live(ctx context.Context, s Session) bool {
	now, err := g.Store.Session(ctx, s.Hash)
	return err == nil && g.open(now)
}

// Longest is how long a session lives if somebody never stops using it.
func (g *Gate) Longest() time.Duration { return orDefault(g.Absolute, 7*24*time.Hour) }

// Unused is after how long without a request a session ends.
func (g *Gate) Unused() time.Duration { return orDefault(g.Idle, 8*time.Hour) }

func (g *Gate) open(s Session) bool {
	now := g.now()
	if !s.Grant.Ends.IsZero() && !now.Before(s.Grant.Ends) {
		return false
	}
	return s.Surface == g.Surface && now.Sub(s.Seen) < g.Unused() && now.Sub(s.Began) < g.Longest()
}

// Leave ends the session of the request, if there is one, and removes its cookie.
func (g *Gate) Leave(w http.ResponseWriter, r *http.Request) error {
	if err := g.end(r); err != nil {
		return err
	}
	c := g.cookie(r, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
	return nil
}

func (g *Gate) end(r *http.Request) error {
	c, err := r.Cookie(g.CookieName(r))
	if err != nil {
		return nil //nolint:nilerr // there is no cookie, so there is nothing to end
	}
	err = g.Store.EndSession(r.Context(), hashOf(c.Value))
	if err != nil && !errors.Is(err, lockstep.ErrNotFound) {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// secret makes 256 random bits as text, and its hash.
func (g *Gate) secret() (text string, h Hash, err error) {
	source := g.Random
	if source == nil {
		source = rand.Reader
	}
	var bits [32]byte
	if _, err := io.ReadFull(source, bits[:]); err != nil {
		return "", Hash{}, err
	}
	text = base64.RawURLEncoding.EncodeToString(bits[:])
	return text, hashOf(text), nil
}

// HashOf is what is kept of a secret text.
func HashOf(text string) Hash { return hashOf(text) }

// NewSecret makes a secret of 256 random bits as text, and its hash.
func NewSecret() (text string, h Hash) {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the program instead
	text = base64.RawURLEncoding.EncodeToString(bits[:])
	return text, hashOf(text)
}

func hashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

func (g *Gate) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
