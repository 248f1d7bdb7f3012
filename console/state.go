package console

import (
	"cmp"
	"time"

	"lockstep/provision"
)

// tone is how a state or an outcome is coloured. It never stands alone: a word and a sign go with it.
type tone string

const (
	calm tone = "calm"
	busy tone = "busy"
	good tone = "good"
	warn tone = "warn"
	bad  tone = "bad"
)

// state is what a job is doing, in a word or two.
type state struct {
	Word string
	Icon string // of the template icon
	Tone tone
}

// job is a job as pages show it.
type job struct {
	Slug     string
	Name     string
	Inbound  bool
	Kind     string // of the outside system, in words
	Settings []setting
	Secrets  []string
	State    state
	Problem  *failure // why it is stopped
	Retry    time.Time
	Manual   bool
	Paused   bool
	Open     bool // a cycle is under way
	Review   bool // its plan waits
	NextRun  time.Time
	Interval time.Duration
}

type setting struct{ Name, Value string }

// holds says that the job waits for a decision, when nothing else is to be said of it.
func (j *job) holds(n int) {
	if n > 0 && j.State.Tone == good {
		j.State = state{"Holds changes for you", "eye", warn}
	}
}

// kindNames are the kinds of connection in words.
var kindNames = map[string]string{"csvfile": "CSV files", "ldap": "LDAP directory", "entra": "Microsoft Entra ID", "scimapp": "SCIM 2.0", "webex": "Webex"}

func jobOf(j provision.Job, now time.Time) job {
	v := job{
		Slug: j.Slug, Name: cmp.Or(j.Name, j.Slug), Inbound: j.Direction == provision.Inbound, State: stateOf(j, now),
		Kind: cmp.Or(kindNames[j.Connection.Kind], j.Connection.Kind), Secrets: j.Connection.Secrets,
		Manual: j.Manual, Paused: j.State == provision.Paused, NextRun: j.NextRun, Interval: j.Policy.Interval,
	}
	if j.Cycle != nil {
		v.Review = j.Cycle.Phase == provision.Review
		v.Open = !v.Review
	}
	for _, name := range sortedKeys(j.Connection.Settings) {
		v.Settings = append(v.Settings, setting{name, j.Connection.Settings[name]})
	}
	if j.Code != "" && (j.State == provision.Quarantined || j.NotBefore.After(now)) {
		f := failureOf(j.Code, j.Detail)
		v.Problem, v.Retry = &f, j.NotBefore
	}
	return v
}

// stateOf puts what a job is doing in words. What stops it comes before what it does.
func stateOf(j provision.Job, now time.Time) state {
	switch {
	case j.State == provision.Paused:
		return state{"Paused", "pause", calm}
	case j.State == provision.Quarantined:
		return state{"Stopped, needs you", "alert", bad}
	case j.Cycle != nil && j.Cycle.Phase == provision.Review:
		return state{"Plan waits for you", "eye", warn}
	case j.Code != "" && j.NotBefore.After(now):
		return state{"Waiting to try again", "retry", warn}
	case j.Cycle != nil:
		return state{phaseWord(j.Cycle.Phase), "busy", busy}
	case !j.NextRun.IsZero() && !j.NextRun.After(now):
		return state{"Starting", "busy", busy}
	case j.Cursor == "":
		return state{"Has not run yet", "circle", calm}
	}
	return state{"In step", "check", good}
}

func phaseWord(p provision.Phase) string {
	switch p {
	case provision.Listing:
		return "Reading the application"
	case provision.Applying:
		return "Applying"
	case provision.Review:
		return "Plan waits for you"
	case provision.Ended:
		return "Ended"
	case provision.Reading, provision.Sweeping, provision.Ranking:
	}
	return "Planning"
}
