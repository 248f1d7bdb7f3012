package provision_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
)

// TestStalePlan is for plans that were applied as they had been made, whatever had happened since.
func TestStalePlan(t *testing.T) {
	reviewed := func(t *testing.T) (*world, provision.Cycle, lockstep.UserID) {
		w := newWorld(t)
		ada := w.person("ada")
		w.person("ben")
		w.edit(func(j *provision.Job) { j.Manual = true })
		c := w.run(w.out)
		if c.Phase != provision.Review || c.Counts.Planned != 2 {
			t.Fatalf("%s %+v", c.Phase, c.Counts)
		}
		return w, c, ada
	}
	apply := func(w *world, c provision.Cycle) {
		w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Apply: true}))
		w.run(w.out)
	}
	again := func(w *world) {
		w.edit(func(j *provision.Job) { j.NextRun = w.engine.Now() })
		apply(w, w.run(w.out))
	}
	t.Run("the person was disabled", func(t *testing.T) {
		w, c, ada := reviewed(t)
		w.change(directory.PutUser{User: directory.User{ID: ada, Version: 1, Attributes: scim.Object{{Name: "userName", Value: "ada@acme.example"}, {Name: "active", Value: false}}}})
		apply(w, c)
		w.wantTarget("user ben@acme.example\n")
		rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{States: []plan.ActionState{plan.LeftOut}})
		w.must(err)
		if len(rows) != 1 || rows[0].Code != lockstep.CodePlanStale {
			t.Errorf("left out: %+v", rows)
		}
	})
	t.Run("the rules were changed", func(t *testing.T) {
		w, c, _ := reviewed(t)
		w.edit(func(j *provision.Job) { j.Rules.Objects[0].Attributes[4].Source.Expression = `"Everyman"` })
		err := w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Apply: true})
		if lockstep.CodeOf(err) != lockstep.CodePlanStale {
			t.Errorf("a plan by old rules was accepted: %v", err)
		}
		w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Discard: true}))
		if got := strings.TrimSpace(w.target()); got != "" {
			t.Errorf("by old rules the organisation got %s", got)
		}
		again(w)
		if n := strings.Count(w.target(), "title=Everyman"); n != 2 {
			t.Errorf("the organisation has\n%s", w.target())
		}
	})
}

// edit changes the outbound job.
func (w *world) edit(f func(*provision.Job)) {
	w.Helper()
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	f(&job)
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
}

// TestRulesThatChangeAmidACycle is for a cycle whose end took the rules of the moment for those that it had planned with.
func TestRulesThatChangeAmidACycle(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	w.engine.SliceFor = 1
	var turn provision.Turn
	for range 100 {
		var err error
		turn, err = w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
		}
		if turn.Cycle.Counts.Planned > 0 {
			break
		}
	}
	if turn.Cycle.Phase != provision.Reading || turn.Cycle.Counts.Planned != 1 {
		t.Fatalf("%+v", turn.Cycle)
	}
	w.edit(func(j *provision.Job) { j.Rules.Objects[0].Attributes[4].Source.Expression = `"Everyman"` })
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example title=Everyman\n")
}
