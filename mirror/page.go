package mirror

import "time"

// Known is what the store knows of an object before a page is applied.
type Known struct {
	No      int64
	Hash    int64
	Version string
	State   State
	Missed  int64
	Written time.Time
	Ask     bool
	Owned   bool
}

// Effect is what an object of a page does to its row.
type Effect int

// The effects of an object.
const (
	Untouched Effect = iota // it is as it was: nothing is written
	Refreshed               // it is as it was, but the row said that it was missed, hidden, to be asked for, or had another version
	Rewritten               // it changed, or came back: document and position are new
	Made                    // it has no row yet
	Doubted                 // the page may be older than our own write: the row stays, and the object is read once by its id
)

// Meet says what an object of a page does to its row; known is nil when there is none. doubt is Doubt of the page. Of an object
// that is Rewritten because its hash is another, Same has the last word: attributes may have come in another order.
func Meet(known *Known, e *Entry, doubt time.Time) Effect {
	switch {
	case known == nil:
		return Made
	case Doubtful(known.Written, doubt):
		return Doubted
	case known.State == Gone || e.Object.Partial || known.Hash != e.Hash:
		return Rewritten
	case known.State != There || known.Missed != 0 || known.Ask || known.Version != e.Object.Version:
		return Refreshed
	}
	return Untouched
}

// Doubt returns the instant from which on our own writes may be missing from a page: targets answer late.
func Doubt(asked time.Time, lag time.Duration) time.Time { return asked.Add(-lag) }

// Doubtful reports whether a page with this doubt may not show a write.
func Doubtful(written, doubt time.Time) bool { return !written.IsZero() && !written.Before(doubt) }
