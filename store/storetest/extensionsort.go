package storetest

import (
	"slices"
	"testing"

	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/store"
)

// testSortExtension: a tenant's own attributes are sorted by their type and, of several values, by the primary one (RFC 7644
// §3.4.2.3), and pages by mark are the pieces of that order.
func testSortExtension(t *testing.T, open Open) {
	s := &staff{company: found(t, open, store.Config{})}
	s.commit(directory.PutExtension{Extension: skill(skillURN, directory.UserKind, false)})
	part := func(value string, size int64) scim.Object {
		return scim.Object{{Name: "value", Value: value}, {Name: "size", Value: size}}
	}
	primary := func(o scim.Object) scim.Object { return append(o, scim.Attr{Name: "primary", Value: true}) }
	for _, c := range []struct {
		name, since string
		share       any
		parts       scim.List
	}{
		{"a", "2026-01-01T12:00:00+02:00", int64(2), scim.List{part("z", 5)}},
		{"b", "2026-01-01T11:00:00Z", 1.5, scim.List{part("z", 9), primary(part("b", 1))}},
		{"c", "2026-01-01T09:30:00.5", int64(-3), scim.List{part("y", 3)}},
		{"d", "2026-01-01T09:30:00Z", 2.25, nil},
		{"e", "", nil, scim.List{part("c", 2)}},
	} {
		o := scim.Object{{Name: "word", Value: "x"}}
		o.Set("share", c.share)
		o.Set("parts", c.parts)
		if c.since != "" {
			o.Set("since", c.since)
		}
		s.commit(person(c.name, skillURN, o))
	}
	schemas, err := s.db.Schemas(t.Context(), s.tenant)
	s.ok(err)
	types := schemas.Type(directory.UserKind).FilterTypes()
	for _, c := range []struct{ attr, sub, want string }{
		{"share", "", "cbade"}, {"since", "", "dcabe"}, {"parts", "value", "becad"}, {"parts", "", "becad"}, {"parts", "size", "becad"},
	} {
		q := directory.Search{Kind: directory.UserKind, Types: types, SortBy: filter.Path{URN: skillURN, Attr: c.attr, Sub: c.sub}, Limit: 2}
		for _, descending := range []bool{false, true} {
			q.Descending, q.After = descending, directory.Mark{}
			got := ""
			for more := true; more; {
				f, err := s.db.Search(t.Context(), s.tenant, q)
				s.ok(err)
				for _, r := range f.Records {
					o, err := scim.DecodeObject(r.Doc)
					s.ok(err)
					got += o.Text("userName")
				}
				q.After, more = f.Last, f.More
			}
			want := []byte(c.want)
			if descending {
				slices.Reverse(want)
			}
			if got != string(want) {
				t.Errorf("by %s, descending %t: %s, want %s", q.SortBy, descending, got, want)
			}
		}
	}
}
