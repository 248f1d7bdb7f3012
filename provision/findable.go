package provision

import (
	"context"
	"errors"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// Found is an object of a target, and who has it.
type Found struct {
	connection.Object
	By string // of which attribute the value was, "id"
	Of string // name of the source object that is linked to it; "" is nobody
}

// FindAtTarget looks for objects of the target that have a value in one of the attributes that can be searched, or as their id. typ is the
// resource type at the source.
func (e *Engine) FindAtTarget(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, typ, value string) ([]Found, error) {
	r, err := e.ask(ctx, t, id)
	if err == nil {
		err = r.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	p := r.programs[typ]
	if p == nil {
		return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "no rule brings objects of this type"}
	}
	var all []Found
	met := map[string]bool{}
	add := func(by string, objects ...connection.Object) {
		for _, o := range objects {
			if connection.CheckID(o.ID) == "" && !met[o.ID] { // nobody can be linked to another one
				met[o.ID] = true
				all = append(all, Found{Object: o, By: by})
			}
		}
	}
	for _, attribute := range r.to.FindBy[p.Type] {
		found, err := r.target.Find(ctx, p.Type, attribute, value)
		if err != nil {
			return nil, err
		}
		add(attribute, found...)
	}
	switch o, err := r.target.Get(ctx, connection.Ref{Type: p.Type, ID: value}); {
	case err == nil:
		add("id", o)
	case len(all) == 0 && !errors.Is(err, lockstep.ErrNotFound) && lockstep.CodeOf(err) != lockstep.CodeTargetGone && lockstep.CodeOf(err) != lockstep.CodeTargetRefused:
		return nil, err
	}
	return all, r.linkedTo(ctx, typ, all)
}

// linkedTo fills in who has each object.
func (r *run) linkedTo(ctx context.Context, typ string, all []Found) error {
	if len(all) == 0 {
		return nil
	}
	ids := make([]string, len(all))
	for i, f := range all {
		ids[i] = f.ID
	}
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Targets: ids, Limit: len(ids)})
	for _, l := range links {
		for i := range all {
			if all[i].ID == l.Target {
				all[i].Of = l.Name
			}
		}
	}
	return err
}
