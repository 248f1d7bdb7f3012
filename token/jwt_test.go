package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
)

// TestThumbprint is the example of RFC 7638 §3.1.
func TestThumbprint(t *testing.T) {
	n, err := base64.RawURLEncoding.DecodeString("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_" +
		"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb" +
		"9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEg" +
		"U8awapJzKnqDKgw")
	if err != nil {
		t.Fatal(err)
	}
	got := JWKOf(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537})
	if want := "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got.ID != want || got.E != "AQAB" {
		t.Errorf("got %s, %s, want %s", got.ID, got.E, want)
	}
}

// TestSignJWT: the signature is over what the token says, and only that.
func TestSignJWT(t *testing.T) {
	key, err := NewRSAKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := SignJWT(key, map[string]string{"sub": "ada"})
	if err != nil {
		t.Fatal(err)
	}
	signed, last, _ := cutLastDot(text)
	signature, err := base64.RawURLEncoding.DecodeString(last)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(signed))
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Error(err)
	}
	head, body, _ := strings.Cut(signed, ".")
	header, err1 := base64.RawURLEncoding.DecodeString(head)
	claims, err2 := base64.RawURLEncoding.DecodeString(body)
	if err1 != nil || err2 != nil || string(claims) != `{"sub":"ada"}` || !strings.Contains(string(header), `"alg":"RS256"`) {
		t.Errorf("%s %s %v %v", header, claims, err1, err2)
	}
}

func cutLastDot(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}
