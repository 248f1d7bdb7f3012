package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/words"
)

// ActionState is what has become of an action.
type ActionState = rule.State

// The states of an action.
const (
	Planned  = rule.Planned
	Held     = rule.Held
	LeftOut  = rule.LeftOut
	Open     = rule.Open
	Done     = rule.Done
	Failed   = rule.Failed
	Refused  = rule.Refused
	Rejected = rule.Rejected
	Skipped  = rule.Skipped
)

// Lane orders kinds of action: access goes before it comes.
type Lane int

// The lanes, in the order in which they are applied.
const (
	LaneDisable Lane = iota
	LaneDelete
	LaneUpdate
	LaneCreate // links ride here too
	LaneRefer
)

// End is one side of an action.
type End struct {
	connection.Ref
	Name string
}

// Action is one row: plan line, intention, log line and undo image.
type Action struct {
	ID     lockstep.ActionID
	Job    lockstep.JobID
	Cycle  lockstep.CycleID
	Kind   rule.Kind
	Lane   Lane
	Rank   int // order within the lane: a manager's create has a lower rank than their people's
	Source End
	Target End // ID is "" before a create
	Before scim.Object
	After  scim.Object
	Effect *connection.Effect // what it comes to, where others have the object at the target, too; nil is from Before to After
	Refers string             // a create: source id of the manager whom its References name, by which creates are ordered; an update: Names
	// References is all that the row writes or takes away beside values: of a create what rides along.
	References []RowReference
	Reason     rule.Reason
	Seen       Seen
	State      ActionState
	Code       lockstep.Code
	Detail     string
	Attempt    int
	Epoch      int64
	Decided    Decision
	Undoes     lockstep.ActionID
	Planned    time.Time
	Opened     time.Time
	Ended      time.Time
}

// Transition moves one row from the state that it must have to another. Rows that the store has moved meanwhile stay as they
// are: nobody writes a whole row back from memory.
type Transition struct {
	ID      lockstep.ActionID
	From    ActionState
	Attempt int // of an open row: the attempt whose outcome this is; 0 is any
	To      ActionState
	Code    lockstep.Code
	Detail  string
	Target  string    // id at the target; "" leaves it
	At      time.Time // when the row ended; of a row that stays open, when its call returned; zero when neither
}

// Seen is what an action was planned on; it is stale when one of these has moved.
type Seen struct {
	Version string `json:"version,omitempty"` // of the source object
	Gone    bool   `json:"gone,omitempty"`    // the source object was deleted for good
	Hash    string `json:"hash,omitempty"`    // of what was last written
	Config  int64  `json:"config,omitempty"`  // of the job
}

// Changes is what the row changes, as people read it: attribute by attribute, then the references, each by the name of its other end.
func (a *Action) Changes() []words.Change {
	all := words.Changes(a.Before, a.After)
	if a.Effect != nil {
		all = words.Differences(a.Effect.Before, a.Effect.After)
	}
	for _, r := range a.References {
		if r.Stays {
			continue
		}
		all = append(all, words.Referred(r.Attribute, cmp.Or(r.To.Name, r.To.ID), r.Gone))
	}
	return all
}

// Note says what becomes of an object that others have, too, as a sentence without a full stop. It is "" when there is nothing to be said.
func (a *Action) Note() string {
	if a.Effect == nil {
		return ""
	}
	return a.Effect.Note
}

// Names is how an update that changes the first matching value says so in Action.Refers: the value that it gives up and the one
// that it takes, both as in Link.Key.
func Names(from, to string) string { return from + "\x1f" + to }

// SplitNames is the inverse of Names. It reports false for a row that changes no such value.
func SplitNames(refers string) (from, to string, ok bool) { return strings.Cut(refers, "\x1f") }

// Renamed is a planned update that changes the first matching value.
type Renamed struct {
	ID       lockstep.ActionID
	From, To string // as in Link.Key
	Decided  bool   // somebody has approved the row
}

// RowReference is a reference that a row writes or takes away.
type RowReference struct {
	Attribute string
	To        End    // the other end, at the source; the name may be "" when the object was not known yet
	Target    string // its id at the target; "" when it gets one by the same plan
	Gone      bool   // it is taken away
	Stays     bool   // with Gone: the job lets go of it, and it stays, since another has it, too
}

// Made is a planned row that brings an object to the target.
type Made struct {
	ID         lockstep.ActionID
	Kind       rule.Kind // Create or Link
	Source     connection.Ref
	Refers     string // Action.Refers
	References bool   // its References are set
	Rank       int    // as it is stored
}

// Carried sets the References of a planned row, and with them Refers when there are none.
type Carried struct {
	ID         lockstep.ActionID
	References []RowReference
}

// Decision is who approved or rejected a held action, when, and why.
type Decision struct {
	By   audit.Actor `json:"by"`
	At   time.Time   `json:"at"`
	Note string      `json:"note,omitempty"` // in their words
}

// RowGroup is the rows of one deed for one cause that wait: planned, or held for a decision.
type RowGroup struct {
	State ActionState // Planned or Held
	Kind  rule.Kind
	Type  string // of the objects, at the source
	Cause string // as Action.Cause has it
	N     int    // how many there are
}

// mostCause is how many letters of a cause are kept.
const mostCause = 300

// Cause is why the row is planned, in words that rows of one cause share: of an update the attributes that it changes, as people read
// them and divided by ", "; else the rule.
func (a *Action) Cause() string {
	cause := a.Reason.Rule
	if a.Kind == rule.Update {
		cause = strings.Join(a.attributes(), ", ")
	}
	if r := []rune(cause); len(r) > mostCause {
		cause = string(r[:mostCause-1]) + "…"
	}
	return cause
}

// attributes are what an update changes, each once.
func (a *Action) attributes() (names []string) {
	before, after := a.Before, a.After
	if a.Effect != nil {
		before, after = a.Effect.Before, a.Effect.After
	}
	if len(after) > 0 {
		for _, d := range scim.Diff(before, after) {
			names = append(names, words.Attribute(d.Path))
		}
	}
	last := ""
	for _, r := range a.References {
		if !r.Stays && r.Attribute != last {
			last = r.Attribute
			names = append(names, words.Attribute(last))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Link joins an object of the source to one of the target, one per job and source object. It is there for objects that are
// out of scope, too: then Target is empty and Verdict says why.
type Link struct {
	Source   connection.Ref
	Name     string
	Target   string      // id at the target; "" when there is none
	Former   string      // id of the object that it had and that was deleted; only this one is brought back, and only for this source object
	Matched  string      // how they were joined: "created", the matching attribute, "by hand"
	Key      string      // first matching value, folded; two sources with the same key are duplicates
	Image    scim.Object // what was last written
	Version  string      // of the target object
	Disabled bool        // the target object was disabled by us
	Verdict  rule.Verdict
	Code     lockstep.Code // of the last failure
	Detail   string
	Attempts int
	Due      time.Time        // when to look again; zero is when something changes
	Recheck  time.Time        // Due as the last plan settled it; it takes effect when that plan is accepted
	Seen     lockstep.CycleID // last Whole read that listed the source object
}

// refusedForKey reports whether the object was refused because another had its matching value.
func (l *Link) refusedForKey() bool {
	return l.Code == lockstep.CodeMatchDuplicate || l.Code == lockstep.CodeMatchTaken
}

// WaitsForKey reports whether the object waits for its matching value to become free at the target: it was refused for it, or is disabled
// and may have an older value for that reason.
func (l *Link) WaitsForKey() bool { return l.refusedForKey() || l.Disabled && l.Target != "" }

// ReferenceRow is a reference as a job knows it, in the source's ids. Wanted and not Written waits to be added, Written and not
// Wanted waits to be removed, neither is not kept.
type ReferenceRow struct {
	From      connection.Ref
	Attribute string
	To        connection.Ref
	Wanted    bool
	Written   bool
}

// Key is a matching value: the attribute's path and the value, folded to lower case.
type Key struct{ Attribute, Value string }

// LinkQuery selects links of a job. Exactly one of Sources, Targets, Keys is used; with none of them links page by source
// id after After in the given Type, filtered by DueBefore and Unseen.
type LinkQuery struct {
	Type      string
	Sources   []string
	Targets   []string
	Keys      []string
	After     string
	DueBefore time.Time        // Due is set and not later
	Unseen    lockstep.CycleID // Seen is another cycle
	Bare      bool             // of a link only the ends, the name and the version are wanted
	Outline   bool             // of a link everything but the image, Recheck and Former is wanted: for lists that people read
	Only      LinkChoice       // for lists that people read, too
	Limit     int              // 0 is 1,000
}

// LinkChoice is a choice of links.
type LinkChoice string

// The choices. The zero value is all of them.
const (
	LinksIn      LinkChoice = "in" // in scope
	LinksOut     LinkChoice = "out"
	LinksLinked  LinkChoice = "linked" // to an object that is not disabled
	LinksFailing LinkChoice = "failing"
)

// ReferenceQuery selects references of a job. What is given is and-ed; without From and To either Ready or nothing is given. Limit 0 is
// no limit.
type ReferenceQuery struct {
	From    []connection.Ref
	To      []connection.Ref
	Waiting bool // Wanted differs from Written
	Ready   bool // Waiting, and both ends are linked
	Adds    bool // only references that are wanted
	Removes bool // only references that are not
	Limit   int
}

// ActionQuery selects actions of a job, by lane, rank and id, or newest first with Newest.
type ActionQuery struct {
	Cycle  lockstep.CycleID
	NotOf  lockstep.CycleID // of any cycle but this
	IDs    []lockstep.ActionID
	States []ActionState
	Kinds  []rule.Kind
	Codes  []lockstep.Code
	Causes []string          // of rows that wait: exactly one of these
	Of     *RowGroup         // rows of this group alone, by id; the states and kinds say nothing then
	Behind lockstep.ActionID // with Of: newer than this
	Source connection.Ref    // of this source object
	Text   string            // part of a name, for people who search
	Words  []string          // each is a part of a name, of the detail or of the code, or the whole id of an end
	Code   string            // part of a code
	Since  time.Time         // the row ended, or was planned when it has not ended, not before
	Until  time.Time         // and before
	After  lockstep.ActionID // with Newest: older than this
	Newest bool
	Past   *Action // not Newest: those that come after this one, by lane, rank and id
	Most   int     // not more rows than have so many references together; 0 is any number
	Limit  int     // 0 is 1,000
}

// Tally counts a cycle's actions by state, kind and type, and a job's linked objects by type.
type Tally struct {
	Actions map[TallyKey]int
	Linked  map[string]int // by resource type, enabled ones
}

// TallyKey is one cell of a Tally.
type TallyKey struct {
	State ActionState
	Kind  rule.Kind
	Type  string
}
