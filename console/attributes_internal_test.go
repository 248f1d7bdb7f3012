package console

import (
	"testing"

	"lockstep/operate"
)

// TestAttributeGroups: a long list is divided by what its attributes are parts of, and what was looked for is not folded away.
func TestAttributeGroups(t *testing.T) {
	v := attributesView{}
	add := func(paths ...string) {
		for _, p := range paths {
			v.Rows = append(v.Rows, attributeRow{Attribute: operate.Attribute{Path: p}})
		}
	}
	const ent = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"
	add("userName", "name.givenName", "name.familyName", "name.formatted", `emails[type eq "work"].value`, `emails[type eq "home"].value`, ent+"department", ent+"division", ent+"manager.value")
	for range 20 {
		add(`phoneNumbers[type eq "work"].value`)
	}
	v.Rows[1].From = "given"
	got := map[string]attributeGroupView{}
	for _, g := range v.groups() {
		got[g.Name] = g
	}
	for name, n := range map[string]int{"On their own": 3, "name": 3, "Extension enterprise": 3, "phoneNumbers": 20} {
		if len(got[name].Rows) != n || got[name].Open != (name == "On their own") {
			t.Errorf("%s has %d, open: %v", name, len(got[name].Rows), got[name].Open)
		}
	}
	if len(got) != 4 || got["name"].Filled != 1 {
		t.Errorf("the groups are %v", got)
	}
	v.Search = "name"
	for _, g := range v.groups() {
		if !g.Open {
			t.Errorf("%s is folded away though it was looked for", g.Name)
		}
	}
}
