package plan

import (
	"cmp"
	"context"
	"slices"

	"lockstep/connection"
)

// EndRow is a reference of an object as a job knows it, with what its other end is called and is at the target; Target is "" when it is
// not there.
type EndRow struct {
	From            connection.Ref
	To              End
	Target          string
	Wanted, Written bool
}

// EndQuery selects references of some objects by one attribute, in the order of From and To. After is of use with one object.
type EndQuery struct {
	From      []connection.Ref // of one type
	Attribute string
	After     connection.Ref // To comes after this one
	Limit     int            // 0 is no limit
}

// SeenEnds are the other ends of one object's references by one attribute as the target shows them. It keeps no more than their ids.
type SeenEnds struct {
	ends []connection.Ref // sorted, each once
	met  []bool
	left int
}

// See gathers what a target shows of references by an attribute.
func See(attribute string, seen []connection.Reference) *SeenEnds {
	s := &SeenEnds{ends: make([]connection.Ref, 0, len(seen))}
	for i := range seen {
		if seen[i].Attribute == attribute && seen[i].To.ID != "" {
			s.ends = append(s.ends, seen[i].To)
		}
	}
	slices.SortFunc(s.ends, func(a, b connection.Ref) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) })
	s.ends = slices.Compact(s.ends)
	s.met, s.left = make([]bool, len(s.ends)), len(s.ends)
	return s
}

// Len is how many there are.
func (s *SeenEnds) Len() int { return len(s.ends) }

// Left is how many of them the job knows nothing of, once all that it knows were met.
func (s *SeenEnds) Left() int { return s.left }

// Meet notes a reference that the job knows, and reports whether it was written, is still wanted, and is no longer there. What waits to be
// written or to be taken away is no drift, whether somebody else has done it or not.
func (s *SeenEnds) Meet(e *EndRow) (gone bool) {
	if e.Target == "" {
		return false
	}
	ref := connection.Ref{Type: e.To.Type, ID: e.Target}
	i, there := slices.BinarySearchFunc(s.ends, ref, func(a, b connection.Ref) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) })
	if !there {
		return e.Written && e.Wanted
	}
	if !s.met[i] {
		s.met[i] = true
		s.left--
	}
	return false
}

// Strangers calls f with pieces of those that the job knows nothing of.
func (s *SeenEnds) Strangers(attribute string, size int, f func([]RowReference) error) error {
	var piece []RowReference
	for i, met := range s.met {
		if met {
			continue
		}
		piece = append(piece, RowReference{Attribute: attribute, To: End{Ref: connection.Ref{Type: s.ends[i].Type}}, Target: s.ends[i].ID})
		if len(piece) == size {
			if err := f(piece); err != nil {
				return err
			}
			piece = piece[:0]
		}
	}
	if len(piece) == 0 {
		return nil
	}
	return f(piece)
}

// round is the size of pages in which applications are known to cut off the members of a group.
const round = 100

// Cut reports whether the application may have cut off the rest, of which so many are missing.
func (s *SeenEnds) Cut(gone int) bool {
	return gone > 0 && s.Len() > 0 && s.Len()%round == 0 && s.left == 0
}

// CompareManager returns how the manager of a person differs from the one that was written. Who was given none by the job may have any.
func (d *Drifts) CompareManager(known []EndRow, seen []connection.Reference) (differ []RowReference) {
	there := See(connection.Manager, seen)
	written := false
	for i := range known {
		e := &known[i]
		written = written || e.Written && e.Target != ""
		if there.Meet(e) {
			differ = append(differ, RowReference{Attribute: connection.Manager, To: e.To, Target: e.Target, Gone: true})
		}
	}
	if !written {
		return nil
	}
	d.counted(connection.Manager, there.Len() > 0)
	_ = there.Strangers(connection.Manager, there.Len(), func(piece []RowReference) error { // of which there is one
		differ = append(differ, piece...)
		return nil
	})
	return differ
}

// NameMembers says who they are whom somebody else has added, as far as the job knows them.
func (all Programs) NameMembers(ctx context.Context, known Known, differ []RowReference) error {
	for typ, p := range all {
		at := map[string][]int{}
		var ids []string
		for i, r := range differ {
			if !r.Gone && r.To.Type == p.Type {
				if at[r.Target] == nil {
					ids = append(ids, r.Target)
				}
				at[r.Target] = append(at[r.Target], i)
			}
		}
		if len(ids) == 0 {
			continue
		}
		links, err := known.Links(ctx, LinkQuery{Type: typ, Targets: ids, Bare: true, Limit: len(ids)})
		if err != nil {
			return err
		}
		for _, l := range links {
			for _, i := range at[l.Target] {
				differ[i].To = End{Ref: l.Source, Name: l.Name}
			}
		}
	}
	return nil
}
