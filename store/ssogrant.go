package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/sso"
)

const grantColumns = `g.id, g.client, g.user_id, g.auth_epoch, g.session, g.scopes, g.auth_time, g.acr, g.amr, g.nonce, g.redirect, g.challenge,
	g.code, g.code_ends, g.code_used, g.created, g.expires, g.ended, g.provider, g.claims, g.factor, COALESCE(p.demanded, FALSE),
	CASE WHEN ` + grantStands + ` THEN TRUE ELSE FALSE END`

// What a grant stands on: the very transaction that disables its user, disables or removes its provider, or removes its client ends it here,
// and nothing brings it back.
const (
	userOfGrant     = "JOIN users u ON u.tenant = g.tenant AND u.id = g.user_id AND u.auth_epoch = g.auth_epoch AND u.active = TRUE AND u.deleted = 0 "
	providerOfGrant = "JOIN sso_provider p ON p.tenant = g.tenant AND p.id = g.provider AND p.epoch = g.provider_epoch AND p.enabled = TRUE "
	clientOfGrant   = "JOIN sso_client c ON c.tenant = g.tenant AND c.id = g.client AND c.created = g.client_made "
	fromGrant       = " FROM sso_grant g LEFT " + userOfGrant + "LEFT " + providerOfGrant + "LEFT " + clientOfGrant
	// What hangs on no session belongs to the tenant, whatever becomes of the person and of the provider by which they came.
	grantStands = "g.ended = 0 AND c.id IS NOT NULL AND (g.session = '' OR u.id IS NOT NULL AND p.id IS NOT NULL)"
)

func scanGrant(more ...any) func(scanner) (sso.Grant, error) {
	return func(row scanner) (g sso.Grant, err error) {
		var scopes, amr, code, claims string
		var auth, codeEnds, codeUsed, created, expires, ended int64
		err = row.Scan(append([]any{
			&g.ID, &g.Client, &g.Person.User, &g.Person.Epoch, &g.Session, &scopes, &auth, &g.ACR, &amr, &g.Nonce, &g.Redirect, &g.Challenge,
			&code, &codeEnds, &codeUsed, &created, &expires, &ended, &g.Provider, &claims, &g.Factor, &g.Demanded, &g.Live,
		}, more...)...)
		if err != nil {
			return g, err
		}
		g.Scopes, g.AMR, g.AuthTime, g.CodeEnds, g.CodeUsed = words(scopes), words(amr), instant(auth), instant(codeEnds), instant(codeUsed)
		g.Created, g.Expires, g.Ended = instant(created), instant(expires), instant(ended)
		if g.Code, err = hashed256(code); err == nil && claims != "" {
			err = json.Unmarshal([]byte(claims), &g.Claims)
		}
		return g, err
	}
}

// live is g without Live when it has expired.
func (s SSO) live(g sso.Grant, err error) (sso.Grant, error) {
	g.Live = g.Live && s.now().Before(g.Expires)
	return g, absent(err, "grant", "of that kind")
}

// Grant implements sso.Grants.
func (s SSO) Grant(ctx context.Context, t lockstep.TenantID, id sso.GrantID) (sso.Grant, error) {
	rows, err := s.query(ctx, "SELECT "+grantColumns+fromGrant+"WHERE g.tenant = $1 AND g.id = $2", string(t), string(id))
	return s.live(one(rows, err, scanGrant()))
}

// Given implements sso.Sessions.
func (s SSO) Given(ctx context.Context, t lockstep.TenantID, id sso.SessionID, all sso.ClientID) ([]sso.Grant, error) {
	text, args := "g.ended = 0", []any{string(t), string(id)}
	if all != "" {
		text, args = "g.client = $3", append(args, string(all))
	}
	rows, err := s.query(ctx, "SELECT "+grantColumns+fromGrant+"WHERE g.tenant = $1 AND g.session = $2 AND "+text+" ORDER BY g.id LIMIT 500", args...)
	grants, err := collect(rows, err, scanGrant())
	if err != nil {
		return nil, fmt.Errorf("read what a session has given: %w", err)
	}
	return grants, nil
}

// GrantByCode implements sso.Grants.
func (s SSO) GrantByCode(ctx context.Context, t lockstep.TenantID, code sso.Hash) (sso.Grant, error) {
	rows, err := s.query(ctx, "SELECT "+grantColumns+fromGrant+"WHERE g.tenant = $1 AND g.code = $2", string(t), hexOf(code))
	return s.live(one(rows, err, scanGrant()))
}

// GrantByRefresh implements sso.Grants.
func (s SSO) GrantByRefresh(ctx context.Context, t lockstep.TenantID, h sso.Hash) (sso.Grant, sso.Refresh, error) {
	var former string
	var created, ends, used int64
	rows, err := s.query(ctx, "SELECT "+grantColumns+", r.former, r.created, r.ends, r.used"+fromGrant+
		"JOIN sso_refresh r ON r.tenant = g.tenant AND r.grant_id = g.id WHERE r.tenant = $1 AND r.hash = $2", string(t), hexOf(h))
	g, err := s.live(one(rows, err, scanGrant(&former, &created, &ends, &used)))
	if err != nil {
		return g, sso.Refresh{}, err
	}
	r := sso.Refresh{Hash: h, Grant: g.ID, Created: instant(created), Ends: instant(ends), Used: instant(used)}
	r.Former, err = hashed256(former)
	return g, r, err
}

func (t *tx) putGrant(tenant lockstep.TenantID, g sso.Grant) error {
	if err := t.holds(tenant, g.Person); err != nil {
		return err
	}
	claims := ""
	if !g.Claims.Empty() {
		text, err := json.Marshal(g.Claims)
		if err != nil {
			return err
		}
		claims = string(text)
	}
	// A session that was ended meanwhile gives nothing any more. It may have been written just now, in this transaction.
	n, err := t.exec(`INSERT INTO sso_grant (tenant, id, client, user_id, auth_epoch, session, scopes, auth_time, acr, amr, nonce, redirect, challenge,
		code, code_ends, code_used, created, expires, ended, noticed, provider, provider_epoch, client_made, claims, factor)
		SELECT s.tenant, $2, c.id, s.user_id, s.auth_epoch, CASE WHEN $20 THEN '' ELSE s.id END, $6, CAST($7 AS BIGINT), $8, $9, $10, $11, $12, $13, CAST($14 AS BIGINT), CAST($19 AS BIGINT), CAST($15 AS BIGINT),
			CAST($16 AS BIGINT), 0, FALSE, p.id, p.epoch, c.created, $18, s.factor
		FROM sso_session s JOIN sso_provider p ON p.tenant = s.tenant AND p.id = s.provider AND p.epoch = s.provider_epoch AND p.enabled = TRUE
		JOIN sso_client c ON c.tenant = s.tenant AND c.id = $3
		WHERE s.tenant = $1 AND s.id = $5 AND s.ended = 0 AND s.user_id = $4 AND s.auth_epoch = $17`+t.db.dialect.hold(),
		string(tenant), string(g.ID), string(g.Client), string(g.Person.User), string(g.Session), strings.Join(g.Scopes, " "), millis(g.AuthTime), g.ACR,
		strings.Join(g.AMR, " "), g.Nonce, g.Redirect, g.Challenge, hexOf(g.Code), millis(g.CodeEnds), millis(t.at), millis(g.Expires), g.Person.Epoch, claims,
		millis(g.CodeUsed), g.OfTenant())
	if err == nil && n == 0 {
		err = taken("The session was ended, its provider disabled, or the client removed meanwhile.")
	}
	return err
}

// aGrantStands is a condition on a grant named by tenant $1 and id.
const aGrantStands = "EXISTS (SELECT 1" + fromGrant + "WHERE " + grantStands + " AND g.tenant = $1 AND g.id = "

// Redeem implements sso.Grants.
func (s SSO) Redeem(ctx context.Context, tenant lockstep.TenantID, id sso.GrantID, first *sso.Refresh) error {
	return s.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		n, err := t.exec("UPDATE sso_grant SET code_used = $3 WHERE tenant = $1 AND id = $2 AND code_used = 0 AND code_ends > $3 AND "+aGrantStands+"$2)",
			string(tenant), string(id), millis(t.at))
		if err == nil && n == 0 {
			err = taken("The code was used before.")
		}
		if err != nil || first == nil {
			return err
		}
		return t.putRefresh(tenant, *first)
	}})
}

// Rotate implements sso.Grants.
func (s SSO) Rotate(ctx context.Context, tenant lockstep.TenantID, used sso.Hash, next sso.Refresh) error {
	return s.write(ctx, &work{tenant: tenant, rows: 2, run: func(t *tx) error {
		n, err := t.exec("UPDATE sso_refresh SET used = $3 WHERE tenant = $1 AND hash = $2 AND used = 0 AND ends > $3 AND grant_id = $4 AND "+aGrantStands+"$4)",
			string(tenant), hexOf(used), millis(t.at), string(next.Grant))
		if err == nil && n == 0 {
			err = taken("The refresh token was used before.")
		}
		if err != nil {
			return err
		}
		return t.putRefresh(tenant, next)
	}})
}

func (t *tx) putRefresh(tenant lockstep.TenantID, r sso.Refresh) error {
	_, err := t.exec("INSERT INTO sso_refresh (tenant, hash, former, grant_id, created, ends, used) VALUES ($1, $2, $3, $4, $5, $6, 0)",
		string(tenant), hexOf(r.Hash), hexOf(r.Former), string(r.Grant), millis(t.at), millis(r.Ends))
	return err
}
