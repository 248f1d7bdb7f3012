package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// testWaiting: rows of a plan in review, and those that are held, are counted and decided on by deed and cause.
func testWaiting(t *testing.T, open Open) {
	s := working(t, open)
	row := func(id string, state plan.ActionState, change func(*plan.Action)) plan.Action {
		a := full(id)
		a.State, a.Decided, a.Ended, a.Code, a.Detail, a.References = state, plan.Decision{}, time.Time{}, "", "", nil
		if change != nil {
			change(&a)
		}
		return a
	}
	update := func(names ...string) func(*plan.Action) {
		return func(a *plan.Action) {
			a.Kind, a.Lane, a.Before, a.After = rule.Update, plan.LaneUpdate, nil, nil
			for _, n := range names {
				a.After = append(a.After, scim.Attr{Name: n, Value: "x"})
			}
		}
	}
	held := func(a *plan.Action) {
		a.Kind, a.Lane, a.Reason, a.Code = rule.Disable, plan.LaneDisable, rule.Reason{Rule: "disabled at source"}, lockstep.CodeGuardHeld
	}
	job, review := s.job, provision.Cycle{ID: "c1", Phase: provision.Review, Began: noon, Config: s.job.Config}
	s.commit(provision.Batch{Cycle: &review, Job: &job, Actions: []plan.Action{
		row("p1", plan.Planned, nil), row("p2", plan.Planned, nil), row("u1", plan.Planned, update("title")), row("u2", plan.Planned, update("title", "nickName")),
		row("u3", plan.Planned, update("title")), row("u4", plan.Planned, update("title")), row("h1", plan.Held, held), row("h2", plan.Held, held), row("h3", plan.Held, update("title")),
		row("d1", plan.Refused, func(a *plan.Action) { a.Code = lockstep.CodeMatchAmbiguous }),
	}})
	groups := func(state plan.ActionState) (text string) {
		t.Helper()
		all, err := s.db.WaitingGroups(t.Context(), s.tenant, s.job.ID, state)
		s.ok(err)
		slices.SortFunc(all, func(a, b plan.RowGroup) int { return strings.Compare(string(a.Kind)+a.Cause, string(b.Kind)+b.Cause) })
		for _, g := range all {
			text += fmt.Sprintf("%s %s %s=%d; ", g.Kind, g.Type, g.Cause, g.N)
		}
		return text
	}
	want := func(state plan.ActionState, want string) {
		t.Helper()
		if d := cmp.Diff(want, groups(state)); d != "" {
			t.Error(state, d)
		}
	}
	want(plan.Planned, "create User filter=2; update User nickName, title=1; update User title=3; ")
	want(plan.Held, "disable User disabled at source=2; update User title=1; ")
	cannot, err := s.db.CycleGroups(t.Context(), s.tenant, s.job.ID, "c1", plan.Refused, plan.Failed)
	s.ok(err)
	if d := cmp.Diff([]plan.RowGroup{{State: plan.Refused, Kind: rule.Create, Type: "User", Cause: string(lockstep.CodeMatchAmbiguous), N: 1}}, cannot); d != "" {
		t.Error(d)
	}

	titles := plan.RowGroup{State: plan.Planned, Kind: rule.Update, Type: "User", Cause: "title", N: 3}
	ids := func(q plan.ActionQuery) (text string) {
		t.Helper()
		all, err := s.db.Actions(t.Context(), s.tenant, s.job.ID, q)
		s.ok(err)
		for _, a := range all {
			text += string(a.ID) + " "
		}
		return text
	}
	for _, c := range []struct {
		q    plan.ActionQuery
		want string
	}{
		{plan.ActionQuery{Of: &titles}, "u1 u3 u4 "},
		{plan.ActionQuery{Of: &titles, Behind: "u1", Limit: 1}, "u3 "},
		{plan.ActionQuery{Of: &titles, Text: "U4"}, "u4 "},
		{plan.ActionQuery{States: []plan.ActionState{plan.Planned}, Causes: []string{"title", "filter"}, Newest: true}, "u4 u3 u1 p2 p1 "},
	} {
		if got := ids(c.q); got != c.want {
			t.Errorf("%+v gives %s, want %s", c.q, got, c.want)
		}
	}

	decide := func(v provision.Verdict) error {
		v.Cycle = "c1"
		return s.db.Decide(t.Context(), admin, s.tenant, s.job.ID, v)
	}
	less := titles
	less.N = 2
	s.fails(decide(provision.Verdict{RejectAll: []plan.RowGroup{less}}), lockstep.CodePlanStale) // it is another number by now
	want(plan.Planned, "create User filter=2; update User nickName, title=1; update User title=3; ")
	s.ok(decide(provision.Verdict{RejectAll: []plan.RowGroup{titles}, Reject: []lockstep.ActionID{"p1"}, Note: "not before the audit"}))
	want(plan.Planned, "create User filter=1; update User nickName, title=1; ")
	s.ok(decide(provision.Verdict{Restore: []lockstep.ActionID{"u3", "p1"}}))
	want(plan.Planned, "create User filter=2; update User nickName, title=1; update User title=1; ")
	s.ok(decide(provision.Verdict{Reject: []lockstep.ActionID{"h3"}}))
	s.fails(decide(provision.Verdict{Restore: []lockstep.ActionID{"u1", "h2"}}), lockstep.CodePlanStale)
	s.ok(decide(provision.Verdict{Restore: []lockstep.ActionID{"u1"}}))
	disables := plan.RowGroup{State: plan.Held, Kind: rule.Disable, Type: "User", Cause: "disabled at source", N: 2}
	s.ok(decide(provision.Verdict{RejectAll: []plan.RowGroup{disables}}))
	s.fails(decide(provision.Verdict{Restore: []lockstep.ActionID{"h1"}}), lockstep.CodePlanStale) // what was held does not come back past the guard
	left, err := s.db.Actions(t.Context(), s.tenant, s.job.ID, plan.ActionQuery{IDs: []lockstep.ActionID{"u4"}})
	s.ok(err)
	if d := left[0].Decided; d.By != admin || d.Note != "not before the audit" || left[0].State != plan.Rejected {
		t.Errorf("left out: %+v", left[0])
	}
	onlyOne(s, decide)
}

// onlyOne: what a plan has for one object goes ahead, and the plan waits again with the rest.
func onlyOne(s slice, decide func(provision.Verdict) error) {
	t := s.T
	s.ok(decide(provision.Verdict{Apply: true, Only: plan.End{Ref: full("p1").Source.Ref, Name: "ada"}}))
	c := *s.reload(s.job.ID).Cycle
	if c.Phase != provision.Applying || !c.Only() || c.Of.ID != "s-p1" {
		t.Errorf("the cycle is %+v", c)
	}
	s.fails(decide(provision.Verdict{Apply: true}), lockstep.CodePlanStale)
	c.Phase, c.Of.Type, c.Of.ID = provision.Review, "", ""
	s.commit(provision.Batch{Cycle: &c, Opened: []lockstep.ActionID{"p1"}})
	all, err := s.db.WaitingGroups(t.Context(), s.tenant, s.job.ID, plan.Planned)
	s.ok(err)
	if c = *s.reload(s.job.ID).Cycle; c.Only() || c.Phase != provision.Review || total(all) != 4 {
		t.Errorf("the cycle is %+v, and %+v wait", c, all)
	}
	log, err := s.db.Audit(t.Context(), s.tenant, audit.Query{Text: "plan of"})
	s.ok(err)
	if len(log) != 1 || log[0].Event.String() != "Grace tried plan of job webex (ada)" {
		t.Errorf("the log says %+v", log)
	}
}

func total(groups []plan.RowGroup) (n int) {
	for _, g := range groups {
		n += g.N
	}
	return n
}
