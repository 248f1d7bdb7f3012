package store

import (
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/sso"
)

// heldBy are the columns of somebody who has a name, v.
const heldBy = ", u.id, u.user_name, u.active FROM users u "

func scanHolder(row scanner) (h sso.Holder, err error) {
	return h, row.Scan(&h.Value, &h.User, &h.Name, &h.Active)
}

// Holders returns who has one of the values as e-mail address (email) or as user name (userName).
func (s SSO) Holders(ctx context.Context, t lockstep.TenantID, attribute string, values []string) ([]sso.Holder, error) {
	text := "SELECT u.user_name" + heldBy + "WHERE u.tenant = $1 AND u.deleted = 0 AND u.user_name IN (@list)"
	if attribute == "email" {
		text = "SELECT e.email" + heldBy + "JOIN user_email e ON e.tenant = u.tenant AND e.user_id = u.id WHERE u.tenant = $1 AND u.deleted = 0 AND e.tenant = $1 AND e.email IN (@list)"
	}
	once := folded(values)
	slices.Sort(once)
	var all []sso.Holder
	err := lists(s.DB, text, []any{string(t)}, slices.Compact(once), func(text string, args []any) error {
		rows, err := s.query(ctx, text, args...)
		found, err := collect(rows, err, scanHolder)
		all = append(all, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read who has a name: %w", err)
	}
	return all, nil
}

// SharedNames counts the e-mail addresses that more than one person has, as an address or, with names, as user name, and returns some with whose
// they are.
func (s SSO) SharedNames(ctx context.Context, t lockstep.TenantID, names bool, limit int) (int, []sso.SharedName, error) {
	held := "SELECT e.email AS value, e.user_id AS id FROM user_email e JOIN users u ON u.tenant = e.tenant AND u.id = e.user_id AND u.deleted = 0 WHERE e.tenant = $1"
	if names {
		held += " UNION ALL SELECT u.user_name, u.id FROM users u WHERE u.tenant = $1 AND u.deleted = 0"
	}
	shared := "SELECT h.value, COUNT(DISTINCT h.id) AS n FROM (" + held + ") h GROUP BY h.value HAVING COUNT(DISTINCT h.id) > 1"
	rows, err := s.query(ctx, "SELECT COUNT(*) FROM ("+shared+") x", string(t))
	count, err := one(rows, err, scanInt)
	if err != nil {
		return 0, nil, fmt.Errorf("count shared addresses: %w", err)
	}
	rows, err = s.query(ctx, shared+" ORDER BY h.value LIMIT $2", string(t), int64(limit))
	some, err := collect(rows, err, func(row scanner) (n sso.SharedName, err error) { return n, row.Scan(&n.Value, &n.Count) })
	if err != nil {
		return 0, nil, fmt.Errorf("read shared addresses: %w", err)
	}
	values, at := make([]string, len(some)), map[string]int{}
	for i, n := range some {
		values[i], at[n.Value] = n.Value, i
	}
	attributes := []string{"email"}
	if names {
		attributes = append(attributes, "userName")
	}
	for _, attribute := range attributes {
		found, err := s.Holders(ctx, t, attribute, values)
		if err != nil {
			return 0, nil, err
		}
		for _, h := range found {
			n := &some[at[h.Value]]
			if len(n.Some) < mostHolders && !slices.ContainsFunc(n.Some, func(one sso.Holder) bool { return one.User == h.User }) {
				n.Some = append(n.Some, h)
			}
		}
	}
	return int(count), some, nil
}

// mostHolders is how many of those who share an address are named.
const mostHolders = 5

// WithoutMail counts the people who may sign in, and those of them who have no e-mail address, and returns some.
func (s SSO) WithoutMail(ctx context.Context, t lockstep.TenantID, limit int) (people, without int, some []sso.Holder, err error) {
	const able = "WHERE u.tenant = $1 AND u.deleted = 0 AND u.active = TRUE"
	type counts struct{ people, mailed int64 }
	rows, err := s.query(ctx, "SELECT (SELECT COUNT(*) FROM users u "+able+"), (SELECT COUNT(DISTINCT u.id) FROM user_email e JOIN users u ON u.tenant = e.tenant AND u.id = e.user_id "+able+" AND e.tenant = $1)", string(t))
	n, err := one(rows, err, func(row scanner) (c counts, err error) { return c, row.Scan(&c.people, &c.mailed) })
	if err != nil {
		return 0, 0, nil, fmt.Errorf("count people without an address: %w", err)
	}
	if n.people > n.mailed {
		rows, err = s.query(ctx, "SELECT u.user_name"+heldBy+able+" AND u.id NOT IN (SELECT e.user_id FROM user_email e WHERE e.tenant = $1) ORDER BY u.id LIMIT $2", string(t), int64(limit))
		if some, err = collect(rows, err, scanHolder); err != nil {
			return 0, 0, nil, fmt.Errorf("read people without an address: %w", err)
		}
	}
	return int(n.people), int(n.people - n.mailed), some, nil
}

// LinkedOf returns which of the people are linked at a provider, and which were added by a sign-in whose address nobody had verified.
func (s SSO) LinkedOf(ctx context.Context, t lockstep.TenantID, p sso.ProviderID, users []lockstep.UserID) (linked, unverified map[lockstep.UserID]bool, err error) {
	linked, unverified = map[lockstep.UserID]bool{}, map[lockstep.UserID]bool{}
	const text = "SELECT provider, issuer, subject, user_id, made, verified, created, used FROM sso_link WHERE tenant = $1 AND user_id IN (@list)"
	err = lists(s.DB, text, []any{string(t)}, users, func(text string, args []any) error {
		rows, err := s.query(ctx, text, args...)
		all, err := collect(rows, err, scanSignInLink)
		for _, l := range all {
			if l.Provider == p {
				linked[l.User] = true
			}
			if l.Made && !l.Verified {
				unverified[l.User] = true
			}
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read who is linked: %w", err)
	}
	return linked, unverified, nil
}
