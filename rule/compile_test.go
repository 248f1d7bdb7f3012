package rule_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

func TestCompileProblems(t *testing.T) {
	good := rule.Mapping{Target: "userName", Source: from("userName"), Match: 1}
	for _, c := range []struct {
		name     string
		mappings []rule.Mapping
		scope    []rule.FilterGroup
		want     []string // code and part of the text, in order; nil is none
	}{
		{"good", []rule.Mapping{good}, nil, nil},
		{"misspelt target", []rule.Mapping{good, {Target: "disPlayNam", Source: from("displayName")}}, nil, []string{`map.unknown_attribute the target has no attribute "disPlayNam"; did you mean "displayName"?`}},
		{"target without its parent", []rule.Mapping{good, {Target: "familyName", Source: from("displayName")}}, nil, []string{`map.unknown_attribute did you mean "name.familyName"?`}},
		{"misspelt source", []rule.Mapping{good, {Target: "title", Source: from("titel"), Match: 2}}, nil, []string{`map.unknown_attribute the source has no attribute "titel"; did you mean "title"?`}},
		{"misspelt source in a function", []rule.Mapping{good, {Target: "title", Source: function(`Append([title], [xyz])`)}}, nil, []string{`map.unknown_attribute the source has no attribute "xyz"`}},
		{"bad path", []rule.Mapping{good, {Target: `emails[type eq`, Source: from("title")}}, nil, []string{"map.syntax column"}},
		{"no path", []rule.Mapping{good, {Target: ``, Source: from("title")}}, nil, []string{"map.syntax empty"}},
		{"bad expression", []rule.Mapping{good, {Target: "title", Source: function(`Left([title], `), Match: 2}}, nil, []string{"map.syntax the source of title: column"}},
		{"unknown function", []rule.Mapping{good, {Target: "title", Source: function(`toupper([title])`)}}, nil, []string{"map.syntax column 1"}},
		{"a function that has no value, told once", []rule.Mapping{good, {Target: "title", Source: function(`DefaultDomain()`), Match: 2}}, nil, []string{"map.invalid_value DefaultDomain() has no value"}},
		{"an attribute without a name", []rule.Mapping{good, {Target: "title", Source: &rule.MappingSource{Type: rule.FromAttribute}}}, nil, []string{"map.syntax there is no expression"}},
		{"empty source", []rule.Mapping{good, {Target: "title", Source: &rule.MappingSource{Type: rule.FromFunction}}}, nil, []string{"map.syntax there is no expression"}},
		{"twice", []rule.Mapping{good, {Target: "USERNAME", Source: from("displayName")}}, nil, []string{"map.syntax two mappings for userName"}},
		{"no match", []rule.Mapping{{Target: "userName", Source: from("userName")}}, nil, []string{"map.syntax matchingPriority"}},
		{"no match, but another mistake", []rule.Mapping{{Target: "x1"}}, nil, []string{"map.unknown_attribute x1"}},
		{"match not searchable", []rule.Mapping{good, {Target: "title", Source: from("title"), Match: 2}}, nil, []string{"map.invalid_value cannot search by title"}},
		{"match is random", []rule.Mapping{{Target: "userName", Source: function(`Guid()`), Match: 1}}, nil, []string{"map.syntax must not change"}},
		{"match is a reference", []rule.Mapping{good, {Target: "manager", Source: from("manager"), Match: 2}}, nil, []string{"map.syntax a reference"}},
		{"required missing", []rule.Mapping{{Target: "externalId", Source: from("externalId"), Match: 1}}, nil, []string{"map.required_missing userName"}},
		{"required missing, and another mistake", []rule.Mapping{{Target: "externalId", Source: from("externalId"), Match: 1}, {Target: "x1"}}, nil, []string{"map.unknown_attribute x1"}},
		{"required cleared", []rule.Mapping{{Target: "userName", Source: from("userName"), Match: 1, Clear: true}}, nil, []string{"map.required_missing cannot be cleared"}},
		{"read-only", []rule.Mapping{good, {Target: "id", Source: from("externalId")}}, nil, []string{"map.invalid_value id is set by the target itself"}},
		{"inside a read-only one", []rule.Mapping{good, {Target: "meta.created", Source: from("externalId")}}, nil, []string{"map.invalid_value meta.created is set"}},
		{"selecting from one value", []rule.Mapping{good, {Target: `name[type eq "x"].givenName`, Source: from("externalId")}}, nil, []string{"map.invalid_value has one value"}},
		{"a filter that does not say what to add", []rule.Mapping{good, {Target: `emails[type ne "work"].value`, Source: from("externalId")}}, nil, []string{"map.invalid_value does not say what to add"}},
		{"default of the wrong type", []rule.Mapping{good, {Target: "active", Default: "maybe"}}, nil, []string{`map.invalid_value the default of active: takes True or False, not "maybe"`}},
		{"constant of the wrong type", []rule.Mapping{good, {Target: "active", Source: &rule.MappingSource{Type: rule.FromConstant, Expression: `"maybe"`}, Match: 2}}, nil, []string{"map.invalid_value active takes True or False"}},
		{"flowType", []rule.Mapping{good, {Target: "title", Source: from("title"), FlowType: "Sometimes"}}, nil, []string{"map.syntax Sometimes"}},
		{"every mistake is told", []rule.Mapping{good, {Target: "x1"}, {Target: "x2"}}, []rule.FilterGroup{all()}, []string{"map.unknown_attribute x1", "map.unknown_attribute x2", "scope.syntax filter “1” has no clause"}},
		{"operator", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "EQUAL", "x"))}, []string{`scope.syntax filter “1”, clause 1: no operator "EQUAL"; did you mean "EQUALS"?`}},
		{"no operand", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "EQUALS"))}, []string{"scope.syntax EQUALS needs a value"}},
		{"too many operands", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "EQUALS", "a", "b"))}, []string{"scope.syntax for several use IN"}},
		{"pattern", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "REGEX MATCH", "("))}, []string{"scope.syntax the pattern"}},
		{"number", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "Greater_Than", "ten"))}, []string{`scope.syntax "ten" is not a number`}},
		{"not a finite number", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "Greater_Than", "Inf"))}, []string{`scope.syntax "Inf" is not a number`}},
		{"bits", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "&", "0"))}, []string{"scope.syntax other than 0"}},
		{"date", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "BEFORE", "now+7"))}, []string{"scope.syntax write 2026-11-30"}},
		{"date by another unit", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "BEFORE", "now+7y"))}, []string{"scope.syntax is not a time"}},
		{"date in words", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "BEFORE", "soon"))}, []string{"scope.syntax is not a time"}},
		{"date as far as may be", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "BEFORE", "now+36500d"))}, nil},
		{"date a day further", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "BEFORE", "now-36501d"))}, []string{"scope.syntax too far"}},
		{"date too far", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "BEFORE", "now+99999999w"))}, []string{"scope.syntax too far"}},
		{"empty text", []rule.Mapping{good}, []rule.FilterGroup{all(is("title", "Includes", ""))}, []string{"scope.syntax matches everybody"}},
		{"quantifier", []rule.Mapping{good}, []rule.FilterGroup{all(quantified("Some", is("title", "EQUALS", "x")))}, []string{"scope.syntax Any or All"}},
		{"attribute of a clause", []rule.Mapping{good}, []rule.FilterGroup{all(is("titel", "IS NULL"))}, []string{`map.unknown_attribute filter “1”, clause 1: the source has no attribute "titel"; did you mean "title"?`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := rule.ObjectMapping{Attributes: c.mappings, Scope: rule.Filter{Groups: c.scope}}
			_, problems := rule.Compile(m, scim.UserType(), rule.Options{Source: scim.UserType(), Searchable: []string{"userName", "externalId"}})
			if len(problems) != len(c.want) {
				t.Fatalf("got %q", problems)
			}
			for i, want := range c.want {
				code, text, _ := strings.Cut(want, " ")
				if got := problems[i]; string(lockstep.CodeOf(got)) != code || !strings.Contains(got.Error(), text) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestCompileFacts(t *testing.T) {
	m := webex()
	m.Attributes = append(m.Attributes, rule.Mapping{Target: "manager.value", Source: from("manager")}) // the same reference
	m.Scope.Groups = []rule.FilterGroup{all(is("employeeType", "EQUALS", "Staff"), is("department", "IS NOT NULL"), is("IsSoftDeleted", "IS FALSE"))}
	p, problems := rule.Compile(m, scim.UserType(), rule.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := "city department displayName employeeType givenName jobTitle mobile postalCode state streetAddress surname telephoneNumber usageLocation userPrincipalName"
	if got := strings.Join(p.Attributes(), " "); got != want {
		t.Errorf("attributes: %s", got)
	}
	if got := strings.Join(p.References(), " "); got != "manager" {
		t.Errorf("references: %s", got)
	}
	if !p.Blocks() {
		t.Error("a mapping that reads IsSoftDeleted does not block")
	}
	m.Attributes = m.Attributes[:1]
	if p, _ := rule.Compile(m, scim.UserType(), rule.Options{}); p.Blocks() {
		t.Error("without such a mapping it blocks")
	}
}

// TestEntraNames: on a source with SCIM's attributes, mappings from Entra ID read what they mean.
func TestEntraNames(t *testing.T) {
	p, problems := rule.Compile(webex(), scim.UserType(), rule.Options{Source: scim.UserType(), Searchable: []string{"userName"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	source := scim.Object{
		{Name: "userName", Value: "ada@northwind.example"},
		{Name: "name", Value: scim.Object{{Name: "familyName", Value: "Lovelace"}}},
		{Name: "phoneNumbers", Value: scim.List{scim.Object{{Name: "type", Value: "mobile"}, {Name: "value", Value: "+44"}}}},
		{Name: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", Value: scim.Object{{Name: "department", Value: "Engines"}}},
	}
	out := p.Map(rule.Input{ID: "4711", Values: source, Enabled: true, InScope: true, Creating: true})
	want := `{"userName":"ada@northwind.example","active":true,"name":{"familyName":"Lovelace"},"externalId":"4711","phoneNumbers":[{"type":"mobile","value":"+44"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engines"}}`
	if got := string(scim.AppendJSON(nil, out.Want)); got != want || len(out.Problems) > 0 || out.Hash != "" {
		t.Errorf("got %s, %v, %q", got, out.Problems, out.Hash)
	}
}

// TestWithoutSchemas: of systems that do not say what they have everything is taken as it is named, with as many values as there are.
func TestWithoutSchemas(t *testing.T) {
	p, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{
		{Target: "login", Source: from("User Name"), Match: 1, Clear: true},
		{Target: "active", Source: from("on")},
		{Target: "emails.primary", Source: from("on")},
		{Target: "colours", Source: from("a")},
		{Target: "shapes", Source: from("b")},
		{Target: "boss", Source: from("above")},
	}}, nil, rule.Options{References: []string{"boss"}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := strings.Join(p.References(), " "); got != "boss" {
		t.Errorf("references: %s", got)
	}
	out := p.Map(rule.Input{Creating: true, Values: scim.Object{
		{Name: "User Name", Value: "ada"},
		{Name: "on", Value: "TRUE"},
		{Name: "a", Value: scim.List{"red", "blue"}},
		{Name: "b", Value: scim.List{"round", "square"}},
	}})
	want := `{"login":"ada","active":true,"emails":{"primary":true},"colours":["red","blue"],"shapes":["round","square"]}`
	if got := string(scim.AppendJSON(nil, out.Want)); got != want || len(out.Problems) > 0 {
		t.Errorf("got %s, %v", got, out.Problems)
	}
	for target, want := range map[string]string{"": "empty", "urn:x:2.0:User": "names no attribute", "a[b": "column"} {
		_, problems := rule.Compile(rule.ObjectMapping{Attributes: []rule.Mapping{{Target: target, Match: 1}}}, nil, rule.Options{})
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%q: %v, want %s", target, problems, want)
		}
	}
}
