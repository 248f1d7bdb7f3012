package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
)

// partner is the browser of an owner of the server, who may come into the tenant acme and into some that are empty.
func (w *world) partner(more ...string) *browser {
	w.Helper()
	add := func(slug, name string, managed bool) lockstep.TenantID {
		id := lockstep.NewID[lockstep.TenantID]()
		w.must(w.db.CreateTenant(w.Context(), nobody, directory.Tenant{ID: id, Slug: slug, Name: name, Managed: managed}))
		return id
	}
	home := add("default", "Northwind Services", false)
	add("secret", "Secret Ltd.", false)
	for _, name := range more {
		add(strings.ToLower(name), name+" Inc.", true)
	}
	yes := true
	_, err := w.operator.ChangeTenant(w.Context(), operate.Machine(home), "acme", operate.TenantChange{Managed: &yes})
	w.must(err)
	_, err = w.operator.AddOwner(w.Context(), operate.Machine(home), "mia", "correct horse battery")
	w.must(err)
	b := w.newBrowser()
	b.post("/enter/owner", "name", "mia", "password", "correct horse battery").to("/")
	return b
}

// TestTenantsPage: an owner of the server sees the tenants that are managed, adds, renames and removes them, and goes into one and back, which every page
// says; an owner of another tenant sees none of this.
func TestTenantsPage(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.partner("Globex")
	page := b.get("/settings/tenants").is(http.StatusOK)
	checkPage(t, page)
	page.has("td", "Acme")
	page.has("td", "Plan waits for you")
	page.has("td", "Nothing is set up")
	page.hasNot("td", "Secret")
	b.get("/").has("bdi", "Northwind Services")

	refused := b.post("/settings/tenants", "name", "", "slug", "Initech!").is(http.StatusUnprocessableEntity)
	checkPage(t, refused)
	taken := b.post("/settings/tenants", "name", "Acme again", "slug", "acme").is(http.StatusUnprocessableEntity)
	taken.has("bdi", "There is a tenant acme")
	b.post("/settings/tenants", "name", "Initech", "slug", "initech").to("/settings/tenants?said=tenant-added")
	b.post("/settings/tenants/initech/rename", "name", "Initech Ltd.").to("/settings/tenants?said=saved")
	b.get("/settings/tenants?q=initech").has("strong", "Initech Ltd.")
	b.post("/settings/tenants/initech/rename", "name", "  ").is(http.StatusUnprocessableEntity).has("bdi", "at most 200 letters")

	b.post("/settings/tenants/acme/remove", "sure", "acm").is(http.StatusUnprocessableEntity).has("bdi", "What was typed is not")
	b.post("/settings/tenants/default/remove", "sure", "default").is(http.StatusUnprocessableEntity).has("bdi", "cannot be removed")
	b.post("/settings/tenants/secret/remove", "sure", "secret").is(http.StatusUnprocessableEntity).has("bdi", "There is no tenant “secret”") // it is not there for them
	if _, err := w.db.TenantBySlug(t.Context(), "secret"); err != nil {
		t.Errorf("a tenant that lets nobody in: %v", err)
	}
	b.post("/settings/tenants/initech/remove", "sure", "initech").to("/settings/tenants?said=tenant-removed")
	b.get("/settings/tenants").hasNot("td", "Initech")

	b.post("/tenants/enter", "tenant", "secret").is(http.StatusNotFound)
	b.post("/tenants/enter", "tenant", "acme").to("/")
	home := b.get("/").is(http.StatusOK)
	checkPage(t, home)
	home.has("p", "as an owner of the server")
	b.get("/people").has("td", "ada@acme.example")
	b.get("/settings/sessions").has("td", "mia of Northwind Services")
	b.post("/people/add", "user-name", "new@acme.example").is(http.StatusSeeOther)
	b.get("/activity/audit").has("bdi", "mia of Northwind Services")
	b.post("/tenants/enter", "tenant", "default").to("/")
	b.get("/people").hasNot("td", "ada@acme.example")
	b.get("/activity/audit").has("td", "entered the tenant Acme")

	own := w.signedIn(w.tenant)
	own.get("/settings/tenants").is(http.StatusForbidden)
	own.get("/").hasNot("span", "Tenant:")
	own.post("/tenants/enter", "tenant", "default").is(http.StatusNotFound)
	own.post("/settings/tenants/managed", "managed", "no").to("/settings?said=saved")
	settings := own.get("/settings").is(http.StatusOK)
	checkPage(t, settings)
	settings.has("button", "Let owners of the server in")
	b.post("/tenants/enter", "tenant", "acme").is(http.StatusNotFound)
}

// TestTenantsRenewNoSession: whoever goes from tenant to tenant is out when they would be otherwise, and whoever stays where they are keeps their session.
func TestTenantsRenewNoSession(t *testing.T) {
	w := newWorld(t, 0)
	b := w.partner()
	own := w.signedIn(w.tenant)
	for name, one := range map[string]struct {
		*browser
		tenant string
	}{"a partner": {b, "default"}, "another": {own, "acme"}} {
		in, err := url.Parse(w.server.URL)
		w.must(err)
		was := one.Jar.Cookies(in)
		one.post("/tenants/enter", "tenant", one.tenant).to("/")
		if now := one.Jar.Cookies(in); len(was) == 0 || !slices.EqualFunc(was, now, func(a, b *http.Cookie) bool { return a.String() == b.String() }) {
			t.Errorf("%s goes on where they are by another session: %v, %v", name, was, now)
		}
	}
	for i := range 23 {
		w.later(7 * time.Hour)
		b.post("/tenants/enter", "tenant", []string{"acme", "default"}[i%2]).to("/")
	}
	b.get("/settings/tenants").is(http.StatusOK)
	w.later(7 * time.Hour)
	b.get("/settings/tenants").is(http.StatusUnauthorized)
}

// TestAskedAgainElsewhere: whoever is asked who they are while they are in another tenant shows it in their own, and goes on where they were.
func TestAskedAgainElsewhere(t *testing.T) {
	w := newWorld(t, 0)
	b := w.partner()
	b.post("/tenants/enter", "tenant", "acme").to("/")
	w.later(operate.ProveFor + time.Second)
	asked := b.post("/settings/owners", "name", "eva", "password", "another horse battery").is(http.StatusForbidden)
	asked.has("h1", "Show again who you are")
	if got := asked.value("tenant"); got != "" {
		t.Errorf("they are asked for who they are in the tenant %q", got)
	}
	b.post("/enter/owner", "name", "mia", "password", "correct horse battery").to("/again")
	b.get("/again").is(http.StatusOK)
	b.post("/settings/owners", "name", "eva", "password", "another horse battery").to("/settings/administrators?said=owner-added")
	if all, err := w.db.Owners(t.Context(), w.tenant); err != nil || len(all) != 1 {
		t.Errorf("the tenant has the owners %v, %v", all, err)
	}
	lines, err := w.db.Audit(t.Context(), w.tenant, audit.Query{Object: "local owner"})
	w.must(err)
	if len(lines) != 1 || lines[0].Actor.Name != "mia of Northwind Services" {
		t.Errorf("the log has %+v", lines)
	}
}

// TestPagesKeepToTheirTenant: what a page sends that was opened in one tenant does nothing in another that its browser is in by now, whichever form, and its
// stream shows nothing of the other.
func TestPagesKeepToTheirTenant(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.partner()
	forms := regexp.MustCompile(`<form\b[^>]*method="post"[^>]*>`)
	marked := regexp.MustCompile(`<form\b[^>]*method="post"[^>]*><input type="hidden" name="page-tenant" value="` + string(w.tenant) + `"/>|action="[^"]*page-tenant=`)
	b.post("/tenants/enter", "tenant", "acme").to("/")
	seen := 0
	for _, path := range []string{"/", "/apps/webex", "/apps/webex/settings", "/sources/hr/connection", "/settings", "/settings/administrators", "/people/add", "/people/" + string(w.user("ada@acme.example"))} {
		body := b.get(path).is(http.StatusOK).body
		all, fit := len(forms.FindAllString(body, -1)), len(marked.FindAllString(body, -1))
		if seen += all; all != fit {
			t.Errorf("%s: %d of %d forms say in which tenant they are", path, fit, all)
		}
	}
	if seen < 20 {
		t.Errorf("only %d forms were looked at", seen)
	}
	live := w.tenantIn(b.get("/apps/webex").body)
	b.post("/tenants/enter", "tenant", "default").to("/")
	stale := b.post("/people/add", "user-name", "stale@acme.example", "page-tenant", string(w.tenant)).is(http.StatusConflict)
	checkPage(t, stale)
	stale.has("p", "opened in another tenant")
	for _, tenant := range []lockstep.TenantID{w.tenant, lockstep.TenantID(b.get("/").tenant())} {
		all, err := w.db.Users(t.Context(), tenant, directory.UserQuery{})
		w.must(err)
		for _, u := range all {
			if u.Attributes.Text("userName") == "stale@acme.example" {
				t.Errorf("it was done in %s", tenant)
			}
		}
	}
	if live == "" {
		t.Fatal("the stream does not say in which tenant the page is")
	}
	b.get(live).is(http.StatusUnauthorized)
}

// tenantIn is the address of the stream of a page.
func (w *world) tenantIn(body string) string {
	found := regexp.MustCompile(`hx-sse:connect="([^"]*page-tenant=[^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		return ""
	}
	return strings.ReplaceAll(found[1], "&amp;", "&")
}

// tenant is the one that a page says it was opened in.
func (a *answer) tenant() string {
	found := regexp.MustCompile(`name="page-tenant" value="([^"]*)"`).FindStringSubmatch(a.body)
	if found == nil {
		return ""
	}
	return found[1]
}
