package operate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// TestStateOf: the weightiest thing comes first, in its sentence, with its exit code.
func TestStateOf(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 7, 0, 0, time.UTC)
	began := now.Add(-5 * time.Minute)
	cycle := func(p provision.Phase, n provision.Counts) func(*Facts) {
		return func(f *Facts) {
			f.Job.Cycle = &provision.Cycle{ID: "c1", Phase: p, Counts: n, Total: 512, Began: began}
		}
	}
	refused := func(f *Facts) {
		f.Codes = map[lockstep.Code]int{lockstep.CodeTargetDomain: 2, lockstep.CodeTargetTimeout: 1, lockstep.CodeMatchAmbiguous: 1}
	}
	for _, c := range []struct {
		name  string
		with  []func(*Facts)
		value Value
		exit  int
		says  string
	}{
		{"nothing to do", nil, InStep, 0, "In step."},
		{"rejected", []func(*Facts){func(f *Facts) { f.Rejected = 2 }}, InStep, 0, "In step, except for 2 changes that were rejected."},
		{"paused", []func(*Facts){func(f *Facts) { f.Job.State = provision.Paused }, refused}, Paused, 5, "Paused: nothing happens until it is set active."},
		{"quarantined", []func(*Facts){func(f *Facts) {
			f.Job.State, f.Job.Code, f.Job.NotBefore = provision.Quarantined, lockstep.CodeSourceAuth, now.Add(time.Hour)
		}}, Quarantined, 5, "Stopped until somebody helps: The source did not accept the credentials. It is tried again at 2026-03-02 11:07:00 UTC."},
		{"retrying", []func(*Facts){func(f *Facts) {
			f.Job.Code, f.Job.Detail, f.Job.NotBefore = lockstep.CodeTargetUnreachable, "connection refused", now.Add(time.Minute)
		}}, Retrying, 3, "Connection refused. It is tried again at 2026-03-02 10:08:00 UTC."},
		{"retrying now", []func(*Facts){func(f *Facts) {
			f.Job.Code, f.Job.Direction, f.Job.Request = lockstep.CodeSourceTruncated, provision.Inbound, 2
		}}, Retrying, 3, "A file of the source ends in the middle of a row. It is tried again now."},
		{"a plan waits", []func(*Facts){cycle(provision.Review, provision.Counts{Planned: 45})}, InReview, 5, "The plan c1, of 45 changes, waits to be applied."},
		{"reading", []func(*Facts){cycle(provision.Reading, provision.Counts{Read: 318})}, Working, 75, "Reading since 2026-03-02 10:02:00 UTC: 318 of 512."},
		{"listing", []func(*Facts){cycle(provision.Listing, provision.Counts{})}, Working, 75, "Reading the application since 2026-03-02 10:02:00 UTC."},
		{"applying, and how far", []func(*Facts){cycle(provision.Applying, provision.Counts{Planned: 42, Updated: 10, Failed: 2})}, Working, 75,
			"Applying 42 changes since 2026-03-02 10:02:00 UTC: 12 done."},
		{"applying", []func(*Facts){cycle(provision.Applying, provision.Counts{Planned: 1}), refused}, Working, 75, "Applying 1 change since 2026-03-02 10:02:00 UTC."},
		{"planning", []func(*Facts){cycle(provision.Ranking, provision.Counts{})}, Working, 75, "Planning since 2026-03-02 10:02:00 UTC."},
		{"held", []func(*Facts){refused, func(f *Facts) { f.Held = 3 }}, HeldBack, 5, "3 changes are held and wait for a decision."},
		{"never read", []func(*Facts){func(f *Facts) { f.Job.Cursor, f.Job.Direction = "", provision.Inbound }}, Unread, 3, "The source was never read."},
		{"read, and nobody in it", []func(*Facts){func(f *Facts) { f.Empty, f.Job.Direction = true, provision.Inbound }}, Unread, 3, "Nobody was found in the source."},
		{"never run", []func(*Facts){func(f *Facts) { f.Job.Cursor = "" }}, Unread, 3, "It has never run."},
		{"begins", []func(*Facts){func(f *Facts) { f.Job.Cursor, f.Job.NextRun = "", now }}, Behind, 75, "A cycle begins."},
		{"failing", []func(*Facts){refused, func(f *Facts) { f.Head = 9 }}, Failing, 3,
			"3 objects are refused (match.ambiguous, target.domain_unverified), 1 is failing and tried again (target.timeout)."},
		{"partly read", []func(*Facts){func(f *Facts) { f.Bad = 1 }}, Partial, 3, "1 row of the source could not be read; who is only there keeps their last state."},
		{"behind", []func(*Facts){func(f *Facts) { f.Head = 9 }}, Behind, 75, "The directory has changed; a cycle begins by itself."},
		{"behind, in mode manual", []func(*Facts){func(f *Facts) { f.Head, f.Job.Manual = 9, true }}, Behind, 5, "The directory has changed since the last plan."},
		{"a source that was read", []func(*Facts){func(f *Facts) {
			f.Job.Direction, f.Job.Request, f.Outside.Answered = provision.Inbound, 2, 2
		}}, Behind, 75, "The source has been read; a cycle begins by itself."},
		{"a source that has changed", []func(*Facts){func(f *Facts) { f.Job.Direction, f.Outside.Position = provision.Inbound, 9 }}, Behind, 75,
			"The source has changed; a cycle begins by itself."},
		{"a source that has changed, in mode manual", []func(*Facts){func(f *Facts) {
			f.Job.Direction, f.Outside.Position, f.Job.Manual = provision.Inbound, 9, true
		}}, Behind, 5, "The source has changed since the last plan."},
		{"rules", []func(*Facts){func(f *Facts) { f.Job.Config, f.Job.Manual = 4, true }}, Behind, 5, "The rules have changed since the last plan."},
		{"a read it waits for", []func(*Facts){cycle(provision.Listing, provision.Counts{}), func(f *Facts) {
			f.Job.Request = 2
			f.Outside = mirror.Head{Answered: 1, Passes: []mirror.Pass{{Type: "User", Stage: mirror.Reading, Asked: now.Add(-10 * time.Second),
				Resumed: now.Add(-10 * time.Second), Progress: now, Counts: mirror.Counts{Objects: 4000, Total: 30000}}}}
		}}, Working, 75, "Reading the application since 2026-03-02 10:06:50 UTC: " + words.Number(4000) + " of " + words.Number(30000) + " users, about 1m5s left."},
		{"a read it waits for, not begun", []func(*Facts){func(f *Facts) { f.Job.Request, f.Outside.Answered = 2, 1 }}, Working, 75, "Waits until the application has been read."},
		{"judging", []func(*Facts){func(f *Facts) {
			f.Job.Direction, f.Job.Request = provision.Inbound, 2
			f.Outside.Passes = []mirror.Pass{{Type: "User", Stage: mirror.Judging, Asked: now.Add(-time.Minute)}}
		}}, Working, 75, "Finding out who has left the source, read since 2026-03-02 10:06:00 UTC."},
		{"a long read of a source that nobody waits for", []func(*Facts){func(f *Facts) {
			f.Job.Direction = provision.Inbound
			f.Outside.Passes = []mirror.Pass{{Type: "Group", Stage: mirror.Reading, Asked: now.Add(-time.Minute), Counts: mirror.Counts{Objects: 1}}}
		}}, Working, 75, "Reading the source since 2026-03-02 10:06:00 UTC: 1 group."},
		{"a short one", []func(*Facts){func(f *Facts) {
			f.Job.Direction = provision.Inbound
			f.Outside.Passes = []mirror.Pass{{Type: "Group", Stage: mirror.Reading, Asked: now.Add(-time.Second)}}
		}}, InStep, 0, "In step."},
		{"one of an application that nobody waits for", []func(*Facts){func(f *Facts) {
			f.Outside.Passes = []mirror.Pass{{Type: "User", Stage: mirror.Reading, Asked: now.Add(-time.Minute)}}
		}}, InStep, 0, "In step."},
		{"a source that cannot be read", []func(*Facts){func(f *Facts) {
			f.Job.Direction = provision.Inbound
			f.Outside.Code, f.Outside.Detail, f.Outside.NotBefore = lockstep.CodeSourceUnreachable, "connection refused", now.Add(time.Minute)
		}}, Retrying, 3, "Reading the source failed: Connection refused. It is tried again at 2026-03-02 10:08:00 UTC."},
		{"drift", []func(*Facts){func(f *Facts) { f.Drift = plan.DriftLook{Changed: 1, Missing: 1, Read: time.UnixMilli(0)} }}, Drifted, 3, "2 objects differ from what was written, as the application was read at 1970-01-01 00:00:00 UTC."},
		{"references", []func(*Facts){func(f *Facts) { f.Waiting = 1 }}, Pending, 75, "1 reference waits to be written."},
	} {
		f := Facts{Now: now, Job: provision.Job{State: provision.Active, Direction: provision.Outbound, Cursor: "8", Position: 8, Config: 3, Applied: 3}}
		f.Head = 8
		for _, with := range c.with {
			with(&f)
		}
		s := StateOf(f)
		if s.Value != c.value || s.Exit != c.exit || s.Says != c.says || s.Word == "" || s.Word == string(s.Value) {
			t.Errorf("%s: %s, exit %d, %q: %s", c.name, s.Value, s.Exit, s.Word, s.Says)
		}
		if s.All[0] != s.Finding {
			t.Errorf("%s: the first finding is %+v", c.name, s.All[0])
		}
		if coded := slices.Contains([]Value{Quarantined, Retrying, HeldBack}, s.Value); coded != (s.Code != "") && s.Value != Failing && s.Value != Unread {
			t.Errorf("%s: %s has the code %q", c.name, s.Value, s.Code)
		}
	}
}

// TestOnlyInStepIsZero: whatever else is to be said of a job, its exit code is not 0, and it is not called in step.
func TestOnlyInStepIsZero(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 7, 0, 0, time.UTC)
	facts := []func(*Facts){
		func(f *Facts) { f.Job.State = provision.Paused },
		func(f *Facts) { f.Job.State = provision.Quarantined },
		func(f *Facts) { f.Job.Code, f.Job.NotBefore = lockstep.CodeTargetTimeout, now.Add(time.Second) },
		func(f *Facts) { f.Job.Cycle = &provision.Cycle{Phase: provision.Review} },
		func(f *Facts) { f.Job.Cycle = &provision.Cycle{Phase: provision.Applying} },
		func(f *Facts) { f.Job.Cursor = "" },
		func(f *Facts) { f.Job.NextRun = now },
		func(f *Facts) { f.Job.Applied = 0 },
		func(f *Facts) { f.Head = 1 },
		func(f *Facts) { f.Held = 1 },
		func(f *Facts) { f.Codes = map[lockstep.Code]int{"unheard.of": 1} },
		func(f *Facts) { f.Bad = 1 },
		func(f *Facts) { f.Waiting = 1 },
		func(f *Facts) { f.Job.Code = lockstep.CodeSourceTruncated },
		func(f *Facts) { f.Job.Request, f.Outside.Answered = 2, 2 },
		func(f *Facts) { f.Job.Request = 3 },
	}
	for bits := 1; bits < 1<<len(facts); bits++ {
		f := Facts{Now: now, Job: provision.Job{State: provision.Active, Direction: provision.Outbound, Cursor: "8", Config: 1, Applied: 1}}
		f.Rejected = bits % 3
		for i, fact := range facts {
			if bits>>i&1 == 1 {
				fact(&f)
			}
		}
		s := StateOf(f)
		for _, one := range s.All {
			if one.Value == InStep || one.Exit == 0 || strings.Contains(strings.ToLower(one.Says), "in step") || strings.TrimSpace(one.Says) == "" {
				t.Fatalf("%013b: %+v", bits, s)
			}
		}
		if s.Value == "" || s.Exit == 0 {
			t.Fatalf("%013b: %+v", bits, s)
		}
	}
}

// TestValuesAreSaid: every value is reached by some state and has a word.
func TestValuesAreSaid(t *testing.T) {
	for _, v := range Values() {
		if word := v.word(Facts{Job: provision.Job{Cycle: &provision.Cycle{}}}); word == "" || word == string(v) {
			t.Errorf("%s has no word", v)
		}
	}
}
