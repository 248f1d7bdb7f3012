package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/session"
)

// Console is the database as the console's sessions see it, a session.Store. It is a type of its own because names such as Link and Session
// mean other things elsewhere.
type Console struct{ *DB }

var _ session.Store = Console{}

// Console returns the database as a session.Store.
func (db *DB) Console() Console { return Console{db} }

// How many links and sessions a tenant has at most; the oldest gives way to a new one.
const (
	maxConsoleLinks    = 1000
	maxConsoleSessions = 1000
)

// ownsGrant are the columns of a session.Grant.
const ownsGrant = "tenant, home, holder, maker, scopes, ends, user_id, owner, epoch, signin, how"

func grantValues(g session.Grant) []any {
	return []any{
		string(g.Tenant), string(cmp.Or(g.Home, g.Tenant)), g.Holder, string(g.Maker), g.Scopes, millis(g.Ends), string(g.Person.User), g.Person.Owner, g.Person.Epoch, g.Person.SignIn, g.How,
	}
}

// grantScan is where a row's grant goes. ends is set afterwards, and a home that is the tenant itself is dropped (atHome).
func grantScan(g *session.Grant, ends *int64) []any {
	return []any{&g.Tenant, &g.Home, &g.Holder, &g.Maker, &g.Scopes, ends, &g.Person.User, &g.Person.Owner, &g.Person.Epoch, &g.Person.SignIn, &g.How}
}

// atHome drops a home that is the tenant itself.
func atHome(g *session.Grant) {
	if g.Home == g.Tenant {
		g.Home = ""
	}
}

func consoleHash(h session.Hash) string { return hex.EncodeToString(h[:]) }

// standingGrant is a condition on the rows g of a link or session: whoever they belong to may still be signed in. What disables a person of
// the directory, ends their sign-in or disables its provider, or changes a local owner, ends them in its own transaction; so does the removal of
// the tenant. They are people of the tenant home. $1 is the instant.
const standingGrant = `EXISTS (SELECT 1 FROM tenant t WHERE t.id = g.tenant AND t.removed = 0) AND (g.user_id = '' OR EXISTS (SELECT 1 FROM sso_session s JOIN users u ON u.tenant = s.tenant AND u.id = s.user_id AND u.auth_epoch = s.auth_epoch
		AND u.active = TRUE AND u.deleted = 0
	JOIN sso_provider p ON p.tenant = s.tenant AND p.id = s.provider AND p.epoch = s.provider_epoch AND p.enabled = TRUE
	WHERE s.tenant = g.home AND s.id = g.signin AND s.user_id = g.user_id AND s.auth_epoch = g.epoch AND s.ended = 0 AND s.expires > $1))
	AND (g.owner = '' OR EXISTS (SELECT 1 FROM local_owner o WHERE o.tenant = g.home AND o.id = g.owner AND o.epoch = g.epoch AND o.disabled = FALSE))`

// PutLink implements session.Store.
func (c Console) PutLink(ctx context.Context, l session.Link) error {
	err := c.write(ctx, &work{tenant: l.Grant.Tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(l.Grant.Tenant); err != nil {
			return err
		}
		if err := t.makeRoom("console_link", "expires", l.Grant.Tenant, maxConsoleLinks); err != nil {
			return err
		}
		args := append([]any{consoleHash(l.Hash), l.Surface, millis(l.Expires), millis(l.Used)}, grantValues(l.Grant)...)
		_, err := t.exec("INSERT INTO console_link (hash, surface, expires, used, "+ownsGrant+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)", args...)
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep a link: %w", err)
	}
	return nil
}

// makeRoom removes the oldest row of a tenant when it has as many as it may.
func (t *tx) makeRoom(table, age string, tenant lockstep.TenantID, most int) error {
	_, err := t.exec(fmt.Sprintf(`DELETE FROM %[1]s WHERE hash IN (SELECT hash FROM %[1]s WHERE tenant = $1 ORDER BY %[2]s DESC, hash LIMIT %[3]d OFFSET %[4]d)`,
		table, age, most, most-1), string(tenant))
	return err
}

// Link implements session.Store.
func (c Console) Link(ctx context.Context, h session.Hash) (l session.Link, err error) {
	rows, err := c.query(ctx, "SELECT g.surface, g.expires, g.used, g."+grantColumnsOf+" FROM console_link g WHERE g.hash = $2 AND "+standingGrant, millis(c.now()), consoleHash(h))
	l, err = one(rows, err, func(s scanner) (l session.Link, err error) {
		var expires, used, ends int64
		err = s.Scan(append([]any{&l.Surface, &expires, &used}, grantScan(&l.Grant, &ends)...)...)
		l.Expires, l.Used, l.Grant.Ends = instant(expires), instant(used), instant(ends)
		atHome(&l.Grant)
		return l, err
	})
	l.Hash = h
	return l, absent(err, "link", "of that kind")
}

// UseLink implements session.Store.
func (c Console) UseLink(ctx context.Context, h session.Hash, at time.Time) error {
	err := c.write(ctx, &work{rows: 1, run: func(t *tx) error {
		n, err := t.exec("UPDATE console_link SET used = $2 WHERE hash = $1 AND used = 0", consoleHash(h), millis(at))
		if err != nil || n > 0 {
			return err
		}
		rows, err := t.query("SELECT used FROM console_link WHERE hash = $1", consoleHash(h))
		if _, err := one(rows, err, scanInt); err != nil {
			return absent(err, "link", "of that kind")
		}
		return taken("The link was used.")
	}})
	if err != nil {
		return fmt.Errorf("use a link: %w", err)
	}
	return nil
}

// PutSession implements session.Store. One for a person who may not be signed in any more gives lockstep.ErrConflict.
func (c Console) PutSession(ctx context.Context, x session.Session) error {
	err := c.write(ctx, &work{tenant: x.Grant.Tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(x.Grant.Tenant); err != nil {
			return err
		}
		if err := t.makeRoom("console_session", "seen", x.Grant.Tenant, maxConsoleSessions); err != nil {
			return err
		}
		args := append([]any{consoleHash(x.Hash), string(x.ID), x.Surface, millis(x.Began), millis(x.Seen), millis(x.Proved)}, grantValues(x.Grant)...)
		_, err := t.exec("INSERT INTO console_session (hash, id, surface, began, seen, proved, "+ownsGrant+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`, args...)
		if err != nil {
			return err
		}
		rows, err := t.query("SELECT 1 FROM console_session g WHERE g.hash = $2 AND "+standingGrant, millis(t.at), consoleHash(x.Hash))
		_, err = one(rows, err, scanInt)
		if errors.Is(err, sql.ErrNoRows) {
			return taken("Who was to be let in may not be signed in any more.")
		}
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep a session: %w", err)
	}
	return nil
}

// grantColumnsOf is ownsGrant of the rows g, but for the first "g.".
const grantColumnsOf = "tenant, g.home, g.holder, g.maker, g.scopes, g.ends, g.user_id, g.owner, g.epoch, g.signin, g.how"

const consoleSessionColumns = "g.hash, g.id, g.surface, g.began, g.seen, g.proved, g." + grantColumnsOf

func scanConsoleSession(s scanner) (x session.Session, err error) {
	var hash string
	var began, seen, proved, ends int64
	if err = s.Scan(append([]any{&hash, &x.ID, &x.Surface, &began, &seen, &proved}, grantScan(&x.Grant, &ends)...)...); err != nil {
		return x, err
	}
	x.Began, x.Seen, x.Proved, x.Grant.Ends = instant(began), instant(seen), instant(proved), instant(ends)
	atHome(&x.Grant)
	h, err := readHash(hash)
	x.Hash = session.Hash(h)
	return x, err
}

// Session implements session.Store.
func (c Console) Session(ctx context.Context, h session.Hash) (session.Session, error) {
	rows, err := c.query(ctx, "SELECT "+consoleSessionColumns+" FROM console_session g WHERE g.hash = $2 AND "+standingGrant, millis(c.now()), consoleHash(h))
	x, err := one(rows, err, scanConsoleSession)
	return x, absent(err, "session", "of that kind")
}

// SeenSession implements session.Store.
func (c Console) SeenSession(ctx context.Context, h session.Hash, at time.Time) error {
	return c.oneSession(ctx, "note that a session was used", "UPDATE console_session SET seen = $2 WHERE hash = $1", consoleHash(h), millis(at))
}

// EndSession implements session.Store.
func (c Console) EndSession(ctx context.Context, h session.Hash) error {
	return c.oneSession(ctx, "end a session", "DELETE FROM console_session WHERE hash = $1", consoleHash(h))
}

func (c Console) oneSession(ctx context.Context, what, text string, args ...any) error {
	err := c.write(ctx, &work{rows: 1, run: func(t *tx) error {
		n, err := t.exec(text, args...)
		if err == nil && n == 0 {
			err = absent(sql.ErrNoRows, "session", "of that kind")
		}
		return err
	}})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// ConsoleSessions returns a tenant's sessions, and those of its people in other tenants, that were used since an instant, the newest first, at most limit. Whether the one who made a
// link still stands is not asked here.
func (c Console) ConsoleSessions(ctx context.Context, tenant lockstep.TenantID, since time.Time, limit int) ([]session.Session, error) {
	rows, err := c.query(ctx, "SELECT "+consoleSessionColumns+" FROM console_session g WHERE (g.tenant = $2 OR g.home = $2) AND g.seen > $3 AND "+standingGrant+" ORDER BY g.seen DESC, g.id DESC LIMIT $4",
		millis(c.now()), string(tenant), millis(since), int64(limit))
	all, err := collect(rows, err, scanConsoleSession)
	if err != nil {
		return nil, fmt.Errorf("read the sessions of the console: %w", err)
	}
	return all, nil
}

// EndConsoleSessions ends the session of a tenant that has the id, or all of them when it is "", but for the one to be kept. It returns how
// many it ended; that of an id that is not there is lockstep.ErrNotFound. Links that were not used yet end with all.
func (c Console) EndConsoleSessions(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, id, keep session.ID) (n int, err error) {
	err = c.write(ctx, &work{tenant: tenant, rows: maxConsoleSessions, run: func(t *tx) error {
		rows, err := t.query("DELETE FROM console_session WHERE (tenant = $1 OR home = $1) AND ($2 = '' OR id = $2) AND id <> $3 RETURNING id, holder", string(tenant), string(id), string(keep))
		ended, err := collect(rows, err, func(s scanner) (e audit.Event, err error) { return e, s.Scan(&e.ID, &e.Name) })
		if err != nil {
			return err
		}
		if n = len(ended); n == 0 && id != "" {
			return absent(sql.ErrNoRows, "session of the console", string(id))
		}
		if id == "" {
			t.note(audit.Event{Actor: by, Verb: "ended", Object: "console session", ID: "all", Name: "all sessions of the console", Detail: fmt.Sprintf("%d ended", n)})
			_, err = t.exec("DELETE FROM console_link WHERE (tenant = $1 OR home = $1) AND used = 0", string(tenant))
			return err
		}
		for _, e := range ended {
			e.Actor, e.Verb, e.Object = by, "ended", "console session"
			t.note(e)
		}
		return nil
	}})
	if err != nil {
		return 0, fmt.Errorf("end sessions of the console: %w", err)
	}
	return n, nil
}

// TidyConsole removes links and forms that have expired, and sessions that nobody has used since.
func (c Console) TidyConsole(ctx context.Context, since time.Time) error {
	now := c.now()
	var errs []error
	for _, x := range []struct {
		table, old string
		before     time.Time
	}{{"console_link", "expires < $1", now.Add(-24 * time.Hour)}, {"console_form", "expires < $1", now}, {"console_session", "seen < $1", since}} {
		err := c.trimmed(ctx, "", func(t *tx) (int64, error) { return t.deleteSome(x.table, "hash", x.old, sweepRows, millis(x.before)) })
		if err != nil {
			errs = append(errs, fmt.Errorf("remove old rows of %s: %w", x.table, err))
		}
	}
	return errors.Join(errs...)
}

// PutForm keeps what somebody was about to do, sealed, until a time.
func (c Console) PutForm(ctx context.Context, tenant lockstep.TenantID, h session.Hash, until time.Time, doc []byte) error {
	sealed, err := c.seal.seal(formPlace(tenant, h), string(doc))
	if err != nil {
		return fmt.Errorf("keep a form: %w", err)
	}
	err = c.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		if err := t.known(tenant); err != nil {
			return err
		}
		if err := t.makeRoom("console_form", "expires", tenant, maxConsoleForms); err != nil {
			return err
		}
		_, err := t.exec("INSERT INTO console_form (hash, tenant, doc, expires) VALUES ($1, $2, $3, $4)", consoleHash(h), string(tenant), sealed, millis(until))
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep a form: %w", err)
	}
	return nil
}

// maxConsoleForms is how many forms of a tenant wait at most.
const maxConsoleForms = 100

func formPlace(t lockstep.TenantID, h session.Hash) place {
	return place{tenant: t, table: "console_form", column: "doc", row: consoleHash(h)}
}

// Form returns a form that has not expired, or lockstep.ErrNotFound.
func (c Console) Form(ctx context.Context, tenant lockstep.TenantID, h session.Hash) ([]byte, error) {
	rows, err := c.query(ctx, "SELECT doc FROM console_form WHERE hash = $1 AND tenant = $2 AND expires > $3", consoleHash(h), string(tenant), millis(c.now()))
	sealed, err := one(rows, err, scanText)
	if err != nil {
		return nil, absent(err, "form", "of that kind")
	}
	doc, err := c.seal.open(formPlace(tenant, h), sealed)
	return []byte(doc), err
}
