package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
)

// renames orders the planned updates that give up a value which another of them takes: whoever gives up comes first. Where people
// exchange values in a circle no order works. A target that changes a circle together gets its rows with one rank; elsewhere
// they are held, together, with a sentence that says why. A row of a circle that was approved is sent as it is.
func (p *Planner) renames(ctx context.Context, m *made, leavers []leaver, out *Piece) error {
	rows, err := p.Rows.Renamed(ctx, p.Job.Cycle)
	if err != nil || len(rows)+m.len() == 0 {
		return err
	}
	if rows, err = p.doubles(ctx, rows, leavers, out); err != nil {
		return err
	}
	all := slices.Clone(rows)
	for _, l := range leavers {
		if l.has != "" {
			all = append(all, Renamed{ID: l.row, From: l.has})
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := p.newcomers(ctx, all, m); err != nil {
		return err
	}
	rank, rings := renameRanks(all)
	for _, row := range rows {
		if d := rank[row.ID]; d > 0 {
			out.Ranks = append(out.Ranks, Rank{row.ID, d})
		}
	}
	for i, ring := range rings {
		for _, row := range ring {
			switch {
			case p.To.Exchange:
				out.Ranks = append(out.Ranks, Rank{row.ID, circles + i})
			case !row.Decided:
				p.holdInCircle(row, len(ring), out)
			}
		}
	}
	return nil
}

// newcomers puts those who are created with a value that one of the rows gives up behind all others.
func (p *Planner) newcomers(ctx context.Context, rows []Renamed, m *made) error {
	if m.len() == 0 || p.Programs[connection.UserType] == nil {
		return nil
	}
	given := make([]string, len(rows))
	for i, row := range rows {
		given[i] = row.From
	}
	links, err := p.Known.Links(ctx, LinkQuery{Type: connection.UserType, Keys: given})
	for _, l := range links {
		if i := m.find(l.Source); i >= 0 {
			m.row(i).rank = min(heirs+m.row(i).rank, ring)
		}
	}
	return err
}

// holdInCircle holds a row of a circle, whether the guard holds it or not.
func (p *Planner) holdInCircle(row Renamed, n int, out *Piece) {
	_, value, _ := strings.Cut(row.To, "=")
	held := Transition{
		ID: row.ID, From: Planned, To: Held, Code: lockstep.CodeUniqueCircle,
		Detail: fmt.Sprintf("%d of %s exchange values with each other (%s among them): whoever is written first would take a value that is in use", n, p.To.Name, value),
	}
	if i := slices.IndexFunc(out.Moved, func(t Transition) bool { return t.ID == row.ID }); i >= 0 {
		out.Moved[i] = held
		return
	}
	out.Moved = append(out.Moved, held)
	out.Sum.Held++
	out.Sum.Planned--
}

// renameRanks returns how many others must have given up a value before each row can be written, and the circles.
func renameRanks(rows []Renamed) (rank map[lockstep.ActionID]int, rings [][]Renamed) {
	giver := make(map[string]*Renamed, len(rows)) // by the value that is given up
	for i := range rows {
		giver[rows[i].From] = &rows[i]
	}
	rank = make(map[lockstep.ActionID]int, len(rows))
	const onWay, inRing = -1, -2
	for i := range rows {
		var way []*Renamed
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
			var ring []Renamed
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
