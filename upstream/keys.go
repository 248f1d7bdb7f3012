package upstream

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lockstep"
)

// keySet is the public keys of one issuer, fetched when they are needed and kept.
//
// A key that is not there, or whose signature does not fit, lets the set be fetched anew, at once, and not again for keysPause: so a change
// of keys is found at once, also right after the first fetch, and whoever sends tokens with invented key ids costs the provider nothing. Keys that the provider took
// back are forgotten after keysFresh; while it cannot be reached the old ones serve for keysStale.
type keySet struct {
	address string // "" for keys that were pasted
	client  *client
	turn    chan struct{} // holds one token: whoever has it may fetch, and use the two fields below
	tried   time.Time
	asked   time.Time // when it was fetched anew for a key that was not there

	kept atomic.Pointer[keptKeys] // read by anybody, replaced by who has the turn
}

// keptKeys are keys as they were fetched.
type keptKeys struct {
	keys    []jose.JSONWebKey
	passed  int // that were left out
	fetched time.Time
}

const (
	keysPause = 10 * time.Second
	keysFresh = time.Hour
	keysStale = 24 * time.Hour
	maxKeys   = 100
)

func newKeySet(address, pasted string, c *client) (*keySet, error) {
	k := &keySet{address: address, client: c, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	kept := &keptKeys{}
	if address == "" {
		var err error
		if kept.keys, kept.passed, err = parseKeySet([]byte(pasted)); err != nil {
			return nil, err
		}
	}
	k.kept.Store(kept)
	return k, nil
}

// candidates returns the keys that may have signed, the one with the id alone if there is one. With again the set is fetched first,
// unless that was done a moment ago; fetched tells whether it was. Whoever's key is there does not wait while somebody else's, which is not, has the set fetched:
// anybody can send a logout token of an invented key.
func (k *keySet) candidates(ctx context.Context, h *hop, kid, algorithm string, again bool) (keys []jose.JSONWebKey, fetched bool, f *finding) {
	if kept := k.kept.Load(); !again && (k.address == "" || k.client.now().Sub(kept.fetched) <= keysFresh) {
		if keys = choose(kept.keys, kid, algorithm); len(keys) > 0 {
			return keys, false, nil
		}
	}
	select {
	case <-k.turn:
		defer func() { k.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, false, transport(h, "the address of the keys", ctx.Err())
	}
	now, kept := k.client.now(), k.kept.Load()
	rested := now.Sub(k.tried) >= keysPause
	if k.address != "" && (now.Sub(kept.fetched) > keysFresh && rested || again && now.Sub(k.asked) >= keysPause && (rested || k.tried.Equal(kept.fetched))) {
		k.tried = now
		if again {
			k.asked = now
		}
		f := k.fetch(ctx, h)
		if f != nil && (len(kept.keys) == 0 || now.Sub(kept.fetched) > keysStale) {
			return nil, false, f
		}
		if f != nil {
			h.fact("keys", "kept ones, since "+kept.fetched.UTC().Format(time.RFC3339)+": "+f.detail)
		}
		fetched, kept = f == nil, k.kept.Load()
	}
	if kept.fetched.IsZero() && k.address != "" {
		return nil, false, found(lockstep.CodeIdPUnreachable, "", "the keys could not be fetched a moment ago, and are not tried again yet")
	}
	if keys = choose(kept.keys, kid, algorithm); len(keys) == 0 {
		kept.note(h)
	}
	return keys, fetched, nil
}

// note tells which keys there are when none fits.
func (k *keptKeys) note(h *hop) {
	var ids []string
	for _, key := range k.keys {
		ids = append(ids, or(key.KeyID, "(without an id)"))
	}
	h.fact("known kids", or(strings.Join(ids, ", "), "none"))
	if k.passed > 0 {
		h.fact("keys left out", fmt.Sprintf("%d: symmetric, for encryption, too short, or of a type that is not known", k.passed))
	}
}

// fetch gets the set. The stage in which it is needed notes how that went.
func (k *keySet) fetch(ctx context.Context, h *hop) *finding {
	body, _, f := k.client.get(ctx, h, k.address, "application/jwk-set+json, application/json", maxKeySet, "")
	if f != nil {
		f.detail = "the issuer's keys cannot be read: " + f.detail
		return f
	}
	keys, passed, err := parseKeySet(body)
	if err != nil {
		return found(lockstep.CodeIdPMalformed, "", "the keys at %s: %s", cleanText(k.address, 150), err)
	}
	k.kept.Store(&keptKeys{keys, passed, k.tried})
	return nil
}

// parseKeySet reads a set (RFC 7517 §5). Keys that cannot be used for signatures (of another use, of a type that is not known, symmetric
// ones, RSA below 2048 bits) are left out and counted.
func parseKeySet(text []byte) (keys []jose.JSONWebKey, passed int, err error) {
	if _, err := decodeObject(text); err != nil {
		return nil, 0, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, 0, errors.New("it is not a set of keys, which looks like {\"keys\": […]}")
	}
	if len(set.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil || !usable(key) {
			passed++
			continue
		}
		keys = append(keys, key)
	}
	return keys, passed, nil
}

func usable(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" || !key.Valid() || !key.IsPublic() {
		return false
	}
	if k, ok := key.Key.(*rsa.PublicKey); ok {
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 16384 // RFC 7518 §3.3
	}
	return true
}

// choose returns the keys that may have made a signature.
func choose(keys []jose.JSONWebKey, kid, algorithm string) []jose.JSONWebKey {
	var fit []jose.JSONWebKey
	for _, k := range keys {
		if (kid == "" || k.KeyID == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == algorithm) && suits(k.Key, algorithm) {
			fit = append(fit, k)
		}
	}
	return fit
}

// suits reports whether a key is of the type that the algorithm needs (RFC 7518 §3.1).
func suits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return map[string]int{"ES256": 256, "ES384": 384, "ES512": 521}[algorithm] == k.Curve.Params().BitSize
	default:
		return algorithm == "EdDSA"
	}
}

func isKeySet(value string) string {
	keys, _, err := parseKeySet([]byte(value))
	switch {
	case err != nil:
		return err.Error()
	case len(keys) == 0:
		return "it has no key that signatures can be checked with"
	}
	return ""
}

func isPrivateKey(value string) string {
	if _, err := parsePrivateKey(value); err != nil {
		return err.Error()
	}
	return ""
}

// parsePrivateKey reads an RSA or EC key in PKCS #8, or in the older forms of each.
func parsePrivateKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errors.New("it is a " + strings.ToLower(cleanText(block.Type, 40)) + ", not a private key without a password")
	}
	if err != nil {
		return nil, errors.New("it cannot be read") // the cause might quote the key
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return nil, errors.New("an RSA key has 2048 bits at least")
		}
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, errors.New("it is neither an RSA nor an EC key")
}
