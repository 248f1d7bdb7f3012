package provision_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep/audit"
	"lockstep/provision"
)

// TestManyRenamesAreAskedFor: whether many new names are free is asked of the target, some names a call, as long as that takes fewer calls than to
// read it all; more have it read.
func TestManyRenamesAreAskedFor(t *testing.T) {
	const people = 1300
	w := newWorld(t)
	has := func(renamed int) {
		w.Helper()
		var text strings.Builder
		text.WriteString("id,userName,displayName\n")
		for i := range people {
			name := fmt.Sprintf("p%d", i)
			if i < renamed {
				name = fmt.Sprintf("n%d-%d", renamed, i)
			}
			fmt.Fprintf(&text, "%d,%s@acme.example,Person %d\n", i, name, i)
		}
		w.file("people.csv", text.String())
		w.run(w.in)
	}
	has(0)
	w.run(w.out)
	for _, c := range []struct {
		renamed int
		read    bool
	}{{120, false}, {300, true}} {
		has(c.renamed)
		w.requests()
		cycle, rows := w.review()
		asked := w.requests()
		t.Logf("%d renames: %s", c.renamed, asked)
		if cycle.Kind != provision.Incremental || cycle.Listed != c.read || len(rows) < c.renamed {
			t.Errorf("%d renames: %s, read %t, %d rows", c.renamed, cycle.Kind, cycle.Listed, len(rows))
		}
		w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: cycle.ID, Discard: true}))
	}
}
