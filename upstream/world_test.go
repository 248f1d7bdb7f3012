package upstream

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/sso"
	"lockstep/web"
)

// world is an OpenID Provider that does what a test tells it to. It shares no code with what it tests: tokens are put together and
// signed with the standard library alone.
type world struct {
	*httptest.Server
	t        *testing.T
	provider sso.Provider
	attempt  sso.Attempt
	callback url.Values
	post     bool

	claims  map[string]any // of the ID token; a nil value takes one away
	header  map[string]any
	sign    func(signed string) []byte // nil: RS256 with the published key
	idToken func(good string) string   // the last change to the text
	answer  map[string]any             // of the token endpoint, beside its usual members
	status  int                        // of the token endpoint
	user    any                        // of the user-info endpoint
	keys    func() any                 // of the key endpoint
	handle  func(w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	fetched int // how often the keys were asked for
	tried   []string
	opener  *Opener
	now     time.Time
}

const (
	testCode   = "c0de-that-is-used-once"
	testAccess = "acc3ss-token-that-is-secret"
	testSecret = "cl1ent-secret"
)

// testKey is made once: a key of RSA takes a tenth of a second.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, status: http.StatusOK, now: time.Now(), callback: url.Values{"code": {testCode}}, header: map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"},
		claims: map[string]any{}, answer: map[string]any{},
		attempt: sso.Attempt{ID: "a1", State: "st4te", Nonce: "n0nce-of-this-login", Verifier: "v3rifier-v3rifier-v3rifier-v3rifier-v3rifier", RedirectURI: "https://lockstep.example/sso/idp/callback"},
	}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	w.keys = func() any { return map[string]any{"keys": []any{jwk("k1", &testKey().PublicKey)}} }
	w.user = map[string]any{"sub": "u-1", "email": "ada@example.com", "email_verified": true, "name": "Ada"}
	w.provider = sso.Provider{ID: "p1", Tenant: "t1", Kind: sso.KindOIDC, Settings: map[string]string{
		"client_id": "C1", "issuer": w.URL, "authorize_url": w.URL + "/authorize", "token_url": w.URL + "/token", "jwks_url": w.URL + "/keys",
		"userinfo_url": w.URL + "/me", "logout_url": w.URL + "/end",
	}, Secrets: map[string]string{"client_secret": testSecret}}
	w.opener = &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}, Now: func() time.Time { return w.now }}
	return w
}

func jwk(kid string, key *rsa.PublicKey) map[string]any {
	return map[string]any{"kty": "RSA", "use": "sig", "kid": kid, "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ServeHTTP answers.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out.Header().Set("Content-Type", "application/json")
	if w.handle != nil && w.handle(out, r) {
		return
	}
	switch r.URL.Path {
	case "/token":
		w.token(out, r)
	case "/keys":
		w.fetched++
		_, _ = out.Write([]byte(encode(w.keys())))
	case "/me":
		if r.Header.Get("Authorization") != "Bearer "+testAccess {
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		if text, ok := w.user.(string); ok {
			_, _ = out.Write([]byte(text))
			return
		}
		_, _ = out.Write([]byte(encode(w.user)))
	default:
		out.WriteHeader(http.StatusNotFound)
	}
}

func (w *world) token(out http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	_, secret, _ := r.BasicAuth()
	w.tried = append(w.tried, secret+r.PostForm.Get("client_secret"))
	answer := map[string]any{"access_token": testAccess, "token_type": "Bearer", "expires_in": 60, "id_token": w.makeToken()}
	maps.Copy(answer, w.answer)
	maps.DeleteFunc(answer, func(_ string, v any) bool { return v == nil })
	out.WriteHeader(w.status)
	_, _ = out.Write([]byte(encode(answer)))
}

func (w *world) makeToken() string {
	claims := map[string]any{
		"iss": w.URL, "aud": "C1", "sub": "u-1", "iat": w.now.Unix(), "exp": w.now.Add(time.Minute).Unix(), "nonce": w.attempt.Nonce,
	}
	maps.Copy(claims, w.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	header := maps.Clone(w.header)
	maps.DeleteFunc(header, func(_ string, v any) bool { return v == nil })
	signed := b64([]byte(encode(header))) + "." + b64([]byte(encode(claims)))
	sign := w.sign
	if sign == nil {
		sign = withRSA(testKey())
	}
	token := signed + "." + b64(sign(signed))
	if w.idToken != nil {
		token = w.idToken(token)
	}
	return token
}

func withRSA(key *rsa.PrivateKey) func(string) []byte {
	return func(signed string) []byte {
		sum := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func withHMAC(secret []byte) func(string) []byte {
	return func(signed string) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	}
}

func withEC(key *ecdsa.PrivateKey) func(string) []byte {
	return func(signed string) []byte {
		sum := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func newEC() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func jwkEC(kid string, key *ecdsa.PublicKey) map[string]any {
	point, err := key.Bytes()
	if err != nil {
		panic(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": b64(point[1:33]), "y": b64(point[33:])}
}

// signIn goes through both halves of a login and returns who it was.
func (w *world) signIn() (sso.Identity, stages, error) {
	w.t.Helper()
	var told stages
	up, err := w.opener.Open(w.t.Context(), w.provider)
	if err != nil {
		return sso.Identity{}, told, err
	}
	to, err := up.Begin(w.t.Context(), w.attempt, &told)
	if err != nil {
		return sso.Identity{}, told, err
	}
	if w.attempt.Kept == nil {
		w.attempt.Kept = to.Keep
	}
	who, err := up.Finish(w.t.Context(), w.attempt, sso.Callback{Values: w.callback, Post: w.post}, &told)
	w.leaks(told, err)
	return who, told, err
}

// leaks fails the test when a secret stands in what was told.
func (w *world) leaks(told stages, err error) {
	w.t.Helper()
	text := encode(told) + fmt.Sprint(err)
	for _, secret := range []string{testCode, testAccess, testSecret, w.attempt.Verifier, w.attempt.Nonce, "eyJ"} {
		if secret != "" && strings.Contains(text, secret) {
			w.t.Errorf("%q is told: %s", secret, text)
		}
	}
}
