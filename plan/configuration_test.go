package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/rule"
)

// fed is a mapping of an attribute.
func fed(target, expression string) rule.Mapping {
	return rule.Mapping{Target: target, Source: &rule.MappingSource{Type: rule.FromAttribute, Expression: expression}}
}

func where(attribute, value string) rule.Filter {
	return rule.Filter{Groups: []rule.FilterGroup{{Clauses: []rule.Clause{{Attribute: attribute, Operator: "EQUALS", Operand: rule.Operand{Values: []string{value}}}}}}}
}

// settled is a configuration to begin with.
func settled() Configuration {
	return Configuration{
		Rules: rule.Rules{Objects: []rule.ObjectMapping{
			{Name: "people", Enabled: true, Source: "User", Target: "User", Flow: "Add, Update", Attributes: []rule.Mapping{fed("userName", "[userName]"), fed("title", "[title]")}},
			{Name: "groups", Enabled: true, Source: "Group", Target: "Group", Flow: "Add", Attributes: []rule.Mapping{fed("displayName", "[displayName]")}},
		}},
		Policy: Policy{Everyone: true, Interval: time.Hour, Excluded: []rule.Exclusion{{Type: "User", ID: "1", Reason: "on leave"}}},
	}
}

// fields lists differences as words: field before → after.
func fields(t *testing.T, was, now Configuration) string {
	t.Helper()
	all, err := Differences(was, now)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range all {
		sign := "~"
		switch {
		case d.Was == "":
			sign = "+"
		case d.Now == "":
			sign = "-"
		}
		lines = append(lines, sign+string(d.Field))
	}
	return strings.Join(lines, " ")
}

func TestDifferences(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Configuration)
		want   string
	}{
		"nothing": {func(*Configuration) {}, ""},
		"the order of mappings": {func(c *Configuration) {
			a := c.Rules.Objects[0].Attributes
			a[0], a[1] = a[1], a[0]
		}, ""},
		"another spelling":   {func(c *Configuration) { c.Rules.Objects[0].Attributes[1].FlowType = rule.Always }, ""},
		"an empty filter":    {func(c *Configuration) { c.Rules.Objects[0].Scope.Groups = []rule.FilterGroup{} }, ""},
		"the case of a name": {func(c *Configuration) { c.Rules.Objects[0].Attributes[1].Target = "Title" }, "~User/attribute/Title"},
		"who is excluded":    {func(c *Configuration) { c.Policy.Excluded = nil }, ""},
		"a mapping":          {func(c *Configuration) { c.Rules.Objects[0].Attributes[1] = fed("title", "[job]") }, "~User/attribute/title"},
		"one more": {func(c *Configuration) {
			c.Rules.Objects[0].Attributes = append(c.Rules.Objects[0].Attributes, fed("x", "[x]"))
		}, "+User/attribute/x"},
		"one less":     {func(c *Configuration) { c.Rules.Objects[0].Attributes = c.Rules.Objects[0].Attributes[:1] }, "-User/attribute/title"},
		"a filter":     {func(c *Configuration) { c.Rules.Objects[1].Scope = where("displayName", "Sales") }, "~Group/scope"},
		"switched off": {func(c *Configuration) { c.Rules.Objects[1].Enabled = false }, "~Group"},
		"an object":    {func(c *Configuration) { c.Rules.Objects = c.Rules.Objects[:1] }, "-Group -Group/scope -Group/attribute/displayName"},
		"policy": {func(c *Configuration) {
			c.Policy.Everyone, c.Policy.OnLeave, c.Policy.Interval = false, rule.LeaveDelete, time.Minute
		}, "~policy/interval +policy/on_leave -policy/everyone"},
		"the guard": {func(c *Configuration) { c.Policy.Guard.Off = true }, "+policy/guard"},
		"two mappings of a path": {func(c *Configuration) {
			c.Rules.Objects[0].Attributes = append(c.Rules.Objects[0].Attributes, fed("title", "[x]"))
		}, "+User/attribute/title#2"},
	} {
		next := settled()
		c.change(&next)
		if got := fields(t, settled(), next); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestMerge(t *testing.T) {
	title := func(e string) func(*Configuration) {
		return func(c *Configuration) { c.Rules.Objects[0].Attributes[1] = fed("title", e) }
	}
	without := func(c *Configuration) { c.Rules.Objects[0].Attributes = c.Rules.Objects[0].Attributes[:1] }
	both := func(all ...func(*Configuration)) func(*Configuration) {
		return func(c *Configuration) {
			for _, f := range all {
				f(c)
			}
		}
	}
	everyone := func(c *Configuration) { c.Policy.Everyone = false }
	more := func(c *Configuration) {
		c.Rules.Objects[0].Attributes = append(c.Rules.Objects[0].Attributes, fed("nickName", "[nickName]"))
	}
	gone := func(c *Configuration) { c.Rules.Objects = c.Rules.Objects[:1] }
	for name, c := range map[string]struct {
		theirs, yours, want func(*Configuration)
		take                map[Field]Side
		conflicts           string
	}{
		"only yours":             {both(), title("[job]"), title("[job]"), nil, ""},
		"only theirs":            {title("[job]"), both(), title("[job]"), nil, ""},
		"other fields":           {everyone, both(title("[job]"), more), both(title("[job]"), more, everyone), nil, ""},
		"the same change":        {title("[job]"), title("[job]"), title("[job]"), nil, ""},
		"the same field":         {title("[a]"), both(title("[b]"), everyone), both(title("[a]"), everyone), nil, "User/attribute/title"},
		"the same field, theirs": {title("[a]"), both(title("[b]"), everyone), both(title("[a]"), everyone), map[Field]Side{"user/attribute/TITLE": Theirs}, ""},
		"the same field, yours":  {title("[a]"), title("[b]"), title("[b]"), map[Field]Side{"User/attribute/title": Yours}, ""},
		"removed and changed":    {without, title("[b]"), without, nil, "User/attribute/title"},
		"removed and yours": {without, title("[b]"), both(without, func(c *Configuration) {
			c.Rules.Objects[0].Attributes = append(c.Rules.Objects[0].Attributes, fed("title", "[b]"))
		}), map[Field]Side{"User/attribute/title": Yours}, ""},
		"a filter each":                   {func(c *Configuration) { c.Rules.Objects[0].Scope = where("a", "1") }, func(c *Configuration) { c.Rules.Objects[0].Scope = where("a", "2") }, func(c *Configuration) { c.Rules.Objects[0].Scope = where("a", "1") }, nil, "User/scope"},
		"the first of the mappings":       {everyone, func(c *Configuration) { c.Rules.Objects[0].Attributes[0] = fed("userName", "[login]") }, both(everyone, func(c *Configuration) { c.Rules.Objects[0].Attributes[0] = fed("userName", "[login]") }), nil, ""},
		"the first whole mapping removed": {everyone, func(c *Configuration) { c.Rules.Objects = c.Rules.Objects[1:] }, both(everyone, func(c *Configuration) { c.Rules.Objects = c.Rules.Objects[1:] }), nil, ""},
		"a whole mapping removed":         {everyone, gone, both(everyone, gone), nil, ""},
		"who is excluded since":           {func(c *Configuration) { c.Policy.Excluded = nil }, everyone, func(c *Configuration) { c.Policy.Everyone, c.Policy.Excluded = false, nil }, nil, ""},
	} {
		theirs, yours, want := settled(), settled(), settled()
		c.theirs(&theirs)
		c.yours(&yours)
		c.want(&want)
		inForce := settled()
		c.theirs(&inForce)
		got, conflicts, err := Merge(settled(), theirs, yours, c.take)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, x := range conflicts {
			names = append(names, string(x.Field))
			if x.Theirs == x.Yours || x.Base == "" {
				t.Errorf("%s: %+v", name, x)
			}
		}
		if strings.Join(names, " ") != c.conflicts {
			t.Errorf("%s: conflicts %v, want %q", name, names, c.conflicts)
		}
		if d := fields(t, want, got); d != "" {
			t.Errorf("%s: differs in %s", name, d)
		}
		if d := cmp.Diff(want.Policy.Excluded, got.Policy.Excluded); d != "" {
			t.Errorf("%s: excluded %s", name, d)
		}
		if d := cmp.Diff(inForce, theirs); d != "" {
			t.Errorf("%s: what is in force has changed: %s", name, d)
		}
	}
}

// TestKeptHoldsNoSecret: neither a constant password nor a default one is in a version, and both are there again when it comes back.
func TestKeptHoldsNoSecret(t *testing.T) {
	c := settled()
	c.Rules.Objects[0].Attributes = append(c.Rules.Objects[0].Attributes,
		rule.Mapping{Target: "password", Source: &rule.MappingSource{Type: rule.FromConstant, Name: "hunter2", Expression: `"hunter2"`}},
		rule.Mapping{Target: "urn:acme:2.0:User:pinSecret", Source: &rule.MappingSource{Type: rule.FromFunction, Name: "Append", Expression: `Append([id], "hunter2")`}, Default: "hunter2"},
		fed("initialPassword", "[password]"),
		rule.Mapping{Target: "name.password", Source: &rule.MappingSource{Type: rule.FromConstant, Name: "hunter2"}},
		rule.Mapping{Target: "entryPassword", Source: &rule.MappingSource{Type: rule.FromConstant, Expression: "hunter2"}},
		rule.Mapping{Target: "secretQuestion", Default: "hunter2"},
		rule.Mapping{Target: "userType", Default: "member", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: `Append([kind], "!")`}})
	c.Rules.Objects[1].Attributes = append([]rule.Mapping{{Target: "password", Default: "hunter22"}}, c.Rules.Objects[1].Attributes...)
	before := fmt.Sprintf("%+v %+v", c, *c.Rules.Objects[0].Attributes[2].Source)
	kept := c.Kept()
	if after := fmt.Sprintf("%+v %+v", c, *c.Rules.Objects[0].Attributes[2].Source); after != before {
		t.Errorf("what is in force has changed: %s", after)
	}
	if a := kept.Rules.Objects[0].Attributes[8]; a.Default != "member" || a.Source.Expression != `Append([kind], "!")` {
		t.Errorf("what is no secret was hidden: %+v", a)
	}
	if text := fmt.Sprintf("%+v %+v", kept, kept.Rules.Objects[0].Attributes[2].Source); strings.Contains(text, "hunter2") || strings.Contains(text, "on leave") {
		t.Error(text)
	}
	for _, a := range kept.Rules.Objects[0].Attributes {
		if a.Source != nil && (strings.Contains(a.Source.Expression, "hunter2") || strings.Contains(a.Source.Name, "hunter2")) {
			t.Errorf("%s: %+v", a.Target, a.Source)
		}
	}
	if d := cmp.Diff(c, kept.Over(c)); d != "" {
		t.Errorf("brought back: %s", d)
	}
	if kept.Rules.Objects[0].Attributes[4].Source.Expression != "[password]" {
		t.Error("a mapping without a text was hidden")
	}
	if d := fields(t, settled(), kept.Over(settled())); d != "+User/attribute/initialPassword +User/attribute/userType" {
		t.Errorf("brought back where the texts are gone: %s", d)
	}
}
