package rule_test

import (
	"strings"
	"testing"

	"lockstep/rule"
	"lockstep/scim"
)

// thing is a type of a target with an attribute of every kind.
func thing(t *testing.T) *scim.Type {
	t.Helper()
	value := scim.Attribute{Name: "value", Type: scim.String}
	typ, err := scim.NewType(scim.ResourceType{Name: "Thing", Schema: "urn:x:2.0:Thing", Extensions: []scim.Extension{{Schema: "urn:x:2.0:More"}}},
		&scim.Schema{ID: "urn:x:2.0:Thing", Attributes: []scim.Attribute{
			{Name: "text", Type: scim.String, MaxLength: 3},
			{Name: "flag", Type: scim.Boolean},
			{Name: "count", Type: scim.Integer},
			{Name: "share", Type: scim.Decimal},
			{Name: "born", Type: scim.DateTime},
			{Name: "colour", Type: scim.String, CanonicalValues: []string{"red", "blue"}, Closed: true},
			{Name: "mood", Type: scim.String, CanonicalValues: []string{"good", "bad"}},
			{Name: "secret", Type: scim.String, Mutability: scim.WriteOnly},
			{Name: "hidden", Type: scim.String, Returned: scim.ReturnedNever},
			{Name: "notes", Type: scim.String, MultiValued: true},
			{Name: "parts", Type: scim.Complex, SubAttributes: []scim.Attribute{value, {Name: "must", Type: scim.String, Required: true}, {Name: "fixed", Type: scim.String, Mutability: scim.ReadOnly}}},
			{Name: "many", Type: scim.Complex, MultiValued: true, SubAttributes: []scim.Attribute{value, {Name: "kind", Type: scim.String}, {Name: "size", Type: scim.Integer}}},
			{Name: "made", Type: scim.Complex, Mutability: scim.ReadOnly, Required: true, SubAttributes: []scim.Attribute{value}},
		}},
		&scim.Schema{ID: "urn:x:2.0:More", Attributes: []scim.Attribute{{Name: "need", Type: scim.String, Required: true}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// TestTypedTargets: a value becomes what the target takes, or the row says what that would be.
func TestTypedTargets(t *testing.T) {
	typ := thing(t)
	key := rule.Mapping{Target: "externalId", Source: from("id"), Match: 1}
	for _, c := range []struct{ target, value, want, problem string }{
		{"text", `"abc"`, `{"text": "abc"}`, ""},
		{"text", `"äöü"`, `{"text": "äöü"}`, ""},
		{"text", `"abcd"`, `{}`, "text takes at most 3 characters, but there are 4"},
		{"text", `["a", "b"]`, `{}`, "text takes one value, but there are 2"},
		{"mood", `true`, `{"mood": "True"}`, ""},
		{"mood", `7`, `{"mood": "7"}`, ""},
		{"mood", `2.5`, `{"mood": "2.5"}`, ""},
		{"mood", `"odd"`, `{"mood": "odd"}`, ""},
		{"mood", `{"value": "good"}`, `{"mood": "good"}`, ""},
		{"colour", `"red"`, `{"colour": "red"}`, ""},
		{"colour", `"green"`, `{}`, `colour takes one of red, blue, not "green"`},
		{"flag", `true`, `{"flag": true}`, ""},
		{"flag", `" TRUE "`, `{"flag": true}`, ""},
		{"flag", `"false"`, `{"flag": false}`, ""},
		{"flag", `"no"`, `{}`, `flag takes True or False, not "no"`},
		{"flag", `1`, `{}`, `flag takes True or False, not "1"`},
		{"count", `7`, `{"count": 7}`, ""},
		{"count", `" 7 "`, `{"count": 7}`, ""},
		{"count", `"7.0"`, `{"count": 7}`, ""},
		{"count", `7.5`, `{}`, `count takes an integer, not "7.5"`},
		{"count", `"1e16"`, `{}`, `count takes an integer, not "10000000000000000"`},
		{"count", `"9007199254740991.0"`, `{"count": 9007199254740991}`, ""},
		{"count", `"9007199254740992.0"`, `{}`, "count takes an integer"},
		{"count", `"x"`, `{}`, `count takes a number, not "x"`},
		{"count", `true`, `{}`, `count takes a integer, not "True"`},
		{"share", `0.5`, `{"share": 0.5}`, ""},
		{"share", `"0.5"`, `{"share": 0.5}`, ""},
		{"share", `7`, `{"share": 7}`, ""},
		{"born", `"2026-11-29"`, `{"born": "2026-11-29T00:00:00Z"}`, ""},
		{"born", `"11/29/2026 8:00:00 AM"`, `{"born": "2026-11-29T08:00:00Z"}`, ""},
		{"born", `"soon"`, `{}`, `born takes a time, not "soon"`},
		{"notes", `["a", "b"]`, `{"notes": ["a", "b"]}`, ""},
		{"notes", `"a"`, `{"notes": ["a"]}`, ""},
		{"many", `"a"`, `{"many": [{"value": "a"}]}`, ""},
		{"many", `"{\"value\": \"b\", \"kind\": \"k\"}"`, `{"many": [{"value": "b", "kind": "k"}]}`, ""},
		{"many", `{"value": "b", "kind": "k"}`, `{"many": [{"value": "b", "kind": "k"}]}`, ""},
		{"many", `"{oops"`, `{}`, "many is not the JSON text of an object"},
		{"many.kind", `["a", "b"]`, `{"many": [{"kind": "a"}, {"kind": "b"}]}`, ""},
		{`many[kind eq "k"].value`, `"a"`, `{"many": [{"kind": "k", "value": "a"}]}`, ""},
		{`many[kind eq "k"].size`, `"x"`, `{}`, `takes a number, not "x"`},
		{"parts", `"a"`, `{}`, "parts is complex: map its parts, such as parts.value"},
		{"parts.value", `"a"`, `{"parts": {"value": "a"}}`, ""},
		{"urn:x:2.0:More:need", `"a"`, `{"urn:x:2.0:More": {"need": "a"}}`, ""},
	} {
		p, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{key, {Target: c.target, Source: from("v")}}}, typ, rule.Options{})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.target, problems)
			continue
		}
		out := p.Map(rule.Input{Creating: true, Values: object(t, []byte(`{"v": `+c.value+`}`))})
		if want := object(t, []byte(c.want)); string(scim.AppendJSON(nil, out.Want)) != string(scim.AppendJSON(nil, want)) {
			t.Errorf("%s of %s: got %s", c.target, c.value, scim.AppendJSON(nil, out.Want))
		}
		if c.problem == "" && len(out.Problems) > 0 || c.problem != "" && (len(out.Problems) != 1 || !strings.Contains(out.Problems[0].Error(), c.problem)) {
			t.Errorf("%s of %s: %v", c.target, c.value, out.Problems)
		}
	}
	for target, want := range map[string]string{"made.value": "is set by the target itself", "parts.fixed": "is set by the target itself", "schemas": "is set by the target itself"} {
		_, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{key, {Target: target, Source: from("v")}}}, typ, rule.Options{})
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%s: %v", target, problems)
		}
	}
}

// TestNotShown: what a target never shows, and what a function hides, is not shown by us, nor quoted in a problem.
func TestNotShown(t *testing.T) {
	p, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{
		{Target: "externalId", Source: from("id"), Match: 1},
		{Target: "secret", Source: from("a")},
		{Target: "hidden", Source: from("a")},
		{Target: "mood", Source: function(`Redact([a])`)},
		{Target: "text", Source: function(`RandomString(3, 1, 1, 1, 0)`)},
		{Target: "flag", Source: function(`Redact([a])`)},
		{Target: "notes", Source: from("a")},
	}}, thing(t), rule.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := strings.Join(p.Redacted(), " "); got != "secret hidden mood text flag" {
		t.Errorf("redacted: %s", got)
	}
	out := p.Map(rule.Input{Creating: true, Values: object(t, []byte(`{"a": "hush"}`)), Random: strings.NewReader(strings.Repeat("x", 4096))})
	if len(out.Problems) != 1 || !strings.HasPrefix(out.Problems[0].Error(), "flag takes True or False") || strings.Contains(out.Problems[0].Error(), "hush") {
		t.Errorf("got %v", out.Problems)
	}
}

// TestElements: of several values only those that the path selects are written, and the others stay.
func TestElements(t *testing.T) {
	p, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{
		{Target: "externalId", Source: from("id"), Match: 1},
		{Target: `many[kind eq "k"].size`, Source: from("v")},
	}}, thing(t), rule.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range [][2]string{
		{`{"many": [{"kind": "j", "size": 1}, {"kind": "k", "size": 2}]}`, `{"many": [{"kind": "j", "size": 1}, {"kind": "k", "size": 7}]}`},
		{`{"many": [{"kind": "j", "size": 1}, {"kind": "k"}]}`, `{"many": [{"kind": "j", "size": 1}, {"kind": "k", "size": 7}]}`},
		{`{"many": [{"kind": "j", "size": 1}]}`, `{"many": [{"kind": "j", "size": 1}, {"kind": "k", "size": 7}]}`},
		{`{"many": {"kind": "k", "size": 2}}`, `{"many": [{"kind": "k", "size": 7}]}`},
		{`{"many": ["odd"]}`, `{"many": ["odd", {"kind": "k", "size": 7}]}`},
	} {
		out := p.Map(rule.Input{Written: object(t, []byte(c[0])), Values: object(t, []byte(`{"v": 7}`))})
		if !scim.Equal(out.Want, object(t, []byte(c[1]))) || len(out.Problems) > 0 {
			t.Errorf("%s: got %s, %v", c[0], scim.AppendJSON(nil, out.Want), out.Problems)
		}
	}
}
