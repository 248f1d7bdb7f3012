package console_test

import (
	"net/http"
	"testing"

	"lockstep"
)

// TestDocs: the documentation is there without a session, every error code has its place, and a search finds sections.
func TestDocs(t *testing.T) {
	w := newWorld(t, 0)
	for _, b := range []*browser{w.newBrowser(), w.signedIn(w.tenant)} {
		b.get("/docs").is(http.StatusOK).has("h1", "Documentation")
		b.get("/docs/how-to/backup").is(http.StatusOK).has("pre", "lockstep backup")
		b.get("/docs/nothing").is(http.StatusNotFound)
		b.get("/docs/..%2fcode.go").is(http.StatusNotFound)
		b.get("/docs?q=restore+backup").is(http.StatusOK).has("bdi", "restore backup")
		b.get("/docs?q=zzyzx").has("strong", "Nothing has all of these words.")
	}
	page := w.newBrowser().get("/docs/errors")
	there := map[string]bool{}
	for _, e := range page.elements() {
		there[e.attr["id"]] = true
	}
	for _, entry := range lockstep.Catalogue {
		if !there[string(entry.Code)] {
			t.Errorf("%s has no place", entry.Code)
		}
	}
}
