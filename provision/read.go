package provision

import (
	"context"

	"lockstep/connection"
)

// read reads the source from where the cycle stands and plans page by page. Each page's rows, links and edges and the place to
// go on from are one commit.
func (r *run) read(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if r.cycle.Phase == Reading {
		if err := r.readPages(ctx); err != nil {
			return err
		}
	}
	if r.cycle.Phase == Sweeping {
		if err := r.decide.Unseen(ctx); err != nil {
			return err
		}
	}
	if err := r.decide.Again(ctx); err != nil {
		return err
	}
	r.cycle.Phase = Ranking
	return nil // committed with the ranks
}

func (r *run) readPages(ctx context.Context) error {
	return r.source.Read(ctx, r.cycle.Page, func(page connection.Page) error {
		if err := r.takePage(ctx, page); err != nil {
			return err
		}
		if !page.Last && r.timeUp() {
			return errYield
		}
		return nil
	})
}

// prepare loads what planning needs to know of the job as a whole.
func (r *run) prepare(ctx context.Context) error {
	if err := r.loadWaits(ctx); err != nil {
		return err
	}
	return r.measure(ctx)
}

// measure loads how many objects the job has linked, where that is the choice between Find and a listing, and how they are matched.
func (r *run) measure(ctx context.Context) error {
	r.linked, r.lookup = 0, r.byFind
	if r.job.Direction == Inbound { // counting the rows of a large plan takes longer than it is worth: each slice does
		return nil
	}
	if r.cycle.Listed {
		r.lookup = r.fromMirrorOrAsked
	}
	if r.cycle.Kind != Incremental {
		return nil
	}
	tally, err := r.Store.Tally(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	for _, n := range tally.Linked {
		r.linked += n
	}
	return err
}

// takePage plans one page and commits it.
func (r *run) takePage(ctx context.Context, page connection.Page) error {
	r.cycle.Counts.Read += len(page.Objects)
	r.cycle.Total = max(r.cycle.Total, page.Total)
	// Only the last page knows whether the read was whole: until then whoever is listed is noted as seen.
	all := page.Whole || r.cycle.Kind == Initial
	p, err := r.decide.Page(ctx, page, all)
	if err != nil {
		return err
	}
	b := r.batch(p)
	r.cycle.Page = page.Next
	b.Cycle = r.cycle
	if page.Last && page.Whole { // only the last page knows that nothing was withheld
		r.cycle.Phase = Sweeping
	}
	if page.Last && !r.job.Manual {
		r.moveCursor()
		b.Job = &r.job
	}
	if len(page.Objects)+len(page.Gone)+len(page.Bad) == 0 && page.Last {
		return nil // nothing new: the cycle's last commit says it all
	}
	return r.commit(ctx, b)
}

// moveCursor makes the next cycle begin where this one stopped reading. When the rules have changed since it began, the next one
// evaluates everybody by them.
func (r *run) moveCursor() {
	r.job.Cursor, r.job.Applied = r.cycle.Page, r.cycle.Config
	if p, ok := r.source.(connection.Positioned); ok {
		r.job.Position = p.Position(r.cycle.Page)
	}
}

// rank ends planning: harm is held, creates get their order, references get their rows. Then the plan is applied, or waits for
// review. When it is cut off it begins anew, and leaves alone what is there already.
func (r *run) rank(ctx context.Context) error {
	if r.waits == nil { // an earlier slice has read
		if err := r.loadWaits(ctx); err != nil {
			return err
		}
	}
	if err := r.decide.Finish(ctx, r.cycle.Counts.Planned > 0); err != nil {
		return err
	}
	b := Batch{Cycle: r.cycle}
	nothing := r.cycle.Counts.Planned+r.cycle.Counts.Held == 0
	if !r.job.Manual || nothing {
		if r.moveCursor(); nothing { // else what is held has to be kept
			return r.end(ctx)
		}
		r.cycle.Phase = Applying
		b.Job = &r.job
	} else {
		r.cycle.Phase = Review
	}
	return r.commit(ctx, b)
}

// moreReferences plans rows for references whose ends have come together while the plan was carried out. By rules that have changed
// since nothing more is planned: a manual job would leave it out at once, and plan it again.
func (r *run) moreReferences(ctx context.Context) (bool, error) {
	if r.cycle.Config != r.job.Config {
		return false, nil
	}
	before := r.cycle.Counts.Planned
	err := r.decide.MoreReferences(ctx)
	return r.cycle.Counts.Planned > before, err
}
