package plan

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/words"
)

// refuse records why an object cannot go as it is. The row is written when the reason is new.
func (p *Planner) refuse(c *candidate, d rule.Decision, out *Piece) {
	out.Sum.Failed++
	detail := p.explain(c, d)
	if c.link.Code == d.Code && c.link.Detail == detail {
		return
	}
	c.next.Code, c.next.Detail = d.Code, detail
	now := p.Now()
	out.Actions = append(out.Actions, Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: p.Job.ID, Cycle: p.Job.Cycle, Kind: rule.Skip, Lane: LaneCreate,
		Source: End{Ref: c.Ref, Name: c.Name}, Target: End{Ref: connection.Ref{Type: c.program.Type, ID: c.link.Target}, Name: c.Name},
		After: c.out.Want, Reason: d.Because(c.verdict), State: Refused, Code: d.Code, Detail: detail, Epoch: p.Job.Epoch, Planned: now, Ended: now,
	})
}

// explain is the sentence that goes with a refusal.
func (p *Planner) explain(c *candidate, d rule.Decision) string {
	value := ""
	if len(c.out.Match) > 0 {
		m := c.out.Match[c.matched]
		value = words.Attribute(m.Attribute) + " " + m.Value
	}
	switch d.Code {
	case lockstep.CodeMatchAmbiguous:
		names := make([]string, 0, len(c.hits))
		for _, h := range c.hits {
			names = append(names, h.Name)
		}
		return fmt.Sprintf("%d objects in %s match %s: %s", len(c.hits), p.To.Name, value, strings.Join(names, ", "))
	case lockstep.CodeMatchDuplicate:
		return fmt.Sprintf("another %s of %s has %s, too (letter case does not count)", strings.ToLower(c.Type), p.From.Name, value)
	case lockstep.CodeMatchTaken:
		return fmt.Sprintf("%s in %s is linked to somebody else already", c.hits[0].Name, p.To.Name)
	case lockstep.CodeMatchMissing:
		return fmt.Sprintf("%s has no value for the matching attribute", c.Name)
	}
	if why := cmp.Or(c.unasked, c.forbidden); why != nil {
		return lockstep.Said(why)
	}
	if len(c.out.Problems) > 0 {
		return c.out.Problems[0].Error()
	}
	return lockstep.Describe(d.Code).Title
}

// skip counts an object that is left alone. A row is written only when somebody known is skipped for a new reason.
func (p *Planner) skip(c *candidate, d rule.Decision, out *Piece) {
	c.next.Code, c.next.Detail = "", ""
	if c.link.Target != "" && c.verdict.In {
		out.Sum.Unchanged++
		return
	}
	out.Sum.Skipped++
	if !c.known || c.link.Verdict.In == c.verdict.In && c.link.Verdict.Reason.Rule == c.verdict.Reason.Rule {
		return
	}
	now := p.Now()
	out.Actions = append(out.Actions, Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: p.Job.ID, Cycle: p.Job.Cycle, Kind: rule.Skip, Lane: LaneCreate,
		Source: End{Ref: c.Ref, Name: c.Name}, Target: End{Ref: connection.Ref{Type: c.program.Type, ID: c.link.Target}, Name: c.Name},
		Reason: d.Because(c.verdict), State: Skipped, Epoch: p.Job.Epoch, Planned: now, Ended: now,
	})
}

// unreadable records the rows of the source that could not be used. A row that cannot be read is no leaver: its object is noted as seen.
func (p *Planner) unreadable(ctx context.Context, rows []connection.Bad, whole bool, out *Piece) error {
	for _, b := range rows {
		out.Sum.Bad++
		out.Sum.Failed++
		now := p.Now()
		out.Actions = append(out.Actions, Action{
			ID: lockstep.NewID[lockstep.ActionID](), Job: p.Job.ID, Cycle: p.Job.Cycle, Kind: rule.Skip, Lane: LaneCreate,
			Source: End{Ref: b.Ref, Name: b.Name}, Reason: rule.Reason{Rule: "unreadable at source"}, State: Refused,
			Code: lockstep.CodeOf(b.Err), Detail: lockstep.Said(b.Err), Epoch: p.Job.Epoch, Planned: now, Ended: now,
		})
		if !whole || b.Ref.ID == "" {
			continue
		}
		links, err := p.Known.Links(ctx, LinkQuery{Type: b.Ref.Type, Sources: []string{b.Ref.ID}, Limit: 1})
		if err != nil {
			return err
		}
		for _, l := range links {
			l.Seen, l.Due = p.Job.Cycle, time.Time{}
			out.Links = append(out.Links, l)
		}
	}
	return nil
}
