package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/notify"
)

// Notify is the database as notify sees it: its Records and its Outbox.
type Notify struct{ *DB }

var (
	_ notify.Records = Notify{}
	_ notify.Outbox  = Notify{}
)

// Notify returns the database as notify sees it.
func (db *DB) Notify() Notify { return Notify{db} }

// The secrets of notifications are bound to where they go: a database in which somebody has changed the server does not open them.
func notifyPlace(t lockstep.TenantID, s notify.Settings, name string) place {
	to := s.Hook
	if name == notify.Password {
		to = s.Mail.Destination()
	}
	return place{tenant: t, table: "notify_settings", column: name, row: to}
}

// notifyRow is the settings as they are kept.
type notifyRow struct {
	notify.Settings
	password, hook string
}

func scanNotify(s scanner) (r notifyRow, err error) {
	var doc string
	var version int64
	if err := s.Scan(&version, &doc, &r.password, &r.hook); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(doc), &r.Settings); err != nil {
		return r, fmt.Errorf("read the settings of notifications: %w", err)
	}
	r.Version = version
	if r.password != "" {
		r.Given = append(r.Given, notify.Password)
	}
	if r.hook != "" {
		r.Given = append(r.Given, notify.HookSecret)
	}
	return r, nil
}

func readNotify(ask asker, t lockstep.TenantID) (notifyRow, error) {
	rows, err := ask("SELECT version, doc, password, hook FROM notify_settings WHERE tenant = $1", string(t))
	r, err := one(rows, err, scanNotify)
	if errors.Is(err, sql.ErrNoRows) {
		return notifyRow{}, nil
	}
	return r, err
}

// Settings implements notify.Records.
func (n Notify) Settings(ctx context.Context, t lockstep.TenantID) (notify.Settings, error) {
	r, err := readNotify(n.asks(ctx), t)
	return r.Settings, err
}

// ChangeSettings implements notify.Records. It looks for news at once when there is a way to tell anybody.
func (n Notify) ChangeSettings(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, change func(notify.Settings) (notify.Change, error)) error {
	err := n.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(tenant); err != nil {
			return err
		}
		was, err := readNotify(t.query, tenant)
		if err != nil {
			return err
		}
		next, err := change(was.Settings)
		if err != nil {
			return err
		}
		row, err := n.sealedNotify(tenant, was, next)
		if err != nil {
			return err
		}
		return t.putNotify(by, tenant, was, row)
	}})
	if err != nil {
		return fmt.Errorf("change the settings of notifications: %w", err)
	}
	return nil
}

// sealedNotify returns the settings with their secrets sealed for where they go now. A secret that stays is opened for where it went.
func (n Notify) sealedNotify(t lockstep.TenantID, was notifyRow, next notify.Change) (notifyRow, error) {
	row := notifyRow{Settings: next.Settings}
	for _, s := range []struct {
		name string
		was  string
		next *string
		into *string
	}{{notify.Password, was.password, next.Password, &row.password}, {notify.HookSecret, was.hook, next.Hook, &row.hook}} {
		from, to := notifyPlace(t, was.Settings, s.name), notifyPlace(t, next.Settings, s.name)
		switch {
		case s.next == nil && from != to && s.was != "":
			return row, &lockstep.Error{Code: lockstep.CodeSecretsAgain, Detail: "The secret “" + s.name + "” was meant for where it goes now."}
		case s.next == nil:
			*s.into = s.was
		case *s.next != "":
			sealed, err := n.seal.seal(to, *s.next)
			if err != nil {
				return row, err
			}
			*s.into = sealed
		}
	}
	return row, nil
}

const putNotify = `INSERT INTO notify_settings (tenant, version, doc, password, hook, look) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, doc = excluded.doc, password = excluded.password, hook = excluded.hook,
		look = excluded.look`

func (t *tx) putNotify(by audit.Actor, tenant lockstep.TenantID, was, row notifyRow) error {
	doc, err := json.Marshal(row.Settings)
	if err != nil {
		return err
	}
	look := int64(0)
	if row.On() {
		look = millis(t.at)
	}
	if _, err := t.exec(putNotify, string(tenant), was.Version+1, string(doc), row.password, row.hook, look); err != nil {
		return err
	}
	// What waits because of the settings of before is tried with the new ones.
	if _, err := t.exec("UPDATE notify_message SET due = $2 WHERE tenant = $1 AND due > $2", string(tenant), millis(t.at)); err != nil {
		return err
	}
	t.note(audit.Event{Actor: by, Verb: "updated", Object: "notifications", ID: string(tenant), Detail: notifyDetail(was, row)})
	return nil
}

// notifyDetail names where messages go now, and that a secret was set.
func notifyDetail(was, row notifyRow) string {
	detail := "mail server " + orNone(row.Mail.Host) + ", webhook " + orNone(row.Hook)
	if was.password != row.password || was.hook != row.hook {
		detail += ", secret set"
	}
	return detail
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Secrets implements notify.Records.
func (n Notify) Secrets(ctx context.Context, t lockstep.TenantID, s notify.Settings) (notify.Secrets, error) {
	r, err := readNotify(n.asks(ctx), t)
	if err != nil {
		return notify.Secrets{}, err
	}
	var out notify.Secrets
	for _, one := range []struct {
		name, sealed string
		into         *string
	}{{notify.Password, r.password, &out.Password}, {notify.HookSecret, r.hook, &out.Hook}} {
		if one.sealed == "" {
			continue
		}
		if *one.into, err = n.seal.open(notifyPlace(t, s, one.name), one.sealed); err != nil {
			return notify.Secrets{}, fmt.Errorf("open the secret %s of notifications: %w", one.name, err)
		}
	}
	return out, nil
}

// Rules implements notify.Records.
func (n Notify) Rules(ctx context.Context, t lockstep.TenantID) (map[lockstep.JobID]notify.Rule, error) {
	all := map[lockstep.JobID]notify.Rule{}
	rows, err := n.query(ctx, "SELECT job, doc FROM notify_rule WHERE tenant = $1", string(t))
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		var job, doc string
		var r notify.Rule
		err := s.Scan(&job, &doc)
		if err == nil {
			err = json.Unmarshal([]byte(doc), &r)
		}
		all[lockstep.JobID(job)] = r
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read who is told: %w", err)
	}
	return all, nil
}

// ChangeRule implements notify.Records.
func (n Notify) ChangeRule(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id lockstep.JobID, change func(notify.Rule) (notify.Rule, error)) (r notify.Rule, err error) {
	err = n.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		j, err := t.own(tenant, id)
		if err != nil {
			return err
		}
		if r, err = ruleOf(t, tenant, id); err != nil {
			return err
		}
		if r, err = change(r); err != nil {
			return err
		}
		doc, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO notify_rule (tenant, job, doc) VALUES ($1, $2, $3) ON CONFLICT (tenant, job) DO UPDATE SET doc = excluded.doc`,
			string(tenant), string(id), string(doc))
		detail := "no mail when a failure occurs"
		if r.Failures {
			detail = "a mail when a failure occurs"
		}
		t.note(audit.Event{Actor: by, Verb: "updated", Object: "notifications", ID: string(id), Name: cmp.Or(j.Name, j.Slug), Detail: detail})
		return err
	}})
	if err != nil {
		return notify.Rule{}, fmt.Errorf("keep who is told of job %s: %w", id, err)
	}
	return r, nil
}

// ruleOf returns the rule of a job as it is in the transaction.
func ruleOf(t *tx, tenant lockstep.TenantID, id lockstep.JobID) (r notify.Rule, err error) {
	rows, err := t.query("SELECT doc FROM notify_rule WHERE tenant = $1 AND job = $2", string(tenant), string(id))
	docs, err := collect(rows, err, scanText)
	if err != nil || len(docs) == 0 {
		return r, err
	}
	return r, json.Unmarshal([]byte(docs[0]), &r)
}

// forgetNotify removes what notifications know of a job that is deleted.
func (t *tx) forgetNotify(tenant lockstep.TenantID, id lockstep.JobID) error {
	for _, table := range []string{"notify_rule", "notify_cause"} {
		if _, err := t.exec("DELETE FROM "+table+" WHERE tenant = $1 AND job = $2", string(tenant), string(id)); err != nil {
			return err
		}
	}
	return nil
}

// DueTenants implements notify.Outbox.
func (n Notify) DueTenants(ctx context.Context, now time.Time) ([]lockstep.TenantID, error) {
	rows, err := n.query(ctx, `SELECT tenant FROM notify_settings WHERE look > 0 AND look <= $1
		UNION SELECT tenant FROM notify_message WHERE due > 0 AND due <= $1`, millis(now))
	all, err := collect(rows, err, scanText)
	out := make([]lockstep.TenantID, len(all))
	for i, t := range all {
		out[i] = lockstep.TenantID(t)
	}
	return out, err
}

// Memory implements notify.Outbox.
func (n Notify) Memory(ctx context.Context, t lockstep.TenantID) ([]notify.Remembered, time.Time, error) {
	rows, err := n.query(ctx, "SELECT look FROM notify_settings WHERE tenant = $1", string(t))
	look, err := one(rows, err, scanInt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	rows, err = n.query(ctx, "SELECT job, kind, name, since, told, ended FROM notify_cause WHERE tenant = $1 ORDER BY job, kind, name", string(t))
	all, err := collect(rows, err, func(s scanner) (r notify.Remembered, err error) {
		var since, told, ended int64
		err = s.Scan(&r.Job, &r.Kind, &r.Name, &since, &told, &ended)
		r.Since, r.Told, r.Ended = instant(since), instant(told), instant(ended)
		return r, err
	})
	return all, instant(int64(look)), err
}

// keepMessages is how long a message that has ended is kept.
const keepMessages = 30 * 24 * time.Hour

// Tell implements notify.Outbox. It also deletes old messages.
func (n Notify) Tell(ctx context.Context, tenant lockstep.TenantID, memory []notify.Remembered, messages []notify.Message, next time.Time) error {
	err := n.write(ctx, &work{tenant: tenant, rows: 2 + len(memory) + len(messages), run: func(t *tx) error {
		if _, err := t.exec("DELETE FROM notify_cause WHERE tenant = $1", string(tenant)); err != nil {
			return err
		}
		for _, r := range memory {
			if _, err := t.exec("INSERT INTO notify_cause (tenant, job, kind, name, since, told, ended) VALUES ($1, $2, $3, $4, $5, $6, $7)",
				string(tenant), string(r.Job), string(r.Kind), r.Name, millis(r.Since), millis(r.Told), millis(r.Ended)); err != nil {
				return err
			}
		}
		for _, m := range messages {
			if err := t.putMessage(tenant, m); err != nil {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM notify_message WHERE tenant = $1 AND ended > 0 AND ended < $2", string(tenant), millis(t.at.Add(-keepMessages))); err != nil {
			return err
		}
		_, err := t.exec("UPDATE notify_settings SET look = $2 WHERE tenant = $1 AND look > 0", string(tenant), millis(next))
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep what is told: %w", err)
	}
	return nil
}

func (t *tx) putMessage(tenant lockstep.TenantID, m notify.Message) error {
	_, err := t.exec(`INSERT INTO notify_message (tenant, id, job, outlet, recipient, subject, body, created, due, tries, state, code, detail, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '', 0)`, string(tenant), string(m.ID), string(m.Job), string(m.Outlet), m.To,
		m.Subject, m.Text, millis(m.Created), millis(m.Due), m.Tries, string(m.State))
	return err
}

const messageColumns = "id, job, outlet, recipient, subject, body, created, due, tries, state, code, detail, ended"

func scanMessage(s scanner) (m notify.Message, err error) {
	var created, due, ended int64
	err = s.Scan(&m.ID, &m.Job, &m.Outlet, &m.To, &m.Subject, &m.Text, &created, &due, &m.Tries, &m.State, &m.Code, &m.Detail, &ended)
	m.Created, m.Due, m.Ended = instant(created), instant(due), instant(ended)
	return m, err
}

// WaitingMessages implements notify.Outbox.
func (n Notify) WaitingMessages(ctx context.Context, t lockstep.TenantID, now time.Time, limit int) ([]notify.Message, error) {
	rows, err := n.query(ctx, "SELECT "+messageColumns+" FROM notify_message WHERE tenant = $1 AND due > 0 AND due <= $2 ORDER BY due, id LIMIT $3",
		string(t), millis(now), limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read what is to be sent: %w", err)
	}
	return all, nil
}

// Settle implements notify.Outbox.
func (n Notify) Settle(ctx context.Context, tenant lockstep.TenantID, m notify.Message, due time.Time, o notify.Outcome) error {
	next := millis(due)
	if o.State != notify.Waiting {
		next = 0
	}
	err := n.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		_, err := t.exec(`UPDATE notify_message SET due = $4, tries = tries + 1, state = $5, code = $6, detail = $7, ended = $8
			WHERE tenant = $1 AND id = $2 AND tries = $3 AND ended = 0`,
			string(tenant), string(m.ID), m.Tries, next, string(o.State), string(o.Code), o.Detail, millis(o.Ended))
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep what became of message %s: %w", m.ID, err)
	}
	return nil
}

// Messages implements notify.Outbox.
func (n Notify) Messages(ctx context.Context, t lockstep.TenantID, limit int) ([]notify.Message, error) {
	rows, err := n.query(ctx, "SELECT "+messageColumns+" FROM notify_message WHERE tenant = $1 ORDER BY id DESC LIMIT $2", string(t), limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return all, nil
}
