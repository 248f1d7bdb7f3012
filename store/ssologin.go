package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
)

const loginColumns = "id, version, state, browser, expires, doc"

func (s SSO) scanLogin(t lockstep.TenantID) func(scanner) (sso.Login, error) {
	return func(row scanner) (l sso.Login, err error) {
		var id, state, browser, sealed string
		var version, expires int64
		if err := row.Scan(&id, &version, &state, &browser, &expires, &sealed); err != nil {
			return l, err
		}
		doc, err := s.seal.open(ssoPlace(t, "sso_login", "doc", id), sealed)
		if err != nil {
			return l, err
		}
		if err := json.Unmarshal([]byte(doc), &l); err != nil {
			return l, fmt.Errorf("read login %s: %w", id, err)
		}
		l.Tenant, l.ID, l.Version, l.Expires = t, sso.LoginID(id), version, instant(expires)
		if l.State, err = hashed256(state); err == nil {
			l.Browser, err = hashed256(browser)
		}
		return l, err
	}
}

func (s SSO) login(ctx context.Context, t lockstep.TenantID, where string, args ...any) (sso.Login, error) {
	args = append([]any{string(t), millis(s.now())}, args...)
	rows, err := s.query(ctx, "SELECT "+loginColumns+" FROM sso_login WHERE tenant = $1 AND expires > $2 AND "+where, args...)
	l, err := one(rows, err, s.scanLogin(t))
	return l, absent(err, "login", "of that kind")
}

// Login implements sso.Logins.
func (s SSO) Login(ctx context.Context, t lockstep.TenantID, id sso.LoginID) (sso.Login, error) {
	return s.login(ctx, t, "id = $3", string(id))
}

// LoginByState implements sso.Logins.
func (s SSO) LoginByState(ctx context.Context, t lockstep.TenantID, state sso.Hash) (sso.Login, error) {
	return s.login(ctx, t, "state = $3 AND state <> ''", hexOf(state))
}

// Leaving implements sso.Logins.
func (s SSO) Leaving(ctx context.Context, t lockstep.TenantID, browser sso.Hash) (sso.Login, error) {
	return s.login(ctx, t, "browser = $3 AND leaving = TRUE ORDER BY id DESC LIMIT 1", hexOf(browser))
}

// SaveLogin implements sso.Logins.
func (s SSO) SaveLogin(ctx context.Context, l sso.Login, f sso.Finish) (sso.Login, error) {
	if f.Spent {
		return s.spendState(ctx, l)
	}
	doc, err := json.Marshal(l)
	if err != nil {
		return l, fmt.Errorf("keep a login: %w", err)
	}
	sealed, err := s.seal.sealText(ssoPlace(l.Tenant, "sso_login", "doc", string(l.ID)), doc)
	if err != nil {
		return l, fmt.Errorf("keep a login: %w", err)
	}
	logout := ""
	if f.Session != nil && len(f.Session.Logout) > 0 {
		if logout, err = s.seal.seal(ssoPlace(l.Tenant, "sso_session", "logout", string(f.Session.ID)), string(f.Session.Logout)); err != nil {
			return l, fmt.Errorf("keep a login: %w", err)
		}
	}
	err = s.write(ctx, &work{tenant: l.Tenant, rows: 4, run: func(t *tx) error {
		args := []any{string(l.Tenant), string(l.ID), l.Version, hexOf(l.State), hexOf(l.Browser), l.Step == sso.StepLeaving, millis(l.Expires), sealed}
		text := "INSERT INTO sso_login (tenant, id, version, state, browser, leaving, expires, doc) VALUES ($1, $2, $3 + 1, $4, $5, $6, $7, $8)"
		if l.Version != 0 {
			text = `UPDATE sso_login SET version = version + 1, state = $4, browser = $5, leaving = $6, expires = $7, doc = $8
				WHERE tenant = $1 AND id = $2 AND version = $3`
		}
		n, err := t.exec(text, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return errMoved
		}
		return t.finishLogin(l.Tenant, f, logout)
	}})
	if err != nil {
		return l, fmt.Errorf("keep a login: %w", err)
	}
	l.Version++
	return l, nil
}

// spendState uses up the state of a login, and leaves its document as it was.
func (s SSO) spendState(ctx context.Context, l sso.Login) (sso.Login, error) {
	err := s.write(ctx, &work{tenant: l.Tenant, rows: 1, run: func(t *tx) error {
		n, err := t.exec("UPDATE sso_login SET version = version + 1, state = '' WHERE tenant = $1 AND id = $2 AND version = $3", string(l.Tenant), string(l.ID), l.Version)
		if err == nil && n == 0 {
			err = errMoved
		}
		return err
	}})
	if err != nil {
		return l, fmt.Errorf("keep a login: %w", err)
	}
	l.Version, l.State = l.Version+1, sso.Hash{}
	return l, nil
}

// finishLogin writes what goes with a step of a login. logout is the sealed one of a new session.
func (t *tx) finishLogin(tenant lockstep.TenantID, f sso.Finish, logout string) error {
	for _, l := range f.Links {
		made, err := t.putLink(tenant, l)
		if err != nil {
			return err
		}
		if !made || f.By == (audit.Actor{}) { // one that was there already is no news
			continue
		}
		if err := t.linkChanged(f.By, tenant, l, "linked", "added"); err != nil {
			return err
		}
	}
	if f.End != (sso.Hash{}) {
		rows, err := t.query("SELECT id FROM sso_session WHERE tenant = $1 AND hash = $2", string(tenant), hexOf(f.End))
		ids, err := collect(rows, err, scanText)
		if err != nil {
			return err
		}
		for _, id := range ids { // one session has few grants
			if _, err := t.endSSO(tenant, sso.Who{Session: sso.SessionID(id)}, "signed in anew"); err != nil {
				return err
			}
		}
	}
	if f.Session != nil {
		if err := t.putSession(tenant, *f.Session, logout); err != nil {
			return err
		}
	}
	if f.Seen != "" {
		if _, err := t.exec("UPDATE sso_session SET seen = $3 WHERE tenant = $1 AND id = $2", string(tenant), string(f.Seen), millis(t.at)); err != nil {
			return err
		}
	}
	if f.Grant != nil {
		if err := t.putGrant(tenant, *f.Grant); err != nil {
			return err
		}
		if f.Grant.OfTenant() {
			t.note(audit.Event{Actor: f.By, Verb: "consented", Object: "client", ID: string(f.Grant.Client), Name: string(f.Grant.Client), Detail: "scope " + strings.Join(f.Grant.Scopes, " ")})
		}
	}
	for _, g := range f.Gifts {
		if err := t.putGifts(tenant, g); err != nil {
			return err
		}
	}
	if f.Trace != nil {
		return t.putTrace(tenant, *f.Trace)
	}
	return nil
}

// PutPushed implements sso.Logins.
func (s SSO) PutPushed(ctx context.Context, tenant lockstep.TenantID, h sso.Hash, c sso.ClientID, until time.Time, values url.Values) error {
	return s.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		_, err := t.exec("INSERT INTO sso_pushed (tenant, hash, client, expires, doc) VALUES ($1, $2, $3, $4, $5)",
			string(tenant), hexOf(h), string(c), millis(until), values.Encode())
		return err
	}})
}

// TakePushed implements sso.Logins.
func (s SSO) TakePushed(ctx context.Context, tenant lockstep.TenantID, h sso.Hash, c sso.ClientID) (url.Values, error) {
	var doc string
	err := s.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		rows, err := t.query("DELETE FROM sso_pushed WHERE tenant = $1 AND hash = $2 AND client = $3 AND expires > $4 RETURNING doc",
			string(tenant), hexOf(h), string(c), millis(t.at))
		doc, err = one(rows, err, scanText)
		return absent(err, "pushed authorization request", "of that kind")
	}})
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(doc)
}
