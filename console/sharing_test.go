package console_test

import (
	"net/http"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connector/webex"
	"lockstep/directory"
	"lockstep/provision"
)

// TestSharingPages: an app whose connection leads to where another one's does says so on its connection's page and beside its plan.
func TestSharingPages(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	const says = "leads to the same place"
	if text := b.get("/apps/webex/connection").is(http.StatusOK).says(); strings.Contains(text, says) {
		t.Errorf("alone it says %s", text)
	}
	app := lockstep.NewID[lockstep.AppID]()
	_, err := w.db.Commit(t.Context(), w.tenant, nobody, "", directory.PutApp{App: directory.App{ID: app, Slug: "webex-old", Name: "The old one"}})
	w.must(err)
	there := map[string]string{"region": "commercial", "endpoint": "https://webex.example/identity/scim/org/v2"}
	_, err = w.db.Provision().ChangeJob(t.Context(), nobody, w.tenant, w.out, func(j *provision.Job) error {
		j.Connection.Settings = there
		return nil
	})
	w.must(err)
	w.job(w.tenant, provision.Job{Slug: "webex-old", Name: "The old one", Direction: provision.Outbound, App: app, Manual: true, Connection: provision.Connection{
		Kind: "webex", Settings: there,
	}}, webex.Template())
	for _, path := range []string{"/apps/webex/connection", "/apps/webex"} {
		page := b.get(path).is(http.StatusOK)
		checkPage(t, page)
		if text := page.says(); !strings.Contains(text, says) || !strings.Contains(text, "See its connection") {
			t.Errorf("%s says %s", path, text)
		}
	}
	if *everyPage {
		b.look(looked{Name: "shared-connection", Path: "/apps/webex/connection"}, looked{Name: "shared-plan", Path: "/apps/webex"})
	}
}
