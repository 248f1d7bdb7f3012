package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
)

// tx is a transaction of the writer, which several functions may share. It never sees a caller's context.
type tx struct {
	db     *DB
	ctx    context.Context
	cancel context.CancelFunc
	sql    *sql.Tx
	stmts  map[string]*sql.Stmt // bound to this transaction
	late   []string             // texts worth preparing once it is over
	at     time.Time
	work   *work // whose function runs
	over   bool

	schemas map[lockstep.TenantID]*schemaSet // those that this transaction goes by
}

// effects are rows that go in at the end of the transaction, all functions' together.
type effects struct {
	events []directory.Event
	audits []audit.Event
	asked  bool // for the feed position, though there may be no events
	counted
	dooms   bool       // there is something to sweep
	builds  bool       // there is an index to complete
	schemas *schemaSet // what the tenant's schemas have become
	named   int64      // the job whose log has new names
}

// txTime is how long a transaction may take on PostgreSQL, where the network may lose an answer.
const txTime = time.Minute

func (db *DB) begin() (*tx, error) {
	t := &tx{db: db, ctx: context.Background(), cancel: func() {}, stmts: map[string]*sql.Stmt{}, at: instant(millis(db.now()))}
	if db.dialect.name() == Postgres {
		t.ctx, t.cancel = context.WithTimeout(t.ctx, txTime)
	}
	var err error
	if t.sql, err = db.writerDB.BeginTx(t.ctx, nil); err != nil {
		t.cancel()
		return nil, fmt.Errorf("begin: %w", err)
	}
	return t, nil
}

// end rolls back what is not committed, and prepares for the next transaction what this one had to do without.
func (t *tx) end() {
	if !t.over {
		t.over = true
		_ = t.sql.Rollback() // the connection is dropped when this fails, and with it the transaction
	}
	defer t.cancel()
	for _, text := range t.late {
		if _, err := t.db.prepared.prepare(t.ctx, text); err != nil {
			return // it is only slower without
		}
	}
	t.late = nil
}

// attempt runs a function. What it leaves behind counts only when it succeeds.
func (t *tx) attempt(x *work) error {
	x.effects, x.pos = effects{}, 0
	t.work = x
	err := x.run(t)
	t.work = nil
	if err != nil {
		x.effects = effects{}
	}
	return err
}

// try runs a function within a savepoint and appends its outcome. An error that it returns has broken the transaction.
func (t *tx) try(x *work, outcomes []error) ([]error, error) {
	if _, err := t.exec("SAVEPOINT one"); err != nil {
		return nil, err
	}
	err := t.attempt(x)
	if err != nil && !domain(err) {
		return nil, err
	}
	if err != nil {
		if _, err := t.exec("ROLLBACK TO SAVEPOINT one"); err != nil {
			return nil, err
		}
	}
	if _, err := t.exec("RELEASE SAVEPOINT one"); err != nil {
		return nil, err
	}
	return append(outcomes, err), nil
}

// commit writes the audit and feed rows of the functions that succeeded and commits.
func (t *tx) commit(ran []*work, outcomes []error) error {
	if !slices.Contains(outcomes, nil) {
		return nil // nothing to commit; end rolls back
	}
	if err := t.putAudits(ran); err != nil {
		return err
	}
	if err := t.putFeed(ran); err != nil {
		return err
	}
	t.over = true
	if err := t.sql.Commit(); err != nil {
		if t.db.dialect.uncertain(err) {
			return errors.Join(errUncertain, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// emit adds a row to the change feed.
func (t *tx) emit(e directory.Event) {
	e.At = t.at
	t.work.events = append(t.work.events, e)
}

// note adds a row to the audit log.
func (t *tx) note(e audit.Event) {
	e.At = t.at
	t.work.audits = append(t.work.audits, e)
}

// stmt returns the prepared statement bound to the transaction, or nil when the text has to be sent as it is.
func (t *tx) stmt(text string) *sql.Stmt {
	if !t.db.dialect.prepares() {
		return nil
	}
	st := t.stmts[text]
	if st != nil {
		return st
	}
	if shared := t.db.prepared.get(text); shared != nil {
		st = t.sql.StmtContext(t.ctx, shared)
		t.stmts[text] = st
		return st
	}
	t.late = append(t.late, text) // there is one connection, and this transaction has it
	return nil
}

// exec returns how many rows were affected.
func (t *tx) exec(text string, args ...any) (int64, error) {
	var r sql.Result
	var err error
	args = clean(args)
	if st := t.stmt(text); st != nil {
		r, err = st.ExecContext(t.ctx, args...)
	} else {
		r, err = t.sql.ExecContext(t.ctx, text, args...)
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) query(text string, args ...any) (*sql.Rows, error) {
	args = clean(args)
	if st := t.stmt(text); st != nil {
		return st.QueryContext(t.ctx, args...)
	}
	return t.sql.QueryContext(t.ctx, text, args...)
}

// bulk runs the statement for n rows, the i-th appended by row, in pieces of few different sizes. It returns how many rows
// were affected.
func (t *tx) bulk(b *bulk, lead []any, n int, row func(args []any, i int) []any) (affected int64, err error) {
	err = pieces(n, func(from, size int) error {
		args := slices.Grow(slices.Clone(lead), size*b.columns())
		for i := range size {
			args = row(args, from+i)
		}
		done, err := t.exec(t.db.rendered(b, size), args...)
		affected += done
		return err
	})
	return affected, err
}

// pieces cuts n rows into full statements and then powers of two.
func pieces(n int, f func(from, size int) error) error {
	for from := 0; from < n; {
		size := bulkSize
		for size > n-from {
			size /= 2
		}
		if err := f(from, size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// execLists runs the statement for pieces of an IN list.
func execLists[S ~string](t *tx, text string, args []any, values []S) (affected int64, err error) {
	err = lists(t.db, text, args, values, func(text string, args []any) error {
		n, err := t.exec(text, args...)
		affected += n
		return err
	})
	return affected, err
}

// knownFor is how long a tenant is believed to be there without looking: another node may remove it.
const knownFor = 10 * time.Second

// known fails with lockstep.ErrNotFound when there is no such tenant.
func (t *tx) known(tenant lockstep.TenantID) error {
	if at, ok := t.db.tenants.Load(tenant); ok && t.at.Sub(at.(time.Time)).Abs() < knownFor {
		return nil
	}
	rows, err := t.query("SELECT id FROM tenant WHERE id = $1 AND removed = 0", string(tenant))
	if _, err = one(rows, err, scanText); err != nil {
		return absent(err, "tenant", string(tenant))
	}
	t.db.tenants.Store(tenant, t.at)
	return nil
}

// absent turns sql.ErrNoRows into lockstep.ErrNotFound with a name.
func absent(err error, kind, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("There is no %s %s.", kind, id)}
	}
	return err
}
