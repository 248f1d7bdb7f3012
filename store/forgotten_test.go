package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/provision"
)

// ofAJob says in which column the rows of a table name the job that they are of, and how: by its number, by that of its mirror or of a
// pass, or by its id. Tables of which no row is a job's are in notOfAJob.
var ofAJob = map[string]string{
	"secret": "job no", "cycle": "job no", "action": "job no", "action_name": "job no", "link": "job no", "edge": "job no", "drift": "job no", "drift_found": "look look", "drift_reference": "look look",
	"job_version": "job no", "job_draft": "job no", "mirror_head": "connection no",
	"mirror_row": "mirror mirror", "mirror_key": "mirror mirror", "mirror_name": "mirror mirror", "mirror_refers": "mirror mirror",
	"mirror_pass": "mirror mirror", "mirror_part": "mirror mirror", "mirror_answer": "mirror mirror",
	"mirror_doc": "no row", "mirror_met": "pass pass",
	"job": "id id", "claim": "owner id", "notify_rule": "job id", "notify_cause": "job id",
	"assignment": "app app", "app": "id app",
}

// notOfAJob are the other tables. Of a job that is gone the logs may tell: feed, audit, and the messages that were sent.
var notOfAJob = strings.Fields(`feed audit notify_message
	tenant feed_head users user_email user_value user_password groups member former leaving ordered
	extension extension_index extension_value extension_key people_index people_number people_gram
	token setting counter schema_version doomed disclaimed scim_tally notify_settings
	sso_provider sso_watched sso_client sso_login sso_pushed sso_link sso_gift sso_session sso_grant sso_refresh sso_once sso_key sso_trace sso_ending sso_notice sso_passkey sso_totp sso_recovery sso_tries scim_call
	console_link console_session console_form administrator local_owner`)

// TestNothingIsLeftOfAJob: when an app or a source is removed, its rows of every table are gone in the end, and nobody else's. The claims
// of removed sources stayed for ever.
func TestNothingIsLeftOfAJob(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			config := Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")}
			if database == "postgres" {
				config = Config{Postgres: parts.Postgres(t)}
			}
			nothingIsLeft(t, config)
		})
	}
}

func nothingIsLeft(t *testing.T, config Config) {
	db, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	defer func() { must(db.Close()) }()
	db.writer.wg.Wait()
	must(db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "a", Slug: "a"}))
	numbers := map[string]map[string]any{} // of each job, by how rows name it
	for i, id := range []lockstep.JobID{"gone", "stays"} {
		app := lockstep.AppID("app " + id)
		_, err := db.Commit(t.Context(), "a", audit.Actor{}, "", directory.PutApp{App: directory.App{ID: app, Slug: string(id), Name: string(id)}})
		must(err)
		must(db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "a", ID: id, Slug: string(id), Direction: provision.Outbound, App: app}))
		j, err := job(db.asks(t.Context()), "a", id)
		must(err)
		mirror := int64(1_000_000 + 10*i)
		numbers[string(id)] = map[string]any{"no": j.no, "mirror": mirror, "row": mirror<<32 + 1, "pass": mirror + 2, "look": mirror + 3, "id": string(id), "app": string(app)}
	}
	tables := columnsOf(t, db)
	for table := range tables {
		if ofAJob[table] == "" && !slices.Contains(notOfAJob, table) && !strings.HasPrefix(table, "river_") && !strings.HasPrefix(table, "goose") && !strings.HasPrefix(table, "sqlite_") {
			t.Errorf("%s: say whether its rows are a job's, so that they go with it", table)
		}
	}
	fill := func(of map[string]any) {
		for table, how := range ofAJob {
			if column, by, _ := strings.Cut(how, " "); table != "job" && table != "app" {
				must(insertSome(db, tables[table], table, column, of[by], of))
			}
		}
	}
	for _, of := range numbers {
		fill(of)
	}
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprintf("('a', 'User', 'u%05d', 'gone', TRUE), ('a', 'User', 'u%05d', 'stays', TRUE)", i, i)
	}
	must(db.write(t.Context(), &work{rows: 1, run: func(t *tx) error {
		_, err := t.exec("INSERT INTO claim (tenant, kind, id, owner, active) VALUES " + strings.Join(many, ", "))
		return err
	}}))
	must(db.DeleteJob(t.Context(), audit.Actor{}, "a", "gone"))
	_, err = db.Commit(t.Context(), "a", audit.Actor{}, "", directory.DeleteApp{ID: "app gone"})
	must(err)
	for range 600 { // until there is nothing more to sweep; on PostgreSQL several writers do
		db.writer.wg.Wait()
		rows, err := db.query(t.Context(), "SELECT (SELECT COUNT(*) FROM doomed) + (SELECT COUNT(*) FROM disclaimed)")
		if n, err := one(rows, err, scanInt); err != nil || n == 0 {
			must(err)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for table, how := range ofAJob {
		column, by, _ := strings.Cut(how, " ")
		for id, want := range map[string]bool{"gone": false, "stays": true} {
			rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM "+table+" WHERE "+column+" = $1", numbers[id][by])
			if n, err := one(rows, err, scanInt); err != nil || (n > 0) != want {
				t.Errorf("%s has %d rows of the job that %s: %v", table, n, id, err)
			} else if table == "claim" && want && n < 2500 {
				t.Errorf("%d claims are left of the job that stays", n)
			}
		}
	}
	for _, table := range []string{"doomed", "disclaimed"} {
		rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM "+table)
		if n, err := one(rows, err, scanInt); err != nil || n > 0 {
			t.Errorf("%s has %d rows left: %v", table, n, err)
		}
	}
}

// columnsOf returns the columns of all tables, with their types.
func columnsOf(t *testing.T, db *DB) map[string][][2]string {
	text := `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND is_generated = 'NEVER'`
	if db.dialect.name() == SQLite {
		text = "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c ON TRUE WHERE m.type = 'table'"
	}
	rows, err := db.query(t.Context(), text)
	all := map[string][][2]string{}
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		var table, column, kind string
		err := s.Scan(&table, &column, &kind)
		all[table] = append(all[table], [2]string{column, strings.ToLower(kind)})
		return struct{}{}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// insertSome inserts a row with a value in one column, and whatever is nothing in the others.
func insertSome(db *DB, columns [][2]string, table, column string, value any, of map[string]any) error {
	var names, marks []string
	var args []any
	for _, c := range columns {
		var v any = ""
		switch name, kind := c[0], c[1]; {
		case name == column:
			v = value
		case name == "tenant":
			v = "a"
		case table == "mirror_pass" && name == "pass":
			v = fmt.Sprintf(`{"no": %d}`, of["pass"])
		case table == "mirror_head" && name == "mirror":
			v = of["mirror"]
		case table == "mirror_row" && name == "no", table == "mirror_key" && name == "no":
			v = of["row"]
		case table == "drift" && name == "look":
			v = of["look"]
		case table == "claim" && name == "kind":
			v = "User"
		case table == "claim" && name == "id":
			v = "x"
		case table == "assignment" && name == "id":
			v = of["app"]
		case strings.Contains(kind, "bool"):
			v = false
		case strings.Contains(kind, "int"):
			v = int64(0)
		case strings.Contains(kind, "blob"), strings.Contains(kind, "bytea"):
			v = []byte{}
		}
		names, args = append(names, c[0]), append(args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	err := db.write(context.Background(), &work{rows: 1, run: func(t *tx) error {
		_, err := t.exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+") ON CONFLICT DO NOTHING", args...)
		return err
	}})
	if err != nil {
		return fmt.Errorf("fill %s: %w", table, err)
	}
	return nil
}
