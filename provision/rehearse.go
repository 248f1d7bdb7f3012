package provision

import (
	"context"
	"sync"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// rehearse returns the requests that a row would send, as far as the target can say, and sends none that changes anything.
func (r *run) rehearse(ctx context.Context, row plan.Action) ([]connection.Exchange, error) {
	target, can := r.target.(connection.Rehearser)
	if !can || r.job.Direction != Outbound || row.Kind == rule.Skip || row.Code != "" && row.Code != lockstep.CodeClears {
		return nil, nil
	}
	a := &applier{run: r, items: map[connection.Ref]*becoming{}, idle: sync.NewCond(new(sync.Mutex))}
	items, err := a.operations(ctx, []plan.Action{row}, false)
	if err != nil {
		return nil, err
	}
	it := items[0]
	if !a.complete(ctx, it) {
		return nil, nil
	}
	return target.Rehearse(ctx, r.secretNames(), it.op), nil
}
