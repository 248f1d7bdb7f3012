package provision

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// The ways in which a link comes about that say that the object is ours alone.
const (
	matchedCreated = plan.Created
	matchedFound   = "found after a lost answer"
	matchedThere   = "there already" // the target refused to create it once more
)

// whatWasWritten gives the operations of a target that replaces whole objects what was last written of their objects.
func (a *applier) whatWasWritten(ctx context.Context, items []*item) error {
	if !a.to.Replaces {
		return nil
	}
	for chunk := range slices.Chunk(items, 100) {
		refs, err := a.writtenReferences(ctx, chunk)
		if err != nil {
			return err
		}
		for _, it := range chunk {
			if it.Kind == rule.Create {
				continue // known when it turns out to be there already
			}
			if it.Kind == rule.Refer && it.link.Code == lockstep.CodeTargetHides { // an update would have taken something away, and so would this
				it.result.Err = &lockstep.Error{Code: it.link.Code, Detail: it.link.Detail}
			}
			it.op.Written = &connection.Written{
				Values: it.link.Image, References: refs[it.Source.Ref], Paths: a.programs[it.Source.Type].Names(),
				Made: it.link.Matched == matchedCreated || it.link.Matched == matchedFound,
			}
		}
	}
	return nil
}

// writtenReferences returns, by source object, the references that are written at the target, in its ids.
func (a *applier) writtenReferences(ctx context.Context, items []*item) (map[connection.Ref][]connection.Reference, error) {
	from := make([]connection.Ref, len(items))
	for i, it := range items {
		from[i] = it.Source.Ref
	}
	rows, err := a.Store.References(ctx, a.job.Tenant, a.job.ID, plan.ReferenceQuery{From: from})
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(e plan.ReferenceRow) bool { return !e.Written || a.programs[e.To.Type] == nil })
	ids := map[string][]string{}
	for _, e := range rows {
		ids[e.To.Type] = append(ids[e.To.Type], e.To.ID)
	}
	links := map[connection.Ref]plan.Link{}
	for typ, all := range ids {
		if err := a.loadLinks(ctx, plan.LinkQuery{Type: typ, Sources: distinct(all), Bare: true}, links); err != nil {
			return nil, err
		}
	}
	refs := map[connection.Ref][]connection.Reference{}
	for _, e := range rows {
		if target := links[e.To].Target; target != "" {
			to := connection.Ref{Type: a.programs[e.To.Type].Type, ID: target}
			refs[e.From] = append(refs[e.From], connection.Reference{Attribute: e.Attribute, To: to})
		}
	}
	return refs, nil
}
