package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/e2e/parts"
	"lockstep/token"
)

// signInKills is how often TestBrokerKills kills the server.
var signInKills = flag.Int("signin-kills", 10, "TestBrokerKills: kills of serve while people sign in")

// TestBrokerKills kills `lockstep serve` with SIGKILL at random points of sign-ins, refreshes and disables. Whatever a browser and an application
// held by then is tried again afterwards: a code, a refresh token and a callback work once in all, whether the answer was heard or not; and who
// was disabled is signed in nowhere, and cannot sign in.
func TestBrokerKills(t *testing.T) {
	t.Parallel()
	w := newKilledBroker(t)
	for round := range *signInKills {
		w.round(round)
	}
	if w.signedIn == 0 || w.unheard == 0 {
		t.Errorf("%d sign-ins, %d answers that were not heard: the kills hit nothing", w.signedIn, w.unheard)
	}
	t.Logf("%d sign-ins, %d refreshes, %d answers not heard, %d tries of what was spent", w.signedIn, w.refreshed, w.unheard, w.tries)
}

// killedBroker is a server that is killed, the identity provider and the application around it, and what they know.
type killedBroker struct {
	*home
	t              *testing.T
	issuer         string
	client, secret string
	idp            *killIDP
	random         *rand.Rand
	process        *process

	mu                                  sync.Mutex
	held                                []*spendable
	signedIn, refreshed, unheard, tries int
}

// spendable is something that works once.
type spendable struct {
	what string
	use  func() (worked, heard bool)
	won  int
}

func newKilledBroker(t *testing.T) *killedBroker {
	t.Helper()
	address := parts.Address(t) // the server takes it each time anew
	w := &killedBroker{home: newHome(t), t: t, issuer: "http://" + address + "/sso/default", random: rand.New(rand.NewPCG(max(1, *seed), 11))}
	w.set("LOCKSTEP_LISTEN", address)
	w.idp = newKillIDP(t)
	w.process = w.start(serves, "serve")
	for i := range *signInKills + 5 {
		w.run("people", "add", person(i))
	}
	w.run("idp", "add", "other", "--kind", "oidc", "--trust-email")
	w.write("secret", "secret\n")
	w.run("idp", "set", "other", "--secret-file", "client_secret="+w.dir+"/secret", "--set", "client_id=lockstep", "--set", "issuer="+w.idp.url,
		"--set", "authorize_url="+w.idp.url+"/authorize", "--set", "token_url="+w.idp.url+"/token", "--set", "jwks_url="+w.idp.url+"/jwks", "--set", "userinfo=never")
	w.run("idp", "enable", "other", "--untested")
	var made struct {
		ID     string
		Secret string `json:"client_secret"`
	}
	w.read(&made, "client", "add", "App", "--redirect", "http://127.0.0.1:9/cb", "--auth", "client_secret_post", "--alg", "ES256")
	w.client, w.secret = made.ID, made.Secret
	return w
}

func person(i int) string { return fmt.Sprintf("p%d@acme.example", i) }

// round lets people sign in, disables the one whose number it is, kills the server meanwhile, and tries everything again.
func (w *killedBroker) round(n int) {
	w.t.Helper()
	leaver := w.browser(n)
	leaver.signIn() // as yet they may
	stop, all := make(chan struct{}), sync.WaitGroup{}
	for i := range 4 {
		all.Go(func() {
			b := w.browser(*signInKills + 1 + i)
			for {
				select {
				case <-stop:
					return
				default:
					b.signIn()
				}
			}
		})
	}
	all.Go(func() { w.try("people", "disable", person(n)) }) // done, or not
	time.Sleep(time.Duration(30+w.random.IntN(600)) * time.Millisecond)
	w.process.kill()
	close(stop)
	all.Wait()
	w.process = w.start(serves, "serve")
	w.spend()
	w.run("people", "disable", person(n))
	leaver.isOut()
}

// hold keeps what works once, to be tried again after the next kill.
func (w *killedBroker) hold(what string, use func() (worked, heard bool)) *spendable {
	s := &spendable{what: what, use: use}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, s)
	return s
}

// used notes how a use went.
func (w *killedBroker) used(s *spendable, worked, heard bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if worked {
		s.won++
	}
	if !heard {
		w.unheard++
	}
	if s.won > 1 {
		w.t.Errorf("%s worked %d times", s.what, s.won)
	}
}

// spend tries everything twice that was held when the server was killed.
func (w *killedBroker) spend() {
	w.t.Helper()
	all := w.held
	w.held = nil
	for _, s := range all {
		for range 2 {
			worked, heard := s.use()
			if !heard {
				w.t.Fatalf("%s: the server is there, and does not answer", s.what)
			}
			w.used(s, worked, heard)
			w.tries++
		}
	}
}

// killBrowser is somebody's browser, and the application that they sign in to.
type killBrowser struct {
	*killedBroker
	login  string
	jar    http.CookieJar
	access string
	next   string // refresh token
}

func (w *killedBroker) browser(i int) *killBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &killBrowser{killedBroker: w, login: person(i), jar: jar}
}

// get opens an address and returns where it leads. heard is false when there was no answer.
func (b *killBrowser) get(address string) (to *url.URL, heard bool) {
	c := http.Client{Jar: b.jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := c.Get(address)
	if err != nil {
		return &url.URL{}, false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	if to, _ = url.Parse(answer.Header.Get("Location")); to == nil {
		to = &url.URL{}
	}
	return to, err == nil
}

const killVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func (b *killBrowser) authorize(prompt string) (*url.URL, bool) {
	sum := sha256.Sum256([]byte(killVerifier))
	return b.get(b.issuer + "/authorize?" + url.Values{
		"client_id": {b.client}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"}, "prompt": {prompt},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode())
}

// ask asks the token endpoint.
func (b *killBrowser) ask(values ...string) (worked, heard bool) {
	form := url.Values{"client_id": {b.client}, "client_secret": {b.secret}}
	for i := 0; i+1 < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	answer, err := (&http.Client{Timeout: patience}).PostForm(b.issuer+"/token", form)
	if err != nil {
		return false, false
	}
	defer answer.Body.Close()
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return false, false
	}
	if answer.StatusCode == http.StatusOK {
		b.mu.Lock()
		b.access, b.next = got.Access, got.Refresh
		b.mu.Unlock()
	}
	return answer.StatusCode == http.StatusOK, true
}

// signIn signs in anew, and refreshes a few times. What works once is held.
func (b *killBrowser) signIn() {
	to, heard := b.authorize("login")
	if !heard || !strings.HasPrefix(to.String(), b.idp.url) {
		return
	}
	address, code := b.idp.answer(to, b.login), ""
	callback := b.hold("a callback", func() (bool, bool) {
		b.idp.answer(to, b.login) // it would give the same answer again
		to, heard := b.get(address)
		return to.Query().Get("code") != "", heard
	})
	to, heard = b.get(address)
	code = to.Query().Get("code")
	b.used(callback, code != "", heard)
	if code == "" {
		return
	}
	if !b.once("a code", "grant_type", "authorization_code", "code", code, "redirect_uri", "http://127.0.0.1:9/cb", "code_verifier", killVerifier) {
		return
	}
	b.count(&b.signedIn)
	for range 3 {
		b.mu.Lock()
		text := b.next
		b.mu.Unlock()
		if !b.once("a refresh token", "grant_type", "refresh_token", "refresh_token", text) {
			return
		}
		b.count(&b.refreshed)
	}
}

func (b *killBrowser) count(n *int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*n++
}

// once uses something that works once, and holds it.
func (b *killBrowser) once(what string, values ...string) bool {
	s := b.hold(what, func() (bool, bool) { return b.ask(values...) })
	worked, heard := b.ask(values...)
	b.used(s, worked, heard)
	return worked
}

// isOut checks that somebody who was disabled is signed in nowhere and cannot sign in.
func (b *killBrowser) isOut() {
	b.t.Helper()
	if to, heard := b.authorize("none"); !heard || to.Query().Get("error") != "login_required" {
		b.t.Errorf("%s is disabled, and their session stands: %s", b.login, to)
	}
	if worked, heard := b.ask("grant_type", "refresh_token", "refresh_token", b.next); worked || !heard {
		b.t.Errorf("%s is disabled, and their refresh token works", b.login)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.issuer+"/userinfo", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.access)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		b.t.Errorf("%s is disabled, and their access token works: %d", b.login, answer.StatusCode)
	}
	to, _ := b.authorize("login")
	if to, heard := b.get(b.idp.answer(to, b.login)); !heard || to.Query().Get("code") != "" {
		b.t.Errorf("%s is disabled, and signs in", b.login)
	}
}

// killIDP is an identity provider that says of people what the test decides.
type killIDP struct {
	url   string
	key   token.Signer
	mu    sync.Mutex
	codes map[string][2]string // nonce and login
}

func newKillIDP(t *testing.T) *killIDP {
	t.Helper()
	key, err := token.NewSigner(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	p := &killIDP{key: key, codes: map[string][2]string{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// answer is where the provider sends a browser back to. It gives the same answer to the same request.
func (p *killIDP) answer(to *url.URL, login string) string {
	q := to.Query()
	p.mu.Lock()
	p.codes[q.Get("state")] = [2]string{q.Get("nonce"), login}
	p.mu.Unlock()
	return q.Get("redirect_uri") + "?" + url.Values{"code": {q.Get("state")}, "state": {q.Get("state")}}.Encode()
}

func (p *killIDP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/jwks" {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": token.KeySet{p.key.Key()}}) // the peer may be gone
		return
	}
	p.mu.Lock()
	who, known := p.codes[r.PostFormValue("code")]
	p.mu.Unlock()
	now := time.Now().Unix()
	id, err := p.key.Sign("JWT", map[string]any{
		"iss": p.url, "sub": "sub of " + who[1], "aud": "lockstep", "exp": now + 600, "iat": now, "nonce": who[0], "email": who[1], "email_verified": true,
	})
	if !known || err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": id}) // the peer may be gone
}
