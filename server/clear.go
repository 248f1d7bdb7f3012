package server

import (
	"context"
	"time"
)

const (
	clearSoon  = 15 * time.Second // while there is something left of a tenant that is removed
	clearLater = time.Minute
)

// clear removes what is left of tenants that are removed, until ctx ends.
func (n *Server) clear(ctx context.Context) {
	for pause := time.Duration(0); wait(ctx, pause) == nil; {
		left, err := n.db.ClearTenants(ctx)
		if err != nil && ctx.Err() == nil {
			n.config.Log.Warn("what is left of a removed tenant was not removed; tried again", "error", err)
		}
		if pause = clearLater; left > 0 || err != nil {
			pause = clearSoon
		}
	}
}
