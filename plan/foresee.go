package plan

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// foresee asks the target what the decisions come to, where it keeps who has an object: what one source no longer has another may keep,
// and what one says another may have to say. What it would refuse by its own rules is refused here, so that the plan tells. Where the administrator has put the sources in order, those about whom nothing has changed
// are asked for, too: what stands may be the value of one that comes later.
func (p *Planner) foresee(ctx context.Context, cs []*candidate) error {
	if p.Foresee == nil {
		return nil
	}
	var asked []*candidate
	var ops []connection.Operation
	for _, c := range cs {
		d := c.decision
		switch d.Kind {
		case rule.Create, rule.Update, rule.Disable, rule.Delete, rule.Link:
		case rule.Skip:
			if p.Job.Policy.Order == 0 || c.link.Target == "" || !c.verdict.In || c.gone || len(c.out.Problems) > 0 || d.Code != "" {
				continue
			}
		default:
			continue
		}
		row := p.action(c, d, c.before)
		op := connection.Operation{Action: row.ID, Plan: p.Job.Cycle, Kind: row.Kind, Ref: row.Target.Ref, Name: row.Target.Name, Before: row.Before, After: row.After}
		if d.Kind == rule.Skip || row.Kind == rule.Link {
			op.Kind = rule.Update
		}
		if row.Kind == rule.Link {
			op.Brings = c.program.References()
		}
		if d.Kind == rule.Link {
			op.After = op.Before
		}
		asked, ops = append(asked, c), append(ops, op)
	}
	if len(ops) == 0 {
		return nil
	}
	found, err := p.Foresee.Foresee(ctx, ops)
	if err != nil {
		return fmt.Errorf("ask %s what changes would come to: %w", p.To.Name, err)
	}
	for i, c := range asked {
		c.foreseen(found[i], ops[i].Kind)
	}
	return nil
}

// foreseen takes over what the decision comes to.
func (c *candidate) foreseen(f connection.Foreseen, asked rule.Kind) {
	d := c.decision
	if f.Refuse != nil {
		c.decision, c.forbidden = d.As(rule.Skip), f.Refuse
		c.decision.Code, c.decision.Rule, c.decision.Adopt = lockstep.CodeOf(f.Refuse), "the target's rules forbid it", false
		return
	}
	if f.Effect == nil {
		return
	}
	switch {
	case d.Kind == rule.Skip && f.Kind == rule.Update && len(f.Effect.Before)+len(f.Effect.After) > 0:
		c.decision, c.effect = d.As(rule.Update), f.Effect
	case d.Kind == rule.Skip:
	case d.Adopt: // the row links, whatever is written beside
		c.effect = f.Effect
	case f.Kind == rule.Skip:
		c.decision = d.As(rule.Skip)
		c.next.Image, c.says = c.out.Want, true // what the source says, whosever value stands
	default:
		c.effect = f.Effect
		if f.Kind != asked {
			c.decision = d.As(f.Kind)
		}
	}
}
