package rule_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// scoped compiles a mapping with nothing but a scoping filter.
func scoped(t testing.TB, groups ...rule.FilterGroup) *rule.Program {
	t.Helper()
	p, problems := rule.Compile(rule.ObjectMapping{
		Scope:      rule.Filter{Groups: groups},
		Attributes: []rule.Mapping{{Target: "userName", Source: from("userName"), Match: 1}},
	}, nil, rule.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func all(clauses ...rule.Clause) rule.FilterGroup { return rule.FilterGroup{Clauses: clauses} }

func is(attribute, operator string, values ...string) rule.Clause {
	return rule.Clause{Attribute: attribute, Operator: operator, Operand: rule.Operand{Values: values}}
}

func anyCase(c rule.Clause) rule.Clause { c.IgnoreCase = true; return c }

func quantified(q rule.Quantifier, c rule.Clause) rule.Clause { c.Quantifier = q; return c }

func person() scim.Object {
	return scim.Object{
		{Name: "userName", Value: "ada@northwind.example"},
		{Name: "country", Value: "DE"},
		{Name: "city", Value: "Zürich"},
		{Name: "empty", Value: ""},
		{Name: "grade", Value: int64(7)},
		{Name: "rate", Value: 2.5},
		{Name: "badge", Value: "0007"},
		{Name: "padded", Value: " 7 "},
		{Name: "large", Value: int64(1<<53 + 1)},
		{Name: "manager of people", Value: true},
		{Name: "contractor", Value: false},
		{Name: "flagText", Value: "true"},
		{Name: "userAccountControl", Value: int64(514)},
		{Name: "hireDate", Value: "2026-11-29"},
		{Name: "leaveDate", Value: "2026-11-22T12:00:00Z"},
		{Name: "expires", Value: "20261201000000.0Z"},
		{Name: "tags", Value: scim.List{"blue", "green"}},
		{Name: "groups", Value: scim.List{
			scim.Object{{Name: "value", Value: "g1"}, {Name: "display", Value: "Engineering"}},
			scim.Object{{Name: "value", Value: "g2"}, {Name: "display", Value: "Berlin"}},
		}},
		{Name: "addresses", Value: scim.List{
			scim.Object{{Name: "type", Value: "home"}, {Name: "country", Value: "FR"}},
			scim.Object{{Name: "type", Value: "work"}, {Name: "country", Value: "DE"}},
		}},
		{Name: "name", Value: scim.Object{{Name: "familyName", Value: "Lovelace"}}},
	}
}

func TestOperators(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range []struct {
		clause rule.Clause
		want   bool
	}{
		{is("country", "EQUALS", "DE"), true},
		{is("country", "EQUALS", "de"), false},
		{anyCase(is("country", "EQUALS", "de")), true},
		{is("grade", "EQUALS", "7"), true},
		{is("contractor", "EQUALS", "false"), true},
		{is("missing", "EQUALS", ""), false},
		{is("name.familyName", "EQUALS", "Lovelace"), true},
		{is(`addresses[type eq "work"].country`, "EQUALS", "DE"), true},
		{is("addresses.country", "EQUALS", "FR"), true},
		{is("country", "NOT EQUALS", "US"), true},
		{is("country", "not_equals", "DE"), false},
		{is("missing", "NOT EQUALS", "US"), false},
		{is("empty", "NOT EQUALS", "US"), false},
		{is("tags", "NOT EQUALS", "red"), true},
		{is("tags", "NOT EQUALS", "blue"), false},
		{quantified(rule.Any, is("tags", "NOT EQUALS", "blue")), true},
		{quantified(rule.All, is("tags", "EQUALS", "blue")), false},
		{is("tags", "EQUALS", "green"), true},
		{is("manager of people", "IS TRUE"), true},
		{is("flagText", "IS TRUE"), true},
		{is("contractor", "IS TRUE"), false},
		{is("contractor", "IS FALSE"), true},
		{is("missing", "IS FALSE"), false},
		{is("missing", "IS NULL"), true},
		{is("empty", "IS NULL"), true},
		{is("country", "IS NULL"), false},
		{is("country", "IS NOT NULL"), true},
		{is("empty", "IS NOT NULL"), false},
		{is("userName", "REGEX MATCH", `@northwind\.example$`), true},
		{is("badge", "REGEX MATCH", `^\d{4}$`), true},
		{is("badge", "REGEX MATCH", `^(?!0)\d+$`), false},
		{is("country", "REGEX MATCH", "de"), false},
		{anyCase(is("country", "REGEX MATCH", "de")), true},
		{is("userName", "REGEX MATCH", `"`), false},
		{is("userName", "NOT REGEX MATCH", `@contoso`), true},
		{is("userName", "NOT REGEX MATCH", `@northwind`), false},
		{is("missing", "NOT REGEX MATCH", `x`), false},
		{is("grade", "Greater_Than", "6"), true},
		{is("grade", "Greater_Than", "7"), false},
		{is("rate", "Greater_Than", "2.25"), true},
		{is("country", "Greater_Than", "1"), false},
		{is("grade", "Greater_Than_OR_EQUALS", "7"), true},
		{is("badge", "GREATER THAN OR EQUALS", "8"), false},
		{is("grade", "Less_Than", "10"), true},
		{is("grade", "Less_Than", "7"), false},
		{is("grade", "Less_Than_OR_EQUALS", "7"), true},
		{is("country", "Less_Than_OR_EQUALS", "1"), false},
		{is("padded", "Greater_Than", " 6 "), true},
		{is("padded", "&", " 0x2 "), true},
		{is("large", "Greater_Than", "9007199254740992"), true},
		{is("manager of people", "EQUALS", "true"), true},
		{is("manager of people", "EQUALS", "yes"), false},
		{is("country", "BEFORE", "2999-01-01"), false},
		{is("hireDate", "BEFORE", " 2026-11-30 "), true},
		{is("grade", "Less_Than_OR_EQUALS", "6"), false},
		{is("userName", "Includes", "northwind"), true},
		{is("userName", "Includes", "Northwind"), false},
		{anyCase(is("userName", "Includes", "Northwind")), true},
		{anyCase(is("city", "EQUALS", "ZU\u0308RICH")), true}, // an accent typed by itself
		{anyCase(is("city", "IN", "Bern", "zu\u0308rich")), true},
		{is("city", "EQUALS", "Zu\u0308rich"), false},
		{is("userName", "STARTS_WITH", "ada@"), true},
		{is("userName", "ENDS_WITH", ".example"), true},
		{is("userName", "ENDS_WITH", ".com"), false},
		{is("country", "IN", "AT", "DE", "CH"), true},
		{is("country", "IN", "AT", "de"), false},
		{is("country", "NOT IN", "AT", "CH"), true},
		{is("missing", "NOT IN", "AT"), false},
		{is("userAccountControl", "&", "2"), true},
		{is("userAccountControl", "&", "0x10"), false},
		{is("userAccountControl", "!&", "&H10"), true},
		{is("missing", "!&", "2"), false},
		{is("hireDate", "BEFORE", "2026-11-30"), true},
		{is("hireDate", "BEFORE", "2026-11-29"), false},
		{is("hireDate", "NOT AFTER", "2026-11-29"), true},
		{is("hireDate", "NOT AFTER", "now+7d"), true},
		{is("hireDate", "NOT AFTER", "now + 6d"), false},
		{is("leaveDate", "AFTER", "now"), false},
		{is("leaveDate", "NOT BEFORE", "now"), true},
		{is("expires", "AFTER", "now+1w"), true},
		{is("country", "AFTER", "2020-01-01"), false},
		{is("missing", "NOT AFTER", "now"), false},
		{is("groups", "IsMemberOf", "Engineering"), true},
		{is("", "IsMemberOf", "g2"), true},
		{is("", "IsMemberOf", "Sales"), false},
		{is("IsSoftDeleted", "IS FALSE"), true},
		{is("accountEnabled", "IS TRUE"), true},
		{is("objectId", "EQUALS", "4711"), true},
	} {
		for _, o := range rule.Operators() {
			tested[o.Name] = tested[o.Name] || fold(o.Name) == fold(c.clause.Operator)
		}
		p := scoped(t, all(c.clause))
		v := p.Scope(rule.Subject{ID: "4711", Values: person(), Enabled: true, Everyone: true, Now: noon})
		if v.In != c.want {
			t.Errorf("%+v: %t, %s", c.clause, v.In, v.Reason.Sentence())
		}
	}
	for _, o := range rule.Operators() {
		if !tested[o.Name] {
			t.Errorf("%s is not tested", o.Name)
		}
	}
}

func fold(name string) string {
	return strings.NewReplacer(" ", "", "_", "").Replace(strings.ToLower(name))
}

func TestSentences(t *testing.T) {
	emea := rule.FilterGroup{Name: "EMEA", Clauses: []rule.Clause{is("userName", "IS NOT NULL"), is("country", "EQUALS", "US")}}
	apac := rule.FilterGroup{Name: "APAC", Clauses: []rule.Clause{is("missing", "EQUALS", "JP")}}
	path := []rule.Grant{{Path: []string{"Engineering", "Platform"}, Role: "User"}, {Path: []string{"A", "B", "C"}}}
	excluded := []rule.Grant{{Role: "Default Access", Exclude: true}}
	for _, c := range []struct {
		name   string
		groups []rule.FilterGroup
		s      rule.Subject
		in     bool
		want   string
	}{
		{"everybody", nil, rule.Subject{Enabled: true, Everyone: true}, true, "in scope: nobody has to be assigned"},
		{"direct", nil, rule.Subject{Enabled: true, Grants: []rule.Grant{path[0], {}}}, true, "in scope: assigned directly"},
		{"through groups", nil, rule.Subject{Enabled: true, Grants: path}, true, "in scope: assigned through group Engineering › Platform as User"},
		{"not assigned", nil, rule.Subject{Enabled: true}, false, "left out: not assigned"},
		{"role", nil, rule.Subject{Enabled: true, Grants: excluded}, false, "left out: the role “Default Access” is not provisioned"},
		{"role allowed", nil, rule.Subject{Enabled: true, Grants: excluded, DefaultRole: true}, true, "in scope: assigned directly as Default Access"},
		{"another role", nil, rule.Subject{Enabled: true, Grants: append(excluded, path[0])}, true, "in scope: assigned through group Engineering › Platform as User"},
		{"deleted", nil, rule.Subject{Enabled: true, Deleted: true, Everyone: true}, false, "left out: deleted at source"},
		{"disabled", nil, rule.Subject{Grants: path}, true, "disabled at source: assigned through group Engineering › Platform as User"},
		{"filter", []rule.FilterGroup{emea}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: filter “EMEA”, clause 2: country equals US — it is DE"},
		{"filter, empty", []rule.FilterGroup{apac}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: filter “APAC”: missing equals JP — it is empty"},
		{"the nearest of two filters", []rule.FilterGroup{apac, emea}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: nearest filter “EMEA”, clause 2: country equals US — it is DE"},
		{"the first of two as near", []rule.FilterGroup{apac, all(is("country", "EQUALS", "US"))}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: nearest filter “APAC”: missing equals JP — it is empty"},
		{"the nearest comes first", []rule.FilterGroup{emea, apac}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: nearest filter “EMEA”, clause 2: country equals US — it is DE"},
		{"not assigned, nor let through", []rule.FilterGroup{emea}, rule.Subject{Enabled: true}, false, "left out: not assigned"},
		{"not assigned, and disabled", nil, rule.Subject{}, false, "left out: not assigned"},
		{"two groups as near", nil, rule.Subject{Enabled: true, Grants: []rule.Grant{{Path: []string{"A"}}, {Path: []string{"B"}}}}, true, "in scope: assigned through group A"},
		{"only the enabled", []rule.FilterGroup{all(is("accountEnabled", "IS TRUE"))}, rule.Subject{Everyone: true}, false, "left out: filter: accountEnabled is true — it is False"},
		{"not the disabled", []rule.FilterGroup{all(is("IsSoftDeleted", "IS FALSE"))}, rule.Subject{Everyone: true}, false, "left out: filter: IsSoftDeleted is false — it is True"},
		{"in any case", []rule.FilterGroup{all(anyCase(is("country", "EQUALS", "us")))}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: filter: country equals us in any case — it is DE"},
		{"several values", []rule.FilterGroup{all(is("tags", "IN", "red", "black"))}, rule.Subject{Enabled: true, Everyone: true}, false, "left out: filter: tags is one of red, black — it is blue, green"},
	} {
		c.s.Values, c.s.Now = person(), noon
		v := scoped(t, c.groups...).Scope(c.s)
		if got := v.Reason.Sentence(); v.In != c.in || got != c.want {
			t.Errorf("%s: %t, %s", c.name, v.In, got)
		}
	}
}

// TestActionReason: what an action says is the decision's rule and, where it matters, the verdict.
func TestActionReason(t *testing.T) {
	filter := scoped(t, rule.FilterGroup{Name: "EMEA", Clauses: []rule.Clause{is("country", "EQUALS", "US")}})
	v := filter.Scope(rule.Subject{Values: person(), Enabled: true, Everyone: true})
	d := rule.Decide(rule.Situation{Linked: true, Enabled: true, In: v.In, Differs: true, SoftDelete: true, Blocks: true})
	if got, want := d.Because(v).Sentence(), "left scope: filter “EMEA”: country equals US — it is DE"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d = rule.Decide(rule.Situation{Linked: true, Enabled: true, In: true, Differs: true})
	if got := d.Because(v).Sentence(); got != "changed" {
		t.Errorf("got %q", got)
	}
}

// TestRecheck: the instant at which a date clause turns is the one at which the verdict does, to the millisecond.
func TestRecheck(t *testing.T) {
	for _, c := range []struct {
		clause rule.Clause
		want   string // "" is never
	}{
		{is("hireDate", "NOT AFTER", "now+3d"), "2026-11-26T00:00:00Z"},
		{is("hireDate", "BEFORE", "now+3d"), "2026-11-26T00:00:00.001Z"},
		{is("hireDate", "AFTER", "now+3d"), "2026-11-26T00:00:00Z"},
		{is("hireDate", "NOT BEFORE", "now+3d"), "2026-11-26T00:00:00.001Z"},
		{is("hireDate", "NOT AFTER", "now-24h"), "2026-11-30T00:00:00Z"},
		{is("hireDate", "NOT AFTER", "now+8d"), ""},
		{is("hireDate", "NOT AFTER", "2026-12-24"), ""},
		{is("country", "NOT AFTER", "now"), ""},
		{is("leaveDate", "AFTER", "now"), ""},
		{is("leaveDate", "NOT BEFORE", "now"), "2026-11-22T12:00:00.001Z"},
	} {
		p := scoped(t, all(c.clause))
		ask := func(at time.Time) rule.Verdict {
			return p.Scope(rule.Subject{Values: person(), Enabled: true, Everyone: true, Now: at})
		}
		v := ask(noon)
		got := ""
		if !v.Recheck.IsZero() {
			got = v.Recheck.Format(time.RFC3339Nano)
			if ask(v.Recheck).In == v.In || ask(v.Recheck.Add(-time.Millisecond)).In != v.In {
				t.Errorf("%+v does not turn at %s", c.clause, got)
			}
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.clause, got, c.want)
		}
	}
}

// TestRecheckIsEarliest: of several clauses the first to turn counts, unless one before it fails for good.
func TestRecheckIsEarliest(t *testing.T) {
	soon, late := is("hireDate", "NOT BEFORE", "now+5d"), is("expires", "AFTER", "now")
	v := scoped(t, all(late, soon)).Scope(rule.Subject{Values: person(), Enabled: true, Everyone: true, Now: noon})
	if want := time.Date(2026, 11, 24, 0, 0, 0, 1e6, time.UTC); !v.In || !v.Recheck.Equal(want) {
		t.Errorf("got %t, %s", v.In, v.Recheck)
	}
	v = scoped(t, all(late, soon, is("country", "EQUALS", "DE"))).Scope(rule.Subject{Values: person(), Enabled: true, Everyone: true, Now: noon})
	if want := time.Date(2026, 11, 24, 0, 0, 0, 1e6, time.UTC); !v.In || !v.Recheck.Equal(want) {
		t.Errorf("with a clause behind it that time does not change: %t, %s", v.In, v.Recheck)
	}
	v = scoped(t, all(is("country", "EQUALS", "US"), soon)).Scope(rule.Subject{Values: person(), Enabled: true, Everyone: true, Now: noon})
	if v.In || !v.Recheck.IsZero() {
		t.Errorf("got %t, %s", v.In, v.Recheck)
	}
	for _, order := range []scim.List{{"2026-11-29", "2020-01-01"}, {"2020-01-01", "2026-11-29"}} { // what is past never turns
		o := append(person(), scim.Attr{Name: "contracts", Value: order})
		v = scoped(t, all(quantified(rule.Any, is("contracts", "AFTER", "now")))).Scope(rule.Subject{Values: o, Enabled: true, Everyone: true, Now: noon})
		if v.Recheck.Format(time.DateOnly) != "2026-11-29" || !v.In {
			t.Errorf("of several values, of which one turns: %t, %s", v.In, v.Recheck)
		}
	}
	if v = scoped(t, all(is("country", "EQUALS", "DE")), all(soon)).Scope(rule.Subject{Values: person(), Enabled: true, Everyone: true, Now: noon}); !v.In || !v.Recheck.IsZero() {
		t.Errorf("got %t, %s, although the first filter lets them through for good", v.In, v.Recheck)
	}
}

// TestRegexTooSlow: a pattern that does not come to an end says so, instead of putting a person out of scope.
func TestRegexTooSlow(t *testing.T) {
	slow := scoped(t, all(is("text", "REGEX MATCH", `^(a+)+$`)))
	s := rule.Subject{Values: scim.Object{{Name: "text", Value: strings.Repeat("a", 40) + "!"}}, Enabled: true, Everyone: true}
	if v := slow.Scope(s); v.In || v.Code != lockstep.CodeMapExpression {
		t.Errorf("got %+v", v)
	}
	either := scoped(t, all(is("text", "REGEX MATCH", `^(a+)+$`)), all(is("text", "ENDS_WITH", "!")))
	if v := either.Scope(s); !v.In || v.Code != "" {
		t.Errorf("got %+v, although the other group lets them through", v)
	}
}

// TestScopeNeverPanics: whatever clauses say and objects hold, there is an answer with a reason.
func TestScopeNeverPanics(t *testing.T) {
	var names []string
	for _, o := range rule.Operators() {
		names = append(names, o.Name)
	}
	attributes := []string{"a", "a.b", `a[type eq "work"].value`, "IsSoftDeleted", "accountEnabled", "objectId", "urn:x:2.0:U:a"}
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "7", "-1", "now+7d", "now-", "2026-01-01", "True", "(", "&H7", "9223372036854775808"}))
	clauses := rapid.Custom(func(t *rapid.T) rule.Clause {
		return rule.Clause{
			Attribute:  rapid.SampledFrom(attributes).Draw(t, "attribute"),
			Operator:   rapid.SampledFrom(names).Draw(t, "operator"),
			Operand:    rule.Operand{Values: rapid.SliceOfN(texts, 0, 2).Draw(t, "operand")},
			IgnoreCase: rapid.Bool().Draw(t, "ignore case"),
			Quantifier: rapid.SampledFrom([]rule.Quantifier{"", rule.Any, rule.All}).Draw(t, "quantifier"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		m := rule.ObjectMapping{Scope: rule.Filter{Groups: []rule.FilterGroup{
			all(rapid.SliceOfN(clauses, 1, 3).Draw(t, "one")...), all(rapid.SliceOfN(clauses, 1, 3).Draw(t, "other")...),
		}}}
		p, problems := rule.Compile(m, nil, rule.Options{})
		for _, err := range problems {
			if lockstep.CodeOf(err) == lockstep.CodeInternal {
				t.Errorf("a problem without a code: %v", err)
			}
		}
		s := rule.Subject{Values: scim.Object{{Name: "a", Value: values().Draw(t, "value")}}, Enabled: true, Everyone: true, Now: noon}
		if v := p.Scope(s); v.Reason.Sentence() == "" || !v.Recheck.IsZero() && !v.Recheck.After(noon) {
			t.Errorf("got %+v", v)
		}
	})
}

// TestNegationsNeedValues: no operator but IS NULL holds for a person of whom nothing is known.
func TestNegationsNeedValues(t *testing.T) {
	for _, o := range rule.Operators() {
		operand := []string{"1"}
		if strings.Contains(o.Meaning, "time") {
			operand = []string{"now"}
		}
		p := scoped(t, all(is("nothing", o.Name, operand...)))
		if v := p.Scope(rule.Subject{Enabled: true, Everyone: true, Now: noon}); v.In != (o.Name == "IS NULL") {
			t.Errorf("%s: %t", o.Name, v.In)
		}
	}
	if !slices.ContainsFunc(rule.Operators(), func(o rule.Operator) bool { return o.Negative }) {
		t.Error("there are no operators with NOT")
	}
}

func BenchmarkScope(b *testing.B) {
	p := scoped(b, rule.FilterGroup{Name: "EMEA", Clauses: []rule.Clause{is("country", "IN", "AT", "DE", "CH"), is("userName", "ENDS_WITH", ".example"), is("hireDate", "NOT AFTER", "now+7d")}})
	s := rule.Subject{Values: person(), Enabled: true, Grants: []rule.Grant{{Path: []string{"Engineering"}}}, Now: noon}
	b.ReportAllocs()
	for b.Loop() {
		p.Scope(s)
	}
}
