package directory

import (
	"slices"
	"strings"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Claim says that somebody has a user or group: whoever has made it, and each job and SCIM client that has taken it over.
type Claim struct {
	Owner  string // the id of a job; SCIMOwner and the id of a token; ByHand for what a person has made
	Name   string // of the job or the token, as shown to people
	Active bool   // false: the owner has the user as disabled
	// Written is what a job last wrote into the object, as far as Reader.Claims says.
	Written scim.Object
}

// Source is a job that brings people in, as one of several that an administrator has put in order.
type Source struct {
	Job   lockstep.JobID
	Order int // 1 comes first; 0 is after all that have one
	// Clears are the attributes of which an empty value counts, too: those that the job's mapping clears.
	Clears map[Kind][]filter.Path
}

// Before reports whether the administrator has put the source before another one.
func (s Source) Before(other Source) bool {
	return s.Order > 0 && (other.Order == 0 || s.Order < other.Order)
}

// ClaimAs is what a job says of its claim when it writes an object.
type ClaimAs string

const (
	ClaimActive    ClaimAs = ""          // the job has the object
	ClaimInactive  ClaimAs = "inactive"  // it has the user as disabled
	ClaimUnchanged ClaimAs = "unchanged" // what it writes says nothing of that
)

// Keeps reports whether the claim keeps a user enabled.
func (c Claim) Keeps() bool { return c.Active }

// ByHand is the owner of what a person has made, by the API, in the console or at the command line.
const ByHand = "hand"

// WantedQuery selects references that sources want: those that the job Of wants or has given, also to whom it has let go of since, or those
// of all jobs but But.
type WantedQuery struct {
	Of, But   lockstep.JobID
	Kind      Kind
	ID        string   // who refers
	Attribute string   // manager or members
	To        []string // only to these; nil is to anybody
}

// DeletedByOrder is why a job does not restore an object that somebody else has ordered to be deleted.
func DeletedByOrder(by string) error {
	return &lockstep.Error{Code: lockstep.CodeDeletedByOrder, Detail: "It was deleted by " + by + ", and the source still has it."}
}

// SCIMOwner begins the owner of what a SCIM client has made.
const SCIMOwner = "scim:"

// Kind is what sort of owner it is: "hand", "scim" or "source".
func (c Claim) Kind() string {
	switch {
	case c.Owner == ByHand:
		return "hand"
	case strings.HasPrefix(c.Owner, SCIMOwner):
		return "scim"
	}
	return "source"
}

// String names the owner with its preposition: "by hand", "by the source hr.csv".
func (c Claim) String() string {
	if id, is := strings.CutPrefix(c.Owner, SCIMOwner); is {
		if c.Name == "" {
			return "by the SCIM client " + id
		}
		return "by the SCIM client " + c.Name
	}
	if c.Owner == ByHand {
		return "by hand"
	}
	return "by the source " + c.Name
}

// Sentence names the owner, and says when they have the user as disabled.
func (c Claim) Sentence() string {
	if c.Active {
		return c.String()
	}
	return c.String() + ", disabled"
}

// Kept is a user or group that a job has let go of, or disabled, and that was not deleted or disabled for that.
type Kept struct {
	Kind    Kind
	ID      string
	Claims  []Claim // of the others
	As      KeptAs
	Changed bool // something was written all the same
}

// KeptAs is what has become of what was kept.
type KeptAs string

const (
	Untouched KeptAs = "left as it is"
	Enabled   KeptAs = "left enabled"
	Disabled  KeptAs = "disabled and not deleted" // the others have the user as disabled
	Removed   KeptAs = "deleted"                  // nobody else had it
)

// LetGo is what becomes of an object that somebody lets go of; had says that they had a claim, left is who else has one.
func LetGo(kind Kind, had bool, left []Claim) KeptAs {
	switch {
	case had && len(left) == 0:
		return Removed
	case had && kind == UserKind && !slices.ContainsFunc(left, Claim.Keeps):
		return Disabled
	}
	return Untouched
}

// Exceeds reports whether more has become of it than somebody has expected. "" expects anything.
func (k KeptAs) Exceeds(expected KeptAs) bool {
	order := []KeptAs{Enabled, Untouched, Disabled, Removed}
	return expected != "" && slices.Index(order, k) > max(slices.Index(order, expected), slices.Index(order, Untouched))
}

// String says why it was kept.
func (k Kept) String() string {
	if len(k.Claims) == 0 {
		return string(k.As) + ": this source has no claim to it"
	}
	names := make([]string, len(k.Claims))
	for i, c := range k.Claims {
		names[i] = c.String()
	}
	return string(k.As) + ": it is claimed " + strings.Join(names, ", ") + ", too"
}
