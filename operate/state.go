package operate

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/notify"
	"lockstep/provision"
	"lockstep/words"
)

// Value is how a job stands, for programs.
type Value string

// The values of a state, the weightiest first.
const (
	Draft       Value = "draft" // it was added and nobody has turned it on
	Paused      Value = "paused"
	Quarantined Value = "quarantined" // stopped, and somebody is needed
	InReview    Value = "review"      // a plan waits for Apply
	Retrying    Value = "retrying"    // something outside did not answer; tried again by itself
	Working     Value = "working"     // a cycle is under way
	HeldBack    Value = "held"        // the guard holds changes
	Unread      Value = "unread"      // the source was never read, or the app's job has never run
	Failing     Value = "failing"     // some objects are refused or failing
	Partial     Value = "partial"     // a part of the source could not be read
	Behind      Value = "behind"      // something has changed that no cycle has looked at yet
	Pending     Value = "pending"     // references wait to be written
	Drifted     Value = "drifted"     // somebody else has changed objects at the application
	InStep      Value = "in_step"
)

// Values are all values of a state.
func Values() []Value {
	return []Value{Draft, Paused, Quarantined, InReview, Retrying, Working, HeldBack, Unread, Failing, Partial, Behind, Pending, Drifted, InStep}
}

// The exit codes that a state leads to.
const (
	ExitInStep = 0
	ExitSome   = 3  // some failing, refused or unread
	ExitHeld   = 5  // somebody has to decide
	ExitLater  = 75 // not finished yet
)

// Finding is one thing that is to be said of a job.
type Finding struct {
	Value Value  `json:"value"`
	Says  string `json:"says"` // one sentence
	Exit  int    `json:"exit"` // what a command that shows it ends with

	Code lockstep.Code `json:"code,omitempty"` // of the error, where there is one: the docs tell about it
}

func found(v Value, says string, exit int) Finding {
	return Finding{Value: v, Says: says, Exit: exit}
}

// State is how a job stands: its weightiest finding, and all of them.
type State struct {
	Finding
	Word string    `json:"word"` // in two or three words, for a badge
	All  []Finding `json:"all"`  // the weightiest first
}

// Facts are what a state is made of.
type Facts struct {
	Job provision.Job // with its open cycle
	provision.Standing
	Outside mirror.Head // where the reads of its outside system stand
	Consent Consented   // to the connection; zero where it was not asked for
	Now     time.Time
}

// Standings counts what stands in the way of jobs, and how far people get.
type Standings interface {
	Standing(ctx context.Context, t lockstep.TenantID, job lockstep.JobID) (provision.Standing, error)
	Funnel(ctx context.Context, t lockstep.TenantID, job lockstep.JobID) (provision.Funnel, error)
	// TenantSize counts what a tenant has.
	TenantSize(ctx context.Context, t lockstep.TenantID) (directory.TenantSize, error)
}

// Funnel counts how far people get in a job.
func (o *Operator) Funnel(ctx context.Context, p Principal, j provision.Job) (provision.Funnel, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return provision.Funnel{}, err
	}
	return o.Standings.Funnel(ctx, p.Tenant, j.ID)
}

// State tells how a job stands.
func (o *Operator) State(ctx context.Context, p Principal, j provision.Job) (State, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return State{}, err
	}
	f, err := o.facts(ctx, j)
	if err != nil {
		return State{}, err
	}
	return StateOf(f), nil
}

// Needs tells how a job stands, as State does, and what of it needs somebody, as it is told by mail (CausesOf).
func (o *Operator) Needs(ctx context.Context, p Principal, j provision.Job) (State, []notify.Cause, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return State{}, nil, err
	}
	f, err := o.facts(ctx, j)
	if err != nil {
		return State{}, nil, err
	}
	var s notify.Settings
	if o.Notices != nil {
		if s, err = o.Notices.Records.Settings(ctx, j.Tenant); err != nil {
			return State{}, nil, err
		}
	}
	return StateOf(f), CausesOf(f, s.Intervals()), nil
}

// facts reads how a job stands now.
func (o *Operator) facts(ctx context.Context, j provision.Job) (f Facts, err error) {
	f = Facts{Job: j, Now: o.now()}
	if f.Standing, err = o.Standings.Standing(ctx, j.Tenant, j.ID); err != nil {
		return f, err
	}
	if o.Reads != nil {
		f.Outside, err = o.Reads.Head(ctx, mirror.ID{Tenant: j.Tenant, Connection: j.ID})
	}
	return f, err
}

// StateOf says how a job stands. It is the one place where that is decided: every surface shows its sentence. In step is said
// only when nothing is to do, held, refused, failing, unread or pending.
func StateOf(f Facts) State {
	var s State
	add := func(v Value, exit int, says string, code ...lockstep.Code) {
		s.All = append(s.All, Finding{Value: v, Says: says, Exit: exit, Code: cmp.Or(code...)})
	}
	f.stopped(add)
	f.reading(add)
	f.moving(add)
	f.inTheWay(add)
	f.toDo(add)
	if len(s.All) == 0 {
		says := "In step."
		if f.Rejected > 0 {
			says = "In step, except for " + words.Many(f.Rejected, "change that was rejected.", "changes that were rejected.")
		}
		add(InStep, ExitInStep, says)
	}
	s.Finding = s.All[0]
	s.Word = s.Value.word(f)
	return s
}

// addFinding adds a finding; the code is that of the error, when it is about one.
type addFinding func(v Value, exit int, says string, code ...lockstep.Code)

// stopped adds what keeps the job from working.
func (f Facts) stopped(add addFinding) {
	j := f.Job
	if j.Draft() {
		add(Draft, ExitSome, "A draft: nothing runs until it is turned on.")
	} else if j.State == provision.Paused {
		add(Paused, ExitHeld, "Paused: nothing happens until it is set active.")
	}
	if j.State == provision.Quarantined {
		says := "Stopped until somebody helps: " + why(j.Code, j.Detail)
		if j.NotBefore.After(f.Now) {
			says += " It is tried again at " + clockAt(j.NotBefore) + "."
		}
		add(Quarantined, ExitHeld, says, j.Code)
	}
	if j.Cycle != nil && j.Cycle.Phase == provision.Review {
		n := j.Cycle.Counts.Planned - finished(j.Cycle.Counts) + j.Cycle.Counts.Failed // what was sent to one alone; what the plan refuses was never among the planned
		add(InReview, ExitHeld, "The plan "+string(j.Cycle.ID)+", of "+words.Many(n, "change", "changes")+", waits to be applied.")
	}
	switch {
	case j.State != provision.Active || j.Code == "":
	case j.NotBefore.After(f.Now):
		add(Retrying, ExitSome, why(j.Code, j.Detail)+" It is tried again at "+clockAt(j.NotBefore)+".", j.Code)
	case j.Cycle == nil: // nothing has shown yet that it is over
		add(Retrying, ExitSome, why(j.Code, j.Detail)+" It is tried again now.", j.Code)
	}
}

// shortLook is how long a read may last that nobody waits for before it is spoken of: most find nothing new within that time.
const shortLook = 5 * time.Second

// waits reports whether the job goes on when a read of its outside system has ended.
func (f Facts) waits() bool { return f.Job.Request > f.Outside.Answered }

// reading adds the read of the outside system that the job waits for. Of a source it also tells when nobody waits for it: what it
// finds is not in the directory yet.
func (f Facts) reading(add addFinding) {
	h := f.Outside
	what := "the application"
	if f.Job.Direction == provision.Inbound {
		what = "the source"
	}
	for _, p := range h.Passes {
		long := f.Job.Direction == provision.Inbound && f.Now.Sub(p.Asked) > shortLook
		if p.Stage != mirror.Idle && h.Code == "" && (f.waits() || long) {
			add(Working, ExitLater, readOf(h.Watch(p, f.Now), what))
			return
		}
	}
	switch {
	case h.Code != "" && f.Job.Code == "" && (f.waits() || f.Job.Direction == provision.Inbound):
		says := "Reading " + what + " failed: " + why(h.Code, h.Detail)
		if h.NotBefore.After(f.Now) {
			says += " It is tried again at " + clockAt(h.NotBefore) + "."
		}
		add(Retrying, ExitSome, says, h.Code)
	case f.waits() && f.Job.Code == "":
		add(Working, ExitLater, "Waits until "+what+" has been read.")
	}
}

// readOf tells how far a read is.
func readOf(p mirror.Progress, what string) string {
	if p.Stage == mirror.Judging {
		return "Finding out who has left " + what + ", read since " + clockAt(p.Asked) + "."
	}
	says := "Reading " + what + " since " + clockAt(p.Asked)
	if n := int(p.Counts.Objects); n > 0 {
		says += ": " + words.Number(n)
		if total := int(p.Counts.Total); total > 0 {
			says += " of " + words.Number(total)
		}
		says += " " + strings.ToLower(p.Type) + words.Plural(n, "", "s")
	}
	if p.Left >= time.Second {
		says += ", about " + p.Left.Round(time.Second).String() + " left"
	}
	return says + "."
}

// moving adds what is under way.
func (f Facts) moving(add addFinding) {
	c := f.Job.Cycle
	if c == nil || c.Phase == provision.Review || c.Phase == provision.Listing && f.waits() {
		return
	}
	since := " since " + clockAt(c.Began)
	switch c.Phase {
	case provision.Listing:
		add(Working, ExitLater, "Reading the application"+since+".")
	case provision.Reading:
		says := "Reading" + since
		if c.Counts.Read > 0 {
			says += ": " + words.Number(c.Counts.Read)
			if c.Total > 0 {
				says += " of " + words.Number(c.Total)
			}
		}
		add(Working, ExitLater, says+".")
	case provision.Applying:
		says := "Applying " + words.Many(c.Counts.Planned, "change", "changes") + since
		if done := finished(c.Counts); done > 0 {
			says += ": " + words.Number(done) + " done"
		}
		add(Working, ExitLater, says+".")
	case provision.Sweeping, provision.Ranking, provision.Ended, provision.Review:
		add(Working, ExitLater, "Planning"+since+".")
	}
}

// finished counts the objects of a cycle that it is through with.
func finished(n provision.Counts) int {
	return n.Created + n.Linked + n.Updated + n.Disabled + n.Deleted + n.Referred + n.Failed
}

// inTheWay adds what is held, unread, failing or partial.
func (f Facts) inTheWay(add addFinding) {
	if f.Held > 0 {
		add(HeldBack, ExitHeld, words.Many(f.Held, "change is held and waits", "changes are held and wait")+" for a decision.", lockstep.CodeGuardHeld)
	}
	if f.Job.Cursor == "" && f.Job.Cycle == nil && !f.begins() {
		if f.Job.Direction == provision.Inbound {
			add(Unread, ExitSome, "The source was never read.", lockstep.CodeUnread)
		} else {
			add(Unread, ExitSome, "It has never run.")
		}
	}
	if f.Job.Cursor != "" && f.Job.Direction == provision.Inbound && f.Empty {
		add(Unread, ExitSome, "Nobody was found in the source.")
	}
	if says := f.failing(); says != "" {
		add(Failing, ExitSome, says, f.cause())
	}
	if f.Bad > 0 {
		add(Partial, ExitSome, words.Many(f.Bad, "row of the source", "rows of the source")+" could not be read; who is only there keeps their last state.")
	}
}

// shownCodes is how many causes a sentence names.
const shownCodes = 3

// cause is the code of all objects whose last attempt failed, "" when they have several.
func (f Facts) cause() lockstep.Code {
	if len(f.Codes) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(f.Codes))[0]
}

// failing tells of the objects whose last attempt failed: first what somebody has to mend, then what is tried again.
func (f Facts) failing() string {
	var parts []string
	for _, kind := range []struct {
		heals     bool
		one, more string
	}{{false, "is refused", "are refused"}, {true, "is failing and tried again", "are failing and tried again"}} {
		n := 0
		var causes []string
		for _, code := range slices.Sorted(maps.Keys(f.Codes)) {
			if heals := lockstep.Describe(code).Class == lockstep.Heals; heals == kind.heals {
				n += f.Codes[code]
				causes = append(causes, string(code))
			}
		}
		if n == 0 {
			continue
		}
		named := strings.Join(causes[:min(len(causes), shownCodes)], ", ")
		if len(causes) > shownCodes {
			named += " and others"
		}
		many := words.Number(n)
		if len(parts) == 0 {
			many = words.Many(n, "object", "objects")
		}
		parts = append(parts, many+" "+words.Plural(n, kind.one, kind.more)+" ("+named+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "."
}

// toDo adds what nobody has looked at yet, and what waits.
func (f Facts) toDo(add addFinding) {
	j := f.Job
	if j.Cycle == nil {
		switch {
		case f.begins():
			add(Behind, ExitLater, "A cycle begins.")
		case j.Request > 0 && !f.waits() && j.State == provision.Active:
			add(Behind, ExitLater, "The source has been read; a cycle begins by itself.")
		case j.Cursor == "":
		case j.Direction == provision.Inbound && f.Outside.Position > j.Position:
			f.behind(add, "The source has changed")
		case j.Direction == provision.Outbound && f.Head > j.Position:
			f.behind(add, "The directory has changed")
		case j.Config != j.Applied:
			f.behind(add, "The rules have changed")
		}
	}
	if f.Waiting > 0 {
		add(Pending, ExitLater, words.Many(f.Waiting, "reference waits", "references wait")+" to be written.")
	}
	if n := f.Drift.Changed + f.Drift.Missing; n > 0 {
		add(Drifted, ExitSome, words.Many(n, "object differs", "objects differ")+" from what was written, as the application was read at "+clockAt(f.Drift.Read)+".")
	}
}

// begins reports whether a cycle begins at once.
func (f Facts) begins() bool {
	j := f.Job
	return !j.NextRun.IsZero() && !j.NextRun.After(f.Now) && j.State == provision.Active && !j.NotBefore.After(f.Now)
}

func (f Facts) behind(add addFinding, what string) {
	if f.Job.Manual {
		add(Behind, ExitHeld, what+" since the last plan.")
		return
	}
	add(Behind, ExitLater, what+"; a cycle begins by itself.")
}

// why is a failure in one sentence.
func why(code lockstep.Code, detail string) string {
	if detail == "" {
		detail = lockstep.Describe(code).Title
	}
	return words.Sentence(detail)
}

// clockAt is an instant as a sentence has it.
func clockAt(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// word is the value in two or three words.
func (v Value) word(f Facts) string {
	switch v {
	case Draft:
		return "Draft"
	case Paused:
		return "Paused"
	case Quarantined:
		return "Stopped, needs you"
	case InReview:
		return "Plan waits for you"
	case Retrying:
		return "Waiting to try again"
	case Working:
		if f.Job.Cycle == nil {
			return "Reading"
		}
		switch f.Job.Cycle.Phase {
		case provision.Listing:
			return "Reading the application"
		case provision.Reading:
			return "Reading"
		case provision.Applying:
			return "Applying"
		case provision.Sweeping, provision.Ranking, provision.Review, provision.Ended:
		}
		return "Planning"
	case HeldBack:
		return "Holds changes for you"
	case Unread:
		return "Has not run yet"
	case Failing:
		return "Some failing"
	case Partial:
		return "Not read whole"
	case Behind:
		if f.begins() {
			return "Starting"
		}
		return "Behind"
	case Pending:
		return "References wait"
	case Drifted:
		return "Has drifted"
	case InStep:
		return "In step"
	}
	return string(v)
}
