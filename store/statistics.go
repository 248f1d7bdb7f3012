package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sqliteStatistics tells SQLite's planner how the tables look when they are large: rows, then rows per value of the index's first
// column, of its first two, and so on (https://sqlite.org/fileformat2.html#stat1tab). Without it the planner takes a job or a
// tenant for something that has ten rows and scans all of them. Statistics gathered from the data would change plans as it
// grows; these never do.
var sqliteStatistics = []struct{ table, index, stat string }{
	{"feed", "feed", "1000000 100000 1"},
	{"users", "sqlite_autoindex_users_1", "1000000 100000 1"},
	{"users", "users_user_name", "1000000 100000 1"},
	{"users", "users_external_id", "800000 80000 1"},
	{"users", "users_manager", "900000 90000 8"},
	{"users", "users_alive", "1000000 100000 1"},
	{"users", "users_inactive", "50000 5000 1"},
	{"users", "users_gone", "40000 4000 1"},
	{"users", "users_modified", "1000000 100000 2 1"},
	{"user_email", "user_email", "1000000 100000 1 1"},
	{"user_value", "user_value", "6000000 600000 100000 20 1"},
	{"people_number", "people_number", "1000000 100000 1"},
	{"people_number", "people_number_person", "1000000 100000 1"},
	{"people_gram", "people_gram", "2000000 200000 8000 1"},
	{"user_password", "user_password", "100000 10000 1"},
	{"extension", "sqlite_autoindex_extension_1", "1000 5 1"},
	{"extension_index", "extension_index", "10000 20 1"},
	{"extension_index", "extension_index_open", "20 10 5 1"},
	{"extension_value", "extension_value", "5000000 100000 20 1"},
	{"extension_key", "extension_key", "1000000 100000 1"},
	{"groups", "sqlite_autoindex_groups_1", "50000 5000 1"},
	{"groups", "groups_name", "50000 5000 1"},
	{"groups", "groups_external_id", "50000 5000 1"},
	{"member", "member", "5000000 500000 100 1"},
	{"member", "member_of", "5000000 500000 5"},
	{"member", "member_nested", "5000 500 10 1"},
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
	{"action", "action_kind", "2000000 500000 100000 1"},
	{"action", "action_apart", "20000 5000 1000 1"},
	{"action", "action_said", "100000 25000 1"},
	{"action", "action_late", "10000 2500 1"},
	{"action", "action_at", "2000000 500000 2"},
	{"action", "action_waiting", "200000 50000 25000 10000 10000 500 1"},
	{"action_name", "action_name", "1000000 250000 2 1"},
	{"action_name", "action_name_no", "1000000 250000 1"},
	{"action_name", "action_name_rest", "2000 500 500"},
	{"action_name", "action_name_id", "500000 125000 1"},
	{"link", "sqlite_autoindex_link_1", "1000000 250000 200000 1"},
	{"link", "link_target", "800000 200000 180000 1 1"},
	{"link", "link_key", "800000 200000 180000 1"},
	{"link", "link_failing", "10000 2500 500"},
	{"link", "link_out", "50000 12500 10000 1"},
	{"link", "link_due", "10000 2500 5 5 1"},
	{"edge", "edge", "5000000 1200000 600000 10 10 10 1"},
	{"edge", "edge_to", "5000000 1200000 600000 5"},
	{"edge", "edge_ready", "1000 250"},
	{"edge", "edge_idle", "10 5"},
}

// analyseSQLite puts the statistics in place, where ANALYZE would, and has the writer's connection read them. Readers, which
// connect later, find them.
func (db *DB) analyseSQLite(ctx context.Context) error {
	err := db.transaction(ctx, func(tx *sql.Tx) error {
		// ANALYZE of one small table makes the table of statistics when it is missing.
		for _, text := range []string{"ANALYZE schema_version", "DELETE FROM sqlite_stat1"} {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return err
			}
		}
		for _, s := range sqliteStatistics {
			if _, err := tx.ExecContext(ctx, "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)", s.table, s.index, s.stat); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = db.writerDB.ExecContext(ctx, "ANALYZE sqlite_schema")
	}
	return err
}

func (db *DB) transaction(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := db.writerDB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// postgresSamples say how rows of the large tables look, as expressions of their number g; other columns are empty. PostgreSQL
// keeps no statistics that one could write, so it gets rows to count, which are gone when the transaction ends. What it then
// knows holds until it counts the real ones, a minute or more after they came: without it the first cycle reads the whole job
// for each of its batches. Jobs and tenants are many and equally common in the samples, so that it remembers no single one.
var postgresSamples = map[string]map[string]string{
	"users":           {"tenant": "'t' || g % 200", "id": "'u' || g", "user_name": "'u' || g", "external_id": "'u' || g", "manager": "'u' || g / 8"},
	"user_email":      {"tenant": "'t' || g % 200", "email": "'e' || g", "user_id": "'u' || g"},
	"user_value":      {"tenant": "'t' || g % 200", "attribute": "'a' || g % 7", "value": "'v' || g", "user_id": "'u' || g"},
	"people_number":   {"no": "-(g % 200)", "id": "'u' || g", "person": "g"},
	"people_gram":     {"no": "-(g % 200)", "chunk": "g / 1000", "gram": "g", "people": "'x'"},
	"extension_value": {"no": "-(g % 200)", "value": "'v' || g", "id": "'u' || g"},
	"extension_key":   {"no": "-(g % 200)", "value": "'v' || g", "id": "'u' || g"},
	"groups":          {"tenant": "'t' || g % 200", "id": "'g' || g", "name": "'n' || g", "external_id": "'e' || g"},
	"member":          {"tenant": "'t' || g % 200", "group_id": "'g' || g / 10", "id": "'u' || g % 1000", "kind": "'User'"},
	"assignment":      {"tenant": "'t' || g % 200", "id": "'a' || g", "app": "'p' || g / 10", "principal": "'u' || g"},
	"feed":            {"tenant": "'t' || g % 200", "pos": "g", "object": "'user'", "op": "'put'", "id": "'u' || g"},
	"audit":           {"tenant": "'t' || g % 200", "id": "'a' || g", "object_id": "'u' || g / 3"},
	"cycle":           {"job": "-(g % 200)", "id": "'c' || g"},
	"action":          {"job": "-(g % 200)", "id": "'a' || g", "cycle": "'c' || g % 800", "state": "CASE WHEN g % 4 = 0 THEN 'done' ELSE 'planned' END", "kind": "'create'", "lane": "g % 5", "rank": "g % 50", "source_type": "'User'", "source_id": "'u' || g"},
	"action_name":     {"job": "-(g % 200)", "source_id": "'u' || g / 2", "name": "CASE WHEN g % 2 = 0 THEN 'n' ELSE 'i' END || g", "no": "CASE WHEN g % 2 = 0 THEN g ELSE -1 END"},
	"link":            {"job": "-(g % 200)", "type": "CASE WHEN g % 10 = 0 THEN 'Group' ELSE 'User' END", "source_id": "'u' || g", "target": "'t' || g", "match_key": "'k' || g", "due": "CASE WHEN g % 100 = 0 THEN g ELSE 0 END"},
	"edge":            {"job": "-(g % 200)", "from_type": "CASE WHEN g % 2 = 0 THEN 'Group' ELSE 'User' END", "from_id": "'g' || g / 4", "attribute": "'members'", "to_type": "'User'", "to_id": "'u' || g % 3000", "wanted": "g % 10 > 0", "written": "TRUE", "ready": "g % 100 = 0"},
}

// sampleRows is how many rows of each table PostgreSQL gets to count.
const sampleRows = 1000

// analysePostgres has PostgreSQL count sample rows of each large table.
func (db *DB) analysePostgres(ctx context.Context) error {
	return db.transaction(ctx, func(tx *sql.Tx) error {
		for _, table := range slices.Sorted(maps.Keys(postgresSamples)) {
			sample := postgresSamples[table]
			rows, err := tx.QueryContext(ctx, "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1", table)
			columns, err := collect(rows, err, func(s scanner) (c [2]string, err error) { return c, s.Scan(&c[0], &c[1]) })
			if err != nil {
				return err
			}
			var names, values []string
			for _, c := range columns {
				value, set := sample[c[0]]
				if !set {
					value = map[string]string{"text": "''", "bigint": "0", "boolean": "FALSE"}[c[1]]
				}
				names, values = append(names, c[0]), append(values, value)
			}
			owner, few := "job", "n_distinct = 4"
			switch {
			case sample["tenant"] != "":
				owner, few = "tenant", "n_distinct = 10"
			case sample["list"] != "":
				owner, few = "list", "n_distinct = 2"
			case sample["no"] != "":
				owner, few = "no", "n_distinct = 5"
			}
			for _, text := range []string{
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET (%s)", table, owner, few),
				fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(1, %d) g", table, strings.Join(names, ", "), strings.Join(values, ", "), sampleRows),
				"ANALYZE " + table,
				fmt.Sprintf("DELETE FROM %s WHERE %s IN (SELECT %s FROM generate_series(1, %d) g)", table, owner, sample[owner], sampleRows),
			} {
				if _, err := tx.ExecContext(ctx, text); err != nil {
					return fmt.Errorf("%s: %w", table, err)
				}
			}
		}
		return nil
	})
}
