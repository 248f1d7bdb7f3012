package rule_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

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

// TestFitExport: what Entra ID exports is in force here but for what is named.
func TestFitExport(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/entra/export.txtar")
	if err != nil {
		t.Fatal(err)
	}
	imported, _ := rule.ParseEntra(archive.Files[0].Data)
	got, problems := rule.Fit(imported, own(), fitSystems())
	if faults := rule.Validate(got, fitSystems()); len(faults) > 0 {
		t.Errorf("it is not valid: %v", faults)
	}
	if len(problems) > 0 {
		t.Errorf("left out: %v", problems)
	}
	users, groups := got.Objects[0], got.Objects[1]
	if users.Name != "Users" || !groups.Enabled || groups.Flow != "Add, Update" || users.Flow != "Add, Update, Delete" {
		t.Errorf("%s %v %s %s", users.Name, groups.Enabled, groups.Flow, users.Flow)
	}
	if len(users.Attributes) != 7 || users.Scope.Groups[0].Name != "EMEA" {
		t.Errorf("%d attributes, filter %v", len(users.Attributes), users.Scope)
	}
}

// TestFit: what cannot be in force is left out and named, and the rest is taken over.
func TestFit(t *testing.T) {
	for _, c := range []struct{ name, attributes, scope, want, problems string }{
		{"as it is", `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"type": "Attribute", "expression": "[mail]"}}`, `null`, "userName=[mail] 1 /0", ""},
		{"unknown at the source", `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"type": "Attribute", "expression": "[mail]"}}, {"targetAttributeName": "title", "source": {"expression": "[extensionAttribute7]"}}`, `null`, "userName=[mail] 1 /0", "extensionAttribute7: the mapping is left out"},
		{"unknown at the target", `{"targetAttributeName": "shoeSize", "source": {"expression": "[title]"}}, {"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}`, `null`, "userName=[mail] 1 /0", "shoeSize: the mapping is left out"},
		{"an expression that cannot be read", `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}, {"targetAttributeName": "title", "source": {"expression": "Join("}}`, `null`, "userName=[mail] 1 /0", "title: the mapping is left out"},
		{"not to be searched by", `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}, {"targetAttributeName": "title", "matchingPriority": 2, "source": {"expression": "[title]"}}`, `null`, "userName=[mail] 1, title=[title] 0 /0", "title: it is mapped, and nobody is found by it"},
		{"twice the same", `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}, {"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[title]"}}`, `null`, "userName=[mail] 1 /0", "userName: the mapping is left out"},
		{"nobody could be found", `{"targetAttributeName": "title", "source": {"expression": "[title]"}}`, `null`, "userName=[userName] 1, active=Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\") 0 /1", "matchingPriority: mappings and filter stay as they are"},
		{"a filter that cannot be read", `{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[mail]"}}`, `{"groups": [{"name": "x", "clauses": [{"sourceOperandName": "title", "operatorName": "EQUALS", "targetOperand": {"values": ["A"]}}, {"sourceOperandName": "extensionAttribute7", "operatorName": "IS NULL", "targetOperand": {"values": []}}]}]}`,
			"userName=[mail] 1 /1", "clause 2: the scoping filter stays as it is"},
	} {
		imported, problems := rule.ParseEntra([]byte(`{"objectMappings": [{"name": "n", "sourceObjectName": "User", "targetObjectName": "User", "scope": ` + c.scope + `, "attributeMappings": [` + c.attributes + `]}]}`))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", c.name, problems)
		}
		was := own()
		got, problems := rule.Fit(imported, was, fitSystems())
		if faults := rule.Validate(got, fitSystems()); len(faults) > 0 {
			t.Errorf("%s: it is not valid: %v", c.name, faults)
		}
		var mapped []string
		for _, a := range got.Objects[0].Attributes {
			mapped = append(mapped, a.Target+"="+a.Source.Text()+" "+string(rune('0'+a.Match)))
		}
		if have := strings.Join(mapped, ", ") + " /" + string(rune('0'+len(got.Objects[0].Scope.Groups))); have != c.want {
			t.Errorf("%s: %s, want %s", c.name, have, c.want)
		}
		if c.problems == "" && len(problems) > 0 || c.problems != "" && (len(problems) != 1 || !inOrder(problems[0].Error(), strings.Split(c.problems, ": "))) {
			t.Errorf("%s: %q", c.name, problems)
		}
		if len(was.Objects[0].Attributes) != 2 || got.Objects[1].Name != "Groups" {
			t.Errorf("%s: the job's own rules are changed", c.name)
		}
	}
	imported := rule.Rules{Objects: []rule.ObjectMapping{{Name: "Contacts", Source: "Contact", Target: "User"}}}
	if got, problems := rule.Fit(imported, own(), fitSystems()); len(problems) != 1 || len(got.Objects) != 2 {
		t.Errorf("%v, %v", got, problems)
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
