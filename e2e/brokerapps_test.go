package e2e

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// visitor is somebody with a browser that keeps cookies, who signs in at the page of Lockstep by name and password.
type visitor struct {
	*http.Client
	t               *testing.T
	issuer          string
	login, password string
}

func newVisitor(t *testing.T, issuer, login, password string) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{&http.Client{Jar: jar, Timeout: patience, Transport: wantsPages{}}, t, issuer, login, password}
}

// wantsPages asks for pages, as browsers do: who does not is no browser to mod_auth_openidc, and is not sent to sign in.
type wantsPages struct{}

func (wantsPages) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	return http.DefaultTransport.RoundTrip(r)
}

// read returns the address at which an answer was found, and its body.
func (v visitor) read(answer *http.Response, err error) (*url.URL, string) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.Request.URL, string(body)
}

// open opens a page. When it leads to the sign-in page of Lockstep the form there is filled in.
func (v visitor) open(address string) string {
	v.t.Helper()
	at, body := v.read(v.Get(address))
	if !strings.HasPrefix(at.String(), v.issuer) {
		return body
	}
	if strings.Contains(body, `name="SAMLResponse"`) { // the session has answered
		return v.goOn(body)
	}
	_, rest, found := strings.Cut(body, `name="l" value="`)
	if !found {
		v.t.Fatalf("%s is no sign-in page:\n%s", at, body)
	}
	id, _, _ := strings.Cut(rest, `"`)
	_, body = v.read(v.PostForm(v.issuer+"/login", url.Values{"l": {id}, "name": {v.login}, "password": {v.password}}))
	return v.goOn(body)
}

// goOn presses the button of a page that has a form for an application that speaks SAML.
func (v visitor) goOn(body string) string {
	v.t.Helper()
	if !strings.Contains(body, `name="SAMLResponse"`) {
		return body
	}
	_, action, _ := strings.Cut(body, `<form method="post" action="`)
	action, _, _ = strings.Cut(action, `"`)
	fields := url.Values{}
	for _, part := range strings.Split(body, `<input type="hidden" name="`)[1:] {
		name, rest, _ := strings.Cut(part, `"`)
		_, rest, _ = strings.Cut(rest, `value="`)
		value, _, _ := strings.Cut(rest, `"`)
		fields.Set(name, html.UnescapeString(value))
	}
	_, body = v.read(v.PostForm(html.UnescapeString(action), fields))
	return body
}

// inside reports whether a page of an application is shown without a sign-in.
func (v visitor) inside(address string) bool {
	v.t.Helper()
	plain := *v.Client
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := plain.Get(address)
	if err != nil {
		v.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// TestModAuthOpenIDC: Apache's mod_auth_openidc, which is not ours, signs people in through Lockstep. The logout token that it is sent when
// somebody signs out elsewhere, or is disabled, ends its session, and nobody else's.
func TestModAuthOpenIDC(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	_, e := h.scimServer()
	issuer := strings.TrimSuffix(e.base, "/scim/default/v2") + "/sso/default"
	for _, name := range []string{"ada", "ben"} {
		e.want(http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s@acme.example","password":"sesame and more","active":true}`, name))
	}
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	app := parts.Apache(t, "auth_openidc", func(address, _ string) string {
		var made struct {
			ID     string
			Secret string `json:"client_secret"`
		}
		redirect := address + "/oidc"
		h.read(&made, "client", "add", "Wiki", "--redirect", redirect, "--logout-uri", redirect+"?logout=backchannel", "--after-logout", address+"/bye")
		return fmt.Sprintf(`OIDCProviderMetadataURL %s/.well-known/openid-configuration
OIDCClientID %s
OIDCClientSecret %s
OIDCRedirectURI %s
OIDCCryptoPassphrase %s
OIDCPKCEMethod S256
OIDCScope "openid email profile"
OIDCRemoteUserClaim sub
<Location />
AuthType openid-connect
Require valid-user
</Location>
`, issuer, made.ID, made.Secret, redirect, strings.Repeat("x", 32))
	})
	ada, again, ben := newVisitor(t, issuer, "ada@acme.example", "sesame and more"), newVisitor(t, issuer, "ada@acme.example", "sesame and more"), newVisitor(t, issuer, "ben@acme.example", "sesame and more")
	for _, v := range []visitor{ada, again, ben} {
		if body := v.open(app + "/"); body != "the application\n" || !v.inside(app+"/") {
			t.Fatalf("%s is not signed in: %s", v.login, body)
		}
	}
	// The other browser of the same person signs out at Lockstep: its session ends there, and that of no other browser.
	again.read(again.PostForm(issuer+"/logout", url.Values{"sure": {"yes"}}))
	eventually(t, patience, func() (bool, string) { return !again.inside(app + "/"), "signed out, and still inside" })
	if !ada.inside(app+"/") || !ben.inside(app+"/") {
		t.Error("another session has ended, too")
	}
	h.run("people", "disable", "ada@acme.example")
	eventually(t, patience, func() (bool, string) { return !ada.inside(app + "/"), "disabled, and still inside" })
	if !ben.inside(app + "/") {
		t.Error("somebody else was signed out")
	}
	eventually(t, patience, func() (bool, string) {
		out := h.try("session", "told").stdout
		return strings.Count(out, "1 told") == 2, out
	})
}
