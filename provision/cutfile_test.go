package provision_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestCutFileLosesNobody: nobody leaves because of a copy that was broken off at the end of a line or within the last row, and an export that ends its last
// line no longer goes on all the same.
func TestCutFileLosesNobody(t *testing.T) {
	w := newWorld(t)
	all := func(n int) string {
		var b strings.Builder
		b.WriteString("id,userName,title\n")
		for i := range n {
			fmt.Fprintf(&b, "%d,u%03d@acme.example,Clerk\n", i, i)
		}
		return b.String()
	}
	there := func(what string, n, boss int) {
		t.Helper()
		w.run(w.in)
		w.run(w.out)
		got := w.target()
		if active := strings.Count(got, "user ") - strings.Count(got, " inactive"); active != n || strings.Count(got, "title=Boss") != boss || strings.Contains(got, "title=Cl\n") {
			t.Errorf("%s: %d people, want %d:\n%s", what, active, n, got)
		}
	}
	whole := all(200)
	w.file("people.csv", whole)
	there("whole", 200, 0)
	half := len(all(100))
	w.file("people.csv", strings.Replace(whole[:half-1], "u007@acme.example,Clerk", "u007@acme.example,Boss", 1))
	there("cut off at the end of a line", 200, 1)
	w.file("people.csv", whole[:half-4])
	there("cut off in the last value", 200, 0)
	less := strings.TrimSuffix(strings.Replace(whole, "3,u003@acme.example,Clerk\n", "", 1), "\n") // as large as before, but for one
	w.file("people.csv", less)
	there("the first one of that size that does not end its last line, after copies that were cut off", 200, 0)
	w.file("people.csv", strings.Replace(less, "u007@acme.example,Clerk", "u007@acme.example,Boss", 1))
	there("the second one, which ends in the same row", 199, 1)
	w.file("people.csv", strings.TrimSuffix(whole, "\n"))
	there("and a third one", 200, 0)
}
