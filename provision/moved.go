package provision

import (
	"context"

	"lockstep/connection"
	"lockstep/mirror"
)

// elsewhere is the trigger of a cycle that reads another system than the one before it: the connection was changed. The links are
// kept, and whoever is found again by their id goes on. Whoever is not found may have left, or may only be absent from what the
// connection leads to now; so such a cycle removes nobody until an administrator has approved it.
const elsewhere = "connection"

// moved reports whether the cursor stands for a system that the connection does not lead to any more.
func (r *run) moved(ctx context.Context, at connection.Cursor) (bool, error) {
	generation, ok := mirror.Generation(at)
	if !ok || r.job.Direction != Inbound {
		return false, nil
	}
	head, err := r.Mirrors.Head(ctx, r.outside())
	return err == nil && head.Generation != generation, err
}

// restart returns the cursor of a job whose cursor has expired: none, or one that still tells the next cycle that the connection
// leads elsewhere now.
func (r *run) restart(ctx context.Context) connection.Cursor {
	for _, at := range []connection.Cursor{r.job.Cursor, r.page()} {
		if moved, err := r.moved(ctx, at); moved || err != nil { // what is not known holds rather than removes
			return at
		}
	}
	return ""
}

func (r *run) page() connection.Cursor {
	if r.cycle == nil {
		return ""
	}
	return r.cycle.Page
}
