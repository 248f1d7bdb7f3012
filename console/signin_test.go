package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/provision"
)

// lockstepTenant makes a second company.
func lockstepTenant(w *world) lockstep.TenantID {
	w.Helper()
	id := lockstep.NewID[lockstep.TenantID]()
	w.must(w.db.CreateTenant(w.Context(), nobody, directory.Tenant{ID: id, Slug: "globex", Name: "Globex"}))
	return id
}

func TestSignIn(t *testing.T) {
	w := newWorld(t, 0)
	link := w.link(w.tenant)
	b := w.newBrowser()
	for range 3 { // scanners and previews look at links, too
		b.get(link).is(http.StatusOK).has("button", "Open the console")
	}
	b.enter(link).to("/")
	b.get("/").is(http.StatusOK).has("h1", "Home")
	b.get(link).to("/") // in the browser that is in already

	other := w.newBrowser()
	other.get(link).is(http.StatusGone).has("p", "used already")
	other.enter(link).is(http.StatusGone)
	other.get("/").is(http.StatusUnauthorized)

	late := w.link(w.tenant)
	w.later(31 * time.Minute)
	other.get(late).is(http.StatusGone).has("p", "expired")
	other.enter(late).is(http.StatusGone).has("code", "lockstep console")
	other.get("/link").is(http.StatusNotFound)

	b.post("/signout").to("/")
	b.get("/").is(http.StatusUnauthorized)
}

// routes are all that need a session.
func routes(w *world) (get, post []string) {
	return []string{"/", "/live", "/apps/webex", "/apps/webex/live", "/apps/webex/people", "/people", "/people/" + string(w.user("ada@acme.example"))},
		[]string{"/apps/webex/run", "/apps/webex/state", "/apps/webex/plan", "/apps/webex/held"}
}

func TestNothingWithoutSession(t *testing.T) {
	w := newWorld(t, 0).filled()
	get, post := routes(w)
	b := w.newBrowser()
	for _, path := range get {
		a := b.get(path).is(http.StatusUnauthorized)
		for _, secret := range []string{"Ada", "Cisco Webex"} {
			if strings.Contains(a.body, secret) {
				t.Errorf("%s shows %s", path, secret)
			}
		}
	}
	for _, path := range post {
		b.post(path, "state", "paused", "do", "apply").is(http.StatusUnauthorized)
	}
	if j := w.state(w.out); j.State != provision.Active || j.Cycle.Phase != provision.Review {
		t.Errorf("somebody without a session changed %+v", j)
	}
}

func TestCrossSite(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	_, post := routes(w)
	for _, path := range append(post, "/link", "/theme", "/signout") {
		for _, site := range []string{"cross-site", "same-site"} {
			b.header.Set("Sec-Fetch-Site", site)
			b.post(path, "state", "paused", "do", "apply", "cycle", string(w.state(w.out).Cycle.ID)).is(http.StatusForbidden).has("strong", "another site")
		}
	}
	if j := w.state(w.out); j.State != provision.Active || j.Cycle.Phase != provision.Review {
		t.Errorf("another site changed %+v", j)
	}
	b.get("/").is(http.StatusOK)
}

// TestForeignHost: somebody else's name that points at this machine opens nothing.
func TestForeignHost(t *testing.T) {
	w := newWorld(t, 0)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/", nil)
	w.must(err)
	r.Host = "rebind.example"
	w.newBrowser().send(r).is(http.StatusForbidden)
}

// TestTenants: a session sees and changes nothing of another tenant, by name or by id.
func TestTenants(t *testing.T) {
	w := newWorld(t, 0).filled()
	stranger := w.signedIn(lockstepTenant(w))
	cycle := string(w.state(w.out).Cycle.ID)
	get, post := routes(w)
	for _, path := range get[2:] {
		if path != "/people" {
			stranger.get(path).is(http.StatusNotFound)
		}
	}
	for _, path := range post[:3] {
		stranger.post(path, "state", "paused", "do", "apply", "cycle", cycle).is(http.StatusNotFound)
	}
	stranger.post(post[3], "do", "reject", "id", string(lockstep.NewID[lockstep.ActionID]())).is(http.StatusNotFound)
	stranger.get("/").hasNot("a", "Cisco Webex")
	stranger.get("/people").hasNot("a", "Ada")
	stranger.get("/people?q=ada@acme.example").is(http.StatusOK).has("strong", "Nobody is called that")
	if j := w.state(w.out); j.State != provision.Active || j.Cycle.Phase != provision.Review {
		t.Errorf("a stranger changed %+v", j)
	}
}
