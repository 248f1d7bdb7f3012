package rule_test

import (
	"testing"
	"time"

	"lockstep/rule"
)

// TestExclusion: who is excluded stays out until the very instant at which it ends, and the verdict says who said so and why.
func TestExclusion(t *testing.T) {
	until := noon.Add(time.Hour)
	p := scoped(t)
	for _, c := range []struct {
		name string
		e    *rule.Exclusion
		now  time.Time
		in   bool
		want string
	}{
		{"nobody", nil, noon, true, "in scope: nobody has to be assigned"},
		{"for good", &rule.Exclusion{Reason: "tests"}, noon, false, "left out: excluded: tests"},
		{"by somebody", &rule.Exclusion{Reason: "tests", By: "ada"}, noon, false, "left out: excluded by ada: tests"},
		{"for a time", &rule.Exclusion{Reason: "tests", Until: until}, until.Add(-1), false, "left out: excluded until 2026-11-22 13:00 UTC: tests"},
		{"no more", &rule.Exclusion{Reason: "tests", Until: until}, until, true, "in scope: nobody has to be assigned"},
	} {
		v := p.Scope(rule.Subject{Enabled: true, Everyone: true, Excluded: c.e, Now: c.now})
		if got := v.Reason.Sentence(); v.In != c.in || got != c.want {
			t.Errorf("%s: %t, %s", c.name, v.In, got)
		}
		if !c.in && !v.Recheck.Equal(c.e.Until) {
			t.Errorf("%s: again at %s", c.name, v.Recheck)
		}
	}
}
