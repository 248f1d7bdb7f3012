package console_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/console"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/token"
	"lockstep/web"
)

var updateSurfaces = flag.Bool("update-surfaces", false, "write testdata/surfaces.txt anew")

// surface is one route of the console or of the API.
type surface struct{ method, path string }

func (s surface) String() string { return s.method + " " + s.path }

func (s surface) api() bool { return strings.HasPrefix(s.path, api.Prefix) }

// surfaces are all routes that there are, as they are registered.
func (w *world) surfaces(apis http.Handler) (all []surface) {
	for _, pattern := range console.Routes(w.console) {
		method, path, ok := strings.Cut(pattern, " ")
		if ok {
			all = append(all, surface{method, strings.TrimSuffix(path, "{$}")})
		}
	}
	rec := httptest.NewRecorder()
	apis.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, api.Prefix+"/openapi.json", nil))
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	w.must(json.Unmarshal(rec.Body.Bytes(), &doc))
	for path, methods := range doc.Paths {
		for method := range methods {
			all = append(all, surface{strings.ToUpper(method), api.Prefix + path})
		}
	}
	slices.SortFunc(all, func(a, b surface) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// filled is the address of the route about an object of the tenant, or about none that there is.
func (s surface) filled(of map[string]string) string {
	var parts []string
	for part := range strings.SplitSeq(s.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
			before := ""
			if len(parts) > 0 {
				before = parts[len(parts)-1]
			}
			value, known := of[before+"/"+name]
			if !known {
				value = of[name]
			}
			part = value
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "/")
}

// asked is what a route answers to somebody.
func (w *world) asked(h http.Handler, s surface, path string, who func(*http.Request)) *httptest.ResponseRecorder {
	body, kind := "", "application/x-www-form-urlencoded"
	if s.api() {
		kind = "application/json"
		body = "{}"
	}
	r := httptest.NewRequest(s.method, w.server.URL+path, strings.NewReader(body))
	if s.method != http.MethodGet {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if s.method == "PATCH" {
		r.Header.Set("Content-Type", "application/json")
	}
	who(r)
	rec := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { defer close(done); h.ServeHTTP(rec, r) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		w.Fatalf("%s does not end", s)
	}
	return rec
}

// somebody is a principal as a browser and as a client of the API.
func (w *world) somebody(p operate.Principal) (browser, client func(*http.Request)) {
	w.Helper()
	link, err := w.operator.Link(w.Context(), p, "somebody")
	w.must(err)
	b := w.newBrowser()
	b.enter(strings.TrimPrefix(link, w.server.URL)).is(http.StatusSeeOther)
	base, err := http.NewRequest(http.MethodGet, w.server.URL, nil)
	w.must(err)
	cookies := b.Jar.Cookies(base.URL)
	_, text, err := w.operator.CreateToken(w.Context(), operate.Machine(p.Tenant), operate.NewToken{Name: "t" + lockstep.NewID[string](), Kind: token.KindAPI, Scopes: p.Scopes.String()})
	w.must(err)
	return func(r *http.Request) {
			for _, c := range cookies {
				r.AddCookie(c)
			}
		}, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+text)
		}
}

// stands is what there is in a tenant, as far as requests that are refused could change it.
func (w *world) stands() string {
	w.Helper()
	all := operate.Machine(w.tenant)
	jobs, err := w.operator.ListJobs(w.Context(), all)
	w.must(err)
	for i := range jobs {
		jobs[i].Position = 0
	}
	tokens, err := w.operator.ListTokens(w.Context(), all)
	w.must(err)
	for i := range tokens {
		tokens[i].LastUsed = time.Time{}
	}
	lines, err := w.operator.AuditLog(w.Context(), all, audit.Query{Limit: 1000})
	w.must(err)
	head, err := w.db.Head(w.Context(), w.tenant)
	w.must(err)
	clients, err := w.operator.Clients(w.Context(), all)
	w.must(err)
	text, err := json.Marshal(jobs)
	w.must(err)
	return fmt.Sprintf("%s\n%d tokens, %d lines, feed %d, %d clients", text, len(tokens), len(lines), head, len(clients))
}

// openSurfaces are for whoever is not signed in: the ways in, and what is the same for everybody.
var openSurfaces = []string{"/static/", "/favicon.ico", "/link", "/theme", "/docs", "/signout", "/enter", "/signed-in", api.Prefix + "/openapi", api.Prefix + "/version"}

func (s surface) open() bool {
	return slices.ContainsFunc(openSurfaces, func(prefix string) bool { return strings.HasPrefix(s.path, prefix) })
}

// ends reports whether the route ends sessions of the console, those of this test too.
func (s surface) ends() bool {
	return s.method == http.MethodDelete && strings.Contains(s.path, "console-sessions") || s.path == "/settings/sessions/end"
}

// TestSurfaces asks every route of the console and of the API, as they are registered, for everybody who may not: nobody, the administrator of
// another tenant, and every single right. What rights open a route stands in testdata/surfaces.txt: a new route fails until its line is there
// and somebody has looked at it.
func TestSurfaces(t *testing.T) {
	w := newWorld(t, 0).filled()
	mux := http.NewServeMux()
	apis := (&web.Surface{Errors: api.WriteProblem, Log: slog.New(slog.DiscardHandler)}).Wrap((&api.Server{Operator: w.operator, Version: "test", Log: slog.New(slog.DiscardHandler)}).Handler())
	mux.Handle(api.Prefix+"/", apis)
	mux.Handle("/", w.server.Config.Handler)
	other := lockstep.NewID[lockstep.TenantID]()
	w.must(w.db.CreateTenant(t.Context(), nobody, directory.Tenant{ID: other, Slug: "other", Name: "Other"}))
	groups, err := w.db.Groups(t.Context(), w.tenant, directory.GroupQuery{})
	w.must(err)
	entry, _, err := w.operator.CreateToken(t.Context(), operate.Machine(w.tenant), operate.NewToken{Name: "Acme's token", Kind: token.KindAPI, Scopes: "apps:read"})
	w.must(err)
	assigned, err := w.db.Assignments(t.Context(), w.tenant, w.app)
	w.must(err)
	of := map[string]string{
		"slug": "webex", "sources/slug": "hr", "apps/slug": "webex", "id": string(w.user("ada@acme.example")), "people/id": string(w.user("ada@acme.example")), "users/id": string(w.user("ada@acme.example")),
		"groups/id": string(groups[0].ID), "tokens/id": string(entry.ID), "assignments/id": string(assigned[0].ID), "name": "webex", "job": "webex", "apps/name": "webex", "sources/name": "hr", "jobs/name": "webex", "jobs/job": "webex",
		"users/user": string(w.user("ada@acme.example")), "groups/group": string(groups[0].ID), "tokens/token": string(entry.ID), "kind": "webex", "of": "apps", "tenant": "acme", "tenants/name": "acme", "tenants/tenant": "acme",
		"cycle": string(w.state(w.out).Cycle.ID), "cycles/id": string(w.state(w.out).Cycle.ID), "client": "x", "app": "webex", "provider": "x", "type": "User", "object": "x", "number": "1", "owner": "x", "alias": "x", "product": "okta", "hash": "x", "path": "x", "version": "1", "list": "x",
	}
	none := map[string]string{}
	for name := range of {
		none[name] = string(lockstep.NewID[string]())
	}
	none["of"], none["kind"], none["product"] = "apps", "webex", "okta"
	secrets := []string{"Lindqvist", "Okafor", "Acme's token", string(groups[0].ID), string(w.app), string(w.user("ada@acme.example"))}
	routes := w.surfaces(apis)
	if len(routes) < 200 {
		t.Fatalf("only %d routes", len(routes))
	}

	// Nobody, and the administrator of another tenant, who also names this one.
	everything := operate.Machine(other)
	everything.Every = false
	browser, client := w.somebody(everything)
	named := func(r *http.Request) { client(r); r.Header.Set(api.TenantHeader, "acme") }
	before, told := w.stands(), false
	for _, s := range routes {
		path := s.filled(of)
		if !s.open() {
			if rec := w.asked(mux, s, path, func(*http.Request) {}); rec.Code != http.StatusUnauthorized && (s.path != "/signin" || rec.Code != http.StatusSeeOther) { // which leads to the first of its pages
				t.Errorf("%s answers %d to nobody", s, rec.Code)
			}
		}
		if strings.HasSuffix(s.path, "/live") && !strings.Contains(s.path, "{") || s.open() {
			continue // which follows the own tenant until it ends
		}
		ways := []func(*http.Request){browser}
		if s.api() {
			ways = []func(*http.Request){client, named}
		}
		for _, way := range ways {
			if s.method != http.MethodGet && !strings.Contains(s.path, "{") {
				continue // which would do something in the own tenant
			}
			rec := w.asked(mux, s, path, way)
			if !s.api() && rec.Code == http.StatusUnauthorized && !told {
				told = true
				t.Errorf("%s: the administrator of another tenant is signed in no more", s)
			}
			own := strings.Contains(s.path, "{slug}") || strings.Contains(s.path, "/{id}") && (strings.Contains(s.path, "/people/") || strings.Contains(s.path, "/groups/") || strings.Contains(s.path, "/users/"))
			if own && rec.Code != http.StatusNotFound && rec.Code != http.StatusForbidden && rec.Code != http.StatusUnprocessableEntity && rec.Code != http.StatusBadRequest &&
				!strings.HasSuffix(s.path, "/attributes") { // which leads to another page without looking
				t.Errorf("%s answers %d to the administrator of another tenant", path, rec.Code)
			}
			text := strings.ReplaceAll(rec.Body.String()+rec.Header().Get("Location"), path, "")
			for _, secret := range secrets {
				if strings.Contains(path, secret) {
					continue // what was asked for is said again
				}
				if strings.Contains(text, secret) {
					t.Errorf("%s tells the administrator of another tenant of %q", s, secret)
				}
			}
		}
	}
	if after := w.stands(); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}

	// Every single right.
	rights := []token.Scope{
		operate.AppsRead, operate.AppsWrite, operate.PeopleRead, operate.PeopleWrite, operate.SignInRead, operate.SignInWrite, operate.TokensRead, operate.TokensWrite,
		operate.SettingsRead, operate.SettingsWrite, operate.AuditRead, operate.AdminsRead, operate.AdminsWrite,
	}
	opened := map[surface][]string{}
	for _, right := range rights {
		p := operate.Machine(w.tenant)
		p.Every, p.Scopes = false, token.Scopes{right}
		browser, client := w.somebody(p)
		for _, s := range routes {
			if s.open() || strings.HasSuffix(s.path, "/live") || s.path == "/again/cancel" || s.ends() {
				continue
			}
			way, path := browser, s.filled(of)
			if s.api() {
				way = client
			}
			if s.method != http.MethodGet {
				path = s.filled(none)
			}
			if strings.HasSuffix(s.path, "/events") || strings.HasSuffix(s.path, "/follow") {
				continue
			}
			rec := w.asked(mux, s, path, way)
			if rec.Code != http.StatusForbidden && rec.Code != http.StatusUnauthorized && rec.Code != http.StatusBadRequest {
				opened[s] = append(opened[s], string(right))
			}
		}
	}
	var lines []string
	for _, s := range routes {
		line := s.String() + ": " + strings.Join(opened[s], " ")
		switch {
		case s.open():
			line = s.String() + ": open"
		case len(opened[s]) == len(rights):
			line = s.String() + ": any right"
		}
		lines = append(lines, line)
	}
	golden := filepath.Join("testdata", "surfaces.txt")
	text := strings.Join(lines, "\n") + "\n"
	if *updateSurfaces {
		w.must(os.MkdirAll("testdata", 0o700))
		w.must(os.WriteFile(golden, []byte(text), 0o600))
	}
	want, err := os.ReadFile(golden)
	w.must(err)
	if text != string(want) {
		got := strings.Split(text, "\n")
		for _, line := range strings.Split(string(want), "\n") {
			if !slices.Contains(got, line) {
				t.Errorf("no more: %s", line)
			}
		}
		for _, line := range got {
			if !strings.Contains(string(want), line+"\n") {
				t.Errorf("new: %s (say in %s whom it is for, -update-surfaces writes it)", line, golden)
			}
		}
	}
}
