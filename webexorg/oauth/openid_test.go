package oauth

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// idTokenOf verifies an ID token with the keys that the broker publishes at a door, and returns its claims.
func (b *browser) idTokenOf(door, idToken string) map[string]any {
	b.w.t.Helper()
	_, keys := b.fetch(http.MethodGet, door+"/v1/verification", "")
	list, _ := keys["keys"].([]any)
	if len(list) != 1 {
		b.w.t.Fatalf("keys: %v", keys)
	}
	jwk, _ := list[0].(map[string]any)
	n, err1 := base64.RawURLEncoding.DecodeString(text(jwk, "n"))
	e, err2 := base64.RawURLEncoding.DecodeString(text(jwk, "e"))
	parts := strings.Split(idToken, ".")
	if err1 != nil || err2 != nil || len(parts) != 3 {
		b.w.t.Fatalf("%v %v %q", err1, err2, idToken)
	}
	decode := func(part string) map[string]any {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		out := map[string]any{}
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err != nil {
			b.w.t.Fatal(err)
		}
		return out
	}
	header := decode(parts[0])
	want(b.w.t, "alg", text(header, "alg"), "RS256")
	want(b.w.t, "kid", text(header, "kid"), text(jwk, "kid"))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	try(b.w, err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	try(b.w, rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature))
	return decode(parts[1])
}

// TestIDToken: an ID token says who signed in, and only that, whatever scopes were asked for; the rest comes from user-info, whose
// email_verified is a text. The key survives a restart.
func TestIDToken(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(ContactCentre, acme, "cjp:user", "cjp:config_read")
	q := c.query("scope", "openid email profile phone cjp:user", "nonce", "n-1")
	_, got := b.call("/v1/access_token", c.form("code", b.authorize(q, "grace").Get("code")))
	first := text(got, "id_token")
	w.restart()
	b = w.browser(w.serve())
	claims := b.idTokenOf("", first)
	grace := w.person("grace")
	for name, value := range map[string]any{
		"aud": c.ID, "sub": grace.ID, "nonce": "n-1", "iat": float64(w.clock().Unix()), "auth_time": float64(w.clock().Unix()),
		"exp": float64(w.clock().Add(2 * time.Hour).Unix()),
	} {
		want(t, name, claims[name], value)
	}
	want(t, "claims", len(claims), 7)

	_, told := b.fetch(http.MethodGet, "/v1/userinfo", text(got, "access_token"))
	for name, value := range map[string]any{
		"sub": grace.ID, "email": grace.Login, "email_verified": "true", "name": "Grace Example", "given_name": "Grace", "family_name": "Example",
		"locale": "en_US", "phone_number": "+1 555 0100",
	} {
		want(t, name, told[name], value)
	}

	// Fewer scopes tell less; without openid user-info tells nothing.
	_, got = b.call("/v1/access_token", c.form("code", b.authorize(c.query("scope", "openid", "nonce", "n"), "grace").Get("code")))
	_, told = b.fetch(http.MethodGet, "/v1/userinfo", text(got, "access_token"))
	want(t, "claims of openid alone", len(told), 1)
	_, got = b.call("/v1/access_token", c.form("code", b.authorize(c.query("scope", "cjp:user"), "grace").Get("code")))
	want(t, "id_token without openid", text(got, "id_token"), "")
	want(t, "user-info without openid", status(b.fetch(http.MethodGet, "/v1/userinfo", text(got, "access_token"))), http.StatusForbidden)
	want(t, "user-info without a token", status(b.fetch(http.MethodGet, "/v1/userinfo", "")), http.StatusUnauthorized)
	want(t, "user-info with a refresh token", status(b.fetch(http.MethodGet, "/v1/userinfo", text(got, "refresh_token"))), http.StatusUnauthorized)
}

// TestImplicit: what stands in the fragment for each response type.
func TestImplicit(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	for _, row := range []struct {
		response       string
		access, idTokn bool
	}{
		{"token", true, false}, {"id_token", false, true}, {"id_token token", true, true}, {"token id_token", true, true},
	} {
		told := b.authorize(c.query("response_type", row.response, "scope", "openid spark:people_read", "nonce", "n"), "ada")
		want(t, row.response+": access_token", told.Get("access_token") != "", row.access)
		want(t, row.response+": id_token", told.Get("id_token") != "", row.idTokn)
		want(t, row.response+": refresh_token", told.Get("refresh_token"), "")
		want(t, row.response+": code", told.Get("code"), "")
		if row.idTokn {
			hash, _ := b.idTokenOf("", told.Get("id_token"))["at_hash"].(string)
			expect := ""
			if row.access {
				sum := sha256.Sum256([]byte(told.Get("access_token")))
				expect = base64.RawURLEncoding.EncodeToString(sum[:16])
			}
			want(t, row.response+": at_hash", hash, expect)
		}
	}
}

// TestRegions: discovery at each door names the door; ID tokens carry the issuer of the home cluster, whichever door was used,
// unless the switch says otherwise; the key set of every issuer verifies them.
func TestRegions(t *testing.T) {
	w := newWorld(t)
	site := w.serve()
	b := w.browser(site)
	cc := w.register(ContactCentre, europe, "cjp:user")
	for _, row := range []struct {
		door, name string
		one        bool
		want       string // the issuer's path
	}{
		{"", "ada", false, "/idb"}, {"/us", "ada", false, "/idb"}, {"/us", "ada", true, "/us/idb"},
		{"", "eva", false, "/eu/idb"}, {"/eu", "eva", false, "/eu/idb"}, {"", "eva", true, "/idb"},
		{"/gov", "gus", false, "/gov/idb"},
	} {
		try(w, w.server.SetSettings(Settings{OneIssuer: row.one}))
		_, meta := b.fetch(http.MethodGet, row.door+"/idb/.well-known/openid-configuration", "")
		want(t, "issuer of "+row.door, text(meta, "issuer"), site.URL+row.door+"/idb")
		visitor := w.browser(site)
		q := cc.query("scope", "openid", "nonce", "n").Encode()
		page := visitor.signIn(visitor.get(strings.TrimPrefix(text(meta, "authorization_endpoint"), site.URL)+"?"+q), row.name)
		if !page.elsewhere {
			page = visitor.consent(page, "allow")
		}
		told := visitor.told(page, cc.Redirects[0])
		_, got := visitor.call(strings.TrimPrefix(text(meta, "token_endpoint"), site.URL), cc.form("code", told.Get("code")))
		want(t, row.name+" at "+row.door, text(visitor.idTokenOf(row.door, text(got, "id_token")), "iss"), site.URL+row.want)
		for _, name := range []string{"jwks_uri", "userinfo_endpoint", "revocation_endpoint"} {
			if !strings.HasPrefix(text(meta, name), site.URL+row.door+"/") {
				t.Errorf("%s of %s: %s", name, row.door, text(meta, name))
			}
		}
		if _, ok := meta["end_session_endpoint"]; ok || meta["introspection_endpoint"] != nil {
			t.Errorf("discovery names what Webex has not: %v", meta)
		}
	}
	_, found := b.fetch(http.MethodGet, "/v1/.well-known/webfinger?resource=acct:eva@acme.example", "")
	links, _ := found["links"].([]any)
	link, _ := links[0].(map[string]any)
	want(t, "webfinger", text(link, "href"), site.URL+"/eu/idb")
	want(t, "webfinger of nobody", status(b.fetch(http.MethodGet, "/v1/.well-known/webfinger?resource=acct:x@acme.example", "")), http.StatusNotFound)
}

// TestRegionByHost: where the host is one of Webex's names, or has its first label, it tells the region.
func TestRegionByHost(t *testing.T) {
	s := New(Config{People: newCompany()})
	for _, c := range []struct {
		host   string
		path   Region
		region Region
		issuer string // of the EU
	}{
		{"127.0.0.1:80", Global, Global, "http://127.0.0.1:80/eu/idb"},
		{"127.0.0.1:80", EU, EU, "http://127.0.0.1:80/eu/idb"},
		{"localhost:80", Global, Global, "http://localhost:80/eu/idb"},
		{"idbroker.webex.com", Global, Global, "http://idbroker-eu.webex.com/idb"},
		{"idbroker-eu.webex.com", Global, EU, "http://idbroker-eu.webex.com/idb"},
		{"idbroker-b-us.webex.com", Global, US, "http://idbroker-eu.webex.com/idb"},
		{"identity-eu.webex.com", Global, EU, "http://idbroker-eu.webex.com/idb"},
		{"webexapis.com", Global, Global, "http://idbroker-eu.webex.com/idb"},
		{"api-usgov.webex.com", Global, Government, "http://idbroker-eu.webex.com/idb"},
		{"idbroker-eu.localhost:8443", Global, EU, "http://idbroker-eu.localhost:8443/idb"},
		{"evil.example", Global, Global, "http://evil.example/eu/idb"},
	} {
		at := s.doorOf(&http.Request{Host: c.host}, c.path)
		if at.region != c.region || at.issuer(EU) != c.issuer {
			t.Errorf("%s: region %q, issuer %s", c.host, at.region, at.issuer(EU))
		}
	}
	fixed := New(Config{People: newCompany(), BaseURL: "https://webex.test:1"})
	if at := fixed.doorOf(&http.Request{Host: "evil.example"}, EU); at.issuer(EU) != "https://webex.test:1/eu/idb" {
		t.Errorf("the request's host names the issuer: %s", at.issuer(EU))
	}
}

// TestPrompts: when the person is asked again.
func TestPrompts(t *testing.T) {
	w := newWorld(t)
	site := w.serve()
	b := w.browser(site)
	c := w.register(Integration, acme, "spark:people_read")
	ask := func(edit ...string) answer { return b.get("/v1/authorize?" + c.query(edit...).Encode()) }
	_, _ = b.call("/v1/access_token", c.form("code", b.authorize(c.query(), "ada").Get("code")))
	w.later(time.Minute)
	for _, row := range []struct {
		name string
		edit []string
		want string // part of the page; "" is no page
	}{
		{"nothing", nil, ""},
		{"none", []string{"prompt", "none"}, ""},
		{"login", []string{"prompt", "login"}, "<h1>Sign in</h1>"},
		{"select_account", []string{"prompt", "select_account"}, "<h1>Sign in</h1>"},
		{"consent", []string{"prompt", "consent"}, "asks for access"},
		{"long ago enough", []string{"max_age", "61"}, ""},
		{"too long ago", []string{"max_age", "59"}, "<h1>Sign in</h1>"},
		{"more scopes", []string{"scope", "spark:people_read openid", "nonce", "n"}, "asks for access"},
	} {
		a := ask(row.edit...)
		if a.elsewhere != (row.want == "") || !strings.Contains(a.body, row.want) {
			t.Errorf("%s: %d %s", row.name, a.status, a.url)
		}
	}
	want(t, "prompt=none, signed in too long ago", b.told(ask("prompt", "none", "max_age", "59"), c.Redirects[0]).Get("error"), "login_required")
	if a := b.signIn(ask("prompt", "login"), "ada"); !a.elsewhere { // one sign-in is enough
		t.Errorf("asked again: %s", a.url)
	}
	if a := b.signIn(ask("max_age", "0", "prompt", "login"), "ada"); !a.elsewhere {
		t.Errorf("max_age=0 is never reached: %s", a.url)
	}
	for _, prompt := range []string{"login", "select_account"} {
		fresh := w.browser(site)
		if a := fresh.signIn(fresh.get("/v1/authorize?"+c.query("prompt", prompt).Encode()), "ada"); !a.elsewhere {
			t.Errorf("whoever was not signed in is asked twice by prompt=%s: %s", prompt, a.url)
		}
	}
	if hint := ask("prompt", "login", "login_hint", "alan@acme.example"); !strings.Contains(hint.body, `value="alan@acme.example"`) {
		t.Error("the hint is not on the page")
	}
	// Consent is the person's, not the browser's; and it goes with the roles that they had.
	a := b.signIn(ask("prompt", "login"), "alan")
	if !strings.Contains(a.body, "asks for access") {
		t.Errorf("somebody else's consent was enough: %s", a.url)
	}
	w.people.rolesChange(w.person("ada").ID)
	if a := b.signIn(ask("prompt", "login"), "ada"); !strings.Contains(a.body, "asks for access") {
		t.Errorf("a consent of before counts: %s", a.url)
	}
}

// TestLogout: the session and the token end; goto leads only to what the client registered.
func TestLogout(t *testing.T) {
	for _, row := range []struct {
		name, to  string
		withToken bool
		goes      bool
	}{
		{"no goto", "", true, false},
		{"the client's redirect URI", "https://app.example/cb", true, true},
		{"the client's redirect URI, no token", "https://app.example/cb", false, true},
		{"another client's redirect URI", "http://localhost:3000/auth/code", true, false},
		{"an address that nobody registered", "https://evil.example/", true, false},
		{"an address that begins like a registered one", "https://app.example/cb/../../evil", true, false},
		{"a path", "/verify", true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser(w.serve())
			c := w.register(ContactCentre, acme, "cjp:user")
			_, got := b.call("/v1/access_token", c.form("code", b.authorize(c.query(), "grace").Get("code")))
			query := url.Values{"goto": {row.to}, "cisService": {"webex"}}
			if row.withToken {
				query.Set("token", text(got, "access_token"))
			}
			a := b.get("/idb/oauth2/v1/logout?" + query.Encode())
			if a.elsewhere != row.goes || (row.goes && a.url != row.to) {
				t.Errorf("%d, came to %s", a.status, a.url)
			}
			_, err := w.server.Check(text(got, "access_token"))
			want(t, "the token is ended", err != nil, row.withToken)
			if again := b.get("/v1/authorize?" + c.query().Encode()); !strings.Contains(again.body, "<h1>Sign in</h1>") {
				t.Errorf("still signed in: %s", again.url)
			}
		})
	}
}

// TestDevices: a device asks, a person decides, the device gets its tokens once.
func TestDevices(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	begin := func() (code string, user string) {
		status, got := b.call("/v1/device/authorize", url.Values{"client_id": {c.ID}, "scope": {"spark:people_read"}})
		want(t, "begin", status, http.StatusOK)
		want(t, "address", text(got, "verification_uri_complete"), b.site.URL+"/verify?userCode="+text(got, "user_code"))
		return text(got, "device_code"), text(got, "user_code")
	}
	ask := func(code string) (int, map[string]any) {
		w.later(2 * time.Second)
		return b.call("/v1/device/token", c.form("redirect_uri", "", "grant_type", deviceGrant, "device_code", code))
	}
	code, user := begin()
	pending, got := ask(code)
	want(t, "pending", pending, http.StatusPreconditionRequired)
	want(t, "pending, as an error of OAuth", text(got, "error"), "authorization_pending")
	list, _ := got["errors"].([]any)
	said, _ := list[0].(map[string]any)
	want(t, "pending, as an error of Webex", text(said, "description"), "authorization_pending")
	early, got := b.call("/v1/device/token", c.form("redirect_uri", "", "grant_type", deviceGrant, "device_code", code))
	want(t, "too often", early, http.StatusBadRequest)
	want(t, "too often", text(got, "error"), "slow_down")
	if a := b.signIn(b.get("/verify?userCode=99999999x"), "ada"); !strings.Contains(a.body, "unknown or has expired") {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	page := b.get("/verify?userCode=" + user)
	if done := b.submit(page, url.Values{"decision": {"allow"}}); !strings.Contains(done.body, "is connected") {
		t.Fatalf("%d\n%s", done.status, done.body)
	}
	other := w.register(Integration, acme, "spark:people_read")
	status, _ := b.call("/v1/device/token", other.form("redirect_uri", "", "grant_type", deviceGrant, "device_code", code))
	want(t, "another client's device", status, http.StatusBadRequest)
	status, got = ask(code)
	want(t, "allowed", status, http.StatusOK)
	if a, err := w.server.Check(text(got, "access_token")); err != nil || a.Person != w.person("ada").ID {
		t.Errorf("got %+v, %v", a, err)
	}
	status, got = ask(code)
	want(t, "twice", status, http.StatusBadRequest)
	want(t, "twice", text(got, "error"), "invalid_grant")

	code, user = begin()
	b.submit(b.get("/verify?userCode="+user), url.Values{"decision": {"deny"}})
	_, got = ask(code)
	want(t, "refused", text(got, "error"), "access_denied")
	code, user = begin()
	w.later(6 * time.Minute)
	_, got = ask(code)
	want(t, "too late", text(got, "error"), "expired_token")
	_, got = b.call("/v1/device/authorize", url.Values{"client_id": {c.ID}, "scope": {"openid"}})
	want(t, "scopes of OpenID Connect", text(got, "error"), "invalid_scope")
	_, got = b.call("/v1/device/authorize", url.Values{"client_id": {"nobody"}, "scope": {"spark:people_read"}})
	want(t, "nobody's device", text(got, "error"), "invalid_client")
	forged := url.Values{"userCode": {user}, "decision": {"allow"}, "csrf": {"x"}}
	want(t, "a form of nobody's", b.post("/verify", forged).status, http.StatusForbidden)
}

// TestRevocationAndIntrospection: a client ends and sees its own tokens, and no others.
func TestRevocationAndIntrospection(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c, other := w.register(Integration, acme, "spark:people_read"), w.register(Integration, acme, "spark:people_read")
	fresh := func() (string, string) {
		_, got := b.call("/v1/access_token", c.form("code", b.authorize(c.query(), "ada").Get("code")))
		return text(got, "access_token"), text(got, "refresh_token")
	}
	active := func(as registered, tok string) any {
		_, got := b.call("/idb/oauth2/v1/introspect", url.Values{"client_id": {as.ID}, "client_secret": {as.secret}, "token": {tok}})
		if got["active"] == false {
			want(t, "what is told of an inactive token", len(got), 1)
		}
		return got["active"]
	}
	revoke := func(as registered, tok string) int {
		status, _ := b.call("/idb/oauth2/v1/revoke", url.Values{"client_id": {as.ID}, "client_secret": {as.secret}, "token": {tok}})
		return status
	}
	access, refresh := fresh()
	want(t, "own access token", active(c, access), true)
	want(t, "own refresh token", active(c, refresh), true)
	want(t, "another's token", active(other, access), false)
	want(t, "no token", active(c, "x"), false)
	want(t, "without a secret", status(b.call("/idb/oauth2/v1/introspect", url.Values{"client_id": {c.ID}, "token": {access}})), http.StatusUnauthorized)
	want(t, "revoke another's", revoke(other, access), http.StatusOK)
	want(t, "revoke without a secret", status(b.call("/idb/oauth2/v1/revoke", url.Values{"client_id": {c.ID}, "token": {access}})), http.StatusOK)
	want(t, "that did nothing", active(c, access), true)
	want(t, "revoke", revoke(c, access), http.StatusOK)
	want(t, "gone", active(c, access), false)
	want(t, "the refresh token stays", active(c, refresh), true)
	want(t, "revoke again", revoke(c, access), http.StatusOK)
	access, refresh = fresh()
	want(t, "revoke the refresh token", revoke(c, refresh), http.StatusOK)
	want(t, "the access token goes with it", active(c, access), false)
}

// TestAuthorizations: people see and end what they allowed; a full administrator that of their organisation.
func TestAuthorizations(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark:people_read")
	tokensOf := func(name string) string {
		visitor := w.browser(b.site)
		_, got := visitor.call("/v1/access_token", c.form("code", visitor.authorize(c.query(), name).Get("code")))
		return text(got, "access_token")
	}
	ada, alan, emil := tokensOf("ada"), tokensOf("alan"), tokensOf("emil")
	list := func(bearer, query string) (int, []any) {
		status, got := b.fetch(http.MethodGet, "/v1/authorizations"+query, bearer)
		items, _ := got["items"].([]any)
		return status, items
	}
	_, own := list(alan, "")
	want(t, "own", len(own), 1)
	item, _ := own[0].(map[string]any)
	want(t, "type", text(item, "type"), "refresh")
	want(t, "clientId", text(item, "clientId"), c.ID)
	want(t, "personId", plainID(text(item, "personId")), w.person("alan").ID)
	_, theirs := list(ada, "?personEmail=alan@acme.example")
	want(t, "as an administrator", len(theirs), 1)
	status, _ := list(alan, "?personEmail=ada@acme.example")
	want(t, "as nobody", status, http.StatusForbidden)
	status, _ = list(emil, "?personId="+w.person("alan").ID)
	want(t, "as another organisation's administrator", status, http.StatusForbidden)
	del := func(bearer, path string) int {
		status, _ := b.fetch(http.MethodDelete, "/v1/authorizations"+path, bearer)
		return status
	}
	id := text(item, "id")
	want(t, "end it as another organisation's administrator", del(emil, "/"+id), http.StatusNotFound)
	want(t, "all of the organisation as nobody", del(alan, "?clientId="+c.ID+"&orgId="+acme), http.StatusForbidden)
	want(t, "all of another organisation", del(ada, "?clientId="+c.ID+"&orgId="+europe), http.StatusForbidden)
	_, expiry := b.fetch(http.MethodGet, "/v1/authorizations/tokenExpiry", alan)
	want(t, "tokenExpiry", expiry["exp"], float64(w.clock().Add(14*24*time.Hour).UnixMilli()))
	want(t, "end it", del(ada, "/"+id), http.StatusNoContent)
	if _, err := w.server.Check(alan); err == nil {
		t.Error("lives on")
	}
	alan = tokensOf("alan")
	want(t, "one's own of a client", del(alan, "?clientId="+c.ID), http.StatusNoContent)
	if _, err := w.server.Check(ada); err != nil {
		t.Error("somebody else's went with it")
	}
	alan = tokensOf("alan")
	want(t, "all of the organisation", del(ada, "?clientId="+c.ID+"&orgId="+restID("ORGANIZATION", acme)), http.StatusNoContent)
	if _, err := w.server.Check(alan); err == nil {
		t.Error("lives on")
	}
	if _, err := w.server.Check(emil); err != nil {
		t.Error("another organisation's went with it")
	}
}
