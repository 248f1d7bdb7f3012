package store

import (
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/directory"
)

const groupColumns = "id, version, deleted, created, modified, doc"

func scanGroup(s scanner) (g directory.Group, err error) {
	var deleted, created, modified int64
	var doc string
	if err := s.Scan(&g.ID, &g.Version, &deleted, &created, &modified, &doc); err != nil {
		return g, err
	}
	g.Deleted, g.Created, g.Modified = instant(deleted), instant(created), instant(modified)
	g.Attributes, err = object(doc)
	return g, err
}

// Groups returns groups of a tenant, with limits as Users. It satisfies directory.Reader.
func (db *DB) Groups(ctx context.Context, tenant lockstep.TenantID, q directory.GroupQuery) ([]directory.Group, error) {
	where, values, err := groupFilter(q)
	if err != nil {
		return nil, err
	}
	s := selection[directory.Group]{
		text:   "SELECT " + groupColumns + " FROM groups WHERE tenant = $1 AND " + where,
		tenant: tenant, values: values, deleted: q.Deleted, after: string(q.After), limit: q.Limit, scan: scanGroup,
	}
	groups, err := s.run(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	return groups, nil
}

func groupFilter(q directory.GroupQuery) (where string, values []string, err error) {
	if q.IDs != nil {
		return "id IN (@list)", texts(q.IDs), nil
	}
	switch strings.ToLower(q.Attribute) {
	case "":
		return "", nil, nil
	case "displayname":
		return "name IN (@list)", folded(q.Values), nil
	case "externalid":
		return "external_id IN (@list) AND external_id <> ''", q.Values, nil
	}
	return "", nil, invalid("Groups cannot be selected by %s.", q.Attribute)
}

// group reads a group within the transaction.
func (c *change) group(id lockstep.GroupID) (directory.Group, error) {
	rows, err := c.query("SELECT "+groupColumns+" FROM groups WHERE tenant = $1 AND id = $2", string(c.tenant), string(id))
	g, err := one(rows, err, scanGroup)
	return g, absent(err, "group", string(id))
}

func (c *change) putGroup(p directory.PutGroup) error {
	if p.Group.ID == "" {
		return invalid("A group needs an id.")
	}
	if p.Group.Attributes.Text("displayName") == "" {
		return invalid("A group needs a displayName.")
	}
	if p.Group.Version == 0 {
		if p.UniqueName {
			c.names = append(c.names, p.Group)
		}
		return c.createGroup(p)
	}
	err := c.updateGroup(p.Group.ID, p.IfVersion, func(old directory.Group) (groupWrite, error) {
		if !old.Deleted.IsZero() {
			return groupWrite{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The group is deleted; restore it first."}
		}
		if p.UniqueName && fold(old.Attributes.Text("displayName")) != fold(p.Group.Attributes.Text("displayName")) {
			c.names = append(c.names, p.Group)
		}
		next := old
		var err error
		if next.Attributes, err = c.admit(directory.GroupKind, old.Attributes, p.Group.Attributes, p.Client); err != nil {
			return groupWrite{}, err
		}
		return groupWrite{next, directory.OpPut, "updated", differences(old.Attributes, next.Attributes)}, nil
	})
	if err != nil {
		return err
	}
	owner := ownerOf(c.by, p.Client)
	if owner == directory.ByHand {
		return nil // who corrects a name does not mean to keep the group
	}
	return c.claim(directory.GroupKind, string(p.Group.ID), owner, true)
}

// freeName fails when another group has the displayName. There is no constraint to rely on, as names may come twice from elsewhere;
// so whoever wants the name takes turns until their transaction ends, and sees what the one before them has committed.
func (c *change) freeName(g directory.Group) error {
	display := g.Attributes.Text("displayName")
	name := fold(display)
	if text := c.db.dialect.turns(); text != "" {
		if _, err := c.exec(text, string(c.tenant)+"\ngroup\n"+name); err != nil {
			return err
		}
	}
	rows, err := c.query("SELECT id FROM groups WHERE tenant = $1 AND name = $2 AND deleted = 0 AND id <> $3 LIMIT 1",
		string(c.tenant), name, string(g.ID))
	others, err := collect(rows, err, scanText)
	if err == nil && len(others) > 0 {
		err = taken("The displayName %s is taken by another group.", display)
	}
	return err
}

const insertGroup = `INSERT INTO groups (tenant, id, version, name, external_id, deleted, created, modified, doc)
	VALUES ($1, $2, 1, $3, $4, 0, $5, $6, $7)`

func (c *change) createGroup(p directory.PutGroup) error {
	g := p.Group
	a, err := c.admit(directory.GroupKind, nil, g.Attributes, p.Client)
	if err != nil {
		return err
	}
	doc, err := sized(directory.GroupKind, document(a))
	if err != nil {
		return err
	}
	created := g.Created
	if created.IsZero() {
		created = c.at
	}
	_, err = c.exec(insertGroup, string(c.tenant), string(g.ID), fold(a.Text("displayName")), a.Text("externalId"),
		millis(created), millis(c.at), doc)
	if err != nil {
		if _, is := c.db.dialect.unique(err); is {
			return taken("There is a group with the id %s.", g.ID)
		}
		return err
	}
	if err := c.replaceEntries(directory.GroupKind, string(g.ID), nil, a, false, true); err != nil {
		return err
	}
	if err := c.claim(directory.GroupKind, string(g.ID), ownerOf(c.by, p.Client), true); err != nil {
		return err
	}
	c.work.groups++
	c.work.created(string(g.ID))
	c.tell(directory.Event{Object: "group", Op: directory.OpPut, ID: string(g.ID)}, "created", a.Text("displayName"), "")
	return nil
}

// groupWrite is what a group becomes and how that is told.
type groupWrite struct {
	group  directory.Group
	op     directory.Op
	verb   string
	detail string
}

const replaceGroup = `UPDATE groups SET version = version + 1, name = $4, external_id = $5, deleted = $6, modified = $7, doc = $8
	WHERE tenant = $1 AND id = $2 AND version = $3`

// updateGroup replaces a group as updateUser does a user.
func (c *change) updateGroup(id lockstep.GroupID, ifVersion int64, f func(directory.Group) (groupWrite, error)) error {
	for range contended {
		old, err := c.group(id)
		if err != nil {
			return err
		}
		if ifVersion != 0 && old.Version != ifVersion {
			return moved("group", old.Attributes.Text("displayName"), old.Version, ifVersion)
		}
		w, err := f(old)
		if err != nil || w.op == "" {
			return err
		}
		a := w.group.Attributes
		doc, err := sized(directory.GroupKind, document(a))
		if err != nil {
			return err
		}
		n, err := c.exec(replaceGroup, string(c.tenant), string(id), old.Version, fold(a.Text("displayName")), a.Text("externalId"),
			millis(w.group.Deleted), millis(c.at), doc)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := c.replaceEntries(directory.GroupKind, string(id), old.Attributes, a, old.Deleted.IsZero(), w.group.Deleted.IsZero()); err != nil {
			return err
		}
		d := alive(w.group.Deleted) - alive(old.Deleted)
		c.work.groups, c.work.moved = c.work.groups+d, c.work.moved || d != 0
		c.tell(directory.Event{Object: "group", Op: w.op, ID: string(id)}, w.verb, a.Text("displayName"), w.detail)
		return nil
	}
	return errContended
}

func (c *change) deleteGroup(d directory.DeleteGroup) error {
	if d.Purge {
		return c.purgeGroup(d)
	}
	if d.Leave {
		if f, err := c.withdraw(directory.GroupKind, string(d.ID), d.Expect); err != nil || f != goes {
			return err
		}
	}
	err := c.updateGroup(d.ID, d.IfVersion, func(old directory.Group) (groupWrite, error) {
		if !old.Deleted.IsZero() {
			return groupWrite{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The group is deleted already."}
		}
		old.Deleted = c.at
		return groupWrite{old, directory.OpDelete, "deleted", ""}, nil
	})
	if err != nil {
		return err
	}
	return c.left(directory.GroupKind, string(d.ID), d.Leave)
}

func (c *change) restoreGroup(r directory.RestoreGroup) error {
	id, back := r.ID, false
	err := c.updateGroup(id, r.IfVersion, func(old directory.Group) (groupWrite, error) {
		if back = !old.Deleted.IsZero(); !back {
			return groupWrite{}, nil
		}
		old.Deleted = instant(0)
		var err error
		old.Attributes, err = c.returning(directory.GroupKind, string(id), old.Attributes)
		return groupWrite{old, directory.OpPut, "restored", ""}, err
	})
	if err != nil || !back {
		return err
	}
	if err := c.comesBack(directory.GroupKind, string(id)); err != nil {
		return err
	}
	return c.rejoin(directory.GroupKind, string(id))
}

// purgeGroup removes the group, its memberships in others and its assignments. Those in it go in pages: the first now, and what a large
// group has beyond it afterwards.
func (c *change) purgeGroup(d directory.DeleteGroup) error {
	g, err := c.group(d.ID)
	if err != nil {
		return err
	}
	if d.IfVersion != 0 && g.Version != d.IfVersion {
		return moved("group", g.Attributes.Text("displayName"), g.Version, d.IfVersion)
	}
	n, err := c.exec("DELETE FROM groups WHERE tenant = $1 AND id = $2 AND version = $3", string(c.tenant), string(d.ID), g.Version)
	if err != nil {
		return err
	}
	if n == 0 {
		return errContended
	}
	if err := c.replaceEntries(directory.GroupKind, string(d.ID), g.Attributes, nil, g.Deleted.IsZero(), false); err != nil {
		return err
	}
	gone := alive(g.Deleted)
	c.work.groups, c.work.moved = c.work.groups-gone, c.work.moved || gone != 0
	if err := c.scatter(string(d.ID)); err != nil {
		return err
	}
	if err := c.forget(string(d.ID)); err != nil {
		return err
	}
	if err := c.forgetFormer(string(d.ID)); err != nil {
		return err
	}
	if err := c.forgetClaims(directory.GroupKind, string(d.ID)); err != nil {
		return err
	}
	c.tell(directory.Event{Object: "group", Op: directory.OpPurge, ID: string(d.ID)}, "purged", g.Attributes.Text("displayName"), "")
	return nil
}
