package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"lockstep"
)

// Dialect names a kind of database.
type Dialect string

// The kinds of database.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// dialect is what differs between the databases.
type dialect interface {
	product
	failures
	locks
	// lane returns which writer serves the tenant.
	lane(lockstep.TenantID) lockstep.TenantID
	close(*DB) error
}

// product is which database it is.
type product interface {
	name() Dialect
	goose() database.Dialect
	// prepares says whether statements are worth preparing through database/sql.
	prepares() bool
}

// failures tells errors of a database apart.
type failures interface {
	// unique reports whether err is a violated unique constraint, and where: a text that ends in the name of its last column.
	unique(err error) (where string, is bool)
	// uncertain reports whether a commit that failed with err may have happened all the same.
	uncertain(err error) bool
}

// locks are the words with which a transaction, or a lease, keeps others away.
type locks interface {
	// lock is appended to a SELECT of rows that must stay until the transaction ends.
	lock() string
	// turns is a statement after which only this transaction goes on with the text that is its parameter, until it ends; "" when
	// there is one transaction at a time anyway.
	turns() string
	// hold is appended to a SELECT of rows that must stay as they are until the transaction ends.
	hold() string
	// clock is the database's time in milliseconds, as an expression; "" when it is this process's own.
	clock() string
}

type sqliteDialect struct{}

// openSQLite opens two pools on the file: the writer's one connection, and readers that see the last commit. Cache is per
// connection, so it is small. A transaction begins IMMEDIATE: it never has to upgrade, so it never fails halfway. The log is
// checkpointed at 16 MB rather than 4, which halves the pages that a large commit writes twice.
func (db *DB) openSQLite(ctx context.Context, c Config) (err error) {
	db.dialect = sqliteDialect{}
	pragmas := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(4000)",
			"cache_size(-16384)", "temp_store(MEMORY)", "foreign_keys(OFF)",
		},
	}
	file := (&url.URL{Scheme: "file", Path: c.SQLite}).String() + "?"
	if db.writerDB, err = sql.Open("sqlite", file+pragmas.Encode()); err != nil {
		return err
	}
	db.writerDB.SetMaxOpenConns(1)
	db.writerDB.SetMaxIdleConns(1)
	if err := db.writerDB.PingContext(ctx); err != nil { // the file and its mode are there before the readers come
		return errors.Join(err, db.writerDB.Close())
	}
	pragmas["_pragma"] = []string{"busy_timeout(10000)", "cache_size(-8192)", "temp_store(MEMORY)", "query_only(ON)"}
	pragmas.Del("_txlock")
	if db.readerDB, err = sql.Open("sqlite", file+pragmas.Encode()); err != nil {
		return errors.Join(err, db.writerDB.Close())
	}
	n := c.Connections
	if n == 0 {
		n = 4
	}
	db.readerDB.SetMaxOpenConns(n)
	db.readerDB.SetMaxIdleConns(n)
	return nil
}

func (sqliteDialect) name() Dialect                            { return SQLite }
func (sqliteDialect) goose() database.Dialect                  { return database.DialectSQLite3 }
func (sqliteDialect) prepares() bool                           { return true }
func (sqliteDialect) lane(lockstep.TenantID) lockstep.TenantID { return "" }
func (sqliteDialect) lock() string                             { return "" }
func (sqliteDialect) turns() string                            { return "" }
func (sqliteDialect) hold() string                             { return "" }
func (sqliteDialect) clock() string                            { return "" }

// unique reads the columns from the message "UNIQUE constraint failed: users.tenant, users.user_name (2067)".
func (sqliteDialect) unique(err error) (string, bool) {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || e.Code() != sqlite3.SQLITE_CONSTRAINT_UNIQUE && e.Code() != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return "", false
	}
	where, _, _ := strings.Cut(e.Error(), " (")
	return where, true
}

// uncertain is always false: a commit that SQLite reports as failed is rolled back.
func (sqliteDialect) uncertain(error) bool { return false }

func (sqliteDialect) close(db *DB) error {
	return errors.Join(db.readerDB.Close(), db.writerDB.Close())
}

type postgresDialect struct{}

// postgresParameters are what each connection asks of the server.
//
// Every statement of ours finds its rows by an index, some hundreds at most of tables that grow to millions. PostgreSQL cannot
// know that before it has counted a table, a minute or more after it was filled, and until then joins by reading it whole:
// settling 10,000 links took three times as long. So it is told to prefer indexes and nested loops. Compiling such plans to
// machine code, which their high nominal cost would trigger, takes longer than running them.
//
// And each statement is planned when it is run, for the tables as large as they are then. A plan that is kept was made when the tables were
// small, and holds while they grow: in a first read of 10,000 people some statements about 64 references read all references of the job, which took
// 120 ms instead of 1. The price is planning: docs/performance.md.
var postgresParameters = map[string]string{
	"synchronous_commit": "on",  // an acknowledged write survives a power cut, whatever the server's default
	"random_page_cost":   "1.1", // of a solid-state disk, or of memory
	"enable_seqscan":     "off",
	"enable_hashjoin":    "off",
	"enable_mergejoin":   "off",
	"jit":                "off",
	"plan_cache_mode":    "force_custom_plan",
}

// idleLimit is the parameter that ends a transaction in which nothing has been done for so long. A node that hangs in the middle of one, with
// its machine or by a signal, would hold the rows that all others wait for: the head of a tenant's feed, a job. No transaction of ours
// takes a second.
const (
	idleLimit = "idle_in_transaction_session_timeout"
	idleFor   = "30s"
)

func (db *DB) openPostgres(ctx context.Context, c Config) error {
	db.dialect = postgresDialect{}
	conf, err := pgxpool.ParseConfig(c.Postgres)
	if err != nil { // pgx leaves the password out
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The address of the database is none of PostgreSQL, such as postgres://user@host/name.", Err: err}
	}
	conf.MaxConns = 16
	if c.Connections > 0 {
		conf.MaxConns = int32(min(c.Connections, 1000))
	}
	if conf.ConnConfig.RuntimeParams["application_name"] == "" {
		conf.ConnConfig.RuntimeParams["application_name"] = "lockstep"
	}
	asked := maps.Clone(conf.ConnConfig.RuntimeParams)
	maps.Copy(conf.ConnConfig.RuntimeParams, postgresParameters)
	if conf.ConnConfig.RuntimeParams[idleLimit] == "" {
		conf.ConnConfig.RuntimeParams[idleLimit] = idleFor
	}
	if err := db.connectPostgres(ctx, conf, asked); lockstep.CodeOf(err) == lockstep.CodeStoreUnsafe || lockstep.CodeOf(err) == lockstep.CodeInvalid {
		return err
	} else if err != nil {
		at := net.JoinHostPort(conf.ConnConfig.Host, strconv.Itoa(int(conf.ConnConfig.Port)))
		return &lockstep.Error{Code: lockstep.CodeStoreAway, Detail: "The database " + conf.ConnConfig.Database + " at " + at + " cannot be reached.", Err: err}
	}
	db.writerDB = stdlib.OpenDBFromPool(db.pool)
	db.readerDB = db.writerDB
	return nil
}

func (postgresDialect) name() Dialect                              { return Postgres }
func (postgresDialect) goose() database.Dialect                    { return database.DialectPostgres }
func (postgresDialect) prepares() bool                             { return false } // pgx keeps its own, per connection
func (postgresDialect) lane(t lockstep.TenantID) lockstep.TenantID { return t }
func (postgresDialect) lock() string                               { return " FOR KEY SHARE" }
func (postgresDialect) turns() string                              { return "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))" }
func (postgresDialect) hold() string                               { return " FOR SHARE" }
func (postgresDialect) clock() string {
	return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
}

func (postgresDialect) unique(err error) (string, bool) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.Code != "23505" {
		return "", false
	}
	return e.ConstraintName, true
}

// uncertain is true when it was not the server that said no: it may have committed before the connection broke.
func (postgresDialect) uncertain(err error) bool {
	_, refused := errors.AsType[*pgconn.PgError](err)
	return !refused && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, pgx.ErrTxCommitRollback)
}

func (postgresDialect) close(db *DB) error {
	err := db.writerDB.Close()
	db.pool.Close()
	return err
}
