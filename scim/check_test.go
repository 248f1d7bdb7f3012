package scim_test

import (
	"strings"
	"testing"

	"lockstep/scim"
	"lockstep/scim/filter"
)

const (
	ent  = scim.EnterpriseUserURN
	core = `"schemas":["` + scim.UserURN + `"]`
	both = `"schemas":["` + scim.UserURN + `","` + ent + `"]`
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"RFC 7643 §2.1, scim2-models#39: canonical names", `{"UserName":"a","NAME":{"GIVENNAME":"A"}}`, `{` + core + `,"userName":"a","name":{"givenName":"A"}}`},
		{"RFC 7644 §3.3: read-only input is ignored", `{"userName":"a","id":"1","meta":{"created":"x"},"groups":[{"value":"1"}]}`, `{` + core + `,"userName":"a"}`},
		{"Entra ID: unknown schemas and attributes", `{"schemas":["` + scim.UserURN + `","http://schemas.microsoft.com/2006/11/x"],"userName":"a","shoe":1,"roles":[]}`, `{` + core + `,"userName":"a"}`},
		{"snipe-it#12642, Google: SCIM 1 in schemas", `{"schemas":["urn:scim:schemas:core:1.0"],"userName":"a"}`, `{` + core + `,"userName":"a"}`},
		{"scimmy#86: booleans as text", `{"userName":"a","active":"True","emails":[{"value":"b","primary":"false"}]}`, `{` + core + `,"userName":"a","active":true,"emails":[{"value":"b","primary":false}]}`},
		{"15five/django-scim2: emails as an object", `{"userName":"a","emails":{"value":"b"}}`, `{` + core + `,"userName":"a","emails":[{"value":"b"}]}`},
		{"emails as texts", `{"userName":"a","emails":["b"]}`, `{` + core + `,"userName":"a","emails":[{"value":"b"}]}`},
		{"directory-scimple#1242: a bare manager", `{"userName":"a","` + ent + `":{"manager":"9"}}`, `{` + both + `,"userName":"a","` + ent + `":{"manager":{"value":"9"}}}`},
		{"a manager cleared", `{"userName":"a","` + ent + `":{"manager":"","department":"R"}}`, `{` + both + `,"userName":"a","` + ent + `":{"department":"R"}}`},
		{"a manager with an empty value", `{"userName":"a","` + ent + `":{"manager":{"value":""}}}`, `{` + core + `,"userName":"a"}`},
		{"Microsoft's samples: the URN typed wrong", `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"department":"R"}}`, `{` + both + `,"userName":"a","` + ent + `":{"department":"R"}}`},
		{"RFC 7643 §2.4: one of each type and value", `{"userName":"a","emails":[{"value":"b","type":"work"},{"type":"work","value":"b"},{"value":"b","type":"home"}]}`, `{` + core + `,"userName":"a","emails":[{"value":"b","type":"work"},{"value":"b","type":"home"}]}`},
		{"RFC 7643 §2.3.6: Base64", `{"userName":"a","x509Certificates":[{"value":"AQID"}]}`, `{` + core + `,"userName":"a","x509Certificates":[{"value":"AQID"}]}`},
	} {
		in := object(t, c.text)
		kept := in.Clone()
		o, err := scim.UserType().Check(in, scim.Mode{})
		if err != nil || show(o) != c.want {
			t.Errorf("%s: %s, %v\nwant %s", c.name, show(o), err, c.want)
		}
		if !scim.Equal(in, kept) {
			t.Errorf("%s: the original changed", c.name)
		}
		again, err := scim.UserType().Check(o, scim.Mode{Strict: true, RefuseUnknown: true})
		if err != nil || show(again) != show(o) {
			t.Errorf("%s: checked again strictly: %s, %v", c.name, show(again), err)
		}
	}
}

func TestCheckErrors(t *testing.T) {
	strict, closed := scim.Mode{Strict: true}, scim.Mode{RefuseUnknown: true}
	for _, c := range []struct {
		name, text string
		mode       scim.Mode
		want       string
	}{
		{"RFC 7643 §4.1.1: userName is required", `{"displayName":"a"}`, scim.Mode{}, "400 invalidValue"},
		{"so it is not blank", `{"userName":" "}`, scim.Mode{}, "400 invalidValue"},
		{"a wrong type", `{"userName":1}`, scim.Mode{}, "400 invalidValue"},
		{"an object for a text", `{"userName":{"value":"a"}}`, scim.Mode{}, "400 invalidValue"},
		{"two values for a single attribute", `{"userName":["a","b"]}`, scim.Mode{}, "400 invalidValue"},
		{"RFC 7643 §2.4: two primaries", `{"userName":"a","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, scim.Mode{}, "400 invalidValue"},
		{"RFC 7643 §2.3.6: not Base64", `{"userName":"a","x509Certificates":[{"value":"A*"}]}`, scim.Mode{}, "400 invalidValue"},
		{"too long", `{"userName":"` + strings.Repeat("ä", 255) + `"}`, scim.Mode{}, "400 invalidValue"},
		{"too many values", `{"userName":"a","emails":["1","2","3","4","5","6","7","8","9","10","11"]}`, scim.Mode{}, "400 invalidValue"},
		{"the extension is no object", `{"userName":"a","` + ent + `":"x"}`, scim.Mode{}, "400 invalidValue"},
		{"the extension twice", `{"userName":"a","` + ent + `":{"division":"x"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"division":"x"}}`, scim.Mode{}, "400 invalidSyntax"},
		{"strict: a boolean as text", `{` + core + `,"userName":"a","active":"true"}`, strict, "400 invalidValue"},
		{"strict: one value for a list", `{` + core + `,"userName":"a","emails":{"value":"b"}}`, strict, "400 invalidValue"},
		{"strict: no schemas", `{"userName":"a"}`, strict, "400 invalidSyntax"},
		{"unknown attribute refused", `{"userName":"a","shoe":1}`, closed, "400 invalidSyntax"},
		{"unknown sub-attribute refused", `{"userName":"a","name":{"shoe":1}}`, closed, "400 invalidSyntax"},
		{"unknown schema refused", `{"schemas":["urn:x"],"userName":"a"}`, closed, "400 invalidValue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := scim.UserType().Check(object(t, c.text), c.mode)
			checkError(t, err, c.want)
		})
	}
}

func TestCheckModes(t *testing.T) {
	ty := scim.UserType()
	o, err := ty.Check(object(t, `{"id":"1","meta":{"version":"W/\"1\""}}`), scim.Mode{KeepReadOnly: true, Partial: true})
	if err != nil || o.Text("id") != "1" || !o.Has("meta") {
		t.Errorf("kept: %s, %v", show(o), err)
	}
	_, err = scim.GroupType().Check(object(t, `{"displayName":"G","members":[{"display":"x"},{"type":"User"}]}`), scim.Mode{})
	checkError(t, err, "400 invalidValue") // a member has a value
}

// TestCheckElements: an element of a list without what every element has is refused, lest the list be taken for an empty one.
func TestCheckElements(t *testing.T) {
	for _, members := range []string{`[{"display":"Ann"}]`, `[{"value":null}]`, `[{}]`, `[null]`, `[""]`, `[{"value":"1"}, null]`} {
		o, err := scim.DecodeWhole([]byte(`{"displayName":"G","members":` + members + `}`))
		if err == nil {
			_, err = scim.GroupType().Check(o, scim.Mode{})
		}
		checkError(t, err, "400 invalidValue")
	}
	for _, members := range []string{`[]`, `null`} {
		o, err := scim.DecodeWhole([]byte(`{"displayName":"G","members":` + members + `}`))
		if err == nil {
			o, err = scim.GroupType().Check(o, scim.Mode{})
		}
		if err != nil || o.Has("members") {
			t.Errorf("%s: %s, %v", members, show(o), err)
		}
	}
}

// A thousand members with duplicates: the same as with few.
func TestCheckManyMembers(t *testing.T) {
	var members scim.List
	for i := range 1000 {
		members = append(members, string(rune('a'+i%26)))
	}
	o, err := scim.GroupType().Check(scim.Object{{Name: "displayName", Value: "G"}, {Name: "members", Value: members}}, scim.Mode{})
	if err != nil || len(o.Get("members").(scim.List)) != 26 {
		t.Errorf("%s, %v", show(o), err)
	}
}

func TestClosedValues(t *testing.T) {
	s := scim.UserSchema()
	a := s.Attribute("userType")
	a.CanonicalValues, a.Closed = []string{"user", "room"}, true
	if s.Attribute("name.givenName") == nil || s.Attribute("name.x") != nil || s.Attribute("x") != nil {
		t.Error("Schema.Attribute")
	}
	ty, err := scim.NewType(scim.ResourceType{Name: "User", Schema: scim.UserURN}, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = ty.Check(object(t, `{"userName":"a","userType":"Room"}`), scim.Mode{}); err != nil {
		t.Error(err)
	}
	_, err = ty.Check(object(t, `{"userName":"a","userType":"robot"}`), scim.Mode{})
	checkError(t, err, "400 invalidValue")
	a.CaseExact = true
	if ty, err = scim.NewType(scim.ResourceType{Name: "User", Schema: scim.UserURN}, s); err != nil {
		t.Fatal(err)
	}
	_, err = ty.Check(object(t, `{"userName":"a","userType":"Room"}`), scim.Mode{})
	checkError(t, err, "400 invalidValue")
}

// TestDataTypes: what each type of RFC 7643 §2.3 takes, and what it does not.
func TestDataTypes(t *testing.T) {
	for kind, values := range map[string]struct{ takes, refuses []string }{
		scim.String:    {[]string{`"x"`, `""`, `"é😀"`}, []string{`1`, `true`, `{"value": "x"}`}},
		scim.Boolean:   {[]string{`true`, `false`, `"TRUE"`}, []string{`"yes"`, `1`, `{"value": true}`}},
		scim.Decimal:   {[]string{`1.5`, `-2`, `1e3`}, []string{`"1.5"`, `true`}},
		scim.Integer:   {[]string{`7`, `-7`}, []string{`7.5`, `"7"`, `true`}},
		scim.DateTime:  {[]string{`"2008-01-23T04:56:22Z"`, `"2008-01-23T04:56:22.123+02:00"`, `"2008-01-23T04:56:22"`}, []string{`"2008-01-23"`, `"now"`, `1201064182`}},
		scim.Binary:    {[]string{`"AQID"`, `"AQI="`, `"A-_9"`}, []string{`"A*"`, `"A"`, `7`}},
		scim.Reference: {[]string{`"https://example.com/x"`, `"../Users/1"`, `"urn:x:y"`}, []string{`7`, `true`}},
		scim.Complex:   {[]string{`{"part": "x"}`, `[{"part": "x"}]`}, []string{`"x"`, `7`}},
	} {
		s := &scim.Schema{ID: "urn:example:2.0:Thing", Attributes: []scim.Attribute{{Name: "a", Type: kind}}}
		if kind == scim.Complex {
			s.Attributes[0].SubAttributes = []scim.Attribute{{Name: "part"}}
		}
		ty, err := scim.NewType(scim.ResourceType{Name: "Thing", Schema: s.ID}, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values.takes {
			if _, err := ty.Check(object(t, `{"a": `+v+`}`), scim.Mode{}); err != nil {
				t.Errorf("%s does not take %s: %v", kind, v, err)
			}
		}
		for _, v := range values.refuses {
			_, err := ty.Check(object(t, `{"a": `+v+`}`), scim.Mode{})
			checkError(t, err, "400 invalidValue")
		}
	}
}

func TestNewTypeErrors(t *testing.T) {
	rt := scim.ResourceType{Name: "Thing", Schema: "urn:example:2.0:Thing"}
	for name, schema := range map[string]*scim.Schema{
		"no schema":       nil,
		"unknown type":    {ID: rt.Schema, Attributes: []scim.Attribute{{Name: "a", Type: "text"}}},
		"twice":           {ID: rt.Schema, Attributes: []scim.Attribute{{Name: "a"}, {Name: "A"}}},
		"twice in a part": {ID: rt.Schema, Attributes: []scim.Attribute{{Name: "a", Type: "complex", SubAttributes: []scim.Attribute{{Name: "b"}, {Name: "B"}}}}},
	} {
		if _, err := scim.NewType(rt, schema); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := scim.NewType(rt, &scim.Schema{ID: rt.Schema}); err != nil {
		t.Error(err)
	}
}

// webexUser is the User of Webex: three schemas.
func webexUser(t testing.TB) *scim.Type {
	t.Helper()
	ty, err := scim.NewType(scim.ResourceType{
		Name: "User", Endpoint: "/Users", Schema: scim.UserURN,
		Extensions: []scim.Extension{{Schema: ent}, {Schema: scim.CiscoUserURN}},
	}, scim.UserSchema(), scim.EnterpriseUserSchema(), scim.CiscoUserSchema())
	if err != nil {
		t.Fatal(err)
	}
	return ty
}

func TestCanonical(t *testing.T) {
	ty := webexUser(t)
	for text, want := range map[string]string{
		"USERNAME":                             "userName",
		scim.UserURN + ":name.GIVENNAME":       "name.givenName",
		"department":                           ent + ":department",
		"manager.value":                        ent + ":manager.value",
		strings.ToUpper(ent) + ":Manager":      ent + ":manager",
		ent:                                    ent,
		scim.CiscoUserURN + ".licenseID":       scim.CiscoUserURN + ":licenseID",
		scim.CiscoUserURN + ":licenseID.value": scim.CiscoUserURN + ":licenseID.value",
		`emails[type eq "work"].VALUE`:         `emails[type eq "work"].value`,
		"shoe":                                 "",
		"name.shoe":                            "",
		"userName.value":                       "",
		"urn:x:y:2.0:User:userName":            "",
	} {
		p, err := filter.ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ty.Canonical(p)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, got, ok, want)
		}
	}
	if a, ok := ty.Attribute(filter.Path{Attr: "Emails", Sub: "TYPE"}); !ok || a.Name != "type" {
		t.Errorf("Attribute: %v, %v", a, ok)
	}
}

// TestTypeFilter: filter, and its canonical form; "" when it is refused as invalidFilter.
func TestTypeFilter(t *testing.T) {
	ty := webexUser(t)
	for text, want := range map[string]string{
		`USERNAME eq "x"`:                             `userName eq "x"`,
		`emails eq "x"`:                               `emails.value eq "x"`,
		`department sw "R"`:                           ent + `:department sw "R"`,
		`manager eq "9"`:                              ent + `:manager.value eq "9"`,
		`active eq "True"`:                            `active eq true`,
		`emails[Primary eq "TRUE"].Value pr`:          `emails[primary eq true].value pr`,
		`employeeNumber eq 17`:                        ent + `:employeeNumber eq "17"`,
		`licenseID[value eq "x"]`:                     scim.CiscoUserURN + `:licenseID[value eq "x"]`,
		`not (name pr) or a eq 1 and title pr`:        ``,
		`not (name pr) or id eq "1" and nickName pr`:  `not (name pr) or id eq "1" and nickName pr`,
		ent + ` pr`:                                   ent + ` pr`,
		`active gt "x"`:                               ``, // RFC 7644 §3.4.2.2: no order
		`active eq "perhaps"`:                         ``,
		`active co "t"`:                               ``,
		`x509Certificates.value lt "AA"`:              ``,
		`password eq "x"`:                             ``, // never returned, never guessed
		`name eq "x"`:                                 ``,
		`name eq null`:                                `name eq null`,
		`userName[value eq "x"]`:                      ``,
		`emails[shoe eq 1]`:                           ``,
		`shoe pr`:                                     ``,
		`userName eq true`:                            ``,
		`meta.lastModified gt "2020-01-01T00:00:00Z"`: `meta.lastModified gt "2020-01-01T00:00:00Z"`,
		`meta.lastModified gt "yesterday"`:            ``, // RFC 7643 §2.3.5: or it would find nobody and say nothing
		`meta.lastModified sw "2020"`:                 `meta.lastModified sw "2020"`,
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ty.Filter(e)
		if want == "" {
			checkError(t, err, "400 invalidFilter")
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
}
