package rptest

import (
	"crypto"
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
	"slices"
	"strings"
	"sync"
	"time"
)

// The client that is registered at every issuer. Its secret has what HTTP Basic wants form-encoded (RFC 6749 §2.3.1).
const (
	ClientID = "client-1"
	Secret   = "a secret: 100 % long, with +letters"
	Subject  = "subject-1"
	Email    = "ada@acme.example"
)

var b64 = base64.RawURLEncoding

// Provider is an OpenID Provider with an issuer for each module, which answers as the module says.
type Provider struct {
	server *httptest.Server
	keys   []*rsa.PrivateKey
	runs   map[string]*run
}

// Listen opens a provider; Close closes it.
func Listen() (*Provider, error) {
	p := &Provider{runs: map[string]*run{}}
	for range 3 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
	}
	mux := http.NewServeMux()
	p.server = httptest.NewServer(mux)
	for _, m := range Modules() {
		x := &run{issuer: p.Issuer(m), codes: map[string]asked{}, keys: p.keys, published: []int{0}, ids: true}
		if m.change != nil {
			m.change(x)
		}
		p.runs[m.Path()] = x
		at := "/" + m.Path()
		mux.HandleFunc("GET "+at+"/.well-known/openid-configuration", x.discovery)
		mux.HandleFunc("GET "+at+"/authorize", x.authorize)
		mux.HandleFunc("POST "+at+"/token", x.token)
		mux.HandleFunc("GET "+at+"/jwks", x.jwks)
		mux.HandleFunc(at+"/userinfo", x.userinfo)
		mux.HandleFunc("GET "+at+"/logout", x.logout)
	}
	return p, nil
}

// Close closes the provider.
func (p *Provider) Close() { p.server.Close() }

// Issuer is the issuer of a module.
func (p *Provider) Issuer(m Module) string { return p.server.URL + "/" + m.Path() }

// run is what an issuer has been asked, and how it answers.
type run struct {
	issuer string
	keys   []*rsa.PrivateKey

	// How it answers. Of claims, header and user a nil takes one away.
	ids                  bool  // its keys have names
	published            []int // which keys
	signs                int   // which key signs
	rotates              func(*run)
	claims, header, user map[string]any
	meta                 map[string]any
	sign                 func(text string) []byte

	mu                  sync.Mutex
	codes               map[string]asked
	tokens, logouts     []url.Values
	auth, told          []string // how the client authenticated; how user-info was asked
	fetched, discovered int
}

type asked struct{ redirect, nonce, scope, challenge string }

func (x *run) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}

func changed(of, changes map[string]any) map[string]any {
	out := maps.Clone(of)
	for name, value := range changes {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

func (x *run) discovery(w http.ResponseWriter, _ *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.discovered++
	x.json(w, http.StatusOK, changed(map[string]any{
		"issuer": x.issuer, "authorization_endpoint": x.issuer + "/authorize", "token_endpoint": x.issuer + "/token", "jwks_uri": x.issuer + "/jwks",
		"userinfo_endpoint": x.issuer + "/userinfo", "end_session_endpoint": x.issuer + "/logout", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "none"}, "scopes_supported": []string{"openid", "profile", "email"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "grant_types_supported": []string{"authorization_code"}, "code_challenge_methods_supported": []string{"S256"},
		"backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
	}, x.meta))
}

func (x *run) authorize(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	back, err := url.Parse(v.Get("redirect_uri"))
	if err != nil || back.Host == "" || v.Get("client_id") != ClientID || v.Get("response_type") != "code" || !slices.Contains(strings.Fields(v.Get("scope")), "openid") {
		http.Error(w, "the authorization request is wrong: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	code := random()
	x.mu.Lock()
	x.codes[code] = asked{v.Get("redirect_uri"), v.Get("nonce"), v.Get("scope"), v.Get("code_challenge")}
	x.mu.Unlock()
	answer := back.Query()
	answer.Set("code", code)
	answer.Set("state", v.Get("state"))
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func random() string {
	text := make([]byte, 24)
	_, _ = rand.Read(text) // never fails
	return b64.EncodeToString(text)
}

// authentication says how the client has authenticated, "" if it has not.
func authentication(r *http.Request) string {
	if user, password, there := r.BasicAuth(); there {
		id, err := url.QueryUnescape(user)
		secret, err2 := url.QueryUnescape(password)
		if err == nil && err2 == nil && id == ClientID && secret == Secret {
			return "client_secret_basic"
		}
	} else if r.PostFormValue("client_id") == ClientID && r.PostFormValue("client_secret") == Secret {
		return "client_secret_post"
	}
	return ""
}

func (x *run) token(w http.ResponseWriter, r *http.Request) {
	how := authentication(r)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.auth = append(x.auth, how)
	was, there := x.codes[r.PostFormValue("code")]
	delete(x.codes, r.PostFormValue("code"))
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case how == "":
		x.json(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	case !there || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != was.redirect || was.challenge != "" && was.challenge != b64.EncodeToString(proof[:]):
		x.json(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	if x.rotates != nil {
		x.rotates(x)
	}
	access := random()
	now := time.Now().Unix()
	claims := changed(map[string]any{"iss": x.issuer, "sub": Subject, "aud": ClientID, "iat": now, "exp": now + 300, "auth_time": now, "sid": "session-1"}, x.claims)
	if _, replaced := x.claims["nonce"]; was.nonce != "" && !replaced {
		claims["nonce"] = was.nonce
	}
	x.tokens = append(x.tokens, url.Values{"access": {access}, "scope": {was.scope}})
	x.json(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": x.signed("JWT", claims)})
}

// signed is a JWT of the claims. The lock is held.
func (x *run) signed(typ string, claims map[string]any) string {
	header := map[string]any{"alg": "RS256", "typ": typ}
	if x.ids {
		header["kid"] = kid(x.signs)
	}
	text := encode(changed(header, x.header)) + "." + encode(claims)
	if x.sign != nil {
		return text + "." + b64.EncodeToString(x.sign(text))
	}
	return text + "." + b64.EncodeToString(byRSA(x.keys[x.signs], text))
}

func byRSA(key *rsa.PrivateKey, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is long enough
	}
	return signature
}

// bySecret signs with the client's secret, which is no key of the provider.
func bySecret(text string) []byte {
	sum := hmac.New(sha256.New, []byte(Secret))
	_, _ = sum.Write([]byte(text)) // never fails
	return sum.Sum(nil)
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // there are only maps of what JSON has
	}
	return b64.EncodeToString(text)
}

func kid(key int) string { return fmt.Sprint("key-", key) }

func (x *run) jwks(w http.ResponseWriter, _ *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fetched++
	keys := []any{}
	for _, i := range x.published {
		public := x.keys[i].PublicKey
		key := map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "n": b64.EncodeToString(public.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(public.E)).Bytes())}
		if x.ids {
			key["kid"] = kid(i)
		}
		keys = append(keys, key)
	}
	x.json(w, http.StatusOK, map[string]any{"keys": keys})
}

func (x *run) userinfo(w http.ResponseWriter, r *http.Request) {
	how, token := "header", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.Header.Get("Authorization") == "" && r.Method == http.MethodPost {
		how, token = "body", r.PostFormValue("access_token")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.told = append(x.told, how)
	at := slices.IndexFunc(x.tokens, func(v url.Values) bool { return v.Get("access") == token })
	if at < 0 || token == "" {
		x.json(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := map[string]any{"sub": Subject}
	scopes := strings.Fields(x.tokens[at].Get("scope"))
	if slices.Contains(scopes, "email") {
		claims["email"], claims["email_verified"] = Email, true
	}
	if slices.Contains(scopes, "profile") {
		claims["name"], claims["given_name"], claims["family_name"], claims["preferred_username"] = "Ada Lovelace", "Ada", "Lovelace", "ada"
	}
	x.json(w, http.StatusOK, changed(claims, x.user))
}

// logout is the end_session_endpoint: it sends the browser back, with the state as the module has it.
func (x *run) logout(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	x.mu.Lock()
	x.logouts = append(x.logouts, v)
	x.mu.Unlock()
	back, err := url.Parse(v.Get("post_logout_redirect_uri"))
	if err != nil || back.Host == "" {
		_, _ = w.Write([]byte("signed out")) // who asked may be gone
		return
	}
	answer := back.Query()
	if state, there := v["state"]; there {
		answer["state"] = state
	}
	back.RawQuery = changedState(answer, x.user).Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// changedState is the answer after signing out, with the state that the module sends, or none.
func changedState(v url.Values, changes map[string]any) url.Values {
	if value, there := changes["state"]; there {
		v.Del("state")
		if text, is := value.(string); is {
			v.Set("state", text)
		}
	}
	return v
}
