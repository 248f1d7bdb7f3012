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
		{"changed meanwhile", leaseChanged},
		{"moved meanwhile", leaseMoved},
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

// leaseChanged: what a turn fails for counts only as long as nobody has changed the connection or the rules since it began. Else the job is due at
// once and says nothing of it; what the turn has done stands.
func leaseChanged(l leased) {
	connect := func() {
		l.Helper()
		l.ok(l.db.ChangeConnection(l.Context(), admin, l.tenant, l.id, func(now provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: now.Settings}, nil // as when a secret alone is changed
		}))
	}
	policy := func() {
		l.Helper()
		j := l.reload(l.id)
		j.Policy.Nested = !j.Policy.Nested
		l.ok(l.db.PutJob(l.Context(), admin, j))
	}
	rename := func() {
		l.Helper()
		j := l.reload(l.id)
		j.Name += "."
		l.ok(l.db.PutJob(l.Context(), admin, j))
	}
	cycle := provision.Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: l.id, Kind: provision.Incremental, Phase: provision.Applying, Began: noon}
	fails := func(s slice, code lockstep.Code) {
		l.Helper()
		c, j := cycle, s.job
		c.Code, c.Detail = code, "no"
		j.State, j.Code, j.Detail, j.NotBefore, j.Cursor = provision.Quarantined, code, "no", l.now.Add(time.Hour), connection.Cursor("c"+j.Cursor)
		s.commit(provision.Batch{Cycle: &c, Job: &j, Release: true})
	}
	stands := func(what string, code lockstep.Code) {
		l.Helper()
		j := l.reload(l.id)
		want := provision.Active
		if code != "" {
			want = provision.Quarantined
		}
		if j.State != want || j.Code != code || j.Cycle.Code != code || (j.Detail == "no") != (code != "") || j.Cycle.Detail != j.Detail || j.NotBefore.After(*l.now) != (code != "") || l.due() != (code == "") {
			l.Errorf("%s: %s until %s, %s %q, its cycle %s %q, due %t; want the code %q", what, j.State, j.NotBefore, j.Code, j.Detail, j.Cycle.Code, j.Cycle.Detail, l.due(), code)
		}
	}
	for _, part := range []struct {
		name   string
		change func()
		counts bool
	}{
		{"nothing is changed", func() {}, true},
		{"the connection", connect, false},
		{"the policy", policy, false},
		{"the name, which decides nothing", rename, true},
		{"the connection and then the name", func() { connect(); rename() }, false},
	} {
		turn, code := l.take(), lockstep.Code("")
		part.change()
		if part.counts {
			code = lockstep.CodeAuthToken
		}
		fails(turn, lockstep.CodeAuthToken)
		stands(part.name, code)
		if got := l.reload(l.id).Cursor; got != "c"+turn.job.Cursor {
			l.Errorf("%s: the cursor is %q, and the turn has left another", part.name, got)
		}
		*l.now = l.now.Add(2 * time.Hour)
		fails(l.take(), lockstep.CodeAuthToken) // nobody has changed anything since this one began
		stands(part.name+", and the turn after it", lockstep.CodeAuthToken)
		connect()
		if j := l.reload(l.id); !l.due() || !j.NotBefore.IsZero() {
			l.Errorf("%s: it is not due after a change in no turn", part.name)
		}
		fails(l.take(), lockstep.CodeAuthToken)
		stands(part.name+", and a turn after a change", lockstep.CodeAuthToken)
		*l.now = l.now.Add(2 * time.Hour)
	}
	// Nor does anybody wait whom the turn was refused for, by the old settings, before or after they were changed.
	one, two := connection.Ref{Type: "User", ID: "1"}, connection.Ref{Type: "User", ID: "2"}
	turn := l.take()
	refused := func(ref connection.Ref) {
		l.Helper()
		turn.commit(provision.Batch{Links: []plan.Link{{Source: ref, Code: lockstep.CodeAuthForbidden, Detail: "no", Due: l.now.Add(6 * time.Hour)}}})
	}
	due := func(when string, n int) {
		l.Helper()
		links, err := l.db.Links(l.Context(), l.tenant, l.id, plan.LinkQuery{Type: "User", DueBefore: *l.now})
		l.ok(err)
		if len(links) != n {
			l.Errorf("%s: %d are due, not %d", when, len(links), n)
		}
	}
	refused(one)
	due("refused", 0)
	connect()
	due("refused before the change", 1)
	refused(two)
	due("refused after it", 2)
	turn.commit(provision.Batch{Release: true})
	turn = l.take()
	refused(two)
	due("refused by the turn after it", 1)
	connect()
	ended := cycle
	ended.Code, ended.EndedAt = lockstep.CodeCursorExpired, *l.now
	turn.commit(provision.Batch{Cycle: &ended})
	cycles, err := l.db.Cycles(l.Context(), l.tenant, l.id, 1)
	l.ok(err)
	if cycles[0].Code != lockstep.CodeCursorExpired {
		l.Errorf("a cycle that has ended forgets why: %+v", cycles[0])
	}
}

// leaseMoved: a turn during which the connection was led to another system keeps nothing of what it learns of the old one, and still lets go of the job,
// which nobody else has before that.
func leaseMoved(l leased) {
	move := func() {
		l.Helper()
		l.ok(l.db.ChangeConnection(l.Context(), admin, l.tenant, l.id, func(provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"url": l.now.String()}, Moved: true}, nil
		}))
	}
	turn := l.take()
	link := plan.Link{Source: connection.Ref{Type: "User", ID: "u"}, Target: "of the old one"}
	turn.commit(provision.Batch{Links: []plan.Link{link}})
	move()
	l.had()
	turn.refuses(lockstep.CodeEpoch, provision.Batch{Links: []plan.Link{link}})
	turn.refuses(lockstep.CodeEpoch, provision.Batch{Links: []plan.Link{link}, Release: true})
	turn.refuses(lockstep.CodeEpoch, provision.Batch{Job: &turn.job, Release: true})
	l.had()
	links, err := l.db.Links(l.Context(), l.tenant, l.id, plan.LinkQuery{Type: "User"})
	l.ok(err)
	if len(links) != 1 || links[0].Target != "" {
		l.Errorf("links: %+v", links)
	}
	turn.commit(provision.Batch{Release: true})
	if !l.due() {
		l.Error("what was let go of is not due")
	}
	next := l.take()
	turn.refuses(lockstep.CodeEpoch, provision.Batch{Release: true})
	l.had()
	move()
	*l.now = l.now.Add(term) // its worker is gone
	l.take()
	next.refuses(lockstep.CodeEpoch, provision.Batch{Release: true})
	l.had()
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
