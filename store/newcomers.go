package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"lockstep"
	"lockstep/directory"
)

// New users who follow one another in a commit are written together: a statement for sixty-four of them instead of a dozen for each.
// What is checked of each is the same.

// mostNewcomers is how many new users are written together.
const mostNewcomers = 256

// newcomers returns how many of the changes, from the first on, make new users.
func newcomers(changes []directory.Change) int {
	n := 0
	for n < len(changes) && n < mostNewcomers {
		if p, is := unbound(changes[n]).(directory.PutUser); !is || p.User.Version != 0 {
			break
		}
		n++
	}
	return n
}

// createUsers carries out changes that all make new users, of which the first is the n-th of the commit. action is that of the commit.
func (c *change) createUsers(action lockstep.ActionID, n int, changes []directory.Change) error {
	all := make([]newUser, len(changes))
	names := make(map[string]bool, len(changes))
	managers := make(map[string]int, len(changes)) // who have to be there, and the first to say so
	for i, one := range changes {
		c.action = action
		if as, is := one.(directory.As); is {
			c.action = as.Action
		}
		p := unbound(one).(directory.PutUser)
		u, err := c.newcomer(p, names)
		if err != nil {
			return fmt.Errorf("change %d, %s: %w", n+i, describe(one), err)
		}
		m := managerOf(u.Attributes)
		if _, asked := managers[m]; m != "" && !asked && !p.FreeManager && !slices.ContainsFunc(all[:i], func(o newUser) bool { return string(o.ID) == m }) {
			managers[m] = i
		}
		all[i] = u
	}
	if i, err := c.checkManagers(managers); err != nil {
		return fmt.Errorf("change %d, %s: %w", n+i, describe(changes[i]), err)
	}
	if err := c.insertUsers(all); err != nil { // on PostgreSQL somebody may have been quicker: nobody knows with which of them
		return fmt.Errorf("changes %d to %d: %w", n, n+len(all)-1, c.userTaken(err, all[0].User))
	}
	for i := range all {
		if err := c.inserted(&all[i]); err != nil {
			return fmt.Errorf("change %d, %s: %w", n+i, describe(changes[i]), err)
		}
	}
	return nil
}

// newcomer returns a user as they are to be inserted, whose name nobody has: neither in the table nor among the names, to which it adds theirs.
func (c *change) newcomer(p directory.PutUser, names map[string]bool) (newUser, error) {
	if err := withName(p); err != nil {
		return newUser{}, err
	}
	u, err := c.admitted(p)
	if err != nil {
		return u, err
	}
	name := fold(u.Attributes.Text("userName"))
	if c.holders[name] != "" || names[name] {
		return u, taken("The userName %s is taken.", u.Attributes.Text("userName"))
	}
	names[name] = true
	return u, nil
}

// checkManagers refuses managers who do not exist, and says for whom first.
func (c *change) checkManagers(ids map[string]int) (first int, err error) {
	wanted := make([]string, 0, len(ids))
	for id := range ids {
		wanted = append(wanted, id)
	}
	slices.Sort(wanted)
	text := "SELECT id FROM users WHERE tenant = $1 AND deleted = 0 AND id IN (@list)" + c.db.dialect.lock()
	err = lists(c.db, text, []any{string(c.tenant)}, wanted, func(text string, args []any) error {
		rows, err := c.query(text, args...)
		found, err := collect(rows, err, scanText)
		for _, id := range found {
			delete(ids, id)
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	first = math.MaxInt
	for id, i := range ids {
		if i < first {
			first, err = i, invalid("The manager %q does not exist.", clip(id))
		}
	}
	return first, err
}

var (
	insertUsers = bulk{lead: []string{"TEXT", "BIGINT", "BIGINT", "BIGINT"}, n: 9, text: `INSERT INTO users (tenant, version, auth_epoch, deleted,
		id, user_name, external_id, manager, active, created, modified, doc, display) VALUES @rows`}
	insertClaims = bulk{lead: []string{"TEXT", "TEXT"}, n: 3, text: `INSERT INTO claim (tenant, kind, id, owner, active) VALUES @rows
		ON CONFLICT (tenant, kind, id, owner) DO NOTHING`}
	insertEmails   = bulk{lead: []string{"TEXT"}, n: 2, text: "INSERT INTO user_email (tenant, email, user_id) VALUES @rows"}
	insertAllFound = bulk{lead: []string{"TEXT"}, n: 3, text: `INSERT INTO user_value (tenant, attribute, value, user_id) VALUES @rows
		ON CONFLICT (tenant, attribute, value, user_id) DO NOTHING`}
)

// insertUsers inserts the rows of users, what they are found by, and their owners' claims.
func (c *change) insertUsers(all []newUser) error {
	lead := []any{string(c.tenant)}
	_, err := c.bulk(&insertUsers, append(slices.Clip(lead), int64(1), int64(0), int64(0)), len(all), func(args []any, i int) []any {
		return append(args, all[i].columns()...)
	})
	if err != nil {
		return err
	}
	_, err = c.bulk(&insertClaims, append(slices.Clip(lead), string(directory.UserKind)), len(all), func(args []any, i int) []any {
		return append(args, string(all[i].ID), all[i].owner, all[i].Active)
	})
	if err != nil {
		return err
	}
	type found struct{ attribute, text, id string }
	var emails, values []found
	for i := range all {
		for _, e := range emailsOf(all[i].Attributes) {
			emails = append(emails, found{"", e, string(all[i].ID)})
		}
		for _, v := range valuesOf(all[i].Attributes) {
			values = append(values, found{v.attribute, v.text, string(all[i].ID)})
		}
	}
	// In the order of the index, so that its pages are found in turn.
	for _, some := range [][]found{emails, values} {
		slices.SortFunc(some, func(a, b found) int {
			return cmp.Or(cmp.Compare(a.attribute, b.attribute), cmp.Compare(a.text, b.text), cmp.Compare(a.id, b.id))
		})
	}
	_, err = c.bulk(&insertEmails, lead, len(emails), func(args []any, i int) []any { return append(args, emails[i].text, emails[i].id) })
	if err != nil {
		return err
	}
	_, err = c.bulk(&insertAllFound, lead, len(values), func(args []any, i int) []any {
		return append(args, values[i].attribute, values[i].text, values[i].id)
	})
	return err
}
