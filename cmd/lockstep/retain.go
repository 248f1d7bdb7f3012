package main

import (
	"context"
	"time"

	"lockstep/store"
)

// retained is how long what has happened, and who was deleted, is kept. The change feed serves jobs
// only, and one that has stood still for longer reads everything once.
type retained struct {
	KeepLog     time.Duration `default:"2160h" placeholder:"DURATION" help:"Keep the provisioning log this long, 90 days when absent; 0 is for ever."`
	KeepDeleted time.Duration `default:"720h" placeholder:"DURATION" help:"Keep deleted people and groups this long, so that they can be restored, 30 days when absent; 0 is for ever."`
	KeepAudit   time.Duration `default:"8760h" placeholder:"DURATION" help:"Keep the audit log this long, a year when absent; 0 is for ever."`
}

const (
	keepFeed  = 30 * 24 * time.Hour
	trimFirst = 10 * time.Minute // after the start, which is busy enough
	trimEvery = 24 * time.Hour
)

// retain deletes what is older than it is to be kept, once a day, until ctx ends.
func (n *node) retain(ctx context.Context) {
	for pause := trimFirst; wait(ctx, pause) == nil; pause = trimEvery {
		keep := store.Retention{Feed: keepFeed, Log: n.config.Retained.KeepLog, Audit: n.config.Retained.KeepAudit, Deleted: n.config.Retained.KeepDeleted}
		if err := n.db.Trim(ctx, keep); err != nil && ctx.Err() == nil {
			n.config.Log.Warn("what is old was not deleted; tried again tomorrow", "error", err)
		}
	}
}
