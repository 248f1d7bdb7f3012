package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"lockstep"
	"lockstep/directory"
)

func scanMember(s scanner) (m directory.Member, err error) {
	return m, s.Scan(&m.Group, &m.ID, &m.Kind)
}

const memberSelect = "SELECT group_id, id, kind FROM member WHERE tenant = $1 AND (group_id, id) > ($2, $3)"

// nestedOnly leaves the groups, as their index has it word by word: they are few beside the people.
const nestedOnly = " AND kind = 'Group'"

// memberLimit is how many memberships a query without a limit returns.
const memberLimit = 10_000

// Members returns memberships of a tenant, those of soft-deleted users and groups too. It satisfies directory.Reader.
func (db *DB) Members(ctx context.Context, tenant lockstep.TenantID, q directory.MemberQuery) ([]directory.Member, error) {
	if q.Limit == 0 {
		q.Limit = memberLimit
	}
	text, args := memberSelect, []any{string(tenant), string(q.After.Group), q.After.ID}
	switch q.Kind {
	case "":
	case directory.GroupKind:
		text += nestedOnly
	default:
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
	members, err := c.present(a)
	if err != nil {
		return err
	}
	var added []directory.Member
	err = pieces(len(members), func(from, size int) error {
		args := []any{string(c.tenant), string(a.Group)}
		for _, m := range members[from : from+size] {
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
	return c.touchGroup(a.Group, "added members to", len(added), 1)
}

// present checks that the members exist and are not the group itself, and keeps them from being purged before the transaction ends.
// It returns those who can be members now: for who is soft-deleted it is noted.
func (c *change) present(a directory.AddMembers) ([]directory.Member, error) {
	var ids = map[directory.Kind][]string{}
	for _, m := range a.Members {
		switch {
		case m.Kind != directory.UserKind && m.Kind != directory.GroupKind:
			return nil, invalid("A member is a User or a Group, not %q.", m.Kind)
		case m.ID == string(a.Group):
			return nil, invalid("A group cannot be a member of itself.")
		}
		ids[m.Kind] = append(ids[m.Kind], m.ID)
	}
	alive := make(map[string]bool, len(a.Members)) // false: soft-deleted
	for kind, list := range ids {
		if err := c.existing(tableOf(kind), list, alive); err != nil {
			return nil, err
		}
	}
	members := a.Members
	for i, m := range a.Members {
		switch is, exists := alive[m.ID]; {
		case !exists:
			return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("The member %s %s does not exist.", m.Kind, m.ID)}
		case is && len(members) < len(a.Members):
			members = append(members, m)
		case !is:
			if err := c.keepFormer(m.ID, wasMember, []string{string(a.Group)}); err != nil {
				return nil, err
			}
			if len(members) == len(a.Members) {
				members = slices.Clone(a.Members[:i])
			}
		}
	}
	return members, nil
}

// existing tells of those of the ids that the table has whether they are alive.
func (c *change) existing(table string, ids []string, alive map[string]bool) error {
	text := "SELECT id, deleted FROM " + table + " WHERE tenant = $1 AND id IN (@list)" + c.db.dialect.lock()
	return lists(c.db, text, []any{string(c.tenant)}, ids, func(text string, args []any) error {
		rows, err := c.query(text, args...)
		_, err = collect(rows, err, func(s scanner) (id string, err error) {
			var deleted int64
			err = s.Scan(&id, &deleted)
			alive[id] = deleted == 0
			return id, err
		})
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
	if len(removed) < len(ids) { // some may be soft-deleted, and shall not come back as members
		_, err := execLists(c.tx, "DELETE FROM former WHERE tenant = $1 AND relation = 'member' AND other = $2 AND id IN (@list)", []any{string(c.tenant), string(r.Group)}, ids)
		if err != nil {
			return err
		}
	}
	return c.touchGroup(r.Group, "removed members from", len(removed), -1)
}

// removed tells the feed of memberships that are gone.
func (c *change) removed(members []directory.Member, err error) error {
	for _, m := range members {
		c.publish(directory.Event{Object: "member", Op: directory.OpRemove, ID: string(m.Group), Member: m.ID, Kind: m.Kind})
	}
	return err
}

// touchGroup raises the group's version after n memberships were added (by is 1) or removed (-1): they are part of what SCIM shows of
// it. The row is found without its document. It fails when there is no such group; from one that is soft-deleted members may still
// be removed.
func (c *change) touchGroup(id lockstep.GroupID, verb string, n, by int) error {
	text := "SELECT doc, members FROM groups WHERE tenant = $1 AND id = $2"
	args := []any{string(c.tenant), string(id)}
	if n > 0 {
		text = "UPDATE groups SET version = version + 1, modified = $3, members = members + $4 WHERE tenant = $1 AND id = $2"
		args = append(args, millis(c.at), int64(n*by))
	}
	if by > 0 {
		text += " AND deleted = 0"
	}
	if n > 0 {
		text += " RETURNING doc, members"
	}
	var members int64
	rows, err := c.query(text, args...)
	doc, err := one(rows, err, func(s scanner) (doc string, err error) { return doc, s.Scan(&doc, &members) })
	switch {
	case err != nil:
		return absent(err, "group", string(id))
	case by > 0 && n > 0 && members > directory.MaxMembers:
		return invalid("A group has at most %d members.", directory.MaxMembers)
	case n == 0 || c.action != "":
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
	if err := c.touchGroups(groupsOf(members), -1); err != nil {
		return err
	}
	rows, err = c.query("DELETE FROM assignment WHERE tenant = $1 AND principal = $2 RETURNING "+assignmentColumns, string(c.tenant), id)
	assignments, err := collect(rows, err, scanAssignment)
	for _, a := range assignments {
		c.publish(assignmentEvent(a, directory.OpDelete))
	}
	return err
}
