package store

import (
	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
)

// Whoever is soft-deleted leaves: they are in no group and nobody's manager any more, in the same function, so that everything that
// shows others is true at once and its version says so. What they had is kept in the table former and given back by a restore.

// Relations of former, and what is left to do in leaving.
const (
	wasMember  = "member"
	wasManager = "manager"

	leftReports = "reports" // of a manager: some still name them
	leftReturn  = "return"  // of a manager who is back: some do not name them yet
	leftMembers = "members" // of a group that is gone for good
)

// leavePage is how many users or memberships one function changes on behalf of others; what is beyond it is done in pages (pursue).
const leavePage = 500

// keepFormer is a statement that keeps what somebody had.
var keepFormer = bulk{lead: []string{"TEXT", "TEXT", "TEXT"}, cols: []string{"TEXT"}, text: `WITH v(tenant, id, relation, other) AS (VALUES @rows)
	INSERT INTO former (tenant, id, relation, other) SELECT tenant, id, relation, other FROM v WHERE TRUE ON CONFLICT DO NOTHING`}

func (c *change) keepFormer(id, relation string, others []string) error {
	_, err := c.bulk(&keepFormer, []any{string(c.tenant), id, relation}, len(others), func(args []any, i int) []any { return append(args, others[i]) })
	return err
}

// leave takes a user or group that has just been soft-deleted out of its groups and away from those it manages.
func (c *change) leave(kind directory.Kind, id string) error {
	rows, err := c.query("DELETE FROM member WHERE tenant = $1 AND id = $2 RETURNING group_id, id, kind", string(c.tenant), id)
	members, err := collect(rows, err, scanMember)
	if err := c.removed(members, err); err != nil {
		return err
	}
	groups := groupsOf(members)
	if err := c.keepFormer(id, wasMember, groups); err != nil {
		return err
	}
	if err := c.touchGroups(groups, -1); err != nil || kind != directory.UserKind {
		return err
	}
	return c.dismiss(lockstep.UserID(id))
}

// groupsOf returns the groups of memberships, each of which is in one.
func groupsOf(members []directory.Member) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = string(m.Group)
	}
	return all
}

// touchGroups raises the versions of groups each of which has gained or lost one member.
func (c *change) touchGroups(groups []string, by int) error {
	_, err := execLists(c.tx, "UPDATE groups SET version = version + 1, modified = $2, members = members + $3 WHERE tenant = $1 AND id IN (@list)",
		[]any{string(c.tenant), millis(c.at), int64(by)}, groups)
	return err
}

// dismiss takes a manager who is deleted away from those who name them, a page of them now and the rest afterwards.
func (c *change) dismiss(manager lockstep.UserID) error {
	rows, err := c.query("SELECT "+userColumns+" FROM users WHERE tenant = $1 AND manager = $2 AND manager <> '' AND deleted = 0 ORDER BY id LIMIT $3",
		string(c.tenant), string(manager), int64(leavePage))
	reports, err := collect(rows, err, scanUser)
	if err != nil || len(reports) == 0 {
		return err
	}
	ids := make([]string, len(reports))
	for i, r := range reports {
		ids[i] = string(r.ID)
		if err := c.setManager(r, ""); err != nil {
			return err
		}
	}
	if err := c.keepFormer(string(manager), wasManager, ids); err != nil {
		return err
	}
	return c.pursueLater(string(manager), leftReports, len(reports) == leavePage)
}

// setManager gives a user another manager; "" is none.
func (c *change) setManager(u directory.User, manager string) error {
	done, err := c.rewriteUser(u, func(old directory.User) (userWrite, error) {
		next := old
		next.Attributes = managedBy(old.Attributes, manager)
		detail := "manager, who was deleted"
		if manager != "" {
			detail = "manager, who was restored"
		}
		return userWrite{user: next, op: directory.OpPut, verb: "updated", detail: detail}, nil
	})
	if err == nil && !done {
		return errContended
	}
	return err
}

// managedBy returns the attributes of a user with another manager; "" is none.
func managedBy(a scim.Object, manager string) scim.Object {
	a = a.Clone()
	ext, _ := a.Get(enterprise).(scim.Object)
	if manager == "" {
		ext.Delete("manager")
	} else {
		ext.Set("manager", scim.Object{{Name: "value", Value: manager}})
	}
	a.Set(enterprise, ext)
	return a
}

// withoutLeaver returns the attributes of somebody who comes back, without a manager who has left since or is gone for good. Should that one come
// back, they have them again.
func (c *change) withoutLeaver(id lockstep.UserID, a scim.Object) (scim.Object, error) {
	manager := managerOf(a)
	if manager == "" || manager == string(id) {
		return a, nil
	}
	rows, err := c.query("SELECT deleted FROM users WHERE tenant = $1 AND id = $2"+c.db.dialect.lock(), string(c.tenant), manager)
	deleted, err := collect(rows, err, scanInt)
	if len(deleted) > 0 && deleted[0] == 0 || err != nil {
		return a, err
	}
	if len(deleted) > 0 {
		if err := c.keepFormer(manager, wasManager, []string{string(id)}); err != nil {
			return nil, err
		}
	}
	if c.orphans == nil {
		c.orphans = map[lockstep.UserID]string{}
	}
	c.orphans[id] = manager
	return managedBy(a, ""), nil
}

// rejoin gives somebody who has just been restored back what they had: memberships in groups that still exist, and those who have no
// other manager meanwhile.
func (c *change) rejoin(kind directory.Kind, id string) error {
	rows, err := c.query(`INSERT INTO member (tenant, group_id, id, kind)
		SELECT f.tenant, f.other, f.id, $3 FROM former f JOIN groups g ON g.tenant = f.tenant AND g.id = f.other
		WHERE f.tenant = $1 AND f.id = $2 AND f.relation = 'member' ON CONFLICT (tenant, group_id, id) DO NOTHING RETURNING group_id, id, kind`,
		string(c.tenant), id, string(kind))
	members, err := collect(rows, err, scanMember)
	if err != nil {
		return err
	}
	for _, m := range members {
		c.publish(directory.Event{Object: "member", Op: directory.OpAdd, ID: string(m.Group), Member: m.ID, Kind: m.Kind})
	}
	if err := c.touchGroups(groupsOf(members), 1); err != nil {
		return err
	}
	if _, err := c.exec("DELETE FROM former WHERE tenant = $1 AND id = $2 AND relation = 'member'", string(c.tenant), id); err != nil || kind != directory.UserKind {
		return err
	}
	return c.reinstate(lockstep.UserID(id))
}

// reinstate makes a manager who is back the manager of those who named them, a page of them now and the rest afterwards.
func (c *change) reinstate(manager lockstep.UserID) error {
	rows, err := c.query("DELETE FROM former WHERE tenant = $1 AND id = $2 AND relation = 'manager' AND other IN (SELECT other FROM former "+
		"WHERE tenant = $1 AND id = $2 AND relation = 'manager' ORDER BY other LIMIT $3) RETURNING other", string(c.tenant), string(manager), int64(leavePage))
	ids, err := collect(rows, err, scanText)
	if err != nil || len(ids) == 0 {
		return err
	}
	err = lists(c.db, "SELECT "+userColumns+" FROM users WHERE tenant = $1 AND deleted = 0 AND manager = '' AND id IN (@list)", []any{string(c.tenant)}, ids,
		func(text string, args []any) error {
			rows, err := c.query(text, args...)
			reports, err := collect(rows, err, scanUser)
			if err != nil {
				return err
			}
			for _, r := range reports {
				if err := c.setManager(r, string(manager)); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	return c.pursueLater(string(manager), leftReturn, len(ids) == leavePage)
}

// forgetFormer drops what is kept for the restore of somebody who is gone for good.
func (c *change) forgetFormer(id string) error {
	_, err := c.exec("DELETE FROM former WHERE tenant = $1 AND id = $2", string(c.tenant), id)
	return err
}

// pursueLater notes that there is more of what one function has done a page of, or that there is no more.
func (c *change) pursueLater(id, what string, more bool) error {
	if !more {
		_, err := c.exec("DELETE FROM leaving WHERE tenant = $1 AND id = $2 AND what = $3", string(c.tenant), id, what)
		return err
	}
	_, err := c.exec("INSERT INTO leaving (tenant, id, what) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", string(c.tenant), id, what)
	c.work.dooms = true
	return err
}

// pursuit is a row of leaving.
type pursuit struct {
	tenant   lockstep.TenantID
	id, what string
}

// pursuit returns one of those for whom there is something left to do, if there is any.
func (t *tx) pursuit() (p pursuit, any bool, err error) {
	rows, err := t.query("SELECT tenant, id, what FROM leaving ORDER BY tenant, id, what LIMIT 1")
	list, err := collect(rows, err, func(s scanner) (p pursuit, err error) { return p, s.Scan(&p.tenant, &p.id, &p.what) })
	if err != nil || len(list) == 0 {
		return p, false, err
	}
	return list[0], true, nil
}

// pursue has the writer do a page of what is left for somebody. What a crash leaves is found by the next Open.
func (db *DB) pursue(p pursuit) {
	x := &work{tenant: p.tenant, rows: sweepRows, done: make(chan error, 1), run: func(t *tx) error {
		t.work.dooms = true // look again afterwards
		c := &change{tx: t, tenant: p.tenant, by: audit.Actor{Kind: audit.System}}
		if p.what == leftMembers {
			return c.scatter(p.id)
		}
		u, err := c.user(lockstep.UserID(p.id))
		switch {
		case err != nil && lockstep.CodeOf(err) == lockstep.CodeNotFound: // purged meanwhile
			u.Deleted = c.at
		case err != nil:
			return err
		}
		if err := c.pursueLater(p.id, p.what, false); err != nil {
			return err
		}
		switch gone := !u.Deleted.IsZero(); {
		case p.what == leftReports && gone:
			return c.dismiss(lockstep.UserID(p.id))
		case p.what == leftReturn && !gone:
			return c.reinstate(lockstep.UserID(p.id))
		}
		return nil
	}}
	_ = db.writer.enqueue(x) // when the store is closed, the next Open finds the rest
}

// scatter removes a page of the memberships of a group that is gone for good.
func (c *change) scatter(group string) error {
	rows, err := c.query(`DELETE FROM member WHERE tenant = $1 AND group_id = $2 AND id IN (SELECT id FROM member WHERE tenant = $1 AND group_id = $2 ORDER BY id LIMIT $3)
		RETURNING group_id, id, kind`, string(c.tenant), group, int64(sweepRows))
	members, err := collect(rows, err, scanMember)
	if err := c.removed(members, err); err != nil {
		return err
	}
	return c.pursueLater(group, leftMembers, len(members) == sweepRows)
}
