package store

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/provision"
)

// mostCounted is up to how much of a kind is counted: a job's state needs no more.
const mostCounted = 10_000

// Each count goes along an index that holds only what is counted, or a job's rows of one state.
const (
	countHeld     = `SELECT count(*) FROM (SELECT 1 FROM action a WHERE a.job = $1 AND a.state = 'held' LIMIT $2) x`
	countRejected = `SELECT count(*) FROM (SELECT 1 FROM action a WHERE a.job = $1 AND a.state = 'rejected'
		AND NOT EXISTS (SELECT 1 FROM action b WHERE b.job = a.job AND b.source_id = a.source_id AND b.source_type = a.source_type AND b.id > a.id) LIMIT $2) x`
	countWaiting = `SELECT count(*) FROM (SELECT 1 FROM edge e WHERE e.job = $1 AND e.ready
		AND NOT EXISTS (SELECT 1 FROM action a WHERE a.job = e.job AND a.source_id = e.from_id AND a.source_type = e.from_type
			AND a.kind = 'refer' AND a.state = 'rejected') LIMIT $2) x`
	countMet     = `SELECT count(*) FROM (SELECT 1 FROM link WHERE job = $1 LIMIT $2) x`
	countFailing = `SELECT code, count(*) FROM link WHERE job = $1 AND code <> '' GROUP BY code`
)

// Standing counts what stands in a job's way or waits. What is more than 10,000 is counted as that.
func (db *DB) Standing(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID) (provision.Standing, error) {
	s := provision.Standing{Codes: map[lockstep.Code]int{}}
	j, err := job(db.asks(ctx), tenant, id)
	if err != nil {
		return s, err
	}
	met := 0
	for _, c := range []struct {
		into *int
		text string
		most int
	}{{&s.Held, countHeld, mostCounted}, {&s.Rejected, countRejected, mostCounted}, {&s.Waiting, countWaiting, mostCounted}, {&met, countMet, 1}} {
		rows, err := db.query(ctx, c.text, j.no, c.most)
		n, err := one(rows, err, scanInt)
		if err != nil {
			return s, fmt.Errorf("count what stands in the way of job %s: %w", id, err)
		}
		*c.into = int(n)
	}
	s.Empty = met == 0
	rows, err := db.query(ctx, countFailing, j.no)
	_, err = collect(rows, err, func(sc scanner) (struct{}, error) {
		var code lockstep.Code
		var n int
		err := sc.Scan(&code, &n)
		s.Codes[code] = n
		return struct{}{}, err
	})
	if err != nil {
		return s, fmt.Errorf("count what fails of job %s: %w", id, err)
	}
	if s.Head, err = db.Head(ctx, tenant); err != nil {
		return s, err
	}
	if s.Drift, err = db.DriftLook(ctx, tenant, id); err != nil {
		return s, err
	}
	last, err := db.Cycles(ctx, tenant, id, 2)
	if err != nil {
		return s, err
	}
	for _, c := range last {
		if !c.EndedAt.IsZero() {
			s.Bad = c.Counts.Bad
			break
		}
	}
	return s, nil
}
