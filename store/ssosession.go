package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/notify"
	"lockstep/sso"
)

const sessionColumns = `s.id, s.hash, s.user_id, s.auth_epoch, s.provider, s.issuer, s.subject, s.upstream_sid, s.auth_time, s.acr, s.amr, s.logout,
	s.began, s.seen, s.expires, s.factor, s.factor_at`

// standing joins sessions with those of their users who may be signed in, and those of their providers that may be used: the very
// transaction that disables a user or a provider ends them here.
const standing = ` FROM sso_session s JOIN users u ON u.tenant = s.tenant AND u.id = s.user_id AND u.auth_epoch = s.auth_epoch
	AND u.active = TRUE AND u.deleted = 0
	JOIN sso_provider p ON p.tenant = s.tenant AND p.id = s.provider AND p.epoch = s.provider_epoch AND p.enabled = TRUE
	WHERE s.tenant = $1 AND s.ended = 0 AND s.expires > $2 AND `

func (s SSO) scanSession(t lockstep.TenantID) func(scanner) (sso.Session, error) {
	return func(row scanner) (x sso.Session, err error) {
		var hash, amr, logout string
		var auth, began, seen, expires, factor int64
		err = row.Scan(&x.ID, &hash, &x.Person.User, &x.Person.Epoch, &x.Provider, &x.Issuer, &x.Subject, &x.UpstreamSID, &auth, &x.ACR, &amr, &logout,
			&began, &seen, &expires, &x.Factor, &factor)
		if err != nil {
			return x, err
		}
		x.AuthTime, x.Began, x.Seen, x.Expires, x.AMR, x.FactorAt = instant(auth), instant(began), instant(seen), instant(expires), words(amr), instant(factor)
		if logout != "" {
			text, err := s.seal.open(ssoPlace(t, "sso_session", "logout", string(x.ID)), logout)
			if err != nil {
				return x, err
			}
			x.Logout = []byte(text)
		}
		x.Hash, err = hashed256(hash)
		return x, err
	}
}

// Session implements sso.Sessions.
func (s SSO) Session(ctx context.Context, t lockstep.TenantID, h sso.Hash) (sso.Session, error) {
	rows, err := s.query(ctx, "SELECT "+sessionColumns+standing+"s.hash = $3", string(t), millis(s.now()), hexOf(h))
	x, err := one(rows, err, s.scanSession(t))
	return x, absent(err, "session", "of that kind")
}

// Sessions implements sso.Sessions.
func (s SSO) Sessions(ctx context.Context, t lockstep.TenantID, who sso.Who, limit int) ([]sso.Session, error) {
	where, args := "TRUE", []any{string(t), millis(s.now())}
	add := func(column, value string) {
		if value != "" {
			args = append(args, value)
			where += fmt.Sprintf(" AND s.%s = $%d", column, len(args))
		}
	}
	add("user_id", string(who.User))
	add("id", string(who.Session))
	add("provider", string(who.Provider))
	add("upstream_sid", who.Upstream)
	add("issuer", who.Issuer)
	add("subject", who.Subject)
	args = append(args, int64(limit))
	rows, err := s.query(ctx, fmt.Sprintf("SELECT %s%s%s ORDER BY s.id DESC LIMIT $%d", sessionColumns, standing, where, len(args)), args...)
	all, err := collect(rows, err, s.scanSession(t))
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return all, nil
}

// holds fails with lockstep.ErrConflict unless the person stands as they are held.
func (t *tx) holds(tenant lockstep.TenantID, p sso.Person) error {
	rows, err := t.query("SELECT auth_epoch FROM users WHERE tenant = $1 AND id = $2 AND auth_epoch = $3 AND active = TRUE AND deleted = 0"+t.db.dialect.hold(),
		string(tenant), string(p.User), p.Epoch)
	found, err := collect(rows, err, scanInt)
	if err == nil && len(found) == 0 {
		err = taken("The person was disabled meanwhile.")
	}
	return err
}

func (t *tx) putSession(tenant lockstep.TenantID, x sso.Session, logout string) error {
	if err := t.holds(tenant, x.Person); err != nil {
		return err
	}
	// The same person who signs in again in the same browser goes on with their session, under another cookie. A provider that was disabled
	// meanwhile lets nobody in.
	n, err := t.exec(`INSERT INTO sso_session (tenant, id, hash, user_id, auth_epoch, provider, issuer, subject, upstream_sid, auth_time, acr, amr, logout,
		began, seen, expires, ended, provider_epoch, factor, factor_at)
		SELECT p.tenant, $2, $3, $4, CAST($5 AS BIGINT), p.id, $7, $8, $9, CAST($10 AS BIGINT), $11, $12, $13, CAST($14 AS BIGINT), CAST($14 AS BIGINT), CAST($15 AS BIGINT), 0,
			p.epoch, $16, CAST($17 AS BIGINT) FROM sso_provider p WHERE p.tenant = $1 AND p.id = $6 AND p.enabled = TRUE`+t.db.dialect.hold()+`
		ON CONFLICT (tenant, id) DO UPDATE SET hash = excluded.hash, provider = excluded.provider, issuer = excluded.issuer, subject = excluded.subject,
		provider_epoch = excluded.provider_epoch, upstream_sid = excluded.upstream_sid, auth_time = excluded.auth_time, acr = excluded.acr, amr = excluded.amr, logout = excluded.logout,
		seen = excluded.seen, expires = excluded.expires, factor = excluded.factor, factor_at = excluded.factor_at
		WHERE sso_session.user_id = excluded.user_id AND sso_session.auth_epoch = excluded.auth_epoch AND sso_session.ended = 0`,
		string(tenant), string(x.ID), hexOf(x.Hash), string(x.Person.User), x.Person.Epoch, string(x.Provider), x.Issuer, x.Subject, x.UpstreamSID,
		millis(x.AuthTime), x.ACR, strings.Join(x.AMR, " "), logout, millis(t.at), millis(x.Expires), string(x.Factor), millis(x.FactorAt))
	if err == nil && n == 0 {
		err = taken("The session was ended, or its provider disabled meanwhile.")
	}
	return err
}

func scanSignInLink(row scanner) (l sso.Link, err error) {
	var created, used int64
	err = row.Scan(&l.Provider, &l.Issuer, &l.Subject, &l.User, &l.Made, &l.Verified, &created, &used)
	l.Created, l.Used = instant(created), instant(used)
	return l, err
}

const linkOfSignIn = "SELECT provider, issuer, subject, user_id, made, verified, created, used FROM sso_link WHERE tenant = $1 AND "

// Link implements sso.Sessions.
func (s SSO) Link(ctx context.Context, t lockstep.TenantID, p sso.ProviderID, issuer, subject string) (sso.Link, error) {
	rows, err := s.query(ctx, linkOfSignIn+"provider = $2 AND issuer = $3 AND subject = $4", string(t), string(p), issuer, subject)
	l, err := one(rows, err, scanSignInLink)
	return l, absent(err, "link", "of that kind")
}

// LinksOf implements sso.Sessions.
func (s SSO) LinksOf(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]sso.Link, error) {
	rows, err := s.query(ctx, linkOfSignIn+"user_id = $2 ORDER BY provider, issuer, subject", string(t), string(u))
	return collect(rows, err, scanSignInLink)
}

// putLink adds a link, or notes that it was used; made says which. One that is somebody else's is never taken over.
func (t *tx) putLink(tenant lockstep.TenantID, l sso.Link) (made bool, err error) {
	key := []any{string(tenant), string(l.Provider), l.Issuer, l.Subject, string(l.User)}
	used := func() (int64, error) {
		return t.exec("UPDATE sso_link SET used = $6 WHERE tenant = $1 AND provider = $2 AND issuer = $3 AND subject = $4 AND user_id = $5", append(key[:5:5], millis(t.at))...)
	}
	if !l.Created.IsZero() { // it was there a moment ago
		if n, err := used(); err != nil || n > 0 {
			return false, err
		}
	}
	n, err := t.exec(`INSERT INTO sso_link (tenant, provider, issuer, subject, user_id, made, verified, created, used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
		ON CONFLICT (tenant, provider, issuer, subject) DO NOTHING`, append(key, l.Made, l.Verified, millis(t.at))...)
	if err != nil || n > 0 {
		return n > 0, err
	}
	n, err = used()
	if err == nil && n == 0 {
		err = taken("The identity belongs to somebody else.")
	}
	return false, err
}

// userName is what the audit log calls a user; "" is nobody, or who is gone.
func (t *tx) userName(tenant lockstep.TenantID, user string) string {
	if user == "" {
		return ""
	}
	rows, err := t.query("SELECT "+userColumns+" FROM users WHERE tenant = $1 AND id = $2", string(tenant), user)
	found, err := collect(rows, err, scanUser)
	if err != nil || len(found) == 0 {
		return user // the line tells who it was all the same
	}
	return found[0].Attributes.Text("userName")
}

// linkChanged notes that somebody has linked or unlinked an identity, and has its person told.
func (t *tx) linkChanged(by audit.Actor, tenant lockstep.TenantID, l sso.Link, verb, done string) error {
	rows, err := t.query("SELECT doc FROM sso_provider WHERE tenant = $1 AND id = $2", string(tenant), string(l.Provider))
	docs, err := collect(rows, err, scanText)
	var p struct{ Name string }
	if err == nil && len(docs) > 0 {
		err = json.Unmarshal([]byte(docs[0]), &p)
	}
	if err != nil {
		return err
	}
	t.note(audit.Event{Actor: by, Verb: verb, Object: "identity", ID: string(l.User), Name: p.Name, Detail: l.Issuer + " " + l.Subject})
	return t.tellPerson(by, tenant, string(l.User), notify.KeyChange{Done: done, Key: notify.KeyIdentity, Name: p.Name})
}

// Unlink implements sso.LinksKept. The person's row is held, so that of two links that go at once one stays.
func (s SSO) Unlink(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, l sso.Link, otherwise bool) error {
	err := s.write(ctx, &work{tenant: tenant, rows: 3, run: func(t *tx) error {
		if _, err := t.exec("UPDATE users SET auth_epoch = auth_epoch WHERE tenant = $1 AND id = $2", string(tenant), string(l.User)); err != nil {
			return err
		}
		n, err := t.exec("DELETE FROM sso_link WHERE tenant = $1 AND provider = $2 AND issuer = $3 AND subject = $4 AND user_id = $5",
			string(tenant), string(l.Provider), l.Issuer, l.Subject, string(l.User))
		if err == nil && n == 0 {
			err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such link."}
		}
		if err != nil {
			return err
		}
		rows, err := t.query(`SELECT COUNT(*) FROM sso_link l JOIN sso_provider p ON p.tenant = l.tenant AND p.id = l.provider AND p.enabled = TRUE
			WHERE l.tenant = $1 AND l.user_id = $2`, string(tenant), string(l.User))
		left, err := one(rows, err, scanInt)
		if err == nil && left == 0 && !otherwise {
			err = &lockstep.Error{Code: lockstep.CodeSSOLastWay}
		}
		if err != nil {
			return err
		}
		return t.linkChanged(by, tenant, l, "unlinked", "removed")
	}})
	if err != nil {
		return fmt.Errorf("unlink an identity: %w", err)
	}
	return nil
}

// Password implements sso.Sessions.
func (s SSO) Password(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) (sso.KeptPassword, error) {
	rows, err := s.query(ctx, "SELECT hash, ends FROM user_password WHERE tenant = $1 AND user_id = $2", string(t), string(u))
	kept, err := one(rows, err, func(row scanner) (k sso.KeptPassword, err error) {
		var ends int64
		err = row.Scan(&k.Hash, &ends)
		k.Ends = instant(ends)
		return k, err
	})
	return kept, absent(err, "password of user", string(u))
}

// End implements sso.Sessions.
func (s SSO) End(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, who sso.Who, why string) (int, error) {
	total := 0
	for {
		var p ended
		err := s.write(ctx, &work{tenant: tenant, rows: gatherRows + 1, run: func(t *tx) (err error) {
			if p, err = t.endSSO(tenant, who, why); err != nil || p.n == 0 {
				return err
			}
			t.note(audit.Event{Actor: by, Verb: "ended", Object: "session", ID: string(who.Session) + string(who.Grant), Name: t.userName(tenant, string(who.User)), Detail: why})
			return nil
		}})
		if err != nil {
			return total, fmt.Errorf("end sessions: %w", err)
		}
		if total += p.n; !p.more {
			return total, nil
		}
	}
}
