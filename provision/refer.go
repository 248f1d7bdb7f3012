package provision

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// moreRefers plans rows for references whose ends have come together since the plan was made.
func (a *applier) moreRefers(ctx context.Context) (bool, error) {
	rows, err := a.refers(ctx, true)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	a.cycle.Counts.Planned += len(rows)
	return true, a.commit(ctx, Batch{Cycle: a.cycle, Actions: rows})
}

// waiting is what an object's references wait for.
type waiting struct {
	from         connection.Ref
	adds, remove int
}

// refers makes a row for each object with references that wait while both their ends are linked. When tried is set, objects
// whose references failed in this cycle are left for the next.
func (r *run) refers(ctx context.Context, tried bool) ([]plan.Action, error) {
	sums, err := r.Store.Waiting(ctx, r.job.Tenant, r.job.ID)
	if err != nil || len(sums) == 0 {
		return nil, err
	}
	busy, err := r.referring(ctx, tried)
	if err != nil {
		return nil, err
	}
	var all []*waiting
	removals := 0
	for _, sum := range sums {
		if !r.brings(sum.From.Type, sum.Attribute, sum.To) {
			continue
		}
		if sum.Attribute == connection.Members { // of all owners, so that many small pieces are seen as what they are
			removals += sum.Removes
		}
		if busy[sum.From] || len(all) == referChunk && all[len(all)-1].from != sum.From {
			continue
		}
		if len(all) == 0 || all[len(all)-1].from != sum.From {
			all = append(all, &waiting{from: sum.From})
		}
		w := all[len(all)-1]
		w.adds += sum.Adds
		w.remove += sum.Removes
	}
	hold, err := r.tooMany(ctx, removals)
	if err != nil {
		return nil, err
	}
	var rows []plan.Action
	for _, w := range all {
		rows = append(rows, r.referRows(w, hold)...)
	}
	return rows, r.nameRows(ctx, rows)
}

// referChunk is how many objects get rows for their references at once; the others get theirs when these are done.
const referChunk = 10_000

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
		if k.State == plan.Held && k.Type == connection.UserType && n > 0 {
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
// are held already, or were approved, keep their row.
func (r *run) referRows(w *waiting, held bool) []plan.Action {
	old, decided := r.waits[waitKey{w.from, true}]
	held = held && w.from.Type == connection.GroupType
	if w.remove == 0 || !held && !decided {
		return []plan.Action{r.referRow(w, "")}
	}
	var rows []plan.Action
	if w.adds > 0 {
		rows = append(rows, r.referRow(w, plan.AddOnly))
	}
	removal := r.referRow(w, plan.RemoveOnly)
	if decided {
		if old.State == plan.Held {
			return rows // it waits on
		}
		removal.ID, removal.Decided = old.ID, old.Decided
		delete(r.waits, waitKey{w.from, true})
		return append(rows, removal)
	}
	hold(&removal, rule.MemberRemove)
	r.cycle.Counts.Held++
	r.waits[waitKey{w.from, true}] = removal
	return append(rows, removal)
}

func (r *run) referRow(w *waiting, only string) plan.Action {
	what := fmt.Sprintf("%d added, %d removed", w.adds, w.remove)
	switch only {
	case plan.AddOnly:
		what = fmt.Sprintf("%d added", w.adds)
	case plan.RemoveOnly:
		what = fmt.Sprintf("%d removed", w.remove)
	}
	return plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: r.job.ID, Cycle: r.cycle.ID, Kind: rule.Refer, Lane: plan.LaneRefer,
		Source: plan.End{Ref: w.from}, Refers: only, Reason: rule.Reason{Rule: "references changed", Clause: what}, Epoch: r.job.Epoch,
		Seen: plan.Seen{Config: r.job.Config}, State: plan.Planned, Planned: r.now(),
	}
}

// nameRows fills in the names and targets of refer rows from their links.
func (r *run) nameRows(ctx context.Context, rows []plan.Action) error {
	ids := map[string][]string{}
	for _, a := range rows {
		ids[a.Source.Type] = append(ids[a.Source.Type], a.Source.ID)
	}
	for typ, chunk := range ids {
		links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Sources: chunk, Limit: len(chunk)})
		if err != nil {
			return err
		}
		byID := map[string]plan.Link{}
		for _, l := range links {
			byID[l.Source.ID] = l
		}
		for i := range rows {
			if l, ok := byID[rows[i].Source.ID]; ok && rows[i].Source.Type == typ {
				rows[i].Source.Name = l.Name
				rows[i].Target = plan.End{Ref: connection.Ref{Type: r.programs[typ].targetType, ID: l.Target}, Name: l.Name}
			}
		}
	}
	return nil
}
