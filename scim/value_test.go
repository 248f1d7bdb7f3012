package scim_test

import (
	"fmt"
	"testing"

	"lockstep/scim"
	"lockstep/scim/filter"
)

func path(t testing.TB, s string) filter.Path {
	t.Helper()
	p, err := filter.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestValues(t *testing.T) {
	o := object(t, `{"userName":"a","name":{"givenName":"A"},"emails":[{"type":"work","value":"w"},{"type":"home","value":"h"}],
		"licenseID":["x","y"],"`+ent+`":{"department":"R","manager":{"value":"9"}}}`)
	for text, want := range map[string]string{
		"userName":                       `["a"]`,
		"NAME.givenname":                 `["A"]`,
		"emails.value":                   `["w","h"]`,
		`emails[type eq "WORK"].value`:   `["w"]`,
		`emails[type eq "other"].value`:  `[]`,
		`emails[value sw "h"]`:           `[{"type":"home","value":"h"}]`,
		"licenseID":                      `["x","y"]`,
		`licenseID[value eq "y"]`:        `["y"]`,
		"licenseID.value":                `["x","y"]`,
		ent:                              `[{"department":"R","manager":{"value":"9"}}]`,
		ent + ":manager.value":           `["9"]`,
		"urn:acme:ext:2.0:User:shoeSize": `[]`,
		scim.UserURN + ":userName":       `["a"]`,
		"nickName":                       `[]`,
	} {
		values := scim.Values(o, path(t, text))
		if got := string(scim.AppendValue(nil, scim.List(values))); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		first := scim.First(o, path(t, text))
		if len(values) == 0 != (first == nil) || len(values) > 0 && !scim.Equal(values[0], first) {
			t.Errorf("%s: first is %v", text, first)
		}
	}
}

func TestAssign(t *testing.T) {
	for _, c := range []struct {
		before, path string
		value        any
		want         string
	}{
		{`{}`, "title", "A", `{"title":"A"}`},
		{`{"title":"A"}`, "title", nil, `{}`},
		{`{}`, "name.givenName", "A", `{"name":{"givenName":"A"}}`},
		{`{"name":{"givenName":"A","familyName":"B"}}`, "name.givenName", nil, `{"name":{"familyName":"B"}}`},
		{`{"name":{"givenName":"A"}}`, "name.givenName", nil, `{}`},
		{`{}`, `emails[type eq "work"].value`, "w", `{"emails":[{"type":"work","value":"w"}]}`},
		{`{"emails":[{"type":"home","value":"h"}]}`, `emails[type eq "work"].value`, "w", `{"emails":[{"type":"home","value":"h"},{"type":"work","value":"w"}]}`},
		{`{"emails":[{"type":"work","value":"v","primary":true}]}`, `emails[type eq "work"].value`, "w", `{"emails":[{"type":"work","value":"w","primary":true}]}`},
		{`{"emails":[{"type":"work","value":"v","primary":true}]}`, `emails[type eq "work"].value`, nil, `{}`},
		{`{}`, `roles[primary eq "True"].value`, "r", `{"roles":[{"primary":true,"value":"r"}]}`},
		{`{}`, `emails[type eq "work" and primary eq true].value`, "w", `{"emails":[{"type":"work","primary":true,"value":"w"}]}`},
		{`{}`, `emails[type eq "work"]`, "w", `{"emails":[{"type":"work","value":"w"}]}`},
		{`{}`, `emails[type eq "work"]`, scim.Object{{Name: "value", Value: "w"}}, `{"emails":[{"type":"work","value":"w"}]}`},
		{`{}`, `licenseID[value eq "x"]`, "x", `{"licenseID":["x"]}`},
		{`{"licenseID":["x","y"]}`, `licenseID[value eq "x"]`, nil, `{"licenseID":["y"]}`},
		{`{}`, ent + ":department", "R", `{"` + ent + `":{"department":"R"}}`},
		{`{"` + ent + `":{"department":"R"}}`, ent + ":department", nil, `{}`},
		{`{"` + ent + `":{"department":"R"}}`, ent, nil, `{}`},
		{`{}`, ent + ":manager.value", "9", `{"` + ent + `":{"manager":{"value":"9"}}}`},
		{`{}`, scim.UserURN + ":title", "A", `{"title":"A"}`},
		{`{"addresses":[{"country":"CH"},{"country":"IT"}]}`, "addresses.country", "AT", `{"addresses":[{"country":"AT"},{"country":"AT"}]}`},
		{`{}`, "addresses.country", nil, `{}`},
	} {
		o := object(t, c.before)
		if err := scim.Assign(&o, path(t, c.path), c.value); err != nil || show(o) != c.want {
			t.Errorf("%s: %s = %v: %s, %v; want %s", c.before, c.path, c.value, show(o), err, c.want)
		}
	}
	var o scim.Object
	checkError(t, scim.Assign(&o, path(t, `emails[type sw "w"].value`), "w"), "400 noTarget")
	checkError(t, scim.Assign(&o, path(t, ent), "w"), "400 invalidPath")
	if o != nil {
		t.Errorf("half assigned: %s", show(o))
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"nothing", `{"a":"1","l":["x","y"]}`, `{"l":["y","x"],"A":"1"}`, ""},
		{"simple", `{"a":"1","b":"2"}`, `{"b":"3","c":true}`, `a: "1" -> null; b: "2" -> "3"; c: null -> true`},
		{
			"complex", `{"name":{"givenName":"A","familyName":"B"}}`, `{"name":{"givenName":"C","middleName":"D"}}`,
			`name.givenName: "A" -> "C"; name.middleName: null -> "D"; name.familyName: "B" -> null`,
		},
		{
			"by type", `{"emails":[{"type":"work","value":"a"},{"type":"home","value":"h"}]}`, `{"emails":[{"type":"home","value":"h"},{"type":"work","value":"b","primary":true}]}`,
			`emails[type eq "work"].value: "a" -> "b"; emails[type eq "work"].primary: null -> true`,
		},
		{"new type", `{}`, `{"emails":[{"type":"work","value":"b"}]}`, `emails[type eq "work"].value: null -> "b"`},
		{
			"by value", `{"members":[{"value":"1"},{"value":"2"}]}`, `{"members":[{"value":"2","display":"B"},{"value":"3"}]}`,
			`members[value eq "1"]: {"value":"1"} -> null; members[value eq "2"].display: null -> "B"; members[value eq "3"]: null -> {"value":"3"}`,
		},
		{"texts", `{"licenseID":["x","y"]}`, `{"licenseID":["y","z"]}`, `licenseID[value eq "x"]: "x" -> null; licenseID[value eq "z"]: null -> "z"`},
		{"neither", `{"addresses":[{"country":"CH"}]}`, `{"addresses":[{"country":"IT"}]}`, `addresses: [{"country":"CH"}] -> [{"country":"IT"}]`},
		{
			"extension", `{"` + ent + `":{"department":"R"}}`, `{"` + ent + `":{"manager":{"value":"9"}}}`,
			ent + `:department: "R" -> null; ` + ent + `:manager.value: null -> "9"`,
		},
	} {
		before, after := object(t, c.before), object(t, c.after)
		got := ""
		for i, ch := range scim.Diff(before, after) {
			if i > 0 {
				got += "; "
			}
			got += fmt.Sprintf("%s: %s -> %s", ch.Path, scim.AppendValue(nil, ch.Before), scim.AppendValue(nil, ch.After))
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
