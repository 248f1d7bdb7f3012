package rule

import (
	"time"

	"lockstep"
)

// Kind is what an action does at the target.
type Kind string

// The kinds of action.
const (
	Create  Kind = "create"
	Link    Kind = "link" // an existing object is taken over, nothing is written
	Update  Kind = "update"
	Disable Kind = "disable"
	Delete  Kind = "delete"
	Release Kind = "release" // others have the object, too, and keep it: who lets go of it takes their own part back
	Refer   Kind = "refer"   // references only: members, a late manager
	Skip    Kind = "skip"
)

// Kinds are all kinds of action, in the order in which they are listed.
func Kinds() []Kind { return []Kind{Create, Link, Update, Disable, Delete, Release, Refer, Skip} }

// Harms are all kinds of harm.
func Harms() []Harm { return []Harm{UserDisable, UserDelete, GroupDelete, MemberRemove, Clear, LetGo} }

// Leave is what happens to an object whose person leaves scope.
type Leave string

// What happens on leaving; "" is LeaveDisable.
const (
	LeaveDisable Leave = "disable"
	LeaveDelete  Leave = "delete"
	LeaveKeep    Leave = "keep"
)

// Missing is what happens when a linked object has vanished at the target.
type Missing string

// What happens on vanishing; "" is MissingRecreate.
const (
	MissingRecreate Missing = "recreate"
	MissingDetach   Missing = "detach"
	MissingFail     Missing = "fail"
)

// Grant is one reason why a person is assigned to an app.
type Grant struct {
	Role    string   `json:"role,omitempty"`
	Exclude bool     `json:"exclude,omitempty"` // the role excludes from provisioning
	Path    []string `json:"path,omitempty"`    // names of the groups that brought them in, the assigned one first; empty when assigned directly
}

// AssignmentChange assigns somebody to an app, or takes an assignment back.
type AssignmentChange struct {
	Kind string `json:"kind"` // User or Group
	To   string `json:"to"`   // id
	Role string `json:"role,omitempty"`
	Gone bool   `json:"gone,omitempty"` // it is taken back
}

// Reason says why an action was planned or a person left out: the rule that decided, the clause of it, and the values it saw.
// Sentence puts it in words.
type Reason struct {
	Rule   string   `json:"rule"`             // "assigned", "not assigned", "filter", "disabled at source", "matched", …
	Clause string   `json:"clause,omitempty"` // the deciding clause or group path in words
	Values []string `json:"values,omitempty"` // attribute=value pairs that the clause saw
}

// Verdict is whether an object is in scope, and why. A person who is disabled at the source may be in scope; one who is
// soft-deleted there is not.
type Verdict struct {
	In      bool          `json:"in"`
	Reason  Reason        `json:"reason"`
	Code    lockstep.Code `json:"code,omitempty"`   // why the filter could not be evaluated; then In is false and means nothing
	Recheck time.Time     `json:"recheck,omitzero"` // the earliest instant at which it can change by itself; zero is never
}

// GuardLimit is how much harm a cycle may do before it is held. A kind of harm is held when it exceeds both Count and
// Percent of the linked objects, or when nothing would be left. Zero values are the defaults: 5 and 10 %.
type GuardLimit struct {
	Count   int     `json:"count,omitempty"`
	Percent float64 `json:"percent,omitempty"`
	Off     bool    `json:"off,omitempty"`
}
