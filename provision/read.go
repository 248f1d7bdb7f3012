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
	if err := r.brokenCircles(ctx); err != nil {
		return err
	}
	if err := r.unbrought(ctx); err != nil {
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

// measure loads how many objects the job has linked, and how they are matched.
func (r *run) measure(ctx context.Context) error {
	tally, err := r.Store.Tally(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil {
		return err
	}
	r.linked, r.byType = 0, tally.Linked
	for _, n := range tally.Linked {
		r.linked += n
	}
	r.lookup = r.byFind
	if r.cycle.Listed && r.job.Direction == Outbound {
		r.lookup = r.fromMirrorOrAsked
	}
	return nil
}

// loadWaits loads the rows that wait for a decision, and those that were approved after their cycle had ended: they take part
// in this one.
func (r *run) loadWaits(ctx context.Context) error { return r.loadWaitsOf(ctx, connection.Ref{}) }

// loadWaitsOf loads those of one object; of all, when ref is blank.
func (r *run) loadWaitsOf(ctx context.Context, ref connection.Ref) error {
	r.waits = map[waitKey]plan.Action{}
	for _, q := range []plan.ActionQuery{{States: []plan.ActionState{plan.Held}}, {States: []plan.ActionState{plan.Planned}, NotOf: r.cycle.ID}} {
		q.Source, q.Limit = ref, 1<<20
		rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, q)
		if err != nil {
			return err
		}
		for _, a := range rows {
			r.waits[waitKey{a.Source.Ref, a.Kind == rule.Refer}] = a
		}
	}
	return r.loadRejected(ctx, ref)
}

// loadRejected loads the rows that were rejected, the newest of each object.
func (r *run) loadRejected(ctx context.Context, ref connection.Ref) error {
	r.rejected = map[waitKey]plan.Action{}
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{States: []plan.ActionState{plan.Rejected}, Source: ref, Newest: true, Limit: 1 << 20})
	for _, a := range rows {
		key := waitKey{a.Source.Ref, a.Kind == rule.Refer}
		if _, newer := r.rejected[key]; !newer {
			r.rejected[key] = a
		}
	}
	return err
}

// standsRejected reports whether a row was rejected and nothing has been done about the object since, and the rules are those of then.
func (r *run) standsRejected(ctx context.Context, old *plan.Action) (bool, error) {
	if old.Seen.Config != r.job.Config {
		return false, nil
	}
	kinds := []rule.Kind{rule.Refer}
	if old.Kind != rule.Refer {
		kinds = []rule.Kind{rule.Create, rule.Link, rule.Update, rule.Disable, rule.Delete, rule.Skip}
	}
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Source: old.Source.Ref, Kinds: kinds, Newest: true, Limit: 1})
	return err == nil && len(rows) == 1 && rows[0].ID == old.ID, err
}

// approved plans for the objects whose rows were approved and that the source has not named in this cycle.
func (r *run) approved(ctx context.Context) error {
	var refs []connection.Ref
	for k, a := range r.waits {
		if !k.refer && a.State == plan.Planned && r.programs[k.source.Type] != nil {
			refs = append(refs, k.source)
		}
	}
	return r.planAgain(ctx, refs)
}

// unbrought leaves out the rows that wait for a decision on objects which no rule brings any more.
func (r *run) unbrought(ctx context.Context) error {
	var out []plan.Transition
	for k, a := range r.waits {
		if r.programs[k.source.Type] == nil {
			out = append(out, plan.Transition{ID: a.ID, From: a.State, To: plan.LeftOut, Detail: "no rule brings it any more", At: r.now()})
			delete(r.waits, k)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return r.commit(ctx, Batch{Cycle: r.cycle, Moved: out})
}

// planAgain plans for objects that the source has not named in this cycle.
func (r *run) planAgain(ctx context.Context, refs []connection.Ref) error {
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
	// Only the last page knows whether the read was whole: until then whoever is listed is noted as seen.
	all := page.Whole || r.cycle.Kind == Initial
	p, err := r.plan(ctx, page.Objects, page.Gone, all)
	if err != nil {
		return err
	}
	r.bad(page.Bad, &p)
	b := p.batch()
	if all {
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
	if p, ok := r.source.(connection.Positioned); ok {
		r.job.Position = p.Position(r.cycle.Page)
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

// unseen plans for the objects that a whole read did not list: they are gone. Those that never came to the target are forgotten, so
// that nobody waits for what they had.
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

// rank ends planning: harm is held, creates get their order, references get their rows. Then the plan is applied, or waits for
// review. When it is cut off it begins anew, and leaves alone what is there already.
func (r *run) rank(ctx context.Context) error {
	var m made
	if r.cycle.Counts.Planned > 0 {
		b := Batch{Cycle: r.cycle}
		var err error
		if b.Moved, err = r.guard(ctx); err != nil {
			return err
		}
		leavers, err := r.leavers(ctx)
		if err != nil {
			return err
		}
		if m, err = r.order(ctx, leavers, &b); err != nil {
			return err
		}
		if err := r.renames(ctx, m, leavers, &b); err != nil {
			return err
		}
		if err := r.commit(ctx, b); err != nil {
			return err
		}
	}
	if err := r.references(ctx, m, false); err != nil {
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

// guard holds the planned rows of each kind of harm that goes too far.
func (r *run) guard(ctx context.Context) ([]plan.Transition, error) {
	tally, err := r.Store.Tally(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil {
		return nil, err
	}
	planned := func(k rule.Kind, typ string) int {
		return tally.Actions[plan.TallyKey{State: plan.Planned, Kind: k, Type: typ}]
	}
	clears, err := r.clears(ctx, planned(rule.Update, connection.UserType))
	if err != nil {
		return nil, err
	}
	harm := map[rule.Harm]int{
		rule.UserDisable: planned(rule.Disable, connection.UserType),
		rule.UserDelete:  planned(rule.Delete, connection.UserType),
		rule.GroupDelete: planned(rule.Delete, connection.GroupType),
		rule.Clear:       len(clears),
	}
	if len(r.tooMuch(harm, tally.Linked)) == 0 {
		return nil, nil
	}
	all, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{
		Cycle: r.cycle.ID, States: []plan.ActionState{plan.Planned}, Kinds: []rule.Kind{rule.Disable, rule.Delete}, Limit: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	all = append(all, clears...)
	for _, a := range all { // what was approved is no surprise
		if h, ok := harmOf(a); ok && !a.Decided.At.IsZero() {
			harm[h]--
		}
	}
	held := r.tooMuch(harm, tally.Linked)
	var rows []plan.Transition
	for _, a := range all {
		if h, ok := harmOf(a); ok && a.Decided.At.IsZero() && slices.Contains(held, h) {
			r.hold(&a, h)
			r.alarmed = r.alarmed || h != rule.Clear
			rows = append(rows, plan.Transition{ID: a.ID, From: plan.Planned, To: a.State, Code: a.Code, Detail: a.Detail})
		}
	}
	r.cycle.Counts.Held += len(rows)
	r.cycle.Counts.Planned -= len(rows)
	return rows, nil
}

// clears returns the planned updates of people that take a value away: a source that has lost a column looks like that.
func (r *run) clears(ctx context.Context, updates int) ([]plan.Action, error) {
	if updates == 0 {
		return nil, nil
	}
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{
		Cycle: r.cycle.ID, States: []plan.ActionState{plan.Planned}, Kinds: []rule.Kind{rule.Update}, Codes: []lockstep.Code{lockstep.CodeClears}, Limit: 1 << 20,
	})
	return slices.DeleteFunc(rows, func(a plan.Action) bool { return a.Source.Type != connection.UserType }), err
}

// tolls pairs the harm that is planned with what there is to be hurt.
func tolls(planned map[rule.Harm]int, linked map[string]int) []rule.Toll {
	return []rule.Toll{
		{Harm: rule.UserDisable, Count: planned[rule.UserDisable], Linked: linked[connection.UserType]},
		{Harm: rule.UserDelete, Count: planned[rule.UserDelete], Linked: linked[connection.UserType]},
		{Harm: rule.GroupDelete, Count: planned[rule.GroupDelete], Linked: linked[connection.GroupType]},
		{Harm: rule.Clear, Count: planned[rule.Clear], Linked: linked[connection.UserType]},
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
	case a.Kind == rule.Update && a.Code == lockstep.CodeClears && a.Source.Type == connection.UserType:
		return rule.Clear, true
	}
	return "", false
}

// ring is the rank of people who report to each other in a circle, and of who reports to them.
const ring = groupRank - 1

// order puts the planned creates into the order in which a manager comes before their people, and returns all that the cycle
// brings to the target. A create keeps the reference to its manager when that is there by then and stays; otherwise the reference
// gets a row of its own, or waits.
func (r *run) order(ctx context.Context, leavers []leaver, b *Batch) (made, error) {
	m := made{}
	if err := r.Store.Made(ctx, r.job.Tenant, r.job.ID, r.cycle.ID, func(row plan.Made) { m[row.Source] = row }); err != nil {
		return nil, err
	}
	depth := depths(m)
	linked, err := r.managers(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, l := range leavers {
		if l.source.Type == connection.UserType {
			delete(linked, l.source.ID)
		}
	}
	for ref, row := range m {
		if d := depth[ref]; d > 0 {
			b.Ranks = append(b.Ranks, Rank{row.ID, d})
		}
		if row.Refers == "" {
			continue
		}
		manager := connection.Ref{Type: connection.UserType, ID: row.Refers}
		if _, comes := m[manager]; linked[row.Refers] || comes && depth[ref] < ring {
			continue
		}
		b.Carried = append(b.Carried, plan.Carried{ID: row.ID})
		row.Refers = ""
		m[ref] = row
	}
	return m, nil
}

// managers returns the source ids of those managers of people who are created that are at the target already.
func (r *run) managers(ctx context.Context, m made) (map[string]bool, error) {
	asked := map[string]bool{}
	var ids []string
	for _, row := range m {
		if _, comes := m[connection.Ref{Type: connection.UserType, ID: row.Refers}]; row.Refers != "" && !comes && !asked[row.Refers] {
			asked[row.Refers] = true
			ids = append(ids, row.Refers)
		}
	}
	linked := map[string]bool{}
	if len(ids) == 0 {
		return linked, nil
	}
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: connection.UserType, Sources: ids, Limit: len(ids)})
	for _, l := range links {
		linked[l.Source.ID] = l.Target != ""
	}
	return linked, err
}

// depths returns how many managers who are created too are above each of those who are created; ring for whoever is part of a
// circle or reports to one. It is empty when the rows are in order as they are: ids rise with time, and who was met first
// is applied first.
func depths(m made) map[connection.Ref]int {
	manager := func(of connection.Ref) connection.Ref {
		return connection.Ref{Type: connection.UserType, ID: m[of].Refers}
	}
	ordered := true
	for ref, row := range m {
		above, comes := m[manager(ref)]
		ordered = ordered && (!comes || above.ID < row.ID)
	}
	depth := map[connection.Ref]int{}
	if ordered {
		return depth
	}
	var way []connection.Ref
	for ref, row := range m {
		if row.Refers == "" && ref.Type != connection.UserType {
			continue
		}
		way = way[:0]
		above := -1 // rank of whom the way leads to; nobody who is created
		for at := ref; ; at = manager(at) {
			if _, comes := m[at]; !comes {
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
	return depth
}
