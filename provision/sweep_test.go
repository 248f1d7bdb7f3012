package provision_test

import (
	"context"
	"strings"
	"testing"

	"lockstep/connection"
	"lockstep/provision"
)

// TestSweepSurvivesADeath is for a whole read whose last page was committed while who was not listed had not been planned for:
// the next slice found nothing new in the file and the leaver stayed.
func TestSweepSurvivesADeath(t *testing.T) {
	for commits := range 6 {
		w := started(t)
		w.file("people.csv", strings.Replace(smallPeople, "3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2\n", "", 1))
		w.file("groups.csv", strings.Replace(smallGroups, "2;3", "2", 1))
		w.restart(&death{Store: w.db.Provision(), commits: commits})
		_, _ = w.engine.Slice(w.ctx, w.tenant, w.in)
		w.restart(w.db.Provision())
		w.untilDone(w.in)
		w.untilDone(w.out)
		if !strings.Contains(w.target(), "user cleo@acme.example inactive") {
			t.Errorf("after a death at commit %d the leaver has not left:\n%s", commits, w.target())
		}
	}
}

// halfRead is a source whose first page does not know yet that something will be withheld.
type halfRead struct {
	connection.Source
	objects []connection.Object
}

func (s halfRead) Read(_ context.Context, _ connection.Cursor, page func(connection.Page) error) error {
	if err := page(connection.Page{Objects: s.objects, Next: "1", Whole: true}); err != nil {
		return err
	}
	return page(connection.Page{Next: "2", Last: true})
}

type sourced struct {
	*world
	source connection.Source
}

func (s sourced) Source(context.Context, provision.Job) (connection.Source, error) {
	return s.source, nil
}

// TestReadThatTurnsOutIncomplete: only the last page of a read can say that it was whole.
func TestReadThatTurnsOutIncomplete(t *testing.T) {
	w := started(t)
	source, err := w.Source(w.ctx, provision.Job{})
	w.must(err)
	var all []connection.Object
	w.must(source.Read(w.ctx, "", func(p connection.Page) error {
		all = append(all, p.Objects...)
		return nil
	}))
	w.engine.Connect = sourced{world: w, source: halfRead{Source: source, objects: all[:2]}}
	before := w.target()
	w.run(w.in)
	w.run(w.out)
	if after := w.target(); after != before {
		t.Errorf("an incomplete read made people leave:\n%s", after)
	}
}
