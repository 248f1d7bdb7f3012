package mirror

import "context"

// VisitOnce makes one visit of a connection and returns when it has ended.
func (r *Runner) VisitOnce(ctx context.Context, id ID) {
	r.mu.Lock()
	fresh := r.visits == nil
	r.mu.Unlock()
	if fresh {
		r.begin()
	}
	v := &visit{Runner: r, id: id, began: r.now()}
	v.run(ctx)
}
