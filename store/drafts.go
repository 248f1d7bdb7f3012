package store

import (
	"cmp"
	"context"
	"fmt"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/rule"
)

const draftColumns = "revision, base, opened, opened_by, changed, changed_by, assigned, configuration"

func scanDraft(s scanner) (d plan.Draft, err error) {
	var opened, changed int64
	var openedBy, changedBy, assigned, configuration string
	if err := s.Scan(&d.Revision, &d.Base, &opened, &openedBy, &changed, &changedBy, &assigned, &configuration); err != nil {
		return d, err
	}
	d.OpenedAt, d.At = instant(opened), instant(changed)
	return d, unmarshalAll([]string{openedBy, changedBy, assigned, configuration}, &d.Opened, &d.By, &d.Assignments, &d.Configuration)
}

// draft reads a job's draft; one of Revision 0 when there is none.
func draft(ask asker, job int64) (plan.Draft, error) {
	rows, err := ask("SELECT "+draftColumns+" FROM job_draft WHERE job = $1", job)
	all, err := collect(rows, err, scanDraft)
	return append(all, plan.Draft{})[0], err
}

// Draft returns the job's draft. It satisfies operate.Drafts.
func (db *DB) Draft(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID) (plan.Draft, error) {
	rows, err := db.query(ctx, "SELECT "+draftColumns+" FROM job_draft WHERE "+ofJob, string(tenant), string(id))
	all, err := collect(rows, err, scanDraft)
	if err != nil {
		return plan.Draft{}, fmt.Errorf("read the draft of job %s: %w", id, err)
	}
	return append(all, plan.Draft{})[0], nil
}

// drafting is a change of a job's draft that is being written. Nobody else changes the job meanwhile.
type drafting struct {
	*tx
	job jobRow
	was plan.Draft
	by  audit.Actor
}

// drafted runs f on the job's draft, if that has the revision.
func (db *DB) drafted(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, revision int64, rows int, f func(drafting) error) error {
	return db.write(ctx, &work{tenant: tenant, rows: rows, wakes: true, run: func(t *tx) error {
		if _, err := t.exec("UPDATE job SET epoch = epoch WHERE tenant = $1 AND id = $2", string(tenant), string(id)); err != nil { // locks the row
			return err
		}
		j, err := job(t.query, tenant, id)
		if err != nil {
			return err
		}
		d, err := draft(t.query, j.no)
		if err != nil {
			return err
		}
		if d.Revision != revision {
			return draftMoved(d, revision)
		}
		return f(drafting{t, j, d, by})
	}})
}

// draftMoved says what has become of a draft.
func draftMoved(d plan.Draft, revision int64) error {
	detail := "The draft was changed by " + cmp.Or(d.By.Name, "somebody else") + " meanwhile: look at it again."
	switch {
	case d.Revision == 0:
		detail = "There is no draft any more: it was applied or discarded meanwhile."
	case revision == 0:
		detail = "Somebody else has begun a draft meanwhile: look at it first."
	}
	return &lockstep.Error{Code: lockstep.CodeVersion, Detail: detail}
}

func (d drafting) record(verb, detail string) {
	d.note(audit.Event{Actor: d.by, Verb: verb, Object: "job", ID: string(d.job.ID), Name: cmp.Or(d.job.Name, d.job.Slug), Detail: detail})
}

// PutDraft keeps a draft. It satisfies operate.Drafts.
func (db *DB) PutDraft(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, next plan.Draft) (plan.Draft, error) {
	if len(next.Assignments) > plan.MostAssignments {
		return next, invalid("A draft changes at most %d assignments: assign a group instead.", plan.MostAssignments)
	}
	out := next
	err := db.drafted(ctx, by, tenant, id, next.Revision, 2, func(d drafting) error {
		var err error
		out, err = d.put(next)
		return err
	})
	if err != nil {
		return next, fmt.Errorf("keep the draft of job %s: %w", id, err)
	}
	return out, nil
}

func (d drafting) put(next plan.Draft) (plan.Draft, error) {
	in, _, err := newestVersion(d.query, d.job.no)
	if err != nil {
		return next, err
	}
	if next.Base = cmp.Or(next.Base, in); next.Base > in {
		return next, invalid("There is no version %d.", next.Base)
	}
	if next.Revision, err = d.number(); err != nil { // never one that was before, also of a draft that is gone
		return next, err
	}
	verb := "changed the draft of"
	if next.Opened, next.OpenedAt = d.was.Opened, d.was.OpenedAt; d.was.Revision == 0 {
		next.Opened, next.OpenedAt = d.by, d.at
		verb = "began a draft of"
	}
	next.By, next.At = d.by, d.at
	next.Configuration.Policy.Excluded = nil // that is decided at once
	before := d.was.Configuration
	if d.was.Revision == 0 {
		before = d.job.Configuration()
	}
	changed, err := plan.Differences(before, next.Configuration)
	if err != nil {
		return next, err
	}
	texts, err := marshalAll(next.Opened, next.By, next.Assignments, next.Configuration)
	if err != nil {
		return next, err
	}
	_, err = d.exec("INSERT INTO job_draft (job, "+draftColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (job) DO UPDATE SET revision = excluded.revision, base = excluded.base, changed = excluded.changed,
			changed_by = excluded.changed_by, assigned = excluded.assigned, configuration = excluded.configuration`,
		d.job.no, next.Revision, next.Base, millis(next.OpenedAt), texts[0], millis(next.At), texts[1], texts[2], texts[3])
	d.record(verb, fieldNames(changed))
	return next, err
}

// mostRecorded is how many fields the audit log names of a change.
const mostRecorded = 10

func fieldNames(all []plan.Difference) string {
	text := ""
	for i, d := range all {
		if i == mostRecorded {
			return text + fmt.Sprintf(", %d more", len(all)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += string(d.Field)
	}
	return text
}

// DropDraft removes a draft. It satisfies operate.Drafts.
func (db *DB) DropDraft(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, revision int64) error {
	err := db.drafted(ctx, by, tenant, id, revision, 2, func(d drafting) error {
		d.record("discarded the draft of", "")
		return d.drop()
	})
	if err != nil {
		return fmt.Errorf("discard the draft of job %s: %w", id, err)
	}
	return nil
}

func (d drafting) drop() error {
	_, err := d.exec("DELETE FROM job_draft WHERE job = $1", d.job.no)
	return err
}

// ApplyDraft puts a draft into force. It satisfies operate.Drafts.
func (db *DB) ApplyDraft(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, revision int64, note string) (v plan.Version, leftOut int, err error) {
	if revision == 0 {
		return v, 0, fmt.Errorf("apply the draft of job %s: %w", id, draftMoved(plan.Draft{}, 1))
	}
	err = db.drafted(ctx, by, tenant, id, revision, 4+plan.MostAssignments, func(d drafting) error {
		v, leftOut, err = d.apply(note)
		return err
	})
	if err != nil {
		return v, 0, fmt.Errorf("apply the draft of job %s: %w", id, err)
	}
	return v, leftOut, nil
}

func (d drafting) apply(note string) (v plan.Version, leftOut int, err error) {
	in, _, err := newestVersion(d.query, d.job.no)
	if err != nil {
		return v, 0, err
	}
	if in != d.was.Base {
		return v, 0, &lockstep.Error{
			Code:   lockstep.CodeDraftBehind,
			Detail: fmt.Sprintf("The draft was made from version %d, and version %d is in force now.", d.was.Base, in),
		}
	}
	v = plan.Version{By: d.by, Note: note}
	for _, a := range d.was.Assignments {
		done, err := d.assign(a)
		if err != nil {
			return v, 0, err
		}
		if !done {
			leftOut++
			continue
		}
		v.Assigned = append(v.Assigned, a)
	}
	v.Assignments = len(v.Assigned)
	next := d.job.Job
	next.Rules, next.Policy = d.was.Configuration.Rules, d.was.Configuration.Policy
	next.Policy.Excluded = d.job.Policy.Excluded
	row, err := textsOf(next)
	if err != nil {
		return v, 0, err
	}
	changed, v, err := d.replaceJob(row, v)
	if err != nil {
		return v, 0, err
	}
	d.record("applied the draft of", fmt.Sprintf("version %d: %s", v.Number, cmp.Or(changed, "assignments")))
	return v, leftOut, d.drop()
}

// assign carries out a change of an assignment. It does nothing, and says so, when there is nobody of whom it speaks.
func (d drafting) assign(a rule.AssignmentChange) (bool, error) {
	c := change{tx: d.tx, tenant: d.job.Tenant, by: d.by}
	rows, err := d.query("SELECT "+assignmentColumns+" FROM assignment WHERE tenant = $1 AND app = $2 AND principal = $3", string(d.job.Tenant), string(d.job.App), a.To)
	there, err := collect(rows, err, scanAssignment)
	if err != nil {
		return false, err
	}
	if a.Gone {
		if len(there) == 0 {
			return false, nil
		}
		return true, c.deleteAssignment(there[0].ID)
	}
	err = c.putAssignment(directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: d.job.App, Kind: directory.Kind(a.Kind), To: a.To, Role: a.Role})
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}
