package ldap

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// TestTemplate compiles the template's rules for the directory's types and maps a person whose attributes have several values.
func TestTemplate(t *testing.T) {
	var template struct {
		Settings []struct{ Name, Default string }
		Rules    rule.Rules
	}
	if err := json.Unmarshal(Template(), &template); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range template.Settings {
		settings[s.Name] = s.Default
	}
	if _, err := ParseConfig(settings); err != nil {
		t.Error(err)
	}
	types := map[string]*scim.Type{connection.UserType: scim.UserType(), connection.GroupType: scim.GroupType()}
	programs := map[string]*rule.Program{}
	for _, m := range template.Rules.Objects {
		program, problems := rule.Compile(m, types[m.Target], rule.Options{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		programs[m.Source] = program
	}
	out := programs[connection.UserType].Map(rule.Input{ID: "7", Enabled: true, InScope: true, Creating: true, Values: scim.Object{
		{Name: "dn", Value: "cn=Ada,dc=x"},
		{Name: "cn", Value: scim.List{"Ada Lovelace", "Countess"}},
		{Name: "sn", Value: "Lovelace"},
		{Name: "mail", Value: scim.List{"ada@example.com", "countess@example.com"}},
		{Name: "uid", Value: "ada"},
		{Name: "ou", Value: "Research"},
	}})
	if len(out.Problems) > 0 {
		t.Fatal(out.Problems)
	}
	want := scim.Object{
		{Name: "userName", Value: "ada@example.com"},
		{Name: "active", Value: true},
		{Name: "displayName", Value: "Ada Lovelace"},
		{Name: "name", Value: scim.Object{{Name: "familyName", Value: "Lovelace"}}},
		{Name: "emails", Value: scim.List{scim.Object{{Name: "type", Value: "work"}, {Name: "value", Value: "ada@example.com"}}}},
		{Name: scim.EnterpriseUserURN, Value: scim.Object{{Name: "department", Value: "Research"}}},
		{Name: "externalId", Value: "7"},
	}
	if !scim.Equal(want, out.Want) {
		t.Error(cmp.Diff(want, out.Want))
	}
}
