package plan

import (
	"cmp"
	"context"

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

// Finish ends planning when all objects have been decided about: harm is held, creates get their order, references get their rows.
// rows is whether any are planned. When it is cut off it begins anew, and leaves alone what is there already.
func (p *Planner) Finish(ctx context.Context, rows bool) error {
	var m *made
	if rows {
		var out Piece
		if err := p.guard(ctx, &out); err != nil {
			return err
		}
		leavers, err := p.leavers(ctx)
		if err != nil {
			return err
		}
		if m, err = p.order(ctx, leavers); err != nil {
			return err
		}
		if err := p.renames(ctx, m, leavers, &out); err != nil {
			return err
		}
		if err := p.place(ctx, m, out); err != nil {
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
	return p.Rows.Actions(ctx, ActionQuery{Cycle: p.Job.Cycle, States: []ActionState{Planned}, Kinds: []rule.Kind{rule.Delete, rule.Release}, Limit: 1 << 20})
}

// order puts the planned creates into the order in which a manager comes before their people, and returns all that the cycle
// brings to the target. A create keeps the reference to its manager when that is there by then and stays; otherwise the reference
// gets a row of its own, or waits.
func (p *Planner) order(ctx context.Context, leavers []leaver) (*made, error) {
	m := newMade()
	if err := p.Rows.Made(ctx, p.Job.Cycle, m.add); err != nil {
		return nil, err
	}
	m.index()
	m.depths()
	there, err := p.managers(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, l := range leavers {
		if l.source.Type == connection.UserType {
			delete(there, m.managerKey(l.source.ID))
		}
	}
	for i := range m.n {
		r := m.row(i)
		if r.manager == 0 || there[r.manager] || r.rank < ring && m.above(i) >= 0 {
			continue
		}
		r.flags |= madeAlone
	}
	return m, nil
}

// managers returns which managers of people who are created are at the target already.
func (p *Planner) managers(ctx context.Context, m *made) (map[uint64]bool, error) {
	linked := map[uint64]bool{}
	some := false
	for i := 0; i < m.n && !some; i++ {
		some = m.row(i).manager != 0 && m.above(i) < 0
	}
	if !some {
		return linked, nil
	}
	asked := map[uint64]bool{}
	var ids []string
	var failed error
	ask := func() {
		links, err := p.Known.Links(ctx, LinkQuery{Type: connection.UserType, Sources: ids, Bare: true, Limit: len(ids)})
		for _, l := range links {
			linked[m.managerKey(l.Source.ID)] = l.Target != ""
		}
		failed, ids = cmp.Or(failed, err), ids[:0]
	}
	err := p.Rows.Made(ctx, p.Job.Cycle, func(row Made) {
		key := m.managerKey(row.Refers)
		if key == 0 || asked[key] || m.comes(connection.Ref{Type: connection.UserType, ID: row.Refers}) {
			return
		}
		asked[key] = true
		if ids = append(ids, row.Refers); len(ids) == pageSize {
			ask()
		}
	})
	if len(ids) > 0 {
		ask()
	}
	return linked, cmp.Or(err, failed)
}

// placePiece is how many creates one commit puts into their order at most.
const placePiece = 2000

// place commits the piece, and after it the order of the creates, some at a time.
func (p *Planner) place(ctx context.Context, m *made, out Piece) error {
	for i := range m.len() {
		r := m.row(i)
		if r.rank > 0 || r.flags&madeRanked != 0 {
			out.Ranks = append(out.Ranks, Rank{m.id(i), int(r.rank)})
		}
		if r.flags&madeAlone != 0 {
			out.Carried = append(out.Carried, Carried{ID: m.id(i)})
		}
		if len(out.Ranks)+len(out.Carried) >= placePiece {
			if err := p.Sink.Take(ctx, out); err != nil {
				return err
			}
			out = Piece{}
		}
	}
	return p.Sink.Take(ctx, out)
}
