package scim_test

import (
	"strings"
	"testing"

	"lockstep/scim"
)

func TestMembers(t *testing.T) {
	for _, c := range []struct{ name, ops, want string }{
		{"Okta: remove by filter and add", `{"op":"remove","path":"members[value eq \"1\"]"},{"op":"add","path":"members","value":[{"value":"2","display":"b"}]}`, "+2 -1"},
		{"Entra ID: lists", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"1"},{"value":"2"}]},{"op":"Remove","path":"members","value":[{"value":"3"}]}`, "+1 +2 -3"},
		{"Entra ID's documentation: $ref eq null", `{"op":"Remove","path":"members[$ref eq null and value eq \"1\"]"}`, "-1"},
		{"or", `{"op":"remove","path":"members[value eq \"1\" or value eq \"2\"]"}`, "-1 -2"},
		{"bare ids", `{"op":"add","path":"members","value":["1","2"]}`, "+1 +2"},
		{"one member", `{"op":"add","path":"Members","value":{"value":"1"}}`, "+1"},
		{"with URN", `{"op":"add","path":"` + scim.GroupURN + `:members","value":["1"]}`, "+1"},
		{"the last one counts", `{"op":"add","path":"members","value":["1","2"]},{"op":"remove","path":"members[value eq \"1\"]"},{"op":"remove","path":"members","value":["3"]},{"op":"add","path":"members","value":["3"]}`, "+2 +3 -1"},
		{"replace", `{"op":"add","path":"members","value":["1"]},{"op":"replace","path":"members","value":["2","3"]},{"op":"remove","path":"members[value eq \"3\"]"}`, "= +2"},
		{"replace by none, SCIM-SDK#757", `{"op":"replace","path":"members","value":[]}`, "="},
		{"remove all", `{"op":"remove","path":"members"}`, "="},
		{"remove an empty list removes nobody", `{"op":"remove","path":"members","value":[]}`, ""},
		{"without a path", `{"op":"replace","value":{"displayName":"H","members":[{"value":"1"}]}}`, "= +1 rest replace displayName"},
		{"others", `{"op":"replace","path":"displayName","value":"H"},{"op":"add","path":"members","value":["1"]}`, "+1 rest replace displayName"},
		{"none", `{"op":"replace","path":"displayName","value":"H"}`, "rest replace displayName"},
		{"a sub-attribute", `{"op":"replace","path":"members[value eq \"1\"].type","value":"User"}`, "no"},
		{"another filter", `{"op":"remove","path":"members[type eq \"User\"]"}`, "no"},
		{"no value", `{"op":"add","path":"members","value":[{"display":"x"}]}`, "no"},
	} {
		p, err := scim.ParsePatch([]byte(`{"Operations":[`+c.ops+`]}`), scim.Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := describe(p.Members()); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func describe(d scim.MemberDelta, rest scim.Patch, ok bool) string {
	if !ok {
		return "no"
	}
	var out []string
	if d.Replace {
		out = append(out, "=")
	}
	for _, m := range d.Add {
		out = append(out, "+"+m.Text("value"))
	}
	for _, id := range d.Remove {
		out = append(out, "-"+id)
	}
	for _, op := range rest.Operations {
		out = append(out, "rest "+string(op.Op)+" "+op.Path.String())
	}
	return strings.Join(out, " ")
}

// Operations made in Go need no path either.
func TestMembersWithoutPath(t *testing.T) {
	value := object(t, `{"displayName":"H","members":["1"]}`)
	p := scim.Patch{Operations: []scim.Operation{{Op: scim.OpAdd, Value: value}, {Op: scim.OpReplace, Value: object(t, `{"displayName":"I"}`)}}}
	d, rest, ok := p.Members()
	if !ok || len(d.Add) != 1 || len(rest.Operations) != 2 {
		t.Errorf("%v %v %v", d, rest, ok)
	}
	o, changed, err := rest.Apply(scim.GroupType(), object(t, `{"displayName":"G"}`))
	if err != nil || !changed || o.Text("displayName") != "I" {
		t.Errorf("%s %v %v", show(o), changed, err)
	}
}
