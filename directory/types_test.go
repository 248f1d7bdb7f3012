package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// TestTypes: what the directory's types say beside the RFC.
func TestTypes(t *testing.T) {
	attribute := func(kind directory.Kind, name string) *scim.Attribute {
		t.Helper()
		var none *directory.Schemas
		a, ok := none.Type(kind).Attribute(filter.Path{Attr: name})
		if !ok {
			t.Fatalf("%s has no %s", kind, name)
		}
		return a
	}
	if got := attribute(directory.UserKind, "groups").Returned; got != scim.ReturnedRequest {
		t.Errorf("a user's groups are returned: %s", got)
	}
	if got := attribute(directory.UserKind, "password").MaxLength; got != directory.MaxPassword {
		t.Errorf("a password has at most %d characters", got)
	}
	if got, want := attribute(directory.GroupKind, "members").MaxValues, scim.GroupSchema().Attribute("members").MaxValues; got != want {
		t.Errorf("a group has at most %d members, want %d", got, want)
	}
	if got := attribute(directory.UserKind, "emails").MaxValues; got != directory.MaxValues {
		t.Errorf("a user has at most %d addresses: the limits of applications are not those of the directory", got)
	}
	if got := attribute(directory.GroupKind, "displayName").Uniqueness; got != scim.UniqueServer {
		t.Errorf("a group's name is unique: %s", got)
	}
}

// TestBounds: a tenant's schema may be as large as is said, and no larger.
func TestBounds(t *testing.T) {
	const urn = "urn:x:params:scim:schemas:badge:2.0:User"
	many := func(n int, a scim.Attribute) (list []scim.Attribute) {
		for i := range n {
			a.Name = fmt.Sprint("a", i)
			list = append(list, a)
		}
		return list
	}
	text := scim.Attribute{Name: "a", Type: scim.String}
	with := func(change func(*scim.Attribute)) []scim.Attribute {
		a := text
		change(&a)
		return []scim.Attribute{a}
	}
	for _, c := range []struct {
		name       string
		id         string
		attributes []scim.Attribute
		refused    string // part of why; "" is not
	}{
		{"one", urn, with(func(*scim.Attribute) {}), ""},
		{"the longest URN", "urn:x:" + strings.Repeat("a", 194), with(func(*scim.Attribute) {}), ""},
		{"a longer URN", "urn:x:" + strings.Repeat("a", 195), with(func(*scim.Attribute) {}), "at most 200 bytes"},
		{"none", urn, nil, "at least one"},
		{"twice", urn, []scim.Attribute{text, {Name: "A", Type: scim.String}}, "defined twice"},
		{"ten unique", urn, many(10, scim.Attribute{Type: scim.String, Uniqueness: scim.UniqueServer}), ""},
		{"eleven unique", urn, many(11, scim.Attribute{Type: scim.String, Uniqueness: scim.UniqueServer}), "At most 10"},
		{"twenty filterable", urn, many(20, scim.Attribute{Type: scim.String, Filterable: true}), ""},
		{"one more filterable", urn, many(21, scim.Attribute{Type: scim.String, Filterable: true}), "At most 20"},
		{"the longest text", urn, with(func(a *scim.Attribute) { a.MaxLength = 100_000 }), ""},
		{"a longer text", urn, with(func(a *scim.Attribute) { a.MaxLength = 100_001 }), "at most 100000"},
		{"as many indexed values", urn, with(func(a *scim.Attribute) { a.MultiValued, a.Filterable, a.MaxValues = true, true, 100 }), ""},
		{"more indexed values", urn, with(func(a *scim.Attribute) { a.MultiValued, a.Filterable, a.MaxValues = true, true, 101 }), "at most 100 values"},
	} {
		for i := range c.attributes {
			c.attributes[i].Mutability, c.attributes[i].Returned = scim.ReadWrite, scim.ReturnedDefault
			if c.attributes[i].Uniqueness == "" {
				c.attributes[i].Uniqueness = scim.UniqueNone
			}
		}
		e := directory.Extension{Kind: directory.UserKind, Schema: scim.Schema{ID: c.id, Name: "Badge", Attributes: c.attributes}}
		err := e.Validate()
		if c.refused == "" && err != nil || c.refused != "" && (lockstep.CodeOf(err) != lockstep.CodeInvalid || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
