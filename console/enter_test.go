package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep/operate"
	"lockstep/scim"
)

// TestAdministratorsPage: roles and local owners are given and taken in the browser; the last owner stays.
func TestAdministratorsPage(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	_, err := w.operator.CreateUser(t.Context(), operate.Machine(w.tenant), scim.Object{{Name: "userName", Value: "ada@acme.example"}})
	w.must(err)
	const at = "/settings/administrators"
	checkPage(t, b.get(at).is(http.StatusOK))
	b.post(at, "kind", "user", "who", "nobody@acme.example", "role", "operator").is(http.StatusUnprocessableEntity).has("bdi", "nobody@acme.example")
	refused := b.post(at, "kind", "user", "who", "ada@acme.example", "role", "app-operator", "apps", "webx").is(http.StatusUnprocessableEntity)
	if refused.value("apps") != "webx" {
		t.Error("what was written is lost")
	}
	b.post(at, "kind", "user", "who", "ada@acme.example", "role", "app-operator", "apps", "webex").to(at + "?said=administrator-added")
	p := b.get(at)
	p.has("td", "ada@acme.example")
	p.has("span", "webex")
	checkPage(t, p)
	ownerFirst := func(p *answer) bool {
		return strings.Index(p.body, "add-owner-title") < strings.Index(p.body, "add-title\"")
	}
	if !ownerFirst(p) {
		t.Error("where there is no local owner, making one is not the first thing to do")
	}
	b.post("/settings/owners", "name", "mia", "password", "short").is(http.StatusUnprocessableEntity).has("bdi", "12 characters")
	b.post("/settings/owners", "name", "mia", "password", "correct horse battery").to(at + "?said=owner-added")
	p = b.get(at)
	if ownerFirst(p) {
		t.Error("making a second owner comes before giving roles")
	}
	owner := ""
	for _, e := range p.find("form", "") {
		if path, ok := strings.CutSuffix(e.attr["action"], "/remove"); ok && strings.HasPrefix(path, "/settings/owners/") {
			owner = path
		}
	}
	b.post(owner + "/remove").is(http.StatusConflict)
	b.get(at).has("td", "mia")
}

// TestEnter: the ways into the console beside a link; a wrong password says so and nothing else.
func TestEnter(t *testing.T) {
	w := newWorld(t, 0)
	_, err := w.operator.AddOwner(t.Context(), operate.Machine(w.tenant), "mia", "correct horse battery")
	w.must(err)
	slug, err := w.db.Tenant(t.Context(), w.tenant)
	w.must(err)
	b := w.newBrowser()
	checkPage(t, b.get("/enter"))
	wrong := b.post("/enter/owner", "tenant", slug.Slug, "name", "mia", "password", "a guess at it").is(http.StatusUnauthorized)
	wrong.has("p", "name or the password is wrong")
	checkPage(t, wrong)
	b.post("/enter/owner", "tenant", slug.Slug, "name", "mia", "password", "correct horse battery").to("/")
	b.get("/settings/sessions").has("td", "local owner's password")
	_, text, err := w.operator.CreateToken(t.Context(), operate.Machine(w.tenant), operate.NewToken{Name: "reader", Kind: "lks", Scopes: "apps:read"})
	w.must(err)
	c := w.newBrowser()
	c.post("/enter/token", "token", text+"x").is(http.StatusUnauthorized)
	c.post("/enter/token", "token", text).to("/")
	page := c.get("/apps").is(http.StatusOK)
	page.hasNot("a", "People")
	c.get("/people").is(http.StatusForbidden)
}

// TestProveAgain: who is about to do what is severe and came in a while ago is asked again who they are, and goes on with nothing lost.
func TestProveAgain(t *testing.T) {
	w := newWorld(t, 0)
	_, err := w.operator.AddOwner(t.Context(), operate.Machine(w.tenant), "mia", "correct horse battery")
	w.must(err)
	slug, err := w.db.Tenant(t.Context(), w.tenant)
	w.must(err)
	b, eve := w.newBrowser(), w.signedIn(w.tenant)
	enter := func(b *browser) *answer {
		return b.post("/enter/owner", "tenant", slug.Slug, "name", "mia", "password", "correct horse battery")
	}
	enter(b).to("/")
	w.later(operate.ProveFor + time.Second)
	asked := b.post("/settings/owners", "name", "eva", "password", "another horse battery").is(http.StatusForbidden)
	asked.has("h1", "Show again who you are")
	checkPage(t, asked)
	b.get("/again").is(http.StatusForbidden).has("h1", "Show again who you are") // which it does not say as if they had
	b.post("/enter/owner", "tenant", slug.Slug, "name", "mia", "password", "a guess at it").is(http.StatusUnauthorized).has("h1", "Show again who you are")
	enter(b).to("/again")
	again := b.get("/again").is(http.StatusOK)
	checkPage(t, again)
	if again.value("name") != "eva" {
		t.Errorf("the name is %q", again.value("name"))
	}
	if again.value("password") != "" || strings.Contains(again.body, "another horse") {
		t.Error("a password is shown")
	}
	eve.get("/again").to("/")
	b.post("/settings/owners", "name", again.value("name"), "password", "another horse battery").to("/settings/administrators?said=owner-added")
	enter(b).to("/") // nothing waits any more
}
