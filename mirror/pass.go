package mirror

import (
	"time"

	"lockstep"
	"lockstep/connection"
)

// Stage is where a pass stands.
type Stage string

// The stages of a pass.
const (
	Idle    Stage = ""        // none runs
	Reading Stage = "reading" // pages come
	Judging Stage = "judging" // the last page has come: what it means that objects were not listed is being found out
)

// Pass is where the passes over one type of a connection stand: the one that runs, and what the last complete one has left.
type Pass struct {
	Type  string
	No    int64 // of the pass that runs or ran last; no two passes of a store have the same
	Stage Stage

	// Of the pass that runs, or ran last:
	Request  int64                   // number of the newest request when its first page was asked for
	Whole    bool                    // it reads everything although something is known
	Second   bool                    // it is there because the one before missed too many objects
	From     connection.Continuation // where it goes on
	Since    connection.Mark         // it was told to begin with
	Asked    time.Time               // when its first page was asked for
	Counts   Counts
	Resumed  time.Time // when it was taken up last
	Before   int64     // Counts.Objects then
	Progress time.Time // of the last page
	Ended    time.Time // zero while it runs
	Reach    connection.Reach
	Next     connection.Mark // which the next complete pass is told
	Unseen   int             // objects that it did not list, when it began to be judged; -1 before
	Notes    []string

	// Of the complete passes so far:
	Mark     connection.Mark
	Answered int64 // requests up to this one
	Once     bool  // the type was read whole once, so that what has no row is not there
	Parts    int64 // number of the pass whose hidden parts count
	Hides    int64 // objects that may be in them and keep their state
	Missed   int64 // objects that wait for a second pass and keep their state
	Wanted   Wanted
	Keyed    []string // of Wanted.Keys those by which every row without an owner can be found
	Last     Ended
}

// Counts is how far a pass is.
type Counts struct {
	Objects, Pages, Bytes int64
	Pieces                int64 // commits with objects of its pages
	Total                 int64 // that it will list, 0 when unknown
	Made, Changed, Gone   int64
	Hidden                int64 // parts that could not be read
	Hides                 int64 // objects that it did not list and that may be in these parts
	Missed                int64 // objects that it did not list and that a second pass has to miss, too
}

// Ended is what is remembered of a complete pass.
type Ended struct {
	Objects int64
	Took    time.Duration
	At      time.Time
}

// Progress is a pass as people see it.
type Progress struct {
	Connection lockstep.JobID
	Pass
	Running bool // somebody reads now
	Node    string
	Rate    float64       // objects a second
	Left    time.Duration // estimated; 0 when nobody knows
	Code    lockstep.Code // why the last visit failed
	Detail  string
	Again   time.Time // when it is tried again
}

// Watch returns how a pass looks at an instant.
func (h Head) Watch(p Pass, now time.Time) Progress {
	w := Progress{
		Connection: h.Lease.Connection, Pass: p, Node: h.Lease.Node, Code: h.Code, Detail: h.Detail, Again: h.NotBefore,
		Running: p.Stage != Idle && h.Lease.Until.After(now),
	}
	if took := p.Progress.Sub(p.Resumed).Seconds(); p.Stage == Reading && took > 0 {
		w.Rate = float64(p.Counts.Objects-p.Before) / took
	}
	all := p.Counts.Total
	if all == 0 {
		all = p.Last.Objects
	}
	if left := all - p.Counts.Objects; w.Rate > 0 && left > 0 {
		w.Left = time.Duration(float64(left) / w.Rate * float64(time.Second))
	}
	return w
}

// End returns the pass when it is complete. cover is what may be in the parts that it could not read. A pass that listed only
// changes leaves what is known of absent objects as it was; when it could not read one of the changes, the next one is told to begin
// where it began.
func (p Pass) End(cover *Cover, now time.Time) Pass {
	p.Stage, p.Ended, p.Answered, p.From = Idle, now, p.Request, ""
	partial := p.Counts.Hidden > 0 && !cover.Nothing()
	switch p.Reach {
	case connection.OneView, connection.Pages:
		p.Once = p.Once || IsWhole(p.Reach, cover)
		p.Parts, p.Hides, p.Missed, p.Mark = p.No, p.Counts.Hides, p.Counts.Missed, p.Next
		p.Last = Ended{Objects: p.Counts.Objects, Took: now.Sub(p.Asked), At: now}
	case connection.Changes:
		if !partial {
			p.Mark = p.Next
		} else if p.Parts == 0 || p.Hides == 0 {
			p.Parts = p.No
		}
	}
	return p
}

// Begin returns the next pass. It reads everything when the type was never read whole, when other attributes are wanted than the
// rows have, and when objects were missed; whether somebody asked for that, and which requests it answers, the store knows best.
func (p Pass) Begin(w Wanted, now time.Time) Pass {
	next := p
	other := !p.Wanted.sameObjects(w)
	next.Stage, next.Request, next.Asked = Reading, 0, now
	next.Second = p.Missed > 0
	next.Whole = !p.Once || other || next.Second
	next.From, next.Since, next.Next, next.Reach, next.Unseen, next.Notes = "", p.Mark, "", connection.Changes, -1, nil
	if other {
		next.Since = ""
	}
	next.Wanted = w
	next.Counts, next.Resumed, next.Before, next.Progress, next.Ended = Counts{}, now, 0, now, time.Time{}
	return next
}

// Anew returns the pass as it was before its first page: what it listed does not count.
func (p Pass) Anew(now time.Time) Pass {
	p.From, p.Counts, p.Unseen = "", Counts{}, -1
	p.Resumed, p.Before, p.Progress = now, 0, now
	return p
}
