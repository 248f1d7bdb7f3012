package scim_test

import (
	"testing"

	"lockstep/scim"
)

func TestProjection(t *testing.T) {
	const user = `{"schemas":["u"],"id":"1","userName":"a","password":"p","name":{"givenName":"A","familyName":"B"},"shoe":1,` +
		`"emails":[{"type":"work","value":"w"}],"inheritances":[{"value":"r"}],"` + ent + `":{"department":"R","division":"D"}}`
	for _, c := range []struct{ name, include, exclude, want string }{
		{
			"RFC 7643 §7: never and request stay out by default", "", "",
			`{"schemas":["u"],"id":"1","userName":"a","name":{"givenName":"A","familyName":"B"},"shoe":1,"emails":[{"type":"work","value":"w"}],"` + ent + `":{"department":"R","division":"D"}}`,
		},
		{"RFC 7644 §3.9: id and schemas are always there", "userName", "", `{"schemas":["u"],"id":"1","userName":"a"}`},
		{"never, even when named", "password", "", `{"schemas":["u"],"id":"1"}`},
		{"on request", "inheritances", "", `{"schemas":["u"],"id":"1","inheritances":[{"value":"r"}]}`},
		{"a sub-attribute", "NAME.givenName, emails.value", "", `{"schemas":["u"],"id":"1","name":{"givenName":"A"},"emails":[{"value":"w"}]}`},
		{"with URN", ent + ":department", "", `{"schemas":["u"],"id":"1","` + ent + `":{"department":"R"}}`},
		{"an extension", ent, "", `{"schemas":["u"],"id":"1","` + ent + `":{"department":"R","division":"D"}}`},
		{"a core attribute with URN", scim.UserURN + ":userName", "", `{"schemas":["u"],"id":"1","userName":"a"}`},
		{"an unknown one", "shoeSize", "", `{"schemas":["u"],"id":"1"}`},
		{
			"excluded", "", "name.givenName,emails,shoe,id," + ent + ":division",
			`{"schemas":["u"],"id":"1","userName":"a","name":{"familyName":"B"},"shoe":1,"` + ent + `":{"department":"R"}}`,
		},
		{"an extension excluded", "", ent + ",name,emails", `{"schemas":["u"],"id":"1","userName":"a","shoe":1}`},
	} {
		p, err := scim.ParseProjection(c.include, c.exclude)
		if err != nil {
			t.Fatal(err)
		}
		o := object(t, user)
		if got := show(p.Apply(scim.UserType(), o)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if show(o) != show(object(t, user)) {
			t.Errorf("%s: the original changed", c.name)
		}
	}
	_, err := scim.ParseProjection("userName", "emails")
	checkError(t, err, "400 invalidValue")
	_, err = scim.ParseProjection(`emails[type eq "work"]`, "")
	checkError(t, err, "400 invalidPath")
}

func TestProjectionWants(t *testing.T) {
	for _, c := range []struct {
		include, exclude, path string
		want                   bool
	}{
		{"", "", "members", true},
		{"", "members", "members", false}, // Entra ID asks for groups so
		{"", "MEMBERS.display", "members", true},
		{"", "members.display", "members.display", false},
		{"displayName", "", "members", false},
		{"members.value", "", "members", true},
		{"members.value", "", "members.display", false},
		{"", "id", "id", true},
		{"", "", "shoe", false},
	} {
		p, err := scim.ParseProjection(c.include, c.exclude)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Wants(scim.GroupType(), path(t, c.path)); got != c.want {
			t.Errorf("+%s -%s: wants %s: %v", c.include, c.exclude, c.path, got)
		}
	}
	var none *scim.Projection
	if !none.Wants(scim.GroupType(), path(t, "members")) || !none.IsDefault() {
		t.Error("the nil Projection is the default")
	}
}
