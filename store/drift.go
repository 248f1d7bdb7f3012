package store

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/provision"
)

// DriftLook returns what the last look for drift has come to; its Read is zero when there was none. It satisfies provision.Looks.
func (db *DB) DriftLook(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID) (provision.DriftLook, error) {
	rows, err := db.query(ctx, "SELECT read_at, compared, changed, missing, unsure FROM drift WHERE "+ofJob, string(tenant), string(job))
	all, err := collect(rows, err, func(s scanner) (l provision.DriftLook, err error) {
		var at int64
		err = s.Scan(&at, &l.Compared, &l.Changed, &l.Missing, &l.Unsure)
		l.Read = instant(at)
		return l, err
	})
	if err != nil {
		return provision.DriftLook{}, fmt.Errorf("read what a look for drift has come to: %w", err)
	}
	if len(all) == 0 {
		return provision.DriftLook{}, nil
	}
	return all[0], nil
}

// PutDriftLook keeps what a look for drift has come to. It satisfies provision.Looks.
func (db *DB) PutDriftLook(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, l provision.DriftLook) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		j, err := job(t.query, tenant, id)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO drift (job, read_at, compared, changed, missing, unsure) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (job) DO UPDATE SET read_at = excluded.read_at, compared = excluded.compared, changed = excluded.changed,
				missing = excluded.missing, unsure = excluded.unsure`,
			j.no, millis(l.Read), int64(l.Compared), int64(l.Changed+l.More), int64(l.Missing), int64(l.Unsure))
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep what a look for drift has come to: %w", err)
	}
	return nil
}

// forgetDrift is for a job that is gone, or whose application is another one now.
func (t *tx) forgetDrift(job int64) error {
	_, err := t.exec("DELETE FROM drift WHERE job = $1", job)
	return err
}
