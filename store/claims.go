package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
)

// A user or group of the directory is somebody's: whoever makes it, a job, a SCIM client or a person, has a claim to it, and so has
// each job or SCIM client that takes it over. A claim is active unless its owner has the user as disabled. A job that no longer has the
// object withdraws its claim, and one that disables it makes its claim inactive (the field Leave of a change). The object is deleted
// when no claim is left, and disabled when none is active.
//
// A delete that a SCIM client or a person orders asks for no claims. It leaves them where they are, and is noted in the table ordered:
// no job brings such an object back.

// ownerOf is who has what the actor writes; client says that it is a client of SCIM.
func ownerOf(by audit.Actor, client bool) string {
	switch {
	case by.Kind == audit.Job:
		return by.ID
	case by.Kind == audit.Token && client:
		return directory.SCIMOwner + by.ID
	}
	return directory.ByHand
}

const insertClaim = `INSERT INTO claim (tenant, kind, id, owner, active) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (tenant, kind, id, owner) DO UPDATE SET active = excluded.active WHERE claim.active <> excluded.active`

// claim gives an owner a claim, or makes the one that it has active or inactive.
func (c *change) claim(kind directory.Kind, id, owner string, active bool) error {
	_, err := c.exec(insertClaim, string(c.tenant), string(kind), id, owner, active)
	return err
}

// claimAsWritten gives a job or a SCIM client that has written a user a claim to them. A person gets none for that: who corrects a
// title does not mean to keep a leaver. But whoever has one and disables the user does not keep them enabled any more.
func (c *change) claimAsWritten(p directory.PutUser, was, is bool) error {
	id, owner := string(p.User.ID), ownerOf(c.by, p.Client)
	switch {
	case p.Claim == directory.ClaimUnchanged:
		return nil
	case c.by.Kind == audit.Job:
		return c.claim(directory.UserKind, id, owner, p.Claim == directory.ClaimActive)
	case owner != directory.ByHand:
		return c.claim(directory.UserKind, id, owner, is)
	case was != is:
		_, err := c.exec("UPDATE claim SET active = $5 WHERE tenant = $1 AND kind = $2 AND id = $3 AND owner = $4", string(c.tenant), string(directory.UserKind), id, owner, is)
		return err
	}
	return nil
}

// claimed carries out directory.TakeClaim.
func (c *change) claimed(one directory.TakeClaim) error {
	if err := c.hold(one.Kind, one.ID); err != nil {
		return err
	}
	return c.claim(one.Kind, one.ID, ownerOf(c.by, false), one.Claim == directory.ClaimActive)
}

// hold keeps others from withdrawing or taking a claim to the object until the transaction ends, and fails when it is not there. Of
// two that withdraw at the same time one sees that the other has.
func (c *change) hold(kind directory.Kind, id string) error {
	table := "users"
	if kind == directory.GroupKind {
		table = "groups"
	}
	n, err := c.exec("UPDATE "+table+" SET version = version WHERE tenant = $1 AND id = $2", string(c.tenant), id)
	if err == nil && n == 0 {
		err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("There is no %s %s.", kind, id)}
	}
	return err
}

// withdraw takes the writer's claim away and reports what is to become of the object. Whoever has no claim decides nothing. Why an
// object is not deleted goes into the receipt. It refuses when more would become of the object than the writer expects.
func (c *change) withdraw(kind directory.Kind, id string, expect directory.KeptAs) (f fate, err error) {
	had, left, err := c.others(kind, id)
	if err != nil {
		return stays, err
	}
	k := directory.Kept{Kind: kind, ID: id, Claims: left, As: directory.LetGo(kind, had, left)}
	if k.As.Exceeds(expect) {
		return stays, notAsForeseen(kind, id)
	}
	if had {
		if err := c.drop(kind, id); err != nil {
			return stays, err
		}
	}
	switch k.As {
	case directory.Removed:
		return goes, nil
	case directory.Disabled:
		k.Changed, f = true, switchedOff
	}
	c.kept = append(c.kept, k)
	return f, nil
}

// notAsForeseen is for a change that would do more than its writer has said, since others have let go meanwhile.
func notAsForeseen(kind directory.Kind, id string) error {
	return &lockstep.Error{Code: lockstep.CodePlanStale, Detail: fmt.Sprintf("Who else has %s %s has changed since this was planned.", kind, id)}
}

// disable writes a user whom a job has as disabled: the job's claim keeps them enabled no longer, and they are disabled unless
// another does. What else the change says is written in any case.
func (c *change) disable(p directory.PutUser) error {
	id := string(p.User.ID)
	_, left, err := c.others(directory.UserKind, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(left, directory.Claim.Keeps) {
		if p.Expect == directory.Enabled {
			return notAsForeseen(directory.UserKind, id)
		}
		return c.rewritten(p)
	}
	k := directory.Kept{Kind: directory.UserKind, ID: id, Claims: left, As: directory.Enabled}
	was := false
	err = c.updateUser(p.User.ID, p.IfVersion, func(old directory.User) (userWrite, error) {
		q := p
		q.User.Attributes = p.User.Attributes.Clone()
		q.User.Attributes.Delete("active")
		if old.Attributes.Has("active") {
			q.User.Attributes.Set("active", old.Attributes.Get("active"))
		}
		was = old.Active
		if k.Changed = !scim.Equal(old.Attributes, q.User.Attributes); !k.Changed {
			return userWrite{}, nil
		}
		return c.replacedUser(q, old)
	})
	if err != nil {
		return err
	}
	if was {
		c.kept = append(c.kept, k)
	}
	return c.claim(directory.UserKind, id, ownerOf(c.by, false), false)
}

// switchOff disables a user of whom only those have a claim who have them as disabled.
func (c *change) switchOff(id lockstep.UserID) error {
	return c.updateUser(id, 0, func(old directory.User) (userWrite, error) {
		if !old.Active || !old.Deleted.IsZero() {
			return userWrite{}, nil
		}
		next := old
		next.Attributes = old.Attributes.Clone()
		next.Attributes.Set("active", false)
		return userWrite{user: next, op: directory.OpPut, verb: "updated", detail: differences(old.Attributes, next.Attributes)}, nil
	})
}

// fate is what becomes of an object that a job lets go of.
type fate int

const (
	stays fate = iota
	switchedOff
	goes
)

// others reads whether the writer has a claim to an object, and who else has.
func (c *change) others(kind directory.Kind, id string) (had bool, left []directory.Claim, err error) {
	if err := c.hold(kind, id); err != nil {
		return false, nil, err
	}
	all, err := claims(c.query, c.tenant, kind, id)
	if err != nil {
		return false, nil, err
	}
	own := ownerOf(c.by, false)
	for _, one := range all {
		if one.Owner == own {
			had = true
		} else {
			left = append(left, one)
		}
	}
	return had, left, nil
}

// drop takes the writer's claim away.
func (c *change) drop(kind directory.Kind, id string) error {
	_, err := c.exec("DELETE FROM claim WHERE tenant = $1 AND kind = $2 AND id = $3 AND owner = $4", string(c.tenant), string(kind), id, ownerOf(c.by, false))
	return err
}

const readClaims = `SELECT c.id, c.owner, c.active, COALESCE(j.name, t.name, ''), COALESCE(j.slug, '') FROM claim c
	LEFT JOIN job j ON j.tenant = c.tenant AND j.id = c.owner LEFT JOIN token t ON t.id = substr(c.owner, 6)
	WHERE c.tenant = $1 AND c.kind = $2 AND (c.owner = 'hand' OR c.owner LIKE 'scim:%' OR j.id IS NOT NULL)`

// claimRow is a claim to an object.
type claimRow struct {
	id string
	directory.Claim
}

func scanClaim(s scanner) (h claimRow, err error) {
	var slug string
	err = s.Scan(&h.id, &h.Owner, &h.Active, &h.Name, &slug)
	h.Name = cmp.Or(h.Name, slug)
	return h, err
}

// claims reads who has an object. What a removed job has left holds nobody and is not shown.
func claims(ask asker, tenant lockstep.TenantID, kind directory.Kind, id string) ([]directory.Claim, error) {
	rows, err := ask(readClaims+" AND c.id = $3 ORDER BY c.owner", string(tenant), string(kind), id)
	return collect(rows, err, func(s scanner) (directory.Claim, error) {
		h, err := scanClaim(s)
		return h.Claim, err
	})
}

const readWritten = `SELECT l.target, j.id, l.image FROM job j JOIN link l ON l.job = j.no AND l.type = $2 AND l.target <> ''
	WHERE j.tenant = $1 AND j.direction = 'inbound' AND l.target IN (@list)`

// Claims returns who has users or groups, by their ids and in the order of the owners' ids, each job with what it wrote last where there
// are several claims. It satisfies directory.Claimants.
func (db *DB) Claims(ctx context.Context, tenant lockstep.TenantID, kind directory.Kind, ids ...string) (map[string][]directory.Claim, error) {
	all := map[string][]directory.Claim{}
	args := []any{string(tenant), string(kind)}
	err := lists(db, readClaims+" AND c.id IN (@list)", args, ids, func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (struct{}, error) {
			h, err := scanClaim(s)
			all[h.id] = append(all[h.id], h.Claim)
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read claims to %ss: %w", kind, err)
	}
	var several []string
	for id, claims := range all {
		slices.SortFunc(claims, func(a, b directory.Claim) int { return strings.Compare(a.Owner, b.Owner) })
		if len(claims) > 1 || len(ids) == 1 {
			several = append(several, id)
		}
	}
	if len(several) == 0 {
		return all, nil
	}
	err = lists(db, readWritten, args, several, func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (struct{}, error) {
			var id, owner, image string
			if err := s.Scan(&id, &owner, &image); err != nil {
				return struct{}{}, err
			}
			written, err := object(image)
			for i, c := range all[id] {
				if c.Owner == owner {
					all[id][i].Written = written
				}
			}
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what sources wrote into %ss: %w", kind, err)
	}
	return all, nil
}

const (
	readWanted = "SELECT DISTINCT t.target" + joinWanted + `
	AND e.wanted AND t.target <> '' AND j.id <> $5`
	// A source that lets go of a manager before their reports has given them all the same.
	readGiven = "SELECT DISTINCT CASE WHEN t.target <> '' THEN t.target ELSE t.former END" + joinWanted + `
	AND (e.wanted OR e.written) AND (t.target <> '' OR t.former <> '') AND j.id = $5`
	joinWanted = ` FROM job j
	JOIN link f ON f.job = j.no AND f.type = $2 AND f.target = $3 AND f.target <> ''
	JOIN edge e ON e.job = j.no AND e.from_type = f.type AND e.from_id = f.source_id AND e.attribute = $4
	JOIN link t ON t.job = j.no AND t.type = e.to_type AND t.source_id = e.to_id
	WHERE j.tenant = $1 AND j.direction = 'inbound'`
)

// Wanted returns what sources want an object to refer to. It satisfies directory.Reader.
func (db *DB) Wanted(ctx context.Context, tenant lockstep.TenantID, q directory.WantedQuery) ([]string, error) {
	text, who := readWanted, q.But
	if q.Of != "" {
		text, who = readGiven, q.Of
	}
	args := []any{string(tenant), string(q.Kind), q.ID, q.Attribute, string(who)}
	var all []string
	read := func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		some, err := collect(rows, err, scanText)
		all = append(all, some...)
		return err
	}
	var err error
	if q.To == nil {
		err = read(text, args)
	} else {
		err = lists(db, text+" AND t.target IN (@list)", args, q.To, read)
	}
	if err != nil {
		return nil, fmt.Errorf("read what sources want %s %s to refer to: %w", q.Kind, q.ID, err)
	}
	return all, nil
}

// order notes who has ordered that an object be deleted.
func (c *change) order(kind directory.Kind, id string) error {
	_, err := c.exec("INSERT INTO ordered (tenant, kind, id, actor) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, kind, id) DO UPDATE SET actor = excluded.actor",
		string(c.tenant), string(kind), id, actorName(c.by))
	return err
}

// Ordered returns who has ordered that users or groups be deleted, by their ids. It satisfies directory.Claimants.
func (db *DB) Ordered(ctx context.Context, tenant lockstep.TenantID, kind directory.Kind, ids ...string) (map[string]string, error) {
	all := map[string]string{}
	err := lists(db, "SELECT id, actor FROM ordered WHERE tenant = $1 AND kind = $2 AND id IN (@list)", []any{string(tenant), string(kind)}, ids, func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (struct{}, error) {
			var id, actor string
			err := s.Scan(&id, &actor)
			all[id] = actor
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read who has ordered to delete %ss: %w", kind, err)
	}
	return all, nil
}

// left settles what becomes of somebody who has just been deleted, by the last who had a claim or by an order. Whom no source has any
// more comes back without memberships: a source that brings them back says which they have.
func (c *change) left(kind directory.Kind, id string, withdrawn bool) error {
	if err := c.leave(kind, id); err != nil {
		return err
	}
	if c.by.Kind != audit.Job {
		return c.order(kind, id)
	}
	if !withdrawn || kind != directory.UserKind {
		return nil
	}
	_, err := c.exec("DELETE FROM former WHERE tenant = $1 AND id = $2 AND relation = 'member'", string(c.tenant), id)
	return err
}

// actorName is an actor as shown to people.
func actorName(by audit.Actor) string { return cmp.Or(by.Name, by.ID, "Lockstep") }

// comesBack settles who has an object that is being restored. A job does not bring back what somebody else has ordered to be deleted.
// A person who restores what nobody has any more, has it.
func (c *change) comesBack(kind directory.Kind, id string) error {
	args := []any{string(c.tenant), string(kind), id}
	if c.by.Kind == audit.Job {
		rows, err := c.query("SELECT actor FROM ordered WHERE tenant = $1 AND kind = $2 AND id = $3", args...)
		by, err := collect(rows, err, scanText)
		if err != nil {
			return err
		}
		if len(by) > 0 {
			return directory.DeletedByOrder(by[0])
		}
		return c.claim(kind, id, c.by.ID, true)
	}
	if _, err := c.exec("DELETE FROM ordered WHERE tenant = $1 AND kind = $2 AND id = $3", args...); err != nil {
		return err
	}
	left, err := claims(c.query, c.tenant, kind, id)
	if err != nil || len(left) > 0 {
		return err
	}
	return c.claim(kind, id, directory.ByHand, true)
}

// forgetClaims removes what is kept of the claims to an object that is gone for good.
func (c *change) forgetClaims(kind directory.Kind, id string) error {
	for _, table := range []string{"claim", "ordered"} {
		if _, err := c.exec("DELETE FROM "+table+" WHERE tenant = $1 AND kind = $2 AND id = $3", string(c.tenant), string(kind), id); err != nil {
			return err
		}
	}
	return nil
}
