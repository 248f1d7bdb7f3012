package token_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"lockstep/token"
)

func signer(t *testing.T, alg token.Alg) token.Signer {
	t.Helper()
	s, err := token.NewSigner(alg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSigners: what a key signs is verified with its public half, after both were written and read.
func TestSigners(t *testing.T) {
	for _, alg := range []token.Alg{token.RS256, token.ES256} {
		s := signer(t, alg)
		der, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		s, err = token.ParseSigner(s.ID, alg, der)
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.Sign("at+jwt", map[string]any{"sub": "ada"})
		if err != nil {
			t.Fatal(err)
		}
		published, err := json.Marshal(map[string]any{"keys": token.KeySet{s.Key()}})
		if err != nil || strings.Contains(string(published), `"d"`) {
			t.Fatalf("%s, %v", published, err)
		}
		set, err := token.ParseKeySet(published)
		if err != nil {
			t.Fatal(err)
		}
		got, err := set.Verify(text, token.RS256, token.ES256)
		if err != nil || got.Type != "at+jwt" || got.KeyID != s.ID || got.Alg != alg || string(got.Claims) != `{"sub":"ada"}` {
			t.Errorf("%s: %+v, %v", alg, got, err)
		}
		other := token.RS256
		if alg == token.RS256 {
			other = token.ES256
		}
		if _, err := set.Verify(text, other); err == nil {
			t.Errorf("%s counts as %s", alg, other)
		}
		if _, err := token.ParseSigner("x", other, der); err == nil {
			t.Errorf("a key for %s is one for %s", alg, other)
		}
		if _, err := (token.KeySet{signer(t, alg).Key()}).Verify(text, alg); err == nil {
			t.Errorf("%s: another key verifies", alg)
		}
	}
}

// TestForgedJWTs: every way in which a JWT can be wrong, but for its claims.
func TestForgedJWTs(t *testing.T) {
	s := signer(t, token.ES256)
	set := token.KeySet{s.Key()}
	text, err := s.Sign("JWT", map[string]any{"sub": "ada"})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(text, ".")
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, forged := range map[string]string{
		"nothing":           "",
		"alg none":          enc(`{"alg":"none"}`) + "." + parts[1] + ".",
		"alg none, signed":  enc(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"symmetric":         enc(`{"alg":"HS256"}`) + "." + parts[1] + "." + parts[2],
		"other claims":      parts[0] + "." + enc(`{"sub":"eve"}`) + "." + parts[2],
		"other header":      enc(`{"alg":"ES256","typ":"at+jwt","kid":"`+s.ID+`"}`) + "." + parts[1] + "." + parts[2],
		"no signature":      parts[0] + "." + parts[1] + ".",
		"two parts":         parts[0] + "." + parts[1],
		"cut off":           text[:len(text)-3],
		"something behind":  text + "AA",
		"critical, unknown": enc(`{"alg":"ES256","crit":["x"],"x":1,"kid":"`+s.ID+`"}`) + "." + parts[1] + "." + parts[2],
		"too long":          parts[0] + "." + strings.Repeat("A", token.MaxJWT) + "." + parts[2],
		"an embedded key":   enc(`{"alg":"ES256","jwk":`+string(jwk(t, signer(t, token.ES256)))+`}`) + "." + parts[1] + "." + parts[2],
	} {
		if got, err := set.Verify(forged, token.ES256, token.RS256); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func jwk(t *testing.T, s token.Signer) []byte {
	t.Helper()
	b, err := json.Marshal(s.Key())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseKeySet(t *testing.T) {
	good := string(jwk(t, signer(t, token.ES256)))
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{`{"keys":[` + good + `]}`, true},
		{`{"keys":[` + good + `,{"kty":"OKP","crv":"X448","x":"AA"}]}`, true}, // one of a kind that is not known is left out
		{`{"keys":[]}`, false},
		{`{}`, false},
		{`[]`, false},
		{`{"keys":[{"kty":"oct","k":"AAAA"}]}`, false},
		{`{"keys":[` + good + `,{"kty":"oct","k":"AAAA"}]}`, false},
		{`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, false}, // far too short
		{`{"keys":[` + strings.TrimSuffix(strings.Repeat(good+",", token.MaxKeys+1), ",") + `]}`, false},
	} {
		if set, err := token.ParseKeySet([]byte(c.text)); (err == nil) != c.ok {
			t.Errorf("%.80s: %v, %v", c.text, set, err)
		}
	}
}
