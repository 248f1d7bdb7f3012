package provision

import (
	"context"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// planner returns what decides for the run's cycle, and hands what is decided to the sink. known and rows include what the sink has
// taken.
func (r *run) planner(known plan.Known, rows plan.Rows, sink plan.Sink) *plan.Planner {
	foresee, _ := r.target.(connection.Foreseer)
	return &plan.Planner{
		Job: plan.Job{
			ID: r.job.ID, Cycle: r.cycle.ID, Epoch: r.job.Epoch, Config: r.job.Config, Direction: r.job.Direction, Policy: r.job.Policy,
			Manual: r.job.Manual, Elsewhere: r.cycle.Trigger == elsewhere,
		},
		From: r.from, To: r.to, Programs: r.programs, Known: known, Rows: rows, Search: searcher{r}, Foresee: foresee, Source: r.source, Sink: sink,
		Now: r.now, Random: r.random(),
	}
}

// loadWaits loads what somebody has to decide on, or has decided.
func (r *run) loadWaits(ctx context.Context) error { return r.loadWaitsOf(ctx, connection.Ref{}) }

// loadWaitsOf does so of one object; of all, when ref is blank.
func (r *run) loadWaitsOf(ctx context.Context, ref connection.Ref) (err error) {
	r.waits, err = plan.LoadWaits(ctx, r.decide.Rows, r.cycle.ID, ref)
	r.decide.Waits = r.waits
	return err
}

// Take commits a piece of the plan with the cycle that it belongs to. It satisfies plan.Sink.
func (r *run) Take(ctx context.Context, p plan.Piece) error {
	b := r.batch(p)
	b.Cycle = r.cycle
	return r.commit(ctx, b)
}

// batch is what a commit writes of a piece, whose sum the cycle counts.
func (r *run) batch(p plan.Piece) Batch {
	r.cycle.Counts.add(p.Sum)
	return Batch{Actions: p.Actions, Moved: p.Moved, Ranks: p.Ranks, Carried: p.Carried, Links: p.Links, Unlink: p.Unlink, Wanted: p.Wanted}
}

func (c *Counts) add(s plan.Sum) {
	c.Planned += s.Planned
	c.Held += s.Held
	c.Skipped += s.Skipped
	c.Unchanged += s.Unchanged
	c.Failed += s.Failed
	c.Bad += s.Bad
}

// stored is what the store knows of one job, as planning asks for it.
type stored struct {
	Store
	tenant lockstep.TenantID
	job    lockstep.JobID
}

func (r *run) stored() stored { return stored{r.Store, r.job.Tenant, r.job.ID} }

func (s stored) Links(ctx context.Context, q plan.LinkQuery) ([]plan.Link, error) {
	return s.Store.Links(ctx, s.tenant, s.job, q)
}

func (s stored) References(ctx context.Context, q plan.ReferenceQuery) ([]plan.ReferenceRow, error) {
	return s.Store.References(ctx, s.tenant, s.job, q)
}

func (s stored) EachWaiting(ctx context.Context, f func(plan.ReferenceRow) error) error {
	return s.Store.EachWaiting(ctx, s.tenant, s.job, f)
}

func (s stored) CountReferences(ctx context.Context, attribute string) (int, error) {
	return s.Store.CountReferences(ctx, s.tenant, s.job, attribute)
}

func (s stored) Actions(ctx context.Context, q plan.ActionQuery) ([]plan.Action, error) {
	return s.Store.Actions(ctx, s.tenant, s.job, q)
}

func (s stored) Made(ctx context.Context, cycle lockstep.CycleID, f func(plan.Made)) error {
	return s.Store.Made(ctx, s.tenant, s.job, cycle, f)
}

func (s stored) Renamed(ctx context.Context, cycle lockstep.CycleID) ([]plan.Renamed, error) {
	return s.Store.Renamed(ctx, s.tenant, s.job, cycle)
}

func (s stored) Tally(ctx context.Context, cycle lockstep.CycleID) (plan.Tally, error) {
	return s.Store.Tally(ctx, s.tenant, s.job, cycle)
}

// searcher looks for objects at the run's target. It satisfies plan.Searcher.
type searcher struct{ r *run }

func (s searcher) LookUp(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	return s.r.lookUp(ctx, typ, asked)
}

func (s searcher) Find(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	return s.r.find(ctx, typ, asked)
}

func (s searcher) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	o, err := s.r.target.Get(ctx, ref)
	if err == nil {
		err = usable(s.r.to.Name+" has an object that", o.ID)
	}
	return o, err
}
