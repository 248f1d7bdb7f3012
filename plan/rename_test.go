package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep"
	"lockstep/rule"
)

func TestRenameRanks(t *testing.T) {
	for _, c := range []struct{ rows, ranks, rings string }{
		{"a>b", "0", ""},
		{"a>b c>d", "0 0", ""},
		{"a>b b>c", "1 0", ""},
		{"b>c a>b", "0 1", ""},
		{"a>b b>c c>d d>e", "3 2 1 0", ""},
		{"a>b b>a", "- -", "ab"},
		{"a>b b>c c>a", "- - -", "abc"},
		{"a>b b>a x>a", "- - 0", "ab"},
		{"x>y a>b b>a y>z", "1 - - 0", "ab"},
		{"a>b b>a c>d d>c", "- - - -", "ab cd"},
	} {
		rows := renamesOf(c.rows)
		rank, rings := renameRanks(rows)
		var got []string
		for _, r := range rows {
			if d, ok := rank[r.ID]; ok {
				got = append(got, fmt.Sprint(d))
			} else {
				got = append(got, "-")
			}
		}
		var groups []string
		for _, ring := range rings {
			var names []string
			for _, r := range ring {
				names = append(names, r.From)
			}
			slices.Sort(names)
			groups = append(groups, strings.Join(names, ""))
		}
		slices.Sort(groups)
		if s := strings.Join(got, " "); s != c.ranks || strings.Join(groups, " ") != c.rings {
			t.Errorf("%s: ranks %s, rings %v", c.rows, s, groups)
		}
	}
}

func renamesOf(text string) []Renamed {
	var rows []Renamed
	for i, f := range strings.Fields(text) {
		from, to, _ := strings.Cut(f, ">")
		rows = append(rows, Renamed{ID: lockstep.ActionID(fmt.Sprint(i)), From: from, To: to})
	}
	return rows
}

// TestRenameRanksProperty: written in the order of their ranks, rows that are in no circle never take a value that is still in use by
// one that comes later.
func TestRenameRanksProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "n")
		values := rapid.Permutation([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"}).Draw(t, "from")
		to := rapid.Permutation([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"}).Draw(t, "to")
		var rows []Renamed
		for i := range n {
			if values[i] != to[i] {
				rows = append(rows, Renamed{ID: lockstep.ActionID(fmt.Sprint(i)), From: values[i], To: to[i]})
			}
		}
		rank, rings := renameRanks(rows)
		ringed := 0
		for _, ring := range rings {
			ringed += len(ring)
		}
		if len(rank)+ringed != len(rows) {
			t.Fatalf("%d ranks and %d in circles of %d", len(rank), ringed, len(rows))
		}
		for _, a := range rows {
			for _, b := range rows {
				ra, inA := rank[a.ID]
				rb, inB := rank[b.ID]
				if a.To == b.From && inA && inB && ra <= rb {
					t.Fatalf("%v is written before %v gives up %s", a, b, a.To)
				}
			}
		}
	})
}

// TestHeldInCircle: a row of a circle that the guard holds, too, is held once.
func TestHeldInCircle(t *testing.T) {
	p := &Planner{}
	out := &Piece{Moved: []Transition{{ID: "1", From: Planned, To: Held, Code: lockstep.CodeGuardHeld}}, Sum: Sum{Held: 1, Planned: -1}}
	p.holdInCircle(Renamed{ID: "1", To: "userName=a"}, 2, out)
	p.holdInCircle(Renamed{ID: "2", To: "userName=b"}, 2, out)
	if len(out.Moved) != 2 || out.Moved[0].Code != lockstep.CodeUniqueCircle || out.Sum != (Sum{Held: 2, Planned: -2}) {
		t.Errorf("%+v", out)
	}
}

// TestSameLink: a link is stored anew when something about it is another.
func TestSameLink(t *testing.T) {
	of := func() Link {
		return Link{Name: "ada", Key: "userName=ada", Code: "a", Detail: "b", Due: time.Unix(1, 0), Seen: "c", Verdict: rule.Verdict{In: true, Reason: rule.Reason{Rule: "r", Clause: "c", Values: []string{"v"}}}}
	}
	for name, change := range map[string]func(*Link){
		"name": func(l *Link) { l.Name = "x" }, "key": func(l *Link) { l.Key = "x" }, "code": func(l *Link) { l.Code = "x" }, "detail": func(l *Link) { l.Detail = "x" },
		"due": func(l *Link) { l.Due = time.Unix(2, 0) }, "seen": func(l *Link) { l.Seen = "x" }, "scope": func(l *Link) { l.Verdict.In = false },
		"rule": func(l *Link) { l.Verdict.Reason.Rule = "x" }, "clause": func(l *Link) { l.Verdict.Reason.Clause = "x" }, "values": func(l *Link) { l.Verdict.Reason.Values = nil },
	} {
		l := of()
		if !sameLink(of(), l) {
			t.Error("two that are the same")
		}
		if change(&l); sameLink(of(), l) {
			t.Errorf("with another %s it is the same", name)
		}
	}
}
