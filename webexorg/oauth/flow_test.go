package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// printed is what follows the host of the address in Microsoft's instructions.
const printed = "/idb/saml2/jsp/doSSO.jsp?type=login&goto=https%3A%2F%2Fidbroker.webex.com%2Fidb%2Foauth2%2Fv1%2Fauthorize%3Fre" +
	"sponse_type%3Dtoken%26client_id%3DC4ca14fe00b0e51efb414ebd45aa88c1858c3bfb949b2405dba10b0ca4bc37402%26redirect" +
	"_uri%3Dhttp%253A%252F%252Flocalhost%253A3000%252Fauth%252Fcode%26scope%3Dspark%253Apeople_read%2520spark%253Ap" +
	"eople_write%2520Identity%253ASCIM%26state%3Dthis-should-be-a-random-string-for-security-purpose"

// TestPrintedAddress: the address that stands in Microsoft's instructions brings an administrator a token for 365 days, with nothing
// but its host replaced, though the id broker's own name still stands within it.
func TestPrintedAddress(t *testing.T) {
	for _, replace := range []bool{false, true} { // the host within, too
		w := newWorld(t)
		site := w.serve()
		b := w.browser(site)
		address := printed
		if replace {
			address = strings.ReplaceAll(address, "https%3A%2F%2Fidbroker.webex.com", url.QueryEscape(site.URL))
		}
		told := b.told(b.signIn(b.get(address), "ada"), "http://localhost:3000/auth/code")
		want(t, "expires_in", told.Get("expires_in"), "31536000")
		want(t, "token_type", told.Get("token_type"), "Bearer")
		want(t, "state", told.Get("state"), "this-should-be-a-random-string-for-security-purpose")
		w.restart()
		a, err := w.server.Check(told.Get("access_token"))
		if err != nil || a.Person != w.person("ada").ID || a.Org != acme || strings.Join(a.Scopes, " ") != "spark:people_read spark:people_write Identity:SCIM" {
			t.Errorf("got %+v, %v", a, err)
		}
		w.later(365*24*time.Hour - time.Second)
		if _, err := w.server.Check(told.Get("access_token")); err != nil {
			t.Error("ended early")
		}
		w.later(time.Second)
		if _, err := w.server.Check(told.Get("access_token")); err == nil {
			t.Error("never ends")
		}
	}
}

// TestCodeFlow: sign in, consent, exchange, refresh; the tokens work and survive a restart.
func TestCodeFlow(t *testing.T) {
	w := newWorld(t)
	b := w.browser(w.serve())
	c := w.register(Integration, acme, "spark-admin:people_read", "spark-admin:people_write")
	told := b.authorize(c.query(), "ada")
	want(t, "state", told.Get("state"), "s t&a=te")
	status, got := b.call("/v1/access_token", c.form("code", told.Get("code")))
	want(t, "status", status, http.StatusOK)
	want(t, "expires_in", got["expires_in"], 1209600.0)
	want(t, "refresh_token_expires_in", got["refresh_token_expires_in"], 7776000.0)
	want(t, "token_type", text(got, "token_type"), "Bearer")
	want(t, "scope", text(got, "scope"), "spark-admin:people_read spark-admin:people_write")
	want(t, "id_token", text(got, "id_token"), "")
	a, err := w.server.Check(text(got, "access_token"))
	if err != nil || a.Person != w.person("ada").ID || a.App != "Tester" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if _, err := w.server.Check(text(got, "refresh_token")); err == nil {
		t.Error("a refresh token opens something")
	}
	status, _ = b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", text(got, "access_token")))
	want(t, "refresh by access token", status, http.StatusBadRequest)

	// The person is not asked again.
	want(t, "second time", b.told(b.get("/v1/authorize?"+c.query().Encode()), c.Redirects[0]).Get("error"), "")
	// A redirect URI with a query keeps it.
	second := b.get("/v1/authorize?" + c.query("redirect_uri", c.Redirects[1]).Encode())
	if !strings.HasPrefix(second.url, "https://app.example/other?keep=1&code=") {
		t.Errorf("came to %s", second.url)
	}
}

// TestRefresh: what a refresh token is good for, and what ends it.
func TestRefresh(t *testing.T) {
	type tokensOf struct{ access, refresh string }
	for _, c := range []struct {
		name string
		do   func(t *testing.T, w *world, b *browser, c registered, first tokensOf) (status int)
		want int
		dead bool // the first access token does not work afterwards
	}{
		{"once", func(_ *testing.T, _ *world, b *browser, c registered, first tokensOf) int {
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 200, false},
		{"twice ends everything", func(t *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			_, next := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			if _, err := w.server.Check(text(next, "access_token")); err == nil {
				t.Error("the token of the first refresh lives on")
			}
			return status
		}, 400, true},
		{"twice with a restart between", func(_ *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			w.restart()
			status, _ := w.browser(w.serve()).call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 400, true},
		{"twice where Webex keeps it", func(_ *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			try(w, w.server.SetSettings(Settings{KeepRefresh: true}))
			b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			w.later(89 * 24 * time.Hour)
			b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			w.later(89 * 24 * time.Hour) // its time began anew
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 200, true},
		{"too late", func(_ *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			w.later(90 * 24 * time.Hour)
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 400, true},
		{"by another client", func(_ *testing.T, w *world, b *browser, _ registered, first tokensOf) int {
			other := w.register(Integration, acme, "spark-admin:people_read")
			status, _ := b.call("/v1/access_token", other.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 400, false},
		{"without the secret", func(_ *testing.T, _ *world, b *browser, c registered, first tokensOf) int {
			status, _ := b.call("/v1/access_token", c.form("client_secret", "", "grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 401, false},
		{"for more than was granted", func(_ *testing.T, _ *world, b *browser, c registered, first tokensOf) int {
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh, "scope", SCIM))
			return status
		}, 400, false},
		{"for less", func(t *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			status, got := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh, "scope", "spark-admin:people_read"))
			if a, err := w.server.Check(text(got, "access_token")); err != nil || a.Allows("spark-admin:people_write") {
				t.Errorf("got %+v, %v", a, err)
			}
			return status
		}, 200, false},
		{"after a change of roles", func(_ *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			w.people.rolesChange(w.person("ada").ID)
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 400, true},
		{"after the client lost a scope", func(t *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			_, err := w.server.Update(c.ID, func(c *Client) { c.Scopes = c.Scopes[:1] })
			try(w, err)
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 400, true},
		{"after the client was removed", func(_ *testing.T, w *world, b *browser, c registered, first tokensOf) int {
			try(w, w.server.Remove(c.ID))
			status, _ := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", first.refresh))
			return status
		}, 401, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser(w.serve())
			client := w.register(Integration, acme, "spark-admin:people_read", "spark-admin:people_write")
			_, got := b.call("/v1/access_token", client.form("code", b.authorize(client.query(), "ada").Get("code")))
			first := tokensOf{text(got, "access_token"), text(got, "refresh_token")}
			want(t, "status", c.do(t, w, b, client, first), c.want)
			if _, err := w.server.Check(first.access); (err != nil) != c.dead {
				t.Errorf("the first access token: %v", err)
			}
		})
	}
}
