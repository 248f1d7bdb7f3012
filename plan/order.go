package plan

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

const (
	// groupRank puts groups behind all people within a lane, so that their members are there when they are created.
	groupRank = 1 << 20
	// ring is the rank of people who report to each other in a circle, and of who reports to them.
	ring = groupRank - 1
	// heirs is added to the rank of people who are created with a value that another row gives up: they come when all rows before
	// theirs have ended. Groups always do.
	heirs = groupRank / 2
	// circles is the first rank of people who exchange values with each other in a circle: each circle has a rank of its own, behind
	// all other updates.
	circles = groupRank
)

// Stage is a part of a lane. The rows of one stage may be carried out beside each other; those of the next begin when all have ended.
type Stage int

// StageOf returns the stage of a row. People are at the target before groups name them, all objects before late references are
// written, what refers to an object that is deleted lets go of it before, and whoever gives up a value comes before who takes it.
func StageOf(a *Action) Stage {
	if a.Lane == LaneRefer {
		return 2
	}
	if a.Kind == rule.Update && a.Rank > 0 { // it takes a value that one of a lower rank gives up
		return 2 + Stage(a.Rank)
	}
	if a.Kind == rule.Refer {
		return -1
	}
	switch {
	case a.Lane != LaneCreate:
	case a.Source.Type == connection.GroupType:
		return 1
	case a.Rank >= heirs:
		return -2
	}
	return 0
}

// InCircle reports whether the row belongs to people who exchange values and are written together; their ranks are the same.
func InCircle(a *Action) bool { return a.Kind == rule.Update && a.Rank >= circles }

// made is all creates and links that a cycle plans: their source objects will be at the target.
type made map[connection.Ref]Made

// Finish ends planning when all objects have been decided about: harm is held, creates get their order, references get their rows.
// rows is whether any are planned. When it is cut off it begins anew, and leaves alone what is there already.
func (p *Planner) Finish(ctx context.Context, rows bool) error {
	var m made
	if rows {
		var out Piece
		if err := p.guard(ctx, &out); err != nil {
			return err
		}
		leavers, err := p.leavers(ctx)
		if err != nil {
			return err
		}
		if m, err = p.order(ctx, leavers, &out); err != nil {
			return err
		}
		if err := p.renames(ctx, m, leavers, &out); err != nil {
			return err
		}
		if err := p.Sink.Take(ctx, out); err != nil {
			return err
		}
	}
	return p.references(ctx, m, false)
}

// leaver is an object that the cycle deletes, with the matching value that it gives up.
type leaver struct {
	row    lockstep.ActionID
	source connection.Ref
	has    string // as in Link.Key; "" when there is none
}

// leavers returns the planned deletions.
func (p *Planner) leavers(ctx context.Context) ([]leaver, error) {
	rows, err := p.deletions(ctx)
	all := make([]leaver, len(rows))
	for i := range rows {
		all[i] = leaver{row: rows[i].ID, source: rows[i].Source.Ref}
		if prog := p.Programs[rows[i].Source.Type]; prog != nil {
			all[i].has = prog.Key(rows[i].Before)
		}
	}
	return all, err
}

// deletions returns the rows of this cycle that delete an object.
func (p *Planner) deletions(ctx context.Context) ([]Action, error) {
	return p.Rows.Actions(ctx, ActionQuery{Cycle: p.Job.Cycle, States: []ActionState{Planned}, Kinds: []rule.Kind{rule.Delete}, Limit: 1 << 20})
}

// order puts the planned creates into the order in which a manager comes before their people, and returns all that the cycle
// brings to the target. A create keeps the reference to its manager when that is there by then and stays; otherwise the reference
// gets a row of its own, or waits.
func (p *Planner) order(ctx context.Context, leavers []leaver, out *Piece) (made, error) {
	m := made{}
	if err := p.Rows.Made(ctx, p.Job.Cycle, func(row Made) { m[row.Source] = row }); err != nil {
		return nil, err
	}
	there, err := p.managers(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, l := range leavers {
		if l.source.Type == connection.UserType {
			delete(there, l.source.ID)
		}
	}
	depth := depths(m)
	for ref, row := range m {
		if d := depth[ref]; d > 0 {
			out.Ranks = append(out.Ranks, Rank{row.ID, d})
		}
		if row.Refers == "" {
			continue
		}
		manager := connection.Ref{Type: connection.UserType, ID: row.Refers}
		if _, comes := m[manager]; there[row.Refers] || comes && depth[ref] < ring {
			continue
		}
		out.Carried = append(out.Carried, Carried{ID: row.ID})
		row.Refers = ""
		m[ref] = row
	}
	return m, nil
}

// managers returns the source ids of those managers of people who are created that are at the target already.
func (p *Planner) managers(ctx context.Context, m made) (map[string]bool, error) {
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
	links, err := p.Known.Links(ctx, LinkQuery{Type: connection.UserType, Sources: ids, Limit: len(ids)})
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
