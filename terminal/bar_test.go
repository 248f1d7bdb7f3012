package terminal

import (
	"strings"
	"testing"
	"time"
)

// TestBarInAFile: where nobody looks, a bar is a line at the start, at each tenth, at each step, and every ten seconds; it never goes back.
func TestBarInAFile(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	b := NewBar(New(&out))
	b.now = func() time.Time { return now }
	for _, s := range []struct {
		after time.Duration
		step  Step
	}{
		{0, Step{Name: "planning", Total: 100}},
		{time.Second, Step{Name: "planning", Done: 9, Total: 100}},
		{time.Second, Step{Name: "planning", Done: 10, Total: 100}},
		{time.Second, Step{Name: "planning", Done: 5, Total: 100}},
		{10 * time.Second, Step{Name: "planning", Done: 5, Total: 100}},
		{time.Second, Step{Name: "applying", Done: 1, Total: 3, More: "created 1", Speed: true}},
		{time.Second, Step{Name: "applying", Done: 4, Total: 3}},
	} {
		now = now.Add(s.after)
		b.Show(s.step)
	}
	b.Clear()
	want := "planning 0/100\nplanning 10/100\nplanning 10/100\napplying 1/3\napplying 4/4\n"
	if out.String() != want {
		t.Errorf("written:\n%swant:\n%s", out.String(), want)
	}
}

// TestBlocks: a bar is full only when everything is done.
func TestBlocks(t *testing.T) {
	for _, c := range []struct{ done, total, full int }{{0, 3, 0}, {3, 3, barWidth}, {999, 1000, barWidth - 1}, {1, 2, barWidth / 2}} {
		if got := strings.Count(blocks(c.done, c.total), "█"); got != c.full {
			t.Errorf("%d of %d: %d blocks", c.done, c.total, got)
		}
	}
}
