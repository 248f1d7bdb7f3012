// Package store keeps everything that must outlive the process, in SQLite or in PostgreSQL, and satisfies the interfaces that
// the domain declares: directory.Store, provision.Store and operate.Settings.
//
// # Design
//
// Both databases run the same SQL text (migrations/*.sql and the constants beside the code that scans their rows). What
// differs between them stands in dialect.go: how to connect, how to tell a violated constraint, what may be tried again.
//
// All writes go through one path (writer.go). A write is a function on a transaction; one goroutine gathers the functions
// that wait into one transaction, so that many writers share one sync to disk. On PostgreSQL there is one such goroutine per
// tenant. The goroutines exist only while something waits.
//
// # Invariants
//
//   - What a write acknowledged is on disk: SQLite runs with synchronous=FULL.
//   - The change feed's row lock is taken last, so that positions rise in the order of commits, without holes (feed.go).
//   - Feed rows and audit rows are in the transaction of what they tell of.
//   - The caller's context ends its waiting, never a statement of a write.
//   - Secrets are sealed with a key that is not in the database, bound to their place (seal.go).
//   - Every statement names the tenant, or a job that was found by its tenant.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"lockstep"
	"lockstep/directory"
	"lockstep/provision"
)

var (
	_ directory.Store    = (*DB)(nil)
	_ directory.Searcher = (*DB)(nil)
	_ provision.Store    = Provision{}
	_ directory.Finder   = (*DB)(nil)
)

// Config says which database to open. Exactly one of SQLite and Postgres is set; the rest may be zero.
type Config struct {
	SQLite   string           // path of the database file, which is created when absent
	Postgres string           // connection string, as libpq understands it
	Key      Key              // seals secrets; without one no secret can be kept
	Now      func() time.Time // nil is time.Now and, for leases on PostgreSQL, its server's clock
	// Hash returns what is kept of a password, in the PHC string format. Nil is token.HashPassword. Few run at a time.
	Hash        func(password string) (string, error)
	Connections int // readers on SQLite, all connections on PostgreSQL; 0 is 4 and 16
}

// DB is an open database. Its methods may be called from many goroutines.
type DB struct {
	now       func() time.Time
	fixed     bool // now is all there is
	seal      sealer
	dialect   dialect
	writerDB  *sql.DB
	readerDB  *sql.DB       // the same as writerDB on PostgreSQL
	pool      *pgxpool.Pool // PostgreSQL only
	pooler    Pooler
	prepared  statements // for writerDB
	readers   statements // for readerDB
	texts     sync.Map   // bulkKey → string: statements with many rows
	tenants   sync.Map   // TenantID → time.Time: when it was there
	position  positioner // (*tx).advance; a test shows what others would lose
	writer    writer
	committed atomic.Pointer[func(lockstep.TenantID)]
	wakes     *wakes
	closed    sync.Once
	scans     turns // whose scan runs
	schemas   schemaCache
	secrets   secretCache // of connections
	numbers   idNumbers
	touched   touched[lockstep.TenantID] // tenants whose index of people has to follow
	logged    touched[int64]             // jobs whose logs have new names
	passwords *hashing
}

// Open connects to the database and brings its schema up to date, under a lock. A schema newer than this program is refused
// with lockstep.CodeSchemaNewer, a key that did not seal what is in the database with lockstep.CodeSealed, and no key where
// there was one with lockstep.CodeKeyMissing. Whoever opens a SQLite file sees to it that no other process does.
func Open(ctx context.Context, c Config) (*DB, error) {
	db := &DB{now: c.Now, fixed: c.Now != nil, seal: sealer{key: c.Key}, position: (*tx).advance, wakes: newWakes(), passwords: newHashing(c.Hash)}
	if db.now == nil {
		db.now = time.Now
	}
	var err error
	switch {
	case c.SQLite != "" && c.Postgres != "":
		return nil, errors.New("open store: both a SQLite file and a PostgreSQL database are named")
	case c.SQLite != "":
		if err = closeDatabase(c.SQLite); err == nil {
			err = db.openSQLite(ctx, c)
		}
	case c.Postgres != "":
		err = db.openPostgres(ctx, c)
	default:
		return nil, errors.New("open store: neither a SQLite file nor a PostgreSQL database is named")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db.prepared.db, db.readers.db = db.writerDB, db.readerDB
	db.writer.begin(db)
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), db.Close())
	}
	if err := db.checkKey(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), db.Close())
	}
	if err := db.index(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), db.Close())
	}
	db.sweep()
	db.build()
	return db, nil
}

// Close waits until the writes that have begun are committed, refuses those that have not, and closes the database. Every
// goroutine of the DB has ended when it returns.
func (db *DB) Close() error {
	var err error
	db.closed.Do(func() {
		db.writer.end()
		err = errors.Join(db.prepared.close(), db.readers.close(), db.dialect.close(db))
	})
	return err
}

// OnCommit has f called after each commit that may give a job something to do: a change of a tenant's directory or of its
// jobs' settings. f is called by the writer's goroutine, so it must not wait nor write; there is one f at a time. Of other
// nodes' commits ShareWakes tells.
func (db *DB) OnCommit(f func(lockstep.TenantID)) { db.committed.Store(&f) }

// WriterDB returns the pool that writes: on SQLite of one connection, which everything that writes takes turns on.
func (db *DB) WriterDB() *sql.DB { return db.writerDB }

// Pool returns the pool beneath WriterDB on PostgreSQL, and nil on SQLite.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Dialect returns which database this is.
func (db *DB) Dialect() Dialect { return db.dialect.name() }

// Provision is the database as the engine sees it, a provision.Store. It is a type of its own because directory.Store, which DB
// is, has another Commit.
type Provision struct{ *DB }

// Provision returns the database as a provision.Store.
func (db *DB) Provision() Provision { return Provision{db} }

// millis is how a time is kept; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// instant is the inverse of millis, in UTC.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
