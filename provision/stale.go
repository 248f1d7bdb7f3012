package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// upToDate leaves those rows out that waited for somebody, in a manual job's plan or because they were held, and that do not hold any
// more: the rules or the object have changed meanwhile. The next plan looks at them again; what was held is held until then. What
// nobody decides on is carried out at once.
func (a *applier) upToDate(ctx context.Context, rows []plan.Action) ([]plan.Action, error) {
	waited := func(row plan.Action) bool { return a.job.Manual || !row.Decided.At.IsZero() }
	if !slices.ContainsFunc(rows, waited) {
		return rows, nil
	}
	versions, err := a.versions(ctx, rows)
	if err != nil {
		return nil, err
	}
	var fresh []plan.Action
	var stale []plan.Transition
	var due []connection.Ref
	for _, row := range rows {
		if !waited(row) {
			fresh = append(fresh, row)
			continue
		}
		why := ""
		switch version, there := versions[row.Source.Ref]; {
		case a.cycle.Config != a.job.Config:
			why = "the rules or the policy have changed since it was planned"
		case versions == nil || row.Seen.Version == "" && !row.Seen.Gone: // cannot be told, or is about references
		case row.Seen.Gone == there, there && version != row.Seen.Version:
			why = fmt.Sprintf("%s has changed since it was planned", row.Source.Name)
		}
		if why == "" {
			fresh = append(fresh, row)
			continue
		}
		left := plan.Transition{ID: row.ID, From: plan.Planned, To: plan.LeftOut, Code: lockstep.CodePlanStale, Detail: why, At: a.now()}
		if !row.Decided.At.IsZero() { // it was held, and needs another decision
			left.To, left.Code, left.Detail, left.At = plan.Held, lockstep.CodeGuardHeld, why+", and approved before that", time.Time{}
		}
		stale = append(stale, left)
		due = append(due, row.Source.Ref)
	}
	if len(stale) == 0 {
		return fresh, nil
	}
	return fresh, a.commit(ctx, Batch{Moved: stale, Due: due})
}

// versions returns the present versions of the rows' source objects; nil when the source cannot tell.
func (a *applier) versions(ctx context.Context, rows []plan.Action) (map[connection.Ref]string, error) {
	refs := make([]connection.Ref, len(rows))
	for i := range rows {
		refs[i] = rows[i].Source.Ref
	}
	objects, err := a.source.Get(ctx, refs...)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s again: %w", a.from.Name, err)
	}
	versions := make(map[connection.Ref]string, len(objects))
	for _, o := range objects {
		versions[o.Ref] = o.Version
	}
	return versions, nil
}
