package operate

import (
	"cmp"
	"context"
	"slices"

	"lockstep/plan"
	"lockstep/provision"
)

// LogQuery selects lines of the provisioning logs of all apps and sources, newest first.
type LogQuery struct {
	Jobs []string // slugs or ids of apps and sources; none is all of them
	plan.ActionQuery
}

// LogLine is a line of a provisioning log with the job that it is of.
type LogLine struct {
	Job provision.Job
	plan.Action
}

// Log reads the provisioning logs of several jobs as one. Lines are in the order in which they were planned, the newest first; the id of
// the last is After of the next page.
func (o *Operator) Log(ctx context.Context, p Principal, q LogQuery) ([]LogLine, error) {
	jobs, err := o.logged(ctx, p, q.Jobs)
	if err != nil {
		return nil, err
	}
	return o.logOf(ctx, p, jobs, q)
}

// logged are the jobs whose logs are read.
func (o *Operator) logged(ctx context.Context, p Principal, names []string) ([]provision.Job, error) {
	if len(names) == 0 {
		return o.ListJobs(ctx, p)
	}
	var jobs []provision.Job
	for _, name := range names {
		j, err := o.Job(ctx, p, name)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func (o *Operator) logOf(ctx context.Context, p Principal, jobs []provision.Job, q LogQuery) ([]LogLine, error) {
	q.Newest, q.Limit = true, cmp.Or(q.Limit, 1000)
	var all []LogLine
	for _, j := range jobs {
		rows, err := o.Actions(ctx, p, j, q.ActionQuery)
		if err != nil {
			return nil, err
		}
		for _, a := range rows {
			all = append(all, LogLine{j, a})
		}
		slices.SortStableFunc(all, func(a, b LogLine) int { return cmp.Compare(b.ID, a.ID) })
		all = slices.Delete(all, min(len(all), q.Limit), len(all)) // so that many jobs take no more memory than one
	}
	return all, nil
}

// logPage is how many lines of a log are in memory at a time while all are read.
const logPage = 1000

// EachLine calls f with every line that the query selects, newest first. Lines that come meanwhile are not among them.
func (o *Operator) EachLine(ctx context.Context, p Principal, q LogQuery, f func(LogLine) error) error {
	jobs, err := o.logged(ctx, p, q.Jobs)
	if err != nil {
		return err
	}
	for q.Limit = logPage; ; {
		page, err := o.logOf(ctx, p, jobs, q)
		if err != nil {
			return err
		}
		for _, l := range page {
			if err := f(l); err != nil {
				return err
			}
			q.After = l.ID
		}
		if len(page) < q.Limit {
			return nil
		}
	}
}
