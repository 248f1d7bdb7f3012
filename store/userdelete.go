package store

import (
	"lockstep"
	"lockstep/directory"
)

func (c *change) deleteUser(d directory.DeleteUser) error {
	if d.Purge {
		return c.purgeUser(d)
	}
	if d.Leave {
		switch f, err := c.withdraw(directory.UserKind, string(d.ID), d.Expect); {
		case err != nil || f == stays:
			return err
		case f == switchedOff:
			return c.switchOff(d.ID)
		}
	}
	err := c.updateUser(d.ID, d.IfVersion, func(old directory.User) (userWrite, error) {
		if !old.Deleted.IsZero() {
			return userWrite{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The user is deleted already."}
		}
		old.Deleted = c.at
		return userWrite{user: old, op: directory.OpDelete, verb: "deleted"}, nil
	})
	if err != nil {
		return err
	}
	return c.left(directory.UserKind, string(d.ID), d.Leave)
}

func (c *change) restoreUser(r directory.RestoreUser) error {
	id, back := r.ID, false
	err := c.updateUser(id, r.IfVersion, func(old directory.User) (userWrite, error) {
		if back = !old.Deleted.IsZero(); !back {
			return userWrite{}, nil
		}
		old.Deleted = instant(0)
		var err error
		if old.Attributes, err = c.withoutLeaver(id, old.Attributes); err != nil {
			return userWrite{}, err
		}
		old.Attributes, err = c.returning(directory.UserKind, string(id), old.Attributes)
		renamed := c.later(directory.UserKind, string(id))
		if renamed {
			c.unname(string(id))
		}
		return userWrite{user: old, op: directory.OpPut, verb: "restored", nameless: renamed}, err
	})
	if err != nil || !back {
		return err
	}
	if err := c.comesBack(directory.UserKind, string(id)); err != nil {
		return err
	}
	return c.rejoin(directory.UserKind, string(id))
}

// purgeUser removes the user and all that refers to them. The feed tells of each membership and assignment, so that a reader
// finds out what they had.
func (c *change) purgeUser(d directory.DeleteUser) error {
	u, err := c.user(d.ID)
	if err != nil {
		return err
	}
	if d.IfVersion != 0 && u.Version != d.IfVersion {
		return moved("user", u.Attributes.Text("userName"), u.Version, d.IfVersion)
	}
	n, err := c.exec("DELETE FROM users WHERE tenant = $1 AND id = $2 AND version = $3", string(c.tenant), string(d.ID), u.Version)
	if err != nil {
		return err
	}
	if n == 0 {
		return errContended
	}
	if err := c.replaceEmails(d.ID, emailsOf(u.Attributes), nil); err != nil {
		return err
	}
	if err := c.replaceValues(d.ID, valuesOf(u.Attributes), nil); err != nil {
		return err
	}
	if err := c.replaceEntries(directory.UserKind, string(d.ID), u.Attributes, nil, u.Deleted.IsZero(), false); err != nil {
		return err
	}
	if _, err := c.exec("DELETE FROM user_password WHERE tenant = $1 AND user_id = $2", string(c.tenant), string(d.ID)); err != nil {
		return err
	}
	if err := c.signedOut(string(d.ID), "removed"); err != nil {
		return err
	}
	if err := c.forgetFactors(string(d.ID)); err != nil {
		return err
	}
	if _, err := c.exec("DELETE FROM sso_link WHERE tenant = $1 AND user_id = $2", string(c.tenant), string(d.ID)); err != nil {
		return err
	}
	gone := alive(u.Deleted)
	c.work.users, c.work.moved = c.work.users-gone, c.work.moved || gone != 0
	if err := c.forget(string(d.ID)); err != nil {
		return err
	}
	if err := c.dismiss(d.ID); err != nil { // those who are left when nobody has deleted the user before
		return err
	}
	if err := c.forgetFormer(string(d.ID)); err != nil {
		return err
	}
	if err := c.forgetClaims(directory.UserKind, string(d.ID)); err != nil {
		return err
	}
	c.tell(directory.Event{Object: "user", Op: directory.OpPurge, ID: string(d.ID)}, "purged", u.Attributes.Text("userName"), "")
	return nil
}
