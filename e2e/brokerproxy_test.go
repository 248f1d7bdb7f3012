package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// documented is the first block of a language in a page of docs/.
func documented(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```"+language+"\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed {
		t.Fatalf("docs/%s has no block %s", page, language)
	}
	return block
}

// passwordBroker is a Lockstep whose people, ada and ben, sign in with a password here.
func passwordBroker(t *testing.T) (h *home, issuer string) {
	t.Helper()
	h = newHome(t)
	_, e := h.scimServer()
	for _, name := range []string{"ada", "ben"} {
		e.want(http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%[1]s@acme.example","displayName":"%[1]s","emails":[{"value":"%[1]s@acme.example"}],"password":"sesame and more","active":true}`, name))
	}
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	return h, strings.TrimSuffix(e.base, "/scim/default/v2") + "/sso/default"
}

// TestNginx: nginx, configured as docs/how-to/forward-auth.md says, lets in who is signed in at Lockstep, tells the application who they are and
// nothing that a browser has made up, and lets nobody in who was disabled.
func TestNginx(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(issuer, app string, added func(listen string)) string {
		base, _ := url.Parse(issuer)
		return parts.Nginx(t, func(listen string) string {
			added(listen)
			return strings.NewReplacer(
				"listen 443 ssl;", "listen "+listen+";", "server_name wiki.example.com;", "", "https://id.example.com/sso/acme", issuer, "Host id.example.com", "Host "+base.Host,
				"http://127.0.0.1:8080", app,
			).Replace(documented(t, "how-to/forward-auth.md", "nginx"))
		})
	})
}

// TestCaddy: the same by Caddy, as the page says.
func TestCaddy(t *testing.T) {
	t.Parallel()
	behindProxy(t, func(issuer, app string, added func(listen string)) string {
		base, _ := url.Parse(issuer)
		return parts.Caddy(t, func(site string) string {
			added(strings.TrimPrefix(site, "http://"))
			return strings.NewReplacer(
				"wiki.example.com {", site+" {", "https://id.example.com", "http://"+base.Host, "Host id.example.com", "Host "+base.Host, "/sso/acme/", base.Path+"/", "127.0.0.1:8080", strings.TrimPrefix(app, "http://"),
			).Replace(documented(t, "how-to/forward-auth.md", "caddyfile"))
		})
	})
}

// behindProxy signs people in at an application behind a proxy. start starts the proxy, once it has told where it listens, and returns its address.
func behindProxy(t *testing.T, start func(issuer, app string, added func(listen string)) string) {
	t.Helper()
	h, issuer := passwordBroker(t)
	var heard []http.Header
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard = append(heard, r.Header.Clone())
		fmt.Fprintf(w, "the application at %s for %s", r.RequestURI, r.Header.Get("Remote-User"))
	}))
	defer app.Close()
	address := start(issuer, app.URL, func(listen string) {
		h.run("client", "add", "Wiki", "--id", "wiki", "--kind", "proxy", "--host", "http://"+listen)
	})
	ada, ben := newVisitor(t, issuer, "ada@acme.example", "sesame and more"), newVisitor(t, issuer, "ben@acme.example", "sesame and more")
	for _, v := range []visitor{ada, ben} {
		want := "the application at /page?a=1&b=%2F for " + v.login
		if body := v.open(address + "/page?a=1&b=%2F"); body != want {
			t.Fatalf("%q, want %q", body, want)
		}
	}
	before := len(heard)
	for name, want := range map[string]int{"Remote-User": http.StatusForbidden, "remote-groups": http.StatusForbidden, "X-Other": http.StatusOK} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/forged", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(name, "root")
		answer, err := ada.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("with %s: %d, want %d", name, answer.StatusCode, want)
		}
	}
	if len(heard) != before+1 || heard[before].Get("Remote-User") != "ada@acme.example" {
		t.Errorf("the application heard %v", heard[before:])
	}
	for _, rd := range []string{"https://evil.example/", "//evil.example", `/\evil.example`} {
		at, body := ada.read(ada.Get(address + "/.lockstep/start?rd=" + url.QueryEscape(rd)))
		if !strings.HasPrefix(at.String(), address) || !strings.Contains(body, "<code>") {
			t.Errorf("rd=%s leads to %s", rd, at)
		}
	}
	if at, body := ada.read(ada.Get(address + "/.lockstep/style.css")); !strings.Contains(body, "--background") {
		t.Errorf("the style sheet at %s", at)
	}
	h.run("people", "disable", "ada@acme.example")
	if ada.inside(address + "/") {
		t.Error("disabled, and let in at the next request")
	}
	if !ben.inside(address + "/") {
		t.Error("somebody else was signed out")
	}
	ben.read(ben.Get(address + "/.lockstep/logout"))
	if ben.inside(address + "/") {
		t.Error("signed out, and let in")
	}
}

// TestOAuth2Proxy: oauth2-proxy, which is not ours, signs people in through Lockstep by OpenID Connect with PKCE, and refreshes: a person who was
// disabled is out once it does.
func TestOAuth2Proxy(t *testing.T) {
	t.Parallel()
	h, issuer := passwordBroker(t)
	address := parts.OAuth2Proxy(t, func(address string) []string {
		var made struct {
			ID     string
			Secret string `json:"client_secret"`
		}
		h.read(&made, "client", "add", "Wiki", "--redirect", address+"/oauth2/callback")
		return []string{
			"--provider=oidc", "--oidc-issuer-url=" + issuer, "--client-id=" + made.ID, "--client-secret=" + made.Secret, "--redirect-url=" + address + "/oauth2/callback",
			"--cookie-secret=" + strings.Repeat("x", 32), "--cookie-secure=false", "--cookie-refresh=1s", "--code-challenge-method=S256", "--email-domain=acme.example",
			"--scope=openid email profile", "--upstream=static://200", "--skip-provider-button=true",
		}
	})
	ada, ben := newVisitor(t, issuer, "ada@acme.example", "sesame and more"), newVisitor(t, issuer, "ben@acme.example", "sesame and more")
	for _, v := range []visitor{ada, ben} {
		if body := v.open(address + "/"); body != "Authenticated" || !v.inside(address+"/") {
			t.Fatalf("%s is not signed in: %s", v.login, body)
		}
		if _, body := v.read(v.Get(address + "/oauth2/userinfo")); !strings.Contains(body, `"email":"`+v.login+`"`) {
			t.Errorf("it knows of %s: %s", v.login, body)
		}
	}
	h.run("people", "disable", "ada@acme.example")
	eventually(t, patience, func() (bool, string) { return !ada.inside(address + "/"), "disabled, and still inside" })
	eventually(t, patience, func() (bool, string) { return ben.inside(address + "/"), "somebody else was signed out" })
}
