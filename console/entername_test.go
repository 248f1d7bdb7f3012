package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lockstep/operate"
	"lockstep/sso"
)

// TestEnterByName: an administrator comes into the console through the tenant's login page, as who they are; who has no role is told so by name;
// a code opens once, in the browser that began; the session ends with what it hangs on.
func TestEnterByName(t *testing.T) {
	w := newWorld(t, 0).filled()
	admin := w.signedIn(w.tenant)
	w.newBrowser().get("/enter?tenant=acme").hasNot("a", "Sign in")
	w.newBrowser().get("/enter/sign-in?tenant=acme").is(http.StatusNotFound)
	admin.post("/signin/add/local", "name", "", "alias", "local").is(http.StatusSeeOther)
	admin.post("/signin/providers/local/state", "do", "enable").is(http.StatusSeeOther)
	admin.post("/signin/addapp", "name", "Wiki", "redirects", "https://wiki.example.com/cb", "auth", "none", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusOK)
	w.newBrowser().get("/enter?tenant=acme").has("a", "Sign in")

	ada := w.user("ada@acme.example")
	admin.get("/people/"+string(ada)).has("button", "Password")
	admin.post("/people/"+string(ada)+"/password", "password", "correct horse battery").to("/people/" + string(ada) + "?said=password-set")
	made := admin.post("/people/"+string(ada)+"/password", "password", "", "temporary", "on")
	made.is(http.StatusOK).has("code", "-")
	admin.post("/people/"+string(ada)+"/password", "password", "correct horse battery", "temporary", "on").to("/people/" + string(ada) + "?said=password-temporary")
	if kept, err := w.db.SSO().Password(t.Context(), w.tenant, ada); err != nil || kept.Ends.IsZero() {
		t.Errorf("it does not have to be changed: %v", err)
	}
	admin.post("/people/"+string(ada)+"/password", "password", "correct horse battery").to("/people/" + string(ada) + "?said=password-set")
	if kept, err := w.db.SSO().Password(t.Context(), w.tenant, ada); err != nil || kept.Hash == "" {
		t.Errorf("the password is not kept: %v", err)
	}
	cookie := strings.Repeat("c", 43)
	signedIn := w.signedInTo(ada, w.provider("local").ID, w.clientNamed("Wiki").ID, cookie)
	site, err := url.Parse(w.server.URL)
	w.must(err)
	next := func(a *answer) string {
		t.Helper()
		a.is(http.StatusSeeOther)
		return strings.TrimPrefix(a.resp.Header.Get("Location"), w.server.URL)
	}
	// back is where the login page sends a browser to that began here and is signed in already.
	back := func(b *browser) string {
		t.Helper()
		b.Jar.SetCookies(site, []*http.Cookie{{Name: "lockstep-sso-session-acme-" + site.Port(), Value: cookie, Path: "/"}})
		to := next(b.get("/enter/sign-in?tenant=acme"))
		if !strings.HasPrefix(to, "/sso/acme/authorize?") {
			t.Fatalf("it leads to %s", to)
		}
		a := b.get(to)
		to = strings.TrimPrefix(a.resp.Header.Get("Location"), w.server.URL)
		if !strings.HasPrefix(to, operate.SignedInPath+"?") {
			t.Fatalf("%d leads to %q: %s", a.resp.StatusCode, to, a.body)
		}
		return to
	}

	b := w.newBrowser()
	b.get(back(b)).is(http.StatusForbidden).has("span", "You are ada@acme.example, and have no role here.")
	b.get("/people").is(http.StatusUnauthorized)

	admin.post("/settings/administrators", "kind", "user", "who", "ada@acme.example", "role", "auditor").is(http.StatusSeeOther)
	b = w.newBrowser()
	to := back(b)
	w.newBrowser().get(to).is(http.StatusUnauthorized).has("span", "did not begin in this browser")
	other := w.newBrowser()
	back(other) // begins one of its own
	other.get(to).is(http.StatusUnauthorized).has("span", "took too long")
	if next(b.get(to)) != "/" {
		t.Error("it does not lead to the console")
	}
	b.get("/people").is(http.StatusOK)
	b.post("/people/add", "user-name", "x@acme.example").is(http.StatusForbidden)
	admin.get("/settings/sessions").has("td", "sign-in")
	again := w.newBrowser()
	mine := back(again)
	if next(again.get(mine)) != "/" {
		t.Error("a second browser is not let in")
	}
	third := w.newBrowser()
	back(third)
	third.get(mine).is(http.StatusUnauthorized) // used up, and by another browser

	b.get("/people").is(http.StatusOK)
	_, err = w.db.SSO().End(t.Context(), nobody, w.tenant, sso.Who{Session: signedIn}, "signed out")
	w.must(err)
	b.get("/people").is(http.StatusUnauthorized)
}
