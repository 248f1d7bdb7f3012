package demo

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"lockstep/token"
)

// benchIDP is an identity provider that says of everybody at once who they are: whoever login_hint names. What it takes of a sign-in is
// taken down, so that it can be left out.
type benchIDP struct {
	url    string
	key    token.Signer
	server *http.Server

	mu    sync.Mutex
	codes map[string]benchCode
	took  map[string]time.Duration // by state
}

type benchCode struct{ nonce, login, state string }

func newBenchIDP() (*benchIDP, error) {
	key, err := token.NewSigner(token.ES256)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // on loopback
	if err != nil {
		return nil, err
	}
	p := &benchIDP{url: "http://" + l.Addr().String(), key: key, codes: map[string]benchCode{}, took: map[string]time.Duration{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": token.KeySet{key.Key()}}) // the peer may be gone
	})
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(l) }() // ends with close
	return p, nil
}

// settings are those of an identity provider of Lockstep that asks it.
func (p *benchIDP) settings() map[string]string {
	return map[string]string{
		"client_id": "lockstep", "issuer": p.url, "authorize_url": p.url + "/authorize", "token_url": p.url + "/token", "jwks_url": p.url + "/jwks", "userinfo": "never",
	}
}

func (p *benchIDP) close() { _ = p.server.Close() }

// authorize answers an authorization request without a call, as a browser would bring the answer back.
func (p *benchIDP) authorize(to *url.URL, login string) string {
	q := to.Query()
	code := q.Get("state") // as random as a code has to be
	p.mu.Lock()
	p.codes[code] = benchCode{nonce: q.Get("nonce"), login: login, state: code}
	p.mu.Unlock()
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

// takes returns how long the provider took of the sign-in with a state, and forgets it.
func (p *benchIDP) takes(state string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.took[state]
	delete(p.took, state)
	return d
}

func (p *benchIDP) token(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	p.mu.Lock()
	c, known := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	if !known {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := time.Now().Unix()
	id, err := p.key.Sign("JWT", map[string]any{
		"iss": p.url, "sub": "sub of " + c.login, "aud": "lockstep", "exp": now + 600, "iat": now, "auth_time": now, "nonce": c.nonce, "email": c.login, "email_verified": true,
		"sid": strings.Repeat("s", 36),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "opaque", "token_type": "Bearer", "expires_in": 600, "id_token": id}) // the peer may be gone
	p.mu.Lock()
	p.took[c.state] = time.Since(began)
	p.mu.Unlock()
}
