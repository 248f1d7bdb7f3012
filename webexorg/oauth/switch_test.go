package oauth

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestSwitches flips each of the settings: what Webex does not document, as it is assumed to be and otherwise.
func TestSwitches(t *testing.T) {
	flipped := map[string]bool{}
	pair := func(b *browser, c registered, name string) (access, refresh string) {
		_, got := b.call("/v1/access_token", c.form("code", b.authorize(c.query(), name).Get("code")))
		return text(got, "access_token"), text(got, "refresh_token")
	}
	exchange := func(b *browser, c registered, refresh string) (status int, next string) {
		status, got := b.call("/v1/access_token", c.form("grant_type", "refresh_token", "refresh_token", refresh))
		return status, text(got, "refresh_token")
	}
	alive := func(w *world, access string) string {
		if _, err := w.server.Check(access); err != nil {
			return "ended"
		}
		return "alive"
	}
	for _, row := range []struct {
		name           string
		set            Settings
		do             func(w *world, b *browser) string
		usually, else_ string
	}{
		{"keep_refresh", Settings{KeepRefresh: true}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			_, refresh := pair(b, c, "ada")
			_, next := exchange(b, c, refresh)
			if next == refresh {
				return "the same"
			}
			return "another"
		}, "another", "the same"},
		{"forgive_reuse of a refresh token", Settings{ForgiveReuse: true}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			access, refresh := pair(b, c, "ada")
			_, next := exchange(b, c, refresh)
			status, _ := exchange(b, c, refresh)
			again, _ := exchange(b, c, next)
			return http.StatusText(status) + ", " + alive(w, access) + ", " + http.StatusText(again)
		}, "Bad Request, ended, Bad Request", "Bad Request, alive, OK"},
		{"forgive_reuse of a code", Settings{ForgiveReuse: true}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			code := b.authorize(c.query(), "ada").Get("code")
			_, first := b.call("/v1/access_token", c.form("code", code))
			status, _ := b.call("/v1/access_token", c.form("code", code))
			return http.StatusText(status) + ", " + alive(w, text(first, "access_token"))
		}, "Bad Request, ended", "Bad Request, alive"},
		{"secret_always", Settings{SecretAlways: true}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			verifier := strings.Repeat("v", 43)
			code := b.authorize(c.query("code_challenge", verifier, "code_challenge_method", "plain"), "ada").Get("code")
			_, got := b.call("/v1/access_token", c.form("code", code, "code_verifier", verifier, "client_secret", ""))
			return text(got, "token_type") + text(got, "error")
		}, "Bearer", "invalid_client"},
		{"logout_anywhere", Settings{LogoutAnywhere: true}, func(w *world, b *browser) string {
			stays := b.get("/idb/oauth2/v1/logout?" + url.Values{"goto": {"javascript:alert(1)"}}.Encode())
			goes := b.get("/idb/oauth2/v1/logout?" + url.Values{"goto": {"https://elsewhere.example/"}}.Encode())
			if stays.elsewhere {
				return "goes to what is no address of the web"
			}
			if goes.elsewhere {
				return goes.url
			}
			return "stays"
		}, "stays", "https://elsewhere.example/"},
		{"agents_only", Settings{AgentsOnly: true}, func(w *world, b *browser) string {
			c := w.register(ContactCentre, acme, "cjp:user")
			agent := b.authorize(c.query(), "grace")
			other := w.browser(b.site)
			a := other.signIn(other.get("/v1/authorize?"+c.query().Encode()), "alan")
			said := "asked"
			if a.elsewhere {
				to, err := url.Parse(a.url)
				try(w, err)
				said = to.Query().Get("error")
			}
			if agent.Get("code") == "" {
				return "no code for an agent"
			}
			return said
		}, "asked", "access_denied"},
		{"one_issuer", Settings{OneIssuer: true}, func(w *world, b *browser) string {
			c := w.register(ContactCentre, europe, "cjp:user")
			_, got := b.call("/v1/access_token", c.form("code", b.authorize(c.query("scope", "openid", "nonce", "n"), "eva").Get("code")))
			return strings.TrimPrefix(text(b.idTokenOf("", text(got, "id_token")), "iss"), b.site.URL)
		}, "/eu/idb", "/idb"},
		{"one_cloud", Settings{OneCloud: true}, func(w *world, b *browser) string {
			c := w.register(Integration, bureau, "spark:people_read")
			a := b.signIn(b.get("/v1/authorize?"+c.query().Encode()), "gus") // of Government, at the commercial door
			if a.elsewhere || strings.Contains(a.body, "allow") {
				return "signs in"
			}
			return "is refused"
		}, "is refused", "signs in"},
		{"ticked_openid", Settings{TickedOpenID: true}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			a := b.get("/v1/authorize?" + c.query("scope", "openid", "nonce", "n").Encode())
			if !a.elsewhere {
				return "asked"
			}
			to, err := url.Parse(a.url)
			try(w, err)
			return to.Query().Get("error")
		}, "asked", "invalid_scope"},
		{"no_introspection", Settings{NoIntrospection: true}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			status, _ := b.call("/idb/oauth2/v1/introspect", c.form("token", "x"))
			return http.StatusText(status)
		}, "OK", "Not Found"},
		{"session", Settings{Session: time.Hour}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			b.authorize(c.query(), "ada")
			w.later(23 * time.Hour)
			a := b.get("/v1/authorize?" + c.query("prompt", "none").Encode())
			to, err := url.Parse(a.url)
			try(w, err)
			return to.Query().Get("error")
		}, "consent_required", "login_required"},
		{"service", Settings{Service: time.Hour}, func(w *world, _ *browser) string {
			c := w.register(ServiceApp, acme, "spark-admin:people_read")
			try(w, w.server.Allow(c.ID, w.person("ada").ID))
			made, err := w.server.ServiceTokens(c.ID, acme)
			try(w, err)
			w.later(2 * time.Hour)
			return alive(w, made.AccessToken)
		}, "alive", "ended"},
		{"access", Settings{Access: time.Hour}, func(w *world, b *browser) string {
			access, _ := pair(b, w.register(Integration, acme, "spark:people_read"), "ada")
			w.later(13 * 24 * time.Hour)
			return alive(w, access)
		}, "alive", "ended"},
		{"refresh", Settings{Refresh: time.Hour}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			_, refresh := pair(b, c, "ada")
			w.later(89 * 24 * time.Hour)
			status, _ := exchange(b, c, refresh)
			return http.StatusText(status)
		}, "OK", "Bad Request"},
		{"scim", Settings{SCIM: 45 * 24 * time.Hour}, func(w *world, b *browser) string {
			query := url.Values{
				"response_type": {"token"}, "client_id": {SCIMClient}, "redirect_uri": {"http://localhost:3000/auth/code"}, "scope": {SCIM}, "state": {"s"},
			}
			a := b.signIn(b.get("/idb/oauth2/v1/authorize?"+query.Encode()), "ada")
			to, err := url.Parse(a.url)
			try(w, err)
			values, err := url.ParseQuery(to.EscapedFragment())
			try(w, err)
			w.later(364 * 24 * time.Hour)
			return values.Get("expires_in") + " " + alive(w, values.Get("access_token"))
		}, "31536000 alive", "3888000 ended"},
		{"personal", Settings{Personal: time.Hour}, func(w *world, _ *browser) string {
			access, err := w.server.IssuePersonal(w.person("ada"))
			try(w, err)
			w.later(11 * time.Hour)
			return alive(w, access)
		}, "alive", "ended"},
		{"code", Settings{Code: time.Minute}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			code := b.authorize(c.query(), "ada").Get("code")
			w.later(4 * time.Minute)
			status, _ := b.call("/v1/access_token", c.form("code", code))
			return http.StatusText(status)
		}, "OK", "Bad Request"},
		{"device", Settings{Device: time.Minute}, func(w *world, b *browser) string {
			c := w.register(Integration, acme, "spark:people_read")
			_, got := b.call("/v1/device/authorize", url.Values{"client_id": {c.ID}, "scope": {"spark:people_read"}})
			w.later(4 * time.Minute)
			_, got = b.call("/v1/device/token", c.form("redirect_uri", "", "grant_type", deviceGrant, "device_code", text(got, "device_code")))
			return text(got, "error")
		}, "authorization_pending", "expired_token"},
		{"id_token", Settings{IDToken: time.Minute}, func(w *world, b *browser) string {
			c := w.register(ContactCentre, acme, "cjp:user")
			_, got := b.call("/v1/access_token", c.form("code", b.authorize(c.query("scope", "openid", "nonce", "n"), "grace").Get("code")))
			claims := b.idTokenOf("", text(got, "id_token"))
			return (time.Duration(claims["exp"].(float64)-claims["iat"].(float64)) * time.Second).String()
		}, "2h0m0s", "1m0s"},
	} {
		for i := range reflect.ValueOf(row.set).NumField() {
			if !reflect.ValueOf(row.set).Field(i).IsZero() {
				flipped[reflect.TypeOf(row.set).Field(i).Name] = true
			}
		}
		t.Run(row.name, func(t *testing.T) {
			for settings, wanted := range map[Settings]string{{}: row.usually, row.set: row.else_} {
				w := newWorld(t)
				try(w, w.server.SetSettings(settings))
				want(t, "with "+row.name, row.do(w, w.browser(w.serve())), wanted)
			}
		})
	}
	for i := range reflect.TypeFor[Settings]().NumField() {
		if name := reflect.TypeFor[Settings]().Field(i).Name; !flipped[name] {
			t.Errorf("no row flips %s", name)
		}
	}
}
