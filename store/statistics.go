package store

import (
	"context"
	"fmt"
)

// sqliteStatistics tells SQLite's planner how the tables look when they are large: rows, then rows per value of the index's first
// column, of its first two, and so on (https://sqlite.org/fileformat2.html#stat1tab). Without it the planner takes a job or a
// tenant for something that has ten rows and scans all of them. Statistics gathered from the data would change plans as it
// grows; these never do. PostgreSQL gathers its own.
var sqliteStatistics = []struct{ table, index, stat string }{
	{"feed", "feed", "1000000 100000 1"},
	{"users", "sqlite_autoindex_users_1", "1000000 100000 1"},
	{"users", "users_user_name", "1000000 100000 1"},
	{"users", "users_external_id", "800000 80000 1"},
	{"users", "users_manager", "900000 90000 8"},
	{"user_email", "user_email", "1000000 100000 1 1"},
	{"groups", "sqlite_autoindex_groups_1", "50000 5000 1"},
	{"groups", "groups_name", "50000 5000 1"},
	{"groups", "groups_external_id", "50000 5000 1"},
	{"member", "member", "5000000 500000 100 1"},
	{"member", "member_of", "5000000 500000 5"},
	{"assignment", "sqlite_autoindex_assignment_1", "10000 1000 1"},
	{"assignment", "assignment_principal", "10000 1000 100 1"},
	{"assignment", "assignment_of", "10000 1000 2"},
	{"audit", "audit", "1000000 100000 1"},
	{"audit", "audit_object", "1000000 100000 5 1"},
	{"job", "sqlite_autoindex_job_1", "1000 5 1"},
	{"job", "job_no", "1000 1"},
	{"job", "job_slug", "1000 5 1"},
	{"cycle", "sqlite_autoindex_cycle_1", "100000 1000 1"},
	{"action", "sqlite_autoindex_action_1", "2000000 500000 1"},
	{"action", "action_order", "2000000 500000 100000 10000 5000 1000 1 1 1"},
	{"action", "action_source", "2000000 500000 10"},
	{"link", "sqlite_autoindex_link_1", "1000000 250000 200000 1"},
	{"link", "link_target", "800000 200000 180000 1 1"},
	{"link", "link_key", "800000 200000 180000 1"},
	{"link", "link_due", "10000 2500 5 5 1"},
	{"edge", "edge", "5000000 1200000 600000 10 10 10 1"},
	{"edge", "edge_to", "5000000 1200000 600000 5"},
	{"edge", "edge_ready", "1000 250"},
	{"edge", "edge_idle", "10 5"},
	{"listing", "sqlite_autoindex_listing_1", "500000 250000 200000 1"},
	{"listing_key", "listing_key", "1000000 500000 400000 200000 1 1"},
}

// analyse puts the statistics in place, where ANALYZE would, and has the writer's connection read them. Readers, which connect
// later, find them.
func (db *DB) analyse(ctx context.Context) error {
	tx, err := db.writerDB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	// ANALYZE of one small table makes the table of statistics when it is missing.
	for _, text := range []string{"ANALYZE schema_version", "DELETE FROM sqlite_stat1"} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("statistics: %w", err)
		}
	}
	for _, s := range sqliteStatistics {
		if _, err := tx.ExecContext(ctx, "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)", s.table, s.index, s.stat); err != nil {
			return fmt.Errorf("statistics: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	_, err = db.writerDB.ExecContext(ctx, "ANALYZE sqlite_schema")
	return err
}
