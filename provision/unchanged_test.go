package provision_test

import (
	"testing"

	"lockstep/audit"
	"lockstep/plan"
	"lockstep/rule"
)

// TestEverybodyAgainHurtsNobody is for a full evaluation that noted as seen only whom it changed, and so took everybody who was as
// they should be for gone.
func TestEverybodyAgainHurtsNobody(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.file("groups.csv", smallGroups)
	w.run(w.in)
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.in)
	w.must(err)
	job.Rules.Objects[0].Attributes = append(job.Rules.Objects[0].Attributes, rule.Mapping{Target: "nickName", Source: &rule.MappingSource{Type: rule.FromConstant, Expression: "x"}})
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
	if c := w.run(w.in); c.Counts.Held+c.Counts.Deleted+c.Counts.Failed > 0 || c.Counts.Updated != 3 || c.Counts.Unchanged != 2 {
		t.Errorf("%+v", c.Counts)
		rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{Newest: true, Limit: 10})
		w.must(err)
		for _, r := range rows {
			t.Log(r.Kind, r.Source.Name, r.State, r.Detail)
		}
	}
}
