package oauth

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser follows redirects within the broker, keeps cookies, and fills forms. It stops where it is sent elsewhere.
type browser struct {
	w      *world
	site   *httptest.Server
	client *http.Client
}

// answer is where a browser has come to.
type answer struct {
	status    int
	url       string // the address, of the broker or of whoever it was sent to
	body      string
	elsewhere bool // the address is not the broker's
}

func (w *world) serve() *httptest.Server {
	w.t.Helper()
	mux := http.NewServeMux()
	w.server.Mount(mux)
	site := httptest.NewServer(mux)
	w.t.Cleanup(site.Close)
	return site
}

func (w *world) browser(site *httptest.Server) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{w, site, client}
}

func (b *browser) do(r *http.Request) answer {
	b.w.t.Helper()
	for range 10 {
		resp, err := b.client.Do(r)
		if err != nil {
			b.w.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			b.w.t.Fatal(err)
		}
		to := resp.Header.Get("Location")
		if to == "" {
			return answer{status: resp.StatusCode, url: r.URL.String(), body: string(body)}
		}
		next, err := r.URL.Parse(to)
		if err != nil {
			b.w.t.Fatalf("sent to %q: %v", to, err)
		}
		if next.Host != r.URL.Host {
			return answer{status: resp.StatusCode, url: to, elsewhere: true}
		}
		if r, err = http.NewRequest(http.MethodGet, next.String(), nil); err != nil {
			b.w.t.Fatal(err)
		}
	}
	b.w.t.Fatal("sent round in circles")
	return answer{}
}

func (b *browser) get(address string) answer {
	b.w.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.site.URL + address
	}
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, values url.Values, edit ...func(*http.Request)) answer {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.site.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, f := range edit {
		f(r)
	}
	return b.do(r)
}

var hidden = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)
var action = regexp.MustCompile(`<form method="post" action="([^"]*)"`)

// submit sends the first form of the page with its hidden fields and the values.
func (b *browser) submit(a answer, values url.Values) answer {
	b.w.t.Helper()
	m := action.FindStringSubmatch(a.body)
	if m == nil {
		b.w.t.Fatalf("%s: %d: no form:\n%s", a.url, a.status, a.body)
	}
	form := url.Values{}
	text, _, _ := strings.Cut(a.body[strings.Index(a.body, m[0]):], "</form>")
	for _, f := range hidden.FindAllStringSubmatch(text, -1) {
		if strings.Contains(text, `type="hidden" `+f[0]) {
			form.Set(f[1], html.UnescapeString(f[2]))
		}
	}
	for name := range values {
		form.Set(name, values.Get(name))
	}
	return b.post(html.UnescapeString(m[1]), form)
}

// signIn answers the sign-in page.
func (b *browser) signIn(a answer, name string) answer {
	b.w.t.Helper()
	if !strings.Contains(a.body, "<h1>Sign in</h1>") {
		b.w.t.Fatalf("%s: %d: not the sign-in page:\n%s", a.url, a.status, a.body)
	}
	return b.submit(a, url.Values{"login": {name + "@acme.example"}})
}

// consent answers the consent page.
func (b *browser) consent(a answer, decision string) answer {
	b.w.t.Helper()
	if !strings.Contains(a.body, "asks for access</h1>") {
		b.w.t.Fatalf("%s: %d: not the consent page:\n%s", a.url, a.status, a.body)
	}
	return b.submit(a, url.Values{"decision": {decision}})
}

// authorize goes all the way: signs in, consents, and returns what the client is told.
func (b *browser) authorize(q url.Values, name string) url.Values {
	b.w.t.Helper()
	a := b.get("/v1/authorize?" + q.Encode())
	if strings.Contains(a.body, "<h1>Sign in</h1>") {
		a = b.signIn(a, name)
	}
	if !a.elsewhere {
		a = b.consent(a, "allow")
	}
	return b.told(a, q.Get("redirect_uri"))
}

// told returns the parameters that the client got at its redirect URI.
func (b *browser) told(a answer, redirect string) url.Values {
	b.w.t.Helper()
	rest, ok := strings.CutPrefix(a.url, redirect)
	if !a.elsewhere || !ok || rest == "" {
		b.w.t.Fatalf("came to %s (%d), want %s\n%s", a.url, a.status, redirect, a.body)
	}
	values, err := url.ParseQuery(rest[1:])
	if err != nil {
		b.w.t.Fatal(err)
	}
	return values
}

// call sends a form as a program does, and decodes the answer.
func (b *browser) call(path string, values url.Values, edit ...func(*http.Request)) (int, map[string]any) {
	b.w.t.Helper()
	a := b.post(path, values, edit...)
	out := map[string]any{}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			b.w.t.Fatalf("%s: %d: %v\n%s", path, a.status, err, a.body)
		}
	}
	return a.status, out
}

// fetch sends GET with a token.
func (b *browser) fetch(method, path, bearer string) (int, map[string]any) {
	b.w.t.Helper()
	r, err := http.NewRequest(method, b.site.URL+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	a := b.do(r)
	out := map[string]any{}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			b.w.t.Fatalf("%s: %d: %v\n%s", path, a.status, err, a.body)
		}
	}
	return a.status, out
}

// registered is a client with its secret.
type registered struct {
	Client
	secret string
}

func (w *world) register(kind ClientKind, org string, scopes ...string) registered {
	w.t.Helper()
	c := Client{Kind: kind, Name: "Tester", Org: org, Redirects: []string{"https://app.example/cb", "https://app.example/other?keep=1"}, Scopes: scopes}
	got, secret, err := w.server.Register(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return registered{got, secret}
}

// query is an authorization request of the client.
func (c registered) query(edit ...string) url.Values {
	q := url.Values{
		"client_id": {c.ID}, "response_type": {"code"}, "redirect_uri": {c.Redirects[0]}, "scope": {strings.Join(c.Scopes, " ")}, "state": {"s t&a=te"},
	}
	for i := 0; i < len(edit); i += 2 {
		if edit[i+1] == "" {
			q.Del(edit[i])
		} else {
			q.Set(edit[i], edit[i+1])
		}
	}
	return q
}

// form is a token request of the client.
func (c registered) form(edit ...string) url.Values {
	q := url.Values{"client_id": {c.ID}, "client_secret": {c.secret}, "redirect_uri": {c.Redirects[0]}, "grant_type": {"authorization_code"}}
	for i := 0; i < len(edit); i += 2 {
		if edit[i+1] == "" {
			q.Del(edit[i])
		} else {
			q.Set(edit[i], edit[i+1])
		}
	}
	return q
}

func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
