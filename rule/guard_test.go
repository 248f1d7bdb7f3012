package rule

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestGuardHolds(t *testing.T) {
	for _, c := range []struct {
		name         string
		limit        GuardLimit
		harm, linked int
		want         bool
	}{
		{"nothing", GuardLimit{}, 0, 0, false},
		{"one of many", GuardLimit{}, 1, 1000, false},
		{"five of ten: not over the count", GuardLimit{}, 5, 10, false},
		{"six of ten", GuardLimit{}, 6, 10, true},
		{"six of sixty: not over the share", GuardLimit{}, 6, 60, false},
		{"seven of sixty", GuardLimit{}, 7, 60, true},
		{"the probe: 150 of 200", GuardLimit{}, 150, 200, true},
		{"everything of three", GuardLimit{}, 3, 3, true},
		{"both of two", GuardLimit{}, 2, 2, true},
		{"the only one leaves", GuardLimit{}, 1, 1, false},
		{"more than there is", GuardLimit{}, 7, 3, true},
		{"more than nothing", GuardLimit{}, 6, 0, true},
		{"off", GuardLimit{Off: true}, 200, 200, false},
		{"everything, whatever the limits are", GuardLimit{Count: 1000, Percent: 100}, 3, 3, true},
		{"a count alone", GuardLimit{Count: 500, Percent: -1}, 501, 100_000, true},
		{"a count alone, not reached", GuardLimit{Count: 500, Percent: -1}, 500, 100_000, false},
		{"a share alone", GuardLimit{Count: -1, Percent: 20}, 1, 4, true},
		{"none at all", GuardLimit{Count: -1, Percent: -1}, 1, 100_000, true},
	} {
		if got := c.limit.Holds(c.harm, c.linked); got != c.want {
			t.Errorf("%s: %+v.Holds(%d, %d) = %t", c.name, c.limit, c.harm, c.linked, got)
		}
	}
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name  string
		tolls []Toll
		want  []Harm
	}{
		{"quiet", []Toll{{UserDisable, 3, 100}, {UserDelete, 3, 100}}, nil},
		{"each alone", []Toll{{UserDisable, 3, 100}, {UserDelete, 30, 100}, {GroupDelete, 0, 9}}, []Harm{UserDisable, UserDelete}},
		{"together", []Toll{{UserDisable, 8, 100}, {UserDelete, 8, 100}}, []Harm{UserDisable, UserDelete}},
		{"together, one of them not at all", []Toll{{UserDisable, 30, 100}, {UserDelete, 0, 100}}, []Harm{UserDisable}},
		{"groups do not hold people", []Toll{{UserDisable, 2, 100}, {GroupDelete, 4, 4}}, []Harm{GroupDelete}},
		{"together, but not the groups", []Toll{{UserDisable, 8, 100}, {UserDelete, 8, 100}, {GroupDelete, 1, 100}}, []Harm{UserDisable, UserDelete}},
		{"what groups lose does not hold people", []Toll{{UserDisable, 3, 100}, {MemberRemove, 20, 100}}, []Harm{MemberRemove}},
		{"members and values", []Toll{{MemberRemove, 600, 1000}, {Clear, 90, 100}}, []Harm{MemberRemove, Clear}},
		{"twice the same", []Toll{{Clear, 90, 100}, {Clear, 90, 100}}, []Harm{Clear}},
	} {
		if got := (GuardLimit{}).Guard(c.tolls); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestGuardMonotonic: more harm is never let through where less is held.
func TestGuardMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := GuardLimit{Count: rapid.IntRange(-1, 50).Draw(t, "count"), Percent: rapid.Float64Range(-1, 120).Draw(t, "percent")}
		harm, linked := rapid.IntRange(0, 300).Draw(t, "harm"), rapid.IntRange(0, 300).Draw(t, "linked")
		if l.Holds(harm, linked) && !l.Holds(harm+1, linked) {
			t.Errorf("%+v holds %d of %d, but not one more", l, harm, linked)
		}
		if linked > 1 && !l.Holds(linked, linked) {
			t.Errorf("%+v lets all %d go", l, linked)
		}
	})
}
