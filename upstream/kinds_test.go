package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

const (
	tenantA = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	tenantB = "11111111-2222-3333-4444-555555555555"
)

// newEntra is a world that plays Microsoft's sign-in for one tenant.
func newEntra(t *testing.T) *world {
	w := newWorld(t)
	w.provider.Kind = sso.KindEntra
	w.provider.Settings = map[string]string{"client_id": "C1", "tenant": tenantA, "authority": w.URL}
	w.handle = func(out http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
			w.token(out, r)
		case strings.HasSuffix(r.URL.Path, "/discovery/v2.0/keys"):
			_, _ = out.Write([]byte(encode(w.keys())))
		default:
			return false
		}
		return true
	}
	w.claims = map[string]any{
		"iss": w.URL + "/" + tenantA + "/v2.0", "tid": tenantA, "oid": "o-1", "sub": "pairwise", "email": "ceo@victim.example", "preferred_username": "ada@contoso.example",
	}
	return w
}

func TestEntra(t *testing.T) {
	t.Parallel()
	for _, c := range []hostileCase{
		{"a person of the tenant", func(*world) {}, ""},
		{"a person of another tenant", func(w *world) {
			w.claims["tid"], w.claims["iss"] = tenantB, w.URL+"/"+tenantB+"/v2.0"
		}, lockstep.CodeIdPIssuer},
		{"another tenant, our issuer", claim("tid", tenantB), lockstep.CodeIdPTenant},
		{"no tid", claim("tid", nil), lockstep.CodeIdPTenant},
		{"no oid", claim("oid", nil), lockstep.CodeIdPClaimMissing},
		{"tid is the end of the tenant", claim("tid", tenantA[1:]), lockstep.CodeIdPTenant},
		{"the second of two tenants", func(w *world) {
			w.provider.Settings["tenant"] = tenantA + "\n" + strings.ToUpper(tenantB)
			w.claims["tid"], w.claims["iss"] = tenantB, w.URL+"/"+tenantB+"/v2.0"
		}, ""},
		{"the version 1 issuer", claim("iss", "https://sts.windows.net/"+tenantA+"/"), lockstep.CodeIdPIssuer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newEntra(t)
			c.change(w)
			who, told, err := w.signIn()
			if lockstep.CodeOf(err) != c.want {
				t.Fatalf("got %v, want %q; %s", err, c.want, encode(told))
			}
			if c.want == "" && (who.Subject != "o-1" || who.EmailVerified || who.UserName != "ada@contoso.example") {
				t.Errorf("got %+v", who)
			}
		})
	}
}

// TestEntraMail: an e-mail address that any tenant's administrator can write is not verified (nOAuth), unless Microsoft says that its
// owner is.
func TestEntraMail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edov any
		want bool
	}{{nil, false}, {false, false}, {"0", false}, {0, false}, {true, true}, {"1", true}, {1, true}} {
		w := newEntra(t)
		w.claims["email_verified"], w.claims["xms_edov"] = true, c.edov
		if who, _, err := w.signIn(); err != nil || who.EmailVerified != c.want {
			t.Errorf("xms_edov %v: got %v, %v", c.edov, who.EmailVerified, err)
		}
	}
}

func TestEntraErrorsHaveAFix(t *testing.T) {
	t.Parallel()
	w := newEntra(t)
	w.status, w.answer = 401, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys for app are expired."}
	_, told, err := w.signIn()
	if lockstep.CodeOf(err) != lockstep.CodeIdPClient || !strings.Contains(told.last().Fix, "has expired") {
		t.Errorf("got %v, told %+v", err, told.last())
	}
}

func newOAuth2(t *testing.T) *world {
	w := newWorld(t)
	w.provider.Kind = sso.KindOAuth2
	w.provider.Settings = map[string]string{
		"client_id": "C1", "authorize_url": w.URL + "/authorize", "token_url": w.URL + "/token", "userinfo_url": w.URL + "/me",
		"claim_username": "login", "claim_name": "profile.full name", "claim_email": "emails.0.value", "claim_email_verified": "emails.0.ok", "claim_groups": "orgs",
	}
	w.answer["id_token"] = nil
	w.user = `{"id": 9007199254740993, "login": "ada", "profile": {"full name": "Ada L"}, "emails": [{"value": "ada@example.com", "ok": true}], "orgs": ["a", "b"]}`
	return w
}

func TestOAuth2(t *testing.T) {
	t.Parallel()
	w := newOAuth2(t)
	who, _, err := w.signIn()
	if err != nil || who.Subject != "9007199254740993" || who.UserName != "ada" || who.Name != "Ada L" || who.Email != "ada@example.com" || !who.EmailVerified ||
		!slices.Equal(who.Groups, []string{"a", "b"}) || who.Issuer != w.URL+"/token" {
		t.Errorf("got %+v, %v", who, err)
	}
	for name, answer := range map[string]string{
		"no id": `{"login":"ada"}`, "id empty": `{"id":""}`, "id is null": `{"id":null}`, "id is a fraction": `{"id":1.5}`, "id is an object": `{"id":{}}`, "id with an exponent": `{"id":1e3}`, "id is true": `{"id":true}`,
	} {
		w := newOAuth2(t)
		w.user = answer
		if _, told, err := w.signIn(); lockstep.CodeOf(err) != lockstep.CodeIdPClaimMissing || told.last().Fix == "" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	key := newEC()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for _, auth := range []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"} {
		w := newWorld(t)
		w.provider.Settings["client_auth"], w.provider.Settings["client_id"] = auth, "C:1 +"
		w.claims["aud"] = "C:1 +"
		w.provider.Secrets["client_secret"] = "p@ss word%"
		if auth == "private_key_jwt" {
			w.provider.Secrets["private_key"], w.provider.Settings["key_id"] = text, "mine"
		}
		var form url.Values
		var user, secret string
		w.handle = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				_ = r.ParseForm()
				form = r.PostForm
				user, secret, _ = r.BasicAuth()
			}
			return false
		}
		if _, _, err := w.signIn(); err != nil {
			t.Fatalf("%s: %v", auth, err)
		}
		if form.Get("code") != testCode || form.Get("code_verifier") != w.attempt.Verifier || form.Get("redirect_uri") != w.attempt.RedirectURI || form.Get("grant_type") != "authorization_code" {
			t.Errorf("%s: got %v", auth, form)
		}
		switch auth {
		case "client_secret_basic": // RFC 6749 §2.3.1: both are form-encoded first
			if user != "C%3A1+%2B" || secret != "p%40ss+word%25" || form.Has("client_secret") {
				t.Errorf("%s: got %q, %q, %v", auth, user, secret, form)
			}
		case "client_secret_post":
			if user != "" || form.Get("client_id") != "C:1 +" || form.Get("client_secret") != "p@ss word%" {
				t.Errorf("%s: got %v", auth, form)
			}
		case "none":
			if user != "" || form.Get("client_id") != "C:1 +" || form.Has("client_secret") {
				t.Errorf("%s: got %v", auth, form)
			}
		case "private_key_jwt":
			judgeAssertion(t, form, key, w)
		}
	}
}

// judgeAssertion checks the client's JWT with the standard library.
func judgeAssertion(t *testing.T, form url.Values, key *ecdsa.PrivateKey, w *world) {
	t.Helper()
	parts := strings.Split(form.Get("client_assertion"), ".")
	if len(parts) != 3 || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret") {
		t.Fatalf("got %v", form)
	}
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256Of(parts[0] + "." + parts[1])
	if len(signature) != 64 || !ecdsa.Verify(&key.PublicKey, sum, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the signature of the assertion is wrong")
	}
	var head, claims map[string]any
	for i, into := range []*map[string]any{&head, &claims} {
		text, _ := base64.RawURLEncoding.DecodeString(parts[i])
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	exp, _ := claims["exp"].(float64)
	if head["alg"] != "ES256" || head["kid"] != "mine" || claims["iss"] != "C:1 +" || claims["sub"] != "C:1 +" || claims["aud"] != w.URL+"/token" || claims["jti"] == "" ||
		exp > float64(w.now.Add(2*time.Minute).Unix()) {
		t.Errorf("got %v, %v", head, claims)
	}
}

// TestMergedClaims: what a user-info answer, which nobody signed, may add.
func TestMergedClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		token, user     map[string]any
		email           string
		verified        bool
		acr, unexpected string
	}{
		{"both from the token", map[string]any{"email": "a@x.example", "email_verified": true}, map[string]any{"email": "b@x.example"}, "a@x.example", true, "", ""},
		{"verified of the token is not that of another address", map[string]any{"email_verified": true}, map[string]any{"email": "b@x.example"}, "b@x.example", false, "", ""},
		{"verified of the user-info is not that of the token's", map[string]any{"email": "a@x.example"}, map[string]any{"email": "b@x.example", "email_verified": true}, "a@x.example", false, "", ""},
		{"both from the user-info", nil, map[string]any{"email": "b@x.example", "email_verified": "true"}, "b@x.example", true, "", ""},
		{"verified is a text of another kind", nil, map[string]any{"email": "b@x.example", "email_verified": "yes"}, "b@x.example", false, "", ""},
		{"acr is the token's alone", map[string]any{"acr": "silver"}, map[string]any{"acr": "gold"}, "", false, "silver", ""},
		{"acr is not the user-info's", nil, map[string]any{"acr": "gold", "sid": "s", "auth_time": 1}, "", false, "", ""},
	} {
		w := newWorld(t)
		for n, v := range c.token {
			w.claims[n] = v
		}
		c.user["sub"] = "u-1"
		w.user = c.user
		who, _, err := w.signIn()
		if err != nil || who.Email != c.email || who.EmailVerified != c.verified || who.ACR != c.acr || who.SessionID != "" || !who.AuthTime.IsZero() {
			t.Errorf("%s: got %+v, %v", c.name, who, err)
		}
	}
}

func TestStrictEmail(t *testing.T) {
	for address, ok := range map[string]bool{
		"ada@example.com": true, "o'brien@example.com": true, "ada+x@mail.example.co.uk": true, "ädä@exämple.com": true, "": false, "ada": false, "@example.com": false,
		"ada@": false, "ada@evil.example@example.com": false, "ada@example.com@evil.example": false, "ada @example.com": false, "\"ada\"@example.com": false,
		"ada@example..com": false, "ada@.com": false, "ada@example.com\n": false, "ada@example.com ": false, "ada@exam\u202eple.com": false, "<ada@example.com>": false,
		"ada@example.com,eve@evil.example": false, "ada%evil.example@example.com": false, "a@[127.0.0.1]": false, strings.Repeat("x", 65) + "@example.com": false,
	} {
		if got := strictEmail(address); ok && got != address || !ok && got != "" {
			t.Errorf("%q: got %q", address, got)
		}
	}
}

// TestTLSFaults: what is wrong with a certificate is told by name.
func TestTLSFaults(t *testing.T) {
	t.Parallel()
	ca, caKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Acme Root CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	middle, middleKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Acme Issuing CA 7"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, ca, caKey)
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	good, goodKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "idp"}, IPAddresses: here}, middle, middleKey)
	elsewhere, elsewhereKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "idp"}, DNSNames: []string{"idp.acme.example"}}, ca, caKey)
	old, oldKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "idp"}, IPAddresses: here, NotAfter: time.Now().Add(-time.Hour)}, ca, caKey)
	self, selfKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "appliance"}, IPAddresses: here}, nil, nil)
	chain := func(key *ecdsa.PrivateKey, all ...*x509.Certificate) *tls.Config {
		c := tls.Certificate{PrivateKey: key}
		for _, one := range all {
			c.Certificate = append(c.Certificate, one.Raw)
		}
		return &tls.Config{Certificates: []tls.Certificate{c}}
	}
	for _, c := range []struct {
		name  string
		tls   *tls.Config // nil is none
		roots []*x509.Certificate
		code  lockstep.Code
		says  string
	}{
		{"whole chain, root unknown", chain(goodKey, good, middle), nil, lockstep.CodeIdPCAUnknown, "Acme Root CA"},
		{"whole chain with root, unknown", chain(goodKey, good, ca, middle), nil, lockstep.CodeIdPCAUnknown, "Acme Root CA"},
		{"broken chain, root known", chain(goodKey, good), []*x509.Certificate{ca}, lockstep.CodeIdPCAUnknown, "Acme Issuing CA 7"},
		{"self-signed", chain(selfKey, self), nil, lockstep.CodeIdPCAUnknown, "appliance"},
		{"another host", chain(elsewhereKey, elsewhere), []*x509.Certificate{ca}, lockstep.CodeIdPCertificate, "idp.acme.example"},
		{"expired", chain(oldKey, old), []*x509.Certificate{ca}, lockstep.CodeIdPCertificate, "valid from"},
		{"no TLS", nil, nil, lockstep.CodeIdPNotTLS, "does not speak TLS"},
		{"good", chain(goodKey, good, middle), []*x509.Certificate{ca}, lockstep.CodeIdPMalformed, ""},
		{"self-signed, trusted", chain(selfKey, self), []*x509.Certificate{self}, lockstep.CodeIdPMalformed, ""},
	} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
		server.Config.ErrorLog = quiet()
		if c.tls != nil {
			server.TLS = c.tls
			server.StartTLS()
		} else {
			server.Start()
		}
		var roots [][]byte
		for _, r := range c.roots {
			roots = append(roots, r.Raw)
		}
		var told stages
		o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
		_, err := o.Import(t.Context(), sso.KindOIDC, strings.Replace(server.URL, "http:", "https:", 1), roots, &told)
		if lockstep.CodeOf(err) != c.code || !strings.Contains(encode(told), c.says) || told.last().Fix == "" {
			t.Errorf("%s: got %v, told %+v", c.name, err, told.last())
		}
		if missing := told.last().Facts["missing authority"]; c.code == lockstep.CodeIdPCAUnknown && missing != c.says {
			t.Errorf("%s: %q is named as missing, and %q is", c.name, missing, c.says)
		}
		server.Close()
	}
}

// certify makes a certificate of an authority, or of itself.
func certify(t *testing.T, template, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-48 * time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if by == nil {
		by, byKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	var told stages
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	if _, err := o.Import(t.Context(), sso.KindOIDC, gone.URL, nil, &told); lockstep.CodeOf(err) != lockstep.CodeIdPUnreachable {
		t.Errorf("nobody listens: got %v", err)
	}
	if _, err := o.Import(t.Context(), sso.KindOIDC, "https://no-such-host.invalid", nil, &told); lockstep.CodeOf(err) != lockstep.CodeIdPBlocked && lockstep.CodeOf(err) != lockstep.CodeIdPTimeout && lockstep.CodeOf(err) != lockstep.CodeIdPUnreachable ||
		strings.Contains(told.last().Fix, "invalid IP") || strings.Contains(err.Error(), "lookup") {
		t.Errorf("no such host: got %v, told %+v", err, told.last())
	}
}

func TestNameToMatch(t *testing.T) {
	for name, ok := range map[string]bool{
		"ada": true, "Ada Lovelace": true, "ädä": true, "CORP\\ada": true, " ada": false, "ada ": false, "ada\u00a0": false, "a\u200bda": false, "a\u202eda": false, "ada\x00": false,
		"\ufeffada": false, "a\ufffdda": false, strings.Repeat("x", 513): false,
	} {
		if got := nameToMatch(name); ok && got != name || !ok && got != "" {
			t.Errorf("%q: got %q", name, got)
		}
	}
}
