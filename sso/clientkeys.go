package sso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"lockstep"
	"lockstep/token"
	"lockstep/web"
)

// The keys of clients that publish them (jwks_uri, OpenID Connect Registration §2). An assertion by a key that is not there has the set fetched
// anew, at most once in clientKeysPause: so a change of keys is found at once, and assertions with invented keys cost the client nothing. A
// key that was taken back is forgotten after clientKeysFresh. While the set cannot be fetched, the old one serves for clientKeysStale.
const (
	clientKeysPause = 10 * time.Second
	clientKeysFresh = 5 * time.Minute
	clientKeysStale = time.Hour
	clientKeysTime  = 5 * time.Second
	maxKeySet       = 64 << 10
	maxKeySets      = 1000
)

// clientKeys keeps fetched key sets. The zero value works.
type clientKeys struct {
	mu   sync.Mutex
	kept map[clientKeysOf]*fetchedKeys
}

type clientKeysOf struct {
	tenant lockstep.TenantID
	client ClientID
	uri    string
}

// fetchedKeys is one set. Whoever holds its turn may fetch it; what is there can be read meanwhile.
type fetchedKeys struct {
	turn   sync.Mutex
	tried  time.Time
	failed error

	mu      sync.Mutex
	set     token.KeySet
	fetched time.Time
}

// keys is the set that is there, and whether it is fresh at the instant.
func (f *fetchedKeys) keys(now time.Time) (set token.KeySet, fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set, now.Sub(f.fetched) <= clientKeysFresh
}

func (f *fetchedKeys) keep(set token.KeySet, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set, f.fetched = set, at
}

func (k *clientKeys) of(c Client) *fetchedKeys {
	key := clientKeysOf{c.Tenant, c.ID, c.KeysURI}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f := k.kept[key]; f != nil {
		return f
	}
	if k.kept == nil || len(k.kept) >= maxKeySets {
		k.kept = map[clientKeysOf]*fetchedKeys{}
	}
	f := &fetchedKeys{}
	k.kept[key] = f
	return f
}

// verify checks the signature of a client's assertion with the keys that were pasted, or with those that it publishes.
func (s *Server) verify(ctx context.Context, c Client, text string) (token.JWT, error) {
	if c.KeysURI == "" {
		set, err := token.ParseKeySet([]byte(c.Keys))
		if err != nil {
			return token.JWT{}, fmt.Errorf("the keys of client %s: %w", c.ID, err)
		}
		t, err := set.Verify(text, c.Assertion)
		if err != nil {
			err = errClient
		}
		return t, err
	}
	f := s.clientKeys.of(c)
	set, fresh := f.keys(s.now())
	t, err := set.Verify(text, c.Assertion)
	if err == nil && fresh { // nobody with a good assertion waits for what somebody's bad one sets off
		return t, nil
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	if _, fresh = f.keys(s.now()); !fresh {
		s.fetchKeys(ctx, c, f)
	}
	set, _ = f.keys(s.now())
	if t, err = set.Verify(text, c.Assertion); err != nil && s.fetchKeys(ctx, c, f) {
		set, _ = f.keys(s.now())
		t, err = set.Verify(text, c.Assertion)
	}
	if err == nil {
		return t, nil
	}
	if f.failed != nil {
		s.log().WarnContext(ctx, "the keys of a client cannot be fetched", "client", c.ID, "jwks_uri", c.KeysURI, "error", f.failed)
	}
	return t, errClient
}

// fetchKeys fetches a set unless that was tried a moment ago, and reports whether there is a new one.
func (s *Server) fetchKeys(ctx context.Context, c Client, f *fetchedKeys) bool {
	now := s.now()
	if now.Sub(f.tried) < clientKeysPause {
		return false
	}
	f.tried = now
	set, err := s.getKeys(ctx, c.KeysURI)
	if f.failed = err; err != nil {
		if now.Sub(f.fetched) > clientKeysStale {
			f.keep(nil, f.fetched)
		}
		return false
	}
	f.keep(set, now)
	return true
}

func (s *Server) getKeys(ctx context.Context, uri string) (token.KeySet, error) {
	ctx, cancel := context.WithTimeout(ctx, clientKeysTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := s.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer web.Discard(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeySet {
		return nil, errors.New("the key set is larger than 64 KiB")
	}
	return token.ParseKeySet(text)
}
