package console

import (
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
)

// What became of a plan that somebody decided on is said as they decided, whatever of it was left to do.
func TestDecidedPlans(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for want, c := range map[string]provision.Cycle{
		"Plan of 6 changes discarded by mia":                                 {Counts: provision.Counts{Planned: 6}, Decided: plan.Decision{By: audit.Actor{Name: "mia"}, At: now}},
		"Plan of 2 changes discarded by mia":                                 {Counts: provision.Counts{Held: 2}, Decided: plan.Decision{By: audit.Actor{Name: "mia"}, At: now}},
		"Plan of 6 changes applied by mia, and nothing of it was left to do": {Counts: provision.Counts{Planned: 6}, Decided: plan.Decision{By: audit.Actor{Name: "mia"}, At: now.Add(-time.Second)}},
		"2 changes held, none sent":                                          {Counts: provision.Counts{Held: 2}, Decided: plan.Decision{By: audit.Actor{Name: "mia"}, At: now.Add(-time.Second)}},
		"3 changes":                                                          {Counts: provision.Counts{Planned: 3, Updated: 3}, Decided: plan.Decision{By: audit.Actor{Name: "mia"}, At: now.Add(-time.Second)}},
		"Plan of 4 changes discarded or replaced":                            {Counts: provision.Counts{Planned: 4}},
	} {
		c.Phase, c.Began, c.EndedAt = provision.Ended, now.Add(-time.Minute), now
		if got := progressOf("/apps/webex", c).Word; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
