package api

import (
	"testing"
	"time"

	"lockstep/provision"
)

// TestStandsStill: a cycle that a failure has stopped is waited for while something moves; an attempt that fails is no movement.
func TestStandsStill(t *testing.T) {
	began := time.Unix(0, 0)
	cycle := func(created, requests int) Cycle {
		return Cycle{Phase: "apply", Code: "x", Counts: provision.Counts{Created: created, TargetRequests: requests}}
	}
	for _, c := range []struct {
		name  string
		cycle Cycle
		after time.Duration
		still bool
	}{
		{"soon", cycle(1, 9), standStill, false},
		{"long", cycle(1, 9), standStill + 1, true},
		{"it went on", cycle(2, 9), standStill + 1, false},
		{"another phase", Cycle{Phase: "end", Code: "x", Counts: provision.Counts{Created: 1}}, standStill + 1, false},
		{"no failure", Cycle{Phase: "apply", Counts: provision.Counts{Created: 1}}, standStill + 1, false},
	} {
		var s standing
		s.still(cycle(1, 0), began)
		if got := s.still(c.cycle, began.Add(c.after)); got != c.still {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
