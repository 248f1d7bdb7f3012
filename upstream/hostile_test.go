package upstream

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

// hostileCase is one thing that an upstream, or somebody in between, may do. The name says where it comes from: the names of the
// OpenID foundation's relying-party modules where there is one.
type hostileCase struct {
	name   string
	change func(w *world)
	want   lockstep.Code // "" is a sign-in that works
}

func claim(name string, value any) func(*world) {
	return func(w *world) { w.claims[name] = value }
}

func ago(d time.Duration) func(w *world) any {
	return func(w *world) any { return w.now.Add(-d).Unix() }
}

func timed(name string, value func(w *world) any) func(*world) {
	return func(w *world) { w.claims[name] = value(w) }
}

func both(changes ...func(*world)) func(*world) {
	return func(w *world) {
		for _, c := range changes {
			c(w)
		}
	}
}

func setting(name, value string) func(*world) {
	return func(w *world) { w.provider.Settings[name] = value }
}

func claimCases() []hostileCase {
	const miss, aud = lockstep.CodeIdPClaimMissing, lockstep.CodeIdPAudience
	seconds := func(n int) *int { return &n }
	return []hostileCase{
		{"invalid-iss", claim("iss", "https://evil.example"), lockstep.CodeIdPIssuer},
		{"iss with a slash more", func(w *world) { w.claims["iss"] = w.URL + "/" }, lockstep.CodeIdPIssuer},
		{"iss missing", claim("iss", nil), lockstep.CodeIdPIssuer},
		{"iss is a list", func(w *world) { w.claims["iss"] = []string{w.URL} }, lockstep.CodeIdPIssuer},
		{"missing-sub", claim("sub", nil), miss},
		{"sub empty", claim("sub", ""), miss},
		{"sub is a number", claim("sub", 7), miss},
		{"sub of blanks", claim("sub", " u-1"), miss},
		{"sub too long", claim("sub", strings.Repeat("x", 256)), miss},
		{"sub with a control character", claim("sub", "u-1\n"), miss},
		{"SUB for sub", both(claim("sub", nil), claim("SUB", "u-1")), miss},
		{"invalid-aud", claim("aud", "C2"), aud},
		{"aud missing", claim("aud", nil), aud},
		{"aud empty", claim("aud", []string{}), aud},
		{"aud of several without azp", claim("aud", []string{"C1", "C2"}), aud},
		{"aud of several, foreign azp", both(claim("aud", []string{"C1", "C2"}), claim("azp", "C2")), aud},
		{"foreign azp", claim("azp", "C2"), aud},
		{"azp is no text", claim("azp", []string{"C1"}), aud},
		{"aud of several, our azp", both(claim("aud", []string{"C1", "account"}), claim("azp", "C1")), ""},
		{"aud has a number", claim("aud", []any{"C1", 7}), aud},
		{"expired", timed("exp", ago(2*time.Minute)), lockstep.CodeIdPExpired},
		{"expired within the skew", timed("exp", ago(30*time.Second)), ""},
		{"missing exp", claim("exp", nil), miss},
		{"exp is a text", claim("exp", "9999999999"), miss},
		{"exp is below zero", claim("exp", -1), miss},
		{"missing-iat", claim("iat", nil), miss},
		{"iat is a text", claim("iat", "now"), miss},
		{"iat a day ahead", both(timed("iat", ago(-24*time.Hour)), timed("exp", ago(-25*time.Hour))), lockstep.CodeIdPClock},
		{"iat ahead within the skew", timed("iat", ago(-30*time.Second)), ""},
		{"nbf ahead", timed("nbf", ago(-3*time.Minute)), lockstep.CodeIdPClock},
		{"nbf is a text", claim("nbf", "soon"), miss},
		{"nonce-invalid", claim("nonce", "another"), lockstep.CodeIdPNonce},
		{"nonce missing", claim("nonce", nil), lockstep.CodeIdPNonce},
		{"nonce empty, as the login's", both(claim("nonce", ""), func(w *world) { w.attempt.Nonce = "" }), lockstep.CodeIdPNonce},
		{"wrong at_hash", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), lockstep.CodeIdPAtHash},
		{"at_hash is no text", claim("at_hash", 7), lockstep.CodeIdPAtHash},
		{"right at_hash", claim("at_hash", accessHash("RS256", testAccess)), ""},
		{"max_age, no auth_time", func(w *world) { w.attempt.MaxAge = seconds(60) }, miss},
		{"max_age, too old", both(func(w *world) { w.attempt.MaxAge = seconds(60) }, timed("auth_time", ago(5*time.Minute))), lockstep.CodeIdPTooOld},
		{"max_age, in the future", both(func(w *world) { w.attempt.MaxAge = seconds(60) }, timed("auth_time", ago(-time.Hour))), lockstep.CodeIdPClock},
		{"max_age, fresh", both(func(w *world) { w.attempt.MaxAge = seconds(60) }, timed("auth_time", ago(time.Minute))), ""},
		{"max_age of the settings", both(setting("max_age", "60"), timed("auth_time", ago(5*time.Minute))), lockstep.CodeIdPTooOld},
		{"max_age, the shorter one", both(setting("max_age", "3600"), func(w *world) { w.attempt.MaxAge = seconds(0) }, timed("auth_time", ago(5*time.Minute))), lockstep.CodeIdPTooOld},
		{"prompt=login ignored", both(func(w *world) { w.attempt.Prompt = "login" }, timed("auth_time", ago(time.Hour))), lockstep.CodeIdPTooOld},
		{"prompt=login obeyed", both(func(w *world) { w.attempt.Prompt = "login" }, timed("auth_time", ago(0))), ""},
		{"acr required, none", setting("require_acr", "gold"), lockstep.CodeIdPACR},
		{"acr required, another", both(setting("require_acr", "gold"), claim("acr", "silver")), lockstep.CodeIdPACR},
		{"acr required, there", both(setting("require_acr", "gold platinum"), claim("acr", "platinum")), ""},
		{"amr required, none", setting("require_amr", "mfa"), lockstep.CodeIdPACR},
		{"amr required, one of two", both(setting("require_amr", "mfa pwd"), claim("amr", []string{"pwd"})), lockstep.CodeIdPACR},
		{"amr required, there", both(setting("require_amr", "mfa"), claim("amr", []string{"pwd", "mfa"})), ""},
	}
}

func signatureCases() []hostileCase {
	const malformed = lockstep.CodeIdPTokenMalformed
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	ec := newEC()
	public, err := x509.MarshalPKIXPublicKey(&testKey().PublicKey)
	if err != nil {
		panic(err)
	}
	head := func(name string, value any) func(*world) {
		return func(w *world) { w.header[name] = value }
	}
	signed := func(with func(string) []byte) func(*world) { return func(w *world) { w.sign = with } }
	keys := func(all ...any) func(*world) {
		return func(w *world) { w.keys = func() any { return map[string]any{"keys": append([]any{}, all...)} } }
	}
	own := jwk("k1", &testKey().PublicKey)
	with := func(key map[string]any, name string, value any) map[string]any {
		changed := map[string]any{name: value}
		for n, v := range key {
			if n != name {
				changed[n] = v
			}
		}
		return changed
	}
	return []hostileCase{
		{"sig-rs256", func(*world) {}, ""},
		{"sig-none", both(head("alg", "none"), signed(func(string) []byte { return nil })), lockstep.CodeIdPAlgorithm},
		{"sig-none in capitals", both(head("alg", "NONE"), signed(func(string) []byte { return nil })), lockstep.CodeIdPAlgorithm},
		{"alg missing", head("alg", nil), lockstep.CodeIdPAlgorithm},
		{"HS256 with the public key", both(head("alg", "HS256"), signed(withHMAC(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))), lockstep.CodeIdPAlgorithm},
		{"HS256 with the client secret", both(head("alg", "HS256"), signed(withHMAC([]byte(testSecret)))), lockstep.CodeIdPAlgorithm},
		{"alg that the settings leave out", head("alg", "RS512"), lockstep.CodeIdPAlgorithm},
		{"invalid-sig-rs256", signed(withRSA(other)), lockstep.CodeIdPSignature},
		{"no signature", signed(func(string) []byte { return nil }), lockstep.CodeIdPSignature},
		{"claims changed after signing", func(w *world) {
			w.idToken = func(good string) string {
				parts := strings.Split(good, ".")
				text, _ := base64.RawURLEncoding.DecodeString(parts[1])
				return parts[0] + "." + b64([]byte(strings.Replace(string(text), `"u-1"`, `"u-2"`, 1))) + "." + parts[2]
			}
		}, lockstep.CodeIdPSignature},
		{"key within the header", both(signed(withRSA(other)), head("jwk", jwk("k1", &other.PublicKey))), lockstep.CodeIdPSignature},
		{"address of keys within the header", both(signed(withRSA(other)), head("jku", "https://evil.example/keys")), lockstep.CodeIdPSignature},
		{"kid of no key", head("kid", "k9"), lockstep.CodeIdPKeyUnknown},
		{"kid is a path", head("kid", "../../etc/passwd"), lockstep.CodeIdPKeyUnknown},
		{"kid-absent-single-jwks", head("kid", nil), ""},
		{"kid-absent-multiple-jwks", both(head("kid", nil), keys(jwk("k2", &other.PublicKey), own)), ""},
		{"crit", both(head("crit", []string{"b64"}), head("b64", false)), malformed},
		{"crit of something unknown", head("crit", []string{"exp"}), malformed},
		{"typ of an access token", head("typ", "at+jwt"), malformed},
		{"typ of a logout token", head("typ", "logout+jwt"), malformed},
		{"typ missing", head("typ", nil), ""},
		{"typ as a media type", head("typ", "application/JWT"), ""},
		{"key for encryption", keys(with(own, "use", "enc")), lockstep.CodeIdPKeyUnknown},
		{"key of another algorithm", keys(with(own, "alg", "PS256")), lockstep.CodeIdPKeyUnknown},
		{"RSA key of 1024 bits", both(signed(withRSA(small)), keys(jwk("k1", &small.PublicKey))), lockstep.CodeIdPKeyUnknown},
		{"symmetric key", both(signed(withHMAC([]byte("secret"))), keys(map[string]any{"kty": "oct", "kid": "k1", "k": b64([]byte("secret"))})), lockstep.CodeIdPKeyUnknown},
		{"key of another type", keys(jwkEC("k1", &ec.PublicKey)), lockstep.CodeIdPKeyUnknown},
		{"ES256", both(head("alg", "ES256"), signed(withEC(ec)), keys(jwkEC("k1", &ec.PublicKey))), ""},
		{"ES256, foreign key", both(head("alg", "ES256"), signed(withEC(newEC())), keys(jwkEC("k1", &ec.PublicKey))), lockstep.CodeIdPSignature},
		{"keys that cannot be read beside ours", keys(map[string]any{"kty": "new"}, map[string]any{"kty": "RSA", "n": "!"}, own), ""},
		{"no keys", keys(), lockstep.CodeIdPKeyUnknown},
		{"keys are no set", func(w *world) { w.keys = func() any { return map[string]any{"values": []any{}} } }, lockstep.CodeIdPMalformed},
		{"a thousand keys", keys(slices.Repeat([]any{own}, 1000)...), lockstep.CodeIdPMalformed},
		{"keys without end", func(w *world) {
			w.keys = func() any { return map[string]any{"keys": []any{}, "x": strings.Repeat("x", maxKeySet)} }
		}, lockstep.CodeIdPTooLarge},
		{"not a JWT", func(w *world) { w.idToken = func(string) string { return "hello" } }, malformed},
		{"JSON serialization", func(w *world) { w.idToken = func(string) string { return `{"payload":"","signatures":[]}` } }, malformed},
		{"encrypted", func(w *world) { w.idToken = func(s string) string { return s + ".x.y" } }, malformed},
		{"header is no JSON", func(w *world) {
			w.idToken = func(s string) string { return "e30x" + s[strings.Index(s, "."):] }
		}, malformed},
		{"64 KiB and more", claim("x", strings.Repeat("x", maxToken)), lockstep.CodeIdPTooLarge},
		{"a claim twice", func(w *world) {
			w.idToken = func(good string) string {
				parts := strings.Split(good, ".")
				text, _ := base64.RawURLEncoding.DecodeString(parts[1])
				twice := parts[0] + "." + b64([]byte(strings.Replace(string(text), `"sub"`, `"sub":"u-2","sub"`, 1)))
				return twice + "." + b64(withRSA(testKey())(twice))
			}
		}, malformed},
		{"claims nested a thousand deep", func(w *world) {
			w.idToken = func(good string) string {
				parts := strings.Split(good, ".")
				text, _ := base64.RawURLEncoding.DecodeString(parts[1])
				deep := parts[0] + "." + b64([]byte(strings.Replace(string(text), `{`, `{"x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`,`, 1)))
				return deep + "." + b64(withRSA(testKey())(deep))
			}
		}, malformed},
	}
}

func exchangeCases() []hostileCase {
	back := func(name string, values ...string) func(*world) {
		return func(w *world) { w.callback[name] = values }
	}
	answer := func(name string, value any) func(*world) {
		return func(w *world) { w.answer[name] = value }
	}
	fails := func(status int, code, words string) func(*world) {
		return func(w *world) {
			w.status, w.answer = status, map[string]any{"error": code, "error_description": words, "access_token": nil, "id_token": nil}
		}
	}
	user := func(value any) func(*world) { return func(w *world) { w.user = value } }
	at := func(path string, f http.HandlerFunc) func(*world) {
		return func(w *world) {
			w.handle = func(out http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != path {
					return false
				}
				f(out, r)
				return true
			}
		}
	}
	away := func(out http.ResponseWriter, r *http.Request) {
		http.Redirect(out, r, "https://evil.example/collect", http.StatusTemporaryRedirect)
	}
	return []hostileCase{
		{"no code", back("code"), lockstep.CodeIdPCallback},
		{"two codes", back("code", testCode, "another"), lockstep.CodeIdPCallback},
		{"code of letters that codes do not have", back("code", "a\nb"), lockstep.CodeIdPCallback},
		{"code without end", back("code", strings.Repeat("x", 5000)), lockstep.CodeIdPCallback},
		{"iss of another (RFC 9207)", back("iss", "https://evil.example"), lockstep.CodeIdPMixedUp},
		{"iss empty", back("iss", ""), lockstep.CodeIdPMixedUp},
		{"iss of ours", func(w *world) { w.callback["iss"] = []string{w.URL} }, ""},
		{"iss twice", func(w *world) { w.callback["iss"] = []string{w.URL, "https://evil.example"} }, lockstep.CodeIdPCallback},
		{"iss required, missing", setting("iss_parameter", "required"), lockstep.CodeIdPMixedUp},
		{"error from another issuer", both(back("error", "access_denied"), back("iss", "https://evil.example")), lockstep.CodeIdPMixedUp},
		{"iss of one issuer, ID token of another", func(w *world) {
			w.provider.Settings["more_issuers"] = "https://b.example"
			w.callback["iss"], w.claims["iss"] = []string{w.URL}, "https://b.example"
		}, lockstep.CodeIdPMixedUp},
		{"ID token of the second issuer", both(setting("more_issuers", "https://b.example"), claim("iss", "https://b.example")), ""},
		{"access_denied", back("error", "access_denied"), lockstep.CodeIdPDenied},
		{"error beside a code", back("error", "server_error"), lockstep.CodeIdPReturned},
		{"login_required", back("error", "login_required"), lockstep.CodeIdPLoginRequired},
		{"interaction_required", back("error", "interaction_required"), lockstep.CodeIdPLoginRequired},
		{"consent_required", back("error", "consent_required"), lockstep.CodeIdPDenied},
		{"consent_required, and nothing was to be shown", both(func(w *world) { w.attempt.Prompt = "none" }, back("error", "consent_required")), lockstep.CodeIdPLoginRequired},
		{"invalid_scope", back("error", "invalid_scope"), lockstep.CodeIdPScope},
		{"unauthorized_client", back("error", "unauthorized_client"), lockstep.CodeIdPClient},
		{"token: invalid_client", fails(401, "invalid_client", ""), lockstep.CodeIdPClient},
		{"token: invalid_grant", fails(400, "invalid_grant", "the code was used"), lockstep.CodeIdPCode},
		{"token: redirect_uri", fails(400, "invalid_grant", "redirect_uri does not match"), lockstep.CodeIdPRedirectURI},
		{"token: invalid_scope", fails(400, "invalid_scope", ""), lockstep.CodeIdPScope},
		{"token: error with status 200", fails(200, "bad_verification_code", ""), lockstep.CodeIdPRefused},
		{"token: 500", fails(500, "", ""), lockstep.CodeIdPRefused},
		{"token: no ID token", answer("id_token", nil), lockstep.CodeIdPNoIDToken},
		{"token: ID token is no text", answer("id_token", 7), lockstep.CodeIdPNoIDToken},
		{"token: no access token", answer("access_token", nil), lockstep.CodeIdPMalformed},
		{"token: DPoP", answer("token_type", "DPoP"), lockstep.CodeIdPUnsupported},
		{"token: a page", at("/token", func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write([]byte("<html>")) }), lockstep.CodeIdPMalformed},
		{"token: redirect", at("/token", away), lockstep.CodeIdPRedirects},
		{"token: without end", answer("x", strings.Repeat("x", maxTokenAnswer)), lockstep.CodeIdPTooLarge},
		{"token: hangs up", at("/token", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), lockstep.CodeIdPUnreachable},
		{"keys: redirect", at("/keys", away), lockstep.CodeIdPRedirects},
		{"keys: 404", at("/keys", http.NotFound), lockstep.CodeIdPRefused},
		{"userinfo-invalid-sub", user(map[string]any{"sub": "u-2"}), lockstep.CodeIdPSubjectDiffers},
		{"user-info without sub", user(map[string]any{"name": "Ada"}), lockstep.CodeIdPSubjectDiffers},
		{"user-info with sub twice", user(`{"sub":"u-1","sub":"u-2"}`), lockstep.CodeIdPMalformed},
		{"user-info is a list", user(`[]`), lockstep.CodeIdPMalformed},
		{"user-info and more", user(`{"sub":"u-1"} x`), lockstep.CodeIdPMalformed},
		{"user-info: redirect with our token", at("/me", away), lockstep.CodeIdPRedirects},
		{"user-info: 401", at("/me", func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(401) }), lockstep.CodeIdPRefused},
		{"user-info: a JWT", at("/me", func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "application/jwt")
			_, _ = out.Write([]byte("x.y.z"))
		}), lockstep.CodeIdPUnsupported},
		{"user-info: without end", user(map[string]any{"sub": "u-1", "x": strings.Repeat("x", maxUserInfo)}), lockstep.CodeIdPTooLarge},
		{"required claim missing", setting("require_claim", "department"), lockstep.CodeIdPFiltered},
		{"required claim of another value", both(setting("require_claim", "department"), setting("require_value", "sales"), claim("department", "presales")), lockstep.CodeIdPFiltered},
		{"required claim in a list", both(setting("require_claim", "groups"), setting("require_value", "sales"), claim("groups", []string{"x", "sales"})), ""},
		{"required claim with a line break", both(setting("require_claim", "department"), setting("require_value", "sales"), claim("department", "sales\nx")), lockstep.CodeIdPFiltered},
	}
}

func TestHostileUpstream(t *testing.T) {
	t.Parallel()
	for _, group := range [][]hostileCase{claimCases(), signatureCases(), exchangeCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				c.change(w)
				who, told, err := w.signIn()
				if lockstep.CodeOf(err) != c.want {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				last := told.last()
				switch {
				case c.want == "" && (who.Subject != "u-1" || !last.OK):
					t.Errorf("got %+v, told %+v", who, last)
				case c.want != "" && (who.Subject != "" || last.OK || last.Code != c.want || last.Fix == "" || last.Detail == ""):
					t.Errorf("got %+v, told %+v", who, last)
				case strings.HasPrefix(c.name, "keys: ") && !strings.Contains(last.Detail, "keys"):
					t.Errorf("it does not say that the keys are missing: %s", last.Detail)
				}
			})
		}
	}
}

// TestEveryCheckIsNeeded takes away each check of the claims in turn: some token that was refused must then pass the others.
func TestEveryCheckIsNeeded(t *testing.T) {
	t.Parallel()
	checks := idTokenChecks()
	passed := map[string]bool{}
	for _, c := range claimCases() {
		if c.want == "" {
			continue
		}
		w := newWorld(t)
		c.change(w)
		up, err := w.opener.Open(t.Context(), w.provider)
		if err != nil {
			t.Fatal(err)
		}
		f := up.(*flow)
		to, err := f.Begin(t.Context(), w.attempt, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.attempt.Kept = to.Keep
		claims, err := decodePart(strings.Split(w.makeToken(), ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		wants := f.wanted(w.attempt, tokens{access: testAccess}, header{algorithm: "RS256"})
		if bad := judgeClaims(claims, wants, checks); bad == nil {
			t.Errorf("%s: passes all checks", c.name)
		}
		for i, check := range checks {
			if judgeClaims(claims, wants, slices.Delete(slices.Clone(checks), i, i+1)) == nil {
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

// TestSecretThatIsEncoded: a client that is refused, and whose secret looks otherwise in HTTP Basic, is told of that: some providers do not decode it.
func TestSecretThatIsEncoded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secret, auth string
		told         bool
	}{{"a plain-one", authBasic, true}, {"letters-and-digits", authBasic, false}, {"a plain one+%", authPost, false}} {
		w := newWorld(t)
		w.provider.Secrets["client_secret"], w.provider.Settings["client_auth"] = c.secret, c.auth
		w.status, w.answer = 401, map[string]any{"error": "invalid_client", "access_token": nil, "id_token": nil}
		_, told, err := w.signIn()
		if lockstep.CodeOf(err) != lockstep.CodeIdPClient || strings.Contains(told.last().Fix, "Secret, in the body") != c.told {
			t.Errorf("%q, %s: %v, “%s”", c.secret, c.auth, err, told.last().Fix)
		}
	}
}

// TestNobodyWaitsForInventedKeys: while the keys are fetched anew because of a token that anybody may have made, and the provider does not answer, whoever's key is there goes on.
func TestNobodyWaitsForInventedKeys(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan bool, 1), make(chan bool)
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		if calls++; calls > 1 {
			asked <- true
			<-answer
		}
		_, _ = out.Write([]byte(encode(map[string]any{"keys": []any{jwk("k1", &testKey().PublicKey)}})))
	}))
	t.Cleanup(server.Close)
	c, err := newClient(&web.Dialer{Allow: web.Loopback()}, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	set, err := newKeySet(server.URL, "", c)
	if err != nil {
		t.Fatal(err)
	}
	h := func() *hop { return startHop(nil, time.Now, "keys") }
	if keys, fetched, bad := set.candidates(t.Context(), h(), "k1", "RS256", false); len(keys) != 1 || !fetched || bad != nil {
		t.Fatalf("%v %v %v", keys, fetched, bad)
	}
	over := make(chan bool)
	go func() {
		defer close(over)
		if keys, fetched, bad := set.candidates(t.Context(), h(), "invented", "RS256", true); len(keys) != 0 || !fetched || bad != nil {
			t.Errorf("an invented key: %v %v %v", keys, fetched, bad)
		}
	}()
	<-asked
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if keys, _, bad := set.candidates(soon, h(), "k1", "RS256", false); len(keys) != 1 || bad != nil {
		t.Errorf("a good key waits for an invented one: %v", bad)
	}
	close(answer)
	<-over
}

func TestKeysChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.keys
	if _, _, err := w.signIn(); err != nil {
		t.Fatal(err)
	}
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	// rp-key-rotation, between two logins: the keys change right after they were fetched first.
	w.now = w.now.Add(time.Second)
	w.header["kid"], w.sign = "k0", withRSA(next)
	w.keys = func() any { return map[string]any{"keys": []any{jwk("k0", &next.PublicKey)}} }
	if _, _, err := w.signIn(); err != nil || w.fetched != 2 {
		t.Errorf("keys that change at once: got %v after %d fetches", err, w.fetched)
	}
	// An invented key id within ten seconds costs the provider nothing more.
	w.header["kid"] = "invented"
	for range 5 {
		if _, _, err := w.signIn(); lockstep.CodeOf(err) != lockstep.CodeIdPKeyUnknown {
			t.Fatalf("got %v", err)
		}
	}
	if w.fetched != 2 {
		t.Errorf("the keys were fetched %d times", w.fetched)
	}
	// rp-key-rotation: a new key, just before signing.
	w.now = w.now.Add(11 * time.Second)
	w.header["kid"], w.sign = "k2", withRSA(next)
	w.keys = func() any { return map[string]any{"keys": []any{jwk("k2", &next.PublicKey)}} }
	if _, _, err := w.signIn(); err != nil || w.fetched != 3 {
		t.Errorf("a new key: got %v after %d fetches", err, w.fetched)
	}
	// A new key under the old id is found by its signature.
	w.now = w.now.Add(11 * time.Second)
	w.sign = nil
	w.keys = func() any { return map[string]any{"keys": []any{jwk("k2", &testKey().PublicKey)}} }
	if _, _, err := w.signIn(); err != nil || w.fetched != 4 {
		t.Errorf("a new key of the same id: got %v after %d fetches", err, w.fetched)
	}
	// A key that was taken back is forgotten within the hour.
	w.now = w.now.Add(keysFresh + time.Minute)
	w.keys = func() any { return map[string]any{"keys": []any{jwk("k3", &next.PublicKey)}} }
	if _, _, err := w.signIn(); lockstep.CodeOf(err) != lockstep.CodeIdPKeyUnknown {
		t.Errorf("a key that was taken back: got %v", err)
	}
	// While the provider is away, the keys that are known serve.
	w.keys, w.header["kid"] = old, "k1"
	w.now = w.now.Add(11 * time.Second)
	if _, _, err := w.signIn(); err != nil {
		t.Fatal(err)
	}
	w.handle = func(out http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/keys" {
			out.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}
	w.now = w.now.Add(2 * keysFresh)
	if _, told, err := w.signIn(); err != nil || !strings.Contains(encode(told), "kept ones, since") {
		t.Errorf("the keys cannot be fetched: got %v, %s", err, encode(told))
	}
	w.now = w.now.Add(keysStale)
	if _, _, err := w.signIn(); lockstep.CodeOf(err) != lockstep.CodeIdPRefused {
		t.Errorf("the keys could not be fetched for a day: got %v", err)
	}
}

// TestKeysAreFetchedOnce: logins that begin at once share one fetch.
func TestKeysAreFetchedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	up, err := w.opener.Open(t.Context(), w.provider)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := up.Finish(t.Context(), w.attempt, sso.Callback{Values: w.callback}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if w.fetched != 1 {
		t.Errorf("fetched %d times", w.fetched)
	}
	w.header["kid"] = "k9"
	if _, told, _ := w.signIn(); told.last().Facts["known kids"] != "k1" || told.last().Facts["kid"] != "k9" {
		t.Errorf("told %+v", told.last())
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provider.Settings["authorize_url"] += "?p=B2C_1&scope=hidden"
	w.provider.Settings["require_acr"] = "gold"
	hour := 3600
	w.attempt.MaxAge, w.attempt.LoginHint, w.attempt.Locales, w.attempt.ACRValues, w.attempt.Prompt = &hour, "ada@example.com", []string{"de", "en"}, []string{"silver"}, "login"
	up, err := w.opener.Open(t.Context(), w.provider)
	if err != nil {
		t.Fatal(err)
	}
	to, err := up.Begin(t.Context(), w.attempt, nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"p": {"B2C_1"}, "response_type": {"code"}, "client_id": {"C1"}, "redirect_uri": {w.attempt.RedirectURI}, "scope": {"openid profile email"}, "state": {"st4te"},
		"nonce": {w.attempt.Nonce}, "code_challenge": {challenge(w.attempt.Verifier)}, "code_challenge_method": {"S256"}, "prompt": {"login"},
		"login_hint": {"ada@example.com"}, "ui_locales": {"de en"}, "max_age": {"3600"}, "acr_values": {"silver gold"},
	}
	if u.Query().Encode() != want.Encode() {
		t.Errorf("got  %s\nwant %s", u.Query().Encode(), want.Encode())
	}
	for _, bare := range []sso.Attempt{{State: "s"}, {Verifier: w.attempt.Verifier}, {State: "s", Verifier: "short"}} {
		if to, err := up.Begin(t.Context(), bare, nil); lockstep.CodeOf(err) != lockstep.CodeInternal || to.URL != "" {
			t.Errorf("%+v: got %+v, %v", bare, to, err)
		}
	}
	// RFC 7636 appendix B.
	if got := challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("got %s", got)
	}
}

func TestEndSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ style, want string }{
		{"id_token_hint", "/end?id_token_hint=TOKEN&post_logout_redirect_uri=https%3A%2F%2Flockstep.example%2Fbye"},
		{"client_id", "/end?client_id=C1&post_logout_redirect_uri=https%3A%2F%2Flockstep.example%2Fbye"},
		{"none", ""},
	} {
		w := newWorld(t)
		w.provider.Settings["logout_style"] = c.style
		who, _, err := w.signIn()
		if err != nil {
			t.Fatal(err)
		}
		up, err := w.opener.Open(t.Context(), w.provider)
		if err != nil {
			t.Fatal(err)
		}
		got, err := up.EndSession(t.Context(), who.Logout, "https://lockstep.example/bye")
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want != "" {
			want = w.URL + want
		}
		if at := strings.Index(got, "id_token_hint="); at >= 0 {
			end := at + strings.Index(got[at:], "&")
			got = got[:at] + "id_token_hint=TOKEN" + got[end:]
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", c.style, got, want)
		}
		if _, err := up.EndSession(t.Context(), []byte("{nonsense"), "https://lockstep.example/bye"); err != nil {
			t.Errorf("%s: nonsense that was kept: %v", c.style, err)
		}
	}
}

func TestTwoSecrets(t *testing.T) {
	t.Parallel()
	for _, auth := range []string{"client_secret_basic", "client_secret_post"} {
		w := newWorld(t)
		w.provider.Settings["client_auth"] = auth
		w.provider.Secrets["client_secret_next"] = "not-yet-valid"
		w.handle = func(out http.ResponseWriter, r *http.Request) bool {
			_, basic, _ := r.BasicAuth()
			if r.URL.Path == "/token" && (basic == "not-yet-valid" || r.PostFormValue("client_secret") == "not-yet-valid") {
				out.WriteHeader(http.StatusUnauthorized)
				_, _ = out.Write([]byte(`{"error":"invalid_client"}`))
				return true
			}
			return false
		}
		if _, told, err := w.signIn(); err != nil || !strings.Contains(encode(told), "the old one") {
			t.Errorf("%s: got %v", auth, err)
		}
		w.handle = nil
		if _, told, err := w.signIn(); err != nil || !strings.Contains(encode(told), "the next one") || w.tried[len(w.tried)-1] != "not-yet-valid" {
			t.Errorf("%s: got %v, tried %v", auth, err, w.tried)
		}
		// A code that is refused is not tried with the other secret: it is spent.
		w.tried, w.status, w.answer = nil, 400, map[string]any{"error": "invalid_grant"}
		if _, _, err := w.signIn(); lockstep.CodeOf(err) != lockstep.CodeIdPCode || len(w.tried) != 1 {
			t.Errorf("%s: got %v after %d tries", auth, err, len(w.tried))
		}
	}
}

func TestOpenKeepsWhatIsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := func() sso.Upstream {
		u, err := w.opener.Open(t.Context(), w.provider)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	first := open()
	if open() != first {
		t.Error("the same provider was opened anew")
	}
	w.provider.Secrets["client_secret"] = "another"
	if open() == first {
		t.Error("a provider with another secret was not opened anew")
	}
	w.provider.Settings["token_url"] = ""
	if _, err := w.opener.Open(t.Context(), w.provider); lockstep.CodeOf(err) != lockstep.CodeIdPSettingMissing {
		t.Errorf("a provider that is not whole: got %v", err)
	}
}

// TestNothingThere: an address that the provider does not answer at is said to be wrong, by the name of its field where there is one.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	for path, says := range map[string]string{"/token": "Compare the token URL", "/keys": "Compare the address", "/me": "Compare the address"} {
		w := newWorld(t)
		w.handle = func(out http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				http.NotFound(out, r)
			}
			return r.URL.Path == path
		}
		_, told, err := w.signIn()
		if lockstep.CodeOf(err) != lockstep.CodeIdPRefused || !strings.Contains(told.last().Fix, says) || !strings.Contains(told.last().Detail, "has nothing at") {
			t.Errorf("%s: %v, %+v", path, err, told.last())
		}
	}
}
