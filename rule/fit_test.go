package rule_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

// own are the rules of a job, with a filter and what may be done.
func own() rule.Rules {
	filter := rule.Filter{Groups: []rule.FilterGroup{{Name: "own", Clauses: []rule.Clause{{Attribute: "title", Operator: "IS NOT NULL"}}}}}
	return rule.Rules{Objects: []rule.ObjectMapping{
		{Name: "Users", Enabled: true, Source: "User", Target: "User", Flow: "Add, Update", Scope: filter, Attributes: []rule.Mapping{
			{Target: "userName", Source: rule.ReadSource("[userName]"), Match: 1}, {Target: "active", Source: rule.ReadSource(`Switch([IsSoftDeleted], , "False", "True", "True", "False")`)},
		}},
		{Name: "Groups", Enabled: true, Source: "Group", Target: "Group", Flow: "Add, Update, Delete", Attributes: []rule.Mapping{{Target: "displayName", Source: rule.ReadSource("[displayName]"), Match: 1}}},
	}}
}

func fitSystems() rule.Systems {
	types := map[string]*scim.Type{"User": scim.UserType(), "Group": scim.GroupType()}
	return rule.Systems{Source: types, Target: types, Searchable: map[string][]string{"User": {"userName"}, "Group": {"displayName"}}, References: []string{"manager", "members"}}
}

// TestImportExport: what Entra ID exports is in force here but for what is named.
func TestImportExport(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/entra/export.txtar")
	if err != nil {
		t.Fatal(err)
	}
	got, problems, err := rule.Import(archive.Files[0].Data, own(), fitSystems())
	if err != nil {
		t.Fatal(err)
	}
	if faults := rule.Validate(got, fitSystems()); len(faults) > 0 {
		t.Errorf("it is not valid: %v", faults)
	}
	users := got.Objects[0]
	if users.Name != "Users" || users.Flow != "Add, Update" || len(users.Attributes) != 7 || users.Scope.Groups[0].Name != "own" {
		t.Errorf("%s %s, %d attributes, filter %v", users.Name, users.Flow, len(users.Attributes), users.Scope)
	}
	said := ""
	for _, p := range problems {
		said += p.Error() + "\n"
	}
	for _, want := range []string{"Groups\" is switched off there", "what may be done differs there", "no whole scoping filter", "WRITEBACK", "inputFilterGroups", "AttributeAddOnly"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not named in\n%s", want, said)
		}
	}
}

const (
	byMail    = `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"type": "Attribute", "expression": "[mail]"}}`
	disabling = `{"targetAttributeName": "active", "source": {"expression": "Not([IsSoftDeleted])"}}`
	inSales   = `{"groups": [{"name": "x", "clauses": [{"sourceOperandName": "title", "operatorName": "EQUALS", "targetOperand": {"values": ["A"]}}]}]`
)

// TestImport: what cannot be in force is left out and named, and the rest is taken over. Nobody comes into scope, and nobody is deleted
// instead of disabled, by what is left out.
func TestImport(t *testing.T) {
	const mail, off = "userName=[mail] 1", ", active=Not([IsSoftDeleted]) 0"
	for _, c := range []struct{ name, attributes, scope, more, want, problems string }{
		{"as it is", byMail + "," + disabling, inSales + "}", ``, mail + off + " /x", ""},
		{"unknown at the source", byMail + "," + disabling + `, {"targetAttributeName": "title", "source": {"expression": "[extensionAttribute7]"}}`, inSales + "}", ``, mail + off + " /x", "extensionAttribute7: the mapping is left out"},
		{"unknown at the target", `{"targetAttributeName": "shoeSize", "source": {"expression": "[title]"}},` + byMail + "," + disabling, inSales + "}", ``, mail + off + " /x", "shoeSize: the mapping is left out"},
		{"an expression that cannot be read", byMail + "," + disabling + `, {"targetAttributeName": "title", "source": {"expression": "Join("}}`, inSales + "}", ``, mail + off + " /x", "title: the mapping is left out"},
		{"not to be searched by", byMail + "," + disabling + `, {"targetAttributeName": "title", "matchingPriority": 2, "source": {"expression": "[title]"}}`, inSales + "}", ``, mail + off + ", title=[title] 0 /x", "title: it is mapped, and nobody is found by it"},
		{"twice the same", byMail + "," + disabling + "," + strings.Replace(byMail, "mail", "title", 1), inSales + "}", ``, mail + off + " /x", "userName: the mapping is left out"},
		{"nobody could be found", `{"targetAttributeName": "title", "source": {"expression": "[title]"}},` + disabling, inSales + "}", ``, ownWords, "matchingPriority: mappings and filter stay as they are"},
		{"a filter that cannot be read", byMail + "," + disabling, strings.Replace(inSales, "}]}]", `}, {"sourceOperandName": "extensionAttribute7", "operatorName": "IS NULL", "targetOperand": {"values": []}}]}]`, 1) + "}", ``, mail + off + " /own", "clause 2: the scoping filter stays as it is"},
		{"no filter", byMail + "," + disabling, "null", ``, mail + off + " /own", "no whole scoping filter"},
		{"a part of a filter", byMail + "," + disabling, inSales + `, "inputFilterGroups": [{"name": "y"}]}`, ``, mail + off + " /own", "inputFilterGroups; no whole scoping filter"},
		{"nothing disables who leaves", byMail, inSales + "}", ``, mail + ownOff + " /x", "active: the mapping here disables who leaves"},
		{"what disables cannot be read", byMail + `, {"targetAttributeName": "active", "source": {"expression": "[extensionAttribute7]"}}`, inSales + "}", ``, mail + ownOff + " /x", "extensionAttribute7; active: the mapping here disables who leaves"},
		{"active of another sense", byMail + `, {"targetAttributeName": "active", "source": {"expression": "[active]"}}`, inSales + "}", ``, mail + ownOff + " /x", "active: the mapping here disables who leaves"},
		{"what may be done", byMail + "," + disabling, inSales + "}", `"flowTypes": "Add, Update, Delete",`, mail + off + " /x", "what may be done differs there"},
		{"the same may be done", byMail + "," + disabling, inSales + "}", `"flowTypes": "Update, Add",`, mail + off + " /x", ""},
		{"switched off", byMail + "," + disabling, inSales + "}", `"enabled": false,`, ownWords, "is switched off there"},
	} {
		was := own()
		got, problems, err := rule.Import([]byte(`{"objectMappings": [{"name": "n", `+c.more+` "sourceObjectName": "User", "targetObjectName": "User", "scope": `+c.scope+`, "attributeMappings": [`+c.attributes+`]}]}`), was, fitSystems())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if faults := rule.Validate(got, fitSystems()); len(faults) > 0 {
			t.Errorf("%s: it is not valid: %v", c.name, faults)
		}
		var mapped []string
		for _, a := range got.Objects[0].Attributes {
			mapped = append(mapped, a.Target+"="+a.Source.Text()+" "+string(rune('0'+a.Match)))
		}
		if have := strings.Join(mapped, ", ") + " /" + got.Objects[0].Scope.Groups[0].Name; have != c.want {
			t.Errorf("%s: %s, want %s", c.name, have, c.want)
		}
		if got.Objects[0].Flow != "Add, Update" {
			t.Errorf("%s: %s may be done", c.name, got.Objects[0].Flow)
		}
		wanted := strings.FieldsFunc(c.problems, func(r rune) bool { return r == ';' })
		if len(problems) != len(wanted) {
			t.Errorf("%s: %q", c.name, problems)
			continue
		}
		for i, want := range wanted {
			if !inOrder(problems[i].Error(), strings.Split(strings.TrimSpace(want), ": ")) {
				t.Errorf("%s: %q, want %s", c.name, problems[i], want)
			}
		}
		if len(was.Objects[0].Attributes) != 2 || got.Objects[1].Name != "Groups" {
			t.Errorf("%s: the job's own rules are changed", c.name)
		}
	}
}

const (
	ownOff   = `, active=Switch([IsSoftDeleted], , "False", "True", "True", "False") 0`
	ownWords = "userName=[userName] 1" + ownOff + " /own"
)

// TestImportOfTypes: of two mappings for one type of object here one is taken over, and nothing of types that are not brought over.
func TestImportOfTypes(t *testing.T) {
	mapping := func(source, target, attribute string) string {
		return `{"name": "` + source + target + `", "sourceObjectName": "` + source + `", "targetObjectName": "` + target + `", "attributeMappings": [` + byMail + `, ` + disabling + `, {"targetAttributeName": "` + attribute + `", "source": {"expression": "[title]"}}]}`
	}
	got, problems, err := rule.Import([]byte(`{"objectMappings": [`+mapping("User", "User", "title")+`, `+mapping("User", "Contact", "nickName")+`, `+mapping("Contact", "User", "title")+`]}`), own(), fitSystems())
	if err != nil || len(got.Objects) != 2 || got.Objects[0].Of("title") < 0 || got.Objects[0].Of("nickName") >= 0 {
		t.Errorf("%v %v", got, err)
	}
	if len(problems) != 3 { // and the filter that stays
		t.Errorf("%q", problems)
	}
	for _, empty := range []string{`{"synchronizationRules": [{}]}`, `{"synchronizationRules": [{"objectMappings": []}]}`, `{}`, `nothing`} {
		if _, _, err := rule.Import([]byte(empty), own(), fitSystems()); lockstep.CodeOf(err) != lockstep.CodeMapSyntax {
			t.Errorf("%s: %v", empty, err)
		}
	}
	many := `{"objectMappings": [{"name": "n", "sourceObjectName": "User", "targetObjectName": "User", "attributeMappings": [` + strings.Repeat(byMail+",", 1000) + byMail + `]}]}`
	if _, _, err := rule.Import([]byte(many), own(), fitSystems()); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("of too many: %v", err)
	}
}

func inOrder(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool {
		at := strings.Index(text, part)
		if at >= 0 {
			text = text[at+len(part):]
		}
		return at < 0
	})
}
