package console_test

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/mirror"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
)

// job finds a job by its slug.
func (w *world) jobOf(slug string) provision.Job {
	w.Helper()
	all, err := w.db.ListJobs(w.Context(), w.tenant)
	w.must(err)
	i := slices.IndexFunc(all, func(j provision.Job) bool { return j.Slug == slug })
	if i < 0 {
		w.Fatalf("there is no job %s", slug)
	}
	return all[i]
}

// value is what a field of the page holds.
func (a *answer) value(name string) string {
	a.Helper()
	all := a.elements()
	for _, e := range all {
		switch {
		case e.attr["name"] != name:
		case e.tag == "textarea":
			return e.text
		case e.attr["type"] == "radio", e.attr["type"] == "checkbox":
			if _, is := e.attr["checked"]; is {
				return e.attr["value"]
			}
		case e.tag == "select":
			for _, o := range all {
				if _, is := o.attr["selected"]; is && o.tag == "option" && slices.Contains(o.within, e) {
					return o.attr["value"]
				}
			}
		default:
			return e.attr["value"]
		}
	}
	return ""
}

// TestAdd: an app is found in the gallery by a part of its name, offered beside the one that is there, and is a draft.
func TestAdd(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.get("/apps").has("a", "Add an app")
	b.get("/add/apps").has("a", "SCIM 2.0 application")
	found := b.get("/add/apps?q=cisco")
	found.has("a", "Cisco Webex")
	found.hasNot("a", "SCIM 2.0 application")
	b.get("/add/apps?q=csv").has("strong", "Nothing in the gallery is called that.")
	form := b.get("/add/apps/webex")
	form.has("a", "Cisco Webex") // the one that is there
	if name, slug := form.value("name"), form.value("slug"); name != "Cisco Webex 2" || slug != "webex-2" {
		t.Errorf("offered as %q, %q", name, slug)
	}
	b.get("/add/apps/csvfile").is(http.StatusNotFound)
	b.get("/add/things").is(http.StatusNotFound)

	wrong := b.post("/add/apps/webex", "name", "Globex", "slug", "Glo bex").is(http.StatusUnprocessableEntity)
	if wrong.value("name") != "Globex" || wrong.value("slug") != "Glo bex" {
		t.Error("what was written is lost")
	}
	slug := wrong.has("input", "")
	for _, e := range wrong.elements() {
		if e.attr["name"] == "slug" {
			slug = e
		}
	}
	if slug.attr["aria-invalid"] != "true" || !strings.Contains(slug.attr["aria-describedby"], "f-slug-error") {
		t.Errorf("the field is %v", slug.attr)
	}
	checkPage(t, wrong)
	b.post("/add/apps/webex", "name", "Globex", "slug", "webex").is(http.StatusUnprocessableEntity).has("p", "exists already")
	b.post("/add/apps/webex", "name", "Globex", "slug", "globex").to("/apps/globex?said=added")
	page := b.get("/apps/globex?said=added")
	page.has("p", "Added, as a draft.")
	page.has("span", "Draft")
	page.has("a", "Assign one person to test with")
	page.hasNot("section", "Why it is stopped")
	if j := w.jobOf("globex"); !j.Draft() || j.Name != "Globex" || !j.Manual {
		t.Errorf("got %+v", j)
	}
	due, err := w.db.Provision().Due(t.Context(), w.now())
	w.must(err)
	for _, j := range due {
		if j.Slug == "globex" {
			t.Error("a draft is due")
		}
	}
	b.post("/apps/globex/state", "state", "active").to("/apps/globex")
	if w.jobOf("globex").Draft() {
		t.Error("it is still a draft")
	}
	b.post("/add/sources/csvfile", "name", "Payroll", "slug", "payroll").to("/sources/payroll?said=added")
}

const globexID = "a35bfbc6-ccbd-4a17-a488-72af46c5420c"

// TestConnection: what the instructions print is taken apart, wrong ids are named, a secret is never shown, and saving is reloading.
func TestConnection(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/add/apps/webex", "name", "Globex", "slug", "globex").is(http.StatusSeeOther)
	const at = "/apps/globex/connection"
	taken := b.post(at, "paste", "https://api.ciscospark.com/v1/scim/"+globexID, "set-region", "government", "do", "take").is(http.StatusOK)
	if taken.value("set-organization") != globexID || taken.value("set-region") != "commercial" {
		t.Errorf("taken apart: %q, %q", taken.value("set-organization"), taken.value("set-region"))
	}
	taken.has("code", "https://webexapis.com/identity/scim/"+globexID+"/v2")
	if w.jobOf("globex").Connection.Settings["organization"] != "" {
		t.Error("taking apart saves")
	}
	person := base64.StdEncoding.EncodeToString([]byte("ciscospark://us/PEOPLE/" + globexID))
	b.post(at, "paste", person, "do", "take").is(http.StatusUnprocessableEntity).has("p", "not of an organisation")
	refused := b.post(at, "set-organization", "acme", "set-region", "commercial", "secret-token", "hidden-secret", "do", "save").is(http.StatusUnprocessableEntity)
	refused.has("p", "is no organisation id")
	if refused.value("set-organization") != "acme" || strings.Contains(refused.body, "hidden-secret") {
		t.Error("the organisation is lost, or the secret is shown")
	}
	checkPage(t, refused)

	redirect := "http://localhost:3000/auth/code#access_token=sesame-token&token_type=Bearer&expires_in=31536000&state=x"
	b.post(at, "set-organization", globexID, "set-region", "government", "redirect", redirect, "do", "save").to(at + "?said=saved")
	j := w.jobOf("globex")
	if s, _, err := w.db.Provision().Secret(t.Context(), w.tenant, j.ID, "token"); err != nil || s != "sesame-token" {
		t.Errorf("the token is %q, %v", s, err)
	}
	saved := b.get(at + "?said=saved")
	saved.has("p", "Saved.")
	saved.has("p", "A value is kept and never shown")
	if strings.Contains(saved.body, "sesame") {
		t.Error("the secret is shown")
	}
	if saved.value("set-organization") != globexID || saved.value("set-region") != "government" || saved.value("set-token_expires") == "" {
		t.Errorf("after loading again: %q, %q, %q", saved.value("set-organization"), saved.value("set-region"), saved.value("set-token_expires"))
	}
	b.post(at, "set-organization", globexID, "set-region", "government", "redirect", "http://localhost:3000/auth/code?code=abc", "do", "save").
		is(http.StatusUnprocessableEntity).has("p", "holds a code, no token")

	tested := b.post("/apps/webex/connection", "set-region", "commercial", "do", "test").is(http.StatusOK)
	tested.has("h2", "Test of the connection")
	tested.has("span", "what is kept is authorised")
	checkPage(t, tested)
	w.org.ExpireTokens()
	failed := b.post("/apps/webex/connection", "set-region", "commercial", "do", "test").is(http.StatusOK)
	failed.has("span", "It does not work yet")
}

// TestDraftSaysWhatComesNext: a draft that is not connected yet tells of nobody, and says what is to be given; where nobody is left to assign, it says so.
func TestDraftSaysWhatComesNext(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/add/apps/webex", "name", "Globex", "slug", "globex").is(http.StatusSeeOther)
	empty := b.get("/apps/globex")
	if e := empty.has("a", "Add one person to test with"); e.attr["href"] != "/people/add" {
		t.Errorf("it leads to %s", e.attr["href"])
	}
	b.get("/apps/globex/assignments").has("a", "Add a person")
	b.post("/people/add", "user-name", "ada@acme.example").is(http.StatusSeeOther)
	ada := string(w.user("ada@acme.example"))
	b.get("/apps/globex").hasNot("a", "Add one person to test with")
	page := b.get("/people/" + ada)
	page.has("p", "It is not set up yet. Still to be given: Organisation ID, Bearer token.")
	panel := page.has("section", "Globex")
	if strings.Contains(panel.text, "not allowed here") {
		t.Errorf("it says %q", panel.text)
	}
	checkPage(t, page)
	assign := page.has("a", "Assign… to Globex").attr["href"]
	b.get(assign).has("label", "ada@acme.example")
	checkPage(t, b.get("/apps/globex/try?who=user:"+ada))
	b.post("/apps/globex/assignments", "to", "user:"+ada, "role", "user").is(http.StatusSeeOther)
	b.get("/apps/globex/assignments").has("strong", "Everybody is assigned.")
}

// TestAssignments: somebody is found by a part of a name, assigned with a role, and withdrawn.
func TestAssignments(t *testing.T) {
	w := newWorld(t, 3)
	w.run(w.hr)
	b := w.signedIn(w.tenant)
	a := b.get("/apps/webex/assignments?q=lindq").is(http.StatusOK)
	a.has("strong", "Nobody is assigned yet.")
	a.has("label", "Ada Lindqvist")
	a.hasNot("label", "Eve Outside")
	to := ""
	for _, e := range a.elements() {
		if e.attr["name"] == "to" {
			to = e.attr["value"]
		}
	}
	b.post("/apps/webex/assignments").is(http.StatusUnprocessableEntity).has("p", "Tick people or groups")
	b.post("/apps/webex/assignments", "to", to, "role", "king").is(http.StatusUnprocessableEntity).has("p", "has no role")
	b.post("/apps/webex/assignments", "to", to, "role", "user").to("/apps/webex/assignments?said=assigned")
	a = b.get("/apps/webex/assignments?said=assigned&q=lindq")
	a.has("td", "ada@acme.example")
	a.has("strong", "Nobody else is called that.")
	checkPage(t, a)
	all, err := w.operator.Assignments(t.Context(), operate.Machine(w.tenant), "webex")
	w.must(err)
	b.post("/apps/webex/assignments/" + string(all[0].ID) + "/remove").to("/apps/webex/assignments?said=withdrawn")
	b.get("/apps/webex/assignments").has("strong", "Nobody is assigned yet.")
	b.get("/apps/webex/assignments?q=every").has("label", "Everybody")
}

// TestMappings: the table shows a real person's values, a mapping is tried before it is saved, what cannot be is named beside its
// field, and the defaults come back.
func TestMappings(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	ada := string(w.user("ada@acme.example"))
	table := b.get("/apps/webex/mappings?person=" + ada)
	if row := table.has("tr", "title"); !strings.Contains(row.text, "Engineer") {
		t.Errorf("the row says %q", row.text)
	}
	table.has("th", "ada@acme.example gets")
	if row := table.has("tr", "userName"); !strings.Contains(row.text, "first") {
		t.Errorf("the row says %q", row.text)
	}
	table.hasNot("button", "Restore defaults")
	edit := "/apps/webex/mappings/edit?" + url.Values{"type": {"User"}, "target": {"title"}}.Encode()
	form := b.get(edit)
	if form.value("target") != "title" || form.value("kind") != "attribute" || form.value("attribute") != "title" || form.value("empty") != "clear" {
		t.Errorf("the form has %q %q %q %q", form.value("target"), form.value("kind"), form.value("attribute"), form.value("empty"))
	}
	form.has("h2", "What people get")
	form.hasNot("h2", "not saved yet")
	form.has("dd", "Engineer")
	sent := func(do string, more ...string) []string {
		return append(more, "type", "User", "version", form.value("version"), "target", "title", "kind", "expression", "empty", "keep", "when", "always", "do", do)
	}
	tried := b.post(edit, sent("try", "expression", `ToUpper([title])`)...).is(http.StatusOK)
	tried.has("h2", "not saved yet")
	tried.has("dd", "ENGINEER")
	b.post(edit, sent("try", "expression", "ToUpper([title]")...).is(http.StatusUnprocessableEntity).has("bdi", "closing parenthesis")
	if tried.value("expression") != "ToUpper([title])" || w.state(w.out).Config != 1 || form.value("version") != "draft-0" {
		t.Errorf("trying loses the expression %q, or saves it", tried.value("expression"))
	}
	checkPage(t, tried)
	b.post(edit, sent("save", "expression", `ToUpper(`)...).is(http.StatusUnprocessableEntity)
	unknown := b.post(edit, sent("save", "expression", `ToUpper([titel])`)...).is(http.StatusUnprocessableEntity)
	if e := unknown.has("p", "did you mean"); e.attr["id"] != "f-expression-error" {
		t.Errorf("it stands at %v", e.attr)
	}
	b.post(edit, sent("save", "expression", `ToUpper([title])`)...).to("/apps/webex/mappings?said=drafted")
	if again := b.get(edit); again.value("expression") != "ToUpper([title])" || again.value("kind") != "expression" || again.value("empty") != "keep" {
		t.Errorf("after loading again: %q %q %q", again.value("kind"), again.value("expression"), again.value("empty"))
	}
	b.post(edit, sent("save", "expression", `ToLower([title])`)...).is(http.StatusUnprocessableEntity).has("li", "has begun a draft in the meantime")
	if w.state(w.out).Config != 1 {
		t.Error("a draft is in force")
	}
	nowhere := b.post("/apps/webex/mappings/edit?type=User", "type", "User", "version", b.get(edit).value("version"), "target", "titel", "kind", "attribute", "attribute", "title", "empty", "clear", "when", "always", "do", "save").is(http.StatusUnprocessableEntity)
	nowhere.has("p", "titel")

	changed := b.get("/apps/webex/mappings")
	changed.has("li", "title is changed")
	b.post("/apps/webex/mappings/restore", "type", "User", "version", b.get(edit).value("version")).to("/apps/webex/mappings?said=drafted")
	b.get("/apps/webex/mappings").hasNot("button", "Restore defaults")
}

// TestWhatMayBeDone: what may be done to accounts is chosen on the page of the mappings, and never nothing.
func TestWhatMayBeDone(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const at = "/apps/webex/mappings"
	page := b.get(at)
	checkPage(t, page)
	version := page.value("version")
	for _, name := range []string{"create", "update", "delete"} {
		if page.value(name) != "on" {
			t.Errorf("%s is %q", name, page.value(name))
		}
	}
	b.post(at+"/actions", "type", "User", "version", version).is(http.StatusUnprocessableEntity)
	b.post(at+"/actions", "type", "User", "version", version, "create", "on", "update", "on").to(at + "?said=drafted")
	again := b.get(at)
	if again.value("create") != "on" || again.value("update") != "on" || again.value("delete") != "" {
		t.Errorf("after saving: %q %q %q", again.value("create"), again.value("update"), again.value("delete"))
	}
	b.get(at+"?type=Group").has("h2", "What may be done")
	b.post("/apps/webex/draft", "revision", strings.TrimPrefix(again.value("version"), "draft-"), "do", "apply").is(http.StatusSeeOther)
	if j := w.state(w.out); j.Rules.Objects[0].Flow != "Add, Update" || j.Rules.Objects[1].Flow != "Add, Update, Delete" {
		t.Errorf("in force: %q, %q", j.Rules.Objects[0].Flow, j.Rules.Objects[1].Flow)
	}
}

// TestWhenMappingsFlow: each choice of when a mapping flows is the same after it was saved.
func TestWhenMappingsFlow(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const edit = "/apps/webex/mappings/edit?type=User&target=title"
	for when, want := range map[string]string{"create": "on create only", "add": "adds only", "again": "each time anew", "always": "always"} {
		b.post(edit, "type", "User", "version", b.get(edit).value("version"), "target", "title", "kind", "attribute", "attribute", "title", "empty", "keep", "when", when, "do", "save").is(http.StatusSeeOther)
		if got := b.get(edit).value("when"); got != when {
			t.Errorf("%s is %q after saving", when, got)
		}
		if row := b.get("/apps/webex/mappings").has("tr", "title"); !strings.Contains(row.text, want) {
			t.Errorf("%s: the row says %q", when, row.text)
		}
	}
}

// TestScope: who falls out is shown before anything is saved, and a condition that cannot be is named at its place.
func TestScope(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	const at = "/apps/webex/scope"
	version := "draft-0"
	fields := func(do, attribute, operator, value string) []string {
		return []string{"version", version, "g0-name", "Engineers", "g0-c0-attribute", attribute, "g0-c0-operator", operator, "g0-c0-value", value, "do", do}
	}
	b.get(at).has("h2", "Scoping filter")
	checked := b.post(at, fields("check", "title", "EQUALS", "Engineer")...).is(http.StatusOK)
	checked.has("strong", "6 → become 4 in scope")
	checked.has("h3", "Falls out: 2")
	checked.has("li", "grace@acme.example")
	if checked.value("g0-c0-value") != "Engineer" || clausesOf(w.state(w.out)) != 0 {
		t.Error("checking loses the condition, or saves it")
	}
	checkPage(t, checked)
	wrong := b.post(at, fields("save", "titel", "EQUALS", "Engineer")...).is(http.StatusUnprocessableEntity)
	if e := wrong.has("p", "did you mean"); e.attr["id"] != "g0-c0-error" {
		t.Errorf("it stands at %v", e.attr)
	}
	checkPage(t, wrong)
	more := b.post(at, fields("add-0", "title", "EQUALS", "Engineer")...).is(http.StatusOK)
	if more.value("g0-c0-value") != "Engineer" || len(more.find("label", "and attribute")) != 1 {
		t.Error("a further condition loses the first")
	}
	b.post(at, fields("save", "title", "EQUALS", "Engineer")...).to(at + "?said=drafted")
	if again := b.get(at); again.value("g0-c0-attribute") != "title" || again.value("g0-c0-operator") != "EQUALS" || again.value("g0-c0-value") != "Engineer" || again.value("g0-name") != "Engineers" {
		t.Errorf("after loading again: %s", again.says())
	}
	if clausesOf(w.state(w.out)) != 0 {
		t.Error("a draft is in force")
	}
	version = b.get(at).value("version")
	b.post(at, fields("save", "title", "EQUALS", "Chief")...).to(at + "?said=drafted") // nobody is asked: nothing goes out by it
}

// TestScopeBeforeItRuns: of an app that was never turned on there is no draft; in mode automatic, where it goes out at once, who leaves is
// shown before.
func TestScopeBeforeItRuns(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	j := w.state(w.out)
	j.ID, j.Slug, j.Config, j.State, j.Manual, j.Cycle = lockstep.NewID[lockstep.JobID](), "globex", 0, provision.Paused, false, nil
	w.must(w.db.PutJob(t.Context(), nobody, j))
	const at = "/apps/globex/scope"
	form := []string{"version", b.get(at).value("version"), "g0-name", "Chiefs", "g0-c0-attribute", "title", "g0-c0-operator", "EQUALS", "g0-c0-value", "Chief", "do", "save"}
	asked := b.post(at, form...).is(http.StatusOK)
	if w.state(j.ID).Config != 1 {
		t.Error("it was saved unasked")
	}
	b.post(at, append(form, "sure", asked.value("sure"))...).to(at + "?said=scoped")
	if clausesOf(w.state(j.ID)) != 1 {
		t.Error("it was not saved")
	}
}

func clausesOf(j provision.Job) int {
	n := 0
	for _, g := range j.Rules.Objects[0].Scope.Groups {
		n += len(g.Clauses)
	}
	return n
}

// TestSettings: every form that is saved reads the same when it is loaded again, and deleting asks for the name.
func TestSettings(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const at = "/apps/webex/settings"
	values := []string{
		"name", "Webex of Acme", "mode", "auto", "scope", "everyone", "nested", "on", "default_role", "on", "groups", "on", "leave", "delete", "missing", "detach",
		"count", "7", "percent", "12.5", "interval", "40", "rate", "5", "connections", "3", "drift", "6h0m0s",
	}
	b.post(at, append(values, "version", "draft-0")...).to(at + "?said=drafted")
	again := b.get(at)
	for i := 0; i < len(values); i += 2 {
		if got := again.value(values[i]); got != values[i+1] {
			t.Errorf("%s is %q after saving %q", values[i], got, values[i+1])
		}
	}
	if j := w.state(w.out); j.Manual || j.Policy.Everyone || j.Name != "Webex of Acme" {
		t.Errorf("name and mode change at once, and nothing else: %+v", j)
	}
	b.post("/apps/webex/draft", "revision", strings.TrimPrefix(again.value("version"), "draft-"), "do", "apply", "note", "for Q1").to("/apps/webex/versions?said=applied&number=2")
	j := w.state(w.out)
	if j.Manual || !j.Policy.Everyone || j.Policy.OnLeave != rule.LeaveDelete || j.Policy.Guard.Percent != 12.5 || j.Policy.Interval.Minutes() != 40 {
		t.Errorf("got %+v", j.Policy)
	}
	shown := b.get(at) // by two people
	kept := func(change ...string) []string {
		all := []string{"version", shown.value("version"), "was-name", shown.value("was-name"), "was-mode", shown.value("was-mode")}
		for i := 0; i < len(values); i += 2 {
			value := shown.value(values[i])
			if change[0] == values[i] {
				value = change[1]
			}
			all = append(all, values[i], value)
		}
		return all
	}
	if shown.value("was-name") != "Webex of Acme" || shown.value("was-mode") != "auto" {
		t.Errorf("the page does not say what it has shown: %q, %q", shown.value("was-name"), shown.value("was-mode"))
	}
	b.post(at, kept("mode", "manual")...).is(http.StatusSeeOther)
	b.post(at, kept("name", "Webex")...).is(http.StatusSeeOther)
	if j := w.state(w.out); !j.Manual || j.Name != "Webex" {
		t.Errorf("of two who changed different things there is %q, manual %v", j.Name, j.Manual)
	}
	wrong := b.post(at, append(values, "count", "many")...) // the first value of a name counts
	wrong.is(http.StatusSeeOther)
	bad := slices.Clone(values)
	bad[17], bad[1] = "many", ""
	refused := b.post(at, bad...).is(http.StatusUnprocessableEntity)
	refused.has("a", "Name")
	if refused.value("count") != "many" {
		t.Error("what was written is lost")
	}
	checkPage(t, refused)
	b.post("/apps/webex/run", "whole", "yes").is(http.StatusSeeOther)
	if head, err := w.db.Mirrors().Head(t.Context(), mirror.ID{Tenant: w.tenant, Connection: w.out}); err != nil || head.Whole == 0 {
		t.Errorf("nothing is to be read: %+v %v", head, err)
	}
	b.post("/apps/webex/delete", "sure", "yes").is(http.StatusUnprocessableEntity)
	b.post("/apps/webex/delete", "sure", "webex").to("/apps?said=deleted")
	b.get("/apps/webex").is(http.StatusNotFound)
	b.post("/sources/hr/delete", "sure", "hr").to("/sources?said=deleted")
}

// TestGroups: a group's page says who is in it and where it brings them.
func TestGroups(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	b.get("/groups?q=EVERY").has("a", "Everybody")
	b.get("/groups?q=nobody").has("strong", "No group is like that.")
	g := b.get(b.get("/groups").has("a", "Everybody").attr["href"]).is(http.StatusOK)
	g.has("a", "Ada Lindqvist")
	brings := b.get(g.has("a", "What it brings").attr["href"]).is(http.StatusOK)
	if s := brings.has("section", "Cisco Webex"); !strings.Contains(s.text, "direct members only") {
		t.Errorf("it says %q", s.text)
	}
	checkPage(t, g)
	b.get("/groups/x").is(http.StatusNotFound)
	b.get("/people?q=lindq").has("a", "Ada Lindqvist")
}

// TestActivity: what has happened everywhere, and who did it.
func TestActivity(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	b.get("/activity").has("summary", "ada@acme.example")
	failed := b.get("/activity?outcome=failed")
	failed.has("summary", "bob@old.example")
	failed.hasNot("summary", "ada@acme.example")
	b.get("/activity?q=nobody").has("strong", "No line matches.")
	b.get("/activity?q=app:webex+outcome:failed+error:target+BOB+since:2h+id:x").to("/activity?app=webex&code=target&outcome=failed&q=BOB+id%3Ax&since=2h")
	shared := b.get("/activity?app=webex&kind=create&who=ada&q=lock+ada&since=2h").is(http.StatusOK)
	if n := len(shared.find("summary", "")); n != 0 {
		t.Errorf("%d lines have a word that is nowhere", n)
	}
	shared = b.get("/activity?app=webex&kind=create&who=ADA&q=acme.ex+ada&since=2h").is(http.StatusOK)
	if n := len(shared.find("summary", "ada@acme.example")); n != 1 || len(shared.find("summary", "")) != 1 {
		t.Errorf("%d lines say that Ada was created, of %d", n, len(shared.find("summary", "")))
	}
	for name, want := range map[string]string{"who": "ADA", "q": "acme.ex ada", "since": "2h"} {
		if got := shared.value(name); got != want {
			t.Errorf("the field %s has %q", name, got)
		}
	}
	shared.has("ins", "ada@acme.example") // the values
	b.get("/activity?until=1h").has("strong", "No line matches.")
	for _, wrong := range []string{"outcome=x", "kind=x", "app=x", "since=yesterday", "since=1h&until=2h", "after=x", "line=x", "q=" + strings.Repeat("x", 201)} {
		b.get("/activity?"+wrong).is(http.StatusBadRequest).has("h2", "The filter cannot be read")
	}
	faulty := b.get("/activity?outcome=bad").is(http.StatusBadRequest)
	faulty.has("p", "outcome “bad”")
	if _, selected := faulty.has("option", "bad").attr["selected"]; !selected {
		t.Error("what was wrong in the filter is lost")
	}
	var line string
	for _, a := range failed.find("a", "Link to this line") {
		line = a.attr["href"]
	}
	one := b.get(line)
	one.has("summary", "bob@old.example")
	if n := len(one.find("summary", "")); n != 1 {
		t.Errorf("a link to a line shows %d", n)
	}
	b.get("/activity/audit").has("td", "signed in to the console")
	b.get("/activity/audit?who=MIA&q=signed&since=1h").has("td", "signed in to the console")
	b.get("/activity/audit?object=app").hasNot("td", "signed in to the console")
	b.get("/activity/audit?until=2020-01-01").has("strong", "No line matches.")
	b.get("/activity/audit?since=x").is(http.StatusBadRequest).has("h2", "The filter cannot be read")
	same := b.get("/activity/audit?object=app").has("td", "Cisco Webex")
	if same == nil {
		t.Error("nothing tells of the app")
	}
	for _, path := range []string{"/activity", "/activity?since=x", "/activity/audit", "/activity/audit?q=none", "/settings", line} {
		checkPage(t, b.get(path))
	}
}

// TestActivityPages: going on from page to page shows every line once, over all apps and sources, with the filter kept.
func TestActivityPages(t *testing.T) {
	w := newWorld(t, 60).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	seen := map[string]int{}
	path, n := "/activity?kind=create&q=.example", 0
	for ; path != ""; n++ {
		a := b.get(path).is(http.StatusOK)
		for _, l := range a.find("a", "Link to this line") {
			seen[l.attr["href"]]++
		}
		path = ""
		for _, next := range a.find("a", "Next page") {
			path = next.attr["href"]
		}
	}
	const all = 60 + 4 + 60 + 3 // at the source, and at Webex without Eve
	if n != (all+49)/50 || len(seen) != all {
		t.Errorf("%d pages have %d lines", n, len(seen))
	}
	for line := range strings.Lines(b.get("/activity/log.jsonl?kind=create&q=.example").is(http.StatusOK).body) {
		var l struct{ ID string }
		w.must(json.Unmarshal([]byte(line), &l))
		seen["/activity?line="+l.ID]--
	}
	for href, times := range seen {
		if times != 0 {
			t.Fatalf("the export has %s %d times", href, 1-times)
		}
	}
}

// TestExport: a file has exactly what the page's filter lets through, on whatever page it is asked for, and no cell is a formula.
func TestExport(t *testing.T) {
	w := newWorld(t, 0)
	w.put("people.csv", []byte("id,userName,displayName\np1,=1+1@acme.example,@SUM\np2,ada@acme.example,Ada\n"))
	w.put("groups.csv", []byte("id,displayName,members\ng1,-Everybody,p1;p2\n"))
	w.filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	file := b.get("/activity/log.csv?app=hr&kind=create&after=" + string(w.hr)).is(http.StatusOK)
	if got := file.resp.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="provisioning-log-20`) {
		t.Errorf("it is %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	w.must(err)
	if len(rows) != 1+3 {
		t.Errorf("%d lines", len(rows))
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	if !strings.Contains(file.body, "'=1+1@acme.example") || !strings.Contains(file.body, "userName: nothing → =1+1@acme.example") {
		t.Errorf("it lacks a name or a value:\n%s", file.body)
	}
	for range strings.Lines(b.get("/activity/log.jsonl?outcome=done&who=ada").is(http.StatusOK).body) {
		rows = rows[1:]
	}
	if n := 4 - len(rows); n != 2 { // created at both ends
		t.Errorf("%d lines are about Ada", n)
	}
	for _, path := range []string{"/activity/log.csv?app=none", "/activity/log.jsonl?kind=x", "/activity/audit.csv?since=x"} {
		if a := b.get(path); a.resp.StatusCode < 400 || a.resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: status %d", path, a.resp.StatusCode)
		}
	}
	audit := b.get("/activity/audit.csv?q=signed").is(http.StatusOK)
	if n := strings.Count(audit.body, "\n"); n != 2 {
		t.Errorf("the audit log has %d lines:\n%s", n, audit.body)
	}
	if !strings.Contains(b.get("/activity/audit.jsonl?object=console").is(http.StatusOK).body, `"verb":"signed in to"`) {
		t.Error("the audit log lacks who signed in")
	}
	w.newBrowser().get("/activity/log.csv").is(http.StatusUnauthorized)
}

// TestImport: mappings are taken over from a schema of Entra ID into the draft, what cannot be is named, and what is exported reads in.
func TestImport(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const at = "/apps/webex/mappings/import"
	page := b.get(at)
	checkPage(t, page)
	version := page.value("version")
	checkPage(t, b.post(at, "version", version, "schema", "{").is(http.StatusUnprocessableEntity))
	if refused := b.post(at, "version", version, "schema", `{"value": []}`).is(http.StatusUnprocessableEntity); refused.value("schema") != `{"value": []}` {
		t.Error("what was pasted is lost")
	}
	done := b.post(at, "version", version, "schema", `{"synchronizationRules": [{"objectMappings": [{"name": "Provision Users", "sourceObjectName": "User", "targetObjectName": "urn:ietf:params:scim:schemas:core:2.0:User", "flowTypes": "Add, Update",
		"scope": {"groups": [{"name": "x", "clauses": [{"sourceOperandName": "department", "operatorName": "EQUALS", "targetOperand": {"values": ["Sales"]}}]}]}, "attributeMappings": [
		{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"type": "Attribute", "name": "userPrincipalName", "expression": "[userPrincipalName]"}},
		{"targetAttributeName": "nickName", "source": {"type": "Attribute", "name": "mailNickname", "expression": "[mailNickname]"}},
		{"targetAttributeName": "title", "source": {"type": "Attribute", "name": "extensionAttribute7", "expression": "[extensionAttribute7]"}}]}]}]}`).is(http.StatusOK)
	done.has("h3", "3 parts were not taken over")
	done.has("bdi", "extensionAttribute7")
	checkPage(t, done)
	b.post(at, "version", version, "schema", `{"objectMappings": [{"sourceObjectName": "User", "targetObjectName": "User", "attributeMappings": [{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}]}]}`).
		is(http.StatusUnprocessableEntity).has("p", "in the meantime")
	table := b.get("/apps/webex/mappings")
	table.has("bdi", "userPrincipalName")
	if table.value("delete") != "on" {
		t.Error("what may be done is taken over")
	}
	table.has("tr", "active") // which disables who leaves
	if j := w.state(w.out); j.Rules.Objects[0].Flow != "Add, Update, Delete" {
		t.Error("it is in force before the draft is applied")
	}
	file := b.get("/apps/webex/mappings/export")
	if got := file.resp.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="webex-mappings-20`) {
		t.Errorf("got %s", got)
	}
	again := b.post(at, "version", b.get(at).value("version"), "schema", file.body).is(http.StatusOK)
	again.has("p", "Everything could be taken over.")
}
