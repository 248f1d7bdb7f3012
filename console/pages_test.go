package console_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/operate"
)

// TestEveryPage: what must hold on each page, whatever it shows.
func TestEveryPage(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	planned := []string{"/apps/webex", "/apps/webex/plan", "/apps/webex/plan?show=cannot", "/kit"}
	for _, path := range planned {
		checkPage(t, b.get(path).is(http.StatusOK))
	}
	w.applied(b)
	for _, path := range []string{
		"/", "/apps", "/sources", "/apps/webex", "/sources/hr", "/apps/webex?show=failed&q=bob", "/apps/webex?q=nobody", "/apps/webex/people", "/apps/webex/people?show=out", "/apps/webex/drift", "/apps/webex/accounts", "/apps/webex/accounts?show=all&q=a",
		"/people", "/people?q=nobody@acme.example", "/people/" + string(w.user("ada@acme.example")), "/people/" + string(w.user("bob@old.example")),
	} {
		checkPage(t, b.get(path).is(http.StatusOK))
	}
	checkPage(t, b.get("/nowhere").is(http.StatusNotFound))
	out := w.newBrowser()
	checkPage(t, out.get("/").is(http.StatusUnauthorized))
	checkPage(t, out.get(w.link(w.tenant)).is(http.StatusOK))
	checkPage(t, out.get("/link?key=guess").is(http.StatusNotFound))
}

func checkPage(t *testing.T, a *answer) {
	t.Helper()
	policy := a.resp.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%s: policy %q", a.what, policy)
	}
	if a.resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be kept by a cache", a.what)
	}
	if glued := regexp.MustCompile(`[\pL\d,]</(span|strong|code)><time[^>]*>[^<]*`).FindString(a.body); glued != "" {
		t.Errorf("%s: no space in %s", a.what, glued)
	}
	ids, labelled := map[string]bool{}, map[string]bool{}
	all := a.elements()
	count := map[string]int{}
	for _, e := range all {
		count[e.tag]++
		if id := e.attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s: two elements have the id %s", a.what, id)
			}
			ids[id] = true
		}
		if e.tag == "label" {
			labelled[e.attr["for"]] = true
		}
	}
	if count["h1"] != 1 || count["main"] != 1 || count["title"] != 1 {
		t.Errorf("%s: %d h1, %d main, %d title; want one of each", a.what, count["h1"], count["main"], count["title"])
	}
	for _, e := range all {
		checkElement(t, a, e, ids, labelled)
	}
}

func checkElement(t *testing.T, a *answer, e *element, ids, labelled map[string]bool) {
	t.Helper()
	bad := func(what string) { t.Errorf("%s: <%s> %v %q: %s", a.what, e.tag, e.attr, e.text, what) }
	for name, v := range e.attr {
		switch {
		case name == "style" || strings.HasPrefix(name, "on"):
			bad("the policy forbids it")
		case name == "href" && strings.HasPrefix(v, "https://") && e.attr["target"] == "_blank" && e.attr["rel"] == "noreferrer": // a person goes there, by a click
		case (name == "href" || name == "src" || name == "action") && !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "#"):
			bad("it leads elsewhere")
		case (name == "aria-labelledby" || name == "commandfor") && !ids[v]:
			bad("it refers to nothing")
		case name == "href" && strings.HasPrefix(v, "#") && !ids[v[1:]]:
			bad("it leads nowhere")
		}
	}
	switch e.tag {
	case "html":
		if e.attr["lang"] != "en" {
			bad("no language")
		}
	case "script":
		if e.attr["src"] == "" || e.text != "" {
			bad("inline script")
		}
	case "style":
		bad("inline style")
	case "button", "a":
		if e.name() == "" {
			bad("no name")
		}
	case "input":
		if e.attr["type"] != "hidden" && !labelled[e.attr["id"]] && !e.inside("label") {
			bad("no label")
		}
	case "th":
		if e.attr["scope"] == "" {
			bad("no scope")
		}
	case "form":
		if m := e.attr["method"]; m != "get" && m != "post" {
			bad("no method")
		}
	case "svg":
		if e.attr["aria-hidden"] != "true" {
			bad("a picture that is read")
		}
	}
	if role := e.attr["role"]; slices.Contains([]string{"progressbar", "img"}, role) && e.attr["aria-label"] == "" {
		bad("no name")
	}
}

// TestAssets: what pages load is there, may be kept for good, and comes small.
func TestAssets(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	loaded := 0
	for _, e := range b.get("/").elements() {
		address := e.attr["src"]
		if e.tag == "link" {
			address = e.attr["href"]
		}
		if address == "" {
			continue
		}
		loaded++
		a := b.get(address).is(http.StatusOK)
		if got := a.resp.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", address, got)
		}
		if len(a.body) == 0 || a.resp.Header.Get("Content-Type") == "" {
			t.Errorf("%s is empty or of no type", address)
		}
		parts := strings.SplitN(address, "/", 4)
		b.get("/static/0123456789abcdef/" + parts[3]).is(http.StatusNotFound)
	}
	if loaded < 7 {
		t.Errorf("the page loads %d assets", loaded)
	}
	css := b.get("/").find("link", "")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+css[1].attr["href"], nil)
	w.must(err)
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(r)
	w.must(err)
	resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "gzip" || resp.ContentLength > 30_000 {
		t.Errorf("the style sheet comes as %q, %d bytes", resp.Header.Get("Content-Encoding"), resp.ContentLength)
	}
}

func TestTheme(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	theme := func() (string, bool) {
		html := b.get("/").has("html", "")
		return html.attr["data-theme"], html.attr["class"] == "dark"
	}
	if name, dark := theme(); name != "system" || dark {
		t.Errorf("at first: %s, dark %v", name, dark)
	}
	b.post("/theme", "theme", "dark", "back", "/people?after=").to("/people?after=")
	if name, dark := theme(); name != "dark" || !dark {
		t.Errorf("chosen: %s, dark %v", name, dark)
	}
	b.post("/theme", "theme", "purple", "back", "/").to("/")
	if name, _ := theme(); name != "system" {
		t.Errorf("a colour that is none: %s", name)
	}
	for _, away := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", ""} {
		b.post("/theme", "theme", "dark", "back", away).to("/")
	}
}

func TestHome(t *testing.T) {
	w := newWorld(t, 3)
	b := w.signedIn(w.tenant)
	b.get("/").has("li", "Has not run yet")
	w.filled()
	a := b.get("/")
	if row := a.has("li", "Plan waits for you"); !strings.Contains(row.text, "Cisco Webex") {
		t.Errorf("the app's row says %q", row.text)
	}
	if row := a.has("li", "A plan waits for your decision: 6 changes planned, none sent."); !strings.Contains(row.text, "Cisco Webex") {
		t.Errorf("what needs somebody says %q", row.text)
	}
	a.has("a", "People")
	w.applied(b)
	a = b.get("/")
	if row := a.has("li", "Some failing"); !strings.Contains(row.text, "Cisco Webex") || !strings.Contains(row.text, "1 failing") {
		t.Errorf("the app's row says %q", row.text)
	}
	if row := a.has("li", "domain is not verified"); !strings.Contains(row.text, "Cisco Webex") || !strings.Contains(row.text, "target.domain_unverified") {
		t.Errorf("what needs somebody says %q", row.text)
	}
	a.hasNot("p", "Nothing waits for you.")
	if row := a.has("li", "applied"); !strings.Contains(row.text, "plan") {
		t.Errorf("what was done lately says %q", row.text)
	}
	empty := lockstepTenant(w)
	w.signedIn(empty).get("/").has("strong", "Nothing is kept in step yet.")
}

// TestHomeOfUnplanned: what has changed since the last plan of an app that plans only when asked waits for somebody, a leaver too.
func TestHomeOfUnplanned(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	const says = "The directory has changed since the last plan."
	if a := b.get("/"); len(a.find("li", says)) > 0 {
		t.Errorf("%q is said before anything has changed", says)
	}
	w.must(w.operator.DeleteUser(t.Context(), operate.Machine(w.tenant), "grace@acme.example", false))
	a := b.get("/")
	if row := a.has("li", says); !strings.Contains(row.text, "Cisco Webex") {
		t.Errorf("what needs somebody says %q", row.text)
	}
	a.hasNot("p", "Nothing waits for you.")
}

func TestStoppedJobSaysWhy(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	w.org.ExpireTokens()
	w.applied(b)
	a := b.get("/apps/webex")
	a.has("strong", lockstep.Describe(lockstep.CodeAuthToken).Title)
	a.has("span", "Stopped, needs you")
	a.has("p", "Tries again")
	b.get("/").has("li", "Cisco Webex Stopped until somebody helps: ")
	if row := b.get("/").has("li", "Stopped, needs you"); !strings.Contains(row.text, "Cisco Webex") {
		t.Errorf("the app's row says %q", row.text)
	}
}

// TestAddress: an app and a source each have one address, and the other kind's leads there.
func TestAddress(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.get("/apps/hr?show=done").to("/sources/hr?show=done")
	b.get("/sources/webex/people").to("/apps/webex/people")
	b.get("/apps").has("a", "Cisco Webex")
	b.get("/apps").hasNot("h3", "People")
	b.get("/sources").has("a", "People")
	for _, path := range []string{"/apps", "/sources", "/people", "/inbound"} {
		if here := b.get(path).find("a", ""); !hasCurrent(here, path) {
			t.Errorf("%s is not current in the menu", path)
		}
	}
}

func hasCurrent(all []*element, path string) bool {
	for _, e := range all {
		if e.attr["href"] == path && e.attr["aria-current"] == "page" {
			return true
		}
	}
	return false
}
