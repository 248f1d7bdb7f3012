// Package bearer believes access tokens of issuers that somebody else runs: JWTs after RFC 9068, checked with the keys that the issuer
// publishes (RFC 8414, OpenID Connect Discovery 1.0).
//
// Design. An issuer is asked only when a tenant trusts it, never because a token names it. Its metadata must be its own (RFC 8414 §3.3); the
// keys come from there and nowhere else: what a token's header says of keys (jku, x5u, jwk, x5c) is not looked at. Both documents are
// bounded, fetched without redirects by a client that guards where it goes, and kept for a while. A token by a key that is not there has
// them fetched anew, at most once in keysPause, so that a change of keys is found at once and invented key ids cost the issuer nothing.
//
// Invariants. An algorithm is believed only if the caller names it; "none" and symmetric ones have no name here. What Verify returns has a
// good signature and nothing more: token.OAuth says whether it opens anything.
package bearer

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/token"
	"lockstep/web"
)

// How long documents of an issuer are believed.
const (
	keysPause   = 10 * time.Second // between two looks
	keysFresh   = 5 * time.Minute  // a key that was taken back is forgotten after that
	keysStale   = time.Hour        // and while the issuer cannot be reached after this
	fetchTime   = 5 * time.Second
	maxDocument = 64 << 10
	maxIssuers  = 1000
)

// Issuers keeps the keys of issuers. Do not change its fields once it is used.
type Issuers struct {
	Client *http.Client     // guards where it goes, and follows no redirects
	Now    func() time.Time // nil is time.Now

	mu   sync.Mutex
	kept map[string]*issuer
}

// issuer is one of them. Whoever has taken its turn may fetch its keys; those that are there can be read meanwhile.
type issuer struct {
	turn   chan struct{}
	tried  time.Time
	failed error

	mu      sync.Mutex
	set     token.KeySet
	fetched time.Time
}

// keys are the keys that are there, and whether they are fresh at the instant.
func (i *issuer) keys(now time.Time) (set token.KeySet, fresh bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.set, now.Sub(i.fetched) <= keysFresh
}

// keep replaces the keys.
func (i *issuer) keep(set token.KeySet, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set, i.fetched = set, at
}

// IssuerOf reads who a JWT says has made it, so that it can be found whether they are trusted. It believes nothing; "" is no JWT.
func IssuerOf(text string) string {
	head, rest, _ := strings.Cut(text, ".")
	body, signature, ok := strings.Cut(rest, ".")
	if !ok || len(text) > token.MaxJWT || head == "" || signature == "" {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	var v struct {
		Iss string `json:"iss"`
	}
	if err != nil || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	return v.Iss
}

// Verify checks the signature of a token with the keys of the issuer. The error is token.ErrJWT when no key of it has made the signature, and
// has the code auth.issuer_unreachable when its keys cannot be had.
func (s *Issuers) Verify(ctx context.Context, name, text string, algs ...token.Alg) (token.Access, error) {
	i := s.of(name)
	set, fresh := i.keys(s.now())
	t, err := set.Verify(text, algs...)
	if err != nil || !fresh { // nobody with a good token waits for what somebody's bad one sets off
		if t, err = s.verifyAnew(ctx, name, i, text, algs); err != nil {
			return token.Access{}, err
		}
	}
	a, err := token.ParseAccess(t)
	if err == nil && a.Issuer != name {
		err = token.ErrJWT
	}
	return a, err
}

// verifyAnew checks a token once more when the keys may be others by now.
func (s *Issuers) verifyAnew(ctx context.Context, name string, i *issuer, text string, algs []token.Alg) (t token.JWT, err error) {
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return t, ctx.Err()
	}
	if _, fresh := i.keys(s.now()); !fresh {
		s.fetch(ctx, name, i)
	}
	set, _ := i.keys(s.now())
	if t, err = set.Verify(text, algs...); err != nil && s.fetch(ctx, name, i) {
		set, _ = i.keys(s.now())
		t, err = set.Verify(text, algs...)
	}
	if err != nil && len(set) == 0 && i.failed != nil {
		err = &lockstep.Error{Code: lockstep.CodeAuthIssuer, Detail: "The keys of the issuer " + name + " cannot be had: " + reason(i.failed) + ".", Err: i.failed}
	}
	return t, err
}

func (s *Issuers) of(name string) *issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.kept[name]; i != nil {
		return i
	}
	if s.kept == nil || len(s.kept) >= maxIssuers {
		s.kept = map[string]*issuer{}
	}
	i := &issuer{turn: make(chan struct{}, 1)}
	s.kept[name] = i
	return i
}

func (s *Issuers) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// fetch fetches the keys unless that was tried a moment ago, and reports whether there are new ones.
func (s *Issuers) fetch(ctx context.Context, name string, i *issuer) bool {
	now := s.now()
	if now.Sub(i.tried) < keysPause {
		return false
	}
	i.tried = now
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	set, err := s.keys(ctx, name)
	if i.failed = err; err != nil {
		if now.Sub(i.fetched) > keysStale {
			i.keep(nil, i.fetched)
		}
		return false
	}
	i.keep(set, now)
	return true
}

// Metadata is what counts of an issuer's metadata (RFC 8414 §2).
type Metadata struct {
	Issuer        string   `json:"issuer"`
	Keys          string   `json:"jwks_uri"`
	Token         string   `json:"token_endpoint"`
	Authorization string   `json:"authorization_endpoint"`
	Auth          []string `json:"token_endpoint_auth_methods_supported"`
}

// Discover reads the metadata of an issuer: that of RFC 8414, else that of OpenID Connect. It must name the issuer itself.
func (s *Issuers) Discover(ctx context.Context, name string) (m Metadata, err error) {
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		return m, errors.New("its name is no address")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	for _, at := range []string{origin + path + "/.well-known/openid-configuration", origin + "/.well-known/oauth-authorization-server" + path} {
		var text []byte
		if text, err = s.get(ctx, at); err != nil {
			if _, blocked := errors.AsType[*web.BlockedError](err); blocked {
				return m, err
			}
			continue
		}
		m = Metadata{} // nothing of a document that could not be read
		if err = json.Unmarshal(text, &m); err != nil {
			err = errors.New("its metadata is no JSON")
			continue
		}
		if m.Issuer != name {
			return m, fmt.Errorf("its metadata is that of another issuer, %.200q", m.Issuer)
		}
		return m, nil
	}
	return m, err
}

func (s *Issuers) keys(ctx context.Context, name string) (token.KeySet, error) {
	m, err := s.Discover(ctx, name)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(m.Keys); err != nil || u.Host == "" || strings.HasPrefix(name, "https://") && u.Scheme != "https" {
		return nil, errors.New("its metadata has no jwks_uri that is https")
	}
	text, err := s.get(ctx, m.Keys)
	if err != nil {
		return nil, err
	}
	return token.ParseKeySet(text)
}

// status is an answer other than 200.
type status int

func (s status) Error() string { return fmt.Sprintf("it answered with status %d", int(s)) }

func (s *Issuers) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	answer, err := s.Client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		web.Discard(answer.Body)
		return nil, status(answer.StatusCode)
	}
	return web.ReadBody(answer.Body, maxDocument)
}

// reason is what an administrator may read of why a fetch failed.
func reason(err error) string {
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		return "the " + blocked.Error()
	}
	if plain, ok := errors.AsType[*web.PlainError](err); ok {
		return "the " + plain.Error()
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		if why := web.Why(err); why != "" {
			return why
		}
		return "it cannot be reached"
	}
	if errors.Is(err, web.ErrTooLarge) {
		return "a document of it is larger than 64 KiB"
	}
	return err.Error()
}
