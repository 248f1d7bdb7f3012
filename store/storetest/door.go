package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

const enterpriseURN = scim.EnterpriseUserURN

// testDoor: what every writer meets, whoever it is.
func testDoor(t *testing.T, open Open) {
	for _, one := range []struct {
		name string
		test func(company)
	}{
		{"effect", doorEffect}, {"active", doorActive}, {"password", doorPassword}, {"manager", doorManager}, {"members", doorMembers},
		{"names", doorNames}, {"exchange", doorExchange}, {"keys", doorKeys}, {"leave", doorLeave}, {"many reports", doorReports},
		{"large group", doorLargeGroup}, {"newcomers", doorNewcomers},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(found(t, open, store.Config{Hash: plainHash})) })
	}
}

// plainHash keeps passwords so that a test can look at them, and quickly.
func plainHash(password string) (string, error) { return "hash of " + password, nil }

// doorEffect: values that no schema allows are refused, whatever was there before; what is not touched is not looked at.
func doorEffect(c company) {
	object := func(text string) scim.Object {
		o, err := scim.DecodeObject([]byte(text))
		c.ok(err)
		return o
	}
	long := func(n int) string { return strings.Repeat("ä", n) }
	addresses := make([]string, 50_000)
	for i := range addresses {
		addresses[i] = fmt.Sprintf(`{"value":"a%d@x"}`, i)
	}
	refused := map[string]string{
		"a text for a list":          `{"userName":"u","emails":"text"}`,
		"a text for an object":       `{"userName":"u","name":"Ada"}`,
		"one value for a list":       `{"userName":"u","emails":{"value":"a@x"}}`,
		"a boolean as text":          `{"userName":"u","active":"true"}`,
		"a number for a text":        `{"userName":"u","title":7}`,
		"two primaries":              `{"userName":"u","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`,
		"unknown":                    `{"userName":"u","shoe":44}`,
		"unknown below":              `{"userName":"u","name":{"shoe":44}}`,
		"unknown schema":             `{"userName":"u","urn:acme:2.0:Shoe":{"size":44}}`,
		"unknown in an extension":    `{"userName":"u","` + enterpriseURN + `":{"shoe":44}}`,
		"an extension that is text":  `{"userName":"u","` + enterpriseURN + `":"R&D"}`,
		"too many":                   `{"userName":"u","emails":[` + strings.Join(addresses, ",") + `]}`,
		"a long name":                `{"userName":"` + long(directory.MaxName+1) + `"}`,
		"a long text":                `{"userName":"u","title":"` + long(directory.MaxText+1) + `"}`,
		"a line break in a name":     `{"userName":"u\nv"}`,
		"NUL":                        `{"userName":"u","title":"a\u0000b"}`,
		"ESC":                        `{"userName":"u","displayName":"\u001b[2J"}`,
		"a C1 control":               `{"userName":"u","displayName":"\u009b2J"}`,
		"ESC in a value of a list":   `{"userName":"u","emails":[{"value":"\u001bx@y"}]}`,
		"ESC in an extension":        `{"userName":"u","` + enterpriseURN + `":{"department":"\u001b"}}`,
		"no name":                    `{"title":"x"}`,
		"a blank name":               `{"userName":" "}`,
		"no Base64":                  `{"userName":"u","x509Certificates":[{"value":"A*"}]}`,
		"the core schema's own, bad": `{"userName":"u","` + scim.UserURN + `":{"title":7}}`,
	}
	id := c.user("ada")
	for what, text := range refused {
		c.Run(what, func(t *testing.T) {
			c := company{t, c.db, c.tenant}
			a := object(text)
			c.refuses(lockstep.CodeInvalid, directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: a}})
			c.refuses(lockstep.CodeInvalid, directory.PutUser{User: directory.User{ID: id, Version: 1, Attributes: a}})
		})
	}
	for _, text := range []string{
		`{"displayName":"G","shoe":1}`, `{"displayName":"G\u001b"}`, `{"displayName":"G\nH"}`, `{"displayName":["a","b"]}`, `{"displayName":"` + long(directory.MaxName+1) + `"}`,
	} {
		c.refuses(lockstep.CodeInvalid, directory.PutGroup{Group: directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: object(text)}})
	}
	taken := map[string]string{
		`{"USERNAME":"b","Title":"x"}`: `{"userName":"b","title":"x"}`,
		`{"userName":"b","schemas":["x"],"id":"7","meta":{"version":"1"},"groups":[{"value":"g"}]}`:                                                                      `{"userName":"b"}`,
		`{"userName":"b","` + strings.ToLower(enterpriseURN) + `":{"DEPARTMENT":"R&D"}}`:                                                                                 `{"userName":"b","` + enterpriseURN + `":{"department":"R&D"}}`,
		`{"userName":"b","` + scim.UserURN + `":{"title":"x"}}`:                                                                                                          `{"userName":"b","title":"x"}`,
		`{"userName":"b","` + enterpriseURN + `":{"manager":{"value":"` + string(id) + `","displayName":"Ada","$ref":"../Users/x"}}}`:                                    `{"userName":"b","` + enterpriseURN + `":{"manager":{"value":"` + string(id) + `"}}}`,
		`{"userName":"b","addresses":[{"formatted":"1 Main St\nTown","type":"work"}]}`:                                                                                   `{"userName":"b","addresses":[{"formatted":"1 Main St\nTown","type":"work"}]}`,
		`{"userName":"b","emails":[{"value":"a@x"},{"value":"a@x"},{"value":"a@x","type":"work"}]}`:                                                                      `{"userName":"b","emails":[{"value":"a@x"},{"value":"a@x","type":"work"}]}`,
		`{"userName":"` + long(directory.MaxName) + `","emails":[` + strings.Join(addresses[:directory.MaxValues], ",") + `],"title":"` + long(directory.MaxText) + `"}`: "",
	}
	for text, want := range taken {
		p := directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: object(text)}}
		c.commit(p)
		if want == "" {
			want = text
		}
		if got := c.get(p.User.ID).Attributes; !scim.Equal(got, object(want)) {
			c.Errorf("%.200s is kept as %.200s", text, scim.AppendJSON(nil, got))
		}
		c.commit(directory.DeleteUser{ID: p.User.ID, Purge: true})
	}
	doorOld(c, object)
}

// doorOld: somebody who was kept before the rules can still be disabled, and their other values be put right.
func doorOld(c company, object func(string) scim.Object) {
	id := c.user("old")
	_, err := c.db.WriterDB().ExecContext(c.Context(), `UPDATE users SET doc = '{"userName":"old","emails":"text","shoe":1,"title":"x"}' WHERE id = '`+string(id)+`'`)
	c.ok(err)
	put := func(text string) directory.PutUser {
		return directory.PutUser{User: directory.User{ID: id, Version: 1, Attributes: object(text)}}
	}
	c.commit(put(`{"userName":"old","emails":"text","shoe":1,"title":"x","active":false}`))
	c.refuses(lockstep.CodeInvalid, put(`{"userName":"old","emails":"other","shoe":1,"title":"x"}`))
	c.refuses(lockstep.CodeInvalid, put(`{"userName":"old","emails":"text","shoe":2,"title":"x"}`))
	c.commit(put(`{"userName":"old","emails":[{"value":"a@x"}]}`))
}

// doorActive: nobody is enabled by leaving active out.
func doorActive(c company) {
	id := c.user("ada", "active", false)
	next := person("ada", "title", "x")
	next.User.ID, next.User.Version = id, 1
	c.commit(next)
	if u := c.get(id); u.Active || u.Attributes.Get("active") != false {
		c.Errorf("enabled without a word: %v", u)
	}
	c.commit(replaced(next.User, "active", true), next)
	if u := c.get(id); !u.Active {
		c.Errorf("not enabled: %v", u)
	}
}

// doorPassword: a password is hashed under whatever spelling it came, and stands nowhere else.
func doorPassword(c company) {
	for _, attributes := range []string{
		`{"userName":"u","password":"Geheim7"}`, `{"userName":"u","PassWord":"Geheim7"}`, `{"userName":"u","` + scim.UserURN + `":{"password":"Geheim7"}}`,
		`{"userName":"u","` + strings.ToUpper(scim.UserURN) + `":{"Password":"Geheim7","title":"x"}}`,
	} {
		o, err := scim.DecodeObject([]byte(attributes))
		c.ok(err)
		p := directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: o}}
		c.commit(p)
		if doc := string(scim.AppendJSON(nil, c.get(p.User.ID).Attributes)); strings.Contains(doc, "eheim") || strings.Contains(strings.ToLower(doc), "password") {
			c.Errorf("%s is kept as %s", attributes, doc)
		}
		var hash string
		c.ok(c.db.WriterDB().QueryRowContext(c.Context(), "SELECT hash FROM user_password WHERE user_id = '"+string(p.User.ID)+"'").Scan(&hash))
		if hash != "hash of Geheim7" {
			c.Errorf("%s: the hash is %q", attributes, hash)
		}
		if o.Has("password") != strings.Contains(strings.ToLower(attributes), `"u","password"`) {
			c.Errorf("%s: the caller's object was changed: %v", attributes, o)
		}
		c.commit(directory.DeleteUser{ID: p.User.ID, Purge: true})
	}
	id := c.user("ada")
	c.commit(directory.SetPassword{ID: id, Password: "x"})
	for _, bad := range []any{int64(7), scim.List{"a"}, strings.Repeat("x", directory.MaxPassword+1)} {
		c.refuses(lockstep.CodeInvalid, person("bob", "password", bad))
	}
}

// doorManager: a new manager exists, unless the writer may name anybody.
func doorManager(c company) {
	ada, gone := c.user("ada"), c.user("gone")
	c.commit(directory.DeleteUser{ID: gone})
	managed := func(by string) directory.PutUser {
		return person("bob", enterpriseURN, scim.Object{{Name: "manager", Value: scim.Object{{Name: "value", Value: by}}}})
	}
	c.refuses(lockstep.CodeInvalid, managed("nobody"))
	c.refuses(lockstep.CodeInvalid, managed(string(gone)))
	c.refuses(lockstep.CodeInvalid, managed(string(c.group("g"))))
	free := managed("the boss")
	free.FreeManager = true
	c.commit(free)
	free.User.Version, free.FreeManager = 1, false
	c.commit(free) // it was there before
	c.commit(replaced(free.User, enterpriseURN, scim.Object{{Name: "manager", Value: scim.Object{{Name: "value", Value: string(ada)}}}}))
	c.refuses(lockstep.CodeInvalid, free) // it is not there any more
}

// doorMembers: members exist, a group is not in itself, and it knows how many it has.
func doorMembers(c company) {
	ids, g, inner := c.users("u", 3), c.group("outer"), c.group("inner")
	c.refuses(lockstep.CodeInvalid, directory.AddMembers{Group: g, Members: asMembers(directory.GroupKind, g)})
	c.refuses(lockstep.CodeNotFound, directory.AddMembers{Group: g, Members: asMembers(directory.UserKind, ids[0], "nobody")})
	c.refuses(lockstep.CodeNotFound, directory.AddMembers{Group: g, Members: asMembers(directory.UserKind, string(inner))})
	c.commit(directory.AddMembers{Group: g, Members: append(asMembers(directory.UserKind, ids...), asMembers(directory.GroupKind, inner)...)})
	c.commit(directory.AddMembers{Group: g, Members: asMembers(directory.UserKind, ids[0])}, directory.RemoveMembers{Group: g, Members: asMembers(directory.UserKind, ids[1], "nobody")})
	c.counted(g, 3)
	c.commit(directory.DeleteUser{ID: ids[2], Purge: true}, directory.DeleteGroup{ID: inner})
	c.counted(g, 1)
}

// counted checks what the group knows against what there is.
func (c company) counted(g lockstep.GroupID, want int) {
	c.Helper()
	var knows int
	c.ok(c.db.WriterDB().QueryRowContext(c.Context(), "SELECT members FROM groups WHERE id = '"+string(g)+"'").Scan(&knows))
	all, err := c.db.Members(c.Context(), c.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g}, Limit: 100_000})
	c.ok(err)
	if knows != want || len(all) != want {
		c.Errorf("the group knows of %d members and has %d, want %d", knows, len(all), want)
	}
}

// doorNames: the name of somebody who is deleted is free for whoever writes; a restore takes it back or refuses.
func doorNames(c company) {
	id := c.user("ada@x")
	c.commit(directory.DeleteUser{ID: id})
	heir := c.user("bob@x")
	c.commit(replaced(c.get(heir), "userName", "Ada@x"))
	c.refuses(lockstep.CodeConflict, directory.RestoreUser{ID: id})
	found, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Attribute: "userName", Values: []string{"ADA@x"}, Deleted: true})
	if err != nil || len(found) != 2 {
		c.Fatal(found, err)
	}
	back := replaced(c.get(id), "userName", "ada2@x")
	c.commit(directory.RestoreUser{ID: id}, back) // under another name
	c.refuses(lockstep.CodeConflict, replaced(c.get(id), "userName", "ada@X"))
	c.commit(directory.DeleteUser{ID: heir})
	c.commit(replaced(c.get(id), "userName", "ada@x"))
	c.refuses(lockstep.CodeConflict, directory.RestoreUser{ID: heir})
	c.commit(directory.DeleteUser{ID: id}, directory.RestoreUser{ID: heir}) // in one function
	if u := c.get(heir); u.Attributes.Text("userName") != "Ada@x" || !u.Deleted.IsZero() {
		c.Errorf("restored as %v", u)
	}
	c.commit(directory.DeleteUser{ID: heir})
	c.commit(person("ada@x"), directory.DeleteUser{ID: c.user("carl@x")})
}

// doorExchange: names are unique at the end of a function, so they can go round in it.
func doorExchange(c company) {
	ids := c.users("u", 5)
	name := func(i int) string { return fmt.Sprintf("u%05d@acme.example", i) }
	named := func(i int, name string) directory.PutUser { return replaced(c.get(ids[i]), "userName", name) }
	c.commit(named(0, name(1)), named(1, name(0)), named(2, name(3)), named(3, name(4)), named(4, strings.ToUpper(name(2))))
	for i, want := range []string{name(1), name(0), name(3), name(4), strings.ToUpper(name(2))} {
		found, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{Attribute: "userName", Values: []string{want}})
		if err != nil || len(found) != 1 || found[0].ID != ids[i] || found[0].Attributes.Text("userName") != want {
			c.Errorf("%s is %v, %v", want, found, err)
		}
	}
	c.refuses(lockstep.CodeConflict, named(0, name(9)), named(1, name(9)))                     // two are to have it
	c.refuses(lockstep.CodeConflict, named(0, name(0)), named(1, "other"), named(2, name(4)))  // a third has it, and keeps it
	c.refuses(lockstep.CodeConflict, named(0, name(0)), replaced(c.get(ids[1]), "title", "x")) // who has it keeps it
	c.commit(named(0, name(0)), directory.DeleteUser{ID: ids[1]})                              // who has it goes
	c.commit(named(2, name(1)), person(name(3)))                                               // a newcomer gets what another gives up, whoever comes first
	c.commit(person(name(1)), named(2, name(7)))
	if u := c.get(ids[2]); u.Attributes.Text("userName") != name(7) {
		c.Errorf("renamed to %v", u.Attributes)
	}
	var odd int
	c.ok(c.db.WriterDB().QueryRowContext(c.Context(), "SELECT COUNT(*) FROM users WHERE user_name NOT LIKE 'u0%' AND deleted = 0").Scan(&odd))
	if odd != 0 {
		c.Errorf("%d users are left without their name", odd)
	}
	g, h := c.group("g"), c.group("h")
	swap := func(id lockstep.GroupID, name string) directory.PutGroup {
		return directory.PutGroup{Group: directory.Group{ID: id, Version: 1, Attributes: scim.Object{{Name: "displayName", Value: name}}}, UniqueName: true}
	}
	c.commit(swap(g, "h"), swap(h, "g"))
	c.refuses(lockstep.CodeConflict, swap(g, "g"))
}

// doorKeys: so are the unique values of a tenant's extension.
func doorKeys(c company) {
	const urn = "urn:acme:2.0:Badge"
	c.commit(directory.PutExtension{Extension: directory.Extension{Kind: directory.UserKind, Schema: scim.Schema{ID: urn, Attributes: []scim.Attribute{
		{Name: "number", Type: scim.String, Uniqueness: scim.UniqueServer},
	}}}})
	badge := func(n string) scim.Object { return scim.Object{{Name: "number", Value: n}} }
	a, b := c.user("a", urn, badge("1")), c.user("b", urn, badge("2"))
	with := func(id lockstep.UserID, n string) directory.PutUser { return replaced(c.get(id), urn, badge(n)) }
	c.refuses(lockstep.CodeConflict, with(a, "2"))
	c.commit(with(a, "2"), with(b, "1"))
	c.refuses(lockstep.CodeConflict, person("c", urn, badge("1")))
	c.refuses(lockstep.CodeConflict, person("c", urn, badge("2")))
	c.refuses(lockstep.CodeConflict, with(a, "1"), replaced(c.get(b), "title", "x"))
	c.commit(person("c", urn, badge("1")), directory.DeleteUser{ID: b})
	c.refuses(lockstep.CodeConflict, directory.RestoreUser{ID: b})
}

// doorLeave: who is deleted is in no group and nobody's manager, in the same function and with new versions; a restore gives back
// what was not given to others.
func doorLeave(c company) {
	boss, ids := c.user("boss"), c.users("u", 3)
	g, outer := c.group("g"), c.group("outer")
	c.commit(directory.AddMembers{Group: g, Members: asMembers(directory.UserKind, boss, ids[0])}, directory.AddMembers{Group: outer, Members: asMembers(directory.GroupKind, g)})
	manager := func(id lockstep.UserID) scim.Object {
		return scim.Object{{Name: "department", Value: "R&D"}, {Name: "manager", Value: scim.Object{{Name: "value", Value: string(id)}}}}
	}
	for _, id := range ids {
		c.commit(replaced(c.get(id), enterpriseURN, manager(boss)))
	}
	managers := func(want ...lockstep.UserID) {
		c.Helper()
		for i, id := range ids {
			ext, _ := c.get(id).Attributes.Get(enterpriseURN).(scim.Object)
			m, _ := ext.Get("manager").(scim.Object)
			if m.Text("value") != string(want[i]) || ext.Text("department") != "R&D" {
				c.Errorf("%s is managed by %v", id, ext)
			}
		}
	}
	versions := func() []int64 {
		groups, err := c.db.Groups(c.Context(), c.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{g, outer}, Deleted: true})
		c.ok(err)
		slices.SortFunc(groups, func(a, b directory.Group) int { return strings.Compare(string(a.ID), string(b.ID)) })
		return []int64{groups[0].Version, groups[1].Version}
	}
	before, pos := versions(), c.head()
	c.commit(directory.DeleteUser{ID: boss})
	managers("", "", "")
	c.counted(g, 1)
	if now := versions(); now[0] != before[0]+1 || now[1] != before[1] {
		c.Errorf("versions %v after %v", now, before)
	}
	if got := c.events(pos); !slices.Contains(got, fmt.Sprintf("member remove %s User %s", g, boss)) || len(got) != 5 {
		c.Errorf("the feed tells %v", got)
	}
	c.commit(replaced(c.get(ids[2]), enterpriseURN, manager(ids[0])))
	c.commit(directory.AddMembers{Group: outer, Members: asMembers(directory.UserKind, boss)}) // for when they are back
	c.counted(outer, 1)
	c.commit(directory.RemoveMembers{Group: g, Members: asMembers(directory.UserKind, ids[0])}, directory.DeleteGroup{ID: g})
	c.counted(outer, 0)
	c.commit(directory.RestoreUser{ID: boss})
	managers(boss, boss, ids[0])
	c.counted(g, 1)
	c.counted(outer, 1)
	c.commit(directory.RestoreGroup{ID: g})
	c.counted(g, 1)
	c.counted(outer, 2)
	c.commit(directory.DeleteUser{ID: boss}, directory.RemoveMembers{Group: g, Members: asMembers(directory.UserKind, boss)}, directory.RestoreUser{ID: boss})
	c.counted(g, 0)
	managers(boss, boss, ids[0])
	c.commit(directory.DeleteGroup{ID: g}, directory.RemoveMembers{Group: g, Members: asMembers(directory.UserKind, boss)}) // of a deleted group: no error
	c.commit(directory.DeleteUser{ID: boss, Purge: true})
	managers("", "", ids[0])
}

// doorReports: of somebody with very many reports the first are told at once, the others in pages.
func doorReports(c company) {
	boss := c.user("boss")
	const n = 1100
	changes := make([]directory.Change, n)
	for i := range changes {
		changes[i] = person(fmt.Sprintf("r%04d", i), enterpriseURN, scim.Object{{Name: "manager", Value: scim.Object{{Name: "value", Value: string(boss)}}}})
	}
	c.commit(changes...)
	managed := func() (n int) {
		c.ok(c.db.WriterDB().QueryRowContext(c.Context(), "SELECT COUNT(*) FROM users WHERE manager = '"+string(boss)+"'").Scan(&n))
		return n
	}
	c.commit(directory.DeleteUser{ID: boss})
	c.settles(func() bool { return managed() == 0 })
	c.commit(directory.RestoreUser{ID: boss})
	c.settles(func() bool { return managed() == n })
}

// doorLargeGroup: a group that is gone for good is gone at once, and its memberships follow in pages, with the feed.
func doorLargeGroup(c company) {
	ids, g := c.users("m", 2300), c.group("all")
	c.commit(directory.AddMembers{Group: g, Members: asMembers(directory.UserKind, ids...)})
	c.counted(g, len(ids))
	pos := c.head()
	c.commit(directory.DeleteGroup{ID: g, Purge: true})
	c.settles(func() bool {
		all, err := c.db.Members(c.Context(), c.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g}, Limit: 1})
		c.ok(err)
		return len(all) == 0
	})
	removed := 0
	for more := true; more; {
		events := c.events(pos)
		for _, e := range events {
			if strings.HasPrefix(e, "member remove") {
				removed++
			}
		}
		more, pos = len(events) > 0, pos+int64(len(events))
	}
	if removed != len(ids) {
		c.Errorf("the feed tells of %d members, of %d", removed, len(ids))
	}
}

// settles waits until commits of the store's own have made something true.
func (c company) settles(done func() bool) {
	c.Helper()
	committed := make(chan struct{}, 1)
	c.db.OnCommit(func(lockstep.TenantID) {
		select {
		case committed <- struct{}{}:
		default:
		}
	})
	for !done() {
		select {
		case <-committed:
		case <-time.After(30 * time.Second):
			c.Fatal("nothing is committed any more")
		}
	}
}

func (c company) head() int64 {
	c.Helper()
	pos, err := c.db.Head(c.Context(), c.tenant)
	c.ok(err)
	return pos
}
