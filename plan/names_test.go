package plan

import (
	"testing"

	"lockstep/scim"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ what, got, want string }{
		{"a type", resourceType("User"), "User"},
		{"a type by its URN", resourceType("urn:ietf:params:scim:schemas:core:2.0:User"), "User"},
		{"a type behind a colon alone", resourceType(":User"), "User"},
		{"a reference", referenceName("members"), "members"},
		{"a reference by its value", referenceName("members.value"), "members"},
		{"a reference in an extension", referenceName("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"), "manager"},
		{"a user", objectName(scim.Object{{Name: "displayName", Value: "Ada"}, {Name: "userName", Value: "ada"}}, "x"), "ada"},
		{"a group", objectName(scim.Object{{Name: "displayName", Value: "Sales"}}, "x"), "Sales"},
		{"nobody", objectName(nil, "x"), "x"},
		{"a key", keyOf("userName", " A\u0308DA "), keyOf("userName", "\u00e4da")},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}
