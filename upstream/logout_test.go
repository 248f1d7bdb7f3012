package upstream

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
)

// newLogout is a world whose tokens are logout tokens.
func newLogout(t *testing.T) *world {
	w := newWorld(t)
	w.header["typ"] = "logout+jwt"
	w.claims = map[string]any{"nonce": nil, "jti": "j-1", "sid": "s-1", "events": map[string]any{backChannelEvent: map[string]any{}}}
	return w
}

// logoutCases are the modules of the OpenID foundation's plan for back-channel logout, and more.
func logoutCases() []hostileCase {
	const malformed, miss = lockstep.CodeIdPTokenMalformed, lockstep.CodeIdPClaimMissing
	event := func(value any) func(*world) {
		return claim("events", map[string]any{backChannelEvent: value})
	}
	return []hostileCase{
		{"backchannel-rpinitlogout", func(*world) {}, ""},
		{"sub alone", claim("sid", nil), ""},
		{"sid alone", claim("sub", nil), ""},
		{"typ JWT", func(w *world) { w.header["typ"] = "JWT" }, ""},
		{"alg none", func(w *world) { w.header["alg"], w.sign = "none", func(string) []byte { return nil } }, lockstep.CodeIdPAlgorithm},
		{"wrong alg", func(w *world) { w.header["alg"], w.sign = "HS256", withHMAC([]byte(testSecret)) }, lockstep.CodeIdPAlgorithm},
		{"no event", claim("events", nil), malformed},
		{"wrong event", claim("events", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}), malformed},
		{"event is a text", event("yes"), malformed},
		{"event is null", event(nil), malformed},
		{"events is a list", claim("events", []string{backChannelEvent}), malformed},
		{"with nonce", claim("nonce", "n0nce"), malformed},
		{"with a nonce of null", func(w *world) {
			w.idToken = func(good string) string {
				head, rest, _ := strings.Cut(good, ".")
				body, _, _ := strings.Cut(rest, ".")
				claims, err := decodePart(body)
				if err != nil {
					panic(err)
				}
				claims["nonce"] = nil
				text := head + "." + b64([]byte(encode(claims)))
				return text + "." + b64(withRSA(testKey())(text))
			}
		}, malformed},
		{"wrong aud", claim("aud", "C2"), lockstep.CodeIdPAudience},
		{"wrong iss", claim("iss", "https://evil.example"), lockstep.CodeIdPIssuer},
		{"no jti", claim("jti", nil), miss},
		{"no iat", claim("iat", nil), miss},
		{"no exp", claim("exp", nil), miss},
		{"expired", timed("exp", ago(2*time.Minute)), lockstep.CodeIdPExpired},
		{"iat ahead", timed("iat", ago(-time.Hour)), lockstep.CodeIdPClock},
		{"neither sub nor sid", func(w *world) { w.claims["sub"], w.claims["sid"] = nil, nil }, miss},
		{"sub empty", claim("sub", ""), miss},
		{"sid is a number", claim("sid", 7), miss},
		{"typ of an access token", func(w *world) { w.header["typ"] = "at+jwt" }, malformed},
		{"an ID token", func(w *world) {
			w.header["typ"] = "JWT"
			w.claims = map[string]any{"sid": "s-1"}
		}, malformed},
		{"foreign signature", func(w *world) { w.sign = func(string) []byte { return make([]byte, 256) } }, lockstep.CodeIdPSignature},
	}
}

func TestLogoutToken(t *testing.T) {
	t.Parallel()
	for _, c := range logoutCases() {
		w := newLogout(t)
		c.change(w)
		up, err := w.opener.Open(t.Context(), w.provider)
		if err != nil {
			t.Fatal(err)
		}
		var told stages
		who, err := up.(*flow).ReadLogout(t.Context(), w.makeToken(), &told)
		if lockstep.CodeOf(err) != c.want || (c.want == "" && (who.Issuer != w.URL || who.Subject+who.SessionID == "")) || (c.want != "" && (who.Issuer != "" || told.last().Fix == "")) {
			t.Errorf("%s: got %+v, %v; want %q", c.name, who, err, c.want)
		}
		w.leaks(told, err)
	}
	w := newWorld(t)
	w.header["typ"] = "logout+jwt"
	if _, _, err := w.signIn(); lockstep.CodeOf(err) != lockstep.CodeIdPTokenMalformed {
		t.Errorf("a logout token as ID token: got %v", err)
	}
	entra := newEntra(t)
	entra.header["typ"] = "logout+jwt"
	entra.claims["nonce"], entra.claims["jti"], entra.claims["sid"], entra.claims["events"] = nil, "j", "s-1", map[string]any{backChannelEvent: map[string]any{}}
	up, err := entra.opener.Open(t.Context(), entra.provider)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := up.(*flow).ReadLogout(t.Context(), entra.makeToken(), nil); err != nil || who.SessionID != "s-1" || who.Subject != "" {
		t.Errorf("Entra: got %+v, %v", who, err)
	}
	oauth := newOAuth2(t)
	if up, err = oauth.opener.Open(t.Context(), oauth.provider); err != nil {
		t.Fatal(err)
	}
	if _, err := up.(*flow).ReadLogout(t.Context(), w.makeToken(), nil); lockstep.CodeOf(err) != lockstep.CodeIdPUnsupported {
		t.Errorf("OAuth 2.0: got %v", err)
	}
}

// TestEveryLogoutCheckIsNeeded is TestEveryCheckIsNeeded for logout tokens.
func TestEveryLogoutCheckIsNeeded(t *testing.T) {
	t.Parallel()
	passed := map[string]bool{}
	checks := logoutChecks()
	for _, c := range logoutCases() {
		w := newLogout(t)
		c.change(w)
		claims, err := decodePart(strings.Split(w.makeToken(), ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		wants := wanted{client: "C1", issuers: []string{w.URL}, now: w.now, skew: time.Minute, maxAge: -1}
		for i, check := range checks {
			if judgeClaims(claims, wants, checks) != nil && judgeClaims(claims, wants, slices.Delete(slices.Clone(checks), i, i+1)) == nil {
				passed[check.name] = true
			}
		}
	}
	for _, check := range checks {
		if !passed[check.name] {
			t.Errorf("no case needs the check %q", check.name)
		}
	}
}

func TestEndSessionState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for style, want := range map[string]string{
		"client_id": "/end?client_id=C1&post_logout_redirect_uri=https%3A%2F%2Flockstep.example%2Fbye%3Fx%3D1&state=s7",
	} {
		w.provider.Settings["logout_style"] = style
		up, err := w.opener.Open(t.Context(), w.provider)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := up.EndSession(t.Context(), nil, "https://lockstep.example/bye?state=s7&x=1"); err != nil || got != w.URL+want {
			t.Errorf("%s: got %s, %v", style, got, err)
		}
		if got, err := up.EndSession(t.Context(), nil, "https://lockstep.example/bye"); err != nil || strings.Contains(got, "state") {
			t.Errorf("%s without state: got %s, %v", style, got, err)
		}
	}
}
