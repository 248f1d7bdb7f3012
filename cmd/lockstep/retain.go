package main

import (
	"context"
	"time"

	"lockstep/store"
)

// retained is how long what has happened is kept, unless --keep-log and --keep-audit say otherwise. The change feed serves jobs
// only, and one that has stood still for longer reads everything once.
type retained struct {
	KeepLog   time.Duration `default:"2160h" placeholder:"DURATION" help:"Keep the provisioning log this long, 90 days when absent; 0 is for ever."`
	KeepAudit time.Duration `default:"8760h" placeholder:"DURATION" help:"Keep the audit log this long, a year when absent; 0 is for ever."`
}

const (
	keepFeed  = 30 * 24 * time.Hour
	trimFirst = 10 * time.Minute // after the start, which is busy enough
	trimEvery = 24 * time.Hour
)

// retain deletes what is older than it is to be kept, once a day, until ctx ends.
func (n *node) retain(ctx context.Context) {
	for pause := trimFirst; wait(ctx, pause) == nil; pause = trimEvery {
		keep := store.Retention{Feed: keepFeed, Log: n.config.Retained.KeepLog, Audit: n.config.Retained.KeepAudit}
		if err := n.db.Trim(ctx, keep); err != nil && ctx.Err() == nil {
			n.config.Log.Warn("old log lines were not deleted; tried again tomorrow", "error", err)
		}
	}
}
