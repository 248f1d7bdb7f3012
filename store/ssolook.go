package store

import (
	"context"
	"encoding/json"
	"fmt"

	"lockstep"
	"lockstep/sso"
)

// The bounds of one look at the traces of logins.
const (
	tracePage  = 200
	traceReach = 5000 // so many are read at most to find some that a query takes
)

// Traces returns the traces that the query selects, and where the next look begins: "" when everything was seen. It may return fewer than
// the limit, when the next ones are far away.
func (s SSO) Traces(ctx context.Context, tenant lockstep.TenantID, q sso.TraceQuery) (found []sso.Trace, next sso.LoginID, err error) {
	for at, seen := q.Before, 0; ; {
		text, args := "SELECT id, doc FROM sso_trace WHERE tenant = $1", []any{string(tenant)}
		if at != "" {
			text, args = text+" AND id < $2", append(args, string(at))
		}
		rows, err := s.query(ctx, fmt.Sprintf("%s ORDER BY id DESC LIMIT %d", text, tracePage), args...)
		all, err := collect(rows, err, scanTrace)
		if err != nil {
			return nil, "", fmt.Errorf("read sign-ins: %w", err)
		}
		for _, t := range all {
			if at = t.ID; !q.Takes(t) {
				continue
			}
			if len(found) == q.Limit {
				return found, found[len(found)-1].ID, nil
			}
			found = append(found, t)
		}
		if len(all) < tracePage {
			return found, "", nil
		}
		if seen += len(all); seen >= traceReach {
			return found, at, nil
		}
	}
}

func scanTrace(row scanner) (t sso.Trace, err error) {
	var id, doc string
	if err := row.Scan(&id, &doc); err != nil {
		return t, err
	}
	err = json.Unmarshal([]byte(doc), &t)
	t.ID = sso.LoginID(id)
	return t, err
}

// LinkCount returns how many identities of a provider are people of the directory.
func (s SSO) LinkCount(ctx context.Context, tenant lockstep.TenantID, p sso.ProviderID) (int, error) {
	rows, err := s.query(ctx, "SELECT COUNT(*) FROM sso_link WHERE tenant = $1 AND provider = $2", string(tenant), string(p))
	n, err := collect(rows, err, scanInt)
	if err != nil {
		return 0, fmt.Errorf("count links: %w", err)
	}
	return int(n[0]), nil
}

// SessionClients returns, for sessions, the applications that were given something in them and have not lost it.
func (s SSO) SessionClients(ctx context.Context, tenant lockstep.TenantID, sessions []sso.SessionID) (map[sso.SessionID][]sso.ClientID, error) {
	type pair struct {
		session sso.SessionID
		client  sso.ClientID
	}
	found := map[sso.SessionID][]sso.ClientID{}
	const text = "SELECT DISTINCT session, client FROM sso_grant WHERE tenant = $1 AND ended = 0 AND session IN (@list) ORDER BY session, client"
	err := lists(s.DB, text, []any{string(tenant)}, sessions, func(text string, args []any) error {
		rows, err := s.query(ctx, text, args...)
		all, err := collect(rows, err, func(row scanner) (p pair, err error) { return p, row.Scan(&p.session, &p.client) })
		for _, p := range all {
			found[p.session] = append(found[p.session], p.client)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the applications of sessions: %w", err)
	}
	return found, nil
}
