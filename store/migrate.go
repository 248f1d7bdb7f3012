package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"lockstep"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. On PostgreSQL a lock keeps other nodes waiting meanwhile; on SQLite the file has one user.
func (db *DB) migrate(ctx context.Context) error {
	if db.dialect.name() == SQLite {
		return db.migrateAlone(ctx)
	}
	return db.alone(ctx, lockNumber, func() error { return db.migrateAlone(ctx) })
}

func (db *DB) migrateAlone(ctx context.Context) error {
	p, err := db.migrations()
	if err != nil {
		return err
	}
	current, newest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > newest {
		return &lockstep.Error{
			Code:   lockstep.CodeSchemaNewer,
			Detail: fmt.Sprintf("The database has schema %d, this program knows up to %d.", current, newest),
		}
	}
	applied, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	switch {
	case db.dialect.name() == SQLite:
		err = db.analyseSQLite(ctx)
	case len(applied) > 0:
		err = db.analysePostgres(ctx)
	}
	if err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	return nil
}

// migrations returns what applies the migrations.
func (db *DB) migrations() (*goose.Provider, error) {
	files, err := migrationsFor(db.dialect.name())
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithTableName("schema_version"), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(longKeysVersion, &goose.GoFunc{RunTx: longKeys}, nil))}
	return goose.NewProvider(db.dialect.goose(), db.writerDB, files, options...)
}

// Schema is which version of the schema a database has.
type Schema struct {
	Current int64 `json:"current"` // 0 before the first start
	Newest  int64 `json:"newest"`  // what this program brings a database up to

	Ahead  time.Duration `json:"-"` // how far the clock of this machine is ahead of that of the database's, on PostgreSQL
	Pooler Pooler        `json:"-"`
}

// ReadSchema returns the version of a database's schema and applies no migration. It may run beside a server.
func ReadSchema(ctx context.Context, c Config) (Schema, error) {
	db := &DB{}
	_, missing := os.Stat(c.SQLite)
	var err error
	switch {
	case c.SQLite == "":
		err = db.openPostgres(ctx, c)
	case errors.Is(missing, fs.ErrNotExist): // an empty database in its place, which leaves no file
		db.dialect = sqliteDialect{}
		db.writerDB, err = sql.Open("sqlite", ":memory:")
		db.readerDB = db.writerDB
	default:
		err = db.openSQLite(ctx, c)
	}
	if err != nil {
		return Schema{}, fmt.Errorf("read the schema's version: %w", err)
	}
	s := Schema{Pooler: db.pooler}
	p, err := db.migrations()
	if err == nil {
		s.Current, s.Newest, err = p.GetVersions(ctx) // which makes its own table in an empty database
	}
	if err == nil && db.dialect.name() == Postgres {
		s.Ahead, err = db.ahead(ctx)
	}
	if err = errors.Join(err, db.dialect.close(db)); err != nil {
		return Schema{}, fmt.Errorf("read the schema's version: %w", err)
	}
	return s, nil
}

// ahead is how far the clock of this machine is ahead of that of the database, give or take half of what asking takes.
func (db *DB) ahead(ctx context.Context) (time.Duration, error) {
	var theirs float64
	before := time.Now()
	if err := db.writerDB.QueryRowContext(ctx, "SELECT extract(epoch FROM clock_timestamp())::float8").Scan(&theirs); err != nil {
		return 0, err
	}
	took := time.Since(before)
	return before.Add(took / 2).Sub(time.UnixMicro(int64(theirs * 1e6))), nil
}

// migrationsFor returns the migrations in the words of the database.
func migrationsFor(d Dialect) (fs.FS, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err == nil && d == Postgres {
		files = translated{files}
	}
	return files, err
}

// translated shows files written for SQLite as PostgreSQL wants them: it has no WITHOUT ROWID, it orders text by the
// locale unless told otherwise, and its INTEGER is small.
type translated struct{ fs.FS }

func (t translated) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil || name == "." {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	words := strings.NewReplacer(" WITHOUT ROWID", "", " TEXT ", ` TEXT COLLATE "C" `, " INTEGER ", " BIGINT ")
	return translatedFile{File: f, text: strings.NewReader(words.Replace(string(text)))}, nil
}

type translatedFile struct {
	fs.File
	text *strings.Reader
}

func (f translatedFile) Read(p []byte) (int, error) { return f.text.Read(p) }

// lockNumber names the lock of whoever migrates; any number that nobody else uses will do.
const lockNumber = 0x6c6f636b73746570 // "lockstep"

// alone runs f while no other node has the lock of this number. The lock is that of a transaction, in which nothing else happens, and not of a
// session: behind a pooler a session is lent to others between two statements. Whoever waits holds no connection: a pooler has few, and f needs
// another one.
func (db *DB) alone(ctx context.Context, number int64, f func() error) error {
	for {
		if mine, err := db.ifAlone(ctx, number, f); mine || err != nil {
			return err
		}
		if err := rest(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("wait for other nodes: %w", err)
		}
	}
}

// ifAlone runs f if no other node has the lock, and reports whether it did.
func (db *DB) ifAlone(ctx context.Context, number int64, f func() error) (mine bool, err error) {
	tx, err := db.writerDB.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	if _, err := tx.ExecContext(ctx, "SET LOCAL "+idleLimit+" = 0"); err != nil {
		return false, fmt.Errorf("wait for other nodes: %w", err)
	}
	if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT pg_try_advisory_xact_lock(%d)", number)).Scan(&mine); err != nil {
		return false, fmt.Errorf("wait for other nodes: %w", err)
	}
	if !mine {
		return false, nil
	}
	return true, f()
}
