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
	} {
		m := madeOf(c.rows)
		depth := depths(m)
		var got []string
		for _, word := range strings.Fields(c.rows) {
			who, _, _ := strings.Cut(word, ":")
			switch d := depth[connection.Ref{Type: connection.UserType, ID: who}]; d {
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

func madeOf(text string) made {
	m := made{}
	for i, word := range strings.Fields(text) {
		who, manager, _ := strings.Cut(word, ":")
		ref := connection.Ref{Type: connection.UserType, ID: who}
		m[ref] = Made{ID: lockstep.ActionID(fmt.Sprintf("%03d", i)), Kind: rule.Create, Source: ref, Refers: manager}
	}
	return m
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
		m := madeOf(strings.Join(words, " "))
		depth := depths(m)
		for ref, row := range m {
			above := connection.Ref{Type: connection.UserType, ID: row.Refers}
			manager, comes := m[above]
			switch {
			case !comes:
			case circular(m, ref):
				if depth[ref] != ring {
					t.Fatalf("%v: %s is in or below a circle and has rank %d", words, ref.ID, depth[ref])
				}
			case depth[above] > depth[ref] || depth[above] == depth[ref] && manager.ID >= row.ID:
				t.Fatalf("%v: %s is created before their manager", words, ref.ID)
			}
		}
	})
}

// circular reports whether the way up from somebody never ends.
func circular(m made, at connection.Ref) bool {
	for range len(m) + 1 {
		row, comes := m[at]
		if !comes {
			return false
		}
		at = connection.Ref{Type: connection.UserType, ID: row.Refers}
	}
	return true
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
