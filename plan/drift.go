package plan

import (
	"cmp"
	"fmt"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/words"
)

// DriftKind says what an object at a target is that is not as it was written.
type DriftKind string

// The kinds of drift.
const (
	DriftChanged DriftKind = "changed" // somebody else has changed attributes that the mapping feeds
	DriftMissing DriftKind = "missing" // the target has it no longer

	DriftRestored DriftKind = "restored" // it is to be written anew
	DriftUnsure   DriftKind = "unsure"   // the job has written it since
	DriftHushed   DriftKind = "hushed"   // a group that shows nobody: whether that is drift is known when all groups were asked for
)

// Drift is one object at a target that is not as it was written: somebody else has changed or removed it.
type Drift struct {
	Kind   DriftKind
	Source End
	Target End
	Differ []scim.Change // Before is what was written, After is what was seen
	// References are those that differ, or the first of them: Gone are those that were written and are no longer there, the others somebody
	// else has added. To is at the source; its ID is "" when the job knows nobody whom it has there, and the name is the id at the target then.
	References []RowReference

	Differs     int // attributes
	Gone, Added int // references, all of them
	Known       int // of the added: to whom the job knows
}

// sum counts what differs.
func (d *Drift) sum() {
	d.Differs, d.Gone, d.Added, d.Known = len(d.Differ), 0, 0, 0
	for _, r := range d.References {
		d.Tally(r)
	}
}

// Tally counts a reference that differs.
func (d *Drift) Tally(r RowReference) {
	switch {
	case r.Gone:
		d.Gone++
	default:
		if d.Added++; r.To.ID != "" {
			d.Known++
		}
	}
}

// Changes is what has become of the object's attributes, as people read it.
func (d *Drift) Changes() []words.Change {
	all := make([]words.Change, len(d.Differ))
	for i, c := range d.Differ {
		all[i] = words.Change{Path: c.Path, Attribute: words.Attribute(c.Path), Before: words.Value(c.Before), After: words.Value(c.After)}
	}
	for _, r := range d.References {
		all = append(all, words.Referred(r.Attribute, cmp.Or(r.To.Name, r.To.ID, r.Target), r.Gone))
	}
	return all
}

// Differ returns where a target shows other values than were written. Letter case and blanks at the ends of text do not count, since
// many targets keep them as they like; nor does an attribute that was never written.
func Differ(written, seen scim.Object) []scim.Change {
	var all []scim.Change
	for _, c := range scim.Diff(written, seen) {
		if c.Before != nil && !alike(c.Before, c.After) {
			all = append(all, c)
		}
	}
	return all
}

// alike reports whether two values say the same to people.
func alike(a, b any) bool {
	la, isA := a.(scim.List)
	lb, isB := b.(scim.List)
	if isA && isB {
		if len(la) != len(lb) {
			return false
		}
		for i := range la {
			if !alike(la[i], lb[i]) {
				return false
			}
		}
		return true
	}
	oa, isA := a.(scim.Object)
	ob, isB := b.(scim.Object)
	if isA && isB {
		return len(Differ(oa, ob)) == 0 && len(Differ(ob, oa)) == 0
	}
	if isA || isB || b == nil {
		return false
	}
	return folded(a) == folded(b)
}

func folded(v any) string { return filter.Fold(strings.TrimSpace(fmt.Sprint(v))) }

// SeenAs returns the written object with what was seen of it instead, so that whoever plans from it writes what differs.
func (d *Drift) SeenAs(written scim.Object) (scim.Object, error) {
	o := written.Clone()
	for _, c := range d.Differ {
		path, err := filter.ParsePath(c.Path)
		if err != nil {
			return nil, err
		}
		if c.After == nil {
			scim.Remove(&o, path)
			continue
		}
		if err := scim.Assign(&o, path, c.After); err != nil {
			return nil, err
		}
	}
	return o, nil
}
