package rule_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

func TestParseEntra(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/entra/export.txtar")
	if err != nil {
		t.Fatal(err)
	}
	got, problems := rule.ParseEntra(archive.Files[0].Data)
	var want rule.Rules
	if err := json.Unmarshal(archive.Files[1].Data, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	lines := strings.Split(strings.TrimSpace(string(archive.Files[2].Data)), "\n")
	if len(lines) != len(problems) {
		t.Fatalf("got %q", problems)
	}
	for i, line := range lines {
		if !strings.Contains(problems[i].Error(), line) || lockstep.CodeOf(problems[i]) != lockstep.CodeMapSyntax {
			t.Errorf("got %q, want %s", problems[i], line)
		}
	}
	for i, typ := range []*scim.Type{scim.GroupType(), scim.UserType()} {
		options := rule.Options{Source: typ, Searchable: []string{"userName", "displayName"}}
		if _, problems := rule.Compile(got.Objects[i], typ, options); len(problems) > 0 {
			t.Errorf("%s: %v", got.Objects[i].Name, problems)
		}
	}
}

func TestParseEntraRefuses(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"nothing", ``, "not the JSON"},
		{"another document", `{"value": []}`, "neither synchronizationRules nor objectMappings"},
		{"an array", `[]`, "not the JSON"},
		{"a type that is wrong", `{"synchronizationRules": [{"objectMappings": 7}]}`, "not the JSON"},
		{"no types", `{"objectMappings": [{"name": "x"}]}`, "no sourceObjectName"},
		{"no source type", `{"objectMappings": [{"name": "x", "targetObjectName": "User"}]}`, "no sourceObjectName"},
		{"no target type", `{"objectMappings": [{"name": "x", "sourceObjectName": "User"}]}`, "no targetObjectName"},
		{"not yet too long", strings.Repeat(" ", rule.MaxEntra), "not the JSON"},
		{"far too long", strings.Repeat(" ", rule.MaxEntra+1), "longer than"},
	} {
		rules, problems := rule.ParseEntra([]byte(c.data))
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want) || len(rules.Objects) > 0 {
			t.Errorf("%s: got %v, %q", c.name, rules, problems)
		}
	}
}

// TestParseEntraMends: what means something else here, or nothing, is told, and taken as what does least.
func TestParseEntraMends(t *testing.T) {
	schema := func(mapping, scope string) string {
		return `{"objectMappings": [{"sourceObjectName": "User", "targetObjectName": "User", "scope": {` + scope + `}, "attributeMappings": [{"targetAttributeName": "title", "defaultValue": "x"` + mapping + `}]}]}`
	}
	rules := func(source, target string) string {
		one := `{"name": %q, "sourceDirectoryName": %q, "targetDirectoryName": %q, "objectMappings": [{"sourceObjectName": "User", "targetObjectName": "User"}]}`
		return `{"synchronizationRules": [` + fmt.Sprintf(one, "first", "a", "b") + `, ` + fmt.Sprintf(one, "other", source, target) + `]}`
	}
	plain := rule.Mapping{Target: "title", Default: "x"}
	for _, c := range []struct {
		name, data, problem string
		want                rule.Mapping
	}{
		{"plain", schema(``, ``), "", plain},
		{"flowType", schema(`, "flowType": "Odd"`, ``), "flowType Odd", rule.Mapping{Target: "title", Default: "x", FlowType: rule.ObjectAddOnly}},
		{"flowBehavior", schema(`, "flowBehavior": "Odd"`, ``), "flowBehavior Odd", rule.Mapping{Target: "title", Default: "x", Behavior: rule.FlowWhenChanged}},
		{"a priority below one", schema(`, "matchingPriority": -1`, ``), "", plain},
		{"input filters", schema(``, `"inputFilterGroups": [{"name": "x"}]`), "inputFilterGroups", plain},
		{"category filters", schema(``, `"categoryFilterGroups": [{"name": "x"}]`), "categoryFilterGroups", plain},
		{"another source", rules("c", "b"), `rule "other" goes from "c"`, rule.Mapping{}},
		{"another target", rules("a", "c"), `rule "other" goes from "a" to "c"`, rule.Mapping{}},
		{"twice the same", rules("a", "b"), "is the second from User to User", rule.Mapping{}},
	} {
		got, problems := rule.ParseEntra([]byte(c.data))
		if c.problem == "" && len(problems) > 0 || c.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), c.problem)) {
			t.Errorf("%s: %v", c.name, problems)
		}
		if len(got.Objects) != 1 {
			t.Fatalf("%s: %+v", c.name, got)
		}
		if c.want.Target != "" && !cmp.Equal(got.Objects[0].Attributes, []rule.Mapping{c.want}) {
			t.Errorf("%s: %+v", c.name, got.Objects[0].Attributes)
		}
	}
}

// TestRulesRoundTrip: Rules written and read again, by JSON itself and as an import, are the same.
func TestRulesRoundTrip(t *testing.T) {
	m := webex()
	m.Attributes = append(m.Attributes, rule.Mapping{
		Target: "nickName", Default: "x", FlowType: rule.MultiValueAddOnly, Behavior: rule.FlowAlways, Clear: true, DefaultOnUpdate: true,
	})
	m.Scope.Groups = []rule.FilterGroup{{Name: "EMEA", Clauses: []rule.Clause{quantified(rule.All, anyCase(is("tags", "IN", "a", "b")))}}}
	want := rule.Rules{Objects: []rule.ObjectMapping{m}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got rule.Rules
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	imported, problems := rule.ParseEntra(data)
	if diff := cmp.Diff(want, imported); diff != "" || len(problems) > 0 {
		t.Error(diff, problems)
	}
}

// FuzzParseEntra: whatever is imported can be written, read again as the same, and compiled without a panic.
func FuzzParseEntra(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/entra/export.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Files[0].Data)
	f.Add(archive.Files[1].Data)
	f.Add([]byte(`{"objectMappings":[{"sourceObjectName":"user","targetObjectName":"x:group","attributeMappings":[{"matchingPriority":-1,"source":{"type":"Constant"}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, problems := rule.ParseEntra(data)
		for _, err := range problems {
			if lockstep.CodeOf(err) != lockstep.CodeMapSyntax {
				t.Errorf("a problem of code %s: %v", lockstep.CodeOf(err), err)
			}
		}
		written, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		if len(rules.Objects) > 0 && len(written) <= rule.MaxEntra {
			again, _ := rule.ParseEntra(written)
			second, err := json.Marshal(again)
			if err != nil || string(second) != string(written) {
				t.Errorf("%s\nbecame\n%s, %v", written, second, err)
			}
		}
		for _, m := range rules.Objects {
			for _, target := range []*scim.Type{nil, scim.UserType()} {
				p, _ := rule.Compile(m, target, rule.Options{})
				p.Map(rule.Input{Values: ada(), Creating: true})
				p.Scope(rule.Subject{Values: ada(), Everyone: true})
			}
		}
	})
}

// TestDocs: docs/scoping-filters.md lists the operators that there are. LOCKSTEP_UPDATE=1 writes the table anew.
func TestDocs(t *testing.T) {
	const page, begin, end = "../docs/scoping-filters.md", "<!-- operators -->\n", "<!-- end -->\n"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("no marks around the table")
	}
	want := head + begin + operatorsTable() + end + tail
	if os.Getenv("LOCKSTEP_UPDATE") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(data) {
		t.Error("the table is not that of the code: run LOCKSTEP_UPDATE=1 go test ./rule -run TestDocs")
	}
}

func operatorsTable() string {
	var b strings.Builder
	b.WriteString("| Operator | Holds when | Operands | Of several values | Entra ID |\n| --- | --- | --- | --- | --- |\n")
	for _, o := range rule.Operators() {
		operands, quantifier, entra := "one", "any", "no"
		switch {
		case o.Unary:
			operands = "none"
		case o.Several:
			operands = "one or more"
		}
		if o.Negative {
			quantifier = "all"
		}
		if o.Unary && strings.HasSuffix(o.Name, "NULL") {
			quantifier = "–"
		}
		if o.Entra {
			entra = "yes"
		}
		b.WriteString("| `" + o.Name + "` | " + o.Meaning + " | " + operands + " | " + quantifier + " | " + entra + " |\n")
	}
	return b.String()
}
