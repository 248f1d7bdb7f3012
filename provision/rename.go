package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// circles is the first rank of people who exchange values with each other in a circle: each circle has a rank of its own, behind
// all other updates.
const circles = groupRank

// renames orders the planned updates that give up a value which another of them takes: whoever gives up comes first. Where people
// exchange values in a circle no order works. A target that changes a circle together gets its rows with one rank; elsewhere
// they are held, together, with a sentence that says why. A row of a circle that was approved is sent as it is.
func (r *run) renames(ctx context.Context, m made, leavers []leaver, b *Batch) error {
	rows, err := r.Store.Renamed(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil || len(rows)+len(m) == 0 {
		return err
	}
	all := slices.Clone(rows)
	for _, l := range leavers {
		if l.has != "" {
			all = append(all, plan.Renamed{ID: l.row, From: l.has})
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := r.newcomers(ctx, all, m, b); err != nil {
		return err
	}
	rank, rings := renameRanks(all)
	for _, row := range rows {
		if d := rank[row.ID]; d > 0 {
			b.Ranks = append(b.Ranks, Rank{row.ID, d})
		}
	}
	for i, ring := range rings {
		for _, row := range ring {
			switch {
			case r.to.Exchange:
				b.Ranks = append(b.Ranks, Rank{row.ID, circles + i})
			case !row.Decided:
				r.holdInCircle(row, len(ring), b)
			}
		}
	}
	return nil
}

// leaver is an object that the cycle deletes, with the matching value that it gives up.
type leaver struct {
	row    lockstep.ActionID
	source connection.Ref
	has    string // as in Link.Key; "" when there is none
}

// leavers returns the planned deletions.
func (r *run) leavers(ctx context.Context) ([]leaver, error) {
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, States: []plan.ActionState{plan.Planned}, Kinds: []rule.Kind{rule.Delete}, Limit: 1 << 20})
	all := make([]leaver, len(rows))
	for i := range rows {
		all[i] = leaver{row: rows[i].ID, source: rows[i].Source.Ref}
		if p := r.programs[rows[i].Source.Type]; p != nil {
			all[i].has = p.key(rows[i].Before)
		}
	}
	return all, err
}

// heirs is added to the rank of people who are created with a value that another row gives up: they come when all rows before theirs
// have ended. Groups always do.
const heirs = groupRank / 2

// newcomers puts those who are created with a value that one of the rows gives up behind all others.
func (r *run) newcomers(ctx context.Context, rows []plan.Renamed, m made, b *Batch) error {
	if len(m) == 0 || r.programs[connection.UserType] == nil {
		return nil
	}
	given := make([]string, len(rows))
	for i, row := range rows {
		given[i] = row.From
	}
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: connection.UserType, Keys: given})
	if err != nil {
		return err
	}
	rank := make(map[lockstep.ActionID]int, len(b.Ranks))
	for _, d := range b.Ranks {
		rank[d.Action] = d.Rank
	}
	for _, l := range links {
		if row, comes := m[l.Source]; comes {
			b.Ranks = append(b.Ranks, Rank{row.ID, min(heirs+rank[row.ID], ring)})
		}
	}
	return nil
}

// holdInCircle holds a row of a circle, whether the guard holds it or not.
func (r *run) holdInCircle(row plan.Renamed, n int, b *Batch) {
	_, value, _ := strings.Cut(row.To, "=")
	held := plan.Transition{
		ID: row.ID, From: plan.Planned, To: plan.Held, Code: lockstep.CodeUniqueCircle,
		Detail: fmt.Sprintf("%d of %s exchange values with each other (%s among them): whoever is written first would take a value that is in use", n, r.to.Name, value),
	}
	if i := slices.IndexFunc(b.Moved, func(t plan.Transition) bool { return t.ID == row.ID }); i >= 0 {
		b.Moved[i] = held
		return
	}
	b.Moved = append(b.Moved, held)
	r.cycle.Counts.Held++
	r.cycle.Counts.Planned--
}

// brokenCircles plans again for those who are held because they exchange values in a circle that is another one now: somebody of it
// wants another value, has left, was approved or was rejected. Whoever can be written then is.
func (r *run) brokenCircles(ctx context.Context) error {
	for {
		refs := r.bereft()
		if len(refs) == 0 {
			return nil
		}
		r.broken = map[connection.Ref]bool{}
		for _, ref := range refs {
			r.broken[ref] = true
		}
		err := r.planAgain(ctx, refs)
		r.broken = nil
		if err != nil {
			return err
		}
	}
}

// bereft returns who is held in a circle while nobody of it is held any more who would give up the value that they are to take.
func (r *run) bereft() (refs []connection.Ref) {
	type value struct{ typ, key string }
	given := map[value]bool{}
	circled := func(k waitKey, a *plan.Action) bool {
		return a.State == plan.Held && a.Code == lockstep.CodeUniqueCircle && r.programs[k.source.Type] != nil
	}
	for k, a := range r.waits {
		if from, _, ok := plan.SplitNames(a.Refers); ok && circled(k, &a) {
			given[value{k.source.Type, from}] = true
		}
	}
	for k, a := range r.waits {
		if _, to, _ := plan.SplitNames(a.Refers); circled(k, &a) && !given[value{k.source.Type, to}] {
			refs = append(refs, k.source)
		}
	}
	return refs
}

// renameRanks returns how many others must have given up a value before each row can be written, and the circles.
func renameRanks(rows []plan.Renamed) (rank map[lockstep.ActionID]int, rings [][]plan.Renamed) {
	giver := make(map[string]*plan.Renamed, len(rows)) // by the value that is given up
	for i := range rows {
		giver[rows[i].From] = &rows[i]
	}
	rank = make(map[lockstep.ActionID]int, len(rows))
	const onWay, inRing = -1, -2
	for i := range rows {
		var way []*plan.Renamed
		at := &rows[i]
		for at != nil && rank[at.ID] == 0 {
			rank[at.ID] = onWay
			way = append(way, at)
			at = giver[at.To]
		}
		above := 0
		switch {
		case at == nil:
		case rank[at.ID] == onWay: // the way has bitten its tail
			var ring []plan.Renamed
			for from := at; ; {
				rank[from.ID] = inRing
				ring = append(ring, *from)
				if from = giver[from.To]; from == at {
					break
				}
			}
			rings = append(rings, ring)
		default:
			above = max(rank[at.ID], 0) // who waits for a circle comes when it can
		}
		for j := len(way) - 1; j >= 0; j-- {
			if rank[way[j].ID] == onWay {
				above++
				rank[way[j].ID] = above
			}
		}
	}
	for id, d := range rank { // 1 is the first
		if rank[id] = d - 1; d < 0 {
			delete(rank, id)
		}
	}
	return rank, rings
}

// inCircle reports whether the row belongs to people who exchange values and are written together.
func inCircle(a plan.Action) bool { return a.Kind == rule.Update && a.Rank >= circles }

// wholeCircles cuts off the last rows of a full chunk when more of their circle may follow.
func wholeCircles(rows []plan.Action, full bool) []plan.Action {
	if !full || len(rows) == 0 || !inCircle(rows[len(rows)-1]) {
		return rows
	}
	last, n := rows[len(rows)-1].Rank, len(rows)
	for n > 0 && rows[n-1].Rank == last {
		n--
	}
	if n == 0 {
		return rows // a circle of that many is tried as far as it is here
	}
	return rows[:n]
}
