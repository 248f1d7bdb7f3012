package store

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/plan"
)

// TestPlans: SQLite answers each statement through the index that was made for it. A statement that walks through a whole job
// or tenant where it should find a few rows shows here long before anybody has a job that large.
func TestPlans(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	page, _ := linkPage(plan.LinkQuery{DueBefore: db.now(), Limit: 1})
	for _, c := range []struct{ text, want string }{
		{upsertWanted.render(2, positional), "SEARCH l USING INDEX sqlite_autoindex_link_1 (job=? AND type=? AND source_id=?)"},
		{updateWritten.render(2, positional), "SEARCH edge USING PRIMARY KEY (job=? AND from_type=? AND from_id=? AND attribute=? AND to_type=? AND to_id=?)"},
		{updateRanks.render(2, positional), "SEARCH action USING INDEX sqlite_autoindex_action_1 (job=? AND id=?)"},
		{readyFrom.render(2, positional), "SEARCH edge USING PRIMARY KEY (job=? AND from_type=? AND from_id=?)"},
		{readyTo.render(2, positional), "SEARCH edge USING INDEX edge_to (job=? AND to_type=? AND to_id=?)"},
		{looseTo.render(2, positional), "SEARCH edge USING INDEX edge_to (job=? AND to_type=? AND to_id=?)"},
		{sweepEdges, "SEARCH edge USING INDEX edge_idle (job=?)"},
		{"SELECT " + edgeColumns + " FROM edge WHERE " + ofJob + " AND ready LIMIT 10", "SEARCH edge USING INDEX edge_ready (job=?)"},
		{openActions.render(2, positional), "SEARCH action USING INDEX sqlite_autoindex_action_1 (job=? AND id=?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + " AND cycle = $3 AND state = $4 ORDER BY lane, rank, id LIMIT 10", "SEARCH action USING INDEX action_order (job=? AND state=? AND cycle=?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + " AND state IN ($3) ORDER BY lane, rank, id LIMIT 10", "SEARCH action USING INDEX action_order (job=? AND state=?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + " AND cycle < $3 AND state IN ($4) ORDER BY lane, rank, id LIMIT 10", "SEARCH action USING INDEX action_order (job=? AND state=? AND cycle<?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + " AND cycle > $3 AND state IN ($4) ORDER BY lane, rank, id LIMIT 10", "SEARCH action USING INDEX action_order (job=? AND state=? AND cycle>?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + " AND source_id = $3 AND source_type = $4 ORDER BY id DESC LIMIT 10", "SEARCH action USING INDEX action_source (job=? AND source_id=?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + " AND id < $3 ORDER BY id DESC LIMIT 10", "SEARCH action USING INDEX sqlite_autoindex_action_1 (job=? AND id<?)"},
		{countActions, "SEARCH action USING COVERING INDEX action_order (job=? AND state=? AND cycle=?)"},
		{endsOfCycle, "SEARCH action USING COVERING INDEX action_order (job=? AND state=? AND cycle=?)"},
		{countGroups, "SEARCH action USING COVERING INDEX action_waiting (job=? AND state=?)"},
		{countOutline, "SEARCH action USING COVERING INDEX action_waiting (job=? AND state=?)"},
		{"SELECT " + actionColumns + " FROM action WHERE " + ofJob + ofGroup("$3", "$4", "$5", "$6") + " AND id > $7 ORDER BY id LIMIT 10", "SEARCH action USING INDEX action_waiting (job=? AND state=? AND kind=? AND source_type=? AND cause=? AND id>?)"},
		{countHeld, "SEARCH a USING COVERING INDEX action_order (job=? AND state=?)"},
		{countRejected, "SEARCH b USING INDEX action_source (job=? AND source_id=?)"},
		{countWaiting, "SEARCH e USING INDEX edge_ready (job=?)"},
		{countFailing, "SEARCH link USING COVERING INDEX link_failing (job=?)"},
		{countLinks, "SEARCH link USING COVERING INDEX link_target (job=?)"},
		{countPeople[0], "SEARCH link USING COVERING INDEX"},
		{countPeople[1], "SEARCH link USING INDEX link_out (job=? AND type=?)"},
		{countPeople[2], "SEARCH link USING COVERING INDEX link_target (job=? AND type=?)"},
		{countPeople[3], "SEARCH link USING INDEX link_failing (job=?)"},
		{"SELECT " + outlinedLink + " FROM link WHERE " + ofJob + " AND type = $3 AND source_id > $4" + chosenLinks[plan.LinksOut] + " ORDER BY source_id LIMIT $5", "SEARCH link USING INDEX link_out (job=? AND type=? AND source_id>?)"},
		{"SELECT " + outlinedLink + " FROM link WHERE " + ofJob + " AND type = $3 AND source_id > $4" + chosenLinks[plan.LinksFailing] + " ORDER BY source_id LIMIT $5", "SEARCH link USING INDEX link_failing (job=?)"},
		{newNames, "SEARCH action_name USING COVERING INDEX action_name_rest (job=?"},
		{"SELECT " + linkColumns + " FROM link WHERE " + ofJob + " AND type = $3" + page, "SEARCH link USING COVERING INDEX link_due (job=? AND due>? AND due<?)"},
		{"SELECT " + jobColumns + " FROM job j " + strings.Replace(dueJobs, "@now", "$2", 1), "SEARCH l USING COVERING INDEX link_due (job=? AND due>? AND due<?)"},
		{memberSelect + " AND group_id IN (?,?) ORDER BY group_id, id LIMIT 10", "SEARCH member USING PRIMARY KEY (tenant=? AND group_id=?)"},
		{memberSelect + " AND id IN (?,?) ORDER BY group_id, id LIMIT 10", "SEARCH member USING INDEX member_of (tenant=? AND id=? AND group_id>?)"},
		{"SELECT " + userColumns + " FROM users WHERE tenant = $1 AND id IN (SELECT user_id FROM user_email WHERE tenant = $1 AND email IN (?,?))", "SEARCH user_email USING PRIMARY KEY (tenant=? AND email=?)"},
		{"SELECT " + userColumns + " FROM users WHERE tenant = $1 AND user_name IN (?,?) AND deleted = 0", "SEARCH users USING INDEX users_user_name (tenant=? AND user_name=?)"},
		{"SELECT " + userColumns + " FROM users WHERE tenant = $1 AND id > $2 AND deleted = 0 ORDER BY id LIMIT 10", "SEARCH users USING INDEX users_alive (tenant=? AND id>?)"},
		{"SELECT " + userColumns + " FROM users WHERE tenant = $1 AND id > $2" + stateConditions[directory.DisabledUsers] + " ORDER BY id LIMIT 10", "SEARCH users USING INDEX users_inactive (tenant=? AND id>?)"},
		{"SELECT " + userColumns + " FROM users WHERE tenant = $1 AND id > $2" + stateConditions[directory.DeletedUsers] + " ORDER BY id LIMIT 10", "SEARCH users USING INDEX users_gone (tenant=? AND id>?)"},
		{memberSelect + nestedOnly + " ORDER BY group_id, id LIMIT 10", "member_nested"},
		{linesSince + " LIMIT 501", "SEARCH action USING INDEX action_at (job=? AND <expr>>? AND <expr><?)"},
		{readClaims + " AND c.id IN (@list)", "SEARCH c USING PRIMARY KEY (tenant=? AND kind=? AND id=?)"},
		{nextClaims, "SEARCH claim USING PRIMARY KEY (tenant=? AND (kind,id)>(?,?)"},
		{readWritten, "SEARCH l USING INDEX link_target (job=? AND type=? AND target=?)"},
		{readWanted, "SEARCH f USING INDEX link_target (job=? AND type=? AND target=?)"},
		{readWanted + " AND t.target IN (@list)", "SEARCH f USING INDEX link_target (job=? AND type=? AND target=?)"},
		{readGiven, "SEARCH f USING INDEX link_target (job=? AND type=? AND target=?)"},
		{"SELECT id FROM audit WHERE tenant = $1 AND object_id = $2 AND id < $3 ORDER BY id DESC LIMIT 10", "SEARCH audit USING COVERING INDEX audit_object (tenant=? AND object_id=? AND id<?)"},
	} {
		plan := explain(t, db, strings.Replace(c.text, "@list", "?,?", 1))
		if !strings.Contains(plan, c.want) || wholeTable.MatchString(plan) {
			t.Errorf("%s\ngoes\n%s\nnot by\n%s", c.text, plan, c.want)
		}
	}
}

// wholeTable finds a walk through a table, apart from the list of rows of the statement itself and the jobs, which are few.
var wholeTable = regexp.MustCompile(`(?m)^SCAN (users|groups|member|feed|audit|action|link|edge|listing|action_name)`)

func explain(t *testing.T, db *DB, text string) string {
	t.Helper()
	rows, err := db.readerDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, 200)...)
	lines, err := collect(rows, err, func(s scanner) (line string, err error) {
		var a, b, c int
		return line, s.Scan(&a, &b, &c, &line)
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return strings.Join(lines, "\n")
}

// TestStatistics: each row of the statistics is about an index that exists, with a number for each of its columns.
func TestStatistics(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sqliteStatistics {
		index := s.index
		if index == s.table {
			index = "sqlite_autoindex_" + s.table + "_1" // of a table without rowid
		}
		rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM pragma_index_info($1)", index)
		n, err := one(rows, err, scanInt)
		if err != nil {
			t.Fatal(err)
		}
		if want := len(strings.Fields(s.stat)) - 1; int(n) != want {
			t.Errorf("index %s has %d columns, its statistics %d", s.index, n, want)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
