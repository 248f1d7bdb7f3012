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

// decide decides about one candidate.
func (p *Planner) decide(ctx context.Context, c *candidate) error {
	before := c.link.Image
	if c.lost() && p.Job.Only != c.Ref {
		why := &lockstep.Error{Code: c.link.Code, Detail: c.link.Detail}
		if why.Code != lockstep.CodeTargetID { // something else was said of them since
			why = &lockstep.Error{Code: lockstep.CodeTargetID, Detail: "They were created, and nobody could tell which account is theirs: another one would be the second"}
		}
		c.unasked = why
	}
	if len(c.hits) == 1 && c.link.Target == "" {
		before = c.program.Found(c.hits[0].Values, nil)
		p.mapValues(ctx, c, false, before) // what the target has counts: empty sources leave it
		before = c.program.Found(c.hits[0].Values, c.out.Want)
	}
	s := p.situation(c, before)
	if s.Renamed && c.Deleted { // others may have the name of somebody who is deleted
		var err error
		if s.Renamed, err = p.ownName(ctx, c); err != nil {
			return err
		}
	}
	c.decision, c.before, c.renamed = rule.Decide(s), before, s.Renamed
	c.other = p.Job.Elsewhere && s.Renamed
	c.restrict(c.decision)
	return nil
}

// Created is how a link came about whose object the job has created, as in Link.Matched.
const Created = "created"

// lost reports whether the job has created the object and nobody can be linked to it, since its id cannot be kept: another one in its place would be the
// second, until somebody who has removed the first has the object provisioned on demand.
func (c *candidate) lost() bool {
	return c.link.Target == "" && c.link.Matched == Created && len(c.hits) == 0 && c.unasked == nil
}

// settleOn adds to the piece what follows from the decision about a candidate.
func (p *Planner) settleOn(ctx context.Context, c *candidate, whole bool, out *Piece) error {
	d, before := c.decision, c.before
	if c.known && c.link.Seen == p.Job.Cycle {
		if err := p.reuse(ctx, c, d, before, out); err != nil {
			return err
		}
	}
	if whole {
		c.next.Seen = p.Job.Cycle
	}
	if p.stillWaits(c, d, before, out) {
		return nil
	}
	if stands, err := p.staysRejected(ctx, c, d, before, out); stands || err != nil {
		return err
	}
	switch {
	case d.Kind == rule.Skip && d.Code != "":
		switch {
		case c.unasked != nil:
			c.next.Attempts++
			c.next.Due = p.Now().Add(BackOff(c.next.Attempts))
		case d.Code == lockstep.CodeMatchTaken, d.Code == lockstep.CodeMatchAmbiguous, c.forbidden != nil: // somebody may have mended it at the target by then
			c.next.Due = earliest(c.next.Due, p.Now().Add(BackOff(Slowest)))
		}
		p.refuse(c, d, out)
	case d.Kind == rule.Skip:
		p.skip(c, d, out)
	case d.Kind == rule.Refer: // the references say what; Finish plans it
		c.next.Code, c.next.Detail = "", ""
	default:
		c.next.Code, c.next.Detail = "", ""
		c.next.Seen = p.Job.Cycle // tells reuse that there is a row
		out.Actions = append(out.Actions, p.row(c, d, before, out))
	}
	if c.gone && d.Kind == rule.Skip && d.Code == "" && c.link.Former == "" { // who is refused has an account still
		out.Unlink = append(out.Unlink, c.Ref)
		return nil
	}
	out.link(c)
	return nil
}

// ownName reports whether nobody else has the object's matching value at the target, or is to have it.
func (p *Planner) ownName(ctx context.Context, c *candidate) (bool, error) {
	links, err := p.Known.Links(ctx, LinkQuery{Type: c.Type, Keys: []string{c.next.Key}})
	if err != nil || slices.ContainsFunc(links, func(l Link) bool { return l.Source != c.Ref && l.Verdict.In }) {
		return false, err
	}
	for i, m := range c.out.Match {
		if k := matchKey(c, i); keyOf(k.Attribute, k.Value) == c.next.Key {
			a, err := p.Search.Find(ctx, c.program.Type, []Question{Ask(m.Attribute, m.Value)})
			return err == nil && len(a.Failed) == 0 && len(a.Found[k]) == 0, err
		}
	}
	return false, nil
}

// restrict leaves matching values as they are at the target when the object is disabled, and everything else when nothing but they
// are to change. A value that is in use must not keep anybody enabled; it is written afterwards.
func (c *candidate) restrict(d rule.Decision) {
	switch {
	case d.Kind == rule.Disable && c.link.Target != "":
		c.out.Want = c.program.withKeys(c.out.Want, c.link.Image)
	case d.Keys:
		c.out.Want = c.program.withKeys(c.link.Image, c.out.Want)
	}
}

// stillWaits deals with the row of an earlier cycle that waits for a decision on the object. When it does exactly what is to be done
// now, it waits on, or takes part in this cycle if it was approved. Otherwise it is left out: nobody has decided on what is to
// be done now.
func (p *Planner) stillWaits(c *candidate, d rule.Decision, before scim.Object, out *Piece) bool {
	key := waitKey{c.Ref, false}
	old, waits := p.Waits.rows[key]
	if !waits {
		return false
	}
	same, broken := p.does(c, d, before, &old), p.Waits.broken[c.Ref]
	if same && !broken && old.State == Held {
		out.Sum.Held++
		out.link(c)
		return true
	}
	delete(p.Waits.rows, key)
	moved := Transition{ID: old.ID, From: old.State, To: LeftOut, Detail: "no longer needed", At: p.Now()}
	switch {
	case same && old.State == Planned:
		c.replaces, c.decided = old.ID, old.Decided
		moved = Transition{ID: old.ID, From: Planned, To: Planned} // nobody has rejected it meanwhile
	case same:
		moved.Detail = "the circle that it belonged to is another one now"
	case changes(d):
		moved.Detail = "something else is to be done now"
		c.anew = old.Code == lockstep.CodeGuardHeld
		c.other = c.other || c.renamed && old.Code == lockstep.CodeMatchOther
	}
	out.Moved = append(out.Moved, moved)
	return false
}

// staysRejected deals with a row of the object that an administrator has rejected. As long as the same is to be done, nothing is; something
// else that does harm needs a decision, too, if what was rejected did harm.
func (p *Planner) staysRejected(ctx context.Context, c *candidate, d rule.Decision, before scim.Object, out *Piece) (bool, error) {
	old, was := p.Waits.rejected[waitKey{c.Ref, false}]
	if !was || !changes(d) || c.replaces != "" {
		return false, nil
	}
	stands, err := p.standsRejected(ctx, &old)
	if err != nil {
		return false, err
	}
	if stands && p.does(c, d, before, &old) {
		out.link(c)
		return true, nil
	}
	if _, harmful := harmOf(old); harmful { // who is let go of by now was not, by somebody's decision; what else was undone or rejected says nothing of that
		c.anew = true
	}
	c.other = c.other || c.renamed && old.Code == lockstep.CodeMatchOther
	return false, nil
}

// changes reports whether the decision makes a row that is carried out.
func changes(d rule.Decision) bool { return d.Kind != rule.Skip && d.Kind != rule.Refer }

// does reports whether the row does what the decision would do: to the same object, from the same values to the same values, with
// the same references.
func (p *Planner) does(c *candidate, d rule.Decision, before scim.Object, row *Action) bool {
	if !changes(d) {
		return false
	}
	now := p.action(c, d, before)
	return now.Kind == row.Kind && now.Target.Ref == row.Target.Ref && scim.Equal(now.Before, row.Before) && scim.Equal(now.After, row.After) &&
		now.Effect.Equal(row.Effect) && sameReferences(now.References, row.References)
}

// row makes the row of a decision. One that does harm and follows a row on which somebody had to decide waits for a decision, too,
// however little is planned beside it.
func (p *Planner) row(c *candidate, d rule.Decision, before scim.Object, out *Piece) Action {
	row := p.action(c, d, before)
	if c.other && row.Kind == rule.Update && c.decided.At.IsZero() {
		row.State, row.Code = Held, lockstep.CodeMatchOther
		row.Detail = fmt.Sprintf("the connection leads to another system since, where %s has the id that %s had: is it the same person?", c.Name, c.link.Name)
		out.Sum.Held++
		p.Waits.rows[waitKey{c.Ref, false}] = row
		return row
	}
	h, harm := harmOf(row)
	if !c.anew || !harm {
		out.Sum.Planned++
		return row
	}
	p.Job.hold(&row, h)
	p.Waits.alarmed = p.Waits.alarmed || leaves(row.Kind)
	out.Sum.Held++
	p.Waits.rows[waitKey{c.Ref, false}] = row
	return row
}

// situation gathers what the decision depends on.
func (p *Planner) situation(c *candidate, before scim.Object) rule.Situation {
	s := rule.Situation{
		Undecided: c.verdict.Code, Linked: c.link.Target != "", Disabled: c.link.Disabled, Detached: c.link.Code == lockstep.CodeTargetGone && c.link.Target == "" && p.Job.Policy.OnMissing == rule.MissingDetach,
		Gone: c.gone, SoftDeleted: c.Deleted, Enabled: c.Enabled, In: c.verdict.In,
		Hits: len(c.hits), HitLinked: c.taken, Keyless: len(c.out.Match) == 0, Duplicate: c.twin,
		Flow: c.program.mapping.Flow, Leave: p.Job.Policy.OnLeave, Missing: p.Job.Policy.OnMissing,
		SoftDelete: c.program.disables, Blocks: c.program.Blocks(),
	}
	if c.unasked != nil {
		s.Problem = lockstep.CodeOf(c.unasked)
	}
	if len(c.out.Problems) > 0 {
		s.Problem = lockstep.CodeOf(c.out.Problems[0])
	}
	s.Differs = !scim.Equal(c.program.Known(before), c.out.Want)
	if has := c.program.Key(c.link.Image); c.link.Target != "" {
		s.Renamed = has != "" && c.next.Key != "" && has != c.next.Key
	}
	return s
}

// reuse takes over the id of the row that this cycle has planned for the object already, when a page is read again, and the approval if
// it does the same still.
func (p *Planner) reuse(ctx context.Context, c *candidate, d rule.Decision, before scim.Object, out *Piece) error {
	rows, err := p.Rows.Actions(ctx, ActionQuery{Cycle: p.Job.Cycle, Source: c.Ref, States: []ActionState{Planned}, Limit: 1})
	if err != nil || len(rows) == 0 {
		return err
	}
	old := &rows[0]
	out.Sum.Planned--
	if !changes(d) {
		out.Moved = append(out.Moved, Transition{ID: old.ID, From: Planned, To: LeftOut, Detail: "changed again before it was applied", At: p.Now()})
		return nil
	}
	c.replaces = old.ID
	if p.does(c, d, before, old) {
		c.decided = old.Decided
	} else {
		c.anew = !old.Decided.At.IsZero()
	}
	return nil
}

// action makes the row of a decision.
func (p *Planner) action(c *candidate, d rule.Decision, before scim.Object) Action {
	a := Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: p.Job.ID, Cycle: p.Job.Cycle, Kind: d.Kind, Lane: laneOf(d.Kind),
		Source: End{Ref: c.Ref, Name: c.Name}, Target: End{Ref: connection.Ref{Type: c.program.Type, ID: c.link.Target}},
		Before: c.program.Known(before), After: c.out.Want, Effect: c.effect, Reason: d.Because(c.verdict), Epoch: p.Job.Epoch,
		Seen: Seen{Version: c.Version, Gone: c.gone, Config: p.Job.Config}, State: Planned, Planned: p.Now(),
	}
	if c.replaces != "" {
		a.ID, a.Decided = c.replaces, c.decided
	}
	if d.Adopt {
		a.Kind, a.Lane, a.Target.ID = rule.Link, LaneCreate, c.hits[0].ID
		if d.Kind == rule.Link {
			a.After = before // take it over as it is
		}
	}
	if d.Kind == rule.Delete || d.Kind == rule.Release {
		a.After = nil
	}
	a.Target.Name = objectName(a.After, objectName(a.Before, c.Name))
	if a.Kind == rule.Create && c.program.references[connection.Manager] {
		for _, e := range c.References {
			if e.Attribute == connection.Manager {
				a.Refers = e.To.ID
				a.References = []RowReference{{Attribute: e.Attribute, To: End{Ref: e.To}}}
			}
		}
	}
	loses, keeps := a.Before, a.After
	if c.effect != nil {
		loses, keeps = c.effect.Before, c.effect.After
	}
	if a.Kind == rule.Update && len(c.program.Clears(loses, keeps)) > 0 {
		a.Code = lockstep.CodeClears
	}
	if has := c.program.Key(c.link.Image); a.Kind == rule.Update && has != "" && c.next.Key != has {
		a.Refers = Names(has, c.next.Key)
	}
	if c.Type == connection.GroupType && a.Lane == LaneCreate {
		a.Rank = groupRank
	}
	return a
}

func laneOf(k rule.Kind) Lane {
	switch k {
	case rule.Disable:
		return LaneDisable
	case rule.Delete, rule.Release:
		return LaneDelete
	case rule.Update:
		return LaneUpdate
	case rule.Refer:
		return LaneRefer
	}
	return LaneCreate
}
