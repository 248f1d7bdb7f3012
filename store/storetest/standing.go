package storetest

import (
	"maps"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// testStanding: what stands in a job's way is counted, each thing once, and only while it stands there.
func testStanding(t *testing.T, open Open) {
	s := working(t, open)
	want := func(what string, f func(provision.Standing) bool) {
		t.Helper()
		got, err := s.db.Standing(t.Context(), s.tenant, s.job.ID)
		s.ok(err)
		if !f(got) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	want("a new job", func(g provision.Standing) bool {
		return g.Empty && g.Held+g.Rejected+g.Waiting+g.Bad+len(g.Codes) == 0
	})
	user := func(id string) connection.Ref { return connection.Ref{Type: "User", ID: id} }
	row := func(id, source string, state plan.ActionState) plan.Action {
		a := full(id)
		a.Source.Ref, a.State, a.Decided, a.Ended = user(source), state, plan.Decision{}, time.Time{}
		return a
	}
	cycle := provision.Cycle{ID: "c1", Phase: provision.Ended, Began: noon, EndedAt: noon.Add(time.Second), Counts: provision.Counts{Bad: 3}}
	refer := row("a6", "s6", plan.Rejected)
	refer.Kind = rule.Refer
	edge := func(from, to string) plan.ReferenceRow {
		return plan.ReferenceRow{From: user(from), Attribute: "manager", To: user(to), Wanted: true}
	}
	s.commit(provision.Batch{Cycle: &cycle, Actions: jobOf(s,
		row("a1", "s1", plan.Held), row("a2", "s2", plan.Held), row("a3", "s3", plan.Rejected), row("a4", "s4", plan.Rejected), row("a5", "s4", plan.Done), refer),
		Links: []plan.Link{
			{Source: user("s1"), Target: "t1"}, {Source: user("s2"), Target: "t2"}, {Source: user("s6"), Target: "t6"},
			{Source: user("s3"), Code: lockstep.CodeTargetDomain}, {Source: user("s4"), Code: lockstep.CodeTargetDomain}, {Source: user("s5"), Code: lockstep.CodeTargetTimeout},
		},
		Wanted: []plan.ReferenceRow{edge("s1", "s2"), edge("s1", "s9"), edge("s6", "s2")},
	})
	want("with everything", func(g provision.Standing) bool {
		return !g.Empty && g.Held == 2 && g.Rejected == 2 && g.Waiting == 1 && g.Bad == 3 &&
			maps.Equal(g.Codes, map[lockstep.Code]int{lockstep.CodeTargetDomain: 2, lockstep.CodeTargetTimeout: 1})
	})
	s.ok(s.db.Decide(t.Context(), admin, s.tenant, s.job.ID, provision.Verdict{Reject: []lockstep.ActionID{"a1"}, Approve: []lockstep.ActionID{"a2"}}))
	s.commit(provision.Batch{Links: []plan.Link{{Source: user("s5"), Target: "t5"}}, Written: []plan.ReferenceRow{
		{From: user("s1"), Attribute: "manager", To: user("s2"), Wanted: true, Written: true},
	}})
	want("after decisions and a success", func(g provision.Standing) bool {
		return g.Held == 0 && g.Rejected == 3 && g.Waiting == 0 && maps.Equal(g.Codes, map[lockstep.Code]int{lockstep.CodeTargetDomain: 2})
	})
	_, err := s.db.Standing(t.Context(), s.tenant, "none")
	s.fails(err, lockstep.CodeNotFound)
}
