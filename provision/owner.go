package provision

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// givenTo returns to whom this slice has given the object of the target, other than the item's own source object. Whoever asks first has it
// from then on.
func (a *applier) givenTo(it *item, id string) (name string, taken bool) {
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
	return first.Name, first.Ref != it.Source.Ref
}

// owner returns who has the object of the target, other than the item's own source object: linked to it by an earlier call, or given
// it by one of this slice.
func (a *applier) owner(ctx context.Context, it *item, id string) (name string, taken bool, err error) {
	if name, taken = a.givenTo(it, id); taken {
		return name, true, nil
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

// created judges the answer to a create that says which object it made, as far as this slice knows: disbelieve asks for the links of many. It
// reports whether the answer can be believed.
func (a *applier) created(it *item) bool {
	name, taken := a.givenTo(it, it.result.ID)
	if taken {
		a.contradicted(it, name)
	}
	return !taken
}

// disbelieve finds those creates of a batch whose answers show an object that is linked to somebody else already.
func (a *applier) disbelieve(ctx context.Context, items []*item) error {
	if a.job.Direction == Inbound { // the directory makes an id once
		return nil
	}
	made := map[connection.Ref][]*item{} // by the source's type and the target's id
	ids := map[string][]string{}
	for _, it := range items {
		if it.Kind == rule.Create && it.found == nil && it.end == answered && (it.result.Err == nil || it.result.Wrote != nil) {
			key := connection.Ref{Type: it.Source.Type, ID: it.result.ID}
			made[key] = append(made[key], it)
			ids[key.Type] = append(ids[key.Type], key.ID)
		}
	}
	for typ, some := range ids {
		links, err := a.Store.Links(ctx, a.job.Tenant, a.job.ID, plan.LinkQuery{Type: typ, Targets: some, Bare: true, Limit: len(items) + len(some)})
		if err != nil {
			return fmt.Errorf("look who has %d new objects in %s: %w", len(some), a.to.Name, err)
		}
		for _, l := range links {
			for _, it := range made[connection.Ref{Type: typ, ID: l.Target}] {
				if l.Source != it.Source.Ref {
					a.contradicted(it, l.Name)
				}
			}
		}
	}
	return nil
}

// contradicted has a create looked for: the object that its answer shows is somebody else's, and so cannot be new.
func (a *applier) contradicted(it *item, name string) {
	it.result.Err = &lockstep.Error{
		Code:   lockstep.CodeTargetContradicts,
		Detail: fmt.Sprintf("create %s in %s: it says that it did, but the object %s that it shows is that of %s", it.Target.Name, a.to.Name, it.result.ID, name),
	}
	it.result.ID = ""
	a.mayBeThere(it)
}

// usable fails for an id of a target's object that cannot be kept.
func usable(what, id string) error {
	if fault := connection.CheckID(id); fault != "" {
		return &lockstep.Error{Code: lockstep.CodeTargetID, Detail: what + " " + fault}
	}
	return nil
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
