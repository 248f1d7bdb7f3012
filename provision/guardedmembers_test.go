package provision_test

import (
	"fmt"
	"testing"

	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
)

// linked gives the job links and written references of its own making: groups with all the people, of which some shall go.
func (w *world) linked(groups, people, leaving int) {
	w.Helper()
	job, err := w.db.Provision().Claim(w.ctx, w.tenant, w.out, 0)
	w.must(err)
	var links []plan.Link
	for i := range people {
		links = append(links, plan.Link{Source: connection.Ref{Type: "User", ID: fmt.Sprintf("u%d", i)}, Target: fmt.Sprintf("t%d", i), Name: fmt.Sprint(i)})
	}
	for g := range groups {
		links = append(links, plan.Link{Source: connection.Ref{Type: "Group", ID: fmt.Sprintf("g%d", g)}, Target: fmt.Sprintf("tg%d", g), Name: fmt.Sprint(g)})
	}
	w.must(w.db.Provision().Commit(w.ctx, w.tenant, w.out, job.Epoch, provision.Batch{Links: links}))
	for g := range groups {
		var b, gone provision.Batch
		for i := range people {
			e := plan.ReferenceRow{From: links[people+g].Source, Attribute: "members", To: links[i].Source, Wanted: true, Written: true}
			b.Wanted = append(b.Wanted, e)
			e.Wanted = false
			gone.Wanted = append(gone.Wanted, e)
		}
		b.Written = b.Wanted
		w.must(w.db.Provision().Commit(w.ctx, w.tenant, w.out, job.Epoch, b))
		if g < leaving {
			w.must(w.db.Provision().Commit(w.ctx, w.tenant, w.out, job.Epoch, gone))
		}
	}
}

// TestRemovalsAreCountedAsAWhole is for a guard that saw removals of members in pieces of 10,000, each too small to be held.
func TestRemovalsAreCountedAsAWhole(t *testing.T) {
	w := newWorld(t)
	w.run(w.out)
	w.linked(105, 1000, 11)
	w.requests()
	w.person("ada")
	c := w.run(w.out)
	if asked := w.requests(); c.Counts.Held != 11 || c.Counts.Referred > 0 {
		t.Errorf("%+v, the organisation was asked %s", c.Counts, asked)
	}
}

// TestReferencesWithoutARuleRest is for a job that fell over references of objects that its rules bring no more.
func TestReferencesWithoutARuleRest(t *testing.T) {
	w := newWorld(t)
	w.run(w.out)
	w.linked(2, 2, 1)
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	job.Policy.Groups = false
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
	w.requests()
	w.run(w.out)
}
