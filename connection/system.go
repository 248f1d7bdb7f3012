// Package connection reaches an outside system: what it is and can do, the objects that cross the border, the contracts that
// connectors fulfil, and the budget that all who use one system share.
//
// It knows nothing of what is said over a connection: what should be is package plan's, what is carried out package
// provision's.
package connection

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
)

// Ref names an object of a source or a target: its resource type ("User", "Group") and the id by which that system knows it
// for good (an id that survives renames).
type Ref struct{ Type, ID string }

// LongestID is how many bytes the id of an object may have: more than any system gives, and few enough for the indexes of every database.
const LongestID = 1000

// CheckID says what is wrong with the id that a system gives an object, as a clause: "has no id". It is "" for one that can be kept.
func CheckID(id string) string {
	switch {
	case id == "":
		return "has no id"
	case len(id) > LongestID:
		return fmt.Sprintf("has an id of %d bytes, of which at most %d are kept", len(id), LongestID)
	}
	return ""
}

// Object is one object as a system shows it.
type Object struct {
	Ref
	Name       string       // for people: userName, displayName
	Version    string       // opaque; "" when the system has none
	Values     scim.Object  // attributes without id, meta, references
	References []Reference  // references to other objects of the same system
	Names      []string     // further names under which references find it: a DN. They are compared as they are: one spelling each
	Partial    bool         // References lists what changed (Gone tells how), not all there is
	Enabled    bool         // false when the object is blocked from signing in
	Deleted    bool         // soft-deleted: out of scope, restorable
	Grants     []rule.Grant // why the object is assigned to the job's app; nil for sources without assignments
	Time       time.Time    // when the change was made at the system, zero when unknown
}

// Reference names another object: the manager of a person, a member of a group. In an Object both ends are objects of its own
// system, in an Operation they are the target's.
type Reference struct {
	Attribute string // Manager, Members or, from a Reader only, MemberOf
	To        Ref
	Name      string // when To.ID is "": a name of the other end, one of its Object.Names; To.Type may be "" then
	Gone      bool   // in a Partial object: the reference was removed
}

// Names of the attributes that are references. MemberOf is Members seen from the member: systems that keep a person's primary
// group with the person show it so. Of both together a group has the members.
const (
	Manager  = "manager"
	Members  = "members"
	MemberOf = "memberOf"
)

// Resource types of the directory and of every target (RFC 7643 §4.1, §4.2).
const (
	UserType  = "User"
	GroupType = "Group"
)

// Cursor is a position in a source, opaque to the engine. "" reads everything from the start.
type Cursor string

// Page is one piece of a Read.
type Page struct {
	Objects []Object
	Gone    []Ref  // deleted for good at the source
	Bad     []Bad  // rows that could not be used
	Next    Cursor // where to continue if the reader stops after this page
	Last    bool   // nothing follows; Next is the position for the next cycle
	Whole   bool   // this read lists everything, so a linked object that no page listed is gone; the last page decides
	Total   int    // objects that the read will list, 0 when unknown; for progress only
}

// Bad is an object of a source that cannot be used, and why.
type Bad struct {
	Ref  Ref
	Name string // what to show: a line number, a DN
	Err  error  // a *lockstep.Error
}

// Check is one line of a connection test.
type Check struct {
	Name   string        `json:"name"` // "reach", "authenticate", "search by userName"
	OK     bool          `json:"ok"`
	Code   lockstep.Code `json:"code,omitempty"`
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// System says what a source or target is and can do.
type System struct {
	Name  string                // for people: "Webex", "people.csv"
	Types map[string]*scim.Type // by resource type name; nil for a source without a schema
	Key   string                // names the system for the shared budget: jobs with equal keys share limits

	// Of a target:
	FindBy      map[string][]string // by type: attributes that Find can search, as paths
	FindBatch   int                 // values per Find call; 0 is 1
	Batch       int                 // operations per Apply call; 0 is 1
	MaxMembers  int                 // members per create or update; 0 is no limit
	Unique      map[string][]string // by type: attributes that the target keeps unique by itself
	SoftDelete  bool                // active=false disables; else disabling means deleting
	Restores    bool                // a deleted object is still found, as Deleted, and an update brings it back
	Nesting     bool                // groups may contain groups
	Claims      bool                // it keeps who has an object, so linking one is said to it, too
	Replaces    bool                // an update replaces the whole object, so operations come with what was Written of it
	Shared      map[string][]string // by type: attributes with several values of which others give some, as paths; what was not written is not taken away
	Exchange    bool                // operations of one Apply with the same Together are done together, so that unique values can be exchanged
	References  []string            // attributes that are references: "manager", "members"
	Lag         time.Duration       // how long a created object may be missing from lists; 0 is 30 s
	Connections int                 // calls at the same time at most; 0 is 10
}

// Source is a system that objects are read from.
type Source interface {
	Describe(ctx context.Context) (System, error)
	// Test checks the connection and reports each step as it ends. It returns the first failure.
	Test(ctx context.Context, report func(Check)) error
	// Read calls page with what is new since the cursor until the last page or until page returns an error, which it passes
	// on. A cursor that is no longer known gives lockstep.ErrCursorExpired. Users come before groups.
	Read(ctx context.Context, from Cursor, page func(Page) error) error
	// Get returns these objects with all their references; unknown ones are left out.
	Get(ctx context.Context, refs ...Ref) ([]Object, error)
}

// Positioned is a Source whose cursors stand for places in the directory's change feed.
type Positioned interface {
	// Position returns the place that the cursor of a finished read stands for, 0 for any other cursor.
	Position(Cursor) int64
}

// Target is a system that objects are written to.
type Target interface {
	Describe(ctx context.Context) (System, error)
	Test(ctx context.Context, report func(Check)) error
	// Find returns the objects of the type whose attribute has one of the values, at most System.FindBatch of them.
	Find(ctx context.Context, typ, attribute string, values ...string) ([]Object, error)
	// Get returns one object with its references, or lockstep.ErrNotFound.
	Get(ctx context.Context, ref Ref) (Object, error)
	// Apply does the operations, at most System.Batch, and returns one Result each, in order. It never panics and never
	// returns fewer. It does not retry: the engine does.
	Apply(ctx context.Context, ops []Operation) []Result
}

// Committer is a Target that lives in our own database, so that what becomes of rows can be kept in the very commit that carries them
// out: no row is ever open there, no answer is lost, and a process that ends leaves nothing to be looked for.
type Committer interface {
	// Create creates people or groups with the ids that the operations name, all or none, and keeps in the same commit what stands beside: a
	// value of the store's that only the store knows. The error is the directory's or the store's judgement when it is a *lockstep.Error
	// with another code than lockstep.CodeInternal: then nothing was done.
	Create(ctx context.Context, ops []Operation, beside any) error
}

// Foreseer is a Target that keeps who has an object. What an operation comes to depends on who else has it.
type Foreseer interface {
	// Foresee returns what the operations would come to, in their order. It changes nothing.
	Foresee(ctx context.Context, ops []Operation) ([]Foreseen, error)
}

// Foreseen is what an operation would come to.
type Foreseen struct {
	Kind   rule.Kind   // the operation's, or what comes of it: Release, Update, Link or, when nothing is left to do, Skip
	Effect *Effect     // nil: what the operation says, since nobody else has the object
	Stay   []Reference // of Operation.Remove: those that others want, so that they are not taken away
	Refuse error       // the target's own rules do not allow it, and this says why; nil: they do, as far as is known before it is tried
}

// Effect is what an operation comes to at an object that others have, too.
type Effect struct {
	Before, After scim.Object // the attributes that change, as they stand and as they will
	Note          string      // what becomes of the object, as a sentence without a full stop; "" is nothing to be said
}

// Equal reports whether the two do the same. What is said of them may differ.
func (e *Effect) Equal(other *Effect) bool {
	if e == nil || other == nil {
		return e == other
	}
	return scim.Equal(e.Before, other.Before) && scim.Equal(e.After, other.After)
}

// Rehearser is a Target that can say what it would send.
type Rehearser interface {
	// Rehearse returns the requests that Apply would send, up to the first that would change the system: what follows depends on its
	// answer. That one is not sent. What only reads may be sent. Values of the attributes in secrets are masked.
	Rehearse(ctx context.Context, secrets map[string]bool, ops ...Operation) []Exchange
}

// Operation is one call to a target.
type Operation struct {
	Action   lockstep.ActionID
	Plan     lockstep.CycleID // what it is foreseen for: operations of one plan share what there is not enough of
	Kind     rule.Kind        // Create, Update, Disable, Delete, Release, Refer
	Ref      Ref              // Type always; ID unless Create
	Name     string           // of the object, for messages
	Before   scim.Object      // Update, Disable: what was last written; what is absent from it was never ours
	After    scim.Object      // Create, Update, Disable: what shall be there
	Add      []Reference      // Create, Update, Refer: references to add or set, in the target's ids
	Remove   []Reference      // Refer: references to remove
	Brings   []string         // Update of an object that is matched: the references that the rules bring for its type, whether this one has any or not
	Together int              // not 0: with the other operations of the call that have the same number, or not at all
	Version  string           // of the object when it was last seen; sent as If-Match where the target knows it
	Effect   *Effect          // Update, Disable, Release: what was foreseen. What would come to something else is refused with lockstep.CodePlanStale
	Written  *Written         // Update, Disable, Refer at a target that Replaces: what the object has from us
}

// Written is what we have last written of an object. A target that replaces whole objects loses whatever it is not sent again, and
// does not show all that it has.
type Written struct {
	Values     scim.Object // without references
	References []Reference // in the target's ids
	Paths      []string    // of the attributes that the rules may write, references left out
	Made       bool        // the object was created by us, so that nothing is known to be in it beside what we have written
}

// Then returns what is written after an operation that did what it should.
func (w *Written) Then(op *Operation) *Written {
	if w == nil {
		return nil
	}
	next := *w
	if op.After != nil {
		next.Values = op.After
	}
	next.References = slices.DeleteFunc(slices.Clone(w.References), func(r Reference) bool {
		return slices.Contains(op.Remove, r) || slices.Contains(op.Add, r)
	})
	next.References = append(next.References, op.Add...)
	return &next
}

// Result is the outcome of one Operation. Err nil means done.
type Result struct {
	ID         string // of the object that was created
	Version    string
	Err        error         // a *lockstep.Error
	RetryAfter time.Duration // how long the target asked to wait; 0 when it did not
	MaybeSent  bool          // the target may have done it although Err is set
	Wrote      scim.Object   // with Err: what stands of After all the same; nil: nothing is known to. What is left is done again, alone
	Same       bool          // there was nothing to do: the object was already as it was to be, or gone
	Note       string        // why nothing, or something else, was done, as a sentence without a full stop
	Requests   int           // HTTP requests that the call took
}
