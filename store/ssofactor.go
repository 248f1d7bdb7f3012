package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/notify"
	"lockstep/sso"
)

// A passkey's public key is sealed like a secret, bound to its person, so that nobody who can write to the database gives somebody a key of
// their own.
func passkeyPlace(t lockstep.TenantID, user, key string) place {
	return ssoPlace(t, "sso_passkey", "doc", user+" "+key)
}

const passkeyColumns = "id, user_id, doc, name, sign_count, backed_up, created, used"

func (s SSO) scanPasskey(t lockstep.TenantID) func(scanner) (sso.Passkey, error) {
	return func(row scanner) (p sso.Passkey, err error) {
		var key, user, sealed, name string
		var count, created, used int64
		var backedUp bool
		if err := row.Scan(&key, &user, &sealed, &name, &count, &backedUp, &created, &used); err != nil {
			return p, err
		}
		doc, err := s.seal.open(passkeyPlace(t, user, key), sealed)
		if err != nil {
			return p, fmt.Errorf("open passkey %s: %w", key, err)
		}
		if err := json.Unmarshal([]byte(doc), &p); err != nil {
			return p, fmt.Errorf("read passkey %s: %w", key, err)
		}
		p.User, p.Name, p.SignCount, p.BackedUp, p.Created, p.Used = lockstep.UserID(user), name, uint32(count), backedUp, instant(created), instant(used) //nolint:gosec // it was one
		p.ID, err = base64.RawURLEncoding.DecodeString(key)
		return p, err
	}
}

// Passkey implements sso.Factors.
func (s SSO) Passkey(ctx context.Context, t lockstep.TenantID, id []byte) (sso.Passkey, error) {
	key := (&sso.Passkey{ID: id}).Key()
	rows, err := s.query(ctx, "SELECT "+passkeyColumns+" FROM sso_passkey WHERE tenant = $1 AND id = $2", string(t), key)
	p, err := one(rows, err, s.scanPasskey(t))
	return p, absent(err, "passkey", key)
}

// Factors implements sso.Factors.
func (s SSO) Factors(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) (f sso.FactorSet, err error) {
	rows, err := s.query(ctx, "SELECT "+passkeyColumns+" FROM sso_passkey WHERE tenant = $1 AND user_id = $2 ORDER BY created, id", string(t), string(u))
	if f.Passkeys, err = collect(rows, err, s.scanPasskey(t)); err != nil {
		return f, fmt.Errorf("read passkeys: %w", err)
	}
	rows, err = s.query(ctx, "SELECT secret, step, created, used FROM sso_totp WHERE tenant = $1 AND user_id = $2", string(t), string(u))
	codes, err := collect(rows, err, func(row scanner) (c sso.TOTP, err error) {
		var sealed string
		var created, used int64
		if err := row.Scan(&sealed, &c.Step, &created, &used); err != nil {
			return c, err
		}
		text, err := s.seal.open(ssoPlace(t, "sso_totp", "secret", string(u)), sealed)
		c.Secret, c.Created, c.Used = []byte(text), instant(created), instant(used)
		return c, err
	})
	if err != nil {
		return f, fmt.Errorf("read the secret of codes: %w", err)
	}
	if len(codes) > 0 {
		f.TOTP = &codes[0]
	}
	rows, err = s.query(ctx, "SELECT created FROM sso_recovery WHERE tenant = $1 AND user_id = $2", string(t), string(u))
	made, err := collect(rows, err, scanInt)
	if err != nil {
		return f, fmt.Errorf("read recovery codes: %w", err)
	}
	if f.Codes = len(made); f.Codes > 0 {
		f.Made = instant(made[0])
	}
	return f, nil
}

// TryCode implements sso.Factors. The try is counted and kept before anybody looks at the code, so that many at once are many tries.
func (s SSO) TryCode(ctx context.Context, tenant lockstep.TenantID, u lockstep.UserID) error {
	refused := false
	err := s.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		rows, err := t.query(`INSERT INTO sso_tries (tenant, user_id, tries, until) VALUES ($1, $2, 1, 0)
			ON CONFLICT (tenant, user_id) DO UPDATE SET tries = sso_tries.tries + 1 WHERE sso_tries.until <= $3 RETURNING tries`, string(tenant), string(u), millis(t.at))
		tries, err := collect(rows, err, scanInt)
		if refused = err == nil && len(tries) == 0; err != nil || refused {
			return err
		}
		wait := sso.WaitAfter(tries[0])
		if wait == 0 {
			return nil
		}
		_, err = t.exec("UPDATE sso_tries SET until = $3 WHERE tenant = $1 AND user_id = $2", string(tenant), string(u), millis(t.at.Add(wait)))
		return err
	}})
	if err != nil {
		return fmt.Errorf("count a try: %w", err)
	}
	if refused {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many wrong codes. Wait for a while."}
	}
	return nil
}

// errSpent says that a code or an answer was used before, or that what it is of is there no more.
var errSpent = &lockstep.Error{Code: lockstep.CodeConflict, Detail: "It was used before, or is there no more."}

// UseFactor implements sso.Factors.
func (s SSO) UseFactor(ctx context.Context, tenant lockstep.TenantID, u lockstep.UserID, use sso.FactorUse) error {
	text, args := "", []any{string(tenant), string(u)}
	err := s.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		switch {
		case use.Passkey != nil:
			text = `UPDATE sso_passkey SET sign_count = $4, backed_up = $5, used = $6 WHERE tenant = $1 AND user_id = $2 AND id = $3
				AND (sign_count < CAST($4 AS BIGINT) OR sign_count = 0 AND CAST($4 AS BIGINT) = 0)`
			args = append(args[:2:2], use.Passkey.Key(), int64(use.Passkey.SignCount), use.Passkey.BackedUp, millis(t.at))
		case use.Code != (sso.Hash{}):
			text, args = "DELETE FROM sso_recovery WHERE tenant = $1 AND user_id = $2 AND hash = $3", append(args[:2:2], hexOf(use.Code))
		default:
			text, args = "UPDATE sso_totp SET step = $3, used = $4 WHERE tenant = $1 AND user_id = $2 AND step < $3", append(args[:2:2], use.Step, millis(t.at))
		}
		n, err := t.exec(text, args...)
		if err == nil && n == 0 {
			err = errSpent
		}
		if err != nil {
			return err
		}
		if use.Code != (sso.Hash{}) {
			t.note(audit.Event{Actor: audit.Actor{Kind: audit.System, Name: "sign-in"}, Verb: "used", Object: "recovery code", ID: string(u), Name: t.userName(tenant, string(u))})
		}
		_, err = t.exec("DELETE FROM sso_tries WHERE tenant = $1 AND user_id = $2", string(tenant), string(u))
		return err
	}})
	if err != nil {
		return fmt.Errorf("use a factor: %w", err)
	}
	return nil
}

// AddFactors implements sso.FactorChanges.
func (s SSO) AddFactors(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, p sso.Person, add sso.NewFactors) error {
	user := string(p.User)
	var doc, secret string
	var err error
	if k := add.Passkey; k != nil {
		kept := sso.Passkey{RP: k.RP, PublicKey: k.PublicKey, AAGUID: k.AAGUID, Transports: k.Transports, Eligible: k.Eligible}
		text, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		if doc, err = s.seal.seal(passkeyPlace(tenant, user, k.Key()), string(text)); err != nil {
			return fmt.Errorf("keep a passkey: %w", err)
		}
	}
	if add.TOTP != nil {
		if secret, err = s.seal.seal(ssoPlace(tenant, "sso_totp", "secret", user), string(add.TOTP.Secret)); err != nil {
			return fmt.Errorf("keep the secret of codes: %w", err)
		}
	}
	err = s.write(ctx, &work{tenant: tenant, rows: 3 + len(add.Codes), run: func(t *tx) error {
		if err := t.holds(tenant, p); err != nil {
			return err
		}
		if k := add.Passkey; k != nil {
			n, err := t.exec(`INSERT INTO sso_passkey (tenant, id, user_id, doc, name, sign_count, backed_up, created, used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
				ON CONFLICT (tenant, id) DO NOTHING`, string(tenant), k.Key(), user, doc, k.Name, int64(k.SignCount), k.BackedUp, millis(t.at))
			if err == nil && n == 0 {
				err = taken("The passkey is there already.")
			}
			if err != nil {
				return err
			}
			t.note(audit.Event{Actor: by, Verb: "added", Object: "passkey", ID: user, Name: k.Name, Detail: "of " + t.userName(tenant, user)})
		}
		if add.TOTP != nil {
			_, err := t.exec(`INSERT INTO sso_totp (tenant, user_id, secret, step, created, used) VALUES ($1, $2, $3, $4, $5, 0)
				ON CONFLICT (tenant, user_id) DO UPDATE SET secret = excluded.secret, step = excluded.step, created = excluded.created, used = 0`,
				string(tenant), user, secret, add.TOTP.Step, millis(t.at))
			if err != nil {
				return err
			}
			t.note(audit.Event{Actor: by, Verb: "added", Object: "authenticator app", ID: user, Name: t.userName(tenant, user)})
		}
		if err := t.putRecovery(by, tenant, user, add.Codes); err != nil {
			return err
		}
		return t.tellPerson(by, tenant, user, addedKeys(add)...)
	}})
	if err != nil {
		return fmt.Errorf("keep a factor: %w", err)
	}
	return nil
}

// addedKeys are the new factors as their person is told of them.
func addedKeys(add sso.NewFactors) (all []notify.KeyChange) {
	if add.Passkey != nil {
		all = append(all, notify.KeyChange{Done: "added", Key: notify.KeyPasskey, Name: add.Passkey.Name})
	}
	if add.TOTP != nil {
		all = append(all, notify.KeyChange{Done: "added", Key: notify.KeyApp})
	}
	if add.Codes != nil {
		all = append(all, notify.KeyChange{Done: "added", Key: notify.KeyCodes})
	}
	return all
}

func (t *tx) putRecovery(by audit.Actor, tenant lockstep.TenantID, user string, codes []sso.Hash) error {
	if codes == nil {
		return nil
	}
	if _, err := t.exec("DELETE FROM sso_recovery WHERE tenant = $1 AND user_id = $2", string(tenant), user); err != nil {
		return err
	}
	for _, h := range codes {
		if _, err := t.exec("INSERT INTO sso_recovery (tenant, user_id, hash, created) VALUES ($1, $2, $3, $4)", string(tenant), user, hexOf(h), millis(t.at)); err != nil {
			return err
		}
	}
	t.note(audit.Event{Actor: by, Verb: "made", Object: "recovery codes", ID: user, Name: t.userName(tenant, user)})
	return nil
}

// RenamePasskey implements sso.FactorChanges.
func (s SSO) RenamePasskey(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, u lockstep.UserID, key, name string) error {
	err := s.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		n, err := t.exec("UPDATE sso_passkey SET name = $4 WHERE tenant = $1 AND user_id = $2 AND id = $3", string(tenant), string(u), key, name)
		if err == nil && n == 0 {
			err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such passkey."}
		}
		t.note(audit.Event{Actor: by, Verb: "renamed", Object: "passkey", ID: string(u), Name: name, Detail: "of " + t.userName(tenant, string(u))})
		return err
	}})
	if err != nil {
		return fmt.Errorf("rename a passkey: %w", err)
	}
	return nil
}

// RemoveFactors implements sso.FactorChanges. The person's row is held, so that of two factors that go at once one is the last.
func (s SSO) RemoveFactors(ctx context.Context, by audit.Actor, tenant lockstep.TenantID, u lockstep.UserID, r sso.Removal) (removed int, err error) {
	err = s.write(ctx, &work{tenant: tenant, rows: 6, run: func(t *tx) error {
		if _, err := t.exec("UPDATE users SET auth_epoch = auth_epoch WHERE tenant = $1 AND id = $2", string(tenant), string(u)); err != nil {
			return err
		}
		before, err := t.countFactors(string(tenant), string(u))
		if err != nil {
			return err
		}
		gone, err := t.removeFactors(string(tenant), string(u), r.Which)
		if err != nil {
			return err
		}
		if removed = len(gone); removed == 0 {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such second factor."}
		}
		left, err := t.countFactors(string(tenant), string(u))
		if err != nil {
			return err
		}
		what := make([]string, removed)
		for i, c := range gone {
			if what[i] = c.Key; c.Key == notify.KeyPasskey {
				what[i] += " “" + c.Name + "”"
			}
		}
		detail := strings.Join(what, ", ")
		if before > 0 && left == 0 {
			if !r.Last {
				return &lockstep.Error{Code: lockstep.CodeSSOLastFactor}
			}
			detail += "; no second factor is left" + r.Note
		}
		t.note(audit.Event{Actor: by, Verb: "removed", Object: "second factor", ID: string(u), Name: t.userName(tenant, string(u)), Detail: detail})
		return t.tellPerson(by, tenant, string(u), gone...)
	}})
	if err != nil {
		return 0, fmt.Errorf("remove a factor: %w", err)
	}
	return removed, nil
}

// countFactors counts second factors; recovery codes alone are none.
func (t *tx) countFactors(tenant, user string) (int64, error) {
	rows, err := t.query(`SELECT (SELECT COUNT(*) FROM sso_passkey p WHERE p.tenant = $1 AND p.user_id = $2) + (SELECT COUNT(*) FROM sso_totp o WHERE o.tenant = $1 AND o.user_id = $2)`, tenant, user)
	return one(rows, err, scanInt)
}

// removeFactors removes what is named, and returns what it was.
func (t *tx) removeFactors(tenant, user string, which sso.Which) (gone []notify.KeyChange, err error) {
	if which.All || which.Passkey != "" {
		rows, err := t.query("DELETE FROM sso_passkey WHERE tenant = $1 AND user_id = $2 AND (id = $3 OR $3 = '') RETURNING name", tenant, user, which.Passkey)
		names, err := collect(rows, err, scanText)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			gone = append(gone, notify.KeyChange{Done: "removed", Key: notify.KeyPasskey, Name: name})
		}
	}
	remove := func(wanted bool, table, key string) {
		if !wanted || err != nil {
			return
		}
		var n int64
		if n, err = t.exec("DELETE FROM "+table+" WHERE tenant = $1 AND user_id = $2", tenant, user); n > 0 {
			gone = append(gone, notify.KeyChange{Done: "removed", Key: key})
		}
	}
	remove(which.All || which.TOTP, "sso_totp", notify.KeyApp)
	remove(which.All || which.Codes, "sso_recovery", notify.KeyCodes)
	if err != nil || which.All || which.Codes {
		return gone, err
	}
	_, err = t.exec(`DELETE FROM sso_recovery WHERE tenant = $1 AND user_id = $2
		AND NOT EXISTS (SELECT 1 FROM sso_passkey p WHERE p.tenant = $1 AND p.user_id = $2) AND NOT EXISTS (SELECT 1 FROM sso_totp o WHERE o.tenant = $1 AND o.user_id = $2)`, tenant, user)
	return gone, err
}

// forgetFactors removes what a person who is deleted could show, in the transaction that ends their sessions.
func (c *change) forgetFactors(user string) error {
	if _, err := c.removeFactors(string(c.tenant), user, sso.Which{All: true}); err != nil {
		return err
	}
	for _, table := range []string{"sso_tries", "sso_gift"} {
		if _, err := c.exec("DELETE FROM "+table+" WHERE tenant = $1 AND user_id = $2", string(c.tenant), user); err != nil {
			return err
		}
	}
	return nil
}
