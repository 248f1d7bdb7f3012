package storetest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
)

// doorNewcomers: people who are created in one commit are what they are when each has a commit, and what is refused of one is refused
// of them together.
func doorNewcomers(c company) {
	const n = 300
	people := make([]directory.PutUser, n)
	for i := range people {
		enterprise := scim.Object{{Name: "department", Value: fmt.Sprint("D", i%7)}}
		if i > 0 {
			enterprise.Set("manager", scim.Object{{Name: "value", Value: string(people[i/8].User.ID)}})
		}
		people[i] = person(fmt.Sprintf("Person%d@acme.example", i), "active", i%5 > 0, "displayName", fmt.Sprint("Person ", i), "externalId", fmt.Sprint("x", i),
			"emails", scim.List{
				scim.Object{{Name: "value", Value: fmt.Sprintf("P%d@acme.example", i)}, {Name: "type", Value: "work"}},
				scim.Object{{Name: "value", Value: fmt.Sprintf("p%d@home.example", i/2)}, {Name: "type", Value: "home"}},
			}, enterpriseURN, enterprise)
	}
	other := c
	other.tenant = c.add("apart")
	for i, p := range people {
		action := lockstep.ActionID(fmt.Sprint("a", i))
		_, err := c.db.Commit(c.Context(), other.tenant, admin, action, p)
		c.ok(err)
	}
	var together []directory.Change
	for i, p := range people {
		together = append(together, directory.As{Action: lockstep.ActionID(fmt.Sprint("a", i)), Change: p})
	}
	receipt, err := c.db.Commit(c.Context(), c.tenant, admin, "of the commit", together...)
	c.ok(err)
	if len(receipt.Written) != n || receipt.Written[n-1].ID != string(people[n-1].User.ID) {
		c.Errorf("%d users in the receipt", len(receipt.Written))
	}
	got, want := c.newcomers(), other.newcomers()
	if len(got) < 7*n || !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				c.Fatalf("together: %s\none by one: %s", got[i], want[i])
			}
		}
		c.Fatalf("%d lines together, %d one by one", len(got), len(want))
	}

	a, b := person("new1"), person("new2")
	before := c.head()
	c.refuses(lockstep.CodeConflict, a, person("PERSON7@acme.example"), b)
	c.refuses(lockstep.CodeConflict, a, person("New1"))
	c.refuses(lockstep.CodeInvalid, a, person(""))
	c.refuses(lockstep.CodeInvalid, a, person("new3", "shoe", "44"))
	managed := func(id string) directory.PutUser {
		return person("new4", enterpriseURN, scim.Object{{Name: "manager", Value: scim.Object{{Name: "value", Value: id}}}})
	}
	c.refuses(lockstep.CodeInvalid, a, managed("nobody"))
	c.refuses(lockstep.CodeInvalid, managed(string(b.User.ID)), b) // who comes later is not there
	same := person("new5")
	same.User.ID = a.User.ID
	c.refuses(lockstep.CodeConflict, a, same)
	if c.head() != before {
		c.Error("what is refused is in the feed")
	}
	c.commit(b, managed(string(b.User.ID)), a)
	c.commit(directory.DeleteUser{ID: a.User.ID}, person("new1"), person("new6")) // the name of who goes is free
}

// newcomers describes what has been written of a tenant's users, without ids.
func (c company) newcomers() []string {
	c.Helper()
	var all []string
	for _, text := range []string{
		`SELECT 'user', u.user_name, u.external_id, u.version, u.active, u.deleted, u.auth_epoch, u.display, COALESCE(m.user_name, '') FROM users u
			LEFT JOIN users m ON m.tenant = u.tenant AND m.id = u.manager WHERE u.tenant = ?`,
		"SELECT 'email', u.user_name, e.email, '', '', '', '', '', '' FROM user_email e JOIN users u ON u.tenant = e.tenant AND u.id = e.user_id WHERE e.tenant = ?",
		"SELECT 'value', u.user_name, v.attribute, v.value, '', '', '', '', '' FROM user_value v JOIN users u ON u.tenant = v.tenant AND u.id = v.user_id WHERE v.tenant = ?",
		"SELECT 'claim', u.user_name, k.kind, k.owner, k.active, '', '', '', '' FROM claim k JOIN users u ON u.tenant = k.tenant AND u.id = k.id WHERE k.tenant = ?",
		"SELECT 'feed', u.user_name, f.pos, f.object, f.op, f.action, f.kind, f.member, '' FROM feed f JOIN users u ON u.tenant = f.tenant AND u.id = f.id WHERE f.tenant = ?",
		"SELECT 'head', pos, users, '', '', '', '', '', '' FROM feed_head WHERE tenant = ?",
	} {
		rows, err := c.db.WriterDB().QueryContext(c.Context(), strings.ReplaceAll(text, "?", "'"+string(c.tenant)+"'"))
		c.ok(err)
		for rows.Next() {
			cells := make([]sql.NullString, 9)
			to := make([]any, 9)
			for i := range cells {
				to[i] = &cells[i]
			}
			c.ok(rows.Scan(to...))
			line := ""
			for _, cell := range cells {
				line += cell.String + " "
			}
			all = append(all, line)
		}
		c.ok(rows.Err())
		c.ok(rows.Close())
	}
	slices.Sort(all)
	return all
}
