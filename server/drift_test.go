package server

import (
	"testing"
	"time"

	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
)

// TestDriftStep: an application is read once an interval, whoever has read it last, and compared once a read; one that cannot be read, is
// being read, or that nobody lets run, is left alone.
func TestDriftStep(t *testing.T) {
	now := time.UnixMilli(1e12)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		name   string
		change func(*provision.Job, *mirror.Head)
		read   time.Time
		looked time.Time
		want   int
	}{
		{"read long ago", nil, ago(25 * time.Hour), ago(25 * time.Hour), readForDrift},
		{"read since the last look", nil, ago(time.Hour), ago(25 * time.Hour), compareForDrift},
		{"never looked", nil, ago(time.Hour), time.Time{}, compareForDrift},
		{"looked at that read", nil, ago(time.Hour), ago(time.Hour), noDriftStep},
		{"each half hour", func(j *provision.Job, _ *mirror.Head) { j.Policy.DriftEvery = 30 * time.Minute }, ago(time.Hour), ago(time.Hour), readForDrift},
		{"never", func(j *provision.Job, _ *mirror.Head) { j.Policy.DriftEvery = -time.Second }, ago(25 * time.Hour), time.Time{}, noDriftStep},
		{"paused", func(j *provision.Job, _ *mirror.Head) { j.State = provision.Paused }, ago(25 * time.Hour), time.Time{}, noDriftStep},
		{"never run", func(j *provision.Job, _ *mirror.Head) { j.Cursor = "" }, ago(25 * time.Hour), time.Time{}, noDriftStep},
		{"in a cycle", func(j *provision.Job, _ *mirror.Head) { j.Cycle = &provision.Cycle{} }, ago(25 * time.Hour), time.Time{}, noDriftStep},
		{"asked for", func(_ *provision.Job, h *mirror.Head) { h.Requests = 2 }, ago(25 * time.Hour), time.Time{}, noDriftStep},
		{"being read", func(_ *provision.Job, h *mirror.Head) { h.Passes[1].Stage = mirror.Reading }, ago(time.Hour), time.Time{}, noDriftStep},
		{"cannot be read", func(_ *provision.Job, h *mirror.Head) { h.Code = "target.unreachable" }, ago(25 * time.Hour), time.Time{}, noDriftStep},
		{"groups read long ago", func(_ *provision.Job, h *mirror.Head) { h.Passes[1].Asked = ago(30 * time.Hour) }, ago(time.Hour), time.Time{}, readForDrift},
		{"no read yet", func(_ *provision.Job, h *mirror.Head) { h.Passes = nil }, now, time.Time{}, noDriftStep},
	} {
		j := provision.Job{State: provision.Active, Cursor: "1"}
		head := mirror.Head{Requests: 1, Answered: 1, Passes: []mirror.Pass{{Type: "User", Asked: c.read}, {Type: "Group", Asked: c.read}}}
		if c.change != nil {
			c.change(&j, &head)
		}
		if got := driftStep(&j, &head, &plan.DriftLook{Read: c.looked}, now); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
