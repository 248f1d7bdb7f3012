package console

import (
	"cmp"
	"context"
	"strings"
	"time"

	"lockstep/operate"
	"lockstep/provision"
	"lockstep/words"
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
	Says     string   // the state in a sentence
	Problem  *failure // why it is stopped
	Retry    time.Time
	Manual   bool
	Paused   bool
	Draft    bool // it has never run, and does not before it is turned on
	Open     bool // a cycle is under way
	Review   bool // its plan waits
	NextRun  time.Time
	Interval time.Duration
}

type setting struct{ Name, Value string }

// kindNames are the kinds of connection in words.
var kindNames = map[string]string{"csvfile": "CSV files", "ldap": "LDAP directory", "entra": "Microsoft Entra ID", "scimapp": "SCIM 2.0", "webex": "Webex"}

func jobOf(j provision.Job, now time.Time) job {
	v := job{
		Slug: j.Slug, Name: cmp.Or(j.Name, j.Slug), Inbound: j.Direction == provision.Inbound,
		Kind: cmp.Or(kindNames[j.Connection.Kind], j.Connection.Kind), Secrets: j.Connection.Secrets,
		Manual: j.Manual, Paused: j.State == provision.Paused, Draft: j.Draft(), NextRun: j.NextRun, Interval: j.Policy.Interval,
	}
	if j.Cycle != nil {
		v.Review = j.Cycle.Phase == provision.Review
		v.Open = !v.Review
	}
	for _, name := range sortedKeys(j.Connection.Settings) {
		v.Settings = append(v.Settings, setting{words.Upper(strings.ReplaceAll(name, "_", " ")), j.Connection.Settings[name]})
	}
	if j.Code != "" && (j.State == provision.Quarantined || j.NotBefore.After(now)) {
		f := failureOf(j.Code, j.Detail)
		v.Problem, v.Retry = &f, j.NotBefore
	}
	return v
}

// badge shows a state: its word with a sign and a tone.
func badge(v operate.State) state {
	if v.Value == operate.Behind && v.Exit == operate.ExitHeld { // nothing begins by itself
		return state{v.Word, "eye", warn}
	}
	switch v.Value {
	case operate.Paused:
		return state{v.Word, "pause", calm}
	case operate.Draft:
		return state{v.Word, "pencil", calm}
	case operate.Quarantined:
		return state{v.Word, "alert", bad}
	case operate.InReview, operate.HeldBack:
		return state{v.Word, "eye", warn}
	case operate.Retrying, operate.Failing, operate.Partial, operate.Drifted:
		return state{v.Word, "retry", warn}
	case operate.Working, operate.Behind, operate.Pending:
		return state{v.Word, "busy", busy}
	case operate.InStep:
		return state{v.Word, "check", good}
	case operate.Unread:
	}
	return state{v.Word, "circle", calm}
}

// jobView is a job with how it stands.
func (s *Server) jobView(ctx context.Context, p operate.Principal, j provision.Job) (job, error) {
	v := jobOf(j, s.now())
	at, err := s.Operator.State(ctx, p, j)
	v.State, v.Says = badge(at), at.Says
	return v, err
}
