package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

func testTenants(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	c.add("zenith")
	got, err := c.db.TenantBySlug(t.Context(), "acme")
	c.ok(err)
	if got.ID != c.tenant || got.Name != "ACME" || got.Created.IsZero() {
		t.Errorf("TenantBySlug: %+v", got)
	}
	all, err := c.db.Tenants(t.Context())
	c.ok(err)
	if len(all) != 2 || all[0].Slug != "acme" || all[1].Slug != "zenith" {
		t.Errorf("Tenants: %+v", all)
	}
	_, err = c.db.TenantBySlug(t.Context(), "nobody")
	c.fails(err, lockstep.CodeNotFound)
	c.fails(c.db.CreateTenant(t.Context(), admin, directory.Tenant{ID: "x", Slug: "acme"}), lockstep.CodeConflict)
	c.fails(c.db.CreateTenant(t.Context(), admin, directory.Tenant{ID: "x", Slug: "Upper"}), lockstep.CodeInvalid)
	_, err = c.db.Commit(t.Context(), "no such tenant", admin, "", person("ada"))
	c.fails(err, lockstep.CodeNotFound)
	_, err = c.db.Head(t.Context(), "no such tenant")
	c.fails(err, lockstep.CodeNotFound)
}

func testUsers(t *testing.T, open Open) {
	t.Run("write", func(t *testing.T) { userWrites(found(t, open, store.Config{})) })
	t.Run("epoch", func(t *testing.T) { userEpochs(found(t, open, store.Config{})) })
	t.Run("find", func(t *testing.T) { userFinds(found(t, open, store.Config{})) })
	t.Run("purge", func(t *testing.T) { userPurge(found(t, open, store.Config{})) })
	t.Run("all or nothing", func(t *testing.T) { allOrNothing(found(t, open, store.Config{})) })
}

func userWrites(c company) {
	p := person("Ada@acme.example", "active", true, "title", "Countess")
	p.User.Attributes.Set("nickName", "Ada \"Ω\" 🎓")
	c.commit(p)
	u := c.get(p.User.ID)
	if u.Version != 1 || !u.Active || u.AuthEpoch != 0 || u.Created.IsZero() || !u.Created.Equal(u.Modified) {
		c.Errorf("new user: %+v", u)
	}
	if d := cmp.Diff(p.User.Attributes, u.Attributes); d != "" {
		c.Error(d)
	}
	c.refuses(lockstep.CodeConflict, person("ADA@ACME.example"))
	c.refuses(lockstep.CodeConflict, directory.PutUser{User: directory.User{ID: u.ID, Attributes: scim.Object{{Name: "userName", Value: "other"}}}})
	c.refuses(lockstep.CodeInvalid, directory.PutUser{User: directory.User{ID: "x"}})
	c.refuses(lockstep.CodeInvalid, directory.PutUser{User: directory.User{Attributes: u.Attributes}})

	next := directory.PutUser{User: u, IfVersion: 1}
	next.User.Attributes = u.Attributes.Clone()
	next.User.Attributes.Set("title", "Analyst")
	c.commit(next)
	c.refuses(lockstep.CodeVersion, next)
	next.IfVersion = 0
	c.commit(next)
	if got := c.get(u.ID); got.Version != 3 || got.Attributes.Text("title") != "Analyst" {
		c.Errorf("replaced user: %+v", got)
	}
	next.User.ID = "nobody"
	c.refuses(lockstep.CodeNotFound, next)

	c.refuses(lockstep.CodeVersion, directory.DeleteUser{ID: u.ID, IfVersion: 2})
	c.commit(directory.DeleteUser{ID: u.ID, IfVersion: 3})
	c.refuses(lockstep.CodeNotFound, directory.DeleteUser{ID: u.ID})
	next.User.ID = u.ID
	c.refuses(lockstep.CodeNotFound, next)
	if all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{}); err != nil || len(all) != 0 {
		c.Errorf("a deleted user is listed: %v, %v", all, err)
	}
	c.refuses(lockstep.CodeVersion, directory.RestoreUser{ID: u.ID, IfVersion: 3})
	c.commit(directory.RestoreUser{ID: u.ID, IfVersion: 4})
	if got := c.get(u.ID); !got.Deleted.IsZero() || got.Version != 5 {
		c.Errorf("restored user: %+v", got)
	}
	pos := c.commit(directory.RestoreUser{ID: u.ID})
	if again := c.commit(directory.RestoreUser{ID: u.ID}); again != pos {
		c.Errorf("restoring who is not deleted wrote to the feed")
	}
	c.refuses(lockstep.CodeNotFound, directory.RestoreUser{ID: "nobody"})
}

func userEpochs(c company) {
	p := person("ada")
	c.commit(p)
	id := p.User.ID
	for _, step := range []struct {
		name   string
		change directory.Change
		epoch  int64
		active bool
	}{
		{"explicitly active", replaced(p.User, "active", true), 0, true},
		{"disabled", replaced(p.User, "active", false), 1, false},
		{"disabled again", replaced(p.User, "active", false), 1, false},
		{"enabled", replaced(p.User, "active", true), 1, true},
		{"renamed", replaced(p.User, "title", "Countess"), 1, true},
		{"deleted", directory.DeleteUser{ID: id}, 2, true},
		{"restored", directory.RestoreUser{ID: id}, 2, true},
	} {
		c.commit(step.change)
		if u := c.get(id); u.AuthEpoch != step.epoch || u.Active != step.active {
			c.Errorf("%s: epoch %d, active %t", step.name, u.AuthEpoch, u.Active)
		}
	}
}

// replaced returns a write that sets one attribute of a user who exists.
func replaced(u directory.User, name string, value any) directory.PutUser {
	u.Version = 1
	u.Attributes = u.Attributes.Clone()
	u.Attributes.Set(name, value)
	return directory.PutUser{User: u}
}

func userFinds(c company) {
	ada := c.user("Ada", "externalId", "E1", "emails", emails("ada@acme.example", "ADA@home.example", "ada@ACME.example"))
	zoe := c.user("ZOÉ", "externalId", "e1", "emails", emails("zoe@acme.example"))
	street := c.user("Straße")
	gone := c.user("gone", "emails", emails("ada@acme.example"))
	c.commit(directory.DeleteUser{ID: gone})
	for _, q := range []struct {
		attribute string
		values    []string
		want      []lockstep.UserID
	}{
		{"userName", []string{"ADA", "nobody"}, []lockstep.UserID{ada}},
		{"username", []string{"zoe\u0301", "ada"}, []lockstep.UserID{ada, zoe}}, // the accent typed as a character of its own
		{"userName", []string{"STRAẞE"}, []lockstep.UserID{street}},
		{"userName", []string{"strasse"}, nil},
		{"externalId", []string{"E1"}, []lockstep.UserID{ada}},
		{"externalId", []string{""}, nil},
		{"email", []string{"Ada@Home.Example"}, []lockstep.UserID{ada}},
		{"email", []string{"ada@acme.example", "zoe@acme.example"}, []lockstep.UserID{ada, zoe}},
		{"email", []string{}, nil},
	} {
		got, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Attribute: q.attribute, Values: q.values})
		c.ok(err)
		ids := idsOf(got)
		slices.Sort(ids)
		if !slices.Equal(ids, q.want) {
			c.Errorf("%s in %q: got %v, want %v", q.attribute, q.values, ids, q.want)
		}
	}
	_, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Attribute: "title", Values: []string{"x"}})
	c.fails(err, lockstep.CodeInvalid)

	u := c.get(ada) // the address that was given up is free, the others stay
	c.commit(replaced(u, "emails", emails("ada@home.example", "new@acme.example")))
	for address, want := range map[string]int{"ada@acme.example": 0, "ada@home.example": 1, "new@acme.example": 1} {
		got, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Attribute: "email", Values: []string{address}})
		c.ok(err)
		if len(got) != want {
			c.Errorf("%s finds %d users, want %d", address, len(got), want)
		}
	}
	userPages(c)
}

func userPages(c company) {
	want := append(c.users("p", 1100), c.users("q", 7)...)
	all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{IDs: append(want, "nobody", want[0])})
	c.ok(err)
	if got := len(idsOf(all)); got != len(want) {
		c.Errorf("by id: %d users, want %d", got, len(want))
	}
	var got []lockstep.UserID
	for q := (directory.UserQuery{After: want[0], Limit: 300}); ; {
		page, err := c.db.Users(c.Context(), c.tenant, q)
		c.ok(err)
		if len(page) == 0 {
			break
		}
		got = append(got, idsOf(page)...)
		q.After = got[len(got)-1]
	}
	if !slices.Equal(got, want[1:]) {
		c.Errorf("paging gave %d users, want %d in order", len(got), len(want)-1)
	}
	other := company{c.T, c.db, c.add("other")}
	if page, err := c.db.Users(c.Context(), other.tenant, directory.UserQuery{IDs: want}); err != nil || len(page) != 0 {
		c.Errorf("another tenant sees %d users, %v", len(page), err)
	}
	other.user("Ada") // names are per tenant
}

func idsOf(users []directory.User) []lockstep.UserID {
	var ids []lockstep.UserID
	for _, u := range users {
		if !slices.Contains(ids, u.ID) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

func userPurge(c company) {
	ada, bob := c.user("ada", "emails", emails("ada@acme.example")), c.user("bob")
	team := c.group("Team")
	c.commit(directory.AddMembers{Group: team, Members: asMembers(directory.UserKind, ada, bob)})
	app := directory.App{ID: lockstep.NewID[lockstep.AppID](), Slug: "webex", Name: "Webex"}
	assigned := directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: app.ID, Kind: directory.UserKind, To: string(ada)}
	pos := c.commit(directory.PutApp{App: app}, directory.PutAssignment{Assignment: assigned})
	c.commit(directory.DeleteUser{ID: ada})
	if d := cmp.Diff([]string{fmt.Sprintf("user delete %s", ada), fmt.Sprintf("member remove %s User %s", team, ada)}, c.events(pos)); d != "" {
		c.Error(d)
	}
	pos += 2
	c.refuses(lockstep.CodeVersion, directory.DeleteUser{ID: ada, Purge: true, IfVersion: 1})
	c.commit(directory.DeleteUser{ID: ada, Purge: true})
	want := []string{
		fmt.Sprintf("assignment delete %s User %s", assigned.ID, ada),
		fmt.Sprintf("user purge %s", ada),
	}
	if d := cmp.Diff(want, c.events(pos)); d != "" {
		c.Error(d)
	}
	c.refuses(lockstep.CodeNotFound, directory.DeleteUser{ID: ada, Purge: true})
	members, err := c.db.Members(c.Context(), c.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{team}})
	c.ok(err)
	if len(members) != 1 || members[0].ID != string(bob) {
		c.Errorf("members after the purge: %v", members)
	}
	c.user("ADA") // the name is free again
}

func allOrNothing(c company) {
	pos := c.commit()
	_, err := c.db.Commit(c.Context(), c.tenant, admin, "", person("ada"), person("bob"), person("Ada"))
	c.fails(err, lockstep.CodeConflict)
	if !strings.Contains(err.Error(), "change 3") {
		c.Errorf("the error does not name the change: %v", err)
	}
	if all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{}); err != nil || len(all) != 0 {
		c.Errorf("something was written: %v, %v", all, err)
	}
	if got := c.events(pos); len(got) != 0 {
		c.Errorf("the feed has %v", got)
	}
}

func testGroups(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	get := func(id lockstep.GroupID) directory.Group {
		all, err := c.db.Groups(t.Context(), c.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{id}, Deleted: true})
		c.ok(err)
		if len(all) != 1 {
			t.Fatalf("found %d groups", len(all))
		}
		return all[0]
	}
	id := c.group("Éclair")
	g := get(id)
	if g.Version != 1 || g.Attributes.Text("displayName") != "Éclair" {
		t.Errorf("new group: %+v", g)
	}
	second := c.group("éclair") // names of groups need not be unique, unless the writer wants it
	third := directory.Group{ID: "third", Attributes: scim.Object{{Name: "displayName", Value: "ÉCLAIR"}}}
	c.refuses(lockstep.CodeConflict, directory.PutGroup{Group: third, UniqueName: true})
	third = get(second)
	third.Attributes.Set("externalId", "x") // what has its name keeps it
	c.commit(directory.PutGroup{Group: third, UniqueName: true})
	all, err := c.db.Groups(t.Context(), c.tenant, directory.GroupQuery{Attribute: "displayName", Values: []string{"ÉCLAIR"}})
	c.ok(err)
	if len(all) != 2 {
		t.Errorf("by name: %d groups, want 2", len(all))
	}
	g.Attributes.Set("externalId", "G1")
	c.commit(directory.PutGroup{Group: g, IfVersion: 1})
	c.refuses(lockstep.CodeVersion, directory.PutGroup{Group: g, IfVersion: 1})
	c.refuses(lockstep.CodeConflict, directory.PutGroup{Group: directory.Group{ID: id, Attributes: g.Attributes}})
	c.refuses(lockstep.CodeInvalid, directory.PutGroup{Group: directory.Group{ID: "x"}})
	all, err = c.db.Groups(t.Context(), c.tenant, directory.GroupQuery{Attribute: "externalId", Values: []string{"G1"}})
	c.ok(err)
	if len(all) != 1 || all[0].Version != 2 {
		t.Errorf("by external id: %+v", all)
	}
	c.commit(directory.DeleteGroup{ID: id})
	c.refuses(lockstep.CodeNotFound, directory.DeleteGroup{ID: id})
	c.refuses(lockstep.CodeNotFound, directory.PutGroup{Group: get(id)})
	if all, err = c.db.Groups(t.Context(), c.tenant, directory.GroupQuery{Limit: 10}); err != nil || len(all) != 1 {
		t.Errorf("listed: %v, %v", all, err)
	}
	c.commit(directory.RestoreGroup{ID: id})
	if got := get(id); !got.Deleted.IsZero() || got.Version != 4 {
		t.Errorf("restored: %+v", got)
	}
}

func testMembers(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	users := c.users("m", 700)
	team, inner := c.group("Team"), c.group("Inner")
	pos := c.commit(directory.AddMembers{Group: team, Members: append(asMembers(directory.UserKind, users...), asMembers(directory.GroupKind, inner)...)})
	if again := c.commit(directory.AddMembers{Group: team, Members: asMembers(directory.UserKind, users[:3]...)}); again != pos {
		t.Error("adding who is a member already wrote to the feed")
	}
	c.commit(directory.AddMembers{Group: inner, Members: asMembers(directory.UserKind, users[0], users[0])})
	c.commit(directory.AddMembers{Group: inner, Members: asMembers(directory.GroupKind, team)}) // a circle is allowed
	c.refuses(lockstep.CodeNotFound, directory.AddMembers{Group: team, Members: asMembers(directory.UserKind, "nobody")})
	c.refuses(lockstep.CodeNotFound, directory.AddMembers{Group: "none", Members: asMembers(directory.UserKind, users[0])})
	c.refuses(lockstep.CodeNotFound, directory.RemoveMembers{Group: "none"})
	c.refuses(lockstep.CodeInvalid, directory.AddMembers{Group: team, Members: []directory.Member{{Kind: "Robot", ID: "r"}}})

	count := func(q directory.MemberQuery) int {
		t.Helper()
		all, err := c.db.Members(t.Context(), c.tenant, q)
		c.ok(err)
		return len(all)
	}
	for _, q := range []struct {
		name string
		q    directory.MemberQuery
		want int
	}{
		{"of a group", directory.MemberQuery{Groups: []lockstep.GroupID{team}}, 701},
		{"users of a group", directory.MemberQuery{Groups: []lockstep.GroupID{team}, Kind: directory.UserKind}, 700},
		{"of a user", directory.MemberQuery{IDs: []string{string(users[0])}}, 2},
		{"both", directory.MemberQuery{IDs: []string{string(users[0]), string(users[1])}, Groups: []lockstep.GroupID{inner, team}}, 3},
		{"many ids", directory.MemberQuery{IDs: append(texts(users), string(inner), string(team))}, 703},
		{"none", directory.MemberQuery{Groups: []lockstep.GroupID{}}, 0},
		{"all", directory.MemberQuery{}, 703},
	} {
		if got := count(q.q); got != q.want {
			t.Errorf("%s: %d memberships, want %d", q.name, got, q.want)
		}
	}
	memberPages(c)

	pos = c.commit()
	c.commit(directory.RemoveMembers{Group: team, Members: asMembers(directory.UserKind, users[0], users[1], users[0], "nobody")})
	if got := c.events(pos); len(got) != 2 {
		t.Errorf("removal of two: %v", got)
	}
	c.commit(directory.DeleteUser{ID: users[2]}) // leaves it
	if got := count(directory.MemberQuery{Groups: []lockstep.GroupID{team}}); got != 698 {
		t.Errorf("after removal: %d", got)
	}
	pos = c.commit()
	c.commit(directory.DeleteGroup{ID: team, Purge: true})
	if got := c.events(pos); len(got) != 698+1+1 { // its members, it in inner, itself
		t.Errorf("purge of the group: %d events", len(got))
	}
	if got := count(directory.MemberQuery{}); got != 1 {
		t.Errorf("after the purge: %d", got)
	}
}

func memberPages(c company) {
	seen := map[directory.Member]bool{}
	for q := (directory.MemberQuery{Limit: 100}); ; {
		page, err := c.db.Members(c.Context(), c.tenant, q)
		c.ok(err)
		for _, m := range page {
			if seen[m] || m.Group < q.After.Group || m.Group == q.After.Group && m.ID <= q.After.ID {
				c.Fatalf("%v comes again or too late", m)
			}
			seen[m] = true
			q.After = m
		}
		if len(page) < 100 {
			break
		}
	}
	if len(seen) != 703 {
		c.Errorf("paging gave %d memberships, want 703", len(seen))
	}
}

func texts[ID ~string](ids []ID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

func testApps(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	app := directory.App{
		ID: lockstep.NewID[lockstep.AppID](), Slug: "webex", Name: "Webex", Template: "webex",
		Roles: []directory.Role{{Value: "user", Name: "User"}, {Value: "none", Name: "Default Access", Exclude: true}},
	}
	c.commit(directory.PutApp{App: app})
	c.refuses(lockstep.CodeConflict, directory.PutApp{App: directory.App{ID: "other", Slug: "webex"}})
	c.refuses(lockstep.CodeConflict, directory.PutApp{App: directory.App{ID: app.ID, Slug: "other"}})
	c.refuses(lockstep.CodeInvalid, directory.PutApp{App: directory.App{ID: "other", Slug: "Webex"}})
	c.refuses(lockstep.CodeNotFound, directory.PutApp{App: directory.App{ID: "other", Slug: "o", Version: 1}})
	all, err := c.db.Apps(t.Context(), c.tenant)
	c.ok(err)
	app.Version, app.Created = 1, all[0].Created
	if d := cmp.Diff([]directory.App{app}, all); d != "" || app.Created.IsZero() {
		t.Error(d)
	}
	ada, team := c.user("ada"), c.group("Team")
	give := func(kind directory.Kind, to, role string) directory.PutAssignment {
		return directory.PutAssignment{Assignment: directory.Assignment{
			ID: lockstep.NewID[lockstep.AssignmentID](), App: app.ID, Kind: kind, To: to, Role: role,
		}}
	}
	first := give(directory.UserKind, string(ada), "user")
	pos := c.commit(first, give(directory.GroupKind, string(team), ""))
	c.commit(give(directory.UserKind, string(ada), "none")) // replaces the role, keeps the id
	if got, want := c.events(pos), fmt.Sprintf("assignment put %s User %s", first.Assignment.ID, ada); len(got) != 1 || got[0] != want {
		t.Errorf("events %v, want %s", got, want)
	}
	given, err := c.db.Assignments(t.Context(), c.tenant, app.ID)
	c.ok(err)
	if len(given) != 2 || given[0].ID != first.Assignment.ID || given[0].Role != "none" {
		t.Errorf("assignments: %+v", given)
	}
	c.refuses(lockstep.CodeNotFound, give(directory.UserKind, "nobody", ""))
	c.refuses(lockstep.CodeNotFound, directory.DeleteAssignment{ID: "none"})
	c.commit(directory.DeleteAssignment{ID: given[1].ID})
	lines, err := c.db.Audit(t.Context(), c.tenant, store.AuditQuery{Object: "assignment"})
	c.ok(err)
	var told []string
	for _, l := range lines {
		told = append(told, l.Verb+" "+l.Name)
	}
	if want := []string{"deleted Team at " + app.Name, "created ada at " + app.Name, "created Team at " + app.Name, "created ada at " + app.Name}; !slices.Equal(told, want) {
		t.Errorf("audit: %q, want %q", told, want)
	}
	c.commit(directory.DeleteApp{ID: app.ID})
	c.refuses(lockstep.CodeNotFound, directory.DeleteApp{ID: app.ID})
	if given, err = c.db.Assignments(t.Context(), c.tenant, app.ID); err != nil || len(given) != 0 {
		t.Errorf("assignments of a deleted app: %v, %v", given, err)
	}
}

func testFeed(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	action := lockstep.NewID[lockstep.ActionID]()
	receipt, err := c.db.Commit(t.Context(), c.tenant, admin, action, person("ada"), person("bob"))
	c.ok(err)
	if receipt.Pos != 2 {
		t.Errorf("position %d, want 2", receipt.Pos)
	}
	events, err := c.db.Feed(t.Context(), c.tenant, 1, 10)
	c.ok(err)
	if len(events) != 1 || events[0].Pos != 2 || events[0].Action != action || !events[0].At.Equal(receipt.At) {
		t.Errorf("events: %+v", events)
	}
	head, err := c.db.Head(t.Context(), c.tenant)
	c.ok(err)
	if head != 2 || c.commit() != 2 {
		t.Errorf("head %d", head)
	}
	if got := c.events(2); len(got) != 0 {
		t.Errorf("after the head: %v", got)
	}
	_, err = c.db.Feed(t.Context(), c.tenant, 3, 10) // from a database that was since replaced by an older copy
	c.fails(err, lockstep.CodeCursorExpired)
	other := company{c.T, c.db, c.add("other")}
	other.user("ada")
	if got := other.events(0); len(got) != 1 {
		t.Errorf("another tenant's feed: %v", got)
	}
}

func testAudit(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	p := person("ada", "title", "Countess")
	c.commit(p)
	c.commit(replaced(p.User, "title", "Analyst"))
	_, err := c.db.Commit(t.Context(), c.tenant, admin, lockstep.NewID[lockstep.ActionID](), person("by a job"))
	c.ok(err)
	c.refuses(lockstep.CodeConflict, person("ADA"))
	all, err := c.db.Audit(t.Context(), c.tenant, store.AuditQuery{})
	c.ok(err)
	var got []string
	for _, l := range all {
		got = append(got, l.String())
	}
	want := []string{"Grace updated user ada (title)", "Grace created user ada", "Grace created tenant ACME"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	of, err := c.db.Audit(t.Context(), c.tenant, store.AuditQuery{ID: string(p.User.ID), Before: all[0].Row, Limit: 5})
	c.ok(err)
	if len(of) != 1 || of[0].Verb != "created" || of[0].Actor != admin {
		t.Errorf("of one object, before the newest: %+v", of)
	}
}
