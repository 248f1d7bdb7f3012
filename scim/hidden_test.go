package scim_test

import (
	"slices"
	"testing"

	"lockstep/scim"
)

// TestHidden: what must not be shown, in the core schema and in an extension.
func TestHidden(t *testing.T) {
	const urn = "urn:example:2.0:Badge"
	ty, err := scim.NewType(scim.ResourceType{Name: "User", Endpoint: "/Users", Schema: scim.UserURN, Extensions: []scim.Extension{{Schema: urn}}},
		scim.UserSchema(), &scim.Schema{ID: urn, Attributes: []scim.Attribute{
			{Name: "doorCode", Mutability: scim.WriteOnly},
			{Name: "badge", Type: scim.Complex, SubAttributes: []scim.Attribute{{Name: "number"}, {Name: "chipKey", Returned: scim.ReturnedNever}}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ty.Hidden(), []string{"password", "doorcode", "chipkey"}; !slices.Equal(got, want) {
		t.Errorf("hidden are %q, want %q", got, want)
	}
	if got := scim.GroupType().Hidden(); len(got) != 0 {
		t.Errorf("of a group %q", got)
	}
}
