package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
)

// PutJob creates or changes a job. It satisfies operate.Settings. What an administrator sets is tried at once, so a pause
// after a failure ends; a slice that is running keeps what it knew, but no longer overrules State paused and NextRun.
func (db *DB) PutJob(ctx context.Context, by audit.Actor, j provision.Job) error {
	next, err := textsOf(j)
	if err != nil {
		return err
	}
	if j.ID == "" || j.Slug == "" {
		return fmt.Errorf("put job: %w", invalid("A job needs an id and a slug."))
	}
	defer db.secrets.forget()
	err = db.write(ctx, &work{tenant: j.Tenant, rows: 2, wakes: true, run: func(t *tx) error {
		err := t.known(j.Tenant)
		if err != nil {
			return err
		}
		verb, detail := "created", ""
		if j.Config == 0 {
			err = t.createJob(next, by)
		} else {
			verb = "updated"
			detail, _, err = t.replaceJob(next, plan.Version{By: by})
		}
		if where, is := t.db.dialect.unique(err); is {
			return jobTaken(where, j)
		}
		t.note(audit.Event{Actor: by, Verb: verb, Object: "job", ID: string(j.ID), Name: cmp.Or(j.Name, j.Slug), Detail: detail})
		return err
	}})
	if err != nil {
		return fmt.Errorf("put job %s: %w", j.Slug, err)
	}
	return nil
}

// ChangeJob asks change what a job is to become, as it is stored by then, and keeps that. It satisfies operate.Changes.
func (db *DB) ChangeJob(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, change func(*provision.Job) error) (next provision.Job, err error) {
	defer db.secrets.forget()
	err = db.write(ctx, &work{tenant: tenant, rows: 2, wakes: true, run: func(t *tx) error {
		j, err := t.own(tenant, id)
		if err != nil {
			return err
		}
		next = j.Job
		if err := change(&next); err != nil {
			return err
		}
		next.Tenant, next.ID, next.Config = tenant, id, j.Config
		row, err := textsOf(next)
		if err != nil {
			return err
		}
		detail, _, err := t.replaceJob(row, plan.Version{By: by})
		if err != nil {
			return err
		}
		t.note(audit.Event{Actor: by, Verb: "updated", Object: "job", ID: string(id), Name: cmp.Or(next.Name, next.Slug), Detail: detail})
		j, err = job(t.query, tenant, id)
		next = j.Job
		return err
	}})
	if err != nil {
		return provision.Job{}, fmt.Errorf("change job %s: %w", id, err)
	}
	return next, nil
}

// own reads a job that nobody else, on whatever node, writes before the transaction has ended.
func (t *tx) own(tenant lockstep.TenantID, id lockstep.JobID) (jobRow, error) {
	if _, err := t.exec("UPDATE job SET config = config WHERE tenant = $1 AND id = $2", string(tenant), string(id)); err != nil {
		return jobRow{}, err
	}
	return job(t.query, tenant, id)
}

// textsOf returns the job with its documents as they are kept. Which secrets are set is known from the secrets.
func textsOf(j provision.Job) (row jobRow, err error) {
	row.Job = j
	row.Connection.Secrets = nil
	for _, doc := range []struct {
		into *string
		from any
	}{{&row.connection, row.Connection}, {&row.policy, row.Policy}, {&row.rules, row.Rules}} {
		text, err := json.Marshal(doc.from)
		if err != nil {
			return row, fmt.Errorf("job %s: %w", j.ID, err)
		}
		*doc.into = string(text)
	}
	return row, nil
}

// jobTaken explains a violated constraint.
func jobTaken(where string, j provision.Job) error {
	if strings.HasSuffix(where, "slug") {
		return taken("There is a job %s.", j.Slug)
	}
	return taken("There is a job with the id %s.", j.ID)
}

const insertJob = `INSERT INTO job (tenant, id, no, listing, slug, name, direction, app, manual, config, created, state, code, detail, cursor,
		position, applied, next_run, asked, not_before, epoch, deadline, cycle, waits, connection, policy, rules)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, '', '', '', 0, 0, $12, $12, 0, 0, 0, '', FALSE, $13, $14, $15)`

func (t *tx) createJob(j jobRow, by audit.Actor) error {
	no, err := t.number()
	if err != nil {
		return err
	}
	listing, err := t.number()
	if err != nil {
		return err
	}
	created := j.Created
	if created.IsZero() {
		created = t.at
	}
	_, err = t.exec(insertJob, string(j.Tenant), string(j.ID), no, listing, j.Slug, j.Name, string(j.Direction), string(j.App), j.Manual,
		millis(created), string(cmp.Or(j.State, provision.Active)), millis(j.NextRun), j.connection, j.policy, j.rules)
	if err != nil {
		return err
	}
	return t.putVersion(no, plan.Version{Number: 1, By: by, At: t.at, Configuration: j.Configuration()})
}

const replaceJob = `UPDATE job SET name = $4, manual = $5, state = $6, next_run = $7, config = $8, connection = $9, policy = $10, rules = $11,
	changed = CASE WHEN config < $8 THEN epoch ELSE changed END, not_before = 0 WHERE tenant = $1 AND id = $2 AND config = $3`

// replaceJob returns the names of what changed, and the version that it has become, which is told by whom and why.
func (t *tx) replaceJob(j jobRow, v plan.Version) (changed string, made plan.Version, err error) {
	old, err := job(t.query, j.Tenant, j.ID)
	if err != nil {
		return "", v, err
	}
	if old.Config != j.Config {
		return "", v, moved("job", j.Slug, old.Config, j.Config)
	}
	was, err := textsOf(old.Job) // in today's words, whatever program wrote it
	if err != nil {
		return "", v, err
	}
	names := jobDifferences(was, j)
	config := old.Config
	if was.connection != j.connection || was.policy != j.policy || was.rules != j.rules {
		config++
	}
	n, err := t.exec(replaceJob, string(j.Tenant), string(j.ID), old.Config, j.Name, j.Manual, string(cmp.Or(j.State, old.State)),
		millis(j.NextRun), config, j.connection, j.policy, j.rules)
	if err == nil && n == 0 {
		err = moved("job", j.Slug, old.Config+1, j.Config)
	}
	if err == nil { // the row is locked now
		v, err = t.recordVersion(old, j.Job, v)
	}
	return strings.Join(names, ", "), v, err
}

func jobDifferences(was, j jobRow) (names []string) {
	for _, d := range []struct {
		name   string
		differ bool
	}{
		{"name", was.Name != j.Name},
		{"connection", was.connection != j.connection},
		{"rules", was.rules != j.rules},
		{"policy", was.policy != j.policy},
		{"manual", was.Manual != j.Manual},
		{"state " + string(j.State), was.State != j.State},
		{"run now", !was.NextRun.Equal(j.NextRun) && !j.NextRun.IsZero()},
	} {
		if d.differ {
			names = append(names, d.name)
		}
	}
	return names
}

// DeleteJob removes a job and all it knows; nothing at its target changes. It satisfies operate.Settings. The job and its
// secrets are gone at once, the many rows below it bit by bit.
func (db *DB) DeleteJob(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID) error {
	defer db.secrets.forget()
	err := db.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		name, err := t.deleteJob(tenant, id)
		if err != nil {
			return err
		}
		t.note(audit.Event{Actor: by, Verb: "deleted", Object: "job", ID: string(id), Name: name})
		return t.disclaimLater(tenant, string(id))
	}})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", id, err)
	}
	return nil
}

// deleteJob removes a job and its secrets, has its many rows swept, and returns what people call it. Its claims are left.
func (t *tx) deleteJob(tenant lockstep.TenantID, id lockstep.JobID) (string, error) {
	rows, err := t.query("DELETE FROM job WHERE tenant = $1 AND id = $2 RETURNING no, listing, slug, name", string(tenant), string(id))
	var no, listing int64
	var slug, name string
	_, err = one(rows, err, func(s scanner) (int, error) { return 0, s.Scan(&no, &listing, &slug, &name) })
	if err != nil {
		return "", absent(err, "job", string(id))
	}
	if _, err := t.exec("DELETE FROM secret WHERE job = $1", no); err != nil {
		return "", err
	}
	if err := t.forgetDrift(no); err != nil {
		return "", err
	}
	if err := t.forgetVersions(no); err != nil {
		return "", err
	}
	if err := t.dropMirror(no); err != nil {
		return "", err
	}
	if err := t.forgetNotify(tenant, id); err != nil {
		return "", err
	}
	return cmp.Or(name, slug), t.doom(no, listing)
}

// changedMeanwhile stands in a head's not_before when its connection was changed while somebody read it: what that read fails for counts no more.
const changedMeanwhile = -1

// readAgain lets what could not be read be tried at once: what it failed for may have been mended. The head is written also where there is
// nothing to forget: on PostgreSQL whoever begins to read meanwhile waits for it, and goes by the connection as it is then.
func (t *tx) readAgain(job int64) error {
	_, err := t.exec(`UPDATE mirror_head SET not_before = CASE WHEN node <> '' THEN $2 ELSE 0 END, code = '', detail = ''
		WHERE connection = $1`, job, int64(changedMeanwhile))
	return err
}

// stale is what a decision on something that has moved gets.
func stale(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodePlanStale, Detail: fmt.Sprintf(format, args...)}
}

// Decide applies an administrator's word on a plan, all of it or nothing. It satisfies operate.Settings.
func (db *DB) Decide(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, v provision.Verdict) error {
	rows := 2 + len(v.Approve) + len(v.Reject) + len(v.Restore)
	for _, g := range slices.Concat(v.ApproveAll, v.RejectAll) {
		rows += g.N
	}
	err := db.write(ctx, &work{tenant: tenant, rows: rows, wakes: true, run: func(t *tx) error {
		j, err := job(t.query, tenant, id)
		if err != nil {
			return err
		}
		d := decision{tx: t, job: j, decided: plan.Decision{By: by, At: t.at, Note: v.Note}}
		if err := d.release(v); err != nil {
			return err
		}
		return d.rows(v)
	}})
	if err != nil {
		return fmt.Errorf("decide on job %s: %w", id, err)
	}
	return nil
}

// decision is a Verdict being written.
type decision struct {
	*tx
	job     jobRow
	decided plan.Decision
}

// record notes what was decided, and why if that was said.
func (d decision) record(verb, detail string) {
	if d.decided.Note != "" {
		detail += ": " + d.decided.Note
	}
	d.note(audit.Event{Actor: d.decided.By, Verb: verb, Object: "job", ID: string(d.job.ID), Name: cmp.Or(d.job.Name, d.job.Slug), Detail: detail})
}

// release lets the plan in review go ahead, or drops it.
func (d decision) release(v provision.Verdict) error {
	if !v.Apply && !v.Discard {
		return nil
	}
	if v.Apply && v.Discard {
		return invalid("A plan is applied or discarded, not both.")
	}
	c := d.job.Cycle
	if c == nil || c.ID != v.Cycle || c.Phase != provision.Review {
		return stale("The plan %s is not waiting for review.", v.Cycle)
	}
	if v.Apply && c.Config != d.job.Config {
		return stale("The plan %s was made by version %d of the rules, and the job has version %d now.", c.ID, c.Config, d.job.Config)
	}
	decided := decidedText(d.decided)
	if v.Apply && v.Only.ID != "" {
		return d.releaseOne(c, v.Only)
	}
	if v.Apply {
		d.record("applied plan of", string(c.ID))
		// What was due when the plan was made is answered by it. What became due since is not.
		_, err := d.exec("UPDATE link SET due = recheck WHERE job = $1 AND due > 0 AND due <= $2", d.job.no, millis(c.Began))
		if err != nil {
			return err
		}
		_, err = d.exec("UPDATE cycle SET phase = $3, decided = $4 WHERE job = $1 AND id = $2", d.job.no, string(c.ID), string(provision.Applying), decided)
		if err == nil {
			_, err = d.exec("UPDATE job SET waits = FALSE, not_before = 0 WHERE no = $1", d.job.no)
		}
		return err
	}
	d.record("discarded plan of", string(c.ID))
	if err := d.dueAgain(c); err != nil {
		return err
	}
	if _, err := d.exec("UPDATE action SET state = 'left_out', ended = $3 WHERE job = $1 AND state IN ('planned', 'held') AND cycle = $2",
		d.job.no, string(c.ID), millis(d.at)); err != nil {
		return err
	}
	if _, err := d.exec("UPDATE cycle SET phase = $3, ended = $4, decided = $5 WHERE job = $1 AND id = $2", d.job.no, string(c.ID),
		string(provision.Ended), millis(d.at), decided); err != nil {
		return err
	}
	_, err := d.exec("UPDATE job SET cycle = '', waits = FALSE WHERE no = $1", d.job.no)
	return err
}

// releaseOne lets go ahead what the plan in review has for one object. What was due of it is answered with that.
func (d decision) releaseOne(c *provision.Cycle, of plan.End) error {
	d.record("tried plan of", cmp.Or(of.Name, of.ID))
	_, err := d.exec("UPDATE link SET due = recheck WHERE job = $1 AND type = $2 AND source_id = $3 AND due > 0 AND due <= $4", d.job.no, of.Type, of.ID, millis(c.Began))
	if err != nil {
		return err
	}
	_, err = d.exec("UPDATE cycle SET phase = $3, of_type = $4, of_id = $5, code = '', detail = '' WHERE job = $1 AND id = $2",
		d.job.no, string(c.ID), string(provision.Applying), of.Type, of.ID)
	if err == nil {
		_, err = d.exec("UPDATE job SET waits = FALSE, not_before = 0 WHERE no = $1", d.job.no)
	}
	return err
}

// dueAgain makes those due whose rows the plan had: what was looked at because its time had come is not found by the source's
// cursor. A plan of everybody is followed by a plan of everybody.
func (d decision) dueAgain(c *provision.Cycle) error {
	if d.job.Cursor == "" {
		return nil
	}
	_, err := d.exec(`UPDATE link SET due = $3 WHERE job = $1 AND (due = 0 OR due > $3) AND (type, source_id) IN
		(SELECT source_type, source_id FROM action WHERE job = $1 AND cycle = $2 AND state IN ('planned', 'held'))`,
		d.job.no, string(c.ID), millis(d.at))
	return err
}

// rows approves held actions, rejects held or planned ones, and plans anew what was left out. The job then runs at once, unless its plan is still
// in review.
func (d decision) rows(v provision.Verdict) error {
	changed := false
	for _, part := range []struct {
		verb, from, to string
		ended          int64
		ids            []lockstep.ActionID
		groups         []plan.RowGroup
	}{
		{"approved changes of", "'held'", string(plan.Planned), 0, v.Approve, v.ApproveAll},
		{"rejected changes of", "'held', 'planned'", string(plan.Rejected), millis(d.at), v.Reject, v.RejectAll},
	} {
		n, want, err := d.move(part.from, part.to, part.ended, part.ids, part.groups)
		if err != nil {
			return err
		}
		if n != want {
			return stale("%d of %d changes are no longer waiting for a decision.", want-n, want)
		}
		if n > 0 {
			changed = true
			d.record(part.verb, fmt.Sprint(n))
		}
	}
	reviewed := d.job.Cycle != nil && d.job.Cycle.Phase == provision.Review
	if restored, err := d.restore(v.Restore, reviewed); err != nil {
		return err
	} else if !restored && !changed {
		return nil
	}
	if reviewed {
		if v.Apply || v.Discard {
			return nil // nobody looks at the plan again
		}
		return d.outline(d.job.no, d.job.Cycle.ID)
	}
	_, err := d.exec("UPDATE job SET next_run = $2, not_before = 0 WHERE no = $1", d.job.no, millis(d.at))
	return err
}

// move gives rows another state, those with ids and all of groups. It returns how many it moved, and how many were to be moved.
func (d decision) move(from, to string, ended int64, ids []lockstep.ActionID, groups []plan.RowGroup) (n, want int64, err error) {
	text := "UPDATE action SET state = $2, decided = $3, ended = $4 WHERE job = $1 AND state IN (" + from + ")"
	args := []any{d.job.no, to, plain(d.decided), ended}
	if len(ids) > 0 {
		want = int64(len(ids))
		if n, err = execLists(d.tx, text+" AND id IN (@list)", args, ids); err != nil {
			return n, want, err
		}
	}
	for _, g := range groups {
		want += int64(g.N)
		some, err := d.exec(text+ofGroup("$5", "$6", "$7", "$8"),
			append(slices.Clip(args), string(g.State), string(g.Kind), g.Type, g.Cause)...)
		if err != nil {
			return n, want, err
		}
		n += some
	}
	return n, want, nil
}

// restore plans rows again that were left out of the plan in review. What the guard had held needs a plan of its own.
func (d decision) restore(ids []lockstep.ActionID, reviewed bool) (bool, error) {
	if len(ids) == 0 {
		return false, nil
	}
	if !reviewed {
		return false, stale("No plan waits for review.")
	}
	n, err := execLists(d.tx, "UPDATE action SET state = 'planned', decided = '', ended = 0 WHERE job = $1 AND cycle = $2 AND state = 'rejected' AND code = '' AND id IN (@list)",
		[]any{d.job.no, string(d.job.Cycle.ID)}, ids)
	if err != nil {
		return false, err
	}
	if n != int64(len(ids)) {
		return false, stale("%d of %d changes cannot be taken back into the plan: they were held, or are not left out of it.", int64(len(ids))-n, len(ids))
	}
	d.record("put back changes of", fmt.Sprint(n))
	return true, nil
}
