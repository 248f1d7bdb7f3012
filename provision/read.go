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
	"lockstep/rule"
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
		if err := r.unseen(ctx); err != nil {
			return err
		}
	}
	if err := r.dueAgain(ctx); err != nil {
		return err
	}
	if err := r.approved(ctx); err != nil {
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
	tally, err := r.Store.Tally(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil {
		return err
	}
	r.linked, r.byType = 0, tally.Linked
	for _, n := range tally.Linked {
		r.linked += n
	}
	r.lookup = r.byFind
	if r.cycle.Listed {
		r.lookup = r.fromListing
	}
	return nil
}

// loadWaits loads the rows that wait for a decision, and those that were approved after their cycle had ended: they take part
// in this one.
func (r *run) loadWaits(ctx context.Context) error {
	r.waits = map[waitKey]plan.Action{}
	for _, q := range []plan.ActionQuery{{States: []plan.ActionState{plan.Held}}, {States: []plan.ActionState{plan.Planned}, NotOf: r.cycle.ID}} {
		q.Limit = 1 << 20
		rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, q)
		if err != nil {
			return err
		}
		for _, a := range rows {
			r.waits[waitKey{a.Source.Ref, a.Kind == rule.Refer}] = a
		}
	}
	return nil
}

// approved plans for the objects whose rows were approved and that the source has not named in this cycle.
func (r *run) approved(ctx context.Context) error {
	var refs []connection.Ref
	for k, a := range r.waits {
		if !k.refer && a.State == plan.Planned {
			refs = append(refs, k.source)
		}
	}
	for chunk := range slices.Chunk(refs, pageSize) {
		objects, err := r.source.Get(ctx, chunk...)
		if err != nil {
			return fmt.Errorf("read %s again: %w", r.from.Name, err)
		}
		if err := r.takeMore(ctx, objects, missing(chunk, objects)); err != nil {
			return err
		}
	}
	return nil
}

// takePage plans one page and commits it.
func (r *run) takePage(ctx context.Context, page connection.Page) error {
	r.cycle.Counts.Read += len(page.Objects)
	r.cycle.Total = max(r.cycle.Total, page.Total)
	p, err := r.plan(ctx, page.Objects, page.Gone, page.Whole)
	if err != nil {
		return err
	}
	r.bad(page.Bad, &p)
	b := p.batch()
	if page.Whole {
		b.Links = append(b.Links, r.badSeen(ctx, page.Bad)...)
	}
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
	if r.job.Direction == Outbound {
		if p, ok := r.source.(connection.Positioned); ok {
			r.job.Position = p.Position(r.cycle.Page)
		}
	}
}

func (p *planned) batch() Batch {
	return Batch{Actions: p.actions, Moved: p.left, Links: p.links, Unlink: p.unlink, Wanted: p.wanted}
}

// bad records the rows of the source that could not be used.
func (r *run) bad(rows []connection.Bad, p *planned) {
	for _, b := range rows {
		r.cycle.Counts.Bad++
		r.cycle.Counts.Failed++
		now := r.now()
		p.actions = append(p.actions, plan.Action{
			ID: lockstep.NewID[lockstep.ActionID](), Job: r.job.ID, Cycle: r.cycle.ID, Kind: rule.Skip, Lane: plan.LaneCreate,
			Source: plan.End{Ref: b.Ref, Name: b.Name}, Reason: rule.Reason{Rule: "unreadable at source"}, State: plan.Refused,
			Code: lockstep.CodeOf(b.Err), Detail: text(b.Err), Epoch: r.job.Epoch, Planned: now, Ended: now,
		})
	}
}

// badSeen marks the linked objects whose rows could not be used as seen: a row that cannot be read is no leaver.
func (r *run) badSeen(ctx context.Context, rows []connection.Bad) []plan.Link {
	var links []plan.Link
	for _, b := range rows {
		if b.Ref.ID == "" {
			continue
		}
		found, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: b.Ref.Type, Sources: []string{b.Ref.ID}, Limit: 1})
		if err != nil || len(found) == 0 {
			continue // an error comes back with the commit that follows
		}
		found[0].Seen, found[0].Due = r.cycle.ID, time.Time{}
		links = append(links, found[0])
	}
	return links
}

// unseen plans for the linked objects that a whole read did not list: they are gone.
func (r *run) unseen(ctx context.Context) error {
	for typ := range r.programs {
		after := ""
		for {
			links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Unseen: r.cycle.ID, After: after, Limit: pageSize})
			if err != nil {
				return err
			}
			if len(links) == 0 {
				break
			}
			after = links[len(links)-1].Source.ID
			gone := make([]connection.Ref, len(links))
			for i, l := range links {
				gone[i] = l.Source
			}
			if err := r.takeMore(ctx, nil, gone); err != nil {
				return err
			}
		}
	}
	return nil
}

// dueAgain plans again for the objects whose time has come: retries, relative dates, grace periods.
func (r *run) dueAgain(ctx context.Context) error {
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		after := ""
		for {
			links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, DueBefore: r.now(), After: after, Limit: pageSize})
			if err != nil {
				return err
			}
			if len(links) == 0 {
				break
			}
			after = links[len(links)-1].Source.ID
			if r.programs[typ] == nil { // no rule brings them any more
				if err := r.undue(ctx, links); err != nil {
					return err
				}
				continue
			}
			refs := make([]connection.Ref, len(links))
			for i, l := range links {
				refs[i] = l.Source
			}
			objects, err := r.source.Get(ctx, refs...)
			if errors.Is(err, errors.ErrUnsupported) {
				return nil // the next whole read has them
			}
			if err != nil {
				return fmt.Errorf("read %s again: %w", r.from.Name, err)
			}
			if err := r.takeMore(ctx, objects, missing(refs, objects)); err != nil {
				return err
			}
		}
	}
	return nil
}

// undue takes the links off the clock.
func (r *run) undue(ctx context.Context, links []plan.Link) error {
	for i := range links {
		links[i].Due = time.Time{}
	}
	return r.commit(ctx, Batch{Links: links})
}

// missing returns the refs that have no object.
func missing(refs []connection.Ref, objects []connection.Object) []connection.Ref {
	there := make(map[connection.Ref]bool, len(objects))
	for _, o := range objects {
		there[o.Ref] = true
	}
	var gone []connection.Ref
	for _, ref := range refs {
		if !there[ref] {
			gone = append(gone, ref)
		}
	}
	return gone
}

// takeMore plans objects that are not on a page of their own.
func (r *run) takeMore(ctx context.Context, objects []connection.Object, gone []connection.Ref) error {
	p, err := r.plan(ctx, objects, gone, false)
	if err != nil {
		return err
	}
	b := p.batch()
	b.Cycle = r.cycle
	return r.commit(ctx, b)
}

// rank ends planning: harm is held, creates get their order, waiting references get their rows. Then the plan is applied, or
// waits for review.
func (r *run) rank(ctx context.Context) error {
	var b Batch
	if r.cycle.Counts.Planned > 0 {
		held, err := r.guard(ctx)
		if err != nil {
			return err
		}
		b.Actions = held
		if b.Ranks, err = r.ranks(ctx); err != nil {
			return err
		}
	}
	refers, err := r.refers(ctx, false)
	if err != nil {
		return err
	}
	b.Actions = append(b.Actions, refers...)
	r.cycle.Counts.Planned += len(refers)
	if !r.job.Manual || r.cycle.Counts.Planned == 0 && len(b.Actions) == 0 {
		if r.moveCursor(); r.cycle.Counts.Planned == 0 && len(b.Actions) == 0 { // else what is held has to be kept
			return r.end(ctx)
		}
		r.cycle.Phase = Applying
		b.Job = &r.job
	} else {
		r.cycle.Phase = Review
	}
	b.Cycle = r.cycle
	return r.commit(ctx, b)
}

// guard holds the planned rows of each kind of harm that goes too far.
func (r *run) guard(ctx context.Context) ([]plan.Action, error) {
	tally, err := r.Store.Tally(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil {
		return nil, err
	}
	planned := func(k rule.Kind, typ string) int {
		return tally.Actions[plan.TallyKey{State: plan.Planned, Kind: k, Type: typ}]
	}
	harm := map[rule.Harm]int{
		rule.UserDisable: planned(rule.Disable, connection.UserType),
		rule.UserDelete:  planned(rule.Delete, connection.UserType),
		rule.GroupDelete: planned(rule.Delete, connection.GroupType),
	}
	if len(r.job.Policy.Guard.Guard(tolls(harm, tally.Linked))) == 0 {
		return nil, nil
	}
	all, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{
		Cycle: r.cycle.ID, States: []plan.ActionState{plan.Planned}, Kinds: []rule.Kind{rule.Disable, rule.Delete}, Limit: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	for _, a := range all { // what was approved is no surprise
		if h, ok := harmOf(a); ok && !a.Decided.At.IsZero() {
			harm[h]--
		}
	}
	held := r.job.Policy.Guard.Guard(tolls(harm, tally.Linked))
	var rows []plan.Action
	for _, a := range all {
		if h, ok := harmOf(a); ok && a.Decided.At.IsZero() && slices.Contains(held, h) {
			hold(&a, h)
			rows = append(rows, a)
		}
	}
	r.alarmed = len(rows) > 0
	r.cycle.Counts.Held += len(rows)
	r.cycle.Counts.Planned -= len(rows)
	return rows, nil
}

// tolls pairs the harm that is planned with what there is to be hurt.
func tolls(planned map[rule.Harm]int, linked map[string]int) []rule.Toll {
	return []rule.Toll{
		{Harm: rule.UserDisable, Count: planned[rule.UserDisable], Linked: linked[connection.UserType]},
		{Harm: rule.UserDelete, Count: planned[rule.UserDelete], Linked: linked[connection.UserType]},
		{Harm: rule.GroupDelete, Count: planned[rule.GroupDelete], Linked: linked[connection.GroupType]},
	}
}

// hold makes the row wait for an administrator.
func hold(a *plan.Action, h rule.Harm) {
	a.State, a.Code, a.Detail = plan.Held, lockstep.CodeGuardHeld, fmt.Sprintf("more %ss at once than the guard lets through", h)
}

func harmOf(a plan.Action) (rule.Harm, bool) {
	switch {
	case a.Kind == rule.Disable && a.Source.Type == connection.UserType:
		return rule.UserDisable, true
	case a.Kind == rule.Delete && a.Source.Type == connection.UserType:
		return rule.UserDelete, true
	case a.Kind == rule.Delete && a.Source.Type == connection.GroupType:
		return rule.GroupDelete, true
	}
	return "", false
}

// ring is the rank of people who report to each other in a circle, and of who reports to them.
const ring = groupRank - 1

// ranks orders the planned creates so that a manager comes before his people. Whoever is part of a ring comes last; his
// reference is written later.
func (r *run) ranks(ctx context.Context) ([]Rank, error) {
	type create struct {
		id     lockstep.ActionID
		refers string
	}
	creates := map[string]create{} // by source id
	err := r.Store.Creates(ctx, r.job.Tenant, r.job.ID, r.cycle.ID, func(id lockstep.ActionID, source, refers string) {
		creates[source] = create{id, refers}
	})
	if err != nil {
		return nil, err
	}
	ordered := true // ids rise with time: who was met first is applied first
	for _, c := range creates {
		m, created := creates[c.refers]
		ordered = ordered && (!created || m.id < c.id)
	}
	if ordered {
		return nil, nil
	}
	depth := make(map[string]int, len(creates))
	var way []string
	for source := range creates {
		way = way[:0]
		above := -1 // rank of whom the way leads to; nobody who is created
		for at := source; ; at = creates[at].refers {
			if _, created := creates[at]; !created {
				break
			}
			if d, met := depth[at]; met {
				above = d
				break
			}
			depth[at] = ring // meeting it again on this way is a ring
			way = append(way, at)
		}
		for _, w := range slices.Backward(way) {
			above = min(above+1, ring)
			depth[w] = above
		}
	}
	ranks := make([]Rank, 0, len(creates))
	for source, c := range creates {
		if depth[source] > 0 {
			ranks = append(ranks, Rank{c.id, depth[source]})
		}
	}
	return ranks, nil
}
