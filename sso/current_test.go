package sso_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
	"lockstep/token"
)

// The tests of this file: whoever is let in is asked again at every use whether they still may be, by what stands then.

// uses tries every way to use what a sign-in gave, and returns those that worked.
func (b *browser) uses(got tokens) (worked []string) {
	b.Helper()
	if status, _ := b.whois(got.Access); status == 200 {
		worked = append(worked, "user-info")
	}
	if b.introspect(got.Access)["active"] == true {
		worked = append(worked, "introspection")
	}
	if b.introspect(got.Refresh)["active"] == true {
		worked = append(worked, "introspection of the refresh token")
	}
	if b.authorize("prompt", "none").to().Query().Get("code") != "" {
		worked = append(worked, "session")
	}
	if b.token(refreshing(got.Refresh)).Status == 200 {
		worked = append(worked, "refresh")
	}
	return worked
}

// TestProviderIsAskedAgain: a provider that was disabled or removed, or that the application no longer accepts, has let nobody in, from that
// moment on; and enabling it again brings back nobody.
func TestProviderIsAskedAgain(t *testing.T) {
	all := "user-info introspection introspection of the refresh token session refresh"
	for _, c := range []struct {
		name, want string
		change     func(*world)
	}{
		{"as before", all, func(*world) {}},
		{"another name", all, func(w *world) { w.setProvider("webex", func(p *sso.Provider) { p.Name = "x" }) }},
		{"disabled", "", func(w *world) { w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled }) }},
		{"a draft again", "", func(w *world) { w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Draft }) }},
		{"disabled for a moment", "", func(w *world) {
			w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled })
			w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Enabled })
		}},
		{"removed", "", func(w *world) {
			p, err := w.db.SSO().ProviderByAlias(w.Context(), w.tenant, "webex")
			w.must(err)
			w.must(w.db.SSO().DeleteProvider(w.Context(), audit.Actor{}, w.tenant, p.ID))
			w.provider("webex", nil) // another one of the same alias
		}},
		{"pinned to another", "", func(w *world) {
			other := w.provider("other", nil)
			w.setClient("app", func(c *sso.Client) { c.Provider = other.ID })
		}},
		{"not among those that are accepted", "", func(w *world) {
			other := w.provider("other", nil)
			w.setClient("app", func(c *sso.Client) { c.Allowed = []sso.ProviderID{other.ID} })
		}},
		{"the person is disabled", "", func(w *world) { w.disable(w.ada) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			got := w.token(redeeming(b.signIn()))
			code := b.signIn()
			c.change(w)
			w.is("what works", strings.Join(b.uses(got), " "), c.want)
			w.is("a code that was not redeemed", w.token(redeeming(code)).Status == 200, c.want != "")
		})
	}
}

// TestProviderDisabledOnTheWay: who comes back from a provider that was disabled meanwhile is not let in.
func TestProviderDisabledOnTheWay(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.authorize()
	w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled })
	if back := b.comeBack(p); back.to().Query().Get("code") != "" {
		t.Error("signed in by a provider that is disabled")
	}
}

// TestClaimsParameter: claims that are asked for by name (OpenID Connect Core §5.5).
func TestClaimsParameter(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	get := func(claims, scope string) (map[string]any, map[string]any) {
		got := w.token(redeeming(b.signIn("claims", claims, "scope", scope)))
		_, who := w.whois(got.Access)
		return who, w.claimsOf(got.ID, "JWT")
	}
	who, id := get(`{"userinfo":{"name":{"essential":true},"nickname":null},"id_token":{"email":null,"auth_time":{"essential":true},"iss":{"value":"x"}}}`, "openid")
	w.is("user-info", fmt.Sprint(who["name"], who["email"], who["given_name"], len(who)), "Ada Lovelace<nil> <nil> 2")
	w.is("ID token", fmt.Sprint(id["email"], id["name"], id["iss"]), "ada@acme.example<nil>"+w.issuer)
	if id["auth_time"] == nil || id["aud"] != "app" || id["nonce"] != "no" {
		t.Errorf("ID token %v", id)
	}
	who, id = get(`{"userinfo":{"locale":null}}`, "openid email")
	w.is("beside a scope", fmt.Sprint(who["email"], id["email"]), "ada@acme.example<nil>")
	got := w.token(redeeming(b.signIn("claims", `{"id_token":{"name":null}}`)))
	w.is("after a refresh", w.claimsOf(w.token(refreshing(got.Refresh)).ID, "JWT")["name"], "Ada Lovelace")

	ben := w.person("ben@acme.example", "Ben", "Ito")
	for _, c := range []struct{ name, claims, want string }{
		{"no object", `[]`, "invalid_request"},
		{"no JSON", `{`, "invalid_request"},
		{"too long", `{"userinfo":{"` + strings.Repeat("x", 5000) + `":null}}`, "invalid_request"},
		{"this person", `{"id_token":{"sub":{"value":"` + string(w.ada) + `"}}}`, ""},
		{"another person", `{"id_token":{"sub":{"value":"` + string(ben) + `"}}}`, "login_required"},
		{"two people", `{"id_token":{"sub":{"values":["` + string(ben) + `","` + string(w.ada) + `"]}}}`, "invalid_request"},
		{"an acr, if it can be had", `{"id_token":{"acr":{"values":["gold"]}}}`, ""},
		{"an essential acr", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`, "login_required"},
		{"an essential acr of any kind", `{"id_token":{"acr":{"essential":true}}}`, ""},
		{"unknown members", `{"x":{"y":1},"userinfo":null}`, ""},
	} {
		w.is(c.name, b.authorize("claims", c.claims, "prompt", "none").to().Query().Get("error"), c.want)
	}
	gold := []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`}
	w.is("a sign-in of another kind", b.comeBack(b.authorize(gold...)).to().Query().Get("error"), "unmet_authentication_requirements")
	w.is("what the provider is asked for", fmt.Sprint(w.up.attempts[len(w.up.attempts)-1].ACRValues), "[gold]")
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", ACR: "gold"})
	w.is("of this kind", b.comeBack(b.authorize(gold...)).to().Query().Get("code") != "", true)
}

// TestNobodyWaitsForInventedAssertions: a client whose key is known does not wait while an assertion that anybody may have made has its keys fetched anew.
func TestNobodyWaitsForInventedAssertions(t *testing.T) {
	w := newWorld(t)
	own, err := token.NewSigner(token.ES256)
	w.must(err)
	foreign, err := token.NewSigner(token.ES256)
	w.must(err)
	asked, answer := make(chan bool, 1), make(chan bool)
	var calls atomic.Int64
	uri := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if calls.Add(1) > 1 {
			asked <- true
			select {
			case <-answer:
			case <-r.Context().Done():
			}
		}
		w.must(json.NewEncoder(rw).Encode(map[string]any{"keys": token.KeySet{own.Key()}}))
	})
	w.client("signer", func(c *sso.Client) {
		c.Auth, c.Secret, c.KeysURI, c.Assertion = sso.AuthPrivateKey, sso.Hash{}, uri, token.ES256
	})
	send := func(k token.Signer, id string) int {
		text, err := k.Sign("JWT", map[string]any{"iss": "signer", "sub": "signer", "aud": w.issuer, "exp": w.now().Add(time.Minute).Unix(), "jti": id})
		w.must(err)
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}}, "X", "y").Status
	}
	w.is("its key", send(own, "1"), 200)
	w.later(time.Minute)
	over, served := make(chan int), make(chan int)
	go func() { over <- send(foreign, "2") }()
	<-asked
	go func() { served <- send(own, "3") }()
	select {
	case status := <-served:
		w.is("meanwhile", status, 200)
		close(answer)
	case status := <-over: // the address was given up on
		t.Errorf("who has the right key waited: the wrong one was refused first (%d)", status)
		close(answer)
		w.is("after that", <-served, 200)
		return
	}
	w.is("an invented key", <-over, 401)
}

// TestPublishedKeys: the keys of private_key_jwt at jwks_uri; a new one is found at once, and nobody can have them fetched for ever.
func TestPublishedKeys(t *testing.T) {
	w := newWorld(t)
	var set atomic.Value
	var calls atomic.Int64
	uri := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = rw.Write(set.Load().([]byte))
	})
	publish := func(keys ...token.Signer) {
		all := token.KeySet{}
		for _, k := range keys {
			all = append(all, k.Key())
		}
		text, err := json.Marshal(map[string]any{"keys": all})
		w.must(err)
		set.Store(text)
	}
	made := func() token.Signer {
		k, err := token.NewSigner(token.ES256)
		w.must(err)
		return k
	}
	old, next, foreign := made(), made(), made()
	publish(old)
	w.client("signer", func(c *sso.Client) {
		c.Auth, c.Secret, c.KeysURI, c.Assertion = sso.AuthPrivateKey, sso.Hash{}, uri, token.ES256
	})
	n := 0
	send := func(k token.Signer) int {
		n++
		text, err := k.Sign("JWT", map[string]any{"iss": "signer", "sub": "signer", "aud": w.issuer, "exp": w.now().Add(time.Minute).Unix(), "jti": fmt.Sprint(n)})
		w.must(err)
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}}, "X", "y").Status
	}
	w.is("its key", send(old), 200)
	w.is("again", send(old), 200)
	w.is("calls", calls.Load(), 1)
	w.later(time.Minute)
	publish(old, next)
	w.is("a new key", send(next), 200)
	w.is("calls", calls.Load(), 2)
	for range 20 {
		w.is("a foreign key", send(foreign), 401)
	}
	w.is("calls for nothing", calls.Load(), 2)
	publish(next)
	w.later(6 * time.Minute)
	w.is("a key that was taken back", send(old), 401)
	set.Store([]byte("nonsense"))
	w.later(6 * time.Minute)
	w.is("while it cannot be fetched", send(next), 200)
	w.later(2 * time.Hour)
	w.is("for long", send(next), 401)
	set.Store([]byte(`{"keys":[` + strings.Repeat(" ", 65<<10) + `]}`))
	w.later(time.Minute)
	w.is("a large answer", send(next), 401)
	for _, bad := range []sso.Client{{Keys: "{}", KeysURI: uri}, {KeysURI: "com.example.app:/keys"}, {KeysURI: "http://keys.example"}, {KeysURI: "https://keys.example/#x"}} {
		bad.ID, bad.Name, bad.Auth, bad.Assertion = "x", "x", sso.AuthPrivateKey, token.ES256
		if bad.Check() == nil {
			t.Errorf("%q is taken", bad.KeysURI)
		}
	}
}

// ReadLogout makes the provider of the tests one that sends logout tokens: their text is "good issuer sid sub jti".
func (u *upstream) ReadLogout(_ context.Context, text string, _ sso.Recorder) (sso.Identity, error) {
	part := strings.Split(text, " ")
	if len(part) != 5 || part[0] != "good" {
		return sso.Identity{}, &lockstep.Error{Code: lockstep.CodeIdPTokenMalformed, Detail: "the logout token is refused"}
	}
	return sso.Identity{Issuer: part[1], SessionID: part[2], Subject: part[3], Claims: map[string]any{"jti": part[4], "exp": float64(4102444800)}}, nil
}

// TestLogoutAtTheProvider: what a provider says has ended there ends here, and nothing else; a token that is not believed ends nothing.
func TestLogoutAtTheProvider(t *testing.T) {
	w := newWorld(t)
	w.provider("other", nil)
	var told atomic.Int64
	apps := newReceiver(t, func(string) int { told.Add(1); return 200 })
	w.setClient("app", func(c *sso.Client) {
		c.LogoutURI = apps
		p, err := w.db.SSO().ProviderByAlias(t.Context(), w.tenant, "webex")
		w.must(err)
		c.Provider = p.ID
	})
	b := w.browser()
	var got tokens
	signIn := func() {
		w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", SessionID: "s1", Email: "Ada@acme.example", EmailVerified: true})
		got = w.token(redeeming(b.signIn("prompt", "login")))
	}
	jti := 0
	send := func(alias, text string) page {
		jti++
		return w.browser().post(w.issuer+"/idp/"+alias+"/logout", url.Values{"logout_token": {strings.ReplaceAll(text, "JTI", fmt.Sprint(jti))}})
	}
	for _, c := range []struct {
		name, alias, text string
		status            int
		ends              bool
	}{
		{"not a token", "webex", "bad", 400, false},
		{"nothing", "webex", "", 400, false},
		{"another session", "webex", "good https://idp.example s2  JTI", 200, false},
		{"another person", "webex", "good https://idp.example  2 JTI", 200, false},
		{"the session of another person", "webex", "good https://idp.example s1 2 JTI", 200, false},
		{"another issuer", "webex", "good https://evil.example s1 1 JTI", 200, false},
		{"at another provider", "other", "good https://idp.example s1 1 JTI", 200, false},
		{"at none", "nobody", "good https://idp.example s1 1 JTI", 400, false},
		{"the session", "webex", "good https://idp.example s1  JTI", 200, true},
		{"the person", "webex", "good https://idp.example  1 JTI", 200, true},
		{"both", "webex", "good https://idp.example s1 1 JTI", 200, true},
	} {
		signIn()
		before := told.Load()
		p := send(c.alias, c.text)
		w.is(c.name, p.StatusCode, c.status)
		w.is(c.name+": Cache-Control", p.Header.Get("Cache-Control"), "no-store")
		status, _ := w.whois(got.Access)
		w.is(c.name+": ends", status == 401 && w.token(refreshing(got.Refresh)).Status == 400, c.ends)
		w.must(w.sso.Tell(t.Context()))
		w.is(c.name+": the application is told", told.Load() > before, c.ends)
	}
	signIn()
	w.is("once", send("webex", "good https://idp.example s1  same").StatusCode, 200)
	signIn()
	w.is("again", send("webex", "good https://idp.example s1  same").StatusCode, 400)
	if status, _ := w.whois(got.Access); status != 200 {
		t.Error("a token that was used before ends a session")
	}
	w.is("by GET", w.browser().get(w.issuer+"/idp/webex/logout?logout_token=x").StatusCode, 405)
	w.setProvider("other", func(p *sso.Provider) { p.State = sso.Disabled })
	w.is("a disabled provider", send("other", "good https://idp.example s1 1 JTI").StatusCode, 400)
}

// TestOffice: many people who know their passwords come from one address, and lock nobody out; who guesses there is stopped all the same.
func TestOffice(t *testing.T) {
	w := newWorld(t)
	ldap := w.provider("ldap", func(p *sso.Provider) { p.Kind, p.TrustEmail = sso.KindLDAP, true })
	w.setClient("app", func(c *sso.Client) { c.Provider = ldap.ID })
	try := func(password string) page {
		b := w.browser()
		return b.post(w.issuer+"/login", url.Values{"l": {loginIn(b.authorize().body)}, "name": {"ada@acme.example"}, "password": {password}})
	}
	for i := range 250 {
		if p := try("sesame"); p.to().Query().Get("code") == "" {
			t.Fatalf("sign-in %d: %d %s", i, p.StatusCode, p.body)
		}
	}
	for range 10 {
		try("wrong")
	}
	w.is("after ten wrong ones", try("sesame").to().Query().Get("code"), "")
}

// ReadRevocation makes the provider of the tests one that may ask for the end of everything of a person: its tokens are "good jti".
func (u *upstream) ReadRevocation(_ context.Context, text, endpoint string, _ sso.Recorder) (sso.Identity, error) {
	kind, jti, _ := strings.Cut(text, "-")
	if kind != "good" || !strings.HasSuffix(endpoint, "/sso/acme/global-token-revocation") {
		return sso.Identity{}, &lockstep.Error{Code: lockstep.CodeIdPTokenMalformed, Detail: "the revocation token is refused"}
	}
	return sso.Identity{Issuer: "https://idp.example", Claims: map[string]any{"jti": jti, "exp": float64(4102444800)}}, nil
}

// TestRevokedByTheProvider: a provider has everything of a person end whom it is linked to, and of nobody else (Global Token Revocation).
func TestRevokedByTheProvider(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.person("eve@acme.example", "Eve", "Adams") // never signed in through the provider
	jti := 0
	send := func(text, body string) int {
		jti++
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.issuer+"/global-token-revocation", strings.NewReader(body))
		w.must(err)
		if text != "" {
			r.Header.Set("Authorization", "Bearer "+strings.ReplaceAll(text, "JTI", fmt.Sprint(jti)))
		}
		return w.browser().do(r).StatusCode
	}
	const ada = `{"sub_id":{"format":"iss_sub","iss":"https://idp.example","sub":"1"}}`
	for _, c := range []struct {
		name, token, body string
		status            int
	}{
		{"without a token", "", ada, 401},
		{"with a token of nobody", "bad", ada, 401},
		{"no body", "good-JTI", "", 400},
		{"no subject", "good-JTI", "{}", 400},
		{"another format", "good-JTI", `{"sub_id":{"format":"opaque","id":"1"}}`, 400},
		{"another issuer", "good-JTI", `{"sub_id":{"format":"iss_sub","iss":"https://other.example","sub":"1"}}`, 403},
		{"nobody", "good-JTI", `{"sub_id":{"format":"iss_sub","iss":"https://idp.example","sub":"9"}}`, 404},
		{"somebody whom it is not linked to", "good-JTI", `{"sub_id":{"format":"email","email":"eve@acme.example"}}`, 404},
		{"an address of nobody", "good-JTI", `{"sub_id":{"format":"email","email":"x@acme.example"}}`, 404},
		{"the person", "good-JTI", ada, 204},
		{"by address", "good-JTI", `{"sub_id":{"format":"email","email":"ADA@acme.example"}}`, 204},
		{"once", "good-same", ada, 204},
		{"again", "good-same", ada, 401},
	} {
		got := w.token(redeeming(b.signIn("prompt", "login")))
		w.is(c.name, send(c.token, c.body), c.status)
		w.is(c.name+": what works", len(b.uses(got)) == 0, c.status == 204)
	}
	w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled })
	w.is("of a provider that is disabled", send("good-JTI", ada), 401)
}

// TestRevokedAtApplications: when somebody leaves, an application with such an address is asked once to end everything of theirs, however many
// sessions they had; it counts as told once it says so.
func TestRevokedAtApplications(t *testing.T) {
	w := newWorld(t)
	type call struct{ header, body string }
	var calls []call
	status := 204
	uri := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		text := make([]byte, 500)
		n, _ := r.Body.Read(text)
		calls = append(calls, call{r.Header.Get("Authorization"), string(text[:n])})
		if status == 0 { // it knows people by address
			if strings.Contains(string(text), "iss_sub") {
				rw.WriteHeader(404)
			} else {
				rw.WriteHeader(204)
			}
			return
		}
		rw.WriteHeader(status)
	})
	w.setClient("app", func(c *sso.Client) { c.RevocationURI = uri })
	leave := func(name string, answers int) string {
		calls, status = nil, answers
		id := w.person(name, "A", "B")
		w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: name, Email: name, EmailVerified: true})
		for range 3 {
			w.token(redeeming(w.browser().signIn()))
		}
		w.disable(id)
		for range 10 {
			w.must(w.sso.Tell(t.Context()))
			w.later(time.Hour)
		}
		e, err := w.db.SSO().Endings(t.Context(), w.tenant, 1)
		w.must(err)
		return e[0].Report()
	}
	w.is("told", strings.HasPrefix(leave("cy@acme.example", 204), "1 application to be told, 1 told"), true)
	w.is("calls", len(calls), 1)
	claims := w.claimsOf(strings.TrimPrefix(calls[0].header, "Bearer "), "global-token-revocation+jwt")
	for name, want := range map[string]any{"iss": w.issuer, "sub": "app", "aud": uri} {
		w.is(name, claims[name], want)
	}
	if claims["jti"] == nil || claims["exp"].(float64)-claims["iat"].(float64) > 300 || !strings.Contains(calls[0].body, `"format":"iss_sub","iss":"`+w.issuer+`"`) {
		t.Errorf("%v, %s", claims, calls[0].body)
	}
	w.is("known by address", strings.HasPrefix(leave("dee@acme.example", 0), "1 application to be told, 1 told"), true)
	w.is("calls", len(calls), 2)
	w.is("unknown there", leave("eli@acme.example", 404), "1 application to be told, 0 told, not told: app")
	w.is("failing", leave("fay@acme.example", 500), "1 application to be told, 0 told, not told: app")
}
