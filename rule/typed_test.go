package rule_test

import (
	"reflect"
	"slices"
	"testing"

	"lockstep/rule"
	"lockstep/scim"
)

// TestReadFilter: clauses as people type them.
func TestReadFilter(t *testing.T) {
	clause := func(attribute, operator string, values ...string) rule.Clause {
		return rule.Clause{Attribute: attribute, Operator: operator, Operand: rule.Operand{Values: values}}
	}
	for _, c := range []struct {
		typed []string
		want  []rule.FilterGroup
	}{
		{nil, nil},
		{[]string{"department EQUALS Sales"}, []rule.FilterGroup{{Clauses: []rule.Clause{clause("department", "EQUALS", "Sales")}}}},
		{[]string{"country not equals DE", "title IS NULL"}, []rule.FilterGroup{{Clauses: []rule.Clause{clause("country", "NOT EQUALS", "DE"), clause("title", "IS NULL")}}}},
		{[]string{`addresses[type eq "work"].country EQUALS DE`, "or", "title EQUALS CEO"}, []rule.FilterGroup{
			{Clauses: []rule.Clause{clause(`addresses[type eq "work"].country`, "EQUALS", "DE")}}, {Clauses: []rule.Clause{clause("title", "EQUALS", "CEO")}},
		}},
	} {
		got, err := rule.ReadFilter("", c.typed)
		if err != nil || !reflect.DeepEqual(got.Groups, c.want) {
			t.Errorf("%q: %+v, %v", c.typed, got.Groups, err)
		}
	}
	for _, typed := range [][]string{{"or"}, {"department"}, {"department RESEMBLES Sales"}, {"title EQUALS CEO", "or", "or"}} {
		if got, err := rule.ReadFilter("", typed); err == nil {
			t.Errorf("%q is read as %+v", typed, got)
		}
	}
}

// TestReadSource: the first character tells the kind.
func TestReadSource(t *testing.T) {
	for typed, want := range map[string]rule.MappingSource{
		"[title]":             {Type: rule.FromAttribute, Name: "title", Expression: "[title]"},
		" title ":             {Type: rule.FromAttribute, Name: "title", Expression: "[title]"},
		`"Acme"`:              {Type: rule.FromConstant, Name: "Acme", Expression: `"Acme"`},
		`Join(" ", [a], [b])`: {Type: rule.FromFunction, Name: "Join", Expression: `Join(" ", [a], [b])`},
	} {
		if got := rule.ReadSource(typed); !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: %+v", typed, *got)
		}
	}
}

// TestClearsUsually: a value goes with its source, unless something stands in for it or cannot do without it.
func TestClearsUsually(t *testing.T) {
	for _, c := range []struct {
		target              string
		hasDefault, matches bool
		want                bool
	}{
		{"title", false, false, true},
		{"title", true, false, false},
		{"title", false, true, false},
		{"userName", false, false, false},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", false, false, false},
	} {
		if got := rule.ClearsUsually(c.target, c.hasDefault, c.matches); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

const enterprisePrefix = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"

// TestOfShortName: a mapping is found by the short name of an extension's attribute, and by its full one when it was kept under the short one.
func TestOfShortName(t *testing.T) {
	o := rule.ObjectMapping{Target: "User", Attributes: []rule.Mapping{
		{Target: "userName"}, {Target: enterprisePrefix + "department"}, {Target: "costCenter"}, {Target: "urn:a:1.0:User:badge"}, {Target: "urn:b:1.0:User:badge"}, {Target: "urn:a:1.0:User:title"},
	}}
	for name, want := range map[string]int{
		"USERNAME": 0, "department": 1, "Department": 1, enterprisePrefix + "department": 1, enterprisePrefix + "costCenter": 2, "costCenter": 2,
		"badge": -1, "urn:b:1.0:User:badge": 4, "title": -1, "urn:b:1.0:User:userName": -1, "division": -1, "no path[": -1,
	} {
		if got := o.Of(name); got != want {
			t.Errorf("%s is at %d, want %d", name, got, want)
		}
	}
}

// TestSpelled: what is kept has the URN of the extension, as the target's own documents do.
func TestSpelled(t *testing.T) {
	given := rule.Rules{Objects: []rule.ObjectMapping{{Target: "User", Attributes: []rule.Mapping{{Target: "title"}, {Target: "DEPARTMENT"}, {Target: "shoe"}, {Target: `emails[type eq "work"].value`}}}, {Target: "Robot", Attributes: []rule.Mapping{{Target: "department"}}}}}
	got := rule.Spelled(given, rule.Systems{Target: map[string]*scim.Type{"User": scim.UserType()}})
	var targets []string
	for _, o := range got.Objects {
		for _, a := range o.Attributes {
			targets = append(targets, a.Target)
		}
	}
	want := []string{"title", enterprisePrefix + "department", "shoe", `emails[type eq "work"].value`, "department"}
	if !slices.Equal(targets, want) {
		t.Errorf("%q, want %q", targets, want)
	}
	if given.Objects[0].Attributes[1].Target != "DEPARTMENT" {
		t.Error("the rules that were given have changed")
	}
}
