package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"lockstep"
	"lockstep/directory"
)

func scanMember(s scanner) (m directory.Member, err error) {
	return m, s.Scan(&m.Group, &m.ID, &m.Kind)
}

const memberSelect = "SELECT group_id, id, kind FROM member WHERE tenant = $1 AND (group_id, id) > ($2, $3)"

// memberLimit is how many memberships a query without a limit returns.
const memberLimit = 10_000

// Members returns memberships of a tenant, those of soft-deleted users and groups too. It satisfies directory.Reader.
func (db *DB) Members(ctx context.Context, tenant lockstep.TenantID, q directory.MemberQuery) ([]directory.Member, error) {
	if q.Limit == 0 {
		q.Limit = memberLimit
	}
	text, args := memberSelect, []any{string(tenant), string(q.After.Group), q.After.ID}
	if q.Kind != "" {
		text += " AND kind = $4"
		args = append(args, string(q.Kind))
	}
	// Each piece of the lists gives its first rows in order; the first of them all are the answer.
	var all []directory.Member
	read := func(text string, args []any) error {
		rows, err := db.query(ctx, text+" ORDER BY group_id, id"+limitTo(&args, q.Limit), args...)
		found, err := collect(rows, err, scanMember)
		all = append(all, found...)
		return err
	}
	within := func(text string, args []any) error {
		if q.IDs == nil {
			return read(text, args)
		}
		return lists(db, text+" AND id IN (@list)", args, q.IDs, read)
	}
	var err error
	if q.Groups == nil {
		err = within(text, args)
	} else {
		err = lists(db, text+" AND group_id IN (@list)", args, q.Groups, within)
	}
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	slices.SortFunc(all, func(a, b directory.Member) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.ID, b.ID))
	})
	all = slices.Compact(all) // a value that stands in the list twice, in two pieces
	return all[:min(len(all), q.Limit)], nil
}

var insertMembers = bulk{lead: []string{"TEXT", "TEXT"}, cols: []string{"TEXT", "TEXT"}, text: `WITH v(tenant, group_id, id, kind) AS (VALUES @rows)
	INSERT INTO member (tenant, group_id, id, kind) SELECT tenant, group_id, id, kind FROM v WHERE TRUE
	ON CONFLICT (tenant, group_id, id) DO NOTHING RETURNING group_id, id, kind`}

func (c *change) addMembers(a directory.AddMembers) error {
	if err := c.present(a); err != nil {
		return err
	}
	var added []directory.Member
	err := pieces(len(a.Members), func(from, size int) error {
		args := []any{string(c.tenant), string(a.Group)}
		for _, m := range a.Members[from : from+size] {
			args = append(args, m.ID, string(m.Kind))
		}
		rows, err := c.query(c.db.rendered(&insertMembers, size), args...)
		found, err := collect(rows, err, scanMember)
		added = append(added, found...)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range added {
		c.publish(directory.Event{Object: "member", Op: directory.OpAdd, ID: string(m.Group), Member: m.ID, Kind: m.Kind})
	}
	return c.touchGroup(a.Group, "added members to", len(added))
}

// present checks that the members exist, deleted or not, and keeps them from being purged before the transaction ends.
func (c *change) present(a directory.AddMembers) error {
	missing := map[string]directory.Kind{}
	for _, m := range a.Members {
		if m.Kind != directory.UserKind && m.Kind != directory.GroupKind {
			return invalid("A member is a User or a Group, not %q.", m.Kind)
		}
		missing[m.ID] = m.Kind
	}
	for table, kind := range map[string]directory.Kind{"users": directory.UserKind, "groups": directory.GroupKind} {
		var ids []string
		for _, m := range a.Members {
			if m.Kind == kind {
				ids = append(ids, m.ID)
			}
		}
		if err := c.existing(table, ids, func(id string) { delete(missing, id) }); err != nil {
			return err
		}
	}
	for _, m := range a.Members {
		if kind, is := missing[m.ID]; is {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("The member %s %s does not exist.", kind, m.ID)}
		}
	}
	return nil
}

// existing calls f with those of the ids that the table has.
func (c *change) existing(table string, ids []string, f func(id string)) error {
	text := "SELECT id FROM " + table + " WHERE tenant = $1 AND id IN (@list)" + c.db.dialect.lock()
	return lists(c.db, text, []any{string(c.tenant)}, ids, func(text string, args []any) error {
		rows, err := c.query(text, args...)
		found, err := collect(rows, err, scanText)
		for _, id := range found {
			f(id)
		}
		return err
	})
}

func (c *change) removeMembers(r directory.RemoveMembers) error {
	ids := make([]string, len(r.Members))
	for i, m := range r.Members {
		ids[i] = m.ID
	}
	var removed []directory.Member
	text := "DELETE FROM member WHERE tenant = $1 AND group_id = $2 AND id IN (@list) RETURNING group_id, id, kind"
	err := lists(c.db, text, []any{string(c.tenant), string(r.Group)}, ids, func(text string, args []any) error {
		rows, err := c.query(text, args...)
		found, err := collect(rows, err, scanMember)
		removed = append(removed, found...)
		return err
	})
	if err := c.removed(removed, err); err != nil {
		return err
	}
	return c.touchGroup(r.Group, "removed members from", len(removed))
}

// removed tells the feed of memberships that are gone.
func (c *change) removed(members []directory.Member, err error) error {
	for _, m := range members {
		c.publish(directory.Event{Object: "member", Op: directory.OpRemove, ID: string(m.Group), Member: m.ID, Kind: m.Kind})
	}
	return err
}

// touchGroup raises the group's version after n of its memberships changed: they are part of what SCIM shows of it. The row is
// found without its document. It fails when there is no such group.
func (c *change) touchGroup(id lockstep.GroupID, verb string, n int) error {
	text := "SELECT doc FROM groups WHERE tenant = $1 AND id = $2 AND deleted = 0"
	args := []any{string(c.tenant), string(id)}
	if n > 0 {
		text = "UPDATE groups SET version = version + 1, modified = $3 WHERE tenant = $1 AND id = $2 AND deleted = 0 RETURNING doc"
		args = append(args, millis(c.at))
	}
	rows, err := c.query(text, args...)
	doc, err := one(rows, err, scanText)
	if err != nil {
		return absent(err, "group", string(id))
	}
	if n == 0 || c.action != "" {
		return nil
	}
	attributes, err := object(doc)
	if err != nil {
		return err
	}
	c.record(verb, "group", string(id), attributes.Text("displayName"), strconv.Itoa(n))
	return nil
}

// forget removes the memberships and assignments of a principal that is gone for good.
func (c *change) forget(id string) error {
	rows, err := c.query("DELETE FROM member WHERE tenant = $1 AND id = $2 RETURNING group_id, id, kind", string(c.tenant), id)
	members, err := collect(rows, err, scanMember)
	if err := c.removed(members, err); err != nil {
		return err
	}
	groups := map[lockstep.GroupID]bool{}
	for _, m := range members {
		groups[m.Group] = true
	}
	_, err = execLists(c.tx, "UPDATE groups SET version = version + 1, modified = $2 WHERE tenant = $1 AND id IN (@list)",
		[]any{string(c.tenant), millis(c.at)}, slices.Sorted(maps.Keys(groups)))
	if err != nil {
		return err
	}
	rows, err = c.query("DELETE FROM assignment WHERE tenant = $1 AND principal = $2 RETURNING "+assignmentColumns, string(c.tenant), id)
	assignments, err := collect(rows, err, scanAssignment)
	for _, a := range assignments {
		c.publish(assignmentEvent(a, directory.OpDelete))
	}
	return err
}
