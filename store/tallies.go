package store

import (
	"context"
	"fmt"

	"lockstep"
	"lockstep/audit"
	"lockstep/scim/conform"
)

const addTally = `INSERT INTO scim_tally (tenant, token, code, times, first, last, path, seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (tenant, token, code) DO UPDATE SET times = scim_tally.times + excluded.times,
		path = CASE WHEN excluded.last >= scim_tally.last THEN excluded.path ELSE scim_tally.path END,
		seen = CASE WHEN excluded.last >= scim_tally.last THEN excluded.seen ELSE scim_tally.seen END,
		first = CASE WHEN excluded.first < scim_tally.first THEN excluded.first ELSE scim_tally.first END,
		last = CASE WHEN excluded.last > scim_tally.last THEN excluded.last ELSE scim_tally.last END`

// AddTallies adds to how often the holder of a token departed from the RFCs of SCIM. What comes too late, for a token that is not
// there or was revoked, is dropped.
func (db *DB) AddTallies(ctx context.Context, tenant lockstep.TenantID, id lockstep.TokenID, all []conform.Tally) error {
	err := db.write(ctx, &work{tenant: tenant, rows: len(all), run: func(t *tx) error {
		rows, err := t.query("SELECT name FROM token WHERE tenant = $1 AND id = $2 AND revoked = 0", string(tenant), string(id))
		if known, err := collect(rows, err, scanText); err != nil || len(known) == 0 {
			return err
		}
		for _, a := range all {
			_, err := t.exec(addTally, string(tenant), string(id), string(a.Code), a.Times, millis(a.First), millis(a.Last), a.Path, a.Seen)
			if err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("count deviations of token %s: %w", id, err)
	}
	return nil
}

// Tallies returns how the holders of the tenant's tokens departed from the RFCs of SCIM, most often first.
func (db *DB) Tallies(ctx context.Context, tenant lockstep.TenantID) (map[lockstep.TokenID][]conform.Tally, error) {
	out := map[lockstep.TokenID][]conform.Tally{}
	rows, err := db.query(ctx, `SELECT token, code, times, first, last, path, seen FROM scim_tally WHERE tenant = $1
		ORDER BY token, times DESC, code`, string(tenant))
	_, err = collect(rows, err, func(s scanner) (int, error) {
		var id lockstep.TokenID
		var a conform.Tally
		var first, last int64
		err := s.Scan(&id, &a.Code, &a.Times, &first, &last, &a.Path, &a.Seen)
		a.First, a.Last = instant(first), instant(last)
		out[id] = append(out[id], a)
		return 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("read deviations: %w", err)
	}
	return out, nil
}

// ClearTallies begins the count of a token anew.
func (db *DB) ClearTallies(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.TokenID) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		n, err := t.exec("DELETE FROM scim_tally WHERE tenant = $1 AND token = $2", string(tenant), string(id))
		if err != nil || n == 0 {
			return err
		}
		t.note(audit.Event{Actor: by, Verb: "cleared", Object: "report", ID: string(id)})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("clear the deviations of token %s: %w", id, err)
	}
	return nil
}
