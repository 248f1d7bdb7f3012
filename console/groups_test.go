package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
)

// group is the id of the group of a name.
func (w *world) group(name string) string {
	w.Helper()
	g, err := w.operator.Group(w.Context(), operate.Machine(w.tenant), name, false)
	w.must(err)
	return string(g.ID)
}

// handGroup makes a group by hand, with people and groups in it.
func (w *world) handGroup(name string, people, groups []string) string {
	w.Helper()
	g, err := w.operator.CreateGroup(w.Context(), operate.Machine(w.tenant), scim.Object{{Name: "displayName", Value: name}})
	w.must(err)
	if len(people)+len(groups) > 0 {
		w.must(w.operator.ChangeMembers(w.Context(), operate.Machine(w.tenant), string(g.ID), operate.MemberChange{AddUsers: people, AddGroups: groups}))
	}
	return string(g.ID)
}

// names are the links of a table's first column.
func (a *answer) names() []string {
	a.Helper()
	var all []string
	for _, e := range a.elements() {
		if e.tag == "a" && e.inside("td") && strings.HasPrefix(e.attr["href"], "/groups/") || e.tag == "a" && e.inside("td") && strings.HasPrefix(e.attr["href"], "/people/") {
			all = append(all, e.text)
		}
	}
	return all
}

// TestGroupList: groups are found by a part of a name, by who brought them and by the app, with totals, by name, page by page.
func TestGroupList(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	w.handGroup("Zebras", []string{"ada@acme.example", "eve@acme.example"}, nil)
	w.handGroup("apes 100%", nil, []string{w.group("Everybody")})
	for path, want := range map[string][]string{
		"/groups":                                {"apes 100%", "Everybody", "Zebras"},
		"/groups?q=ZEB":                          {"Zebras"},
		"/groups?q=%25":                          {"apes 100%"},
		"/groups?q=_":                            nil,
		"/groups?q=g1":                           {"Everybody"},
		"/groups?from=hand":                      {"apes 100%", "Zebras"},
		"/groups?from=" + string(w.hr):           {"Everybody"},
		"/groups?app=" + string(w.app):           {"Everybody"},
		"/groups?from=hand&app=" + string(w.app): nil,
	} {
		a := b.get(path).is(http.StatusOK)
		checkPage(t, a)
		if got := a.names(); !slices.Equal(got, want) {
			t.Errorf("%s shows %q, want %q", path, got, want)
		}
		if len(want) > 0 {
			a.has("p", map[int]string{1: "1 group", 2: "2 groups", 3: "3 groups"}[len(want)])
		}
	}
	all := b.get("/groups")
	for row, wants := range map[string][]string{"Everybody": {"3", "by the source People"}, "Zebras": {"2", "by hand"}} {
		e := all.has("tr", row)
		for _, want := range wants {
			if !strings.Contains(e.text, strings.TrimPrefix(want, "by the ")) && !strings.Contains(e.text, want) {
				t.Errorf("the row of %s says %q, not %q", row, e.text, want)
			}
		}
	}
	if got := b.get("/groups?from=hand").value("from"); got != "hand" {
		t.Errorf("the filter shows %q", got)
	}
	first, err := w.db.FindGroups(t.Context(), w.tenant, directory.GroupSearch{Limit: 2})
	w.must(err)
	second, err := w.db.FindGroups(t.Context(), w.tenant, directory.GroupSearch{Limit: 2, After: first.Next})
	w.must(err)
	if len(first.Groups) != 2 || first.Total != 3 || len(second.Groups) != 1 || second.Next != "" || second.Groups[0].Attributes.Text("displayName") != "Zebras" {
		t.Errorf("pages of two: %+v, then %+v", first, second)
	}
	b.get("/groups?after=nonsense").is(http.StatusBadRequest)
	w.signedIn(lockstepTenant(w)).get("/groups").has("strong", "The directory has no groups yet.")
}

// TestGroupByHand: a group that an administrator has made is filled, renamed, deleted and restored; one that a source has is not.
func TestGroupByHand(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	checkPage(t, b.get("/groups/add").is(http.StatusOK))
	b.post("/groups/add", "name", "").is(http.StatusUnprocessableEntity).has("bdi", "Give it a name")
	b.post("/groups/add", "name", "everybody").is(http.StatusUnprocessableEntity).has("bdi", "of this name already")
	a := b.post("/groups/add", "name", "Pilots").is(http.StatusSeeOther)
	id := w.group("Pilots")
	a.to("/groups/" + id + "/add?said=group-added")
	at := "/groups/" + id
	checkPage(t, b.get(at).is(http.StatusOK))
	found := b.get(at + "/add?q=ada").is(http.StatusOK)
	checkPage(t, found)
	found.has("label", "Ada")
	b.post(at+"/members", "do", "add", "id", "user:"+string(w.user("ada@acme.example")), "id", "group:"+w.group("Everybody")).to(at + "?said=members-added")
	page := b.get(at).is(http.StatusOK)
	checkPage(t, page)
	if got := page.names(); !slices.Equal(got, []string{"Everybody", "Ada Lindqvist"}) {
		t.Errorf("its members are %q", got)
	}
	for q, want := range map[string][]string{"lindq": {"Ada Lindqvist"}, "eve": {"Everybody"}, "nobody": nil} {
		a := b.get(at + "?q=" + q).is(http.StatusOK)
		if got := a.names(); !slices.Equal(got, want) {
			t.Errorf("the members like %s are %q, want %q", q, got, want)
		}
	}
	b.post(at+"/members", "do", "remove").to(at + "?said=nobody-ticked")
	b.post(at+"/members", "do", "remove", "id", "group:"+w.group("Everybody")).to(at + "?said=members-removed")
	if got := b.get(at).names(); !slices.Equal(got, []string{"Ada Lindqvist"}) {
		t.Errorf("then its members are %q", got)
	}
	b.post(at+"/members", "do", "add", "id", "dog:1").is(http.StatusBadRequest)

	b.post(at+"/edit", "name", "Everybody", "was", "Pilots").is(http.StatusUnprocessableEntity)
	b.post(at+"/edit", "name", "Crew", "was", "Another").is(http.StatusConflict).has("bdi", "It is now: Pilots")
	b.post(at+"/edit", "name", "Crew", "was", "Pilots").to(at + "/edit?said=saved")
	form := b.get(at + "/edit").is(http.StatusOK)
	checkPage(t, form)
	if form.value("name") != "Crew" || form.value("was") != "Crew" {
		t.Errorf("after saving the form has %q", form.value("name"))
	}
	b.post(at + "/delete").to(at + "?said=group-deleted")
	gone := b.get(at).is(http.StatusOK)
	checkPage(t, gone)
	gone.has("p", "This group is deleted")
	b.post(at+"/edit", "name", "x", "was", "Crew").is(http.StatusConflict)
	b.post(at + "/restore").to(at)
	b.get(at).hasNot("p", "This group is deleted")

	theirs := "/groups/" + w.group("Everybody")
	own := b.get(theirs).is(http.StatusOK)
	checkPage(t, own)
	own.has("p", "They come from the source People")
	own.hasNot("a", "Change")
	for path, fields := range map[string][]string{"/members": {"do", "add", "id", "user:" + string(w.user("eve@acme.example"))}, "/edit": {"name", "Mine", "was", "Everybody"}, "/delete": nil} {
		b.post(theirs+path, fields...).is(http.StatusConflict).has("bdi", "the source People")
	}
	b.get(theirs + "/add").is(http.StatusConflict)
	b.get(theirs + "/edit").is(http.StatusConflict)
}

// TestGroupBrings: of each app the page says how the people of a group stand there, with reasons and links, and assigns the group, at once or as
// a draft.
func TestGroupBrings(t *testing.T) {
	w := newWorld(t, 2).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	at := "/groups/" + w.group("Everybody") + "/apps"
	page := b.get(at).is(http.StatusOK)
	checkPage(t, page)
	page.has("p", "5 people")
	for word, want := range map[string]string{"in scope": "4", "in conflict": "1", "left out": "0", "not looked at": "0"} {
		if e := page.has("a", word); !strings.HasPrefix(e.text, want) {
			t.Errorf("%s: %q, want %s", word, e.text, want)
		}
	}
	if got := page.names(); !slices.Equal(got, []string{"bob@old.example"}) { // his domain is not verified
		t.Errorf("first it shows %q", got)
	}
	page.link("/people/" + string(w.user("bob@old.example")))
	in := b.get(at + "?app=webex&show=in").is(http.StatusOK)
	checkPage(t, in)
	if got := in.names(); len(got) != 4 {
		t.Errorf("in scope are %q", got)
	}
	pilots := w.handGroup("Pilots", []string{"eve@acme.example"}, []string{"Everybody"})
	at = "/groups/" + pilots + "/apps"
	empty := b.get(at).is(http.StatusOK)
	checkPage(t, empty)
	empty.has("strong", "It brings its members into no app.")
	b.post(at, "do", "assign", "to", "").is(http.StatusUnprocessableEntity).has("p", "Choose an app.")
	b.post(at, "do", "assign", "to", "webex|captain").is(http.StatusUnprocessableEntity).has("p", "no role")
	b.post(at, "do", "draft", "to", "webex|user").to("/apps/webex/draft?said=drafted")
	d, err := w.operator.Draft(t.Context(), operate.Machine(w.tenant), "webex")
	w.must(err)
	if len(d.Assigned) != 1 || d.Assigned[0].To != pilots {
		t.Errorf("the draft assigns %+v", d.Assigned)
	}
	b.get(at).has("strong", "It brings its members into no app.")
	b.post(at, "do", "assign", "to", "webex|user").to(at + "?said=assigned")
	page = b.get(at).is(http.StatusOK)
	checkPage(t, page)
	page.has("p", "As User; direct members only")
	page.has("p", "1 person")
	if got := page.names(); !slices.Equal(got, []string{"eve@acme.example"}) {
		t.Errorf("it brings %q", got)
	}
	j := w.state(w.out)
	j.Policy.Nested = true
	w.must(w.db.PutJob(t.Context(), nobody, j))
	b.get(at).has("p", "6 people")
}

// TestAssignSeveral: several people and groups are assigned at once, or written into the draft of an app that runs.
func TestAssignSeveral(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	pilots := w.handGroup("Pilots", nil, nil)
	const at = "/apps/webex/assignments"
	page := b.get(at).is(http.StatusOK)
	checkPage(t, page)
	page.has("button", "Into the draft")
	several := []string{"role", "user", "to", "user:" + string(w.user("eve@acme.example")), "to", "group:" + pilots}
	b.post(at, append(several, "do", "draft")...).to("/apps/webex/draft?said=drafted")
	assigned := func() int {
		t.Helper()
		all, err := w.operator.Assignments(t.Context(), operate.Machine(w.tenant), "webex")
		w.must(err)
		return len(all)
	}
	d, err := w.operator.Draft(t.Context(), operate.Machine(w.tenant), "webex")
	w.must(err)
	if len(d.Assigned) != 2 || assigned() != 1 {
		t.Errorf("the draft assigns %d, and %d are assigned", len(d.Assigned), assigned())
	}
	b.post(at, several...).to(at + "?said=assigned")
	if got := assigned(); got != 3 {
		t.Errorf("%d are assigned, want 3", got)
	}
	b.post(at, "role", "user").is(http.StatusUnprocessableEntity).has("p", "Tick people or groups")
	b.post(at, "role", "user", "to", "dog:1").is(http.StatusBadRequest)
}

// TestGroupRights: who may not change people sees groups and changes none; who may not see apps is shown none.
func TestGroupRights(t *testing.T) {
	w := newWorld(t, 0).filled()
	at := "/groups/" + w.handGroup("Pilots", []string{"ada@acme.example"}, nil)
	reader := w.holding("people:read")
	reader.get("/groups").is(http.StatusOK).hasNot("a", "Add a group")
	reader.get(at).is(http.StatusOK).hasNot("a", "Change")
	reader.get("/groups/"+w.group("Everybody")+"/apps").is(http.StatusOK).has("strong", "into no app")
	for path, fields := range map[string][]string{
		"/groups/add": {"name", "x"}, at + "/members": {"do", "add", "id", "user:" + string(w.user("eve@acme.example"))}, at + "/edit": {"name", "x", "was", "Pilots"}, at + "/delete": nil, at + "/restore": nil,
		at + "/apps": {"do", "assign", "to", "webex|user"},
	} {
		reader.post(path, fields...).is(http.StatusForbidden)
	}
	keeper := w.holding("people:write apps:read")
	keeper.post(at+"/apps", "do", "assign", "to", "webex|user").is(http.StatusForbidden)
	keeper.get(at+"/apps").is(http.StatusOK).has("p", "no other app that you may assign it to")
	other := w.signedIn(lockstepTenant(w))
	for _, path := range []string{at, at + "/apps", at + "/edit", at + "/add"} {
		other.get(path).is(http.StatusNotFound)
	}
	none := w.holding("apps:read")
	none.get("/groups").is(http.StatusForbidden)
	none.get(at).is(http.StatusForbidden)
}

// TestLookGroups is TestLook for the pages about groups.
func TestLookGroups(t *testing.T) {
	if !*everyPage {
		t.Skip("CI and whoever wants pictures look at every page")
	}
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	b.look(w.groupLooks(b)...)
}

// groupLooks are the pages about groups of a company that has some of each kind.
func (w *world) groupLooks(b *browser) []looked {
	w.Helper()
	for _, name := range []string{"Accounting", "Contact centre agents", "Engineering", "Night shift"} {
		w.handGroup(name, []string{"eve@acme.example"}, nil)
	}
	pilots := "/groups/" + w.handGroup("Pilots", []string{"ada@acme.example", "grace@acme.example", "eve@acme.example"}, []string{"Everybody"})
	everybody := "/groups/" + w.group("Everybody")
	deleted := "/groups/" + w.handGroup("Old crew", nil, nil)
	b.post(deleted + "/delete").is(http.StatusSeeOther)
	return []looked{
		{Name: "groups-list", Path: "/groups"}, {Name: "groups-filtered", Path: "/groups?from=hand&q=e"}, {Name: "group-add", Path: "/groups/add"}, {Name: "group-theirs", Path: everybody},
		{Name: "group-hand", Path: pilots}, {Name: "group-add-members", Path: pilots + "/add?q=a"}, {Name: "group-brings", Path: everybody + "/apps"}, {Name: "group-brings-in", Path: everybody + "/apps?app=webex&show=in"},
		{Name: "group-brings-none", Path: pilots + "/apps"}, {Name: "group-change", Path: pilots + "/edit"}, {Name: "group-delete", Path: pilots + "/edit", Click: "button[commandfor=delete-group]"},
		{Name: "group-take-out", Path: pilots, Click: "button[commandfor=take-out]"}, {Name: "group-deleted", Path: deleted},
	}
}
