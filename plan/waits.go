package plan

import (
	"context"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// Waits is what administrators have to decide on, or have decided, and what the guard has seen: the rows of earlier cycles that are
// held or were approved since, those that were rejected, and whether something was held now. It is loaded when planning begins
// and kept up to date by it, until another turn goes on.
type Waits struct {
	rows     map[waitKey]Action      // held, or approved since
	rejected map[waitKey]Action      // the newest row of each object that was rejected
	broken   map[connection.Ref]bool // who is held for a circle that is another one now
	alarmed  bool                    // the guard has held something that leaves
}

// waitKey names the rows that can wait for one source object: one for itself, one for the removal of references.
type waitKey struct {
	source connection.Ref
	refer  bool
}

// LoadWaits loads the rows that wait for a decision, those that were approved after their cycle had ended, which take part in the
// present one, and the newest that were rejected: of one object, or of all when it is blank.
func LoadWaits(ctx context.Context, rows Rows, cycle lockstep.CycleID, of connection.Ref) (*Waits, error) {
	w := noWaits()
	for _, q := range []ActionQuery{{States: []ActionState{Held}}, {States: []ActionState{Planned}, NotOf: cycle}} {
		q.Source, q.Limit = of, 1<<20
		found, err := rows.Actions(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			w.rows[waitKeyOf(&a)] = a
		}
	}
	rejected, err := rows.Actions(ctx, ActionQuery{States: []ActionState{Rejected}, Source: of, Limit: 1 << 20})
	for _, a := range rejected { // newest first would be a walk through all rows of the job
		if old, is := w.rejected[waitKeyOf(&a)]; !is || old.ID < a.ID {
			w.rejected[waitKeyOf(&a)] = a
		}
	}
	return w, err
}

func noWaits() *Waits { return &Waits{rows: map[waitKey]Action{}, rejected: map[waitKey]Action{}} }

func waitKeyOf(a *Action) waitKey { return waitKey{a.Source.Ref, a.Kind == rule.Refer} }

// approved returns the objects whose own rows were approved.
func (w *Waits) approved(programs Programs) (refs []connection.Ref) {
	for k, a := range w.rows {
		if !k.refer && a.State == Planned && programs[k.source.Type] != nil {
			refs = append(refs, k.source)
		}
	}
	return refs
}

// bereft returns who is held in a circle while nobody of it is held any more who would give up the value that they are to take.
func (w *Waits) bereft(programs Programs) (refs []connection.Ref) {
	type value struct{ typ, key string }
	given := map[value]bool{}
	circled := func(k waitKey, a *Action) bool {
		return a.State == Held && a.Code == lockstep.CodeUniqueCircle && programs[k.source.Type] != nil
	}
	for k, a := range w.rows {
		if from, _, ok := SplitNames(a.Refers); ok && circled(k, &a) {
			given[value{k.source.Type, from}] = true
		}
	}
	for k, a := range w.rows {
		if _, to, _ := SplitNames(a.Refers); circled(k, &a) && !given[value{k.source.Type, to}] {
			refs = append(refs, k.source)
		}
	}
	return refs
}

// standsRejected reports whether a row was rejected and nothing has been done about the object since, and the rules are those of then.
func (p *Planner) standsRejected(ctx context.Context, old *Action) (bool, error) {
	if old.Seen.Config != p.Job.Config {
		return false, nil
	}
	kinds := []rule.Kind{rule.Refer}
	if old.Kind != rule.Refer {
		kinds = []rule.Kind{rule.Create, rule.Link, rule.Update, rule.Disable, rule.Delete, rule.Release, rule.Skip}
	}
	rows, err := p.Rows.Actions(ctx, ActionQuery{Source: old.Source.Ref, Kinds: kinds, Newest: true, Limit: 1})
	return err == nil && len(rows) == 1 && rows[0].ID == old.ID, err
}
