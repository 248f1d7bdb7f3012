package words

import (
	"strings"
	"testing"

	"lockstep/rule"
)

func TestMappingParts(t *testing.T) {
	from := func(e string) *rule.MappingSource { return &rule.MappingSource{Expression: e} }
	for want, m := range map[string]rule.Mapping{
		"from title; matching ; applied ; without a value it keeps its value":                               {Source: from("[title]")},
		"from employeeNumber; matching ; applied ; without a value it keeps its value":                      {Source: &rule.MappingSource{Type: rule.FromAttribute, Name: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"}},
		"from constant “FR”; matching ; applied ; without a value it keeps its value":                       {Source: &rule.MappingSource{Type: rule.FromConstant, Name: "FR"}},
		"from constant “DE”; matching ; applied ; without a value it keeps its value":                       {Default: "DE"},
		"from constant “DE”; matching ; applied ; without a value it is cleared":                            {Source: from(`"DE"`), Clear: true},
		"from Join(\"a\", [b]); matching number 1; applied ; without a value it “x” on create":              {Source: from(`Join("a", [b])`), Match: 1, Default: "x"},
		"from Append([a], [b]); matching ; applied only when the object is created; without a value it “x”": {Source: from(`Append([a], [b])`), FlowType: rule.ObjectAddOnly, Default: "x", DefaultOnUpdate: true},
	} {
		var parts []string
		for _, p := range MappingParts(m) {
			parts = append(parts, p.Name+" "+p.Value)
		}
		if got := strings.Join(parts, "; "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestFilter(t *testing.T) {
	clause := func(attribute, operator string, values ...string) rule.Clause {
		return rule.Clause{Attribute: attribute, Operator: operator, Operand: rule.Operand{Values: values}}
	}
	any := clause("title", "Includes", "boss")
	any.IgnoreCase = true
	for want, f := range map[string]rule.Filter{
		"everybody passes": {},
		"country equals DE and active is true, or title includes boss in any case": {Groups: []rule.FilterGroup{
			{Clauses: []rule.Clause{clause("country", "EQUALS", "DE"), clause("active", "IS TRUE")}}, {Clauses: []rule.Clause{any}},
		}},
		"department is one of Sales, Law": {Groups: []rule.FilterGroup{{Clauses: []rule.Clause{clause("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "IN", "Sales", "Law")}}}},
	} {
		if got := Filter(f); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
