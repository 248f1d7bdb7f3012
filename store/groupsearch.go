package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/directory"
)

// groupPage is how many groups a page has, unless it is said.
const groupPage = 100

// FindGroups returns a page of the tenant's groups by name. It satisfies directory.GroupFinder.
func (db *DB) FindGroups(ctx context.Context, tenant lockstep.TenantID, q directory.GroupSearch) (directory.GroupsFound, error) {
	found, err := db.findGroups(ctx, tenant, q)
	if err != nil {
		return found, fmt.Errorf("search groups: %w", err)
	}
	return found, nil
}

func (db *DB) findGroups(ctx context.Context, tenant lockstep.TenantID, q directory.GroupSearch) (out directory.GroupsFound, err error) {
	limit := cmp.Or(q.Limit, groupPage)
	text, args := groupsWhere(tenant, q)
	rows, err := db.query(ctx, "SELECT COUNT(*) FROM groups g"+text, args...)
	total, err := one(rows, err, scanInt)
	if err != nil {
		return out, err
	}
	out.Total = int(total)
	if q.After != "" {
		id, name, ok := strings.Cut(q.After, " ")
		if !ok || !lockstep.ValidID(id) {
			return out, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "That is no place in a list of groups."}
		}
		args = append(args, name, id)
		text += fmt.Sprintf(" AND (g.name, g.id) > ($%d, $%d)", len(args)-1, len(args))
	}
	args = append(args, int64(limit))
	var last string
	rows, err = db.query(ctx, "SELECT "+groupColumns+", members, name FROM groups g"+text+fmt.Sprintf(" ORDER BY g.name, g.id LIMIT $%d", len(args)), args...)
	out.Groups, err = collect(rows, err, func(s scanner) (g directory.FoundGroup, err error) {
		var name string
		g.Group, err = scanGroup(tail{s, []any{&g.Members, &name}})
		last = string(g.ID) + " " + name
		return g, err
	})
	if err != nil {
		return out, err
	}
	if len(out.Groups) == limit && limit < out.Total {
		out.Next = last
	}
	return out, db.groupClaims(ctx, tenant, out.Groups)
}

// groupsWhere is the condition of a search.
func groupsWhere(tenant lockstep.TenantID, q directory.GroupSearch) (text string, args []any) {
	text, args = " WHERE g.tenant = $1 AND g.deleted = 0", []any{string(tenant)}
	add := func(condition string, value any) {
		args = append(args, value)
		text += " AND " + strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args)))
	}
	if q.Text != "" {
		add(`(g.name LIKE ? ESCAPE '\' OR LOWER(g.external_id) LIKE ? ESCAPE '\')`, "%"+escapeLike(fold(q.Text))+"%")
	}
	if q.Owner != "" {
		add("EXISTS (SELECT 1 FROM claim c WHERE c.tenant = g.tenant AND c.kind = 'Group' AND c.id = g.id AND c.owner = ?)", q.Owner)
	}
	if q.App != "" {
		add("EXISTS (SELECT 1 FROM assignment a WHERE a.tenant = g.tenant AND a.principal = g.id AND a.app = ?)", string(q.App))
	}
	return text, args
}

// tail scans what stands behind the columns of something.
type tail struct {
	scanner
	more []any
}

// Scan implements scanner.
func (t tail) Scan(to ...any) error { return t.scanner.Scan(append(to, t.more...)...) }

const readGroupClaims = `SELECT c.id, c.owner, c.active, COALESCE(j.name, t.name, ''), COALESCE(j.slug, '') FROM claim c
	LEFT JOIN job j ON j.tenant = c.tenant AND j.id = c.owner LEFT JOIN token t ON t.id = substr(c.owner, 6)
	WHERE c.tenant = $1 AND c.kind = 'Group' AND (c.owner = 'hand' OR c.owner LIKE 'scim:%' OR j.id IS NOT NULL) AND c.id IN (@list) ORDER BY c.owner`

// groupClaims fills in who has each group.
func (db *DB) groupClaims(ctx context.Context, tenant lockstep.TenantID, groups []directory.FoundGroup) error {
	ids, at := make([]string, len(groups)), map[string]int{}
	for i, g := range groups {
		ids[i], at[string(g.ID)] = string(g.ID), i
	}
	if len(ids) == 0 {
		return nil
	}
	return lists(db, readGroupClaims, []any{string(tenant)}, ids, func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (int, error) {
			var id, slug string
			var c directory.Claim
			err := s.Scan(&id, &c.Owner, &c.Active, &c.Name, &slug)
			c.Name = cmp.Or(c.Name, slug)
			if i, ok := at[id]; ok {
				groups[i].Claims = append(groups[i].Claims, c)
			}
			return 0, err
		})
		return err
	})
}
