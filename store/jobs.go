package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/provision"
)

const jobColumns = `j.tenant, j.id, j.slug, j.name, j.direction, j.app, j.manual, j.config, j.created, j.state, j.code, j.detail,
	j.cursor, j.position, j.applied, j.next_run, j.not_before, j.epoch, j.deadline, j.connection, j.policy, j.rules, j.no, j.cycle, j.request,
	j.demand, j.demanded`

// jobRow is a job with what the store alone knows of it.
type jobRow struct {
	provision.Job
	no                        int64            // stands for (tenant, id) in the tables with many rows
	cycle                     lockstep.CycleID // the open one
	connection, policy, rules string           // as they are kept
}

func scanJob(s scanner) (j jobRow, err error) {
	var created, next, before, deadline int64
	var demand, demanded string
	err = s.Scan(&j.Tenant, &j.ID, &j.Slug, &j.Name, &j.Direction, &j.App, &j.Manual, &j.Config, &created, &j.State, &j.Code, &j.Detail,
		&j.Cursor, &j.Position, &j.Applied, &next, &before, &j.Epoch, &deadline, &j.connection, &j.policy, &j.rules, &j.no, &j.cycle, &j.Request, &demand, &demanded)
	if err != nil {
		return j, err
	}
	if demand != "" {
		if j.Demand, err = demandOf(demand, demanded); err != nil {
			return j, fmt.Errorf("job %s: %w", j.ID, err)
		}
	}
	j.Created, j.NextRun, j.NotBefore, j.Leased = instant(created), instant(next), instant(before), instant(deadline)
	err = errors.Join(
		json.Unmarshal([]byte(j.connection), &j.Connection),
		json.Unmarshal([]byte(j.policy), &j.Policy),
		json.Unmarshal([]byte(j.rules), &j.Rules))
	if err != nil {
		return j, fmt.Errorf("job %s: %w", j.ID, err)
	}
	return j, nil
}

// asker runs a query: on committed data, or within a transaction.
type asker func(text string, args ...any) (*sql.Rows, error)

// asks returns an asker of committed data.
func (db *DB) asks(ctx context.Context) asker {
	return func(text string, args ...any) (*sql.Rows, error) { return db.query(ctx, text, args...) }
}

// jobs reads jobs with their open cycles and the names of their secrets.
func jobs(ask asker, where string, args ...any) ([]jobRow, error) {
	rows, err := ask("SELECT "+jobColumns+" FROM job j "+where, args...)
	all, err := collect(rows, err, scanJob)
	if err != nil {
		return nil, err
	}
	for i := range all {
		j := &all[i]
		rows, err := ask("SELECT name FROM secret WHERE job = $1 ORDER BY name", j.no)
		if j.Connection.Secrets, err = collect(rows, err, scanText); err != nil {
			return nil, err
		}
		if j.cycle == "" {
			continue
		}
		rows, err = ask("SELECT "+cycleColumns+" FROM cycle WHERE job = $1 AND id = $2", j.no, string(j.cycle))
		c, err := one(rows, err, scanCycle)
		if err != nil {
			return nil, fmt.Errorf("read cycle %s: %w", j.cycle, err)
		}
		c.Job = j.ID
		j.Cycle = &c
	}
	return all, nil
}

// job reads one job, or fails with lockstep.ErrNotFound.
func job(ask asker, tenant lockstep.TenantID, id lockstep.JobID) (jobRow, error) {
	all, err := jobs(ask, "WHERE j.tenant = $1 AND j.id = $2", string(tenant), string(id))
	if err == nil && len(all) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return jobRow{}, fmt.Errorf("read job: %w", absent(err, "job", string(id)))
	}
	return all[0], nil
}

// Job returns a job with its open cycle. It satisfies provision.Jobs.
func (db *DB) Job(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID) (provision.Job, error) {
	j, err := job(db.asks(ctx), tenant, id)
	return j.Job, err
}

// JobNamed returns the job with a slug and its open cycle. It satisfies provision.Jobs.
func (db *DB) JobNamed(ctx context.Context, tenant lockstep.TenantID, slug string) (provision.Job, error) {
	all, err := jobs(db.asks(ctx), "WHERE j.tenant = $1 AND j.slug = $2", string(tenant), slug)
	if err == nil && len(all) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return provision.Job{}, fmt.Errorf("read job: %w", absent(err, "job", slug))
	}
	return all[0].Job, nil
}

// ListJobs returns a tenant's jobs by slug. It satisfies operate.Settings.
func (db *DB) ListJobs(ctx context.Context, tenant lockstep.TenantID) ([]provision.Job, error) {
	all, err := jobs(db.asks(ctx), "WHERE j.tenant = $1 ORDER BY j.slug", string(tenant))
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	return bare(all), nil
}

// Sources returns the inbound jobs of all tenants that are not paused, oldest first. Tenants without a source cost nothing.
func (db *DB) Sources(ctx context.Context) ([]provision.Job, error) {
	all, err := jobs(db.asks(ctx), "WHERE j.direction = 'inbound' AND j.state <> 'paused' ORDER BY j.id")
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return bare(all), nil
}

// AppJobs returns the outbound jobs of all tenants that are not paused, oldest first.
func (db *DB) AppJobs(ctx context.Context) ([]provision.Job, error) {
	all, err := jobs(db.asks(ctx), "WHERE j.direction = 'outbound' AND j.state <> 'paused' ORDER BY j.id")
	if err != nil {
		return nil, fmt.Errorf("read jobs of apps: %w", err)
	}
	return bare(all), nil
}

func bare(rows []jobRow) []provision.Job {
	all := make([]provision.Job, len(rows))
	for i := range rows {
		all[i] = rows[i].Job
	}
	return all
}

// dueJobs leaves out whom somebody has by the clock of leases, @now. It looks at one slim row a job, the heads of its tenant's feed and of its mirror, and the first entry of an index of its
// links. What somebody demands comes first, whatever the job's state, as soon as no other cycle is open. A job whose plan waits for review can do nothing before that is decided, and one that waits for a read nothing before
// that has ended or failed, whatever else is due. An inbound job follows the mirror of its source once it was run, and
// lets a read that has been asked for come to its end first.
const dueJobs = `JOIN feed_head h ON h.tenant = j.tenant LEFT JOIN mirror_head m ON m.connection = j.no
	WHERE j.deadline <= @now AND (j.demand <> '' AND (j.cycle = '' OR j.cycle = j.demand AND j.not_before <= $1)
	OR j.state <> 'paused' AND NOT j.waits
	AND (j.not_before <= $1 OR j.request > 0 AND COALESCE(m.answered, 0) >= j.request)
	AND (j.request = 0 OR COALESCE(m.answered, 0) >= j.request OR COALESCE(m.code, '') <> '')
	AND (j.cycle <> '' OR j.request > 0
		OR j.next_run > 0 AND j.next_run <= $1
		OR NOT j.manual AND (
			j.direction = 'outbound' AND h.pos > j.position
			OR j.direction = 'inbound' AND j.cursor <> '' AND m.position > j.position AND (m.answered >= m.requests OR m.code <> '')
			OR j.config <> j.applied
			OR EXISTS (SELECT 1 FROM link l WHERE l.job = j.no AND l.due > 0 AND l.due <= $1))))
	ORDER BY j.tenant, j.id`

// Due returns the jobs that have something to do. It satisfies provision.Jobs.
func (db *DB) Due(ctx context.Context, now time.Time) ([]provision.Job, error) {
	clock, args := db.clock(millis(now))
	all, err := jobs(db.asks(ctx), strings.Replace(dueJobs, "@now", clock, 1), args...)
	if err != nil {
		return nil, fmt.Errorf("find due jobs: %w", err)
	}
	return bare(all), nil
}

// Claim takes the lease of a job that nobody has. It satisfies provision.Leases.
func (db *DB) Claim(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, lease time.Duration) (provision.Job, error) {
	j, taken, err := db.lease(ctx, tenant, id, lease, false)
	if err == nil && !taken {
		err = lockstep.ErrEpoch
	}
	if err != nil {
		return provision.Job{}, fmt.Errorf("claim job %s: %w", id, err)
	}
	return j, nil
}

// TakeOver takes the lease of a job without an open cycle, whoever has it. It satisfies provision.Leases.
func (db *DB) TakeOver(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, lease time.Duration) (provision.Job, error) {
	j, _, err := db.lease(ctx, tenant, id, lease, true)
	if err != nil {
		return provision.Job{}, fmt.Errorf("take over job %s: %w", id, err)
	}
	return j, nil
}

// lease takes the lease of a job that nobody has, or over a job without an open cycle, and reports whether it did.
func (db *DB) lease(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, long time.Duration, over bool) (j provision.Job, taken bool, err error) {
	err = db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		now, args := db.clock(string(tenant), string(id), long.Milliseconds())
		free := "deadline <= " + now
		if over {
			free = "cycle = ''"
		}
		n, err := t.exec("UPDATE job SET epoch = epoch + 1, deadline = "+now+" + CAST($3 AS BIGINT) WHERE tenant = $1 AND id = $2 AND "+free, args...)
		if taken = n > 0; err == nil && taken {
			err = t.tryAgain(tenant, id)
		}
		if err != nil {
			return err
		}
		row, err := job(t.query, tenant, id)
		j = row.Job
		return err
	}})
	return j, taken, err
}

// tryAgain makes everything due that has failed when somebody has asked for a run by hand since the last turn.
func (t *tx) tryAgain(tenant lockstep.TenantID, id lockstep.JobID) error {
	n, err := t.exec("UPDATE job SET asked = next_run WHERE tenant = $1 AND id = $2 AND next_run <> asked", string(tenant), string(id))
	if err != nil || n == 0 {
		return err
	}
	_, err = t.exec(`UPDATE link SET due = $3 WHERE code <> '' AND (due = 0 OR due > $3)
		AND job = (SELECT no FROM job WHERE tenant = $1 AND id = $2 AND next_run > 0)`, string(tenant), string(id), millis(t.at))
	return err
}

// Start ends all leases on SQLite, whose file nobody else uses: whoever had one is dead. Call it before the first turn.
func (p Provision) Start(ctx context.Context) error {
	if p.dialect.name() != SQLite {
		return nil
	}
	err := p.write(ctx, &work{rows: 1, run: func(t *tx) error {
		_, err := t.exec("UPDATE job SET deadline = 0 WHERE deadline <> 0")
		return err
	}})
	if err != nil {
		return fmt.Errorf("end the leases of jobs: %w", err)
	}
	return nil
}

// clock is the time by which leases run, as SQL, and the statement's arguments with what that needs. It is the database's, which is one
// for all nodes: their own may differ.
func (db *DB) clock(args ...any) (string, []any) {
	if text := db.dialect.clock(); text != "" && !db.fixed {
		return text, args
	}
	return "$" + strconv.Itoa(len(args)+1), append(args, millis(db.now()))
}

const cycleColumns = "id, kind, cause, phase, page, config, listed, total, counts, code, detail, began, ended, of_type, of_id, decided, refusals"

func scanCycle(s scanner) (c provision.Cycle, err error) {
	var counts, decided, refusals string
	var began, ended int64
	err = s.Scan(&c.ID, &c.Kind, &c.Trigger, &c.Phase, &c.Page, &c.Config, &c.Listed, &c.Total, &counts, &c.Code, &c.Detail, &began, &ended, &c.Of.Type, &c.Of.ID, &decided, &refusals)
	if err != nil {
		return c, err
	}
	c.Began, c.EndedAt = instant(began), instant(ended)
	if err := parse(decided, &c.Decided); err != nil {
		return c, err
	}
	if err := parse(refusals, &c.Refusals); err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(counts), &c.Counts)
}

// ofJob is the condition that finds a job's rows by its tenant and id, which are $1 and $2.
const ofJob = "job = (SELECT no FROM job WHERE tenant = $1 AND id = $2)"

// Cycles returns a job's cycles, newest first; limit 0 is 100. It satisfies provision.Jobs.
func (db *DB) Cycles(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, limit int) ([]provision.Cycle, error) {
	if limit == 0 {
		limit = 100
	}
	rows, err := db.query(ctx, "SELECT "+cycleColumns+" FROM cycle WHERE "+ofJob+" ORDER BY id DESC LIMIT $3", string(tenant), string(id), int64(limit))
	all, err := collect(rows, err, scanCycle)
	if err != nil {
		return nil, fmt.Errorf("read cycles: %w", err)
	}
	for i := range all {
		all[i].Job = id
	}
	return all, nil
}

// Secret opens a secret of the job's connection. It satisfies provision.Jobs. It is a single statement, which sees secret and
// connection as one commit left them.
func (db *DB) Secret(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, name string) (value string, c provision.Connection, err error) {
	rows, err := db.query(ctx, "SELECT s.sealed, j.connection FROM job j JOIN secret s ON s.job = j.no WHERE j.tenant = $1 AND j.id = $2 AND s.name = $3",
		string(tenant), string(id), name)
	found, err := one(rows, err, func(s scanner) (found [2]string, err error) { return found, s.Scan(&found[0], &found[1]) })
	if err != nil {
		return "", c, absent(err, "secret", name)
	}
	if value, err = db.seal.open(secretPlace(tenant, id, name), found[0]); err == nil {
		err = json.Unmarshal([]byte(found[1]), &c)
	}
	if err != nil {
		return "", c, fmt.Errorf("open secret %s of job %s: %w", name, id, err)
	}
	return value, c, nil
}

func secretPlace(tenant lockstep.TenantID, id lockstep.JobID, name string) place {
	return place{tenant: tenant, table: "secret", column: "sealed", row: string(id) + "\x00" + name}
}
