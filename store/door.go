package store

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/token"
)

// Whoever writes a user or a group comes through here, SCIM clients, the API, jobs and restores alike: what a change makes of an
// object is checked on the object before and the object after, so that no path and no door leads past a rule. What belongs to a
// client's dialect has been understood before, and is not forgiven here.

// hashing bounds how many passwords are hashed at a time, as each takes a processor for 20 ms and 19 MiB: one of a tenant, and of all
// tenants together one less than there are processors.
type hashing struct {
	hash  func(password string) (string, error)
	turns turns
	all   chan struct{} // holds a value for each that runs
}

func newHashing(hash func(string) (string, error)) *hashing {
	if hash == nil {
		hash = token.HashPassword
	}
	return &hashing{hash: hash, all: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))}
}

// of hashes a password of a tenant when its turn has come.
func (h *hashing) of(ctx context.Context, tenant lockstep.TenantID, password string) (string, error) {
	done, err := h.turns.take(ctx, tenant)
	if err != nil {
		return "", err
	}
	defer done()
	select {
	case h.all <- struct{}{}:
		defer func() { <-h.all }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	hash, err := h.hash(password)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// withSecretsHashed returns the changes with passwords hashed, before anything is written and outside the writer, which others wait
// for. A password among the attributes of a user becomes a change of its own.
func (db *DB) withSecretsHashed(ctx context.Context, tenant lockstep.TenantID, changes []directory.Change) ([]directory.Change, error) {
	var out []directory.Change // nil as long as nothing differs
	for i, one := range changes {
		kept, id, password, err := withoutSecret(unbound(one))
		if err != nil {
			return nil, fmt.Errorf("change %d, %s: %w", i+1, describe(one), err)
		}
		as, isAs := one.(directory.As)
		if password == "" && kept == nil {
			if out != nil {
				out = append(out, one)
			}
			continue
		}
		if out == nil {
			out = append(make([]directory.Change, 0, len(changes)+1), changes[:i]...)
		}
		done := make([]directory.Change, 0, 2)
		if kept != nil {
			done = append(done, kept)
		}
		if password != "" {
			hash, err := db.passwords.of(ctx, tenant, password)
			if err != nil {
				return nil, err
			}
			set, _ := unbound(one).(directory.SetPassword)
			set.ID, set.Password, set.Hash = id, "", hash
			done = append(done, set)
		}
		for _, d := range done {
			if isAs {
				d = directory.As{Action: as.Action, Change: d}
			}
			out = append(out, d)
		}
	}
	if out == nil {
		return changes, nil
	}
	return out, nil
}

// withoutSecret takes the password out of a change: kept is what is left of it, nil when it had none, or when nothing is left.
func withoutSecret(one directory.Change) (kept directory.Change, id lockstep.UserID, password string, err error) {
	switch one := one.(type) {
	case directory.PutUser:
		attributes, password, err := directory.TakePassword(one.User.Attributes)
		if err != nil || len(attributes) == len(one.User.Attributes) && password == "" {
			return nil, "", "", err
		}
		one.User.Attributes = attributes
		return one, one.User.ID, password, nil
	case directory.SetPassword:
		return nil, one.ID, one.Password, nil
	}
	return nil, "", "", nil
}

// admit returns the attributes of a user or group as they are to be kept when old becomes next; old is nil for a new one. client says
// that a client of SCIM writes.
func (c *change) admit(kind directory.Kind, old, next scim.Object, client bool) (scim.Object, error) {
	s, err := c.schemaSet(c.tenant)
	if err != nil {
		return nil, err
	}
	if next.Has("members") { // those of a group are changed one by one
		next = slices.Clone(next)
		next.Delete("members")
	}
	t := s.Type(kind)
	next, err = t.Admit(old, next)
	if err == nil && old != nil {
		err = t.CheckFixed(old, next, client)
	}
	if err != nil {
		text := said(err)
		if strings.HasPrefix(text, "the ") || strings.HasPrefix(text, "unknown ") { // else it begins with a name, which has its own spelling
			text = sentence(err)
		}
		return nil, invalid("%s.", text)
	}
	return next, nil
}

// kept is the document as it is stored, if it is not too large.
func sized(kind directory.Kind, doc string) (string, error) {
	if len(doc) > directory.MaxDocument {
		return "", invalid("A %s has at most %d bytes, this one has %d.", strings.ToLower(string(kind)), directory.MaxDocument, len(doc))
	}
	return doc, nil
}

// checkManager refuses a manager who is new to the user and does not exist.
func (c *change) checkManager(old, next scim.Object) error {
	id := managerOf(next)
	if id == "" || id == managerOf(old) {
		return nil
	}
	rows, err := c.query("SELECT id FROM users WHERE tenant = $1 AND id = $2 AND deleted = 0"+c.db.dialect.lock(), string(c.tenant), id)
	found, err := collect(rows, err, scanText)
	if err == nil && len(found) == 0 {
		err = invalid("The manager %q does not exist.", clip(id))
	}
	return err
}

// clip shortens what somebody sent, for an error.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// setAside prepares for changes that give values which must be unique from one to another of their own objects, such as two people
// who exchange their names: what matters is who has them in the end. Whoever has a value that another is to get, and is changed here,
// too, is first given one that nobody can send. (SQLite checks each statement by itself, and PostgreSQL cannot put off a check on
// some of the rows.)
func (c *change) setAside(changes []directory.Change) error {
	touched := map[string]bool{} // users and groups that the changes write
	var puts []directory.User
	var groups []directory.Group
	for _, one := range changes {
		switch one := unbound(one).(type) {
		case directory.PutUser:
			touched[string(one.User.ID)] = true
			puts = append(puts, one.User)
		case directory.PutGroup:
			touched[string(one.Group.ID)] = true
			groups = append(groups, one.Group)
		case directory.DeleteUser:
			touched[string(one.ID)] = true
		case directory.DeleteGroup:
			touched[string(one.ID)] = true
		}
	}
	if len(touched) < 2 {
		return nil
	}
	if err := c.namesAside(puts, touched); err != nil {
		return err
	}
	return c.keysAside(puts, groups, touched)
}

// namesAside frees the userNames that these users are to have and others of those touched have now.
func (c *change) namesAside(puts []directory.User, touched map[string]bool) error {
	mine := make(map[string]string, len(puts)) // name → whose it is to be
	names := make([]string, 0, len(puts))
	for _, u := range puts {
		name := fold(u.Attributes.Text("userName"))
		mine[name] = string(u.ID) // of two who are to have it the second is refused when it is written
		names = append(names, name)
	}
	return lists(c.db, "SELECT id, user_name FROM users WHERE tenant = $1 AND deleted = 0 AND user_name IN (@list)", []any{string(c.tenant)}, names,
		func(text string, args []any) error {
			rows, err := c.query(text, args...)
			holders, err := collect(rows, err, func(s scanner) (h [2]string, err error) { return h, s.Scan(&h[0], &h[1]) })
			if err != nil {
				return err
			}
			for _, h := range holders {
				if id, name := h[0], h[1]; touched[id] && mine[name] != id {
					if _, err := c.exec("UPDATE users SET user_name = $3 WHERE tenant = $1 AND id = $2", string(c.tenant), id, unsendable+id); err != nil {
						return err
					}
					c.unname(id)
				} else if mine[name] != id {
					c.holds(name, id)
				}
			}
			return nil
		})
}

// holds notes that somebody has a userName and keeps it.
func (c *change) holds(name, id string) {
	if c.holders == nil {
		c.holders = map[string]string{}
	}
	c.holders[name] = id
}

// unname notes that the user's name in the table is not theirs.
func (c *change) unname(id string) {
	if c.nameless == nil {
		c.nameless = map[string]bool{}
	}
	c.nameless[id] = true
}

// unsendable begins a value that stands in the place of a name for a while. No name has a control character.
const unsendable = "\x01"

// keysAside frees the values of extensions that must be unique, in the same way.
func (c *change) keysAside(users []directory.User, groups []directory.Group, touched map[string]bool) error {
	s, err := c.schemaSet(c.tenant)
	if err != nil {
		return err
	}
	mine := map[entry]string{}
	for _, u := range users {
		for _, e := range entriesOf(s.indexes[directory.UserKind], u.Attributes, true) {
			mine[e] = string(u.ID)
		}
	}
	for _, g := range groups {
		for _, e := range entriesOf(s.indexes[directory.GroupKind], g.Attributes, true) {
			mine[e] = string(g.ID)
		}
	}
	for e, id := range mine {
		rows, err := c.query("SELECT id FROM extension_key WHERE no = $1 AND value = $2", e.no, e.text)
		holders, err := collect(rows, err, scanText)
		if err != nil {
			return err
		}
		if len(holders) == 0 || holders[0] == id || !touched[holders[0]] {
			continue
		}
		if _, err := c.exec("DELETE FROM extension_key WHERE no = $1 AND value = $2 AND id = $3", e.no, e.text, holders[0]); err != nil {
			return err
		}
		if c.aside == nil {
			c.aside = map[held]bool{}
		}
		c.aside[held{e, holders[0]}] = true
	}
	return nil
}

// held is a key with who had it.
type held struct {
	entry
	id string
}

// freeNames fails when another group has the name of one that was to have it alone, now that all is written.
func (c *change) freeNames() error {
	for _, g := range c.names {
		if err := c.freeName(g); err != nil {
			return err
		}
	}
	return nil
}
