package webex

import (
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/webexorg"
)

// TestForesee: whom Webex would refuse is said beforehand, and what is said is what it does.
func TestForesee(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{Name: "Acme", Domains: []string{"acme.example", "acme.org"}, Enforce: true})
	c := p.config
	c.Domains = []string{"acme.example", "acme.org"}
	knows, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) scim.Object {
		if name == "" {
			return nil
		}
		return scim.Object{{Name: "userName", Value: name}, {Name: "displayName", Value: "Ada"}, {Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: name}, {Name: "type", Value: "work"}, {Name: "primary", Value: true}}}}}
	}
	for _, c := range []struct {
		name          string
		kind          rule.Kind
		typ           string
		before, after string
		knowing, not  lockstep.Code
	}{
		{"verified", rule.Create, "User", "", "ada@acme.example", "", ""},
		{"another that is verified, in capitals", rule.Create, "User", "", "ben@ACME.ORG", "", ""},
		{"not verified", rule.Create, "User", "", "cy@old.example", lockstep.CodeTargetDomain, ""},
		{"a part of a verified one", rule.Create, "User", "", "dan@sub.acme.example", lockstep.CodeTargetDomain, ""},
		{"no address", rule.Create, "User", "", "eve", lockstep.CodeMapInvalid, lockstep.CodeMapInvalid},
		{"an address with a name", rule.Create, "User", "", "Eve <eve@acme.example>", lockstep.CodeMapInvalid, lockstep.CodeMapInvalid},
		{"renamed into one that is not", rule.Update, "User", "ada@acme.example", "ada@old.example", lockstep.CodeTargetDomain, ""},
		{"has one that is not, and keeps it", rule.Update, "User", "ada@old.example", "ADA@old.example", "", ""},
		{"leaves", rule.Disable, "User", "ada@old.example", "ada@older.example", "", ""},
		{"is deleted", rule.Delete, "User", "ada@old.example", "", "", ""},
		{"nothing of a name", rule.Update, "User", "", "", "", ""},
		{"a group", rule.Create, "Group", "", "all@old.example", "", ""},
	} {
		op := connection.Operation{Kind: c.kind, Ref: connection.Ref{Type: c.typ}, Before: named(c.before), After: named(c.after)}
		for target, want := range map[*Target]lockstep.Code{knows: c.knowing, p.Target: c.not} {
			out, err := target.Foresee(t.Context(), []connection.Operation{op})
			if err != nil || len(out) != 1 || out[0].Kind != c.kind || out[0].Effect != nil || lockstep.CodeOf(out[0].Refuse) != want {
				t.Errorf("%s: %+v, %v; want %q", c.name, out, err, want)
			}
		}
		if c.kind == rule.Create && c.typ == "User" {
			if res := p.apply(t, op); (res.Err != nil) != (c.knowing != "") {
				t.Errorf("%s: Webex says %v", c.name, res.Err)
			}
		}
	}
}

// TestDomains: the setting is read as people write it.
func TestDomains(t *testing.T) {
	for text, want := range map[string]int{"": 0, "acme.example": 1, "acme.example, ACME.org": 2, "@acme.example;acme.org\nacme.net": 3, "acme": -1, "ada@acme.example": -1, "https://acme.example": -1} {
		c, err := ParseConfig(map[string]string{"domains": text})
		if got := len(c.Domains); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", text, c.Domains, err)
		}
		if wrong := CheckSettings(map[string]string{"domains": text}); (len(wrong) > 0) != (want < 0) {
			t.Errorf("%q: %v", text, wrong)
		}
	}
}
