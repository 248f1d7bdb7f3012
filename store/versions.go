package store

import (
	"context"
	"encoding/json"
	"fmt"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
)

// mostNamed is how many fields and assignments a version names; more are only counted, or seen by comparing.
const mostNamed = 100

const versionColumns = "number, made, made_by, note, changed, assigned, assignments"

// scanVersion scans a version, with its configuration if that is among the columns.
func scanVersion(whole bool) func(scanner) (plan.Version, error) {
	return func(s scanner) (v plan.Version, err error) {
		var made int64
		var by, changed, assigned, configuration string
		into := []any{&v.Number, &made, &by, &v.Note, &changed, &assigned, &v.Assignments}
		if whole {
			into = append(into, &configuration)
		}
		if err := s.Scan(into...); err != nil {
			return v, err
		}
		v.At = instant(made)
		return v, unmarshalAll([]string{by, changed, assigned, configuration}, &v.By, &v.Changed, &v.Assigned, &v.Configuration)
	}
}

// unmarshalAll reads JSON texts, each into its place. An empty text leaves its place alone.
func unmarshalAll(texts []string, into ...any) error {
	for i, text := range texts {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into[i]); err != nil {
			return err
		}
	}
	return nil
}

// marshalAll is the inverse of unmarshalAll.
func marshalAll(values ...any) ([]string, error) {
	texts := make([]string, len(values))
	for i, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// first is the version 1 of a job that has not been changed since there are versions.
func first(j provision.Job) plan.Version {
	return plan.Version{Number: 1, At: j.Created, Configuration: j.Configuration().Kept()}
}

// newestVersion returns the number of the version in force, and whether it is a row.
func newestVersion(ask asker, job int64) (number int64, kept bool, err error) {
	rows, err := ask("SELECT COALESCE(MAX(number), 0) FROM job_version WHERE job = $1", job)
	number, err = one(rows, err, scanInt)
	return max(number, 1), number > 0, err
}

func (t *tx) putVersion(job int64, v plan.Version) error {
	texts, err := marshalAll(v.By, clipped(v.Changed), clipped(v.Assigned), v.Configuration.Kept())
	if err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO job_version (job, "+versionColumns+", configuration) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		job, v.Number, millis(v.At), texts[0], v.Note, texts[1], texts[2], int64(v.Assignments), texts[3])
	return err
}

func clipped[S ~[]E, E any](all S) S { return all[:min(len(all), mostNamed)] }

// recordVersion keeps what a job has become, if that differs from what it was. was must have been read in this transaction, under the
// lock of the job's row.
func (t *tx) recordVersion(was jobRow, now provision.Job, v plan.Version) (plan.Version, error) {
	differences, err := plan.Differences(was.Configuration(), now.Configuration())
	if err != nil {
		return v, err
	}
	newest, kept, err := newestVersion(t.query, was.no)
	if err != nil || len(differences) == 0 && v.Assignments == 0 {
		v.Number = newest
		return v, err
	}
	if !kept {
		if err := t.putVersion(was.no, first(was.Job)); err != nil {
			return v, err
		}
	}
	for _, d := range differences {
		v.Changed = append(v.Changed, d.Field)
	}
	v.Number, v.At, v.Configuration = newest+1, t.at, now.Configuration().Kept()
	if err := t.putVersion(was.no, v); err != nil {
		return v, err
	}
	_, err = t.exec("DELETE FROM job_version WHERE job = $1 AND number <= $2 AND number NOT IN (SELECT base FROM job_draft WHERE job = $1)",
		was.no, v.Number-plan.VersionsKept)
	return v, err
}

// forgetVersions is for a job that is gone.
func (t *tx) forgetVersions(job int64) error {
	_, err := t.exec("DELETE FROM job_version WHERE job = $1", job)
	if err == nil {
		_, err = t.exec("DELETE FROM job_draft WHERE job = $1", job)
	}
	return err
}

// Versions lists versions. It satisfies operate.Drafts.
func (db *DB) Versions(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, before int64, limit int) ([]plan.Version, error) {
	if limit <= 0 {
		limit = plan.VersionsKept
	}
	rows, err := db.query(ctx, "SELECT "+versionColumns+" FROM job_version WHERE "+ofJob+" AND ($3 = 0 OR number < $3) ORDER BY number DESC LIMIT $4",
		string(tenant), string(id), before, int64(limit))
	all, err := collect(rows, err, scanVersion(false))
	if err == nil && len(all) == 0 && before == 0 {
		var j provision.Job
		if j, err = db.Job(ctx, tenant, id); err == nil {
			all = []plan.Version{first(j)}
			all[0].Configuration = plan.Configuration{}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read versions of job %s: %w", id, err)
	}
	return all, nil
}

// Version returns one version. It satisfies operate.Drafts.
func (db *DB) Version(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, number int64) (plan.Version, error) {
	j, err := job(db.asks(ctx), tenant, id)
	if err != nil {
		return plan.Version{}, err
	}
	v, err := version(db.asks(ctx), j, number)
	if err != nil {
		return v, fmt.Errorf("read version %d of job %s: %w", number, id, err)
	}
	return v, nil
}

// version reads one version of a job, 0 the one in force.
func version(ask asker, j jobRow, number int64) (plan.Version, error) {
	rows, err := ask("SELECT "+versionColumns+", configuration FROM job_version WHERE job = $1 AND ($2 = 0 OR number = $2) ORDER BY number DESC LIMIT 1", j.no, number)
	all, err := collect(rows, err, scanVersion(true))
	if err != nil || len(all) > 0 {
		return append(all, plan.Version{})[0], err
	}
	_, kept, err := newestVersion(ask, j.no)
	if err != nil {
		return plan.Version{}, err
	}
	if kept || number > 1 {
		return plan.Version{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("There is no version %d, or it is kept no longer.", number)}
	}
	return first(j.Job), nil
}
