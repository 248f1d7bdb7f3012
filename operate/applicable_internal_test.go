package operate

import (
	"testing"

	"lockstep"
	"lockstep/plan"
	"lockstep/rule"
)

// TestApplicable: what a plan has for somebody can be done alone, unless it is held, is done together with others, or is nothing.
func TestApplicable(t *testing.T) {
	planned := plan.Action{State: plan.Planned, Kind: rule.Update}
	together := plan.Action{State: plan.Planned, Kind: rule.Update, Rank: 1 << 20}
	if !plan.InCircle(&together) || plan.InCircle(&planned) {
		t.Fatal("the rows are not what they are for")
	}
	held, done := plan.Action{State: plan.Held, Kind: rule.Disable}, plan.Action{State: plan.Done, Kind: rule.Create}
	for _, c := range []struct {
		name string
		rows []plan.Action
		want lockstep.Code
	}{
		{"nothing", nil, lockstep.CodeNotFound},
		{"done before", []plan.Action{done}, lockstep.CodeNotFound},
		{"planned", []plan.Action{done, planned}, ""},
		{"held", []plan.Action{done, held}, lockstep.CodeConflict},
		{"planned, and held beside", []plan.Action{held, planned}, ""},
		{"exchanging names", []plan.Action{together}, lockstep.CodeConflict},
	} {
		if got := lockstep.CodeOf(applicable(plan.End{Name: "Ada"}, c.rows)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
