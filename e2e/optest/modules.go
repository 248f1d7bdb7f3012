package optest

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var markup = regexp.MustCompile(`(?s)<style.*?</style>|<script.*?</script>|<[^>]*>`)

// The plans.
const (
	basicOP  = "Basic OP"
	configOP = "Config OP"
	logoutOP = "RP-Initiated Logout OP"
	backOP   = "Back-Channel Logout OP"
)

const thirtySeconds = "oidcc-codereuse-30seconds"

// waits reports whether a module does little more than wait: it takes nobody's place.
func (m Module) waits() bool { return m.Name == thirtySeconds }

// Modules are all modules, plan by plan.
func Modules() []Module {
	plain := func(changes ...string) func(*check) {
		return func(c *check) { c.known(c.browser().signIn(c.First, changes...), http.MethodGet) }
	}
	return []Module{
		{basicOP, "oidcc-server", plain()},
		{basicOP, "oidcc-response-type-missing", responseTypeMissing},
		{basicOP, "oidcc-idtoken-signature", func(c *check) {
			id := c.browser().signIn(c.First).id
			c.want(id.header["kid"] != nil, "the ID token names no key")
		}},
		{basicOP, "oidcc-idtoken-unsigned", unsignedIDToken},
		{basicOP, "oidcc-userinfo-get", plain()},
		{basicOP, "oidcc-userinfo-post-header", func(c *check) { c.known(c.browser().signIn(c.First), http.MethodPost) }},
		{basicOP, "oidcc-userinfo-post-body", func(c *check) { c.known(c.browser().signIn(c.First), "body") }},
		{basicOP, "oidcc-ensure-request-without-nonce-succeeds-for-code-flow", func(c *check) {
			id := c.browser().signIn(c.First, "nonce", "").id
			c.want(id.claims["nonce"] == nil, "nobody sent the nonce %v", id.claims["nonce"])
		}},
		{basicOP, "oidcc-scope-profile", scope("profile")},
		{basicOP, "oidcc-scope-email", scope("email")},
		{basicOP, "oidcc-scope-address", scope("address")},
		{basicOP, "oidcc-scope-phone", scope("phone")},
		{basicOP, "oidcc-scope-all", scope("profile", "email", "address", "phone")},
		{basicOP, "oidcc-alternate-happy-flow", alternate},
		{basicOP, "oidcc-display-page", plain("display", "page")},
		{basicOP, "oidcc-display-popup", plain("display", "popup")},
		{basicOP, "oidcc-prompt-login", askedAgain("prompt", "login", "max_age", "15000")},
		{basicOP, "oidcc-prompt-none-not-logged-in", func(c *check) {
			c.loginRequired(c.browser())
		}},
		{basicOP, "oidcc-prompt-none-logged-in", notAskedAgain("prompt", "none")},
		{basicOP, "oidcc-max-age-1", askedAgain("max_age", "1")},
		{basicOP, "oidcc-max-age-10000", notAskedAgain("max_age", "10000")},
		{basicOP, "oidcc-ensure-request-with-unknown-parameter-succeeds", plain("extra", "foobar")},
		{basicOP, "oidcc-id-token-hint", func(c *check) {
			b := c.browser()
			first := b.signIn(c.First)
			c.same(b, first, b.signIn(c.First, "prompt", "none", "id_token_hint", first.ID))
		}},
		{basicOP, "oidcc-login-hint", func(c *check) { c.known(c.browser().signIn(c.First, "login_hint", c.Login), http.MethodGet) }},
		{basicOP, "oidcc-ui-locales", plain("ui_locales", "se")},
		{basicOP, "oidcc-claims-locales", plain("claims_locales", "se")},
		{basicOP, "oidcc-ensure-request-with-acr-values-succeeds", withACR},
		{basicOP, "oidcc-codereuse", codeReuse(0)},
		{basicOP, thirtySeconds, codeReuse(30 * time.Second)},
		{basicOP, "oidcc-ensure-registered-redirect-uri", wrongRedirect},
		{basicOP, "oidcc-ensure-post-request-succeeds", func(c *check) {
			b, v := c.browser(), asking(c.First)
			b.redeemed(c.First, v, b.submit(c.text("authorization_endpoint"), v))
		}},
		{basicOP, "oidcc-server-client-secret-post", func(c *check) {
			c.want(c.offers("token_endpoint_auth_methods_supported", "client_secret_post"), "client_secret_post is not offered")
			c.known(c.browser().signIn(c.Post), http.MethodGet)
		}},
		{basicOP, "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", requestURI},
		{basicOP, "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", requestObject},
		{basicOP, "oidcc-claims-essential", func(c *check) {
			claims := c.known(c.browser().signIn(c.First, "claims", `{"userinfo":{"name":{"essential":true}}}`), http.MethodGet)
			c.want(claims["name"] != nil, "the essential claim name is missing")
		}},
		{basicOP, "oidcc-ensure-request-object-with-redirect-uri", redirectInObject},
		{basicOP, "oidcc-refresh-token", refresh},
		{basicOP, "oidcc-ensure-request-with-valid-pkce-succeeds", pkce},

		{configOP, "oidcc-discovery-endpoint-verification", discovery},

		{logoutOP, "oidcc-rp-initiated-logout-discovery-endpoint-verification", func(c *check) {
			discovery(c)
			c.want(c.text("end_session_endpoint") != "", "end_session_endpoint is missing")
		}},
		{logoutOP, "oidcc-rp-initiated-logout", func(c *check) { c.signsOut(hinted, true) }},
		{logoutOP, "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", staysHere(func(c *check, _ signedIn, v url.Values) {
			v.Set("post_logout_redirect_uri", c.First.AfterLogout+"/other")
		})},
		{logoutOP, "oidcc-rp-initiated-logout-modified-id-token-hint", staysHere(func(_ *check, s signedIn, v url.Values) {
			parts := strings.Split(s.ID, ".")
			claims := map[string]any{"sub": "somebody-else"}
			for name, value := range s.id.claims {
				if name != "sub" {
					claims[name] = value
				}
			}
			v.Set("id_token_hint", parts[0]+"."+encode(claims)+"."+parts[2])
		})},
		{logoutOP, "oidcc-rp-initiated-logout-no-id-token-hint", staysHere(func(_ *check, _ signedIn, v url.Values) { v.Del("id_token_hint") })},
		{logoutOP, "oidcc-rp-initiated-logout-no-params", func(c *check) {
			c.signsOut(func(*check, signedIn, url.Values) url.Values { return url.Values{} }, false)
		}},
		{logoutOP, "oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(c *check) {
			c.signsOut(func(c *check, s signedIn, v url.Values) url.Values {
				v = hinted(c, s, v)
				v.Del("post_logout_redirect_uri")
				return v
			}, false)
		}},
		{logoutOP, "oidcc-rp-initiated-logout-no-state", func(c *check) {
			c.signsOut(func(c *check, s signedIn, v url.Values) url.Values {
				v = hinted(c, s, v)
				v.Del("state")
				return v
			}, true)
		}},
		{logoutOP, "oidcc-rp-initiated-logout-only-state", func(c *check) {
			c.signsOut(func(*check, signedIn, url.Values) url.Values { return url.Values{"state": {random()}} }, false)
		}},
		{logoutOP, "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", staysHere(func(c *check, _ signedIn, v url.Values) {
			v.Set("post_logout_redirect_uri", c.First.AfterLogout+"?foo=bar")
		})},
		{logoutOP, "oidcc-rp-initiated-logout-bad-id-token-hint", staysHere(func(c *check, s signedIn, v url.Values) {
			v.Set("id_token_hint", bySecret(s.id.claims, c.First.Secret))
		})},

		{backOP, "oidcc-backchannel-logout-discovery-endpoint-verification", func(c *check) {
			discovery(c)
			c.want(c.meta["backchannel_logout_supported"] == true && c.meta["backchannel_logout_session_supported"] == true, "back-channel logout with sid is not offered")
		}},
		{backOP, "oidcc-backchannel-rp-initiated-logout", backChannel},
	}
}

func responseTypeMissing(c *check) {
	v := asking(c.First, "response_type", "")
	at := c.browser().authorize(v)
	if at.at == "" {
		c.want(at.status >= 400, "the request is answered %d", at.status)
		c.note("a page")
		return
	}
	e := c.answered(c.First, v, at).Get("error")
	c.want(e == "invalid_request" || e == "unsupported_response_type", "error is %q", e)
	c.note(e)
}

// unsignedIDToken has nothing to try with clients that are registered by hand, unless they can be registered for it.
func unsignedIDToken(c *check) {
	if c.offers("id_token_signing_alg_values_supported", "none") {
		c.failf("ID tokens without a signature are offered: register a client for them")
	}
	c.skip("none is not offered")
}

// claimsOfScope are claims that come with a scope (OpenID Connect Core §5.4).
var claimsOfScope = map[string]string{"profile": "name", "email": "email", "address": "address", "phone": "phone_number"}

func scope(names ...string) func(*check) {
	return func(c *check) {
		for _, name := range names {
			if !c.offers("scopes_supported", name) {
				c.skip(name + " is not in scopes_supported")
			}
		}
		claims := c.known(c.browser().signIn(c.First, "scope", "openid "+strings.Join(names, " ")), http.MethodGet)
		for _, name := range names {
			c.want(claims[claimsOfScope[name]] != nil, "user-info is without %s", claimsOfScope[name])
		}
		for name, claim := range claimsOfScope {
			c.want(slices.Contains(names, name) || claims[claim] == nil, "user-info has %s, which nobody asked for", claim)
		}
	}
}

// alternate is the flow with everything the other way round: the order of parameters and scopes, POST with the token in its header, a long state.
func alternate(c *check) {
	b := c.browser()
	v := asking(c.First, "state", random()+random()+random(), "nonce", random()+random())
	names := []string{"state", "nonce", "redirect_uri", "response_type", "scope", "client_id"}
	var parts []string
	for _, name := range names {
		parts = append(parts, name+"="+url.QueryEscape(v.Get(name)))
	}
	s := b.redeemed(c.First, v, b.open(c.text("authorization_endpoint")+"?"+strings.Join(parts, "&")))
	c.known(s, http.MethodPost)
	again := b.signIn(c.First, "scope", "email openid")
	c.want(again.id.part("sub") == s.id.part("sub"), "sub has changed")
}

// askedAgain signs in twice: the person is asked the second time, too, and auth_time says so.
func askedAgain(changes ...string) func(*check) {
	return func(c *check) {
		b := c.browser()
		first := b.signIn(c.First)
		c.want(b.asked == 1, "the person was asked %d times", b.asked)
		time.Sleep(2 * time.Second) // max_age counts seconds
		second := b.signIn(c.First, changes...)
		c.want(b.asked == 2, "the person was asked %d times for two sign-ins", b.asked)
		c.want(second.id.part("sub") == first.id.part("sub"), "sub has changed")
		c.want(!second.id.at("auth_time").IsZero(), "auth_time is missing")
		c.want(first.id.at("auth_time").IsZero() || second.id.at("auth_time").After(first.id.at("auth_time")), "auth_time did not move")
	}
}

// notAskedAgain signs in twice, the second time without being asked.
func notAskedAgain(changes ...string) func(*check) {
	return func(c *check) {
		b := c.browser()
		first := b.signIn(c.First)
		second := b.signIn(c.First, changes...)
		c.same(b, first, second)
		if slices.Contains(changes, "max_age") {
			c.want(!second.id.at("auth_time").IsZero(), "auth_time is missing")
		}
	}
}

// same checks that a second sign-in is of the first one's session.
func (c *check) same(b *browser, first, second signedIn) {
	c.want(b.asked == 1, "the person was asked %d times", b.asked)
	c.want(second.id.part("sub") == first.id.part("sub"), "sub has changed")
	one, two := first.id.at("auth_time"), second.id.at("auth_time")
	c.want(one.IsZero() || two.IsZero() || one.Equal(two), "auth_time has changed")
}

// loginRequired checks that a browser is signed in nowhere.
func (c *check) loginRequired(b *browser) {
	v := asking(c.First, "prompt", "none")
	e := c.answered(c.First, v, b.authorize(v)).Get("error")
	c.want(slices.Contains([]string{"login_required", "interaction_required", "account_selection_required", "consent_required"}, e), "prompt=none is answered with %q", e)
}

func withACR(c *check) {
	values, there := c.list("acr_values_supported")
	if !there || len(values) == 0 {
		values = []string{"1", "2"}
	}
	s := c.browser().signIn(c.First, "acr_values", strings.Join(values, " "))
	switch got := s.id.part("acr"); {
	case got == "":
		c.note("acr_values are voluntary, and acr is absent")
	case !slices.Contains(values, got):
		c.note("acr_values are voluntary, and acr is another")
	}
}

// codeReuse uses a code twice: the second time it is refused, and what it gave has ended.
func codeReuse(later time.Duration) func(*check) {
	return func(c *check) {
		s := c.browser().signIn(c.First)
		time.Sleep(later)
		again := c.token(c.First, redeeming(c.First, s.code))
		c.want(again.Status == http.StatusBadRequest && again.Error == "invalid_grant", "a code that is used again gives %d %q", again.Status, again.Error)
		status, _ := c.whoIs(s.Access, http.MethodGet)
		c.want(status == http.StatusUnauthorized, "the access token goes on: %d", status)
	}
}

func wrongRedirect(c *check) {
	at := c.browser().authorize(asking(c.First, "redirect_uri", c.First.Redirect+"/other"))
	c.want(at.at == "", "the browser is sent to %s", at.at)
	c.want(at.status >= 400, "the page has status %d", at.status)
}

// objectOf makes a request object of a request.
func (c *check) objectOf(v url.Values) string {
	claims := map[string]any{"iss": c.First.ID, "aud": c.Issuer}
	for name := range v {
		claims[name] = v.Get(name)
	}
	return unsigned(claims)
}

// supportedOrNot is right if a request was done as its object says, or refused as one of a kind that is not supported.
func (c *check) supportedOrNot(b *browser, v url.Values, at landed, code string) {
	if e := at.query.Get("error"); at.at == c.First.Redirect && e != "" {
		c.want(e == code, "error is %q, not %s", e, code)
		c.answered(c.First, v, at)
		c.note(code)
		return
	}
	b.redeemed(c.First, v, at)
}

// bare is a request with what OAuth 2.0 wants of it; the rest stands in the object.
func bare(v url.Values) url.Values {
	out := url.Values{}
	for _, name := range []string{"client_id", "response_type", "scope", "redirect_uri", "state"} {
		out.Set(name, v.Get(name))
	}
	return out
}

func (c *check) skipUnlessUnsigned() {
	if all, there := c.list("request_object_signing_alg_values_supported"); there && !slices.Contains(all, "none") {
		c.skip("request objects without a signature are not offered")
	}
}

func requestObject(c *check) {
	c.skipUnlessUnsigned()
	b, v := c.browser(), asking(c.First)
	short := bare(v)
	short.Set("request", c.objectOf(v))
	c.supportedOrNot(b, v, b.authorize(short), "request_not_supported")
}

func requestURI(c *check) {
	c.skipUnlessUnsigned()
	b, v := c.browser(), asking(c.First)
	c.Inbox.mu.Lock()
	c.Inbox.object = c.objectOf(v)
	c.Inbox.mu.Unlock()
	short := bare(v)
	short.Set("request_uri", c.Inbox.server.URL+"/object")
	c.supportedOrNot(b, v, b.authorize(short), "request_uri_not_supported")
}

// redirectInObject: the redirect URI of the object counts, and not the wrong one of the address; or the request is refused on a page.
func redirectInObject(c *check) {
	c.skipUnlessUnsigned()
	b, v := c.browser(), asking(c.First)
	short := bare(v)
	short.Set("redirect_uri", c.First.Redirect+"/other")
	short.Set("request", c.objectOf(v))
	at := b.authorize(short)
	if at.at == "" {
		c.want(at.status >= 400, "the page has status %d", at.status)
		c.note("a page")
		return
	}
	b.redeemed(c.First, v, at)
}

func refresh(c *check) {
	changes := []string{}
	if c.offers("scopes_supported", "offline_access") {
		changes = append(changes, "scope", "openid offline_access", "prompt", "consent")
	}
	first := c.browser().signIn(c.First, changes...)
	if first.Refresh == "" {
		c.skip("the code gave no refresh token")
	}
	refreshing := func(text string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {text}}
	}
	next := c.token(c.First, refreshing(first.Refresh))
	c.want(next.Status == http.StatusOK, "a refresh token gives %d %q", next.Status, next.Error)
	c.want(next.Access != first.Access, "the access token is the same")
	if next.ID != "" {
		id := c.idToken(c.First, next)
		c.want(id.part("sub") == first.id.part("sub"), "sub has changed")
		c.want(id.at("auth_time").Equal(first.id.at("auth_time")), "auth_time has changed")
		c.want(id.claims["nonce"] == nil || id.claims["nonce"] == first.id.claims["nonce"], "nonce has changed")
	}
	c.known(signedIn{tokens: next, id: first.id}, http.MethodGet)
	other := c.browser().signIn(c.Second, changes...)
	stolen := c.token(c.First, refreshing(other.Refresh))
	c.want(stolen.Status == http.StatusBadRequest && stolen.Error == "invalid_grant", "a refresh token of another client gives %d %q", stolen.Status, stolen.Error)
}

func pkce(c *check) {
	verifier := random() + random()
	sum := sha256.Sum256([]byte(verifier))
	b, v := c.browser(), asking(c.First, "code_challenge", b64.EncodeToString(sum[:]), "code_challenge_method", "S256")
	code := c.coded(c.First, v, b.authorize(v))
	with := redeeming(c.First, code)
	with.Set("code_verifier", verifier)
	t := c.token(c.First, with)
	c.want(t.Status == http.StatusOK, "a code with its verifier gives %d %q", t.Status, t.Error)
	c.idToken(c.First, t)
}

// discovery checks what the suite does: the issuer, the endpoints, what must be listed, and the keys. That addresses are https is left out: a
// provider on loopback has none.
func discovery(c *check) {
	c.want(c.text("issuer") == c.Issuer, "issuer is %q", c.text("issuer"))
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		u, err := url.Parse(c.text(name))
		c.want(err == nil && u.IsAbs() && u.Host != "" && u.Fragment == "", "%s is %q", name, c.text(name))
	}
	for name, value := range map[string]string{
		"response_types_supported": "code", "subject_types_supported": "public", "id_token_signing_alg_values_supported": "RS256", "scopes_supported": "openid",
		"token_endpoint_auth_methods_supported": "client_secret_basic",
	} {
		c.want(c.offers(name, value), "%s is without %s", name, value)
	}
	if all, there := c.list("grant_types_supported"); there {
		c.want(slices.Contains(all, "authorization_code"), "grant_types_supported is %v", all)
	}
	if all, there := c.list("code_challenge_methods_supported"); there && len(all) > 0 {
		c.want(slices.Contains(all, "S256"), "code_challenge_methods_supported is %v", all)
	}
	claims, _ := c.list("claims_supported")
	c.want(len(claims) > 0, "claims_supported is missing")
	for name := range c.meta {
		if strings.HasSuffix(name, "_supported") {
			_, list := c.meta[name].([]any)
			_, flag := c.meta[name].(bool)
			c.want(list || flag, "%s is neither a list nor a truth value", name)
		}
	}
	var set struct{ Keys []map[string]any }
	c.must(json.Unmarshal(c.fetch(c.text("jwks_uri")), &set))
	kids := map[any]bool{}
	for _, k := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			c.want(k[private] == nil, "the key %v shows its %s", k["kid"], private)
		}
		c.want(k["kid"] != nil && !kids[k["kid"]], "the key ID %v is missing or there twice", k["kid"])
		kids[k["kid"]] = true
	}
	c.want(slices.ContainsFunc(set.Keys, func(k map[string]any) bool { return k["kty"] == "RSA" && k["use"] != "enc" }), "there is no key for RS256")
}

// leaving are the parameters with which a person is signed out.
type leaving func(c *check, s signedIn, v url.Values) url.Values

func hinted(c *check, s signedIn, _ url.Values) url.Values {
	return url.Values{"id_token_hint": {s.ID}, "post_logout_redirect_uri": {c.First.AfterLogout}, "state": {random()}}
}

// signsOut signs in and out. back says whether the browser is to come back to the application.
func (c *check) signsOut(how leaving, back bool) signedIn {
	b := c.browser()
	s := b.signIn(c.First)
	v := how(c, s, nil)
	at := b.open(withQuery(c.text("end_session_endpoint"), v))
	if back {
		c.want(at.at == c.First.AfterLogout, "the browser does not come back to the application: %q %d %s", at.at, at.status, said(at.body))
		c.want(at.query.Get("state") == v.Get("state"), "state is %q", at.query.Get("state"))
	} else {
		c.want(at.at == "" && at.status == http.StatusOK, "the browser stands at %q with %d", at.at, at.status)
	}
	c.loginRequired(b)
	return s
}

// staysHere signs out in a way that must not lead back to the application, however the person answers.
func staysHere(change func(*check, signedIn, url.Values)) func(*check) {
	return func(c *check) {
		b := c.browser()
		s := b.signIn(c.First)
		v := hinted(c, s, nil)
		change(c, s, v)
		at := b.open(withQuery(c.text("end_session_endpoint"), v))
		c.want(at.at == "", "the browser is sent to %s", at.at)
		if at.status >= 400 {
			c.note("refused")
		} else {
			c.note("signed out after a question, and not sent on")
		}
	}
}

// backChannel: to sign out tells the application, with a token that says of which session (OpenID Connect Back-Channel Logout 1.0 §2.4).
func backChannel(c *check) {
	s := c.signsOut(hinted, true)
	sid := s.id.part("sid")
	c.want(sid != "", "the ID token is without sid")
	var told string
	found := c.Inbox.find(c.ctx, func(text string) bool {
		parts := strings.Split(text, ".")
		var claims map[string]any
		if len(parts) == 3 && decode(parts[1], &claims) == nil && claims["sid"] == sid {
			told = text
		}
		return told != ""
	})
	c.want(found, "no logout token came for the session")
	t := c.verified(told)
	c.want(t.part("iss") == c.Issuer && slices.Contains(audience(t), c.First.ID), "iss and aud are %v and %v", t.claims["iss"], t.claims["aud"])
	c.want(time.Since(t.at("iat")).Abs() < 5*time.Minute && t.part("jti") != "", "iat and jti are %v and %v", t.claims["iat"], t.claims["jti"])
	c.want(t.claims["sub"] == nil || t.part("sub") == s.id.part("sub"), "sub is %v", t.claims["sub"])
	events, _ := t.claims["events"].(map[string]any)
	event, is := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	c.want(is && len(event) == 0, "events is %v", t.claims["events"])
	c.want(t.claims["nonce"] == nil, "the logout token has a nonce")
}
