package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// MoreReferences plans rows for references whose ends have come together since the plan was made, although the row that should have
// carried them did not: a create that was found at the target after a lost answer. Objects whose references failed in this cycle
// are left for the next.
func (p *Planner) MoreReferences(ctx context.Context) error { return p.references(ctx, nil, true) }

// referrer is one object with the references that are to be written or taken away.
type referrer struct {
	from      connection.Ref
	link      Link
	adds      []RowReference
	removes   []RowReference
	withdraws []RowReference     // of objects that this cycle deletes: they go before the deletion
	anew      bool               // somebody has rejected some of the removals before
	effect    *connection.Effect // what is to be said of what takes the place of those that are taken away
}

// referencePlan plans the rows that write references, in pieces.
type referencePlan struct {
	*Planner
	made    *made
	deleted map[connection.Ref]bool // objects that this cycle deletes
	busy    map[connection.Ref]bool // objects whose references this cycle has planned already
	met     map[connection.Ref]bool // objects of whose waiting rows it is known whether they still hold
	hold    bool                    // removals of members go too far
	piece   Piece
	size    int // references in the batch
}

// pieceReferences is how many references one commit writes at most, or those of one object.
const pieceReferences = 5_000

// references plans and commits a row for each object with references that differ from what is written, as far as their other ends
// are at the target or will be after this plan. When tried is set, objects whose references failed in this cycle are left
// for the next.
func (p *Planner) references(ctx context.Context, m *made, tried bool) error {
	busy, err := p.referring(ctx, tried)
	if err != nil {
		return err
	}
	deletions, err := p.deletions(ctx)
	if err != nil {
		return err
	}
	deleted := make(map[connection.Ref]bool, len(deletions))
	for _, row := range deletions {
		deleted[row.Source.Ref] = true
	}
	return (&referencePlan{Planner: p, made: m, deleted: deleted, busy: busy, met: map[connection.Ref]bool{}}).run(ctx)
}

func (p *referencePlan) run(ctx context.Context) (err error) {
	removals := 0
	for pass := range 2 { // whether removals go too far is known when all have been seen
		if pass == 1 {
			if p.hold, err = p.tooMany(ctx, removals); err != nil {
				return err
			}
		}
		err = p.each(ctx, func(rows []ReferenceRow) error {
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
	for key, old := range p.Waits.rows {
		if key.refer && !p.met[key.source] && !p.busy[key.source] {
			p.leaveOut(key, &old, "no longer needed")
		}
	}
}

// leaveOut ends a row that waits for a decision.
func (p *referencePlan) leaveOut(key waitKey, old *Action, why string) {
	p.piece.Moved = append(p.piece.Moved, Transition{ID: old.ID, From: old.State, To: LeftOut, Detail: why, At: p.Now()})
	delete(p.Waits.rows, key)
}

// removals counts the memberships that are to be taken away, of groups and members that stay.
func (p *referencePlan) removals(rows []ReferenceRow) (n int) {
	for _, e := range rows {
		if !e.Wanted && e.Written && e.Attribute == connection.Members && !p.deleted[e.From] && !p.deleted[e.To] && p.Programs.brings(e.From.Type, e.Attribute, e.To.Type) {
			n++
		}
	}
	return n
}

// each calls f with the references of some objects at a time, all of an object together: those that wait to be written or taken
// away, and those to objects that this cycle deletes.
func (p *referencePlan) each(ctx context.Context, f func([]ReferenceRow) error) error {
	if p.made.len() > mostFew { // most of them, then
		var piece []ReferenceRow
		err := p.Known.EachWaiting(ctx, func(e ReferenceRow) error {
			if e.Wanted && p.made.carries(e) { // of a million people these are a million, for which nothing is left to do
				return nil
			}
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
func (p *referencePlan) eachOf(ctx context.Context, owners func(context.Context) (map[connection.Ref]bool, error), f func([]ReferenceRow) error) error {
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
		rows, err := p.Known.References(ctx, ReferenceQuery{From: chunk})
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(e ReferenceRow) bool { return e.Wanted == e.Written && !p.deleted[e.To] })
		if len(rows) == 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b ReferenceRow) int { return compareRefs(a.From, b.From) })
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
	if only := p.Job.Only; only.ID != "" { // the others' are not asked for
		owners[only] = true
		return owners, nil
	}
	take := func(q ReferenceQuery) error {
		rows, err := p.Known.References(ctx, q)
		for _, e := range rows {
			owners[e.From] = true
		}
		return err
	}
	if err := take(ReferenceQuery{Ready: true}); err != nil || p.made.len() == 0 {
		return owners, err
	}
	for _, ref := range p.made.few {
		owners[ref] = true
	}
	return owners, take(ReferenceQuery{To: p.made.few, Waiting: true})
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
	rows, err := p.Known.References(ctx, ReferenceQuery{To: to})
	for _, e := range rows {
		if e.Written {
			owners[e.From] = true
		}
	}
	return owners, err
}

// take plans the rows of the objects whose references these are.
func (p *referencePlan) take(ctx context.Context, rows []ReferenceRow) error {
	links, err := linksOfEnds(ctx, p.Known, rows)
	if err != nil {
		return err
	}
	var all []*referrer
	for _, e := range rows {
		if len(all) == 0 || all[len(all)-1].from != e.From {
			all = append(all, &referrer{from: e.From, link: links[e.From]})
		}
		p.sort(all[len(all)-1], e, links[e.To])
	}
	if err := p.stay(ctx, all); err != nil {
		return err
	}
	for _, w := range all {
		if err := p.one(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// stay asks the target which references others want as well as the job that lets go of them, where it keeps that.
func (p *referencePlan) stay(ctx context.Context, all []*referrer) error {
	if p.Foresee == nil {
		return nil
	}
	var asked []*referrer
	var ops []connection.Operation
	for _, w := range all {
		gone := slices.Concat(w.removes, w.withdraws)
		if len(gone) == 0 || w.link.Target == "" {
			continue
		}
		op := connection.Operation{Kind: rule.Refer, Ref: connection.Ref{Type: p.Programs[w.from.Type].Type, ID: w.link.Target}, Name: w.link.Name}
		for _, r := range gone {
			op.Remove = append(op.Remove, p.reference(r))
		}
		for _, r := range w.adds {
			op.Add = append(op.Add, p.reference(r))
		}
		asked, ops = append(asked, w), append(ops, op)
	}
	if len(ops) == 0 {
		return nil
	}
	found, err := p.Foresee.Foresee(ctx, ops)
	if err != nil {
		return fmt.Errorf("ask %s what changes of references would come to: %w", p.To.Name, err)
	}
	for i, w := range asked {
		w.effect = found[i].Effect
		for _, refs := range [][]RowReference{w.removes, w.withdraws} {
			for j := range refs {
				refs[j].Stays = slices.Contains(found[i].Stay, p.reference(refs[j]))
			}
		}
	}
	return nil
}

// reference is a reference in the target's ids.
func (p *referencePlan) reference(r RowReference) connection.Reference {
	return connection.Reference{Attribute: r.Attribute, To: connection.Ref{Type: p.Programs[r.To.Type].Type, ID: r.Target}}
}

// linksOfEnds returns the links of both ends of the references, without what was written.
func linksOfEnds(ctx context.Context, known Known, rows []ReferenceRow) (map[connection.Ref]Link, error) {
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
	links := make(map[connection.Ref]Link, len(asked))
	for typ, list := range ids {
		found, err := known.Links(ctx, LinkQuery{Type: typ, Sources: list, Bare: true, Limit: len(list)})
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			links[l.Source] = l
		}
	}
	return links, nil
}

// sort puts a reference where it belongs.
func (p *referencePlan) sort(w *referrer, e ReferenceRow, to Link) {
	if p.busy[e.From] || p.deleted[e.From] || !p.Programs.brings(e.From.Type, e.Attribute, e.To.Type) {
		return
	}
	comes := p.made.comes(e.To)
	ref := RowReference{Attribute: e.Attribute, To: End{Ref: e.To, Name: to.Name}, Target: to.Target}
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

// one makes the rows of one object: the members that its create carries, one row for what else is written, held or not, and one
// for what goes before a deletion.
func (p *referencePlan) one(ctx context.Context, w *referrer) error {
	if w == nil || len(w.adds)+len(w.removes)+len(w.withdraws) == 0 {
		return nil
	}
	m := p.made.find(w.from)
	if w.link.Target == "" && m < 0 {
		return nil // it is not at the target, and will not be
	}
	p.size += len(w.adds) + len(w.removes) + len(w.withdraws)
	if m >= 0 && p.made.row(m).flags&madeLink == 0 {
		p.carry(w, m)
	}
	if len(w.withdraws) > 0 {
		row := p.referRow(w, w.withdraws)
		row.Lane, row.Rank = LaneDelete, -1
		p.add(row)
	}
	if stands, err := p.staysRejected(ctx, w); stands || err != nil {
		return err
	}
	for _, row := range p.referRows(w) {
		p.add(row)
	}
	if p.size < pieceReferences {
		return nil
	}
	return p.flush(ctx)
}

// staysRejected deals with a row of the object's references that an administrator has rejected. As long as it would be the same, there is
// none; other removals of what was rejected need a decision, too.
func (p *referencePlan) staysRejected(ctx context.Context, w *referrer) (bool, error) {
	old, was := p.Waits.rejected[waitKey{w.from, true}]
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
	w.anew = slices.ContainsFunc(w.removes, func(r RowReference) bool {
		return slices.ContainsFunc(old.References, func(o RowReference) bool { return o.Gone && o.Attribute == r.Attribute && o.To.Ref == r.To.Ref })
	})
	return false, nil
}

func (p *referencePlan) add(row Action) {
	p.piece.Actions = append(p.piece.Actions, row)
	if row.State == Planned {
		p.piece.Sum.Planned++
	}
}

// carry lets the m-th create take along what it can: a person their manager, which its row names already, and a group as many members
// as the target takes in one call.
func (p *referencePlan) carry(w *referrer, m int) {
	if w.from.Type != connection.GroupType {
		row := p.made.row(m)
		w.adds = slices.DeleteFunc(w.adds, func(r RowReference) bool {
			return r.Attribute == connection.Manager && row.carries(p.made.managerKey(r.To.ID))
		})
		return
	}
	if p.made.row(m).flags&madeReferences != 0 {
		w.adds = nil // by an earlier slice
		return
	}
	n := min(len(w.adds), MemberLimit(p.To))
	p.piece.Carried = append(p.piece.Carried, Carried{ID: p.made.id(m), References: slices.Clone(w.adds[:n])})
	w.adds = w.adds[n:]
}

// MemberLimit is how many references one call to the target takes.
func MemberLimit(to connection.System) int {
	if to.MaxMembers <= 0 {
		return 1000
	}
	return to.MaxMembers
}

func (p *referencePlan) flush(ctx context.Context) error {
	out := p.piece
	if p.piece, p.size = (Piece{}), 0; len(out.Actions)+len(out.Carried)+len(out.Moved) == 0 {
		return nil
	}
	return p.Sink.Take(ctx, out)
}

// referring returns the objects whose references are being written, wait for a decision, or have failed.
func (p *Planner) referring(ctx context.Context, tried bool) (map[connection.Ref]bool, error) {
	states := []ActionState{Planned, Open}
	if tried {
		states = append(states, Failed, Refused)
	}
	rows, err := p.Rows.Actions(ctx, ActionQuery{Cycle: p.Job.Cycle, States: states, Kinds: []rule.Kind{rule.Refer}, Limit: 1 << 20})
	if err != nil {
		return nil, err
	}
	busy := map[connection.Ref]bool{}
	for _, row := range rows {
		busy[row.Source.Ref] = true
	}
	return busy, nil
}

// tooMany reports whether the guard holds back so many removals of members. It holds any while it has just held people or groups that
// leave: a source that has lost them has lost their memberships, too.
func (p *Planner) tooMany(ctx context.Context, removals int) (bool, error) {
	if removals == 0 || p.Waits.alarmed {
		return p.Waits.alarmed, nil
	}
	tally, err := p.Rows.Tally(ctx, p.Job.Cycle)
	if err != nil {
		return false, err
	}
	for k, n := range tally.Actions { // held in an earlier slice of the cycle
		if k.State == Held && leaves(k.Kind) && n > 0 {
			p.Waits.alarmed = true
			return true, nil
		}
	}
	if removals < 2 {
		return false, nil
	}
	written, err := p.Known.CountReferences(ctx, connection.Members)
	return err == nil && p.Job.Policy.Guard.Holds(removals, written), err
}

// referRows makes the rows of one object: one, or one for what is added and one, held, for what is removed. Removals that
// are held already, or were approved, keep their row as long as they are the same. Others than those that somebody had to decide on
// need a decision of their own, however few they are.
func (p *referencePlan) referRows(w *referrer) []Action {
	key := waitKey{w.from, true}
	old, waits := p.Waits.rows[key]
	p.met[w.from] = true
	held := w.anew || p.hold && w.from.Type == connection.GroupType
	if waits && !sameReferences(old.References, w.removes) {
		p.leaveOut(key, &old, "other references are to be removed now")
		waits, held = false, held || old.State == Held || !old.Decided.At.IsZero()
	}
	if len(w.adds)+len(w.removes) == 0 {
		return nil
	}
	if len(w.removes) == 0 || !held && !waits {
		return []Action{p.referRow(w, append(w.adds, w.removes...))}
	}
	var rows []Action
	if len(w.adds) > 0 {
		rows = append(rows, p.referRow(w, w.adds))
	}
	if waits && old.State == Held {
		return rows // it waits on
	}
	removal := p.referRow(w, w.removes)
	if waits {
		removal.ID, removal.Decided = old.ID, old.Decided
		p.piece.Moved = append(p.piece.Moved, Transition{ID: old.ID, From: Planned, To: Planned}) // nobody has rejected it meanwhile
		delete(p.Waits.rows, key)
		return append(rows, removal)
	}
	p.Job.hold(&removal, rule.MemberRemove)
	p.piece.Sum.Held++
	p.Waits.rows[key] = removal
	return append(rows, removal)
}

// sameReferences reports whether two rows name the same references, in whatever order.
func sameReferences(a, b []RowReference) bool {
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
	return !slices.ContainsFunc(b, func(r RowReference) bool { return !all[reference{r.Attribute, r.To.Ref, r.Gone}] })
}

func (p *referencePlan) referRow(w *referrer, refs []RowReference) Action {
	adds, stays, removes := 0, 0, 0
	for _, r := range refs {
		switch {
		case r.Stays:
			stays++
		case r.Gone:
			removes++
		default:
			adds++
		}
	}
	var what []string
	for _, part := range []struct {
		n    int
		text string
	}{{adds, "%d added"}, {removes, "%d removed"}, {stays, "%d let go of, which others have, too"}} {
		if part.n > 0 {
			what = append(what, fmt.Sprintf(part.text, part.n))
		}
	}
	name := w.link.Name
	row := Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: p.Job.ID, Cycle: p.Job.Cycle, Kind: rule.Refer, Lane: LaneRefer,
		Source: End{Ref: w.from, Name: name}, Target: End{Ref: connection.Ref{Type: p.Programs[w.from.Type].Type, ID: w.link.Target}, Name: name},
		References: slices.Clone(refs), Reason: rule.Reason{Rule: "references changed", Clause: strings.Join(what, ", ")}, Epoch: p.Job.Epoch,
		Seen: Seen{Config: p.Job.Config}, State: Planned, Planned: p.Now(),
	}
	if removes+stays > 0 {
		row.Effect = w.effect
	}
	return row
}
