package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/store"
)

func testJobs(t *testing.T, open Open) {
	t.Run("settings", func(t *testing.T) { jobSettings(found(t, open, store.Config{})) })
	t.Run("slice", func(t *testing.T) { jobSlices(found(t, open, store.Config{})) })
	t.Run("sources", func(t *testing.T) { jobSources(found(t, open, store.Config{})) })
	t.Run("waiting", func(t *testing.T) { jobWaits(found(t, open, store.Config{})) })
	t.Run("delete", func(t *testing.T) { jobDelete(found(t, open, store.Config{})) })
}

// jobSources: those of every tenant are found at once, but for the paused ones.
func jobSources(c company) {
	inbound := func(j *provision.Job) { j.Direction = provision.Inbound }
	c.job("webex", nil)
	here := c.job("ldap", inbound)
	paused := c.job("csv", inbound)
	paused.State = provision.Paused
	c.ok(c.db.PutJob(c.Context(), admin, paused))
	other := c
	other.tenant = c.add("other")
	there := other.job("ldap", inbound)
	got, err := c.db.Sources(c.Context())
	c.ok(err)
	if d := cmp.Diff([]provision.Job{here, there}, got); d != "" {
		c.Error(d)
	}
}

// jobWaits: whoever leaves before their job is written shares nothing with the writer, who goes on.
func jobWaits(c company) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(c.Context())
			go cancel() // at some moment of the write
			j := provision.Job{Tenant: c.tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: fmt.Sprint("j", i), Direction: provision.Outbound}
			if err := c.db.PutJob(ctx, admin, j); err != nil && !errors.Is(err, context.Canceled) {
				c.Error(err)
			}
		})
	}
	wg.Wait()
	c.job("after", nil)
}

func jobSettings(c company) {
	j := provision.Job{
		Tenant: c.tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: "webex", Name: "Webex", Direction: provision.Outbound, App: "app", Manual: true,
		Connection: provision.Connection{Kind: "webex", Settings: map[string]string{"base": "http://x"}},
		Rules:      rule.Rules{Objects: []rule.ObjectMapping{{Name: "people", Enabled: true, Source: "User", Target: "User", Flow: "Add, Update"}}},
		Policy:     provision.Policy{Everyone: true, Interval: time.Hour, Rate: 2.5, OnLeave: rule.LeaveDelete},
		NextRun:    noon,
	}
	c.ok(c.db.PutJob(c.Context(), admin, j))
	got := c.reload(j.ID)
	j.Config, j.State, j.Created = 1, provision.Active, got.Created
	if d := cmp.Diff(j, got); d != "" || got.Created.IsZero() {
		c.Error(d)
	}
	again := j
	again.Config = 0
	c.fails(c.db.PutJob(c.Context(), admin, again), lockstep.CodeConflict)
	again.ID = lockstep.NewID[lockstep.JobID]()
	c.fails(c.db.PutJob(c.Context(), admin, again), lockstep.CodeConflict)

	got.Name, got.State = "Cisco", provision.Paused // no change of configuration
	c.ok(c.db.PutJob(c.Context(), admin, got))
	got.Policy.Everyone = false
	c.ok(c.db.PutJob(c.Context(), admin, got))
	c.fails(c.db.PutJob(c.Context(), admin, got), lockstep.CodeVersion)
	if got = c.reload(j.ID); got.Config != 2 || got.Name != "Cisco" || got.State != provision.Paused || got.Policy.Everyone {
		c.Errorf("changed job: %+v", got)
	}
	c.job("abc", nil)
	named, err := c.db.JobNamed(c.Context(), c.tenant, j.Slug)
	if err != nil || named.ID != j.ID {
		c.Errorf("the job named %s: %s, %v", j.Slug, named.ID, err)
	}
	if _, err := c.db.JobNamed(c.Context(), lockstep.NewID[lockstep.TenantID](), j.Slug); lockstep.CodeOf(err) != lockstep.CodeNotFound {
		c.Errorf("another tenant's job: %v", err)
	}
	all, err := c.db.ListJobs(c.Context(), c.tenant)
	c.ok(err)
	if len(all) != 2 || all[0].Slug != "abc" || all[1].Name != "Cisco" {
		c.Errorf("jobs: %+v", all)
	}
	_, err = c.db.Job(c.Context(), c.add("other"), j.ID)
	c.fails(err, lockstep.CodeNotFound)
	log, err := c.db.Audit(c.Context(), c.tenant, store.AuditQuery{ID: string(j.ID)})
	c.ok(err)
	if len(log) != 3 || log[0].Detail != "policy" || !strings.Contains(log[1].Detail, "state paused") {
		c.Errorf("audit: %+v", log)
	}
}

// jobSlices: what a slice writes of a job and a cycle, and that only its own epoch may.
func jobSlices(c company) {
	j := c.job("webex", nil)
	first := c.claim(j.ID)
	if first.job.Epoch != 1 {
		c.Errorf("claimed: %+v", first.job)
	}
	cycle := provision.Cycle{
		ID: lockstep.NewID[lockstep.CycleID](), Job: j.ID, Kind: provision.Initial, Trigger: "change", Phase: provision.Reading, Page: "u/1/2",
		Config: 7, Listed: true, Total: 9, Counts: provision.Counts{Read: 3, TargetRequests: 2}, Began: noon,
	}
	for range 20 {
		cycle.Refusals.Refused(rule.Create, "User", "target.refused", "no site", "no site in Rome", 100)
	}
	first.commit(provision.Batch{Cycle: &cycle})
	second := c.claim(j.ID)
	if d := cmp.Diff(&cycle, second.job.Cycle); d != "" {
		c.Error(d)
	}
	first.refuses(lockstep.CodeEpoch, provision.Batch{Cycle: &cycle})
	first.refuses(lockstep.CodeEpoch, provision.Batch{})

	cycle.Phase, cycle.EndedAt, cycle.Code, cycle.Detail = provision.Ended, noon.Add(time.Second), lockstep.CodeTargetTimeout, "slow"
	job := second.job
	job.Code, job.Detail, job.Cursor, job.Position, job.Applied = lockstep.CodeTargetTimeout, "slow", "p/7", 7, 1
	job.NextRun, job.NotBefore, job.State = noon.Add(time.Hour), noon.Add(time.Minute), provision.Quarantined
	job.Name, job.Config = "ignored", 99
	second.commit(provision.Batch{Cycle: &cycle, Job: &job})
	job.Name, job.Config, job.Cycle = j.Name, 1, nil
	if d := cmp.Diff(job, c.reload(j.ID)); d != "" {
		c.Error(d)
	}
	newer := provision.Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: j.ID, Kind: provision.Incremental, Phase: provision.Listing, Began: noon}
	second.commit(provision.Batch{Cycle: &newer})
	cycles, err := c.db.Cycles(c.Context(), c.tenant, j.ID, 10)
	c.ok(err)
	if d := cmp.Diff([]provision.Cycle{newer, cycle}, cycles); d != "" {
		c.Error(d)
	}

	// What an administrator sets during a slice stands.
	set := c.reload(j.ID)
	set.State, set.NextRun = provision.Paused, noon.Add(2*time.Hour)
	c.ok(c.db.PutJob(c.Context(), admin, set))
	job.State, job.NextRun = provision.Active, time.Time{}
	second.commit(provision.Batch{Job: &job})
	if got := c.reload(j.ID); got.State != provision.Paused || !got.NextRun.Equal(noon.Add(2*time.Hour)) {
		c.Errorf("the slice overruled the administrator: %s, %v", got.State, got.NextRun)
	}
	third := c.claim(j.ID) // the next slice knows of it
	third.commit(provision.Batch{Job: &job})
	if got := c.reload(j.ID); !got.NextRun.IsZero() {
		c.Errorf("next run %v", got.NextRun)
	}
	_, err = c.db.Claim(c.Context(), c.tenant, "none", 0)
	c.fails(err, lockstep.CodeNotFound)
}

func jobDelete(c company) {
	j := c.job("webex", nil)
	s := c.claim(j.ID)
	s.commit(provision.Batch{Actions: []plan.Action{{ID: "a", State: plan.Planned}}, Links: []plan.Link{{Source: connection.Ref{Type: "User", ID: "u"}, Target: "t"}}})
	c.ok(c.db.DeleteJob(c.Context(), admin, c.tenant, j.ID))
	c.fails(c.db.DeleteJob(c.Context(), admin, c.tenant, j.ID), lockstep.CodeNotFound)
	s.refuses(lockstep.CodeEpoch, provision.Batch{})
	heir := c.job("webex", nil) // may get the number of the one that is gone
	links, err := c.db.Links(c.Context(), c.tenant, heir.ID, plan.LinkQuery{Type: "User"})
	c.ok(err)
	actions, err := c.db.Actions(c.Context(), c.tenant, heir.ID, plan.ActionQuery{})
	c.ok(err)
	if len(links)+len(actions) != 0 {
		c.Errorf("the new job inherits %d links and %d actions", len(links), len(actions))
	}
}

func testDue(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	idle := func(j *provision.Job) {}
	for _, row := range []struct {
		name  string
		set   func(*provision.Job) // at creation
		slice func(slice)          // what its first slice leaves
		admin func(*provision.Job) // afterwards
		due   bool
	}{
		{"new", idle, nil, nil, true}, // its configuration was never applied
		{"new, manual", func(j *provision.Job) { j.Manual = true }, nil, nil, false},
		{"manual, run now", func(j *provision.Job) { j.Manual, j.NextRun = true, noon }, nil, nil, true},
		{"settled", idle, settled(nil), nil, false},
		{"settled, edited", idle, settled(nil), func(j *provision.Job) { j.Policy.Nested = true }, true},
		{"settled, renamed", idle, settled(nil), func(j *provision.Job) { j.Name = "new" }, false},
		{"run later", idle, settled(func(j *provision.Job) { j.NextRun = noon.Add(time.Millisecond) }), nil, false},
		{"run now", idle, settled(func(j *provision.Job) { j.NextRun = noon }), nil, true},
		{"run now, not before", idle, settled(func(j *provision.Job) { j.NextRun, j.NotBefore = noon, noon.Add(1e6) }), nil, false},
		{"run now, paused", idle, settled(func(j *provision.Job) { j.NextRun = noon }), func(j *provision.Job) { j.State = provision.Paused }, false},
		{"run now, quarantined", idle, settled(func(j *provision.Job) { j.NextRun, j.State = noon, provision.Quarantined }), nil, true},
		{"behind the feed", idle, settled(func(j *provision.Job) { j.Position = 0 }), nil, true},
		{"behind the feed, manual", func(j *provision.Job) { j.Manual = true }, settled(func(j *provision.Job) { j.Position = 0 }), nil, false},
		{"inbound", func(j *provision.Job) { j.Direction = provision.Inbound }, settled(func(j *provision.Job) { j.Position = 0 }), nil, false},
		{"open cycle", idle, opened(provision.Applying), nil, true},
		{"in review", func(j *provision.Job) { j.Manual, j.NextRun = true, noon }, opened(provision.Review), nil, false},
		{"link due", idle, linkDue(noon), nil, true},
		{"link due later", idle, linkDue(noon.Add(time.Millisecond)), nil, false},
	} {
		j := c.job(strings.ReplaceAll(row.name, " ", "-"), row.set)
		if row.slice != nil {
			c.user("moves the feed for " + row.name)
			row.slice(c.claim(j.ID))
		}
		if row.admin != nil {
			now := c.reload(j.ID)
			row.admin(&now)
			c.ok(c.db.PutJob(t.Context(), admin, now))
		}
		due, err := c.db.Due(t.Context(), noon)
		c.ok(err)
		got := slices.ContainsFunc(due, func(d provision.Job) bool { return d.ID == j.ID })
		if got != row.due {
			t.Errorf("%s: due %t, want %t", row.name, got, row.due)
		}
		c.ok(c.db.DeleteJob(t.Context(), admin, c.tenant, j.ID))
	}
}

// settled leaves a job that has nothing to do, but for what change does to it.
func settled(change func(*provision.Job)) func(slice) {
	return func(s slice) {
		s.Helper()
		j := s.job
		head, err := s.db.Head(s.Context(), s.tenant)
		s.ok(err)
		j.Applied, j.Position, j.NextRun = j.Config, head, time.Time{}
		if change != nil {
			change(&j)
		}
		s.commit(provision.Batch{Job: &j})
	}
}

func opened(p provision.Phase) func(slice) {
	return func(s slice) {
		s.Helper()
		settled(nil)(s)
		s.commit(provision.Batch{Cycle: &provision.Cycle{ID: lockstep.NewID[lockstep.CycleID](), Phase: p}})
	}
}

func linkDue(at time.Time) func(slice) {
	return func(s slice) {
		s.Helper()
		settled(nil)(s)
		s.commit(provision.Batch{Links: []plan.Link{{Source: connection.Ref{Type: "User", ID: "u"}, Due: at}}})
	}
}
