package plan

import (
	"context"

	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// TakeBack is how an account that was created is taken back.
type TakeBack struct {
	Kind  rule.Kind   // Disable or Delete; Skip is that the rules or the policy do neither
	After scim.Object // what a disabled account has then
	Again scim.Object // what the job would write into it once more, if nobody kept it from that
}

// TakeBack says what the job does about the account of a link when its person leaves, which is how it is taken back from somebody who
// has not: deleted or disabled as the policy and the mapping say.
func (p *Planner) TakeBack(ctx context.Context, o connection.Object, l Link) TakeBack {
	c := p.backs(o, l, false)
	p.mapValues(ctx, c, false, l.Image)
	d := rule.Decide(rule.Situation{
		Linked: true, Disabled: l.Disabled, Enabled: true, Differs: true, Flow: c.program.mapping.Flow, Leave: p.Job.Policy.OnLeave,
		SoftDelete: c.program.disables, Blocks: c.program.Blocks(),
	})
	c.restrict(d)
	out := TakeBack{Kind: d.Kind}
	if d.Kind != rule.Disable {
		return out
	}
	l.Image, l.Disabled = c.out.Want, true
	back := p.backs(o, l, true)
	p.mapValues(ctx, back, false, l.Image)
	out.After, out.Again = c.out.Want, back.out.Want
	return out
}

// backs is an object on its way through planning, as it is or as if it had left scope.
func (p *Planner) backs(o connection.Object, l Link, in bool) *candidate {
	c := &candidate{Object: o, program: p.Programs[o.Type], link: l, known: true, next: l}
	c.verdict.In = in
	return c
}

// Harms returns of which kinds of harm rows do more than the guard lets through at once, beside what is linked and how many
// memberships are written. It counts rows that somebody has decided on, too.
func Harms(guard rule.GuardLimit, rows []Action, linked map[string]int, members int) []rule.Harm {
	harm, removed := map[rule.Harm]int{}, 0
	for _, a := range rows {
		if h, ok := harmOf(a); ok {
			harm[h]++
		}
		for _, r := range a.References {
			if r.Gone && r.Attribute == connection.Members {
				removed++
			}
		}
	}
	return guard.Guard(append(tolls(harm, linked), rule.Toll{Harm: rule.MemberRemove, Count: removed, Linked: members}))
}
