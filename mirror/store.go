package mirror

import (
	"context"
	"time"

	"lockstep"
	"lockstep/connection"
)

// Store keeps mirrors for a Runner. Package store fulfils it.
type Store interface {
	Leases
	Passes
}

// Leases says what is to be read, and by whom.
type Leases interface {
	// Start sets free the leases that nobody can have any more: all of them where the store has one user.
	Start(ctx context.Context) error
	// Due returns the connections that have something to read and that nobody reads, in the order in which they were asked for.
	Due(ctx context.Context, now time.Time) ([]ID, error)
	// Claim takes the lease of a connection's reads until an instant. It fails with lockstep.ErrEpoch while somebody else has it.
	Claim(ctx context.Context, id ID, node string, until time.Time) (Head, error)
	// Release ends a lease and keeps what the visit has come to.
	Release(ctx context.Context, l Lease, v Visit) error
}

// Visit is what a visit of a connection has come to.
type Visit struct {
	Answered  int64     // requests up to this one; 0 says nothing new
	NotBefore time.Time // after a failure; whoever waits may try earlier
	Held      time.Time // the system wants to be left alone until then
	Failed    bool      // Code and Detail say why
	Code      lockstep.Code
	Detail    string
	Lag       time.Duration // of the system, for what is still to be asked for
	Deaf      bool          // the system cannot be asked for single objects
}

// Passes keeps passes. What writes is conditional on the lease and renews it.
type Passes interface {
	// Begin keeps a new pass, with a number of its own, before its first page is asked for, and when a pass begins anew. One that
	// has no Request yet gets the number of the newest, and reads everything if one since the last pass asked for that.
	Begin(ctx context.Context, l Lease, p Pass) (Pass, error)
	// Take commits a piece of a pass.
	Take(ctx context.Context, l Lease, b *Batch) (Taken, error)
	// Met returns the rows that the pages of a pass have met.
	Met(ctx context.Context, id ID, pass int64) (*Set, error)
	// Alive returns the rows of a type that are not gone.
	Alive(ctx context.Context, id ID, typ string) (*Set, error)
	// Parts returns the parts that a pass could not read, and whether somebody has answered for them.
	Parts(ctx context.Context, id ID, typ string, pass int64) ([]Part, error)
	Kept
}

// Kept is what a pass looks up among the rows that it compares with.
type Kept interface {
	// Rows returns rows, in their order.
	Rows(ctx context.Context, id ID, q Query) ([]Row, error)
	// Versions returns the versions of those of the objects that are there.
	Versions(ctx context.Context, id ID, typ string, ids []string) (map[string]string, error)
	// Numbered returns the rows with these numbers.
	Numbered(ctx context.Context, id ID, numbers []int64) ([]Row, error)
}

// Batch is what one commit of a pass writes.
type Batch struct {
	Pass Pass // as it stands afterwards; Take adds what it finds out to Counts
	Keep *Keep
	Lag  time.Duration

	Entries []Entry
	Present []string  // ids of objects that are there as they are known
	Gone    []string  // ids that the system says are gone
	Doubt   time.Time // of Entries and Gone
	Meets   bool      // they are of a page: the rows of Entries and Present count as listed by the pass
	Parts   []connection.Hidden
	Fates   []Verdict
	Rekey   []int64 // numbers of rows that get their keys
	Done    bool    // the pass is complete: its set of rows is no longer needed, nor are the parts of the one before
}

// Verdict is what becomes of a row that a pass did not list.
type Verdict struct {
	No   int64
	Fate Fate
}

// Taken is what a commit has done.
type Taken struct {
	Pass  Pass
	Met   []int64   // numbers of the rows of the entries
	Until time.Time // of the lease
}

// Rows is what others read of a mirror.
type Rows interface {
	Head(ctx context.Context, id ID) (Head, error)
	Rows(ctx context.Context, id ID, q Query) ([]Row, error)
	// Get returns the rows of these objects; unknown ones are left out, gone ones are not.
	Get(ctx context.Context, id ID, refs ...connection.Ref) ([]Row, error)
	// Named returns who has a name now. A name without a type that objects of two types have is nobody's.
	Named(ctx context.Context, id ID, names []Name) (map[Name]connection.Ref, error)
	// Members returns who says to be a member of groups, by the groups' ids.
	Members(ctx context.Context, id ID, groups ...connection.Object) (map[string][]connection.Ref, error)
	// Find returns the objects without an owner that have one of the raw values.
	Find(ctx context.Context, id ID, typ, attribute string, values ...string) ([]Found, error)
	// Count returns how many objects of each type are not gone.
	Count(ctx context.Context, id ID) (map[string]int, error)
}

// Request asks for a pass over every type.
type Request struct {
	Whole bool // over everything, also where the system could say what has changed
	Now   bool // somebody waits: it is tried at once although it failed lately, unless the system wants to be left alone
}

// Writes is what others write into a mirror.
type Writes interface {
	// Request asks for a pass over every type and returns the number of the request.
	Request(ctx context.Context, id ID, r Request) (int64, error)
	// Wrote notes what we did to objects. It moves no position.
	Wrote(ctx context.Context, id ID, lag time.Duration, all ...Write) error
	// Own makes links the owners of objects, all or none: lockstep.CodeMatchTaken when one has another owner.
	Own(ctx context.Context, id ID, all ...Claim) error
	// Answer notes that nobody is in a part, of these very bytes (connection.Hidden.Part), and asks for a whole pass.
	Answer(ctx context.Context, id ID, typ, part string) error
	// Forget empties the mirror, since the connection now leads to another system.
	Forget(ctx context.Context, id ID) error
}
