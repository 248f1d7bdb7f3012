package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/directory"
)

// number returns a number that was never used before, for a job or an index.
func (t *tx) number() (int64, error) {
	rows, err := t.query("UPDATE counter SET n = n + 1 WHERE name = 'number' RETURNING n")
	return one(rows, err, scanInt)
}

// doom has the rows under these numbers deleted once the transaction is committed.
func (t *tx) doom(numbers ...int64) error {
	for _, no := range numbers {
		if _, err := t.exec("INSERT INTO doomed (no) VALUES ($1) ON CONFLICT (no) DO NOTHING", no); err != nil {
			return err
		}
	}
	t.work.dooms = true
	return nil
}

// sweepRows is how many rows are deleted at a time: few enough that nobody waits long.
const sweepRows = 1000

// swept are the tables with rows under numbers, each with its key. The first column of the key is the number, unless of says
// otherwise.
var swept = []struct{ table, key, of string }{
	{"cycle", "job, id", ""},
	{"action", "job, id", ""},
	{"action_name", "job, source_id, name", ""},
	{"link", "job, type, source_id", ""},
	{"edge", "job, from_type, from_id, attribute, to_type, to_id", ""},
	{"drift_reference", "look, type, id, gone, name, target, attribute", ""},
	{"drift_found", "look, type, id", ""},
	{"extension_value", "no, value, id", ""},
	{"extension_key", "no, value", ""},
	{"people_number", "no, id", ""},
	{"people_gram", "no, chunk, gram", ""},
	{"mirror_doc", "no", ofMirror},
	{"mirror_key", "mirror, type, attribute, value, no", ""},
	{"mirror_name", "mirror, name, type", ""},
	{"mirror_refers", "mirror, name, no", ""},
	{"mirror_row", "no", ofMirror},
	{"mirror_pass", "mirror, type", ""},
	{"mirror_part", "mirror, type, pass, n", ""},
	{"mirror_answer", "mirror, type, part", ""},
	{"mirror_met", "pass, page", ""},
}

// sweep has the writer delete rows of what is doomed, a piece each time its turn comes, until nothing is left. What a crash
// leaves is found by the next Open.
func (db *DB) sweep() {
	x := &work{rows: sweepRows, done: make(chan error, 1), run: func(t *tx) error {
		p, more, err := t.pursuit()
		if err != nil {
			return err
		}
		if more {
			db.pursue(p) // which sweeps again when it has ended
			return nil
		}
		if more, err = t.disclaim(); err != nil || more {
			t.work.dooms = more // look again afterwards
			return err
		}
		rows, err := t.query("SELECT no FROM doomed ORDER BY no LIMIT 1")
		numbers, err := collect(rows, err, scanInt)
		if err != nil || len(numbers) == 0 {
			return err
		}
		t.work.dooms = true // look again afterwards
		left := int64(sweepRows)
		for _, s := range swept {
			of := s.of
			if of == "" {
				owner, _, _ := strings.Cut(s.key, ",")
				of = owner + " = $1"
			}
			n, err := t.deleteSome(s.table, s.key, of, left, numbers[0])
			if err != nil {
				return err
			}
			if left -= n; left <= 0 {
				return nil
			}
		}
		_, err = t.exec("DELETE FROM doomed WHERE no = $1", numbers[0])
		return err
	}}
	_ = db.writer.enqueue(x) // when the store is closed, the next Open finds the rest
}

// disclaimLater has the claims of a job that is gone removed once the transaction is committed.
func (t *tx) disclaimLater(tenant lockstep.TenantID, owner string) error {
	_, err := t.exec("INSERT INTO disclaimed (tenant, owner, kind, id) VALUES ($1, $2, '', '') ON CONFLICT DO NOTHING", string(tenant), owner)
	t.work.dooms = true
	return err
}

// disclaim looks at the next claims of a tenant, and removes those of a job that is gone. It reports whether there was such a job.
// Who owns claims is in no index, which whoever creates people would pay for.
func (t *tx) disclaim() (bool, error) {
	type walk struct{ tenant, owner, kind, id string }
	rows, err := t.query("SELECT tenant, owner, kind, id FROM disclaimed ORDER BY tenant, owner LIMIT 1")
	walks, err := collect(rows, err, func(s scanner) (w walk, err error) { return w, s.Scan(&w.tenant, &w.owner, &w.kind, &w.id) })
	if err != nil || len(walks) == 0 {
		return false, err
	}
	w := walks[0]
	rows, err = t.query(nextClaims, w.tenant, w.kind, w.id, int64(sweepRows))
	next, err := collect(rows, err, func(s scanner) (n walk, err error) { return n, s.Scan(&n.kind, &n.id, &n.owner) })
	if err != nil {
		return true, err
	}
	if len(next) == 0 {
		_, err = t.exec("DELETE FROM disclaimed WHERE tenant = $1 AND owner = $2", w.tenant, w.owner)
		return true, err
	}
	last := next[len(next)-1]
	for kind, ids := range map[string][]string{string(directory.UserKind): nil, string(directory.GroupKind): nil} {
		for _, n := range next {
			if n.kind == kind && n.owner == w.owner {
				ids = append(ids, n.id)
			}
		}
		if _, err := execLists(t, "DELETE FROM claim WHERE tenant = $1 AND kind = $2 AND owner = $3 AND id IN (@list)", []any{w.tenant, kind, w.owner}, ids); err != nil {
			return true, err
		}
	}
	_, err = t.exec("UPDATE disclaimed SET kind = $3, id = $4 WHERE tenant = $1 AND owner = $2", w.tenant, w.owner, last.kind, last.id)
	return true, err
}

// nextClaims are the claims after a user or group. The last one of them may have claims that are beyond the limit, so whole objects
// are given: those up to the one at the limit, which are few more.
const nextClaims = `SELECT kind, id, owner FROM claim WHERE tenant = $1 AND (kind, id) > ($2, $3) AND (kind, id) <= (
	SELECT kind, id FROM (SELECT kind, id FROM claim WHERE tenant = $1 AND (kind, id) > ($2, $3) ORDER BY kind, id LIMIT $4) AS page ORDER BY kind DESC, id DESC LIMIT 1)
	ORDER BY kind, id`

// deleteSome deletes at most limit rows of a table.
func (t *tx) deleteSome(table, key, where string, limit int64, args ...any) (int64, error) {
	args = append(args, limit)
	return t.exec(fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s LIMIT $%d)", table, key, key, table, where, len(args)), args...)
}

// Retention says how long what has happened is kept. Zero keeps for ever.
type Retention struct {
	Feed    time.Duration // change feed; a job that falls behind it reads everything once
	Log     time.Duration // ended actions and cycles of every job
	Audit   time.Duration
	Deleted time.Duration // users and groups that are soft-deleted, with their passwords, memberships and assignments
}

// Trim deletes what is older than the retention, in pieces between which others have their turn.
func (db *DB) Trim(ctx context.Context, keep Retention) error {
	now := db.now()
	tenants, err := db.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if keep.Deleted > 0 {
			if err := db.trimmed(ctx, t.ID, func(x *tx) (int64, error) { return x.purgeOld(t.ID, now.Add(-keep.Deleted)) }); err != nil {
				return fmt.Errorf("remove who was deleted: %w", err)
			}
		}
		if keep.Feed > 0 {
			if err := db.trimmed(ctx, t.ID, func(x *tx) (int64, error) { return x.trimFeed(t.ID, now.Add(-keep.Feed)) }); err != nil {
				return fmt.Errorf("trim the feed: %w", err)
			}
		}
		if keep.Audit > 0 {
			if err := db.trimmed(ctx, t.ID, func(x *tx) (int64, error) { return x.trimAudit(t.ID, now.Add(-keep.Audit)) }); err != nil {
				return fmt.Errorf("trim the audit log: %w", err)
			}
		}
	}
	if keep.Log <= 0 {
		return nil
	}
	return db.trimLogs(ctx, now.Add(-keep.Log))
}

// trimmed runs f in transactions of its own until it finds nothing more to delete.
func (db *DB) trimmed(ctx context.Context, tenant lockstep.TenantID, f func(*tx) (int64, error)) error {
	for {
		var n int64
		err := db.write(ctx, &work{tenant: tenant, rows: sweepRows, run: func(t *tx) (err error) { n, err = f(t); return err }})
		if err != nil || n == 0 {
			return err
		}
	}
}

// purgeRows is how many users and groups each are removed in one transaction. Some have many memberships.
const purgeRows = 20

// purgeOld removes some of the users and groups that were soft-deleted before. Nobody restores one of them meanwhile.
func (t *tx) purgeOld(tenant lockstep.TenantID, before time.Time) (int64, error) {
	c := &change{tx: t, tenant: tenant}
	old := func(table string) ([]string, error) {
		text := fmt.Sprintf("SELECT id FROM %s WHERE tenant = $1 AND deleted <> 0 AND deleted < $2 ORDER BY deleted LIMIT %d%s", table, purgeRows, t.db.dialect.hold())
		rows, err := t.query(text, string(tenant), millis(before))
		return collect(rows, err, scanText)
	}
	users, err := old("users")
	if err != nil {
		return 0, err
	}
	for _, id := range users {
		if err := c.purgeUser(directory.DeleteUser{ID: lockstep.UserID(id)}); err != nil {
			return 0, err
		}
	}
	groups, err := old("groups")
	if err != nil {
		return 0, err
	}
	for _, id := range groups {
		if err := c.purgeGroup(directory.DeleteGroup{ID: lockstep.GroupID(id)}); err != nil {
			return 0, err
		}
	}
	return int64(len(users) + len(groups)), nil
}

// trimFeed moves the end of the feed forward past old rows and deletes them.
func (t *tx) trimFeed(tenant lockstep.TenantID, before time.Time) (int64, error) {
	rows, err := t.query(`SELECT pos, at FROM feed WHERE tenant = $1 AND pos > (SELECT trimmed FROM feed_head WHERE tenant = $1)
		ORDER BY pos LIMIT $2`, string(tenant), int64(sweepRows))
	last, old := int64(0), true
	_, err = collect(rows, err, func(s scanner) (int, error) {
		var pos, at int64
		err := s.Scan(&pos, &at)
		if old = old && at < millis(before); old {
			last = pos
		}
		return 0, err
	})
	if err != nil || last == 0 {
		return 0, err
	}
	if _, err := t.exec("UPDATE feed_head SET trimmed = $2 WHERE tenant = $1", string(tenant), last); err != nil {
		return 0, err
	}
	return t.exec("DELETE FROM feed WHERE tenant = $1 AND pos <= $2", string(tenant), last)
}

func (t *tx) trimAudit(tenant lockstep.TenantID, before time.Time) (int64, error) {
	return t.deleteSome("audit", "tenant, id", "tenant = $1 AND id < $2", sweepRows, string(tenant), firstID(before))
}

// trimActions deletes ended actions, and the names that none bears any more.
func (t *tx) trimActions(job int64, before time.Time) (int64, error) {
	rows, err := t.query(fmt.Sprintf("DELETE FROM action WHERE (job, id) IN (SELECT job, id FROM action WHERE job = $1 AND id < $2 AND ended > 0 LIMIT %d) RETURNING source_id", sweepRows),
		job, firstID(before))
	sources, err := collect(rows, err, scanText)
	if err == nil {
		err = t.forgetNames(job, sources)
	}
	return int64(len(sources)), err
}

// trimLogs deletes ended actions and cycles that were begun before.
func (db *DB) trimLogs(ctx context.Context, before time.Time) error {
	type owner struct {
		tenant lockstep.TenantID
		no     int64
	}
	rows, err := db.query(ctx, "SELECT tenant, no FROM job ORDER BY no")
	jobs, err := collect(rows, err, func(s scanner) (o owner, err error) { return o, s.Scan(&o.tenant, &o.no) })
	if err != nil {
		return fmt.Errorf("trim logs: %w", err)
	}
	for _, j := range jobs {
		for _, trim := range []func(*tx) (int64, error){
			func(t *tx) (int64, error) { return t.trimActions(j.no, before) },
			func(t *tx) (int64, error) {
				return t.deleteSome("cycle", "job, id", "job = $1 AND id < $2 AND ended > 0", sweepRows, j.no, firstID(before))
			},
		} {
			if err := db.trimmed(ctx, j.tenant, trim); err != nil {
				return fmt.Errorf("trim logs: %w", err)
			}
		}
	}
	return nil
}

// firstID returns the smallest id that can have been made at a time (RFC 9562 §5.7: 48 bits of milliseconds come first).
func firstID(at time.Time) string {
	digits := fmt.Sprintf("%012x", max(at.UnixMilli(), 0))
	return digits[:8] + "-" + digits[8:]
}
