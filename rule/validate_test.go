package rule_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

// TestValidate: what cannot work is refused when it is set, with a sentence that says why.
func TestValidate(t *testing.T) {
	user := map[string]*scim.Type{"User": scim.UserType()}
	function := func(target, expression string) rule.Mapping {
		return rule.Mapping{Target: target, Source: &rule.MappingSource{Type: rule.FromFunction, Expression: expression}}
	}
	match := rule.Mapping{Target: "userName", Match: 1, Source: &rule.MappingSource{Type: rule.FromAttribute, Expression: "[userName]"}}
	one := func(source, target string, scope string, more ...rule.Mapping) rule.ObjectMapping {
		m := rule.ObjectMapping{Name: source + " to " + target, Enabled: true, Source: source, Target: target, Attributes: append([]rule.Mapping{match}, more...)}
		if scope != "" {
			m.Scope.Groups = []rule.FilterGroup{{Clauses: []rule.Clause{{Attribute: scope, Operator: "EQUALS", Operand: rule.Operand{Values: []string{"mars"}}}}}}
		}
		return m
	}
	off := one("User", "User", "")
	off.Enabled = false
	outbound, inbound := rule.Systems{Source: user}, rule.Systems{Target: user}
	for _, c := range []struct {
		what   string
		rules  []rule.ObjectMapping
		known  rule.Systems
		code   lockstep.Code
		detail string // part of the first fault; "" is none
	}{
		{"as it should be", []rule.ObjectMapping{one("User", "urn:x:2.0:User", "title", function("nickName", "[displayName]"))}, outbound, "", ""},
		{"a misspelt source", []rule.ObjectMapping{one("User", "User", "", function("nickName", "[dispalyName]"))}, outbound, lockstep.CodeMapUnknown, "displayName"},
		{"of an unknown source anything goes", []rule.ObjectMapping{one("User", "User", "region", function("nickName", "[dispalyName]"))}, inbound, "", ""},
		{"a misspelt target", []rule.ObjectMapping{one("User", "User", "", function("nickNmae", "[displayName]"))}, inbound, lockstep.CodeMapUnknown, "nickName"},
		{"a scope that nobody can be in", []rule.ObjectMapping{one("User", "User", "region")}, outbound, lockstep.CodeMapUnknown, `no attribute "region"`},
		{"several values to match by", []rule.ObjectMapping{one("User", "User", "", rule.Mapping{Target: "roles", Match: 2, Source: &rule.MappingSource{Type: rule.FromAttribute, Expression: "[roles]"}})}, inbound, lockstep.CodeMapInvalid, "has several values"},
		{"two for one type", []rule.ObjectMapping{one("User", "User", ""), one("urn:x:2.0:User", "User", "")}, outbound, lockstep.CodeMapInvalid, "both for objects of type User"},
		{"one of two is disabled", []rule.ObjectMapping{off, one("User", "User", "")}, outbound, "", ""},
		{"a default domain that nobody set", []rule.ObjectMapping{one("User", "User", "", function("nickName", `Join("@", [userName], DefaultDomain())`))}, rule.Systems{}, lockstep.CodeMapInvalid, "DefaultDomain() has no value"},
		{
			"a default domain", []rule.ObjectMapping{one("User", "User", "", function("nickName", `Join("@", [userName], DefaultDomain())`))},
			rule.Systems{DefaultDomain: "acme.example"}, "", "",
		},
		{
			"unique where nobody can ask", []rule.ObjectMapping{one("User", "User", "", function("nickName", `SelectUniqueValue([userName], [displayName])`))},
			rule.Systems{Searchable: map[string][]string{"User": {"userName"}}}, lockstep.CodeMapInvalid, "cannot search by nickName",
		},
		{
			"unique among several", []rule.ObjectMapping{one("User", "User", "", function("roles", `SelectUniqueValue([userName], [displayName])`))},
			inbound, lockstep.CodeMapInvalid, "single value",
		},
		{
			"unique", []rule.ObjectMapping{one("User", "User", "", function("nickName", `SelectUniqueValue([userName], [displayName])`))},
			rule.Systems{Target: user, Searchable: map[string][]string{"User": {"userName", "nickname"}}}, "", "",
		},
		{
			"unique, asked for by the whole name", []rule.ObjectMapping{one("User", "User", "", function("nickName", `SelectUniqueValue([userName], [displayName])`))},
			rule.Systems{Target: user, Searchable: map[string][]string{"User": {"userName", scim.UserType().Schema + ":nickName"}}}, "", "",
		},
	} {
		faults := rule.Validate(rule.Rules{Objects: c.rules}, c.known)
		switch {
		case c.detail == "" && len(faults) > 0:
			t.Errorf("%s: %v", c.what, faults)
		case c.detail == "":
		case len(faults) != 1 || lockstep.CodeOf(faults[0].Err) != c.code || !strings.Contains(faults[0].Err.Error(), c.detail):
			t.Errorf("%s: %v, want %s with %q", c.what, faults, c.code, c.detail)
		}
	}
}

// TestFaultsNameTheirPart: what is wrong says of which part of which mapping or filter it is, so that forms need not read the sentence.
func TestFaultsNameTheirPart(t *testing.T) {
	user := map[string]*scim.Type{"User": scim.UserType()}
	attribute := func(target, from string, match int) rule.Mapping {
		return rule.Mapping{Target: target, Match: match, Source: &rule.MappingSource{Type: rule.FromAttribute, Expression: "[" + from + "]"}}
	}
	for want, change := range map[string]func(*rule.ObjectMapping){
		"target nickNmae": func(m *rule.ObjectMapping) { m.Attributes = append(m.Attributes, attribute("nickNmae", "title", 0)) },
		"target userName": func(m *rule.ObjectMapping) { m.Attributes = append(m.Attributes, attribute("userName", "title", 0)) },
		"source title":    func(m *rule.ObjectMapping) { m.Attributes = append(m.Attributes, attribute("title", "titel", 0)) },
		"match roles":     func(m *rule.ObjectMapping) { m.Attributes = append(m.Attributes, attribute("roles", "roles", 2)) },
		"default active": func(m *rule.ObjectMapping) {
			a := attribute("active", "active", 0)
			a.Default = "perhaps"
			m.Attributes = append(m.Attributes, a)
		},
		"empty userName": func(m *rule.ObjectMapping) { m.Attributes[0].Clear = true },
		"filter 2 clause 1": func(m *rule.ObjectMapping) {
			good := rule.FilterGroup{Clauses: []rule.Clause{{Attribute: "title", Operator: "IS NOT NULL"}}}
			m.Scope.Groups = []rule.FilterGroup{good, {Clauses: []rule.Clause{{Attribute: "titel", Operator: "IS NULL"}}}}
		},
	} {
		m := rule.ObjectMapping{Name: "people", Enabled: true, Source: "User", Target: "User", Attributes: []rule.Mapping{attribute("userName", "userName", 1)}}
		change(&m)
		faults := rule.Validate(rule.Rules{Objects: []rule.ObjectMapping{m}}, rule.Systems{Source: user, Target: user})
		if len(faults) != 1 {
			t.Errorf("%s: %v", want, faults)
			continue
		}
		e, ok := faults[0].Err.(*lockstep.Error) //nolint:errorlint // as Fault has it
		if !ok || e.Field != want {
			t.Errorf("%+v, want the field %s", faults[0].Err, want)
		}
	}
}
