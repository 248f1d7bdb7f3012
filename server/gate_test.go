package server

import (
	"testing"
	"testing/synctest"
	"time"

	"lockstep"
)

// TestGate: what another node tells twenty times a second of a tenant for whom this one has nothing to do makes it look twice a second, and what
// it tells of one whom this one works for, or after a silence, makes it look at once. The last note is never lost.
func TestGate(t *testing.T) {
	looks := func(t *testing.T, notes int, every time.Duration, serves bool) (n int, longest time.Duration) {
		t.Helper()
		var told []time.Time // and not looked since
		g := newGate(func() {
			n++
			if len(told) > 0 {
				longest = max(longest, time.Since(told[0]))
			}
			told = nil
		})
		for range notes {
			told = append(told, time.Now())
			g.heard("t")
			if serves {
				g.serves("t")
			}
			time.Sleep(every)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(told) > 0 {
			t.Errorf("%d notes are lost", len(told))
		}
		return n, longest
	}
	for name, c := range map[string]struct {
		notes       int
		every       time.Duration
		serves      bool
		least, most int
		longest     time.Duration
	}{
		"another's work":  {200, 50 * time.Millisecond, false, 19, 25, gapMost},
		"one's own":       {200, 50 * time.Millisecond, true, 200, 200, 0},
		"now and then":    {20, 3 * time.Second, false, 20, 20, 0},
		"a few at once":   {3, time.Millisecond, false, 2, 2, gapFirst},
		"quick as a wink": {10_000, time.Millisecond, false, 19, 25, gapMost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, longest := looks(t, c.notes, c.every, c.serves)
				if n < c.least || n > c.most || longest > c.longest {
					t.Errorf("%d looks for %d notes, the latest after %v", n, c.notes, longest)
				}
			})
		})
	}
	t.Run("of another tenant", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			g := newGate(func() { n++ })
			for range 100 {
				g.heard("busy")
				time.Sleep(50 * time.Millisecond)
			}
			before := n
			g.heard("quiet")
			if n != before+1 {
				t.Error("it waits for the tenant who is busy")
			}
		})
	})
	t.Run("of very many", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			g := newGate(func() { n++ })
			for i := range 5 * gapsMost {
				g.heard(lockstep.TenantID(rune(i + 1)))
			}
			if n != 5*gapsMost || len(g.of) > gapsMost {
				t.Errorf("%d looks, %d remembered", n, len(g.of))
			}
		})
	})
}
