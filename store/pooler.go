package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"lockstep"
)

// Pooler is what stands between this process and PostgreSQL when it is not reached directly: something that lends its own connections to many,
// one transaction at a time, such as PgBouncer. Such a pooler passes no parameters on, knows nothing of statements that were prepared, and lets no
// notifications through.
type Pooler struct {
	There bool
	Lacks []string // the parameters that the server's connections do not have as this program wants them, as SQL sets them for a role
}

// through is the parameter by which a node finds out whether what it asks of a connection arrives at the server. Its value is its own.
const through = "lockstep.through"

// connectPostgres opens the pool and finds out whether a pooler is between. One that refuses the parameters, as PgBouncer does unless it was told
// to ignore them, is asked for those alone that whoever runs this program has put into the address.
func (db *DB) connectPostgres(ctx context.Context, conf *pgxpool.Config, asked map[string]string) error {
	for name := range postgresParameters {
		delete(asked, name) // they are ours to set
	}
	mark := rand.Text()
	conf.ConnConfig.RuntimeParams[through] = mark
	seen, err := db.tryPostgres(ctx, conf)
	if refusesParameters(err) {
		conf.ConnConfig.RuntimeParams, db.pooler.There = maps.Clone(asked), true
	}
	if err == nil && seen != mark {
		db.pool.Close()
		db.pooler.There = true
	}
	if db.pooler.There {
		if conf.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
			conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		}
		_, err = db.tryPostgres(ctx, conf)
		if _, limits := asked[idleLimit]; limits && refusesParameters(err) { // it is said to be lacking, and nothing is lost meanwhile
			delete(conf.ConnConfig.RuntimeParams, idleLimit)
			_, err = db.tryPostgres(ctx, conf)
		}
	}
	delete(asked, "application_name")
	if db.pooler.There && refusesParameters(err) {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Err: err, Detail: "The pooler before PostgreSQL refuses what the address asks of a connection (" +
			strings.Join(slices.Sorted(maps.Keys(asked)), ", ") + "). Take it out of the address and set it for the role, or have the pooler pass it on."}
	}
	if err != nil || !db.pooler.There {
		return err
	}
	if db.pooler.Lacks, err = db.lacking(ctx, asked); err != nil {
		db.pool.Close()
	}
	return err
}

// tryPostgres opens the pool, and returns the mark that a connection has at the server.
func (db *DB) tryPostgres(ctx context.Context, conf *pgxpool.Config) (mark string, err error) {
	if db.pool, err = pgxpool.NewWithConfig(ctx, conf.Copy()); err != nil {
		return "", err
	}
	err = db.pool.QueryRow(ctx, "SELECT COALESCE(current_setting('"+through+"', TRUE), '')", pgx.QueryExecModeExec).Scan(&mark)
	if err != nil {
		db.pool.Close()
	}
	return mark, err
}

// refusesParameters reports whether something between has refused what is asked of a connection.
func refusesParameters(err error) bool {
	e, is := errors.AsType[*pgconn.PgError](err)
	return is && e.Code == "08P01" && strings.Contains(e.Message, "startup parameter")
}

// lacking returns the parameters that the server's connections do not have as they are wanted. Without synchronous_commit what was acknowledged
// may be lost, so nothing goes on. asked are those of the address.
func (db *DB) lacking(ctx context.Context, asked map[string]string) ([]string, error) {
	var lacks []string
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if well, err := db.hasParameter(ctx, name, asked[name]); err != nil {
			return nil, err
		} else if !well {
			lacks = append(lacks, name+" = '"+strings.ReplaceAll(asked[name], "'", "''")+"'")
		}
	}
	names := slices.Sorted(maps.Keys(postgresParameters))
	if _, is := asked[idleLimit]; !is {
		names = append(names, idleLimit)
	}
	for _, name := range names {
		var has string
		if err := db.pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&has); err != nil {
			return nil, fmt.Errorf("read the parameter %s: %w", name, err)
		}
		wanted, well := postgresParameters[name], false
		switch name {
		case "synchronous_commit":
			if has == "off" {
				return nil, &lockstep.Error{Code: lockstep.CodeStoreUnsafe, Detail: "The pooler passes no parameters on, and synchronous_commit is off at the database: what it has acknowledged is lost when its machine fails."}
			}
			well = true
		case idleLimit:
			wanted, well = idleFor, has != "0"
		default:
			well = has == wanted
		}
		if !well {
			lacks = append(lacks, name+" = '"+wanted+"'")
		}
	}
	return lacks, nil
}

// hasParameter reports whether connections have a parameter as it is wanted, however that is written: 5min and 300000 are the same time. One that the
// server does not let us set, or does not know, cannot be told apart from one that it has.
func (db *DB) hasParameter(ctx context.Context, name, wanted string) (bool, error) {
	tx, err := db.pool.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("read the parameter %s: %w", name, err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // it has changed nothing
	var has, would string
	if err = tx.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&has); err == nil {
		err = tx.QueryRow(ctx, "SELECT set_config($1, $2, TRUE)", name, wanted).Scan(&would)
	}
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the parameter %s: %w", name, err)
	}
	return has == would, nil
}

// Pooler tells what stands between this process and PostgreSQL.
func (db *DB) Pooler() Pooler { return db.pooler }
