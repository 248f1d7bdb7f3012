package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"lockstep"
	"lockstep/audit"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
)

// ChangeConnection changes settings and secrets of the job's connection. It satisfies operate.Settings.
func (db *DB) ChangeConnection(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, change func(provision.Connection) (provision.NewConnection, error)) error {
	defer db.secrets.forget()
	err := db.write(ctx, &work{tenant: tenant, rows: 3, wakes: true, run: func(t *tx) error {
		// What failed may go now. It also locks the row: what change is shown stays as it is until this is committed.
		if _, err := t.exec("UPDATE job SET not_before = 0, changed = epoch WHERE tenant = $1 AND id = $2", string(tenant), string(id)); err != nil {
			return err
		}
		j, err := job(t.query, tenant, id)
		if err != nil {
			return err
		}
		next, err := change(j.Connection)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(next.Secrets)) {
			if err := t.setSecret(by, db.seal, j, name, next.Secrets[name]); err != nil {
				return err
			}
		}
		if err := t.setSettings(by, j, next.Settings); err != nil {
			return err
		}
		if next.Moved {
			if j.Direction == provision.Outbound {
				if err := t.unlinkAll(j.no); err != nil {
					return err
				}
				// What a turn that is under way still learns is of the old system: it keeps nothing of it, and lets go of the job when its calls have ended.
				if _, err := t.exec("UPDATE job SET epoch = epoch + 1 WHERE no = $1", j.no); err != nil {
					return err
				}
			}
			return t.forgetMirror(mirror.ID{Tenant: tenant, Connection: id})
		}
		// Neither waits whom it has refused: perhaps it was for what is another by now.
		if _, err := t.exec("UPDATE link SET due = $2 WHERE job = $1 AND code <> '' AND due > $2", j.no, millis(t.at)); err != nil {
			return err
		}
		return t.readAgain(j.no)
	}})
	if err != nil {
		return fmt.Errorf("change the connection of job %s: %w", id, err)
	}
	return nil
}

// SwapSecret keeps a secret of the job's connection if the one that is kept is still was, "" being none, and check finds nothing against the connection
// as it is now. When it is another one the error is lockstep.ErrVersion. It is for what a connection does by itself: it leaves no line in the audit log.
func (db *DB) SwapSecret(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, name, was, next string, check func(provision.Connection) error) error {
	defer db.secrets.forget()
	err := db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		// This locks the row: what is compared stays as it is until this is committed.
		if _, err := t.exec("UPDATE job SET not_before = not_before WHERE tenant = $1 AND id = $2", string(tenant), string(id)); err != nil {
			return err
		}
		j, err := job(t.query, tenant, id)
		if err != nil {
			return err
		}
		if err := check(j.Connection); err != nil {
			return err
		}
		rows, err := t.query("SELECT sealed FROM secret WHERE job = $1 AND name = $2", j.no, name)
		sealed, err := collect(rows, err, scanText)
		if err != nil {
			return err
		}
		kept := ""
		if len(sealed) > 0 {
			if kept, err = db.seal.open(secretPlace(tenant, id, name), sealed[0]); err != nil {
				return err
			}
		}
		if kept != was {
			return lockstep.ErrVersion
		}
		return t.keepSecret(db.seal, j, name, next)
	}})
	if err != nil {
		return fmt.Errorf("keep secret %s of job %s: %w", name, id, err)
	}
	return nil
}

// unlinkAll makes a job forget which objects of its target belong to whom, and what was written to them: the target is another one,
// which has none of it. The next cycle looks for everybody there as the first one did, so whoever is there already is found by the
// matching attributes. Who has left is linked no more; nobody is removed.
func (t *tx) unlinkAll(job int64) error {
	if _, err := t.exec(keepIDs+onceKept, job); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE link SET target = '', matched = '', match_key = '', version = '', disabled = FALSE, code = '', detail = '', attempts = 0,
		due = 0, image = $2, recheck = 0, former = '' WHERE job = $1`, job, document(nil))
	if err == nil {
		_, err = t.exec("UPDATE edge SET written = FALSE, ready = FALSE WHERE job = $1 AND (written OR ready)", job)
	}
	if err == nil {
		_, err = t.exec("DELETE FROM edge WHERE job = $1 AND NOT wanted AND NOT written", job)
	}
	if err == nil {
		err = t.forgetDrift(job)
	}
	return err
}

// setSecret keeps a secret of a job, or removes it when it is empty, with its line in the audit log.
func (t *tx) setSecret(by audit.Actor, seal sealer, j jobRow, name, value string) error {
	if err := t.keepSecret(seal, j, name, value); err != nil {
		return err
	}
	verb := "set secret of"
	if value == "" {
		verb = "removed secret of"
	}
	t.note(audit.Event{Actor: by, Verb: verb, Object: "job", ID: string(j.ID), Name: cmp.Or(j.Name, j.Slug), Detail: name})
	return nil
}

// keepSecret keeps a secret of a job, or removes it when it is empty.
func (t *tx) keepSecret(seal sealer, j jobRow, name, value string) error {
	if value == "" {
		_, err := t.exec("DELETE FROM secret WHERE job = $1 AND name = $2", j.no, name)
		return err
	}
	sealed, err := seal.seal(secretPlace(j.Tenant, j.ID, name), value)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO secret (job, name, sealed) VALUES ($1, $2, $3)
		ON CONFLICT (job, name) DO UPDATE SET sealed = excluded.sealed`, j.no, name, sealed)
	return err
}

// setSettings keeps all settings of a job's connection, if they are others.
func (t *tx) setSettings(by audit.Actor, j jobRow, settings map[string]string) error {
	if maps.Equal(j.Connection.Settings, settings) {
		return nil
	}
	changed := j.Job
	changed.Connection.Settings = settings
	row, err := textsOf(changed)
	if err != nil {
		return err
	}
	detail, _, err := t.replaceJob(row, plan.Version{By: by})
	t.note(audit.Event{Actor: by, Verb: "updated", Object: "job", ID: string(j.ID), Name: cmp.Or(j.Name, j.Slug), Detail: detail})
	return err
}
