package store

import (
	"context"
	"fmt"
	"strconv"

	"lockstep"
	"lockstep/audit"
)

var insertAudit = bulk{n: 11, text: `INSERT INTO audit (tenant, id, at, actor_kind, actor_id, actor_name, verb, object, object_id, name, detail) VALUES @rows`}

// putAudits inserts the audit rows of the functions that succeeded.
func (t *tx) putAudits(ran []*work) error {
	type row struct {
		tenant lockstep.TenantID
		audit.Event
	}
	var all []row
	for _, x := range ran {
		for _, e := range x.audits {
			all = append(all, row{x.tenant, e})
		}
	}
	_, err := t.bulk(&insertAudit, nil, len(all), func(args []any, i int) []any {
		e := &all[i]
		kind := e.Actor.Kind
		if kind == "" {
			kind = audit.System
		}
		return append(args, string(e.tenant), lockstep.NewID[string](), millis(e.At), string(kind), e.Actor.ID, e.Actor.Name,
			e.Verb, e.Object, e.ID, e.Name, e.Detail)
	})
	return err
}

// AuditQuery selects lines of the audit log, newest first.
type AuditQuery struct {
	ID     string // of the object; "" is any
	Before string // the Row of the last line seen; "" begins with the newest
	Limit  int    // 0 is 100
}

// AuditLine is a line of the audit log with what names it in AuditQuery.Before.
type AuditLine struct {
	Row string
	audit.Event
}

// Audit reads the audit log of a tenant; tenant "" is the installation's own.
func (db *DB) Audit(ctx context.Context, tenant lockstep.TenantID, q AuditQuery) ([]AuditLine, error) {
	text := "SELECT id, at, actor_kind, actor_id, actor_name, verb, object, object_id, name, detail FROM audit WHERE tenant = $1"
	args := []any{string(tenant)}
	if q.ID != "" {
		args = append(args, q.ID)
		text += " AND object_id = $" + strconv.Itoa(len(args))
	}
	if q.Before != "" {
		args = append(args, q.Before)
		text += " AND id < $" + strconv.Itoa(len(args))
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	args = append(args, int64(q.Limit))
	rows, err := db.query(ctx, text+" ORDER BY id DESC LIMIT $"+strconv.Itoa(len(args)), args...)
	lines, err := collect(rows, err, scanAudit)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return lines, nil
}

func scanAudit(s scanner) (l AuditLine, err error) {
	var at int64
	e := &l.Event
	err = s.Scan(&l.Row, &at, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Verb, &e.Object, &e.ID, &e.Name, &e.Detail)
	e.At = instant(at)
	return l, err
}
