package storetest

import (
	"slices"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
)

func testLeases(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		run  func(leased)
	}{
		{"one has it", leaseOfOne},
		{"the end of a turn ends it", leaseReleased},
		{"taken over", leaseTakenOver},
		{"asked for meanwhile", leaseAsked},
		{"started", leaseStarted},
	} {
		t.Run(part.name, func(t *testing.T) {
			now := noon
			c := found(t, open, store.Config{Now: func() time.Time { return now }})
			part.run(leased{c, &now, c.job("webex", nil).ID})
		})
	}
}

// leased is a company with a job that is due whenever nobody has it, and a clock.
type leased struct {
	company
	now *time.Time
	id  lockstep.JobID
}

// term is how long a turn has a job in these tests.
const term = 45 * time.Second

func (l leased) take() slice {
	l.Helper()
	j, err := l.db.Claim(l.Context(), l.tenant, l.id, term)
	l.ok(err)
	return slice{l.company, j, l.db.Provision()}
}

// had fails the test unless somebody has the job: nobody else gets it, nothing of it moves, and it is not named as due.
func (l leased) had() {
	l.Helper()
	before := l.reload(l.id)
	_, err := l.db.Claim(l.Context(), l.tenant, l.id, term)
	l.fails(err, lockstep.CodeEpoch)
	if after := l.reload(l.id); after.Epoch != before.Epoch || !after.Leased.Equal(before.Leased) {
		l.Errorf("a claim that was refused: epoch %d until %s, and was %d until %s", after.Epoch, after.Leased, before.Epoch, before.Leased)
	}
	if l.due() {
		l.Error("what somebody has is due")
	}
}

func (l leased) due() bool {
	l.Helper()
	due, err := l.db.Due(l.Context(), *l.now)
	l.ok(err)
	return slices.ContainsFunc(due, func(j provision.Job) bool { return j.ID == l.id })
}

// leaseOfOne: a job is one worker's until its lease is over and no longer; then the other one has it, and what the first one brings
// late, the end of its lease included, is refused.
func leaseOfOne(l leased) {
	first := l.take()
	if !first.job.Leased.Equal(noon.Add(term)) || first.job.Epoch != 1 {
		l.Errorf("epoch %d until %s", first.job.Epoch, first.job.Leased)
	}
	l.had()
	*l.now = noon.Add(term - time.Millisecond)
	l.had()
	*l.now = noon.Add(term)
	if !l.due() {
		l.Error("whose worker is gone is not due")
	}
	second := l.take()
	first.refuses(lockstep.CodeEpoch, provision.Batch{Due: []connection.Ref{{Type: "User", ID: "u"}}})
	first.refuses(lockstep.CodeEpoch, provision.Batch{Release: true})
	l.had() // the second one still
	second.commit(provision.Batch{})
	l.had() // a commit alone ends nothing
}

// leaseReleased: with the end of a turn the next one may begin, and whoever it was can still write until somebody claims the job.
func leaseReleased(l leased) {
	first := l.take()
	first.commit(provision.Batch{Release: true})
	if !l.due() {
		l.Error("what was let go of is not due")
	}
	first.commit(provision.Batch{Due: []connection.Ref{{Type: "User", ID: "u"}}})
	second := l.take()
	if second.job.Epoch != 2 {
		l.Errorf("epoch %d", second.job.Epoch)
	}
	first.refuses(lockstep.CodeEpoch, provision.Batch{Release: true})
	// What somebody wants provisioned at once waits, too.
	l.ok(l.db.Demand(l.Context(), l.tenant, l.id, provision.Demand{Cycle: lockstep.NewID[lockstep.CycleID](), Of: connection.Ref{Type: "User", ID: "u"}, At: noon, By: audit.Actor{Kind: audit.Admin, Name: "ada"}}, "u"))
	l.had()
	second.commit(provision.Batch{Release: true})
	if !l.due() {
		l.Error("what is demanded is not due")
	}
	_, err := l.db.Claim(l.Context(), l.add("other"), l.id, term)
	l.fails(err, lockstep.CodeNotFound)
}

// leaseTakenOver: whoever changes what a job has written takes it from a worker that has begun nothing, and from no other.
func leaseTakenOver(l leased) {
	first := l.take()
	j, err := l.db.TakeOver(l.Context(), l.tenant, l.id, term)
	l.ok(err)
	first.refuses(lockstep.CodeEpoch, provision.Batch{})
	if j.Epoch != 2 {
		l.Errorf("epoch %d", j.Epoch)
	}
	l.had()
	cycle := provision.Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: l.id, Kind: provision.Incremental, Phase: provision.Applying, Began: noon}
	over := slice{l.company, j, l.db.Provision()}
	over.commit(provision.Batch{Cycle: &cycle, Release: true})

	second := l.take()
	j, err = l.db.TakeOver(l.Context(), l.tenant, l.id, term)
	l.ok(err)
	if j.Epoch != second.job.Epoch || j.Cycle == nil || j.Cycle.ID != cycle.ID {
		l.Errorf("epoch %d, and the worker's is %d; cycle %+v", j.Epoch, second.job.Epoch, j.Cycle)
	}
	second.commit(provision.Batch{})
	l.had()
	_, err = l.db.TakeOver(l.Context(), l.tenant, "none", term)
	l.fails(err, lockstep.CodeNotFound)
}

// leaseAsked: whoever asks for a run while a turn has the job gets another try for what has failed with the next turn, not with a claim
// that was refused.
func leaseAsked(l leased) {
	first := l.take()
	ref := connection.Ref{Type: "User", ID: "u"}
	first.commit(provision.Batch{Links: []plan.Link{{Source: ref, Code: lockstep.CodeTargetTimeout, Due: noon.Add(time.Hour)}}})
	set := l.reload(l.id)
	set.NextRun = noon
	l.ok(l.db.PutJob(l.Context(), admin, set))
	l.had()
	first.commit(provision.Batch{Release: true})
	due := func() time.Time {
		links, err := l.db.Links(l.Context(), l.tenant, l.id, plan.LinkQuery{Type: ref.Type, Sources: []string{ref.ID}})
		l.ok(err)
		return links[0].Due
	}
	if at := due(); !at.Equal(noon.Add(time.Hour)) {
		l.Errorf("due at %s before the turn", at)
	}
	l.take()
	if at := due(); !at.Equal(noon) {
		l.Errorf("due at %s in the turn that was asked for", at)
	}
}

// leaseStarted: on SQLite a new process has everything at once; on PostgreSQL others may well be at work.
func leaseStarted(l leased) {
	l.take()
	l.ok(l.db.Provision().Start(l.Context()))
	if l.db.Dialect() == store.Postgres {
		l.had()
		return
	}
	l.take()
}
