package mirror

import (
	"time"

	"lockstep"
	"lockstep/connection"
)

// ID names the mirror of a connection. For now a connection has the id of the job that it belongs to.
type ID struct {
	Tenant     lockstep.TenantID
	Connection lockstep.JobID
}

// Owner names the link that an object belongs to, in the words of whoever keeps links; "" is nobody. It names the job and the
// object at the other end, so that no two links have the same name.
type Owner string

// State is what is known of an object's existence.
type State int64

// The states of a row.
const (
	There  State = iota
	Gone         // the system no longer has it; of its document nothing is kept
	Hidden       // the last pass did not list it, but it may be in a part that could not be read
	Missed       // the last pass did not list it, and that is not enough to call it gone
)

// Row is what is known of one object.
type Row struct {
	No       int64             // numbers the rows of a mirror, in the order in which they were made
	Object   connection.Object // as it was last seen, or as we wrote it since; only the Ref when the row is gone
	Position int64             // of its last change at the system; 0 when it is only known from our own writes
	Hash     int64             // of the object without version and time
	State    State
	Missed   int64     // number of the first of the passes that did not list it; 0 when the last one did
	Written  time.Time // of our own last write; zero is never
	Ask      bool      // what we know may be older than what was written: it is to be read once by its id
	Owner    Owner
}

// Key is a value that objects are looked up by: an attribute's path and the value, folded.
type Key struct{ Attribute, Value string }

// Name is a name of an object by which references may find it.
type Name struct {
	Type string // "" in a question is any type
	Name string
}

// Head is where a mirror stands.
type Head struct {
	Generation int64     // rises when the connection leads to another system: then everything is forgotten
	Position   int64     // of the newest change
	Trimmed    int64     // objects that were gone at or before this position are no longer listed
	Requests   int64     // number of the newest request to read
	Whole      int64     // number of the newest request to read everything
	Answered   int64     // every request up to this one was answered by complete passes over all types
	Asks       time.Time // when objects are to be read by their ids; zero is never
	NotBefore  time.Time // nothing is read before
	Failures   int       // visits that failed, in a row
	Code       lockstep.Code
	Detail     string
	Lease      Lease
	Passes     []Pass // by type
}

// Pass returns where the passes over a type stand.
func (h Head) Pass(typ string) Pass {
	for _, p := range h.Passes {
		if p.Type == typ {
			return p
		}
	}
	return Pass{Type: typ}
}

// Lease is the right to read a connection until it ends.
type Lease struct {
	ID
	Epoch int64
	Until time.Time
	Node  string // who has it, for people
}

// Write is what somebody has done, or is about to do, to an object of the system.
type Write struct {
	Ref connection.Ref
	At  time.Time // when the call began, or when it returned

	// Unknown says that the call may or may not have been done: it is about to be sent, or its answer was lost. The rest but
	// Ref and At does not count then; the row stays as it is and is read once by its id.
	Unknown bool

	Deleted bool // the object is gone
	// Change makes of the object as it is known what it is now; it is handed the Ref alone when nothing is known. It may run more
	// than once.
	Change func(*connection.Object)
}

// Claim makes a link the owner of an object, or says that nobody is.
type Claim struct {
	Ref   connection.Ref
	Owner Owner // "" sets the object free, if From owns it
	From  Owner // who may own it now, beside nobody and Owner
}

// Query selects rows of one type.
type Query struct {
	Type   string
	Order  Order
	After  int64   // rows with a higher number, or position
	UpTo   int64   // ByPosition: and no higher one than this; 0 is no limit
	States []State // empty is all
	Asked  bool    // only rows to be read by their ids
	Bare   bool    // without documents: Object has the Ref alone
	Limit  int     // 0 is 1,000
}

// Order is the order in which rows come.
type Order int

// The orders of rows.
const (
	ByNumber   Order = iota
	ByPosition       // rows that have none do not come
)

// Found is a row that has one of the values that were asked for.
type Found struct {
	Row
	Key Key
}
