package demo

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lockstep/api"
	"lockstep/scim"
	"lockstep/sso"
	"lockstep/token"
)

// ssoSite is a tenant in which people sign in, and everybody around it.
type ssoSite struct {
	bench  SSOBench
	api    *api.Client
	issuer string
	idp    *benchIDP
	apps   *benchApps
	http   *http.Client
	secret map[string]string // of clients
}

const (
	benchPassword = "correct horse battery staple"
	benchVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	benchReturn   = "http://127.0.0.1:9/cb" // nobody goes there: this process reads the address
)

func newSSOSite(ctx context.Context, where card, b SSOBench) (s *ssoSite, err error) {
	s = &ssoSite{
		bench: b, api: &api.Client{Base: where.Address, Token: where.Token}, issuer: where.Address + "/sso/default", secret: map[string]string{},
		http: &http.Client{
			Transport:     &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 2 * b.Concurrent, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       time.Minute,
		},
	}
	if s.idp, err = newBenchIDP(); err != nil {
		return s, err
	}
	if s.apps, err = newBenchApps(); err != nil {
		return s, err
	}
	for _, f := range []func(context.Context) error{s.providers, s.clients, s.people} {
		if err := f(ctx); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *ssoSite) close() {
	if s.idp != nil {
		s.idp.close()
	}
	if s.apps != nil {
		s.apps.close()
	}
	s.http.CloseIdleConnections()
}

// providers adds the identity provider of the bench, and the passwords of the directory.
func (s *ssoSite) providers(ctx context.Context) error {
	yes := true
	for _, p := range []api.AddProvider{
		{Alias: "idp", Kind: sso.KindOIDC, SetProvider: api.SetProvider{
			TrustEmail: &yes, Secrets: map[string]string{"client_secret": "secret"},
			Settings: s.idp.settings(),
		}},
		{Alias: "passwords", Kind: sso.KindLocal},
	} {
		if _, err := s.api.AddIdentityProvider(ctx, p); err != nil {
			return err
		}
		if _, err := s.api.EnableIdentityProvider(ctx, p.Alias, true); err != nil {
			return err
		}
	}
	return nil
}

// clients adds an application for each algorithm and way to sign in, and those that are told when somebody leaves.
func (s *ssoSite) clients(ctx context.Context) error {
	add := func(id, provider, logout string, alg token.Alg) error {
		made, err := s.api.AddSSOClient(ctx, api.NewClient{
			ID: id, Name: id, Redirects: []string{benchReturn}, LogoutURI: logout, Auth: sso.AuthPost, Provider: sso.ProviderID(provider), IDToken: alg, Scopes: []string{"read"},
			Grants: []sso.GrantType{sso.GrantCode, sso.GrantRefresh, sso.GrantCredentials},
		})
		s.secret[id] = made.Secret
		return err
	}
	for _, alg := range []token.Alg{token.ES256, token.RS256} {
		for _, provider := range []string{"idp", "passwords"} {
			if err := add(provider+" "+string(alg), provider, "", alg); err != nil {
				return err
			}
		}
	}
	for i := range s.bench.Apps {
		if err := add(appID(i), "idp", fmt.Sprintf("%s/%d", s.apps.url, i), token.ES256); err != nil {
			return err
		}
	}
	return nil
}

func appID(i int) string { return fmt.Sprint("app ", i) }

// people adds everybody. Those who sign in have a password, those who leave have none.
func (s *ssoSite) people(ctx context.Context) error {
	where := card{Address: s.api.Base, Token: s.api.Token}
	text, err := scimToken(ctx, where, "default")
	if err != nil {
		return err
	}
	e, err := dialSCIM(ctx, where, "default", text, 1)
	if err != nil {
		return err
	}
	defer e.close()
	for i := range s.bench.People + s.bench.Leavers {
		u := benchUser(i)
		if i < s.bench.People {
			u.Set("password", benchPassword)
		}
		if _, err := e.exchange(ctx, http.MethodPost, "/Users", scim.AppendJSON(nil, u), http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

// benchBrowser is a browser that nobody has used: it keeps cookies until it is thrown away.
type benchBrowser struct {
	*ssoSite
	cookies map[string]string
}

func (s *ssoSite) browser() benchBrowser { return benchBrowser{s, map[string]string{}} }

// send makes a request and returns where the answer leads, or its body.
func (b benchBrowser) send(ctx context.Context, method, address string, form url.Values, bearer string) (*url.URL, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer, err := b.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range answer.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	if answer.StatusCode >= 400 {
		return nil, nil, fmt.Errorf("%s %s answers %d: %.300s", method, r.URL.Path, answer.StatusCode, text)
	}
	to, err := url.Parse(answer.Header.Get("Location"))
	return to, text, err
}

// authorize begins a sign-in to an application.
func (b benchBrowser) authorize(ctx context.Context, client string) (*url.URL, []byte, error) {
	sum := sha256.Sum256([]byte(benchVerifier))
	return b.send(ctx, http.MethodGet, b.issuer+"/authorize?"+url.Values{
		"client_id": {client}, "response_type": {"code"}, "redirect_uri": {benchReturn}, "scope": {"openid profile email"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil, "")
}

// benchTokens are what the token endpoint gives.
type benchTokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

// ask asks the token endpoint, or another one, as a client.
func (s *ssoSite) ask(ctx context.Context, path, client string, answer any, values ...string) error {
	form := url.Values{"client_id": {client}, "client_secret": {s.secret[client]}}
	for i := 0; i+1 < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	_, text, err := s.browser().send(ctx, http.MethodPost, s.issuer+path, form, "")
	if err != nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// redeem takes the code that an answer has for the application.
func (s *ssoSite) redeem(ctx context.Context, client string, to *url.URL) (t benchTokens, err error) {
	code := to.Query().Get("code")
	if code == "" {
		return t, fmt.Errorf("no code, but %s", to)
	}
	err = s.ask(ctx, "/token", client, &t, "grant_type", "authorization_code", "code", code, "redirect_uri", benchReturn, "code_verifier", benchVerifier)
	if err == nil && t.ID == "" {
		err = errors.New("no ID token")
	}
	return t, err
}

// signIn signs somebody in through the identity provider, and returns what of the time was the provider's.
func (b benchBrowser) signIn(ctx context.Context, client, login string) (t benchTokens, theirs time.Duration, err error) {
	to, _, err := b.authorize(ctx, client)
	if err != nil {
		return t, 0, err
	}
	if state := to.Query().Get("state"); strings.HasPrefix(to.String(), b.idp.url) {
		if to, _, err = b.send(ctx, http.MethodGet, b.idp.authorize(to, login), nil, ""); err != nil {
			return t, 0, err
		}
		theirs = b.idp.takes(state)
	}
	t, err = b.redeem(ctx, client, to)
	return t, theirs, err
}

// brokered is a complete sign-in: authorise, identity provider, callback, code, tokens, user-info.
func (s *ssoSite) brokered(ctx context.Context, client, login string) (time.Duration, error) {
	began := time.Now()
	b := s.browser()
	t, theirs, err := b.signIn(ctx, client, login)
	if err != nil {
		return 0, err
	}
	_, text, err := s.browser().send(ctx, http.MethodGet, s.issuer+"/userinfo", nil, t.Access)
	took := time.Since(began) - theirs
	if err == nil && !strings.Contains(string(text), `"`+login+`"`) {
		err = fmt.Errorf("%s is %.200s", login, text)
	}
	return took, err
}

// byPassword is a sign-in by the page's form.
func (s *ssoSite) byPassword(ctx context.Context, client, login string) (time.Duration, error) {
	began := time.Now()
	b := s.browser()
	_, page, err := b.authorize(ctx, client)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(page), `name="l" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	to, _, err := b.send(ctx, http.MethodPost, s.issuer+"/login", url.Values{"l": {id}, "name": {login}, "password": {benchPassword}}, "")
	if err != nil {
		return 0, err
	}
	_, err = s.redeem(ctx, client, to)
	return time.Since(began), err
}

// prepare returns an operation: the n-th call of it, and how long it took without the identity provider.
func (s *ssoSite) prepare(ctx context.Context, alg, name string) (func(ctx context.Context, n int) (time.Duration, error), error) {
	app := "idp " + alg
	person := func(n int) string { return benchUserName(n % s.bench.People) }
	timed := func(f func() error) (time.Duration, error) {
		began := time.Now()
		err := f()
		return time.Since(began), err
	}
	switch name {
	case "sign_in":
		return func(ctx context.Context, n int) (time.Duration, error) { return s.brokered(ctx, app, person(n)) }, nil
	case "password_login":
		return func(ctx context.Context, n int) (time.Duration, error) {
			return s.byPassword(ctx, "passwords "+alg, person(n))
		}, nil
	case "client_credentials":
		return func(ctx context.Context, _ int) (time.Duration, error) {
			return timed(func() error {
				var t benchTokens
				return s.ask(ctx, "/token", app, &t, "grant_type", "client_credentials")
			})
		}, nil
	}
	held := make(chan benchTokens, s.bench.Concurrent)
	for n := range s.bench.Concurrent {
		t, _, err := s.browser().signIn(ctx, app, person(n))
		if err != nil {
			return nil, err
		}
		held <- t
	}
	return func(ctx context.Context, _ int) (time.Duration, error) {
		t := <-held
		defer func() { held <- t }()
		if name == "refresh" {
			return timed(func() error {
				return s.ask(ctx, "/token", app, &t, "grant_type", "refresh_token", "refresh_token", t.Refresh)
			})
		}
		return timed(func() error { return s.active(ctx, app, t.Access, true) })
	}, nil
}

// active asks whether a token is valid, and wants it to be so or not.
func (s *ssoSite) active(ctx context.Context, client, text string, want bool) error {
	var a struct{ Active bool }
	err := s.ask(ctx, "/introspect", client, &a, "token", text)
	if err == nil && a.Active != want {
		err = fmt.Errorf("a token is active: %v", a.Active)
	}
	return err
}
