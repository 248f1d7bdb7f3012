package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// TestDepths: creates in the order of their ids, each "who:manager"; the ranks that are not 0.
func TestDepths(t *testing.T) {
	for _, c := range []struct{ rows, ranks string }{
		{"a b c", ""},
		{"a b:a c:b", ""}, // in order as they are
		{"a:b b", "a=1"},
		{"c:b b:a a", "c=2 b=1"},
		{"a:z b:a", ""}, // whoever is not created is there or not
		{"a:b b:a c", "a=ring b=ring"},
		{"a:b b:a c:a d:c e", "a=ring b=ring c=ring d=ring"},
		{"x:a a y", "x=1"},
		{"a b:a c:d d e:c", "c=1 e=1"}, // only where it matters
		{"a:b b c:a d:c", "a=1 c=1 d=1"},
	} {
		m, _ := madeOf(c.rows)
		m.depths()
		var got []string
		for _, word := range strings.Fields(c.rows) {
			who, _, _ := strings.Cut(word, ":")
			switch d := m.row(m.find(user(who))).rank; d {
			case 0:
			case ring:
				got = append(got, who+"=ring")
			default:
				got = append(got, fmt.Sprintf("%s=%d", who, d))
			}
		}
		if s := strings.Join(got, " "); s != c.ranks {
			t.Errorf("%s: %s, want %s", c.rows, s, c.ranks)
		}
	}
}

func user(id string) connection.Ref { return connection.Ref{Type: connection.UserType, ID: id} }

func madeOf(text string) (*made, map[string]Made) {
	m, rows := newMade(), map[string]Made{}
	for i, word := range strings.Fields(text) {
		who, manager, _ := strings.Cut(word, ":")
		rows[who] = Made{ID: lockstep.ActionID(fmt.Sprintf("%03d", i)), Kind: rule.Create, Source: user(who), Refers: manager}
		m.add(rows[who])
	}
	m.index()
	return m, rows
}

// TestDepthsProperty: whoever is created comes after their manager, by rank and then by id, or is in or below a circle.
func TestDepthsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var words []string
		n := rapid.IntRange(1, 12).Draw(t, "n")
		for i := range n {
			word := fmt.Sprint(i)
			if m := rapid.IntRange(-1, n).Draw(t, "manager"); m >= 0 {
				word += fmt.Sprintf(":%d", m)
			}
			words = append(words, word)
		}
		m, rows := madeOf(strings.Join(words, " "))
		m.depths()
		for who, row := range rows {
			rank := m.row(m.find(user(who))).rank
			manager, comes := rows[row.Refers]
			switch {
			case !comes:
				if rank != 0 {
					t.Fatalf("%v: %s waits for nobody and has rank %d", words, who, rank)
				}
			case circular(rows, who):
				if rank != ring {
					t.Fatalf("%v: %s is in or below a circle and has rank %d", words, who, rank)
				}
			default:
				if above := m.row(m.find(user(row.Refers))).rank; above > rank || above == rank && manager.ID >= row.ID {
					t.Fatalf("%v: %s is created before their manager", words, who)
				}
			}
		}
	})
}

// circular reports whether the way up from somebody never ends.
func circular(rows map[string]Made, at string) bool {
	for range len(rows) + 1 {
		row, comes := rows[at]
		if !comes {
			return false
		}
		at = row.Refers
	}
	return true
}

// TestMade: rows are found by their objects, users apart from groups with the same id, with the ids that they have.
func TestMade(t *testing.T) {
	m := newMade()
	var rows []Made
	for i := range 3*madeBlock + 5 {
		row := Made{ID: lockstep.NewID[lockstep.ActionID](), Kind: rule.Create, Source: user(fmt.Sprint("u", i))}
		switch {
		case i%5 == 1:
			row.Source.Type, row.References = connection.GroupType, true
			row.Source.ID = fmt.Sprint("u", i-1) // whose id a user has, too
		case i%5 == 2:
			row.Kind = rule.Link
		case i == 3:
			row.ID = "no UUID"
		}
		if i > 10 && row.Source.Type == connection.UserType {
			row.Refers = "u10"
		}
		rows = append(rows, row)
		m.add(row)
	}
	m.index()
	for i, row := range rows {
		n := m.find(row.Source)
		if n != i || m.id(n) != row.ID || !m.comes(row.Source) {
			t.Fatalf("%v is row %d with the id %s, want %d and %s", row.Source, n, m.id(n), i, row.ID)
		}
		if r := m.row(n); (r.flags&madeLink != 0) != (row.Kind == rule.Link) || (r.flags&madeReferences != 0) != row.References {
			t.Errorf("%v has the flags %b", row.Source, r.flags)
		}
		up, want := m.above(i), -1
		if row.Refers != "" {
			want = 10
		}
		if up != want {
			t.Errorf("the manager of %v is %d, want %d", row.Source, up, want)
		}
		e := ReferenceRow{From: row.Source, Attribute: connection.Manager, To: user("u10")}
		if m.carries(e) != (row.Refers != "" && row.Kind == rule.Create) {
			t.Errorf("%v carries its manager: %t", row.Source, m.carries(e))
		}
	}
	if m.comes(user("nobody")) || (*made)(nil).comes(user("u1")) || newMade().comes(user("u1")) {
		t.Error("somebody comes who does not")
	}
	if m.few != nil {
		t.Error("all source objects are kept by name")
	}
}

func TestStageOf(t *testing.T) {
	for _, c := range []struct {
		name string
		row  Action
		want Stage
	}{
		{"a leaver", Action{Kind: rule.Disable, Lane: LaneDisable}, 0},
		{"an update", Action{Kind: rule.Update, Lane: LaneUpdate}, 0},
		{"an update that takes a name", Action{Kind: rule.Update, Lane: LaneUpdate, Rank: 2}, 4},
		{"somebody new", Action{Kind: rule.Create, Lane: LaneCreate, Rank: 3}, 0},
		{"somebody new with the name of another", Action{Kind: rule.Create, Lane: LaneCreate, Rank: heirs}, -2},
		{"a new group", Action{Kind: rule.Create, Lane: LaneCreate, Rank: groupRank, Source: End{Ref: connection.Ref{Type: connection.GroupType}}}, 1},
		{"a late reference", Action{Kind: rule.Refer, Lane: LaneRefer}, 2},
		{"a reference to who is deleted", Action{Kind: rule.Refer, Lane: LaneDelete, Rank: -1}, -1},
	} {
		if got := StageOf(&c.row); got != c.want {
			t.Errorf("%s: stage %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBackOff(t *testing.T) {
	for n, want := range map[int]time.Duration{0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 13: 5 * time.Second << 12, Slowest: 6 * time.Hour, 1000: 6 * time.Hour} {
		if got := BackOff(n); got != want {
			t.Errorf("after %d failures: %v, want %v", n, got, want)
		}
	}
}

// TestCarries: a create takes the reference to the manager whom its row names along, and no other.
func TestCarries(t *testing.T) {
	m := newMade()
	m.add(Made{ID: "1", Kind: rule.Create, Source: user("ada"), Refers: "ben"})
	m.add(Made{ID: "2", Kind: rule.Link, Source: user("cy"), Refers: "ben"})
	m.add(Made{ID: "3", Kind: rule.Create, Source: user("dan")})
	m.index()
	for _, c := range []struct {
		from, attribute, to string
		want                bool
	}{{"ada", "manager", "ben", true}, {"ada", "manager", "zoe", false}, {"ada", "members", "ben", false}, {"cy", "manager", "ben", false}, {"dan", "manager", "ben", false}, {"zoe", "manager", "ben", false}} {
		if got := m.carries(ReferenceRow{From: user(c.from), Attribute: c.attribute, To: user(c.to)}); got != c.want {
			t.Errorf("%s carries its %s %s: %t", c.from, c.attribute, c.to, got)
		}
	}
}
