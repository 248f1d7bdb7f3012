package plan

import (
	"cmp"
	"slices"
	"time"

	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// DriftLook is what the last look for drift at an application has come to, which is kept until the next one has ended. What the job has
// written since is no longer counted as changed or missing.
type DriftLook struct {
	Read     time.Time // when the read began that was compared; zero: nobody has looked yet
	Ended    time.Time // when the look had ended
	Compared int       // objects that are to be there
	Changed  int
	Missing  int
	Unsure   int      // objects that were written since the read, or that nobody could see for certain: the next look tells
	Restored int      // objects that are to be written anew, and were not yet
	Silent   []string // attributes that were written and that the application shows of nobody: they cannot be compared
	More     int      // objects with drift beyond the ones that are kept

	Asked, Answered int64 // the newest read that a look was asked for at, and the newest that was looked at; 0 is none
	Under           bool  // another look is under way
	Groups, Of      int   // whose members that one has compared, of how many
}

// Waits reports whether somebody has asked for a look that has not ended.
func (l *DriftLook) Waits() bool { return l.Asked > l.Answered }

// DriftWork is how far a look has come. What is zero has not begun.
type DriftWork struct {
	No       int64     `json:"-"` // names what the look has found
	Epoch    int64     `json:"-"` // of its lease
	Stage    string    `json:"stage,omitempty"`
	Read     time.Time `json:"read,omitzero"`
	Answers  int64     `json:"answers,omitempty"` // the newest read that it looks at
	Compared int       `json:"compared,omitempty"`
	Unsure   int       `json:"unsure,omitempty"`
	More     int       `json:"more,omitempty"`
	Silent   []string  `json:"silent,omitempty"`
	Kept     int       `json:"kept,omitempty"`       // objects
	Ends     int       `json:"references,omitempty"` // references that are kept
	After    string    `json:"after,omitempty"`      // the last group that was compared
	Groups   int       `json:"groups,omitempty"`
	Of       int       `json:"of,omitempty"`
	Shown    int       `json:"shown,omitempty"` // groups with members of ours that show any
	Blank    int       `json:"blank,omitempty"` // and that show none
}

// The stages of a look. The first compares what was read; what a list does not show is asked for then.
const (
	DriftMembers = "members" // each group is asked for
	DriftBlank   = "blank"   // those that show nobody turn out to have nobody
)

// mostDrift is how many objects with drift are kept, and mostEnds how many of their references: who has more has another problem than
// single accounts.
const (
	mostDrift = 10_000
	mostEnds  = 1_000_000
)

// Room reports whether one more object with so many references is kept. Otherwise it is counted.
func (w *DriftWork) Room(references int) bool {
	if w.Kept >= mostDrift || w.Ends+references > mostEnds {
		w.More++
		return false
	}
	w.Kept, w.Ends = w.Kept+1, w.Ends+references
	return true
}

// Quiet reports whether the application shows nobody's members, as far as it was asked.
func (w *DriftWork) Quiet() bool { return w.Shown == 0 && w.Blank >= fewest }

// enough is of how many groups the members must be missing, and of none be shown, before no more are asked for.
const enough = 100

// Silenced is Quiet of so many that nobody needs to ask for the rest.
func (w *DriftWork) Silenced() bool { return w.Shown == 0 && w.Blank >= enough }

// DriftPiece is what one commit of a look keeps.
type DriftPiece struct {
	Work  DriftWork
	Until time.Time // of the lease; zero gives it up
	Anew  connection.Ref
	Ends  []DriftedReference // after those of Anew were forgotten
	Found []Drift
	Done  bool // the look has ended, and takes the place of the one before
}

// DriftedReference is a reference of an object that is not as it was written.
type DriftedReference struct {
	Of connection.Ref
	RowReference
}

// DriftQuery selects what a look has found, by type and source id.
type DriftQuery struct {
	Work  int64          // of the look with this number; 0 is the last one that has ended
	Kinds []DriftKind    // none: changed and missing
	Of    connection.Ref // this object alone
	After connection.Ref
	Limit int // 0 is 1,000
	Ends  int // how many references of each object come along; 0 is none
}

// DriftEndQuery selects the references of an object that the last look has found to differ, those that are gone last, by name.
type DriftEndQuery struct {
	Of    connection.Ref
	Past  *RowReference // those that come after this one
	Limit int           // 0 is 1,000
}

// Drifts gathers what comparing values, and references that lists show, comes to.
type Drifts struct {
	Work    DriftWork
	Found   []Drift
	paths   map[string]filter.Path
	written map[string]int // objects of which an attribute was written, by its path
	shown   map[string]int // and how many of them show any value of it
}

// Add notes an object that differs.
func (d *Drifts) Add(one Drift) {
	if len(d.Found) == mostDrift {
		d.Work.More++
		return
	}
	d.Found = append(d.Found, one)
}

func (d *Drifts) counted(path string, shown bool) {
	if d.written == nil {
		d.written, d.shown, d.paths = map[string]int{}, map[string]int{}, map[string]filter.Path{}
	}
	if d.written[path]++; shown {
		d.shown[path]++
	}
}

// Count notes which attributes the application shows at all, by the paths of what was written.
func (d *Drifts) Count(written, seen scim.Object) error {
	for _, c := range scim.Diff(nil, written) {
		path, known := d.paths[c.Path]
		if !known {
			var err error
			if path, err = filter.ParsePath(c.Path); err != nil {
				return err
			}
		}
		d.counted(c.Path, scim.First(seen, path) != nil)
		d.paths[c.Path] = path
	}
	return nil
}

// Restorable reports whether the job can write what is to be there. A member whom it does not know is nobody's whom it could take away.
func (d *Drift) Restorable() bool {
	return d.Kind == DriftMissing || d.Differs > 0 || d.Gone > 0 || d.Known > 0
}

// fewest is of how many objects an attribute must be missing before it is the application that does not show it.
const fewest = 3

// Settle takes out what cannot be compared.
func (d *Drifts) Settle() {
	silent := map[string]bool{}
	for name, n := range d.written {
		if n >= fewest && d.shown[name] == 0 {
			silent[name] = true
			d.Work.Silent = append(d.Work.Silent, name)
		}
	}
	slices.Sort(d.Work.Silent)
	kept := d.Found[:0]
	for _, f := range d.Found {
		f.Differ = slices.DeleteFunc(f.Differ, func(c scim.Change) bool { return silent[c.Path] })
		f.References = slices.DeleteFunc(f.References, func(r RowReference) bool { return silent[r.Attribute] })
		if f.sum(); f.Kind == DriftMissing || f.Differs+f.Gone+f.Added > 0 {
			kept = append(kept, f)
		}
	}
	d.Found = kept
	slices.SortStableFunc(d.Found, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Source.Type, b.Source.Type), cmp.Compare(a.Source.ID, b.Source.ID))
	})
}
