package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"lockstep/connection"
	"lockstep/mirror"
)

// heavy has groups with so many members each, and nobody else; it counts the rows that are asked for.
type heavy struct {
	mirror.SourceStore
	members []int
	read    int
}

func (h *heavy) Head(context.Context, mirror.ID) (mirror.Head, error) { return mirror.Head{}, nil }

func (h *heavy) Count(context.Context, mirror.ID) (map[string]int, error) { return nil, nil }

func (h *heavy) Named(context.Context, mirror.ID, []mirror.Name) (map[mirror.Name]connection.Ref, error) {
	return nil, nil
}

func (h *heavy) Members(context.Context, mirror.ID, ...connection.Object) (map[string][]connection.Ref, error) {
	return nil, nil
}

func (h *heavy) Rows(_ context.Context, _ mirror.ID, q mirror.Query) (rows []mirror.Row, err error) {
	if q.Type != connection.GroupType {
		return nil, nil
	}
	for no := q.After + 1; no <= int64(len(h.members)) && len(rows) < q.Limit; no++ {
		o := connection.Object{Ref: connection.Ref{Type: connection.GroupType, ID: fmt.Sprintf("g%04d", no)}}
		for i := range h.members[no-1] {
			o.References = append(o.References, connection.Reference{Attribute: connection.Members, To: connection.Ref{Type: connection.UserType, ID: fmt.Sprint(i)}})
		}
		rows = append(rows, mirror.Row{No: no, Object: o})
	}
	h.read += len(rows)
	return rows, nil
}

// A page of large groups ends early, wherever a read is broken off each group is read once, and few rows are read twice.
func TestPagesOfLargeGroups(t *testing.T) {
	sizes := map[string][]int{
		"large":             slices.Repeat([]int{3000}, 200),
		"small":             slices.Repeat([]int{1}, 2000),
		"one is enormous":   append(slices.Repeat([]int{10}, 700), append([]int{50_000}, slices.Repeat([]int{10}, 700)...)...),
		"the last is large": append(slices.Repeat([]int{2}, 33), 40_000),
		"small, then large": append(slices.Repeat([]int{0}, 1000), slices.Repeat([]int{7000}, 20)...),
		"nobody":            nil,
	}
	for name, members := range sizes {
		for _, stop := range []bool{false, true} {
			h := &heavy{members: members}
			s := &mirror.Source{Store: h, Types: []string{connection.UserType, connection.GroupType}}
			var seen []string
			var from connection.Cursor
			pause := errors.New("pause")
			for done := false; !done; {
				err := s.Read(t.Context(), from, func(p connection.Page) error {
					n := 0
					for _, o := range p.Objects {
						seen = append(seen, o.ID)
						n += len(o.References)
					}
					if n > 20_000 && len(p.Objects) > 1 {
						t.Errorf("%s: a page of %d groups has %d references", name, len(p.Objects), n)
					}
					if from = p.Next; stop && !p.Last {
						return pause
					}
					done = p.Last
					return nil
				})
				if err != nil && !errors.Is(err, pause) {
					t.Fatal(err)
				}
			}
			if len(seen) != len(members) || !slices.IsSorted(seen) || len(slices.Compact(seen)) != len(members) {
				t.Errorf("%s, broken off %v: %d groups were read, %d are there", name, stop, len(seen), len(members))
			}
			if !stop && h.read > 3*len(members) {
				t.Errorf("%s: %d rows were read for %d groups", name, h.read, len(members))
			}
		}
	}
}
