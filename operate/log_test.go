package operate_test

import (
	"context"
	"fmt"
	"testing"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
)

// logs are two jobs with many lines, which take turns.
type logs struct {
	provision.Store
	operate.Settings
	most int // lines that were asked for at once
}

func (l *logs) ListJobs(context.Context, lockstep.TenantID) ([]provision.Job, error) {
	return []provision.Job{{ID: "even", Slug: "even"}, {ID: "odd", Slug: "odd"}}, nil
}

func (l *logs) Actions(_ context.Context, _ lockstep.TenantID, job lockstep.JobID, q plan.ActionQuery) (all []plan.Action, err error) {
	l.most = max(l.most, q.Limit)
	for i := 3999; i >= 0 && len(all) < q.Limit; i-- {
		id := lockstep.ActionID(fmt.Sprintf("%06d", i))
		if (i%2 == 0) == (job == "even") && (q.After == "" || id < q.After) {
			all = append(all, plan.Action{ID: id})
		}
	}
	return all, nil
}

// TestLogOfSeveralJobs: the logs of several jobs are read as one, each line once, a bounded number of them at a time.
func TestLogOfSeveralJobs(t *testing.T) {
	l := &logs{}
	o := &operate.Operator{Jobs: l, Settings: l}
	next := 3999
	err := o.EachLine(t.Context(), operate.Machine("acme"), operate.LogQuery{}, func(line operate.LogLine) error {
		job := "even"
		if next%2 == 1 {
			job = "odd"
		}
		if want := fmt.Sprintf("%06d", next); string(line.ID) != want || line.Job.Slug != job {
			t.Fatalf("line %s of %s, want %s of %s", line.ID, line.Job.Slug, want, job)
		}
		next--
		return nil
	})
	if err != nil || next != -1 || l.most > 1000 {
		t.Errorf("%v; %d lines are missing; %d at a time", err, next+1, l.most)
	}
	some, err := o.Log(t.Context(), operate.Machine("acme"), operate.LogQuery{ActionQuery: plan.ActionQuery{After: "000005", Limit: 3}})
	if err != nil || len(some) != 3 || some[0].ID != "000004" || some[2].ID != "000002" {
		t.Errorf("%v, %v", some, err)
	}
}
