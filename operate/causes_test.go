package operate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/mirror"
	"lockstep/provision"
)

// TestCausesOf: each thing that needs somebody is a cause of its own, and nothing else is.
func TestCausesOf(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 7, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		with func(*Facts)
		want string
	}{
		{"in step", func(*Facts) {}, ""},
		{"somebody has to decide about a plan, as they wanted", func(f *Facts) { f.Job.Cycle = &provision.Cycle{Phase: provision.Review} }, ""},
		{"stopped", func(f *Facts) { f.Job.State, f.Job.Code = provision.Quarantined, lockstep.CodeAuthToken }, "quarantine auth.token_rejected"},
		{"held", func(f *Facts) { f.Held = 3 }, "held  3"},
		{"failures by cause", func(f *Facts) {
			f.Codes = map[lockstep.Code]int{lockstep.CodeTargetTimeout: 2, lockstep.CodeTargetDomain: 5}
		}, "failing target.domain_unverified 5; failing target.timeout 2 after 1h0m0s"},
		{"the other side is away", func(f *Facts) { f.Job.Code = lockstep.CodeTargetUnreachable }, "failing job target.unreachable after 1h0m0s"},
		{"it cannot be read", func(f *Facts) { f.Outside.Code = lockstep.CodeSourceAuth }, "failing read source.auth_failed"},
		{"rows of the source", func(f *Facts) { f.Bad = 4 }, "failing source.bad_row 4"},
		{"two intervals late", func(f *Facts) { f.Job.Policy.Interval, f.Job.NextRun = time.Hour, now.Add(-time.Hour) }, ""},
		{"more than three", func(f *Facts) { f.Job.Policy.Interval, f.Job.NextRun = time.Hour, now.Add(-2*time.Hour-time.Minute) }, "silent"},
		{"a token that ends", func(f *Facts) { f.Job.Connection.Settings = map[string]string{"token_expires": "2026-03-08"} }, "expiring secret token 7"},
		{"a consent that nobody uses", func(f *Facts) {
			f.Consent = Consented{Needed: true, Refreshed: true, Given: now.Add(-83 * 24 * time.Hour), Ends: now.Add(7 * 24 * time.Hour)}
			f.Job.Connection.Settings = map[string]string{"token_expires": "2026-03-08"} // of a token that is used no more
		}, "expiring secret consent 7"},
		{"a consent that has ended already", func(f *Facts) {
			f.Consent = Consented{Needed: true, Ended: true, Ends: now.Add(7 * 24 * time.Hour)}
		}, ""},
		{"one that does not yet", func(f *Facts) {
			f.Job.Connection.Settings = map[string]string{"token_expires": "2026-05-08", "x": "2026-03-03"}
		}, ""},
	} {
		f := Facts{Now: now, Outside: mirror.Head{}}
		f.Job = provision.Job{ID: "a", Slug: "webex", State: provision.Active, Cursor: "c"}
		c.with(&f)
		var got []string
		for _, one := range CausesOf(f, 3) {
			text := strings.TrimSpace(fmt.Sprintf("%s %s", one.Kind, one.Name))
			if one.Count > 0 {
				text = fmt.Sprintf("%s %s %d", one.Kind, one.Name, one.Count)
			}
			if one.Patience > 0 {
				text += " after " + one.Patience.String()
			}
			if one.Says == "" || one.Job != "a" {
				t.Errorf("%s: %+v", c.name, one)
			}
			got = append(got, text)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}
