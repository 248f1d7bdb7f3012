package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
)

// looked is a page that is looked at, or what a click on it shows.
type looked struct {
	Name  string `json:"name"`
	Path  string `json:"path"`
	Click string `json:"click,omitempty"`
}

// look lets a browser look at pages, light and dark, wide and narrow, and reports what is wrong with them. With SCREENSHOTS it leaves
// pictures.
func (b *browser) look(pages ...looked) {
	b.Helper()
	b.scripted("look.js", pages...)
}

// scripted has a script of e2e/webex go through pages with a browser.
func (b *browser) scripted(name string, pages ...looked) {
	b.Helper()
	if *only != "" {
		wanted, err := regexp.Compile(*only)
		b.must(err)
		if pages = slices.DeleteFunc(pages, func(p looked) bool { return !wanted.MatchString(p.Name) }); len(pages) == 0 {
			return
		}
	}
	node, chromium := parts.Need(b, "node"), parts.Need(b, "chromium")
	parts.NeedFile(b, filepath.Join("e2e", "webex", "node_modules", ".package-lock.json"))
	script := parts.NeedFile(b, filepath.Join("e2e", "webex", name))
	site, err := url.Parse(b.server.URL)
	b.must(err)
	cookies := b.Jar.Cookies(site)
	if len(cookies) == 0 {
		b.Fatal("the browser is not signed in")
	}
	list, err := json.Marshal(pages)
	b.must(err)
	ctx, cancel := context.WithTimeout(b.Context(), time.Duration(max(15, len(pages)))*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, script)
	root := "false"
	if os.Getuid() == 0 {
		root = "true"
	}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.TempDir(), "BASE=" + b.server.URL, "COOKIE=" + cookies[0].Name + "=" + cookies[0].Value,
		"PAGES=" + string(list), "CHROMIUM=" + chromium, "ROOT=" + root, "SCREENSHOTS=" + os.Getenv("SCREENSHOTS"),
	}
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&errs, b.Output()) // as it goes, with -v
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	seen := 0
	for line := range strings.Lines(out.String()) {
		var said struct{ Did string }
		b.must(json.Unmarshal([]byte(line), &said))
		if fault, bad := strings.CutPrefix(said.Did, "FAULT "); bad {
			b.Error(fault)
		} else {
			seen++
		}
	}
	if seen != len(pages) {
		b.Errorf("%d of %d pages were looked at", seen, len(pages))
	}
}

// everyPage has all pages looked at, which takes minutes. CI does so, and whoever wants pictures.
var everyPage = flag.Bool("every-page", os.Getenv("CI") == "true" || os.Getenv("SCREENSHOTS") != "", "look at every page with a browser")

// only narrows what is looked at.
var only = flag.String("only", "", "look at the pages of which this regular expression matches the name")

// TestLook: no page is wider than its window, no text is squeezed, and none has a fault that axe knows.
func TestLook(t *testing.T) {
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	if !*everyPage {
		b.look(looked{Name: "kit", Path: "/kit"})
		return
	}
	b.look(looked{Name: "app-plan", Path: "/apps/webex"}, looked{Name: "app-apply", Path: "/apps/webex", Click: "button[commandfor=apply-plan]"},
		looked{Name: "plan-rows", Path: "/apps/webex/plan"}, looked{Name: "plan-one", Path: "/apps/webex/plan?q=m1", Click: "button[commandfor=apply-one]"})
	w.applied(b)
	empty := w.signedIn(lockstepTenant(w))
	empty.look(
		looked{Name: "home-empty", Path: "/"}, looked{Name: "apps-empty", Path: "/apps"}, looked{Name: "people-empty", Path: "/people"},
		looked{Name: "groups-empty", Path: "/groups"}, looked{Name: "scim-empty", Path: "/inbound"}, looked{Name: "activity-empty", Path: "/activity"},
	)
	j := w.state(w.out)
	j.Manual = false
	w.must(w.db.PutJob(t.Context(), nobody, j))
	w.disable(25)
	w.run(w.out)
	b.look(w.pages(b)...)
	partner := w.partner("Hooli", "Initech", "Umbrella")
	partner.look(
		looked{Name: "tenants", Path: "/settings/tenants"}, looked{Name: "tenants-switch", Path: "/settings/tenants", Click: "button.here"},
		looked{Name: "tenants-remove", Path: "/settings/tenants", Click: "button[commandfor=remove-acme]"}, looked{Name: "tenants-settings", Path: "/settings"},
	)
	partner.post("/tenants/enter", "tenant", "acme").to("/")
	partner.look(looked{Name: "tenants-visiting", Path: "/apps/webex"}, looked{Name: "tenants-visiting-home", Path: "/"})
	own := w.signedIn(w.tenant)
	own.look(looked{Name: "tenants-managed", Path: "/settings"})
}

// pages are the pages of a company in the middle of its work.
func (w *world) pages(b *browser) []looked {
	w.Helper()
	b.post("/add/apps/webex", "name", "Webex of Globex", "slug", "globex").is(http.StatusSeeOther)
	group := b.get("/groups").has("a", "Everybody").attr["href"]
	w.strangers(b)
	return []looked{
		{Name: "kit", Path: "/kit"}, {Name: "kit-dialog", Path: "/kit", Click: "button[commandfor=kit-dialog]"},
		{Name: "home", Path: "/"}, {Name: "apps", Path: "/apps"}, {Name: "sources", Path: "/sources"},
		{Name: "gallery", Path: "/add/apps"}, {Name: "add-app", Path: "/add/apps/webex"}, {Name: "draft", Path: "/apps/globex?said=added"},
		{Name: "app-held", Path: "/apps/webex"}, {Name: "app-approve", Path: "/apps/webex", Click: "button[commandfor=approve-held]"},
		{Name: "held-rows", Path: "/apps/webex/held"}, {Name: "held-all", Path: "/apps/webex/held?kind=disable", Click: "button[commandfor=approve-all]"},
		{Name: "plan-none", Path: "/apps/webex/plan"}, {Name: "source-plan", Path: "/sources/hr/plan"}, {Name: "source-held", Path: "/sources/hr/held"},
		{Name: "source", Path: "/sources/hr"}, {Name: "app-people", Path: "/apps/webex/people"},
		{Name: "assignments", Path: "/apps/webex/assignments"}, {Name: "assignments-found", Path: "/apps/webex/assignments?q=mem"},
		{Name: "connection", Path: "/apps/globex/connection"}, {Name: "connection-csv", Path: "/sources/hr/connection"},
		{Name: "mappings", Path: "/apps/webex/mappings"}, {Name: "mapping", Path: "/apps/webex/mappings/edit?type=User&target=userName"},
		{Name: "mappings-import", Path: "/apps/webex/mappings/import"}, {Name: "mapping-new", Path: "/apps/webex/mappings/edit?type=User"}, {Name: "scope", Path: "/apps/webex/scope"}, {Name: "attributes", Path: "/apps/webex/attributes?type=User"}, {Name: "chosen", Path: "/apps/webex/mappings?chosen=nickName"}, {Name: "link-by-hand", Path: "/apps/webex/link?who=user:" + string(w.user("ada@acme.example")) + "&q=ada@acme.example"}, {Name: "exclude", Path: "/apps/webex/try?who=user:" + string(w.user("ada@acme.example")), Click: "button[commandfor=exclude]"},
		{Name: "settings-app", Path: "/apps/webex/settings"}, {Name: "delete", Path: "/apps/webex/settings", Click: "button[commandfor=delete-system]"},
		{Name: "accounts", Path: "/apps/webex/accounts"}, {Name: "accounts-all", Path: "/apps/webex/accounts?show=all"}, {Name: "accounts-link", Path: "/apps/webex/accounts/link?id=x&q=ada"},
		{Name: "drift", Path: "/apps/webex/drift"}, {Name: "try", Path: "/apps/webex/try"}, {Name: "try-in", Path: "/apps/webex/try?who=user:" + string(w.user("ada@acme.example"))}, {Name: "try-out", Path: "/apps/webex/try?who=user:" + string(w.user("eve@acme.example"))},
		{Name: "person-add", Path: "/people/add"}, {Name: "person-change", Path: "/people/" + string(w.user("ada@acme.example")) + "/edit"},
		{Name: "person-delete", Path: "/people/" + string(w.user("ada@acme.example")), Click: "button[commandfor=delete-person]"},
		{Name: "people", Path: "/people"}, {Name: "groups", Path: "/groups"}, {Name: "group", Path: group},
		{Name: "person-in", Path: "/people/" + string(w.user("ada@acme.example"))}, {Name: "person-out", Path: "/people/" + string(w.user("eve@acme.example"))},
		{Name: "person-failing", Path: "/people/" + string(w.user("bob@old.example"))},
		{Name: "console-sessions", Path: "/settings/sessions"}, {Name: "administrators", Path: "/settings/administrators"}, {Name: "scim", Path: "/inbound"}, {Name: "activity", Path: "/activity"}, {Name: "audit", Path: "/activity/audit"},
		{Name: "settings", Path: "/settings"},
		{Name: "docs", Path: "/docs"}, {Name: "docs-errors", Path: "/docs/errors#internal"}, {Name: "docs-how-to", Path: "/docs/how-to/csv-files"}, {Name: "docs-found", Path: "/docs?q=guard+held"},
		{Name: "notifications", Path: "/settings/notifications"},
	}
}
