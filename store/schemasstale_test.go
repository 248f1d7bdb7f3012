package store_test

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
)

// TestStaleSchemasRefuseNobody: a node that last looked at the tenant's schemas before another node changed them refuses nothing
// by what they were.
func TestStaleSchemasRefuseNobody(t *testing.T) {
	t.Parallel()
	all := nodes(t, 2)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	const urn = "urn:acme:params:scim:schemas:desk:2.0:User"
	define := func(names ...string) {
		t.Helper()
		e := directory.Extension{Kind: directory.UserKind, Schema: scim.Schema{ID: urn, Name: "Desk"}}
		for _, name := range names {
			e.Schema.Attributes = append(e.Schema.Attributes, scim.Attribute{Name: name, Type: scim.String})
		}
		if _, err := all[0].Commit(t.Context(), tenant.ID, audit.Actor{}, "", directory.PutExtension{Extension: e}); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, attribute string) {
		t.Helper()
		p := person(name)
		p.User.Attributes.Set(urn, scim.Object{{Name: attribute, Value: "x"}})
		if _, err := all[1].Commit(t.Context(), tenant.ID, audit.Actor{}, "", p); err != nil {
			t.Error(err)
		}
	}
	define("floor")
	write("ada", "floor")
	define("floor", "room")
	write("bob", "room")
}
