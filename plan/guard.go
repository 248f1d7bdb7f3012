package plan

import (
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// guard holds the planned rows of each kind of harm that goes too far.
func (p *Planner) guard(ctx context.Context, out *Piece) error {
	tally, err := p.Rows.Tally(ctx, p.Job.Cycle)
	if err != nil {
		return err
	}
	planned := func(k rule.Kind, typ string) int {
		return tally.Actions[TallyKey{State: Planned, Kind: k, Type: typ}]
	}
	clears, err := p.clears(ctx, planned(rule.Update, connection.UserType))
	if err != nil {
		return err
	}
	harm := map[rule.Harm]int{
		rule.UserDisable: planned(rule.Disable, connection.UserType),
		rule.UserDelete:  planned(rule.Delete, connection.UserType),
		rule.GroupDelete: planned(rule.Delete, connection.GroupType),
		rule.Clear:       len(clears),
	}
	if n := planned(rule.Release, connection.UserType) + planned(rule.Release, connection.GroupType); n > 0 { // some may be disabled by it
		harm[rule.LetGo] = n
		harm[rule.UserDisable] += planned(rule.Release, connection.UserType)
	}
	if len(p.Job.tooMuch(harm, tally.Linked)) == 0 { // spare reading the rows
		return nil
	}
	leave, err := p.Rows.Actions(ctx, ActionQuery{
		Cycle: p.Job.Cycle, States: []ActionState{Planned}, Kinds: []rule.Kind{rule.Disable, rule.Delete, rule.Release}, Limit: 1 << 20,
	})
	if err != nil {
		return err
	}
	held := p.Job.heldBack(append(leave, clears...), tally.Linked)
	for _, t := range held {
		p.Waits.alarmed = p.Waits.alarmed || leaves(t.kind)
		out.Moved = append(out.Moved, t.Transition)
	}
	out.Sum.Held += len(held)
	out.Sum.Planned -= len(held)
	return nil
}

// clears returns the planned updates of people that take a value away: a source that has lost a column looks like that.
func (p *Planner) clears(ctx context.Context, updates int) ([]Action, error) {
	if updates == 0 {
		return nil, nil
	}
	rows, err := p.Rows.Actions(ctx, ActionQuery{
		Cycle: p.Job.Cycle, States: []ActionState{Planned}, Kinds: []rule.Kind{rule.Update}, Codes: []lockstep.Code{lockstep.CodeClears}, Limit: 1 << 20,
	})
	return slices.DeleteFunc(rows, func(a Action) bool { return a.Source.Type != connection.UserType }), err
}

// heldRow is a row that the guard holds.
type heldRow struct {
	Transition
	kind rule.Kind
}

// leaves reports whether the rows of a kind are about what leaves the target, for this job at least. Once some are held, no members are taken
// out of groups either.
func leaves(k rule.Kind) bool { return k == rule.Disable || k == rule.Delete || k == rule.Release }

// heldBack returns which of the rows that do harm wait for an approval, compared with what is linked. What was approved is no surprise:
// it neither counts nor waits.
func (j *Job) heldBack(rows []Action, linked map[string]int) (held []heldRow) {
	harm := map[rule.Harm]int{}
	for _, a := range rows {
		if h, ok := harmOf(a); ok && a.Decided.At.IsZero() {
			harm[h]++
		}
	}
	tooMuch := j.tooMuch(harm, linked)
	for _, a := range rows {
		if h, ok := harmOf(a); ok && a.Decided.At.IsZero() && slices.Contains(tooMuch, h) {
			j.hold(&a, h)
			held = append(held, heldRow{Transition{ID: a.ID, From: Planned, To: a.State, Code: a.Code, Detail: a.Detail}, a.Kind})
		}
	}
	return held
}

// tooMuch returns the kinds of harm that wait for an approval. The first cycle that reads another system than the one before it
// removes nobody: whoever is not found may have left, or may only be absent from what the connection leads to now.
func (j *Job) tooMuch(harm map[rule.Harm]int, linked map[string]int) []rule.Harm {
	if !j.Elsewhere {
		return j.Policy.Guard.Guard(tolls(harm, linked))
	}
	var held []rule.Harm
	for _, t := range tolls(harm, linked) {
		if t.Count > 0 {
			held = append(held, t.Harm)
		}
	}
	return held
}

// tolls pairs the harm that is planned with what there is to be hurt.
func tolls(planned map[rule.Harm]int, linked map[string]int) []rule.Toll {
	return []rule.Toll{
		{Harm: rule.UserDisable, Count: planned[rule.UserDisable], Linked: linked[connection.UserType]},
		{Harm: rule.UserDelete, Count: planned[rule.UserDelete], Linked: linked[connection.UserType]},
		{Harm: rule.GroupDelete, Count: planned[rule.GroupDelete], Linked: linked[connection.GroupType]},
		{Harm: rule.Clear, Count: planned[rule.Clear], Linked: linked[connection.UserType]},
		{Harm: rule.LetGo, Count: planned[rule.LetGo], Linked: linked[connection.UserType] + linked[connection.GroupType]},
	}
}

// hold makes the row wait for an administrator.
func (j *Job) hold(a *Action, h rule.Harm) {
	a.State, a.Code, a.Detail = Held, lockstep.CodeGuardHeld, fmt.Sprintf("more %ss at once than the guard lets through", h)
	if j.Elsewhere && h != rule.MemberRemove {
		a.Detail = "the connection leads to another system since, and nobody is removed by the first read of it"
	}
}

// harmOf returns which harm the row does, if any that is counted.
func harmOf(a Action) (rule.Harm, bool) {
	switch {
	case a.Kind == rule.Disable && a.Source.Type == connection.UserType:
		return rule.UserDisable, true
	case a.Kind == rule.Release && a.Effect != nil && scim.Equal(a.Effect.After.Get("active"), false):
		return rule.UserDisable, true
	case a.Kind == rule.Release:
		return rule.LetGo, true
	case a.Kind == rule.Delete && a.Source.Type == connection.UserType:
		return rule.UserDelete, true
	case a.Kind == rule.Delete && a.Source.Type == connection.GroupType:
		return rule.GroupDelete, true
	case a.Kind == rule.Update && a.Code == lockstep.CodeClears && a.Source.Type == connection.UserType:
		return rule.Clear, true
	}
	return "", false
}
