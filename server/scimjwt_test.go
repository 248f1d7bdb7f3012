package server

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lockstep/token"
)

// What follows makes JWTs as attackers do, without the library that checks them.

func hmacWith(key string) func(string) []byte {
	return func(body string) []byte {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(body))
		return m.Sum(nil)
	}
}

// private reads the private key of a signer.
func private(t *testing.T, s token.Signer) *ecdsa.PrivateKey {
	t.Helper()
	der, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

func publicDER(t *testing.T, s token.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(private(t, s).Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(der)
}

// strangersWith signs claims with ES256 under a header that has more than it must.
func strangersWith(t *testing.T, s token.Signer, more, claims map[string]any) string {
	t.Helper()
	header := map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": s.ID}
	for name, v := range more {
		header[name] = v
	}
	key := private(t, s)
	return raw(header, claims, func(body string) []byte {
		sum := sha256.Sum256([]byte(body))
		r, v, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	})
}

// swapAlg says of a JWT that it is signed otherwise.
func swapAlg(text, alg string) string {
	head, rest, _ := strings.Cut(text, ".")
	plain, _ := base64.RawURLEncoding.DecodeString(head)
	var h map[string]any
	_ = json.Unmarshal(plain, &h)
	h["alg"] = alg
	plain, _ = json.Marshal(h)
	return base64.RawURLEncoding.EncodeToString(plain) + "." + rest
}

// manyKeys is a set with more keys than anybody needs, the right one among them.
func manyKeys(i *issuerServer) string {
	one := strings.TrimSuffix(strings.TrimPrefix(i.set(i.key), `{"keys":[`), "]}")
	return fmt.Sprintf(`{"keys":[%s]}`, strings.Join(strings.Split(strings.Repeat(one+"\n", 30)[:30*(len(one)+1)-1], "\n"), ","))
}
