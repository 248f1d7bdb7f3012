package operate

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// Plan is what a job would do.
type Plan struct {
	Job      provision.Job
	Cycle    *provision.Cycle // that waits for apply; nil for a preview, or when there is nothing to do
	Preview  bool             // nothing was kept: the job is in mode auto
	Counts   provision.Counts
	Kinds    map[rule.Kind]int // rows that would be carried out
	Held     int
	Problems int
	Left     int           // that somebody has left out
	Rows     []plan.Action // the first of them
	More     int           // how many were left out
	State    State         // how the job stands with this plan
	Shared   []Sharing     // other apps that lead to the same place
	Warnings []Warning     // what should be known before it is applied
}

// Plan plans a job. In mode manual the plan takes the place of one that waits already and is kept for Apply; else it is a
// preview. At most limit rows are read, and it takes at most wait.
func (o *Operator) Plan(ctx context.Context, p Principal, name string, limit int, wait time.Duration) (Plan, error) {
	if err := p.some(AppsWrite); err != nil {
		return Plan{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return Plan{}, err
	}
	short, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	made, err := o.planned(short, p, j, limit)
	if err != nil {
		return made, err
	}
	if made.Job, err = o.jobNamed(ctx, p.Tenant, string(j.ID)); err != nil {
		return made, err
	}
	return o.standing(ctx, p, made)
}

// standing adds to a plan how its job stands, and which other apps lead to the same place.
func (o *Operator) standing(ctx context.Context, p Principal, made Plan) (Plan, error) {
	var err error
	if made.Cycle == nil { // Review has told it of a plan that waits
		if made.Shared, err = o.shared(ctx, p, made.Job, made.Rows); err != nil {
			return made, err
		}
	}
	made.State, err = o.State(ctx, p, made.Job)
	return made, err
}

// WaitingPlan is the plan that waits for Apply, as it was made. The error has lockstep.CodeNotFound when none waits.
func (o *Operator) WaitingPlan(ctx context.Context, p Principal, name string, limit int) (Plan, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return Plan{}, err
	}
	if j.Cycle == nil || j.Cycle.Phase != provision.Review {
		return Plan{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "No plan of " + j.Slug + " waits."}
	}
	made, err := o.Review(ctx, p, j, *j.Cycle, plan.ActionQuery{Limit: limit})
	if err != nil {
		return made, err
	}
	return o.standing(ctx, p, made)
}

func (o *Operator) planned(ctx context.Context, p Principal, j provision.Job, limit int) (Plan, error) {
	if !j.Manual {
		return o.preview(ctx, p, j, limit)
	}
	cycle, err := o.newReview(ctx, p, j)
	if err != nil || cycle == nil {
		return Plan{Kinds: map[rule.Kind]int{}}, err
	}
	return o.Review(ctx, p, j, *cycle, plan.ActionQuery{Limit: limit})
}

func (o *Operator) preview(ctx context.Context, p Principal, j provision.Job, limit int) (Plan, error) {
	out := Plan{Preview: true, Kinds: map[rule.Kind]int{}}
	var err error
	var comers []newcomer
	byMail := o.namedByMail(j)
	out.Counts, err = o.Engine.Preview(ctx, p.Tenant, j.ID, func(a plan.Action) error {
		switch {
		case a.State == plan.Held:
			out.Held++
		case a.Code != "":
			out.Problems++
		default:
			out.Kinds[a.Kind]++
		}
		if n, is := newcomerOf(&a); is && byMail && len(comers) < mostCreates {
			comers = append(comers, n)
		}
		if len(out.Rows) < limit {
			out.Rows = append(out.Rows, a)
		} else {
			out.More++
		}
		return nil
	})
	if err == nil && len(comers) > 0 {
		out.Warnings, err = o.secondAccounts(ctx, p, j, comers)
	}
	return out, err
}

// newReview opens a planning cycle, in place of a plan that waits already, and waits until it can be reviewed. Without
// anything to do there is no cycle to review.
func (o *Operator) newReview(ctx context.Context, p Principal, j provision.Job) (*provision.Cycle, error) {
	if j.Cycle != nil {
		switch j.Cycle.Phase {
		case provision.Applying:
			return nil, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A plan is being applied; make a new one when it has ended."}
		case provision.Review:
			err := o.Settings.Decide(ctx, p.Actor, p.Tenant, j.ID, provision.Verdict{Cycle: j.Cycle.ID, Discard: true})
			if err != nil {
				return nil, err
			}
		}
	}
	began := o.now()
	if _, err := o.Run(ctx, p, string(j.ID), false); err != nil {
		return nil, err
	}
	var cycle *provision.Cycle
	err := o.await(ctx, p.Tenant, j.ID, func(now provision.Job) (bool, error) {
		if failed := stopped(now, began); failed != nil {
			return false, failed
		}
		if now.Cycle != nil && now.Cycle.Phase == provision.Review {
			cycle = now.Cycle
			return true, nil
		}
		if now.Cycle != nil {
			return false, nil
		}
		last, err := o.Jobs.Cycles(ctx, p.Tenant, j.ID, 1)
		return err == nil && len(last) == 1 && !last[0].EndedAt.Before(began), err
	})
	return cycle, err
}

// stopped returns why the job has stopped since the instant, or nil.
func stopped(j provision.Job, since time.Time) error {
	if j.Code == "" || j.NotBefore.Before(since) {
		return nil
	}
	return &lockstep.Error{Code: j.Code, Detail: j.Detail}
}

// poll is how often a waiting request looks at a job.
const poll = 50 * time.Millisecond

// await calls done with the job until it says so, fails, or the time is up.
func (o *Operator) await(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, done func(provision.Job) (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		j, err := o.Jobs.Job(ctx, t, id)
		if err != nil {
			return err
		}
		if ok, err := done(j); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return &lockstep.Error{Code: lockstep.CodeTimeout, Detail: "The job is still at work; look at it again later.", Err: ctx.Err()}
		case <-tick.C:
		}
	}
}

// Review reads a plan that waits back from the store: what it counts, and the rows that the query selects of it.
func (o *Operator) Review(ctx context.Context, p Principal, j provision.Job, cycle provision.Cycle, q plan.ActionQuery) (Plan, error) {
	out := Plan{Job: j, Cycle: &cycle, Counts: cycle.Counts, Kinds: map[rule.Kind]int{}}
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return out, err
	}
	groups, err := o.Jobs.WaitingGroups(ctx, p.Tenant, j.ID, plan.Planned)
	if err != nil {
		return out, err
	}
	for _, g := range groups {
		out.Kinds[g.Kind] += g.N
	}
	rest, err := o.Jobs.CycleGroups(ctx, p.Tenant, j.ID, cycle.ID, plan.Held, plan.Skipped, plan.Refused, plan.Failed, plan.Rejected)
	if err != nil {
		return out, err
	}
	for _, g := range rest {
		switch g.State {
		case plan.Held:
			out.Held += g.N
		case plan.Rejected:
			out.Left += g.N
		case plan.Skipped, plan.Refused, plan.Failed, plan.Planned, plan.LeftOut, plan.Open, plan.Done:
			out.Problems += g.N
		}
	}
	out.More = total(groups) + out.Held + out.Problems + out.Left
	q.Cycle = cycle.ID
	out.Rows, err = o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
	out.More = max(0, out.More-len(out.Rows))
	if err == nil {
		out.Shared, err = o.shared(ctx, p, j, out.Rows)
	}
	if err == nil {
		out.Warnings, err = o.warnings(ctx, p, j, cycle.ID)
	}
	return out, err
}

// Answer is what somebody says to a plan that waits.
type Answer struct {
	// Cycle is that very plan, as it was shown, or nothing: it is refused with plan.stale when another one has taken its place, or when the job's
	// rules have changed since it was made. "" is the one that waits.
	Cycle   lockstep.CycleID
	Approve []lockstep.ActionID // held rows that may go
	Reject  []lockstep.ActionID // rows that are left out
	Note    string              // why, in their own words
}

// Apply lets the plan that waits go ahead.
func (o *Operator) Apply(ctx context.Context, p Principal, name string, a Answer) (provision.Cycle, error) {
	return o.decidePlan(ctx, p, name, a.Cycle, provision.Verdict{Apply: true, Approve: a.Approve, Reject: a.Reject, Note: a.Note})
}

// Discard drops the plan that waits.
func (o *Operator) Discard(ctx context.Context, p Principal, name string, a Answer) (provision.Cycle, error) {
	return o.decidePlan(ctx, p, name, a.Cycle, provision.Verdict{Discard: true, Note: a.Note})
}

func (o *Operator) decidePlan(ctx context.Context, p Principal, name string, cycle lockstep.CycleID, v provision.Verdict) (provision.Cycle, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Cycle{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return provision.Cycle{}, err
	}
	if len(v.Approve) > 0 {
		if err := o.proved(p); err != nil {
			return provision.Cycle{}, err
		}
	}
	if v.Note, err = noteOf(v.Note); err != nil {
		return provision.Cycle{}, err
	}
	if err := o.waits(ctx, p, j, cycle, v.Apply); err != nil {
		return provision.Cycle{}, err
	}
	v.Cycle = j.Cycle.ID
	if err := o.Settings.Decide(ctx, p.Actor, p.Tenant, j.ID, v); err != nil {
		return provision.Cycle{}, err
	}
	o.wake()
	return o.cycle(ctx, p.Tenant, j.ID, v.Cycle)
}

// waits says why the plan that is meant does not wait, or cannot be applied.
func (o *Operator) waits(ctx context.Context, p Principal, j provision.Job, cycle lockstep.CycleID, apply bool) error {
	switch {
	case j.Cycle == nil || j.Cycle.Phase != provision.Review:
		return o.gone(ctx, p, j, cycle)
	case cycle != "" && j.Cycle.ID != cycle:
		return o.replaced(ctx, p, j, cycle)
	case apply && j.Cycle.Config != j.Config:
		return o.outdated(ctx, p, j)
	}
	return nil
}

// Held is how many changes a decision concerned.
type Held struct{ Approved, Rejected int }

// HeldAnswer is what somebody says to what is held.
type HeldAnswer struct {
	Approve, Reject       []lockstep.ActionID
	ApproveAll, RejectAll []plan.RowGroup // all of a deed and a cause, as they were counted: refused with plan.stale when they are more or fewer by now
	Note                  string          // why, in their own words
}

// DecideHeld approves or rejects held changes.
func (o *Operator) DecideHeld(ctx context.Context, p Principal, name string, a HeldAnswer) (Held, error) {
	if err := p.some(AppsWrite); err != nil {
		return Held{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return Held{}, err
	}
	if len(a.Approve)+len(a.ApproveAll) > 0 {
		if err := o.proved(p); err != nil {
			return Held{}, err
		}
	}
	if len(a.Approve)+len(a.Reject)+len(a.ApproveAll)+len(a.RejectAll) == 0 {
		return Held{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "Nothing is held."}
	}
	v := provision.Verdict{Approve: a.Approve, Reject: a.Reject, ApproveAll: a.ApproveAll, RejectAll: a.RejectAll}
	if v.Note, err = noteOf(a.Note); err != nil {
		return Held{}, err
	}
	for _, g := range slices.Concat(a.ApproveAll, a.RejectAll) {
		if g.State != plan.Held {
			return Held{}, invalid("Only what is held can be decided on.")
		}
	}
	if j.Cycle != nil {
		v.Cycle = j.Cycle.ID
	}
	if err := o.Settings.Decide(ctx, p.Actor, p.Tenant, j.ID, v); err != nil {
		return Held{}, err
	}
	o.wake()
	return Held{Approved: len(a.Approve) + total(a.ApproveAll), Rejected: len(a.Reject) + total(a.RejectAll)}, nil
}

// noteOf is why somebody decides, as it is kept.
func noteOf(text string) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > mostNote {
		return "", invalidIn("note", "A note has at most "+words.Number(mostNote)+" letters.")
	}
	return words.Clean(text), nil
}

// Explain tells step by step why an object is or is not at the target. name is what a person calls it: id, user name, address;
// of a group id or name.
func (o *Operator) Explain(ctx context.Context, p Principal, job, typ, name string) (provision.Explanation, error) {
	j, err := o.Job(ctx, p, job)
	if err != nil {
		return provision.Explanation{}, err
	}
	ref, shown, err := o.sourceRef(ctx, p, j, typ, name)
	if err != nil {
		return provision.Explanation{}, err
	}
	x, err := o.Engine.Explain(ctx, p.Tenant, j.ID, ref)
	if x.Source.Name == "" {
		x.Source.Name = shown
	}
	return x, err
}

// ExplainRef is Explain for an object of the job's source.
func (o *Operator) ExplainRef(ctx context.Context, p Principal, j provision.Job, ref connection.Ref) (provision.Explanation, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return provision.Explanation{}, err
	}
	return o.Engine.Explain(ctx, p.Tenant, j.ID, ref)
}

// sourceRef finds what the name means at the job's source. An inbound job's source has ids of its own: a person of the
// directory is found there by the link, anything else is taken as an id of the source.
func (o *Operator) sourceRef(ctx context.Context, p Principal, j provision.Job, typ, name string) (connection.Ref, string, error) {
	id, shown, err := o.directoryID(ctx, p, typ, name)
	switch {
	case j.Direction == provision.Outbound:
		return connection.Ref{Type: typ, ID: id}, shown, err
	case lockstep.CodeOf(err) == lockstep.CodeNotFound:
		return connection.Ref{Type: typ, ID: name}, name, nil
	case err != nil:
		return connection.Ref{}, "", err
	}
	links, err := o.Links(ctx, p, j, plan.LinkQuery{Type: typ, Targets: []string{id}, Limit: 1})
	if err != nil || len(links) == 0 {
		return connection.Ref{Type: typ, ID: name}, shown, err
	}
	return links[0].Source, shown, nil
}

func (o *Operator) directoryID(ctx context.Context, p Principal, typ, name string) (id, shown string, err error) {
	if typ == string(directory.GroupKind) {
		g, err := o.Group(ctx, p, name, true)
		return string(g.ID), g.Attributes.Text("displayName"), err
	}
	u, err := o.User(ctx, p, name, true)
	return string(u.ID), u.Attributes.Text("userName"), err
}
