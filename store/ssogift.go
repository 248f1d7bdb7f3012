package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/sso"
)

// Gifts implements sso.Providers. What a sign-in gave counts for the user that there was then, through the provider that there was then; what was
// given once, as long as there are the user and the provider. Neither counts without its rule, nor for who is not linked.
func (s SSO) Gifts(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]sso.Gift, error) {
	rows, err := s.query(ctx, `SELECT g.provider, g.rule, g.since, g.until, p.doc FROM sso_gift g
		JOIN users u ON u.tenant = g.tenant AND u.id = g.user_id AND u.active = TRUE AND u.deleted = 0 AND (g.once = TRUE OR u.auth_epoch = g.auth_epoch)
		JOIN sso_provider p ON p.tenant = g.tenant AND p.id = g.provider AND p.enabled = TRUE AND (g.once = TRUE OR p.epoch = g.provider_epoch)
		WHERE g.tenant = $1 AND g.user_id = $2 AND (g.until = 0 OR g.until > $3)
		AND EXISTS (SELECT 1 FROM sso_link l WHERE l.tenant = g.tenant AND l.user_id = g.user_id AND l.provider = g.provider)
		ORDER BY g.provider, g.rule`, string(t), string(u), millis(s.now()))
	all, err := collect(rows, err, scanGift)
	if err != nil {
		return nil, fmt.Errorf("read what claims give %s: %w", u, err)
	}
	return slices.DeleteFunc(all, func(g sso.Gift) bool { return g.Rule.ID == "" }), nil
}

// scanGift reads a gift with its rule, which is empty when it does not stand any more.
func scanGift(row scanner) (g sso.Gift, err error) {
	var rule, doc string
	var since, until int64
	if err := row.Scan(&g.Provider, &rule, &since, &until, &doc); err != nil {
		return g, err
	}
	g.Since, g.Until = instant(since), instant(until)
	var p sso.Provider
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return g, fmt.Errorf("read identity provider %s: %w", g.Provider, err)
	}
	for _, r := range p.Counting() {
		if r.ID == rule && r.Once == (until == 0) {
			g.Rule = r
		}
	}
	return g, nil
}

// putGifts writes what a sign-in gives in the place of what the one before gave. What is given once stays.
func (t *tx) putGifts(tenant lockstep.TenantID, f sso.Gifts) error {
	if !f.OnceOnly {
		_, err := t.exec("DELETE FROM sso_gift WHERE tenant = $1 AND user_id = $2 AND provider = $3 AND once = FALSE", string(tenant), string(f.Person.User), string(f.Provider))
		if err != nil {
			return err
		}
	}
	for _, r := range f.Rules {
		until := int64(0)
		if !r.Once {
			if f.OnceOnly {
				continue
			}
			until = millis(f.Until)
		}
		_, err := t.exec(`INSERT INTO sso_gift (tenant, user_id, provider, rule, once, auth_epoch, provider_epoch, since, until)
			SELECT p.tenant, $2, p.id, $4, $5, CAST($6 AS BIGINT), p.epoch, CAST($7 AS BIGINT), CAST($8 AS BIGINT) FROM sso_provider p WHERE p.tenant = $1 AND p.id = $3
			ON CONFLICT (tenant, user_id, provider, rule) DO NOTHING`,
			string(tenant), string(f.Person.User), string(f.Provider), r.ID, r.Once, f.Person.Epoch, millis(t.at), until)
		if err != nil {
			return err
		}
	}
	return nil
}
