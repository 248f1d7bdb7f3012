package provision

import (
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/plan"
	"lockstep/rule"
)

// circles is the first rank of people who exchange values with each other in a circle: each circle has a rank of its own, behind
// all other updates.
const circles = groupRank

// renames orders the planned updates that give up a value which another of them takes: whoever gives up comes first. Where people
// exchange values in a circle no order works. A target that changes a circle together gets its rows with one rank; elsewhere
// they are held, together, with a sentence that says why.
func (r *run) renames(ctx context.Context, b *Batch) error {
	rows, err := r.Store.Renamed(ctx, r.job.Tenant, r.job.ID, r.cycle.ID)
	if err != nil || len(rows) < 2 {
		return err
	}
	rank, rings := renameRanks(rows)
	for _, row := range rows {
		if d := rank[row.ID]; d > 0 {
			b.Ranks = append(b.Ranks, Rank{row.ID, d})
		}
	}
	for i, ring := range rings {
		for _, row := range ring {
			if r.to.Exchange {
				b.Ranks = append(b.Ranks, Rank{row.ID, circles + i})
				continue
			}
			_, value, _ := strings.Cut(row.To, "=")
			b.Moved = append(b.Moved, plan.Transition{
				ID: row.ID, From: plan.Planned, To: plan.Held, Code: lockstep.CodeUniqueCircle,
				Detail: fmt.Sprintf("%d of %s exchange values with each other (%s among them): whoever is written first would take a value that is in use", len(ring), r.to.Name, value),
			})
			r.cycle.Counts.Held++
			r.cycle.Counts.Planned--
		}
	}
	return nil
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
