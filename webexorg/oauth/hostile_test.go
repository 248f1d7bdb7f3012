package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRedirectIsExact: whoever asks to be sent somewhere else than the client registered sees a page, and the browser is not sent
// anywhere.
func TestRedirectIsExact(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	b.signIn(b.get("/idb/saml2/jsp/doSSO.jsp?type=login&goto=%2Fverify"), "ada")
	for _, uri := range []string{
		"", "https://app.example/cb/", "https://app.example/cb?x=1", "https://app.example/cb#", "https://app.example/CB", "https://APP.example/cb",
		"https://app.example:443/cb", "https://app.example/%63b", "https://app.example/./cb", "https://app.example/cb/../cb", "http://app.example/cb",
		"https://app.example.evil.example/cb", "https://evil.example/?https://app.example/cb", "https://app.example@evil.example/cb",
		"//app.example/cb", "https://app.example/c", "https://app.example/cb%00", "https://app.example/cb\r\nLocation: https://evil.example",
		"javascript:alert(1)", " https://app.example/cb", "https://app.example/cb ", "https://app.example\\cb",
	} {
		a := b.get("/v1/authorize?" + c.query("redirect_uri", uri).Encode())
		if a.elsewhere || a.status != http.StatusBadRequest || !strings.Contains(a.body, "redirect_uri_mismatch") {
			t.Errorf("%q: %d, sent to %s", uri, a.status, a.url)
		}
	}
	a := b.get("/v1/authorize?" + c.query().Encode() + "&redirect_uri=" + url.QueryEscape("https://evil.example/"))
	if a.elsewhere || a.status != http.StatusBadRequest {
		t.Errorf("two redirect URIs: %d, sent to %s", a.status, a.url)
	}
	a = b.get("/v1/authorize?" + c.query("client_id", strings.Repeat("C", 65)).Encode())
	if a.elsewhere || a.status != http.StatusUnauthorized || !strings.Contains(a.body, "invalid_client") {
		t.Errorf("unknown client: %d, sent to %s", a.status, a.url)
	}
}

// TestGotoStaysHere: the sign-in page goes on to this server alone.
func TestGotoStaysHere(t *testing.T) {
	w := newWorld(t)
	site := w.serve()
	for _, c := range []struct {
		to string
		ok bool
	}{
		{"/verify", true},
		{site.URL + "/verify", true},
		{"https://idbroker.webex.com/verify", true},
		{"https://webexapis.com/verify", true},
		{"https://evil.example/verify", false},
		{"//evil.example/verify", false},
		{"/\\evil.example", false},
		{"\\\\evil.example", false},
		{"/\t/evil.example", false},
		{"https:evil.example", false},
		{"https:///evil.example", false},
		{"javascript:alert(1)", false},
		{"https://idbroker.webex.com.evil.example/verify", false},
		{"https://evil.example?idbroker.webex.com/verify", false},
		{"https://idbroker.webex.com@evil.example/verify", false},
		{"https://ada@idbroker.webex.com/verify", false},
		{"https://webex.com/verify", false},
		{"https://evil.webex.com/verify", false},
		{"ftp://idbroker.webex.com/verify", false},
		{site.URL + ".evil.example/verify", false},
		{site.URL + "//evil.example", false},
		{"", false},
	} {
		query := url.Values{"type": {"login"}, "goto": {c.to}}
		for _, signedIn := range []bool{false, true} {
			b := w.browser(site)
			if signedIn {
				b.signIn(b.get("/idb/saml2/jsp/doSSO.jsp?type=login&goto=%2Fverify"), "ada")
			}
			a := b.get("/idb/saml2/jsp/doSSO.jsp?" + query.Encode())
			if c.ok && !signedIn {
				a = b.signIn(a, "ada")
			}
			if a.elsewhere || (a.status == http.StatusOK) != c.ok {
				t.Errorf("%q, signed in %v: %d, came to %s", c.to, signedIn, a.status, a.url)
			}
		}
		a := w.browser(site).post(signInPath, url.Values{"login": {"ada@acme.example"}, "goto": {c.to}})
		if a.elsewhere || (a.status == http.StatusOK) != c.ok {
			t.Errorf("%q, posted: %d, came to %s", c.to, a.status, a.url)
		}
	}
}

// TestRequestErrors: what is wrong with a request is told to the client, in the query or the fragment as its answer would be.
func TestRequestErrors(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	b.signIn(b.get("/idb/saml2/jsp/doSSO.jsp?type=login&goto=%2Fverify"), "ada")
	good := strings.Repeat("c", 43)
	for _, row := range []struct {
		edit []string
		want string // the error, behind ? or #
	}{
		{[]string{"scope", "spark-admin:people_write"}, "?invalid_scope"},
		{[]string{"scope", "spark:people_read spark:made_up"}, "?invalid_scope"},
		{[]string{"scope", ""}, "?invalid_scope"},
		{[]string{"response_type", ""}, "?invalid_request"},
		{[]string{"response_type", "code token"}, "?unsupported_response_type"},
		{[]string{"response_type", "none"}, "?unsupported_response_type"},
		{[]string{"response_type", "token", "scope", "spark:kms"}, "#invalid_scope"},
		{[]string{"response_type", "id_token"}, "#invalid_scope"},
		{[]string{"scope", "openid"}, "?invalid_request"},
		{[]string{"response_type", "id_token", "scope", "openid"}, "#invalid_request"},
		{[]string{"response_mode", "fragment"}, "?invalid_request"},
		{[]string{"response_type", "token", "response_mode", "query"}, "#invalid_request"},
		{[]string{"request", "x"}, "?request_not_supported"},
		{[]string{"request_uri", "https://evil.example/"}, "?request_uri_not_supported"},
		{[]string{"prompt", "none login"}, "?invalid_request"},
		{[]string{"prompt", "dance"}, "?invalid_request"},
		{[]string{"prompt", "none"}, "?consent_required"},
		{[]string{"max_age", "-1"}, "?invalid_request"},
		{[]string{"max_age", "soon"}, "?invalid_request"},
		{[]string{"code_challenge", "short", "code_challenge_method", "S256"}, "?invalid_request"},
		{[]string{"code_challenge", good, "code_challenge_method", "S512"}, "?invalid_request"},
		{[]string{"code_challenge_method", "S256"}, "?invalid_request"},
		{[]string{"code_challenge", good[:42] + "=", "code_challenge_method", "S256"}, "?invalid_request"},
	} {
		a := b.get("/v1/authorize?" + c.query(row.edit...).Encode())
		told := b.told(a, c.Redirects[0])
		where := a.url[len(c.Redirects[0]) : len(c.Redirects[0])+1]
		if got := where + told.Get("error"); got != row.want || told.Get("state") != "s t&a=te" || told.Get("error_description") == "" {
			t.Errorf("%v: got %s (%s), want %s", row.edit, got, told.Get("error_description"), row.want)
		}
	}
	nobody := w.browser(b.site)
	want(t, "prompt=none, not signed in", nobody.told(nobody.get("/v1/authorize?"+c.query("prompt", "none").Encode()), c.Redirects[0]).Get("error"), "login_required")
	service := w.register(ServiceApp, acme, "spark:people_read")
	a := b.get("/v1/authorize?" + service.query().Encode())
	if a.elsewhere || !strings.Contains(a.body, "unauthorized_client") {
		t.Errorf("a service app signs people in: %s", a.url)
	}
}

// TestCode: what a code is good for.
func TestCode(t *testing.T) {
	verifier := strings.Repeat("v", 50)
	challenge := "c2lCYvDBAKfDKZP3HCTj_7yLMfHPs8rAZIUcLdEGN_o" // of nothing that anybody knows
	for _, c := range []struct {
		name    string
		request []string // edits
		do      func(w *world, b *browser, c registered, code string) (int, map[string]any)
		want    string // the error; "" is none
	}{
		{"as it should be", nil, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/idb/oauth2/v1/access_token", c.form("code", code))
		}, ""},
		{"made up", nil, func(_ *world, b *browser, c registered, _ string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", "x"))
		}, "invalid_grant"},
		{"missing", nil, func(_ *world, b *browser, c registered, _ string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form())
		}, "invalid_grant"},
		{"cut off", nil, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code[:len(code)-1]))
		}, "invalid_grant"},
		{"too late", nil, func(w *world, b *browser, c registered, code string) (int, map[string]any) {
			w.later(5*time.Minute + time.Second)
			return b.call("/v1/access_token", c.form("code", code))
		}, "invalid_grant"},
		{"by another client", nil, func(w *world, b *browser, _ registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", w.register(Integration, acme, "spark:people_read").form("code", code))
		}, "invalid_grant"},
		{"for another redirect URI", nil, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "redirect_uri", c.Redirects[1]))
		}, "invalid_grant"},
		{"without the redirect URI", nil, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "redirect_uri", ""))
		}, "invalid_grant"},
		{"without the secret", nil, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "client_secret", ""))
		}, "invalid_client"},
		{"with a verifier that nobody announced", nil, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "code_verifier", verifier))
		}, "invalid_grant"},
		{"without the verifier", []string{"code_challenge", verifier}, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code))
		}, "invalid_grant"},
		{"with another verifier", []string{"code_challenge", verifier}, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "code_verifier", strings.Repeat("w", 50)))
		}, "invalid_grant"},
		{"with the challenge for a verifier", []string{"code_challenge", challenge, "code_challenge_method", "S256"}, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "code_verifier", challenge))
		}, "invalid_grant"},
		{"with the plain verifier, without a secret", []string{"code_challenge", verifier}, func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
			return b.call("/v1/access_token", c.form("code", code, "code_verifier", verifier, "client_secret", ""))
		}, ""},
		{"with the example of RFC 7636", []string{"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method", "S256"},
			func(_ *world, b *browser, c registered, code string) (int, map[string]any) {
				return b.call("/v1/access_token", c.form("code", code, "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
			}, ""},
		{"after a change of roles", nil, func(w *world, b *browser, c registered, code string) (int, map[string]any) {
			w.people.rolesChange(w.person("ada").ID)
			return b.call("/v1/access_token", c.form("code", code))
		}, "invalid_grant"},
		{"after a restart", nil, func(w *world, _ *browser, c registered, code string) (int, map[string]any) {
			w.restart()
			return w.browser(w.serve()).call("/v1/access_token", c.form("code", code))
		}, "invalid_grant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser(w.serve())
			client := w.register(Integration, acme, "spark:people_read")
			code := b.authorize(client.query(c.request...), "ada").Get("code")
			status, got := c.do(w, b, client, code)
			if text(got, "error") != c.want || (status == http.StatusOK) != (c.want == "") {
				t.Errorf("%d, %v", status, got)
			}
			if c.want != "" && (text(got, "message") == "" || text(got, "trackingId") == "" || got["errors"] == nil) {
				t.Errorf("not an error of Webex: %v", got)
			}
		})
	}
}

// TestCodeReplay: a code that is used twice brings the second nothing and takes from the first what it brought.
func TestCodeReplay(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	code := b.authorize(c.query(), "ada").Get("code")
	_, first := b.call("/v1/access_token", c.form("code", code))
	if _, err := w.server.Check(text(first, "access_token")); err != nil {
		t.Fatal(err)
	}
	status, second := b.call("/v1/access_token", c.form("code", code))
	want(t, "status", status, http.StatusBadRequest)
	want(t, "error", text(second, "error"), "invalid_grant")
	if _, err := w.server.Check(text(first, "access_token")); err == nil {
		t.Error("the first token lives on")
	}
	status, _ = b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", text(first, "refresh_token")))
	want(t, "refresh", status, http.StatusBadRequest)
	w.restart()
	if _, err := w.server.Check(text(first, "access_token")); err == nil {
		t.Error("the first token lives again after a restart")
	}
}

// TestOneOfManyWins: of those who use a code, or a refresh token, at the same time, one gets tokens at most.
func TestOneOfManyWins(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	race := func(values url.Values) (won int, got map[string]any) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range 20 {
			wg.Go(func() {
				status, answer := b.call("/v1/access_token", values)
				mu.Lock()
				defer mu.Unlock()
				if status == http.StatusOK {
					won, got = won+1, answer
				}
			})
		}
		wg.Wait()
		return won, got
	}
	for range 10 {
		won, _ := race(c.form("code", b.authorize(c.query(), "ada").Get("code")))
		want(t, "winners of a code", won, 1)
		_, got := b.call("/v1/access_token", c.form("code", b.authorize(c.query(), "ada").Get("code")))
		won, _ = race(c.form("grant_type", "refresh_token", "refresh_token", text(got, "refresh_token")))
		want(t, "winners of a refresh", won, 1)
	}
}

// TestClientAuthentication: one way at a time, from the body or the header, and before anything else is looked at.
func TestClientAuthentication(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	none := []string{"client_id", "", "client_secret", "", "code", "x"}
	for _, row := range []struct {
		name   string
		form   url.Values
		edit   func(*http.Request)
		status int
		want   string
	}{
		{"both right, a bad code", c.form("code", "x"), nil, 400, "invalid_grant"},
		{"HTTP Basic", c.form(none...), basic(c.ID, c.secret), 400, "invalid_grant"},
		{"HTTP Basic, encoded", c.form(none...), basic("%43"+c.ID[1:], c.secret), 400, "invalid_grant"},
		{"a wrong secret and a bad code", c.form("code", "x", "client_secret", "wrong"), nil, 401, "invalid_client"},
		{"a wrong secret in HTTP Basic", c.form(none...), basic(c.ID, "wrong"), 401, "invalid_client"},
		{"no secret in HTTP Basic", c.form(none...), basic(c.ID, ""), 401, "invalid_client"},
		{"another scheme", c.form("code", "x"), func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "invalid_client"},
		{"two ways", c.form("code", "x"), basic(c.ID, c.secret), 400, "invalid_request"},
		{"two clients", c.form("client_secret", "", "client_id", SCIMClient, "code", "x"), basic(c.ID, c.secret), 400, "invalid_request"},
		{"a client that has no secret", c.form("client_id", SCIMClient, "client_secret", "x"), nil, 401, "invalid_client"},
		{"nobody", c.form(none...), nil, 401, "invalid_client"},
		{"in the address", c.form(none...), func(r *http.Request) {
			r.URL.RawQuery = url.Values{"client_id": {c.ID}, "client_secret": {c.secret}}.Encode()
		}, 401, "invalid_client"},
		{"a grant type nobody knows", c.form("grant_type", "password"), nil, 400, "unsupported_grant_type"},
		{"no grant type", c.form("grant_type", ""), nil, 400, "invalid_request"},
		{"a parameter twice", url.Values{"client_id": {c.ID, c.ID}, "client_secret": {c.secret}}, nil, 400, "invalid_request"},
		{"too large", c.form("code", strings.Repeat("x", 100_000)), nil, 413, "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			edit := row.edit
			if edit == nil {
				edit = func(*http.Request) {}
			}
			status, got := b.call("/v1/access_token", row.form, edit)
			if status != row.status || text(got, "error") != row.want {
				t.Errorf("%d, %v", status, got)
			}
		})
	}
}

// TestForms: no other site can sign a browser in, consent for a person or connect a device.
func TestForms(t *testing.T) {
	w := newWorld(t)
	site := w.serve()
	c := w.register(Integration, acme, "spark:people_read")
	foreign := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
	b := w.browser(site)
	a := b.post(signInPath, url.Values{"login": {"ada@acme.example"}, "goto": {"/verify"}}, foreign)
	want(t, "sign-in from elsewhere", a.status, http.StatusForbidden)
	page := b.signIn(b.get("/v1/authorize?"+c.query().Encode()), "ada")
	csrf := hiddenValue(t, page.body, "csrf")
	consent := url.Values{"request": {c.query().Encode()}, "csrf": {csrf}, "decision": {"allow"}}
	want(t, "consent from elsewhere", b.post(consentPath, consent, foreign).status, http.StatusForbidden)
	other := w.browser(site)
	other.signIn(other.get("/v1/authorize?"+c.query().Encode()), "alan")
	want(t, "consent with somebody else's form", other.post(consentPath, consent).status, http.StatusForbidden)
	consent.Del("csrf")
	want(t, "consent without the form", b.post(consentPath, consent).status, http.StatusForbidden)
	nobody := w.browser(site).post(consentPath, consent)
	if nobody.elsewhere || !strings.Contains(nobody.body, "<h1>Sign in</h1>") {
		t.Errorf("consent without a session: %d %s", nobody.status, nobody.url)
	}
	consent.Set("csrf", csrf)
	forged := c.query("redirect_uri", "https://evil.example/")
	consent.Set("request", forged.Encode())
	if a := b.post(consentPath, consent); a.elsewhere || a.status != http.StatusBadRequest {
		t.Errorf("consent to another redirect URI: %d %s", a.status, a.url)
	}
	want(t, "decline", b.told(b.consent(page, "deny"), c.Redirects[0]).Get("error"), "access_denied")
}

func hiddenValue(t *testing.T, body, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `name="`+name+`" value="`)
	if !ok {
		t.Fatalf("no field %s in\n%s", name, body)
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// TestWrongOrganisation: nobody reaches what another organisation has.
func TestWrongOrganisation(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	issue := func(name string, scopes ...string) string {
		p := w.person(name)
		text, err := w.server.Issue(Ticket{Org: p.Org, Person: p.ID, Scopes: scopes})
		try(w, err)
		return text
	}
	app := w.register(ServiceApp, acme, "spark-admin:people_read")
	if err := w.server.Allow(app.ID, w.person("grace").ID); err == nil {
		t.Error("an agent authorised a service app")
	}
	try(w, w.server.Allow(app.ID, w.person("ada").ID))
	ask := func(bearer, secret, org string) int {
		r, err := http.NewRequest(http.MethodPost, b.site.URL+"/v1/applications/"+app.ID+"/token",
			strings.NewReader(`{"clientId":"`+app.ID+`","clientSecret":"`+secret+`","targetOrgId":"`+org+`"}`))
		try(w, err)
		r.Header.Set("Authorization", "Bearer "+bearer)
		return b.do(r).status
	}
	developer := issue("alan", applicationsToken)
	want(t, "an organisation that authorised it", ask(developer, app.secret, acme), http.StatusOK)
	want(t, "the same by its REST id", ask(developer, app.secret, restID("ORGANIZATION", acme)), http.StatusOK)
	want(t, "an organisation that did not", ask(developer, app.secret, europe), http.StatusForbidden)
	want(t, "a developer of another organisation", ask(issue("emil", applicationsToken), app.secret, acme), http.StatusUnauthorized)
	want(t, "a wrong secret", ask(developer, "wrong", acme), http.StatusUnauthorized)
	want(t, "a token without the scope", ask(issue("alan", "spark:people_read"), app.secret, acme), http.StatusForbidden)

	tokens, err := w.server.ServiceTokens(app.ID, acme)
	try(w, err)
	if a, err := w.server.Check(tokens.AccessToken); err != nil || a.Person != "" || a.Org != acme {
		t.Errorf("got %+v, %v", a, err)
	}
	want(t, "a service app is no person", status(b.fetch(http.MethodGet, "/v1/userinfo", tokens.AccessToken)), http.StatusForbidden)
	refreshed, got := b.call("/v1/access_token", app.form("grant_type", "refresh_token", "refresh_token", tokens.RefreshToken))
	want(t, "refresh of a service app", refreshed, http.StatusOK)
	try(w, w.server.Forbid(app.ID, w.person("emil").ID)) // of another organisation: nothing happens here
	if _, err := w.server.Check(text(got, "access_token")); err != nil {
		t.Error("another organisation's administrator ended it")
	}
	try(w, w.server.Forbid(app.ID, w.person("ada").ID))
	w.restart()
	if _, err := w.server.Check(text(got, "access_token")); err == nil {
		t.Error("works though it was forbidden")
	}
	if _, err := w.server.ServiceTokens(app.ID, acme); err == nil {
		t.Error("gives tokens though it was forbidden")
	}
}

func status(code int, _ map[string]any) int { return code }

// TestGovernmentIsApart: people of the Government cloud sign in there and nowhere else, and nobody else signs in there.
func TestGovernmentIsApart(t *testing.T) {
	w := newWorld(t)
	site := w.serve()
	for _, c := range []struct {
		door, name string
		ok         bool
	}{
		{"", "ada", true}, {"/us", "ada", true}, {"/eu", "ada", true}, {"/gov", "ada", false},
		{"", "eva", true}, {"/eu", "eva", true}, {"/gov", "eva", false},
		{"", "gus", false}, {"/eu", "gus", false}, {"/gov", "gus", true},
	} {
		b := w.browser(site)
		page := b.get(c.door + "/idb/saml2/jsp/doSSO.jsp?type=login&goto=" + url.QueryEscape(c.door+"/verify"))
		want(t, c.name+" is offered at "+c.door, strings.Contains(page.body, c.name+"@acme.example"), c.ok)
		a := b.signIn(page, c.name)
		want(t, c.name+" at "+c.door, strings.Contains(a.body, "Connect a device"), c.ok)
		want(t, c.name+" is told at "+c.door, strings.Contains(a.body, "another Webex cloud"), !c.ok)
	}
	b := w.browser(site) // a session of one cloud is none of the other
	b.signIn(b.get("/idb/saml2/jsp/doSSO.jsp?type=login&goto=%2Fverify"), "ada")
	if a := b.get("/gov/verify"); !strings.Contains(a.body, "<h1>Sign in</h1>") {
		t.Errorf("came to %s", a.url)
	}
}

// TestInactivePeople: whoever may not sign in cannot, and their session ends.
func TestInactivePeople(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	b.signIn(b.get("/idb/saml2/jsp/doSSO.jsp?type=login&goto=%2Fverify"), "ada")
	w.people.rolesChange(w.person("ada").ID)
	if again := b.get("/verify"); !strings.Contains(again.body, "<h1>Sign in</h1>") {
		t.Fatalf("signed in with other roles: %s", again.url)
	}
	b.signIn(b.get("/verify"), "ada")
	w.people.deactivate(w.person("ada").ID)
	a := b.get("/verify")
	if !strings.Contains(a.body, "<h1>Sign in</h1>") {
		t.Fatalf("still signed in: %s", a.url)
	}
	if a = b.signIn(a, "ada"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "not active") {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	if a = b.signIn(a, "nobody"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "do not recognise") {
		t.Errorf("%d\n%s", a.status, a.body)
	}
}
