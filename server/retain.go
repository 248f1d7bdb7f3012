package server

import (
	"context"
	"time"

	"lockstep/store"
)

// Keep is how long what has happened, and who was deleted, is kept; 0 is for ever. The change feed serves jobs only, and one
// that has stood still for longer reads everything once.
type Keep struct {
	Log     time.Duration // the provisioning log
	Deleted time.Duration // people and groups that can be restored
	Audit   time.Duration
}

const (
	keepFeed  = 30 * 24 * time.Hour
	trimFirst = 10 * time.Minute // after the start, which is busy enough
	trimEvery = 24 * time.Hour
)

// retain deletes what is older than it is to be kept, once a day, until ctx ends.
func (n *Server) retain(ctx context.Context) {
	for pause := trimFirst; wait(ctx, pause) == nil; pause = trimEvery {
		k := n.config.Keep
		if err := n.db.Trim(ctx, store.Retention{Feed: keepFeed, Log: k.Log, Audit: k.Audit, Deleted: k.Deleted}); err != nil && ctx.Err() == nil {
			n.config.Log.Warn("what is old was not deleted; tried again tomorrow", "error", err)
		}
		if err := n.db.Console().TidyConsole(ctx, time.Now().Add(-n.operator.Sessions.Longest())); err != nil && ctx.Err() == nil {
			n.config.Log.Warn("old sessions of the console were not removed; tried again tomorrow", "error", err)
		}
	}
}
