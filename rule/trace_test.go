package rule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep/scim"
)

// TestClauses: every clause is evaluated with its values, also behind one that fails, and all of them together say what Scope says.
func TestClauses(t *testing.T) {
	m := ObjectMapping{Source: "User", Target: "User", Attributes: []Mapping{
		{Target: "userName", Match: 1, Source: &MappingSource{Type: FromAttribute, Name: "userName", Expression: "[userName]"}},
	}, Scope: Filter{Groups: []FilterGroup{
		{Name: "Berlin", Clauses: []Clause{
			{Attribute: "title", Operator: "EQUALS", Operand: Operand{Values: []string{"Engineer"}}},
			{Attribute: "userType", Operator: "EQUALS", Operand: Operand{Values: []string{"Employee"}}},
		}},
		{Clauses: []Clause{{Attribute: "nickName", Operator: "IS NOT NULL"}}},
	}}}
	p, problems := Compile(m, nil, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []struct{ values, want string }{
		{`{"title":"Engineer","userType":"Employee"}`, "in; 1 title equals Engineer [Engineer] true; 1 userType equals Employee [Employee] true; 2 nickName is not empty [] false"},
		{`{"title":"Cook","userType":"Employee"}`, "out; 1 title equals Engineer [Cook] false; 1 userType equals Employee [Employee] true; 2 nickName is not empty [] false"},
		{`{"nickName":"Ada"}`, "in; 1 title equals Engineer [] false; 1 userType equals Employee [] false; 2 nickName is not empty [Ada] true"},
	} {
		values, err := scim.DecodeObject([]byte(c.values))
		if err != nil {
			t.Fatal(err)
		}
		s := Subject{ID: "1", Values: values, Enabled: true, Everyone: true, Now: time.Unix(0, 0)}
		got := []string{"out"}
		if p.Scope(s).In {
			got[0] = "in"
		}
		through := map[int]bool{1: true, 2: true}
		for _, one := range p.Clauses(s) {
			through[one.Group] = through[one.Group] && one.OK
			got = append(got, fmt.Sprintf("%d %s %v %v", one.Group, one.Clause, one.Values, one.OK))
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.values, got, c.want)
		}
		if (through[1] || through[2]) != p.Scope(s).In {
			t.Errorf("%s: the clauses and the scope disagree", c.values)
		}
	}
}
