package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// Commit writes what a slice has found out, if the job is still its own. It satisfies provision.Store.
func (p Provision) Commit(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, epoch int64, b provision.Batch) error {
	part := beside{tenant, id, epoch, b}
	err := p.write(ctx, &work{tenant: tenant, rows: weight(&part.batch), run: part.write})
	if err != nil {
		return fmt.Errorf("commit of job %s: %w", id, err)
	}
	return nil
}

// beside is a batch that is written in a commit of the directory's.
type beside struct {
	tenant lockstep.TenantID
	job    lockstep.JobID
	epoch  int64
	batch  provision.Batch
}

// Beside returns what Commit would write as a part of a commit of the tenant's directory (directory.Beside). It satisfies
// provision.Store.
func (p Provision) Beside(tenant lockstep.TenantID, id lockstep.JobID, epoch int64, b provision.Batch) any {
	return beside{tenant, id, epoch, b}
}

func (p beside) write(t *tx) error {
	// The update holds the job's row until the transaction ends, so the epoch stays what it is.
	text := "UPDATE job SET epoch = epoch WHERE tenant = $1 AND id = $2 AND epoch = $3 RETURNING no, changed"
	if p.batch.Release {
		text = "UPDATE job SET deadline = 0 WHERE tenant = $1 AND id = $2 AND epoch = $3 RETURNING no, changed"
		if weight(&p.batch) == 0 && p.batch.Said == nil && p.batch.Cycle == nil && p.batch.Job == nil { // nobody has claimed what another system was given to meanwhile
			text = strings.Replace(text, "epoch = $3", "(epoch = $3 OR epoch = $3 + 1 AND changed = $3)", 1)
		}
	}
	rows, err := t.query(text, string(p.tenant), string(p.job), p.epoch)
	var changed int64
	own, err := collect(rows, err, func(s scanner) (w batch, err error) { return w, s.Scan(&w.no, &changed) })
	if err != nil {
		return err
	}
	if len(own) == 0 {
		return lockstep.ErrEpoch
	}
	w := own[0]
	w.tx, w.epoch = t, p.epoch
	if b := p.batch; changed == p.epoch {
		b.Cycle, b.Job = triedAnew(b.Cycle, b.Job)
		b.Links = slices.Clone(b.Links)
		for i := range b.Links {
			if l := &b.Links[i]; l.Code != "" && l.Due.After(t.at) {
				l.Due = t.at
			}
		}
		return w.write(&b)
	}
	return w.write(&p.batch)
}

// triedAnew returns what a turn leaves behind during which an administrator has changed what the job goes by: what it failed for was that of before,
// counts no more, and nothing waits for it. A cycle that has ended says what it ended for.
func triedAnew(c *provision.Cycle, j *provision.Job) (*provision.Cycle, *provision.Job) {
	if c != nil && c.EndedAt.IsZero() {
		next := *c
		next.Code, next.Detail = "", ""
		c = &next
	}
	if j != nil {
		next := *j
		next.Code, next.Detail, next.NotBefore = "", "", time.Time{}
		if next.State == provision.Quarantined {
			next.State = provision.Active
		}
		j = &next
	}
	return c, j
}

// beside writes what stands beside the directory's changes.
func (c *change) beside(b directory.Beside) error {
	part, ok := b.Part.(beside)
	if !ok || part.tenant != c.tenant {
		return fmt.Errorf("a %T of another tenant or of nobody", b.Part)
	}
	return part.write(c.tx)
}

// weight estimates how many rows the batch writes.
func weight(b *provision.Batch) int {
	n := len(b.Actions) + len(b.Opened) + len(b.Moved) + len(b.Carried) + len(b.Due) + len(b.Ranks) + len(b.Links) + len(b.Unlink) + len(b.Wanted) + len(b.Written) + len(b.Unwrite) + len(b.Restored)
	return n
}

// batch is a provision.Batch being written for the job with a number.
type batch struct {
	*tx
	no    int64
	epoch int64
}

// write writes the parts. Links come before edges, whose readiness depends on them.
func (w batch) write(b *provision.Batch) error {
	links := lastOf(b.Links, func(l *plan.Link) connection.Ref { return l.Source })
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"links", func() error { return w.links(links, b.Unlink) }},
		{"references", func() error { return w.edges(b, links) }},
		{"moved actions", func() error { return w.move(b.Moved) }},
		{"actions", func() error { return w.actions(b.Actions) }},
		{"names of actions", func() error { return w.names(b.Actions) }},
		{"opened actions", func() error { return w.open(b.Opened) }},
		{"drift", func() error { return w.drift(b) }},
		{"ranks", func() error { return w.rank(b.Ranks) }},
		{"due objects", func() error { return w.due(b.Due) }},
		{"carried references", func() error { return w.carry(b.Carried) }},
		{"cycle", func() error { return w.cycle(b.Cycle) }},
		{"exchanges", func() error { return w.said(b) }},
		{"job", func() error { return w.job(b.Job) }},
	} {
		if err := part.do(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

const upsertCycle = `INSERT INTO cycle (job, id, kind, cause, phase, page, config, listed, total, counts, code, detail, began, ended, of_type, of_id, refusals)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
	ON CONFLICT (job, id) DO UPDATE SET kind = excluded.kind, cause = excluded.cause, phase = excluded.phase, page = excluded.page,
		config = excluded.config, listed = excluded.listed, total = excluded.total, counts = excluded.counts, code = excluded.code,
		detail = excluded.detail, began = excluded.began, ended = excluded.ended, of_type = excluded.of_type, of_id = excluded.of_id, refusals = excluded.refusals`

// cycle writes the cycle and notes in the job whether it is open.
func (w batch) cycle(c *provision.Cycle) error {
	if c == nil {
		return nil
	}
	counts, err := json.Marshal(c.Counts)
	if err != nil {
		return err
	}
	refusals := ""
	if len(c.Refusals.Alike) > 0 {
		text, err := json.Marshal(c.Refusals)
		if err != nil {
			return err
		}
		refusals = string(text)
	}
	_, err = w.exec(upsertCycle, w.no, string(c.ID), string(c.Kind), c.Trigger, string(c.Phase), string(c.Page), c.Config, c.Listed,
		int64(c.Total), string(counts), string(c.Code), c.Detail, millis(c.Began), millis(c.EndedAt), c.Of.Type, c.Of.ID, refusals)
	if err != nil {
		return err
	}
	open := string(c.ID)
	if !c.EndedAt.IsZero() {
		open = ""
	}
	if open == "" {
		if _, err := w.exec("UPDATE job SET demand = '', demanded = '' WHERE no = $1 AND demand = $2", w.no, string(c.ID)); err != nil {
			return err
		}
	}
	waits := open != "" && c.Phase == provision.Review
	n, err := w.exec("UPDATE job SET cycle = $2, waits = $3 WHERE no = $1 AND (cycle <> $2 OR waits <> $3)", w.no, open, waits)
	if err == nil && n > 0 && waits {
		err = w.outline(w.no, c.ID)
	}
	return err
}

// updateJob lets what an administrator has set since the slice began stand: a pause, and a time to run.
const updateJob = `UPDATE job SET state = CASE WHEN state = 'paused' THEN state ELSE $2 END, code = $3, detail = $4, cursor = $5, position = $6,
	applied = $7, next_run = CASE WHEN next_run = asked THEN $8 ELSE next_run END, asked = CASE WHEN next_run = asked THEN $8 ELSE asked END,
	not_before = $9, request = $10 WHERE no = $1`

func (w batch) job(j *provision.Job) error {
	if j == nil {
		return nil
	}
	_, err := w.exec(updateJob, w.no, string(j.State), string(j.Code), j.Detail, string(j.Cursor), j.Position, j.Applied, millis(j.NextRun), millis(j.NotBefore), j.Request)
	return err
}
