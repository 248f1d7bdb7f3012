package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
)

var insertAudit = bulk{
	lead: []string{"TEXT", "BIGINT", "TEXT", "TEXT", "TEXT"}, n: 6,
	text: `INSERT INTO audit (tenant, at, actor_kind, actor_id, actor_name, id, verb, object, object_id, name, detail) VALUES @rows`,
}

// auditLead is what the lines of one actor in one transaction have in common.
type auditLead struct {
	tenant lockstep.TenantID
	actor  audit.Actor
}

// putAudits inserts the audit rows of the functions that succeeded.
func (t *tx) putAudits(ran []*work) error {
	var leads []auditLead
	rows := map[auditLead][]AuditLine{}
	for _, x := range ran {
		for _, e := range x.audits {
			lead := auditLead{x.tenant, e.Actor}
			if lead.actor.Kind == "" {
				lead.actor.Kind = audit.System
			}
			if rows[lead] == nil {
				leads = append(leads, lead)
			}
			rows[lead] = append(rows[lead], AuditLine{Row: lockstep.NewID[string](), Event: e}) // the ids order the log
		}
	}
	for _, l := range leads {
		all := rows[l]
		lead := []any{string(l.tenant), millis(t.at), string(l.actor.Kind), l.actor.ID, l.actor.Name}
		_, err := t.bulk(&insertAudit, lead, len(all), func(args []any, i int) []any {
			e := &all[i]
			return append(args, e.Row, e.Verb, e.Object, e.ID, e.Name, e.Detail)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Note keeps an event that belongs to no other change.
func (db *DB) Note(ctx context.Context, tenant lockstep.TenantID, e audit.Event) error {
	err := db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		t.note(e)
		return nil
	}})
	if err != nil {
		return fmt.Errorf("note in the audit log: %w", err)
	}
	return nil
}

// AuditQuery selects lines of the audit log.
type AuditQuery = audit.Query

// AuditLine is a line of the audit log.
type AuditLine = audit.Line

// Audit reads the audit log of a tenant; tenant "" is the installation's own.
func (db *DB) Audit(ctx context.Context, tenant lockstep.TenantID, q AuditQuery) ([]AuditLine, error) {
	text := "SELECT id, at, actor_kind, actor_id, actor_name, verb, object, object_id, name, detail FROM audit WHERE tenant = $1"
	args := []any{string(tenant)}
	if q.ID != "" {
		args = append(args, q.ID)
		text += " AND object_id = $" + strconv.Itoa(len(args))
	}
	where := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		text += " AND " + condition
	}
	if q.Object != "" {
		where("object = ?", q.Object)
	}
	if q.Who != "" {
		where(`(LOWER(actor_name) LIKE ? ESCAPE '\' OR actor_id = ?)`, "%"+escapeLike(strings.ToLower(q.Who))+"%", q.Who)
	}
	if q.Text != "" {
		var ways []string
		var parts []any
		for _, t := range append([]string{q.Text}, q.Also...) {
			part := "%" + escapeLike(strings.ToLower(t)) + "%"
			ways, parts = append(ways, `LOWER(name) LIKE ? ESCAPE '\' OR LOWER(verb) LIKE ? ESCAPE '\' OR LOWER(detail) LIKE ? ESCAPE '\'`), append(parts, part, part, part)
		}
		where("("+strings.Join(ways, " OR ")+")", parts...)
	}
	if !q.Since.IsZero() {
		where("at >= ? AND id >= ?", millis(q.Since), idFloor(q.Since))
	}
	if !q.Until.IsZero() {
		where("at < ?", millis(q.Until))
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

// idFloor is an id that is smaller than any made at the instant or later, with room for clocks that disagree: ids begin with the
// milliseconds at which they were made (RFC 9562 §5.7), so that a search since an instant reads no older rows.
func idFloor(t time.Time) string {
	n := max(t.Add(-48*time.Hour).UnixMilli(), 0)
	return fmt.Sprintf("%08x-%04x-", n>>16, n&0xffff)
}

func scanAudit(s scanner) (l AuditLine, err error) {
	var at int64
	e := &l.Event
	err = s.Scan(&l.Row, &at, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Verb, &e.Object, &e.ID, &e.Name, &e.Detail)
	e.At = instant(at)
	return l, err
}
