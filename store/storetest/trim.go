package storetest

import (
	"testing"
	"time"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
)

// testTrim: what is older than the retention goes, what is younger stays, and who has fallen behind is told.
func testTrim(t *testing.T, open Open) {
	now := noon
	c := found(t, open, store.Config{Now: func() time.Time { return now }})
	c.users("old", 1500) // more than one piece
	now = now.Add(time.Hour)
	young := c.user("young")
	s := c.claim(c.job("webex", nil).ID)
	oldAction, openAction := full(idAt(noon)), full(idAt(noon.Add(time.Millisecond)))
	openAction.State, openAction.Ended = plan.Open, time.Time{}
	youngAction := full(idAt(now))
	oldCycle := provision.Cycle{ID: lockstep.CycleID(idAt(noon)), Phase: provision.Ended, Began: noon, EndedAt: noon}
	openCycle := provision.Cycle{ID: lockstep.CycleID(idAt(noon.Add(time.Millisecond))), Phase: provision.Applying, Began: noon}
	s.commit(provision.Batch{Cycle: &oldCycle})
	s.commit(provision.Batch{Cycle: &openCycle, Actions: []plan.Action{oldAction, openAction, youngAction}})

	c.ok(c.db.Trim(t.Context(), store.Retention{})) // keeps everything
	if got := c.events(0); len(got) != 1000 {
		t.Fatalf("%d events, want a full page", len(got))
	}
	now = now.Add(time.Minute)
	c.ok(c.db.Trim(t.Context(), store.Retention{Feed: 30 * time.Minute, Log: 30 * time.Minute, Audit: 30 * time.Minute}))

	_, err := c.db.Feed(t.Context(), c.tenant, 1499, 10)
	c.fails(err, lockstep.CodeCursorExpired)
	events, err := c.db.Feed(t.Context(), c.tenant, 1500, 10)
	c.ok(err)
	if len(events) != 1 || events[0].ID != string(young) {
		t.Errorf("events: %+v", events)
	}
	if pos := c.commit(person("next")); pos != 1502 {
		t.Errorf("position %d after trimming", pos)
	}
	actions, err := c.db.Actions(t.Context(), c.tenant, s.job.ID, plan.ActionQuery{Newest: true})
	c.ok(err)
	if len(actions) != 2 || actions[0].ID != youngAction.ID || actions[1].ID != openAction.ID {
		t.Errorf("actions: %+v", actions)
	}
	cycles, err := c.db.Cycles(t.Context(), c.tenant, s.job.ID, 0)
	c.ok(err)
	if len(cycles) != 1 || cycles[0].ID != openCycle.ID {
		t.Errorf("cycles: %+v", cycles)
	}
}

// idAt is an id that was made at a time, as far as order goes.
func idAt(at time.Time) string {
	const zeros = "000000000000"
	digits := []byte(zeros)
	for ms, i := at.UnixMilli(), len(digits)-1; i >= 0; ms, i = ms>>4, i-1 {
		digits[i] = "0123456789abcdef"[ms&15]
	}
	return string(digits[:8]) + "-" + string(digits[8:]) + "-7000-8000-000000000001"
}
