package provision

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// owner returns who has the object of the target, other than the item's own source object: linked to it by an earlier call, or given
// it by one of this slice. Whoever asks first has it from then on.
func (a *applier) owner(ctx context.Context, it *item, id string) (name string, taken bool, err error) {
	key := connection.Ref{Type: it.Target.Type, ID: id}
	a.idle.L.Lock()
	first, is := a.taken[key]
	if !is {
		if a.taken == nil {
			a.taken = map[connection.Ref]plan.End{}
		}
		first = it.Source
		a.taken[key] = first
	}
	a.idle.L.Unlock()
	if first.Ref != it.Source.Ref {
		return first.Name, true, nil
	}
	if a.job.Direction == Inbound { // the directory makes an id once
		return "", false, nil
	}
	links, err := a.Store.Links(ctx, a.job.Tenant, a.job.ID, plan.LinkQuery{Type: it.Source.Type, Targets: []string{id}, Limit: 1})
	if err != nil {
		return "", false, fmt.Errorf("look who has %s in %s: %w", id, a.to.Name, err)
	}
	if len(links) > 0 && links[0].Source != it.Source.Ref {
		return links[0].Name, true, nil
	}
	return "", false, nil
}

// created judges the answer to a create that says which object it made. One that somebody else has cannot be new: where the new one
// is has to be looked for. It reports whether the answer can be believed.
func (a *applier) created(ctx context.Context, it *item) bool {
	name, taken, err := a.owner(ctx, it, it.result.ID)
	switch {
	case err != nil:
		it.result.Err = err
	case taken:
		it.result.Err = &lockstep.Error{
			Code:   lockstep.CodeTargetContradicts,
			Detail: fmt.Sprintf("create %s in %s: it says that it did, but the object %s that it shows is that of %s", it.Target.Name, a.to.Name, it.result.ID, name),
		}
	default:
		return true
	}
	it.result.ID = ""
	a.mayBeThere(it)
	return false
}

// mayBeThere leaves a create open whose object may be at the target without anybody knowing which it is.
func (a *applier) mayBeThere(it *item) { it.end, it.lost = uncertain, true }

// takes reports whether the item may have an object that was there already. Its result says so when it may not.
func (a *applier) takes(ctx context.Context, it *item, o connection.Object) bool {
	name, taken, err := a.owner(ctx, it, o.ID)
	switch {
	case err != nil:
		it.end, it.result.Err = unsent, err
		if it.op.Kind == rule.Create {
			it.end = uncertain
		}
	case taken:
		it.result.Err = &lockstep.Error{Code: lockstep.CodeMatchTaken, Detail: fmt.Sprintf("%s in %s is linked to %s already", o.Name, a.to.Name, name)}
	}
	return it.result.Err == nil
}
