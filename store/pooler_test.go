package store

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
)

// ignoring is a pooler that was told to ignore all that this program asks of a connection.
const ignoring = "ignore_startup_parameters = " + through + ", plan_cache_mode, jit, enable_seqscan, enable_hashjoin, enable_mergejoin, random_page_cost, synchronous_commit, " + idleLimit

// TestPooler: a pooler that passes nothing on is found out, whether it refuses what is asked of a connection or ignores it, and what is to be set
// for the role is named until it is. A database that may lose what it acknowledged is not used through one.
func TestPooler(t *testing.T) {
	t.Parallel()
	dsn := parts.Postgres(t)
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	open := func(dsn string) (Pooler, error) {
		db, err := Open(t.Context(), Config{Postgres: dsn})
		if err != nil {
			return Pooler{}, err
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		return db.Pooler(), nil
	}
	set := func(parameter string) {
		t.Helper()
		db, err := Open(t.Context(), Config{Postgres: dsn})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.pool.Exec(t.Context(), fmt.Sprintf("ALTER ROLE CURRENT_USER IN DATABASE %s SET %s", strings.TrimPrefix(at.Path, "/"), parameter)); err != nil {
			t.Fatal(parameter, err)
		}
	}
	if p, err := open(dsn); err != nil || p.There {
		t.Fatalf("directly: %+v, %v", p, err)
	}
	var lacks []string
	for name, settings := range map[string][]string{"refuses": nil, "ignores": {ignoring}} {
		p, err := open(parts.PgBouncer(t, dsn, settings...))
		if err != nil || !p.There || !slices.Contains(p.Lacks, "plan_cache_mode = 'force_custom_plan'") || !slices.Contains(p.Lacks, idleLimit+" = '30s'") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		lacks = p.Lacks
		if s, err := ReadSchema(t.Context(), Config{Postgres: parts.PgBouncer(t, dsn, settings...)}); err != nil || !s.Pooler.There {
			t.Errorf("%s: read %+v, %v", name, s, err)
		}
	}
	for _, one := range lacks {
		set(one)
	}
	if p, err := open(parts.PgBouncer(t, dsn, ignoring)); err != nil || !p.There || len(p.Lacks) > 0 {
		t.Errorf("set for the role: %+v, %v", p, err)
	}
	set("synchronous_commit = off")
	if _, err := open(parts.PgBouncer(t, dsn)); lockstep.CodeOf(err) != lockstep.CodeStoreUnsafe {
		t.Errorf("it loses what it acknowledges: %v", err)
	}
	if _, err := open(dsn); err != nil {
		t.Errorf("directly: %v", err)
	}
}

// TestPoolerOwn: what whoever runs this program has put into the address is named as lacking, with their value, where it has no effect, and not where the
// role has it; what else the pooler refuses is an error that says so.
func TestPoolerOwn(t *testing.T) {
	t.Parallel()
	dsn := parts.Postgres(t)
	own := idleLimit + " = '5min'"
	open := func(address string) ([]string, string, error) {
		t.Helper()
		db, err := Open(t.Context(), Config{Postgres: address})
		if err != nil {
			return nil, "", err
		}
		defer func() { _ = db.Close() }()
		var has string
		if err := db.pool.QueryRow(t.Context(), "SELECT current_setting('"+idleLimit+"')").Scan(&has); err != nil {
			t.Fatal(err)
		}
		return db.Pooler().Lacks, has, nil
	}
	for name, settings := range map[string][]string{"refuses": nil, "ignores": {ignoring}} {
		through := parts.PgBouncer(t, dsn, settings...)
		lacks, has, err := open(through + "&" + idleLimit + "=300s")
		if err != nil || has != "0" || !slices.Contains(lacks, idleLimit+" = '300s'") || slices.Contains(lacks, idleLimit+" = '30s'") {
			t.Errorf("%s: %s, it lacks %q, %v", name, has, lacks, err)
		}
	}
	if _, _, err := open(parts.PgBouncer(t, dsn) + "&statement_timeout=20s"); lockstep.CodeOf(err) != lockstep.CodeInvalid || !strings.Contains(err.Error(), "statement_timeout") {
		t.Errorf("another parameter: %v", err)
	}
	if lacks, _, err := open(parts.PgBouncer(t, dsn, ignoring+", statement_timeout") + "&statement_timeout=20s"); err != nil || !slices.Contains(lacks, "statement_timeout = '20s'") {
		t.Errorf("another parameter, ignored: it lacks %q, %v", lacks, err)
	}
	db, err := Open(t.Context(), Config{Postgres: dsn})
	if err != nil {
		t.Fatal(err)
	}
	at, _ := url.Parse(dsn)
	if _, err := db.pool.Exec(t.Context(), fmt.Sprintf("ALTER ROLE CURRENT_USER IN DATABASE %s SET %s", strings.TrimPrefix(at.Path, "/"), own)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if lacks, has, err := open(parts.PgBouncer(t, dsn) + "&" + idleLimit + "=300s"); err != nil || has != "5min" || slices.ContainsFunc(lacks, func(l string) bool { return strings.HasPrefix(l, idleLimit) }) {
		t.Errorf("set for the role: %s, it lacks %q, %v", has, lacks, err)
	}
}

// TestPoolerMigrates: nodes that start at once behind a pooler, at an empty database, bring it up to date one after another, and leave no lock behind.
func TestPoolerMigrates(t *testing.T) {
	t.Parallel()
	direct := parts.Postgres(t)
	dsn := parts.PgBouncer(t, direct, "default_pool_size = 5") // as many as the docs ask for
	all, ctx := errgroup.WithContext(t.Context())
	for range 6 { // more than there are connections
		all.Go(func() error {
			db, err := Open(ctx, Config{Postgres: dsn})
			if err != nil {
				return err
			}
			return db.Close()
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{Postgres: direct})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var locks int
	if err := db.pool.QueryRow(t.Context(), "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&locks); err != nil || locks != 0 {
		t.Errorf("%d locks are left, %v", locks, err)
	}
}

// TestMigrationsWait: a node whose migration takes longer than a transaction may rest keeps the others waiting all the while.
func TestMigrationsWait(t *testing.T) {
	t.Parallel()
	dsn := parts.Postgres(t)
	one, err := Open(t.Context(), Config{Postgres: dsn + "&" + idleLimit + "=200ms"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = one.Close() }()
	began, ends, second := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		<-began
		second <- one.alone(t.Context(), lockNumber, func() error {
			select {
			case <-ends:
				return nil
			default:
				return fmt.Errorf("two migrate at once")
			}
		})
	}()
	err = one.alone(t.Context(), lockNumber, func() error {
		close(began)
		time.Sleep(time.Second)
		close(ends)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
}

// TestPoolerWakes: a node behind a pooler tells those that are not, and its own connections keep nothing that was meant for others.
func TestPoolerWakes(t *testing.T) {
	t.Parallel()
	direct := parts.Postgres(t)
	near, err := Open(t.Context(), Config{Postgres: direct})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	far, err := Open(t.Context(), Config{Postgres: parts.PgBouncer(t, direct)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan lockstep.TenantID, 100)
	for _, db := range []*DB{near, far} {
		go db.ShareWakes(ctx, func(tenant lockstep.TenantID) {
			if db == far {
				t.Error("a pooler has brought a note")
			}
			heard <- tenant
		}, func(err error) { t.Error(err) })
	}
	if <-heard != "" {
		t.Error("the first is of nobody")
	}
	if err := far.CreateTenant(ctx, audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Commit(ctx, "t", audit.Actor{}, "", directory.PutUser{User: directory.User{ID: "u", Attributes: scim.Object{{Name: "userName", Value: "u"}}}}); err != nil {
		t.Fatal(err)
	}
	select {
	case tenant := <-heard:
		if tenant != "t" {
			t.Errorf("heard of %q", tenant)
		}
	case <-time.After(30 * time.Second):
		t.Error("nothing was heard")
	}
	var listen int
	if err := near.pool.QueryRow(ctx, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'").Scan(&listen); err != nil || listen != 1 {
		t.Errorf("%d listen, %v", listen, err)
	}
}
