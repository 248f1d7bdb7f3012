package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lockstep/provision"
	"lockstep/rule"
)

// TestDraftPages: a change of an app that runs is drafted, stands above its pages with whom it touches, is brought up to date when somebody
// else was faster, applied with a note, and taken back.
func TestDraftPages(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	b.get("/apps/webex/draft").has("p", "There is no draft.")
	edit := "/apps/webex/mappings/edit?" + url.Values{"type": {"User"}, "target": {"title"}}.Encode()
	save := func(expression string) {
		b.post(edit, "type", "User", "version", b.get(edit).value("version"), "target", "title", "kind", "expression", "expression", expression,
			"empty", "keep", "when", "always", "do", "save").to("/apps/webex/mappings?said=drafted")
	}
	b.get(edit).has("button", "Save into the draft")
	save(`ToUpper([title])`)
	for _, at := range []string{"/apps/webex", "/apps/webex/mappings", "/apps/webex/settings", "/apps/webex/versions"} {
		page := b.get(at)
		page.has("strong", "1 change is drafted")
		page.has("p", "Mapping of title (people)")
		page.has("p", "to update")
		checkPage(t, page)
	}
	page := b.get("/apps/webex/draft")
	page.has("del", "from title")
	page.has("ins", "from ToUpper([title])")
	page.has("strong", "people: ")
	page.has("ins", "ENGINEER")
	checkPage(t, page)
	if j := w.state(w.out); j.Rules.Objects[0].Attributes[0].Target == "" || titleOf(j) != "[title]" {
		t.Errorf("the draft is in force: %s", titleOf(j))
	}
	revision := page.value("revision")

	j := w.state(w.out)
	attributes := j.Rules.Objects[0].Attributes
	for i := range attributes {
		if attributes[i].Target == "title" {
			attributes[i].Source = &rule.MappingSource{Type: rule.FromFunction, Expression: `ToLower([title])`}
		}
	}
	w.must(w.db.PutJob(t.Context(), nobody, j))
	b.get("/apps/webex").has("p", "Somebody else was faster")
	b.post("/apps/webex/draft", "revision", revision, "do", "apply").is(http.StatusConflict).has("p", "Bring the draft up to date first")
	page = b.get("/apps/webex/draft")
	page.has("legend", "Mapping of title (people)")
	page.has("span", "Theirs: from ToLower([title])")
	page.has("span", "The draft's: from ToUpper([title])")
	checkPage(t, page)
	b.post("/apps/webex/draft", "revision", revision, "do", "rebase").is(http.StatusConflict).has("p", "Both have changed")
	b.post("/apps/webex/draft", "revision", revision, "do", "rebase", "take:User/attribute/title", "yours").to("/apps/webex/draft?said=rebased")
	b.post("/apps/webex/draft", "revision", revision, "do", "apply").is(http.StatusConflict).has("p", "The draft was changed by")
	revision = b.get("/apps/webex/draft").value("revision")
	b.post("/apps/webex/draft", "revision", revision, "do", "apply", "note", "titles in capitals").to("/apps/webex/versions?said=applied&number=3")
	if got := titleOf(w.state(w.out)); got != "ToUpper([title])" {
		t.Errorf("in force is %s", got)
	}
	page = b.get("/apps/webex/versions?said=applied&number=3")
	page.has("h2", "Version 3 against 2")
	page.has("bdi", "titles in capitals")
	page.has("del", "from ToLower([title])")
	checkPage(t, page)
	b.post("/apps/webex/versions", "number", "3").is(http.StatusConflict).has("p", "Version 3 says what is in force")
	b.get("/apps/webex/versions?number=1").has("button", "Roll back as a draft")
	b.post("/apps/webex/versions", "number", "1").to("/apps/webex/draft?said=rolled-back")
	b.post("/apps/webex/versions", "number", "2").is(http.StatusConflict).has("p", "apply or discard it first")
	revision = b.get("/apps/webex/draft").value("revision")
	b.post("/apps/webex/draft", "revision", revision, "do", "discard").to("/apps/webex?said=draft-discarded")
	b.get("/apps/webex/draft").has("p", "There is no draft.")
}

// titleOf is the expression that gives people their title.
func titleOf(j provision.Job) string {
	for _, a := range j.Rules.Objects[0].Attributes {
		if a.Target == "title" {
			return strings.TrimSpace(a.Source.Expression)
		}
	}
	return ""
}

// TestDraftLook: what a draft adds to pages is no wider than they are, and has no fault that axe knows.
func TestDraftLook(t *testing.T) {
	if !*everyPage {
		t.Skip("with -every-page")
	}
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	edit := "/apps/webex/mappings/edit?" + url.Values{"type": {"User"}, "target": {"title"}}.Encode()
	b.post(edit, "type", "User", "version", "draft-0", "target", "title", "kind", "expression", "expression", "ToUpper([title])",
		"empty", "keep", "when", "always", "do", "save").to("/apps/webex/mappings?said=drafted")
	b.look(looked{Name: "draft-bar", Path: "/apps/webex/mappings?said=drafted"}, looked{Name: "draft-impact", Path: "/apps/webex/draft"},
		looked{Name: "draft-apply", Path: "/apps/webex/scope", Click: "button[commandfor=apply-draft]"})
	j := w.state(w.out)
	for i, a := range j.Rules.Objects[0].Attributes {
		if a.Target == "title" {
			j.Rules.Objects[0].Attributes[i].Source = &rule.MappingSource{Type: rule.FromFunction, Expression: `ToLower([title])`}
		}
	}
	w.must(w.db.PutJob(t.Context(), nobody, j))
	b.look(looked{Name: "draft-behind", Path: "/apps/webex/draft"}, looked{Name: "versions", Path: "/apps/webex/versions?number=2"})
}
