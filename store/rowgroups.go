package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/plan"
)

// waitingRows is the condition of the index of rows that wait, word by word.
const waitingRows = "state IN ('planned', 'held')"

// ofGroup is the condition of a group of rows, whose state, kind, type and cause have these places.
func ofGroup(state, kind, typ, cause string) string {
	return " AND " + waitingRows + " AND state = " + state + " AND kind = " + kind + " AND source_type = " + typ + " AND cause = " + cause
}

// group reads rows of one group, in the order of time.
func (s *actionSearch) group(q plan.ActionQuery) error {
	s.where(strings.TrimPrefix(ofGroup("?", "?", "?", "?"), " AND "), string(q.Of.State), string(q.Of.Kind), q.Of.Type, q.Of.Cause)
	if q.Behind != "" {
		s.where("id > ?", string(q.Behind))
	}
	return s.read(s.text+" ORDER BY id", s.args, q.Limit)
}

const (
	eachGroup    = " AND " + waitingRows + " GROUP BY state, kind, source_type, cause"
	countGroups  = "SELECT state, kind, source_type, cause, COUNT(*) FROM action WHERE " + ofJob + " AND state = $3" + eachGroup
	countOutline = "SELECT state, kind, source_type, cause, COUNT(*) FROM action WHERE job = $1 AND state = 'planned'" + eachGroup
	keptGroups   = "SELECT c.outline FROM cycle c JOIN job j ON j.no = c.job AND j.cycle = c.id WHERE j.tenant = $1 AND j.id = $2 AND j.waits AND c.outline <> ''"
)

// WaitingGroups counts rows of the job that wait in a state, by deed and cause. Those of a plan in review were counted when it was made and at each decision
// on it. It satisfies provision.Store.
func (db *DB) WaitingGroups(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, state plan.ActionState) ([]plan.RowGroup, error) {
	if state == plan.Planned {
		rows, err := db.query(ctx, keptGroups, string(tenant), string(job))
		kept, err := collect(rows, err, scanText)
		if err != nil {
			return nil, fmt.Errorf("read what a plan counts: %w", err)
		}
		if len(kept) == 1 {
			var all []plan.RowGroup
			return all, parse(kept[0], &all)
		}
	}
	rows, err := db.query(ctx, countGroups, string(tenant), string(job), string(state))
	all, err := collect(rows, err, scanRowGroup)
	if err != nil {
		return nil, fmt.Errorf("count rows that wait: %w", err)
	}
	return all, nil
}

// CycleGroups counts the rows of a cycle in some states. It satisfies provision.Store.
func (db *DB) CycleGroups(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID, states ...plan.ActionState) ([]plan.RowGroup, error) {
	s := actionSearch{text: "SELECT state, kind, source_type, code, COUNT(*) FROM action WHERE " + ofJob, args: []any{string(tenant), string(job)}}
	s.where("cycle = ?", string(cycle))
	in(&s, "state", states)
	rows, err := db.query(ctx, s.text+" GROUP BY state, kind, source_type, code", s.args...)
	all, err := collect(rows, err, scanRowGroup)
	if err != nil {
		return nil, fmt.Errorf("count rows of a cycle: %w", err)
	}
	return all, nil
}

func scanRowGroup(s scanner) (g plan.RowGroup, err error) {
	return g, s.Scan(&g.State, &g.Kind, &g.Type, &g.Cause, &g.N)
}

// outline counts the rows of a plan in review, and keeps that with its cycle: a plan of a million rows is not counted at each look.
func (t *tx) outline(job int64, cycle lockstep.CycleID) error {
	rows, err := t.query(countOutline, job)
	all, err := collect(rows, err, scanRowGroup)
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE cycle SET outline = $3 WHERE job = $1 AND id = $2", job, string(cycle), plain(slices.Grow(all, 1)))
	return err
}
