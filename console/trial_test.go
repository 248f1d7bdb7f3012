package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"lockstep"
	"lockstep/sso"
)

// TestTrialBetween: a test sign-in that ends between the making of its page and the connection of the page's stream is told at once, and so is one
// that ends otherwise than it stood when the page was made.
func TestTrialBetween(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/signin/add/oidc", "name", "Okta", "alias", "okta").is(http.StatusSeeOther)
	page := b.get("/signin/providers/okta/test").is(http.StatusOK)
	id := w.traced(sso.Trace{Provider: w.provider("okta").ID, Outcome: sso.OutcomeRefused, Code: lockstep.CodeSSOUnknown, Stages: []sso.Stage{{Name: "match", Code: lockstep.CodeSSOUnknown}}})
	w.between(b, page, string(id))
	page = b.get("/signin/providers/okta/test").is(http.StatusOK)
	next := w.traced(sso.Trace{Provider: w.provider("okta").ID, Outcome: sso.OutcomeTested, Stages: []sso.Stage{{Name: "match", OK: true}}})
	w.between(b, page, string(next))
}

// between listens to the stream of a page and waits for what it has not.
func (w *world) between(b *browser, page *answer, words string) {
	w.Helper()
	if strings.Contains(page.body, words) {
		w.Errorf("the page has %s already", words)
	}
	live := regexp.MustCompile(`hx-sse:connect="([^"]*)"`).FindStringSubmatch(page.body)
	if live == nil {
		w.Fatal("the page has no stream")
	}
	b.listen(strings.ReplaceAll(live[1], "&amp;", "&")).until("", words)
}
