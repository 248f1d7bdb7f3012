package connection_test

import (
	"slices"
	"testing"

	"lockstep/connection"
	"lockstep/scim"
)

// TestThen: what is written after an operation is what was written before, with what it added and without what it took away; what an
// operation does not speak of stays.
func TestThen(t *testing.T) {
	refs := func(ids ...string) []connection.Reference {
		var all []connection.Reference
		for _, id := range ids {
			all = append(all, connection.Reference{Attribute: connection.Members, To: connection.Ref{Type: connection.UserType, ID: id}})
		}
		return all
	}
	old, now := scim.Object{{Name: "displayName", Value: "G"}}, scim.Object{{Name: "displayName", Value: "H"}}
	for _, c := range []struct {
		op     connection.Operation
		values scim.Object
		refs   []connection.Reference
	}{
		{connection.Operation{}, old, refs("1", "2")},
		{connection.Operation{Add: refs("3")}, old, refs("1", "2", "3")},
		{connection.Operation{Add: refs("2")}, old, refs("1", "2")},
		{connection.Operation{Remove: refs("1"), Add: refs("3")}, old, refs("2", "3")},
		{connection.Operation{After: now}, now, refs("1", "2")},
	} {
		w := connection.Written{Values: old, References: refs("1", "2"), Made: true, Paths: []string{"displayName"}}
		next := w.Then(&c.op)
		if !scim.Equal(next.Values, c.values) || !slices.Equal(next.References, c.refs) || !next.Made || len(next.Paths) != 1 {
			t.Errorf("%+v: %+v", c.op, next)
		}
		if !slices.Equal(w.References, refs("1", "2")) {
			t.Errorf("%+v changed what it was told", c.op)
		}
	}
	if (*connection.Written)(nil).Then(&connection.Operation{}) != nil {
		t.Error("of a target that does not replace nothing is kept")
	}
}
