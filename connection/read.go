package connection

import (
	"context"
	"time"
)

// Continuation says where a pass goes on that was broken off, in the system's own terms; opaque to everybody but the
// connector. "" is the beginning.
type Continuation string

// Mark stands for what a system had when a pass over it ended: a digest, a change number, a time. Opaque; "" is none. Two equal
// marks of one type mean that nothing has changed.
type Mark string

// Read asks for one pass over one type.
type Read struct {
	Type  string       // resource type: UserType, GroupType, or one that System.Types names
	From  Continuation // where the pass goes on; "" is the beginning
	Since Mark         // with which an earlier complete pass ended; a connector that can reads only what has changed
	Whole bool         // everything is wanted although Since is given: somebody asked for it
	Paths []string     // attribute paths that are needed; empty is all
}

// ReadPage is one piece of a pass. Each is committed before the next is asked for.
type ReadPage struct {
	Asked   time.Time    // when the page was requested, by the connector's clock
	Objects []Object     // with Names, and References by id or by name
	Gone    []string     // ids of the type that the system itself says are gone
	Present []Present    // objects that are there, without their content: each counts as listed
	Hidden  []Hidden     // parts that could not be read
	Next    Continuation // where a pass goes on after this page; "" when the system can only be read from the beginning
	Anew    bool         // the pass began anew with this page: what earlier ones listed does not count (the continuation was unknown, the system changed)
	Last    bool         // nothing follows
	Total   int          // objects that the pass will list, 0 when unknown; for progress only

	// Of the last page:
	Mark  Mark     // for the next pass
	Reach Reach    // what the pass as a whole has shown
	Notes []string // what people should know of how it was read: encoding, delimiter, header
}

// Reach says what it means that a pass did not list an object.
type Reach int

// The reaches of a pass.
const (
	Changes   Reach = iota // it listed what has changed: an object that it did not list is as it was
	Pages                  // it listed everything, page by page: an object that it did not list may have slipped between two pages
	OneView                // it listed one unchanging view: an object that it did not list is gone
	Unchanged              // the system is as it was at Since; nothing was listed
)

// Hidden is a part of a system that could not be read, and what may be in it. Objects that may be in it keep their last state.
// The most exact of IDs, Below and Most counts; with none of them any number of any objects may be hidden.
type Hidden struct {
	Name  string   // what to show: "people.csv, line 57", a DN
	Err   error    // a *lockstep.Error
	IDs   []string // these objects, and no others
	Below string   // objects with one of their Names under this one ("ou=sales,dc=acme,dc=example")
	Most  int      // at most so many objects, whichever
	Part  string   // a digest of the part's own bytes: whoever says "nobody is in there" says it of these bytes
}

// Present says that an object is there. A system that is asked for names alone answers much faster than for everything. One whose
// Version is not the Version of the object as it is known, or that is not known at all, is to be read by its id.
type Present struct{ ID, Version string }

// Reader is a system that can be read in passes.
//
// A pass has no time limit as long as pages come. Read calls page until the last one or until page returns an error, which it
// passes on. Between two pages no more than the connection's time-out may pass: who is busy for longer says so with pages without
// objects. It never holds more than a page, and the names that it needs to recognise repetition, in memory, and bounds what it
// decodes. An unknown Continuation begins anew, and the first page says so (Anew); an unknown Mark reads everything. Objects of a
// pass come in any order; one that comes twice counts as it came last. An error is a *lockstep.Error; where the system said when
// to ask again it is in a Later.
type Reader interface {
	Read(ctx context.Context, r Read, page func(ReadPage) error) error
}

// Later is an error of a system that said how long to wait before it is asked again.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }
func (l *Later) Unwrap() error { return l.Err }

// Getter reads single objects by their ids; unknown ones are left out.
type Getter interface {
	Get(ctx context.Context, refs ...Ref) ([]Object, error)
}

// Watcher tells when there may be something to read.
type Watcher interface {
	// Watch calls changed once it looks, since something may have happened before, and then whenever there may be something to
	// read, until ctx ends or watching fails. It returns why it ended.
	Watch(ctx context.Context, changed func()) error
}
