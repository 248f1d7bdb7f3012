package console

import (
	"fmt"
	"testing"

	"lockstep/words"
)

// TestGrouped: rows of one cause stand together, a few of causes of their own each below theirs, and many together.
func TestGrouped(t *testing.T) {
	rows := func(deed string, causes ...string) (all []row) {
		for _, c := range causes {
			all = append(all, row{Outcome: words.Outcome{Word: "will " + deed}, Cause: c})
		}
		return all
	}
	for _, c := range []struct {
		all  []row
		want string
	}{
		{nil, "[]"},
		{rows("update", "title", "title", "name"), "[Update: title=2 Update: name=1]"},
		{rows("update", "a", "b", "c"), "[Update: a=1 Update: b=1 Update: c=1]"},
		{rows("update", "a", "title", "b", "c", "title", "d"), "[Update: each for a reason of its own=4 Update: title=2]"},
		{append(rows("update", "a", "b", "c"), rows("create", "d")...), "[Update: a=1 Update: b=1 Update: c=1 Create: d=1]"},
		{rows("create", "", ""), "[Create=2]"},
	} {
		var got []string
		for _, g := range grouped(c.all) {
			got = append(got, fmt.Sprintf("%s=%d", g.Title, len(g.Rows)))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%v, want %s", got, c.want)
		}
	}
}
