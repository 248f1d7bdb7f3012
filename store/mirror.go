package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"lockstep"
	"lockstep/mirror"
)

var (
	_ mirror.Store  = Mirrors{}
	_ mirror.Rows   = Mirrors{}
	_ mirror.Writes = Mirrors{}
)

// Mirrors is the database as package mirror sees it: a mirror.Store, mirror.Rows and mirror.Writes.
type Mirrors struct{ *DB }

// Mirrors returns the database as a keeper of mirrors.
func (db *DB) Mirrors() Mirrors { return Mirrors{db} }

// The number of a row is that of its mirror in the upper half and one of its own in the lower.
const (
	rowBits  = 32
	rowMask  = 1<<rowBits - 1
	ofMirror = "no BETWEEN $1 * 4294967296 AND $1 * 4294967296 + 4294967295"
)

// mirrorOf is the number of the mirror of a connection, which are $1 and $2.
const mirrorOf = "(SELECT h.mirror FROM mirror_head h JOIN job j ON j.no = h.connection WHERE j.tenant = $1 AND j.id = $2)"

// mirrorTx is a mirror in a transaction that has locked its head, so that nobody else writes to it before this one ends.
type mirrorTx struct {
	*tx
	job      int64 // number of the connection
	no       int64
	position int64
	rows     int64
	asks     int64
	was      [3]int64 // position, rows and asks as the database has them
}

const lockedColumns = " RETURNING connection, mirror, position, rows_made, asks"

func (t *tx) lockedMirror(text string, args ...any) (*mirrorTx, error) {
	rows, err := t.query(text+lockedColumns, args...)
	m, err := collect(rows, err, func(s scanner) (*mirrorTx, error) {
		m := &mirrorTx{tx: t}
		err := s.Scan(&m.job, &m.no, &m.position, &m.rows, &m.asks)
		m.was = [3]int64{m.position, m.rows, m.asks}
		return m, err
	})
	if err != nil || len(m) == 0 {
		return nil, err
	}
	return m[0], nil
}

// lasts is the end of a lease in the time by which leases run, as SQL, and the statement's arguments with what that needs. A node says by its
// own clock when the lease is to end: what counts is how long that is from now.
func (db *DB) lasts(until time.Time, args ...any) (string, []any) {
	if until.IsZero() {
		return "0", args // it is over
	}
	no := len(args) + 1
	now, args := db.clock(append(args, until.Sub(db.now()).Milliseconds())...)
	return fmt.Sprintf("%s + CAST($%d AS BIGINT)", now, no), args
}

// leased locks the mirror for whoever has the lease, and renews it.
func (t *tx) leased(l mirror.Lease) (*mirrorTx, error) {
	end, args := t.db.lasts(l.Until, string(l.Tenant), string(l.Connection), l.Epoch)
	m, err := t.lockedMirror("UPDATE mirror_head SET deadline = "+end+" WHERE connection = (SELECT no FROM job WHERE tenant = $1 AND id = $2) AND epoch = $3", args...)
	if err == nil && m == nil {
		err = lockstep.ErrEpoch
	}
	return m, err
}

const makeHead = `INSERT INTO mirror_head (connection, mirror, generation, position, trimmed, rows_made, requests, whole, answered, asked, asks,
		epoch, deadline, node, not_before, held, failures, code, detail)
	VALUES ($1, $2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, 0, 0, '', '') ON CONFLICT (connection) DO NOTHING`

// openMirror locks the mirror of a connection, and makes it at first.
func (t *tx) openMirror(id mirror.ID) (*mirrorTx, error) {
	rows, err := t.query("SELECT no FROM job WHERE tenant = $1 AND id = $2", string(id.Tenant), string(id.Connection))
	job, err := one(rows, err, scanInt)
	if err != nil {
		return nil, absent(err, "connection", string(id.Connection))
	}
	const lock = "UPDATE mirror_head SET position = position WHERE connection = $1"
	if m, err := t.lockedMirror(lock, job); err != nil || m != nil {
		return m, err
	}
	no, err := t.number()
	if err != nil {
		return nil, err
	}
	if _, err := t.exec(makeHead, job, no); err != nil {
		return nil, err
	}
	return t.lockedMirror(lock, job)
}

// save writes the head's numbers if they have moved.
func (m *mirrorTx) save() error {
	if m.was == [3]int64{m.position, m.rows, m.asks} {
		return nil
	}
	_, err := m.exec("UPDATE mirror_head SET position = $2, rows_made = $3, asks = $4 WHERE connection = $1", m.job, m.position, m.rows, m.asks)
	return err
}

// askAt has objects read by their ids at an instant, unless it is to happen earlier.
func (m *mirrorTx) askAt(at time.Time) {
	if ms := millis(at); m.asks == 0 || ms < m.asks {
		m.asks = ms
	}
}

// dropMirror forgets the mirror of a job that is gone.
func (t *tx) dropMirror(job int64) error {
	rows, err := t.query("DELETE FROM mirror_head WHERE connection = $1 RETURNING mirror", job)
	numbers, err := collect(rows, err, scanInt)
	if err != nil || len(numbers) == 0 {
		return err
	}
	passes, err := t.passesOf(numbers[0])
	if err != nil {
		return err
	}
	for _, p := range passes {
		numbers = append(numbers, p.No)
	}
	return t.doom(numbers...)
}

func (t *tx) passesOf(no int64) ([]mirror.Pass, error) {
	rows, err := t.query("SELECT pass FROM mirror_pass WHERE mirror = $1 ORDER BY type", no)
	return collect(rows, err, scanPass)
}

func (m *mirrorTx) passOf(typ string) (mirror.Pass, error) {
	rows, err := m.query("SELECT pass FROM mirror_pass WHERE mirror = $1 AND type = $2", m.no, typ)
	all, err := collect(rows, err, scanPass)
	if err != nil || len(all) == 0 {
		return mirror.Pass{Type: typ}, err
	}
	return all[0], nil
}

func scanPass(s scanner) (p mirror.Pass, err error) {
	var text string
	if err := s.Scan(&text); err != nil {
		return p, err
	}
	return p, json.Unmarshal([]byte(text), &p)
}

func (m *mirrorTx) putPass(p mirror.Pass) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = m.exec(`INSERT INTO mirror_pass (mirror, type, pass) VALUES ($1, $2, $3)
		ON CONFLICT (mirror, type) DO UPDATE SET pass = excluded.pass`, m.no, p.Type, string(text))
	return err
}

const headColumns = `h.generation, h.position, h.trimmed, h.requests, h.whole, h.answered, h.not_before, h.held, h.failures, h.code, h.detail,
	h.epoch, h.deadline, h.node, h.mirror, h.asks, j.tenant, j.id`

// headRow is a head with what the store alone knows of it.
type headRow struct {
	mirror.Head
	no int64
}

func scanHead(s scanner) (h headRow, err error) {
	var before, held, deadline, asks int64
	err = s.Scan(&h.Generation, &h.Position, &h.Trimmed, &h.Requests, &h.Whole, &h.Answered, &before, &held, &h.Failures, &h.Code, &h.Detail,
		&h.Lease.Epoch, &deadline, &h.Lease.Node, &h.no, &asks, &h.Lease.Tenant, &h.Lease.Connection)
	h.NotBefore, h.Lease.Until, h.Asks = instant(max(before, held)), instant(deadline), instant(asks)
	return h, err
}

// heads reads heads with their passes.
func heads(ask asker, where string, args ...any) ([]mirror.Head, error) {
	rows, err := ask("SELECT "+headColumns+" FROM mirror_head h JOIN job j ON j.no = h.connection "+where, args...)
	all, err := collect(rows, err, scanHead)
	if err != nil {
		return nil, err
	}
	found := make([]mirror.Head, len(all))
	for i, h := range all {
		rows, err := ask("SELECT pass FROM mirror_pass WHERE mirror = $1 ORDER BY type", h.no)
		if h.Passes, err = collect(rows, err, scanPass); err != nil {
			return nil, fmt.Errorf("passes of %s: %w", h.Lease.Connection, err)
		}
		found[i] = h.Head
	}
	return found, nil
}

const oneHead = "WHERE j.tenant = $1 AND j.id = $2"

// Head returns where a mirror stands: the zero Head while nobody has asked for it. It satisfies mirror.Rows.
func (m Mirrors) Head(ctx context.Context, id mirror.ID) (mirror.Head, error) {
	all, err := heads(m.asks(ctx), oneHead, string(id.Tenant), string(id.Connection))
	if err != nil {
		return mirror.Head{}, fmt.Errorf("read the mirror's head: %w", err)
	}
	if len(all) == 0 {
		return mirror.Head{Lease: mirror.Lease{ID: id}}, nil
	}
	return all[0], nil
}

// Heads returns where all mirrors of a tenant stand, for who watches their passes (mirror.Head.Watch).
func (m Mirrors) Heads(ctx context.Context, tenant lockstep.TenantID) ([]mirror.Head, error) {
	all, err := heads(m.asks(ctx), "WHERE j.tenant = $1 ORDER BY j.id", string(tenant))
	if err != nil {
		return nil, fmt.Errorf("read the mirrors' heads: %w", err)
	}
	return all, nil
}

// Start sets all leases free on SQLite, whose file nobody else uses. It satisfies mirror.Leases.
func (m Mirrors) Start(ctx context.Context) error {
	if m.dialect.name() != SQLite {
		return nil
	}
	return m.write(ctx, &work{rows: 1, run: func(t *tx) error {
		_, err := t.exec("UPDATE mirror_head SET deadline = 0 WHERE deadline <> 0")
		return err
	}})
}

// Due returns what is to be read. It satisfies mirror.Leases.
func (m Mirrors) Due(ctx context.Context, now time.Time) ([]mirror.ID, error) {
	leases := "$1"
	if text := m.dialect.clock(); text != "" && !m.fixed {
		leases = text
	}
	rows, err := m.query(ctx, `SELECT j.tenant, j.id FROM mirror_head h JOIN job j ON j.no = h.connection
		WHERE h.deadline <= `+leases+` AND h.not_before <= $1 AND h.held <= $1 AND j.state <> 'paused' AND (h.requests > h.answered OR h.asks > 0 AND h.asks <= $1)
		ORDER BY CASE WHEN h.requests > h.answered THEN h.asked ELSE h.asks END, j.id`, millis(now))
	all, err := collect(rows, err, func(s scanner) (id mirror.ID, err error) { return id, s.Scan(&id.Tenant, &id.Connection) })
	if err != nil {
		return nil, fmt.Errorf("find what is to be read: %w", err)
	}
	return all, nil
}

// Claim takes a lease. It satisfies mirror.Leases.
func (m Mirrors) Claim(ctx context.Context, id mirror.ID, node string, until time.Time) (h mirror.Head, err error) {
	err = m.write(ctx, &work{tenant: id.Tenant, rows: 1, run: func(t *tx) error {
		end, args := t.db.lasts(until, string(id.Tenant), string(id.Connection), node)
		now, args := t.db.clock(args...)
		n, err := t.exec("UPDATE mirror_head SET not_before = CASE WHEN not_before < 0 THEN 0 ELSE not_before END, epoch = epoch + 1, deadline = "+end+", node = $3"+`
			WHERE connection = (SELECT no FROM job WHERE tenant = $1 AND id = $2) AND deadline <= `+now, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return lockstep.ErrEpoch
		}
		all, err := heads(t.query, oneHead, string(id.Tenant), string(id.Connection))
		if err != nil {
			return err
		}
		h = all[0]
		h.Lease.Until = until // by the clock of whoever has it
		return nil
	}})
	if err != nil {
		return mirror.Head{}, fmt.Errorf("claim the reads of %s: %w", id.Connection, err)
	}
	return h, nil
}

// Release ends a lease. It satisfies mirror.Leases.
func (m Mirrors) Release(ctx context.Context, l mirror.Lease, v mirror.Visit) error {
	err := m.write(ctx, &work{tenant: l.Tenant, rows: 1, run: func(t *tx) error {
		at := l
		at.Until = time.Time{}
		x, err := t.leased(at)
		if err != nil {
			return err
		}
		if x.asks, err = x.nextAsk(v); err != nil {
			return err
		}
		if err := x.save(); err != nil {
			return err
		}
		_, err = t.exec(`UPDATE mirror_head SET answered = CASE WHEN $2 > answered THEN $2 ELSE answered END,
				asked = CASE WHEN requests > answered AND requests > $2 THEN $3 ELSE asked END, node = '', held = $8,
				not_before = CASE WHEN not_before < 0 THEN 0 ELSE CAST($4 AS BIGINT) END, code = CASE WHEN not_before < 0 THEN '' ELSE $5 END,
				detail = CASE WHEN not_before < 0 THEN '' ELSE $6 END, failures = CASE WHEN $7 = 1 AND not_before >= 0 THEN failures + 1 ELSE 0 END
			WHERE connection = $1`, x.job, v.Answered, millis(t.at), millis(v.NotBefore), string(v.Code), v.Detail, btoi(v.Failed), millis(v.Held))
		return err
	}})
	if err != nil {
		return fmt.Errorf("end the reads of %s: %w", l.Connection, err)
	}
	return nil
}

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// nextAsk returns when objects are to be read by their ids again.
func (m *mirrorTx) nextAsk(v mirror.Visit) (int64, error) {
	if v.Deaf || m.asks == 0 {
		return 0, nil
	}
	rows, err := m.query("SELECT COALESCE(MIN(written), 0), COUNT(*) FROM mirror_row WHERE mirror = $1 AND ask", m.no)
	var first, n int64
	_, err = one(rows, err, func(s scanner) (int, error) { return 0, s.Scan(&first, &n) })
	if err != nil || n == 0 {
		return 0, err
	}
	return max(first+v.Lag.Milliseconds()+1, millis(m.at)+1), nil
}

// Request asks for a pass over every type. It satisfies mirror.Writes.
func (m Mirrors) Request(ctx context.Context, id mirror.ID, r mirror.Request) (no int64, err error) {
	err = m.write(ctx, &work{tenant: id.Tenant, rows: 1, wakes: true, run: func(t *tx) error {
		x, err := t.openMirror(id)
		if err != nil {
			return err
		}
		no, err = x.request(r)
		return err
	}})
	if err != nil {
		return 0, fmt.Errorf("ask for a read of %s: %w", id.Connection, err)
	}
	return no, nil
}

func (m *mirrorTx) request(r mirror.Request) (int64, error) {
	rows, err := m.query(`UPDATE mirror_head SET asked = CASE WHEN requests > answered THEN asked ELSE $2 END, requests = requests + 1,
		whole = CASE WHEN $3 = 1 THEN requests + 1 ELSE whole END, not_before = CASE WHEN $4 = 1 THEN 0 ELSE not_before END,
		code = CASE WHEN $4 = 1 AND held <= $2 THEN '' ELSE code END, detail = CASE WHEN $4 = 1 AND held <= $2 THEN '' ELSE detail END
		WHERE connection = $1 RETURNING requests`, m.job, millis(m.at), btoi(r.Whole), btoi(r.Now))
	return one(rows, err, scanInt)
}
