package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
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
	node, chromium := parts.Need(b, "node"), parts.Need(b, "chromium")
	parts.NeedFile(b, filepath.Join("e2e", "webex", "node_modules", ".package-lock.json"))
	script := parts.NeedFile(b, filepath.Join("e2e", "webex", "look.js"))
	site, err := url.Parse(b.server.URL)
	b.must(err)
	cookies := b.Jar.Cookies(site)
	if len(cookies) == 0 {
		b.Fatal("the browser is not signed in")
	}
	list, err := json.Marshal(pages)
	b.must(err)
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
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
	cmd.Stdout, cmd.Stderr = &out, &errs
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

// TestLook: no page is wider than its window, no text is squeezed, and none has a fault that axe knows.
func TestLook(t *testing.T) {
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	b.look(looked{Name: "app-plan", Path: "/apps/webex"}, looked{Name: "app-apply", Path: "/apps/webex", Click: "button[commandfor=apply-plan]"})
	w.applied(b)
	empty := w.signedIn(lockstepTenant(w))
	empty.look(looked{Name: "home-empty", Path: "/"}, looked{Name: "people-empty", Path: "/people"}, looked{Name: "scim-empty", Path: "/inbound"})
	j := w.state(w.out)
	j.Manual = false
	w.must(w.db.PutJob(t.Context(), nobody, j))
	w.disable(25)
	w.run(w.out)
	b.look(
		looked{Name: "kit", Path: "/kit"}, looked{Name: "kit-dialog", Path: "/kit", Click: "button[commandfor=kit-dialog]"},
		looked{Name: "home", Path: "/"}, looked{Name: "apps", Path: "/apps"}, looked{Name: "sources", Path: "/sources"},
		looked{Name: "app-held", Path: "/apps/webex"}, looked{Name: "app-approve", Path: "/apps/webex", Click: "button[commandfor=approve-held]"},
		looked{Name: "source", Path: "/sources/hr"}, looked{Name: "app-people", Path: "/apps/webex/people"},
		looked{Name: "people", Path: "/people"}, looked{Name: "person-in", Path: "/people/" + string(w.user("ada@acme.example"))},
		looked{Name: "person-out", Path: "/people/" + string(w.user("eve@acme.example"))}, looked{Name: "person-failing", Path: "/people/" + string(w.user("bob@old.example"))},
	)
}
