package token

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// KeyBits is the size of the RSA keys that sign JWTs (RFC 7518 §3.3 asks for 2048 at least).
const KeyBits = 2048

// NewRSAKey makes a signing key. It takes a tenth of a second and more.
func NewRSAKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, KeyBits)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return key, nil
}

// JWK is the public half of a signing key (RFC 7517), as a key set has it.
type JWK struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	N         string `json:"n"`
	E         string `json:"e"`
}

// JWKOf returns the key as RS256 verifiers want it. Its id is its thumbprint (RFC 7638), so it survives a restart.
func JWKOf(key *rsa.PublicKey) JWK {
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	sum := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	return JWK{Type: "RSA", Use: "sig", Algorithm: "RS256", ID: base64.RawURLEncoding.EncodeToString(sum[:]), N: n, E: e}
}

// SignJWT returns the claims, a value that encodes to a JSON object, as a JWT signed with RS256 (RFC 7519, RFC 7515 §3.1).
func SignJWT[T any](key *rsa.PrivateKey, claims T) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid"`
	}{"RS256", "JWT", JWKOf(&key.PublicKey).ID})
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign a JWT: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
