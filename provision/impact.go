package provision

import (
	"context"
	"errors"
	"io"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// Proposal is what a job might be set to.
type Proposal struct {
	Configuration plan.Configuration
	Assignments   []rule.AssignmentChange
	Within        time.Duration // how long it may take before it ends with what it has looked at; 0 is as long as it takes
}

// Impact is what a proposal would make otherwise, in objects of the source: people and groups.
type Impact struct {
	Looked   int               // objects that were looked at
	Partial  bool              // time ran out before all were
	Enters   int               // come into scope
	Leaves   int               // leave it
	LetGo    int               // are in scope, and no rule brings objects of their type any more: nothing is done with them
	Touched  map[string]int    // those with a row in the plan, by type
	Kinds    map[rule.Kind]int // their rows
	Held     int               // of the rows, those that the guard would hold
	Failed   int               // objects that could not be planned: what is wrong is in their rows
	Unread   bool              // the outside system was never read: a create may turn out to be a link
	Requests int               // that the target was asked; the proposal itself asks none
}

// Impact plans what would become otherwise if the job were set to the proposal, and writes nothing: it looks for the objects about whose scope or
// values the rules in force and those proposed decide otherwise, and plans these as the next cycle would. What the job has to do for
// other reasons is not in it. Nor are objects whose own values stay the same: memberships and managers that follow from somebody
// who comes or goes. The outside system is not asked about any object, but looked up as it was last read. f gets the rows in the order in
// which they would be carried out.
func (e *Engine) Impact(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, p Proposal, f func(plan.Action) error) (Impact, error) {
	out := Impact{Touched: map[string]int{}, Kinds: map[rule.Kind]int{}}
	r, err := e.ask(ctx, t, id)
	if err != nil {
		return out, err
	}
	i := &impact{run: r, began: e.now(), within: p.Within, out: &out}
	if err := i.open(ctx, p); err != nil {
		return out, err
	}
	if len(i.differ) == 0 {
		return out, nil
	}
	if err := i.prepare(ctx); err != nil {
		return out, err
	}
	if err := i.plan(ctx); err != nil {
		return out, err
	}
	return out, i.tell(f)
}

// impact is a proposal being looked at.
type impact struct {
	*run
	differ map[string]*plan.Divergence
	was    connection.Getter // objects as the rules in force see them; nil when that makes no difference
	memory *plan.Memory
	chosen map[connection.Ref]bool // who was planned
	began  time.Time
	within time.Duration
	out    *Impact
}

// open opens both ends as the proposal sees them, and finds out what it makes otherwise.
func (i *impact) open(ctx context.Context, p Proposal) error {
	inForce := i.job.Configuration()
	p.Configuration.Policy.Excluded = inForce.Policy.Excluded
	nested, was := p.Configuration.Policy.Nested, inForce.Policy.Nested
	i.job.Rules, i.job.Policy = p.Configuration.Rules, p.Configuration.Policy
	if err := i.run.open(ctx); err != nil {
		return err
	}
	if i.job.Direction == Outbound && (nested != was || len(p.Assignments) > 0) {
		i.source = i.Directory.SourceWith(i.job.Tenant, i.job.App, nested, !i.to.Nesting, p.Assignments)
		i.was = i.Directory.Source(i.job.Tenant, i.job.App, was, !i.to.Nesting)
	}
	var err error
	i.differ, err = plan.Diverge(inForce, p.Configuration, plan.Ends{Way: i.job.Direction, From: i.from, To: i.to, Granted: i.was != nil})
	return err
}

func (i *impact) prepare(ctx context.Context) error {
	i.memory = plan.NewMemory(i.stored(), i.stored(), i.cycle.ID)
	i.decide = i.planner(i.memory, i.memory, i.memory)
	i.decide.Search = seen{i.run}
	i.chosen = map[connection.Ref]bool{}
	if err := i.run.prepare(ctx); err != nil {
		return err
	}
	_, err := i.unread(ctx)
	if lockstep.CodeOf(err) == lockstep.CodeUnread && i.job.Direction == Outbound {
		i.out.Unread, err = true, nil
	}
	return err
}

// errEnough ends the reading of a source early: there is nothing more to see, or the time has run out.
var errEnough = errors.New("enough was read")

// plan plans page by page, while the next page is being read.
func (i *impact) plan(ctx context.Context) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	pages, done := make(chan connection.Page), make(chan error, 1)
	go func() {
		done <- i.source.Read(reading, "", func(page connection.Page) error {
			select {
			case pages <- page:
				return nil
			case <-reading.Done():
				return reading.Err()
			}
		})
		close(pages)
	}()
	now, random := i.now(), i.random()
	var failed error
	for page := range pages {
		if failed == nil {
			failed = i.next(ctx, page, now, random)
		}
		if failed != nil {
			stop()
		}
	}
	err := <-done
	if failed != nil {
		err = failed
	}
	if err != nil && err != errEnough { //nolint:errorlint // it is this file's own
		return err
	}
	return i.decide.Finish(ctx, i.memory.Sum.Planned > 0)
}

func (i *impact) next(ctx context.Context, page connection.Page, now time.Time, random io.Reader) error {
	if i.within > 0 && i.now().Sub(i.began) > i.within {
		i.out.Partial = true
		return errEnough
	}
	if i.job.Direction == Outbound && len(page.Objects) > 0 && page.Objects[0].Type == connection.GroupType && i.differ[connection.GroupType] == nil {
		return errEnough // groups come last
	}
	return i.page(ctx, page, now, random)
}

// page plans those of a page about whom the proposal decides otherwise.
func (i *impact) page(ctx context.Context, page connection.Page, now time.Time, random io.Reader) error {
	i.out.Looked += len(page.Objects)
	before, err := i.grants(ctx, page.Objects)
	if err != nil {
		return err
	}
	var touched []connection.Object
	for _, o := range page.Objects {
		d := i.differ[o.Type]
		if d == nil {
			continue
		}
		had := o.Grants
		if i.was != nil {
			had = before[o.Ref]
		}
		differs := d.Of(o, had, now, random)
		i.count(differs)
		if differs.Any() {
			i.chosen[o.Ref] = true
			touched = append(touched, o)
		}
	}
	if len(touched) == 0 {
		return ctx.Err()
	}
	piece, err := i.decide.Page(ctx, connection.Page{Objects: touched}, false)
	if err != nil {
		return err
	}
	return i.memory.Take(ctx, piece)
}

func (i *impact) count(d plan.Differs) {
	switch {
	case d.Enters:
		i.out.Enters++
	case d.Leaves:
		i.out.Leaves++
	case d.LetGo:
		i.out.LetGo++
	}
}

// grants are those that the objects have now.
func (i *impact) grants(ctx context.Context, all []connection.Object) (map[connection.Ref][]rule.Grant, error) {
	if i.was == nil || len(all) == 0 {
		return nil, nil
	}
	refs := make([]connection.Ref, len(all))
	for n, o := range all {
		refs[n] = o.Ref
	}
	now, err := i.was.Get(ctx, refs...)
	had := make(map[connection.Ref][]rule.Grant, len(now))
	for _, o := range now {
		had[o.Ref] = o.Grants
	}
	return had, err
}

// tell counts the rows of those who were planned, and hands them on.
func (i *impact) tell(f func(plan.Action) error) error {
	touched := map[connection.Ref]bool{}
	for _, a := range i.memory.Plan() {
		if !i.chosen[a.Source.Ref] || a.Kind == rule.Skip {
			continue
		}
		if !touched[a.Source.Ref] {
			touched[a.Source.Ref] = true
			i.out.Touched[rule.TypeName(a.Source.Type)]++
		}
		i.out.Kinds[a.Kind]++
		if a.State == plan.Held {
			i.out.Held++
		}
		if err := f(a); err != nil {
			return err
		}
	}
	i.out.Failed = i.memory.Sum.Failed
	i.out.Requests = int(i.requests.Load())
	return nil
}

// seen looks for objects of the target as it was when it was last read. The directory, which is our own, is asked. It satisfies
// plan.Searcher.
type seen struct{ r *run }

func (s seen) LookUp(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	if s.r.job.Direction == Inbound {
		return s.r.find(ctx, typ, asked)
	}
	return s.r.fromMirror(ctx, typ, asked)
}

func (s seen) Find(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	return s.LookUp(ctx, typ, asked)
}

func (s seen) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	if s.r.job.Direction == Inbound {
		return s.r.target.Get(ctx, ref)
	}
	return connection.Object{}, lockstep.ErrNotFound
}
