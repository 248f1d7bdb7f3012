package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Alg is how a JWT is signed (RFC 7518 §3.1).
type Alg string

// The algorithms that Lockstep signs with, and accepts from others.
const (
	RS256 Alg = "RS256"
	ES256 Alg = "ES256"
)

// Known reports whether the algorithm is one of these.
func (a Alg) Known() bool { return a == RS256 || a == ES256 }

// MaxJWT is how long a JWT may be that is looked at.
const MaxJWT = 16 << 10

// Signer is a private key that signs JWTs. Its id is random, so that it says nothing about the key.
type Signer struct {
	ID  string
	Alg Alg
	key crypto.Signer
}

// NewSigner makes a key. One for RS256 takes a tenth of a second and more.
func NewSigner(alg Alg) (Signer, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	s := Signer{ID: base64.RawURLEncoding.EncodeToString(id[:]), Alg: alg}
	var err error
	switch alg {
	case RS256:
		s.key, err = NewRSAKey()
	case ES256:
		s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		err = fmt.Errorf("unknown algorithm %q", alg)
	}
	if err != nil {
		return Signer{}, fmt.Errorf("make a signing key: %w", err)
	}
	return s, nil
}

// Bytes returns the private key (PKCS #8, DER), which is a secret.
func (s Signer) Bytes() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(s.key) }

// ParseSigner reads what Bytes returned.
func ParseSigner(id string, alg Alg, der []byte) (Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return Signer{}, errors.New("a signing key cannot be read") // what lies beneath may quote it
	}
	_, isRSA := key.(*rsa.PrivateKey)
	_, isECDSA := key.(*ecdsa.PrivateKey)
	if isRSA != (alg == RS256) || isECDSA != (alg == ES256) {
		return Signer{}, fmt.Errorf("a signing key is not for %s", alg)
	}
	return Signer{ID: id, Alg: alg, key: key.(crypto.Signer)}, nil
}

// Sign returns the claims, a value that encodes to a JSON object, as a JWT of the type (RFC 7519 §5.1), such as "at+jwt". A type keeps
// a token from being taken for one of another use.
func (s Signer) Sign(typ string, claims any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if s.ID != "" {
		options = options.WithHeader("kid", s.ID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.Alg), Key: s.key}, options)
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	return signed.CompactSerialize()
}

// Key returns the public half, as a key set has it (RFC 7517).
func (s Signer) Key() Key {
	return Key{jose.JSONWebKey{Key: s.key.Public(), KeyID: s.ID, Algorithm: string(s.Alg), Use: "sig"}}
}

// Key is a public key.
type Key struct{ jwk jose.JSONWebKey }

// MarshalJSON writes the key as a JWK.
func (k Key) MarshalJSON() ([]byte, error) { return k.jwk.MarshalJSON() }

// KeySet are public keys that JWTs are checked with.
type KeySet []Key

// MaxKeys is how many keys a key set of somebody else may have.
const MaxKeys = 20

// ParseKeySet reads a JWK Set (RFC 7517 §5). It refuses one with a private or a symmetric key, and leaves out keys that are not for
// signatures or of a kind that is not used here; one in which nothing is left is refused.
func ParseKeySet(text []byte) (KeySet, error) {
	var raw struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(text, &raw); err != nil || len(raw.Keys) == 0 || len(raw.Keys) > MaxKeys {
		return nil, errors.New("the text is not a JWK Set with 1 to 20 keys")
	}
	var set KeySet
	for _, one := range raw.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(one); err != nil {
			continue // of a kind that is not known
		}
		if !k.IsPublic() {
			return nil, errors.New("the key set has a private or secret key")
		}
		if k.Use == "enc" || !usable(k.Key) {
			continue
		}
		set = append(set, Key{k})
	}
	if len(set) == 0 {
		return nil, errors.New("the key set has no key for RS256 or ES256")
	}
	return set, nil
}

func usable(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= KeyBits && k.N.BitLen() <= 8192
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256()
	}
	return false
}

func (k Key) fits(alg Alg) bool {
	_, isRSA := k.jwk.Key.(*rsa.PublicKey)
	return (k.jwk.Algorithm == "" || k.jwk.Algorithm == string(alg)) && isRSA == (alg == RS256)
}

// ErrJWT says that a text is no JWT that was signed as it must be.
var ErrJWT = errors.New("not a JWT with a signature that is valid here")

// JWT is one whose signature was checked. Its claims were not.
type JWT struct {
	Type   string
	KeyID  string
	Alg    Alg
	Claims json.RawMessage
}

// Verify checks that the text is a JWT that one of the keys has signed with one of the algorithms. The header never chooses either by
// itself: "none" and symmetric algorithms are not among them (RFC 8725 §3.1). A key id that is there must be that of the key.
func (set KeySet) Verify(text string, algs ...Alg) (JWT, error) {
	if len(text) > MaxJWT {
		return JWT{}, ErrJWT
	}
	allowed := make([]jose.SignatureAlgorithm, len(algs))
	for i, a := range algs {
		allowed[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(text, allowed)
	if err != nil || len(signed.Signatures) != 1 {
		return JWT{}, ErrJWT
	}
	h := signed.Signatures[0].Protected
	t := JWT{KeyID: h.KeyID, Alg: Alg(h.Algorithm)}
	t.Type, _ = h.ExtraHeaders[jose.HeaderType].(string)
	for _, k := range set {
		if !k.fits(t.Alg) || h.KeyID != "" && k.jwk.KeyID != h.KeyID {
			continue
		}
		if claims, err := signed.Verify(k.jwk.Key); err == nil {
			t.Claims = claims
			return t, nil
		}
	}
	return JWT{}, ErrJWT
}
