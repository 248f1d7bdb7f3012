package plan

import (
	"context"
	"fmt"

	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/words"
)

// Explanation says why an object is or is not at the target, step by step.
type Explanation struct {
	Source  End      `json:"source"`
	Target  End      `json:"target"`
	In      bool     `json:"in"`
	Summary string   `json:"summary"` // one sentence
	Steps   []Step   `json:"steps"`
	Action  *Action  `json:"-"` // what the next cycle would do; nil when nothing
	Grants  []string `json:"grants,omitempty"`

	Unassigned bool `json:"-"` // all that keeps them out is that nobody has assigned them

	Clauses  []rule.Clausing       `json:"clauses,omitempty"`  // of the scoping filter, each with the object's values
	Requests []connection.Exchange `json:"requests,omitempty"` // what was asked of the target, then what would be sent
}

// Step is one step of an Explanation: import, scope, match, map, action.
type Step struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Summary string   `json:"summary"`
	Details []string `json:"details,omitempty"`
}

// Explain says what the rules make of one object of the source, and what a plan would do about it whatever somebody has decided. It hands
// nothing to the Sink.
func (p *Planner) Explain(ctx context.Context, o connection.Object) (Explanation, error) {
	cs, err := p.candidates(ctx, []connection.Object{o}, nil)
	if err != nil {
		return Explanation{}, err
	}
	if len(cs) == 0 {
		return Explanation{
			Source: End{Ref: o.Ref, Name: o.Name}, Summary: fmt.Sprintf("%ss are not provisioned by this job", o.Type),
			Steps: []Step{{Name: "import", OK: true, Summary: "found in " + p.From.Name}, {Name: "scope", Summary: "no rule brings objects of this type"}},
		}, nil
	}
	c := cs[0]
	p.evaluate(ctx, c)
	if err := p.match(ctx, cs); err != nil {
		return Explanation{}, err
	}
	if err := p.decide(ctx, c); err != nil {
		return Explanation{}, err
	}
	if err := p.foresee(ctx, cs); err != nil {
		return Explanation{}, err
	}
	if err := p.inUse(ctx, cs); err != nil {
		return Explanation{}, err
	}
	var out Piece
	undecided := *p
	undecided.Waits = noWaits() // the decision itself is asked for
	if err := undecided.settleOn(ctx, c, false, &out); err != nil {
		return Explanation{}, err
	}
	return p.explanation(c, &out), nil
}

func (p *Planner) explanation(c *candidate, out *Piece) Explanation {
	x := Explanation{
		Source: End{Ref: c.Ref, Name: c.Name}, Target: End{Ref: connection.Ref{Type: c.program.Type, ID: c.link.Target}}, In: c.verdict.In,
		Summary: c.verdict.Reason.Sentence(), Unassigned: c.verdict.Reason.Unassigned(),
		Steps: []Step{p.importStep(c), {Name: "scope", OK: c.verdict.In, Summary: c.verdict.Reason.Sentence(), Details: c.verdict.Reason.Values}, p.matchStep(c), mapStep(c)},
	}
	if !c.gone {
		x.Clauses = c.program.Clauses(subject(c.Object, p.Job.Direction, p.Job.Policy, p.Now()))
	}
	last := Step{Name: "action", OK: true, Summary: "nothing to do"}
	if c.decision.Kind == rule.Skip && c.decision.Rule != "" {
		last.Summary = c.decision.Rule
	}
	if len(out.Actions) > 0 {
		a := out.Actions[0]
		x.Action, x.Target.Name = &a, a.Target.Name
		last.Summary = string(a.Kind) + ": " + a.Reason.Sentence()
		if a.Code != "" && a.State == Refused {
			last.OK, last.Summary = false, a.Detail
		}
		for _, d := range a.Changes() {
			if !d.Reference {
				last.Details = append(last.Details, d.String())
			}
		}
		if note := a.Note(); note != "" {
			last.Details = append(last.Details, note)
		}
	}
	if h, ok := p.Waits.rows[waitKey{c.Ref, false}]; ok && h.State == Held {
		last.OK, last.Summary = false, fmt.Sprintf("%s is held by the guard and waits for a decision", h.Kind)
	}
	if c.link.Code != "" && last.OK {
		last.Details = append(last.Details, "last attempt: "+c.link.Detail)
	}
	x.Steps = append(x.Steps, last)
	return x
}

func (p *Planner) importStep(c *candidate) Step {
	s := Step{Name: "import", OK: true, Summary: "found in " + p.From.Name}
	if c.Deleted {
		s.Summary += ", deleted (can be restored)"
	} else if !c.Enabled {
		s.Summary += ", not allowed to sign in"
	}
	for _, d := range scim.Diff(nil, c.Values) {
		s.Details = append(s.Details, words.Attribute(d.Path)+" = "+words.Value(d.After))
	}
	return s
}

func (p *Planner) matchStep(c *candidate) Step {
	s := Step{Name: "match", OK: true}
	switch {
	case c.link.Target != "":
		s.Summary = "linked to " + c.link.Target + ", " + words.Matched(c.link.Matched)
	case !c.verdict.In:
		s.Summary = "not looked for"
	case len(c.out.Match) == 0:
		s.OK, s.Summary = false, "no value to match by"
	case len(c.hits) == 0:
		s.Summary = fmt.Sprintf("nobody in %s has %s %s", p.To.Name, words.Attribute(c.out.Match[0].Attribute), c.out.Match[0].Value)
	default:
		s.OK = len(c.hits) == 1 && !c.taken
		s.Summary = fmt.Sprintf("%d in %s match", len(c.hits), p.To.Name)
		for _, h := range c.hits {
			s.Details = append(s.Details, h.Name+" ("+h.ID+")")
		}
	}
	if c.twin {
		s.OK, s.Summary = false, "another object of the source has the same matching value"
	}
	return s
}

func mapStep(c *candidate) Step {
	s := Step{Name: "map", OK: len(c.out.Problems) == 0}
	for _, d := range scim.Diff(nil, c.out.Want) {
		s.Details = append(s.Details, words.Attribute(d.Path)+" = "+words.Value(d.After))
	}
	s.Summary = fmt.Sprintf("%d values", len(s.Details))
	if s.OK {
		return s
	}
	s.Summary = c.out.Problems[0].Error()
	return s
}
