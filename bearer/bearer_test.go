package bearer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"lockstep/bearer"
	"lockstep/token"
)

// TestNobodyWaitsForAStranger: while an issuer that hangs is asked because of a token by a key that nobody knows, good tokens are checked with
// the keys that are there.
func TestNobodyWaitsForAStranger(t *testing.T) {
	key, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(key.Key())
	if err != nil {
		t.Fatal(err)
	}
	var hang atomic.Bool
	asked, release := make(chan struct{}, 1), make(chan struct{})
	mux := http.NewServeMux()
	issuer := httptest.NewServer(mux)
	t.Cleanup(issuer.Close)
	t.Cleanup(func() { close(release) })
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if hang.Load() {
			asked <- struct{}{}
			<-release
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer.URL, issuer.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"keys":[%s]}`, jwk) })

	var at atomic.Int64
	at.Store(time.Now().Unix())
	b := &bearer.Issuers{Client: issuer.Client(), Now: func() time.Time { return time.Unix(at.Load(), 0) }}
	by := func(k token.Signer) string {
		text, err := k.Sign("at+jwt", map[string]any{"iss": issuer.URL, "aud": "x", "sub": "s", "client_id": "c", "iat": at.Load(), "exp": at.Load() + 3600, "jti": "1"})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := b.Verify(t.Context(), issuer.URL, by(key), token.ES256); err != nil {
		t.Fatal(err)
	}
	stranger, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	hang.Store(true)
	at.Add(60)
	failed := make(chan error, 1)
	go func() {
		_, err := b.Verify(t.Context(), issuer.URL, by(stranger), token.ES256)
		failed <- err
	}()
	<-asked
	if _, err := b.Verify(t.Context(), issuer.URL, by(key), token.ES256); err != nil {
		t.Error(err)
	}
	select {
	case err := <-failed:
		t.Errorf("the stranger was answered first: %v", err)
	default:
	}
}
