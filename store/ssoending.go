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

// providerEnds notes in the transaction that disables or removes a provider that whoever was let in by it no longer is, if anybody was. What
// that means, for applications too, is worked out afterwards (spread).
func (t *tx) providerEnds(tenant lockstep.TenantID, id sso.ProviderID, why string) error {
	n, err := t.exec(`INSERT INTO sso_ending (tenant, id, user_id, provider, why, at, spread, settled) SELECT $1, $2, '', $3, $4, CAST($5 AS BIGINT), FALSE, 0
		WHERE EXISTS (SELECT 1 FROM sso_session s WHERE s.tenant = $1 AND s.provider = $3 AND s.ended = 0)
		OR EXISTS (SELECT 1 FROM sso_grant g WHERE g.tenant = $1 AND g.provider = $3 AND g.ended = 0)
		OR EXISTS (SELECT 1 FROM sso_link l WHERE l.tenant = $1 AND l.provider = $3)`,
		string(tenant), lockstep.NewID[string](), string(id), why, millis(t.at))
	t.work.wakes = t.work.wakes || n > 0
	return err
}

// endedPage is how many grants and sessions each end in one transaction. It is few enough that nobody waits long.
const endedPage = 200

// ended is what one transaction has ended.
type ended struct {
	n    int
	told int64 // how many clients are to be told
	more bool  // there are more of them
}

// endSSO ends a page of sessions and grants and notes which clients are to be told.
func (t *tx) endSSO(tenant lockstep.TenantID, who sso.Who, why string) (ended, error) {
	what, err := selected(tenant, who)
	if err != nil {
		return ended{}, err
	}
	rows, err := t.query("SELECT user_id FROM sso_session s WHERE s.tenant = $1 AND s.ended = 0 AND "+what.sessions+
		" UNION SELECT user_id FROM sso_grant g WHERE g.tenant = $1 AND g.ended = 0 AND "+what.grants+" LIMIT 1", what.args...)
	users, err := collect(rows, err, scanText)
	if err != nil || len(users) == 0 {
		return ended{}, err
	}
	if who.Grant != "" || who.Client != "" { // the session goes on, so there is nothing to be told
		n := len(what.args)
		done, err := t.exec(fmt.Sprintf("UPDATE sso_grant SET ended = $%d WHERE tenant = $1 AND id IN (SELECT g.id FROM sso_grant g WHERE g.tenant = $1 AND g.ended = 0 AND %s LIMIT %d)",
			n+1, what.grants, endedPage), append(what.args[:n:n], millis(t.at))...)
		return ended{n: int(done), more: done == endedPage}, err
	}
	ending := lockstep.NewID[string]()
	_, err = t.exec("INSERT INTO sso_ending (tenant, id, user_id, why, at, spread, settled) VALUES ($1, $2, $3, $4, $5, TRUE, 0)",
		string(tenant), ending, users[0], why, millis(t.at))
	if err != nil {
		return ended{}, err
	}
	p, err := t.endPage(tenant, ending, millis(t.at), what)
	if err == nil && p.told == 0 { // there is nobody to tell
		_, err = t.exec("UPDATE sso_ending SET settled = $3 WHERE tenant = $1 AND id = $2", string(tenant), ending, millis(t.at))
	}
	return p, err
}

// endable are conditions on sessions s and grants g, each of which names every argument; the first is the tenant.
type endable struct {
	sessions, grants string
	args             []any
	person           bool // it is all of a person's
}

// endPage ends a page of what is selected, and has the clients that have something to end told for an ending.
func (t *tx) endPage(tenant lockstep.TenantID, ending string, at int64, what endable) (p ended, err error) {
	n := len(what.args)
	page := fmt.Sprintf("(SELECT g.id FROM sso_grant g WHERE g.tenant = $1 AND (g.ended = 0 OR g.noticed = FALSE) AND %s ORDER BY g.id LIMIT %d)", what.grants, endedPage)
	p.told, err = t.exec(fmt.Sprintf(`INSERT INTO sso_notice (tenant, ending, client, session, user_id, at, due, tries, told, unsettled, error)
		SELECT DISTINCT g.tenant, $%d, g.client, g.session, g.user_id, CAST($%d AS BIGINT), CAST($%d AS BIGINT), 0, 0, TRUE, ''
		FROM sso_grant g JOIN sso_client c ON c.tenant = g.tenant AND c.id = g.client AND c.logout_uri <> ''
		WHERE g.tenant = $1 AND g.code_used > 0 AND g.noticed = FALSE AND g.id IN %s
		ON CONFLICT (tenant, ending, client, session) DO NOTHING`, n+1, n+2, n+2, page), append(what.args[:n:n], ending, at)...)
	if err != nil {
		return p, err
	}
	if what.person {
		n, err := t.exec(fmt.Sprintf(`INSERT INTO sso_notice (tenant, ending, client, session, user_id, at, due, tries, told, unsettled, error)
			SELECT DISTINCT g.tenant, $%d, g.client, '', g.user_id, CAST($%d AS BIGINT), CAST($%d AS BIGINT), 0, 0, TRUE, ''
			FROM sso_grant g JOIN sso_client c ON c.tenant = g.tenant AND c.id = g.client AND c.revocation_uri <> ''
			WHERE g.tenant = $1 AND g.code_used > 0 AND g.noticed = FALSE AND g.id IN %s
			ON CONFLICT (tenant, ending, client, session) DO NOTHING`, n+1, n+2, n+2, page), append(what.args[:n:n], ending, at)...)
		if p.told += n; err != nil {
			return p, err
		}
	}
	grants, err := t.exec(fmt.Sprintf("UPDATE sso_grant SET ended = CASE WHEN ended = 0 THEN $%d ELSE ended END, noticed = TRUE WHERE tenant = $1 AND id IN %s", n+1, page),
		append(what.args[:n:n], at)...)
	if err != nil {
		return p, err
	}
	sessions, err := t.exec(fmt.Sprintf("UPDATE sso_session SET ended = $%d WHERE tenant = $1 AND id IN (SELECT s.id FROM sso_session s WHERE s.tenant = $1 AND s.ended = 0 AND %s LIMIT %d)",
		n+1, what.sessions, endedPage), append(what.args[:n:n], at)...)
	p.n, p.more = int(grants+sessions), grants == endedPage || sessions == endedPage
	t.work.wakes = t.work.wakes || p.told > 0
	return p, err
}

// selected returns the conditions for who is to end. Grants go with their sessions. (The CASTs stand for no session at all.)
func selected(tenant lockstep.TenantID, who sso.Who) (endable, error) {
	args := []any{string(tenant)}
	upstream := func(which string, more ...string) (endable, error) {
		for _, m := range more {
			args = append(args, m)
		}
		return endable{"s.provider = $2 AND " + which, "g.session IN (SELECT s.id FROM sso_session s WHERE s.tenant = $1 AND s.provider = $2 AND " + which + ")", args, false}, nil
	}
	switch {
	case who.Grant != "":
		return endable{"CAST($2 AS TEXT) = ''", "g.id = $2", append(args, string(who.Grant)), false}, nil
	case who.Session != "":
		return endable{"s.id = $2", "g.session = $2", append(args, string(who.Session)), false}, nil
	case who.Provider != "" && who.Upstream != "" && who.Subject != "":
		return upstream("s.issuer = $3 AND s.upstream_sid = $4 AND s.subject = $5", string(who.Provider), who.Issuer, who.Upstream, who.Subject)
	case who.Provider != "" && who.Upstream != "":
		return upstream("s.issuer = $3 AND s.upstream_sid = $4", string(who.Provider), who.Issuer, who.Upstream)
	case who.Provider != "" && who.Subject != "":
		return upstream("s.issuer = $3 AND s.subject = $4", string(who.Provider), who.Issuer, who.Subject)
	case who.User != "" && who.Client != "":
		return endable{"CAST($2 AS TEXT) = '' AND CAST($3 AS TEXT) = ''", "g.user_id = $2 AND g.client = $3", append(args, string(who.User), string(who.Client)), false}, nil
	case who.User != "":
		return endable{"s.user_id = $2", "g.user_id = $2 AND g.session <> ''", append(args, string(who.User)), true}, nil
	}
	return endable{}, invalid("Say whose sessions are to end.")
}

// What has outlived the epoch that it was made in, of a user or of a provider.
const (
	outlivedSessions = "s.user_id = $2 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.tenant = s.tenant AND u.id = s.user_id AND u.auth_epoch = s.auth_epoch)"
	outlivedGrants   = "g.user_id = $2 AND g.session <> '' AND NOT EXISTS (SELECT 1 FROM users u WHERE u.tenant = g.tenant AND u.id = g.user_id AND u.auth_epoch = g.auth_epoch)"
	formerSessions   = `s.provider = $2 AND NOT EXISTS (SELECT 1 FROM sso_provider p WHERE p.tenant = s.tenant AND p.id = s.provider AND p.epoch = s.provider_epoch)`
	formerGrants     = `g.provider = $2 AND g.session <> '' AND NOT EXISTS (SELECT 1 FROM sso_provider p WHERE p.tenant = g.tenant AND p.id = g.provider AND p.epoch = g.provider_epoch)`
)

// unspread is an ending whose meaning is not worked out yet.
type unspread struct {
	id, user, provider string
	at                 int64
}

func (e unspread) endable(tenant lockstep.TenantID) endable {
	if e.provider != "" {
		return endable{formerSessions, formerGrants, []any{string(tenant), e.provider}, false}
	}
	return endable{outlivedSessions, outlivedGrants, []any{string(tenant), e.user}, true}
}

// spread works out what the oldest ending of a tenant means, a page of it, and reports whether there is more to do.
func (s SSO) spread(ctx context.Context, tenant lockstep.TenantID) (more bool, err error) {
	err = s.write(ctx, &work{tenant: tenant, rows: gatherRows + 1, run: func(t *tx) error {
		rows, err := t.query("SELECT id, user_id, provider, at FROM sso_ending WHERE tenant = $1 AND spread = FALSE ORDER BY id LIMIT 1", string(tenant))
		all, err := collect(rows, err, func(row scanner) (e unspread, err error) { return e, row.Scan(&e.id, &e.user, &e.provider, &e.at) })
		if more = len(all) > 0; err != nil || !more {
			return err
		}
		e := all[0]
		p, err := t.endPage(tenant, e.id, e.at, e.endable(tenant))
		if err != nil || p.more {
			return err
		}
		if n, err := t.forgetLinks(tenant, e.provider); err != nil || n == endedPage {
			return err
		}
		return t.spreadOut(tenant, e)
	}})
	return more, err
}

// forgetLinks removes a page of the links of a provider that was removed.
func (t *tx) forgetLinks(tenant lockstep.TenantID, provider string) (int64, error) {
	if provider == "" {
		return 0, nil
	}
	return t.deleteSome("sso_link", "tenant, provider, issuer, subject",
		"tenant = $1 AND provider = $2 AND NOT EXISTS (SELECT 1 FROM sso_provider p WHERE p.tenant = $1 AND p.id = $2)", endedPage, string(tenant), provider)
}

// spreadOut notes that an ending is worked out to its end. When nobody is to be told it is settled without a word, as of then; when everybody
// has been told meanwhile, with the report.
func (t *tx) spreadOut(tenant lockstep.TenantID, e unspread) error {
	_, err := t.exec(`UPDATE sso_ending SET spread = TRUE, settled = CASE WHEN EXISTS (SELECT 1 FROM sso_notice WHERE tenant = $1 AND ending = $2) THEN 0 ELSE CAST($3 AS BIGINT) END
		WHERE tenant = $1 AND id = $2`, string(tenant), e.id, e.at)
	if err != nil {
		return err
	}
	return t.settleEnding(tenant, sso.EndingID(e.id))
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
		for more := true; more; {
			if more, err = s.spread(ctx, lockstep.TenantID(t)); err != nil {
				return nil, fmt.Errorf("end sessions: %w", err)
			}
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
		rows, err := t.query(`UPDATE sso_notice SET due = $5, told = $6, unsettled = $7, error = $8 WHERE tenant = $1 AND (ending = $2 OR $2 = '') AND client = $3 AND session = $4
			AND unsettled = TRUE RETURNING ending`,
			string(n.Tenant), string(n.Ending), string(n.Client), string(n.Session), millis(n.Due), millis(n.Told), open, clipTo(n.Error, 500))
		endings, err := collect(rows, err, scanText)
		if err != nil || open {
			return err
		}
		for _, ending := range endings {
			if err := t.settleEnding(n.Tenant, sso.EndingID(ending)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("keep how an application was told: %w", err)
	}
	return nil
}

func (t *tx) settleEnding(tenant lockstep.TenantID, id sso.EndingID) error {
	n, err := t.exec(`UPDATE sso_ending SET settled = $3 WHERE tenant = $1 AND id = $2 AND settled = 0 AND spread = TRUE
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
	t.note(audit.Event{Verb: "told applications of", Object: "sign-out", ID: string(id), Name: t.userName(tenant, string(e.User)), Detail: e.Report()})
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
