package store

import (
	"context"
	"fmt"
	"time"

	"lockstep"
)

// SCIMCall is one request of a SCIM client, as it is remembered.
type SCIMCall struct {
	At     time.Time
	Method string
	Path   string // within the endpoint, without its query
	Status int
	Agent  string // User-Agent
	Type   string // scimType of the answer
	Detail string // of the answer, without secrets
}

// SCIMCalls are the requests of a client that are remembered; one that was not made has no At.
type SCIMCalls struct {
	First, Last SCIMCall // that were served
	Refused     SCIMCall // the last
}

// byKind are the requests by the names that their rows have.
func (c *SCIMCalls) byKind() map[string]*SCIMCall {
	return map[string]*SCIMCall{"first": &c.First, "last": &c.Last, "refused": &c.Refused}
}

// The first is the earliest of all nodes, the others are the latest.
const putSCIMCall = `INSERT INTO scim_call (tenant, token, what, at, method, path, status, agent, type, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
	ON CONFLICT (tenant, token, what) DO UPDATE SET at = excluded.at, method = excluded.method, path = excluded.path, status = excluded.status,
		agent = excluded.agent, type = excluded.type, detail = excluded.detail
	WHERE excluded.what = 'first' AND excluded.at < scim_call.at OR excluded.what <> 'first' AND excluded.at > scim_call.at`

// AddSCIMCalls remembers requests of a client. What comes too late, for a token that is not there or was revoked, is dropped.
func (db *DB) AddSCIMCalls(ctx context.Context, tenant lockstep.TenantID, id lockstep.TokenID, calls SCIMCalls) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		rows, err := t.query("SELECT name FROM token WHERE tenant = $1 AND id = $2 AND revoked = 0", string(tenant), string(id))
		if known, err := collect(rows, err, scanText); err != nil || len(known) == 0 {
			return err
		}
		for what, c := range calls.byKind() {
			if c.At.IsZero() {
				continue
			}
			if _, err := t.exec(putSCIMCall, string(tenant), string(id), what, millis(c.At), c.Method, c.Path, c.Status, c.Agent, c.Type, c.Detail); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("remember requests of token %s: %w", id, err)
	}
	return nil
}

// SCIMCalls returns what is remembered of the tenant's clients.
func (db *DB) SCIMCalls(ctx context.Context, tenant lockstep.TenantID) (map[lockstep.TokenID]SCIMCalls, error) {
	out := map[lockstep.TokenID]SCIMCalls{}
	rows, err := db.query(ctx, "SELECT token, what, at, method, path, status, agent, type, detail FROM scim_call WHERE tenant = $1", string(tenant))
	_, err = collect(rows, err, func(s scanner) (int, error) {
		var id lockstep.TokenID
		var what string
		var c SCIMCall
		var at int64
		err := s.Scan(&id, &what, &at, &c.Method, &c.Path, &c.Status, &c.Agent, &c.Type, &c.Detail)
		c.At = instant(at)
		all := out[id]
		if to := all.byKind()[what]; to != nil {
			*to = c
		}
		out[id] = all
		return 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("read requests of SCIM clients: %w", err)
	}
	return out, nil
}
