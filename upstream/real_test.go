package upstream

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/sso"
	"lockstep/web"
)

// TestOpenIDProvider signs in at oidc-provider, a certified OpenID Provider, which must let through what ours lets through, and refuse
// what it must: by each way to authenticate a client and each algorithm, with the form filled in from discovery.
func TestOpenIDProvider(t *testing.T) {
	t.Parallel()
	key := newEC()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	public := jwkEC("mine", &key.PublicKey)
	public["alg"] = "ES256"
	const back = "https://lockstep.example/sso/idp/callback"
	issuer := parts.IDP(t, "op.js", "REDIRECT="+back, "SECRET=a secret-with: odd+letters%", "PUBLIC_JWK="+encode(public))
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	imported, err := o.Import(t.Context(), sso.KindOIDC, issuer, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if imported.Settings["iss_parameter"] != "required" || imported.Settings["logout_url"] == "" {
		t.Errorf("imported %v", imported.Settings)
	}
	for _, c := range []struct{ client, auth string }{
		{"basic", "client_secret_basic"}, {"post", "client_secret_post"}, {"key", "private_key_jwt"}, {"public", "none"}, {"es256", "client_secret_basic"}, {"ps256", "client_secret_basic"},
	} {
		p := sso.Provider{ID: sso.ProviderID(c.client), Kind: sso.KindOIDC, Settings: maps.Clone(imported.Settings), Secrets: map[string]string{"client_secret": "a secret-with: odd+letters%"}}
		p.Settings["client_id"], p.Settings["client_auth"] = c.client, c.auth
		if c.auth == "private_key_jwt" {
			p.Secrets["private_key"], p.Settings["key_id"] = text, "mine"
		}
		who, browser, up := signInAt(t, o, p)
		if who.Subject != "u-1" || who.Issuer != issuer || who.Email != "ada@example.com" || !who.EmailVerified || who.UserName != "ada" || who.Name != "Ada Lovelace" || who.AuthTime.IsZero() {
			t.Errorf("%s: got %+v", c.client, who)
		}
		to, err := up.EndSession(t.Context(), who.Logout, back)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := browser.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: the end of the session: %d %s", c.client, answer.StatusCode, page)
		}
	}
	p := sso.Provider{Kind: sso.KindOIDC, Settings: maps.Clone(imported.Settings), Secrets: map[string]string{"client_secret": "wrong"}}
	p.Settings["client_id"] = "basic"
	if _, err := finishAt(t, o, p, realAttempt()); lockstep.CodeOf(err) != lockstep.CodeIdPClient {
		t.Errorf("a wrong secret: got %v", err)
	}
	p.Secrets["client_secret"], p.Settings["pkce"] = "a secret-with: odd+letters%", "off"
	if _, err := finishAt(t, o, p, realAttempt()); lockstep.CodeOf(err) != lockstep.CodeIdPReturned {
		t.Errorf("without PKCE: got %v", err)
	}
	p.Settings["pkce"] = "S256"
	silent := realAttempt()
	silent.Prompt = "none"
	if _, err := finishAt(t, o, p, silent); lockstep.CodeOf(err) != lockstep.CodeIdPLoginRequired {
		t.Errorf("prompt=none without a session: got %v", err)
	}
	if _, err := finishAt(t, o, p, realAttempt()); err != nil {
		t.Errorf("control: got %v", err)
	}
	p.Settings["require_acr"] = "platinum"
	if _, err := finishAt(t, o, p, realAttempt()); lockstep.CodeOf(err) != lockstep.CodeIdPACR {
		t.Errorf("an acr that it does not know: got %v", err)
	}
}

// signInAt goes through a provider that lets everybody in, and must work.
func signInAt(t *testing.T, o *Opener, p sso.Provider) (sso.Identity, *http.Client, sso.Upstream) {
	t.Helper()
	up, attempt, values, browser := through(t, o, p, realAttempt())
	var told stages
	who, err := up.Finish(t.Context(), attempt, sso.Callback{Values: values}, &told)
	if err != nil {
		t.Fatalf("%s: %v\n%s", p.Settings["client_id"], err, encode(told))
	}
	return who, browser, up
}

func finishAt(t *testing.T, o *Opener, p sso.Provider, a sso.Attempt) (sso.Identity, error) {
	t.Helper()
	up, attempt, values, _ := through(t, o, p, a)
	return up.Finish(t.Context(), attempt, sso.Callback{Values: values}, nil)
}

// realAttempt asks for the time of the sign-in, too.
func realAttempt() sso.Attempt {
	a, hour := webexAttempt(), 3600
	a.RedirectURI, a.MaxAge = "https://lockstep.example/sso/idp/callback", &hour
	return a
}

func through(t *testing.T, o *Opener, p sso.Provider, attempt sso.Attempt) (sso.Upstream, sso.Attempt, url.Values, *http.Client) {
	t.Helper()
	up, err := o.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	to, err := up.Begin(t.Context(), attempt, nil)
	if err != nil {
		t.Fatal(err)
	}
	attempt.Kept = to.Keep
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "lockstep.example" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	answer, err := browser.Get(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	at, err := answer.Location()
	if err != nil {
		t.Fatalf("%s: %d %s", to.URL, answer.StatusCode, body)
	}
	return up, attempt, at.Query(), browser
}
