package provision

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// members compares the members of the linked groups, each of which is asked for by its id. One that is listed with other differences has
// them beside those.
func (d *drift) members(ctx context.Context) error {
	p := d.programs[connection.GroupType]
	if p == nil || !slices.Contains(p.References(), connection.Members) {
		return nil
	}
	for after := ""; ; {
		links, err := d.Store.Links(ctx, d.job.Tenant, d.job.ID, plan.LinkQuery{Type: connection.GroupType, After: after, Limit: chunkOf})
		if err != nil || len(links) == 0 {
			return err
		}
		after = links[len(links)-1].Source.ID
		for i := range links {
			if l := &links[i]; l.Target != "" && l.Verdict.In {
				if err := d.membersOf(ctx, l, p.Type); err != nil {
					return err
				}
			}
		}
	}
}

func (d *drift) membersOf(ctx context.Context, l *plan.Link, typ string) error {
	asked := d.now()
	objects, err := d.call(ctx, func(ctx context.Context) ([]connection.Object, error) {
		o, err := d.target.Get(ctx, connection.Ref{Type: typ, ID: l.Target})
		return []connection.Object{o}, err
	})
	switch code := lockstep.CodeOf(err); {
	case code == lockstep.CodeNotFound || code == lockstep.CodeTargetGone:
		return nil // the read tells
	case err != nil:
		return err
	}
	written, err := plan.WrittenMembers(ctx, d.stored(), l.Source)
	if err != nil {
		return err
	}
	differ, sure := d.CompareMembers(written, objects[0].References)
	if len(differ) == 0 && sure {
		return nil
	}
	since, err := d.writtenAfter(ctx, l.Source, asked.Add(-d.to.Lag))
	if err != nil {
		return err
	}
	if since || !sure {
		d.Look.Unsure++
		return nil
	}
	if err := d.programs.NameMembers(ctx, d.stored(), differ); err != nil {
		return err
	}
	for i := range d.Found {
		if f := &d.Found[i]; f.Source.Ref == l.Source {
			f.References = differ
			return nil
		}
	}
	d.Add(plan.Drift{
		Kind: plan.DriftChanged, References: differ,
		Source: plan.End{Ref: l.Source, Name: l.Name}, Target: plan.End{Ref: connection.Ref{Type: typ, ID: l.Target}, Name: objects[0].Name},
	})
	return nil
}
