package sso

import (
	"fmt"
	"testing"
	"time"
)

// TestLimitsCannotBeFlooded: whoever tries a password for each of very many names, from one place or from many, frees nobody who has tried too
// often, and the table does not grow.
func TestLimitsCannotBeFlooded(t *testing.T) {
	for name, place := range map[string]func(int) string{"one place": func(int) string { return "b" }, "many places": func(i int) string { return fmt.Sprint("b", i) }} {
		t.Run(name, func(t *testing.T) {
			var l limits
			now := time.Now()
			for range triesByName + 1 {
				l.mayTry("t", "ada", "a", now)
			}
			for i := range 2 * maxCounts {
				l.mayTry("t", fmt.Sprint("name", i), place(i), now)
			}
			if l.mayTry("t", "ada", "a", now) {
				t.Error("more tries for who had too many")
			}
			if name == "one place" && (l.mayTry("t", "another", "b", now) || len(l.counts) > 2*triesFrom) {
				t.Errorf("more tries from where too many came; %d counts", len(l.counts))
			}
			if len(l.counts) > maxCounts {
				t.Errorf("%d counts", len(l.counts))
			}
			if later := now.Add(triesFor); !l.mayTry("t", "ada", "a", later) {
				t.Error("for ever")
			}
		})
	}
}
