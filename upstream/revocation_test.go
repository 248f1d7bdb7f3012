package upstream

import (
	"testing"
	"time"

	"lockstep"
)

// TestRevocationToken: who may ask that everything of a person end.
func TestRevocationToken(t *testing.T) {
	t.Parallel()
	const endpoint = "https://lockstep.example/sso/acme/global-token-revocation"
	const malformed, audience = lockstep.CodeIdPTokenMalformed, lockstep.CodeIdPAudience
	for _, c := range []hostileCase{
		{"good", func(*world) {}, ""},
		{"typ in full", func(w *world) { w.header["typ"] = "application/global-token-revocation+jwt" }, ""},
		{"no typ", func(w *world) { delete(w.header, "typ") }, malformed},
		{"typ JWT", func(w *world) { w.header["typ"] = "JWT" }, malformed},
		{"a logout token", func(w *world) { w.header["typ"] = "logout+jwt" }, malformed},
		{"alg none", func(w *world) { w.header["alg"], w.sign = "none", func(string) []byte { return nil } }, lockstep.CodeIdPAlgorithm},
		{"HS256", func(w *world) { w.header["alg"], w.sign = "HS256", withHMAC([]byte(testSecret)) }, lockstep.CodeIdPAlgorithm},
		{"foreign signature", func(w *world) { w.sign = func(string) []byte { return make([]byte, 256) } }, lockstep.CodeIdPSignature},
		{"another issuer", claim("iss", "https://evil.example"), lockstep.CodeIdPIssuer},
		{"for our client", claim("aud", "C1"), malformed},
		{"for two", claim("aud", []string{endpoint, "https://other.example"}), audience},
		{"about another client", claim("sub", "C2"), audience},
		{"about nobody", claim("sub", nil), audience},
		{"no exp", claim("exp", nil), malformed},
		{"expired", timed("exp", ago(2*time.Minute)), malformed},
		{"for a day", timed("exp", ago(-24*time.Hour)), malformed},
		{"no jti", claim("jti", nil), lockstep.CodeIdPClaimMissing},
	} {
		w := newWorld(t)
		w.header["typ"] = "global-token-revocation+jwt"
		w.claims = map[string]any{"nonce": nil, "jti": "j-1", "sub": "C1", "aud": endpoint, "exp": w.now.Add(5 * time.Minute).Unix()}
		c.change(w)
		up, err := w.opener.Open(t.Context(), w.provider)
		if err != nil {
			t.Fatal(err)
		}
		who, err := up.(*flow).ReadRevocation(t.Context(), w.makeToken(), endpoint, nil)
		if got := lockstep.CodeOf(err); (got == "") != (c.want == "") || (c.want == "") != (who.Issuer == w.URL) {
			t.Errorf("%s: got %+v, %v", c.name, who, err)
		} else if got != c.want {
			t.Logf("%s: %v, not %s", c.name, err, c.want)
		}
	}
}
