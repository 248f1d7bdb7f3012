package sso

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"lockstep"
	"lockstep/sso/saml"
	"lockstep/token"
)

// Signing keys. A tenant has a line of keys for each algorithm, begun when the first is needed. The next key is published a day before it
// signs, and the one before stays published until nothing that it signed is valid, so that whoever keeps a copy of the key set for some
// hours is never surprised.
const (
	keyTurn    = 90 * 24 * time.Hour // how long a key signs
	keyAhead   = 24 * time.Hour      // how long it is published before
	keyBehind  = time.Hour           // how long it is published after; longer than any token, and clocks that differ
	keysFor    = 30 * time.Second    // how long the keys are believed without a look at the store
	keySetLife = "max-age=300"
)

// samlLine is the line of RSA keys that sign SAML. Applications keep their certificates for years, many until somebody changes them by hand, so
// they live long, and the next one stands in the metadata for two months before it signs. They sign nothing else.
const (
	samlLine  token.Alg = "saml"
	samlTurn            = 5 * 365 * 24 * time.Hour
	samlAhead           = 60 * 24 * time.Hour
)

// turnOf is how long a key of a line signs, and how long it is published before.
func turnOf(line token.Alg) (turn, ahead time.Duration) {
	if line == samlLine {
		return samlTurn, samlAhead
	}
	return keyTurn, keyAhead
}

// keyring keeps the opened keys of tenants.
type keyring struct {
	mu   sync.Mutex
	kept map[lockstep.TenantID]keysAt

	making sync.Mutex // held while a key is made: it takes a processor, and those who need one at the same moment need the same
}

type keysAt struct {
	all   []openKey
	until time.Time
}

type openKey struct {
	SigningKey
	signer token.Signer
	saml   *saml.Signer // of a key that signs SAML, instead
}

func (s *Server) openKeys(ctx context.Context, t lockstep.TenantID) ([]openKey, error) {
	s.kept.mu.Lock()
	kept := s.kept.kept[t]
	s.kept.mu.Unlock()
	if s.now().Before(kept.until) {
		return kept.all, nil
	}
	return s.readKeys(ctx, t)
}

func (s *Server) readKeys(ctx context.Context, t lockstep.TenantID) ([]openKey, error) {
	stored, err := s.Store.Keys(ctx, t)
	if err != nil {
		return nil, err
	}
	all := make([]openKey, 0, len(stored))
	for _, k := range stored {
		opened, err := openedKey(k)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.KeyID, err)
		}
		all = append(all, opened)
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if s.kept.kept == nil {
		s.kept.kept = map[lockstep.TenantID]keysAt{}
	}
	s.kept.kept[t] = keysAt{all, s.now().Add(keysFor)}
	return all, nil
}

func openedKey(k SigningKey) (openKey, error) {
	o := openKey{SigningKey: k}
	o.Secret = nil
	if k.Alg != samlLine {
		var err error
		o.signer, err = token.ParseSigner(k.KeyID, k.Alg, k.Secret)
		return o, err
	}
	key, err := x509.ParsePKCS8PrivateKey(k.Secret)
	private, is := key.(*rsa.PrivateKey)
	if err != nil || !is {
		return o, errors.New("it cannot be read") // what lies beneath may quote it
	}
	certificate, err := saml.Certificate(private, "Lockstep "+k.KeyID, k.Made)
	o.saml = &saml.Signer{Key: private, Certificate: certificate}
	return o, err
}

// signer returns the key that signs now. It makes the first one, and in time the next.
func (s *Server) signer(ctx context.Context, t lockstep.TenantID, alg token.Alg) (token.Signer, error) {
	k, err := s.signing(ctx, t, alg)
	return k.signer, err
}

// samlSigner is signer for SAML.
func (s *Server) samlSigner(ctx context.Context, t lockstep.TenantID) (*saml.Signer, error) {
	k, err := s.signing(ctx, t, samlLine)
	return k.saml, err
}

// signing returns the key of a line that signs now.
func (s *Server) signing(ctx context.Context, t lockstep.TenantID, alg token.Alg) (openKey, error) {
	all, err := s.openKeys(ctx, t)
	if err != nil {
		return openKey{}, err
	}
	now := s.now()
	turn, ahead := turnOf(alg)
	current, last := pickKey(all, alg, now)
	switch {
	case current == nil:
		return s.firstKey(ctx, t, alg)
	case last == current && now.Sub(current.Begins) > turn-ahead && s.kept.making.TryLock():
		defer s.kept.making.Unlock()
		if _, err := s.addKey(ctx, t, alg, last, current.Begins.Add(turn)); err != nil {
			s.log().WarnContext(ctx, "the next signing key was not made; tried again", "error", err)
		}
	}
	return *current, nil
}

// firstKey makes a key where there is none, unless somebody has done so meanwhile.
func (s *Server) firstKey(ctx context.Context, t lockstep.TenantID, alg token.Alg) (openKey, error) {
	s.kept.making.Lock()
	defer s.kept.making.Unlock()
	all, err := s.openKeys(ctx, t)
	if err != nil {
		return openKey{}, err
	}
	current, last := pickKey(all, alg, s.now())
	if current != nil {
		return *current, nil
	}
	return s.addKey(ctx, t, alg, last, s.now())
}

// pickKey returns the newest key of the algorithm that has begun, and the newest of all; nil is none.
func pickKey(all []openKey, alg token.Alg, now time.Time) (current, last *openKey) {
	for i := range all {
		k := &all[i]
		if k.Alg != alg {
			continue
		}
		last = k
		if !now.Before(k.Begins) {
			current = k
		}
	}
	return current, last
}

// addKey makes the key that follows last and signs from begins, or from now. When another node is faster its key is taken.
func (s *Server) addKey(ctx context.Context, t lockstep.TenantID, alg token.Alg, last *openKey, begins time.Time) (openKey, error) {
	now := s.now()
	turn, ahead := turnOf(alg)
	kind := alg
	if alg == samlLine {
		kind = token.RS256
	}
	made, err := token.NewSigner(kind)
	if err != nil {
		return openKey{}, err
	}
	der, err := made.Bytes()
	if err != nil {
		return openKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	k := SigningKey{Alg: alg, Serial: 1, KeyID: made.ID, Secret: der, Made: now, Begins: begins}
	if last != nil {
		k.Serial = last.Serial + 1
		if k.Begins.Before(now.Add(ahead)) && now.Before(last.Begins.Add(turn+ahead)) {
			k.Begins = now.Add(ahead)
		}
	}
	err = s.Store.PutKey(ctx, t, k, k.Begins.Add(keyBehind))
	if err != nil && !errors.Is(err, lockstep.ErrConflict) {
		return openKey{}, err
	}
	all, err := s.readKeys(ctx, t)
	if err != nil {
		return openKey{}, err
	}
	current, last := pickKey(all, alg, now)
	if current == nil {
		current = last
	}
	if current == nil {
		return openKey{}, errors.New("a signing key is not there although it was kept")
	}
	return *current, nil
}

// RotateKeys makes the next key of each algorithm that a tenant uses now. It signs after a day, when everybody has seen it. (The key of SAML is
// not among them: applications that keep its certificate would let nobody in any more.)
func (s *Server) RotateKeys(ctx context.Context, t lockstep.TenantID) error {
	all, err := s.readKeys(ctx, t)
	if err != nil {
		return err
	}
	now := s.now()
	for _, alg := range []token.Alg{token.RS256, token.ES256} {
		if _, last := pickKey(all, alg, now); last != nil && !last.Begins.After(now) {
			if _, err := s.addKey(ctx, t, alg, last, now.Add(keyAhead)); err != nil {
				return err
			}
		}
	}
	return nil
}

// published are the keys of a tenant that somebody may need.
func (s *Server) published(ctx context.Context, t lockstep.TenantID) (token.KeySet, error) {
	all, err := s.openKeys(ctx, t)
	if err != nil {
		return nil, err
	}
	var set token.KeySet
	for _, k := range all {
		if k.saml == nil && (k.Ends.IsZero() || s.now().Before(k.Ends)) {
			set = append(set, k.signer.Key())
		}
	}
	return set, nil
}

// jwks answers with the key set. The keys of both algorithms are made if they are not there: clients fetch the set before the first
// token, and must find what that will be signed with.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	for _, alg := range []token.Alg{token.RS256, token.ES256} {
		if _, err := s.signer(r.Context(), x.tenant.ID, alg); err != nil {
			return err
		}
	}
	set, err := s.published(r.Context(), x.tenant.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", keySetLife)
	writeJSON(w, http.StatusOK, struct {
		Keys token.KeySet `json:"keys"`
	}{set})
	return nil
}
