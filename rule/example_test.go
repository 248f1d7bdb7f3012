package rule_test

import (
	"fmt"
	"time"

	"lockstep/rule"
	"lockstep/scim"
)

// A mapping is compiled once; its Program then answers for one person after another.
func Example() {
	mapping := rule.ObjectMapping{
		Source: "User", Target: "User",
		Scope: rule.Filter{Groups: []rule.FilterGroup{{Name: "EMEA", Clauses: []rule.Clause{
			{Attribute: "country", Operator: "IN", Operand: rule.Operand{Values: []string{"DE", "FR", "GB"}}},
			{Attribute: "hireDate", Operator: "NOT AFTER", Operand: rule.Operand{Values: []string{"now+7d"}}},
		}}}},
		Attributes: []rule.Mapping{
			{Target: "userName", Source: &rule.MappingSource{Expression: "[mail]"}, Match: 1},
			{Target: "displayName", Source: &rule.MappingSource{Expression: `Join(" ", [first], [last])`}},
			{Target: "active", Source: &rule.MappingSource{Expression: "Not([IsSoftDeleted])"}},
		},
	}
	program, problems := rule.Compile(mapping, scim.UserType(), rule.Options{})
	if len(problems) > 0 {
		fmt.Println(problems)
		return
	}
	ada := scim.Object{
		{Name: "mail", Value: "ada@northwind.example"},
		{Name: "first", Value: "Ada"},
		{Name: "last", Value: "Lovelace"},
		{Name: "country", Value: "GB"},
		{Name: "hireDate", Value: "2026-12-01"},
	}
	grants := []rule.Grant{{Path: []string{"Engineering", "Platform"}}}
	for _, day := range []int{22, 24} {
		now := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
		verdict := program.Scope(rule.Subject{Values: ada, Enabled: true, Grants: grants, Now: now})
		fmt.Println(verdict.Reason.Sentence())
		if !verdict.In {
			fmt.Println("look again at", verdict.Recheck.Format(time.DateOnly))
			continue
		}
		out := program.Map(rule.Input{Values: ada, Enabled: true, InScope: true, Creating: true, Now: now})
		fmt.Println(string(scim.AppendJSON(nil, out.Want)), out.Match)
		d := rule.Decide(rule.Situation{In: true, Enabled: true, Differs: true, Flow: mapping.Flow})
		fmt.Println(d.Kind, "because", d.Because(verdict).Sentence())
	}
	// Output:
	// left out: filter “EMEA”, clause 2: hireDate is not after now+7d — it is 2026-12-01
	// look again at 2026-11-24
	// in scope: assigned through group Engineering › Platform
	// {"userName":"ada@northwind.example","displayName":"Ada Lovelace","active":true} [{userName ada@northwind.example}]
	// create because in scope, not at the target: assigned through group Engineering › Platform
}

// A source that answers with nothing must not empty the target, however small it is.
func ExampleGuardLimit_Holds() {
	var standard rule.GuardLimit
	fmt.Println(standard.Holds(2, 1000), standard.Holds(150, 200), standard.Holds(3, 3))
	// Output: false true true
}
