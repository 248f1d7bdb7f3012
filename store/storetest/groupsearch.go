package storetest

import (
	"slices"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// testGroupSearch: groups are found by a part of a name in any case, by who has them and by the app, in the order of their names whatever the page.
func testGroupSearch(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	client := lockstep.NewID[lockstep.TokenID]()
	put := func(by audit.Actor, as, name, external string) lockstep.GroupID {
		t.Helper()
		g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: scim.Object{{Name: "displayName", Value: name}, {Name: "externalId", Value: external}}}
		_, err := c.db.Commit(t.Context(), c.tenant, by, "", directory.PutGroup{Group: g, Client: as != ""})
		c.ok(err)
		return g.ID
	}
	crew := put(admin, "", "Crew 100%", "X-1")
	doctors := put(admin, "", "ärzte", "")
	put(audit.Actor{Kind: audit.Token, ID: string(client), Name: "entra"}, string(client), "Pilots", "")
	gone := put(admin, "", "Gone", "")
	_, err := c.db.Commit(t.Context(), c.tenant, admin, "", directory.DeleteGroup{ID: gone})
	c.ok(err)
	app := directory.App{ID: lockstep.NewID[lockstep.AppID](), Slug: "crm", Name: "CRM"}
	_, err = c.db.Commit(t.Context(), c.tenant, admin, "", directory.PutApp{App: app}, directory.PutAssignment{Assignment: directory.Assignment{
		ID: lockstep.NewID[lockstep.AssignmentID](), App: app.ID, Kind: directory.GroupKind, To: string(crew),
	}}, directory.AddMembers{Group: crew, Members: []directory.Member{{Kind: directory.GroupKind, ID: string(doctors)}}})
	c.ok(err)
	names := func(q directory.GroupSearch) (all []string, f directory.GroupsFound) {
		t.Helper()
		f, err := c.db.FindGroups(t.Context(), c.tenant, q)
		c.ok(err)
		for _, g := range f.Groups {
			all = append(all, g.Attributes.Text("displayName"))
		}
		return all, f
	}
	for _, one := range []struct {
		q    directory.GroupSearch
		want []string
	}{
		{directory.GroupSearch{}, []string{"Crew 100%", "Pilots", "ärzte"}},
		{directory.GroupSearch{Text: "ÄRZ"}, []string{"ärzte"}},
		{directory.GroupSearch{Text: "%"}, []string{"Crew 100%"}},
		{directory.GroupSearch{Text: "_"}, nil},
		{directory.GroupSearch{Text: "x-1"}, []string{"Crew 100%"}},
		{directory.GroupSearch{Owner: directory.ByHand}, []string{"Crew 100%", "ärzte"}},
		{directory.GroupSearch{Owner: directory.SCIMOwner + string(client)}, []string{"Pilots"}},
		{directory.GroupSearch{App: app.ID}, []string{"Crew 100%"}},
		{directory.GroupSearch{App: app.ID, Owner: directory.SCIMOwner + string(client)}, nil},
	} {
		got, f := names(one.q)
		if !slices.Equal(got, one.want) || f.Total != len(one.want) || f.Next != "" {
			t.Errorf("%+v finds %q of %d, want %q", one.q, got, f.Total, one.want)
		}
	}
	_, all := names(directory.GroupSearch{})
	if g := all.Groups[0]; g.Members != 1 || len(g.Claims) != 1 || g.Claims[0].Owner != directory.ByHand || all.Groups[1].Claims[0].Owner != directory.SCIMOwner+string(client) {
		t.Errorf("found %+v", all.Groups)
	}
	first, f := names(directory.GroupSearch{Limit: 2})
	second, end := names(directory.GroupSearch{Limit: 2, After: f.Next})
	if !slices.Equal(append(first, second...), []string{"Crew 100%", "Pilots", "ärzte"}) || f.Total != 3 || end.Total != 3 || end.Next != "" {
		t.Errorf("pages of two: %q, %q of %d", first, second, f.Total)
	}
	_, err = c.db.FindGroups(t.Context(), c.tenant, directory.GroupSearch{After: "here"})
	c.fails(err, lockstep.CodeInvalid)
	other := c.add("other")
	if f, err := c.db.FindGroups(t.Context(), other, directory.GroupSearch{}); err != nil || len(f.Groups) != 0 || f.Total != 0 {
		t.Errorf("of another tenant %+v, %v", f, err)
	}
}
