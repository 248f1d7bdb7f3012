package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/sso"
)

var _ sso.WatchedKept = SSO{}

// watchDue is a provider that may be due.
type watchDue struct {
	tenant  lockstep.TenantID
	id      sso.ProviderID
	version int64
	known   bool // there is a row of this version
}

// DueToWatch implements sso.WatchedKept.
func (s SSO) DueToWatch(ctx context.Context, first, hold time.Duration, limit int) ([]sso.Provider, error) {
	rows, err := s.query(ctx, `SELECT p.tenant, p.id, p.version, CASE WHEN w.version = p.version THEN 1 ELSE 0 END FROM sso_provider p
		LEFT JOIN sso_watched w ON w.tenant = p.tenant AND w.provider = p.id
		WHERE p.enabled = TRUE AND (w.due IS NULL OR w.due <= $1 OR w.version <> p.version) ORDER BY COALESCE(w.due, 0), p.tenant, p.id LIMIT $2`, millis(s.now()), int64(limit))
	all, err := collect(rows, err, func(row scanner) (d watchDue, err error) {
		var known int64
		err = row.Scan(&d.tenant, &d.id, &d.version, &known)
		d.known = known == 1
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("find identity providers to look at: %w", err)
	}
	var claimed []sso.Provider
	for _, d := range all {
		mine, err := s.claimWatch(ctx, d, first, hold)
		if err != nil {
			return claimed, fmt.Errorf("claim an identity provider to look at: %w", err)
		}
		if !mine {
			continue
		}
		p, err := s.Provider(ctx, d.tenant, d.id)
		if lockstep.CodeOf(err) == lockstep.CodeNotFound {
			continue
		}
		if err != nil {
			return claimed, err
		}
		claimed = append(claimed, p)
	}
	return claimed, nil
}

// claimWatch takes a provider for as long as hold says. One that is new, or another since, has its time set, and is looked at then.
func (s SSO) claimWatch(ctx context.Context, d watchDue, first, hold time.Duration) (mine bool, err error) {
	err = s.write(ctx, &work{tenant: d.tenant, rows: 1, run: func(t *tx) error {
		if !d.known {
			_, err := t.exec(`INSERT INTO sso_watched (tenant, provider, version, due, doc) VALUES ($1, $2, $3, $4, '{}')
				ON CONFLICT (tenant, provider) DO UPDATE SET version = excluded.version, due = excluded.due, doc = excluded.doc WHERE sso_watched.version <> excluded.version`,
				string(d.tenant), string(d.id), d.version, millis(t.at.Add(first)))
			return err
		}
		n, err := t.exec("UPDATE sso_watched SET due = $4 WHERE tenant = $1 AND provider = $2 AND version = $3 AND due <= $5",
			string(d.tenant), string(d.id), d.version, millis(t.at.Add(hold)), millis(t.at))
		mine = n > 0
		return err
	}})
	return mine, err
}

// PutWatched implements sso.WatchedKept.
func (s SSO) PutWatched(ctx context.Context, tenant lockstep.TenantID, w sso.Watched, due time.Time) error {
	doc, err := json.Marshal(w)
	if err != nil {
		return err
	}
	err = s.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		if w.Refused != "" {
			t.note(audit.Event{Actor: audit.Actor{Kind: audit.System}, Verb: "refused", Object: "identity provider", ID: string(w.Provider), Name: w.Alias, Detail: w.Refused})
		}
		_, err := t.exec(`INSERT INTO sso_watched (tenant, provider, version, due, doc) SELECT $1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), $5
			WHERE EXISTS (SELECT 1 FROM sso_provider WHERE tenant = $1 AND id = $2)
			ON CONFLICT (tenant, provider) DO UPDATE SET version = excluded.version, due = excluded.due, doc = excluded.doc`,
			string(tenant), string(w.Provider), w.Version, millis(due), string(doc))
		return err
	}})
	if err != nil {
		return fmt.Errorf("keep what a look at an identity provider has found: %w", err)
	}
	return nil
}

// Adopt implements sso.WatchedKept.
func (s SSO) Adopt(ctx context.Context, p sso.Provider, what string) (sso.Provider, error) {
	return s.putProvider(ctx, audit.Actor{Kind: audit.System, Name: "its metadata"}, p, what)
}

// Watched implements sso.WatchedKept.
func (s SSO) Watched(ctx context.Context, tenant lockstep.TenantID) (map[sso.ProviderID]sso.Watched, error) {
	rows, err := s.query(ctx, "SELECT w.provider, w.version, w.doc FROM sso_watched w JOIN sso_provider p ON p.tenant = w.tenant AND p.id = w.provider AND p.version = w.version WHERE w.tenant = $1", string(tenant))
	all, err := collect(rows, err, func(row scanner) (w sso.Watched, err error) {
		var doc string
		if err := row.Scan(&w.Provider, &w.Version, &doc); err != nil {
			return w, err
		}
		return w, json.Unmarshal([]byte(doc), &w)
	})
	if err != nil {
		return nil, fmt.Errorf("read what looks at identity providers have found: %w", err)
	}
	found := map[sso.ProviderID]sso.Watched{}
	for _, w := range all {
		if !w.At.IsZero() {
			found[w.Provider] = w
		}
	}
	return found, nil
}
