package rule_test

import (
	"testing"

	"lockstep/rule"
)

// TestNearest: a name is taken for another that few letters tell apart, and for nothing when none is near.
func TestNearest(t *testing.T) {
	for _, c := range []struct{ name, of, want string }{
		{"ab", "xb", "xb"},
		{"abc", "abd", "abd"},
		{"abc", "axx", ""},
		{"abcd", "abxx", "abxx"},
		{"abcd", "axxx", ""},
		{"abcd", "abcdef", "abcdef"},
		{"abcd", "ab", "ab"},
		{"abcd", "a", ""},
		{"abcd", "abcdefg", ""},
		{"bcd", "abcd", "abcd"},
		{"ABCD", "abdc", "abdc"},
		{"familyName", "name.familyName", "name.familyName"},
		{"department", "urn:x:department", "urn:x:department"},
	} {
		if got := rule.Nearest(c.name, []string{c.of}); got != c.want {
			t.Errorf("%s for %s: %q, want %q", c.of, c.name, got, c.want)
		}
	}
	if got := rule.Nearest("titel", []string{"title", "tite", "titles"}); got != "tite" {
		t.Errorf("the nearest is %q", got)
	}
}

// TestClausesOfTheDisabled: a clause about whether somebody may sign in says so.
func TestClausesOfTheDisabled(t *testing.T) {
	p := scoped(t, all(is("accountEnabled", "IS TRUE"), is("IsSoftDeleted", "IS FALSE")))
	for _, s := range []rule.Subject{{Enabled: true}, {}, {Enabled: true, Deleted: true}} {
		got := p.Clauses(s)
		if got[0].OK != s.Enabled || got[1].OK != (s.Enabled && !s.Deleted) {
			t.Errorf("%+v: %+v", s, got)
		}
	}
}
