package storetest

import (
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/store"
)

// testPurge: who is soft-deleted can be restored until the retention is over, and then is gone with all that refers to them.
// Nobody else is touched, and other tenants keep theirs.
func testPurge(t *testing.T, open Open) {
	now := noon
	c := found(t, open, store.Config{Now: func() time.Time { return now }})
	other := company{T: t, db: c.db, tenant: c.add("other")}
	ids := c.users("u", 50)
	theirs := other.user("theirs")
	team, old := c.group("team"), c.group("old")
	c.commit(directory.AddMembers{Group: team, Members: asMembers(directory.UserKind, ids...)}, directory.SetPassword{ID: ids[0], Hash: "x"})
	for _, id := range ids[:45] { // more than one transaction's
		c.commit(directory.DeleteUser{ID: id})
	}
	c.commit(directory.DeleteGroup{ID: old})
	now = now.Add(time.Hour)
	c.commit(directory.DeleteUser{ID: ids[45]}, directory.RestoreUser{ID: ids[44]})
	now = now.Add(time.Hour)
	other.commit(directory.DeleteUser{ID: theirs})

	keep := store.Retention{Deleted: 90 * time.Minute}
	c.ok(c.db.Trim(t.Context(), store.Retention{}))
	if n := len(all(c)); n != 50 {
		t.Fatalf("without a retention %d of 50 are left", n)
	}
	c.ok(c.db.Trim(t.Context(), keep))
	left := all(c)
	if len(left) != 6 || left[0].ID != ids[44] || !left[0].Deleted.IsZero() || left[1].ID != ids[45] || left[1].Deleted.IsZero() {
		t.Errorf("left: %+v", left)
	}
	groups, err := c.db.Groups(t.Context(), c.tenant, directory.GroupQuery{Deleted: true})
	c.ok(err)
	if len(groups) != 1 || groups[0].ID != team {
		t.Errorf("groups: %+v", groups)
	}
	members, err := c.db.Members(t.Context(), c.tenant, directory.MemberQuery{Groups: nil})
	c.ok(err)
	if len(members) != 5 { // who is soft-deleted, though not long enough to be removed, is in no group
		t.Errorf("%d memberships are left of 5", len(members))
	}
	lines, err := c.db.Audit(t.Context(), c.tenant, store.AuditQuery{ID: string(ids[0])})
	c.ok(err)
	if len(lines) == 0 || lines[0].Verb != "purged" {
		t.Errorf("audit: %+v", lines)
	}
	c.commit(person("u00000@acme.example")) // the name is free
	if n := len(all(other)); n != 1 {
		t.Errorf("another tenant has %d", n)
	}
}

// all returns the users, soft-deleted ones too, in the order of ids.
func all(c company) []directory.User {
	c.Helper()
	users, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Deleted: true, Limit: 1000})
	c.ok(err)
	return users
}
