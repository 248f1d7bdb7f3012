package store

import (
	"context"
	"fmt"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
)

// signedOut notes in the transaction that raises a user's epoch that whoever is signed in as them no longer is, if anybody is. What
// that means for applications is worked out afterwards (spread).
func (c *change) signedOut(user, why string) error {
	n, err := c.exec(`INSERT INTO sso_ending (tenant, id, user_id, why, at, spread, settled) SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), FALSE, 0
		WHERE EXISTS (SELECT 1 FROM sso_session s WHERE s.tenant = $1 AND s.user_id = $3 AND s.ended = 0)
		OR EXISTS (SELECT 1 FROM sso_grant g WHERE g.tenant = $1 AND g.user_id = $3 AND g.ended = 0)`,
		string(c.tenant), lockstep.NewID[string](), user, why, millis(c.at))
	if n > 0 {
		c.work.wakes = true
	}
	return err
}

// endSSO ends sessions and grants and notes which clients are to be told. It returns how many it ended.
func (t *tx) endSSO(tenant lockstep.TenantID, who sso.Who, why string) (int, error) {
	sessions, grants, args, err := selected(tenant, who)
	if err != nil {
		return 0, err
	}
	rows, err := t.query("SELECT user_id FROM sso_session s WHERE s.tenant = $1 AND s.ended = 0 AND "+sessions+
		" UNION SELECT user_id FROM sso_grant g WHERE g.tenant = $1 AND g.ended = 0 AND "+grants, args...)
	users, err := collect(rows, err, scanText)
	if err != nil || len(users) == 0 {
		return 0, err
	}
	if who.Grant != "" || who.Client != "" { // the session goes on, so there is nothing to be told
		n, err := t.exec(fmt.Sprintf("UPDATE sso_grant AS g SET ended = $%d WHERE g.tenant = $1 AND g.ended = 0 AND %s", len(args)+1, grants), append(args, millis(t.at))...)
		return int(n), err
	}
	ending := lockstep.NewID[string]()
	_, err = t.exec("INSERT INTO sso_ending (tenant, id, user_id, why, at, spread, settled) VALUES ($1, $2, $3, $4, $5, TRUE, 0)",
		string(tenant), ending, users[0], why, millis(t.at))
	if err != nil {
		return 0, err
	}
	return t.endSelected(tenant, ending, millis(t.at), sessions, grants, args)
}

// endSelected ends what two conditions select, and has the clients that have something to end told for an ending.
func (t *tx) endSelected(tenant lockstep.TenantID, ending string, at int64, sessions, grants string, args []any) (int, error) {
	n := len(args)
	text := fmt.Sprintf(`INSERT INTO sso_notice (tenant, ending, client, session, user_id, at, due, tries, told, unsettled, error)
		SELECT DISTINCT g.tenant, $%d, g.client, g.session, g.user_id, CAST($%d AS BIGINT), CAST($%d AS BIGINT), 0, 0, TRUE, ''
		FROM sso_grant g JOIN sso_client c ON c.tenant = g.tenant AND c.id = g.client AND c.logout_uri <> ''
		WHERE g.tenant = $1 AND g.code_used > 0 AND g.noticed = FALSE AND %s`, n+1, n+2, n+2, grants)
	told, err := t.exec(text, append(args[:n:n], ending, at)...)
	if err != nil {
		return 0, err
	}
	ended, err := t.exec(fmt.Sprintf("UPDATE sso_grant AS g SET ended = CASE WHEN ended = 0 THEN $%d ELSE ended END, noticed = TRUE WHERE g.tenant = $1 AND (g.ended = 0 OR g.noticed = FALSE) AND %s", n+1, grants),
		append(args[:n:n], at)...)
	if err != nil {
		return 0, err
	}
	more, err := t.exec(fmt.Sprintf("UPDATE sso_session AS s SET ended = $%d WHERE s.tenant = $1 AND s.ended = 0 AND %s", n+1, sessions), append(args[:n:n], at)...)
	if err != nil {
		return 0, err
	}
	if told == 0 { // there is nobody to tell
		_, err = t.exec("UPDATE sso_ending SET settled = $3 WHERE tenant = $1 AND id = $2", string(tenant), ending, at)
	}
	t.work.wakes = t.work.wakes || told > 0
	return int(ended + more), err
}

// selected returns conditions on sessions s and grants g, each of which names every argument. Grants go with their sessions. (The
// CASTs stand for no session at all.)
func selected(tenant lockstep.TenantID, who sso.Who) (sessions, grants string, args []any, err error) {
	args = []any{string(tenant)}
	switch {
	case who.Grant != "":
		return "CAST($2 AS TEXT) = ''", "g.id = $2", append(args, string(who.Grant)), nil
	case who.Session != "":
		return "s.id = $2", "g.session = $2", append(args, string(who.Session)), nil
	case who.Provider != "" && who.Upstream != "":
		return "s.provider = $2 AND s.upstream_sid = $3", "g.session IN (SELECT id FROM sso_session WHERE tenant = $1 AND provider = $2 AND upstream_sid = $3)",
			append(args, string(who.Provider), who.Upstream), nil
	case who.Provider != "":
		return "s.provider = $2", "g.session IN (SELECT id FROM sso_session WHERE tenant = $1 AND provider = $2)", append(args, string(who.Provider)), nil
	case who.User != "" && who.Client != "":
		return "CAST($2 AS TEXT) = '' AND CAST($3 AS TEXT) = ''", "g.user_id = $2 AND g.client = $3", append(args, string(who.User), string(who.Client)), nil
	case who.User != "":
		return "s.user_id = $2", "g.user_id = $2", append(args, string(who.User)), nil
	}
	return "", "", nil, invalid("Say whose sessions are to end.")
}

// outlived are conditions on what a user holds whose epoch has passed.
const (
	outlivedSessions = "s.user_id = $2 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.tenant = s.tenant AND u.id = s.user_id AND u.auth_epoch = s.auth_epoch)"
	outlivedGrants   = "g.user_id = $2 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.tenant = g.tenant AND u.id = g.user_id AND u.auth_epoch = g.auth_epoch)"
)

// spread makes notices of the endings that the directory wrote.
func (s SSO) spread(ctx context.Context, tenant lockstep.TenantID) error {
	return s.write(ctx, &work{tenant: tenant, rows: gatherRows + 1, run: func(t *tx) error {
		rows, err := t.query("UPDATE sso_ending SET spread = TRUE WHERE tenant = $1 AND id IN (SELECT id FROM sso_ending WHERE tenant = $1 AND spread = FALSE ORDER BY id LIMIT 50) RETURNING id, user_id, at",
			string(tenant))
		type ending struct {
			id, user string
			at       int64
		}
		all, err := collect(rows, err, func(row scanner) (e ending, err error) { return e, row.Scan(&e.id, &e.user, &e.at) })
		if err != nil {
			return err
		}
		for _, e := range all {
			if _, err := t.endSelected(tenant, e.id, e.at, outlivedSessions, outlivedGrants, []any{string(tenant), e.user}); err != nil {
				return err
			}
		}
		return nil
	}})
}

const noticeColumns = "ending, client, session, user_id, at, due, tries, told, unsettled, error"

func scanNotice(t lockstep.TenantID) func(scanner) (sso.Notice, error) {
	return func(row scanner) (n sso.Notice, err error) {
		var at, due, told int64
		var unsettled bool
		n.Tenant = t
		err = row.Scan(&n.Ending, &n.Client, &n.Session, &n.User, &at, &due, &n.Tries, &told, &unsettled, &n.Error)
		n.At, n.Due, n.Told, n.GivenUp = instant(at), instant(due), instant(told), !unsettled && told == 0
		return n, err
	}
}

// Notices implements sso.Records.
func (s SSO) Notices(ctx context.Context, hold time.Duration, limit int) ([]sso.Notice, error) {
	rows, err := s.query(ctx, "SELECT DISTINCT tenant FROM sso_ending WHERE spread = FALSE")
	tenants, err := collect(rows, err, scanText)
	if err != nil {
		return nil, fmt.Errorf("read endings: %w", err)
	}
	for _, t := range tenants {
		if err := s.spread(ctx, lockstep.TenantID(t)); err != nil {
			return nil, fmt.Errorf("end sessions: %w", err)
		}
	}
	now := s.now()
	rows, err = s.query(ctx, "SELECT DISTINCT tenant FROM sso_notice WHERE unsettled = TRUE AND due <= $1", millis(now))
	if tenants, err = collect(rows, err, scanText); err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	var all []sso.Notice
	for _, name := range tenants {
		tenant := lockstep.TenantID(name)
		var taken []sso.Notice
		err := s.write(ctx, &work{tenant: tenant, rows: gatherRows, run: func(t *tx) error {
			rows, err := t.query(`UPDATE sso_notice SET due = $3, tries = tries + 1 WHERE tenant = $1 AND unsettled = TRUE AND due <= $2 AND (ending, client, session) IN
				(SELECT ending, client, session FROM sso_notice WHERE tenant = $1 AND unsettled = TRUE AND due <= $2 ORDER BY due LIMIT $4) RETURNING `+noticeColumns,
				name, millis(now), millis(now.Add(hold)), int64(limit))
			taken, err = collect(rows, err, scanNotice(tenant))
			return err
		}})
		if err != nil {
			return nil, fmt.Errorf("take notices: %w", err)
		}
		all = append(all, taken...)
	}
	return all, nil
}

// SettleNotice implements sso.Records. With the last notice of an ending one line of the audit log reports of all.
func (s SSO) SettleNotice(ctx context.Context, n sso.Notice) error {
	err := s.write(ctx, &work{tenant: n.Tenant, rows: 2, run: func(t *tx) error {
		open := n.Told.IsZero() && !n.GivenUp
		_, err := t.exec(`UPDATE sso_notice SET due = $5, told = $6, unsettled = $7, error = $8 WHERE tenant = $1 AND ending = $2 AND client = $3 AND session = $4 AND unsettled = TRUE`,
			string(n.Tenant), string(n.Ending), string(n.Client), string(n.Session), millis(n.Due), millis(n.Told), open, clipTo(n.Error, 500))
		if err != nil || open {
			return err
		}
		return t.settleEnding(n.Tenant, n.Ending)
	}})
	if err != nil {
		return fmt.Errorf("keep how an application was told: %w", err)
	}
	return nil
}

func (t *tx) settleEnding(tenant lockstep.TenantID, id sso.EndingID) error {
	n, err := t.exec(`UPDATE sso_ending SET settled = $3 WHERE tenant = $1 AND id = $2 AND settled = 0
		AND NOT EXISTS (SELECT 1 FROM sso_notice WHERE tenant = $1 AND ending = $2 AND unsettled = TRUE)`, string(tenant), string(id), millis(t.at))
	if err != nil || n == 0 {
		return err
	}
	rows, err := t.query("SELECT user_id, why, at FROM sso_ending WHERE tenant = $1 AND id = $2", string(tenant), string(id))
	e, err := one(rows, err, func(row scanner) (e sso.Ending, err error) {
		var at int64
		err = row.Scan(&e.User, &e.Why, &at)
		e.At = instant(at)
		return e, err
	})
	if err != nil {
		return err
	}
	rows, err = t.query("SELECT "+noticeColumns+" FROM sso_notice WHERE tenant = $1 AND ending = $2 ORDER BY client, session", string(tenant), string(id))
	if e.Notices, err = collect(rows, err, scanNotice(tenant)); err != nil {
		return err
	}
	t.note(audit.Event{Verb: "told applications of", Object: "sign-out", ID: string(id), Name: string(e.User), Detail: e.Report()})
	return nil
}

// clipTo shortens a text.
func clipTo(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// Endings implements sso.Records.
func (s SSO) Endings(ctx context.Context, tenant lockstep.TenantID, limit int) ([]sso.Ending, error) {
	rows, err := s.query(ctx, "SELECT id, user_id, why, at, settled FROM sso_ending WHERE tenant = $1 ORDER BY id DESC LIMIT $2", string(tenant), int64(limit))
	all, err := collect(rows, err, func(row scanner) (e sso.Ending, err error) {
		var at, settled int64
		err = row.Scan(&e.ID, &e.User, &e.Why, &at, &settled)
		e.At, e.Settled = instant(at), instant(settled)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read endings: %w", err)
	}
	for i := range all {
		rows, err := s.query(ctx, "SELECT "+noticeColumns+" FROM sso_notice WHERE tenant = $1 AND ending = $2 ORDER BY client, session", string(tenant), string(all[i].ID))
		if all[i].Notices, err = collect(rows, err, scanNotice(tenant)); err != nil {
			return nil, fmt.Errorf("read notices: %w", err)
		}
	}
	return all, nil
}
