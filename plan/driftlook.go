package plan

import (
	"cmp"
	"slices"
	"time"

	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// DriftLook is what comparing an application with what was written there has come to.
type DriftLook struct {
	Read     time.Time // when the read began that was compared
	Compared int       // objects that are to be there
	Changed  int
	Missing  int
	Unsure   int      // objects that were written since the read, or that it could not see for certain: the next read tells
	Silent   []string // attributes that were written and that the application shows of nobody: they cannot be compared
	More     int      // objects with drift beyond the ones that are kept
}

// mostDrift is how many objects with drift are kept: who has more has another problem than single accounts.
const mostDrift = 10_000

// Drifts gathers what a look for drift comes to.
type Drifts struct {
	Look    DriftLook
	Found   []Drift
	paths   map[string]filter.Path
	written map[string]int // objects of which an attribute was written, by its path
	shown   map[string]int // and how many of them show any value of it
}

// Add notes an object that differs.
func (d *Drifts) Add(one Drift) {
	if len(d.Found) == mostDrift {
		d.Look.More++
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

// round is the size of pages in which applications are known to cut off the members of a group.
const round = 100

// CompareMembers returns how the members of a group differ from those that were written, in the target's ids. When the application may have
// cut them off, sure is false.
func (d *Drifts) CompareMembers(written []RowReference, seen []connection.Reference) (differ []RowReference, sure bool) {
	there := map[connection.Ref]bool{}
	for _, r := range seen {
		if r.Attribute == connection.Members {
			there[r.To] = true
		}
	}
	if len(written) > 0 {
		d.counted(connection.Members, len(there) > 0)
	}
	n := len(there)
	for _, r := range written {
		to := connection.Ref{Type: r.To.Type, ID: r.Target}
		if there[to] {
			delete(there, to)
			continue
		}
		r.Gone = true
		differ = append(differ, r)
	}
	if len(differ) > 0 && n > 0 && n%round == 0 && len(there) == 0 {
		return nil, false
	}
	for to := range there {
		differ = append(differ, RowReference{Attribute: connection.Members, To: End{Ref: connection.Ref{Type: to.Type}}, Target: to.ID})
	}
	slices.SortFunc(differ, func(a, b RowReference) int {
		return cmp.Or(cmp.Compare(a.To.Name, b.To.Name), cmp.Compare(a.Target, b.Target))
	})
	return differ, true
}

// Restorable reports whether the job can write what is to be there. A member whom it does not know is nobody's whom it could take away.
func (d *Drift) Restorable() bool {
	return d.Kind == DriftMissing || len(d.Differ) > 0 || slices.ContainsFunc(d.References, func(r RowReference) bool { return r.Gone || r.To.ID != "" })
}

// Members says what the references of the job become when the group is to be written anew: members that are no longer there are not
// written, those whom somebody else has added and whom the job knows are written and not wanted.
func (d *Drift) Members(wanted, written *[]ReferenceRow) {
	for _, r := range d.References {
		row := ReferenceRow{From: d.Source.Ref, Attribute: r.Attribute, To: r.To.Ref}
		switch {
		case r.Gone:
			*written = append(*written, row)
		case r.To.ID != "":
			*wanted = append(*wanted, row)
			row.Written = true
			*written = append(*written, row)
		}
	}
}

// fewest is of how many objects an attribute must be missing before it is the application that does not show it.
const fewest = 3

// Settle takes out what cannot be compared, and counts the rest.
func (d *Drifts) Settle() {
	silent := map[string]bool{}
	for name, n := range d.written {
		if n >= fewest && d.shown[name] == 0 {
			silent[name] = true
			d.Look.Silent = append(d.Look.Silent, name)
		}
	}
	slices.Sort(d.Look.Silent)
	kept := d.Found[:0]
	for _, f := range d.Found {
		f.Differ = slices.DeleteFunc(f.Differ, func(c scim.Change) bool { return silent[c.Path] })
		f.References = slices.DeleteFunc(f.References, func(r RowReference) bool { return silent[r.Attribute] })
		switch {
		case f.Kind == DriftMissing:
			d.Look.Missing++
		case len(f.Differ)+len(f.References) > 0:
			d.Look.Changed++
		default:
			continue
		}
		kept = append(kept, f)
	}
	d.Found = kept
	slices.SortStableFunc(d.Found, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Source.Type, b.Source.Type), cmp.Compare(a.Source.ID, b.Source.ID))
	})
}
