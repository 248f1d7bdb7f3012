package provision_test

import (
	"strings"
	"testing"
)

// TestSweepSurvivesADeath is for a whole read whose last page was committed while who was not listed had not been planned for:
// the next slice found nothing new in the file and the leaver stayed.
func TestSweepSurvivesADeath(t *testing.T) {
	for commits := range 6 {
		w := started(t)
		w.file("people.csv", strings.Replace(smallPeople, "3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2\n", "", 1))
		w.file("groups.csv", strings.Replace(smallGroups, "2;3", "2", 1))
		w.restart(&death{Store: w.db.Provision(), commits: commits})
		w.due(w.in)
		for range 4 {
			turn, err := w.engine.Slice(w.ctx, w.tenant, w.in)
			if err != nil || !turn.Reading {
				break
			}
			w.awaitRead(w.in)
		}
		w.restart(w.db.Provision())
		w.untilDone(w.in)
		w.untilDone(w.out)
		if !strings.Contains(w.target(), "user cleo@acme.example inactive") {
			t.Errorf("after a death at commit %d the leaver has not left:\n%s", commits, w.target())
		}
	}
}
