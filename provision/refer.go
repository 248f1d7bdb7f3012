package provision

import (
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// moreRefers plans rows for references whose ends have come together since the plan was made, although the row that should have
// carried them did not: a create that was found at the target after a lost answer. By rules that have changed since nothing more is
// planned: a manual job would leave it out at once, and plan it again.
func (a *applier) moreRefers(ctx context.Context) (bool, error) {
	if a.cycle.Config != a.job.Config {
		return false, nil
	}
	before := a.cycle.Counts.Planned
	if err := a.references(ctx, nil, true); err != nil {
		return false, err
	}
	return a.cycle.Counts.Planned > before, nil
}

// made is a create or a link that this cycle plans: its source object will be at the target.
type made map[connection.Ref]plan.Made

// referrer is one object with the references that are to be written or taken away.
type referrer struct {
	from      connection.Ref
	link      plan.Link
	adds      []plan.RowReference
	removes   []plan.RowReference
	withdraws []plan.RowReference // of objects that this cycle deletes: they go before the deletion
	anew      bool                // somebody has rejected some of the removals before
}

// referencePlan plans the rows that write references, in pieces.
type referencePlan struct {
	*run
	made    made
	deleted map[connection.Ref]bool // objects that this cycle deletes
	busy    map[connection.Ref]bool // objects whose references this cycle has planned already
	met     map[connection.Ref]bool // objects of whose waiting rows it is known whether they still hold
	hold    bool                    // removals of members go too far
	batch   Batch
	size    int // references in the batch
}

// pieceReferences is how many references one commit writes at most, or those of one object.
const pieceReferences = 5_000

// references plans and commits a row for each object with references that differ from what is written, as far as their other ends
// are at the target or will be after this plan. When tried is set, objects whose references failed in this cycle are left
// for the next.
func (r *run) references(ctx context.Context, m made, tried bool) error {
	busy, err := r.referring(ctx, tried)
	if err != nil {
		return err
	}
	p := &referencePlan{run: r, made: m, busy: busy, met: map[connection.Ref]bool{}}
	if p.deleted, err = r.deletions(ctx); err != nil {
		return err
	}
	removals := 0
	for pass := range 2 { // whether removals go too far is known when all have been seen
		if pass == 1 {
			if p.hold, err = r.tooMany(ctx, removals); err != nil {
				return err
			}
		}
		err = p.each(ctx, func(rows []plan.ReferenceRow) error {
			if pass == 0 {
				removals += p.removals(rows)
				return nil
			}
			return p.take(ctx, rows)
		})
		if err != nil {
			return err
		}
	}
	p.needless()
	return p.flush(ctx)
}

// needless leaves out the rows that wait for a decision on references which are not to be removed any more.
func (p *referencePlan) needless() {
	for key, old := range p.waits {
		if key.refer && !p.met[key.source] && !p.busy[key.source] {
			p.leaveOut(key, &old, "no longer needed")
		}
	}
}

// leaveOut ends a row that waits for a decision.
func (p *referencePlan) leaveOut(key waitKey, old *plan.Action, why string) {
	p.batch.Moved = append(p.batch.Moved, plan.Transition{ID: old.ID, From: old.State, To: plan.LeftOut, Detail: why, At: p.now()})
	delete(p.waits, key)
}

// removals counts the memberships that are to be taken away, of groups and members that stay.
func (p *referencePlan) removals(rows []plan.ReferenceRow) (n int) {
	for _, e := range rows {
		if !e.Wanted && e.Written && e.Attribute == connection.Members && !p.deleted[e.From] && !p.deleted[e.To] && p.brings(e.From.Type, e.Attribute, e.To.Type) {
			n++
		}
	}
	return n
}

// deletions returns the objects that planned rows of this cycle delete.
func (r *run) deletions(ctx context.Context) (map[connection.Ref]bool, error) {
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, States: []plan.ActionState{plan.Planned}, Kinds: []rule.Kind{rule.Delete}, Limit: 1 << 20})
	deleted := make(map[connection.Ref]bool, len(rows))
	for _, row := range rows {
		deleted[row.Source.Ref] = true
	}
	return deleted, err
}

// each calls f with the references of some objects at a time, all of an object together: those that wait to be written or taken
// away, and those to objects that this cycle deletes.
func (p *referencePlan) each(ctx context.Context, f func([]plan.ReferenceRow) error) error {
	if len(p.made) > 1000 { // most of them, then
		var piece []plan.ReferenceRow
		err := p.Store.EachWaiting(ctx, p.job.Tenant, p.job.ID, func(e plan.ReferenceRow) error {
			if len(piece) >= pieceReferences && piece[len(piece)-1].From != e.From {
				if err := f(piece); err != nil {
					return err
				}
				piece = piece[:0]
			}
			piece = append(piece, e)
			return nil
		})
		if err != nil {
			return err
		}
		if err := f(piece); err != nil || len(p.deleted) == 0 {
			return err
		}
		return p.eachOf(ctx, p.toDeleted, f)
	}
	return p.eachOf(ctx, p.some, f)
}

// eachOf pages through the objects that owners names.
func (p *referencePlan) eachOf(ctx context.Context, owners func(context.Context) (map[connection.Ref]bool, error), f func([]plan.ReferenceRow) error) error {
	refs, err := owners(ctx)
	if err != nil {
		return err
	}
	all := make([]connection.Ref, 0, len(refs))
	for ref := range refs {
		all = append(all, ref)
	}
	slices.SortFunc(all, compareRefs)
	for chunk := range slices.Chunk(all, 100) {
		rows, err := p.Store.References(ctx, p.job.Tenant, p.job.ID, plan.ReferenceQuery{From: chunk})
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(e plan.ReferenceRow) bool { return e.Wanted == e.Written && !p.deleted[e.To] })
		if len(rows) == 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b plan.ReferenceRow) int { return compareRefs(a.From, b.From) })
		if err := f(rows); err != nil {
			return err
		}
	}
	return nil
}

func compareRefs(a, b connection.Ref) int {
	switch {
	case a == b:
		return 0
	case a.Type < b.Type || a.Type == b.Type && a.ID < b.ID:
		return -1
	}
	return 1
}

// some returns the objects with references that this cycle may have to write: those whose ends are both linked, those that are
// made now or refer to what is made now, and those that refer to what is deleted.
func (p *referencePlan) some(ctx context.Context) (map[connection.Ref]bool, error) {
	owners, err := p.toDeleted(ctx)
	if err != nil {
		return nil, err
	}
	take := func(q plan.ReferenceQuery) error {
		rows, err := p.Store.References(ctx, p.job.Tenant, p.job.ID, q)
		for _, e := range rows {
			owners[e.From] = true
		}
		return err
	}
	if err := take(plan.ReferenceQuery{Ready: true}); err != nil || len(p.made) == 0 {
		return owners, err
	}
	to := make([]connection.Ref, 0, len(p.made))
	for ref := range p.made {
		owners[ref] = true
		to = append(to, ref)
	}
	return owners, take(plan.ReferenceQuery{To: to, Waiting: true})
}

// toDeleted returns the objects that refer, at the target, to what this cycle deletes.
func (p *referencePlan) toDeleted(ctx context.Context) (map[connection.Ref]bool, error) {
	owners := map[connection.Ref]bool{}
	to := make([]connection.Ref, 0, len(p.deleted))
	for ref := range p.deleted {
		to = append(to, ref)
	}
	if len(to) == 0 {
		return owners, nil
	}
	rows, err := p.Store.References(ctx, p.job.Tenant, p.job.ID, plan.ReferenceQuery{To: to})
	for _, e := range rows {
		if e.Written {
			owners[e.From] = true
		}
	}
	return owners, err
}

// take plans the rows of the objects whose references these are.
func (p *referencePlan) take(ctx context.Context, rows []plan.ReferenceRow) error {
	links, err := p.ends(ctx, rows)
	if err != nil {
		return err
	}
	var w *referrer
	for _, e := range rows {
		if w == nil || w.from != e.From {
			if err := p.plan(ctx, w); err != nil {
				return err
			}
			w = &referrer{from: e.From, link: links[e.From]}
		}
		p.sort(w, e, links[e.To])
	}
	return p.plan(ctx, w)
}

// ends returns the links of both ends of the references.
func (p *referencePlan) ends(ctx context.Context, rows []plan.ReferenceRow) (map[connection.Ref]plan.Link, error) {
	ids := map[string][]string{}
	asked := map[connection.Ref]bool{}
	for _, e := range rows {
		for _, ref := range []connection.Ref{e.From, e.To} {
			if !asked[ref] {
				asked[ref] = true
				ids[ref.Type] = append(ids[ref.Type], ref.ID)
			}
		}
	}
	links := make(map[connection.Ref]plan.Link, len(asked))
	for typ, list := range ids {
		found, err := p.Store.Links(ctx, p.job.Tenant, p.job.ID, plan.LinkQuery{Type: typ, Sources: list, Limit: len(list)})
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			l.Image = nil
			links[l.Source] = l
		}
	}
	return links, nil
}

// sort puts a reference where it belongs.
func (p *referencePlan) sort(w *referrer, e plan.ReferenceRow, to plan.Link) {
	if p.busy[e.From] || p.deleted[e.From] || !p.brings(e.From.Type, e.Attribute, e.To.Type) {
		return
	}
	_, comes := p.made[e.To]
	ref := plan.RowReference{Attribute: e.Attribute, To: plan.End{Ref: e.To, Name: to.Name}, Target: to.Target}
	switch {
	case p.deleted[e.To]:
		if ref.Gone = true; e.Written && to.Target != "" {
			w.withdraws = append(w.withdraws, ref)
		}
	case e.Wanted && !e.Written && (to.Target != "" || comes):
		w.adds = append(w.adds, ref)
	case !e.Wanted && e.Written && to.Target != "":
		ref.Gone = true
		w.removes = append(w.removes, ref)
	}
}

// plan makes the rows of one object: the members that its create carries, one row for what else is written, held or not, and one
// for what goes before a deletion.
func (p *referencePlan) plan(ctx context.Context, w *referrer) error {
	if w == nil || len(w.adds)+len(w.removes)+len(w.withdraws) == 0 {
		return nil
	}
	m, created := p.made[w.from]
	if w.link.Target == "" && !created {
		return nil // it is not at the target, and will not be
	}
	if created && m.Kind == rule.Create {
		p.carry(w, m)
	}
	if len(w.withdraws) > 0 {
		row := p.referRow(w, w.withdraws)
		row.Lane, row.Rank = plan.LaneDelete, -1
		p.add(row)
	}
	if stands, err := p.staysRejected(ctx, w); stands || err != nil {
		return err
	}
	for _, row := range p.referRows(w) {
		p.add(row)
	}
	p.size += len(w.adds) + len(w.removes) + len(w.withdraws)
	if p.size < pieceReferences {
		return nil
	}
	return p.flush(ctx)
}

// staysRejected deals with a row of the object's references that an administrator has rejected. As long as it would be the same, there is
// none; other removals of what was rejected need a decision, too.
func (p *referencePlan) staysRejected(ctx context.Context, w *referrer) (bool, error) {
	old, was := p.rejected[waitKey{w.from, true}]
	if !was || len(w.adds)+len(w.removes) == 0 {
		return false, nil
	}
	stands, err := p.standsRejected(ctx, &old)
	if err != nil {
		return false, err
	}
	if stands && sameReferences(old.References, slices.Concat(w.adds, w.removes)) {
		p.met[w.from] = true
		return true, nil
	}
	w.anew = slices.ContainsFunc(w.removes, func(r plan.RowReference) bool {
		return slices.ContainsFunc(old.References, func(o plan.RowReference) bool { return o.Gone && o.Attribute == r.Attribute && o.To.Ref == r.To.Ref })
	})
	return false, nil
}

func (p *referencePlan) add(row plan.Action) {
	p.batch.Actions = append(p.batch.Actions, row)
	if row.State == plan.Planned {
		p.cycle.Counts.Planned++
	}
}

// carry lets the create take along what it can: a person their manager, which its row names already, and a group as many members
// as the target takes in one call.
func (p *referencePlan) carry(w *referrer, m plan.Made) {
	if w.from.Type != connection.GroupType {
		if m.Refers != "" {
			w.adds = slices.DeleteFunc(w.adds, func(r plan.RowReference) bool {
				return r.Attribute == connection.Manager && r.To.ID == m.Refers
			})
		}
		return
	}
	if m.References {
		w.adds = nil // by an earlier slice
		return
	}
	n := min(len(w.adds), p.memberLimit())
	p.batch.Carried = append(p.batch.Carried, plan.Carried{ID: m.ID, References: slices.Clone(w.adds[:n])})
	w.adds = w.adds[n:]
}

// memberLimit is how many references one call takes.
func (r *run) memberLimit() int {
	if r.to.MaxMembers <= 0 {
		return 1000
	}
	return r.to.MaxMembers
}

func (p *referencePlan) flush(ctx context.Context) error {
	if len(p.batch.Actions)+len(p.batch.Carried)+len(p.batch.Moved) == 0 {
		return nil
	}
	p.batch.Cycle = p.cycle
	b := p.batch
	p.batch, p.size = Batch{}, 0
	return p.commit(ctx, b)
}

// brings reports whether the rules bring references of the attribute between objects of these types.
func (r *run) brings(from, attribute, to string) bool {
	p := r.programs[from]
	return p != nil && p.references[attribute] && r.programs[to] != nil
}

// referring returns the objects whose references are being written, wait for a decision, or have failed.
func (r *run) referring(ctx context.Context, tried bool) (map[connection.Ref]bool, error) {
	states := []plan.ActionState{plan.Planned, plan.Open}
	if tried {
		states = append(states, plan.Failed, plan.Refused)
	}
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, States: states, Kinds: []rule.Kind{rule.Refer}, Limit: 1 << 20})
	if err != nil {
		return nil, err
	}
	busy := map[connection.Ref]bool{}
	for _, row := range rows {
		busy[row.Source.Ref] = true
	}
	return busy, nil
}

// tooMany reports whether the guard holds back so many removals of members. It holds any while it has just held people for the
// same cause: a source that has lost them has lost their memberships, too.
func (r *run) tooMany(ctx context.Context, removals int) (bool, error) {
	if removals == 0 || r.alarmed {
		return r.alarmed, nil
	}
	tally, err := r.Store.Tally(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil {
		return false, err
	}
	for k, n := range tally.Actions { // held in an earlier slice of the cycle
		if k.State == plan.Held && k.Type == connection.UserType && (k.Kind == rule.Disable || k.Kind == rule.Delete) && n > 0 {
			r.alarmed = true
			return true, nil
		}
	}
	if removals < 2 {
		return false, nil
	}
	written, err := r.Store.CountReferences(ctx, r.job.Tenant, r.job.ID, connection.Members)
	return err == nil && r.job.Policy.Guard.Holds(removals, written), err
}

// referRows makes the rows of one object: one, or one for what is added and one, held, for what is removed. Removals that
// are held already, or were approved, keep their row as long as they are the same. Others than those that somebody had to decide on
// need a decision of their own, however few they are.
func (p *referencePlan) referRows(w *referrer) []plan.Action {
	key := waitKey{w.from, true}
	old, waits := p.waits[key]
	p.met[w.from] = true
	held := w.anew || p.hold && w.from.Type == connection.GroupType
	if waits && !sameReferences(old.References, w.removes) {
		p.leaveOut(key, &old, "other references are to be removed now")
		waits, held = false, held || old.State == plan.Held || !old.Decided.At.IsZero()
	}
	if len(w.adds)+len(w.removes) == 0 {
		return nil
	}
	if len(w.removes) == 0 || !held && !waits {
		return []plan.Action{p.referRow(w, append(w.adds, w.removes...))}
	}
	var rows []plan.Action
	if len(w.adds) > 0 {
		rows = append(rows, p.referRow(w, w.adds))
	}
	if waits && old.State == plan.Held {
		return rows // it waits on
	}
	removal := p.referRow(w, w.removes)
	if waits {
		removal.ID, removal.Decided = old.ID, old.Decided
		p.batch.Moved = append(p.batch.Moved, plan.Transition{ID: old.ID, From: plan.Planned, To: plan.Planned}) // nobody has rejected it meanwhile
		delete(p.waits, key)
		return append(rows, removal)
	}
	hold(&removal, rule.MemberRemove)
	p.cycle.Counts.Held++
	p.waits[key] = removal
	return append(rows, removal)
}

// sameReferences reports whether two rows name the same references, in whatever order.
func sameReferences(a, b []plan.RowReference) bool {
	type reference struct {
		attribute string
		to        connection.Ref
		gone      bool
	}
	if len(a) != len(b) {
		return false
	}
	all := make(map[reference]bool, len(a))
	for _, r := range a {
		all[reference{r.Attribute, r.To.Ref, r.Gone}] = true
	}
	return !slices.ContainsFunc(b, func(r plan.RowReference) bool { return !all[reference{r.Attribute, r.To.Ref, r.Gone}] })
}

func (p *referencePlan) referRow(w *referrer, refs []plan.RowReference) plan.Action {
	adds := 0
	for _, r := range refs {
		if !r.Gone {
			adds++
		}
	}
	what := fmt.Sprintf("%d added, %d removed", adds, len(refs)-adds)
	switch {
	case adds == len(refs):
		what = fmt.Sprintf("%d added", adds)
	case adds == 0:
		what = fmt.Sprintf("%d removed", len(refs))
	}
	name := w.link.Name
	return plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: p.job.ID, Cycle: p.cycle.ID, Kind: rule.Refer, Lane: plan.LaneRefer,
		Source: plan.End{Ref: w.from, Name: name}, Target: plan.End{Ref: connection.Ref{Type: p.programs[w.from.Type].targetType, ID: w.link.Target}, Name: name},
		References: slices.Clone(refs), Reason: rule.Reason{Rule: "references changed", Clause: what}, Epoch: p.job.Epoch,
		Seen: plan.Seen{Config: p.job.Config}, State: plan.Planned, Planned: p.now(),
	}
}
