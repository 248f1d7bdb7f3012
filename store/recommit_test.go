package store_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/store"
)

// everyOther makes every other transaction that touches users fail when it commits, as one does that the database had to
// sacrifice. Sequences are not rolled back: the one here says which transaction was last, and whether it failed.
const everyOther = `
	CREATE SEQUENCE last_one;
	CREATE FUNCTION every_other() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE this bigint := txid_current(); last bigint := (SELECT last_value FROM last_one);
	BEGIN
		IF last / 2 = this THEN RETURN NULL; END IF;
		IF last % 2 = 1 THEN PERFORM setval('last_one', 2 * this); RETURN NULL; END IF;
		PERFORM setval('last_one', 2 * this + 1);
		RAISE EXCEPTION 'not this time' USING ERRCODE = 'serialization_failure';
	END $$;
	SELECT setval('last_one', 2);
	CREATE CONSTRAINT TRIGGER every_other AFTER INSERT OR UPDATE OR DELETE ON users DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION every_other()`

// TestCommitsThatFail: a function whose transaction fails when it commits runs again, and nothing is left of the first time: not in
// the feed, the audit log, the counts, the receipt, nor in an index that is made page by page.
func TestCommitsThatFail(t *testing.T) {
	t.Parallel()
	config := store.Config{Postgres: parts.Postgres(t)}
	db := opened(t, config)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := db.CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	if _, err := db.WriterDB().ExecContext(t.Context(), everyOther); err != nil {
		t.Fatal(err)
	}
	const people = 600
	all := make([]directory.PutUser, people)
	var changes []directory.Change
	for i := range all {
		all[i] = person(fmt.Sprintf("u%d", i))
		all[i].User.Attributes.Set("title", "x")
		changes = append(changes, all[i])
	}
	commit := func(changes ...directory.Change) directory.Receipt {
		r, err := db.Commit(t.Context(), tenant.ID, audit.Actor{}, "", changes...)
		if err != nil {
			t.Error(err)
		}
		return r
	}
	if r := commit(changes...); r.Pos != people {
		t.Errorf("position %d after %d people", r.Pos, people)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			p := all[i]
			p.Before, p.User.Version, p.IfVersion = p.User.Attributes, 1, 1
			p.User.Attributes = scim.Object{{Name: "userName", Value: fmt.Sprintf("v%d", i)}, {Name: "title", Value: "x"}}
			r := commit(p, directory.DeleteUser{ID: all[i+20].User.ID})
			found, err := db.Users(t.Context(), tenant.ID, directory.UserQuery{IDs: []lockstep.UserID{p.User.ID}})
			if err != nil || len(found) != 1 || found[0].Version != 2 || !found[0].Modified.Equal(r.At) {
				t.Errorf("%v, %+v is what %+v tells of", err, found, r)
			}
		})
	}
	wg.Wait()
	events, err := db.Feed(t.Context(), tenant.ID, 0, 1000)
	if err != nil || len(events) != people+40 || int(events[len(events)-1].Pos) != people+40 {
		t.Errorf("%d events, %v", len(events), err)
	}
	lines, err := db.Audit(t.Context(), tenant.ID, store.AuditQuery{Limit: 1000})
	if err != nil || len(lines) != people+41 { // and the tenant
		t.Errorf("%d lines of the audit log, %v", len(lines), err)
	}
	if err := db.SetValue(t.Context(), "", "search_index", "0"); err != nil {
		t.Fatal(err)
	}
	again := opened(t, config) // indexes everybody
	titled, err := filter.Parse(`title eq "x"`)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]directory.Search{"all": {}, "by the index": {Filter: titled}} {
		s.Kind, s.Limit, s.Types = directory.UserKind, people, scim.UserType().FilterTypes()
		f, err := again.Search(context.Background(), tenant.ID, s)
		if err != nil || f.Total != people-20 || len(f.Records) != people-20 {
			t.Errorf("%s: %d, total %d, %v", name, len(f.Records), f.Total, err)
		}
	}
	var failed bool
	if err := db.WriterDB().QueryRowContext(t.Context(), "SELECT last_value <> 2 FROM last_one").Scan(&failed); err != nil || !failed {
		t.Errorf("no transaction failed, %v", err)
	}
}

// TestPurgeSparesTheRestored: who is restored on another node while their like are removed for good stays.
func TestPurgeSparesTheRestored(t *testing.T) {
	t.Parallel()
	all := nodes(t, 2)
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := all[0].CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	commit := func(changes ...directory.Change) time.Time {
		t.Helper()
		r, err := all[1].Commit(t.Context(), tenant.ID, audit.Actor{}, "", changes...)
		if err != nil {
			t.Fatal(err)
		}
		return r.At
	}
	ada, bob := person("ada"), person("bob")
	commit(ada, bob)
	deleted := commit(directory.DeleteUser{ID: ada.User.ID}, directory.DeleteUser{ID: bob.User.ID})
	for time.Since(deleted) < 3*time.Millisecond { // times are kept in milliseconds
		runtime.Gosched()
	}
	held, err := all[1].WriterDB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.ExecContext(t.Context(), "SELECT id FROM users WHERE tenant = $1 AND id = $2 FOR UPDATE", string(tenant.ID), string(ada.User.ID)); err != nil {
		t.Fatal(err)
	}
	trimmed := make(chan error)
	go func() { trimmed <- all[0].Trim(t.Context(), store.Retention{Deleted: time.Millisecond}) }()
	for waits := false; !waits; { // until the removal has come to Ada
		err := all[1].WriterDB().QueryRowContext(t.Context(), `SELECT COUNT(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE NOT l.granted AND a.datname = current_database()`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	commit(directory.RestoreUser{ID: bob.User.ID})
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-trimmed; err != nil {
		t.Error(err)
	}
	left, err := all[0].Users(t.Context(), tenant.ID, directory.UserQuery{Deleted: true})
	if err != nil || len(left) != 1 || left[0].ID != bob.User.ID || !left[0].Deleted.IsZero() {
		t.Errorf("left: %+v, %v", left, err)
	}
}
