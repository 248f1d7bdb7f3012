package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"lockstep/audit"
	"lockstep/console"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/sso"
	"lockstep/token"
)

// TestKeys: every page can be used with the keyboard alone, and at 400 %. No route of a page is left out: -every-page walks through all,
// which takes minutes, and CI through two.
func TestKeys(t *testing.T) {
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	pages := w.oneOfEach(w.everywhere(b))
	if *only == "" && (!*everyPage || os.Getenv("CI") == "true") {
		pages = []looked{{Name: "home", Path: "/"}, {Name: "app", Path: "/apps/webex"}}
	}
	ofPartner := func(l looked) bool { return strings.HasPrefix(l.Name, "tenants") }
	b.scripted("keys.js", slices.DeleteFunc(slices.Clone(pages), ofPartner)...)
	if slices.ContainsFunc(pages, ofPartner) {
		w.partner("Hooli").scripted("keys.js", slices.DeleteFunc(pages, func(l looked) bool { return !ofPartner(l) })...)
	}
}

// everywhere has a page of each route.
func (w *world) everywhere(b *browser) []looked {
	w.Helper()
	all := slices.Concat(w.pages(b), w.groupLooks(b), w.signInLooks(b), w.scimLooks(b))
	b.post("/apps/webex/mappings/edit?type=User&target=title", "type", "User", "version", "draft-0", "target", "title", "kind", "expression", "expression", "ToUpper([title])",
		"empty", "keep", "when", "always", "do", "save").is(http.StatusSeeOther)
	ada := w.user("ada@acme.example")
	w.must(w.db.SSO().AddFactors(w.Context(), audit.Actor{}, w.tenant, sso.Person{User: ada}, sso.NewFactors{
		Passkey: &sso.Passkey{ID: []byte("k"), RP: "id.example", Name: "Blue key", PublicKey: []byte("x")}, TOTP: &sso.TOTP{Secret: []byte("x")}, Codes: []sso.Hash{token.HashOf("one")},
	}))
	lines, err := w.db.Provision().Actions(w.Context(), w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Kinds: []rule.Kind{rule.Create}, Limit: 1})
	w.must(err)
	line := string(lines[0].ID)
	all = append(all,
		looked{Name: "draft-bar", Path: "/apps/webex/mappings"}, looked{Name: "draft-impact", Path: "/apps/webex/draft"}, looked{Name: "versions", Path: "/apps/webex/versions"},
		looked{Name: "source-mappings", Path: "/sources/hr/mappings"}, looked{Name: "source-mapping", Path: "/sources/hr/mappings/edit?type=User&target=userName"},
		looked{Name: "source-import", Path: "/sources/hr/mappings/import"}, looked{Name: "source-attributes", Path: "/sources/hr/attributes?type=User"}, looked{Name: "source-scope", Path: "/sources/hr/scope"}, looked{Name: "source-settings", Path: "/sources/hr/settings"},
		looked{Name: "source-people", Path: "/sources/hr/people"}, looked{Name: "source-versions", Path: "/sources/hr/versions"}, looked{Name: "source-draft", Path: "/sources/hr/draft"},
		looked{Name: "app-line", Path: "/apps/webex?row=" + line}, looked{Name: "undo", Path: "/apps/webex/undo?line=" + line},
		looked{Name: "claims", Path: "/signin/providers/okta/claims"}, looked{Name: "matches", Path: "/signin/providers/okta/people"},
		looked{Name: "factors", Path: "/signin/sessions?person=" + string(ada)},
		looked{Name: "tenants", Path: "/settings/tenants"}, // by who looks after them
		looked{Name: "docs-page", Path: "/docs/how-to/csv-files"}, looked{Name: "link", Path: "/link?key=x"}, looked{Name: "enter", Path: "/enter"}, looked{Name: "not-found", Path: "/nowhere"},
	)
	return slices.DeleteFunc(all, func(l looked) bool { return l.Click != "" || l.Name == "kit" || strings.Contains(l.Path, "#") }) // the kit shows how its parts look in every state
}

// noPages are the routes that answer with something else than a page, or lead to one.
var noPages = []string{
	"/favicon.ico", "/static/{hash}/{name...}", "/activity/log.csv", "/activity/log.jsonl", "/activity/audit.csv", "/activity/audit.jsonl", "/apps/{slug}/mappings/export", "/sources/{slug}/mappings/export",
	"/apps/{slug}/accounts.csv", "/apps/{slug}/accounts.jsonl", "/apps/{slug}/plan.csv", "/apps/{slug}/plan.jsonl", "/apps/{slug}/held.csv", "/apps/{slug}/held.jsonl",
	"/sources/{slug}/plan.csv", "/sources/{slug}/plan.jsonl", "/sources/{slug}/held.csv", "/sources/{slug}/held.jsonl",
	operate.ConsentPath, "/enter/sign-in", "/enter/signed-in", "/signin", "/again", // which there is only while a form waits
}

// oneOfEach is a page of each route. It wants every route of a page to have one.
func (w *world) oneOfEach(pages []looked) []looked {
	w.Helper()
	mux := http.NewServeMux()
	for _, pattern := range console.Routes(w.console) {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	met := map[string]bool{}
	pages = slices.DeleteFunc(pages, func(p looked) bool {
		at, err := url.Parse(p.Path)
		w.must(err)
		_, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, at.Path, nil))
		before := met[pattern]
		met[pattern] = true
		return before
	})
	for _, pattern := range console.Routes(w.console) {
		path, get := strings.CutPrefix(pattern, "GET ")
		if get && !met[pattern] && !strings.HasSuffix(path, "/live") && !slices.Contains(noPages, path) {
			w.Errorf("nobody looks at a page of %s", path)
		}
	}
	return pages
}
